/** What a benchmark worker measures with: gRPC's histograms, and the moments at which calls begin. */
import { create } from '@bufbuild/protobuf';
import {
  bucketsOf,
  GrpcHistogram,
  mergedHistogram,
  percentileOf,
  valuesOf,
} from '../../bench/worker-service/histogram.ts';
import { ClosedLoop, type Lane, PoissonPace } from '../../bench/worker-service/pace.ts';
import { StatusError } from '../../src/index.ts';
import { HistogramDataSchema } from '../interop/gen/grpc/testing/stats_pb.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('bench worker: histograms and paces');

/** Powers of two, so that bounds are exact. */
const DOUBLING = { resolution: 1, maxPossible: 1024 };
const FINE = { resolution: 0.01, maxPossible: 60e9 };

function histogramOf(values: readonly number[], layout = DOUBLING) {
  const histogram = new GrpcHistogram(layout);
  for (const value of values) histogram.add(value);
  return histogram;
}

test('buckets grow by 1 + resolution, from [0, 1 + resolution) to the one of max_possible', () => {
  assert.is(bucketsOf(DOUBLING), 11);
  assert.is(bucketsOf(FINE), 2495);
  const { bucket } = histogramOf([0, 0.5, 1, 1.9, 2.1, 3.9, 4.1, 100, 1000, 1100, 1e12]).data();
  assert.equal(bucket, [4, 2, 1, 0, 0, 0, 1, 0, 0, 1, 2]);
});

test('what is more than max_possible counts in the last bucket, and as what it is', () => {
  const data = histogramOf([3, 5000]).data();
  assert.is(data.bucket.at(-1), 1);
  assert.equal([data.count, data.minSeen, data.maxSeen, data.sum, data.sumOfSquares], [2, 3, 5000, 5003, 25_000_009]);
});

test('after a reset there is nothing', () => {
  const histogram = histogramOf([3, 5000]);
  histogram.reset();
  assert.equal(histogram.data(), new GrpcHistogram(DOUBLING).data());
  histogram.add(7);
  assert.equal(histogram.data(), histogramOf([7]).data());
});

test('merging is counting in one', () => {
  const [some, others] = [
    [1, 2, 300],
    [4, 900, 0.1],
  ];
  const empty = histogramOf([]).data();
  const merged = mergedHistogram([
    empty,
    histogramOf(some).data(),
    create(HistogramDataSchema),
    histogramOf(others).data(),
  ]);
  assert.equal(merged, histogramOf([...some, ...others]).data());
  assert.is(mergedHistogram([empty]).count, 0);
});

test('percentiles are as close as the resolution', () => {
  const values = Array.from({ length: 1000 }, (_, i) => 50_000 + i * 997);
  const data = histogramOf(values, FINE).data();
  for (const percentile of [1, 50, 90, 99, 99.9, 100]) {
    const exact = values[Math.ceil((percentile / 100) * values.length) - 1] ?? Number.NaN;
    const found = percentileOf(data, FINE, percentile);
    assert.ok(Math.abs(found / exact - 1) <= FINE.resolution, `${percentile} %: ${found}, not ${exact}`);
  }
  assert.ok(Number.isNaN(percentileOf(histogramOf([]).data(), DOUBLING, 50)));
  assert.equal([...valuesOf(histogramOf([5, 5, 5]).data(), DOUBLING)], [[5, 3]]);
});

test('a layout that makes no sense is INVALID_ARGUMENT', () => {
  for (const [resolution, maxPossible] of [
    [0, 60e9],
    [-1, 60e9],
    [Number.NaN, 60e9],
    [0.01, 1],
    [0.01, Number.POSITIVE_INFINITY],
    [1e-9, 60e9],
  ] as const) {
    assert.throws(
      () => new GrpcHistogram({ resolution, maxPossible }),
      (error: unknown) => error instanceof StatusError && error.status.name === 'INVALID_ARGUMENT',
      `${resolution} ${maxPossible}`,
    );
  }
});

class RecordingLane implements Lane {
  readonly begun: number[] = [];

  begin(dueMs: number): void {
    this.begun.push(dueMs);
  }
}

/** A pace whose operations are this far apart: far enough for its own timer never to find one. */
const GAP_MS = 1_000_000;

function slowPace(): { pace: PoissonPace; startMs: number } {
  const random = (): number => 0.5;
  const startMs = performance.now();
  return { pace: new PoissonPace((Math.LN2 * 1000) / GAP_MS, random), startMs };
}

test('a closed loop begins at once, until it is stopped', () => {
  const pace = new ClosedLoop();
  const lane = new RecordingLane();
  pace.onIdle(lane);
  assert.is(lane.begun.length, 1);
  pace.stop();
  pace.onIdle(lane);
  assert.is(lane.begun.length, 1);
});

test('at random moments, what is due while all lanes are busy waits with its clock running', () => {
  const { pace, startMs } = slowPace();
  try {
    const [first, second] = [new RecordingLane(), new RecordingLane()];
    pace.onIdle(first);
    pace.onTick(startMs + 0.5 * GAP_MS);
    assert.is(first.begun.length, 0);
    pace.onTick(startMs + 3.5 * GAP_MS);
    assert.is(first.begun.length, 1);
    pace.onIdle(second);
    pace.onIdle(first);
    pace.onIdle(second);
    const dues = [...first.begun.slice(0, 1), ...second.begun, ...first.begun.slice(1)];
    assert.equal(
      dues.map((dueMs) => Math.round((dueMs - startMs) / GAP_MS)),
      [1, 2, 3],
    );
  } finally {
    pace.stop();
  }
});

test('a moment between two ticks is the second tick: timers are no finer', () => {
  const { pace, startMs } = slowPace();
  try {
    const lane = new RecordingLane();
    pace.onIdle(lane);
    // The pace began a moment after startMs.
    const tickMs = performance.now() + GAP_MS;
    assert.ok(tickMs >= startMs + GAP_MS);
    pace.onTick(tickMs);
    assert.equal(lane.begun, [tickMs]);
  } finally {
    pace.stop();
  }
});

test('after stop no operation begins', () => {
  const { pace, startMs } = slowPace();
  const lane = new RecordingLane();
  try {
    pace.onTick(startMs + 3.5 * GAP_MS);
  } finally {
    pace.stop();
  }
  pace.onIdle(lane);
  assert.is(lane.begun.length, 0);
});

test.run();
