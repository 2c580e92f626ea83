/** ManualClock: the order of its tasks, and that it stands still by itself. */
import { ManualClock } from '../../src/testing/manual-clock.ts';
import type { TimerTask } from '../../src/values/clock.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('ManualClock');

/** Writes down when its tasks fire. */
function journal(clock: ManualClock): { fired: string[]; task: (name: string) => TimerTask } {
  const fired: string[] = [];
  return { fired, task: (name) => ({ onTimer: () => void fired.push(`${name} ${clock.now()}`) }) };
}

test('moves only when it is moved', () => {
  const clock = new ManualClock(5);
  assert.is(clock.now(), 5);
  clock.advance(10);
  assert.is(clock.now(), 15);
  clock.advance(0);
  assert.is(clock.now(), 15);
});

test('fires tasks in the order of their times, each at its time', () => {
  const clock = new ManualClock();
  const { fired, task } = journal(clock);
  clock.schedule(20, task('late'));
  clock.schedule(10, task('early'));
  clock.schedule(-5, task('at once'));
  assert.equal(fired, [], 'inside schedule');
  assert.is(clock.nextDueMs, 0);
  clock.advance(15);
  assert.equal(fired, ['at once 0', 'early 10']);
  assert.is(clock.pending, 1);
  clock.advance(5);
  assert.equal(fired, ['at once 0', 'early 10', 'late 20']);
  assert.is(clock.nextDueMs, Number.POSITIVE_INFINITY);
});

test('fires tasks of one time in the order in which they were armed', () => {
  const clock = new ManualClock();
  const { fired, task } = journal(clock);
  for (const name of ['a', 'b', 'c']) clock.schedule(10, task(name));
  clock.advance(10);
  assert.equal(fired, ['a 10', 'b 10', 'c 10']);
});

test('fires a task that another arms on the way', () => {
  const clock = new ManualClock();
  const firedMs: number[] = [];
  const again = {
    onTimer(): void {
      firedMs.push(clock.now());
      if (firedMs.length < 3) clock.schedule(10, again);
    },
  };
  clock.schedule(10, again);
  clock.advance(100);
  assert.equal(firedMs, [10, 20, 30]);
  assert.is(clock.now(), 100);
});

test('does not fire what was cancelled, nor what is due at Infinity', () => {
  const clock = new ManualClock();
  const { fired, task } = journal(clock);
  const timer = clock.schedule(10, task('cancelled'));
  clock.schedule(Number.POSITIVE_INFINITY, task('never'));
  clock.cancel(timer);
  clock.cancel(timer);
  clock.cancel(null);
  clock.advance(Number.MAX_SAFE_INTEGER);
  assert.equal(fired, []);
  assert.is(clock.pending, 1);
});

test('lets a task cancel another that is due at the same moment', () => {
  const clock = new ManualClock();
  const { fired, task } = journal(clock);
  clock.schedule(10, { onTimer: () => clock.cancel(other) });
  const other = clock.schedule(10, task('other'));
  clock.advance(10);
  assert.equal(fired, []);
});

test('never goes back, even if a task moves it', () => {
  const clock = new ManualClock();
  const { fired, task } = journal(clock);
  clock.schedule(10, { onTimer: () => clock.advance(50) });
  clock.schedule(20, task('inner'));
  clock.advance(10);
  assert.is(clock.now(), 60);
  assert.equal(fired, ['inner 20']);
});

test('takes no step back, no step without end and no step of NaN', async () => {
  const clock = new ManualClock();
  for (const ms of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(
      () => clock.advance(ms),
      (error: unknown) => error instanceof RangeError,
    );
    await clock.advanceAsync(ms).then(
      () => assert.unreachable(),
      (error: unknown) => assert.instance(error, RangeError),
    );
  }
  assert.is(clock.now(), 0);
});

test('advanceAsync reaches timers that are armed on later ticks and in promises', async () => {
  const clock = new ManualClock();
  const { fired, task } = journal(clock);
  process.nextTick(() => {
    const then = { onTimer: () => void Promise.resolve().then(() => clock.schedule(10, task('in a promise'))) };
    clock.schedule(10, then);
  });
  clock.advance(5);
  await clock.advanceAsync(25);
  assert.equal(fired, ['in a promise 25']);
  assert.is(clock.now(), 30);
});

test.run();
