/** IllegalStateError: an Error that a program can tell from others. */
import { IllegalStateError } from '../../src/values/illegal-state-error.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('IllegalStateError');

test('is an Error with a name, a code for programs and the text it was given', () => {
  const error = new IllegalStateError('call already half-closed');
  assert.instance(error, Error);
  assert.is(error.name, 'IllegalStateError');
  assert.is(error.code, 'ERR_ILLEGAL_STATE');
  assert.is(error.message, 'call already half-closed');
});

test('shows its name and text where it is printed', () => {
  const error = new IllegalStateError('Already started');
  assert.is(String(error), 'IllegalStateError: Already started');
  assert.match(error.stack ?? '', /Already started\n +at .*illegal-state-error\.test/);
});

test('keeps a cause, as every Error does', () => {
  assert.is(new IllegalStateError('call was cancelled', { cause: 'why' }).cause, 'why');
});

test.run();
