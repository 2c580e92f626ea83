/** SuspendedCalls: who is there, who hears of it, and how all are ended. */
import { type SuspendedCall, SuspendedCalls } from '../../src/call/suspended-calls.ts';
import { Status } from '../../src/values/status.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('SuspendedCalls');

/** Writes down how it was ended. */
class Suspended implements SuspendedCall {
  readonly ends: string[] = [];

  endSuspended(status: Status): void {
    this.ends.push(status.name);
  }
}

test('tells that there are some, and that there are none any more', () => {
  const told: number[] = [];
  const calls = new SuspendedCalls(() => told.push(calls.size));
  const [one, two] = [new Suspended(), new Suspended()];
  calls.delete(one);
  calls.add(one);
  calls.add(one);
  calls.add(two);
  calls.delete(one);
  calls.delete(one);
  calls.delete(two);
  calls.add(two);
  assert.equal(told, [1, 0, 1]);
});

test('ends all once, and whoever comes later at once; they stay until they are done', () => {
  const calls = new SuspendedCalls(() => {});
  const [one, two, late] = [new Suspended(), new Suspended(), new Suspended()];
  calls.add(one);
  calls.add(two);
  calls.delete(two);
  calls.endAll(Status.UNAVAILABLE);
  calls.endAll(Status.INTERNAL);
  calls.add(late);
  assert.equal([one.ends, two.ends, late.ends], [['UNAVAILABLE'], [], ['UNAVAILABLE']]);
  assert.is(calls.size, 2);
});

test.run();
