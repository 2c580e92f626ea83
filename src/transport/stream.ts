/**
 * The stream contract: one RPC in bytes, both ends. Above: StreamClientCall, StreamServerCall, and whatever a channel puts
 * between (PendingStream). Below: the transports that implement it. test/transport/contract.ts states it as tests.
 *
 * What holds for every stream:
 * - Nothing throws for network reasons; after close every method is a silent no-op.
 * - Writing never waits: isReady() is the one brake, onReady says that it was released.
 * - At zero permits nothing is read; received messages wait, and a peer's close waits behind them. A local cancel, a lost
 *   connection and a broken message do not wait and drop them.
 * - No listener method runs inside start, writeMessage, halfClose, sendHeaders, close or cancel, nor inside another
 *   listener method of the same stream. request may deliver at once what already waits.
 * - onClose comes exactly once and last. A listener never throws: the call above is the wall for user code.
 */
import type { Attributes } from '../values/attributes.ts';
import type { Metadata } from '../values/metadata.ts';
import type { Status } from '../values/status.ts';

/** A small bit set of WriteFlag values; 0 for none. */
export type WriteFlags = number;

/** What a writer may ask for one message. */
export const WriteFlag: {
  readonly NO_COMPRESS: WriteFlags;
  readonly BUFFER_HINT: WriteFlags;
  readonly WRITE_THROUGH: WriteFlags;
} = Object.freeze({
  /** Send this message as it is, even if the stream has a compressor. */
  NO_COMPRESS: 1,
  /**
   * More will follow at once: an open stream holds the message until one without the hint, the end of the messages, or until
   * the ready threshold is queued; then all that is held leaves together. Source: grpc::WriteOptions buffer_hint.
   */
  BUFFER_HINT: 2,
  /**
   * Do not hold the message, whatever BUFFER_HINT says. There is nothing else to ask for: no message counts as written before
   * the network took it. Source: grpc::WriteOptions write_through.
   */
  WRITE_THROUGH: 4,
});

/** Whether a message with these flags may wait for the next one. */
export function isHeldBack(flags: WriteFlags): boolean {
  return (flags & (WriteFlag.BUFFER_HINT | WriteFlag.WRITE_THROUGH)) === WriteFlag.BUFFER_HINT;
}

/** Queued bytes at which a stream stops being ready, unless the call says otherwise. Source: grpc-java, 32 KiB. */
export const DEFAULT_ON_READY_THRESHOLD_BYTES: number = 32 * 1024;

/** One RPC in bytes, as both ends see it. */
export interface Stream {
  /** Adds permits (a whole number from 0 up, or Infinity): onMessage fires at most once per permit. */
  request(count: number): void;
  /** Queues a message; the bytes are the stream's from now on. Dropped once the stream has closed or the server has ended it. */
  writeMessage(payload: Uint8Array, flags: WriteFlags): void;
  /** False while the ready threshold (32 KiB) or more is queued, before the stream is open, and once it ended. */
  isReady(): boolean;
  /** Facts about the connection; empty until there is one. */
  getAttributes(): Attributes;
}

/** The client's end. Legal order: start, then anything; halfClose at most once. */
export interface ClientStream extends Stream {
  /** Opens the stream, now or when there is room. Keeps `headers` and leaves them as they are: they may be sent again. */
  start(headers: Metadata, listener: ClientStreamListener): void;
  /** No message will follow. */
  halfClose(): void;
  /** Ends the stream here and tells the peer by RST_STREAM(CANCEL) alone. `reason` is never OK. A second call does nothing. */
  cancel(reason: Status): void;
  /** What the stream is waiting for, in words for a deadline's description: `waiting for a stream slot`, `at 10.0.0.1:443`. */
  describeProgress(): string;
}

/** The server's end. Legal order: sendHeaders at most once, messages, close at most once. */
export interface ServerStream extends Stream {
  /** Sends the response headers; the first message needs them sent. Takes `headers` over. */
  sendHeaders(headers: Metadata): void;
  /** Ends the call with a status once everything queued is out; without headers, as Trailers-Only. Takes `trailers` over. */
  close(status: Status, trailers: Metadata): void;
  /**
   * Ends the call out of turn: drops what is queued, tells the peer `reason` by trailers where nothing is queued ahead of
   * them, else resets with CANCEL. onClose gets `reason`, which is never OK. A second call does nothing.
   */
  cancel(reason: Status): void;
  /** Whether messages of the response are compressed from now on; only before sendHeaders. The name is registered. */
  setCompression(name: string): void;
  /** Queued bytes at which the stream stops being ready. */
  setOnReadyThreshold(bytes: number): void;
  /** `:authority` (or `host`) of the request; null if it had none. */
  readonly authority: string | null;
  /** The request's `grpc-timeout` in milliseconds, counted from the arrival of the headers; null for none. */
  readonly timeoutMs: number | null;
}

/** What a stream tells. */
export interface StreamListener {
  /** A message. The view is never written to again. */
  onMessage(payload: Uint8Array): void;
  /** isReady() became true. May come late or too often: ask again. */
  onReady(): void;
  /** So many more messages passed flow control, in order; never counts one that was dropped. */
  onWritten(count: number): void;
}

/** What a client's stream tells. */
export interface ClientStreamListener extends StreamListener {
  /** The response headers: at most once, before any message; never for Trailers-Only. */
  onHeaders(headers: Metadata): void;
  /**
   * The end is settled: the server has ended the stream with `status`, by trailers or by a reset, but messages that came
   * before wait to be requested; onClose follows them. At most once, before onClose; not told when nothing waits, nor after a
   * cancel. Nothing that is written from here on goes out.
   */
  onClosing(status: Status): void;
  /** The end. Once, last. */
  onClose(status: Status, trailers: Metadata, progress: StreamProgress): void;
}

/** What a server's stream tells. */
export interface ServerStreamListener extends StreamListener {
  /** Whether the method lets the client send other than one message. */
  readonly clientStreams: boolean;
  /** The client will send no more; comes after the last message was delivered. */
  onHalfClose(): void;
  /** The end. Once, last. OK only if the whole response was handed over. */
  onClose(status: Status): void;
}

/**
 * What a retry may assume of a failed stream: nothing of it left this process; the connection was closing and did not take it;
 * the server's application did not see it; it may have been processed, or failed in a way that only a retry policy can judge, as
 * for want of a connection; or nothing left because this end would not have it so, and will not the next time.
 * Source: gRFC A6, transparent retries, io.grpc.internal.ClientStreamListener.RpcProgress.
 */
export type StreamProgress = 'not-sent' | 'not-taken' | 'refused' | 'processed' | 'dropped';
