/**
 * Our keepalive at servers of others: they answer, they put up with as many pings as gRFC A8 has them, and one that stands still
 * is found out. And the watch over TLS connections, which asks without pings: it offends none of them. Needs Go, Java or Python's grpcio; clocks are wound. With grpc-js: test/transport/http2/keepalive-grpc-js.test.ts.
 */
// file-timeout: 600 s
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DirectChannel } from '../../../src/channel/direct-channel.ts';
import {
  BYTES_MARSHALLER,
  CallOptions,
  ChannelCredentials,
  Code,
  Metadata,
  MethodDescriptor,
  type MethodKind,
} from '../../../src/index.ts';
import { Http2ClientTransport } from '../../../src/transport/http2/client-transport.ts';
import { KeepalivePace } from '../../../src/transport/http2/keepalive-pace.ts';
import { freePorts } from '../../support/free-ports.ts';
import { RecordingClientListener } from '../../support/recorder.ts';
import { assert, suite, within } from '../../support/suite.ts';
import { WoundClock } from '../../support/wound-clock.ts';
import { makeCertificates, SERVER_NAME, type TlsTexts, writeCertificates } from '../certificates.ts';
import { Program } from '../matrix/program.ts';
import { grpcGoPeer } from '../peers/grpc-go.ts';
import { grpcJavaPeer } from '../peers/grpc-java.ts';
import { grpcioPeer } from '../peers/grpcio.ts';
import type { Peer } from '../peers/peer.ts';

const test = suite('Keepalive at servers of others');

const STARTUP_MS = 20_000;
/** As is usual: a ping after a minute of silence, and 20 s for the answer. */
const PERIOD_MS = 60_000;
const TIMEOUT_MS = 20_000;
const STEP_MS = 10_000;

function method(name: string, kind: MethodKind): MethodDescriptor<Uint8Array, Uint8Array> {
  const marshallers = { requestMarshaller: BYTES_MARSHALLER, responseMarshaller: BYTES_MARSHALLER };
  return new MethodDescriptor({ service: 'grpc.testing.TestService', name, kind, ...marshallers });
}

const EMPTY_CALL = method('EmptyCall', 'unary');
const FULL_DUPLEX = method('FullDuplexCall', 'bidi_streaming');

/** A server of the peer's, and our channel to it. */
class Scene implements AsyncDisposable {
  readonly clock = new WoundClock();
  readonly program: Program;
  readonly #channel: DirectChannel;
  readonly #folder: string | null;

  private constructor(program: Program, port: number, tls: TlsTexts | null, folder: string | null) {
    this.program = program;
    this.#folder = folder;
    const { clock } = this;
    const keepalivePace = new KeepalivePace();
    const init = {
      address: { host: '127.0.0.1', port },
      authority: `localhost:${port}`,
      credentials: tls === null ? ChannelCredentials.insecure() : ChannelCredentials.tls({ ca: tls.ca }),
      clock,
      keepalivePace,
      ...(tls === null ? { keepalive: { timeMs: PERIOD_MS, timeoutMs: TIMEOUT_MS } } : { authority: SERVER_NAME }),
    };
    this.#channel = new DirectChannel(() => new Http2ClientTransport(init), init.authority);
  }

  /** With keepalive in cleartext, or without one over TLS. */
  static async start({ server, bundled }: Peer, mode: 'cleartext' | 'tls'): Promise<Scene> {
    const [port = 0] = await freePorts(1);
    const tls = mode === 'tls' ? (bundled ?? (await makeCertificates())) : null;
    const files = tls === null ? null : writeCertificates(await mkdtemp(path.join(tmpdir(), 'halfclose-')), tls);
    const line = server.commandLine({ mode, tls: files, port });
    const program = new Program([...line, `--port=${port}`]);
    assert.ok(await program.printed(server.listening, STARTUP_MS), program.output);
    // Not all have read their files by the time they listen.
    return new Scene(program, port, tls, files === null ? null : path.dirname(files.ca));
  }

