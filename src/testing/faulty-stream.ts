/**
 * One call over a connection that faults are injected into. Above: StreamClientCall or PendingStream. Below: the
 * stream of the transport that is wrapped. Holds: the contract of transport/stream.ts. What goes either way passes the
 * lines of the connection; permits do not, and a cancel overtakes all that is held, as the call ends here whatever the
 * network does.
 *
 *   idle ─start→ held ─headers have left→ open ─the peer's end has arrived→ closed
 *                  └────cancel, connection lost────┴─→ ending ─(later tick)→ closed
 */
import type { ClientStream, ClientStreamListener, StreamProgress, WriteFlags } from '../transport/stream.ts';
import type { StreamOptions } from '../transport/transport.ts';
import type { Attributes } from '../values/attributes.ts';
import { Metadata } from '../values/metadata.ts';
import type { MethodDescriptor } from '../values/method.ts';
import { addPermits } from '../values/permits.ts';
import type { Status } from '../values/status.ts';
import type { DelayLine } from './delay-line.ts';

/** What a stream needs of its connection. */
export interface FaultyStreamHost {
  /** Towards the peer, and from it. */
  readonly outbound: DelayLine;
  readonly inbound: DelayLine;
  /** Whether the connection is broken and about to say so: nothing arrives any more. */
  readonly isBroken: boolean;
  /** A stream has started; it may hear end() at once. */
  onStreamStarted(stream: FaultyStream): void;
  /** The headers of a stream leave; the status with which the peer refuses it, or null. */
  onHeadersLeaving(): Status | null;
  /** A message leaves or arrives; false if the connection breaks before it. */
  onSending(bytes: number): boolean;
  onReceiving(bytes: number): boolean;
  /** So many messages were taken in by the network, or will never be. */
  onSent(count: number): void;
  /** A message was delivered. */
  onReceived(): void;
  /** A stream is over. */
  onStreamEnded(stream: FaultyStream): void;
}

type State = 'idle' | 'held' | 'open' | 'ending' | 'closed';

/** One call. */
export class FaultyStream implements ClientStream, ClientStreamListener {
  readonly isBackground: boolean;
  readonly #host: FaultyStreamHost;
  readonly #inner: ClientStream;
  readonly #sendsOneMessage: boolean;
  readonly #onReadyThresholdBytes: number;
  #listener: ClientStreamListener | null = null;
  #state: State = 'idle';
  /** Asked for before the stream below was started. */
  #permits = 0;
  /** Written, and not yet handed to the stream below. */
  #heldBytes = 0;
  #congested = false;
  #halfClosed = false;
  /** Whether the stream below was half-closed. */
  #halfCloseLeft = false;
  /** Whether a message was lost because the connection breaks before it. */
  #cut = false;
  /** Messages handed to the stream below that it has not told as written. */
  #unwritten = 0;
  /** Whether the stream below has ended, or never was: no onClose of its own is to come. */
  #innerEnded = true;
  #progress: StreamProgress = 'not-sent';

  constructor(
    host: FaultyStreamHost,
    inner: ClientStream,
    method: MethodDescriptor<unknown, unknown>,
    options: StreamOptions,
  ) {
    this.#host = host;
    this.#inner = inner;
    this.isBackground = options.isBackground;
    this.#sendsOneMessage = method.clientSendsOneMessage;
    this.#onReadyThresholdBytes = options.onReadyThresholdBytes;
  }

  /** Whether its headers have yet to leave. */
  get isHeld(): boolean {
    return this.#state === 'held';
  }

