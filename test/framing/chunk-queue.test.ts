import v8 from 'node:v8';
import vm from 'node:vm';
import fc from 'fast-check';
import { ChunkQueue } from '../../src/framing/chunk-queue.ts';
import { assert, suite } from '../support/suite.ts';
import { noise } from './frames.ts';

const test = suite('ChunkQueue');

function queueOf(...chunks: Uint8Array[]): ChunkQueue {
  const queue = new ChunkQueue();
  for (const chunk of chunks) queue.push(chunk);
  return queue;
}

test('gives a view when the bytes lie in one chunk', () => {
  const chunk = noise(1000);
  const queue = queueOf(chunk);
  queue.skip(5);
  const view = queue.take(900);
  assert.is(view.buffer, chunk.buffer);
  assert.is(view.byteOffset, chunk.byteOffset + 5);
  assert.is(view.length, 900);
  assert.is(queue.length, 95);
});

test('gives a whole chunk as it came', () => {
  const chunks = [noise(300, 1), noise(300, 2)];
  const queue = queueOf(...chunks);
  assert.is(queue.take(300), chunks[0]);
  assert.is(queue.take(300), chunks[1]);
  assert.is(queue.length, 0);
});

test('joins bytes that straddle chunks into one copy', () => {
  const bytes = noise(900);
  const queue = queueOf(bytes.subarray(0, 300), bytes.subarray(300, 600), bytes.subarray(600));
  queue.skip(100);
  assert.equal(queue.take(700), bytes.subarray(100, 800));
  assert.equal(queue.take(100), bytes.subarray(800));
});

test('reads numbers without taking them, also across chunks', () => {
  const bytes = Buffer.from([0x01, 0xfe, 0xdc, 0xba, 0x98, 0x07]);
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    const queue = queueOf(bytes.subarray(0, cut), bytes.subarray(cut));
    assert.is(queue.readUInt8(0), 1);
    assert.is(queue.readUInt32(1), 0xfedcba98);
    assert.is(queue.readUInt8(5), 7);
    assert.is(queue.length, 6);
  }
});

test('takes nothing from nothing', () => {
  const queue = queueOf();
  assert.is(queue.length, 0);
  assert.is(queue.take(0).length, 0);
});

test('does not keep empty chunks', () => {
  const chunk = noise(100);
  const queue = queueOf(new Uint8Array(0), chunk, new Uint8Array(0));
  assert.is(queue.length, 100);
  assert.is(queue.take(100), chunk);
});

test('is empty after clear and takes new chunks', () => {
  const queue = queueOf(noise(300), noise(10), noise(10));
  queue.skip(5);
  queue.clear();
  assert.is(queue.length, 0);
  queue.push(Buffer.from('new'));
  assert.equal(Buffer.from(queue.take(3)).toString(), 'new');
});

test('never writes to what it handed out', () => {
  const queue = queueOf(Buffer.from('ab'), Buffer.from('cd'));
  const first = queue.take(3);
  queue.push(Buffer.from('ef'));
  const second = queue.take(2);
  queue.push(Buffer.from('gh'));
  assert.equal([first, second, queue.take(3)].map(String), ['abc', 'de', 'fgh']);
});

test('does not write to chunks that were pushed', () => {
  const slab = Buffer.from('abcdefgh');
  const queue = queueOf(slab.subarray(0, 1), slab.subarray(4, 6), slab.subarray(6, 7));
  queue.push(Buffer.from('xyz'));
  assert.is(slab.toString(), 'abcdefgh');
  assert.is(Buffer.from(queue.take(7)).toString(), 'aefgxyz');
});

test('says who is to blame for reading beyond the end', () => {
  assert.throws(() => queueOf(noise(3)).take(4), 'halfclose has a bug');
  assert.throws(() => queueOf(noise(3)).skip(4), 'halfclose has a bug');
  assert.throws(() => queueOf(noise(3)).readUInt8(3), 'halfclose has a bug');
  assert.throws(() => queueOf().take(1), 'halfclose has a bug');
});

test('keeps a flood of tiny chunks small', () => {
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc') as () => void;
  const slab = noise(1000);
  const used = (): number => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = used();
  const queue = new ChunkQueue();
  for (let i = 0; i < 300_000; i += 1) queue.push(slab.subarray(i % 1000, (i % 1000) + 1));
  const grown = used() - before;
  assert.ok(grown < 3_000_000, `300000 bytes in chunks of one byte took ${grown} bytes`);
  assert.is(queue.length, 300_000);
});

test('is a span of bytes, whatever the chunks', () => {
  const chunk = fc.oneof(fc.uint8Array({ maxLength: 12 }), fc.uint8Array({ minLength: 100, maxLength: 400 }));
  const action = fc.oneof(chunk, fc.nat({ max: 500 }));
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const queue = new ChunkQueue();
      let model = Buffer.alloc(0);
      const taken: [Uint8Array, Buffer][] = [];
      for (const act of actions) {
        if (typeof act !== 'number') {
          queue.push(act);
          model = Buffer.concat([model, act]);
        } else {
          const count = Math.min(act, model.length);
          if (count % 7 === 3) queue.skip(count);
          else taken.push([queue.take(count), model.subarray(0, count)]);
          model = model.subarray(count);
        }
        assert.is(queue.length, model.length);
        if (model.length >= 5) assert.is(queue.readUInt32(1), model.readUInt32BE(1));
      }
      for (const [is, was] of taken) assert.ok(was.equals(is));
    }),
  );
});

test.run();
