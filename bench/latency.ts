/** Latency out of a histogram of microseconds. Above: runner.ts, target/main. Below: hdr-histogram-js. */
import type { Histogram } from 'hdr-histogram-js';
import type { Latency } from './result.ts';

/** Where the curve of percentiles has points. */
const CURVE = [0, 10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 92.5, 95, 97, 98, 99, 99.5, 99.9, 99.95, 99.99, 100];

export function latencyOf(histogram: Histogram): Latency {
  const at = (percentile: number): number => histogram.getValueAtPercentile(percentile);
  return {
    p50: at(50),
    p90: at(90),
    p99: at(99),
    p999: at(99.9),
    max: histogram.maxValue,
    curve: CURVE.map((percentile) => [percentile, at(percentile)]),
  };
}
