/**
 * pick_first: one connection, to the first address that answers. Above: the channel, and balancers that keep one for each
 * endpoint. Below: BalancerHelper's subchannels, one an address. Holds: one connection is in use at most; attempts begin one
 * after the other, the next when the last one fails or after 250 ms (Happy Eyeballs); once a pass over all addresses has
 * failed calls fail until one is READY; a list that still has the address in use keeps the connection.
 *
 *   idle ─first addresses, request→ connecting ─one READY→ ready ─IDLE→ idle
 *                                    │ ↑  ↑               ↑ │
 *                       all have failed│  └─READY no more─────┘
 *                                    ↓ └─new list──┐      │
 *                                  failing ────────┴──────┘ one READY
 *
 * Source: gRFC A61, A62, A113 (weights in shuffling); io.grpc.internal.PickFirstLeafLoadBalancer; RFC 8305.
 */
import net from 'node:net';
import type { Http2Address } from '../../transport/http2/client-socket.ts';
import type { Timer } from '../../values/clock.ts';
import type { Status } from '../../values/status.ts';
import type { ConnectivityState } from '../connectivity.ts';
import type { Endpoint } from '../resolver/resolver.ts';
import {
  type BalancedSubchannel,
  type Balancer,
  type BalancerHelper,
  type BalancerProvider,
  Picked,
  type SubchannelStateListener,
} from './balancer.ts';
import { connectFailure } from './connect-failure.ts';
import { addressKey, weightOf } from './endpoint-facts.ts';
import { FixedPicker, NO_ADDRESSES, WAITING } from './fixed-picker.ts';

/** How long an attempt has before the next address is tried beside it. Source: gRFC A61, RFC 8305 "Connection Attempt Delay". */
const ATTEMPT_DELAY_MS = 250;

/** What pick_first may be told. */
export interface PickFirstConfig {
  /** Whether the endpoints are tried in random order, those of greater weight sooner. Default: false. */
  readonly shuffleAddressList: boolean;
}

/** An address with the endpoint that it belongs to. */
interface Candidate {
  readonly endpoint: Endpoint;
  readonly address: Http2Address;
  readonly key: string;
}

/** One connection to one of several addresses. */
export class PickFirst implements Balancer, SubchannelStateListener {
  readonly #helper: BalancerHelper;
  #state: 'idle' | 'connecting' | 'ready' | 'failing' | 'shut-down' = 'idle';
  #candidates: readonly Candidate[] = [];
  /** By the key of the address. */
  readonly #subchannels = new Map<string, BalancedSubchannel>();
  /** While connecting: the candidate that the pass comes to next. */
  #next = 0;
  /** The attempt that began last, and has not failed. */
  #latest: BalancedSubchannel | null = null;
  /** Those of the pass that have failed. */
  readonly #failed = new Set<BalancedSubchannel>();
  /** While failing: how many attempts have failed since the name was last to be resolved. */
  #failures = 0;
  /** Whether calls fail until a connection is READY, also while a new list is tried. */
  #sticky = false;
  #inUse: BalancedSubchannel | null = null;
  #timer: Timer | null = null;

  constructor(helper: BalancerHelper) {
    this.#helper = helper;
  }

