/**
 * Metadata: the headers or trailers of an RPC, an ordered multimap of lower-case names to values. A key that ends in
 * `-bin` holds bytes, any other a string of printable ASCII. Above: everyone. Below: nothing.
 * Holds: what a user put in is legal on the wire, because node:http2 checks no value (a line feed would be sent as is);
 * what came from the wire is shown as it came. Sources: PROTOCOL-HTTP2 "Custom-Metadata", io.grpc.Metadata.
 */

/** The type of the values under a key: bytes for `…-bin`, else a string; either, when the key is not a literal. */
export type MetadataValue<K extends string> = K extends unknown
  ? Lowercase<K> extends `${string}-bin`
    ? Uint8Array
    : Record<never, never> extends Record<K, true> // `string` or a pattern: a record of such keys may be empty
      ? string | Uint8Array
      : string
  : never;

/** What a Metadata may be made from: pairs in order, or a record with one or more values a key. */
export type MetadataInit =
  | Iterable<readonly [string, string | Uint8Array]>
  | { readonly [key: string]: string | Uint8Array | readonly (string | Uint8Array)[] };

// Tried before lower-casing, which makes a `k` of the Kelvin sign.
const KEY = /^[0-9A-Za-z_.-]+$/;
const ASCII_VALUE = /^[\x20-\x7e]*$/;

/** Keys that say how one connection works; HTTP/2 forbids them and node:http2 throws on them. RFC 9113 §8.2.2. */
const CONNECTION_KEYS: ReadonlySet<string> = new Set([
  'connection',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
]);

/** The keys under `grpc-` that are the application's to set. */
const OPEN_GRPC_KEYS: ReadonlySet<string> = new Set([
  'grpc-retry-pushback-ms',
  'grpc-status-details-bin',
  'grpc-tags-bin',
  'grpc-trace-bin',
]);

/** The entries of every Metadata that has none. Never changed: most calls have no metadata, and need no array for it. */
const NO_ENTRIES: (string | Uint8Array)[] = [];

/**
 * An ordered multimap. `get` gives the last value, `getAll` all; the order of insertion is kept across keys. Keys are
 * case-insensitive. Passing one to start(), sendHeaders() or close() gives it away: change it no more.
 */
export class Metadata implements Iterable<[string, string | Uint8Array]> {
  /** Names and values in turn. Only ever appended to; what removes makes a new array, so that no iteration skips. */
  #entries: (string | Uint8Array)[] = NO_ENTRIES;

  /**
   * Throws TypeError for an illegal key (characters other than `0-9 a-z _ - .`, a reserved `grpc-` name, a hop-by-hop
   * name) or value (not printable ASCII, spaces at an end, not bytes under `-bin`).
   */
  constructor(init?: MetadataInit) {
    if (init === undefined) return;
    if (isIterable(init)) {
      for (const [key, value] of init) this.append(key, value);
      return;
    }
    for (const [key, value] of Object.entries(init)) {
      if (isList(value)) for (const one of value) this.append(key, one);
      else this.append(key, value);
    }
  }

  /**
   * Takes a header block as it came: names in lower case and values in turn, bytes already decoded. For transports; the
   * array is taken over, nothing is checked.
   */
  static fromWire(entries: (string | Uint8Array)[]): Metadata {
    const metadata = new Metadata();
    metadata.#entries = entries;
    return metadata;
  }

  /** How many pairs there are. */
  get size(): number {
    return this.#entries.length / 2;
  }

