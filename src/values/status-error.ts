/**
 * StatusError: the Error that carries a Status where a promise rejects, an iterator throws, or a handler wants to fail
 * with more than UNKNOWN. Above: stub, server handlers, users. Below: Status, Metadata.
 * Told apart by a tag, not by class identity, because two copies of the package may meet in one process.
 */
import { Metadata, type MetadataInit } from './metadata.ts';
import { type Code, STATUS_ERROR_TAG, Status, statusBearer } from './status.ts';

/** How far a call had come when it failed. */
export type CallPhase = 'before anything was sent' | 'before any response' | 'after the response headers';

/** Which call an error is of. */
export interface CallFacts {
  /** `package.Service/Method`. */
  readonly method: string;
  /** The address of the server; null where there was no connection. */
  readonly peer: string | null;
  readonly phase: CallPhase;
}

/** What an error that is made from a code has beside its description. */
export interface StatusErrorInit {
  /** What led to it; never sent to the peer. Default: nothing. */
  readonly cause?: unknown;
  /** Sent along with the status. A Metadata is given away; anything else is copied. Default: none. */
  readonly trailers?: Metadata | MetadataInit | undefined;
}

type OfStatus = [status: Status, trailers?: Metadata | undefined, call?: CallFacts | null | undefined];
type OfCode = [code: Code, description?: string | null | undefined, init?: StatusErrorInit | undefined];

/**
 * A Status as an Error, with the trailers that came (or are to go) with it. `message` is `CODE: description`; `cause` is
 * the status's cause. `instanceof StatusError` holds for errors of other copies of this package too; of subclasses it
 * means what it always does.
 * Source: io.grpc.StatusException.
 */
export class StatusError extends Error {
  override readonly name: string = 'StatusError';
  readonly status: Status;
  readonly trailers: Metadata;
  /** The call that failed; null for an error that was made by hand. Its method stands in the message as well. */
  readonly call: CallFacts | null;

  /** The error of a call that ended, or of one that is to end, with this status and these trailers. */
  constructor(status: Status, trailers?: Metadata, call?: CallFacts | null);
  /**
   * The same from a code: `new StatusError(Code.NOT_FOUND, 'no such feature')`. A number that is no code becomes UNKNOWN
   * as in Status.fromCode. Throws TypeError for trailers that Metadata refuses.
   */
  constructor(code: Code, description?: string | null, init?: StatusErrorInit);
  constructor(...args: OfStatus | OfCode) {
    const [status, trailers = new Metadata(), call = null] = isOfCode(args) ? partsOf(args) : args;
    const text = call === null ? status.toString() : `${status} (${call.method}, ${call.phase})`;
    super(text, status.cause === undefined ? undefined : { cause: status.cause });
    this.status = status;
    this.trailers = trailers;
    this.call = call;
    Object.defineProperty(this, STATUS_ERROR_TAG, { value: true });
  }

  /** The number of the status code. */
  get code(): Code {
    return this.status.code;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: a subclass inherits this, but not every StatusError is of its kind.
    if (this !== StatusError) return super[Symbol.hasInstance](value);
    return typeof value === 'object' && value !== null && STATUS_ERROR_TAG in value;
  }
}

function isOfCode(args: OfStatus | OfCode): args is OfCode {
  return typeof args[0] === 'number';
}

function partsOf([code, description = null, { cause, trailers } = {}]: OfCode): OfStatus {
  const status = Status.fromCode(code).augmentDescription(description).withCause(cause);
  return [status, trailers instanceof Metadata ? trailers : new Metadata(trailers)];
}

/**
 * The trailers of the first status-bearing error along the `cause` chain of a caught value; empty if there is none. Those
 * of another copy of this package are copied into a Metadata of this one. Source: io.grpc.Status.trailersFromThrowable.
 */
export function trailersFrom(thrown: unknown): Metadata {
  const trailers: unknown = statusBearer(thrown)?.trailers;
  if (trailers instanceof Metadata) return trailers;
  const isForeign = typeof trailers === 'object' && trailers !== null && Symbol.iterator in trailers;
  return isForeign ? Metadata.fromWire([...(trailers as Metadata)].flat()) : new Metadata();
}
