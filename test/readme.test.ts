/** README: what it shows compiles against the built package and prints what it says. */
import { runPage } from './support/snippets.ts';
import { assert, suite, within } from './support/suite.ts';

const test = suite('README');

test('the service, the call and the reactors run as they stand', { timeoutMs: 60_000 }, async () => {
  assert.is(await within(50_000, runPage('README.md'), 'the snippets'), '3\n2\n1\nOK\nMendham\nWhippany\nOK\n');
});

test.run();
