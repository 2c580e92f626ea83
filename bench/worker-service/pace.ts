/**
 * When the next operation of a client begins: at once, or at random moments. Above: benchmark-client.ts makes one for all its
 * lanes. Below: timers. Holds: a lane has one operation at a time; an operation that is due while all lanes are busy
 * waits with its clock running; after stop no operation begins.
 */

/** Something that does one operation at a time. */
export interface Lane {
  /** Begins an operation that was due at this moment of performance.now(). */
  begin(dueMs: number): void;
}

/** Tells lanes when to begin. */
export interface Pace {
  /** The lane has nothing to do. Saying so again changes nothing. */
  onIdle(lane: Lane): void;
  stop(): void;
}

/** An operation begins when the one before it has ended. */
export class ClosedLoop implements Pace {
  #state: 'running' | 'stopped' = 'running';

  onIdle(lane: Lane): void {
    if (this.#state === 'running') lane.begin(performance.now());
  }

  stop(): void {
    this.#state = 'stopped';
  }
}

const TICK_MS = 1;
/** A timer is as late as this without anybody being slow. */
const LATE_MS = 2;

/** Operations come at random: a Poisson process. */
export class PoissonPace implements Pace {
  readonly #perMs: number;
  readonly #random: () => number;
  readonly #idle = new Set<Lane>();
  /** Moments of operations that wait for a lane. */
  readonly #waiting: number[] = [];
  readonly #timer: NodeJS.Timeout;
  #nextMs: number;

  /** So many a second on average. `random` is as Math.random. */
  constructor(perSecond: number, random: () => number = Math.random) {
    this.#perMs = perSecond / 1000;
    this.#random = random;
    this.#nextMs = performance.now() + this.#gapMs();
    this.#timer = setInterval(() => this.onTick(performance.now()), TICK_MS);
  }

  #gapMs(): number {
    return -Math.log(1 - this.#random()) / this.#perMs;
  }

  /** Makes due what is due by now. What is due between two ticks is due at the second, unless that comes late. */
  onTick(nowMs: number): void {
    while (this.#nextMs <= nowMs) {
      this.#waiting.push(nowMs - this.#nextMs > LATE_MS ? this.#nextMs : nowMs);
      this.#nextMs += this.#gapMs();
    }
    for (const lane of this.#idle) {
      const dueMs = this.#waiting.shift();
      if (dueMs === undefined) return;
      this.#idle.delete(lane);
      lane.begin(dueMs);
    }
  }

  onIdle(lane: Lane): void {
    const dueMs = this.#waiting.shift();
    if (dueMs === undefined) this.#idle.add(lane);
    else lane.begin(dueMs);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#waiting.length = 0;
  }
}
