/**
 * The official interop cases with grpc-js at the other end: its client at our server through each of the three faces, our
 * client of each face at its server, and, as a check of the peer itself, its client at its server. In cleartext, under TLS, and
 * compressed.
 */
// file-timeout: 300 s
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { create } from '@bufbuild/protobuf';
import { type ChannelOptions, compressionAlgorithms, credentials, Metadata, status } from '@grpc/grpc-js';
import { Code } from '../../../src/index.ts';
import { certificates } from '../../support/certificates.ts';
import { RawServer } from '../../support/raw-http2.ts';
import { assert, suite, within } from '../../support/suite.ts';
import { RUNNABLE_CASES } from '../cases/cases.ts';
import { InteropClient } from '../client.ts';
import type { FaceName } from '../face.ts';
import { FACE_NAMES } from '../faces.ts';
import {
  type PayloadType,
  SimpleRequestSchema,
  StreamingInputCallRequestSchema,
  StreamingOutputCallRequestSchema,
} from '../gen/grpc/testing/messages_pb.ts';
import { startInteropServer } from '../server.ts';
import { TEST_SERVICE as OUR_TEST_SERVICE } from '../test-service.ts';
import { GrpcJsChannel } from './grpc-js-calls.ts';
import { CASES, SKIPPED_BY_CLIENT } from './grpc-js-cases.ts';
import { CLIENT_FLAGS, type ClientFlags, runClient } from './grpc-js-client.ts';
import { SKIPPED_BY_SERVER, serveOnGrpcJs } from './grpc-js-server.ts';
import { TEST_SERVICE, zeros } from './grpc-js-service.ts';

const WORLDS = ['in cleartext', 'under TLS', 'with gzip'] as const;
type World = (typeof WORLDS)[number];

const PATIENCE_MS = 20_000;
/** Soaks here prove that many calls go well, not how fast they do. */
const UNHURRIED = {
  soak_per_iteration_max_acceptable_latency_ms: 20_000,
  soak_overall_timeout_seconds: 20,
  soak_iterations: 6,
  soak_num_threads: 2,
};

const test = suite('interop with grpc-js');

let folder = '';
test.before(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'halfclose-grpc-js-'));
  const { ca, elsewhere } = await certificates();
  writeFileSync(path.join(folder, 'ca.pem'), ca.cert);
  writeFileSync(path.join(folder, 'cert.pem'), elsewhere.cert);
  writeFileSync(path.join(folder, 'key.pem'), elsewhere.key);
});
test.after(() => rmSync(folder, { recursive: true, force: true }));

/** Runs one case by grpc-js's client. */
async function runTheirs(name: string, port: number, flags: Partial<ClientFlags>): Promise<void> {
  const lines: string[] = [];
  const all = { ...CLIENT_FLAGS, ...UNHURRIED, server_host: '127.0.0.1', server_port: port, ...flags };
  await runClient({ ...all, test_case: name }, (line) => lines.push(line));
  assert.equal(lines, [`PASS ${name}`]);
}

/** As the official tests do it: the certificate is for another name than the one that is dialed. */
const tlsFlags = (): Partial<ClientFlags> => ({
  server_host_override: 'elsewhere.test',
  use_tls: true,
  use_test_ca: true,
  ca_file: path.join(folder, 'ca.pem'),
});

// ---- the peer itself ----

function cleartext(port: number, options: ChannelOptions = {}): GrpcJsChannel {
  const own = { 'grpc.use_local_subchannel_pool': 1, ...options };
  return new GrpcJsChannel(`127.0.0.1:${port}`, credentials.createInsecure(), own, new Metadata());
}

test('grpc-js passes at grpc-js', { timeoutMs: 60_000 }, async () => {
  using server = await serveOnGrpcJs();
  for (const name of Object.keys(CASES)) {
    if (SKIPPED_BY_SERVER[name] === undefined) await runTheirs(name, server.port, {});
  }
});

test('a case of grpc-js fails where its server cannot do what is asked', async () => {
  using server = await serveOnGrpcJs();
  const lines: string[] = [];
  const flags = { ...CLIENT_FLAGS, server_port: server.port, test_case: 'server_compressed_unary,cacheable_unary' };
  assert.not(await runClient(flags, (line) => lines.push(line)));
  assert.equal(lines, [
    'FAIL server_compressed_unary: whether the response came compressed: false in place of true',
    `SKIP cacheable_unary: ${SKIPPED_BY_CLIENT['cacheable_unary']}`,
  ]);
});

