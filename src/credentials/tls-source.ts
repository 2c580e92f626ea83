/**
 * TlsSource: TLS options that may change while a program runs, such as certificates that are renewed. Above: users, who
 * implement it; ChannelCredentials, ServerCredentials. Below: nothing. tls-files.ts has one that follows files.
 */

/**
 * TLS options over time. What is current when a connection begins counts for all its life; a change ends none. A source
 * that is given to several channels and servers serves them all.
 */
export interface TlsSource<Options> {
  /** The options as of now; another object for others. Must not throw. */
  current(): Options;
  /** Has `listener` called after each change of what current() answers; it does not throw. Returns what ends that. */
  onChange(listener: () => void): () => void;
}

/** Options that stay as they are. */
class FixedTls<Options> implements TlsSource<Options> {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  current(): Options {
    return this.#options;
  }

  onChange(): () => void {
    return () => {};
  }
}

/** The source itself, or one of options that stay as they are. */
export function tlsSourceOf<Options extends object>(tls: Options | TlsSource<Options>): TlsSource<Options> {
  return isTlsSource(tls) ? tls : new FixedTls(tls);
}

function isTlsSource<Options extends object>(tls: Options | TlsSource<Options>): tls is TlsSource<Options> {
  return 'current' in tls && typeof tls.current === 'function';
}
