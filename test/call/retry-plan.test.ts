/**
 * RetryPlan and HedgingPlan: what they decide, by example and by chance; pushback as servers write it. Calls that go by them:
 * retry-policy.test.ts, hedging.test.ts, where upstream’s tests are listed. Source: gRFC A6.
 */
import * as fc from 'fast-check';
import type { HedgingPolicy, RetryPolicy } from '../../src/call/method-settings.ts';
import { HedgingPlan } from '../../src/call/retry-hedging.ts';
import { NO_RETRY, notePreviousAttempts, readPushback, withPreviousAttempts } from '../../src/call/retry-metadata.ts';
import { IDEMPOTENT_RETRY, RetryPlan } from '../../src/call/retry-plan.ts';
import { RetryThrottle } from '../../src/call/retry-throttle.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Code, Status } from '../../src/values/status.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('Plans of retries');

const POLICY: RetryPolicy = {
  maxAttempts: 5,
  initialBackoffMs: 100,
  maxBackoffMs: 700,
  backoffMultiplier: 2,
  retryableCodes: new Set<Code>([Code.UNAVAILABLE, Code.DATA_LOSS]),
};
const HEDGING: HedgingPolicy = { maxAttempts: 3, delayMs: 100, nonFatalCodes: new Set<Code>([Code.UNAVAILABLE]) };

const NONE = new Metadata();
const pushback = (...values: string[]): Metadata =>
  new Metadata(values.map((value) => ['grpc-retry-pushback-ms', value] as const));
const half = (): number => 0.5;

// ---- pushback ----

test('pushback is a whole number of milliseconds; anything else, and more than one, asks for no retry', () => {
  assert.is(readPushback(NONE), null);
  assert.is(readPushback(new Metadata({ other: '5' })), null);
  for (const value of ['0', '1', '00', '123', '2147483647']) assert.is(readPushback(pushback(value)), Number(value));
  for (const value of ['', '-0', '-1', '+1', '1.5', '1e3', '0x1', 'soon', '2147483648', '99999999999', '1,2', '1ms']) {
    assert.is(readPushback(pushback(value)), NO_RETRY, `'${value}'`);
  }
  assert.is(readPushback(pushback('1', '2')), NO_RETRY);
  assert.is(readPushback(pushback('soon', '2')), NO_RETRY);
});

test('the number of attempts before goes into a copy, in place of what stands there; none for the first', () => {
  const headers = Metadata.fromWire(['grpc-previous-rpc-attempts', '7', 'a', '1', 'grpc-previous-rpc-attempts', '8']);
  assert.is(withPreviousAttempts(headers, 0), headers);
  assert.equal(
    [...withPreviousAttempts(headers, 2)],
    [
      ['a', '1'],
      ['grpc-previous-rpc-attempts', '2'],
    ],
  );
  assert.is(headers.size, 3);
  const received = new Metadata({ a: '1' });
  assert.is(notePreviousAttempts(received, 0).size, 1);
  notePreviousAttempts(received, 3);
  assert.is(received.get('grpc-previous-rpc-attempts'), '3');
});

// ---- retries ----

test('waits grow by the multiplier up to the longest, ± 20 %, for as many attempts as there may be', () => {
  for (const [random, factor] of [
    [0, 0.8],
    [0.5, 1],
    [0.999999, 1.2],
  ] as const) {
    const plan = new RetryPlan(POLICY, () => random);
    assert.is(plan.previousAttempts, 0);
    for (const [index, wholeMs] of [100, 200, 400, 700].entries()) {
      const waitMs = plan.onFailure(Status.UNAVAILABLE, NONE, null) ?? Number.NaN;
      assert.ok(Math.abs(waitMs - wholeMs * factor) < 0.01, `${waitMs} for ${wholeMs * factor}`);
      assert.is(plan.previousAttempts, index + 1);
    }
    assert.is(plan.onFailure(Status.UNAVAILABLE, NONE, null), null);
    assert.is(plan.previousAttempts, 4);
  }
});

