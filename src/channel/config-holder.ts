/**
 * ConfigHolder: which service config counts, and what it says of each method. Above: NamedConnections, calls. Below: nothing.
 * Holds: calls wait only while a first resolution may still bring a config; a config that cannot be read
 * never replaces one that could. Source: gRFC A21.
 */
import type { MethodSettings, MethodSettingsSource, SettingsWaiter } from '../call/method-settings.ts';
import { RetryThrottle, type RetryThrottling } from '../call/retry-throttle.ts';
import type { MethodDescriptor } from '../values/method.ts';
import { Status } from '../values/status.ts';
import type { ChosenBalancer } from './balancer/balancer.ts';

/** A service config that was read. */
export interface ReadConfig {
  settingsOf(service: string, method: string): MethodSettings;
  readonly throttling: RetryThrottling | null;
  /** Null leaves it to the channel. */
  readonly balancer: ChosenBalancer | null;
  /** Null for no health checks; the empty name is the server as a whole. */
  readonly healthServiceName: string | null;
  /** 1 or more. */
  readonly maxConnectionsPerSubchannel: number;
}

/** What a holder is told at birth. */
export interface ConfigHolderInit {
  /** The channel's own config, for names that say nothing. */
  readonly own: ReadConfig;
  /** Whether a resolution may bring one; else what it brings is not looked at. */
  readonly mayCome: boolean;
  /** For configs that choose no balancer. */
  readonly balancer: ChosenBalancer;
  /** Reads a config that came; a Status says what is wrong with it. */
  readonly read: (json: unknown) => ReadConfig | Status;
}

/** Which service config counts. */
export class ConfigHolder implements MethodSettingsSource {
  /** A call waits for settings: a resolution is due. Set by whoever resolves. */
  onAsked: () => void = () => {};
  readonly #init: ConfigHolderInit;
  /** Null while the first resolution is awaited. */
  #current: ReadConfig | null;
  #throttle: RetryThrottle | null = null;
  /** The config that came from the name and is in use, as it was written; null for none. */
  #named: string | null = null;
  #waiters = new Set<SettingsWaiter>();

  constructor(init: ConfigHolderInit) {
    this.#init = init;
    this.#current = null;
    if (!init.mayCome) this.#use(init.own);
  }

  settingsOf(method: MethodDescriptor<unknown, unknown>): MethodSettings | null {
    return this.#current?.settingsOf(method.service, method.name) ?? null;
  }

  whenKnown(waiter: SettingsWaiter): void {
    this.#waiters.add(waiter);
    this.onAsked();
  }

  forget(waiter: SettingsWaiter): void {
    this.#waiters.delete(waiter);
  }

  get throttle(): RetryThrottle | null {
    return this.#throttle;
  }

  /** The balancer that is to be, with its config. */
  get balancer(): ChosenBalancer {
    return this.#current?.balancer ?? this.#init.balancer;
  }

  /** The service whose health decides over an address; null for none. */
  get healthServiceName(): string | null {
    return this.#current?.healthServiceName ?? null;
  }

  /** How many connections there may be to one address. */
  get maxConnectionsPerSubchannel(): number {
    return this.#current?.maxConnectionsPerSubchannel ?? 1;
  }

  /** A resolution has come, with this config or undefined. Returns why nothing can be used, or null. */
  accept(json: unknown): Status | null {
    if (json === undefined || json === null || !this.#init.mayCome) {
      this.#named = null;
      this.#use(this.#init.own);
      return null;
    }
    // One that says the same stays as it is, with the tokens that are left.
    const text = json instanceof Status ? null : JSON.stringify(json);
    if (text !== null && text === this.#named) return null;
    const read = json instanceof Status ? json : this.#init.read(json);
    if (!(read instanceof Status)) {
      this.#named = text;
      this.#use(read);
      return null;
    }
    if (this.#named !== null) return null;
    this.giveUpWaiting();
    return Status.UNAVAILABLE.withDescription(`service config: ${read.description}`).withCause(read.cause);
  }

  /** The first resolution has failed: calls go on with the channel's own config. */
  giveUpWaiting(): void {
    if (this.#current === null) this.#use(this.#init.own);
  }

  #use(config: ReadConfig): void {
    if (config !== this.#current) {
      this.#current = config;
      // Tokens are not carried over: the servers behind the name may be others.
      this.#throttle = config.throttling === null ? null : new RetryThrottle(config.throttling);
    }
    const waiters = this.#waiters;
    this.#waiters = new Set();
    for (const waiter of waiters) process.nextTick(tellKnown, waiter);
  }
}

function tellKnown(waiter: SettingsWaiter): void {
  waiter.onSettingsKnown();
}
