/**
 * `test.Echo` on our own API: its handlers, a server and a client. Beside: grpc-js.ts, the same on grpc-js. Holds: honest
 * about flow control, as an example would be: one permit per message, and writing only while the call is ready.
 */
import { CallOptions } from '../../src/call/call-options.ts';
import type { Channel } from '../../src/call/channel.ts';
import type { ClientCall } from '../../src/call/client-call.ts';
import { type ServerCall, ServerCallListener } from '../../src/call/server-call.ts';
import { ServiceDefinition } from '../../src/call/service-definition.ts';
import { DirectChannel } from '../../src/channel/direct-channel.ts';
import type { ChannelOptions } from '../../src/channel/managed-channel.ts';
import { ChannelCredentials } from '../../src/credentials/channel-credentials.ts';
import { ServerCredentials } from '../../src/credentials/server-credentials.ts';
import { Server, type ServerOptions } from '../../src/server/server.ts';
import { Http2ClientTransport } from '../../src/transport/http2/client-transport.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { BYTES_MARSHALLER, MethodDescriptor } from '../../src/values/method.ts';
import { Status } from '../../src/values/status.ts';
import type { Certificates, KeyPair } from './certificates.ts';
import {
  type CallInit,
  type CancelPoint,
  commandPair,
  customPairs,
  ECHO_KINDS,
  type EchoClient,
  type EchoCommand,
  type EchoMethod,
  type EchoServer,
  echoedPairs,
  echoMethods,
  type Outcome,
  type Pair,
  readCommand,
  trailerPairs,
} from './echo.ts';
import { type ClientEvent, RecordingClientListener } from './recorder.ts';
import { within } from './within.ts';

const PATIENCE_MS = 5_000;

/** Where the handlers write down what they go through. */
export interface EchoJournal {
  readonly events: string[];
  readonly requests: Pair[][];
  readonly deadlinesMs: (number | null)[];
}

/** Serves one call of any kind. */
class EchoListener extends ServerCallListener<Uint8Array> {
  readonly #call: ServerCall<Uint8Array, Uint8Array>;
  readonly #journal: EchoJournal;
  readonly #command: EchoCommand;
  readonly #echoed: readonly Pair[];
  readonly #trailers: readonly Pair[];
  /** Of a method with one answer: what is to be answered together. */
  readonly #received: Uint8Array[] = [];
  /** Answers that wait for their time, or for the call to become ready. */
  readonly #waiting: Uint8Array[] = [];
  #timer: NodeJS.Timeout | null = null;
  /** Whether the delay of the first waiting answer is over. */
  #due = false;
  #answers = 0;
  /** Whether a message was asked for and has not come. */
  #asked = false;
  #headersSent = false;
  #halfClosed = false;
  #over = false;

