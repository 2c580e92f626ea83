/**
 * A ManagedChannel over a name that the test resolves, transports that it works by hand, and a balancer in one file: every
 * address has a connection, calls go to those that are READY in turn. Above: tests of ManagedChannel and NamedConnections.
 */
import { CallOptions } from '../../src/call/call-options.ts';
import type { ClientCall } from '../../src/call/client-call.ts';
import { type MethodSettings, NO_SETTINGS } from '../../src/call/method-settings.ts';
import {
  type BalancedSubchannel,
  type Balancer,
  type BalancerHelper,
  type BalancerProvider,
  Picked,
  type PickResult,
} from '../../src/channel/balancer/balancer.ts';
import { ConfigHolder, type ReadConfig } from '../../src/channel/config-holder.ts';
import type { ConnectivityState } from '../../src/channel/connectivity.ts';
import { type ChannelOptions, ManagedChannel } from '../../src/channel/managed-channel.ts';
import { NamedConnections } from '../../src/channel/named-connections.ts';
import type { Endpoint, Resolution, Resolver, ResolverListener } from '../../src/channel/resolver/resolver.ts';
import type { Http2Address } from '../../src/transport/http2/client-socket.ts';
import { formatAddress } from '../../src/values/attributes.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Status } from '../../src/values/status.ts';
import { echoMethods } from '../support/echo.ts';
import { RecordingClientListener } from '../support/recorder.ts';
import { assert, within } from '../support/suite.ts';
import { WoundClock } from '../support/wound-clock.ts';
import { HandTransport } from './hand-transport.ts';

/** Answers when told. */
export class HandResolver implements Resolver {
  listener: ResolverListener | null = null;
  asked = 0;
  backoffResets = 0;
  isShutDown = false;

  start(listener: ResolverListener): void {
    this.listener = listener;
  }

  resolveAgain(): void {
    this.asked += 1;
  }

  resetBackoff(): void {
    this.backoffResets += 1;
  }

  shutdown(): void {
    this.isShutDown = true;
  }

  /** The name leads to these ports of one host. */
  answer(ports: readonly number[], serviceConfig?: unknown): void {
    const endpoints = ports.map((port) => ({ addresses: [{ host: '10.0.0.1', port }] }));
    const resolution: Resolution = serviceConfig === undefined ? { endpoints } : { endpoints, serviceConfig };
    this.listener?.onResolution(resolution);
  }
}

/** Every address has a connection; calls take turns on those that are READY. A balancer as a user would write it. */
class TurnsBalancer implements Balancer {
  readonly #helper: BalancerHelper;
  readonly #subchannels = new Map<string, BalancedSubchannel>();
  #failure: Status = Status.UNAVAILABLE;

  constructor(helper: BalancerHelper) {
    this.#helper = helper;
  }

  accept(endpoints: readonly Endpoint[]): Status | null {
    if (endpoints.length === 0) return Status.UNAVAILABLE.withDescription('no addresses');
    const wanted = new Set<string>();
    for (const endpoint of endpoints) {
      for (const address of endpoint.addresses) {
        const key = formatAddress(address);
        wanted.add(key);
        if (!this.#subchannels.has(key)) this.#connect(key, endpoint, address);
      }
    }
    for (const [key, subchannel] of [...this.#subchannels]) if (!wanted.has(key)) this.#drop(key, subchannel);
    this.#tell();
    return null;
  }

  #connect(key: string, endpoint: Endpoint, address: Http2Address): void {
    const subchannel = this.#helper.newSubchannel(endpoint, address, {
      onSubchannelState: (changed, state) => {
        if (state === 'TRANSIENT_FAILURE') this.#failure = changed.lastFailure;
        if (state === 'IDLE' || state === 'TRANSIENT_FAILURE') this.#helper.resolveAgain();
        this.#tell();
        if (state === 'IDLE' || state === 'TRANSIENT_FAILURE') changed.requestConnection();
      },
    });
    this.#subchannels.set(key, subchannel);
    subchannel.requestConnection();
  }

