/**
 * Messages over one http2 stream: what the client's and the server's end share. Above: Http2ClientStream and
 * Http2ServerStream extend it and add headers, trailers and the end. Below: framer, deframer, node:http2.
 * Holds: while received bytes wait that may not be delivered, the http2 stream is paused, so the rest stays in its window;
 * no listener method runs inside another; what passed flow control is counted only while the http2 stream is alive; what is
 * held for messages to follow is let go when the stream stops being ready.
 */
import type { Http2Stream } from 'node:http2';
import type { Compressor } from '../../framing/compressor.ts';
import { type DeframerSink, MessageDeframer } from '../../framing/message-deframer.ts';
import { type Frame, type FrameSink, MessageFramer, SplitFrame } from '../../framing/message-framer.ts';
import type { Attributes } from '../../values/attributes.ts';
import type { Status } from '../../values/status.ts';
import { isHeldBack, type Stream, type StreamListener, WriteFlag, type WriteFlags } from '../stream.ts';

/** Where the listeners on an http2 stream find the stream of ours that it belongs to: one property, no closures. */
const OWNER: unique symbol = Symbol('owner');

/** An http2 stream that belongs to a stream of ours. */
export interface OwnedHttp2Stream<Owner> {
  [OWNER]: Owner;
}

/** Ties an http2 stream to its owner. */
export function own(http2: Http2Stream, owner: Http2MessageStream): void {
  (http2 as unknown as OwnedHttp2Stream<Http2MessageStream>)[OWNER] = owner;
}

/**
 * Lets go of the owner of an http2 stream that has closed. node:http2: the session keeps its streams in a Map, so that closed ones
 * grow old in its dead tables (LinkedSet tells why); without an owner they do so alone, and the call with all it holds dies young.
 */
export function disown(http2: Http2Stream): void {
  (http2 as unknown as OwnedHttp2Stream<Http2MessageStream | null>)[OWNER] = null;
}

/** The owner of an http2 stream, of the kind that the caller knows it to be; null once it has closed. */
export function ownerOf<Owner extends Http2MessageStream>(http2: unknown): Owner | null {
  return (http2 as OwnedHttp2Stream<Owner | null>)[OWNER];
}

/** What http2 calls for each write. It keeps no owner alive: from 22 on a closed http2 stream still has its last callback. */
function writeDoneOf(http2: Http2Stream): (error?: Error | null) => void {
  return (error) => ownerOf<Http2MessageStream>(http2)?.onFrameWritten(error ?? null);
}

/** How many write callbacks of node's are at work, one within another. */
let writeCallbacks = 0;

/** Ends the sending side of an http2 stream, if it is not over. */
export function endSafely(http2: Http2Stream): void {
  // node:http2: end() from inside a write callback, of this stream or another, can wedge the session (nodejs/node#49147,
  // test/transport/http2/write-callback.test.ts).
  if (writeCallbacks > 0) process.nextTick(endNow, http2);
  else endNow(http2);
}

function endNow(http2: Http2Stream): void {
  if (!http2.destroyed && !http2.closed && !http2.writableEnded) http2.end();
}

function writeFrame(http2: Http2Stream, frame: Frame, done: (error?: Error | null) => void): void {
  if (!(frame instanceof SplitFrame)) {
    http2.write(frame, done);
    return;
  }
  // node:http2: a prefix that is not corked leaves in a DATA frame of its own (test/transport/http2/large-messages.test.ts).
  http2.cork();
  http2.write(frame.prefix);
  http2.write(frame.payload, done);
  http2.uncork();
}

/** Sends a frame and END_STREAM in one. */
export function endWithFrame(http2: Http2Stream, frame: Frame): void {
  if (!(frame instanceof SplitFrame)) {
    http2.end(frame);
    return;
  }
  // As in writeFrame; end() uncorks.
  http2.cork();
  http2.write(frame.prefix);
  http2.end(frame.payload);
}

