/** docs/errors.md: its tests compile against the built package and pass. */
import { runPage } from '../support/snippets.ts';
import { assert, suite, within } from '../support/suite.ts';

const test = suite('docs/errors.md');

test('its tests pass as they stand', { timeoutMs: 60_000 }, async () => {
  const report = await within(50_000, runPage('docs/errors.md'), 'the tests of the page');
  assert.match(report, /\bpass 5\b/);
  assert.match(report, /\bfail 0\b/);
});

test.run();
