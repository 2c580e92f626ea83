/**
 * ChildBalancers: one pick_first for each endpoint, and what they add up to. Above: balancers that spread calls over
 * endpoints. Below: PickFirst. Holds: an endpoint that stays keeps its connection; each is connected eagerly, and again when
 * it is lost; the owner hears of a change once, however many children it touches. Source: gRFC A61, A62.
 */
import type { Status } from '../../values/status.ts';
import type { ConnectivityState } from '../connectivity.ts';
import type { Endpoint } from '../resolver/resolver.ts';
import type { BalancerHelper, Picker } from './balancer.ts';
import { connectFailure } from './connect-failure.ts';
import { endpointKey } from './endpoint-facts.ts';
import { FixedPicker, NO_ADDRESSES, WAITING } from './fixed-picker.ts';
import { PickFirst } from './pick-first.ts';

/** One endpoint with its connection. */
export interface EndpointChild {
  /** As last resolved. */
  readonly endpoint: Endpoint;
  readonly state: ConnectivityState;
  /** What it answers; of use while READY. */
  readonly picker: Picker;
}

/** Who spreads calls over them. */
export interface ChildBalancersOwner {
  /** The state of the whole or what can be picked has changed. */
  onChildrenChanged(): void;
}

class Child implements EndpointChild {
  endpoint: Endpoint;
  state: ConnectivityState = 'IDLE';
  picker: Picker = WAITING;
  readonly balancer: PickFirst;

  constructor(endpoint: Endpoint, helper: BalancerHelper, onUpdate: () => void) {
    this.endpoint = endpoint;
    this.balancer = new PickFirst({
      clock: helper.clock,
      random: helper.random,
      newSubchannel: (of, address, listener) => helper.newSubchannel(of, address, listener),
      resolveAgain: () => helper.resolveAgain(),
      update: (state, picker) => {
        this.state = state;
        this.picker = picker;
        onUpdate();
      },
    });
  }
}

/** A connection to each endpoint. */
export class ChildBalancers {
  readonly #helper: BalancerHelper;
  readonly #owner: ChildBalancersOwner;
  /** By the key of the endpoint. */
  #children = new Map<string, Child>();
  /** Whether the children are being worked on, so that the owner hears of it afterwards. */
  #busy = false;
  #isShutDown = false;

  constructor(helper: BalancerHelper, owner: ChildBalancersOwner) {
    this.#helper = helper;
    this.#owner = owner;
  }

  /** As Balancer.accept. */
  accept(endpoints: readonly Endpoint[]): Status | null {
    const usable = endpoints.filter(({ addresses }) => addresses.length > 0);
    if (usable.length === 0) return NO_ADDRESSES;
    this.#quietly(() => {
      const before = this.#children;
      this.#children = new Map();
      for (const endpoint of usable) this.#keepOrMake(endpoint, before);
      for (const child of before.values()) child.balancer.shutdown();
    });
    return null;
  }

  #keepOrMake(endpoint: Endpoint, before: Map<string, Child>): void {
    const key = endpointKey(endpoint);
    if (this.#children.has(key)) return;
    const kept = before.get(key);
    before.delete(key);
    const child = kept ?? new Child(endpoint, this.#helper, () => this.#onUpdate(key));
    child.endpoint = endpoint;
    this.#children.set(key, child);
    child.balancer.accept([endpoint], null);
  }

  /** A child has something to say. One that has lost its connection connects again. */
  #onUpdate(key: string): void {
    const child = this.#children.get(key);
    if (child === undefined || this.#isShutDown) return;
    if (child.state === 'IDLE') this.#quietly(() => child.balancer.requestConnection());
    else if (!this.#busy) this.#owner.onChildrenChanged();
  }

  /** Does something to children; the owner hears of all that it brings about at once. */
  #quietly(act: () => void): void {
    const wasBusy = this.#busy;
    this.#busy = true;
    act();
    this.#busy = wasBusy;
    if (!wasBusy && !this.#isShutDown) this.#owner.onChildrenChanged();
  }

  /** READY if any is, else CONNECTING if any is or will be, else TRANSIENT_FAILURE. */
  get state(): ConnectivityState {
    let state: ConnectivityState = 'TRANSIENT_FAILURE';
    for (const child of this.#children.values()) {
      if (child.state === 'READY') return 'READY';
      if (child.state !== 'TRANSIENT_FAILURE') state = 'CONNECTING';
    }
    return state;
  }

  get size(): number {
    return this.#children.size;
  }

  /** Those that calls can go to, in the order of the resolution. */
  ready(): EndpointChild[] {
    return [...this.#children.values()].filter((child) => child.state === 'READY');
  }

  /** What a call is told while none is READY: nothing yet, or why each has failed. */
  fallback(): Picker {
    if (this.state !== 'TRANSIENT_FAILURE') return WAITING;
    return new FixedPicker(connectFailure([...this.#children.values()].map(({ balancer }) => balancer.failure)));
  }

  requestConnection(): void {
    this.#quietly(() => {
      for (const child of this.#children.values()) child.balancer.requestConnection();
    });
  }

  resetBackoff(): void {
    this.#quietly(() => {
      for (const child of this.#children.values()) child.balancer.resetBackoff();
    });
  }

  shutdown(): void {
    this.#isShutDown = true;
    for (const child of this.#children.values()) child.balancer.shutdown();
    this.#children.clear();
  }
}
