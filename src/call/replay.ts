/**
 * Replay: what a call has said so far, as long as it may have to be said again on another connection. Above:
 * StreamClientCall or HedgedStream, which let go of it once the response begins. Below: nothing. Holds: what is kept is bounded,
 * for a call and for all calls of its channel; of itself a call that was refused is said again once, one that no connection
 * took as often as it takes, but not for ever. Sources: gRFC A6 "Transparent Retries", io.grpc.internal.RetriableStream.
 */
import type { ClientStream, ClientStreamListener, StreamProgress, WriteFlags } from '../transport/stream.ts';
import type { Metadata } from '../values/metadata.ts';
import { addPermits } from '../values/permits.ts';
import { Code, type Status } from '../values/status.ts';
import { withPreviousAttempts } from './retry-metadata.ts';

/** Source: io.grpc.ManagedChannelBuilder.perRpcBufferLimit. */
const CALL_BUFFER_BYTES = 1024 * 1024;
/** Source: io.grpc.ManagedChannelBuilder.retryBufferSize. */
const CHANNEL_BUFFER_BYTES = 16 * 1024 * 1024;
/** What a message that is kept costs beside its own bytes. */
const MESSAGE_OVERHEAD_BYTES = 128;
/** How many streams of one call may come to nothing before they left. Source: io.grpc.internal.RetriableStream. */
const MAX_NEVER_SENT = 1_000;
/**
 * How many connections may say of one call, by their GOAWAY, that they did not take it. A6 counts that among the refusals, of
 * which it forgives one; but it is as safe as not to have sent (RFC 9113 §6.8), and servers that restart one after the other, or
 * age together, do it to a call more than once.
 */
const MAX_NOT_TAKEN = 25;

/** How much is kept of calls, lest they have to be said again. A call that says more is not tried again from then on. */
export interface ReplayLimits {
  /** Of one call, in bytes. Default: 1 MiB. */
  readonly perCallBytes?: number;
  /** Of all calls of a channel, in bytes. Default: 16 MiB. */
  readonly perChannelBytes?: number;
}

/** What the calls of a channel keep between them, and may. */
export class ReplayBudget {
  readonly perCallBytes: number;
  readonly perChannelBytes: number;
  keptBytes = 0;

  constructor(limits: ReplayLimits = {}) {
    this.perCallBytes = limits.perCallBytes ?? CALL_BUFFER_BYTES;
    this.perChannelBytes = limits.perChannelBytes ?? CHANNEL_BUFFER_BYTES;
  }
}

interface KeptMessage {
  readonly payload: Uint8Array;
  readonly flags: WriteFlags;
}

/** One call so far. */
export class Replay {
  readonly headers: Metadata;
  readonly #budget: ReplayBudget;
  #messages: KeptMessage[] = [];
  #bytes = 0;
  #permits = 0;
  #wasRefused = false;
  #neverSent = 0;
  #notTaken = 0;

  constructor(headers: Metadata, budget: ReplayBudget) {
    this.headers = headers;
    this.#budget = budget;
  }

  keepMessage(payload: Uint8Array, flags: WriteFlags): void {
    const bytes = payload.length + MESSAGE_OVERHEAD_BYTES;
    this.#messages.push({ payload, flags });
    this.#bytes += bytes;
    this.#budget.keptBytes += bytes;
  }

  keepPermits(count: number): void {
    this.#permits = addPermits(this.#permits, count);
  }

  /** Whether more is kept than may be. */
  get isFull(): boolean {
    return this.#bytes > this.#budget.perCallBytes || this.#budget.keptBytes > this.#budget.perChannelBytes;
  }

  /** The size of the largest message that is kept, in bytes; 0 for none. */
  get largestBytes(): number {
    return this.#messages.reduce((largest, { payload }) => Math.max(largest, payload.length), 0);
  }

  /** Gives back what it holds; the last call to it. */
  letGo(): void {
    this.#budget.keptBytes -= this.#bytes;
    this.#bytes = 0;
    this.#messages = [];
  }

  /**
   * Whether a stream that ended so may be begun anew. Only what its connection did may be different elsewhere: a limit, a
   * deadline or missing credentials would be the same.
   */
  mayFollow(status: Status, progress: StreamProgress): boolean {
    if (status.code !== Code.UNAVAILABLE) return false;
    if (progress === 'not-sent') {
      this.#neverSent += 1;
      return this.#neverSent <= MAX_NEVER_SENT;
    }
    if (progress === 'not-taken') {
      this.#notTaken += 1;
      return this.#notTaken <= MAX_NOT_TAKEN;
    }
    if (progress !== 'refused' || this.#wasRefused) return false;
    this.#wasRefused = true;
    return true;
  }

  /** Starts a stream for the call, behind `previousAttempts` others that may have reached a server. */
  start(stream: ClientStream, listener: ClientStreamListener, previousAttempts: number): void {
    stream.start(withPreviousAttempts(this.headers, previousAttempts), listener);
  }

  /** Says everything again; returns the permits, which are for the caller to ask for, last. */
  sayTo(stream: ClientStream, isHalfClosed: boolean): number {
    for (const { payload, flags } of this.#messages) stream.writeMessage(payload, flags);
    if (isHalfClosed) stream.halfClose();
    return this.#permits;
  }
}
