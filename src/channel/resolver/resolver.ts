/**
 * The resolver contract: a name becomes addresses, over time. Above: NamedConnections, which starts a resolver when the
 * channel leaves IDLE and ends it when it goes back. Below: dns.ts, static.ts, and whatever users write in one file.
 * Holds: nothing is told inside start() or after shutdown(); a resolver never throws, and tells as often as it knows better.
 * Source: io.grpc.NameResolver, grpc doc/naming.md.
 */
import type { Http2Address } from '../../transport/http2/client-socket.ts';
import type { Clock } from '../../values/clock.ts';
import type { Status } from '../../values/status.ts';

/** One server that calls may go to, under one address or several. Source: gRFC A61, io.grpc.EquivalentAddressGroup. */
export interface Endpoint {
  /** At least one, in order of preference. */
  readonly addresses: readonly Http2Address[];
  /** How many calls it gets next to others, a number over 0; heeded by balancers that know weights. Default: 1. */
  readonly weight?: number;
  /** `:authority` of calls to it, and with TLS the name that its certificate must bear. Default: the channel's. */
  readonly authority?: string;
}

/** What a name leads to. */
export interface Resolution {
  /** May be empty: then there is nowhere to go. */
  readonly endpoints: readonly Endpoint[];
  /**
   * What the name says of its calls: service config JSON, parsed but not checked; or a Status, never OK, that says why there
   * is one which could not be read. Default: it says nothing.
   */
  readonly serviceConfig?: unknown;
}

/** What a resolver tells. */
export interface ResolverListener {
  /** Where the name leads now, in whole; replaces what was told before. */
  onResolution(resolution: Resolution): void;
  /** It could not be found out. What was told before stays; before that calls fail with `reason`, which is never OK. */
  onFailure(reason: Status): void;
}

/** One name under resolution. */
export interface Resolver {
  /** Begins. Once. */
  start(listener: ResolverListener): void;
  /** A hint that the answer may be out of date, such as after a lost connection. May be heeded late, or not at all. */
  resolveAgain(): void;
  /** After a failure: forgets its back-off and asks at once. */
  resetBackoff(): void;
  /** Ends it. A second call does nothing. */
  shutdown(): void;
}

/** A target in its parts: `scheme://authority/path`. Source: grpc doc/naming.md, RFC 3986. */
export interface Target {
  /** In lower case, without the colon. */
  readonly scheme: string;
  /** What stands between `//` and the next slash; empty for none. */
  readonly authority: string;
  /** What follows, decoded, without the slash that ends the authority: `host:port`, a socket's path, a list. */
  readonly path: string;
  /** As it was written. */
  readonly text: string;
}

/** What a resolver is told at birth. */
export interface ResolverContext {
  readonly clock: Clock;
  /** Gives numbers from 0 up to 1, for jitter and choice. */
  readonly random: () => number;
}

/** Makes the resolvers of one scheme. */
export interface ResolverProvider {
  /** In lower case, such as `dns`. */
  readonly scheme: string;
  /** Whether a resolution may hold a service config. Then calls wait for the first one, to be told what it says of them. */
  readonly givesServiceConfig: boolean;
  /** The `:authority` of calls to a target, unless the channel has its own. Throws TypeError for a target it cannot read. */
  authorityOf(target: Target): string;
  /** A resolver for a target that authorityOf has taken. */
  newResolver(target: Target, context: ResolverContext): Resolver;
}
