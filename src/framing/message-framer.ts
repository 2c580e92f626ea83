/**
 * MessageFramer: payloads in, frames out: a 5-byte prefix and the payload, compressed if asked. Above: http2 streams.
 * Below: Compressor. Holds: frames leave in the order of write(); one compression is in flight at most, and what comes
 * later waits behind it; after onFramesEnd, onFramingFailure or discard() nothing follows; a large payload is not copied:
 * its frame is in two parts. Source: PROTOCOL-HTTP2 "Length-Prefixed-Message".
 *
 *   open --end()--> ending --the last frame is out: onFramesEnd--> closed
 *   open, ending --discard(); a failure: onFramingFailure--> closed
 */
import { invariant } from '../values/invariant.ts';
import { Status } from '../values/status.ts';
import { type CompressionCallback, type Compressor, IDENTITY, OFF_LOOP_THRESHOLD_BYTES } from './compressor.ts';

/** A frame in two parts: the payload is that of the message, not a copy. Its bytes belong one behind the other. */
export class SplitFrame {
  readonly prefix: Uint8Array;
  readonly payload: Uint8Array;
  /** Of both, in bytes. */
  readonly length: number;

  constructor(prefix: Uint8Array, payload: Uint8Array) {
    this.prefix = prefix;
    this.payload = payload;
    this.length = prefix.length + payload.length;
  }
}

/** Prefix and payload, in one piece where the payload is small. */
export type Frame = Uint8Array | SplitFrame;

/** Where frames go. May call any method of the framer from within. */
export interface FrameSink {
  onFrame(frame: Frame): void;
  /** end() was called and every frame is out. */
  onFramesEnd(): void;
  /** A message could not be framed. Once; nothing follows. */
  onFramingFailure(status: Status): void;
}

/** A message that waits, or is being compressed; a link of a list. */
interface PendingMessage {
  readonly payload: Uint8Array;
  /** Null to send it as it is. */
  readonly compressor: Compressor | null;
  next: PendingMessage | null;
}

/** Flag byte and length. */
const PREFIX_BYTES = 5;
/** The largest number that the length field holds. */
const MAX_PAYLOAD_BYTES = 2 ** 32 - 1;
/**
 * From so many bytes on a payload is not copied behind its prefix: the copy, and one more buffer for the garbage collector,
 * cost more than a frame in two parts. At 4 KiB they cost the same.
 */
export const SPLIT_THRESHOLD_BYTES: number = 8 * 1024;

/** Makes the frames of one direction of one stream. */
export class MessageFramer {
  readonly #sink: FrameSink;
  /** One per stream, made with the first message that is compressed off the event loop. */
  #onCompressed: CompressionCallback | null;
  /** Null for identity. */
  #compressor: Compressor | null;
  #state: 'open' | 'ending' | 'closed';
  /** The first message that waits; it stays here while it is being compressed. */
  #first: PendingMessage | null;
  #last: PendingMessage | null;
  #isCompressing: boolean;
  #pendingBytes: number;

  constructor(sink: FrameSink, compressor: Compressor) {
    this.#sink = sink;
    this.#onCompressed = null;
    this.#compressor = unlessIdentity(compressor);
    this.#state = 'open';
    this.#first = null;
    this.#last = null;
    this.#isCompressing = false;
    this.#pendingBytes = 0;
  }

  /** Payload bytes that were written and not yet given to the sink. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Chooses another compressor, for messages written from now on. A server learns it late, but before the first. */
  setCompressor(compressor: Compressor): void {
    this.#compressor = unlessIdentity(compressor);
  }

