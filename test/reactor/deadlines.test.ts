/** deadlineAfter and deadlineOf: instants on the wall clock. */
import { deadlineAfter, deadlineOf } from '../../src/reactor/deadlines.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('deadlines');

function isRangeError(error: unknown): boolean {
  return error instanceof RangeError;
}

test('an instant so many milliseconds from now', () => {
  for (const timeoutMs of [0, 1, 0.5, 60_000, -60_000, 2 ** 40]) {
    const before = Date.now();
    const atMs = deadlineAfter(timeoutMs);
    assert.ok(atMs >= before + timeoutMs && atMs <= Date.now() + timeoutMs, `${timeoutMs} ms gave ${atMs - before}`);
  }
  assert.is(deadlineAfter(Number.POSITIVE_INFINITY), Number.POSITIVE_INFINITY);
  assert.is(deadlineAfter(Number.NEGATIVE_INFINITY), Number.NEGATIVE_INFINITY);
});

test('a Date and its milliseconds are the same instant', () => {
  assert.is(deadlineOf(new Date(1_234_567_890_123)), 1_234_567_890_123);
  for (const atMs of [1_234_567_890_123.5, 0, -5, Number.POSITIVE_INFINITY]) assert.is(deadlineOf(atMs), atMs);
});

test('what is no instant is refused', () => {
  assert.throws(() => deadlineAfter(Number.NaN), isRangeError);
  assert.throws(() => deadlineOf(Number.NaN), isRangeError);
  assert.throws(() => deadlineOf(new Date('soon')), isRangeError);
});

test.run();
