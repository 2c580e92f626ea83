/** README: what it shows compiles against the built package and prints what it says. */
import { runPage } from './support/snippets.ts';
import { assert, suite, within } from './support/suite.ts';

const test = suite('README');

const PRINTED = [
  'hello, Ada',
  '3',
  '2',
  '1',
  'StatusError: INVALID_ARGUMENT: who? (demo.Launch/Greet, before any response)',
  'is anyone there?',
  '3',
  '2',
  '1',
  'OK',
  'Mendham',
  'Whippany',
  'OK',
];

test('the quick start, the promises, the calls and the reactors run as they stand', { timeoutMs: 60_000 }, async () => {
  assert.equal((await within(50_000, runPage('README.md'), 'the snippets')).split('\n'), [...PRINTED, '']);
});

test.run();
