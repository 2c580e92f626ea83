/**
 * RetryThrottle: keeps retries and hedges from burying a server that is in trouble. Above: StreamClientCall and its hedged
 * streams; one for all calls to a server. Below: nothing; pure. Holds: tokens stay between 0 and maxTokens; while half of them
 * or fewer are left nothing is tried again. First attempts always go. Source: gRFC A6 "Throttling Retry Attempts and Hedged RPCs".
 */

/** The numbers of a throttle, as in service config's `retryThrottling`. */
export interface RetryThrottling {
  /** Over 0, up to 1,000. */
  readonly maxTokens: number;
  /** What a success gives back; over 0. Three decimals count. */
  readonly tokenRatio: number;
}

/** A bucket of tokens. Starts full. */
export class RetryThrottle {
  /** All in thousandths of a token, which are whole numbers: sums of decimals are not exact. */
  readonly #most: number;
  readonly #perSuccess: number;
  #left: number;

  constructor({ maxTokens, tokenRatio }: RetryThrottling) {
    this.#most = thousandths(maxTokens);
    this.#perSuccess = thousandths(tokenRatio);
    this.#left = this.#most;
  }

  /** Whether something may be tried again now. */
  get mayRetry(): boolean {
    return this.#left > this.#most / 2;
  }

  /** An attempt failed with a code that would be retried, or the server asked for no retry. */
  onFailure(): void {
    this.#left = Math.max(0, this.#left - 1_000);
  }

  /** An attempt has gone well. */
  onSuccess(): void {
    this.#left = Math.min(this.#most, this.#left + this.#perSuccess);
  }
}

/** Three decimals count. The product of a number such as 1.001 lies a hair below the whole number. */
function thousandths(tokens: number): number {
  return Math.floor(tokens * 1_000 + 1e-6);
}
