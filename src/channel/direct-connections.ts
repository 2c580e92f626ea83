/**
 * DirectConnections: one connection at a time, made by a factory; no name, no balancer. Above: ManagedChannel, as which
 * DirectChannel poses. Below: Subchannel. Holds: in TRANSIENT_FAILURE nothing connects unless somebody asks; once the wait is
 * over the next call does.
 */
import type { MethodSettingsSource } from '../call/method-settings.ts';
import type { ClientTransport } from '../transport/transport.ts';
import type { Clock } from '../values/clock.ts';
import type { Status } from '../values/status.ts';
import type { Backoff } from './backoff.ts';
import { Dropped } from './balancer/balancer.ts';
import type { ChannelSnapshot } from './channel-snapshot.ts';
import type { ConnectionPick, Connections, ConnectionsListener } from './connections.ts';
import type { ConnectivityState } from './connectivity.ts';
import { Subchannel, type SubchannelListener } from './subchannel.ts';

/** One connection at a time. */
export class DirectConnections implements Connections, SubchannelListener {
  readonly settings: MethodSettingsSource;
  readonly target: string;
  readonly isResolving = false;
  readonly #subchannel: Subchannel;
  readonly #listener: ConnectionsListener;
  #inUse = 0;
  #shutdownReason: Status | null = null;

  constructor(
    factory: () => ClientTransport,
    target: string,
    clock: Clock,
    backoff: Backoff,
    settings: MethodSettingsSource,
    listener: ConnectionsListener,
  ) {
    this.settings = settings;
    this.target = target;
    this.#listener = listener;
    this.#subchannel = new Subchannel(factory, clock, backoff, this);
  }

  state(): ConnectivityState {
    return this.#subchannel.state();
  }

  pick(): ConnectionPick {
    const { transport } = this.#subchannel;
    if (transport !== null) return transport;
    if (this.#shutdownReason !== null) return new Dropped(this.#shutdownReason);
    return this.#subchannel.state() === 'TRANSIENT_FAILURE' ? this.#subchannel.lastFailure : null;
  }

  holds(transport: ClientTransport): boolean {
    return transport === this.#subchannel.transport;
  }

  requestConnection(): void {
    this.#subchannel.requestConnection();
  }

  withdrawRequest(): void {
    this.#subchannel.withdrawRequest();
  }

  resetBackoff(): void {
    this.#subchannel.resetBackoff();
  }

  enterIdle(): void {
    this.#subchannel.enterIdle();
  }

  describeFailure(): string | null {
    return this.#subchannel.state() === 'TRANSIENT_FAILURE' ? this.#subchannel.lastFailure.toString() : null;
  }

  shutdown(reason: Status): void {
    this.#shutdownReason ??= reason;
    this.#subchannel.shutdown(reason);
  }

  shutdownNow(reason: Status): void {
    this.#shutdownReason = reason;
    this.#subchannel.shutdownNow(reason);
  }

  inspect(): Pick<ChannelSnapshot, 'resolution' | 'balancer' | 'subchannels'> {
    return { resolution: null, balancer: null, subchannels: [this.#subchannel.inspect(this.target)] };
  }

  onStateChanged(state: ConnectivityState): void {
    this.#listener.onStateChanged(state);
    if (state === 'READY' || state === 'TRANSIENT_FAILURE') this.#listener.onPicker();
  }

  onInUse(inUse: boolean): void {
    this.#inUse += inUse ? 1 : -1;
    if (this.#inUse === (inUse ? 1 : 0)) this.#listener.onInUse(inUse);
  }

  onTerminated(): void {
    this.#listener.onTerminated();
  }
}
