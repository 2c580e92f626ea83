/**
 * What an interop client's process said, as verdicts. Above: run-matrix.ts. Holds: every case that was asked for has one verdict; a
 * case that the process said nothing of has failed.
 */
import { failed, PASSED, skipped, type Verdict } from './result.ts';

/** How a process ended. */
export interface Ending {
  /** Null: it was killed, because its time was up or by something else. */
  readonly exitCode: number | null;
  /** What killed it, if something did. */
  readonly signal: string | null;
  /** Both streams, in the order in which they came. */
  readonly output: string;
}

const LINE = /^(PASS|FAIL|SKIP) (\w+)(?:: (.*))?$/gm;

/** What seems to say why a process failed: a JVM's first exception, or the last thing said. */
function complaint(output: string): string {
  const exception = /^(?:Exception in thread .*|Caused by: .*|.*\bFATAL\b.*)$/m.exec(output)?.[0];
  return exception ?? output.trimEnd().split('\n').slice(-3).join(' ').trim();
}

/** How a process ended and the last that it said, for messages. */
export function endOf({ exitCode, signal, output }: Ending): string {
  const how = exitCode === null ? `killed by ${signal}` : `exit code ${exitCode}`;
  return `${how}; last said: ${complaint(output) || 'nothing'}`;
}

/** The verdict on the one case of a process. */
export function verdictOfProcess(ending: Ending): Verdict {
  return ending.exitCode === 0 ? PASSED : failed(endOf(ending));
}

/** The verdicts on the cases of a process that prints a line for each. A line that contradicts the exit code fails. */
export function verdictsOfLines(cases: readonly string[], ending: Ending): Map<string, Verdict> {
  const said = new Map<string, Verdict>();
  for (const [, word, name = '', reason = 'no reason given'] of ending.output.matchAll(LINE)) {
    said.set(name, word === 'PASS' ? PASSED : word === 'SKIP' ? skipped(reason) : failed(reason));
  }
  const verdicts = new Map(cases.map((name) => [name, said.get(name) ?? failed(`no verdict: ${endOf(ending)}`)]));
  const explained = ending.exitCode === 0 || [...verdicts.values()].some(({ outcome }) => outcome === 'failed');
  const last = cases.at(-1);
  if (!explained && last !== undefined) verdicts.set(last, failed(`every case passed, but then: ${endOf(ending)}`));
  return verdicts;
}
