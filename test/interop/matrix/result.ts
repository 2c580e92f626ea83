/**
 * What came of one case between one client and one server. Above: the runner and the reports. Holds: what did not pass says
 * why, in one line without paths, hosts or ports of this machine.
 */
import type { Mode } from './modes.ts';

/** Passed, or why not. */
export type Verdict =
  | { readonly outcome: 'passed' }
  | { readonly outcome: 'failed' | 'skipped'; readonly reason: string };

/** Where a verdict belongs. */
export interface Place {
  /** Names of peers. */
  readonly client: string;
  readonly server: string;
  readonly mode: Mode;
  readonly case: string;
}

export type Result = Place & Verdict;

export const PASSED: Verdict = { outcome: 'passed' };

export function failed(reason: string): Verdict {
  return { outcome: 'failed', reason: oneLine(reason) };
}

export function skipped(reason: string): Verdict {
  return { outcome: 'skipped', reason: oneLine(reason) };
}

/** The most that is kept of a reason, in characters. */
const LONGEST_REASON = 400;

function oneLine(text: string): string {
  const line = text.trim().replaceAll(/\s+/g, ' ');
  return line.length <= LONGEST_REASON ? line : `${line.slice(0, LONGEST_REASON)}…`;
}