  /** A call that says nothing, and is told nothing, until the end. */
  silentCall(): RecordingClientListener<Uint8Array> {
    const listener = new RecordingClientListener<Uint8Array>();
    const call = this.#channel.newCall(FULL_DUPLEX, CallOptions.DEFAULT);
    call.start(listener, new Metadata());
    call.request(1);
    return listener;
  }

  async emptyCall(): Promise<void> {
    const listener = new RecordingClientListener<Uint8Array>();
    const call = this.#channel.newCall(EMPTY_CALL, CallOptions.DEFAULT.withWaitForReady(true));
    call.start(listener, new Metadata());
    call.sendMessage(Buffer.alloc(0));
    call.halfClose();
    call.request(2);
    const { status } = await within(5_000, listener.closed, 'an empty call');
    assert.is(status.toString(), 'OK');
  }

  /** Lets time pass on the clock, with some of the world's for the server to answer. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= STEP_MS) {
      await this.clock.advanceAsync(Math.min(left, STEP_MS));
      await sleep(30);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#channel[Symbol.asyncDispose]();
    this.program.signal('SIGKILL');
    await this.program.ended(STARTUP_MS);
    if (this.#folder !== null) await rm(this.#folder, { recursive: true });
  }
}

function isOver(listener: RecordingClientListener<unknown>): boolean {
  return listener.log.names().includes('close');
}

for (const [name, peer] of [
  ['grpc-go', grpcGoPeer()],
  ['grpc-java', grpcJavaPeer()],
  ['grpcio', grpcioPeer()],
] as const) {
  const answers = `${name} answers the pings of a quiet call`;
  const strikes = `${name} puts up with no more pings than it permits; the next call has a new connection`;
  const still = `${name} stands still: the call ends, and the next one has a new connection once it moves again`;
  const silent = `${name} does not mind being asked in every silence, over TLS`;
  if ('missing' in peer) {
    for (const title of [answers, strikes, still, silent]) test.skip(title, peer.missing);
    continue;
  }

  test(answers, { timeoutMs: 60_000 }, async () => {
    await using scene = await Scene.start(peer, 'cleartext');
    await scene.emptyCall();
    const listener = scene.silentCall();
    for (let i = 0; i < 4; i += 1) {
      await scene.pass(PERIOD_MS + TIMEOUT_MS);
      // What it sends clears its count of pings.
      await scene.emptyCall();
      assert.not(isOver(listener), listener.log.names().join());
    }
  });

  test(strikes, { timeoutMs: 60_000 }, async () => {
    await using scene = await Scene.start(peer, 'cleartext');
    await scene.emptyCall();
    const listener = scene.silentCall();
    let pings = 0;
    while (!isOver(listener) && pings < 10) {
      await scene.pass(PERIOD_MS);
      pings += 1;
    }
    const { status } = await within(5_000, listener.closed, 'the end of the call');
    assert.match(status.toString(), /too_many_pings/);
    assert.ok(pings > 2, `${pings} pings`);
    await scene.emptyCall();
  });

  test(still, { timeoutMs: 60_000 }, async () => {
    await using scene = await Scene.start(peer, 'cleartext');
    await scene.emptyCall();
    const listener = scene.silentCall();
    // So that it has told all that it had to tell of the call.
    await scene.emptyCall();
    scene.program.signal('SIGSTOP');
    await scene.pass(PERIOD_MS + TIMEOUT_MS + STEP_MS);
    const { status } = await within(5_000, listener.closed, 'the end of the call');
    assert.is(status.code, Code.UNAVAILABLE);
    assert.match(status.description ?? '', /Keepalive failed/);
    scene.program.signal('SIGCONT');
    await scene.emptyCall();
  });

  test(silent, { timeoutMs: 60_000 }, async () => {
    await using scene = await Scene.start(peer, 'tls');
    await scene.emptyCall();
    const listener = scene.silentCall();
    for (let i = 0; i < 10; i += 1) {
      await scene.pass(2 * STEP_MS);
      await scene.emptyCall();
    }
    assert.not(isOver(listener), listener.log.names().join());
  });
}

test.run();