test('a code that is not retryable ends it, whatever the server pushes back', () => {
  for (const trailers of [NONE, pushback('5')]) {
    assert.is(new RetryPlan(POLICY, half).onFailure(Status.INTERNAL, trailers, null), null);
  }
  assert.is(new RetryPlan(POLICY, half).onFailure(Status.DATA_LOSS, NONE, null), 100);
});

test('pushback takes the place of the wait, without jitter; then waits start over', () => {
  const plan = new RetryPlan(POLICY, () => 0);
  assert.is(plan.onFailure(Status.UNAVAILABLE, NONE, null), 80);
  assert.is(plan.onFailure(Status.UNAVAILABLE, NONE, null), 160);
  assert.is(plan.onFailure(Status.UNAVAILABLE, pushback('12345'), null), 12_345);
  assert.is(plan.onFailure(Status.UNAVAILABLE, NONE, null), 80);
  assert.is(plan.onFailure(Status.UNAVAILABLE, pushback('0'), null), null, 'it makes no more attempts');
  assert.is(new RetryPlan(POLICY, half).onFailure(Status.UNAVAILABLE, pushback('0'), null), 0);
  assert.is(new RetryPlan(POLICY, half).onFailure(Status.UNAVAILABLE, pushback('-1'), null), null);
});

test('an attempt takes a token if its code is retryable, or the server wants no retry; also the last attempt', () => {
  const cases: readonly (readonly [status: Status, trailers: Metadata, takes: boolean])[] = [
    [Status.UNAVAILABLE, NONE, true],
    [Status.UNAVAILABLE, pushback('5'), true],
    [Status.UNAVAILABLE, pushback('-1'), true],
    [Status.INTERNAL, NONE, false],
    [Status.INTERNAL, pushback('5'), false],
    [Status.INTERNAL, pushback('no'), true],
  ];
  for (const [status, trailers, takes] of cases) {
    const throttle = new RetryThrottle({ maxTokens: 2, tokenRatio: 1 });
    new RetryPlan(POLICY, half).onFailure(status, trailers, throttle);
    assert.is(throttle.mayRetry, !takes, `${status}`);
  }
  const throttle = new RetryThrottle({ maxTokens: 12, tokenRatio: 1 });
  const plan = new RetryPlan(POLICY, half);
  for (let attempt = 1; attempt <= 5; attempt += 1) plan.onFailure(Status.UNAVAILABLE, NONE, throttle);
  throttle.onFailure();
  assert.not(throttle.mayRetry, 'five attempts, five tokens');
});

test('without tokens nothing is tried again, and no attempt counts as made', () => {
  const throttle = new RetryThrottle({ maxTokens: 2, tokenRatio: 1 });
  const plan = new RetryPlan(POLICY, half);
  assert.is(plan.onFailure(Status.UNAVAILABLE, NONE, throttle), null, 'its own failure brings the tokens to the half');
  assert.is(plan.previousAttempts, 0);
});

test('idempotent methods have 3 attempts, for UNAVAILABLE alone, after 100 and 200 ms', () => {
  for (const code of Object.values(Code)) {
    const plan = new RetryPlan(IDEMPOTENT_RETRY, half);
    const failure = Status.fromCode(code as Code);
    const waits = [1, 2, 3].map(() => plan.onFailure(failure, NONE, null));
    assert.equal(waits, code === Code.UNAVAILABLE ? [100, 200, null] : [null, null, null]);
  }
});

const anyPolicy: fc.Arbitrary<RetryPolicy> = fc.record({
  maxAttempts: fc.integer({ min: 2, max: 10 }),
  initialBackoffMs: fc.double({ min: 0.001, max: 1e9, noNaN: true }),
  maxBackoffMs: fc.double({ min: 0.001, max: 1e9, noNaN: true }),
  backoffMultiplier: fc.double({ min: 0.001, max: 1e300, noNaN: true }),
  retryableCodes: fc.constant(POLICY.retryableCodes),
});