  constructor(call: ServerCall<Uint8Array, Uint8Array>, headers: Metadata, journal: EchoJournal) {
    super();
    this.#call = call;
    this.#journal = journal;
    this.#command = readCommand(headers);
    this.#echoed = echoedPairs(headers);
    this.#trailers = trailerPairs(headers);
    journal.events.push(`start ${call.method.name}`);
    journal.requests.push(this.#echoed.slice());
    journal.deadlinesMs.push(call.deadline?.remainingMs() ?? null);
    if (this.#command.compression !== undefined) call.setCompression(this.#command.compression);
    if (this.#command.headersFirst === true) this.#sendHeaders();
    if (this.#command.after === 0) this.#end();
    else this.#ask();
  }

  /** Asks for one message, unless one is outstanding. */
  #ask(): void {
    if (this.#asked || this.#command.deaf === true) return;
    this.#asked = true;
    this.#call.request(1);
  }

  override onMessage(message: Uint8Array): void {
    this.#asked = false;
    if (this.#over) return;
    const { kind } = this.#call.method;
    if (kind === 'client_streaming') {
      this.#received.push(message);
      this.#ask();
      return;
    }
    const count = kind === 'unary' ? 1 : (this.#command.count ?? 1);
    for (let i = 0; i < count; i += 1) this.#waiting.push(message);
    this.#pump();
  }

  override onHalfClose(): void {
    this.#halfClosed = true;
    if (this.#call.method.kind === 'client_streaming') this.#waiting.push(Buffer.concat(this.#received));
    this.#pump();
  }

  override onReady(): void {
    this.#pump();
  }

  override onCancel(): void {
    this.#journal.events.push(`cancelled ${this.#call.method.name}`);
    this.#stop();
  }

  override onComplete(): void {
    this.#journal.events.push(`end ${this.#call.method.name}`);
    this.#stop();
  }

  #pump(): void {
    while (!this.#over) {
      const message = this.#waiting[0];
      if (message === undefined) {
        if (this.#halfClosed) this.#end();
        else this.#ask();
        return;
      }
      if (this.#mustWait() || !this.#call.isReady()) return;
      this.#waiting.shift();
      this.#due = false;
      this.#answer(message);
    }
  }

  /** Whether the next answer is not due yet; sees to it that it will be. */
  #mustWait(): boolean {
    const { delayMs = 0 } = this.#command;
    if (delayMs === 0 || this.#due) return false;
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#due = true;
      this.#pump();
    }, delayMs);
    return true;
  }

  #answer(message: Uint8Array): void {
    const { code = 0, size, after } = this.#command;
    if (this.#call.method.serverSendsOneMessage && code !== 0) {
      this.#end();
      return;
    }
    this.#sendHeaders();
    this.#call.sendMessage(size === undefined ? message : Buffer.alloc(size));
    this.#answers += 1;
    if (after !== undefined && this.#answers >= after) this.#end();
  }

  #sendHeaders(): void {
    if (this.#headersSent) return;
    this.#headersSent = true;
    this.#call.sendHeaders(new Metadata(this.#echoed));
  }

  #end(): void {
    this.#stop();
    const { code = 0, message = null } = this.#command;
    const status = code === 0 ? Status.OK : Status.fromCode(code).withDescription(message);
    // OK without a message needs its headers; a failure may be Trailers-Only.
    if (status.isOk) this.#sendHeaders();
    this.#call.close(status, new Metadata(this.#trailers));
  }

  #stop(): void {
    this.#over = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }
}

/** `test.Echo` for a Server of ours. */
export function echoService(journal: EchoJournal = { events: [], requests: [], deadlinesMs: [] }): ServiceDefinition {
  const service = new ServiceDefinition('test.Echo');
  for (const kind of ECHO_KINDS) {
    service.addMethod(echoMethods[kind], (call, headers) => new EchoListener(call, headers, journal));
  }
  return service;
}

export interface EchoServerOptions {
  /** Default: cleartext. */
  readonly tls?: Certificates;
  /** Whether clients need a certificate of `tls.ca`. Default: false. */
  readonly mutual?: boolean;
  readonly options?: ServerOptions;
}

/** Our Server with `test.Echo` on a free port of 127.0.0.1. */
export async function startEchoServer(init: EchoServerOptions = {}): Promise<EchoServer> {
  const journal: EchoJournal = { events: [], requests: [], deadlinesMs: [] };
  const { tls, mutual = false } = init;
  const credentials =
    tls === undefined
      ? ServerCredentials.insecure()
      : ServerCredentials.tls({ ...tls.server, ca: tls.ca.cert, clientCertificate: mutual ? 'require' : 'none' });
  const server = new Server(init.options).addService(echoService(journal));
  server.addListener({ host: '127.0.0.1', port: 0 }, credentials);
  await within(PATIENCE_MS, server.start(), 'our server to listen');
  return {
    ...journal,
    port: server.port,
    async [Symbol.asyncDispose](): Promise<void> {
      await within(PATIENCE_MS, server[Symbol.asyncDispose](), 'our server to stop');
    },
  };
}

export interface EchoClientOptions {
  /** Default: cleartext. */
  readonly tls?: Certificates;
  /** The client's own certificate. */
  readonly identity?: KeyPair;
  readonly options?: ChannelOptions;
}

/** A channel of ours to a port of 127.0.0.1. */
export function echoChannel(port: number, { tls, identity, options }: EchoClientOptions = {}): DirectChannel {
  const credentials =
    tls === undefined ? ChannelCredentials.insecure() : ChannelCredentials.tls({ ca: tls.ca.cert, ...identity });
  const authority = `localhost:${port}`;
  const connect = (): Http2ClientTransport =>
    new Http2ClientTransport({ address: { host: '127.0.0.1', port }, authority, credentials });
  return new DirectChannel(connect, authority, options);
}

/** Our client of `test.Echo` at a port of 127.0.0.1. */
export function echoClient(port: number, options: EchoClientOptions = {}): EchoClient {
  const channel = echoChannel(port, options);
  return {
    call: (kind, messages, init) => callEcho(channel, echoMethods[kind], messages, init),
    callUnknown: () => callEcho(channel, UNKNOWN, [Buffer.alloc(1)]),
    async [Symbol.asyncDispose](): Promise<void> {
      await within(PATIENCE_MS, channel[Symbol.asyncDispose](), 'our channel to end');
    },
  };
}

const UNKNOWN: EchoMethod = new MethodDescriptor({
  service: 'test.Echo',
  name: 'NoSuchMethod',
  kind: 'unary',
  requestMarshaller: BYTES_MARSHALLER,
  responseMarshaller: BYTES_MARSHALLER,
});

/** The requests of one call: goes out while the call is ready, then half-closes. */
class Requests {
  readonly #call: ClientCall<Uint8Array, Uint8Array>;
  readonly #left: Uint8Array[];
  readonly #single: boolean;
  readonly #onHalfClosed: () => void;
  #halfClosed = false;

  constructor(
    call: ClientCall<Uint8Array, Uint8Array>,
    messages: readonly Uint8Array[],
    single: boolean,
    onHalfClosed: () => void,
  ) {
    this.#call = call;
    this.#left = single ? messages.slice(0, 1) : [...messages];
    this.#single = single;
    this.#onHalfClosed = onHalfClosed;
  }

  pump(): void {
    while (this.#left.length > 0 && (this.#single || this.#call.isReady())) {
      const message = this.#left.shift();
      if (message !== undefined) this.#call.sendMessage(message);
    }
    if (this.#left.length > 0 || this.#halfClosed) return;
    this.#halfClosed = true;
    this.#call.halfClose();
    this.#onHalfClosed();
  }
}

/** One call over any channel: sends while it is ready, half-closes, asks for one message at a time. */
export async function callEcho(
  channel: Channel,
  method: EchoMethod,
  messages: readonly Uint8Array[],
  init: CallInit = {},
): Promise<Outcome> {
  const call = channel.newCall(method, callOptions(init));
  const cancelAt = (point: CancelPoint): boolean => {
    if (init.cancel === point) call.cancel(`cancelled ${point}`);
    return init.cancel === point;
  };
  const requests = new Requests(call, messages, method.clientSendsOneMessage, () => cancelAt('after half-close'));
  const listener = new RecordingClientListener<Uint8Array>({
    onHeaders: () => cancelAt('after headers'),
    onMessage: () => cancelAt('after the first message') || call.request(1),
    onReady: () => requests.pump(),
  });
  const pairs = init.command === undefined ? (init.pairs ?? []) : [commandPair(init.command), ...(init.pairs ?? [])];
  listener.forbid(() => call.start(listener, new Metadata(pairs)));
  call.request(1);
  listener.forbid(() => cancelAt('at once') || requests.pump());
  const slow = setTimeout(cancelAt, 60, 'when slow');
  try {
    return outcomeOf(await listener.log.end(3 * PATIENCE_MS), listener);
  } finally {
    clearTimeout(slow);
  }
}

function callOptions(init: CallInit): CallOptions {
  const options = CallOptions.DEFAULT.withCompression(init.compression ?? null);
  return init.timeoutMs === undefined ? options : options.withTimeout(init.timeoutMs);
}

function outcomeOf(end: ClientEvent<Uint8Array>, listener: RecordingClientListener<Uint8Array>): Outcome {
  if (end.type !== 'close') throw new Error('the end of a call is its close');
  const headers = listener.log.all('headers')[0]?.headers ?? null;
  return {
    code: end.status.code,
    message: end.status.description ?? '',
    headers: headers === null ? null : customPairs(headers),
    messages: listener.messages,
    trailers: customPairs(end.trailers),
  };
}
