/** The coding of grpc-timeout: every unit, rounded up, saturated; and the grammar on the way in. */
import fc from 'fast-check';
import { decodeTimeout, encodeTimeout } from '../../../src/transport/http2/grpc-timeout.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('grpc-timeout');

const HOUR_MS = 3_600_000;
const LONGEST_MS = 99_999_999 * HOUR_MS;

for (const [ms, text] of [
  [1e-7, '1n'],
  [1e-6, '1n'],
  [1.5e-6, '2n'],
  [0.01, '10000n'],
  [99.999999, '99999999n'],
  [99.9999991, '100000u'],
  [100, '100000u'],
  [100.0001, '100001u'],
  [1_000, '1000000u'],
  [99_999.999, '99999999u'],
  [99_999.9991, '100000m'],
  [99_999_999, '99999999m'],
  [99_999_999.5, '100000S'],
  [100_000_000, '100000S'],
  [99_999_999_000, '99999999S'],
  [99_999_999_001, '1666667M'],
  [99_999_999 * 60_000, '99999999M'],
  [99_999_999 * 60_000 + 1, '1666667H'],
  [LONGEST_MS, '99999999H'],
  [LONGEST_MS * 10, '99999999H'],
  [Number.MAX_VALUE, '99999999H'],
] as const) {
  test(`${ms} ms are sent as ${text}`, () => {
    assert.is(encodeTimeout(ms), text);
  });
}

for (const [text, ms] of [
  ['1H', HOUR_MS],
  ['2M', 120_000],
  ['3S', 3_000],
  ['4m', 4],
  ['5u', 0.005],
  ['6n', 0.000006],
  ['0S', 0],
  ['00000001S', 1_000],
  ['99999999H', LONGEST_MS],
] as const) {
  test(`${text} is read as ${ms} ms`, () => {
    const read = decodeTimeout(text) ?? Number.NaN;
    assert.ok(Math.abs(read - ms) <= ms * 1e-12, `${read}`);
  });
}

for (const text of [
  '',
  'S',
  '1',
  '1s',
  '1h',
  '-1S',
  '+1S',
  '1.5S',
  ' 1S',
  '1S ',
  '1 S',
  '123456789S',
  '1SS',
  '1ms',
  'xS',
  '1,2S',
  '٣S',
  '1S\n',
]) {
  test(`${JSON.stringify(text)} is no timeout`, () => {
    assert.is(decodeTimeout(text), null);
  });
}

test('what is sent is in the grammar, never shorter than what remains, and longer by less than a unit', () => {
  const remaining = fc.double({ min: 1e-6, max: LONGEST_MS, noNaN: true });
  fc.assert(
    fc.property(remaining, (ms) => {
      const text = encodeTimeout(ms);
      assert.match(text, /^[1-9][0-9]{0,7}[HMSmun]$/);
      const read = decodeTimeout(text) ?? Number.NaN;
      // A hair is lost where a fraction of a millisecond has no exact form.
      assert.ok(read >= ms * (1 - 1e-12), `${ms} became ${read}`);
      const unit = decodeTimeout(`1${text.slice(-1)}`) ?? Number.NaN;
      assert.ok(read - ms < unit * (1 + 1e-6), `${ms} became ${read}`);
    }),
  );
});

test('the finest unit that fits eight digits is taken', () => {
  const finer: Readonly<Record<string, string>> = { u: 'n', m: 'u', S: 'm', M: 'S', H: 'M' };
  fc.assert(
    fc.property(fc.double({ min: 1e-6, max: LONGEST_MS, noNaN: true }), (ms) => {
      const next = finer[encodeTimeout(ms).slice(-1)];
      if (next === undefined) return;
      const largest = decodeTimeout(`99999999${next}`) ?? Number.NaN;
      assert.ok(ms > largest * (1 - 1e-12), `${ms} ms fit ${next}`);
    }),
  );
});

test('reading never throws', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const read = decodeTimeout(text);
      assert.ok(read === null || read >= 0);
    }),
  );
});

test.run();
