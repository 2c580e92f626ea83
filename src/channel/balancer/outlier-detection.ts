/**
 * outlier_detection: takes endpoints out for a while whose calls fail more often than those to others. Above: the channel.
 * Below: the balancer that it wraps, which spreads the calls; OutlierRecord judges. Holds: to the balancer below, the
 * connections of an ejected endpoint are TRANSIENT_FAILURE where they are READY, and else what they are; calls are counted, and
 * the timer runs, only while the config asks for ejections.
 *
 * Source: gRFC A50, A61 (endpoints in place of addresses); io.grpc.util.OutlierDetectionLoadBalancer.
 */
import type { Http2Address } from '../../transport/http2/client-socket.ts';
import type { Timer } from '../../values/clock.ts';
import { Status } from '../../values/status.ts';
import type { ConnectivityState } from '../connectivity.ts';
import type { Endpoint } from '../resolver/resolver.ts';
import {
  type BalancedSubchannel,
  type Balancer,
  type BalancerHelper,
  type BalancerProvider,
  type CallTracker,
  Picked,
  type Picker,
  type PickRequest,
  type PickResult,
  type SubchannelStateListener,
} from './balancer.ts';
import { endpointKey } from './endpoint-facts.ts';
import { GracefulSwitch } from './graceful-switch.ts';
import { type OutlierConfig, readOutlierConfig } from './outlier-config.ts';
import { endInterval, OutlierRecord } from './outlier-record.ts';

const EJECTED: Status = Status.UNAVAILABLE.withDescription('the endpoint is ejected: too many of its calls failed');

/** Both hear of the calls. */
class TwoTrackers implements CallTracker {
  readonly #first: CallTracker;
  readonly #second: CallTracker;

  constructor(first: CallTracker, second: CallTracker) {
    this.#first = first;
    this.#second = second;
  }

  onCallStarted(): void {
    this.#first.onCallStarted();
    this.#second.onCallStarted();
  }

  onCallEnded(status: Status): void {
    this.#first.onCallEnded(status);
    this.#second.onCallEnded(status);
  }
}

/** A connection as the balancer below sees it. */
class WatchedSubchannel implements BalancedSubchannel, SubchannelStateListener {
  readonly address: Http2Address;
  readonly #inner: BalancedSubchannel;
  readonly #record: OutlierRecord;
  readonly #listener: SubchannelStateListener;
  readonly #onShutdown: (self: WatchedSubchannel) => void;
  #real: ConnectivityState = 'IDLE';
  #told: ConnectivityState = 'IDLE';
  /** The answer of the balancer below that was last translated, and what it became. */
  #below: Picked | null = null;
  #above: Picked | null = null;
  #aboveCounts = false;

  constructor(
    newSubchannel: (listener: SubchannelStateListener) => BalancedSubchannel,
    record: OutlierRecord,
    listener: SubchannelStateListener,
    onShutdown: (self: WatchedSubchannel) => void,
  ) {
    this.#record = record;
    this.#listener = listener;
    this.#onShutdown = onShutdown;
    this.#inner = newSubchannel(this);
    this.address = this.#inner.address;
  }

  /** What the channel is to be told in place of `picked`. Made once for each answer, not for each call. */
  translate(picked: Picked, counts: boolean): Picked {
    if (this.#above !== null && this.#below === picked && this.#aboveCounts === counts) return this.#above;
    this.#below = picked;
    this.#aboveCounts = counts;
    this.#above = new Picked(this.#inner, counts ? this.#trackerBeside(picked.tracker) : picked.tracker);
    return this.#above;
  }

  #trackerBeside(other: CallTracker | null): CallTracker {
    return other === null ? this.#record : new TwoTrackers(this.#record, other);
  }

  /** Its endpoint may have been ejected, or admitted again. */
  refresh(): void {
    const seen = this.#seen(this.#real);
    if (seen === this.#told) return;
    this.#told = seen;
    this.#listener.onSubchannelState(this, seen);
  }

  #seen(state: ConnectivityState): ConnectivityState {
    return state === 'READY' && this.#record.isEjected ? 'TRANSIENT_FAILURE' : state;
  }

  onSubchannelState(_inner: BalancedSubchannel, state: ConnectivityState): void {
    this.#real = state;
    this.refresh();
  }

  state(): ConnectivityState {
    return this.#seen(this.#inner.state());
  }

  get lastFailure(): Status {
    return this.#real === 'READY' && this.#record.isEjected ? EJECTED : this.#inner.lastFailure;
  }

  requestConnection(): void {
    this.#inner.requestConnection();
  }

  resetBackoff(): void {
    this.#inner.resetBackoff();
  }

  shutdown(): void {
    this.#onShutdown(this);
    this.#inner.shutdown();
  }
}

/** Answers as the balancer below does, in terms of the real connections. */
class WatchingPicker implements Picker {
  readonly #below: Picker;
  readonly #counts: boolean;

  constructor(below: Picker, counts: boolean) {
    this.#below = below;
    this.#counts = counts;
  }

