/**
 * DnsLookup: one question for a name: its addresses, and its service config where that is wanted. Above: DnsResolver.
 * Below: node:dns, or the user's own lookup.
 * Holds: tells its listener once, on a stack of its own, and nothing after cancel(). The system's lookup cannot be
 * stopped and holds one of libuv's few threads, so an overdue one is waited for further instead of being asked again.
 */
import dns from 'node:dns';
import os from 'node:os';
import { chooseServiceConfig } from './txt-config.ts';

/**
 * Finds the addresses of a host: `dns.lookup`, or what is called like it, such as the lookup of a cache. `callback` is
 * called once, at once or later.
 */
export type HostLookup = (
  hostname: string,
  options: { readonly all: true },
  callback: (error: Error | null, addresses: readonly { readonly address: string }[]) => void,
) => unknown;

/** What is asked. */
export interface DnsQuestion {
  readonly host: string;
  /** The DNS server to ask, `address:port`; null for the system's own way to look names up. */
  readonly server: string | null;
  readonly lookup: HostLookup;
  /** Whether the name's TXT records are asked for a service config. */
  readonly wantsConfig: boolean;
  readonly random: () => number;
}

/** What came of it. */
export interface DnsAnswer {
  /** IP addresses, each once; not empty. */
  readonly addresses: readonly string[];
  /** The service config, undefined for none; null in place of the object if it could not be found out. */
  readonly config: { readonly json: unknown } | null;
}

/** Who hears of it. */
export interface DnsLookupListener {
  onLookupAnswered(answer: DnsAnswer): void;
  onLookupFailed(error: Error): void;
}

/** A kind of records: not yet known, known, or not to be had. */
type Part<T> = T | Error | null;

const NO_SUCH: ReadonlySet<unknown> = new Set(['ENOTFOUND', 'ENODATA']);

/** One lookup. */
export class DnsLookup {
  readonly #question: DnsQuestion;
  readonly #listener: DnsLookupListener;
  /** For a named server, and for TXT records; null if neither is asked. */
  readonly #resolver: dns.Resolver | null;
  /** By family where a server is asked for each; else one part. */
  readonly #addresses: Part<readonly string[]>[];
  #config: Part<{ readonly json: unknown }>;
  #state: 'asking' | 'over' = 'asking';

  constructor(question: DnsQuestion, listener: DnsLookupListener) {
    const { server, wantsConfig } = question;
    this.#question = question;
    this.#listener = listener;
    this.#addresses = server === null ? [null] : [null, null];
    this.#config = wantsConfig ? null : { json: undefined };
    this.#resolver = server !== null || wantsConfig ? new dns.Resolver() : null;
    if (server !== null) this.#resolver?.setServers([server]);
  }

  /** Nothing more will be told. */
  get isOver(): boolean {
    return this.#state === 'over';
  }

  /** Asks, in the next tick. */
  start(): void {
    process.nextTick(() => {
      if (this.#state === 'over') return;
      const { host, server, lookup, wantsConfig } = this.#question;
      if (wantsConfig) this.#askForConfig(`_grpc_config.${host}`);
      if (server === null) {
        this.#ask(0, (done) => lookup(host, { all: true }, (error, found) => done(error, textsOf(found))));
      } else {
        this.#ask(0, (done) => this.#resolver?.resolve6(host, done));
        this.#ask(1, (done) => this.#resolver?.resolve4(host, done));
      }
    });
  }

  /**
   * It has taken too long. What is known has to do, and if that is enough the listener is told inside. If not, a lookup at
   * a server is over; one of the system's goes on, and tells when it comes after all.
   */
  onOverdue(): void {
    this.#resolver?.cancel();
    const late = new Error('no answer in time');
    this.#config ??= late;
    if (this.#known().length > 0) {
      this.#addresses.forEach((part, index) => {
        this.#addresses[index] = part ?? late;
      });
      this.#tellIfComplete();
    } else if (this.#question.server !== null) {
      this.#state = 'over';
    }
  }

  /** Nobody wants to know any more. */
  cancel(): void {
    this.#state = 'over';
    this.#resolver?.cancel();
  }

  #ask(index: number, question: (done: (error: Error | null, found: readonly string[]) => void) => void): void {
    const done = (error: Error | null, found: readonly string[]): void => {
      if (this.#state === 'over') return;
      this.#addresses[index] = error ?? found;
      this.#tellIfComplete();
    };
    attempt(
      () => question(done),
      (error) => done(error, []),
    );
  }

  #askForConfig(name: string): void {
    const { random } = this.#question;
    const done = (error: NodeJS.ErrnoException | null, records: readonly (readonly string[])[]): void => {
      if (this.#state === 'over' || this.#config !== null) return;
      if (error === null) this.#config = { json: chooseServiceConfig(records, { hostname: os.hostname(), random }) };
      else this.#config = NO_SUCH.has(error.code) ? { json: undefined } : error;
      this.#tellIfComplete();
    };
    attempt(
      () => this.#resolver?.resolveTxt(name, done),
      (error) => done(error, []),
    );
  }

  #tellIfComplete(): void {
    if (this.#addresses.includes(null)) return;
    const addresses = this.#known();
    if (addresses.length === 0) {
      this.cancel();
      this.#listener.onLookupFailed(this.#failure());
    } else if (this.#config !== null) {
      this.#state = 'over';
      const config = this.#config instanceof Error ? null : this.#config;
      this.#listener.onLookupAnswered({ addresses, config });
    }
  }

  #known(): string[] {
    return [...new Set(this.#addresses.flatMap((part) => (part instanceof Error ? [] : (part ?? []))))];
  }

  /** What says most: a server in trouble says more than that it knows no such name. */
  #failure(): Error {
    const errors = this.#addresses.filter((part) => part instanceof Error);
    const said = errors.find((error) => !('code' in error && NO_SUCH.has(error.code))) ?? errors[0];
    return said ?? new Error('it has no addresses');
  }
}

function attempt(ask: () => unknown, onThrown: (error: Error) => void): void {
  try {
    ask();
  } catch (thrown) {
    onThrown(thrown instanceof Error ? thrown : new Error(String(thrown)));
  }
}

/** The addresses that a lookup has found; one that knows nothing of `all` gives a text. */
function textsOf(found: unknown): string[] {
  if (typeof found === 'string') return [found];
  return Array.isArray(found) ? found.map((each: { readonly address: string }) => each.address) : [];
}
