/** Deadline: an instant that stays where it is while its clock moves. */
import { expectTypeOf } from 'expect-type';
import fc from 'fast-check';
import { type Clock, SYSTEM_CLOCK } from '../../src/values/clock.ts';
import { Deadline } from '../../src/values/deadline.ts';
import { assert, suite } from '../support/suite.ts';
import { WoundClock } from '../support/wound-clock.ts';

const test = suite('Deadline');

/** Moves on at every reading, faster than any machine. */
class RacingClock extends WoundClock {
  override now(): number {
    this.advance(3);
    return super.now();
  }
}

const spans = fc.oneof(fc.integer({ min: -1_000, max: 1_000 }), fc.double({ noNaN: true, min: -1e9, max: 1e9 }));

test('is fixed when it is made: what remains shrinks as the clock goes on', () => {
  const clock = new WoundClock(5_000);
  const deadline = Deadline.after(300, clock);
  assert.is(deadline.atMs, 5_300);
  assert.is(deadline.clock, clock);
  assert.is(deadline.remainingMs(), 300);
  clock.advance(100.5);
  assert.is(deadline.remainingMs(), 199.5);
  clock.advance(1_000);
  assert.is(deadline.remainingMs(), -800.5);
});

test('has expired exactly when nothing remains', () => {
  const clock = new WoundClock();
  const deadline = Deadline.after(10, clock);
  clock.advance(9.5);
  assert.is(deadline.isExpired(), false);
  clock.advance(0.5);
  assert.is(deadline.isExpired(), true);
  clock.advance(1);
  assert.is(deadline.isExpired(), true);
});

test('may lie in the past, or be now', () => {
  for (const timeoutMs of [0, -0, -1, -1e9, Number.NEGATIVE_INFINITY]) {
    assert.ok(Deadline.after(timeoutMs, new WoundClock(7)).isExpired(), String(timeoutMs));
  }
});

test('may never come', () => {
  const clock = new WoundClock(7);
  const never = Deadline.after(Number.POSITIVE_INFINITY, clock);
  clock.advance(Number.MAX_SAFE_INTEGER);
  assert.is(never.remainingMs(), Number.POSITIVE_INFINITY);
  assert.not.ok(never.isExpired());
  assert.ok(Deadline.after(1e12, clock).isBefore(never));
  assert.not.ok(never.isBefore(Deadline.after(Number.POSITIVE_INFINITY, clock)));
});

test('NaN is a RangeError', () => {
  assert.throws(
    () => Deadline.after(Number.NaN),
    (error: unknown) => error instanceof RangeError && /not NaN/.test(error.message),
  );
});

test('runs on the clock of the process unless told otherwise', () => {
  const before = SYSTEM_CLOCK.now();
  const deadline = Deadline.after(50);
  const after = SYSTEM_CLOCK.now();
  assert.is(deadline.clock, SYSTEM_CLOCK);
  assert.ok(deadline.atMs >= before + 50 && deadline.atMs <= after + 50);
});

test('deadlines of one clock are ordered as their instants, however close and however fast the clock runs', () => {
  const clock = new RacingClock();
  fc.assert(
    fc.property(spans, spans, (a, b) => {
      const [one, other] = [Deadline.after(a, clock), Deadline.after(b, clock)];
      assert.is(one.isBefore(other), one.atMs < other.atMs);
      assert.not.ok(one.isBefore(one));
    }),
  );
});

test('deadlines of different clocks are ordered by what remains', () => {
  fc.assert(
    fc.property(spans, spans, fc.integer(), fc.integer(), (a, b, nowA, nowB) => {
      const one = Deadline.after(a, new WoundClock(nowA));
      const other = Deadline.after(b, new WoundClock(nowB));
      assert.is(one.isBefore(other), one.remainingMs() < other.remainingMs());
    }),
  );
});

test('the earlier of two is one of them; of one and none it is the one', () => {
  const clock = new WoundClock();
  const [soon, late, asSoon] = [Deadline.after(1, clock), Deadline.after(2, clock), Deadline.after(1, clock)];
  assert.is(Deadline.earlier(soon, late), soon);
  assert.is(Deadline.earlier(late, soon), soon);
  assert.is(Deadline.earlier(soon, asSoon), soon);
  assert.is(Deadline.earlier(soon, null), soon);
  assert.is(Deadline.earlier(null, soon), soon);
  assert.is(Deadline.earlier(null, null), null);
});

test('is made by after() alone', () => {
  expectTypeOf(Deadline.after).parameters.toEqualTypeOf<[timeoutMs: number, clock?: Clock | undefined]>();
  // @ts-expect-error: the constructor is private.
  assert.ok(new Deadline(0, SYSTEM_CLOCK));
});

test.run();
