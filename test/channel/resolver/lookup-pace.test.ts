/** LookupPace: when a name is looked up again. */
import { Backoff } from '../../../src/channel/backoff.ts';
import { LookupPace } from '../../../src/channel/resolver/lookup-pace.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('LookupPace');
const NEVER = Number.POSITIVE_INFINITY;

function paceOf(minIntervalMs: number, refreshMs = NEVER): LookupPace {
  return new LookupPace(minIntervalMs, refreshMs, new Backoff({ jitter: 0 }));
}

test('after an answer nothing is due until it is asked for, and then not too soon', () => {
  const pace = paceOf(30);
  pace.onStarted(100);
  pace.onAnswered(105);
  assert.is(pace.dueMs, NEVER);
  pace.onAsked();
  assert.is(pace.dueMs, 135);
  pace.onAsked();
  assert.is(pace.dueMs, 135);
});

test('a refresh comes by itself, and asking may bring it forward, not put it off', () => {
  const pace = paceOf(30, 50);
  pace.onStarted(0);
  pace.onAnswered(10);
  assert.is(pace.dueMs, 60);
  pace.onAsked();
  assert.is(pace.dueMs, 40);
  const quick = paceOf(30, 5);
  quick.onStarted(0);
  quick.onAnswered(10);
  quick.onAsked();
  assert.is(quick.dueMs, 15);
});

test('failures back off from their start, whoever asks, until an answer', () => {
  const pace = paceOf(1, 1_000_000);
  pace.onStarted(0);
  pace.onFailed();
  assert.is(pace.dueMs, 1_000);
  pace.onAsked();
  assert.is(pace.dueMs, 1_000);
  pace.onStarted(1_000);
  pace.onFailed();
  assert.is(pace.dueMs, 2_600);
  pace.onStarted(2_600);
  pace.onAnswered(2_600);
  pace.onStarted(3_000);
  pace.onFailed();
  assert.is(pace.dueMs, 4_000);
});

test('a reset makes the next wait the first again', () => {
  const pace = paceOf(1);
  for (let i = 0; i < 5; i += 1) pace.onFailed();
  pace.resetBackoff();
  pace.onStarted(7);
  pace.onFailed();
  assert.is(pace.dueMs, 1_007);
});

test('asking during a lookup brings no other about', () => {
  const pace = paceOf(0);
  pace.onStarted(0);
  pace.onAnswered(1);
  pace.onStarted(2);
  pace.onAsked();
  assert.is(pace.dueMs, NEVER);
});

test.run();
