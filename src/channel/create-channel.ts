/**
 * createChannel(): a channel to a name over HTTP/2. Above: users. Below: ManagedChannel, NamedConnections,
 * Http2ClientTransport. Source: grpc doc/naming.md, io.grpc.ManagedChannelBuilder.
 */

import type { ChannelCredentials } from '../credentials/channel-credentials.ts';
import type { Http2Address } from '../transport/http2/client-socket.ts';
import { type Http2ClientOptions, Http2ClientTransport } from '../transport/http2/client-transport.ts';
import { KeepalivePace } from '../transport/http2/keepalive-pace.ts';
import { chooseProxy, type HttpProxy, type ProxyChoice } from '../transport/http2/proxy-environment.ts';
import type { ClientTransport } from '../transport/transport.ts';
import { formatAddress } from '../values/attributes.ts';
import { SYSTEM_CLOCK } from '../values/clock.ts';
import { Status } from '../values/status.ts';
import type { BalancerProvider, BalancerProviders, ChosenBalancer } from './balancer/balancer.ts';
import { BalancerRegistry } from './balancer/registry.ts';
import { ConfigHolder } from './config-holder.ts';
import { type ChannelOptions, ManagedChannel } from './managed-channel.ts';
import { NamedConnections } from './named-connections.ts';
import { readHostPort } from './resolver/host-port.ts';
import { ResolverRegistry } from './resolver/registry.ts';
import type { Endpoint, Resolver, ResolverProvider } from './resolver/resolver.ts';
import { DEFAULT_PORT, StaticResolver } from './resolver/static.ts';
import {
  type ParsedServiceConfig,
  readServiceConfig,
  type ServiceConfig,
  type ServiceConfigLimits,
} from './service-config.ts';

/**
 * What createChannel may be told: what a channel may, and what concerns its connections. Call credentials are composed
 * with the channel's.
 */
export interface Http2ChannelOptions
  extends Omit<ChannelOptions, 'callCredentials'>,
    Omit<Http2ClientOptions, 'address' | 'authority' | 'credentials' | 'clock' | 'proxy' | 'keepalivePace'> {
  /**
   * `:authority` of the calls; with TLS also the name that the certificate must bear. Default: the target's
   * `host:port`, `localhost` for a Unix socket.
   */
  readonly authority?: string;
  /** What holds for calls by method, and how they are spread, as far as the name does not say. Default: nothing. */
  readonly serviceConfig?: ServiceConfig;
  /** What no service config may go beyond, from whomever it comes. Default: 5 attempts of a call, 10 connections to an address. */
  readonly serviceConfigLimits?: ServiceConfigLimits;
  /** Heed the channel's own config alone, whatever the name says. Default: false. */
  readonly ignoresNamedConfig?: boolean;
  /** The balancer, by name, for configs that choose none. Default: `pick_first`. */
  readonly balancer?: string;
  /** More balancers; one with a name that the library knows goes before the library's. Default: none. */
  readonly balancers?: readonly BalancerProvider[];
  /** More schemes, or other resolvers for a known one, such as `dnsResolver({ refreshMs: 10_000 })`. Default: none. */
  readonly resolvers?: readonly ResolverProvider[];
  /** The scheme of targets that begin with no known one. Default: `dns`. */
  readonly defaultScheme?: string;
  /**
   * Which HTTP proxy to connect through. Default: `environment`, for targets of the scheme `dns`; see proxyFor. One's own URL
   * counts for every target but sockets. A name is left to the proxy to look up, so it gives no service config.
   */
  readonly proxy?: ProxyChoice;
  /** Gives numbers from 0 up to 1, for jitter and choice. Default: Math.random. */
  readonly random?: () => number;
}

/**
 * A channel to `target`: `host`, `host:port` or `[v6]:port` (port 443 unless told), `dns://server/host:port`,
 * `ipv4:a:port,b:port`, `ipv6:[a]:port`, `unix:path`, `unix-abstract:name`, `passthrough:///host:port`, or what the resolvers
 * of the options take. Connects at the first call. Throws TypeError for a target that it cannot read, for a service config
 * with a fault and for a balancer that it does not know.
 */
export function createChannel(
  target: string,
  credentials: ChannelCredentials,
  options: Http2ChannelOptions = {},
): ManagedChannel {
  const named = new ResolverRegistry(options.resolvers).read(target, options.defaultScheme);
  const authority = options.authority ?? named.authority;
  const clock = options.clock ?? SYSTEM_CLOCK;
  const random = options.random ?? Math.random;
  const choice = options.proxy ?? 'environment';
  const tunnelled = named.target.scheme === 'dns' ? readHostPort(named.authority) : null;
  const there = tunnelled === null ? null : { host: tunnelled.host, port: tunnelled.port ?? DEFAULT_PORT };
  const tunnel = there === null ? null : chooseProxy(choice, formatAddress(there));
  const keepalivePace = new KeepalivePace();
  const newTransport = (endpoint: Endpoint, address: Http2Address): ClientTransport => {
    const proxy = tunnel ?? proxyOf(choice, address);
    const own = endpoint.authority ?? authority;
    return new Http2ClientTransport({ ...options, clock, address, authority: own, credentials, proxy, keepalivePace });
  };
  // A proxy looks names up itself: those beyond it may be known to it alone.
  const newResolver = (): Resolver =>
    there !== null && tunnel !== null
      ? new StaticResolver({ endpoints: [{ addresses: [there] }] })
      : named.provider.newResolver(named.target, { clock, random });
  const config = configOf(options, tunnel === null && named.provider.givesServiceConfig);
  const backoff = { random, ...options.backoff };
  const channelOptions: ChannelOptions = { ...options, callCredentials: credentials.callCredentials };
  return new ManagedChannel(
    (listener) => new NamedConnections({ target, clock, random, backoff, newResolver, newTransport, config, listener }),
    authority,
    channelOptions,
  );
}

/** The proxy to an address of a name that DNS does not know: only one's own. */
function proxyOf(choice: ProxyChoice, address: Http2Address): HttpProxy | null {
  return typeof choice === 'string' || 'path' in address ? null : chooseProxy(choice, formatAddress(address));
}

/** Which service config counts, to begin with the one of the options. */
function configOf(options: Http2ChannelOptions, mayCome: boolean): ConfigHolder {
  const balancers = new BalancerRegistry(options.balancers);
  const read = (json: unknown): ParsedServiceConfig | Status =>
    readServiceConfig(json, balancers, options.serviceConfigLimits);
  const own = read(options.serviceConfig ?? {});
  if (own instanceof Status) throw new TypeError(`serviceConfig: ${own.description}`);
  const balancer = defaultBalancer(options.balancer ?? 'pick_first', balancers);
  return new ConfigHolder({ own, mayCome: mayCome && options.ignoresNamedConfig !== true, balancer, read });
}

function defaultBalancer(name: string, balancers: BalancerProviders): ChosenBalancer {
  const provider = balancers.get(name);
  if (provider === null) throw new TypeError(`there is no balancer '${name}'`);
  return { provider, config: provider.readConfig({}, balancers) };
}
