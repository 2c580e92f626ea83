/**
 * Our client's end against a raw server: one Http2ClientTransport, one RawConnection, and streams whose every event is
 * written down and checked. Above: the tests of this folder that look at the client's frames. Below: raw-http2.ts,
 * recorder.ts. Holds: an event where the stream contract allows none fails the running test.
 */

import { ChannelCredentials } from '../../../src/credentials/channel-credentials.ts';
import { CompressorRegistry, IDENTITY } from '../../../src/framing/compressor.ts';
import { type Http2ClientOptions, Http2ClientTransport } from '../../../src/transport/http2/client-transport.ts';
import type { ClientStream, ClientStreamListener, StreamProgress, WriteFlags } from '../../../src/transport/stream.ts';
import type { ClientTransportListener, StreamOptions } from '../../../src/transport/transport.ts';
import { Metadata } from '../../../src/values/metadata.ts';
import { BYTES_MARSHALLER, MethodDescriptor, type MethodKind } from '../../../src/values/method.ts';
import { Status } from '../../../src/values/status.ts';
import { type RawConnection, RawServer, type RawServerOptions } from '../../support/raw-http2.ts';
import { type BreachHandler, EventLog } from '../../support/recorder.ts';
import { within } from '../../support/within.ts';

/** What a client's stream told. */
export type StreamEvent =
  | { readonly type: 'headers'; readonly headers: Metadata }
  | { readonly type: 'message'; readonly payload: Buffer }
  | { readonly type: 'ready' }
  | { readonly type: 'written'; readonly count: number }
  | { readonly type: 'closing'; readonly status: Status }
  | { readonly type: 'close'; readonly status: Status; readonly trailers: Metadata; readonly progress: StreamProgress };

/** How a stream ended. */
export type StreamEnd = Extract<StreamEvent, { type: 'close' }>;

/** What the test does inside an event. */
export type StreamReactions = { readonly [name in keyof ClientStreamListener]?: ClientStreamListener[name] };

/** A client's stream together with the listener that writes down what it tells. */
export class RecordedStream implements ClientStreamListener {
  readonly stream: ClientStream;
  readonly log: EventLog<StreamEvent>;
  readonly #reactions: StreamReactions;

  constructor(stream: ClientStream, reactions: StreamReactions = {}, onBreach?: BreachHandler) {
    this.stream = stream;
    this.#reactions = reactions;
    this.log = new EventLog<StreamEvent>(['close'], onBreach);
  }

  start(headers: Metadata = new Metadata()): this {
    this.log.forbid(() => this.stream.start(headers, this));
    return this;
  }

  send(message: string | Uint8Array, flags: WriteFlags = 0): this {
    const payload = typeof message === 'string' ? Buffer.from(message) : message;
    this.log.forbid(() => this.stream.writeMessage(payload, flags));
    return this;
  }

  halfClose(): this {
    this.log.forbid(() => this.stream.halfClose());
    return this;
  }

  request(count: number): this {
    this.stream.request(count);
    return this;
  }

  cancel(reason: Status = Status.CANCELLED.withDescription('by the test')): this {
    this.log.forbid(() => this.stream.cancel(reason));
    return this;
  }

