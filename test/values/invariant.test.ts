/** invariant(): silent while it holds, loud about whose bug it is when it does not. */
import { expectTypeOf } from 'expect-type';
import { invariant } from '../../src/values/invariant.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('invariant');

test('says nothing while it holds', () => {
  assert.is(invariant(true, 'one is one'), undefined);
});

test('throws an Error that blames the library and says what should have held', () => {
  assert.throws(
    () => invariant(false, 'a frame has a payload'),
    (error: unknown) =>
      error instanceof Error && error.message === 'halfclose has a bug, please report it: a frame has a payload',
  );
});

test('tells the compiler what holds', () => {
  const found = ['word'].at(0);
  expectTypeOf(found).toEqualTypeOf<string | undefined>();
  invariant(found !== undefined, 'there is a word');
  expectTypeOf(found).toEqualTypeOf<string>();
  assert.is(found.length, 4);
});

test.run();
