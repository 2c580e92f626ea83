/** Whether the quiet moments of a soak show growth. Above: soak-main.ts, soak.test.ts. Below: nothing; pure. */
import type { QuietMoment } from './soak.ts';

const MB = 1024 * 1024;
/** What the heap may grow by from the first half to the second, beside a twentieth of itself. */
const HEAP_SLACK_BYTES = 3 * MB;
/** The resident set is coarse: allocators keep what they had at their peak. */
const RSS_SLACK_BYTES = 40 * MB;

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** What has grown, in words; empty for nothing. The first moment is left out: V8 is still compiling. */
export function growthOf(moments: readonly QuietMoment[]): string[] {
  const settled = moments.slice(1);
  const middle = Math.floor(settled.length / 2);
  const before = settled.slice(0, middle);
  const after = settled.slice(middle);
  if (before.length === 0) return [];
  const grown: string[] = [];
  const compare = (what: string, of: (moment: QuietMoment) => number, slack: (was: number) => number): void => {
    const was = median(before.map(of));
    const is = median(after.map(of));
    if (is > was + slack(was)) grown.push(`${what} grew from ${was} to ${is}`);
  };
  compare(
    'heap',
    (moment) => moment.heapBytes,
    (was) => was / 20 + HEAP_SLACK_BYTES,
  );
  compare(
    'resident set',
    (moment) => moment.rssBytes,
    (was) => was / 10 + RSS_SLACK_BYTES,
  );
  compare(
    'listeners',
    (moment) => moment.listeners,
    () => 0,
  );
  compare(
    'active resources',
    (moment) => [...moment.resources.values()].reduce((sum, count) => sum + count, 0),
    () => 0,
  );
  return grown;
}
