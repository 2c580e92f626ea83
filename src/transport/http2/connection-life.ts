/**
 * ConnectionLife: how long a server keeps a connection. A pure machine, fed with times. Above: LifeWatch. Below: nothing.
 * Holds: each end is told once, in order: first the gentle one, for idleness or age, then by force, once calls have had their
 * grace. Idleness counts from the end of the last call, or from the start. Source: gRFC A9 "Server-side Connection Management".
 */

/** How long a server keeps a connection, in milliseconds; Infinity for no limit. */
export interface LifeLimits {
  /** Without calls. */
  readonly maxIdleMs: number;
  /** In all, before the jitter. */
  readonly maxAgeMs: number;
  /** For calls that are open once the age is reached. */
  readonly maxAgeGraceMs: number;
}

/** Connections that began together are not to end together. */
const JITTER = 0.1;

/** Spreads `ageMs` by a tenth either way; `random` is from 0 up to 1. */
export function jitteredAgeMs(ageMs: number, random: number): number {
  return ageMs * (1 - JITTER + 2 * JITTER * random);
}

/** What is to be done now: nothing, drain for idleness or for age, or end the calls that are left. */
export type LifeStep = 'wait' | 'max_idle' | 'max_age' | 'kill';

/** The machine. Times are those of one Clock, in milliseconds. */
export class ConnectionLife {
  readonly #maxIdleMs: number;
  readonly #oldMs: number;
  readonly #killMs: number;
  /** Since when there are no calls; null while there are. */
  #idleSinceMs: number | null;
  #state: 'young' | 'draining' | 'dead' = 'young';

  /** `random` is from 0 up to 1. */
  constructor(limits: LifeLimits, nowMs: number, random: number) {
    this.#maxIdleMs = limits.maxIdleMs;
    this.#oldMs = nowMs + jitteredAgeMs(limits.maxAgeMs, random);
    this.#killMs = this.#oldMs + limits.maxAgeGraceMs;
    this.#idleSinceMs = nowMs;
  }

  /** The first call has come, or the last has gone. */
  onInUse(inUse: boolean, nowMs: number): void {
    this.#idleSinceMs = inUse ? null : nowMs;
  }

  /** What is to be done now; it counts as done. */
  step(nowMs: number): LifeStep {
    if (this.#state === 'draining' && nowMs >= this.#killMs) {
      this.#state = 'dead';
      return 'kill';
    }
    if (this.#state !== 'young') return 'wait';
    const isOld = nowMs >= this.#oldMs;
    const isIdle = this.#idleSinceMs !== null && nowMs >= this.#idleSinceMs + this.#maxIdleMs;
    if (!isOld && !isIdle) return 'wait';
    this.#state = 'draining';
    return isOld ? 'max_age' : 'max_idle';
  }

  /**
   * When to look again; Infinity for never. While there are calls that is no later than an idleness that begins now would end,
   * so that calls that come and go move no timer.
   */
  nextLookMs(nowMs: number): number {
    if (this.#state === 'dead') return Number.POSITIVE_INFINITY;
    if (this.#state === 'draining') return this.#killMs;
    return Math.min(this.#oldMs, (this.#idleSinceMs ?? nowMs) + this.#maxIdleMs);
  }
}
