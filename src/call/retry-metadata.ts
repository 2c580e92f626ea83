/**
 * What client and server tell each other about retries, beside the call itself. Above: the plans of retries and hedges, Replay.
 * Below: Metadata. Holds: a user's own value never passes for the library's. Source: gRFC A6 "Server Pushback", "Exposed Retry
 * Metadata".
 */
import { Metadata } from '../values/metadata.ts';

const PUSHBACK = 'grpc-retry-pushback-ms';
const PREVIOUS_ATTEMPTS = 'grpc-previous-rpc-attempts';

const MAX_INT32 = 2 ** 31 - 1;

/** The server asks for no further attempt. */
export const NO_RETRY = -1;

/**
 * After how many milliseconds the server wants the next attempt; NO_RETRY for none at all, which is also what anything but
 * one number from 0 up means; null where it says nothing.
 */
export function readPushback(trailers: Metadata): number | null {
  const value = trailers.size === 0 ? undefined : trailers.get(PUSHBACK);
  if (value === undefined) return null;
  const delayMs = /^[0-9]{1,10}$/.test(value) ? Number(value) : NO_RETRY;
  return delayMs <= MAX_INT32 && trailers.getAll(PUSHBACK).length === 1 ? delayMs : NO_RETRY;
}

/** The same headers, for an attempt behind `count` others; those of the first attempt as they are. */
export function withPreviousAttempts(headers: Metadata, count: number): Metadata {
  return count === 0 ? headers : notePreviousAttempts(headers.clone(), count);
}

/** Writes into headers how many attempts there were before, in place of whatever stands there; nothing for the first. */
export function notePreviousAttempts(headers: Metadata, count: number): Metadata {
  if (count === 0) return headers;
  headers.delete(PREVIOUS_ATTEMPTS);
  // Not by set, which keeps the name from users.
  return headers.merge(Metadata.fromWire([PREVIOUS_ATTEMPTS, `${count}`]));
}
