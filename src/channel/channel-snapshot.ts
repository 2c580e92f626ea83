/** What `channel.inspect()` shows: plain data, made anew at each question. Above: users. Below: nothing. */
import type { TransportSnapshot } from '../transport/transport.ts';
import type { ConnectivityState } from './connectivity.ts';

/** One address over time. */
export interface SubchannelSnapshot {
  /** `host:port`, `unix:path` or a name. */
  readonly address: string;
  readonly state: ConnectivityState;
  /** Why the last attempt failed; null if none has since it last was READY. */
  readonly lastFailure: string | null;
  /** Until the next attempt may begin, in milliseconds; null unless in TRANSIENT_FAILURE. */
  readonly retryInMs: number | null;
  /** Its connections: the one in use, and older ones whose streams run out. */
  readonly transports: readonly TransportSnapshot[];
}

/** A call that has started and is not on any connection. */
export interface WaitingCallSnapshot {
  /** `/package.Service/Method`. */
  readonly path: string;
  /** What it waits for, in words. */
  readonly reason: string;
  readonly waitForReady: boolean;
  readonly waitingMs: number;
}

/** What a name led to last. */
export interface ResolutionSnapshot {
  /** How many addresses there are; null as long as none are known. */
  readonly addresses: number | null;
  /** Why the last resolution failed; null if it did not. */
  readonly failure: string | null;
}

/** What a channel is doing. */
export interface ChannelSnapshot {
  readonly target: string;
  readonly authority: string;
  readonly state: ConnectivityState;
  /** Null for a channel without a name to resolve, and in IDLE. */
  readonly resolution: ResolutionSnapshot | null;
  /** The balancer's name; null while there is none. */
  readonly balancer: string | null;
  readonly subchannels: readonly SubchannelSnapshot[];
  /** Calls that wait for a connection or for their credentials, oldest first. */
  readonly waitingCalls: readonly WaitingCallSnapshot[];
  /** Calls between two attempts. */
  readonly suspendedCalls: number;
}
