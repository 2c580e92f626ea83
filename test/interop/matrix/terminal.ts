/**
 * The matrix for a terminal: tables, what failed, what was skipped, and the count as the last line. Above: matrix-main.ts. Below:
 * table.ts. Pure.
 */
import type { Result } from './result.ts';
import { type Cell, type Table, tabulate } from './table.ts';

/** How many cases are listed by name for one reason. */
const MOST_NAMES = 6;

/** How many runs ended in a way. */
export function count(results: readonly Result[], outcome: Result['outcome']): number {
  return results.filter((result) => result.outcome === outcome).length;
}

function cellText({ mark, notes }: Cell): string {
  return notes.length === 0 ? mark : `${mark} ${notes.join(',')}`;
}

function tableLines({ mode, official, columns, rows }: Table): string[] {
  const texts = rows.map(({ name, cells }) => [name, ...cells.map(cellText)]);
  const all = [['', ...columns], ...texts];
  const widths = all[0]?.map((_, at) => Math.max(...all.map((row) => row[at]?.length ?? 0))) ?? [];
  const lines = all.map((row) =>
    row
      .map((text, at) => text.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return ['', `── ${mode}, ${official ? 'the official cases' : 'further cases'} ──`, ...lines];
}

/** One line for each run that failed. */
export function failureLines(results: readonly Result[]): string[] {
  return results.flatMap((result) =>
    result.outcome === 'failed'
      ? [`failed: ${result.client} → ${result.server}, ${result.mode}, ${result.case}: ${result.reason}`]
      : [],
  );
}

/** Names, or how many there are if those are more than a line takes. */
function listed(names: readonly string[]): string {
  return names.length <= MOST_NAMES ? names.join(', ') : `${names.length} cases`;
}

/** One line for each reason, with the cases that were skipped for it. */
function skippedLines(results: readonly Result[]): string[] {
  const cases = new Map<string, string[]>();
  for (const result of results) {
    if (result.outcome !== 'skipped') continue;
    cases.set(result.reason, [...(cases.get(result.reason) ?? []), result.case]);
  }
  return [...cases].map(([reason, names]) => `skipped ${names.length}: ${listed([...new Set(names)])} (${reason})`);
}

/** Everything there is to say. The last line is `N passed, N failed`. `missing`: lines about peers that are not there. */
export function terminalReport(results: readonly Result[], missing: readonly string[]): string {
  const { tables, notes } = tabulate(results);
  return [
    ...tables.flatMap(tableLines),
    '',
    ...notes.map((note, at) => `${at + 1}: ${note}`),
    ...failureLines(results),
    ...skippedLines(results),
    ...missing,
    `${count(results, 'passed')} passed, ${count(results, 'failed')} failed`,
  ].join('\n');
}
