/**
 * Backoff: how long to wait between connection attempts. Above: Subchannel, which owns the timer. Below: nothing; pure.
 * Holds: the wait counts from the start of the attempt that failed, so a slow failure has waited already; success
 * starts the sequence anew. Source: grpc doc/connection-backoff.md.
 */

/** The numbers of the sequence. */
export interface BackoffOptions {
  /** The first wait. Default: 1 s. */
  readonly initialMs?: number;
  /** What each wait is longer than the one before. Default: 1.6. */
  readonly multiplier?: number;
  /** The longest wait, before jitter. Default: 120 s. */
  readonly maxMs?: number;
  /** By which part of itself a wait may be shorter or longer. Default: 0.2. */
  readonly jitter?: number;
  /** Gives numbers from 0 up to 1. Default: Math.random. */
  readonly random?: () => number;
}

/** One sequence of waits: 1 s, 1.6 s, 2.56 s … 120 s, each ±20 %. */
export class Backoff {
  readonly #initialMs: number;
  readonly #multiplier: number;
  readonly #maxMs: number;
  readonly #jitter: number;
  readonly #random: () => number;
  #currentMs: number;

  constructor(options: BackoffOptions = {}) {
    this.#initialMs = options.initialMs ?? 1_000;
    this.#multiplier = options.multiplier ?? 1.6;
    this.#maxMs = options.maxMs ?? 120_000;
    this.#jitter = options.jitter ?? 0.2;
    this.#random = options.random ?? Math.random;
    this.#currentMs = this.#initialMs;
  }

  /**
   * When to try again after the attempt that began at `startedMs` has failed, on the same clock; may be in the past.
   * Each call goes one step on.
   */
  nextAttemptMs(startedMs: number): number {
    const waitMs = this.#currentMs * (1 + this.#jitter * (2 * this.#random() - 1));
    this.#currentMs = Math.min(this.#currentMs * this.#multiplier, this.#maxMs);
    return startedMs + waitMs;
  }

  /** The connection stands: the next wait is the first again. */
  reset(): void {
    this.#currentMs = this.#initialMs;
  }
}
