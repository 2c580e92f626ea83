/**
 * What the RouteGuide programs print: headings, aligned rows, and colours where a terminal shows them. Above: tour.ts
 * and the programs.
 */
import { stripVTControlCharacters, styleText } from 'node:util';
import type { Status } from '../../src/index.ts';

type Style = 'bold' | 'dim' | 'green' | 'red' | 'cyan';

/** `text` in a style, if the output is a terminal. */
export function styled(style: Style, text: string): string {
  return process.stdout.isTTY ? styleText(style, text) : text;
}

export function print(line = ''): void {
  process.stdout.write(`${line}\n`);
}

/** The title of a part, with a word on what it is. */
export function printHeading(title: string, remark = ''): void {
  print();
  print(`${styled('bold', title.padEnd(14))}${styled('dim', remark)}`.trimEnd());
}

/** One call's result, with its status at the right. */
export function printResult(label: string, result: string, status: Status): void {
  print(`  ${label.padEnd(22)}${result.padEnd(58)}${formatStatus(status)}`);
}

/** Rows under their heads, each column as wide as it must be; all but the first are aligned to the right. */
export function printTable(rows: readonly (readonly string[])[]): void {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, widthOf(cell));
  }
  for (const [index, row] of rows.entries()) {
    const cells = row.map((cell, column) => {
      const padding = ' '.repeat((widths[column] ?? 0) - widthOf(cell));
      return column === 0 ? cell + padding : padding + cell;
    });
    const line = `  ${cells.join('   ')}`;
    print(index === 0 ? styled('dim', line) : line);
  }
}

/** Without the colours. */
function widthOf(text: string): number {
  return stripVTControlCharacters(text).length;
}

export function formatStatus(status: Status): string {
  return styled(status.isOk ? 'green' : 'red', status.toString());
}

export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

export function formatBytes(bytes: number): string {
  const kibibytes = bytes / 1024;
  if (Math.abs(kibibytes) < 1000) return `${kibibytes.toFixed(1)} KiB`;
  return `${(kibibytes / 1024).toFixed(1)} MiB`;
}

/** E7 coordinates in degrees: `38.7167, -9.1333`. */
export function formatPoint(point: { readonly latitude?: number; readonly longitude?: number } | undefined): string {
  const degrees = (e7: number | undefined): string => ((e7 ?? 0) / 1e7).toFixed(4);
  return `${degrees(point?.latitude)}, ${degrees(point?.longitude)}`;
}