  /** Whether the peer may know of it. A call that sends one message leaves whole, once that is complete. */
  get #hasLeft(): boolean {
    return this.#state === 'open' && (!this.#sendsOneMessage || this.#halfCloseLeft);
  }

  start(headers: Metadata, listener: ClientStreamListener): void {
    if (this.#state !== 'idle') return;
    this.#state = 'held';
    this.#listener = listener;
    this.#host.onStreamStarted(this);
    this.#host.outbound.pass(() => this.#open(headers));
  }

  #open(headers: Metadata): void {
    if (this.#state !== 'held') return;
    this.#state = 'open';
    const refusal = this.#host.onHeadersLeaving();
    if (refusal !== null) {
      this.#progress = 'refused';
      // No listener method runs inside start.
      process.nextTick(() => this.#host.inbound.pass(() => this.#onPeerEnded(refusal, new Metadata(), 'refused')));
      return;
    }
    this.#innerEnded = false;
    this.#inner.start(headers, this);
    if (this.#permits > 0) this.#inner.request(this.#permits);
  }

  request(count: number): void {
    if (!this.#innerEnded) this.#inner.request(count);
    else if (this.#state === 'held') this.#permits = addPermits(this.#permits, count);
  }

  writeMessage(payload: Uint8Array, flags: WriteFlags): void {
    if (!this.#isWritable) return;
    this.#heldBytes += payload.length;
    this.#host.outbound.pass(() => this.#send(payload, flags));
    if (this.#heldBytes >= this.#onReadyThresholdBytes) this.#congested = true;
  }

  get #isWritable(): boolean {
    return !this.#halfClosed && (this.#state === 'held' || !this.#innerEnded);
  }

  #send(payload: Uint8Array, flags: WriteFlags): void {
    this.#heldBytes -= payload.length;
    if (this.#innerEnded || this.#state !== 'open') return;
    if (!this.#host.onSending(payload.length)) {
      this.#cut = true;
      return;
    }
    this.#unwritten += 1;
    this.#inner.writeMessage(payload, flags);
    if (this.#congested && this.isReady()) {
      this.#congested = false;
      this.onReady();
    }
  }

  halfClose(): void {
    if (!this.#isWritable) return;
    this.#halfClosed = true;
    this.#host.outbound.pass(() => this.#sendHalfClose());
  }

  #sendHalfClose(): void {
    if (this.#innerEnded || this.#state !== 'open' || this.#cut) return;
    this.#halfCloseLeft = true;
    this.#inner.halfClose();
  }

  cancel(reason: Status): void {
    if (this.#innerEnded) this.end(reason);
    else if (this.#state === 'open') {
      this.#state = 'ending';
      this.#inner.cancel(reason);
    }
  }

  /** The peer takes no new streams: ends this one if the peer cannot know of it. */
  onGoAway(reason: Status): void {
    if (!this.#hasLeft) this.cancel(reason);
  }

  /** The connection ends all its streams; that of the stream below, if there is one, is about to end that too. */
  end(reason: Status): void {
    if (this.#state !== 'held' && this.#state !== 'open') return;
    this.#state = 'ending';
    if (this.#innerEnded) process.nextTick(() => this.#close(reason, new Metadata(), this.#progress));
  }

  isReady(): boolean {
    const fits = this.#heldBytes < this.#onReadyThresholdBytes;
    return this.#state === 'open' && this.#isWritable && fits && this.#inner.isReady();
  }

  getAttributes(): Attributes {
    return this.#inner.getAttributes();
  }

  describeProgress(): string {
    return this.#state === 'held' ? 'held back by a fault' : this.#inner.describeProgress();
  }

  onHeaders(headers: Metadata): void {
    this.#tell((listener) => listener.onHeaders(headers));
  }

  onMessage(payload: Uint8Array): void {
    this.#tell((listener) => {
      if (!this.#host.onReceiving(payload.length)) return;
      listener.onMessage(payload);
      this.#host.onReceived();
    });
  }

  onReady(): void {
    this.#tell((listener) => listener.onReady());
  }

  onWritten(count: number): void {
    this.#unwritten -= count;
    this.#tell((listener) => listener.onWritten(count));
    this.#host.onSent(count);
  }

  onClosing(status: Status): void {
    this.#tell((listener) => listener.onClosing(status));
  }

  /** Whether what has come through reaches the call. */
  get #arrives(): boolean {
    return this.#state === 'open' && !this.#host.isBroken;
  }

  /** Tells the call when it has come through, if it is still there then. */
  #tell(event: (listener: ClientStreamListener) => void): void {
    const listener = this.#listener;
    this.#host.inbound.pass(() => {
      if (this.#arrives && listener !== null) event(listener);
    });
  }

  onClose(status: Status, trailers: Metadata, progress: StreamProgress): void {
    this.#innerEnded = true;
    this.#progress = progress;
    if (this.#state === 'ending') this.#close(status, trailers, progress);
    else this.#host.inbound.pass(() => this.#onPeerEnded(status, trailers, progress));
  }

  #onPeerEnded(status: Status, trailers: Metadata, progress: StreamProgress): void {
    if (this.#arrives) this.#close(status, trailers, progress);
  }

  #close(status: Status, trailers: Metadata, progress: StreamProgress): void {
    this.#state = 'closed';
    if (this.#unwritten > 0) this.#host.onSent(this.#unwritten);
    this.#listener?.onClose(status, trailers, progress);
    // After the listener, because the end of the last stream may be the end of the connection.
    this.#host.onStreamEnded(this);
  }
}