test('the server on grpc-js has the features that no case asks for', async () => {
  using server = await serveOnGrpcJs();
  const channel = cleartext(server.port);
  const output = create(StreamingOutputCallRequestSchema, {
    responseParameters: [
      { size: 3, intervalUs: 1000 },
      { size: 5, fillPeerSocketAddress: { value: true } },
    ],
  });
  const half = channel.open(TEST_SERVICE.halfDuplexCall);
  half.send(output);
  half.send(output);
  half.halfClose();
  const { messages } = await half.outcome();
  assert.equal(
    messages.map(({ payload }) => payload?.body.length),
    [3, 5, 3, 5],
  );
  assert.match(messages[1]?.peerSocketAddress ?? '', /^127\.0\.0\.1:\d+$/);
  const identified = create(SimpleRequestSchema, { fillServerId: true });
  const unary = await channel.call(TEST_SERVICE.unaryCall, identified).outcome();
  assert.ok(unary.messages[0]?.serverId);
  const cacheable = await channel.call(TEST_SERVICE.cacheableUnaryCall, identified).outcome();
  assert.match(Buffer.from(cacheable.messages[0]?.payload?.body ?? []).toString(), /^\d+$/);
  assert.match(String(cacheable.headers?.get('cache-control')), /max-age=60/);
  for (const wrong of [{ responseSize: -1 }, { responseType: 1 as PayloadType }]) {
    const outcome = await channel.call(TEST_SERVICE.unaryCall, create(SimpleRequestSchema, wrong)).outcome();
    assert.is(outcome.code, status.INVALID_ARGUMENT);
  }
  channel.close();
});

test('grpc-js compresses the messages that it is told to, and no other', async () => {
  await using server = await RawServer.listen();
  const channel = cleartext(server.port, { 'grpc.default_compression_algorithm': compressionAlgorithms.gzip });
  const stream = channel.open(TEST_SERVICE.streamingInputCall);
  for (const compressed of [true, false, true]) {
    stream.send(create(StreamingInputCallRequestSchema, { payload: zeros(100) }), compressed);
  }
  stream.halfClose();
  const connection = await server.connection();
  await connection.frame('DATA', { stream: 1, endStream: true });
  for (const compressed of [true, false]) {
    channel.call(TEST_SERVICE.unaryCall, create(SimpleRequestSchema, { payload: zeros(100) }), { compressed });
  }
  await connection.frame('DATA', { stream: 3, endStream: true });
  await connection.frame('DATA', { stream: 5, endStream: true });
  const flags = [1, 3, 5].map((id) => connection.messages(id).map((message) => message.flag));
  assert.equal(flags, [[1, 0, 1], [1], [0]]);
  channel.close();
  connection.destroy();
  assert.is((await within(PATIENCE_MS, stream.outcome())).messages.length, 0);
});

/** One of the two programs, running. Disposing it kills it. */
interface Program extends Disposable {
  readonly child: ChildProcess;
  readonly output: Promise<string>;
  /** The exit code. */
  readonly code: Promise<unknown>;
}

