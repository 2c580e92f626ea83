/**
 * ClientCall: one RPC in messages, the client's end. Above: stubs, reactors, interceptors and users who want flow control
 * in their own hands. Below: StreamClientCall implements it. Names and rules: io.grpc.ClientCall.
 */
import type { WriteFlags } from '../transport/stream.ts';
import type { Attributes } from '../values/attributes.ts';
import type { Metadata } from '../values/metadata.ts';
import type { Status } from '../values/status.ts';
import { warnOfFailure } from './failure-hooks.ts';

/**
 * One RPC. `start` comes first; only `cancel` may come before it. No method blocks, and none throws for anything that
 * the network or the peer does: the listener hears of it. What the peer does never changes which methods are legal.
 */
export abstract class ClientCall<Req, Res> {
  /**
   * Starts the call and takes `headers` over. The listener hears nothing before start has returned.
   * Throws IllegalStateError on a second start (`Already started`) and after cancel (`call was cancelled`).
   */
  abstract start(listener: ClientCallListener<Res>, headers: Metadata): void;

  /**
   * Asks for `count` more messages; calls add up, 0 does nothing, Infinity means no inbound flow control. Without permits
   * nothing is read, and the peer feels it. Also after the end, without effect.
   * Throws IllegalStateError before start, RangeError for a negative or broken number.
   */
  abstract request(count: number): void;

  /**
   * Sends a message; queues it if it must. Dropped in silence once the call has ended, and behind the server's end. If the
   * message cannot be serialized or is over the limit, the call ends CANCELLED; the cause is then a StatusError that says
   * what became of the message. `flags` is advice, WriteFlag values or'ed together, default 0: an interceptor that passes on
   * the message alone loses no more than that.
   * Throws IllegalStateError before start, after halfClose and after cancel.
   */
  abstract sendMessage(message: Req, flags?: WriteFlags): void;

  /**
   * Whether a message would go out without much queueing: false while 32 KiB or more are queued. Advice: ignoring it costs
   * memory. For methods that send one message it may stay false. Throws IllegalStateError before start.
   */
  abstract isReady(): boolean;

  /** No message will follow. Throws IllegalStateError before start, on a second call and after cancel. */
  abstract halfClose(): void;

  /**
   * Ends the call CANCELLED unless it has ended already; messages not yet delivered are dropped. The server hears of
   * it, but not why: `description` and `cause` go to our own listener's onClose. Give at least one of them; with neither,
   * a process warning says so. A second cancel does nothing. After it only cancel and request are legal.
   */
  abstract cancel(description: string | null, cause?: unknown): void;

  /**
   * Whether the messages sent from now on are compressed; matters only when the call has a compressor. Default: true.
   * Throws IllegalStateError before start.
   */
  abstract setMessageCompression(enabled: boolean): void;

  /** Facts about the connection: addresses, TLS. Reliable from onHeaders or onClose on; empty before there is one. */
  abstract getAttributes(): Attributes;

  /**
   * Tells the channel's onListenerError of an error that user code threw at this call, wherever that was; for faces,
   * which have callbacks of their own. The call itself goes on.
   */
  reportFailure(error: unknown): void {
    warnOfFailure(error, 'without a channel');
  }
}

/**
 * What a call tells. Order: onHeaders at most once and before any message, onReady and onWritten at any time, onClose
 * exactly once and last. No method runs inside another, nor inside a method of the call other than request. A method that
 * throws ends the call CANCELLED with the error as cause. The bodies here are empty: override what you need.
 * Source: io.grpc.ClientCall.Listener; onWritten and onClosing are ours.
 */
export class ClientCallListener<Res> {
  /** The response headers; not for a response that is nothing but a status. */
  onHeaders(_headers: Metadata): void {}
  /** A message; one per permit. One that cannot be parsed ends the call CANCELLED, as one that cannot be sent does. */
  onMessage(_message: Res): void {}
  /** The call became ready, or may have. Never for methods whose client sends one message. */
  onReady(): void {}
  /** So many more of our messages passed flow control, in order. */
  onWritten(_count: number): void {}
  /**
   * The call's end is settled: the server has ended it with `status`, by trailers or by a reset, but messages that came
   * before wait to be requested; onClose follows them. At most once, before onClose; not told when nothing waits. Nothing
   * that is sent from here on goes out. A cancel still wins.
   */
  onClosing(_status: Status): void {}
  /** The end. `trailers` is empty when the peer sent none or the call ended here. */
  onClose(_status: Status, _trailers: Metadata): void {}
}
