/** RetryThrottle: its tokens. Source: gRFC A6 "Throttling Retry Attempts and Hedged RPCs"; upstream: RetriableStreamTest.throttle*. */
import * as fc from 'fast-check';
import { RetryThrottle } from '../../src/call/retry-throttle.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('RetryThrottle');

function times(count: number, act: () => void): void {
  for (let done = 0; done < count; done += 1) act();
}

test('lets retries pass while more than half of the tokens are left', () => {
  for (const [maxTokens, failures] of [
    [10, 5],
    [9, 5],
    [1, 1],
    [0.5, 1],
    [1_000, 500],
  ] as const) {
    const throttle = new RetryThrottle({ maxTokens, tokenRatio: 1 });
    times(failures - 1, () => throttle.onFailure());
    assert.ok(throttle.mayRetry, `${maxTokens} tokens, ${failures - 1} failures`);
    throttle.onFailure();
    assert.not(throttle.mayRetry, `${maxTokens} tokens, ${failures} failures`);
  }
});

test('a success gives the ratio back, of which three decimals count', () => {
  for (const [tokenRatio, successes] of [
    [2, 1],
    [1, 2],
    [0.5, 3],
    [0.3339, 4],
    [0.1, 11],
    [0.0999, 11],
    [0.001, 1_001],
    [0.0019, 1_001],
  ] as const) {
    const throttle = new RetryThrottle({ maxTokens: 10, tokenRatio });
    times(6, () => throttle.onFailure());
    times(successes - 1, () => throttle.onSuccess());
    assert.not(throttle.mayRetry, `${tokenRatio}`);
    throttle.onSuccess();
    assert.ok(throttle.mayRetry, `${tokenRatio}, once more`);
  }
});

test('tokens are never fewer than none, nor more than there were at first', () => {
  const throttle = new RetryThrottle({ maxTokens: 4, tokenRatio: 1 });
  times(100, () => throttle.onFailure());
  times(2, () => throttle.onSuccess());
  assert.not(throttle.mayRetry);
  throttle.onSuccess();
  assert.ok(throttle.mayRetry);
  times(100, () => throttle.onSuccess());
  throttle.onFailure();
  assert.ok(throttle.mayRetry);
  throttle.onFailure();
  assert.not(throttle.mayRetry);
});

test('by chance: as a count in whole thousandths says', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 3_000 }),
      fc.array(fc.boolean(), { maxLength: 60 }),
      (maxTokens, thousandths, outcomes) => {
        const throttle = new RetryThrottle({ maxTokens, tokenRatio: thousandths / 1_000 });
        let left = maxTokens * 1_000;
        for (const success of outcomes) {
          if (success) throttle.onSuccess();
          else throttle.onFailure();
          left = success ? Math.min(maxTokens * 1_000, left + thousandths) : Math.max(0, left - 1_000);
          assert.is(throttle.mayRetry, left > maxTokens * 500);
        }
      },
    ),
    { numRuns: 500 },
  );
});

test.run();
