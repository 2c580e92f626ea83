/**
 * Keepalive: when to ask a quiet peer for a sign of life, and when to give it up. A pure machine, fed with times. Above:
 * KeepaliveWatch, at either end. Below: nothing. Holds: no question sooner than timeMs after something was last known to be
 * read, and none without calls unless that is permitted; a question once asked is waited for, calls or not.
 *
 *   dormant ⇄ watching ─quiet for timeMs→ asking ─quiet for timeMs and timeoutMs→ (given up)
 *                 └────────something was read────┘
 *
 * Sources: gRFC A8, A9; grpc doc/keepalive.md; io.grpc.internal.KeepAliveManager.
 */

/** Pings that find out whether the server is still there, and keep a quiet connection open along the way. */
export interface KeepaliveOptions {
  /**
   * Asks once nothing was read for this long, in milliseconds; up to an eighth later, because what was read is looked at and
   * not told. At least 10,000: less is taken as that. Infinity: never. Servers end connections that ask more often than they
   * permit: grpc's own permit it every 5 minutes, unless told otherwise.
   */
  readonly timeMs: number;
  /** How long an answer, or anything else, may take, in milliseconds; at least 10. Default 20,000. */
  readonly timeoutMs?: number;
  /** Whether to ask while there are no calls. Servers have to permit this too. Default: false. */
  readonly permitWithoutCalls?: boolean;
}

/** KeepaliveOptions with nothing left out, and within bounds. */
export type KeepaliveSettings = Required<KeepaliveOptions>;

const MIN_TIME_MS = 10_000;
const MIN_TIMEOUT_MS = 10;
const TIMEOUT_MS = 20_000;

/** In how many steps the quiet time is watched. */
const LOOKS = 8;

/** Fills in defaults and bounds; null for never. Throws RangeError for what is no duration. */
export function completeKeepalive(options: KeepaliveOptions | undefined): KeepaliveSettings | null {
  if (options === undefined) return null;
  const { timeMs, timeoutMs = TIMEOUT_MS, permitWithoutCalls = false } = options;
  for (const [name, ms] of Object.entries({ timeMs, timeoutMs })) {
    if (!(ms > 0)) throw new RangeError(`keepalive: ${name} cannot be ${ms}`);
  }
  if (timeMs === Number.POSITIVE_INFINITY) return null;
  return {
    timeMs: Math.max(timeMs, MIN_TIME_MS),
    timeoutMs: Math.max(timeoutMs, MIN_TIMEOUT_MS),
    permitWithoutCalls,
  };
}

/** What is to be done now: nothing, ask the peer, or give up the connection. */
export type KeepaliveStep = 'wait' | 'ask' | 'give-up';

type State = 'dormant' | 'watching' | 'asking';

/** The machine. Times are those of one Clock, in milliseconds. */
export class Keepalive {
  readonly #settings: KeepaliveSettings;
  #state: State;
  #inUse = false;
  /** When something was last known to be read. */
  #readMs: number;
  #askedMs = 0;

  constructor(settings: KeepaliveSettings, nowMs: number) {
    this.#settings = settings;
    this.#readMs = nowMs;
    this.#state = settings.permitWithoutCalls ? 'watching' : 'dormant';
  }

  /** Something was read, whatever it was. */
  onRead(nowMs: number): void {
    this.#readMs = nowMs;
    if (this.#state === 'asking') this.#watchOrRest();
  }

  /** The first call has come, or the last has gone. */
  onInUse(inUse: boolean): void {
    this.#inUse = inUse;
    if (this.#state !== 'asking') this.#watchOrRest();
  }

  #watchOrRest(): void {
    this.#state = this.#inUse || this.#settings.permitWithoutCalls ? 'watching' : 'dormant';
  }

  /** What is to be done now. After 'ask' the question counts as asked. */
  step(nowMs: number): KeepaliveStep {
    const { timeMs, timeoutMs } = this.#settings;
    if (this.#state === 'asking') return nowMs >= this.#askedMs + timeoutMs ? 'give-up' : 'wait';
    if (this.#state === 'dormant' || nowMs < this.#readMs + timeMs) return 'wait';
    this.#state = 'asking';
    this.#askedMs = nowMs;
    return 'ask';
  }

  /** When to look again whether something was read, and what is to be done; Infinity while nothing can be. */
  nextLookMs(nowMs: number): number {
    const { timeMs, timeoutMs } = this.#settings;
    if (this.#state === 'dormant') return Number.POSITIVE_INFINITY;
    const dueMs = this.#state === 'asking' ? this.#askedMs + timeoutMs : this.#readMs + timeMs;
    return Math.min(nowMs + timeMs / LOOKS, dueMs);
  }
}
