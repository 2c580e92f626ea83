/**
 * grpc-js as the other end: a server and a client of `test.Echo`, so that our client and our server meet an implementation
 * that is not ours. Beside: echo-service.ts, the same on our API. Below: @grpc/grpc-js. What it cannot do: compress
 * responses, keep duplicates of ASCII headers apart (they come as one value, joined by a comma and a space).
 */
import type { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  Client,
  credentials,
  type Metadata as GrpcJsMetadata,
  Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type StatusObject,
  type sendUnaryData,
} from '@grpc/grpc-js';
import type { Certificates, KeyPair } from './certificates.ts';
import {
  type CallInit,
  commandPair,
  customPairs,
  type EchoClient,
  type EchoCommand,
  type EchoKind,
  type EchoServer,
  echoedPairs,
  echoMethods,
  type Outcome,
  type Pair,
  readCommand,
  trailerPairs,
} from './echo.ts';
import { within } from './within.ts';

/** What is used of all four kinds of call of a grpc-js server. */
interface ServerSurfaceCall {
  readonly metadata: GrpcJsMetadata;
  getDeadline(): Date | number;
  sendMetadata(metadata: GrpcJsMetadata): void;
  on(event: string, listener: () => void): unknown;
  once(event: string, listener: () => void): unknown;
}

const PATIENCE_MS = 5_000;
const DEFLATE = 1;
const GZIP = 2;

export interface GrpcJsServerOptions {
  /** Default: cleartext. */
  readonly tls?: Certificates;
  /** Whether clients need a certificate of `tls.ca`. Default: false. */
  readonly mutual?: boolean;
  /** Channel arguments, such as `grpc.max_receive_message_length`. */
  readonly options?: Readonly<Record<string, string | number>>;
}

export interface GrpcJsClientOptions {
  /** Default: cleartext. */
  readonly tls?: Certificates;
  /** The client's own certificate. */
  readonly identity?: KeyPair;
  readonly options?: Readonly<Record<string, string | number>>;
}

function toGrpcJs(pairs: Iterable<Pair>): GrpcJsMetadata {
  const metadata = new Metadata();
  for (const [key, value] of pairs) metadata.add(key, typeof value === 'string' ? value : Buffer.from(value));
  return metadata;
}

function fromGrpcJs(metadata: GrpcJsMetadata): Pair[] {
  return Object.keys(metadata.getMap()).flatMap((key) => metadata.get(key).map((value): Pair => [key, value]));
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function definition(kind: EchoKind): MethodDefinition<Uint8Array, Uint8Array> {
  return {
    path: echoMethods[kind].path,
    requestStream: !echoMethods[kind].clientSendsOneMessage,
    responseStream: !echoMethods[kind].serverSendsOneMessage,
    requestSerialize: asBuffer,
    requestDeserialize: (bytes) => bytes,
    responseSerialize: asBuffer,
    responseDeserialize: (bytes) => bytes,
  };
}

// ---- the server ----

/** What a handler knows of its call. */
class Serving {
  readonly command: EchoCommand;
  readonly echoed: GrpcJsMetadata;
  readonly trailers: GrpcJsMetadata;
  readonly #abort: AbortController = new AbortController();
  answers = 0;
  /** Whether the handler is done with the call. */
  ended = false;

  constructor(call: ServerSurfaceCall, name: string, record: (event: string) => void) {
    const pairs = fromGrpcJs(call.metadata);
    this.command = readCommand(pairs);
    this.echoed = toGrpcJs(echoedPairs(pairs));
    this.trailers = toGrpcJs(trailerPairs(pairs));
    record(`start ${name}`);
    call.on('cancelled', () => {
      this.#abort.abort();
      // grpc-js says so after every call; the others have been ended here.
      if (!this.ended) record(`cancelled ${name}`);
    });
    call.on('error', () => {});
    if (this.command.headersFirst === true) call.sendMetadata(this.echoed);
  }

  get over(): boolean {
    return this.#abort.signal.aborted;
  }

  /** The next answer, once it is due; null when the call is over before. */
  async answer(message: Uint8Array): Promise<Uint8Array | null> {
    const { delayMs = 0, size } = this.command;
    if (delayMs > 0) await sleep(delayMs, undefined, { signal: this.#abort.signal }).catch(() => {});
    if (this.over) return null;
    this.answers += 1;
    return size === undefined ? message : Buffer.alloc(size);
  }

  sendHeaders(call: ServerSurfaceCall): void {
    if (this.command.headersFirst !== true) call.sendMetadata(this.echoed);
  }

  /** How the call is to end, as grpc-js wants it; null for OK. */
  failure(): { code: number; details: string; metadata: GrpcJsMetadata } | null {
    const { code = 0, message = '' } = this.command;
    return code === 0 ? null : { code, details: message, metadata: this.trailers };
  }

  isEnough(): boolean {
    return this.command.after !== undefined && this.answers >= this.command.after;
  }
}

type Writing = ServerWritableStream<Uint8Array, Uint8Array> | ServerDuplexStream<Uint8Array, Uint8Array>;

function end(call: Writing, serving: Serving): void {
  serving.ended = true;
  const failure = serving.failure();
  if (failure !== null) call.emit('error', failure);
  else call.end(serving.trailers);
}

/** Writes the answers to one message; waits while the stream is full. Tells whether the call goes on. */
async function writeAnswers(call: Writing, serving: Serving, message: Uint8Array): Promise<boolean> {
  const { count = 1 } = serving.command;
  for (let i = 0; i < count; i += 1) {
    if (serving.isEnough()) return false;
    const answer = await serving.answer(message);
    if (answer === null) return false;
    if (serving.answers === 1) serving.sendHeaders(call);
    if (!call.write(answer)) await firstOf(call, ['drain', 'cancelled']);
  }
  return !serving.isEnough();
}

/** Resolves with the first of some events. Leaves no listener behind: a call has one such wait per message. */
function firstOf(emitter: Pick<EventEmitter, 'on' | 'off'>, events: readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      for (const event of events) emitter.off(event, done);
      resolve();
    };
    for (const event of events) emitter.on(event, done);
  });
}

