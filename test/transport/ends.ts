/**
 * Both ends of a transport as a test holds them: streams and connections whose listeners write down what they hear and
 * check the contract of src/transport while they do. Above: contract-*.ts. Below: EventLog, whatever transport is tested.
 * Holds: start, write, half-close, headers, close and cancel run where no event may come.
 */
import { CompressorRegistry, IDENTITY } from '../../src/framing/compressor.ts';
import type {
  ClientStream,
  ClientStreamListener,
  ServerStream,
  ServerStreamListener,
  StreamProgress,
  WriteFlags,
} from '../../src/transport/stream.ts';
import type {
  ClientTransport,
  ClientTransportListener,
  ServerAcceptor,
  ServerListener,
  ServerTransport,
  ServerTransportListener,
  StreamOptions,
  StreamSource,
} from '../../src/transport/transport.ts';
import type { SocketAddress } from '../../src/values/attributes.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { BYTES_MARSHALLER, MethodDescriptor } from '../../src/values/method.ts';
import type { Status } from '../../src/values/status.ts';
import { EventLog } from '../support/recorder.ts';
import { within } from '../support/within.ts';

const PATIENCE_MS = 5_000;

/** Options that say nothing in particular. */
const STREAM_OPTIONS: StreamOptions = Object.freeze({
  authority: null,
  credentials: null,
  deadline: null,
  waitForReady: null,
  headers: new Metadata(),
  previousAttempts: 0,
  isBackground: false,
  compressor: IDENTITY,
  decompressors: CompressorRegistry.DEFAULT,
  maxInboundMessageBytes: 4 * 1024 * 1024,
  onReadyThresholdBytes: 32 * 1024,
});

/** Messages both ways, as many as one likes. */
export const BIDI: MethodDescriptor<unknown, unknown> = bytesMethod('Bidi', 'bidi_streaming');
/** One message each way. */
export const UNARY: MethodDescriptor<unknown, unknown> = bytesMethod('Unary', 'unary');

function bytesMethod(name: string, kind: 'unary' | 'bidi_streaming'): MethodDescriptor<unknown, unknown> {
  return new MethodDescriptor<Uint8Array, Uint8Array>({
    service: 'test.Contract',
    name,
    kind,
    requestMarshaller: BYTES_MARSHALLER,
    responseMarshaller: BYTES_MARSHALLER,
  }) as MethodDescriptor<unknown, unknown>;
}

/** Things that come, one after another, to whoever waits. */
export class Arrivals<T> {
  readonly all: T[] = [];
  readonly #what: string;
  readonly #waiters: (() => void)[] = [];
  #taken = 0;

  constructor(what: string) {
    this.#what = what;
  }

