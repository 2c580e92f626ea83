/** The interop server as a program: what it prints, that it answers with every face, over TLS, and how it ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { create } from '@bufbuild/protobuf';
import {
  ChannelCredentials,
  type Client,
  createChannel,
  createClient,
  type Http2ChannelOptions,
} from '../../src/index.ts';
import { certificates } from '../support/certificates.ts';
import { assert, suite, within } from '../support/suite.ts';
import { FACE_NAMES } from './faces.ts';
import { EmptySchema } from './gen/grpc/testing/empty_pb.ts';
import { SimpleRequestSchema, StreamingOutputCallRequestSchema } from './gen/grpc/testing/messages_pb.ts';
import { PROBED_COMPRESSORS, TEST_SERVICE, wasCompressed } from './test-service.ts';

const PROGRAM = path.join(import.meta.dirname, 'server-main.js');
const PATIENCE_MS = 15_000;

/** The program, running. Disposing it kills it. */
class Program implements Disposable {
  readonly #child: ChildProcess;
  readonly #output: Promise<string>;
  readonly #errors: Promise<string>;
  readonly #exit: Promise<unknown[]>;
  readonly #firstLine: Promise<string>;

  constructor(...args: string[]) {
    const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    this.#exit = once(child, 'close');
    this.#firstLine = once(child.stdout, 'data').then(([chunk]) => String(chunk));
    this.#output = text(child.stdout);
    this.#errors = text(child.stderr);
  }

  /** The port that it says it listens at. */
  async port(): Promise<number> {
    const line = await within(PATIENCE_MS, this.#firstLine, 'the program to say its port');
    assert.match(line, /^listening on \d+\n$/);
    return Number(/\d+/.exec(line)?.[0]);
  }

  terminate(): void {
    this.#child.kill('SIGTERM');
  }

  /** How it ended, and what it has printed. */
  async end(): Promise<{ code: unknown; signal: unknown; output: string; errors: string }> {
    const [code, signal] = await within(PATIENCE_MS, this.#exit, 'the program to end');
    return { code, signal, output: await this.#output, errors: await this.#errors };
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }
}

type TestClient = Client<typeof TEST_SERVICE>;

/** Calls the test service at a port of 127.0.0.1. */
async function calling(
  port: number,
  act: (client: TestClient) => Promise<void>,
  credentials = ChannelCredentials.insecure(),
  options: Http2ChannelOptions = {},
): Promise<void> {
  await using channel = createChannel(`127.0.0.1:${port}`, credentials, {
    ...options,
    compressors: PROBED_COMPRESSORS,
  });
  await act(createClient(TEST_SERVICE, channel, { timeoutMs: PATIENCE_MS }));
  channel.shutdown();
}

const asking = (size: number) => create(StreamingOutputCallRequestSchema, { responseParameters: [{ size }] });

const test = suite('interop server program');

for (const face of FACE_NAMES) {
  test(`--face ${face}`, { timeoutMs: 40_000 }, async () => {
    using program = new Program('--face', face, '--port=0');
    await calling(await program.port(), async (client) => {
      const response = await client.unaryCall(create(SimpleRequestSchema, { responseSize: 1000 }));
      assert.is(response.payload?.body.length, 1000);
      assert.not(wasCompressed(response));
    });
    program.terminate();
    const { code, output, errors } = await program.end();
    assert.is(code, 0);
    assert.match(output, /^listening on \d+\n$/);
    assert.is(errors, '');
  });
}

test('--compression, --host and TLS', { timeoutMs: 40_000 }, async () => {
  const { ca, server } = await certificates();
  const folder = mkdtempSync(path.join(tmpdir(), 'halfclose-'));
  try {
    writeFileSync(path.join(folder, 'server.pem'), server.cert);
    writeFileSync(path.join(folder, 'server.key'), server.key);
    const files = [`--tls_cert_file=${folder}/server.pem`, '--tls_key_file', `${folder}/server.key`];
    using program = new Program('--use_tls=true', ...files, '--host=127.0.0.1', '--compression=gzip');
    const act = async (client: TestClient): Promise<void> => {
      assert.ok(wasCompressed(await client.unaryCall(create(SimpleRequestSchema, { responseSize: 1000 }))));
    };
    const trusting = ChannelCredentials.tls({ ca: ca.cert });
    await calling(await program.port(), act, trusting, { authority: 'localhost' });
    program.terminate();
    assert.is((await program.end()).code, 0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('SIGTERM lets an open call end', { timeoutMs: 40_000 }, async () => {
  using program = new Program();
  const port = await program.port();
  await calling(port, async (client) => {
    const call = client.fullDuplexCall();
    await call.send(asking(1));
    assert.is((await call.next()).value?.payload?.body.length, 1);
    program.terminate();
    await refusals(port);
    await call.send(asking(2));
    assert.is((await call.next()).value?.payload?.body.length, 2);
    call.closeSend();
    assert.is((await call.status).name, 'OK');
  });
  const { code, signal } = await program.end();
  assert.equal([code, signal], [0, null]);
});

/** Resolves once the server takes no connection any more. */
async function refusals(port: number): Promise<void> {
  for (let failed = false; !failed; ) {
    await calling(port, async (client) => {
      failed = await client.emptyCall(create(EmptySchema)).then(
        () => false,
        () => true,
      );
    });
  }
}

test('SIGTERM ends a call that goes on for ever', { timeoutMs: 40_000 }, async () => {
  using program = new Program();
  await calling(await program.port(), async (client) => {
    const call = client.fullDuplexCall();
    await call.send(asking(1));
    assert.is((await call.next()).value?.payload?.body.length, 1);
    program.terminate();
    assert.is((await call.status).name, 'UNAVAILABLE');
  });
  const { code, signal } = await program.end();
  assert.equal([code, signal], [0, null]);
});

for (const [args, complaint] of [
  [['--no_such_flag'], /no_such_flag/],
  [['--face=threads'], /--face is calls or reactors or promises, not threads/],
  [['--compression=lzma'], /--compression is gzip, not lzma/],
  [['--use_tls'], /--use_tls needs --tls_cert_file/],
  [['--use_tls', '--tls_cert_file=/nonexistent/cert.pem'], /--tls_cert_file cannot be read: ENOENT/],
] as const) {
  test(`a wrong command line: ${args.join(' ')}`, { timeoutMs: 40_000 }, async () => {
    using program = new Program(...args);
    const { code, output, errors } = await program.end();
    assert.is(code, 2);
    assert.is(output, '');
    assert.match(errors, complaint);
    assert.is(errors.trimEnd().split('\n').length, 1);
  });
}

test.run();
