/** WoundClock: the order of its tasks, and that it stands still by itself. */
import { assert, suite } from './suite.ts';
import { WoundClock } from './wound-clock.ts';

const test = suite('WoundClock');

test('moves only when wound', () => {
  const clock = new WoundClock(5);
  assert.is(clock.now(), 5);
  clock.advance(10);
  assert.is(clock.now(), 15);
});

test('fires tasks in the order of their times, each at its time', () => {
  const clock = new WoundClock();
  const fired: string[] = [];
  const task = (name: string): { onTimer(): void } => ({ onTimer: () => void fired.push(`${name} ${clock.now()}`) });
  clock.schedule(20, task('late'));
  clock.schedule(10, task('early'));
  clock.schedule(-5, task('at once'));
  assert.equal(fired, [], 'inside schedule');
  assert.is(clock.nextDueMs, 0);
  clock.advance(15);
  assert.equal(fired, ['at once 0', 'early 10']);
  assert.is(clock.armed, 1);
  clock.advance(5);
  assert.equal(fired, ['at once 0', 'early 10', 'late 20']);
  assert.is(clock.nextDueMs, Number.POSITIVE_INFINITY);
});

test('fires a task that another arms on the way', () => {
  const clock = new WoundClock();
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
});

test('does not fire what was cancelled', () => {
  const clock = new WoundClock();
  const fired: number[] = [];
  const timer = clock.schedule(10, { onTimer: () => fired.push(clock.now()) });
  clock.cancel(timer);
  clock.cancel(null);
  clock.advance(20);
  assert.equal(fired, []);
});

test.run();
