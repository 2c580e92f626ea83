/**
 * HedgingPlan: which copies of a hedged call are still to come. Above: HedgedStream, which makes them. Below: HedgingPolicy,
 * RetryThrottle. Holds: pure, but for the throttle's tokens; the first copy always goes, and never are there more than the policy
 * allows; once frozen no further copy comes. Source: gRFC A6 "Hedging Policy", io.grpc.internal.RetriableStream.
 */
import type { Metadata } from '../values/metadata.ts';
import type { Status } from '../values/status.ts';
import type { HedgingPolicy } from './method-settings.ts';
import { NO_RETRY, readPushback } from './retry-metadata.ts';
import type { RetryThrottle } from './retry-throttle.ts';

/**
 * What a copy's failure means: the call has failed with it (`fatal`), or the next copy begins so many milliseconds from now
 * and not when it would have (0: at once), or null: the copies that run decide.
 */
export type HedgeFailure = 'fatal' | number | null;

/** The copies of one call. */
export class HedgingPlan {
  readonly #policy: HedgingPolicy;
  #begun = 0;
  #frozen = false;

  constructor(policy: HedgingPolicy) {
    this.#policy = policy;
  }

  /** Whether a further copy may come. */
  get hasMore(): boolean {
    return !this.#frozen && this.#begun < this.#policy.maxAttempts;
  }

  /** From the start of a copy to the start of the next, in milliseconds. */
  get delayMs(): number {
    return this.#policy.delayMs;
  }

  /** The next copy is due: how many there were before it, or null if it does not go, nor does any other. */
  begin(throttle: RetryThrottle | null): number | null {
    if (this.#begun > 0 && throttle?.mayRetry === false) this.#frozen = true;
    if (!this.hasMore) return null;
    this.#begun += 1;
    return this.#begun - 1;
  }

  /** No further copy comes. */
  freeze(): void {
    this.#frozen = true;
  }

  /** A copy has failed, unanswered. */
  onFailure(status: Status, trailers: Metadata, throttle: RetryThrottle | null): HedgeFailure {
    const pushbackMs = readPushback(trailers);
    const isFatal = !this.#policy.nonFatalCodes.has(status.code);
    if (!isFatal || pushbackMs === NO_RETRY) throttle?.onFailure();
    if (isFatal) return 'fatal';
    if (pushbackMs === NO_RETRY) this.#frozen = true;
    return this.hasMore ? (pushbackMs ?? 0) : null;
  }
}
