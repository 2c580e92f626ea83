/**
 * ManagedSubchannel: one address as its balancer holds it: a connection over time, and further ones beside it where that has
 * no room for more streams. Above: a Balancer. Below: Subchannels; NamedConnections, which outlives it: connections run their
 * streams to the end after the balancer has let go. Holds: the balancer hears of the first connection alone, and nothing after
 * shutdown(); where health counts READY means that the server has said so, and before its first answer the state is CONNECTING;
 * there are never more connections in use than allowed. Source: gRFC A17, A105.
 */
import type { Http2Address } from '../transport/http2/client-socket.ts';
import type { ClientTransport } from '../transport/transport.ts';
import { formatAddress } from '../values/attributes.ts';
import type { Clock } from '../values/clock.ts';
import { Status } from '../values/status.ts';
import { Backoff, type BackoffOptions } from './backoff.ts';
import type { BalancedSubchannel, SubchannelStateListener } from './balancer/balancer.ts';
import type { SubchannelSnapshot } from './channel-snapshot.ts';
import type { ConnectivityState } from './connectivity.ts';
import { publishSubchannelState } from './diagnostics.ts';
import { type HealthListener, HealthWatch } from './health-watch.ts';
import { Subchannel } from './subchannel.ts';

/** Whoever keeps them all. */
export interface SubchannelKeeper {
  /** For people, in what is published. */
  readonly target: string;
  readonly clock: Clock;
  readonly backoff: BackoffOptions;
  /** How many connections there may be to one address; 1 or more. */
  readonly maxConnections: number;
  /** The service whose health decides over an address; null for none. */
  readonly healthServiceName: string | null;
  /** A further connection has come, or will not: calls that wait are to be picked for anew. */
  onRoomChanged(): void;
  /** One more connection has open streams, or one fewer. */
  onInUse(inUse: boolean): void;
  /** Shut down, and every connection is gone. Once, last. */
  onSubchannelTerminated(subchannel: ManagedSubchannel): void;
}

const LET_GO: Status = Status.UNAVAILABLE.withDescription('the balancer let go of the address');

/** One address, for a balancer. */
export class ManagedSubchannel implements BalancedSubchannel, HealthListener {
  readonly address: Http2Address;
  readonly #keeper: SubchannelKeeper;
  readonly #factory: () => ClientTransport;
  readonly #text: string;
  readonly #first: Subchannel;
  /** Beside the first, as far as they are not shut down. */
  readonly #more = new Set<Subchannel>();
  /** All that have not terminated. */
  readonly #alive = new Set<Subchannel>();
  /** Not null while the first connection is READY and its health counts. */
  #health: HealthWatch | null = null;
  /** What the server said last of its health; null for nothing yet. */
  #healthSaid: Status | null = null;
  /** Null once the balancer has let go. */
  #listener: SubchannelStateListener | null;

  constructor(
    keeper: SubchannelKeeper,
    address: Http2Address,
    factory: () => ClientTransport,
    listener: SubchannelStateListener,
  ) {
    this.address = address;
    this.#keeper = keeper;
    this.#factory = factory;
    this.#text = formatAddress(address);
    this.#listener = listener;
    this.#first = this.#newConnection((state) => this.#onStateChanged(state));
  }

