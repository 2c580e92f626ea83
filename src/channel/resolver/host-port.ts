/**
 * HostPort: `host`, `host:port`, `[v6]` and `[v6]:port`, in their parts. Above: the resolvers that read targets. Below:
 * node:net. Holds: what is read has a host, and a port from 1 to 65,535 if any. Source: RFC 3986 §3.2, RFC 6874.
 */
import net from 'node:net';
import { domainToASCII } from 'node:url';

/** A host and its port. */
export interface HostPort {
  /** A name or an IP literal, without brackets; a link-local one with its zone. */
  readonly host: string;
  /** Null where none is written. */
  readonly port: number | null;
}

const BRACKETED = /^\[([^[\]]*)\](?::(.*))?$/;
const PLAIN = /^([^:]*)(?::(.*))?$/;
/** No delimiter of a URI, no blank, no control character. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be in a host.
const HOST = /^[^\s\x00-\x20\x7f:/?#@[\]\\,%]+$/;

/** Reads one of the forms; throws TypeError, which names what is wrong in words for the user. */
export function readHostPort(text: string): HostPort {
  const bracketed = BRACKETED.exec(text);
  const [, host = '', port] = bracketed ?? PLAIN.exec(text) ?? [];
  if (bracketed === null) {
    if (text.includes('://'))
      throw new TypeError(`'${text}' is a URL, and 'host:port' is asked for, without 'https://'`);
    if (text.startsWith('[')) throw new TypeError("after ']' comes ':' and a port, or nothing");
    if (text.split(':').length > 2) throw new TypeError("an IPv6 address stands in brackets, such as '[::1]:443'");
    if (host === '') throw new TypeError('there is no host');
    if (!HOST.test(host)) throw new TypeError(`'${host}' is no host`);
  } else if (!net.isIPv6(host)) {
    throw new TypeError(`'${host}' is no IPv6 address, which brackets ask for`);
  }
  return { host, port: port === undefined ? null : portOf(port) };
}

function portOf(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw new TypeError(`'${text}' is no port from 1 to 65535`);
  return port;
}

/** As it stands in an authority: IPv6 in brackets and without its zone, names in ASCII, no port where none is written. */
export function authorityOfHost({ host, port }: HostPort): string {
  const name = net.isIPv6(host) ? `[${host.replace(/%.*/, '')}]` : asciiOf(host);
  return port === null ? name : `${name}:${port}`;
}

function asciiOf(host: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII.
  return /^[\x00-\x7f]*$/.test(host) ? host : domainToASCII(host) || host;
}
