/**
 * FaultyTransport: a client connection that a test can slow down, stall, break or drain. Above: channels; Faults, which
 * says what goes wrong. Below: the transport that it wraps, of any kind. Holds: the contract of transport/transport.ts;
 * without faults everything passes on the same stack. What ends here by our own side's will waits for no line.
 *
 *   idle ─start→ started ─shutdown, goAway, the peer's GOAWAY→ draining ─lose, last stream→ closed
 *
 * `#shutdownReason` is set from draining on; closed is when the transport below has told its end and every stream too.
 */
import type { ClientStream } from '../transport/stream.ts';
import type {
  ClientTransport,
  ClientTransportListener,
  StreamOptions,
  TransportSnapshot,
} from '../transport/transport.ts';
import type { Attributes } from '../values/attributes.ts';
import type { MethodDescriptor } from '../values/method.ts';
import type { Status } from '../values/status.ts';
import { DelayLine, type Traffic } from './delay-line.ts';
import { FaultyStream, type FaultyStreamHost } from './faulty-stream.ts';

/** Who says what goes wrong. */
export interface FaultSource extends Traffic {
  /** A connection begins; the status with which it fails, or null. */
  onConnecting(transport: FaultyTransport): Status | null;
  /** A connection is over. */
  onTerminated(transport: FaultyTransport): void;
  /** As in FaultyStreamHost. */
  readonly isBroken: boolean;
  onHeadersLeaving(): Status | null;
  onSending(bytes: number): boolean;
  onReceiving(bytes: number): boolean;
  onSent(count: number): void;
  onReceived(): void;
}

/** One client connection. */
export class FaultyTransport implements ClientTransport, ClientTransportListener, FaultyStreamHost {
  readonly outbound: DelayLine;
  readonly inbound: DelayLine;
  readonly #inner: ClientTransport;
  readonly #faults: FaultSource;
  readonly #streams = new Set<FaultyStream>();
  /** How many of them are calls of users. */
  #calls = 0;
  #listener: ClientTransportListener | null = null;
  #started = false;
  /** Why there are no new streams; null while there are. */
  #shutdownReason: Status | null = null;
  /** Whether this side has shut the connection down, which needs no word from the peer. */
  #shutDownHere = false;
  #innerTerminated = false;
  /** Whether the end of the transport below has come through. */
  #endArrived = false;

  constructor(inner: ClientTransport, faults: FaultSource) {
    this.#inner = inner;
    this.#faults = faults;
    this.outbound = new DelayLine(faults);
    this.inbound = new DelayLine(faults);
  }

  get attributes(): Attributes {
    return this.#inner.attributes;
  }

  get isBroken(): boolean {
    return this.#faults.isBroken;
  }

  newStream(method: MethodDescriptor<unknown, unknown>, options: StreamOptions): ClientStream {
    return new FaultyStream(this, this.#inner.newStream(method, options), method, options);
  }

  start(listener: ClientTransportListener): void {
    if (this.#started) return;
    this.#started = true;
    this.#listener = listener;
    const failure = this.#faults.onConnecting(this);
    // Ahead of any tick of the transport below, so that it never connects; not at once, because this is start.
    if (failure !== null) process.nextTick(() => this.lose(failure));
    this.#inner.start(this);
  }

  onReady(): void {
    this.inbound.pass(() => {
      if (this.#shutdownReason === null) this.#listener?.onReady();
    });
  }

  onShutdown(reason: Status): void {
    if (this.#shutdownReason === null) this.inbound.pass(() => this.#noNewStreams(reason));
  }

  onTerminated(): void {
    this.#innerTerminated = true;
    if (!this.#endArrived) this.inbound.pass(() => this.#onEndArrived());
    this.#terminateWhenEmpty();
  }

  #onEndArrived(): void {
    this.#endArrived = true;
    this.#terminateWhenEmpty();
  }

  #terminateWhenEmpty(): void {
    if (!this.#innerTerminated || this.#streams.size > 0) return;
    if (!this.#endArrived && !this.#shutDownHere) return;
    const listener = this.#listener;
    this.#listener = null;
    if (listener === null) return;
    this.#faults.onTerminated(this);
    listener.onTerminated();
  }

  #noNewStreams(reason: Status): void {
    if (this.#shutdownReason !== null) return;
    this.#shutdownReason = reason;
    this.#listener?.onShutdown(reason);
  }

  shutdown(reason: Status): void {
    this.#shutDownHere = true;
    this.#noNewStreams(reason);
    this.#drain();
    process.nextTick(() => this.#terminateWhenEmpty());
  }

  /** Shuts down below, as soon as every stream that has started here has started there. */
  #drain(): void {
    if (this.#shutdownReason === null) return;
    for (const stream of this.#streams) if (stream.isHeld) return;
    this.#inner.shutdown(this.#shutdownReason);
  }

  shutdownNow(reason: Status): void {
    this.#shutDownHere = true;
    this.lose(reason);
  }

  /** The connection breaks. */
  lose(reason: Status): void {
    this.#noNewStreams(reason);
    this.outbound.clear();
    this.inbound.clear();
    this.#endArrived = true;
    for (const stream of this.#streams) stream.end(reason);
    this.#inner.shutdownNow(reason);
    process.nextTick(() => this.#terminateWhenEmpty());
  }

  /** The peer takes no new streams: those that it knows go on, the others end with `reason`. */
  goAway(reason: Status): void {
    this.#noNewStreams(reason);
    for (const stream of this.#streams) stream.onGoAway(reason);
    this.#drain();
  }

  /** What holds things up has changed. */
  onTrafficChanged(): void {
    this.outbound.onTrafficChanged();
    this.inbound.onTrafficChanged();
  }

  get isFull(): boolean {
    return this.#inner.isFull;
  }

  inspect(): TransportSnapshot {
    return {
      ...this.#inner.inspect(),
      openStreams: this.#streams.size,
      shutdownReason: this.#shutdownReason?.toString() ?? null,
    };
  }

  /** Of the transport below, whose streams begin late and end early: this one counts its own. */
  onInUse(): void {}

  onStreamStarted(stream: FaultyStream): void {
    this.#streams.add(stream);
    if (!stream.isBackground) this.#calls += 1;
    if (!stream.isBackground && this.#calls === 1) this.#listener?.onInUse(true);
    if (this.#shutdownReason !== null) stream.end(this.#shutdownReason);
  }

  onHeadersLeaving(): Status | null {
    const refusal = this.#faults.onHeadersLeaving();
    if (this.#shutdownReason !== null) process.nextTick(() => this.#drain());
    return refusal;
  }

  onSending(bytes: number): boolean {
    return this.#faults.onSending(bytes);
  }

  onReceiving(bytes: number): boolean {
    return this.#faults.onReceiving(bytes);
  }

  onSent(count: number): void {
    this.#faults.onSent(count);
  }

  onReceived(): void {
    this.#faults.onReceived();
  }

  onStreamEnded(stream: FaultyStream): void {
    if (this.#streams.delete(stream) && !stream.isBackground) {
      this.#calls -= 1;
      if (this.#calls === 0) this.#listener?.onInUse(false);
    }
    this.#drain();
    this.#terminateWhenEmpty();
  }
}