function start(name: string, ...args: string[]): Program {
  const file = path.join(import.meta.dirname, `${name}-main.js`);
  const child = spawn(process.execPath, [file, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
  const code = once(child, 'close').then(([code]) => code);
  return { child, output: text(child.stdout), code, [Symbol.dispose]: () => child.kill('SIGKILL') };
}

test('the programs print what they did, and end with its exit code', { timeoutMs: 60_000 }, async () => {
  const [cert, key, ca] = ['cert.pem', 'key.pem', 'ca.pem'].map((file) => path.join(folder, file));
  using server = start('grpc-js-server', '--use_tls', `--tls_cert_file=${cert}`, '--tls_key_file', `${key}`);
  const port = `${await listeningPort(server)}`;
  const target = ['--server_host=127.0.0.1', '--server_port', port, '--use_tls=true', '--use_test_ca'];
  const trust = ['--ca_file', `${ca}`, '--server_host_override=elsewhere.test'];
  using good = start('grpc-js-client', ...target, ...trust, '--test_case=empty_unary,cancel_after_begin');
  using bad = start('grpc-js-client', ...target, ...trust, '--test_case=server_compressed_unary');
  using wrong = start('grpc-js-client', '--test_case=no_such_case');
  assert.is(await within(PATIENCE_MS, good.output), 'PASS empty_unary\nPASS cancel_after_begin\n');
  using lost = start('grpc-js-client', ...target, '--ca_file=/nonexistent');
  const codes = await within(PATIENCE_MS, Promise.all([good.code, bad.code, wrong.code, lost.code]));
  assert.equal(codes, [0, 1, 2, 2]);
  server.child.kill('SIGTERM');
  assert.is(await within(PATIENCE_MS, server.code, 'the server to end'), 0);
});

// ---- grpc-js at our server ----

async function atOurs(name: string, face: FaceName, world: World): Promise<void> {
  const { elsewhere: identity } = await certificates();
  const server = await startInteropServer({
    face,
    ...(world === 'under TLS' && { tls: identity }),
    ...(world === 'with gzip' && { compression: 'gzip' }),
  });
  try {
    const flags = world === 'under TLS' ? tlsFlags() : world === 'with gzip' ? { compression: 'gzip' } : {};
    await runTheirs(name, server.port, flags);
  } finally {
    server.shutdownNow();
    await within(PATIENCE_MS, server.awaitTermination(), 'our server to end');
  }
}

for (const [name, reason] of Object.entries(SKIPPED_BY_CLIENT)) test.skip(`grpc-js at our server: ${name}`, reason);
for (const face of FACE_NAMES) {
  for (const world of WORLDS) {
    for (const name of Object.keys(CASES)) {
      test(`grpc-js at our ${face} ${world}: ${name}`, { timeoutMs: 60_000 }, () => atOurs(name, face, world));
    }
  }
}

// ---- our client at grpc-js ----

/** The same for our client. */
const UNHURRIED_SOAK = { iterations: 6, maxLatencyMs: 20_000, overallTimeoutMs: 20_000, threads: 2 };
/** Of the cases with many calls at a time. */
const CONCURRENT_CALLS = 20;

async function clientAtTheirs(port: number, face: FaceName, world: World): Promise<InteropClient> {
  return new InteropClient({
    target: `127.0.0.1:${port}`,
    face,
    soak: UNHURRIED_SOAK,
    concurrentCalls: CONCURRENT_CALLS,
    ...(world === 'under TLS' && { tls: { ca: (await certificates()).ca.cert }, authority: 'elsewhere.test' }),
    ...(world === 'with gzip' && { compression: 'gzip' }),
  });
}

/** Their server under TLS, once it has been asked for; in a process of its own, because it can leave a socket open. */
let underTls: Program | null = null;
let portUnderTls = Promise.resolve(0);

async function listeningPort({ child }: Program): Promise<number> {
  const [line] = await within(PATIENCE_MS, once(child.stdout as Readable, 'data'), 'the server to listen');
  return Number(/^listening on (\d+)\n$/.exec(String(line))?.[1]);
}

function serveUnderTls(): Promise<number> {
  if (underTls !== null) return portUnderTls;
  const [cert, key] = ['cert.pem', 'key.pem'].map((file) => path.join(folder, file));
  underTls = start('grpc-js-server', '--use_tls', `--tls_cert_file=${cert}`, `--tls_key_file=${key}`);
  portUnderTls = listeningPort(underTls);
  return portUnderTls;
}

test.after(async () => {
  underTls?.child.kill('SIGKILL');
  await underTls?.code;
});

async function atTheirs(name: string, face: FaceName, world: World): Promise<void> {
  using server = world === 'under TLS' ? null : await serveOnGrpcJs();
  const port = server?.port ?? (await serveUnderTls());
  await using client = await clientAtTheirs(port, face, world);
  await client.run(name);
}

for (const face of FACE_NAMES) {
  test(`grpc-js sees that our ${face} compress with gzip, and only then`, async () => {
    using server = await serveOnGrpcJs();
    const request = create(SimpleRequestSchema, { expectCompressed: { value: true }, payload: zeros(100) });
    for (const world of ['with gzip', 'in cleartext'] as const) {
      await using client = await clientAtTheirs(server.port, face, world);
      const { status } = await client.client.unary(OUR_TEST_SERVICE.unaryCall, request);
      assert.is(status.code, world === 'with gzip' ? Code.OK : Code.INVALID_ARGUMENT);
    }
  });
}

for (const name of RUNNABLE_CASES) {
  const reason = SKIPPED_BY_SERVER[name];
  if (reason !== undefined) test.skip(`our client at grpc-js: ${name}`, reason);
}
for (const face of FACE_NAMES) {
  for (const world of WORLDS) {
    for (const name of RUNNABLE_CASES.filter((each) => !(each in SKIPPED_BY_SERVER))) {
      test(`our ${face} at grpc-js ${world}: ${name}`, { timeoutMs: 60_000 }, () => atTheirs(name, face, world));
    }
  }
}

test.run();