class GrpcJsEchoServer implements EchoServer {
  readonly events: string[] = [];
  readonly requests: Pair[][] = [];
  readonly deadlinesMs: (number | null)[] = [];
  readonly #server: Server;
  port = 0;

  constructor(options: GrpcJsServerOptions) {
    this.#server = new Server(options.options);
    const { unary, client_streaming, server_streaming, bidi_streaming } = mapKinds(definition);
    this.#server.addService(
      { unary, client_streaming, server_streaming, bidi_streaming },
      {
        unary: (call: ServerUnaryCall<Uint8Array, Uint8Array>, callback: sendUnaryData<Uint8Array>) =>
          void this.#unary(call, callback),
        client_streaming: (call: ServerReadableStream<Uint8Array, Uint8Array>, callback: sendUnaryData<Uint8Array>) =>
          this.#clientStreaming(call, callback),
        server_streaming: (call: ServerWritableStream<Uint8Array, Uint8Array>) => void this.#serverStreaming(call),
        bidi_streaming: (call: ServerDuplexStream<Uint8Array, Uint8Array>) => this.#bidi(call),
      },
    );
  }

  async bind({ tls, mutual }: GrpcJsServerOptions): Promise<void> {
    const credential =
      tls === undefined
        ? ServerCredentials.createInsecure()
        : ServerCredentials.createSsl(
            Buffer.from(tls.ca.cert),
            [{ private_key: Buffer.from(tls.server.key), cert_chain: Buffer.from(tls.server.cert) }],
            mutual ?? false,
          );
    this.port = await within(
      PATIENCE_MS,
      new Promise<number>((resolve, reject) => {
        this.#server.bindAsync('127.0.0.1:0', credential, (error, port) =>
          error === null ? resolve(port) : reject(error),
        );
      }),
      'a grpc-js server to listen',
    );
  }

  #begin(call: ServerSurfaceCall, name: string): Serving {
    const deadline = call.getDeadline();
    const atMs = deadline instanceof Date ? deadline.getTime() : deadline;
    this.deadlinesMs.push(Number.isFinite(atMs) ? atMs - Date.now() : null);
    this.requests.push(echoedPairs(fromGrpcJs(call.metadata)));
    return new Serving(call, name, (event) => this.events.push(event));
  }

  async #unary(call: ServerUnaryCall<Uint8Array, Uint8Array>, callback: sendUnaryData<Uint8Array>): Promise<void> {
    const serving = this.#begin(call, 'Unary');
    const answer = await serving.answer(call.request);
    this.#respond(call, serving, answer, callback);
  }

  #clientStreaming(call: ServerReadableStream<Uint8Array, Uint8Array>, callback: sendUnaryData<Uint8Array>): void {
    const serving = this.#begin(call, 'ClientStreaming');
    if (serving.command.deaf === true) return;
    const messages: Uint8Array[] = [];
    call.on('data', (message: Uint8Array) => messages.push(message));
    call.on('end', async () => {
      const answer = serving.over ? null : await serving.answer(Buffer.concat(messages));
      this.#respond(call, serving, answer, callback);
    });
  }

  #respond(
    call: ServerSurfaceCall,
    serving: Serving,
    answer: Uint8Array | null,
    callback: sendUnaryData<Uint8Array>,
  ): void {
    if (answer === null) return;
    serving.ended = true;
    const failure = serving.failure();
    if (failure !== null) {
      callback(failure);
      return;
    }
    serving.sendHeaders(call);
    callback(null, answer, serving.trailers);
  }

  async #serverStreaming(call: ServerWritableStream<Uint8Array, Uint8Array>): Promise<void> {
    const serving = this.#begin(call, 'ServerStreaming');
    await writeAnswers(call, serving, call.request);
    if (!serving.over) end(call, serving);
  }

  #bidi(call: ServerDuplexStream<Uint8Array, Uint8Array>): void {
    const serving = this.#begin(call, 'Bidi');
    if (serving.command.deaf === true) return;
    if (serving.isEnough()) {
      end(call, serving);
      return;
    }
    let answering = false;
    let halfClosed = false;
    call.on('data', async (message: Uint8Array) => {
      answering = true;
      call.pause();
      const goesOn = await writeAnswers(call, serving, message);
      answering = false;
      if (goesOn && !halfClosed) call.resume();
      else if (!serving.over) end(call, serving);
    });
    call.on('end', () => {
      halfClosed = true;
      // A paused stream tells of its end all the same, while its last message is being answered.
      if (!answering && !serving.ended && !serving.over) end(call, serving);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.forceShutdown();
    await Promise.resolve();
  }
}

