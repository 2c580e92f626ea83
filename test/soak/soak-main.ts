/**
 * `npm run soak`: an hour of mixed calls, cancels and restarts, or `-- --minutes N`. Prints a line at each quiet moment, and
 * fails when anything unexpected happened or something has grown. Below: soak.ts.
 */
import { parseArgs } from 'node:util';
import { growthOf } from './flatness.ts';
import { type QuietMoment, Soak } from './soak.ts';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '60' } } });
const minutes = Number(values.minutes);
if (!(minutes > 0)) throw new TypeError(`--minutes must be over 0, but is ${values.minutes}`);

const MB = 1024 * 1024;

function report({ calls, restarts, heapBytes, rssBytes, resources }: QuietMoment): void {
  const handles = [...resources].map(([type, count]) => `${count} ${type}`).join(', ');
  const heap = (heapBytes / MB).toFixed(1);
  const rss = (rssBytes / MB).toFixed(0);
  console.log(`${calls} calls, ${restarts} restarts: heap ${heap} MiB, resident ${rss} MiB, ${handles}`);
}

const soak = new Soak({
  durationMs: minutes * 60_000,
  stretchMs: Math.min(20_000, (minutes * 60_000) / 10),
  servers: 3,
  walkers: 40,
  random: Math.random,
  onQuiet: report,
});
const { calls, outcomes, faults, moments } = await soak.run();
const growth = growthOf(moments);
console.log(`${calls} calls: ${[...outcomes].map(([name, count]) => `${count} ${name}`).join(', ')}`);
for (const fault of [...faults, ...growth]) console.error(fault);
const failed = faults.length + growth.length;
console.log(`${failed === 0 ? 1 : 0} passed, ${failed === 0 ? 0 : 1} failed`);
process.exitCode = failed === 0 ? 0 : 1;
