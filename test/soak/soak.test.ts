/** The soak of `npm run soak` for a few seconds: nothing unexpected happens and nothing is left; growth takes longer to see. */
import { assert, suite } from '../support/suite.ts';
import { growthOf } from './flatness.ts';
import { type QuietMoment, Soak } from './soak.ts';

const test = suite('soak');

test('a few seconds of mixed calls, cancels and restarts leave nothing behind', async () => {
  const soak = new Soak({
    durationMs: 4_000,
    stretchMs: 1_000,
    servers: 3,
    walkers: 16,
    random: Math.random,
    onQuiet: () => {},
  });
  const { calls, outcomes, faults, moments } = await soak.run();
  assert.equal(faults, []);
  assert.ok(calls > 50, `${calls} calls`);
  assert.ok((outcomes.get('OK') ?? 0) > 20, 'hardly any call went well');
  assert.ok(moments.length >= 3, `${moments.length} quiet moments`);
});

/** Moments that hold so many bytes of heap, and so many handles. */
function momentsOf(heaps: readonly number[], handles: readonly number[]): QuietMoment[] {
  return heaps.map((heapBytes, index) => ({
    calls: index,
    restarts: 0,
    heapBytes,
    rssBytes: 1e8,
    resources: new Map([['TCPSocketWrap', handles[index] ?? 0]]),
    listeners: 3,
  }));
}

test('growth is seen, and noise is not', () => {
  const flat = [0, 0, 0, 0, 0, 0, 0];
  assert.equal(growthOf(momentsOf([9e6, 1e7, 1.1e7, 1e7, 1.05e7, 1.1e7, 1e7], flat)), []);
  assert.is(growthOf(momentsOf([9e6, 1e7, 1.1e7, 1.2e7, 1.8e7, 2e7, 2.2e7], flat)).length, 1);
  assert.is(growthOf(momentsOf([1e7, 1e7, 1e7, 1e7, 1e7, 1e7, 1e7], [5, 5, 5, 5, 6, 7, 8])).length, 1);
});

test.run();
