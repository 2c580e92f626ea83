/**
 * NamedConnections: a name's addresses, and the connections to them: resolver → balancer → subchannels. Above: ManagedChannel.
 * Below: a Resolver says where the name leads, a Balancer keeps connections there and picks, ManagedSubchannel is one address.
 * Holds: resolver and balancer live from the first request for a connection until idleness; balancers and resolvers are
 * users' code too: what they throw becomes a failure of the channel, never of the process; what an ended one says is not heard.
 *
 *   idle ─request→ active ─enterIdle→ idle
 *     └────────────────┴─shutdown→ shut down
 *
 * Source: io.grpc.internal.ManagedChannelImpl, gRFC A21 (which service config counts).
 */
import type { MethodSettingsSource } from '../call/method-settings.ts';
import type { Http2Address } from '../transport/http2/client-socket.ts';
import type { ClientTransport } from '../transport/transport.ts';
import type { Clock } from '../values/clock.ts';
import { Status } from '../values/status.ts';
import type { BackoffOptions } from './backoff.ts';
import {
  type BalancedSubchannel,
  type BalancerHelper,
  Dropped,
  Picked,
  type Picker,
  type PickRequest,
  type SubchannelStateListener,
} from './balancer/balancer.ts';
import { GracefulSwitch } from './balancer/graceful-switch.ts';
import type { ChannelSnapshot } from './channel-snapshot.ts';
import type { ConfigHolder } from './config-holder.ts';
import { type ConnectionPick, type Connections, type ConnectionsListener, TrackedTransport } from './connections.ts';
import type { ConnectivityState } from './connectivity.ts';
import { publishResolution } from './diagnostics.ts';
import { ManagedSubchannel, type SubchannelKeeper } from './managed-subchannel.ts';
import type { Endpoint, Resolution, Resolver, ResolverListener } from './resolver/resolver.ts';
import { TrackedSource } from './tracked-stream.ts';

/** What connections to a name are told at birth. */
export interface NamedConnectionsInit {
  /** For people. */
  readonly target: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly backoff: BackoffOptions;
  /** Makes a resolver for the name; it is not started yet. */
  readonly newResolver: () => Resolver;
  /** Makes a transport to one address; it is not started yet. */
  readonly newTransport: (endpoint: Endpoint, address: Http2Address) => ClientTransport;
  /** Which service config counts. */
  readonly config: ConfigHolder;
  readonly listener: ConnectionsListener;
}

/** Connections to a name. Start idle. */
export class NamedConnections implements Connections, ResolverListener, SubchannelKeeper {
  readonly settings: MethodSettingsSource;
  readonly target: string;
  readonly clock: Clock;
  readonly backoff: BackoffOptions;
  readonly #init: NamedConnectionsInit;
  readonly #config: ConfigHolder;
  #mode: 'idle' | 'active' | 'shut-down' = 'idle';
  #state: ConnectivityState = 'IDLE';
  /** Null while calls can only wait. */
  #picker: Picker | null = null;
  #resolver: Resolver | null = null;
  /** Null until there are addresses, and again where no balancer could say what is wrong. */
  #balancer: GracefulSwitch | null = null;
  /** Whether the balancer is telling us something; it is asked nothing meanwhile. */
  #updating = false;
  /** Every subchannel that has not terminated. */
  readonly #subchannels = new Set<ManagedSubchannel>();
  #inUse = 0;
  #addresses: number | null = null;
  #resolutionFailure: Status | null = null;
  /** Why calls failed last, for those that wait. */
  #lastFailure: Status | null = null;
  #terminated = false;

  constructor(init: NamedConnectionsInit) {
    this.#init = init;
    this.target = init.target;
    this.clock = init.clock;
    this.backoff = init.backoff;
    this.#config = init.config;
    this.settings = init.config;
    init.config.onAsked = (): void => this.requestConnection();
  }

  get isResolving(): boolean {
    return this.#mode === 'active' && this.#addresses === null && this.#resolutionFailure === null;
  }

