/**
 * WoundClock: a Clock that moves only when a test winds it. Below: Clock. Holds: tasks fire in the order of their
 * times, each at its own time, and never inside schedule() or cancel().
 */
import type { Clock, Timer, TimerTask } from '../../src/values/clock.ts';

class WoundTimer {
  readonly task: TimerTask;
  readonly dueMs: number;

  constructor(task: TimerTask, dueMs: number) {
    this.task = task;
    this.dueMs = dueMs;
  }
}

export class WoundClock implements Clock {
  #nowMs: number;
  readonly #armed = new Set<WoundTimer>();

  constructor(nowMs = 0) {
    this.#nowMs = nowMs;
  }

  now(): number {
    return this.#nowMs;
  }

  schedule(delayMs: number, task: TimerTask): Timer {
    const timer = new WoundTimer(task, this.#nowMs + Math.max(0, delayMs));
    this.#armed.add(timer);
    return timer;
  }

  cancel(timer: Timer | null): void {
    if (timer instanceof WoundTimer) this.#armed.delete(timer);
  }

  /** How many timers are armed. */
  get armed(): number {
    return this.#armed.size;
  }

  /** When the next timer fires, on this clock; Infinity for never. */
  get nextDueMs(): number {
    return this.#next()?.dueMs ?? Number.POSITIVE_INFINITY;
  }

  /** Moves time on by `ms` and fires what becomes due, timers armed on the way included. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (let next = this.#next(); next !== undefined && next.dueMs <= untilMs; next = this.#next()) {
      this.#armed.delete(next);
      this.#nowMs = next.dueMs;
      next.task.onTimer();
    }
    this.#nowMs = untilMs;
  }

  #next(): WoundTimer | undefined {
    let first: WoundTimer | undefined;
    for (const timer of this.#armed) if (first === undefined || timer.dueMs < first.dueMs) first = timer;
    return first;
  }
}
