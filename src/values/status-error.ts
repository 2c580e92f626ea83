/**
 * StatusError: the Error that carries a Status where a promise rejects, an iterator throws, or a handler wants to fail
 * with more than UNKNOWN. Above: stub, server handlers, users. Below: Status, Metadata.
 * Told apart by a tag, not by class identity, because two copies of the package may meet in one process.
 */
import { Metadata } from './metadata.ts';
import { type Code, STATUS_ERROR_TAG, type Status, statusBearer } from './status.ts';

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

  constructor(status: Status, trailers: Metadata = new Metadata()) {
    super(status.toString(), status.cause === undefined ? undefined : { cause: status.cause });
    this.status = status;
    this.trailers = trailers;
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
