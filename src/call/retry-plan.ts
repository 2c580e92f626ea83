/**
 * RetryPlan: whether a call whose attempt has failed is tried again, and when. Above: StreamClientCall, which waits and tries.
 * Below: RetryPolicy, RetryThrottle. Holds: pure, but for the throttle's tokens and one random number a wait; there are never
 * more attempts than the policy allows; what the call itself rules out (a response that has begun, a cancel, a deadline, a full
 * buffer) is not asked here. Source: gRFC A6 "Retry Policy", io.grpc.internal.RetriableStream.
 */
import type { Metadata } from '../values/metadata.ts';
import { Code, type Status } from '../values/status.ts';
import type { RetryPolicy } from './method-settings.ts';
import { NO_RETRY, readPushback } from './retry-metadata.ts';
import type { RetryThrottle } from './retry-throttle.ts';

/** For methods that say of themselves that they may be called twice, and of which nobody says more. */
export const IDEMPOTENT_RETRY: RetryPolicy = Object.freeze({
  maxAttempts: 3,
  initialBackoffMs: 100,
  maxBackoffMs: 1_000,
  backoffMultiplier: 2,
  retryableCodes: new Set<Code>([Code.UNAVAILABLE]),
});

/** ± 20 %. Source: gRFC A6 "Exponential Backoff". */
const JITTER = 0.2;

/** The attempts of one call. */
export class RetryPlan {
  readonly #policy: RetryPolicy;
  readonly #random: () => number;
  /** Begun so far. */
  #attempts = 1;
  /** Waits of the policy's own since the start, or since the server last said how long. */
  #backoffs = 0;

  /** `random` gives numbers from 0 up to 1. */
  constructor(policy: RetryPolicy, random: () => number) {
    this.#policy = policy;
    this.#random = random;
  }

  /** How many attempts there were before the latest. */
  get previousAttempts(): number {
    return this.#attempts - 1;
  }

  /** An attempt has failed. In how many milliseconds the next begins; null: the call has failed. */
  onFailure(status: Status, trailers: Metadata, throttle: RetryThrottle | null): number | null {
    const pushbackMs = readPushback(trailers);
    const isRetryable = this.#policy.retryableCodes.has(status.code);
    if (isRetryable || pushbackMs === NO_RETRY) throttle?.onFailure();
    if (!isRetryable || pushbackMs === NO_RETRY || throttle?.mayRetry === false) return null;
    if (this.#attempts >= this.#policy.maxAttempts) return null;
    this.#attempts += 1;
    if (pushbackMs === null) return this.#backoffMs();
    this.#backoffs = 0;
    return pushbackMs;
  }

  #backoffMs(): number {
    const { initialBackoffMs, maxBackoffMs, backoffMultiplier } = this.#policy;
    const wholeMs = Math.min(initialBackoffMs * backoffMultiplier ** this.#backoffs, maxBackoffMs);
    this.#backoffs += 1;
    return wholeMs * (1 - JITTER + 2 * JITTER * this.#random());
  }
}