  #newConnection(onStateChanged: (state: ConnectivityState) => void): Subchannel {
    const keeper = this.#keeper;
    const connection = new Subchannel(this.#factory, keeper.clock, new Backoff(keeper.backoff), {
      onStateChanged,
      onInUse: (inUse) => keeper.onInUse(inUse),
      onTerminated: () => this.#onTerminated(connection),
    });
    this.#alive.add(connection);
    return connection;
  }

  state(): ConnectivityState {
    const state = this.#first.state();
    if (state !== 'READY' || this.#health === null || this.#healthSaid?.isOk === true) return state;
    return this.#healthSaid === null ? 'CONNECTING' : 'TRANSIENT_FAILURE';
  }

  get lastFailure(): Status {
    return this.#healthSaid?.isOk === false ? this.#healthSaid : this.#first.lastFailure;
  }

  requestConnection(): void {
    this.#first.requestConnection();
  }

  resetBackoff(): void {
    for (const connection of this.#alive) connection.resetBackoff();
  }

  /** The connection to make the next stream of; null for a call that has to wait. */
  pickTransport(): ClientTransport | null {
    const { transport } = this.#first;
    if (this.#health !== null && this.#healthSaid?.isOk !== true) return null;
    if (transport === null || !transport.isFull || this.#keeper.maxConnections === 1) return transport;
    for (const { transport: other } of this.#more) if (other?.isFull === false) return other;
    // Where no further connection can be hoped for, the stream waits for a slot.
    return this.#isGrowing() ? null : transport;
  }

  /** Whether a further connection is on its way; begins one if there may be one. */
  #isGrowing(): boolean {
    for (const connection of this.#more) {
      if (connection.state() === 'IDLE') connection.requestConnection();
      if (connection.state() === 'CONNECTING') return true;
    }
    if (this.#more.size + 1 >= this.#keeper.maxConnections) return false;
    const connection = this.#newConnection((state) => {
      if (state === 'READY' || state === 'TRANSIENT_FAILURE') this.#keeper.onRoomChanged();
    });
    this.#more.add(connection);
    connection.requestConnection();
    return connection.state() === 'CONNECTING';
  }

  /** Whether streams may still be made of this connection. */
  holds(transport: ClientTransport): boolean {
    if (transport === this.#first.transport) return true;
    for (const connection of this.#more) if (connection.transport === transport) return true;
    return false;
  }

  shutdown(): void {
    this.#listener = null;
    this.#stopWatching();
    for (const connection of [...this.#alive]) connection.shutdown(LET_GO);
  }

  /** Ends its streams too. */
  shutdownNow(reason: Status): void {
    this.#listener = null;
    this.#stopWatching();
    for (const connection of [...this.#alive]) connection.shutdownNow(reason);
  }

  inspect(): SubchannelSnapshot {
    const { transports, ...first } = this.#first.inspect(this.#text);
    const further = [...this.#more].flatMap((connection) => connection.inspect(this.#text).transports);
    return { ...first, transports: [...transports, ...further] };
  }

  /** The first connection has changed. */
  #onStateChanged(state: ConnectivityState): void {
    // Those beside it are of use only as long as calls are sent here.
    if (state !== 'READY') this.#letGoOfMore();
    const wasHidden = this.#health !== null && this.#healthSaid === null;
    this.#stopWatching();
    const { transport } = this.#first;
    const { healthServiceName, clock, backoff } = this.#keeper;
    if (state === 'READY' && transport !== null && healthServiceName !== null && this.#listener !== null) {
      this.#health = new HealthWatch(transport, healthServiceName, clock, new Backoff(backoff), this);
      return;
    }
    this.#tell(state);
    // Whoever hears that a connection is lost has to have heard that it stood, or is in trouble.
    if (wasHidden && state === 'IDLE') this.requestConnection();
  }

  #stopWatching(): void {
    this.#health?.stop();
    this.#health = null;
    this.#healthSaid = null;
  }

  /** The server has said how it is, or will not say. */
  onHealth(health: Status): void {
    const before = this.state();
    this.#healthSaid = health;
    const now = this.state();
    if (now !== before) this.#tell(now);
  }

  #tell(state: ConnectivityState): void {
    publishSubchannelState(this.#keeper.target, this.#text, state, () => this.lastFailure.toString());
    this.#listener?.onSubchannelState(this, state);
  }

  #letGoOfMore(): void {
    for (const connection of [...this.#more]) {
      this.#more.delete(connection);
      connection.shutdown(LET_GO);
    }
  }

  #onTerminated(connection: Subchannel): void {
    this.#alive.delete(connection);
    if (this.#alive.size === 0) this.#keeper.onSubchannelTerminated(this);
  }
}
