/**
 * One end of a call within the process: what both ends share, which is the messages. Above: InProcessClientStream and
 * InProcessServerStream extend it and add headers, trailers and the end. Below: the other end, PayloadQueue.
 * Holds: nothing of one end runs inside a method of the other, but on a tick of its own, one for a whole burst; a payload
 * leaves the sender's queue when the receiver's window has room for it, and the window empties only as permits allow. So
 * readiness, onWritten and the order of events are those of HTTP/2.
 */
import type { Attributes } from '../../values/attributes.ts';
import { addPermits } from '../../values/permits.ts';
import { Status } from '../../values/status.ts';
import { isHeldBack, type Stream, type StreamListener, type WriteFlags } from '../stream.ts';
import { PayloadQueue } from './payload-queue.ts';

/** Bytes that an end takes in before they are asked for; one payload may go beyond it. HTTP/2's own default. */
const WINDOW_BYTES = 65_535;

/** One end of a call. */
export abstract class InProcessEnd implements Stream {
  protected listener: StreamListener;
  /** The other end; null until the two have met. */
  protected peer: InProcessEnd | null = null;
  /** Queued bytes at which the stream stops being ready. */
  protected onReadyThresholdBytes: number;
  readonly #maxInboundMessageBytes: number;
  /** Written, and not yet in the peer's window. */
  readonly #queue = new PayloadQueue();
  /** How many of these, from the last on, wait for what follows. */
  #held = 0;
  /** Received, and not yet delivered. */
  readonly #window = new PayloadQueue();
  #permits = 0;
  /** Whether what comes is thrown away. */
  #inputDropped = false;
  #inputEnded = false;
  #outputEnded = false;
  #flushDue = false;
  #congested = false;
  #delivering = false;
  /** Whether a listener method is running that deliver() did not call. */
  #notifying = false;

  protected constructor(listener: StreamListener, maxInboundMessageBytes: number, onReadyThresholdBytes: number) {
    this.listener = listener;
    this.#maxInboundMessageBytes = maxInboundMessageBytes;
    this.onReadyThresholdBytes = onReadyThresholdBytes;
  }

  /** Whether the end takes part in the call no more. */
  protected abstract get isOver(): boolean;
  /** Whether messages may still be written. */
  protected abstract get isWritable(): boolean;
  abstract getAttributes(): Attributes;
  /** Everything written is in the peer's window, and nothing will follow. Once. */
  protected abstract onOutputDrained(): void;
  /** Everything received was delivered, and nothing will follow. Once. */
  protected abstract onInputDrained(): void;
  /** Nothing will follow what was received, of which some waits for permits. Perhaps more than once. */
  protected abstract onInputHeld(): void;
  /** A message that came is too large. */
  protected abstract onOversized(status: Status): void;
  /** The first thing of a flush: what goes ahead of messages. */
  protected abstract flushHeaders(): void;

  request(count: number): void {
    if (this.isOver) return;
    this.#permits = addPermits(this.#permits, count);
    this.deliver();
  }

  writeMessage(payload: Uint8Array, flags: WriteFlags): void {
    if (!this.isWritable) return;
    this.#queue.push(payload);
    if (isHeldBack(flags)) this.#held += 1;
    else this.#release();
    this.checkCongestion();
  }

  /** Remembers to tell when the stream is ready again; what is held goes out, because the writer may wait for that. */
  protected checkCongestion(): void {
    if (this.#queue.bytes < this.onReadyThresholdBytes) return;
    this.#congested = true;
    this.#release();
  }

  /** What is held waits for nothing more. */
  #release(): void {
    this.#held = 0;
    this.flushSoon();
  }

  isReady(): boolean {
    return this.peer !== null && this.isWritable && this.#queue.bytes < this.onReadyThresholdBytes;
  }

  /** How many messages wait to be taken in by the peer. */
  protected get queuedMessages(): number {
    return this.#queue.length;
  }

  /** No message will follow what was written. */
  protected endOutput(): void {
    this.#outputEnded = true;
    this.#release();
  }

  /** Drops what was written and not taken in. */
  protected dropQueue(): void {
    this.#held = 0;
    this.#queue.clear();
  }

  /** Drops what was received and not delivered, and whatever may still come. */
  protected dropInput(): void {
    this.#inputDropped = true;
    this.#window.clear();
    this.peer?.flushSoon();
  }

  /** Hands over what waits, on the next tick. */
  protected flushSoon(): void {
    if (this.#flushDue || this.peer === null) return;
    this.#flushDue = true;
    process.nextTick(flush, this);
  }

  /** Hands over what waits, as far as the peer has room. */
  flush(): void {
    this.#flushDue = false;
    const { peer } = this;
    if (peer === null || this.isOver) return;
    this.flushHeaders();
    const written = this.#fill(peer);
    if (written > 0) {
      peer.deliver();
      this.notify(onWritten, written);
    }
    if (this.#congested && this.isReady()) {
      this.#congested = false;
      this.notify(onReady, 0);
    }
    if (this.#outputEnded && this.#queue.length === 0 && !this.isOver) {
      this.#outputEnded = false;
      this.onOutputDrained();
    }
  }

  /** How many messages the peer has taken; what it throws away passes at the pace of a window for each tick. */
  #fill(peer: InProcessEnd): number {
    let written = 0;
    let dropped = 0;
    while (!peer.isOver && peer.#window.bytes + dropped < WINDOW_BYTES && this.#queue.length > this.#held) {
      const before = this.#queue.bytes;
      const payload = this.#queue.shift();
      if (payload === null) break;
      written += 1;
      if (peer.#inputDropped) dropped += before - this.#queue.bytes;
      else peer.#window.push(payload);
    }
    if (dropped >= WINDOW_BYTES) this.flushSoon();
    return written;
  }

  /** The peer will send no more: onInputDrained follows what it sent. */
  protected endInput(): void {
    this.#inputEnded = true;
    this.deliver();
  }

  /** Delivers what waits, unless a listener method is running: then the one who called it will. */
  protected deliver(): void {
    if (this.#delivering || this.#notifying) return;
    this.#delivering = true;
    while (!this.isOver && this.#permits > 0) {
      const payload = this.#window.shift();
      if (payload === null) break;
      this.#permits -= 1;
      this.peer?.flushSoon();
      this.#deliverPayload(payload);
    }
    this.#delivering = false;
    if (!this.#inputEnded || this.isOver) return;
    if (this.#window.length > 0) {
      this.onInputHeld();
    } else {
      this.#inputEnded = false;
      this.onInputDrained();
    }
  }

  #deliverPayload(payload: Uint8Array): void {
    const limit = this.#maxInboundMessageBytes;
    if (payload.length <= limit) {
      this.listener.onMessage(payload);
    } else {
      const description = `gRPC message exceeds maximum size ${limit}: ${payload.length}`;
      this.onOversized(Status.RESOURCE_EXHAUSTED.withDescription(description));
    }
  }

  /** Calls a listener method so that what it causes is delivered after it has returned. */
  protected notify<A>(method: (listener: StreamListener, argument: A) => void, argument: A): void {
    if (this.isOver) return;
    this.#notifying = true;
    method(this.listener, argument);
    this.#notifying = false;
    this.deliver();
  }

  /** Tells that the stream may be written to. */
  notifyReady(): void {
    if (this.isWritable) this.notify(onReady, 0);
  }
}

function flush(end: InProcessEnd): void {
  end.flush();
}

function onWritten(listener: StreamListener, count: number): void {
  listener.onWritten(count);
}

function onReady(listener: StreamListener): void {
  listener.onReady();
}
