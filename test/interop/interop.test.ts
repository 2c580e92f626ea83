/**
 * The interop cases with halfclose at both ends: the client of each face at the service of each face in cleartext; each face at
 * itself over TLS, and with everything compressed; and the client as a program.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { create } from '@bufbuild/protobuf';
import { Code, type Server } from '../../src/index.ts';
import { certificates } from '../support/certificates.ts';
import { assert, suite, within } from '../support/suite.ts';
import type { SoakSettings } from './cases/case.ts';
import { CASES, OFFICIAL_CASES, OWN_CASES, RUNNABLE_CASES, runCase, SKIPPED_CASES } from './cases/cases.ts';
import { InteropClient, type InteropClientInit } from './client.ts';
import { CLIENT_FLAGS, casesNamed, runClient } from './client-program.ts';
import type { FaceClient } from './face.ts';
import { FACE_NAMES } from './faces.ts';
import { SimpleRequestSchema } from './gen/grpc/testing/messages_pb.ts';
import { type InteropServerInit, startInteropServer } from './server.ts';
import { TEST_SERVICE, wasCompressed } from './test-service.ts';

const PATIENCE_MS = 15_000;
const CASE_MS = 30_000;
const MANY_CALLS_MS = 70_000;

/** Soaks here prove that calls go well, not how fast they do; the many are few enough for each pairing to have them. */
const UNHURRIED: Partial<SoakSettings> = { iterations: 4, maxLatencyMs: 20_000, overallTimeoutMs: 20_000, threads: 2 };
const CONCURRENT_CALLS = 40;

type ClientInit = Omit<InteropClientInit, 'target'>;

/** A server, and clients of it. */
class Pairing implements AsyncDisposable {
  readonly server: Server;
  readonly client: InteropClient;

  private constructor(server: Server, client: ClientInit) {
    this.server = server;
    this.client = new InteropClient({
      target: `127.0.0.1:${server.port}`,
      soak: UNHURRIED,
      concurrentCalls: CONCURRENT_CALLS,
      ...client,
    });
  }

  static async start(server: InteropServerInit, client: ClientInit): Promise<Pairing> {
    return new Pairing(await startInteropServer(server), client);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]();
    await within(PATIENCE_MS, this.server[Symbol.asyncDispose](), 'the server to end');
  }
}

const test = suite('interop with ourselves');

/** All cases for one pairing, over one connection. */
function pair(title: string, start: () => Promise<Pairing>): void {
  let pairing: Pairing | null = null;
  const ready = async (): Promise<InteropClient> => {
    pairing ??= await start();
    return pairing.client;
  };
  for (const name of RUNNABLE_CASES) {
    test(`${title}: ${name}`, { timeoutMs: CASE_MS }, async () => (await ready()).run(name));
  }
  test.after(() => pairing?.[Symbol.asyncDispose]());
}

for (const client of FACE_NAMES) {
  for (const server of FACE_NAMES) {
    pair(`${client} at ${server}`, () => Pairing.start({ face: server }, { face: client }));
  }
}

for (const face of FACE_NAMES) {
  pair(`${face} over TLS`, async () => {
    const { elsewhere, ca } = await certificates();
    // As the official tests do it: the certificate is for another name than the one that is dialed.
    return Pairing.start({ face, tls: elsewhere }, { face, tls: { ca: ca.cert }, authority: 'elsewhere.test' });
  });
  pair(`${face} with gzip`, () => Pairing.start({ face, compression: 'gzip' }, { face, compression: 'gzip' }));
}

for (const [name, reason] of Object.entries(SKIPPED_CASES)) test.skip(name, reason);

for (const face of FACE_NAMES) {
  test(`${face} with gzip compress where the case says nothing, at both ends`, async () => {
    await using pairing = await Pairing.start({ face, compression: 'gzip' }, { face, compression: 'gzip' });
    const request = create(SimpleRequestSchema, { responseSize: 100, expectCompressed: { value: true } });
    const { client } = pairing.client;
    const [response] = (await client.unary(TEST_SERVICE.unaryCall, request)).messages;
    assert.ok(response !== undefined && wasCompressed(response));
    const plain = await client.unary(TEST_SERVICE.unaryCall, request, { compression: 'identity' });
    assert.is(plain.status.code, Code.INVALID_ARGUMENT);
  });
}

test('a thousand calls at a time, every other one out of time', { timeoutMs: MANY_CALLS_MS }, async () => {
  await using pairing = await Pairing.start({}, { concurrentCalls: 1000 });
  await pairing.client.run('many_timeouts');
});

test('hundreds of large calls at a time', { timeoutMs: MANY_CALLS_MS }, async () => {
  await using pairing = await Pairing.start({}, { concurrentCalls: 300 });
  await pairing.client.run('concurrent_large_unary');
});

test('cacheable_unary passes where a cache stands between, and only there', async () => {
  await using pairing = await Pairing.start({}, {});
  const { client } = pairing;
  const answers = new Map<unknown, Promise<unknown>>();
  const cached: FaceClient = {
    unary(method, request, init) {
      const answer = answers.get(request) ?? client.client.unary(method, request, init);
      answers.set(request, answer);
      return answer as ReturnType<typeof client.client.unary<typeof request, never>>;
    },
    serverStreaming: (method, request, init) => client.client.serverStreaming(method, request, init),
    clientStreaming: (method, init) => client.client.clientStreaming(method, init),
    bidi: (method, init) => client.client.bidi(method, init),
  };
  await runCase('cacheable_unary', cached, client);
  const error = await client.run('cacheable_unary').then(
    () => null,
    (thrown: Error) => thrown,
  );
  assert.match(String(error), /^CaseFailure: the payload of the second response: expected "\d+", got "\d+"$/);
});