  pick(request: PickRequest): PickResult {
    const pick = this.#below.pick(request);
    if (!(pick instanceof Picked && pick.subchannel instanceof WatchedSubchannel)) return pick;
    return pick.subchannel.translate(pick, this.#counts);
  }
}

class OutlierDetection implements Balancer {
  readonly #helper: BalancerHelper;
  /** By the key of the endpoint. */
  readonly #records = new Map<string, OutlierRecord>();
  readonly #watched = new Set<WatchedSubchannel>();
  #config: OutlierConfig | null = null;
  readonly #child: GracefulSwitch;
  #timer: Timer | null = null;
  /** When the interval that runs began, on the clock. */
  #startedMs = 0;
  /** What the balancer below said last, to be said again when counting begins or ends. */
  #state: ConnectivityState = 'IDLE';
  #picker: Picker | null = null;

  constructor(helper: BalancerHelper) {
    this.#helper = helper;
    this.#child = new GracefulSwitch({
      clock: helper.clock,
      random: helper.random,
      newSubchannel: (endpoint, address, listener) => this.#newSubchannel(endpoint, address, listener),
      update: (state, picker) => {
        this.#state = state;
        this.#picker = picker;
        this.#tell();
      },
      resolveAgain: () => helper.resolveAgain(),
    });
  }

  accept(endpoints: readonly Endpoint[], config: unknown): Status | null {
    const before = this.#config;
    this.#config = config as OutlierConfig;
    const keys = new Set(endpoints.map(endpointKey));
    for (const key of keys) this.#recordOf(key);
    this.#onConfigChanged(this.#config, before);
    const refusal = this.#child.accept(endpoints, this.#config.child);
    // After a refusal the balancer below goes on with what it had.
    if (refusal === null) for (const key of [...this.#records.keys()]) if (!keys.has(key)) this.#records.delete(key);
    return refusal;
  }

  #recordOf(key: string): OutlierRecord {
    let record = this.#records.get(key);
    if (record === undefined) {
      record = new OutlierRecord();
      this.#records.set(key, record);
    }
    return record;
  }

  #newSubchannel(endpoint: Endpoint, address: Http2Address, listener: SubchannelStateListener): BalancedSubchannel {
    const watched = new WatchedSubchannel(
      (itself) => this.#helper.newSubchannel(endpoint, address, itself),
      this.#recordOf(endpointKey(endpoint)),
      listener,
      (gone) => this.#watched.delete(gone),
    );
    this.#watched.add(watched);
    return watched;
  }

  get #counts(): boolean {
    return this.#config !== null && (this.#config.successRate !== null || this.#config.failurePercentage !== null);
  }

  #tell(): void {
    if (this.#picker !== null) this.#helper.update(this.#state, new WatchingPicker(this.#picker, this.#counts));
  }

  #onConfigChanged(config: OutlierConfig, before: OutlierConfig | null): void {
    if (!this.#counts) {
      this.#stop();
    } else if (this.#timer === null) {
      for (const record of this.#records.values()) record.closeInterval();
      this.#startedMs = this.#helper.clock.now();
      this.#arm(config.intervalMs);
    } else if (config.intervalMs !== before?.intervalMs) {
      this.#helper.clock.cancel(this.#timer);
      this.#arm(Math.max(0, this.#startedMs + config.intervalMs - this.#helper.clock.now()));
    }
    const counted = before !== null && (before.successRate !== null || before.failurePercentage !== null);
    if (counted !== this.#counts) this.#tell();
  }

  #arm(delayMs: number): void {
    this.#timer = this.#helper.clock.scheduleInBackground(delayMs, this);
  }

  /** Judges nothing from now on: everything is admitted. */
  #stop(): void {
    this.#helper.clock.cancel(this.#timer);
    this.#timer = null;
    for (const record of this.#records.values()) record.forget();
    this.#refresh();
  }

  /** An interval is over. For the clock. */
  onTimer(): void {
    this.#timer = null;
    const config = this.#config;
    if (config === null) return;
    this.#startedMs = this.#helper.clock.now();
    this.#arm(config.intervalMs);
    endInterval([...this.#records.values()], config, this.#startedMs, this.#helper.random);
    this.#refresh();
  }

  #refresh(): void {
    for (const watched of [...this.#watched]) if (this.#watched.has(watched)) watched.refresh();
  }

  onResolutionFailure(reason: Status): void {
    this.#child.onResolutionFailure(reason);
  }

  requestConnection(): void {
    this.#child.requestConnection();
  }

  resetBackoff(): void {
    this.#child.resetBackoff();
  }

  shutdown(): void {
    this.#helper.clock.cancel(this.#timer);
    this.#timer = null;
    this.#picker = null;
    this.#child.shutdown();
  }
}

function providerNamed(name: string): BalancerProvider {
  return Object.freeze({
    name,
    heedsHealth: true,
    readConfig: readOutlierConfig,
    newBalancer: (helper: BalancerHelper): Balancer => new OutlierDetection(helper),
  });
}

/** As `outlier_detection`, with the fields of gRFC A50. */
export const OUTLIER_DETECTION: BalancerProvider = providerNamed('outlier_detection');
/** The same, by the name that it has in configs written for other libraries. */
export const OUTLIER_DETECTION_EXPERIMENTAL: BalancerProvider = providerNamed('outlier_detection_experimental');
