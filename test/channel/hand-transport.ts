/**
 * A client transport that a test works by hand: it connects, fails, is lost and answers when told. A true one: it keeps
 * the contracts of src/transport, among them that nothing is delivered without a permit, nor inside start or cancel.
 * Above: tests of channels.
 */
import { CompressorRegistry, IDENTITY } from '../../src/framing/compressor.ts';
import type { ClientStream, ClientStreamListener, StreamProgress, WriteFlags } from '../../src/transport/stream.ts';
import type {
  ClientTransport,
  ClientTransportListener,
  StreamOptions,
  TransportSnapshot,
} from '../../src/transport/transport.ts';
import { Attributes } from '../../src/values/attributes.ts';
import { Metadata } from '../../src/values/metadata.ts';
import type { MethodDescriptor } from '../../src/values/method.ts';
import { addPermits } from '../../src/values/permits.ts';
import { Status } from '../../src/values/status.ts';
import { EventLog } from '../support/recorder.ts';

/** Options that say nothing in particular. */
export const STREAM_OPTIONS: StreamOptions = {
  authority: null,
  credentials: null,
  deadline: null,
  waitForReady: null,
  headers: new Metadata(),
  previousAttempts: 0,
  isBackground: false,
  compressor: IDENTITY,
  decompressors: CompressorRegistry.DEFAULT,
  maxInboundMessageBytes: 100,
  onReadyThresholdBytes: 100,
};

/** One RPC whose other end is the test. */
export class HandStream implements ClientStream {
  readonly method: MethodDescriptor<unknown, unknown>;
  readonly options: StreamOptions;
  /** What the call said, in order: `start`, `write hello`, `halfClose`, `request 2`, `cancel CANCELLED`. */
  readonly said: string[] = [];
  /** What it was started with; null before. */
  headers: Metadata | null = null;
  readonly #transport: HandTransport;
  /** Messages that have come and were not asked for. */
  readonly #waiting: Uint8Array[];
  #listener: ClientStreamListener | null = null;
  #headersTold = false;
  #permits = 0;
  ready = false;
  closed = false;

  constructor(
    transport: HandTransport,
    method: MethodDescriptor<unknown, unknown>,
    options: StreamOptions,
    early: readonly string[],
  ) {
    this.#transport = transport;
    this.method = method;
    this.options = options;
    this.#waiting = early.map((text) => Buffer.from(text));
  }

  start(headers: Metadata, listener: ClientStreamListener): void {
    this.said.push('start');
    this.#transport.onStreamStarted();
    this.headers = headers;
    this.#listener = listener;
    if (this.#transport.shutdownReason !== null) this.#closeLater(this.#transport.shutdownReason, 'not-sent');
  }

  request(count: number): void {
    this.said.push(`request ${count}`);
    this.#permits = addPermits(this.#permits, count);
    this.#deliver();
  }

  writeMessage(payload: Uint8Array, flags: WriteFlags): void {
    this.said.push(`write ${Buffer.from(payload)}${flags === 0 ? '' : ` flagged ${flags}`}`);
  }

  halfClose(): void {
    this.said.push('halfClose');
  }

  cancel(reason: Status): void {
    this.said.push(`cancel ${reason.name}`);
    this.#closeLater(reason, 'processed');
  }

  isReady(): boolean {
    return this.ready;
  }

  getAttributes(): Attributes {
    return this.#transport.attributes;
  }

  describeProgress(): string {
    return 'in good hands';
  }

  /** A message has come. */
  receive(text: string): void {
    this.#waiting.push(Buffer.from(text));
    this.#deliver();
  }

  /** Queued bytes have gone. */
  becomeReady(): void {
    this.ready = true;
    this.#listener?.onReady();
  }

  /** So many messages have passed flow control. */
  tellWritten(count: number): void {
    this.#listener?.onWritten(count);
  }

  /** The peer has ended the call, behind messages that wait. */
  tellClosing(status: Status): void {
    this.#listener?.onClosing(status);
  }

  /** The peer has ended the call. */
  close(status: Status = Status.OK): void {
    if (this.closed) return;
    this.closed = true;
    this.#listener?.onClose(status, new Metadata(), 'processed');
    this.#transport.onStreamClosed();
  }

  #deliver(): void {
    while (this.#permits > 0 && !this.closed) {
      const payload = this.#waiting.shift();
      if (payload === undefined) return;
      this.#permits -= 1;
      if (!this.#headersTold) this.#listener?.onHeaders(new Metadata());
      this.#headersTold = true;
      this.#listener?.onMessage(payload);
    }
  }

  /** No listener method runs inside start or cancel. */
  #closeLater(reason: Status, progress: StreamProgress): void {
    if (this.closed) return;
    this.closed = true;
    process.nextTick(() => {
      this.#listener?.onClose(reason, new Metadata(), progress);
      this.#transport.onStreamClosed();
    });
  }

