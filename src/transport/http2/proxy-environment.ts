/**
 * Which HTTP proxy leads to a target: by choice, or by the environment. Above: channels, which ask once for a target.
 * Below: node:net. Pure, but for the environment where none is given. Source: gRFC A1, grpc doc/environment_variables.md.
 */
import { BlockList, isIP, isIPv6 } from 'node:net';
import type { TlsClientOptions } from '../../credentials/channel-credentials.ts';

/** A proxy to connect through, and whither. */
export interface HttpProxy {
  /** `http:` or `https:`; the user and password in it go into basic authentication. */
  readonly url: URL;
  /** What the proxy is asked to connect to, `host:port`; a name is looked up by the proxy. */
  readonly target: string;
  /** For an `https:` proxy. Default: the CAs that Node trusts, and the proxy's own host. */
  readonly tls?: TlsClientOptions;
}

/**
 * Which proxy to take: the one that environment variables name, none, or this one, whatever the environment says. `tls` is
 * for an `https:` proxy; default: the CAs that Node trusts.
 */
export type ProxyChoice = 'environment' | 'none' | { readonly url: string | URL; readonly tls?: TlsClientOptions };

/** Environment variables by name, such as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The first of them that is set counts. Those in capitals do not: a web server sets HTTP_PROXY from what clients send. */
const PROXIES = ['grpc_proxy', 'https_proxy', 'http_proxy'];
const EXCLUSIONS = ['no_grpc_proxy', 'no_proxy'];

/**
 * What a choice means for `target`, a `host:port`; null for no proxy. Throws TypeError for a chosen URL that is none, or
 * neither `http:` nor `https:`.
 */
export function chooseProxy(
  choice: ProxyChoice,
  target: string,
  environment: Environment = process.env,
): HttpProxy | null {
  if (choice === 'none') return null;
  if (choice === 'environment') {
    const url = proxyFor(target, environment);
    return url === null ? null : { url, target };
  }
  const url = readProxy(String(choice.url));
  // Not with the text itself, which may hold a password.
  if (url === null) throw new TypeError('the URL of a proxy is http://host:port or https://host:port');
  return choice.tls === undefined ? { url, target } : { url, target, tls: choice.tls };
}

/**
 * The proxy that the environment names for `target`, a `host`, `host:port`, `[v6]` or `[v6]:port`; null for none. The first of
 * `grpc_proxy`, `https_proxy` and `http_proxy` that is set holds it; one that is not HTTP is ignored, as other gRPC libraries do.
 *
 * The first of `no_grpc_proxy` and `no_proxy` that is set lists what goes without: `*` is everything; `example.com` that
 * name and all below it, `.example.com` and `*.example.com` only those below; `10.0.0.1` and `[::1]` addresses,
 * `10.0.0.0/8` a range of them; each with `:port` only on that port. Names are not looked up. This machine's own names
 * and addresses, `localhost`, 127.0.0.0/8 and ::1, always go without.
 */
export function proxyFor(target: string, environment: Environment): URL | null {
  const url = readProxy(firstOf(PROXIES, environment));
  if (url === null) return null;
  const { host, port } = split(target);
  if (isOwn(host)) return null;
  const exclusions = firstOf(EXCLUSIONS, environment).split(/[,\s]+/);
  return exclusions.some((exclusion) => excludes(exclusion, host, port ?? 443)) ? null : url;
}

function firstOf(names: readonly string[], environment: Environment): string {
  for (const name of names) {
    const value = environment[name]?.trim();
    if (value) return value;
  }
  return '';
}

function readProxy(text: string): URL | null {
  const whole = text.includes('://') ? text : `http://${text}`;
  const url = text !== '' && URL.canParse(whole) ? new URL(whole) : null;
  return url !== null && (url.protocol === 'http:' || url.protocol === 'https:') ? url : null;
}

interface HostAndPort {
  /** In lower case, without brackets, a zone, or a dot at the end. */
  readonly host: string;
  readonly port: number | null;
}

function split(text: string): HostAndPort {
  const bracketed = /^\[(.*)\](?::(\d+))?$/.exec(text);
  const plain = isIPv6(text) ? null : /^([^:]*):(\d+)$/.exec(text);
  const [, host = text, port] = bracketed ?? plain ?? [];
  const name = host.toLowerCase().replace(isIPv6(host) ? /%.*$/ : /\.$/, '');
  return { host: name, port: port === undefined ? null : Number(port) };
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

function isOwn(host: string): boolean {
  return host === 'localhost' || holds(LOOPBACK, host);
}

function holds(list: BlockList, host: string): boolean {
  const family = isIP(host);
  return family !== 0 && list.check(host, family === 6 ? 'ipv6' : 'ipv4');
}

function excludes(exclusion: string, host: string, port: number): boolean {
  const range = /^\[?([^\]/]*)\]?\/(\d{1,3})$/.exec(exclusion);
  if (range !== null) return isInRange(range[1] as string, Number(range[2]), host);
  const only = split(exclusion);
  if (only.host === '' || (only.port !== null && only.port !== port)) return false;
  if (isIP(only.host) !== 0) return isInRange(only.host, isIPv6(only.host) ? 128 : 32, host);
  if (only.host.startsWith('*')) return host.endsWith(only.host.slice(1));
  return only.host.startsWith('.') ? host.endsWith(only.host) : host === only.host || host.endsWith(`.${only.host}`);
}

function isInRange(address: string, prefix: number, host: string): boolean {
  const family = isIP(address);
  if (family === 0 || prefix > (family === 6 ? 128 : 32)) return false;
  const list = new BlockList();
  list.addSubnet(address, prefix, family === 6 ? 'ipv6' : 'ipv4');
  return holds(list, host);
}
