/**
 * Deadline: an instant on a monotonic clock by which an RPC must have ended. Above: CallOptions, calls, headers.
 * Below: Clock. A value: absolute, so that handing it on never extends it. Source: io.grpc.Deadline.
 */
import { type Clock, SYSTEM_CLOCK } from './clock.ts';

/** An instant in time. Immutable. */
export class Deadline {
  /** Milliseconds on `clock`. */
  readonly atMs: number;
  readonly clock: Clock;

  private constructor(atMs: number, clock: Clock) {
    this.atMs = atMs;
    this.clock = clock;
  }

  /**
   * The instant `timeoutMs` from now: fractions allowed, negative or zero for one that has passed already.
   * Throws RangeError for NaN; `Infinity` is a deadline that never comes.
   */
  static after(timeoutMs: number, clock: Clock = SYSTEM_CLOCK): Deadline {
    if (Number.isNaN(timeoutMs)) throw new RangeError('a timeout must be a number of milliseconds, not NaN');
    return new Deadline(clock.now() + timeoutMs, clock);
  }

  /** Milliseconds left; zero or negative once it has passed. */
  remainingMs(): number {
    return this.atMs - this.clock.now();
  }

  isExpired(): boolean {
    return this.remainingMs() <= 0;
  }

  isBefore(other: Deadline): boolean {
    // Two readings of one clock differ, and would turn round two deadlines that are closer than that.
    if (this.clock === other.clock) return this.atMs < other.atMs;
    return this.remainingMs() < other.remainingMs();
  }

  /** The earlier of two deadlines, either of which may be absent. */
  static earlier(a: Deadline | null, b: Deadline | null): Deadline | null {
    if (a === null) return b;
    if (b === null) return a;
    return b.isBefore(a) ? b : a;
  }
}
