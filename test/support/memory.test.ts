/** What the memory helpers see of known amounts. */
import { collectGarbage, growthPerCall, isCollected, MemorySampler, usedBytes } from './memory.ts';
import { assert, suite } from './suite.ts';

const test = suite('memory');
const MIB = 1024 * 1024;

function makeGarbage(): WeakRef<object> {
  return new WeakRef({ some: 'thing' });
}

test('tells what is held from what is not', async () => {
  const held = { some: 'thing' };
  assert.not(await isCollected(new WeakRef(held)));
  assert.ok(await isCollected(makeGarbage()));
  assert.is(held.some, 'thing');
});

test('counts heap and buffers that stay', async () => {
  const before = await usedBytes();
  let kept: Buffer | null = Buffer.alloc(8 * MIB);
  const held = (await usedBytes()) - before;
  assert.ok(held > 7 * MIB, `${held} bytes`);
  kept = null;
  const freed = (await usedBytes()) - before;
  assert.ok(freed < MIB, `${freed} bytes, ${kept}`);
});

test('measures what each call leaves behind', async () => {
  const leaked: unknown[] = [];
  const leak = await growthPerCall(() => leaked.push(new Array(1000).fill(0.5)), 200);
  assert.ok(leak > 7_000 && leak < 12_000, `${leak} bytes a call`);
  const none = await growthPerCall(() => new Array(1000).fill(0.5), 200);
  assert.ok(none < 500, `${none} bytes a call`);
});

test('sees the peak of the resident set', async () => {
  await collectGarbage();
  using sampler = new MemorySampler();
  const bytes = Buffer.alloc(64 * MIB, 1);
  sampler.sample();
  assert.ok(sampler.growthBytes > 40 * MIB, `${sampler.growthBytes} bytes of ${bytes.length}`);
});

test.run();