/** Both directions of one call's messages. */
export abstract class Http2MessageStream implements Stream, FrameSink, DeframerSink {
  protected readonly framer: MessageFramer;
  protected readonly deframer: MessageDeframer;
  /** Null until the stream is opened. */
  protected http2: Http2Stream | null = null;
  protected listener: StreamListener;
  /** Queued bytes at which the stream stops being ready. */
  protected onReadyThresholdBytes: number;
  /** Frames that wait for the http2 stream, or for more of them. */
  protected unsent: Frame[] = [];
  /** Whether a listener method is running that is not fed by the deframer's own loop. */
  #notifying = false;
  /** Whether the queue has reached the threshold since the last onReady. */
  #congested = false;
  #unsentBytes = 0;
  /** How many of them, from the last on, are held for what follows. */
  #held = 0;
  /** How many messages the framer has, and how many of those, from the first on, may not be held for what follows. */
  #unframed = 0;
  #due = 0;
  /** One per stream, made with its first message: what http2 calls for each write. */
  #onWriteDone: ((error?: Error | null) => void) | null = null;

  protected constructor(
    listener: StreamListener,
    compressor: Compressor,
    maxInboundMessageBytes: number,
    onReadyThresholdBytes: number,
  ) {
    this.listener = listener;
    this.framer = new MessageFramer(this, compressor);
    this.deframer = new MessageDeframer(this, maxInboundMessageBytes);
    this.onReadyThresholdBytes = onReadyThresholdBytes;
  }

  /** Whether the stream takes part in the call no more: closed, or about to tell so. */
  protected abstract get isOver(): boolean;
  /** Whether messages may still be written. */
  protected abstract get isWritable(): boolean;
  /** Whether the http2 stream may be written to; frames wait in `unsent` while it may not. */
  protected abstract get isOpen(): boolean;
  abstract getAttributes(): Attributes;
  abstract onFramesEnd(): void;
  abstract onFramingFailure(status: Status): void;
  abstract onDeframed(midMessage: boolean): void;
  abstract onDeframingFailure(status: Status): void;

  request(count: number): void {
    if (this.isOver) return;
    this.deframer.request(count);
    this.deliver();
  }

  writeMessage(payload: Uint8Array, flags: WriteFlags): void {
    if (!this.isWritable) return;
    this.#unframed += 1;
    if (!isHeldBack(flags)) this.#due = this.#unframed;
    this.framer.write(payload, (flags & WriteFlag.NO_COMPRESS) === 0);
    this.checkCongestion();
  }

  /** Remembers to tell when the stream is ready again; what is held goes out, because the writer may wait for that. */
  protected checkCongestion(): void {
    if (this.queuedBytes < this.onReadyThresholdBytes) return;
    this.#congested = true;
    this.releaseHeld();
  }

  isReady(): boolean {
    return this.isOpen && this.isWritable && this.queuedBytes < this.onReadyThresholdBytes;
  }

  /** Bytes taken from the call and not yet handed to the network. */
  protected get queuedBytes(): number {
    return this.#unsentBytes + this.framer.pendingBytes + (this.http2?.writableLength ?? 0);
  }

