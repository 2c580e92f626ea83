/** Latch: who is told when, and that no timer outlives its reason. */
import { Latch } from '../../src/values/latch.ts';
import { assert, suite } from '../support/suite.ts';
import { WoundClock } from '../support/wound-clock.ts';

const test = suite('Latch');

test('tells those who wait, in the order of their coming, and those who come later at once', () => {
  const latch = new Latch(new WoundClock());
  const told: string[] = [];
  latch.wait(Number.POSITIVE_INFINITY, (happened) => told.push(`first ${happened}`));
  latch.wait(100, (happened) => told.push(`second ${happened}`));
  assert.equal(told, []);
  assert.not(latch.happened);
  latch.open();
  assert.ok(latch.happened);
  latch.wait(100, (happened) => told.push(`third ${happened}`));
  latch.open();
  assert.equal(told, ['first true', 'second true', 'third true']);
});

test('gives up after the time limit, once', () => {
  const clock = new WoundClock();
  const latch = new Latch(clock);
  const told: boolean[] = [];
  latch.wait(100, (happened) => told.push(happened));
  clock.advance(99);
  assert.equal(told, []);
  clock.advance(1);
  assert.equal(told, [false]);
  latch.open();
  assert.equal(told, [false]);
});

test('leaves no timer behind when it happens, and makes none for a wait without limit', () => {
  const clock = new WoundClock();
  const latch = new Latch(clock);
  latch.wait(Number.POSITIVE_INFINITY, () => {});
  assert.is(clock.armed, 0);
  latch.wait(100, () => {});
  assert.is(clock.armed, 1);
  latch.open();
  assert.is(clock.armed, 0);
});

test('does not wait for zero milliseconds or less', () => {
  const clock = new WoundClock();
  const latch = new Latch(clock);
  const told: boolean[] = [];
  latch.wait(0, (happened) => told.push(happened));
  latch.wait(-1, (happened) => told.push(happened));
  latch.open();
  latch.wait(0, (happened) => told.push(happened));
  assert.equal(told, [false, false, true]);
  assert.is(clock.armed, 0);
});

test('refuses NaN', () => {
  assert.throws(() => new Latch(new WoundClock()).wait(Number.NaN, () => {}), /NaN/);
});

test.run();
