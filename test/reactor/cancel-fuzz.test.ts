/**
 * Reactors of every kind against each other by chance: whatever both ends start and cancel and whenever they do, each operation
 * gets its reaction, once, and both ends are done. RUNS and SEED of the environment make it run longer, or again.
 */
import * as fc from 'fast-check';
import { assert, suite } from '../support/suite.ts';
import { FuzzedWorld, type Plan, type Step } from './fuzzed-rpc.ts';

const test = suite('Reactors by chance');

const ROUND = 150;
const IN_PROCESS_RUNS = Number(process.env['RUNS'] ?? 1_500);
const HTTP2_RUNS = Number(process.env['RUNS'] ?? 600);
const SHUTDOWN_RUNS = Number(process.env['RUNS'] ?? 150);
/** A round's seed, to run it again; by default another each time. */
const SEED = process.env['SEED'] === undefined ? null : Number(process.env['SEED']);
const endOnFailure = process.env['RUNS'] !== undefined;
const LONG_MS = process.env['RUNS'] === undefined ? 30_000 : 3_600_000;

const pick = fc.nat(999);
const acts = (maxLength: number): fc.Arbitrary<number[]> => fc.array(pick, { maxLength });
const reactions = fc.array(acts(3), { maxLength: 8 });
const waits = fc.constantFrom<Step['wait']>('none', 'microtask', 'tick', 'tick', 'immediate', 'round trip');

const endStep: fc.Arbitrary<Step> = fc.record({
  wait: waits,
  who: fc.constantFrom('client' as const, 'server' as const),
  pick,
});
const worldStep = (...who: Step['who'][]): fc.Arbitrary<Step> =>
  fc.record({ wait: waits, who: fc.constantFrom(...who), pick: fc.constant(0) });

const plan = (step: fc.Arbitrary<Step>): fc.Arbitrary<Plan> =>
  fc.record({
    kind: fc.constantFrom('unary' as const, 'read' as const, 'write' as const, 'bidi' as const, 'bidi' as const),
    corked: fc.boolean(),
    hasDeadline: fc.boolean(),
    isCancelledFirst: fc.integer({ min: 0, max: 30 }).map((n) => n === 30),
    atFirst: acts(6),
    inHandler: acts(4),
    handler: fc.integer({ min: 0, max: 40 }).map((n) => (n === 40 ? 'throws' : n === 39 ? 'null' : 'returns')),
    clientReactions: reactions,
    serverReactions: reactions,
    steps: fc.array(step, { maxLength: 20 }),
    ending: fc.constantFrom<Plan['ending']>(
      'in order',
      'in order',
      'in order',
      'the client cancels',
      'the server cancels',
    ),
  }) as fc.Arbitrary<Plan>;

const plain = plan(fc.oneof({ weight: 20, arbitrary: endStep }, { weight: 1, arbitrary: worldStep('time') }));
const withShutdown = plan(
  fc.oneof(
    { weight: 6, arbitrary: endStep },
    { weight: 1, arbitrary: worldStep('time', 'client', 'server', 'client now', 'server now') },
  ),
);

function parameters(numRuns: number, round: number): fc.Parameters<unknown> {
  return { numRuns, endOnFailure, ...(SEED === null ? {} : { seed: SEED + round }) };
}

async function assertPlays(world: FuzzedWorld, one: Plan): Promise<void> {
  const found = await world.run(one);
  assert.equal(found, [], found.join('\n'));
}

/** Rounds of runs in worlds of their own: a node before 22 ends a connection on which many streams were reset in a burst. */
async function rounds(transport: 'in-process' | 'http2', runs: number): Promise<void> {
  for (let left = runs; left > 0; left -= ROUND) {
    let world = await FuzzedWorld.open(transport);
    const property = fc.asyncProperty(plain, async (one) => {
      try {
        await assertPlays(world, one);
      } catch (error) {
        // What is left of a run that failed must not fail the next.
        await world.pair[Symbol.asyncDispose]();
        world = await FuzzedWorld.open(transport);
        throw error;
      }
    });
    try {
      await fc.assert(property, parameters(Math.min(ROUND, left), left));
      await world.close();
    } finally {
      await world.pair[Symbol.asyncDispose]();
    }
  }
}

test('in-process: each operation has its reaction, and all ends as it should', { timeoutMs: LONG_MS }, async () => {
  await rounds('in-process', IN_PROCESS_RUNS);
});

test('http2: each operation has its reaction, and all ends as it should', { timeoutMs: LONG_MS }, async () => {
  await rounds('http2', HTTP2_RUNS);
});

for (const transport of ['in-process', 'http2'] as const) {
  test(`${transport}: the same when channel or server are shut down meanwhile`, { timeoutMs: LONG_MS }, async () => {
    const property = fc.asyncProperty(withShutdown, async (one) => {
      const world = await FuzzedWorld.open(transport);
      try {
        await assertPlays(world, one);
      } finally {
        await world.pair[Symbol.asyncDispose]();
      }
    });
    await fc.assert(property, parameters(SHUTDOWN_RUNS, 0));
  });
}

test.run();
