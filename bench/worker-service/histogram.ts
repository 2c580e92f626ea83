/**
 * Latencies in the layout that gRPC's workers exchange: buckets that grow by 1 + resolution. Above: tally.ts fills one,
 * driver.ts and peers merge and read them. Below: generated code. Holds: all of an operation's latencies are in a bucket;
 * what is more than max_possible is in the last one. Source: grpc/testing/stats.proto.
 */
import { create } from '@bufbuild/protobuf';
import { Code, StatusError } from '../../src/index.ts';
import {
  type HistogramData,
  HistogramDataSchema,
  type HistogramParams,
} from '../../test/interop/gen/grpc/testing/stats_pb.ts';

/** How buckets are laid out. */
export type Layout = Pick<HistogramParams, 'resolution' | 'maxPossible'>;

/** Of gRPC's own scenarios: a percent, up to a minute in nanoseconds. */
export const USUAL_LAYOUT: Layout = { resolution: 0.01, maxPossible: 60e9 };

const MAX_BUCKETS = 1 << 20;

/** How many buckets there are. Throws StatusError INVALID_ARGUMENT for a layout that makes no sense. */
export function bucketsOf({ resolution, maxPossible }: Layout): number {
  const buckets = Math.floor(Math.log(maxPossible) / Math.log(1 + resolution)) + 1;
  if (resolution > 0 && maxPossible > 1 && buckets <= MAX_BUCKETS) return buckets;
  throw new StatusError(Code.INVALID_ARGUMENT, `no histogram has resolution ${resolution} up to ${maxPossible}`);
}

/** Counts values from 0 on. */
export class GrpcHistogram {
  readonly #layout: Layout;
  readonly #factor: number;
  readonly #bucket: Uint32Array;
  #minSeen: number;
  #maxSeen = 0;
  #sum = 0;
  #sumOfSquares = 0;
  #count = 0;

  /** Throws StatusError as bucketsOf does. */
  constructor(layout: Layout) {
    this.#bucket = new Uint32Array(bucketsOf(layout));
    this.#layout = layout;
    this.#factor = 1 / Math.log(1 + layout.resolution);
    this.#minSeen = layout.maxPossible;
  }

  add(value: number): void {
    const index = value < 1 ? 0 : Math.min(Math.floor(Math.log(value) * this.#factor), this.#bucket.length - 1);
    this.#bucket[index] = (this.#bucket[index] ?? 0) + 1;
    this.#minSeen = Math.min(this.#minSeen, value);
    this.#maxSeen = Math.max(this.#maxSeen, value);
    this.#sum += value;
    this.#sumOfSquares += value * value;
    this.#count += 1;
  }

  data(): HistogramData {
    return create(HistogramDataSchema, {
      bucket: [...this.#bucket],
      minSeen: this.#minSeen,
      maxSeen: this.#maxSeen,
      sum: this.#sum,
      sumOfSquares: this.#sumOfSquares,
      count: this.#count,
    });
  }

  reset(): void {
    this.#bucket.fill(0);
    this.#minSeen = this.#layout.maxPossible;
    this.#maxSeen = 0;
    this.#sum = 0;
    this.#sumOfSquares = 0;
    this.#count = 0;
  }
}

/** All of them as one; they have the same layout. */
export function mergedHistogram(all: readonly HistogramData[]): HistogramData {
  const merged = create(HistogramDataSchema);
  // Without values the extremes mean nothing; every implementation has its own.
  for (const one of all.filter(({ count }) => count > 0)) {
    one.bucket.forEach((count, i) => {
      merged.bucket[i] = (merged.bucket[i] ?? 0) + count;
    });
    merged.minSeen = merged.count === 0 ? one.minSeen : Math.min(merged.minSeen, one.minSeen);
    merged.maxSeen = Math.max(merged.maxSeen, one.maxSeen);
    merged.sum += one.sum;
    merged.sumOfSquares += one.sumOfSquares;
    merged.count += one.count;
  }
  return merged;
}

/** Where bucket `index` begins. */
function lowerBound(index: number, { resolution }: Layout): number {
  return index === 0 ? 0 : (1 + resolution) ** index;
}

/** Buckets that are not empty, each by its middle: how many values are about so large. */
export function* valuesOf(data: HistogramData, layout: Layout): Generator<readonly [value: number, count: number]> {
  for (const [index, count] of data.bucket.entries()) {
    if (count === 0) continue;
    const middle = (lowerBound(index, layout) + lowerBound(index + 1, layout)) / 2;
    yield [Math.min(Math.max(middle, data.minSeen), data.maxSeen), count];
  }
}

/** The value that so many of a hundred do not exceed, as closely as buckets tell; NaN without values. */
export function percentileOf(data: HistogramData, layout: Layout, percentile: number): number {
  const rank = (percentile / 100) * data.count;
  let below = 0;
  let last = Number.NaN;
  for (const [value, count] of valuesOf(data, layout)) {
    below += count;
    last = value;
    if (below >= rank) return value;
  }
  return last;
}
