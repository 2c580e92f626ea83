/**
 * HandHelper: a channel as a balancer sees it, worked by the test: connections come, fail and are lost when it says so. A true
 * one: it keeps the contract of src/channel/balancer/balancer.ts, and fails the test where the balancer breaks it.
 */
import {
  type BalancedSubchannel,
  type Balancer,
  type BalancerHelper,
  type BalancerProvider,
  type CallTracker,
  Dropped,
  Picked,
  type Picker,
  type PickRequest,
  type SubchannelStateListener,
} from '../../../src/channel/balancer/balancer.ts';
import type { ConnectivityState } from '../../../src/channel/connectivity.ts';
import type { Endpoint } from '../../../src/channel/resolver/resolver.ts';
import type { Http2Address } from '../../../src/transport/http2/client-socket.ts';
import { formatAddress } from '../../../src/values/attributes.ts';
import { Metadata } from '../../../src/values/metadata.ts';
import { Status } from '../../../src/values/status.ts';
import { echoMethods } from '../../support/echo.ts';
import { assert } from '../../support/suite.ts';
import { WoundClock } from '../../support/wound-clock.ts';

export const REQUEST: PickRequest = { method: echoMethods.unary, headers: new Metadata(), previousAttempts: 0 };

/** An endpoint of these addresses, each `host:port` or the path of a socket. */
export function endpoint(...addresses: readonly string[]): Endpoint {
  return { addresses: addresses.map(addressOf) };
}

/** An endpoint for each address. */
export function endpoints(...addresses: readonly string[]): Endpoint[] {
  return addresses.map((address) => endpoint(address));
}

function addressOf(text: string): Http2Address {
  const colon = text.lastIndexOf(':');
  if (text.startsWith('/')) return { path: text };
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) };
}

/** One address, whose connection the test makes and breaks. */
export class HandSubchannel implements BalancedSubchannel {
  readonly address: Http2Address;
  readonly endpoint: Endpoint;
  lastFailure: Status = Status.UNAVAILABLE;
  /** How often a back-off was reset while it ran. */
  resets = 0;
  readonly #listener: SubchannelStateListener;
  #state: ConnectivityState = 'IDLE';
  #wanted = false;

  constructor(of: Endpoint, address: Http2Address, listener: SubchannelStateListener) {
    this.endpoint = of;
    this.address = address;
    this.#listener = listener;
  }

  state(): ConnectivityState {
    return this.#state;
  }

  /** Whether it connects as soon as its back-off is over. */
  get wanted(): boolean {
    return this.#state === 'TRANSIENT_FAILURE' && this.#wanted;
  }

  requestConnection(): void {
    this.#mustLive();
    if (this.#state === 'TRANSIENT_FAILURE') this.#wanted = true;
    else if (this.#state === 'IDLE') this.move('CONNECTING');
  }

  resetBackoff(): void {
    this.#mustLive();
    if (this.#state !== 'TRANSIENT_FAILURE') return;
    this.resets += 1;
    this.move('CONNECTING');
  }

  shutdown(): void {
    this.#state = 'SHUTDOWN';
  }

  #mustLive(): void {
    assert.is.not(this.#state, 'SHUTDOWN', `${formatAddress(this.address)} is used after its end`);
  }

  /** Any move, also one of which no connection tells, such as when a health check is not content. */
  move(state: ConnectivityState): void {
    this.#mustLive();
    this.#state = state;
    this.#wanted = false;
    this.#listener.onSubchannelState(this, state);
  }

  ready(): void {
    assert.is(this.#state, 'CONNECTING');
    this.move('READY');
  }

  fail(text = `${formatAddress(this.address)} refused`): void {
    this.lastFailure = Status.UNAVAILABLE.withDescription(text);
    this.move('TRANSIENT_FAILURE');
  }

  /** The back-off is over. */
  waitOver(): void {
    assert.is(this.#state, 'TRANSIENT_FAILURE');
    this.move(this.#wanted ? 'CONNECTING' : 'IDLE');
  }
}

/** A channel over one balancer. */
export class HandHelper implements BalancerHelper {
  readonly clock = new WoundClock();
  /** What random() gives, the last for ever. */
  randoms: number[];
  resolutions = 0;
  state: ConnectivityState | null = null;
  picker: Picker | null = null;
  /** Every state that was told, in order. */
  readonly told: ConnectivityState[] = [];
  /** Every subchannel there ever was. */
  readonly all: HandSubchannel[] = [];
  readonly balancer: Balancer;
  #ended = false;

  constructor(provider: BalancerProvider, randoms: number[] = [0]) {
    this.randoms = randoms;
    this.balancer = provider.newBalancer(this);
  }

  random = (): number => (this.randoms.length > 1 ? this.randoms.shift() : this.randoms[0]) as number;

  newSubchannel(of: Endpoint, address: Http2Address, listener: SubchannelStateListener): BalancedSubchannel {
    assert.not(this.#ended, 'a connection was made after the end');
    const subchannel = new HandSubchannel(of, address, listener);
    this.all.push(subchannel);
    return subchannel;
  }

  update(state: ConnectivityState, picker: Picker): void {
    assert.not(this.#ended, 'something was told after the end');
    assert.is.not(state, 'SHUTDOWN');
    this.state = state;
    this.picker = picker;
    this.told.push(state);
  }

  resolveAgain(): void {
    this.resolutions += 1;
  }

  /** The subchannels that are not shut down, in the order in which they were made. */
  get live(): HandSubchannel[] {
    return this.all.filter((subchannel) => subchannel.state() !== 'SHUTDOWN');
  }

  /** The addresses of those, with their states. */
  get picture(): string[] {
    return this.live.map((subchannel) => `${formatAddress(subchannel.address)} ${subchannel.state()}`);
  }

  /** The subchannel to an address that is not shut down. */
  at(address: string): HandSubchannel {
    const found = this.live.filter((subchannel) => formatAddress(subchannel.address) === address);
    assert.is(found.length, 1, `${found.length} connections to ${address}`);
    return found[0] as HandSubchannel;
  }

  /** Where a call goes: an address, `waits`, or a status in words. */
  pick(): string {
    const pick = this.picker?.pick(REQUEST) ?? null;
    if (pick === null) return 'waits';
    if (pick instanceof Status) return pick.toString();
    if (pick instanceof Dropped) return `dropped: ${pick.status}`;
    assert.ok(pick.subchannel instanceof HandSubchannel, 'the connection is not one of the channel');
    assert.is(pick.subchannel.state(), 'READY', 'a call goes to a connection that is not READY');
    return formatAddress(pick.subchannel.address);
  }

  /** Where `count` calls go: how many to each address. */
  picks(count: number): Record<string, number> {
    const counts: Record<string, number> = {};
    for (let i = 0; i < count; i += 1) {
      const address = this.pick();
      counts[address] = (counts[address] ?? 0) + 1;
    }
    return counts;
  }

  /** Starts a call; where it goes, and who is told how it ends. */
  call(): { address: string; tracker: CallTracker | null } {
    const pick = this.picker?.pick(REQUEST);
    assert.ok(pick instanceof Picked, 'the call goes nowhere');
    pick.tracker?.onCallStarted();
    return { address: formatAddress(pick.subchannel.address), tracker: pick.tracker };
  }

  /** Ends everything, so that each test shows that it can. */
  finish(): void {
    this.#ended = true;
    this.balancer.shutdown();
    this.balancer.shutdown();
    assert.equal(this.picture, [], 'a connection is left');
    assert.is(this.clock.armed, 0, 'a timer is left');
  }
}
