/**
 * ResolverRegistry: which schemes there are. Above: ManagedChannel's factory. Below: parseTarget, the providers.
 * Holds: a user's provider goes before one of the library for the same scheme.
 */
import { dnsResolver } from './dns.ts';
import type { ResolverProvider, Target } from './resolver.ts';
import { IPV4_RESOLVER, IPV6_RESOLVER, PASSTHROUGH_RESOLVER, UNIX_ABSTRACT_RESOLVER, UNIX_RESOLVER } from './static.ts';
import { parseTarget } from './target.ts';

/** The schemes that every channel knows. */
const DEFAULTS: readonly ResolverProvider[] = Object.freeze([
  dnsResolver(),
  IPV4_RESOLVER,
  IPV6_RESOLVER,
  UNIX_RESOLVER,
  UNIX_ABSTRACT_RESOLVER,
  PASSTHROUGH_RESOLVER,
]);

/** A target with the one who resolves it, and the `:authority` that follows from it. */
export interface ResolvableTarget {
  readonly target: Target;
  readonly provider: ResolverProvider;
  readonly authority: string;
}

/** The providers by their schemes: the library's, and those of one channel. */
export class ResolverRegistry {
  readonly #providers: ReadonlyMap<string, ResolverProvider>;

  /** Throws TypeError for a scheme that no URI has, or that is not in lower case. */
  constructor(own: readonly ResolverProvider[] = []) {
    for (const { scheme } of own) {
      if (!/^[a-z][a-z0-9+.-]*$/.test(scheme)) throw new TypeError(`a resolver's scheme cannot be '${scheme}'`);
    }
    this.#providers = new Map([...DEFAULTS, ...own].map((provider) => [provider.scheme, provider]));
  }

  has(scheme: string): boolean {
    return this.#providers.has(scheme);
  }

  /** The provider of a scheme, or null. */
  get(scheme: string): ResolverProvider | null {
    return this.#providers.get(scheme) ?? null;
  }

  /**
   * Finds out what `text` is; what has no known scheme is of `defaultScheme`. Throws TypeError, with the text and what is
   * wrong with it.
   */
  read(text: string, defaultScheme = 'dns'): ResolvableTarget {
    if (!this.has(defaultScheme)) throw new TypeError(`there is no resolver for the default scheme '${defaultScheme}'`);
    const target = parseTarget(text, this, defaultScheme);
    const provider = this.get(target.scheme) as ResolverProvider;
    return { target, provider, authority: provider.authorityOf(target) };
  }
}
