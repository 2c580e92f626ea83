/**
 * The error of a method called in the wrong state: the caller's mistake, thrown at the caller. Above: call, channel,
 * server, reactor. The texts are grpc-java's, so that its users recognise them.
 */

/** Thrown when a method is not legal in the object's present state. Source: java.lang.IllegalStateException. */
export class IllegalStateError extends Error {
  override readonly name: string = 'IllegalStateError';
  /** Stable, for programs. */
  readonly code = 'ERR_ILLEGAL_STATE';
}
