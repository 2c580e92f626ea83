/**
 * LifeWatch: does for one connection of a server what its ConnectionLife decides. Above: Http2ServerTransport. Below:
 * ConnectionLife. Holds: its timer, of which there is one at most, does not keep the process alive.
 */
import type { Clock, Timer } from '../../values/clock.ts';
import { ConnectionLife, type LifeLimits } from './connection-life.ts';

/** Whose connection it is. */
export interface LifeHost {
  /** The connection has been idle for too long, or is too old: calls that are open run to their end. Once. */
  onLifeOver(why: 'max_idle' | 'max_age'): void;
  /** The calls have had their grace. Once, and nothing after it. */
  onGraceOver(): void;
}

/** Watches one connection, from now on. */
export class LifeWatch {
  readonly #clock: Clock;
  readonly #machine: ConnectionLife;
  readonly #host: LifeHost;
  #timer: Timer | null = null;

  /** `random` is from 0 up to 1. */
  constructor(limits: LifeLimits, clock: Clock, random: number, host: LifeHost) {
    this.#clock = clock;
    this.#machine = new ConnectionLife(limits, clock.now(), random);
    this.#host = host;
    this.#rearm();
  }

  /** The first call has come, or the last has gone. The timer is left alone. */
  onInUse(inUse: boolean): void {
    this.#machine.onInUse(inUse, this.#clock.now());
  }

  /** The connection is over. */
  stop(): void {
    this.#clock.cancel(this.#timer);
    this.#timer = null;
  }

  /** Time to look. For the clock. */
  onTimer(): void {
    const step = this.#machine.step(this.#clock.now());
    this.#rearm();
    if (step === 'kill') this.#host.onGraceOver();
    else if (step !== 'wait') this.#host.onLifeOver(step);
  }

  #rearm(): void {
    const nowMs = this.#clock.now();
    const dueMs = this.#machine.nextLookMs(nowMs);
    this.#timer = dueMs === Number.POSITIVE_INFINITY ? null : this.#clock.scheduleInBackground(dueMs - nowMs, this);
  }
}
