/** PayloadQueue: first in, first out, and the sum of the bytes. */
import * as fc from 'fast-check';
import { PayloadQueue } from '../../../src/transport/in-process/payload-queue.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('PayloadQueue');

/** Five bytes for each beside its own. */
const bytesOf = (payloads: readonly Uint8Array[]): number => payloads.reduce((sum, { length }) => sum + 5 + length, 0);

test('is empty at first, and gives null then', () => {
  const queue = new PayloadQueue();
  assert.equal([queue.length, queue.bytes, queue.shift()], [0, 0, null]);
});

test('an empty payload has a weight, too', () => {
  const queue = new PayloadQueue();
  queue.push(new Uint8Array(0));
  assert.equal([queue.length, queue.bytes], [1, 5]);
  assert.is(queue.shift()?.length, 0);
  assert.is(queue.shift(), null);
});

test('gives the very payloads, not copies', () => {
  const queue = new PayloadQueue();
  const payload = Uint8Array.of(1, 2, 3);
  queue.push(payload);
  assert.is(queue.shift(), payload);
});

test('does what an array would do, whatever the sequence of operations', () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ name: fc.constant('push' as const), count: fc.nat(100) }) },
    { weight: 6, arbitrary: fc.record({ name: fc.constant('shift' as const), count: fc.nat(100) }) },
    { weight: 1, arbitrary: fc.record({ name: fc.constant('clear' as const), count: fc.constant(1) }) },
  );
  const act = (queue: PayloadQueue, expected: Uint8Array[], name: 'push' | 'shift' | 'clear', size: number): void => {
    if (name === 'push') {
      const payload = new Uint8Array(size);
      queue.push(payload);
      expected.push(payload);
    } else if (name === 'shift') {
      assert.ok(queue.shift() === (expected.shift() ?? null));
    } else {
      queue.clear();
      expected.length = 0;
    }
    assert.is(queue.length, expected.length);
    assert.is(queue.bytes, bytesOf(expected));
  };
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const queue = new PayloadQueue();
      const expected: Uint8Array[] = [];
      for (const { name, count } of steps) for (let i = 0; i < count; i += 1) act(queue, expected, name, i);
    }),
  );
});

test('a queue that never runs empty keeps nothing of what was taken out', () => {
  const queue = new PayloadQueue();
  queue.push(new Uint8Array(1));
  const startMs = performance.now();
  for (let i = 0; i < 500_000; i += 1) {
    queue.push(new Uint8Array(1));
    queue.shift();
  }
  assert.equal([queue.length, queue.bytes], [1, 6]);
  // A shift that moved the rest each time would take minutes; this takes a tenth of a second.
  assert.ok(performance.now() - startMs < 3_000);
});

test.run();
