/** Counts as tables for a terminal. Above: main.ts. Below: cli-table3. */
import Table, { type Cell } from 'cli-table3';
import type { ContenderCounts, EndCounts, ScenarioCounts } from './result.ts';

/** Columns of their own, by what node calls them. */
const COLUMNS: readonly (readonly [string, string])[] = [
  ['PROMISE', 'promises'],
  ['TickObject', 'ticks'],
  ['Immediate', 'immediates'],
  ['Timeout', 'timers'],
];
const HEADS = [...COLUMNS.map(([, head]) => head), 'heap B'];

/** With two digits after the point, and none where they are zero. */
function rounded(value: number): string {
  return `${Math.round(value * 100) / 100 || 0}`;
}

function cellsOf(end: EndCounts | null): string[] {
  if (end === null) return HEADS.map(() => '–');
  const counts = COLUMNS.map(([type]) => rounded(end.resources[type] ?? 0));
  return [...counts, Math.round(end.heapBytes).toLocaleString('en')];
}

/** The types without a column; what rounds to nothing is left out. */
function others({ resources }: EndCounts): string {
  return Object.entries(resources)
    .filter(([type, count]) => COLUMNS.every(([own]) => own !== type) && rounded(count) !== '0')
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([type, count]) => `${rounded(count)} ${type}`)
    .join(', ');
}

function othersOf({ contender, client, server }: ContenderCounts): string {
  const atServer = server === null ? '' : `; server ${others(server) || 'none'}`;
  return `  ${contender}: client ${others(client) || 'none'}${atServer}`;
}

/** One scenario: what an operation takes, at either end. */
export function countTable({ title, results, failures }: ScenarioCounts): string {
  const table = new Table({
    style: { head: [], border: [], compact: true },
    colAligns: ['left', ...HEADS.map(() => 'right' as const), ...HEADS.map(() => 'right' as const)],
  });
  const ends: Cell[] = ['client', 'server'].map((content) => ({ content, colSpan: HEADS.length, hAlign: 'center' }));
  table.push([title, ...ends], ['', ...HEADS, ...HEADS]);
  for (const result of results) table.push([result.contender, ...cellsOf(result.client), ...cellsOf(result.server)]);
  const notes = failures.map(({ contender, reason }) => `  ${contender}: ${reason.split('\n')[0]}`);
  const rest = results.length === 0 ? [] : ['other async resources', ...results.map(othersOf)];
  return [table.toString(), ...rest, ...notes].join('\n');
}
