/**
 * ChannelCredentials: how a client's connections are protected, and on whose behalf all its calls are made. Above: users,
 * client transports, channels. Below: node:tls, as types only; TlsSource. Immutable, but for what a source gives. Source:
 * io.grpc.ChannelCredentials, io.grpc.TlsChannelCredentials, io.grpc.CompositeChannelCredentials.
 */
import type { ConnectionOptions } from 'node:tls';
import { CallCredentials } from './call-credentials.ts';
import { type TlsSource, tlsSourceOf } from './tls-source.ts';

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

/** Cleartext, or TLS with its options; and what every call of the channel carries. */
export class ChannelCredentials {
  /** Where the TLS options come from; null for cleartext. */
  readonly tlsSource: TlsSource<TlsClientOptions> | null;
  /** Asked for every call, before the call's own; null for none. */
  readonly callCredentials: CallCredentials | null;

  private constructor(tlsSource: TlsSource<TlsClientOptions> | null, callCredentials: CallCredentials | null) {
    this.tlsSource = tlsSource;
    this.callCredentials = callCredentials;
  }

  /** The TLS options as of now; null for cleartext. */
  get tls(): TlsClientOptions | null {
    return this.tlsSource?.current() ?? null;
  }

  /** HTTP/2 in cleartext with prior knowledge. */
  static insecure(): ChannelCredentials {
    return new ChannelCredentials(null, null);
  }

  /**
   * TLS with ALPN `h2`; `cert` and `key` for mutual TLS. The certificate is checked against the host of the target. With a
   * source, such as tlsFiles(), each connection begins with the options that are current then, and keeps them.
   */
  static tls(options: TlsClientOptions | TlsSource<TlsClientOptions> = {}): ChannelCredentials {
    return new ChannelCredentials(tlsSourceOf(options), null);
  }

  /**
   * The same connections, and `callCredentials` for every call: their metadata in this order, behind what `credentials`
   * had composed before. With cleartext every call ends UNAUTHENTICATED, for call credentials never go over it.
   */
  static compose(credentials: ChannelCredentials, ...callCredentials: readonly CallCredentials[]): ChannelCredentials {
    if (callCredentials.length === 0) return credentials;
    const before = credentials.callCredentials === null ? [] : [credentials.callCredentials];
    return new ChannelCredentials(credentials.tlsSource, CallCredentials.combine(...before, ...callCredentials));
  }
}
