/**
 * ChannelCredentials: how a client's connections are protected. Above: users, client transports. Below: node:tls, as types
 * only. Immutable. Source: io.grpc.ChannelCredentials, io.grpc.TlsChannelCredentials.
 */
import type { ConnectionOptions } from 'node:tls';

/** The TLS options of a client; each as in `tls.connect`. What is left out is Node's default: the system's trusted CAs. */
export type TlsClientOptions = Pick<
  ConnectionOptions,
  | 'ca'
  | 'cert'
  | 'key'
  | 'passphrase'
  | 'pfx'
  | 'crl'
  | 'ciphers'
  | 'minVersion'
  | 'maxVersion'
  | 'servername'
  | 'checkServerIdentity'
  | 'rejectUnauthorized'
  | 'secureContext'
>;

/** Cleartext, or TLS with its options. */
export class ChannelCredentials {
  /** The TLS options; null for cleartext. */
  readonly tls: TlsClientOptions | null;

  private constructor(tls: TlsClientOptions | null) {
    this.tls = tls;
  }

  /** HTTP/2 in cleartext with prior knowledge. */
  static insecure(): ChannelCredentials {
    return new ChannelCredentials(null);
  }

  /** TLS with ALPN `h2`; `cert` and `key` for mutual TLS. The certificate is checked against the host of the target. */
  static tls(options: TlsClientOptions = {}): ChannelCredentials {
    return new ChannelCredentials(options);
  }
}
