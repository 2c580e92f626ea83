/** EdfSchedule: turns by weight. */
import fc from 'fast-check';
import { EdfSchedule } from '../../../src/channel/balancer/edf-schedule.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('EdfSchedule');

function turns(schedule: EdfSchedule, count: number): number[] {
  return Array.from({ length: count }, () => schedule.next());
}

test('gives each as many turns as its weight, and none of them in a burst', () => {
  const order = turns(new EdfSchedule([1, 5, 2], () => 0.5), 80);
  assert.equal(
    [0, 1, 2].map((index) => order.filter((turn) => turn === index).length),
    [10, 50, 20],
  );
  for (let at = 0; at + 8 <= 80; at += 1) {
    const window = order.slice(at, at + 8).filter((turn) => turn === 1).length;
    assert.ok(window >= 4 && window <= 6, `${window} of 8 from ${at}`);
  }
});

test('takes strict turns where the weights are equal', () => {
  const order = turns(new EdfSchedule([7, 7, 7], Math.random), 30);
  for (let at = 3; at < 30; at += 1) assert.is(order[at], order[at - 3]);
});

test('begins anywhere in the period of each', () => {
  const random = [0.9, 0.1];
  assert.is(new EdfSchedule([1, 1], () => random.shift() ?? 0).next(), 1);
});

test('serves a lone one, and one beside which the others weigh next to nothing', () => {
  assert.equal(turns(new EdfSchedule([3], Math.random), 3), [0, 0, 0]);
  const order = turns(new EdfSchedule([Number.MIN_VALUE, 1], () => 0.5), 1_000);
  assert.ok(order.every((turn) => turn === 1));
});

test('keeps the shares at any time, whatever the weights', () => {
  const weights = fc.array(fc.double({ min: 0.01, max: 100, noNaN: true }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(weights, fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })), (list, randoms) => {
      const schedule = new EdfSchedule(list, () => randoms.next().value as number);
      const total = list.reduce((sum, weight) => sum + weight, 0);
      const counts = list.map(() => 0);
      for (let n = 1; n <= 500; n += 1) {
        const turn = schedule.next();
        counts[turn] = (counts[turn] as number) + 1;
      }
      for (const [index, weight] of list.entries()) {
        const share = (500 * weight) / total;
        const slack = 1 + (list.length * weight) / total;
        assert.ok(Math.abs((counts[index] as number) - share) <= slack + 1e-6, `${counts[index]} of ${share}`);
      }
    }),
  );
});

test('stays right when its deadlines are set back', () => {
  // The heaviest of a weight of 2^-28 beside it is due beyond the limit within a few turns.
  const schedule = new EdfSchedule([2 ** -29, 2 ** -29, 1], () => 0.999_999);
  const order = turns(schedule, 10);
  assert.ok(order.every((turn) => turn === 2));
  const light = new EdfSchedule([1, 1, 2 ** -31], () => 0);
  const first = turns(light, 9);
  assert.equal([first.filter((turn) => turn === 0).length, first.filter((turn) => turn === 1).length], [4, 4]);
  assert.is(first.filter((turn) => turn === 2).length, 1);
});

test.run();
