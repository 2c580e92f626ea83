/**
 * Alarm: every set is answered, once, and never inside set or cancel. Upstream: alarm_test.cc, the callback cases
 * (CallbackRegularExpiry to CallbackUnsetDestruction).
 */
import { Alarm } from '../../src/reactor/alarm.ts';
import { deadlineAfter } from '../../src/reactor/deadlines.ts';
import { IllegalStateError } from '../../src/values/illegal-state-error.ts';
import { isCollected } from '../support/memory.ts';
import { assert, suite, within } from '../support/suite.ts';
import { WoundClock } from '../support/wound-clock.ts';

const test = suite('Alarm');

const HOUR_MS = 3_600_000;
const NEVER = Number.POSITIVE_INFINITY;

/** One turn of the event loop: every tick that is due has run. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** An alarm on a clock that is wound by hand, and what it answered. */
function wound(): { clock: WoundClock; alarm: Alarm; answers: boolean[]; note: (ok: boolean) => void } {
  const clock = new WoundClock(1_000);
  const answers: boolean[] = [];
  return { clock, alarm: new Alarm(clock), answers, note: (ok) => void answers.push(ok) };
}

function isIllegalState(error: unknown): boolean {
  return error instanceof IllegalStateError;
}

/** What is thrown on a stack where nobody catches it, by what `body` brings about. */
async function uncaught(body: () => void): Promise<unknown> {
  const original = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  const thrown = new Promise<unknown>((resolve) => process.once('uncaughtException', resolve));
  try {
    body();
    return await within(5_000, thrown, 'the uncaught exception');
  } finally {
    process.removeAllListeners('uncaughtException');
    for (const listener of original) process.on('uncaughtException', listener);
  }
}

test('answers true at its time, once (CallbackRegularExpiry)', async () => {
  const { clock, alarm, answers, note } = wound();
  alarm.set(deadlineAfter(2 * HOUR_MS), note);
  clock.advance(HOUR_MS);
  await turn();
  assert.equal(answers, []);
  clock.advance(HOUR_MS);
  assert.equal(answers, [true]);
  assert.is(clock.armed, 0);
  clock.advance(100 * HOUR_MS);
  alarm.cancel();
  await turn();
  assert.equal(answers, [true]);
});

test('takes a Date as well as milliseconds', () => {
  const { clock, alarm, answers, note } = wound();
  alarm.set(new Date(Date.now() + 2 * HOUR_MS), note);
  clock.advance(HOUR_MS);
  assert.equal(answers, []);
  clock.advance(HOUR_MS);
  assert.equal(answers, [true]);
});

test('on the process’s own clock it never answers early', async () => {
  for (const waitMs of [1, 5.5, 20]) {
    const startMs = performance.now();
    const ok = await within(5_000, new Promise<boolean>((resolve) => new Alarm().set(deadlineAfter(waitMs), resolve)));
    assert.is(ok, true);
    // Date.now() cuts off what is less than a millisecond.
    assert.ok(performance.now() - startMs > waitMs - 1);
  }
});

for (const [name, deadline] of [
  ['zero (CallbackZeroExpiry)', 0],
  ['negative (CallbackNegativeExpiry)', -1],
  ['minus infinity', Number.NEGATIVE_INFINITY],
  ['a Date long past', new Date(0)],
  ['a minute ago', Date.now() - 60_000],
] as const) {
  test(`a deadline that has passed is answered true, but not inside set: ${name}`, async () => {
    let inside = true;
    const answer = new Promise<[boolean, boolean]>((resolve) => {
      new Alarm().set(deadline, (ok) => resolve([ok, inside]));
      inside = false;
    });
    assert.equal(await within(5_000, answer), [true, false]);
  });
}

test('a cancelled alarm answers false at once, whatever the clock does (CallbackCancellation)', async () => {
  const { clock, alarm, answers, note } = wound();
  alarm.set(deadlineAfter(HOUR_MS), note);
  alarm.cancel();
  assert.is(clock.armed, 0);
  await turn();
  assert.equal(answers, [false]);
  clock.advance(2 * HOUR_MS);
  await turn();
  assert.equal(answers, [false]);
});

test('cancel never calls back inside itself, nor does set (CallbackCancellationLocked)', async () => {
  const { clock, alarm, answers, note } = wound();
  for (const deadline of [deadlineAfter(HOUR_MS), 0]) {
    alarm.set(deadline, note);
    assert.equal(answers, []);
    alarm.cancel();
    assert.equal(answers, []);
    await turn();
    assert.equal(answers.splice(0), [false]);
  }
  assert.is(clock.armed, 0);
});

test('a second cancel does nothing, nor does it hit what is set after the first', async () => {
  const { clock, alarm, answers, note } = wound();
  alarm.set(deadlineAfter(HOUR_MS), (ok) => {
    note(ok);
    alarm.set(deadlineAfter(HOUR_MS), note);
  });
  alarm.cancel();
  alarm.cancel();
  await turn();
  assert.equal(answers, [false]);
  clock.advance(HOUR_MS);
  assert.equal(answers, [false, true]);
});

test('a cancel that comes as the time does is answered once, with true if it came later', async () => {
  const { clock, alarm, answers, note } = wound();
  alarm.set(deadlineAfter(0), (ok) => {
    note(ok);
    alarm.cancel();
  });
  clock.advance(1);
  await turn();
  assert.equal(answers, [true]);
});

