/**
 * Pauses: what a call that has no stream is waiting for. Above: StreamClientCall. Below: the clock, MethodSettingsSource. Holds:
 * a pause that was ended tells nothing; one that is over is dropped by its owner. Timers of pauses keep the process alive, as
 * somebody waits for the call.
 */
import type { Clock, Timer, TimerTask } from '../values/clock.ts';
import type { Status } from '../values/status.ts';
import type { MethodSettingsSource, SettingsWaiter } from './method-settings.ts';

/** Why a call has no stream. */
export interface Pause {
  /** In words, for a deadline's description. */
  describe(): string;
  /** The call goes on without it, or ends. */
  end(): void;
}

/** What a call hears. */
export interface PauseOwner {
  /** Time for the next stream. On a stack of its own. */
  onTurn(): void;
  /** Settings may be known, of a call that was started then. On a stack of its own. */
  onSettingsKnown(startedMs: number): void;
}

/** The wait before another attempt. */
export class BackoffPause implements Pause, TimerTask {
  readonly #owner: PauseOwner;
  readonly #clock: Clock;
  readonly #failure: Status;
  readonly #timer: Timer;

  constructor(owner: PauseOwner, clock: Clock, delayMs: number, failure: Status) {
    this.#owner = owner;
    this.#clock = clock;
    this.#failure = failure;
    this.#timer = clock.schedule(delayMs, this);
  }

  onTimer(): void {
    this.#owner.onTurn();
  }

  describe(): string {
    return `waiting to try again after ${this.#failure}`;
  }

  end(): void {
    this.#clock.cancel(this.#timer);
  }
}

/** The wait for what the channel is to know of the method. */
export class SettingsPause implements Pause, SettingsWaiter {
  readonly #owner: PauseOwner;
  readonly #source: MethodSettingsSource;
  readonly #startedMs: number;

  /** `startedMs` is when the call was started, on the call's clock. */
  constructor(owner: PauseOwner, source: MethodSettingsSource, startedMs: number) {
    this.#owner = owner;
    this.#source = source;
    this.#startedMs = startedMs;
    source.whenKnown(this);
  }

  onSettingsKnown(): void {
    this.#owner.onSettingsKnown(this.#startedMs);
  }

  describe(): string {
    return 'waiting for name resolution';
  }

  end(): void {
    this.#source.forget(this);
  }
}