  onHeaders(headers: Metadata): void {
    if (this.names.includes('message')) this.log.breach('headers came after a message');
    this.log.record({ type: 'headers', headers }, () => this.#reactions.onHeaders?.(headers));
  }

  onMessage(payload: Uint8Array): void {
    if (!this.names.includes('headers')) this.log.breach('a message came before headers');
    this.log.record({ type: 'message', payload: Buffer.from(payload) }, () => this.#reactions.onMessage?.(payload));
  }

  onReady(): void {
    this.log.record({ type: 'ready' }, () => this.#reactions.onReady?.());
  }

  onWritten(count: number): void {
    this.log.record({ type: 'written', count }, () => this.#reactions.onWritten?.(count));
  }

  onClosing(status: Status): void {
    if (this.names.includes('closing')) this.log.breach('closing came twice');
    this.log.record({ type: 'closing', status }, () => this.#reactions.onClosing?.(status));
  }

  onClose(status: Status, trailers: Metadata, progress: StreamProgress): void {
    const event: StreamEvent = { type: 'close', status, trailers, progress };
    this.log.record(event, () => this.#reactions.onClose?.(status, trailers, progress));
  }

  /** The names of all events so far. */
  get names(): string[] {
    return this.log.names();
  }

  /** All messages so far, as text. */
  get messages(): string[] {
    return this.log.all('message').map((event) => event.payload.toString());
  }

  /** How many messages were told as written so far. */
  get written(): number {
    return this.log.all('written').reduce((sum, event) => sum + event.count, 0);
  }

  /** The end, once it has come. */
  get closed(): Promise<StreamEnd> {
    return this.log.end() as Promise<StreamEnd>;
  }

  /** `CODE progress`, once the stream has ended. */
  async outcome(): Promise<string> {
    const { status, progress } = await this.closed;
    return `${status.name} ${progress}`;
  }
}

/** What a client's transport told. */
export type TransportEvent =
  | { readonly type: 'ready' }
  | { readonly type: 'shutdown'; readonly reason: Status }
  | { readonly type: 'terminated' };

/** Writes down what a client's transport tells. */
export class RecordingTransportListener implements ClientTransportListener {
  readonly log: EventLog<TransportEvent> = new EventLog<TransportEvent>(['terminated']);
  /** Whether streams are open, as it was told. */
  inUse = false;

  onReady(): void {
    if (this.log.names().length > 0) this.log.breach('ready did not come first');
    this.log.record({ type: 'ready' });
  }

  onShutdown(reason: Status): void {
    if (this.log.names().includes('shutdown')) this.log.breach('shutdown came twice');
    this.log.record({ type: 'shutdown', reason });
  }

  onInUse(inUse: boolean): void {
    if (inUse === this.inUse) this.log.breach(`in use: ${inUse} was told twice`);
    this.inUse = inUse;
  }

  onTerminated(): void {
    if (!this.log.names().includes('shutdown')) this.log.breach('terminated came without shutdown');
    if (this.inUse) this.log.breach('terminated came while in use');
    this.log.record({ type: 'terminated' });
  }

  get names(): string[] {
    return this.log.names();
  }
}

/** What every stream of a rig is told unless the test says otherwise. */
export const STREAM_OPTIONS: StreamOptions = Object.freeze({
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

/** A method whose messages are bytes. */
export function methodOf(kind: MethodKind): MethodDescriptor<unknown, unknown> {
  const init = { requestMarshaller: BYTES_MARSHALLER, responseMarshaller: BYTES_MARSHALLER };
  const method = new MethodDescriptor<Uint8Array, Uint8Array>({ service: 'test.Rig', name: 'Call', kind, ...init });
  return method as unknown as MethodDescriptor<unknown, unknown>;
}

export interface RigOptions {
  readonly server?: RawServerOptions;
  readonly client?: Partial<Http2ClientOptions>;
  /** Whether to wait until the client is ready. Default: true. */
  readonly awaitReady?: boolean;
}

/** A client's transport and the raw server that it talks to. */
export class ClientRig {
  readonly server: RawServer;
  readonly transport: Http2ClientTransport;
  readonly listener: RecordingTransportListener = new RecordingTransportListener();
  readonly peer: RawConnection;

  private constructor(server: RawServer, transport: Http2ClientTransport, peer: RawConnection) {
    this.server = server;
    this.transport = transport;
    this.peer = peer;
  }

  static async open(options: RigOptions = {}): Promise<ClientRig> {
    const server = await RawServer.listen(options.server);
    const transport = new Http2ClientTransport({
      address: { host: '127.0.0.1', port: server.port },
      authority: 'rig.test',
      credentials: ChannelCredentials.insecure(),
      ...options.client,
    });
    const listener = new RecordingTransportListener();
    transport.start(listener);
    const peer = await server.connection();
    if (options.awaitReady !== false) await listener.log.next('ready');
    return Object.assign(new ClientRig(server, transport, peer), { listener });
  }

  /** A stream that has not been started. */
  stream(kind: MethodKind, reactions?: StreamReactions, options: Partial<StreamOptions> = {}): RecordedStream {
    return new RecordedStream(this.transport.newStream(methodOf(kind), { ...STREAM_OPTIONS, ...options }), reactions);
  }

  /** A unary call whose request has reached the server as stream `id`. */
  async unary(id = 1): Promise<RecordedStream> {
    const call = this.stream('unary').start().send('question').halfClose();
    await this.peer.frame('DATA', { stream: id, endStream: true });
    return call;
  }

  /** A bidi call whose headers have reached the server as stream `id`, and that goes on sending. */
  async bidi(id = 1): Promise<RecordedStream> {
    const call = this.stream('bidi_streaming').start();
    await this.peer.frame('HEADERS', { stream: id });
    return call;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.transport.shutdownNow(Status.CANCELLED.withDescription('the test is over'));
    await within(5_000, this.listener.log.end(), 'the client transport to terminate');
    await this.server[Symbol.asyncDispose]();
  }
}
