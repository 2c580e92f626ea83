/**
 * parseTarget(): what a user writes to say where a channel goes, in its parts. Above: ResolverRegistry. Below: nothing; pure.
 * Holds: a text whose scheme is known is of that scheme; any other is wholly a path of the default scheme, so that
 * `localhost:50051` is a host and a port. Source: grpc doc/naming.md, RFC 3986 §3.
 */
import type { Target } from './resolver.ts';

/** Knows which schemes there are; in lower case. */
export interface KnownSchemes {
  has(scheme: string): boolean;
}

const SCHEME = /^([a-z][a-z0-9+.-]*):(.*)$/is;
const AUTHORITY = /^\/\/([^/]*)(?:\/(.*))?$/s;
const ESCAPES = /(?:%[0-9a-f]{2})+/gi;

/**
 * Reads `scheme:path`, `scheme://authority/path`, or, where the scheme is not known or none is written, a path of
 * `defaultScheme`, which is taken as it stands. `%2F` and the like are decoded; a `%` that begins no such code stays, and
 * so do `?` and `#`, which here begin nothing. Throws TypeError for an empty text.
 */
export function parseTarget(text: string, known: KnownSchemes, defaultScheme = 'dns'): Target {
  if (text === '') throw new TypeError("a target is empty; it must be such as 'host:port' or 'dns:///host:port'");
  const [, written = '', rest = ''] = SCHEME.exec(text) ?? [];
  const scheme = written.toLowerCase();
  if (!known.has(scheme)) return { scheme: defaultScheme, authority: '', path: text, text };
  const [, authority = '', path = ''] = AUTHORITY.exec(rest) ?? ['', '', rest];
  return { scheme, authority: decode(authority, text), path: decode(path, text), text };
}

function decode(part: string, text: string): string {
  try {
    return part.replace(ESCAPES, decodeURIComponent);
  } catch {
    throw new TypeError(`target '${text}': its %-codes are not UTF-8`);
  }
}