  onFrame(frame: Frame): void {
    const isDue = this.#due > 0;
    if (isDue) this.#due -= 1;
    this.#unframed -= 1;
    if (isDue && this.isOpen && this.http2 !== null && this.unsent.length === 0) {
      this.#write(this.http2, frame);
      return;
    }
    if (this.unsent.length > 0) this.unsent.push(frame);
    // Not by push(), with which V8 makes room for 17: most calls have one.
    else this.unsent = [frame];
    this.#unsentBytes += frame.length;
    if (isDue || this.#congested) this.releaseHeld();
    else this.#held += 1;
  }

  /** What is held waits for nothing more. */
  protected releaseHeld(): void {
    this.#held = 0;
    this.flushUnsent();
  }

  /** Writes the frames that waited for the http2 stream, once that is open. */
  protected flushUnsent(): void {
    const { http2 } = this;
    const count = this.unsent.length - this.#held;
    if (!this.isOpen || http2 === null || count === 0) return;
    // node:http2: corked writes become as few DATA frames as there can be (test/transport/http2/buffer-hint.test.ts).
    http2.cork();
    for (const frame of this.unsent.splice(0, count)) {
      this.#unsentBytes -= frame.length;
      this.#write(http2, frame);
    }
    http2.uncork();
  }

  #write(http2: Http2Stream, frame: Frame): void {
    // node:http2: a write behind the peer's reset breaks the read side too: what waits there, and the end, are lost
    // (test/transport/contract-edges.ts).
    if (http2.closed || http2.destroyed) return;
    this.#onWriteDone ??= writeDoneOf(http2);
    writeFrame(http2, frame, this.#onWriteDone);
  }

  /** Takes the only frame that waits, to be sent along with the end of the stream; null unless there is just one. */
  protected takeOnlyUnsent(): Frame | null {
    if (this.unsent.length !== 1) return null;
    this.#held = 0;
    this.#unsentBytes = 0;
    return this.unsent.pop() ?? null;
  }

  protected dropUnsent(): void {
    if (this.unsent.length > 0) this.unsent = [];
    this.#held = 0;
    this.#unsentBytes = 0;
    this.framer.discard();
  }

  /** A frame has passed flow control, or never will. */
  onFrameWritten(error: Error | null): void {
    // node:http2: a reset stream calls back every pending write without an error (test/transport/http2/written.test.ts);
    // a callback counts only while the stream lives.
    if (error !== null || this.isOver || this.http2 === null || this.http2.closed || this.http2.destroyed) return;
    writeCallbacks += 1;
    this.notifyWritten();
    if (this.#congested && this.isReady()) {
      this.#congested = false;
      this.notify(onReady, 0);
    }
    writeCallbacks -= 1;
  }

  /** Calls a listener method so that what it causes is delivered after it has returned. */
  protected notify<A>(method: (listener: StreamListener, argument: A) => void, argument: A): void {
    this.#notifying = true;
    method(this.listener, argument);
    this.#notifying = false;
    this.deliver();
  }

  /** Tells that one more message passed flow control. */
  protected notifyWritten(): void {
    this.notify(onWritten, 1);
  }

  /** Tells that the stream may be written to. */
  protected notifyReady(): void {
    if (!this.isOver) this.notify(onReady, 0);
  }

  /** Bytes have come. */
  protected receive(chunk: Uint8Array): void {
    if (this.isOver) return;
    this.deframer.push(chunk);
    this.deliver();
  }

  /** Delivers what waits, unless a listener method is running: then the one who called it will. */
  protected deliver(): void {
    if (!this.#notifying && !this.isOver) this.deframer.deliver();
  }

  /** No bytes will come. */
  protected endOfInput(): void {
    this.deframer.end();
    this.deliver();
  }

  /** Hands over what node holds for a reader of a stream that is no more. */
  protected drainDestroyed(http2: Http2Stream): void {
    // node:http2: a reset destroys a paused stream with its unread data inside; read() still gives it
    // (test/transport/http2/reset-while-paused.test.ts).
    http2.removeAllListeners('data');
    for (let chunk: unknown = http2.read(); chunk !== null; chunk = http2.read()) {
      this.deframer.push(chunk as Uint8Array);
    }
  }

  onPayload(payload: Uint8Array): void {
    this.listener.onMessage(payload);
  }

  onDelivered(): void {
    const { http2 } = this;
    if (http2 === null || http2.destroyed) return;
    if (this.deframer.isStalled) {
      if (!http2.isPaused()) http2.pause();
    } else if (http2.isPaused()) {
      http2.resume();
    }
  }
}

function onWritten(listener: StreamListener, count: number): void {
  listener.onWritten(count);
}

function onReady(listener: StreamListener): void {
  listener.onReady();
}
