/**
 * OutlierRecord: how the calls to one endpoint went, and whether it is ejected; endInterval(), which judges them all. Above:
 * outlier-detection.ts. Below: nothing; pure, but for chance, which it is given. Holds: calls count for the interval in which
 * they end; an endpoint that is ejected is not ejected again; there is always room for one ejection unless the maximum is 0.
 *
 *   admitted ─outlier→ ejected ─its time is over→ admitted
 *
 * Source: gRFC A50 "Ejection Algorithms".
 */
import type { Status } from '../../values/status.ts';
import type { CallTracker } from './balancer.ts';
import type { FailurePercentageEjection, OutlierConfig, SuccessRateEjection } from './outlier-config.ts';

/** One endpoint. Starts admitted. */
export class OutlierRecord implements CallTracker {
  #state: 'admitted' | 'ejected' = 'admitted';
  #ejectedMs = 0;
  /** How often it was ejected of late: each interval in which it is admitted takes one off. */
  #multiplier = 0;
  /** Of the calls that ended in the interval that runs. */
  #successes = 0;
  #failures = 0;
  /** How many calls ended in the last interval. */
  volume = 0;
  /** Of those. */
  failures = 0;

  get isEjected(): boolean {
    return this.#state === 'ejected';
  }

  onCallStarted(): void {
    // A call counts when it ends.
  }

  onCallEnded(status: Status): void {
    if (status.isOk) this.#successes += 1;
    else this.#failures += 1;
  }

  /** The interval is over: what was counted can be read, and counting begins anew. */
  closeInterval(): void {
    this.volume = this.#successes + this.#failures;
    this.failures = this.#failures;
    this.#successes = 0;
    this.#failures = 0;
  }

  /** It is an outlier. */
  eject(nowMs: number): void {
    this.#state = 'ejected';
    this.#ejectedMs = nowMs;
    this.#multiplier += 1;
  }

  /** An interval is over; it may be time to admit it again. */
  age(nowMs: number, { baseEjectionMs, maxEjectionMs }: OutlierConfig): void {
    if (this.#state === 'admitted') {
      this.#multiplier = Math.max(0, this.#multiplier - 1);
      return;
    }
    const lastsMs = Math.min(baseEjectionMs * this.#multiplier, Math.max(baseEjectionMs, maxEjectionMs));
    if (nowMs >= this.#ejectedMs + lastsMs) this.#state = 'admitted';
  }

  /** Nothing is judged any more: admits it, and forgets what was. */
  forget(): void {
    this.closeInterval();
    this.#state = 'admitted';
    this.#multiplier = 0;
  }
}

/** Ends an interval at `nowMs`: counts, ejects, and admits again. `random` gives numbers from 0 up to 1. */
export function endInterval(
  records: readonly OutlierRecord[],
  config: OutlierConfig,
  nowMs: number,
  random: () => number,
): void {
  for (const record of records) record.closeInterval();
  const isFull = (): boolean => {
    const ejected = records.filter((record) => record.isEjected).length;
    return ejected * 100 >= config.maxEjectionPercent * records.length;
  };
  const eject = (outliers: readonly OutlierRecord[], enforcementPercentage: number): void => {
    for (const record of outliers) {
      if (isFull()) return;
      if (!record.isEjected && random() * 100 < enforcementPercentage) record.eject(nowMs);
    }
  };
  if (config.successRate !== null)
    eject(bySuccessRate(records, config.successRate), config.successRate.enforcementPercentage);
  const { failurePercentage } = config;
  if (failurePercentage !== null)
    eject(byFailures(records, failurePercentage), failurePercentage.enforcementPercentage);
  for (const record of records) record.age(nowMs, config);
}

/** Those that succeed much less often than the mean of all. */
function bySuccessRate(records: readonly OutlierRecord[], ejection: SuccessRateEjection): OutlierRecord[] {
  const busy = busyOnes(records, ejection);
  const rates = busy.map(successRate);
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  const variance = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length;
  const least = mean - Math.sqrt(variance) * (ejection.stdevFactor / 1_000);
  return busy.filter((record) => successRate(record) < least);
}

function byFailures(records: readonly OutlierRecord[], ejection: FailurePercentageEjection): OutlierRecord[] {
  return busyOnes(records, ejection).filter(({ failures, volume }) => failures * 100 > ejection.threshold * volume);
}

/** Those that have had enough calls; none where they are too few to judge. */
function busyOnes(
  records: readonly OutlierRecord[],
  { minimumHosts, requestVolume }: SuccessRateEjection | FailurePercentageEjection,
): OutlierRecord[] {
  const busy = records.filter(({ volume }) => volume > 0 && volume >= requestVolume);
  return busy.length < minimumHosts ? [] : busy;
}

function successRate({ volume, failures }: OutlierRecord): number {
  return (volume - failures) / volume;
}
