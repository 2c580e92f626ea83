/**
 * Who is at the other end: the address that it came from, and what TLS found out about it. Above: the contexts of reactors.
 * Below: Attributes. Source of the forms: gRPC C core, grpc_sockaddr_to_uri and grpc_ssl_peer_to_auth_context.
 */
import { X509Certificate } from 'node:crypto';
import { isIP, isIPv4, isIPv6, SocketAddress } from 'node:net';
import type { DetailedPeerCertificate } from 'node:tls';
import { type Attributes, REMOTE_ADDRESS, SECURITY_LEVEL, TLS_FACTS, type TlsFacts } from '../values/attributes.ts';

/** An IPv4 client of a server that listens at `::`. */
const MAPPED_V4 = /^::ffff:(?=[\d.]+$)/i;

/**
 * The address of the peer as a URI: `ipv4:127.0.0.1:50051`, `ipv6:%5B::1%5D:50051`, `unix:/path`, `unix-abstract:name`,
 * `inproc:name`; empty if it is not known. It proves nothing.
 */
export function peerOf(attributes: Attributes): string {
  const address = attributes.get(REMOTE_ADDRESS);
  if (address === null) return '';
  if ('path' in address) return unixPeer(address.path);
  if ('name' in address) return `inproc:${encodePath(address.name)}`;
  const host = address.host.replace(MAPPED_V4, '');
  if (isIPv4(host)) return `ipv4:${host}:${address.port}`;
  if (isIPv6(host)) return `ipv6:${encodePath(`[${host}]:${address.port}`)}`;
  return `dns:${encodePath(`${host}:${address.port}`)}`;
}

/** Linux's abstract sockets have a name that begins with NUL, and no path. */
function unixPeer(path: string): string {
  return path.startsWith('\0') ? `unix-abstract:${encodePath(path.slice(1))}` : `unix:${encodePath(path)}`;
}

