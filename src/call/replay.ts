/**
 * Replay: what a call has said so far, as long as it may have to be said again on another connection. Above:
 * StreamClientCall, which lets go of it once the response begins. Below: nothing. Holds: what is kept is bounded, for a call
 * and for all calls of its channel; a call that was refused is said again once, one that was never sent as often as it takes,
 * but not for ever. Source: gRFC A6 "Transparent Retries", io.grpc.internal.RetriableStream.
 */
import type { ClientStream, ClientStreamListener, StreamProgress, WriteFlags } from '../transport/stream.ts';
import type { Metadata } from '../values/metadata.ts';
import { addPermits } from '../values/permits.ts';
import { Code, type Status } from '../values/status.ts';

/** The most that is kept of one call, in bytes. Source: io.grpc.ManagedChannelBuilder.perRpcBufferLimit. */
const CALL_BUFFER_BYTES = 1024 * 1024;
/** The most that is kept of all calls of a channel, in bytes. Source: io.grpc.ManagedChannelBuilder.retryBufferSize. */
const CHANNEL_BUFFER_BYTES = 16 * 1024 * 1024;
/** What a message that is kept costs beside its own bytes. */
const MESSAGE_OVERHEAD_BYTES = 128;
/** How many streams of one call may come to nothing before they left. Source: io.grpc.internal.RetriableStream. */
const MAX_NEVER_SENT = 1_000;

/** What the calls of a channel keep between them. */
export interface ReplayBudget {
  keptBytes: number;
}

interface KeptMessage {
  readonly payload: Uint8Array;
  readonly flags: WriteFlags;
}

/** One call so far. */
export class Replay {
  readonly #headers: Metadata;
  readonly #budget: ReplayBudget;
  #messages: KeptMessage[] = [];
  #bytes = 0;
  #permits = 0;
  #wasRefused = false;
  #neverSent = 0;

  constructor(headers: Metadata, budget: ReplayBudget) {
    this.#headers = headers;
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
    return this.#bytes > CALL_BUFFER_BYTES || this.#budget.keptBytes > CHANNEL_BUFFER_BYTES;
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
    if (progress !== 'refused' || this.#wasRefused) return false;
    this.#wasRefused = true;
    return true;
  }

  /** Starts a stream for the call. */
  start(stream: ClientStream, listener: ClientStreamListener): void {
    stream.start(this.#headers, listener);
  }

  /** Says everything again; returns the permits, which are for the caller to ask for, last. */
  sayTo(stream: ClientStream, isHalfClosed: boolean): number {
    for (const { payload, flags } of this.#messages) stream.writeMessage(payload, flags);
    if (isHalfClosed) stream.halfClose();
    return this.#permits;
  }
}
