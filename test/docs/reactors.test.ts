/** docs/reactors.md: its tests compile against the built package and pass. */
import { runPage } from '../support/snippets.ts';
import { assert, suite, within } from '../support/suite.ts';

const test = suite('docs/reactors.md');

test('its tests pass as they stand', { timeoutMs: 60_000 }, async () => {
  const report = await within(50_000, runPage('docs/reactors.md'), 'the tests of the page');
  assert.match(report, /\bpass 11\b/);
  assert.match(report, /\bfail 0\b/);
});

test.run();