test('every case has its one name, and those that are skipped their reason', () => {
  assert.is(Object.keys(CASES).length, Object.keys(OFFICIAL_CASES).length + Object.keys(OWN_CASES).length);
  assert.equal(casesNamed('all').length, new Set([...Object.keys(CASES), ...Object.keys(SKIPPED_CASES)]).size);
  for (const name of ['empty_unary', 'channel_soak', 'pick_first_unary']) assert.ok(name in OFFICIAL_CASES, name);
});

// ---- the runner and the program ----

const flagsFor = (port: number) => ({ ...CLIENT_FLAGS, server_host: '127.0.0.1', server_port: port });

test('a soak with calls that are too slow fails, and says so on one line', async () => {
  await using pairing = await Pairing.start({}, {});
  const lines: string[] = [];
  const logged: string[] = [];
  const flags = { ...flagsFor(pairing.server.port ?? 0), test_case: 'rpc_soak,empty_unary,per_rpc_creds' };
  const slow = { ...flags, soak_iterations: 3, soak_per_iteration_max_acceptable_latency_ms: 0 };
  const print = (line: string): void => void lines.push(line);
  const log = (line: string): void => void logged.push(line);
  assert.not(await runClient(slow, print, log));
  assert.match(lines[0] ?? '', /^FAIL rpc_soak: failures: expected at most 0, got 3, first: took \d+ ms of 0 ms$/);
  assert.equal(lines.slice(1), ['PASS empty_unary', `SKIP per_rpc_creds: ${SKIPPED_CASES['per_rpc_creds']}`]);
  assert.match(logged[0] ?? '', /^rpc_soak: 3 calls, 3 failed; p0 [\d.]+ ms, .*p100 [\d.]+ ms; ≤\d+ ms: \d/);
  lines.length = 0;
  assert.ok(await runClient({ ...slow, soak_max_failures: 3 }, print, log));
  assert.is(lines[0], 'PASS rpc_soak');
  assert.not(await runClient({ ...slow, soak_overall_timeout_seconds: 0 }, print, log));
  assert.is(lines[3], 'FAIL rpc_soak: the calls made in 0 ms: expected 3, got 0');
});

/** Runs the program to its end. */
async function runProgram(...args: string[]): Promise<{ code: number | null; output: string; errors: string }> {
  const program = path.join(import.meta.dirname, 'client-main.js');
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  try {
    const exit = new Promise<number | null>((resolve) => child.once('close', resolve));
    const [output, errors] = [text(child.stdout), text(child.stderr)];
    const code = await within(PATIENCE_MS, exit, 'the program to end');
    return { code, output: await output, errors: await errors };
  } finally {
    child.kill('SIGKILL');
  }
}

test('the program runs cases over TLS, with more metadata, and ends with 0', { timeoutMs: CASE_MS }, async () => {
  const { elsewhere, ca } = await certificates();
  const folder = mkdtempSync(path.join(tmpdir(), 'halfclose-interop-'));
  const server = await startInteropServer({ tls: elsewhere });
  try {
    const caFile = path.join(folder, 'ca.pem');
    writeFileSync(caFile, ca.cert);
    const where = ['--server_host=127.0.0.1', '--server_port', `${server.port}`, '--use_tls', '--use_test_ca=true'];
    const who = ['--ca_file', caFile, '--server_host_override=elsewhere.test', '--face=promises', '--compression=gzip'];
    const metadata = '--additional_metadata=x-a:1;x-b-bin:AQI=;x-grpc-test-echo-initial:more';
    const plain = await runProgram(...where, ...who, '--test_case=empty_unary,rpc_soak', '--soak_iterations=2');
    assert.is(plain.output, 'PASS empty_unary\nPASS rpc_soak\n', plain.errors);
    assert.match(plain.errors, /^rpc_soak: 2 calls, 0 failed; /);
    assert.is(plain.code, 0);
    const more = await runProgram(...where, ...who, '--test_case=custom_metadata', metadata);
    assert.match(more.output, /^FAIL custom_metadata: .*expected \["test_initial_metadata_value"\], got .*"more"\]\n$/);
    assert.is(more.code, 1);
  } finally {
    rmSync(folder, { recursive: true });
    await within(PATIENCE_MS, server[Symbol.asyncDispose](), 'the server to end');
  }
});

test('a command line that is wrong is said to be, in one line', async () => {
  const port = ['--server_port=1'];
  const wrong: readonly (readonly [args: readonly string[], says: RegExp])[] = [
    [[], /--server_port/],
    [['--nonsense'], /no flag --nonsense/],
    [[...port, '--test_case=empty_unary,nonsense'], /no case nonsense/],
    [[...port, '--face=nonsense'], /--face is/],
    [[...port, '--compression=zip'], /--compression is gzip/],
    [[...port, '--use_tls', '--use_test_ca', '--ca_file=/nonexistent'], /--ca_file cannot be read/],
    [[...port, '--additional_metadata=nonsense'], /--additional_metadata cannot be nonsense/],
  ];
  const ended = await Promise.all(wrong.map(([args]) => runProgram(...args)));
  for (const [index, { code, output, errors }] of ended.entries()) {
    assert.match(errors, wrong[index]?.[1] ?? /^$/);
    assert.is(errors.trimEnd().split('\n').length, 1, errors);
    assert.is(output, '');
    assert.is(code, 2);
  }
});

test.run();