  state(): ConnectivityState {
    return this.#state;
  }

  pick(request: PickRequest): ConnectionPick {
    if (this.#picker === null) return null;
    const pick = pickOf(this.#picker, request);
    if (pick instanceof Status) this.#lastFailure = pick;
    if (!(pick instanceof Picked)) return pick;
    const transport = transportOf(pick.subchannel);
    // No more READY, which the balancer is about to hear: the call waits for its next picker.
    if (transport === null || pick.tracker === null) return transport;
    return new TrackedTransport(transport, new TrackedSource(transport, pick.tracker));
  }

  holds(transport: ClientTransport): boolean {
    for (const subchannel of this.#subchannels) if (subchannel.holds(transport)) return true;
    return false;
  }

  requestConnection(): void {
    if (this.#mode === 'idle') this.#leaveIdle();
    // In any other state a balancer is at it, or knows when it will be.
    else if (this.#state !== 'IDLE') return;
    else if (this.#updating) process.nextTick(askBalancer, this);
    else this.askBalancer();
  }

  /** For the tick after the balancer said something. */
  askBalancer(): void {
    if (this.#mode === 'active') this.#balancer?.requestConnection();
  }

  withdrawRequest(): void {
    // A balancer decides for itself when to connect again; its timers keep no process alive.
  }

  #leaveIdle(): void {
    this.#mode = 'active';
    this.#update('CONNECTING', null);
    const resolver = this.#init.newResolver();
    this.#resolver = resolver;
    resolver.start(this.#listenTo(resolver));
  }

  /** A resolver that was ended is not heard any more. */
  #listenTo(resolver: Resolver): ResolverListener {
    return {
      onResolution: (resolution) => {
        if (this.#resolver === resolver) this.onResolution(resolution);
      },
      onFailure: (reason) => {
        if (this.#resolver === resolver) this.onFailure(reason);
      },
    };
  }

  onResolution({ endpoints, serviceConfig }: Resolution): void {
    this.#addresses = endpoints.length;
    this.#resolutionFailure = null;
    publishResolution(this.target, endpoints.length, null);
    const fault = this.#config.accept(serviceConfig);
    if (fault !== null) {
      this.#fail(fault);
      return;
    }
    const refusal = this.#giveToBalancer(endpoints);
    if (refusal === null) return;
    this.#resolutionFailure = refusal;
    this.#resolver?.resolveAgain();
  }

  #giveToBalancer(endpoints: readonly Endpoint[]): Status | null {
    const chosen = this.#config.balancer;
    this.#balancer ??= this.#newBalancer();
    try {
      return this.#balancer.accept(endpoints, chosen);
    } catch (thrown) {
      const failure = Status.INTERNAL.withDescription(`the balancer ${chosen.provider.name} failed`).withCause(thrown);
      this.#fail(failure);
      return failure;
    }
  }

  onFailure(reason: Status): void {
    this.#resolutionFailure = reason;
    publishResolution(this.target, null, reason.toString());
    this.#config.giveUpWaiting();
    if (this.#balancer === null) this.#fail(reason);
    else this.#balancer.onResolutionFailure(reason);
  }

  /** There is nowhere to go, and no balancer to say so. */
  #fail(reason: Status): void {
    this.#endBalancing();
    this.#update('TRANSIENT_FAILURE', { pick: () => reason });
  }

  #newBalancer(): GracefulSwitch {
    const helper: BalancerHelper = {
      clock: this.#init.clock,
      random: this.#init.random,
      newSubchannel: (endpoint, address, listener) => this.#newSubchannel(endpoint, address, listener),
      update: (state, picker) => {
        if (this.#balancer === balancer) this.#onBalancerUpdate(state, picker);
      },
      resolveAgain: () => {
        if (this.#balancer === balancer) this.#resolver?.resolveAgain();
      },
    };
    const balancer = new GracefulSwitch(helper);
    return balancer;
  }

  #onBalancerUpdate(state: ConnectivityState, picker: Picker): void {
    this.#updating = true;
    this.#update(state, picker);
    this.#updating = false;
  }

  #endBalancing(): void {
    const balancer = this.#balancer;
    this.#balancer = null;
    balancer?.shutdown();
  }

  #newSubchannel(endpoint: Endpoint, address: Http2Address, listener: SubchannelStateListener): BalancedSubchannel {
    const factory = (): ClientTransport => this.#init.newTransport(endpoint, address);
    const subchannel = new ManagedSubchannel(this, address, factory, listener);
    this.#subchannels.add(subchannel);
    return subchannel;
  }

  #update(state: ConnectivityState, picker: Picker | null): void {
    if (this.#mode === 'shut-down') return;
    this.#picker = picker;
    if (state !== this.#state) {
      this.#state = state;
      this.#init.listener.onStateChanged(state);
    }
    this.#init.listener.onPicker();
  }

  resetBackoff(): void {
    this.#resolver?.resetBackoff();
    this.#balancer?.resetBackoff();
  }

  enterIdle(): void {
    if (this.#mode !== 'active') return;
    this.#mode = 'idle';
    this.#endNaming();
    this.#update('IDLE', null);
  }

  #endNaming(): void {
    const resolver = this.#resolver;
    this.#resolver = null;
    resolver?.shutdown();
    this.#endBalancing();
    this.#addresses = null;
  }

  describeFailure(): string | null {
    const failure = this.#resolutionFailure ?? (this.#state === 'TRANSIENT_FAILURE' ? this.#lastFailure : null);
    return failure?.toString() ?? null;
  }

  shutdown(reason: Status): void {
    if (this.#mode === 'shut-down') return;
    this.#mode = 'shut-down';
    this.#state = 'SHUTDOWN';
    this.#picker = { pick: () => new Dropped(reason) };
    this.#endNaming();
    this.#terminateWhenEmpty();
  }

  shutdownNow(reason: Status): void {
    this.shutdown(reason);
    for (const subchannel of this.#subchannels) subchannel.shutdownNow(reason);
  }

  #terminateWhenEmpty(): void {
    if (this.#terminated || this.#mode !== 'shut-down' || this.#subchannels.size > 0) return;
    this.#terminated = true;
    this.#init.listener.onTerminated();
  }

  get maxConnections(): number {
    return this.#config.maxConnectionsPerSubchannel;
  }

  get healthServiceName(): string | null {
    return this.#balancer?.provider?.heedsHealth === true ? this.#config.healthServiceName : null;
  }

  onRoomChanged(): void {
    this.#init.listener.onPicker();
  }

  onInUse(inUse: boolean): void {
    this.#inUse += inUse ? 1 : -1;
    if (this.#inUse === (inUse ? 1 : 0)) this.#init.listener.onInUse(inUse);
  }

  onSubchannelTerminated(subchannel: ManagedSubchannel): void {
    this.#subchannels.delete(subchannel);
    this.#terminateWhenEmpty();
  }

  inspect(): Pick<ChannelSnapshot, 'resolution' | 'balancer' | 'subchannels'> {
    const failure = this.#resolutionFailure?.toString() ?? null;
    return {
      resolution: this.#mode === 'active' ? { addresses: this.#addresses, failure } : null,
      balancer: this.#balancer?.provider?.name ?? null,
      subchannels: [...this.#subchannels].map((subchannel) => subchannel.inspect()),
    };
  }
}

/** What a picker answers; a user's may throw. */
function pickOf(picker: Picker, request: PickRequest): ReturnType<Picker['pick']> {
  try {
    return picker.pick(request);
  } catch (thrown) {
    return new Dropped(Status.INTERNAL.withDescription('the picker failed').withCause(thrown));
  }
}

function askBalancer(connections: NamedConnections): void {
  connections.askBalancer();
}

/** The connection of a subchannel that we have made; null if the call has to wait, and for one that a balancer made up. */
function transportOf(subchannel: BalancedSubchannel): ClientTransport | null {
  return subchannel instanceof ManagedSubchannel ? subchannel.pickTransport() : null;
}