  #drop(key: string, subchannel: BalancedSubchannel): void {
    this.#subchannels.delete(key);
    subchannel.shutdown();
  }

  #tell(): void {
    const all = [...this.#subchannels.values()];
    const ready = all.filter((subchannel) => subchannel.state() === 'READY').map((each) => new Picked(each));
    let turn = 0;
    const inReady = (): PickResult => ready[turn++ % ready.length] ?? null;
    if (ready.length > 0) this.#helper.update('READY', { pick: inReady });
    else if (all.some((each) => each.state() !== 'TRANSIENT_FAILURE')) {
      this.#helper.update('CONNECTING', { pick: () => null });
    } else this.#helper.update('TRANSIENT_FAILURE', { pick: () => this.#failure });
  }

  onResolutionFailure(reason: Status): void {
    if (this.#subchannels.size === 0) this.#helper.update('TRANSIENT_FAILURE', { pick: () => reason });
  }

  requestConnection(): void {
    for (const subchannel of this.#subchannels.values()) subchannel.requestConnection();
  }

  resetBackoff(): void {
    for (const subchannel of this.#subchannels.values()) subchannel.resetBackoff();
  }

  shutdown(): void {
    for (const [key, subchannel] of [...this.#subchannels]) this.#drop(key, subchannel);
  }
}

export const TURNS: BalancerProvider = {
  name: 'turns',
  readConfig: () => null,
  newBalancer: (helper) => new TurnsBalancer(helper),
};

/** A config that says nothing, but for what it is told to say. */
export function configThat(says: Partial<ReadConfig> = {}): ReadConfig {
  return {
    settingsOf: () => NO_SETTINGS,
    throttling: null,
    balancer: null,
    healthServiceName: null,
    maxConnectionsPerSubchannel: 1,
    ...says,
  };
}

/** What a SetUp may be told. */
export interface NamedOptions extends ChannelOptions {
  readonly own?: ReadConfig;
  /** Whether the name may bring a config: `{ settings }` for every method, or `{ fault }`. */
  readonly mayCome?: boolean;
  readonly balancer?: BalancerProvider;
}

export interface StartedCall {
  readonly call: ClientCall<Uint8Array, Uint8Array>;
  readonly listener: RecordingClientListener<Uint8Array>;
}

/** A channel to the name `fleet`. */
export class NamedSetUp {
  readonly clock = new WoundClock();
  readonly resolvers: HandResolver[] = [];
  readonly transports = new Map<number, HandTransport[]>();
  readonly channel: ManagedChannel;

  constructor({ own = configThat(), mayCome = false, balancer = TURNS, ...options }: NamedOptions = {}) {
    const { clock } = this;
    const config = new ConfigHolder({ own, mayCome, balancer: { provider: balancer, config: null }, read: readNamed });
    this.channel = new ManagedChannel(
      (listener) =>
        new NamedConnections({
          target: 'fleet',
          clock,
          random: () => 0.5,
          backoff: { random: () => 0.5 },
          newResolver: () => this.#newResolver(),
          newTransport: (_, address) => this.#newTransport(address),
          config,
          listener,
        }),
      'fleet:443',
      { clock, ...options },
    );
  }

  #newResolver(): HandResolver {
    const resolver = new HandResolver();
    this.resolvers.push(resolver);
    return resolver;
  }

  #newTransport(address: Http2Address): HandTransport {
    const port = 'port' in address ? address.port : 0;
    const transport = new HandTransport();
    this.transports.set(port, [...(this.transports.get(port) ?? []), transport]);
    return transport;
  }

  /** The latest resolver. */
  get resolver(): HandResolver {
    const resolver = this.resolvers.at(-1);
    if (resolver === undefined) throw new Error('nothing was resolved');
    return resolver;
  }

  /** The latest connection to a port. */
  at(port: number): HandTransport {
    const transport = this.transports.get(port)?.at(-1);
    if (transport === undefined) throw new Error(`nothing was connected to ${port}`);
    return transport;
  }

  start(options: CallOptions = CallOptions.DEFAULT): StartedCall {
    const call = this.channel.newCall(echoMethods.bidi_streaming, options);
    const listener = new RecordingClientListener<Uint8Array>();
    listener.forbid(() => call.start(listener, new Metadata()));
    return { call, listener };
  }

  get state(): ConnectivityState {
    return this.channel.getState();
  }

  /** Ends everything, so that each test shows that it can. */
  async finish(): Promise<void> {
    this.channel.shutdownNow();
    assert.ok(await within(1_000, this.channel.awaitTermination(), 'the end of the channel'));
    assert.is(this.clock.armed, 0, 'a timer is left');
    assert.ok(this.resolvers.every((resolver) => resolver.isShutDown));
  }
}

function readNamed(json: unknown): ReadConfig | Status {
  const { settings, fault, ...says } = json as { settings?: Partial<MethodSettings>; fault?: string };
  if (fault !== undefined) return Status.UNAVAILABLE.withDescription(fault);
  return configThat({ settingsOf: () => ({ ...NO_SETTINGS, ...settings }), ...says });
}

export async function statusOf({ listener }: StartedCall): Promise<string> {
  return (await listener.closed).status.toString();
}
