/**
 * Clock: now, and timers. The one source of time below the user, so that tests wind it by hand. Above: Deadline, calls,
 * transports, back-off. Holds: a task fires at most once, never before its time, never inside schedule() or cancel().
 */

/** What a timer calls: a long-lived object, so that arming one makes no closure. */
export interface TimerTask {
  /** The time has come. Runs on a stack of its own. */
  onTimer(): void;
}

/** An armed timer; opaque. */
export type Timer = object;

/** A monotonic clock with timers. Milliseconds throughout, fractions allowed. */
export interface Clock {
  /** Milliseconds since some fixed moment; never goes back. */
  now(): number;
  /**
   * Calls `task.onTimer()` once, `delayMs` from now (0 for a negative delay; `Infinity` never fires). A timer keeps the
   * process alive: whoever arms one cancels it when its reason is gone.
   */
  schedule(delayMs: number, task: TimerTask): Timer;
  /** As schedule, but the timer does not keep the process alive: for what nobody waits for. */
  scheduleInBackground(delayMs: number, task: TimerTask): Timer;
  /** Disarms a timer; null, a fired or a cancelled one is no error. */
  cancel(timer: Timer | null): void;
}

/** The longest delay that setTimeout takes; a longer one fires at once, so longer waits are made of legs. */
const LONGEST_LEG_MS = 2 ** 31 - 1;

class SystemTimer {
  readonly task: TimerTask;
  readonly dueMs: number;
  readonly isBackground: boolean;
  handle: ReturnType<typeof setTimeout> | undefined = undefined;

  constructor(task: TimerTask, delayMs: number, isBackground: boolean) {
    this.task = task;
    this.dueMs = performance.now() + delayMs;
    this.isBackground = isBackground;
  }

  arm(): void {
    const leftMs = Math.max(0, this.dueMs - performance.now());
    if (leftMs === Number.POSITIVE_INFINITY) return;
    // Rounded up: setTimeout cuts fractions off and would fire early.
    this.handle = setTimeout(legEnded, Math.min(Math.ceil(leftMs), LONGEST_LEG_MS), this);
    if (this.isBackground) this.handle.unref();
  }
}

function armed(timer: SystemTimer): Timer {
  timer.arm();
  return timer;
}

function legEnded(timer: SystemTimer): void {
  if (performance.now() < timer.dueMs) timer.arm();
  else timer.task.onTimer();
}

/** The process's own monotonic clock. */
export const SYSTEM_CLOCK: Clock = Object.freeze({
  now: (): number => performance.now(),
  schedule: (delayMs: number, task: TimerTask): Timer => armed(new SystemTimer(task, delayMs, false)),
  scheduleInBackground: (delayMs: number, task: TimerTask): Timer => armed(new SystemTimer(task, delayMs, true)),
  cancel(timer: Timer | null): void {
    if (timer instanceof SystemTimer) clearTimeout(timer.handle);
  },
});