  /**
   * Frames a message and takes its bytes over: they must not change any more. The sink has the frame on return, unless a
   * compression off the event loop is due for this message or still runs for an earlier one. Empty messages are never
   * compressed. Dropped once closed; not legal after end().
   */
  write(payload: Uint8Array, compress: boolean): void {
    if (this.#state === 'closed') return;
    invariant(this.#state === 'open', 'a message was written to a framer after end()');
    if (payload.length > MAX_PAYLOAD_BYTES) {
      const description = `message too large ${payload.length} > ${MAX_PAYLOAD_BYTES}`;
      this.#fail(Status.RESOURCE_EXHAUSTED.withDescription(description));
      return;
    }
    const compressor = compress && payload.length > 0 ? this.#compressor : null;
    const isNext = this.#first === null;
    if (isNext && !isOffLoop(payload, compressor)) {
      this.#frame(payload, compressor);
      return;
    }
    this.#enqueue({ payload, compressor, next: null });
    if (isNext) this.#drain();
  }

  /** No message will follow: onFramesEnd comes behind what is pending, or at once. A second call does nothing. */
  end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    this.#endIfDrained();
  }

  /** Drops what is pending; nothing follows. */
  discard(): void {
    this.#state = 'closed';
    this.#first = null;
    this.#last = null;
    this.#isCompressing = false;
    this.#pendingBytes = 0;
  }

  #enqueue(message: PendingMessage): void {
    if (this.#last === null) this.#first = message;
    else this.#last.next = message;
    this.#last = message;
    this.#pendingBytes += message.payload.length;
  }

  #dequeue(message: PendingMessage): void {
    this.#first = message.next;
    if (message.next === null) this.#last = null;
    this.#pendingBytes -= message.payload.length;
  }

  /** Frames what waits, up to the next message that has to be compressed off the event loop. */
  #drain(): void {
    while (this.#first !== null && !this.#isCompressing) {
      const message = this.#first;
      if (message.compressor !== null && isOffLoop(message.payload, message.compressor)) {
        this.#compressLater(message.payload, message.compressor);
      } else {
        this.#dequeue(message);
        this.#frame(message.payload, message.compressor);
      }
    }
    this.#endIfDrained();
  }

  #endIfDrained(): void {
    if (this.#state !== 'ending' || this.#first !== null) return;
    this.#state = 'closed';
    this.#sink.onFramesEnd();
  }

  #frame(payload: Uint8Array, compressor: Compressor | null): void {
    let frame: Frame;
    try {
      frame = compressor === null ? makeFrame(0, payload) : makeFrame(1, compressor.compress(payload));
    } catch (error) {
      this.#fail(notFramed(error));
      return;
    }
    this.#sink.onFrame(frame);
  }

  #compressLater(payload: Uint8Array, compressor: Compressor): void {
    this.#isCompressing = true;
    this.#onCompressed ??= (error, bytes): void => this.#onCompression(error, bytes);
    try {
      compressor.compressLater(payload, this.#onCompressed);
    } catch (error) {
      this.#fail(notFramed(error));
    }
  }

  #onCompression(error: Error | null, bytes: Uint8Array | null): void {
    // Not so after a discard: the outcome comes too late.
    if (!this.#isCompressing || this.#first === null) return;
    this.#isCompressing = false;
    this.#dequeue(this.#first);
    let frame: Frame;
    try {
      if (bytes === null) throw error;
      frame = makeFrame(1, bytes);
    } catch (thrown) {
      this.#fail(notFramed(thrown));
      return;
    }
    this.#sink.onFrame(frame);
    this.#drain();
  }

  #fail(status: Status): void {
    this.discard();
    this.#sink.onFramingFailure(status);
  }
}

function unlessIdentity(compressor: Compressor): Compressor | null {
  return compressor.name === IDENTITY.name ? null : compressor;
}

function isOffLoop(payload: Uint8Array, compressor: Compressor | null): boolean {
  return compressor !== null && payload.length > OFF_LOOP_THRESHOLD_BYTES;
}

function notFramed(cause: unknown): Status {
  return Status.INTERNAL.withDescription('Failed to frame message').withCause(cause);
}

/** One copy at most. Throws RangeError for more bytes than the length field can hold. */
function makeFrame(flag: 0 | 1, bytes: Uint8Array): Frame {
  const isSplit = bytes.length >= SPLIT_THRESHOLD_BYTES;
  const frame = Buffer.allocUnsafe(isSplit ? PREFIX_BYTES : PREFIX_BYTES + bytes.length);
  frame[0] = flag;
  frame.writeUInt32BE(bytes.length, 1);
  if (isSplit) return new SplitFrame(frame, bytes);
  frame.set(bytes, PREFIX_BYTES);
  return frame;
}