test('can be set and cancelled over and over (CallbackCancellationMultiSet)', async () => {
  const { clock, alarm, answers, note } = wound();
  for (let i = 0; i < 10; i += 1) {
    alarm.set(deadlineAfter(HOUR_MS), note);
    alarm.cancel();
    await turn();
    assert.equal(answers.splice(0), [false]);
  }
  alarm.set(deadlineAfter(HOUR_MS), note);
  clock.advance(HOUR_MS);
  assert.equal(answers, [true]);
});

test('cancelling one that was never set does nothing: it can be set at once', async () => {
  const { alarm, answers, note } = wound();
  alarm.cancel();
  alarm.set(NEVER, note);
  await turn();
  assert.equal(answers, []);
  alarm.cancel();
  await turn();
  assert.equal(answers, [false]);
});

test('disposing of one that is set answers false (CallbackSetDestruction)', async () => {
  const { clock, alarm, answers, note } = wound();
  {
    using held = alarm;
    held.set(deadlineAfter(HOUR_MS), note);
  }
  assert.equal(answers, []);
  assert.is(clock.armed, 0);
  await turn();
  assert.equal(answers, [false]);
});

test('disposing of one that is not set does nothing (CallbackUnsetDestruction)', async () => {
  const { clock, alarm, answers, note } = wound();
  {
    using _unset = new Alarm(clock);
    using fired = alarm;
    fired.set(deadlineAfter(HOUR_MS), note);
    clock.advance(HOUR_MS);
  }
  await turn();
  assert.equal(answers, [true]);
});

test('can be set again inside its own callback (CallbackSetInCallback)', async () => {
  const { clock, alarm, answers, note } = wound();
  alarm.set(deadlineAfter(HOUR_MS), (first) => {
    note(first);
    alarm.set(deadlineAfter(HOUR_MS), (second) => {
      note(second);
      alarm.set(deadlineAfter(HOUR_MS), note);
    });
  });
  clock.advance(HOUR_MS);
  assert.equal(answers, [true]);
  alarm.cancel();
  await turn();
  assert.equal(answers, [true, false]);
  clock.advance(HOUR_MS);
  assert.equal(answers, [true, false, true]);
});

test('refuses to be set while it is, and keeps what it had', () => {
  const { clock, alarm, answers, note } = wound();
  alarm.set(deadlineAfter(HOUR_MS), note);
  assert.throws(() => alarm.set(0, () => answers.push(false)), isIllegalState);
  assert.is(clock.armed, 1);
  clock.advance(HOUR_MS);
  assert.equal(answers, [true]);
});

test('refuses to be set between a cancel and its answer', async () => {
  const { clock, alarm, answers, note } = wound();
  alarm.set(deadlineAfter(HOUR_MS), note);
  alarm.cancel();
  assert.throws(() => alarm.set(0, () => answers.push(true)), isIllegalState);
  await turn();
  assert.equal(answers, [false]);
  assert.is(clock.armed, 0);
  alarm.set(0, note);
  clock.advance(0);
  assert.equal(answers, [false, true]);
});

test('refuses what is no instant, and can be set all the same', () => {
  const { clock, alarm, answers, note } = wound();
  for (const deadline of [Number.NaN, new Date('soon')]) {
    assert.throws(
      () => alarm.set(deadline, note),
      (error: unknown) => error instanceof RangeError,
    );
    assert.is(clock.armed, 0);
  }
  alarm.set(0, note);
  clock.advance(0);
  assert.equal(answers, [true]);
});

test('Infinity never comes, holds no timer, and can be cancelled', async () => {
  const before = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const alarm = new Alarm();
  const answer = new Promise<boolean>((resolve) => alarm.set(NEVER, resolve));
  assert.is(process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length, before);
  alarm.cancel();
  assert.is(await within(5_000, answer), false);
});

test('a deadline farther off than setTimeout can wait is not answered at once', async () => {
  const alarm = new Alarm();
  const answers: boolean[] = [];
  alarm.set(deadlineAfter(2 ** 31 + 5_000), (ok) => answers.push(ok));
  // A timer that is armed later and fires shows that this one had its chance.
  await within(5_000, new Promise<boolean>((resolve) => new Alarm().set(deadlineAfter(5), resolve)));
  assert.equal(answers, []);
  alarm.cancel();
  await turn();
  assert.equal(answers, [false]);
});

test('what the callback throws is an uncaught exception, and the alarm can be set again', async () => {
  const alarm = new Alarm();
  const error = new Error('on purpose');
  const fail = (): never => {
    throw error;
  };
  assert.is(await uncaught(() => alarm.set(0, fail)), error);
  alarm.set(NEVER, fail);
  assert.is(await uncaught(() => alarm.cancel()), error);
  assert.is(await within(5_000, new Promise<boolean>((resolve) => alarm.set(0, resolve))), true);
});

test('holds nobody’s callback once it has answered', async () => {
  const { clock, alarm } = wound();
  const setOne = (): WeakRef<object> => {
    const callback = (): void => {};
    alarm.set(deadlineAfter(HOUR_MS), callback);
    return new WeakRef(callback);
  };
  const fired = setOne();
  clock.advance(HOUR_MS);
  assert.ok(await isCollected(fired));
  const cancelled = setOne();
  alarm.cancel();
  assert.ok(await isCollected(cancelled));
  alarm.cancel();
});

test.run();
