/** What a benchmark gives: plain data, as it is written to JSON. Above: runner.ts makes it, reports and compare read it. */

/** One contender over one round. */
export interface Sample {
  readonly operations: number;
  readonly elapsedMs: number;
  /** CPU time per operation at either end, in microseconds; NaN for an end that is not seen. */
  readonly clientCpuUs: number;
  readonly serverCpuUs: number;
  /** Share of the elapsed time that went into garbage collection, 0 to 1, at the worse end. */
  readonly gcShare: number;
  readonly loopDelayP99Ms: number;
  readonly clientPeakRssBytes: number;
  readonly serverPeakRssBytes: number;
}

/** Latencies in microseconds. */
export interface Latency {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  /** Points of the percentile curve: percentile (0 to 100), microseconds. */
  readonly curve: readonly (readonly [number, number])[];
}

/** One contender in one scenario. */
export interface ContenderResult {
  readonly contender: string;
  readonly samples: readonly Sample[];
  /** Of all rounds together; null where an operation has none. */
  readonly latency: Latency | null;
  /** Bytes for each idle stream at either end; null for other scenarios. */
  readonly idle: { readonly clientBytes: number; readonly serverBytes: number } | null;
}

/** Why a contender has no result in a scenario. */
export interface Failure {
  readonly contender: string;
  readonly reason: string;
}

export interface ScenarioResult {
  readonly scenario: string;
  readonly title: string;
  /** Samples of the same index were taken one after the other. */
  readonly results: readonly ContenderResult[];
  readonly failures: readonly Failure[];
}

/** One run. */
export interface BenchResult {
  readonly at: string;
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  readonly pinned: boolean;
  readonly rounds: number;
  readonly roundMs: number;
  readonly versions: Readonly<Record<string, string>>;
  readonly scenarios: readonly ScenarioResult[];
}

/** The middle one; of an even number the mean of the middle two; NaN for none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? Number.NaN;
  const lower = sorted[(sorted.length - 1) >> 1] ?? Number.NaN;
  return (upper + lower) / 2;
}

/** CPU time per operation of both ends together, as far as they are seen, in microseconds. */
export function cpuUs(sample: Sample): number {
  return sample.clientCpuUs + (sample.serverCpuUs || 0);
}

/**
 * What `result` costs as a multiple of what `base` does, by rounds: noise that both saw is cancelled. For idle streams the
 * bytes of both ends are what it costs.
 */
export function ratios(result: ContenderResult, base: ContenderResult): number[] {
  if (result.idle !== null && base.idle !== null) {
    const bytes = (idle: { clientBytes: number; serverBytes: number }): number => idle.clientBytes + idle.serverBytes;
    return [bytes(result.idle) / bytes(base.idle)];
  }
  const rounds = Math.min(result.samples.length, base.samples.length);
  return Array.from({ length: rounds }, (_, i) => {
    const [mine, theirs] = [result.samples[i], base.samples[i]];
    return mine === undefined || theirs === undefined ? Number.NaN : cpuUs(mine) / cpuUs(theirs);
  });
}
