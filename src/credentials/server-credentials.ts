/**
 * ServerCredentials: how a server's port is protected. Above: users, server listeners. Below: node:tls, as types only.
 * Immutable. Source: io.grpc.ServerCredentials, io.grpc.TlsServerCredentials.
 */
import type { TlsOptions } from 'node:tls';

/** The TLS options of a server; each as in `tls.createServer`, and whether clients must show a certificate. */
export type TlsServerOptions = Pick<
  TlsOptions,
  | 'ca'
  | 'cert'
  | 'key'
  | 'passphrase'
  | 'pfx'
  | 'crl'
  | 'ciphers'
  | 'minVersion'
  | 'maxVersion'
  | 'secureContext'
  | 'SNICallback'
> & {
  /**
   * `none` asks for no client certificate, `request` takes one without checking it, `require` refuses the connection
   * unless `ca` signed it. Default: `none`.
   */
  readonly clientCertificate?: 'none' | 'request' | 'require';
};

/** Cleartext, or TLS with its options. */
export class ServerCredentials {
  /** The TLS options; null for cleartext. */
  readonly tls: TlsServerOptions | null;

  private constructor(tls: TlsServerOptions | null) {
    this.tls = tls;
  }

  /** HTTP/2 in cleartext with prior knowledge. */
  static insecure(): ServerCredentials {
    return new ServerCredentials(null);
  }

  /** TLS with ALPN `h2`. */
  static tls(options: TlsServerOptions): ServerCredentials {
    return new ServerCredentials(options);
  }
}
