/**
 * PingStrikes: whether a client pings more often than a server permits. A pure machine, fed with times. Above:
 * Http2ServerTransport. Below: nothing. Holds: the first ping is always fine, and so is the first after the server has sent
 * something; two bad ones are forgiven. Sources: gRFC A8 "Server Enforcement"; io.grpc.internal.KeepAliveEnforcer.
 */

/** How often clients may ping. */
export interface PingPolicy {
  /** The least time between two pings while there are calls, or always with the next option; in milliseconds. */
  readonly permitTimeMs: number;
  /** Whether that is enough without calls; else two hours are. */
  readonly permitWithoutCalls: boolean;
}

const PERMIT_TIME_WITHOUT_CALLS_MS = 2 * 60 * 60 * 1000;
const FORGIVEN = 2;

/** Counts for one connection. Times are those of one Clock, in milliseconds. */
export class PingStrikes {
  readonly #policy: PingPolicy;
  /** When the last good ping came. */
  #goodMs = Number.NEGATIVE_INFINITY;
  #strikes = 0;

  constructor(policy: PingPolicy) {
    this.#policy = policy;
  }

  /** A ping has come; whether that is one too many. */
  onPing(nowMs: number, hasCalls: boolean): boolean {
    const { permitTimeMs, permitWithoutCalls } = this.#policy;
    const counts = hasCalls || permitWithoutCalls;
    const leastMs = counts ? Math.min(permitTimeMs, PERMIT_TIME_WITHOUT_CALLS_MS) : PERMIT_TIME_WITHOUT_CALLS_MS;
    if (nowMs >= this.#goodMs + leastMs) {
      this.#goodMs = nowMs;
      return false;
    }
    this.#strikes += 1;
    return this.#strikes > FORGIVEN;
  }

  /** Headers or messages were sent: pings around them are no burden. */
  onSent(): void {
    this.#goodMs = Number.NEGATIVE_INFINITY;
    this.#strikes = 0;
  }
}