  /** The connection is gone. */
  lose(reason: Status): void {
    this.#closeLater(reason, 'processed');
  }
}

/** One connection whose other end is the test. */
export class HandTransport implements ClientTransport {
  readonly streams: HandStream[] = [];
  /** Messages that are there before a stream of this transport asks for any. */
  early: readonly string[] = [];
  attributes: Attributes = Attributes.EMPTY;
  started = false;
  terminated = false;
  shutdownReason: Status | null = null;
  isFull = false;
  #listener: ClientTransportListener | null = null;
  #openStreams = 0;

  start(listener: ClientTransportListener): void {
    this.started = true;
    this.#listener = listener;
  }

  newStream(method: MethodDescriptor<unknown, unknown>, options: StreamOptions): HandStream {
    const stream = new HandStream(this, method, options, this.early);
    this.streams.push(stream);
    return stream;
  }

  /** The peer has spoken HTTP/2. */
  connect(): void {
    this.#listener?.onReady();
  }

  /** The connection cannot be made, or is lost. */
  fail(reason: Status): void {
    this.#endStreams(reason);
    this.goAway(reason);
    this.#terminateIfEmpty();
  }

  /** The peer wants no more streams. */
  goAway(reason: Status): void {
    if (this.shutdownReason !== null) return;
    this.shutdownReason = reason;
    this.#listener?.onShutdown(reason);
  }

  shutdown(reason: Status): void {
    this.goAway(reason);
    process.nextTick(() => this.#terminateIfEmpty());
  }

  shutdownNow(reason: Status): void {
    this.goAway(reason);
    this.#endStreams(reason);
    process.nextTick(() => this.#terminateIfEmpty());
  }

  inspect(): TransportSnapshot {
    return {
      address: 'by hand',
      state: this.shutdownReason === null ? 'ready' : 'draining',
      openStreams: this.#openStreams,
      waitingForSlot: 0,
      maxConcurrentStreams: null,
      shutdownReason: this.shutdownReason?.toString() ?? null,
    };
  }

  onStreamStarted(): void {
    this.#openStreams += 1;
    if (this.#openStreams === 1) this.#listener?.onInUse(true);
  }

  onStreamClosed(): void {
    this.#openStreams -= 1;
    if (this.#openStreams === 0) this.#listener?.onInUse(false);
    if (this.shutdownReason !== null) this.#terminateIfEmpty();
  }

  /** The latest stream. */
  get last(): HandStream {
    const stream = this.streams.at(-1);
    if (stream === undefined) throw new Error('the transport has no stream');
    return stream;
  }

  #endStreams(reason: Status): void {
    for (const stream of this.streams) stream.lose(reason);
  }

  #terminateIfEmpty(): void {
    if (this.terminated || this.streams.some((stream) => !stream.closed)) return;
    this.terminated = true;
    this.#listener?.onTerminated();
  }
}

/** What a stream told. */
export type StreamEvent =
  | { readonly type: 'headers' | 'ready' }
  | { readonly type: 'message'; readonly text: string }
  | { readonly type: 'written'; readonly count: number }
  | { readonly type: 'closing'; readonly status: Status }
  | { readonly type: 'close'; readonly status: Status; readonly progress: StreamProgress };

/** Writes down what a stream tells. */
export class RecordingStreamListener implements ClientStreamListener {
  readonly log: EventLog<StreamEvent> = new EventLog<StreamEvent>(['close']);
  readonly #onText: (text: string) => void;

  constructor(onText: (text: string) => void = () => {}) {
    this.#onText = onText;
  }

  onHeaders(): void {
    this.log.record({ type: 'headers' });
  }

  onMessage(payload: Uint8Array): void {
    const text = Buffer.from(payload).toString();
    this.log.record({ type: 'message', text }, () => this.#onText(text));
  }

  onReady(): void {
    this.log.record({ type: 'ready' });
  }

  onWritten(count: number): void {
    this.log.record({ type: 'written', count });
  }

  onClosing(status: Status): void {
    this.log.record({ type: 'closing', status });
  }

  onClose(status: Status, _trailers: Metadata, progress: StreamProgress): void {
    this.log.record({ type: 'close', status, progress });
  }
}

/** Lets what waits for the next tick happen. */
export function nextTick(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
