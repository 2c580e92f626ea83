/** What is made of the output and the end of a client's process. */
import { assert, suite } from '../../support/suite.ts';
import { failed, type Verdict } from './result.ts';
import { verdictOfProcess, verdictsOfLines } from './result-lines.ts';

const test = suite('interop result lines');

function reasonOf(verdict: Verdict | undefined): string {
  return verdict !== undefined && 'reason' in verdict ? `${verdict.outcome}: ${verdict.reason}` : 'passed';
}

function said(cases: readonly string[], exitCode: number | null, output: string): [string, string][] {
  const verdicts = verdictsOfLines(cases, { exitCode, signal: exitCode === null ? 'SIGKILL' : null, output });
  return [...verdicts].map(([name, verdict]) => [name, reasonOf(verdict)]);
}

test('each line is the verdict on its case, whatever else is printed', () => {
  const output = 'PASS a\nlatency: 3 ms\nFAIL b: expected 1, got 2: too much\nSKIP c: no cloud\n';
  assert.equal(said(['a', 'b', 'c'], 1, output), [
    ['a', 'passed'],
    ['b', 'failed: expected 1, got 2: too much'],
    ['c', 'skipped: no cloud'],
  ]);
});

test('a line about a case that was not asked for counts for nothing', () => {
  assert.equal(said(['a'], 0, 'PASS a\nFAIL b: x\n'), [['a', 'passed']]);
});

test('a case of which nothing was said has failed, with the last words of the process', () => {
  assert.equal(said(['a', 'b'], null, 'PASS a\nstill waiting\n'), [
    ['a', 'passed'],
    ['b', 'failed: no verdict: killed by SIGKILL; last said: PASS a still waiting'],
  ]);
  assert.equal(said(['a'], 0, ''), [['a', 'failed: no verdict: exit code 0; last said: nothing']]);
});

test('a process that fails though all its cases passed is not believed', () => {
  assert.equal(said(['a', 'b'], 1, 'PASS a\nPASS b\nError: leak\n'), [
    ['a', 'passed'],
    ['b', 'failed: every case passed, but then: exit code 1; last said: PASS a PASS b Error: leak'],
  ]);
});

test('a process with one case is judged by its exit code, and explained by its exception', () => {
  const output =
    'Running test\nException in thread "main" java.lang.AssertionError: expected 1\n\tat x\n\tat y\n\tat z\n';
  assert.is(reasonOf(verdictOfProcess({ exitCode: 0, signal: null, output })), 'passed');
  assert.is(
    reasonOf(verdictOfProcess({ exitCode: 1, signal: null, output })),
    'failed: exit code 1; last said: Exception in thread "main" java.lang.AssertionError: expected 1',
  );
  assert.is(
    reasonOf(verdictOfProcess({ exitCode: 1, signal: null, output: '2026/01/02 FATAL: [interop] got 3\nbye\n' })),
    'failed: exit code 1; last said: 2026/01/02 FATAL: [interop] got 3',
  );
  assert.is(
    reasonOf(verdictOfProcess({ exitCode: null, signal: 'SIGKILL', output: 'Running test\n' })),
    'failed: killed by SIGKILL; last said: Running test',
  );
});

test('a reason is one line, and not a long one', () => {
  const [, reason] = said(['a'], 1, `FAIL a: ${'x'.repeat(1000)}`)[0] ?? ['', ''];
  assert.is(reason, `failed: ${'x'.repeat(400)}…`);
  assert.is(reasonOf(failed('\n one\n\ttwo \n')), 'failed: one two');
});

test.run();
