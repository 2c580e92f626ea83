/**
 * The balancer contract: addresses become connections, and calls find one. Above: NamedConnections, which makes a balancer
 * with the first resolution and ends it when the channel goes idle. Below: pick-first.ts, round-robin.ts and the others, and
 * whatever users write in one file. Holds: a picker only looks up, it never waits, throws or connects; whatever it answers
 * may change only by a new picker. Source: io.grpc.LoadBalancer, gRFC A61, A62.
 */
import type { Http2Address } from '../../transport/http2/client-socket.ts';
import type { Clock } from '../../values/clock.ts';
import type { Metadata } from '../../values/metadata.ts';
import type { MethodDescriptor } from '../../values/method.ts';
import type { Status } from '../../values/status.ts';
import type { ConnectivityState } from '../connectivity.ts';
import type { Endpoint } from '../resolver/resolver.ts';

/** A connection over time to one address, as a balancer holds it. Starts IDLE. */
export interface BalancedSubchannel {
  readonly address: Http2Address;
  /** The state as of now. */
  state(): ConnectivityState;
  /** Why the last attempt failed; a bare UNAVAILABLE if none has. */
  readonly lastFailure: Status;
  /** In IDLE connects; in TRANSIENT_FAILURE as soon as its back-off is over, which else leads to IDLE. Else nothing happens. */
  requestConnection(): void;
  /** After a failure: starts the back-off anew and connects at once. */
  resetBackoff(): void;
  /** Takes no new calls; those that run go on. The listener hears nothing more. A second call does nothing. */
  shutdown(): void;
}

/** What a subchannel tells its balancer. */
export interface SubchannelStateListener {
  /**
   * The state has changed. May be told inside requestConnection and resetBackoff (CONNECTING, or TRANSIENT_FAILURE where no
   * attempt could be begun) and inside state() (IDLE, once a back-off is over); else on a stack of its own.
   */
  onSubchannelState(subchannel: BalancedSubchannel, state: ConnectivityState): void;
}

/** What a call is to a picker. */
export interface PickRequest {
  readonly method: MethodDescriptor<unknown, unknown>;
  /** The call's own, without what credentials add to them. To be read alone: they are sent as they are. */
  readonly headers: Metadata;
  /** How often this call was tried before. */
  readonly previousAttempts: number;
}

/** Follows calls that go to one place. Made once, for all of them. */
export interface CallTracker {
  /** One more call goes there. */
  onCallStarted(): void;
  /** One of them has ended; each that started ends once. */
  onCallEnded(status: Status): void;
}

/** A picker's answer: this connection. Made once for each, not for each call. */
export class Picked {
  readonly subchannel: BalancedSubchannel;
  /** Hears of the calls; null for nobody. */
  readonly tracker: CallTracker | null;

  constructor(subchannel: BalancedSubchannel, tracker: CallTracker | null = null) {
    this.subchannel = subchannel;
    this.tracker = tracker;
  }
}

/** A picker's answer: the call ends with `status`, though it waits for ready. Source: io.grpc PickResult.withDrop. */
export class Dropped {
  readonly status: Status;

  constructor(status: Status) {
    this.status = status;
  }
}

/**
 * Where a call goes: to a connection (if that is READY no more, the call is picked for anew), nowhere (Dropped), nowhere
 * unless it waits for ready (a Status, never OK), or null: it waits for the next picker.
 */
export type PickResult = Picked | Dropped | Status | null;

/** Finds a connection for each call. */
export interface Picker {
  pick(request: PickRequest): PickResult;
}

/** What a balancer may do. */
export interface BalancerHelper {
  readonly clock: Clock;
  /** Gives numbers from 0 up to 1. */
  readonly random: () => number;
  /**
   * A subchannel to one address of `endpoint`. Two to the same address are two connections. The one who made it shuts it
   * down.
   */
  newSubchannel(endpoint: Endpoint, address: Http2Address, listener: SubchannelStateListener): BalancedSubchannel;
  /** From now on the channel is in `state` and asks `picker`; calls that wait are picked for anew. Never SHUTDOWN. */
  update(state: ConnectivityState, picker: Picker): void;
  /** Asks for another resolution, as after a lost connection. */
  resolveAgain(): void;
}

/** One channel's balancing. */
export interface Balancer {
  /**
   * The addresses, and the balancer's own part of the service config, as its provider read it. Returns why it cannot use
   * them, or null; after a refusal the channel asks the resolver again. An empty list is such a case.
   */
  accept(endpoints: readonly Endpoint[], config: unknown): Status | null;
  /** The name could not be resolved. What was accepted before stays in use; without it calls fail with `reason`. */
  onResolutionFailure(reason: Status): void;
  /** Somebody wants a connection: what is IDLE connects. Asked only of a balancer that has said IDLE. */
  requestConnection(): void;
  /** What waits after a failure connects at once, with its back-off starting anew. */
  resetBackoff(): void;
  /** Ends it, with all its subchannels. Nothing is told afterwards. A second call does nothing. */
  shutdown(): void;
}

/** Makes balancers of one kind. */
export interface BalancerProvider {
  /** As in `loadBalancingConfig`, such as `round_robin`. */
  readonly name: string;
  /**
   * Whether subchannels are READY only while their server says so, where the service config names a service whose health
   * counts. Default: false, as for pick_first. Source: gRFC A17.
   */
  readonly heedsHealth?: boolean;
  /** Reads the policy's JSON object; what it returns is given to accept(). Throws TypeError, saying what is wrong with it. */
  readConfig(json: Readonly<Record<string, unknown>>, providers: BalancerProviders): unknown;
  newBalancer(helper: BalancerHelper): Balancer;
}

/** Balancers by name; for policies that have children. */
export interface BalancerProviders {
  get(name: string): BalancerProvider | null;
}

/** What a balancer with children is configured with for one of them: made of a `loadBalancingConfig` list. */
export interface ChosenBalancer {
  readonly provider: BalancerProvider;
  readonly config: unknown;
}
