/**
 * The matrix as a page of the documentation. Above: matrix-main.ts. Below: table.ts. Holds: nothing on it tells the machine of the
 * run. Pure.
 */
import type { Mode } from './modes.ts';
import type { Report } from './report.ts';
import { type Cell, type Table, tabulate } from './table.ts';
import { count, failureLines } from './terminal.ts';

const MODE_TITLES: Readonly<Record<Mode, string>> = {
  cleartext: 'Cleartext',
  tls: 'TLS',
  gzip: 'gzip: every side that can compresses what it sends',
};

function cellText({ mark, notes }: Cell): string {
  return notes.length === 0 ? mark : `${mark}<sup>${notes.join(' ')}</sup>`;
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function tableLines({ mode, official, columns, rows }: Table): string[] {
  const title = official ? `## ${MODE_TITLES[mode]}` : '### Further cases';
  return [
    title,
    '',
    line(['', ...columns]),
    line(['---', ...columns.map(() => ':-:')]),
    ...rows.map(({ name, cells }) => line([`\`${name}\``, ...cells.map(cellText)])),
    '',
  ];
}

const INTRODUCTION = `# Interoperability

gRPC's official interoperability tests between halfclose and other implementations, each with its own programs, where it
publishes some: clients of the one against servers of the other. \`npm run interop\` runs them and \`-- --markdown FILE\`
writes this page.`;

const LEGEND = `**→** halfclose's client meets the server of the other, **←** the client of the other meets halfclose's server,
**↔** halfclose meets itself. A cell stands for all three faces of halfclose: calls, reactors and promises.
✓ every run passed, ✗ one failed, – not run, for the reason in the footnote.`;

/** The whole page. */
export function markdownReport({ date, peers, results }: Report): string {
  const { tables, notes } = tabulate(results);
  const failures = failureLines(results);
  const [passed, failed, skipped] = (['passed', 'failed', 'skipped'] as const).map((outcome) =>
    count(results, outcome),
  );
  return `${[
    INTRODUCTION,
    '',
    `Last run: ${date}, ${passed} passed, ${failed} failed, ${skipped} left out.`,
    '',
    line(['implementation', 'version']),
    line(['---', '---']),
    ...peers.map((peer) => line([peer.name, 'version' in peer ? peer.version : `not run: ${peer.missing}`])),
    '',
    LEGEND,
    '',
    ...tables.flatMap(tableLines),
    ...(failures.length === 0 ? [] : ['## What failed', '', ...failures.map((text) => `- ${text}`), '']),
    ...(notes.length === 0 ? [] : ['## Why cells are empty', '', ...notes.map((note, at) => `${at + 1}. ${note}`)]),
  ]
    .join('\n')
    .trimEnd()}\n`;
}
