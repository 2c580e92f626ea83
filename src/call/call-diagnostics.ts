/**
 * What calls publish on node:diagnostics_channel: `halfclose.call.start`, `halfclose.call.retry`, `halfclose.call.end`. Above:
 * StreamClientCall, HedgedStream. Below: node:diagnostics_channel. Holds: each call that starts is told to start once, first, and
 * to end once, last; without subscribers a publication costs a comparison, and makes nothing.
 */
import { channel } from 'node:diagnostics_channel';
import type { MethodDescriptor } from '../values/method.ts';
import type { Status } from '../values/status.ts';
import type { ClientCall } from './client-call.ts';

/** On `halfclose.call.start`. The call is the same object in all messages about it. */
export interface CallStartMessage {
  readonly call: ClientCall<unknown, unknown>;
  readonly method: MethodDescriptor<unknown, unknown>;
}

/** On `halfclose.call.retry`: the call will be, or as a hedged copy is, sent once more. */
export interface CallRetryMessage extends CallStartMessage {
  /** How the attempt before it ended; null for a hedged copy, which waits for no end. */
  readonly status: Status | null;
  /** For how long it waits first, in milliseconds; 0 for the next turn of the event loop. */
  readonly pauseMs: number;
}

/** On `halfclose.call.end`, before the listener hears of it. */
export interface CallEndMessage extends CallStartMessage {
  readonly status: Status;
}

const starts = channel('halfclose.call.start');
const retries = channel('halfclose.call.retry');
const ends = channel('halfclose.call.end');

/** A call has started. Its type of messages is of no concern here, so that any call will do. */
export function publishCallStart(call: unknown, method: unknown): void {
  if (starts.hasSubscribers) starts.publish(about(call, method));
}

/** A call will be sent once more, `pauseMs` from now; `status` is null for a hedged copy. */
export function publishCallRetry(call: unknown, method: unknown, status: Status | null, pauseMs: number): void {
  if (!retries.hasSubscribers) return;
  retries.publish({ ...about(call, method), status, pauseMs } satisfies CallRetryMessage);
}

/** A call has ended, and its listener is about to hear of it. */
export function publishCallEnd(call: unknown, method: unknown, status: Status): void {
  if (ends.hasSubscribers) ends.publish({ ...about(call, method), status } satisfies CallEndMessage);
}

/** Subscribers know nothing of the types of a call's messages. */
function about(call: unknown, method: unknown): CallStartMessage {
  return {
    call: call as ClientCall<unknown, unknown>,
    method: method as MethodDescriptor<unknown, unknown>,
  };
}