  push(item: T): void {
    this.all.push(item);
    for (const waiter of this.#waiters.splice(0)) waiter();
  }

  /** The first that was not taken yet, once it has come. */
  async next(ms: number = PATIENCE_MS): Promise<T> {
    const index = this.#taken;
    this.#taken += 1;
    const come = async (): Promise<T> => {
      while (this.all.length <= index) await new Promise<void>((resolve) => this.#waiters.push(resolve));
      return this.all[index] as T;
    };
    return await within(ms, come(), this.#what);
  }
}

/** What a stream told that both ends tell. */
type SharedEvent =
  | { readonly type: 'message'; readonly payload: Uint8Array }
  | { readonly type: 'ready' }
  | { readonly type: 'written'; readonly count: number };

/** What a client's stream told. */
export type ClientStreamEvent =
  | SharedEvent
  | { readonly type: 'headers'; readonly headers: Metadata }
  | { readonly type: 'closing'; readonly status: Status }
  | {
      readonly type: 'close';
      readonly status: Status;
      readonly trailers: Metadata;
      readonly progress: StreamProgress;
    };

/** What a server's stream told. */
export type ServerStreamEvent =
  | SharedEvent
  | { readonly type: 'half-close' }
  | { readonly type: 'close'; readonly status: Status };

/** What the test does inside an event. */
export type Reactions = { readonly [type in string]?: () => void };

/** What both ends have in common. */
abstract class StreamEnd<E extends ClientStreamEvent | ServerStreamEvent> {
  readonly log: EventLog<E> = new EventLog<E>(['close']);
  reactions: Reactions = {};
  abstract readonly stream: ClientStream | ServerStream;

  protected tell(event: E): void {
    this.log.record(event, () => this.reactions[event.type]?.());
  }

  onMessage(payload: Uint8Array): void {
    this.tell({ type: 'message', payload } as E);
  }

  onReady(): void {
    this.tell({ type: 'ready' } as E);
  }

  onWritten(count: number): void {
    if (!(count > 0)) this.log.breach(`written told of ${count} messages`);
    this.tell({ type: 'written', count } as E);
  }

  request(count: number): void {
    this.stream.request(count);
  }

  write(payload: string | Uint8Array, flags: WriteFlags = 0): void {
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
    this.log.forbid(() => this.stream.writeMessage(bytes, flags));
  }

  cancel(reason: Status): void {
    this.log.forbid(() => this.stream.cancel(reason));
  }

  /** The messages so far. */
  get payloads(): Uint8Array[] {
    const payloads: Uint8Array[] = [];
    for (const event of this.log.events) if (event.type === 'message') payloads.push(event.payload);
    return payloads;
  }

  /** The messages so far, as text. */
  get texts(): string[] {
    return this.payloads.map((payload) => Buffer.from(payload).toString());
  }

  /** How many messages were told as written so far. */
  get written(): number {
    return this.log.events.reduce((sum, event) => sum + (event.type === 'written' ? event.count : 0), 0);
  }

  /** Waits until so many messages have come in all. */
  async hasRead(count: number): Promise<void> {
    while (this.payloads.length < count) await this.log.next('message' as E['type']);
  }

  /** Waits until so many messages were told as written in all. */
  async hasWritten(count: number): Promise<void> {
    while (this.written < count) await this.log.next('written' as E['type']);
  }

  /** The next `ready` that nobody waited for yet. */
  async becomesReady(): Promise<void> {
    await this.log.next('ready' as E['type']);
  }

  get isClosed(): boolean {
    return this.log.names().includes('close');
  }
}

/** A client's stream and its listener. */
export class ClientEnd extends StreamEnd<ClientStreamEvent> implements ClientStreamListener {
  readonly stream: ClientStream;

  constructor(
    source: StreamSource,
    method: MethodDescriptor<unknown, unknown> = BIDI,
    options: Partial<StreamOptions> = {},
  ) {
    super();
    this.stream = source.newStream(method, { ...STREAM_OPTIONS, ...options });
  }

  start(headers: Metadata = new Metadata()): this {
    this.log.forbid(() => this.stream.start(headers, this));
    return this;
  }

  halfClose(): void {
    this.log.forbid(() => this.stream.halfClose());
  }

  onHeaders(headers: Metadata): void {
    const seen = this.log.names();
    if (seen.includes('headers') || seen.includes('message')) this.log.breach(`headers came after ${seen}`);
    this.tell({ type: 'headers', headers });
  }

  override onMessage(payload: Uint8Array): void {
    if (!this.log.names().includes('headers')) this.log.breach('a message came before headers');
    super.onMessage(payload);
  }

  onClosing(status: Status): void {
    if (this.log.names().includes('closing')) this.log.breach('closing came twice');
    this.tell({ type: 'closing', status });
  }

  onClose(status: Status, trailers: Metadata, progress: StreamProgress): void {
    this.tell({ type: 'close', status, trailers, progress });
  }

  /** The end, once it has come. */
  get closed(): Promise<Extract<ClientStreamEvent, { type: 'close' }>> {
    return this.log.end() as Promise<Extract<ClientStreamEvent, { type: 'close' }>>;
  }
}

/** A server's stream and its listener. */
export class ServerEnd extends StreamEnd<ServerStreamEvent> implements ServerStreamListener {
  readonly clientStreams: boolean;
  readonly stream: ServerStream;
  readonly path: string;
  readonly headers: Metadata;

  constructor(stream: ServerStream, path: string, headers: Metadata) {
    super();
    this.stream = stream;
    this.path = path;
    this.headers = headers;
    this.clientStreams = path !== UNARY.path;
  }

  sendHeaders(headers: Metadata = new Metadata()): void {
    this.log.forbid(() => this.stream.sendHeaders(headers));
  }

  close(status: Status, trailers: Metadata = new Metadata()): void {
    this.log.forbid(() => this.stream.close(status, trailers));
  }

  override onMessage(payload: Uint8Array): void {
    if (this.log.names().includes('half-close')) this.log.breach('a message came after half-close');
    super.onMessage(payload);
  }

  onHalfClose(): void {
    if (this.log.names().includes('half-close')) this.log.breach('half-close came twice');
    this.tell({ type: 'half-close' });
  }

  onClose(status: Status): void {
    this.tell({ type: 'close', status });
  }

  /** How it ended, once it has. */
  get closed(): Promise<Status> {
    return this.log.end().then((event) => (event as Extract<ServerStreamEvent, { type: 'close' }>).status);
  }
}

/** What a connection told. */
export type TransportEvent =
  | { readonly type: 'ready' | 'terminated' }
  | { readonly type: 'shutdown'; readonly reason: Status };

/** A client's connection and its listener. */
export class ClientConnection implements ClientTransportListener {
  readonly transport: ClientTransport;
  readonly log: EventLog<TransportEvent> = new EventLog<TransportEvent>(['terminated']);
  /** Whether streams are open, as it was told. */
  inUse = false;

  constructor(transport: ClientTransport) {
    this.transport = transport;
  }

  onInUse(inUse: boolean): void {
    if (inUse === this.inUse) this.log.breach(`in use: ${inUse} was told twice`);
    this.inUse = inUse;
  }

  start(): this {
    this.log.forbid(() => this.transport.start(this));
    return this;
  }

  /** Starts, and waits for the connection. */
  async connect(): Promise<this> {
    this.start();
    await this.log.next('ready');
    return this;
  }

  /** A stream that has started. */
  open(method: MethodDescriptor<unknown, unknown> = BIDI, options: Partial<StreamOptions> = {}): ClientEnd {
    return new ClientEnd(this.transport, method, options).start();
  }

  onReady(): void {
    this.#tellOnce({ type: 'ready' });
  }

  onShutdown(reason: Status): void {
    this.#tellOnce({ type: 'shutdown', reason });
  }

  onTerminated(): void {
    if (!this.log.names().includes('shutdown')) this.log.breach('terminated came without shutdown');
    this.#tellOnce({ type: 'terminated' });
  }

  #tellOnce(event: TransportEvent): void {
    if (this.log.names().includes(event.type)) this.log.breach(`${event.type} came twice`);
    this.log.record(event);
  }
}

/** A server's connection and its listener. */
export class ServerConnection implements ServerTransportListener {
  readonly transport: ServerTransport;
  readonly log: EventLog<{ readonly type: 'terminated' }> = new EventLog<{ readonly type: 'terminated' }>([
    'terminated',
  ]);
  readonly streams: Arrivals<ServerEnd>;

  constructor(transport: ServerTransport, streams: Arrivals<ServerEnd>) {
    this.transport = transport;
    this.streams = streams;
  }

  onStream(stream: ServerStream, path: string, headers: Metadata): ServerStreamListener {
    const end = new ServerEnd(stream, path, headers);
    this.streams.push(end);
    return end;
  }

  onTerminated(): void {
    this.log.record({ type: 'terminated' });
  }
}

/** What an address told. */
export type ListenerEvent =
  | { readonly type: 'listening'; readonly address: SocketAddress }
  | { readonly type: 'failed'; readonly error: Error }
  | { readonly type: 'closed' };

/** An address that connections come to. */
export class ServerSide implements ServerAcceptor {
  readonly listener: ServerListener;
  readonly log: EventLog<ListenerEvent> = new EventLog<ListenerEvent>(['failed', 'closed']);
  readonly connections: Arrivals<ServerConnection> = new Arrivals('a connection to come');
  /** The streams of all connections. */
  readonly streams: Arrivals<ServerEnd> = new Arrivals('a stream to come');

  constructor(listener: ServerListener) {
    this.listener = listener;
  }

  async listen(): Promise<SocketAddress> {
    this.log.forbid(() => this.listener.listen(this));
    return (await this.log.next('listening')).address;
  }

  onListening(address: SocketAddress): void {
    this.log.record({ type: 'listening', address });
  }

  onListenFailed(error: Error): void {
    this.log.record({ type: 'failed', error });
  }

  onTransport(transport: ServerTransport): ServerTransportListener {
    const connection = new ServerConnection(transport, this.streams);
    this.connections.push(connection);
    return connection;
  }

  onClosed(): void {
    this.log.record({ type: 'closed' });
  }
}