function mapKinds<T>(make: (kind: EchoKind) => T): Record<EchoKind, T> {
  return {
    unary: make('unary'),
    client_streaming: make('client_streaming'),
    server_streaming: make('server_streaming'),
    bidi_streaming: make('bidi_streaming'),
  };
}

/** grpc-js serving `test.Echo` on a free port of 127.0.0.1. */
export async function startGrpcJsServer(options: GrpcJsServerOptions = {}): Promise<EchoServer> {
  const server = new GrpcJsEchoServer(options);
  await server.bind(options);
  return server;
}

// ---- the client ----

/** What all four kinds of call of grpc-js have in common, and what only some have. */
interface Surface extends Pick<EventEmitter, 'on' | 'off'> {
  cancel(): void;
  write?(message: Uint8Array): boolean;
  end?(): void;
}

class GrpcJsEchoClient implements EchoClient {
  readonly #address: string;
  readonly #options: GrpcJsClientOptions;
  /** One per request compressor, which grpc-js knows per channel only. */
  readonly #clients: Map<number, Client> = new Map();

  constructor(port: number, options: GrpcJsClientOptions) {
    this.#address = `localhost:${port}`;
    this.#options = options;
  }

  #client(compression: CallInit['compression']): Client {
    const algorithm = compression === undefined ? 0 : compression === 'gzip' ? GZIP : DEFLATE;
    const known = this.#clients.get(algorithm);
    if (known !== undefined) return known;
    const { tls, identity, options } = this.#options;
    const credential =
      tls === undefined
        ? credentials.createInsecure()
        : credentials.createSsl(
            Buffer.from(tls.ca.cert),
            identity === undefined ? null : Buffer.from(identity.key),
            identity === undefined ? null : Buffer.from(identity.cert),
          );
    const client = new Client(this.#address, credential, {
      'grpc.default_compression_algorithm': algorithm,
      'grpc.use_local_subchannel_pool': 1,
      ...options,
    });
    this.#clients.set(algorithm, client);
    return client;
  }

  async call(kind: EchoKind, messages: readonly Uint8Array[], init: CallInit = {}): Promise<Outcome> {
    const received: Uint8Array[] = [];
    const surface = this.#open(kind, messages, init, (message) => received.push(message));
    return await this.#outcome(surface, received, messages, init, !echoMethods[kind].clientSendsOneMessage);
  }

  async callUnknown(): Promise<Outcome> {
    const client = this.#client(undefined);
    const noop = (): void => {};
    const path = '/test.Echo/NoSuchMethod';
    const surface = client.makeUnaryRequest(
      path,
      asBuffer,
      (bytes) => bytes,
      Buffer.alloc(1),
      new Metadata(),
      {},
      noop,
    );
    return await this.#outcome(surface, [], [], {}, false);
  }

  #open(
    kind: EchoKind,
    messages: readonly Uint8Array[],
    init: CallInit,
    onMessage: (message: Uint8Array) => void,
  ): Surface {
    const client = this.#client(init.compression);
    const { path } = echoMethods[kind];
    const pairs = init.command === undefined ? (init.pairs ?? []) : [commandPair(init.command), ...(init.pairs ?? [])];
    const metadata = toGrpcJs(pairs);
    const options = init.timeoutMs === undefined ? {} : { deadline: Date.now() + init.timeoutMs };
    const parse = (bytes: Buffer): Uint8Array => bytes;
    const one = messages[0] ?? Buffer.alloc(0);
    const take = (_error: unknown, message?: Uint8Array): void => {
      if (message !== undefined) onMessage(message);
    };
    if (kind === 'unary') return client.makeUnaryRequest(path, asBuffer, parse, one, metadata, options, take);
    if (kind === 'client_streaming') {
      return client.makeClientStreamRequest(path, asBuffer, parse, metadata, options, take);
    }
    const call: Surface =
      kind === 'server_streaming'
        ? client.makeServerStreamRequest(path, asBuffer, parse, one, metadata, options)
        : client.makeBidiStreamRequest(path, asBuffer, parse, metadata, options);
    call.on('data', onMessage);
    return call;
  }

  async #outcome(
    surface: Surface,
    received: Uint8Array[],
    messages: readonly Uint8Array[],
    init: CallInit,
    streams: boolean,
  ): Promise<Outcome> {
    let headers: Pair[] | null = null;
    let over = false;
    const ended = new Promise<StatusObject>((resolve) => {
      surface.on('status', (status: StatusObject) => {
        over = true;
        resolve(status);
      });
    });
    surface.on('error', () => {});
    surface.on('metadata', (metadata: GrpcJsMetadata) => {
      headers = customPairs(fromGrpcJs(metadata));
    });
    cancelWhenDue(surface, init.cancel);
    // Cancelled at once, grpc-js opens the stream all the same, sends whatever is written, and never resets it.
    if (streams && init.cancel !== 'at once') await write(surface, messages, () => over);
    // Cancelled in the tick of its half-close, grpc-js sends everything and no reset.
    if (init.cancel === 'after half-close') await sleep(10).then(() => surface.cancel());
    const { code, details, metadata } = await within(3 * PATIENCE_MS, ended, 'the status of a grpc-js call');
    return { code, message: details, headers, messages: received, trailers: customPairs(fromGrpcJs(metadata)) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients.values()) client.close();
    await Promise.resolve();
  }
}

function cancelWhenDue(surface: Surface, point: CallInit['cancel']): void {
  if (point === 'at once') surface.cancel();
  if (point === 'after headers') surface.on('metadata', () => surface.cancel());
  if (point === 'after the first message') surface.on('data', () => surface.cancel());
  if (point === 'when slow') setTimeout(() => surface.cancel(), 60);
}

/** Writes and ends, waiting while the stream is full. */
async function write(surface: Surface, messages: readonly Uint8Array[], isOver: () => boolean): Promise<void> {
  for (const message of messages) {
    if (isOver()) return;
    if (surface.write?.(message) === false) await firstOf(surface, ['drain', 'close', 'status']);
  }
  if (!isOver()) surface.end?.();
}

/** grpc-js as a client of `test.Echo` at a port of localhost. */
export function grpcJsClient(port: number, options: GrpcJsClientOptions = {}): EchoClient {
  return new GrpcJsEchoClient(port, options);
}
