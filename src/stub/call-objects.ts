/** The call objects of the promise style, as their users see them. Above: users. Below: stream-call.ts, unary-call.ts. */
import type { Metadata } from '../values/metadata.ts';
import type { Status } from '../values/status.ts';

/**
 * What every call object has. A call opens when the object is made. A rejection of its promises that nobody awaits does no
 * harm.
 */
export interface CallHandle extends AsyncDisposable {
  /**
   * The response's headers; empty for a call that ended OK without. Rejects with a StatusError when the call fails before
   * them.
   */
  readonly headers: Promise<Metadata>;
  /** The trailers, once the call has ended; empty when it ended here. Never rejects. */
  readonly trailers: Promise<Metadata>;
  /**
   * How the call ended. Never rejects. The end waits behind messages that were not asked for: while nobody reads, no more
   * than CallSettings.prefetch of them are.
   */
  readonly status: Promise<Status>;
  /**
   * Ends the call CANCELLED, with `reason` as cause, unless it has ended; what came and was not read is dropped. The
   * server hears of it, but not why. A second call does nothing.
   */
  cancel(reason?: unknown): void;
  /** Cancels the call unless it has ended, and waits for its end. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * The responses of a call, to be read once: `for await (const message of stream)`. At the end of a call that failed
 * every read throws a StatusError, after the messages that came before; when the call was cancelled or aborted here, at
 * once. Leaving the loop, in whatever way, cancels the call.
 */
export interface ResponseStream<Res> extends CallHandle {
  // Spelled out: TypeScript 5.4 knows no AsyncIterableIterator that says what it returns at the end.
  [Symbol.asyncIterator](): this;
  /** The next message. Several may be asked for at once; they are given in order. */
  next(): Promise<IteratorResult<Res, undefined>>;
  /** Leaves: what was not read is dropped, and the call is cancelled. */
  return(): Promise<IteratorResult<Res, undefined>>;
  /** As return, with a reason, which is thrown back. */
  throw(cause?: unknown): Promise<IteratorResult<Res, undefined>>;
}

/** What a call object has whose messages are sent by hand. */
export interface MessageSender<Req> {
  /**
   * Sends a message. True once the call is ready for the next one; false once it has ended and takes none, perhaps not
   * this one either. Why it ended its status says: a send never rejects. Messages that are sent without waiting are queued,
   * in order. Throws IllegalStateError after closeSend.
   */
  send(message: Req): Promise<boolean>;
  /** Whether the messages sent from now on are compressed; matters only with CallSettings.compression. Default: true. */
  setMessageCompression(enabled: boolean): void;
  /** No message will follow. A second call does nothing, nor does one after the end. */
  closeSend(): void;
}

/** A client-streaming call. */
export interface UploadCall<Req, Res> extends CallHandle, MessageSender<Req> {
  /** The response. Rejects with a StatusError. */
  readonly response: Promise<Res>;
}

/** A bidi call. Reading and writing are independent of each other. */
export interface DuplexCall<Req, Res> extends ResponseStream<Res>, MessageSender<Req> {}