const anyFailure = fc.record({
  status: fc.constantFrom(Status.UNAVAILABLE, Status.UNAVAILABLE, Status.DATA_LOSS, Status.INTERNAL),
  trailers: fc.constantFrom(NONE, NONE, NONE, pushback('0'), pushback('77'), pushback('-1')),
  random: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
});

test('by chance: every wait is within what the policy and the server said, and attempts are counted', () => {
  fc.assert(
    fc.property(anyPolicy, fc.array(anyFailure, { maxLength: 12 }), (policy, failures) => {
      let random = 0;
      const plan = new RetryPlan(policy, () => random);
      let wholeMs = policy.initialBackoffMs;
      for (const failure of failures) {
        random = failure.random;
        const before = plan.previousAttempts;
        const waitMs = plan.onFailure(failure.status, failure.trailers, null);
        const pushedMs = readPushback(failure.trailers);
        const may = failure.status.code !== Code.INTERNAL && pushedMs !== NO_RETRY && before + 1 < policy.maxAttempts;
        assert.is(waitMs !== null, may);
        assert.is(plan.previousAttempts, may ? before + 1 : before);
        if (waitMs === null) return;
        if (pushedMs !== null) assert.is(waitMs, pushedMs);
        else {
          const capped = Math.min(wholeMs, policy.maxBackoffMs);
          assert.ok(waitMs >= capped * 0.799999 && waitMs <= capped * 1.200001, `${waitMs} for ${capped}`);
        }
        wholeMs = pushedMs !== null ? policy.initialBackoffMs : wholeMs * policy.backoffMultiplier;
      }
    }),
    { numRuns: 1_000 },
  );
});

// ---- hedges ----

test('as many copies begin as there may be, each with the number of those before', () => {
  const plan = new HedgingPlan(HEDGING);
  for (const previous of [0, 1, 2]) {
    assert.ok(plan.hasMore);
    assert.is(plan.begin(null), previous);
  }
  assert.not(plan.hasMore);
  assert.is(plan.begin(null), null);
});

test('a failure that is not fatal brings the next copy forward, one that is ends the call', () => {
  const plan = new HedgingPlan(HEDGING);
  plan.begin(null);
  assert.is(plan.onFailure(Status.UNAVAILABLE, NONE, null), 0);
  assert.is(plan.onFailure(Status.UNAVAILABLE, pushback('30'), null), 30);
  assert.is(plan.onFailure(Status.INTERNAL, pushback('30'), null), 'fatal');
  plan.begin(null);
  plan.begin(null);
  assert.is(plan.onFailure(Status.UNAVAILABLE, NONE, null), null, 'there are no more');
});

test('once the server wants no more copies there are none', () => {
  const plan = new HedgingPlan(HEDGING);
  plan.begin(null);
  assert.is(plan.onFailure(Status.UNAVAILABLE, pushback('-1'), null), null);
  assert.not(plan.hasMore);
  assert.is(plan.onFailure(Status.UNAVAILABLE, pushback('5'), null), null);
  assert.is(plan.begin(null), null);
});

test('the first copy goes without tokens; the next does not, nor any later one though tokens come back', () => {
  const throttle = new RetryThrottle({ maxTokens: 2, tokenRatio: 2 });
  throttle.onFailure();
  const plan = new HedgingPlan(HEDGING);
  assert.is(plan.begin(throttle), 0);
  assert.is(plan.begin(throttle), null);
  throttle.onSuccess();
  assert.ok(throttle.mayRetry);
  assert.is(plan.begin(throttle), null);
});

test('a copy takes a token if its failure is not fatal, or the server wants no more', () => {
  for (const [status, trailers, takes] of [
    [Status.UNAVAILABLE, NONE, true],
    [Status.INTERNAL, NONE, false],
    [Status.INTERNAL, pushback('-1'), true],
  ] as const) {
    const throttle = new RetryThrottle({ maxTokens: 2, tokenRatio: 1 });
    new HedgingPlan(HEDGING).onFailure(status, trailers, throttle);
    assert.is(throttle.mayRetry, !takes, `${status}`);
  }
});

test.run();
