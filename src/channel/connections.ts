/**
 * Connections: what a channel has below it, whether one address or a name with many. Above: ManagedChannel, which keeps the
 * calls. Below: DirectConnections, NamedConnections. Holds: pick only looks up; a change of what it answers is told by
 * onPicker, never inside pick; after shutdown nothing connects, and onTerminated comes once and last.
 */
import type { MethodSettingsSource } from '../call/method-settings.ts';
import type { ClientTransport, StreamOptions, StreamSource } from '../transport/transport.ts';
import type { MethodDescriptor } from '../values/method.ts';
import { Status } from '../values/status.ts';
import { Dropped, type PickRequest } from './balancer/balancer.ts';
import type { ChannelSnapshot } from './channel-snapshot.ts';
import type { ConnectivityState } from './connectivity.ts';

/** Where a call goes: a connection, and what makes its stream, which may be somebody who follows the call. */
export class TrackedTransport {
  readonly transport: ClientTransport;
  readonly source: StreamSource;

  constructor(transport: ClientTransport, source: StreamSource) {
    this.transport = transport;
    this.source = source;
  }
}

/**
 * Where a call goes: to this connection, nowhere (Dropped), nowhere unless it waits for ready (a Status), or null: it waits
 * for the next picker.
 */
export type ConnectionPick = ClientTransport | TrackedTransport | Dropped | Status | null;

/** The connection that was picked, or null. */
export function pickedOf(pick: ConnectionPick): ClientTransport | TrackedTransport | null {
  return pick === null || pick instanceof Status || pick instanceof Dropped ? null : pick;
}

/** How a call ends that was picked no connection; null if it waits. */
export function failureOf(pick: ConnectionPick, waitForReady: boolean): Status | null {
  if (pick instanceof Dropped) return pick.status;
  return pick instanceof Status && !waitForReady ? pick : null;
}

/** What a picker is asked with. */
export function pickRequest(
  method: MethodDescriptor<unknown, unknown>,
  { headers, previousAttempts }: StreamOptions,
): PickRequest {
  return { method, headers, previousAttempts };
}

/** What connections tell their channel. */
export interface ConnectionsListener {
  /** The state has changed. */
  onStateChanged(state: ConnectivityState): void;
  /** pick may answer otherwise: calls that wait are to be picked for anew. Comes behind onStateChanged. */
  onPicker(): void;
  /** Streams are open on any connection, or no more on any. */
  onInUse(inUse: boolean): void;
  /** Shut down, and every connection is gone. Once, last. */
  onTerminated(): void;
}

/** What a channel has below it. */
export interface Connections {
  /** What is known of the methods. */
  readonly settings: MethodSettingsSource;
  /** Where calls go, for people: a target or an address. */
  readonly target: string;
  /** Whether it is not known yet where the target leads. */
  readonly isResolving: boolean;
  /** The state as of now. */
  state(): ConnectivityState;
  pick(request: PickRequest): ConnectionPick;
  /** Whether streams may still be made of a connection that was picked before. */
  holds(transport: ClientTransport): boolean;
  /** Somebody needs a connection: leaves IDLE, and connects again once the wait after a failure is over. */
  requestConnection(): void;
  /** Nobody needs one any more. One that is being made is finished all the same. */
  withdrawRequest(): void;
  /** After a failure: connects at once, with the back-off starting anew. */
  resetBackoff(): void;
  /** Lets go of every connection, once its streams have ended, and of the addresses. */
  enterIdle(): void;
  /** Why the last attempt to connect failed, for a call that waits. */
  describeFailure(): string | null;
  /** No new connections; open streams run to their end. A second call does nothing. */
  shutdown(reason: Status): void;
  /** Ends every stream with `reason`. Also after shutdown. */
  shutdownNow(reason: Status): void;
  /** What is below the channel, for people. */
  inspect(): Pick<ChannelSnapshot, 'resolution' | 'balancer' | 'subchannels'>;
}
