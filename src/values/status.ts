/**
 * Status: how an RPC ended. A value: frozen, made where most is known, passed as an argument, never thrown below `stub`
 * (StatusError wraps it there). Above: every folder. Below: nothing.
 * Numbers and names: https://github.com/grpc/grpc/blob/master/doc/statuscodes.md; shape: io.grpc.Status.
 */

/** The seventeen status codes. Source: grpc doc/statuscodes.md. */
interface Codes {
  readonly OK: 0;
  readonly CANCELLED: 1;
  readonly UNKNOWN: 2;
  readonly INVALID_ARGUMENT: 3;
  readonly DEADLINE_EXCEEDED: 4;
  readonly NOT_FOUND: 5;
  readonly ALREADY_EXISTS: 6;
  readonly PERMISSION_DENIED: 7;
  readonly RESOURCE_EXHAUSTED: 8;
  readonly FAILED_PRECONDITION: 9;
  readonly ABORTED: 10;
  readonly OUT_OF_RANGE: 11;
  readonly UNIMPLEMENTED: 12;
  readonly INTERNAL: 13;
  readonly UNAVAILABLE: 14;
  readonly DATA_LOSS: 15;
  readonly UNAUTHENTICATED: 16;
}

/** The status codes by name, for comparing: `status.code === Code.NOT_FOUND`. */
export const Code: Codes = Object.freeze({
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
});

/** The name of a status code, in capitals, as on every gRPC page. */
export type CodeName = keyof Codes;

/** The number of a status code, 0 to 16. */
export type Code = Codes[CodeName];

const NAMES: readonly CodeName[] = Object.freeze(Object.keys(Code) as CodeName[]);

/**
 * Marks errors that carry a Status, across copies of this package: such an error has this property, a `status` with
 * `code` and `description`, and `trailers`.
 */
export const STATUS_ERROR_TAG: symbol = Symbol.for('halfclose.StatusError');

/**
 * How an RPC ended: a code, an optional text for people, and a cause that never leaves this process.
 * Immutable; every `with…` returns a copy (or this very object when nothing changes). Compare codes, not objects.
 * Source: io.grpc.Status.
 */
export class Status {
  static readonly OK: Status = new Status(Code.OK, null, undefined);
  static readonly CANCELLED: Status = new Status(Code.CANCELLED, null, undefined);
  static readonly UNKNOWN: Status = new Status(Code.UNKNOWN, null, undefined);
  static readonly INVALID_ARGUMENT: Status = new Status(Code.INVALID_ARGUMENT, null, undefined);
  static readonly DEADLINE_EXCEEDED: Status = new Status(Code.DEADLINE_EXCEEDED, null, undefined);
  static readonly NOT_FOUND: Status = new Status(Code.NOT_FOUND, null, undefined);
  static readonly ALREADY_EXISTS: Status = new Status(Code.ALREADY_EXISTS, null, undefined);
  static readonly PERMISSION_DENIED: Status = new Status(Code.PERMISSION_DENIED, null, undefined);
  static readonly RESOURCE_EXHAUSTED: Status = new Status(Code.RESOURCE_EXHAUSTED, null, undefined);
  static readonly FAILED_PRECONDITION: Status = new Status(Code.FAILED_PRECONDITION, null, undefined);
  static readonly ABORTED: Status = new Status(Code.ABORTED, null, undefined);
  static readonly OUT_OF_RANGE: Status = new Status(Code.OUT_OF_RANGE, null, undefined);
  static readonly UNIMPLEMENTED: Status = new Status(Code.UNIMPLEMENTED, null, undefined);
  static readonly INTERNAL: Status = new Status(Code.INTERNAL, null, undefined);
  static readonly UNAVAILABLE: Status = new Status(Code.UNAVAILABLE, null, undefined);
  static readonly DATA_LOSS: Status = new Status(Code.DATA_LOSS, null, undefined);
  static readonly UNAUTHENTICATED: Status = new Status(Code.UNAUTHENTICATED, null, undefined);

  readonly code: Code;
  /** Text for people, or null. Travels to the peer as `grpc-message`. */
  readonly description: string | null;
  /** What led to this status here; any value, undefined for none. Never sent to the peer. */
  readonly cause: unknown;

  private constructor(code: Code, description: string | null, cause: unknown) {
    this.code = code;
    this.description = description;
    this.cause = cause;
    Object.freeze(this);
  }

  /** The code's name, such as `UNAVAILABLE`. */
  get name(): CodeName {
    return nameOf(this.code);
  }

  get isOk(): boolean {
    return this.code === Code.OK;
  }

  /** This status with another description; null removes it. */
  withDescription(description: string | null): Status {
    return description === this.description ? this : new Status(this.code, description, this.cause);
  }

  /** This status with another cause; undefined removes it. */
  withCause(cause: unknown): Status {
    return cause === this.cause ? this : new Status(this.code, this.description, cause);
  }

  /** This status with a line appended to its description; null changes nothing. */
  augmentDescription(line: string | null): Status {
    if (line === null) return this;
    return this.withDescription(this.description === null ? line : `${this.description}\n${line}`);
  }

  /** `NAME` or `NAME: description`. */
  toString(): string {
    return this.description === null ? this.name : `${this.name}: ${this.description}`;
  }

  /** The bare status of a code number; anything but 0 to 16 is UNKNOWN, with the number in the description. */
  static fromCode(code: number): Status {
    const name = NAMES[code];
    return name === undefined ? Status.UNKNOWN.withDescription(`Unknown code ${code}`) : Status[name];
  }

  /**
   * The status that a caught value stands for: that of the first status-bearing error along its `cause` chain, else
   * UNKNOWN with the value as cause and no description (an error's text may hold what a peer must not see).
   * Source: io.grpc.Status.fromThrowable.
   */
  static from(thrown: unknown): Status {
    const bearer = statusBearer(thrown);
    if (bearer === null) return Status.UNKNOWN.withCause(thrown);
    const { status } = bearer;
    if (status instanceof Status) return status;
    return Status.fromCode(status.code).withDescription(status.description).withCause(thrown);
  }

  /** As from, for what has failed by throwing: a thrown OK is UNKNOWN, with the same description. */
  static ofFailure(thrown: unknown): Status {
    const status = Status.from(thrown);
    return status.isOk ? Status.UNKNOWN.withDescription(status.description).withCause(thrown) : status;
  }
}

/** An error that carries a status: a StatusError of this or of another copy of the package. */
interface StatusBearer {
  readonly status: { readonly code: number; readonly description: string | null };
  readonly trailers?: unknown;
}

/** The first status-bearing error along the `cause` chain of a caught value, or null. */
export function statusBearer(thrown: unknown): StatusBearer | null {
  let current: unknown = thrown;
  // A chain may be a ring; nobody nests deeper than this on purpose.
  for (let depth = 0; depth < 32 && typeof current === 'object' && current !== null; depth += 1) {
    if (STATUS_ERROR_TAG in current) return current as StatusBearer;
    current = 'cause' in current ? current.cause : null;
  }
  return null;
}

/** The name of a code. */
export function nameOf(code: Code): CodeName {
  return NAMES[code] as CodeName;
}
