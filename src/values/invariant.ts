/**
 * invariant(): says that we, not the caller and not the peer, have a bug. Above: everyone.
 */

/** Throws when `condition` is false; `what` says what should have held. */
export function invariant(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`halfclose has a bug, please report it: ${what}`);
}
