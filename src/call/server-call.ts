/**
 * ServerCall: one RPC in messages, the server's end. Above: handlers, interceptors, stubs, reactors. Below:
 * StreamServerCall implements it. Names and rules: io.grpc.ServerCall, io.grpc.ServerCallHandler.
 */
import type { WriteFlags } from '../transport/stream.ts';
import type { Attributes } from '../values/attributes.ts';
import type { Deadline } from '../values/deadline.ts';
import type { Metadata } from '../values/metadata.ts';
import type { MethodDescriptor } from '../values/method.ts';
import type { Status } from '../values/status.ts';
import { warnOfFailure } from './failure-hooks.ts';

/**
 * One RPC. Legal order: sendHeaders, messages, close; close alone is fine. Once the client is gone everything is a silent
 * no-op; only the local order is enforced, by IllegalStateError.
 */
export abstract class ServerCall<Req, Res> {
  abstract readonly method: MethodDescriptor<Req, Res>;
  /** `:authority` of the request; null if it had none. */
  abstract readonly authority: string | null;
  /** When the client's patience ends; null if it set no deadline. */
  abstract readonly deadline: Deadline | null;

  /** As on the client: asks for `count` more messages. Throws RangeError for a negative or broken number. */
  abstract request(count: number): void;

  /** As on the client; false once close was called. */
  abstract isReady(): boolean;

  /** Sends the response headers and takes them over. Throws IllegalStateError on a second call and after close. */
  abstract sendHeaders(headers: Metadata): void;

  /**
   * Sends a message. On a method with one response a second message ends the call INTERNAL. If the message cannot be
   * serialized the call ends with the status of the error, or INTERNAL. `flags` is advice, as on the client.
   * Throws IllegalStateError before sendHeaders and after close.
   */
  abstract sendMessage(message: Res, flags?: WriteFlags): void;

  /**
   * Ends the call and takes `trailers` over. OK without a response where one is due becomes INTERNAL.
   * Throws IllegalStateError on a second call.
   */
  abstract close(status: Status, trailers: Metadata): void;

  /**
   * Ends the call out of turn: drops what is queued; the client hears `reason` where nothing is queued ahead of it, else a
   * bare reset. isCancelled() is true on return, onCancel follows on a later tick. From here on the other methods do nothing,
   * and throw only where the local order is broken. A second call does nothing, nor does one after the end.
   * Throws TypeError for OK, at any time. Source: grpc::ServerContext::TryCancel.
   */
  abstract cancel(reason: Status): void;

  /** Whether the call has failed: cancelled by either end, deadline passed, connection lost. True before onCancel comes. */
  abstract isCancelled(): boolean;

  /**
   * Chooses the compressor by name; falls back to identity when the client does not accept it.
   * Throws IllegalStateError after sendHeaders, TypeError for an unknown name.
   */
  abstract setCompression(name: string): void;

  /** Whether the messages sent from now on are compressed, if there is a compressor. Default: true. */
  abstract setMessageCompression(enabled: boolean): void;

  /** Bytes queued at which the call stops being ready. Default 32 KiB. Throws RangeError unless a whole number over 0. */
  abstract setOnReadyThreshold(bytes: number): void;

  /** Facts about the connection: addresses, TLS. */
  abstract getAttributes(): Attributes;

  /**
   * Tells the server's onHandlerError of an error that user code threw at this call, wherever that was; for faces, which
   * have callbacks of their own. The call itself goes on.
   */
  reportFailure(error: unknown): void {
    warnOfFailure(error, this.method.path);
  }
}

/**
 * What a call tells: messages as requested, onHalfClose after the last, onReady and onWritten at any time, and exactly one
 * of onComplete and onCancel, last. A method that throws ends the call UNKNOWN; its text stays here.
 * The bodies here are empty: override what you need. Source: io.grpc.ServerCall.Listener; onWritten is ours.
 */
export class ServerCallListener<Req> {
  /** A message; one per permit. One that cannot be parsed ends the call INTERNAL: onCancel follows. */
  onMessage(_message: Req): void {}
  /** The client will send no more. */
  onHalfClose(): void {}
  /** The call became ready, or may have. */
  onReady(): void {}
  /** So many more of our messages passed flow control, in order. */
  onWritten(_count: number): void {}
  /** The call was closed here and everything was handed over; no proof that the client got it. */
  onComplete(): void {}
  /** The call failed from outside, or was cancelled here. */
  onCancel(): void {}
}

/**
 * The user's service code for one method. Runs when the headers have come, before any message; returns who listens. A throw
 * closes the call with the error's status, or UNKNOWN without text.
 */
export type ServerCallHandler<Req, Res> = (call: ServerCall<Req, Res>, headers: Metadata) => ServerCallListener<Req>;
