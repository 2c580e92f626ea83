/**
 * A channel of ours, a proxy and a server, in a row; and calls over them that a test drives step by step. Above: the
 * contract's files. Below: proxy-process.ts, test/support. Holds: dispose ends all of it, even when one part fails to end.
 */
import { CallOptions } from '../../../../src/call/call-options.ts';
import type { Channel } from '../../../../src/call/channel.ts';
import type { ClientCall } from '../../../../src/call/client-call.ts';
import type { ServiceDefinition } from '../../../../src/call/service-definition.ts';
import type { DirectChannel } from '../../../../src/channel/direct-channel.ts';
import { ServerCredentials } from '../../../../src/credentials/server-credentials.ts';
import { Server } from '../../../../src/server/server.ts';
import { Metadata } from '../../../../src/values/metadata.ts';
import { Code, type Status } from '../../../../src/values/status.ts';
import { certificates } from '../../../support/certificates.ts';
import { commandPair, type EchoCommand, type EchoKind, echoMethods, type Pair } from '../../../support/echo.ts';
import { callEcho, type EchoJournal, echoChannel, echoService } from '../../../support/echo-service.ts';
import { freePorts } from '../../../support/free-ports.ts';
import { TcpProxy } from '../../../support/proxy.ts';
import { type ClientReactions, RecordingClientListener } from '../../../support/recorder.ts';
import { assert, within } from '../../../support/suite.ts';
import { type ProxyKind, type ProxyOptions, ProxyProcess } from './proxy-process.ts';

const PATIENCE_MS = 5_000;

/** Over the 4 MiB that both ends take by default. */
const MESSAGE_LIMIT = 16 * 1024 * 1024;

/** A server of ours behind the proxy. It can be stopped and started anew at its port. */
export class Upstream {
  readonly port: number;
  /** What the handlers of the echo service went through. */
  readonly journal: EchoJournal = { events: [], requests: [], deadlinesMs: [] };
  readonly #service: ServiceDefinition;
  #server: Server | null = null;
  /** Those that were told to shut down. */
  readonly #retired: Server[] = [];

  constructor(port: number, service: ServiceDefinition | null) {
    this.port = port;
    this.#service = service ?? echoService(this.journal);
  }

  /** Starts a server; one that runs must have been told to shut down. */
  async start(): Promise<void> {
    const server = new Server({ maxInboundMessageBytes: MESSAGE_LIMIT }).addService(this.#service);
    server.addListener({ host: '127.0.0.1', port: this.port }, ServerCredentials.insecure());
    await within(PATIENCE_MS, server.start(), 'the server to listen');
    this.#server = server;
  }

  /** No new connections and calls; those that are there run on. Gives the old server, which stop() ends at the latest. */
  retire(): Server {
    const server = this.#server;
    if (server === null) throw new Error('the server does not run');
    this.#server = null;
    this.#retired.push(server);
    server.shutdown();
    return server;
  }

  /** Ends every call UNAVAILABLE. */
  async stop(): Promise<void> {
    const servers = this.#retired.splice(0);
    if (this.#server !== null) servers.push(this.#server);
    this.#server = null;
    const ends = servers.map((server) => server[Symbol.asyncDispose]());
    await within(PATIENCE_MS, Promise.all(ends), 'the server to stop');
  }
}

/** What is wanted of the row. */
export interface ProxiedInit extends ProxyOptions {
  /** Default: `test.Echo`. */
  readonly service?: ServiceDefinition;
  /** Whether the proxy's connections go to the server itself and not over the wire. Default: false. */
  readonly direct?: boolean;
}

/** All of it: channel, proxy, a wire that can be cut, server. */
export class Proxied {
  readonly channel: DirectChannel;
  readonly proxy: ProxyProcess;
  /** Between the proxy and the server. */
  readonly wire: TcpProxy;
  readonly upstream: Upstream;

  private constructor(proxy: ProxyProcess, wire: TcpProxy, upstream: Upstream) {
    this.proxy = proxy;
    this.wire = wire;
    this.upstream = upstream;
    this.channel = echoChannel(proxy.setup.port, {
      options: { maxInboundMessageBytes: MESSAGE_LIMIT, backoff: { initialMs: 20, maxMs: 50 } },
    });
  }

  /** Starts everything; the channel connects at the first call. */
  static async start(kind: ProxyKind, { service, direct = false, ...options }: ProxiedInit = {}): Promise<Proxied> {
    const certs = await certificates();
    const [upstreamPort = 0] = await freePorts(1);
    const upstream = new Upstream(upstreamPort, service ?? null);
    await upstream.start();
    const wire = await TcpProxy.listen(upstream.port);
    try {
      const port = direct ? upstream.port : wire.port;
      return new Proxied(await ProxyProcess.start(kind, port, certs, options), wire, upstream);
    } catch (error) {
      await endAll([() => wire[Symbol.asyncDispose](), () => upstream.stop()]);
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endAll([
      () => within(PATIENCE_MS, this.channel[Symbol.asyncDispose](), 'the channel to end'),
      () => this.proxy[Symbol.asyncDispose](),
      () => this.wire[Symbol.asyncDispose](),
      () => this.upstream.stop(),
    ]);
  }
}

/** Runs every step, then throws the first error. */
async function endAll(steps: readonly (() => Promise<void>)[]): Promise<void> {
  const errors: unknown[] = [];
  for (const step of steps) await step().catch((error: unknown) => errors.push(error));
  if (errors.length > 0) throw errors[0];
}

/** What a call is opened with. */
export interface OpenInit {
  readonly command?: EchoCommand;
  readonly pairs?: readonly Pair[];
  readonly timeoutMs?: number;
  readonly waitForReady?: boolean;
  readonly reactions?: ClientReactions<Uint8Array>;
}

/** A call that has been started, with its listener. Nothing was asked for yet. */
export interface OpenCall {
  readonly call: ClientCall<Uint8Array, Uint8Array>;
  readonly heard: RecordingClientListener<Uint8Array>;
}

/** Starts a call that the test then drives. */
export function open(channel: Channel, kind: EchoKind, init: OpenInit = {}): OpenCall {
  const { command, pairs = [], timeoutMs, waitForReady = false, reactions } = init;
  const patient = CallOptions.DEFAULT.withWaitForReady(waitForReady);
  const options = timeoutMs === undefined ? patient : patient.withTimeout(timeoutMs);
  const call = channel.newCall(echoMethods[kind], options);
  const heard = new RecordingClientListener<Uint8Array>(reactions);
  call.start(heard, new Metadata(command === undefined ? pairs : [commandPair(command), ...pairs]));
  return { call, heard };
}

/** Sends a message and gives the one that answers it. */
export async function ping({ call, heard }: OpenCall, text: string): Promise<string> {
  call.request(1);
  call.sendMessage(Buffer.from(text));
  return Buffer.from(await heard.message()).toString();
}

/** Half-closes, asks for what is left, and gives the end. */
export function finish({ call, heard }: OpenCall): RecordingClientListener<Uint8Array>['closed'] {
  call.halfClose();
  call.request(1);
  return heard.closed;
}

/** One more call, which must be OK: channel, proxy and server go on. */
export async function succeeds({ channel }: Proxied): Promise<void> {
  const { code, message } = await callEcho(channel, echoMethods.unary, [Buffer.alloc(1)]);
  assert.is(code, Code.OK, message);
}

/** `expected` is how the status begins: `UNAVAILABLE: HTTP status code 502`. */
export function assertStatus(status: Status, expected: string): void {
  assert.is(`${status}`.slice(0, expected.length), expected, `${status}`);
}
