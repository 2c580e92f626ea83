/**
 * TlsFiles: TLS options out of files, read anew when they change. Above: users, who give it to ChannelCredentials and
 * ServerCredentials. Below: node:fs, node:tls. Holds: what current() answers has been taken by node:tls as a whole; files that
 * are missing, broken or do not belong together leave what was there; nothing here keeps the process alive.
 *
 * It compares contents, not times: so it follows a symbolic link that is swapped, as Kubernetes does with its secrets, a
 * file that is renamed into place, and one that is written in place, which is broken until all of it is there.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { type Clock, SYSTEM_CLOCK, type Timer, type TimerTask } from '../values/clock.ts';
import type { TlsClientOptions } from './channel-credentials.ts';
import type { TlsServerOptions } from './server-credentials.ts';
import type { TlsSource } from './tls-source.ts';

/** The files, by what they hold: PEM, `pfx` PKCS#12. Relative paths begin at the working directory of the start. */
export interface TlsFilePaths {
  /** One's own certificate, with those between it and the CA behind it. */
  readonly cert?: string;
  /** Its private key. */
  readonly key?: string;
  /** The certificates that are trusted; default: those that Node trusts. */
  readonly ca?: string;
  /** Certificates that are revoked. */
  readonly crl?: string;
  /** `cert` and `key` in one. */
  readonly pfx?: string;
}

/** What the files hold. */
export type TlsMaterial = { readonly [name in keyof TlsFilePaths]: Buffer };

/** What TLS is told besides, for either end. */
export type TlsBesideFiles =
  | Omit<TlsClientOptions, keyof TlsFilePaths | 'secureContext'>
  | Omit<TlsServerOptions, keyof TlsFilePaths>;

/** What TlsFiles may be told. */
export interface TlsFilesOptions<Beside extends TlsBesideFiles> {
  /** What TLS is told besides, such as `passphrase` or a server's `clientCertificate`. Default: nothing. */
  readonly tls?: Beside;
  /** From the end of one look at the files to the next, in milliseconds; `Infinity` for never. Default 10,000. */
  readonly pollMs?: number;
  /** Told why new files were not taken, once for each reason in a row. Default: `process.emitWarning`. */
  readonly onFailure?: (error: Error) => void;
  /** Default: the system's. */
  readonly clock?: Clock;
}

const POLL_MS = 10_000;

/**
 * TLS options out of files, for ChannelCredentials.tls or ServerCredentials.tls. They are read now, and again every ten
 * seconds. Throws Error if they cannot be read now, or node:tls refuses them.
 */
export function tlsFiles<Beside extends TlsBesideFiles = object>(
  paths: TlsFilePaths,
  options: TlsFilesOptions<Beside> = {},
): TlsFiles<Beside> {
  return new TlsFiles(paths, options);
}

/** Files that are followed until close(). */
export class TlsFiles<Beside extends TlsBesideFiles> implements TlsSource<Beside & TlsMaterial>, TimerTask {
  readonly #paths: [keyof TlsFilePaths, string][];
  readonly #beside: Beside;
  readonly #pollMs: number;
  readonly #onFailure: (error: Error) => void;
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  #material: TlsMaterial;
  #options: Beside & TlsMaterial;
  #state: 'following' | 'closed' = 'following';
  #timer: Timer | null = null;
  /** The look that is under way, and those behind it. */
  #looking: Promise<void> = Promise.resolve();
  /** Why new files were not taken last; null once all is well. */
  #lastFailure: string | null = null;

  /** As tlsFiles(). */
  constructor(paths: TlsFilePaths, options: TlsFilesOptions<Beside> = {}) {
    this.#paths = Object.entries(paths) as [keyof TlsFilePaths, string][];
    this.#beside = options.tls ?? ({} as Beside);
    this.#pollMs = options.pollMs ?? POLL_MS;
    this.#onFailure = options.onFailure ?? warn;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    try {
      this.#material = materialOf(this.#paths.map(([name, path]) => [name, path, readFileSync(path)]));
      this.#options = this.#checked(this.#material);
    } catch (error) {
      throw failure('cannot use the TLS files', error);
    }
    this.#arm();
  }

  /** What the files held when all was well last, and what stands beside them. */
  current(): Beside & TlsMaterial {
    return this.#options;
  }

  onChange(listener: () => void): () => void {
    // So that the same function may listen twice.
    const own = (): void => listener();
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  /** Looks at the files now, behind a look that is under way; resolves once that is done. Never rejects. */
  reload(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#look());
    return this.#looking;
  }

  /** Looks no more. What is current stays so. A second call does nothing. */
  close(): void {
    this.#state = 'closed';
    this.#clock.cancel(this.#timer);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** For the clock. */
  onTimer(): void {
    void this.reload();
  }

  #arm(): void {
    if (this.#state === 'following') this.#timer = this.#clock.scheduleInBackground(this.#pollMs, this);
  }

  async #look(): Promise<void> {
    this.#clock.cancel(this.#timer);
    try {
      const files = this.#paths.map(async ([name, path]) => [name, path, await readFile(path)] as const);
      const material = materialOf(await Promise.all(files));
      if (this.#state === 'following') this.#onRead(material);
    } catch (error) {
      if (this.#state === 'following') this.#onRefused(error);
    }
    this.#arm();
  }

  #onRead(material: TlsMaterial): void {
    if (!this.#isNew(material)) {
      this.#lastFailure = null;
      return;
    }
    this.#options = this.#checked(material);
    this.#material = material;
    this.#lastFailure = null;
    for (const listener of [...this.#listeners]) listener();
  }

  #isNew(material: TlsMaterial): boolean {
    return this.#paths.some(([name]) => material[name]?.equals(this.#material[name] as Buffer) !== true);
  }

  /** The options with this material; throws if they cannot be used. */
  #checked(material: TlsMaterial): Beside & TlsMaterial {
    const options = { ...this.#beside, ...material };
    createSecureContext(options);
    return options;
  }

  #onRefused(error: unknown): void {
    const refused = failure('the TLS files stay as they were', error);
    if (refused.message === this.#lastFailure) return;
    this.#lastFailure = refused.message;
    try {
      this.#onFailure(refused);
    } catch (thrown) {
      warn(failure('onFailure of the TLS files threw', thrown));
    }
  }
}

function warn(error: Error): void {
  process.emitWarning(error.message, 'HalfcloseWarning');
}

function failure(what: string, error: unknown): Error {
  return new Error(`${what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
}

/** What was read, once it is known not to be cut off: node:tls takes nothing, or a part of a list, without a word. */
function materialOf(files: readonly (readonly [keyof TlsFilePaths, string, Buffer])[]): TlsMaterial {
  for (const [name, path, content] of files) {
    if (content.length === 0) throw new Error(`${path} is empty`);
    if (name === 'cert' || name === 'ca') checkCertificates(path, content.toString('latin1'));
  }
  return Object.fromEntries(files.map(([name, , content]) => [name, content]));
}

const BEGINNING = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/g;
const CERTIFICATE = /-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----[^-]*-----END \1-----/g;

function checkCertificates(path: string, pem: string): void {
  const begun = pem.match(BEGINNING)?.length ?? 0;
  const certificates = pem.match(CERTIFICATE) ?? [];
  if (begun === 0) throw new Error(`${path} has no certificate in PEM`);
  if (certificates.length < begun) throw new Error(`${path} is cut off within a certificate`);
  for (const certificate of certificates) {
    try {
      new X509Certificate(certificate);
    } catch (error) {
      throw failure(`${path} has a broken certificate`, error);
    }
  }
}
