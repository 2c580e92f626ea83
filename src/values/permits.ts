/**
 * Permits: how many more messages a reader has asked for. Above: both calls, every transport. `request(n)` adds, a
 * delivered message takes one; sums saturate, so Infinity means no inbound flow control.
 */

/**
 * Throws RangeError unless `count` is a whole number from 0 up, or Infinity. Source: the checks of
 * io.grpc.ClientCall.request, which we make on both sides.
 */
export function checkPermitCount(count: number): void {
  if (count < 0) throw new RangeError('Number requested must be non-negative');
  if (!Number.isInteger(count) && count !== Number.POSITIVE_INFINITY) {
    throw new RangeError(`Number requested must be a whole number, not ${count}`);
  }
}

/** The sum of two counts, Infinity where the sum would lose exactness. */
export function addPermits(permits: number, count: number): number {
  const sum = permits + count;
  return sum > Number.MAX_SAFE_INTEGER ? Number.POSITIVE_INFINITY : sum;
}
