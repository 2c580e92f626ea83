/**
 * The socket under a client connection: where it goes, and whose certificate it takes. Above: Http2ClientTransport. Below:
 * node:net, node:tls. Holds: with TLS, HTTP/2 is asked for, and the certificate is checked against the host of the calls'
 * authority, never against the address that we happen to connect to.
 */
import { X509Certificate } from 'node:crypto';
import net from 'node:net';
import tls from 'node:tls';
import type { TlsClientOptions } from '../../credentials/channel-credentials.ts';

/** Where a server listens: a TCP port, or a Unix socket (a leading NUL for Linux's abstract ones). */
export type Http2Address = { readonly host: string; readonly port: number } | { readonly path: string };

/** The socket of a connection. With TLS there are two: `below` is the one that carries the other. */
export interface ClientSocket {
  readonly socket: net.Socket;
  readonly below: net.Socket | null;
}

/** Connects to an address, or through a tunnel that stands. Throws for broken TLS material. `tlsOptions`: null for cleartext. */
export function connectSocket(
  where: Http2Address | { readonly socket: net.Socket },
  authority: string,
  tlsOptions: TlsClientOptions | null,
): ClientSocket {
  if (tlsOptions === null) return { socket: plainSocket(where), below: null };
  const options = { ...identityOf(hostOf(authority), tlsOptions), ...tlsOptions, ALPNProtocols: ['h2'] };
  // Broken material throws here, before there is a socket that somebody would have to close.
  const secureContext = tlsOptions.secureContext ?? tls.createSecureContext(options);
  const below = plainSocket(where);
  return { socket: tls.connect({ ...options, secureContext, socket: below }), below };
}

function plainSocket(where: Http2Address | { readonly socket: net.Socket }): net.Socket {
  return 'socket' in where ? where.socket : net.connect({ ...where, noDelay: true });
}

/** What a server's certificate is checked against, unless the user's options say otherwise. */
function identityOf(host: string, options: TlsClientOptions): tls.ConnectionOptions {
  if (options.servername !== undefined) return {};
  if (net.isIP(host) === 0) return { servername: host };
  // SNI takes no IP addresses, and node would check the one that it connects to. RFC 6066 §3.
  return { checkServerIdentity: (_connected, certificate) => identityError(host, certificate) };
}

/** What speaks against a certificate as that of an IP address. RFC 9110 §4.3.5. */
function identityError(address: string, certificate: tls.PeerCertificate): Error | undefined {
  // node:tls: checkServerIdentity() knows no IPv6 address on some releases of 22, 24 and 26 (nodejs/node#64144), so it words
  // the refusal alone (test/transport/http2/tls.test.ts).
  if (new X509Certificate(certificate.raw).checkIP(address) !== undefined) return undefined;
  return tls.checkServerIdentity(address, certificate);
}

/** The host part of an authority. */
function hostOf(authority: string): string {
  const bracketed = /^\[([^\]]*)\]/.exec(authority);
  if (bracketed !== null) return bracketed[1] as string;
  return authority.replace(/:\d*$/, '');
}
