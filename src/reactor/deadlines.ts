/**
 * Deadlines as the reactor face takes them: instants on the wall clock, in milliseconds since 1970, where the other faces
 * take a Deadline. Above: users, contexts, Alarm. Below: nothing. Source: the time points of gRPC C++.
 */

/**
 * The instant `timeoutMs` from now: fractions allowed, negative for one that has passed, `Infinity` for never. Throws
 * RangeError for NaN. Wait for it at once: the wall clock may be put right in between.
 */
export function deadlineAfter(timeoutMs: number): number {
  if (Number.isNaN(timeoutMs)) throw new RangeError('a timeout must be a number of milliseconds, not NaN');
  return Date.now() + timeoutMs;
}

/** An instant in milliseconds since 1970; `Infinity` for never. Throws RangeError for NaN and for an invalid Date. */
export function deadlineOf(deadline: Date | number): number {
  const atMs = typeof deadline === 'number' ? deadline : deadline.getTime();
  if (Number.isNaN(atMs)) throw new RangeError('a deadline must be a valid Date or a number of milliseconds, not NaN');
  return atMs;
}
