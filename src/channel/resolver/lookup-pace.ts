/**
 * LookupPace: when a name is looked up again. Above: DnsResolver, which owns the timer. Below: Backoff; pure.
 * Holds: after an answer the next lookup comes when it is asked for, yet not sooner than a least interval later, or by
 * itself where names are refreshed; after a failure it comes by itself, by the back-off, which asking does not shorten.
 * Source: grpc doc/naming.md, grpc doc/connection-backoff.md.
 */
import type { Backoff } from '../backoff.ts';

/** The pace of one name. All times are on the owner's clock, and Infinity is never. */
export class LookupPace {
  readonly #minIntervalMs: number;
  readonly #refreshMs: number;
  readonly #backoff: Backoff;
  #startedMs = 0;
  #dueMs = Number.POSITIVE_INFINITY;
  /** When asking may bring the next lookup about; never, but after an answer. */
  #earliestMs = Number.POSITIVE_INFINITY;

  constructor(minIntervalMs: number, refreshMs: number, backoff: Backoff) {
    this.#minIntervalMs = minIntervalMs;
    this.#refreshMs = refreshMs;
    this.#backoff = backoff;
  }

  /** When the next lookup is due. */
  get dueMs(): number {
    return this.#dueMs;
  }

  /** A lookup begins. */
  onStarted(nowMs: number): void {
    this.#startedMs = nowMs;
    this.#dueMs = Number.POSITIVE_INFINITY;
    this.#earliestMs = Number.POSITIVE_INFINITY;
  }

  /** It has gone well. */
  onAnswered(nowMs: number): void {
    this.#backoff.reset();
    this.#earliestMs = nowMs + this.#minIntervalMs;
    this.#dueMs = nowMs + this.#refreshMs;
  }

  /** It has failed. */
  onFailed(): void {
    this.#dueMs = this.#backoff.nextAttemptMs(this.#startedMs);
  }

  /** Somebody would like to know better. */
  onAsked(): void {
    this.#dueMs = Math.min(this.#dueMs, this.#earliestMs);
  }

  /** The next wait after a failure is the first again. */
  resetBackoff(): void {
    this.#backoff.reset();
  }
}
