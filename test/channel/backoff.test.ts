/** Backoff: the numbers of grpc doc/connection-backoff.md. */
import fc from 'fast-check';
import { Backoff } from '../../src/channel/backoff.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('Backoff');

/** No jitter. */
const middle = (): number => 0.5;

test('waits 1 s, then 1.6 times as long each time, up to 120 s', () => {
  const backoff = new Backoff({ random: middle });
  const waits = Array.from({ length: 14 }, () => Math.round(backoff.nextAttemptMs(0)));
  const expected = [1000, 1600, 2560, 4096, 6554, 10486, 16777, 26844, 42950, 68719, 109951, 120000, 120000, 120000];
  assert.equal(waits, expected);
});

test('counts from the start of the attempt that failed', () => {
  const backoff = new Backoff({ random: middle });
  assert.is(backoff.nextAttemptMs(5_000), 6_000);
  assert.is(backoff.nextAttemptMs(30_000), 31_600);
});

test('starts anew after reset', () => {
  const backoff = new Backoff({ random: middle });
  for (let i = 0; i < 5; i += 1) backoff.nextAttemptMs(0);
  backoff.reset();
  assert.is(backoff.nextAttemptMs(0), 1_000);
  assert.is(backoff.nextAttemptMs(0), 1_600);
});

test('keeps each wait within 20 % of its middle, and lets jitter change no later one', () => {
  const randoms = fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), {
    minLength: 1,
    maxLength: 20,
  });
  fc.assert(
    fc.property(randoms, (numbers) => {
      let at = 0;
      const jittered = new Backoff({ random: () => numbers[at] ?? 0.5 });
      const plain = new Backoff({ random: middle });
      for (; at < numbers.length; at += 1) {
        const wait = jittered.nextAttemptMs(0);
        const expected = plain.nextAttemptMs(0);
        if (wait < expected * 0.8 - 1e-6 || wait > expected * 1.2 + 1e-6) return false;
      }
      return true;
    }),
  );
  assert.is(new Backoff({ random: () => 0 }).nextAttemptMs(0), 800);
  assert.is(Math.round(new Backoff({ random: () => 0.999_999_999 }).nextAttemptMs(0)), 1_200);
});

test('takes other numbers', () => {
  const backoff = new Backoff({ initialMs: 10, multiplier: 3, maxMs: 50, jitter: 0 });
  assert.equal(
    [0, 0, 0, 0].map((startedMs) => backoff.nextAttemptMs(startedMs)),
    [10, 30, 50, 50],
  );
});

test.run();
