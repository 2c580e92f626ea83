/**
 * ManualClock: a Clock that stands still until a test moves it. Above: users' tests, through `halfclose/testing`, and
 * our own. Below: Clock. Holds: tasks fire in the order of their times, equal ones in the order in which they were
 * armed, each at its own time, and never inside schedule() or cancel(); time never goes back.
 */
import type { Clock, Timer, TimerTask } from '../values/clock.ts';

class ManualTimer {
  readonly task: TimerTask;
  readonly dueMs: number;

  constructor(task: TimerTask, dueMs: number) {
    this.task = task;
    this.dueMs = dueMs;
  }
}

/** A clock that is moved by hand. Give it to channel, server and deadline alike: each reads its own. */
export class ManualClock implements Clock {
  #nowMs: number;
  readonly #armed = new Set<ManualTimer>();

  /** `nowMs` is what it shows at first. */
  constructor(nowMs = 0) {
    this.#nowMs = nowMs;
  }

  now(): number {
    return this.#nowMs;
  }

  schedule(delayMs: number, task: TimerTask): Timer {
    const timer = new ManualTimer(task, this.#nowMs + Math.max(0, delayMs));
    this.#armed.add(timer);
    return timer;
  }

  /** As schedule: a clock that stands still keeps no process alive. */
  scheduleInBackground(delayMs: number, task: TimerTask): Timer {
    return this.schedule(delayMs, task);
  }

  cancel(timer: Timer | null): void {
    if (timer instanceof ManualTimer) this.#armed.delete(timer);
  }

  /** How many timers are armed. */
  get pending(): number {
    return this.#armed.size;
  }

  /** When the next timer fires, on this clock; Infinity for never. */
  get nextDueMs(): number {
    return this.#next()?.dueMs ?? Number.POSITIVE_INFINITY;
  }

  /**
   * Moves time on by `ms` and fires what becomes due, timers armed on the way included. What a timer brings about in a
   * call is heard of on a later tick: await it. Throws RangeError unless `ms` is a number from 0 up, and not Infinity.
   */
  advance(ms: number): void {
    const untilMs = this.#until(ms);
    while (this.#fireNext(untilMs)) {}
    this.#moveTo(untilMs);
  }

  /**
   * As advance, but lets the event loop turn before the first timer, after each, and at the end: timers that are armed
   * on a later tick get their time too. Within one process that is all there is to wait for; a network is not.
   */
  async advanceAsync(ms: number): Promise<void> {
    const untilMs = this.#until(ms);
    do await turn();
    while (this.#fireNext(untilMs));
    this.#moveTo(untilMs);
    await turn();
  }

  #until(ms: number): number {
    if (!(ms >= 0 && ms < Number.POSITIVE_INFINITY)) throw new RangeError(`time cannot be moved by ${ms} ms`);
    return this.#nowMs + ms;
  }

  #fireNext(untilMs: number): boolean {
    const next = this.#next();
    if (next === null || next.dueMs > untilMs) return false;
    this.#armed.delete(next);
    this.#moveTo(next.dueMs);
    next.task.onTimer();
    return true;
  }

  /** Forward only: a task may have moved the clock itself. */
  #moveTo(ms: number): void {
    this.#nowMs = Math.max(this.#nowMs, ms);
  }

  #next(): ManualTimer | null {
    let first: ManualTimer | null = null;
    for (const timer of this.#armed) if (first === null || timer.dueMs < first.dueMs) first = timer;
    return first;
  }
}

/** One turn of the event loop: every tick and promise that is due has run. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
