/**
 * The form in which node:http2 takes a header block: as the list that it is, or as an object of its fields. Above: headers, the
 * streams of both ends, server-transport. Below: node:http2. Holds: either form sends the same fields, and every value of a name
 * in order. Lists are what node reads fastest, objects what all versions of it read.
 */
import type { OutgoingHttpHeaders } from 'node:http2';

/** Names and values in turn, in the order in which they are sent. */
export type HeaderList = readonly string[];

const [MAJOR = 0, MINOR = 0] = process.versions.node.split('.').map(Number);

/**
 * Whether this node takes lists, at both ends.
 * node:http2: request() takes them from 22.17 and 24.0 on, respond() from 22.20 and 24.7 on, and older ones throw
 * ERR_INVALID_ARG_TYPE (test/transport/http2/header-form.test.ts).
 */
export const TAKES_LISTS: boolean = MAJOR > 24 || (MAJOR === 24 && MINOR >= 7) || (MAJOR === 22 && MINOR >= 20);

/** A prototype without `constructor` and `__proto__`, which are names like any other. */
const BARE: object = Object.freeze(Object.create(null));

/** From so many names and values on a block is long. */
const LONG = 32;

/** For request() and respond(). */
export function nodeHeaders(list: HeaderList): OutgoingHttpHeaders {
  // The typings of the oldest node that is supported know of objects alone.
  return TAKES_LISTS ? (list as unknown as OutgoingHttpHeaders) : headerObject(list);
}

/** For sendTrailers(), which takes nothing else. */
export function headerObject(list: HeaderList): OutgoingHttpHeaders {
  // Without any prototype an object is a hash table from birth: dear for few names, cheap for many.
  const headers: OutgoingHttpHeaders = Object.create(list.length > LONG ? null : BARE);
  for (let i = 0; i + 1 < list.length; i += 2) {
    const name = list[i] as string;
    const value = list[i + 1] as string;
    const present = headers[name];
    if (present === undefined) headers[name] = value;
    else if (Array.isArray(present)) present.push(value);
    else headers[name] = [`${present}`, value];
  }
  return headers;
}
