/**
 * DelayLine: one direction of a connection that can be slow or stand still. Above: FaultyTransport, whose streams share
 * two of them as they would share a socket. Below: Clock. Holds: what goes in comes out once, in order; at once if
 * nothing holds it up, else on a stack of its own, so that no listener method runs inside another.
 */
import type { Clock, Timer } from '../values/clock.ts';

/** What holds things up. */
export interface Traffic {
  readonly clock: Clock;
  /** Milliseconds that everything takes from now on. */
  readonly delayMs: number;
  /** Whether nothing moves. */
  readonly isStalled: boolean;
}

interface Held {
  readonly dueMs: number;
  readonly arrive: () => void;
}

/** Things on their way, in order. */
export class DelayLine {
  readonly #traffic: Traffic;
  readonly #held: Held[] = [];
  #timer: Timer | null = null;
  #isMoving = false;
  #moveDue = false;

  constructor(traffic: Traffic) {
    this.#traffic = traffic;
  }

  /** Calls `arrive` at once, or when it has come through. */
  pass(arrive: () => void): void {
    const { clock, delayMs, isStalled } = this.#traffic;
    if (this.#held.length === 0 && !this.#isMoving && !isStalled && delayMs === 0) {
      arrive();
      return;
    }
    const last = this.#held.at(-1)?.dueMs ?? Number.NEGATIVE_INFINITY;
    this.#held.push({ dueMs: Math.max(last, clock.now() + delayMs), arrive });
    this.#arm();
  }

  /** What held things up has changed. */
  onTrafficChanged(): void {
    this.#arm();
  }

  /** Loses all that is on its way. */
  clear(): void {
    this.#held.length = 0;
    this.#arm();
  }

  /** The first thing is due. For the clock. */
  onTimer(): void {
    this.#timer = null;
    this.#moveSoon();
  }

  #arm(): void {
    const { clock, isStalled } = this.#traffic;
    const head = this.#held[0];
    if (head === undefined || isStalled) {
      clock.cancel(this.#timer);
      this.#timer = null;
    } else if (head.dueMs <= clock.now()) {
      this.#moveSoon();
    } else {
      this.#timer ??= clock.schedule(head.dueMs - clock.now(), this);
    }
  }

  /** On a later tick: the one who asks may be inside a listener method, a clock that is moved by hand too. */
  #moveSoon(): void {
    if (this.#moveDue || this.#isMoving) return;
    this.#moveDue = true;
    process.nextTick(moveHeld, this);
  }

  /** Lets arrive what is due. */
  move(): void {
    this.#moveDue = false;
    this.#isMoving = true;
    while (!this.#traffic.isStalled) {
      const head = this.#held[0];
      if (head === undefined || head.dueMs > this.#traffic.clock.now()) break;
      this.#held.shift();
      head.arrive();
    }
    this.#isMoving = false;
    this.#arm();
  }
}

function moveHeld(line: DelayLine): void {
  line.move();
}
