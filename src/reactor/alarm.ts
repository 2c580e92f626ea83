/**
 * Alarm: a timer that answers in any case, when its time has come or when it is called off. Above: users, who start
 * operations from it; these come from outside of any reaction, so a client's RPC needs a hold for them. Below: Clock.
 * Holds: each set is answered once, never inside set or cancel. Source: grpc::Alarm.
 *
 *   idle ─set→ armed ─its time→ idle
 *                └─cancel→ cancelled ─next tick→ idle
 */
import { type Clock, SYSTEM_CLOCK, type Timer, type TimerTask } from '../values/clock.ts';
import { IllegalStateError } from '../values/illegal-state-error.ts';
import { deadlineOf } from './deadlines.ts';

/** Told whether the time came (true) or the alarm was cancelled (false). What it throws is an uncaught exception. */
export type AlarmCallback = (ok: boolean) => void;

const NOBODY: AlarmCallback = () => {};

/** A timer that answers in any case. Once it has, it can be set again. */
export class Alarm {
  #state: 'idle' | 'armed' | 'cancelled' = 'idle';
  readonly #clock: Clock;
  #timer: Timer | null = null;
  #callback: AlarmCallback = NOBODY;
  /** These two are made once, so that setting an alarm makes no closure. */
  readonly #task: TimerTask = { onTimer: () => this.#onAnswered(true) };
  readonly #tick: () => void = () => this.#onAnswered(false);

  /** `clock` measures the wait from set on. Default: the process's own. */
  constructor(clock: Clock = SYSTEM_CLOCK) {
    this.#clock = clock;
  }

  /**
   * Calls `callback(true)` at `deadline`: an instant, in milliseconds since 1970. One that has passed, zero and negative
   * ones too, is answered soon, but not inside this method; `Infinity` only by cancel. Keeps the process alive until
   * then. Legal again inside the callback and ever after. Throws IllegalStateError while an answer is outstanding,
   * RangeError for NaN and an invalid Date. Source: grpc::Alarm::Set.
   */
  set(deadline: Date | number, callback: AlarmCallback): void {
    if (this.#state === 'armed') throw new IllegalStateError('set was called while the alarm was set');
    if (this.#state === 'cancelled')
      throw new IllegalStateError('set was called before the cancelled alarm had answered');
    const delayMs = deadlineOf(deadline) - Date.now();
    this.#state = 'armed';
    this.#callback = callback;
    this.#timer = this.#clock.schedule(delayMs, this.#task);
  }

  /**
   * Calls the callback with false, in the next tick; the clock has no part in it. Does nothing if the alarm is not set,
   * has answered or was cancelled. Source: grpc::Alarm::Cancel.
   */
  cancel(): void {
    if (this.#state !== 'armed') return;
    this.#state = 'cancelled';
    this.#clock.cancel(this.#timer);
    process.nextTick(this.#tick);
  }

  /** As cancel: who set the alarm is still answered. */
  [Symbol.dispose](): void {
    this.cancel();
  }

  /** Idle before the callback runs: it may set the alarm again, or throw. */
  #onAnswered(ok: boolean): void {
    const callback = this.#callback;
    this.#state = 'idle';
    this.#timer = null;
    this.#callback = NOBODY;
    callback(ok);
  }
}
