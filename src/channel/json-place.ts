/**
 * JsonPlace: a value in a JSON document and the way to it, so that a fault names its place. Above: what reads service
 * configs. Below: nothing; pure. Holds: null counts as absent and unknown fields are passed over, as in proto3's JSON; a
 * reading gives null for what is absent, and throws TypeError, which begins with the path, for what it cannot be.
 * Source: https://protobuf.dev/programming-guides/json/.
 */

const DURATION = /^(\d{1,12})(?:\.(\d{1,9}))?s$/;
/** The longest google.protobuf.Duration, in seconds: 10,000 years. */
const MAX_DURATION_S = 315_576_000_000;
const NUMBER = /^-?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
const LONGEST_SHOWN = 60;

/** The most that proto's uint32 takes. */
const UINT32_MAX = 2 ** 32 - 1;

/** One value. */
export class JsonPlace {
  readonly value: unknown;
  /** Such as `methodConfig[1].retryPolicy`; empty for the whole document. */
  readonly path: string;

  constructor(value: unknown, path = '') {
    this.value = value;
    this.path = path;
  }

  get isAbsent(): boolean {
    return this.value === undefined || this.value === null;
  }

  /** An error that says what the value must be, and what it is. */
  fault(mustBe: string): TypeError {
    return this.complaint(`must be ${mustBe}, but is ${shown(this.value)}`);
  }

  /** An error that says what is wrong with the value. */
  complaint(text: string): TypeError {
    return new TypeError(this.path === '' ? `it ${text}` : `${this.path}: ${text}`);
  }

  /** What `read` makes of the value; what it throws becomes an error that names this place. */
  guard<T>(read: () => T): T {
    try {
      return read();
    } catch (thrown) {
      const text = thrown instanceof Error ? thrown.message : String(thrown);
      throw new TypeError(`${this.path}: ${text}`, { cause: thrown });
    }
  }

  /** The value as `read` reads it, which must not be absent. */
  required<T>(read: (place: JsonPlace) => T | null): T {
    const value = read(this);
    if (value === null) throw this.complaint('is required');
    return value;
  }

  /** A field of this object; absent in an absent object. */
  field(name: string): JsonPlace {
    const path = this.path === '' ? name : `${this.path}.${name}`;
    return new JsonPlace(this.object()?.[name], path);
  }

  object(): Readonly<Record<string, unknown>> | null {
    if (this.isAbsent) return null;
    if (typeof this.value !== 'object' || Array.isArray(this.value)) throw this.fault('an object');
    return this.value as Readonly<Record<string, unknown>>;
  }

  /** The items of this list; an absent list has none. */
  items(): JsonPlace[] {
    if (this.isAbsent) return [];
    if (!Array.isArray(this.value)) throw this.fault('a list');
    return this.value.map((item, index) => new JsonPlace(item, `${this.path}[${index}]`));
  }

  text(): string | null {
    if (this.isAbsent) return null;
    if (typeof this.value !== 'string') throw this.fault('a string');
    return this.value;
  }

  flag(): boolean | null {
    if (this.isAbsent) return null;
    if (typeof this.value !== 'boolean') throw this.fault('true or false');
    return this.value;
  }

  /** A number over 0. */
  positive(): number | null {
    if (this.isAbsent) return null;
    const number = this.#number();
    if (!(number > 0 && number < Number.POSITIVE_INFINITY)) throw this.fault('a number over 0');
    return number;
  }

  /** A whole number from `min` to what a uint32 takes. */
  whole(min: number): number | null {
    if (this.isAbsent) return null;
    const number = this.#number();
    if (!(Number.isInteger(number) && number >= min && number <= UINT32_MAX)) {
      throw this.fault(`a whole number of ${min} or more`);
    }
    return number;
  }

  /** A duration such as '1.5s', in milliseconds. */
  durationMs(): number | null {
    if (this.isAbsent) return null;
    const [, seconds, fraction = ''] = (typeof this.value === 'string' && DURATION.exec(this.value)) || [];
    if (seconds === undefined || Number(seconds) > MAX_DURATION_S) throw this.fault("a duration such as '1.5s'");
    return Number(seconds) * 1000 + Number(fraction.padEnd(9, '0')) / 1e6;
  }

  /** As durationMs, and over 0. */
  positiveDurationMs(): number | null {
    const durationMs = this.durationMs();
    if (durationMs === 0) throw this.fault("a duration over '0s'");
    return durationMs;
  }

  /** proto3's JSON lets numbers stand in strings. */
  #number(): number {
    if (typeof this.value === 'number') return this.value;
    return typeof this.value === 'string' && NUMBER.test(this.value) ? Number(this.value) : Number.NaN;
  }
}

function shown(value: unknown): string {
  let text: string;
  try {
    text = (typeof value === 'number' ? String(value) : JSON.stringify(value)) ?? String(value);
  } catch {
    text = typeof value;
  }
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
}
