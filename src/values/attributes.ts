/**
 * Attributes: facts about a connection, by typed key. Above: transports write them, calls show them. Immutable, one
 * object per connection. Source: io.grpc.Attributes and io.grpc.Grpc.
 */
import type { DetailedPeerCertificate } from 'node:tls';

/** Names one attribute and its type. Keys are compared by identity. */
export class AttributeKey<T> {
  /** For people. */
  readonly name: string;
  declare readonly type: T;

  constructor(name: string) {
    this.name = name;
  }
}

/** An immutable set of facts. */
export class Attributes {
  static readonly EMPTY: Attributes = new Attributes(new Map());

  readonly #values: ReadonlyMap<AttributeKey<unknown>, unknown>;

  private constructor(values: ReadonlyMap<AttributeKey<unknown>, unknown>) {
    this.#values = values;
  }

  /** The value under `key`, or null. */
  get<T>(key: AttributeKey<T>): T | null {
    return (this.#values.get(key) as T | undefined) ?? null;
  }

  /** A copy with one more fact, or with one replaced. */
  with<T>(key: AttributeKey<T>, value: NoInfer<T>): Attributes {
    return new Attributes(new Map(this.#values).set(key, value));
  }
}

/** Where an end of a connection is. */
export type SocketAddress =
  | { readonly host: string; readonly port: number }
  | { readonly path: string }
  | { readonly name: string };

/** What TLS found out about the peer. */
export interface TlsFacts {
  /** `TLSv1.3` and the like. */
  readonly protocol: string | null;
  /** The cipher suite's standard name. */
  readonly cipher: string | null;
  /** Whether the peer's certificate was checked and found good. */
  readonly authorized: boolean;
  /** The peer's certificate; null when it gave none. */
  readonly peerCertificate: DetailedPeerCertificate | null;
}

/** How well the connection is protected. Source: io.grpc.SecurityLevel. */
export type SecurityLevel = 'none' | 'privacy-and-integrity';

/** The peer's end of the connection. */
export const REMOTE_ADDRESS: AttributeKey<SocketAddress> = new AttributeKey('remote-address');
/** Our end of the connection. */
export const LOCAL_ADDRESS: AttributeKey<SocketAddress> = new AttributeKey('local-address');
/** Absent on connections without TLS. */
export const TLS_FACTS: AttributeKey<TlsFacts> = new AttributeKey('tls-facts');
/** `none` unless the connection is encrypted or never leaves the process. */
export const SECURITY_LEVEL: AttributeKey<SecurityLevel> = new AttributeKey('security-level');

/** An address as people write it: `host:port`, `[v6]:port`, `unix:/path`, or a name. */
export function formatAddress(address: SocketAddress | null): string {
  if (address === null) return 'unknown address';
  if ('path' in address) return `unix:${address.path}`;
  if ('name' in address) return address.name;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
