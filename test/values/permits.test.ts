/** Permits: which counts a reader may ask for, and how they add up. */
import fc from 'fast-check';
import { addPermits, checkPermitCount } from '../../src/values/permits.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('permits');

const isRangeError = (error: unknown): boolean => error instanceof RangeError;
const counts = fc.oneof(fc.maxSafeNat(), fc.nat(3), fc.constant(Number.POSITIVE_INFINITY));

test('any whole number from 0 up may be asked for, and Infinity', () => {
  fc.assert(fc.property(counts, (count) => checkPermitCount(count)));
  checkPermitCount(-0);
});

test('a negative, fractional or broken number is a RangeError', () => {
  const fractions = fc.double({ noInteger: true, noDefaultInfinity: true, noNaN: true });
  const bad = fc.oneof(fc.integer({ max: -1 }), fractions, fc.constantFrom(Number.NaN, Number.NEGATIVE_INFINITY));
  fc.assert(fc.property(bad, (count) => assert.throws(() => checkPermitCount(count), isRangeError)));
});

test('the texts say what is wrong with the number', () => {
  assert.throws(() => checkPermitCount(-1), /^Number requested must be non-negative$/);
  assert.throws(() => checkPermitCount(1.5), /^Number requested must be a whole number, not 1.5$/);
  assert.throws(() => checkPermitCount(Number.NaN), /^Number requested must be a whole number, not NaN$/);
});

test('a number in quotes is not a number', () => {
  assert.throws(() => checkPermitCount('3' as unknown as number), isRangeError);
});

test('sums are exact as long as they can be, then Infinity', () => {
  const { MAX_SAFE_INTEGER: MAX, POSITIVE_INFINITY } = Number;
  assert.is(addPermits(MAX - 1, 1), MAX);
  assert.is(addPermits(MAX, 1), POSITIVE_INFINITY);
  assert.is(addPermits(POSITIVE_INFINITY, 0), POSITIVE_INFINITY);
  fc.assert(
    fc.property(counts, counts, (a, b) => {
      const sum = addPermits(a, b);
      if (sum !== POSITIVE_INFINITY) return assert.is(BigInt(sum), BigInt(a) + BigInt(b));
      assert.ok(a === sum || b === sum || BigInt(a) + BigInt(b) > BigInt(MAX));
    }),
  );
});

test('a sum never falls below either count, and stays one that may be asked for', () => {
  fc.assert(
    fc.property(fc.array(counts), (list) => {
      let permits = 0;
      for (const count of list) {
        const sum = addPermits(permits, count);
        assert.ok(sum >= permits && sum >= count);
        checkPermitCount(sum);
        permits = sum;
      }
    }),
  );
});

test.run();