  accept(endpoints: readonly Endpoint[], config: unknown): Status | null {
    if (this.#state === 'shut-down') return null;
    const candidates = this.#candidatesOf(endpoints, (config as PickFirstConfig | null)?.shuffleAddressList === true);
    if (candidates.length === 0) {
      this.onResolutionFailure(NO_ADDRESSES);
      return NO_ADDRESSES;
    }
    // The first addresses ever come because somebody wants a connection.
    const isIdle = this.#state === 'idle' && this.#candidates.length > 0;
    this.#candidates = candidates;
    this.#letGoOfOthers(new Set(candidates.map(({ key }) => key)));
    if (!isIdle && this.#inUse === null) this.#beginPass();
    return null;
  }

  #candidatesOf(endpoints: readonly Endpoint[], shuffles: boolean): Candidate[] {
    const byKey = new Map<string, Candidate>();
    for (const endpoint of shuffles ? shuffled(endpoints, this.#helper.random) : endpoints) {
      for (const address of endpoint.addresses) {
        const key = addressKey(endpoint, address);
        if (!byKey.has(key)) byKey.set(key, { endpoint, address, key });
      }
    }
    return interleaved([...byKey.values()]);
  }

  #letGoOfOthers(wanted: ReadonlySet<string>): void {
    for (const [key, subchannel] of [...this.#subchannels]) {
      if (wanted.has(key)) continue;
      this.#subchannels.delete(key);
      if (subchannel === this.#inUse) this.#inUse = null;
      subchannel.shutdown();
    }
  }

  requestConnection(): void {
    // In every other state what can be done is under way.
    if (this.#state === 'idle' && this.#candidates.length > 0) this.#beginPass();
  }

  #beginPass(): void {
    this.#state = 'connecting';
    this.#inUse = null;
    this.#next = 0;
    this.#failed.clear();
    if (!this.#sticky) this.#helper.update('CONNECTING', WAITING);
    this.#tryNext();
  }

  /** Begins with the next address; the one after it follows when this fails, or takes its time. */
  #tryNext(): void {
    this.#disarm();
    while (this.#next < this.#candidates.length) {
      const subchannel = this.#subchannelOf(this.#candidates[this.#next] as Candidate);
      this.#next += 1;
      this.#latest = subchannel;
      subchannel.requestConnection();
      // It may have failed at once, and the pass have gone on from there.
      if (this.#latest !== subchannel) return;
      if (subchannel.state() !== 'TRANSIENT_FAILURE') {
        const isLast = this.#next === this.#candidates.length;
        if (!isLast) this.#timer = this.#helper.clock.scheduleInBackground(ATTEMPT_DELAY_MS, this);
        return;
      }
      // It failed a while ago, and waits: as good as failed now.
      this.#failed.add(subchannel);
    }
    this.#endPassIfFailed();
  }

  #subchannelOf({ endpoint, address, key }: Candidate): BalancedSubchannel {
    let subchannel = this.#subchannels.get(key);
    if (subchannel === undefined) {
      subchannel = this.#helper.newSubchannel(endpoint, address, this);
      this.#subchannels.set(key, subchannel);
    }
    return subchannel;
  }

  /** An attempt has taken its time: the next one begins beside it. For the clock. */
  onTimer(): void {
    this.#timer = null;
    this.#tryNext();
  }

  onSubchannelState(subchannel: BalancedSubchannel, state: ConnectivityState): void {
    if (this.#state === 'shut-down') return;
    if (state === 'READY') this.#onReady(subchannel);
    else if (subchannel === this.#inUse) this.#onLost(state);
    else if (this.#state === 'connecting' && state === 'TRANSIENT_FAILURE') this.#onFailedInPass(subchannel);
    else if (this.#state === 'failing') this.#onFailedAgain(subchannel, state);
  }

  #onReady(subchannel: BalancedSubchannel): void {
    this.#disarm();
    this.#state = 'ready';
    this.#sticky = false;
    this.#inUse = subchannel;
    this.#latest = null;
    for (const [key, other] of [...this.#subchannels]) {
      if (other === subchannel) continue;
      this.#subchannels.delete(key);
      other.shutdown();
    }
    this.#helper.update('READY', new FixedPicker(new Picked(subchannel)));
  }

  /** The connection is gone; or it is there but not to be used, as when the server is not well: then another may be. */
  #onLost(state: ConnectivityState): void {
    if (state === 'IDLE') {
      this.#state = 'idle';
      this.#inUse = null;
      this.#helper.update('IDLE', WAITING);
    } else {
      this.#beginPass();
    }
    this.#helper.resolveAgain();
  }

  #onFailedInPass(subchannel: BalancedSubchannel): void {
    this.#failed.add(subchannel);
    if (subchannel === this.#latest) {
      this.#latest = null;
      this.#tryNext();
    } else {
      this.#endPassIfFailed();
    }
  }

  #endPassIfFailed(): void {
    if (this.#state !== 'connecting' || this.#next < this.#candidates.length) return;
    const subchannels = this.#candidates.map((candidate) => this.#subchannelOf(candidate));
    if (!subchannels.every((subchannel) => this.#failed.has(subchannel))) return;
    this.#state = 'failing';
    this.#sticky = true;
    this.#latest = null;
    this.#failures = 0;
    this.#tellFailure();
    // From now on each address goes on by itself, after its own back-off.
    for (const subchannel of subchannels) subchannel.requestConnection();
    this.#helper.resolveAgain();
  }

  #onFailedAgain(subchannel: BalancedSubchannel, state: ConnectivityState): void {
    if (state === 'CONNECTING') return;
    if (state === 'TRANSIENT_FAILURE') this.#tellFailure();
    subchannel.requestConnection();
    if (state !== 'TRANSIENT_FAILURE') return;
    this.#failures += 1;
    if (this.#failures < this.#candidates.length) return;
    this.#failures = 0;
    this.#helper.resolveAgain();
  }

  #tellFailure(): void {
    this.#helper.update('TRANSIENT_FAILURE', new FixedPicker(this.failure));
  }

  /** Why calls fail while they do: the last failure of each address. */
  get failure(): Status {
    return connectFailure(this.#candidates.flatMap(({ key }) => this.#subchannels.get(key)?.lastFailure ?? []));
  }

  onResolutionFailure(reason: Status): void {
    if (this.#candidates.length > 0 || this.#state === 'shut-down') return;
    this.#helper.update('TRANSIENT_FAILURE', new FixedPicker(reason));
  }

  resetBackoff(): void {
    for (const subchannel of [...this.#subchannels.values()]) subchannel.resetBackoff();
  }

  shutdown(): void {
    this.#state = 'shut-down';
    this.#disarm();
    for (const subchannel of this.#subchannels.values()) subchannel.shutdown();
    this.#subchannels.clear();
  }

  #disarm(): void {
    this.#helper.clock.cancel(this.#timer);
    this.#timer = null;
  }
}

/** In random order; one of twice the weight comes before another two times out of three. Source: gRFC A113. */
function shuffled(endpoints: readonly Endpoint[], random: () => number): Endpoint[] {
  const ranked = endpoints.map((endpoint) => ({ endpoint, rank: -Math.log(1 - random()) / weightOf(endpoint) }));
  return ranked.sort((one, other) => one.rank - other.rank).map(({ endpoint }) => endpoint);
}

/** The families in turn, beginning with the first one's; the order within each stays. Source: RFC 8305 §4. */
function interleaved(candidates: readonly Candidate[]): Candidate[] {
  const families = new Map<number, Candidate[]>();
  for (const candidate of candidates) {
    const family = familyOf(candidate.address);
    const others = families.get(family);
    if (others === undefined) families.set(family, [candidate]);
    else others.push(candidate);
  }
  const longest = Math.max(0, ...[...families.values()].map(({ length }) => length));
  return Array.from({ length: longest }, (_, turn) =>
    [...families.values()].flatMap((family) => family.slice(turn, turn + 1)),
  ).flat();
}

/** 4, 6, or 0 for what is neither, such as a Unix socket. */
function familyOf(address: Http2Address): number {
  return 'host' in address ? net.isIP(address.host) : 0;
}

/** As `pick_first`, with `{ shuffleAddressList }`. */
export const PICK_FIRST: BalancerProvider = Object.freeze({
  name: 'pick_first',
  readConfig({ shuffleAddressList }: Readonly<Record<string, unknown>>): PickFirstConfig {
    const shuffles = shuffleAddressList ?? false;
    if (typeof shuffles !== 'boolean') throw new TypeError('shuffleAddressList: must be true or false');
    return Object.freeze({ shuffleAddressList: shuffles });
  },
  newBalancer: (helper: BalancerHelper): Balancer => new PickFirst(helper),
});