/** Percent-encodes what RFC 3986 §3.3 does not let stand in a path. */
function encodePath(path: string): string {
  // By way of bytes, because encodeURI throws for half a surrogate pair.
  return encodeURI(Buffer.from(path).toString()).replace(/[?#]/g, encodeURIComponent);
}

/** A name and a value. Names may come more than once. */
export type AuthProperty = readonly [name: string, value: string];

const COMMON_NAME = 'x509_common_name';
const ALTERNATIVE_NAME = 'x509_subject_alternative_name';

/** What an AuthContext tells. */
interface Findings {
  readonly properties: readonly AuthProperty[];
  /** Which of the properties say who the peer is; null if it has not proved it. */
  readonly identity: string | null;
}

/** One reading for each connection: all its calls share the attributes, and a certificate takes long to read. */
const readings = new WeakMap<Attributes, Findings>();

/**
 * What is known of the peer, as properties:
 * `transport_security_type` (`ssl`, `insecure`, or `local` within the process) and `security_level` (`TSI_SECURITY_NONE`,
 * `TSI_PRIVACY_AND_INTEGRITY`) of every connection; with a certificate `x509_subject`, `x509_common_name` (empty if it has
 * none), `x509_pem_cert`, for each of its alternative names `x509_subject_alternative_name`, and by its kind `peer_dns`,
 * `peer_uri`, `peer_email` or `peer_ip`. No property before there is a connection.
 *
 * A certificate that was not checked shows all the same: ask isPeerAuthenticated, or for the identity, before believing it.
 * In this gRPC C++ differs, to which every certificate is an identity. Source: grpc::AuthContext.
 */
export class AuthContext implements Iterable<AuthProperty> {
  readonly #findings: Findings;

  /** `attributes`: those of a call or of a connection. */
  constructor(attributes: Attributes) {
    let findings = readings.get(attributes);
    if (findings === undefined) {
      findings = read(attributes);
      readings.set(attributes, findings);
    }
    this.#findings = findings;
  }

  /** Whether the peer gave a certificate that was checked and found good. */
  isPeerAuthenticated(): boolean {
    return this.#findings.identity !== null;
  }

  /** The alternative names of its certificate, or else its common name; nobody if the peer is not authenticated. */
  getPeerIdentity(): readonly string[] {
    return this.#findings.identity === null ? [] : this.findPropertyValues(this.#findings.identity);
  }

  /** Which property the identity is; empty if the peer is not authenticated. */
  getPeerIdentityPropertyName(): string {
    return this.#findings.identity ?? '';
  }

  /** All values of a property, in the order of the certificate; none if there is no such property. */
  findPropertyValues(name: string): readonly string[] {
    return this.#findings.properties.filter(([ofProperty]) => ofProperty === name).map(([, value]) => value);
  }

  /** Every property, each value by itself. */
  [Symbol.iterator](): IterableIterator<AuthProperty> {
    return this.#findings.properties.values();
  }
}

function read(attributes: Attributes): Findings {
  const level = attributes.get(SECURITY_LEVEL);
  const facts = attributes.get(TLS_FACTS);
  if (level === null) return { properties: [], identity: null };
  const isPrivate = level === 'privacy-and-integrity';
  const type = facts !== null ? 'ssl' : isPrivate ? 'local' : 'insecure';
  const connection: AuthProperty[] = [
    ['transport_security_type', type],
    ['security_level', isPrivate ? 'TSI_PRIVACY_AND_INTEGRITY' : 'TSI_SECURITY_NONE'],
  ];
  if (facts === null || facts.peerCertificate === null) return { properties: connection, identity: null };
  const names = alternativeNames(facts.peerCertificate.subjectaltname ?? '');
  return {
    properties: [...connection, ...certificateProperties(facts.peerCertificate), ...(names ?? [])],
    identity: identityOf(facts, names),
  };
}

/** Names that cannot be read leave nobody: whom the certificate is for is not known then. */
function identityOf(facts: TlsFacts, names: readonly AuthProperty[] | null): string | null {
  if (!facts.authorized || names === null) return null;
  return names.length > 0 ? ALTERNATIVE_NAME : COMMON_NAME;
}

function certificateProperties(certificate: DetailedPeerCertificate): AuthProperty[] {
  const x509 = new X509Certificate(certificate.raw);
  const { CN: commonName = '' } = certificate.subject;
  return [
    ['x509_subject', rfc2253(x509.subject ?? '')],
    [COMMON_NAME, typeof commonName === 'string' ? commonName : (commonName[0] ?? '')],
    ['x509_pem_cert', x509.toString()],
  ];
}

/**
 * A subject in one line, last part first, as OpenSSL prints it for RFC 2253. Node has the parts the other way round, each
 * on a line, what belongs together joined by ` + `; they are escaped already, but for letters beyond ASCII.
 */
function rfc2253(subject: string): string {
  const parts = subject.split('\n').map((line) => line.split(' + ').reverse().join('+'));
  return parts
    .reverse()
    .join(',')
    .replace(/\P{ASCII}/gu, (letter) => Buffer.from(letter).toString('hex').toUpperCase().replace(/../g, '\\$&'));
}

/**
 * One name of node's list: its kind, and the value in quotes or plain. Node puts a value into quotes, as in JSON, if it
 * holds a comma or anything else that could pass for more names than one (CVE-2021-44532).
 */
const ALTERNATIVE_NAME_PATTERN = /([^:",]+):(?:("(?:[^"\\]|\\.)*")|([^",]*))(?:, (?!$)|$)/y;

/** node's words for the kinds of names that have a property of their own. */
const PROPERTY_OF_KIND: ReadonlyMap<string, string> = new Map([
  ['DNS', 'peer_dns'],
  ['URI', 'peer_uri'],
  ['email', 'peer_email'],
  ['IP Address', 'peer_ip'],
]);

/** The properties of a list such as `DNS:localhost, IP Address:127.0.0.1`; null if it is not one that node would make. */
function alternativeNames(list: string): AuthProperty[] | null {
  const properties: AuthProperty[] = [];
  const pattern = new RegExp(ALTERNATIVE_NAME_PATTERN);
  while (pattern.lastIndex < list.length) {
    const [, kind = '', quoted, plain = ''] = pattern.exec(list) ?? [];
    const property = PROPERTY_OF_KIND.get(kind);
    const value = kind === 'IP Address' ? normalIp(plain) : quoted === undefined ? plain : unquote(quoted);
    if (kind === '' || value === null) return null;
    // The words of C core for directory names and whatever else there is.
    properties.push([ALTERNATIVE_NAME, property === undefined ? 'other types of SAN' : value]);
    if (property !== undefined) properties.push([property, value]);
  }
  return properties;
}

/** Node has `0:0:0:0:0:0:0:1` where C core has `::1`. */
function normalIp(address: string): string | null {
  const version = isIP(address);
  if (version === 0) return null;
  return new SocketAddress({ address, family: version === 4 ? 'ipv4' : 'ipv6' }).address;
}

function unquote(json: string): string | null {
  try {
    return JSON.parse(json) as string;
  } catch {
    return null;
  }
}
