/**
 * What a server does about its connections beyond their calls: keepalive, pings that it permits, idleness, age. Above:
 * Http2ServerListener. Below: the machines that decide. Sources: gRFC A8, A9; io.grpc.netty.NettyServerBuilder for defaults.
 */
import type { LifeLimits } from './connection-life.ts';
import { completeKeepalive, type KeepaliveSettings } from './keepalive.ts';
import type { PingPolicy } from './ping-strikes.ts';

/** How a server finds out that a client is gone. */
export interface ServerKeepaliveOptions {
  /**
   * Asks a client for a sign of life once nothing was read for this long, in milliseconds; up to an eighth later. At least
   * 10,000: less is taken as that. Infinity: never. Default: two hours.
   */
  readonly timeMs?: number;
  /**
   * How long an answer, or anything else, may take, in milliseconds; at least 10. Then the connection is closed and its
   * calls end UNAVAILABLE. Default 20,000.
   */
  readonly timeoutMs?: number;
}

/** What a server may be told about connections. */
export interface ConnectionPolicyOptions {
  /** Whether clients are still there. Default: asked after two quiet hours. */
  readonly keepalive?: ServerKeepaliveOptions;
  /**
   * How often clients may send pings while they have calls: the least time between two, in milliseconds; 0 for no limit.
   * Whenever the server sends headers or a message the count begins anew. Two pings too many are forgiven, the third ends the
   * connection: GOAWAY with ENHANCE_YOUR_CALM and `too_many_pings`, and its calls end here RESOURCE_EXHAUSTED. Default
   * 300,000, five minutes.
   */
  readonly permitKeepaliveTimeMs?: number;
  /** Whether they may ping as often without calls; else every two hours. Default: false. */
  readonly permitKeepaliveWithoutCalls?: boolean;
  /**
   * Closes a connection that has had no call for this long, in milliseconds, at least 1000; its client is told `max_idle`.
   * Default: no limit.
   */
  readonly maxConnectionIdleMs?: number;
  /**
   * Closes a connection after this long, in milliseconds, at least 1000, spread by a tenth either way; its client is told
   * `max_age`, and open calls run to their end. Makes clients resolve names and spread anew. Default: no limit.
   */
  readonly maxConnectionAgeMs?: number;
  /** How long calls may still run then, in milliseconds from 0 up, before they end UNAVAILABLE. Default: no limit. */
  readonly maxConnectionAgeGraceMs?: number;
  /** Gives numbers from 0 up to 1, for the spread. Default: Math.random. */
  readonly random?: () => number;
}

/** ConnectionPolicyOptions with nothing left out. */
export interface ConnectionPolicy {
  /** Null for never. */
  readonly keepalive: KeepaliveSettings | null;
  readonly pings: PingPolicy;
  /** Null for no limits at all. */
  readonly life: LifeLimits | null;
  readonly random: () => number;
}

const KEEPALIVE_TIME_MS = 2 * 60 * 60 * 1000;
const PERMIT_TIME_MS = 5 * 60 * 1000;
const MIN_LIFE_MS = 1000;

/** Fills in defaults and bounds. Throws RangeError for what is no duration. */
export function completePolicy(options: ConnectionPolicyOptions): ConnectionPolicy {
  const keepalive = completeKeepalive({ timeMs: KEEPALIVE_TIME_MS, ...options.keepalive, permitWithoutCalls: true });
  const permitTimeMs = checked('permitKeepaliveTimeMs', options.permitKeepaliveTimeMs ?? PERMIT_TIME_MS, 0);
  const permitWithoutCalls = options.permitKeepaliveWithoutCalls ?? false;
  return {
    keepalive,
    pings: { permitTimeMs, permitWithoutCalls },
    life: lifeLimits(options),
    random: options.random ?? Math.random,
  };
}

function lifeLimits(options: ConnectionPolicyOptions): LifeLimits | null {
  const { POSITIVE_INFINITY: never } = Number;
  const { maxConnectionIdleMs = never, maxConnectionAgeMs = never, maxConnectionAgeGraceMs = never } = options;
  const limits: LifeLimits = {
    maxIdleMs: Math.max(MIN_LIFE_MS, checked('maxConnectionIdleMs', maxConnectionIdleMs, Number.MIN_VALUE)),
    maxAgeMs: Math.max(MIN_LIFE_MS, checked('maxConnectionAgeMs', maxConnectionAgeMs, Number.MIN_VALUE)),
    maxAgeGraceMs: checked('maxConnectionAgeGraceMs', maxConnectionAgeGraceMs, 0),
  };
  return limits.maxIdleMs === never && limits.maxAgeMs === never ? null : limits;
}

function checked(name: string, ms: number, least: number): number {
  if (!(ms >= least)) throw new RangeError(`${name} cannot be ${ms}`);
  return ms;
}
