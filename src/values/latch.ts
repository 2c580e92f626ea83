/**
 * Latch: something that happens once, and who waits for it, each for a limited time. Above: Server and the channels,
 * for awaitTermination. Below: Clock. Holds: each waiter is told once, and its timer is gone when it has been.
 */
import type { Clock, Timer } from './clock.ts';

/** Told whether it happened (true) or the time was up (false). */
export type LatchCallback = (happened: boolean) => void;

class Waiter {
  readonly callback: LatchCallback;
  readonly #latch: Set<Waiter>;
  timer: Timer | null = null;

  constructor(latch: Set<Waiter>, callback: LatchCallback) {
    this.#latch = latch;
    this.callback = callback;
  }

  onTimer(): void {
    this.#latch.delete(this);
    this.callback(false);
  }
}

/** An event that happens at most once. */
export class Latch {
  readonly #clock: Clock;
  readonly #waiters = new Set<Waiter>();
  #happened = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get happened(): boolean {
    return this.#happened;
  }

  /** It happens: everybody who waits is told, in the order of their coming. A second call does nothing. */
  open(): void {
    if (this.#happened) return;
    this.#happened = true;
    for (const waiter of this.#waiters) {
      this.#clock.cancel(waiter.timer);
      waiter.callback(true);
    }
    this.#waiters.clear();
  }

  /**
   * Tells `callback` when it happens, at once if it has, or after `timeoutMs`. `Infinity` waits for ever, without a
   * timer; zero or less never waits. Throws RangeError for NaN.
   */
  wait(timeoutMs: number, callback: LatchCallback): void {
    if (Number.isNaN(timeoutMs)) throw new RangeError('a timeout must be a number of milliseconds, not NaN');
    if (this.#happened || timeoutMs <= 0) {
      callback(this.#happened);
      return;
    }
    const waiter = new Waiter(this.#waiters, callback);
    if (timeoutMs !== Number.POSITIVE_INFINITY) waiter.timer = this.#clock.schedule(timeoutMs, waiter);
    this.#waiters.add(waiter);
  }
}
