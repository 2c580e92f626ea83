/**
 * Each way in which a test file can be wrong, as a fixture that must fail and name its culprit: the traps of uvu and of
 * network tests that hang. One good fixture must pass.
 */
import path from 'node:path';
import { assert, suite } from './suite.ts';
import { runTestProcess, type TestResult } from './test-process.ts';

const test = suite('guard');
const KILL_MS = 20_000;

function runFixture(name: string, env: NodeJS.ProcessEnv = {}, timeoutMs = KILL_MS): Promise<TestResult> {
  const file = path.join(import.meta.dirname, 'fixtures', `${name}.fixture.js`);
  return runTestProcess(file, { timeoutMs, env: { CI: '', ...env } });
}

interface BadFixture {
  readonly name: string;
  /** What the output must say. */
  readonly says: readonly string[];
  readonly passed?: number;
  readonly failed?: number;
}

const BAD: readonly BadFixture[] = [
  { name: 'throws-in-before', says: ['must not run', 'no port is free'] },
  { name: 'throws-in-before-each', says: ['must not run', 'the ink is dry'] },
  { name: 'throws-in-after-each', says: ['fails by itself', 'the test failed', 'the hook failed'], failed: 2 },
  { name: 'throws-in-after', says: ['after() of suite "throws-in-after"', 'the broom is broken'], passed: 1 },
  { name: 'throws-a-string', says: ['throws words', 'only words'] },
  { name: 'fails-assertion', says: ['compares numbers', 'compares bigints'], passed: 1, failed: 2 },
  { name: 'forgets-run', says: ['suite "forgets-run" was never run'] },
  { name: 'registers-nothing', says: ['suite "registers-nothing" registered no test'] },
  { name: 'no-suite', says: ['registered no suite'] },
  { name: 'skips-silently', says: ['for no reason', 'needs a reason'] },
  { name: 'never-settles', says: ['timed out after 100 ms: never-settles > waits for nothing'], passed: 1 },
  { name: 'never-settles-alive', says: ['waits beside a timer', 'still open', 'Timeout'], failed: 2 },
  { name: 'leaves-server-open', says: ['leak in suite "leaves-server-open"', '1 × TCPServerWrap'], passed: 1 },
  { name: 'opens-server-on-load', says: ['did not exit', 'TCPServerWrap'], passed: 1 },
  { name: 'rejects-later', says: ['unhandled rejection during rejects-later > is hit', 'nobody listens'] },
  { name: 'rejects-after-end', says: ['after rejects-after-end > passes too early', 'too late to matter'], passed: 1 },
  { name: 'throws-in-timer', says: ['uncaught exception during throws-in-timer > is hit', 'the alarm broke'] },
  { name: 'adds-listeners', says: ['listener leak', 'adds a dozen'] },
  { name: 'exits-early', says: ['walks out', 'the process exited while this was running'] },
  { name: 'throws-on-load', says: ['the last line is wrong'] },
];

test('passes a file in which nothing is wrong', async () => {
  const result = await runFixture('good', { CI: 'true' });
  assert.equal(
    { exitCode: result.exitCode, passed: result.passed, failed: result.failed },
    {
      exitCode: 0,
      passed: 2,
      failed: 0,
    },
  );
  assert.equal(
    result.skipped.map((skip) => skip.reason),
    ['to see the reason in the report'],
  );
});

/** The bad fixtures run beside each other, a few at a time: most of them only wait for the guard's patience to end. */
const PARALLEL = 4;
const results: Promise<TestResult>[] = [];
test.before(() => {
  for (const [index, { name }] of BAD.entries()) {
    results.push(Promise.resolve(results[index - PARALLEL]).then(() => runFixture(name)));
  }
});

for (const [index, { name, says, passed, failed }] of BAD.entries()) {
  test(`fails ${name}`, { timeoutMs: KILL_MS + 5_000 }, async () => {
    const result = await results[index];
    assert.ok(result);
    for (const words of says) assert.match(result.output, words);
    assert.not.match(result.output, 'ran all the same');
    assert.is(result.exitCode, 1, result.output);
    assert.ok(result.failed >= 1);
    if (passed !== undefined) assert.is(result.passed, passed, result.output);
    if (failed !== undefined) assert.is(result.failed, failed, result.output);
  });
}

test('fails .only in CI and allows it at the desk', async () => {
  const inCi = await runFixture('leaves-only', { CI: 'true' });
  assert.is(inCi.exitCode, 1);
  assert.match(inCi.output, 'leaves-only > is favoured');
  assert.match(inCi.output, '.only was left behind');

  const atDesk = await runFixture('leaves-only');
  assert.is(atDesk.exitCode, 0, atDesk.output);
  assert.is(atDesk.passed, 1);
});

test('kills a file that blocks, and names its last test', async () => {
  const result = await runFixture('blocks', {}, 1_500);
  assert.is(result.exitCode, null);
  assert.is(result.failed, 1);
  assert.match(result.output, 'killed after 1500 ms; the last test to start was "blocks > spins"');
});

test.run();
