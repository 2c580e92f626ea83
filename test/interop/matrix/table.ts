/**
 * Results as tables that a person can read: rows are cases, columns are pairs of implementations, and all faces of halfclose share
 * a cell. Above: terminal.ts, markdown.ts. Holds: a cell passed only if every one of its runs did; every cell that was not
 * run has a footnote.
 */
import { OFFICIAL_CASES } from './cases.ts';
import { MODES, type Mode } from './modes.ts';
import type { Result } from './result.ts';

/** `✓` all passed, `✗` one failed, `–` none was run, ` ` there is no such run. */
export type Mark = '✓' | '✗' | '–' | ' ';

export interface Cell {
  readonly mark: Mark;
  /** Numbers of footnotes, from 1. */
  readonly notes: readonly number[];
}

export interface Row {
  readonly name: string;
  readonly cells: readonly Cell[];
}

export interface Table {
  readonly mode: Mode;
  /** `→ grpc-go`: halfclose's client meets grpc-go's server; `← grpc-go`: the other way round; `↔ itself`. */
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
  /** Whether its cases are the official ones. */
  readonly official: boolean;
}

export interface Tables {
  readonly tables: readonly Table[];
  /** Why cells were not run, in the order of their numbers. */
  readonly notes: readonly string[];
}

/** How the column of a result is called. */
export function columnOf({ client, server }: Pick<Result, 'client' | 'server'>): string {
  const [from, to] = [client, server].map((name) => name.replace(/\/.*$/, ''));
  if (from === to) return '↔ itself';
  return from === 'halfclose' ? `→ ${to}` : `← ${from}`;
}

/** Numbers reasons as they come. */
class Notes {
  readonly texts: string[] = [];

  numberOf(text: string): number {
    const at = this.texts.indexOf(text);
    return at === -1 ? this.texts.push(text) : at + 1;
  }
}

function cellOf(results: readonly Result[], notes: Notes): Cell {
  if (results.length === 0) return { mark: ' ', notes: [] };
  if (results.some(({ outcome }) => outcome === 'failed')) return { mark: '✗', notes: [] };
  const reasons = results.flatMap((result) => (result.outcome === 'skipped' ? [result.reason] : []));
  const numbers = [...new Set(reasons)].map((reason) => notes.numberOf(reason));
  return { mark: reasons.length === results.length ? '–' : '✓', notes: numbers };
}

function tableOf(
  mode: Mode,
  official: boolean,
  columns: readonly string[],
  results: readonly Result[],
  notes: Notes,
): Table {
  const names = [...new Set(results.map((result) => result.case))];
  if (official) names.sort((a, b) => OFFICIAL_CASES.indexOf(a) - OFFICIAL_CASES.indexOf(b));
  else names.sort();
  const used = columns.filter((column) => results.some((result) => columnOf(result) === column));
  const cell = (name: string, column: string): Cell =>
    cellOf(
      results.filter((result) => result.case === name && columnOf(result) === column),
      notes,
    );
  return {
    mode,
    official,
    columns: used,
    rows: names.map((name) => ({ name, cells: used.map((at) => cell(name, at)) })),
  };
}

/** Columns to halfclose's servers stand behind those of its clients. */
function sortColumns(columns: readonly string[]): string[] {
  const order = ['↔', '→', '←'];
  const unique = [...new Set(columns)];
  const rank = (column: string): number => order.indexOf(column.charAt(0)) * unique.length + unique.indexOf(column);
  return unique.sort((a, b) => rank(a) - rank(b));
}

/** All results as tables: for each mode the official cases, then the further ones. */
export function tabulate(results: readonly Result[]): Tables {
  const notes = new Notes();
  const columns = sortColumns(results.map(columnOf));
  const tables = MODES.flatMap((mode) =>
    [true, false].map((official) => {
      const here = results.filter(
        (result) => result.mode === mode && OFFICIAL_CASES.includes(result.case) === official,
      );
      return tableOf(mode, official, columns, here, notes);
    }),
  );
  return { tables: tables.filter(({ rows }) => rows.length > 0), notes: notes.texts };
}
