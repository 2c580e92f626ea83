/**
 * StaticResolver: a name that was an address all along, and the schemes of such names: `ipv4`, `ipv6`, `unix`,
 * `unix-abstract`, `passthrough`. Above: NamedConnections, through ResolverRegistry. Below: host-port.ts.
 * Holds: tells once, in a tick of its own. Source: grpc doc/naming.md.
 */
import net from 'node:net';
import type { Http2Address } from '../../transport/http2/client-socket.ts';
import { authorityOfHost, type HostPort, readHostPort } from './host-port.ts';
import type { Resolution, Resolver, ResolverListener, ResolverProvider, Target } from './resolver.ts';

/** The port where a target names none. Source: grpc doc/naming.md. */
export const DEFAULT_PORT = 443;

/** Always the same answer. Of use in one's own ResolverProvider too. */
export class StaticResolver implements Resolver {
  readonly #resolution: Resolution;
  #listener: ResolverListener | null = null;

  constructor(resolution: Resolution) {
    this.#resolution = resolution;
  }

  start(listener: ResolverListener): void {
    this.#listener = listener;
    process.nextTick(() => this.#listener?.onResolution(this.#resolution));
  }

  resolveAgain(): void {}

  resetBackoff(): void {}

  shutdown(): void {
    this.#listener = null;
  }
}

/** A provider whose targets are read at once: into addresses, each an endpoint, or a TypeError. */
function provider(
  scheme: string,
  authorityOf: (target: Target) => string,
  addressesOf: (target: Target) => readonly Http2Address[],
): ResolverProvider {
  return Object.freeze({
    scheme,
    givesServiceConfig: false,
    authorityOf(target: Target): string {
      addressesOf(target);
      return authorityOf(target);
    },
    newResolver: (target: Target): Resolver =>
      new StaticResolver({ endpoints: addressesOf(target).map((address) => ({ addresses: [address] })) }),
  });
}

/** `unix:path` and `unix:///absolute/path`: a socket file. */
export const UNIX_RESOLVER: ResolverProvider = provider(
  'unix',
  () => 'localhost',
  (target) => {
    refuseAuthority(target, "a socket has no host; write 'unix:path' or 'unix:///absolute/path'");
    // After two slashes the third is the root's.
    const path = /^unix:\/\//i.test(target.text) ? `/${target.path}` : target.path;
    if (path === '' || path === '/') throw fault(target, 'it names no socket');
    if (path.includes('\0')) throw fault(target, "a path has no NUL; write 'unix-abstract:name'");
    return [{ path }];
  },
);

/** `unix-abstract:name`: a socket in Linux's abstract namespace, which is no file. */
export const UNIX_ABSTRACT_RESOLVER: ResolverProvider = provider(
  'unix-abstract',
  () => 'localhost',
  (target) => {
    refuseAuthority(target, "a socket has no host; write 'unix-abstract:name'");
    if (target.path === '') throw fault(target, 'it names no socket');
    return [{ path: `\0${target.path}` }];
  },
);

/** `ipv4:a[:port][,b[:port]…]`: IPv4 addresses, port 443 unless told. */
export const IPV4_RESOLVER: ResolverProvider = provider('ipv4', authorityOfFirst, (target) =>
  hostPorts(target).map((each) => ipAddress(target, each, 4)),
);

/** `ipv6:[a][:port][,[b][:port]…]`: IPv6 addresses, port 443 unless told. A sole address needs no brackets. */
export const IPV6_RESOLVER: ResolverProvider = provider('ipv6', authorityOfFirst, (target) =>
  hostPorts(target).map((each) => ipAddress(target, each, 6)),
);

/** `passthrough:///host:port`: left to the system to look up at each connection; port 443 unless told. */
export const PASSTHROUGH_RESOLVER: ResolverProvider = provider(
  'passthrough',
  (target) => authorityOfHost(hostPortOf(target, target.path)),
  (target) => {
    refuseAuthority(target, "write 'passthrough:///host:port'");
    return [addressOf(hostPortOf(target, target.path))];
  },
);

function authorityOfFirst(target: Target): string {
  return hostPorts(target).slice(0, 1).map(authorityOfHost).join();
}

function hostPorts(target: Target): HostPort[] {
  refuseAuthority(target, `write '${target.scheme}:address:port'`);
  return target.path.split(',').map((part) => hostPortOf(target, net.isIPv6(part) ? `[${part}]` : part));
}

function ipAddress(target: Target, hostPort: HostPort, family: 4 | 6): Http2Address {
  if (net.isIP(hostPort.host) !== family) throw fault(target, `'${hostPort.host}' is no IPv${family} address`);
  return addressOf(hostPort);
}

/** With the default port where none is written. */
function addressOf({ host, port }: HostPort): Http2Address {
  return { host, port: port ?? DEFAULT_PORT };
}

function hostPortOf(target: Target, text: string): HostPort {
  try {
    return readHostPort(text);
  } catch (thrown) {
    throw fault(target, (thrown as TypeError).message);
  }
}

function refuseAuthority(target: Target, advice: string): void {
  if (target.authority !== '') throw fault(target, advice);
}

/** What is wrong with a target, with the target itself. */
export function fault(target: Target, text: string): TypeError {
  return new TypeError(`target '${target.text}': ${text}`);
}
