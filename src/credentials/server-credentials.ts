/**
 * ServerCredentials: how a server's port is protected. Above: users, server listeners. Below: node:tls, as types only;
 * TlsSource. Immutable, but for what a source gives. Source: io.grpc.ServerCredentials, io.grpc.TlsServerCredentials.
 */
import type { TlsOptions } from 'node:tls';
import { type TlsSource, tlsSourceOf } from './tls-source.ts';

/** The TLS options of a server; each as in `tls.createServer`, and whether clients must show a certificate. */
export type TlsServerOptions = Pick<
  TlsOptions,
  'ca' | 'cert' | 'key' | 'passphrase' | 'pfx' | 'crl' | 'ciphers' | 'minVersion' | 'maxVersion' | 'SNICallback'
> & {
  /**
   * `none` asks for no client certificate, `request` takes one without checking it, `require` refuses the connection
   * unless `ca` signed it. Default: `none`.
   */
  readonly clientCertificate?: 'none' | 'request' | 'require';
};

/** Cleartext, or TLS with its options. */
export class ServerCredentials {
  /** Where the TLS options come from; null for cleartext. */
  readonly tlsSource: TlsSource<TlsServerOptions> | null;

  private constructor(tlsSource: TlsSource<TlsServerOptions> | null) {
    this.tlsSource = tlsSource;
  }

  /** The TLS options as of now; null for cleartext. */
  get tls(): TlsServerOptions | null {
    return this.tlsSource?.current() ?? null;
  }

  /** HTTP/2 in cleartext with prior knowledge. */
  static insecure(): ServerCredentials {
    return new ServerCredentials(null);
  }

  /**
   * TLS with ALPN `h2`. With a source, such as tlsFiles(), new connections get the options that are current then, and keep
   * them; `clientCertificate` and `SNICallback` are those of the start.
   */
  static tls(options: TlsServerOptions | TlsSource<TlsServerOptions>): ServerCredentials {
    return new ServerCredentials(tlsSourceOf(options));
  }
}
