/**
 * Two runs side by side. Above: main.ts. Below: results. Holds: what is compared is the ratio to the floor of the same run, so
 * that two machines, or one on two days, can be compared at all; a change within the spread of the two is called none.
 */
import { type BenchResult, type ContenderResult, median, ratios, type ScenarioResult } from '../result.ts';

/** One contender's cost in one scenario, then and now, as multiples of the floor. */
export interface Change {
  readonly scenario: string;
  readonly contender: string;
  readonly before: number;
  readonly after: number;
  /** Whether the two differ by more than both spread. */
  readonly isClear: boolean;
}

interface Cost {
  readonly middle: number;
  /** The middle half of the rounds lies between these. */
  readonly low: number;
  readonly high: number;
}

function costOf(result: ContenderResult, base: ContenderResult): Cost {
  const sorted = ratios(result, base).sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))] ?? Number.NaN;
  return { middle: median(sorted), low: at(0.25), high: at(0.75) };
}

function costs({ results }: ScenarioResult): Map<string, Cost> {
  const floor = results.find(({ contender }) => contender === 'floor');
  if (floor === undefined) return new Map();
  return new Map(results.map((result) => [result.contender, costOf(result, floor)]));
}

/** What both runs have, in the order of `after`. The floor itself is left out. */
export function compare(before: BenchResult, after: BenchResult): Change[] {
  return after.scenarios.flatMap((scenario) => {
    const old = before.scenarios.find((other) => other.scenario === scenario.scenario);
    if (old === undefined) return [];
    const then = costs(old);
    return [...costs(scenario)].flatMap(([contender, now]) => {
      const was = then.get(contender);
      if (was === undefined || contender === 'floor') return [];
      const isClear = now.low > was.high || now.high < was.low;
      return [{ scenario: scenario.scenario, contender, before: was.middle, after: now.middle, isClear }];
    });
  });
}

/** Changes as lines; clear ones are marked. */
export function compareText(changes: readonly Change[]): string {
  if (changes.length === 0) return 'the two runs have nothing in common, or no floor';
  return changes
    .map(({ scenario, contender, before, after, isClear }) => {
      const change = `${after > before ? '+' : ''}${((after / before - 1) * 100).toFixed(1)} %`;
      const verdict = isClear ? (after < before ? 'better' : 'worse') : '';
      return `${scenario.padEnd(20)}${contender.padEnd(22)}× ${before.toFixed(2)} → × ${after.toFixed(2)}  ${change.padStart(8)}  ${verdict}`;
    })
    .join('\n');
}