  /** The last value under `key`, or undefined. */
  get<K extends string>(key: K): MetadataValue<K> | undefined {
    const name = key.toLowerCase();
    for (let i = this.#entries.length - 2; i >= 0; i -= 2) {
      if (this.#entries[i] === name) return this.#entries[i + 1] as MetadataValue<K>;
    }
    return undefined;
  }

  /** All values under `key`, in order; empty for none. */
  getAll<K extends string>(key: K): MetadataValue<K>[] {
    const name = key.toLowerCase();
    const values: MetadataValue<K>[] = [];
    for (let i = 0; i < this.#entries.length; i += 2) {
      if (this.#entries[i] === name) values.push(this.#entries[i + 1] as MetadataValue<K>);
    }
    return values;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  /** Adds a value after those that are there; never replaces. Throws TypeError as the constructor does. */
  append<K extends string>(key: K, value: MetadataValue<K>): this {
    const name = checkKey(key);
    this.#add(name, checkValue(name, value));
    return this;
  }

  /** Puts one value in the place of all under `key`. Throws TypeError as the constructor does; then nothing changed. */
  set<K extends string>(key: K, value: MetadataValue<K>): this {
    const name = checkKey(key);
    const checked = checkValue(name, value);
    this.delete(name);
    this.#add(name, checked);
    return this;
  }

  /** Adds what was checked. */
  #add(name: string, value: string | Uint8Array): void {
    if (this.#entries.length > 0) this.#entries.push(name, value);
    // Not by push(), with which V8 makes room for 17 more.
    else this.#entries = [name, value];
  }

  /** Removes all values under `key` and returns them, in order. */
  delete<K extends string>(key: K): MetadataValue<K>[] {
    const name = key.toLowerCase();
    const removed: MetadataValue<K>[] = [];
    const kept: (string | Uint8Array)[] = [];
    for (let i = 0; i < this.#entries.length; i += 2) {
      const value = this.#entries[i + 1] as string | Uint8Array;
      if (this.#entries[i] === name) removed.push(value as MetadataValue<K>);
      else kept.push(this.#entries[i] as string, value);
    }
    if (removed.length > 0) this.#entries = kept;
    return removed;
  }

  /** Removes the first value under `key` that equals `value`; tells whether there was one. */
  remove<K extends string>(key: K, value: MetadataValue<K>): boolean {
    const name = key.toLowerCase();
    for (let i = 0; i < this.#entries.length; i += 2) {
      if (this.#entries[i] === name && sameValue(this.#entries[i + 1], value)) {
        this.#entries = this.#entries.filter((_, at) => at !== i && at !== i + 1);
        return true;
      }
    }
    return false;
  }

  /** The names that are there, each once, in the order of their first appearance. */
  keys(): string[] {
    const names = new Set<string>();
    for (let i = 0; i < this.#entries.length; i += 2) names.add(this.#entries[i] as string);
    return [...names];
  }

  /** Appends everything in `other`, or what it has under the given keys. */
  merge(other: Metadata, keys?: readonly string[]): this {
    const wanted = keys === undefined ? null : new Set(keys.map((key) => key.toLowerCase()));
    // The length is read once: merging an object into itself doubles it and ends.
    const end = other.#entries.length;
    for (let i = 0; i < end; i += 2) {
      const name = other.#entries[i] as string;
      if (wanted === null || wanted.has(name)) this.#add(name, other.#entries[i + 1] as string | Uint8Array);
    }
    return this;
  }

  /** A copy; bytes are shared. */
  clone(): Metadata {
    return new Metadata().merge(this);
  }

  /** The pairs in order, as they were when the iteration began: changes made meanwhile are neither seen nor harmful. */
  *[Symbol.iterator](): Generator<[string, string | Uint8Array]> {
    const entries = this.#entries;
    const end = entries.length;
    for (let i = 0; i < end; i += 2) yield [entries[i] as string, entries[i + 1] as string | Uint8Array];
  }

  /** `Metadata(a=b,c-bin=AQI)`, bytes in base64 without padding. Source: io.grpc.Metadata.toString. */
  toString(): string {
    const pairs: string[] = [];
    for (const [name, value] of this) pairs.push(`${name}=${typeof value === 'string' ? value : toBase64(value)}`);
    return `Metadata(${pairs.join(',')})`;
  }
}

/** Base64 in the standard alphabet without padding, as `-bin` values travel. */
export function toBase64(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 0x3d /* = */) end -= 1;
  return end === text.length ? text : text.slice(0, end);
}

function isIterable(init: MetadataInit): init is Iterable<readonly [string, string | Uint8Array]> {
  return Symbol.iterator in init;
}

function isList(
  value: string | Uint8Array | readonly (string | Uint8Array)[],
): value is readonly (string | Uint8Array)[] {
  return Array.isArray(value);
}

function checkKey(key: string): string {
  if (!KEY.test(key)) throw new TypeError(`not a metadata key: ${JSON.stringify(key)}`);
  const name = key.toLowerCase();
  if (name === '-bin') throw new TypeError("a metadata key needs a name before '-bin'");
  if (CONNECTION_KEYS.has(name)) throw new TypeError(`the metadata key '${name}' belongs to the connection`);
  if (name.startsWith('grpc-') && !OPEN_GRPC_KEYS.has(name)) {
    throw new TypeError(`the metadata key '${name}' is reserved for gRPC itself`);
  }
  return name;
}

function checkValue(name: string, value: unknown): string | Uint8Array {
  if (name.endsWith('-bin')) {
    if (value instanceof Uint8Array) return value;
    throw new TypeError(`the value of the metadata key '${name}' must be a Uint8Array`);
  }
  if (typeof value !== 'string') throw new TypeError(`the value of the metadata key '${name}' must be a string`);
  if (!ASCII_VALUE.test(value)) throw new TypeError(`the value of the metadata key '${name}' is not printable ASCII`);
  if (value.startsWith(' ') || value.endsWith(' ')) {
    // node:http2: nghttp2 drops a received field with outer spaces without a word (test/transport/http2/headers.test.ts).
    throw new TypeError(`the value of the metadata key '${name}' begins or ends with a space`);
  }
  return value;
}

function sameValue(a: unknown, b: unknown): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  return a === b;
}
