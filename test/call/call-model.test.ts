/**
 * ClientCall and ServerCall against a model, in two worlds: whatever both ends do, legal or not, and wherever their listeners
 * throw, the call does what call-model.ts says, and the same within the process as over HTTP/2.
 */
import * as fc from 'fast-check';
import { assert, suite } from '../support/suite.ts';
import {
  ADVICE,
  BROKEN,
  CallModel,
  type Kind,
  type Op,
  type Plan,
  POISON,
  type Reaction,
  type Side,
} from './call-model.ts';
import { type Played, World } from './call-worlds.ts';

const ALL_MS = 8_000;
const RUNS = 300;
/** What a round needs: one that is interrupted before its first run counts as failed. */
const LEAST_MS = 500;

const op = (name: string, ...args: readonly Op['arg'][]): fc.Arbitrary<Op> =>
  fc.constantFrom(...(args.length === 0 ? [null] : args)).map((arg) => ({ name, arg }));

const COUNTS = [1, 2, Number.POSITIVE_INFINITY, 0];
const BAD_COUNTS = [-1, 0.5, Number.NaN];
const TEXTS = ['a', 'b', 'c', ''];

const clientOp: fc.Arbitrary<Op> = fc.oneof(
  { weight: 6, arbitrary: op('sendMessage', ...TEXTS) },
  { weight: 2, arbitrary: op('sendHinted', ...TEXTS) },
  { weight: 3, arbitrary: op('halfClose') },
  { weight: 1, arbitrary: op('sendMessage', POISON, BROKEN) },
  { weight: 1, arbitrary: op('cancel', 'one', 'other') },
  { weight: 1, arbitrary: op('request', ...BAD_COUNTS) },
  { weight: 1, arbitrary: op('setMessageCompression', true, false) },
  { weight: 1, arbitrary: op('isReady') },
  { weight: 1, arbitrary: op('start') },
);

const serverOp: fc.Arbitrary<Op> = fc.oneof(
  { weight: 5, arbitrary: op('sendHeaders') },
  { weight: 6, arbitrary: op('sendMessage', ...TEXTS) },
  { weight: 2, arbitrary: op('sendHinted', ...TEXTS) },
  { weight: 1, arbitrary: op('sendMessage', POISON, BROKEN) },
  { weight: 3, arbitrary: op('close', 'OK', 'ABORTED') },
  { weight: 1, arbitrary: op('cancel', 'torn down') },
  { weight: 1, arbitrary: op('request', ...BAD_COUNTS) },
  { weight: 1, arbitrary: op('setCompression', 'gzip', 'unheard-of') },
  { weight: 1, arbitrary: op('setMessageCompression', true, false) },
  { weight: 1, arbitrary: op('isReady') },
  { weight: 1, arbitrary: op('isCancelled') },
);

/** A permit comes last: see RACES. */
const ops = (one: fc.Arbitrary<Op>, last: fc.Arbitrary<Op>): fc.Arbitrary<Op[]> =>
  fc
    .tuple(fc.array(one, { maxLength: 3 }), fc.option(last, { nil: null, freq: 2 }))
    .map(([first, request]) => (request === null ? first : [...first, request]));

const reaction = (events: readonly string[], requests: readonly string[]): fc.Arbitrary<Reaction | null> =>
  fc.option(
    fc.oneof(
      fc.record({ event: fc.constantFrom(...events), act: fc.constantFrom('throw' as const, 'end' as const) }),
      fc.record({ event: fc.constantFrom(...requests), act: fc.constant('request' as const) }),
    ),
    { nil: null },
  );

const plans: fc.Arbitrary<Plan> = fc.record({
  kind: fc.constantFrom<Kind>('unary', 'client_streaming', 'server_streaming', 'bidi_streaming'),
  compression: fc.constantFrom(null, null, 'gzip'),
  client: reaction(['headers', 'message', 'ready', 'written', 'closing', 'close'], ['headers', 'message', 'closing']),
  server: reaction(
    ['handler', 'message', 'half-close', 'ready', 'written', 'end'],
    ['handler', 'message', 'half-close'],
  ),
});

interface Play {
  readonly world: World;
  readonly played: Played;
}

/** Some operations of one end within a tick, and time for all that follows from them. */
class Burst implements fc.AsyncCommand<CallModel, Play[]> {
  readonly #side: Side;
  readonly #ops: readonly Op[];

  constructor(side: Side, list: readonly Op[]) {
    this.#side = side;
    this.#ops = list;
  }

  check(model: Readonly<CallModel>): boolean {
    return model.race[this.#side] === null && (this.#side === 'client' || model.met);
  }

  async run(model: CallModel, plays: Play[]): Promise<void> {
    for (const one of this.#ops) {
      const expected = model.apply(this.#side, one);
      for (const { world, played } of plays) {
        const seen = played.apply(this.#side, one);
        if (expected !== ADVICE)
          assert.is(
            seen,
            expected,
            `${world.name}: ${one.name}(${one.arg}) of the ${this.#side}: ${seen}, not ${expected}`,
          );
      }
    }
    model.settle();
    for (const play of plays) await compare(play, model);
  }

  toString(): string {
    return `${this.#side}: ${this.#ops.map(({ name, arg }) => `${name}(${arg ?? ''})`).join(' ')}`;
  }
}

const SIDES: readonly Side[] = ['client', 'server'];

/** Whether it reacts to what may come more or less often: see RACES. */
function isAdvice(one: Reaction | null): boolean {
  return one?.event === 'ready' || one?.event === 'written';
}

/** How a world differs from the model; empty if it does not. */
function differences(played: Played, model: CallModel): string[] {
  const found = [...played.breaches];
  const differ = (what: string, seen: unknown, expected: unknown): void => {
    if (String(seen) !== String(expected)) found.push(`${what}: ${seen}, not ${expected}`);
  };
  for (const side of SIDES) {
    const heard = played.heard(side);
    const certain = model.heard[side];
    // Of a race only what came before it is compared.
    if (model.race[side] !== null) {
      differ(`the ${side} heard first`, heard.slice(0, certain.length), certain);
      continue;
    }
    differ(`the ${side} heard`, heard, certain);
    const most = isAdvice(played.plan[side]) ? 1 : Number.POSITIVE_INFINITY;
    differ(`errors at the ${side}’s hook`, Math.min(played.failures[side], most), Math.min(model.failures[side], most));
  }
  if (model.race.client !== null || model.race.server !== null) return found;
  differ('whether they met', played.serverCall !== null, model.met);
  if (!model.isWrittenCertain) return found;
  for (const side of SIDES) differ(`written by the ${side}`, played.written(side), model.written[side]);
  return found;
}

async function compare({ world, played }: Play, model: CallModel): Promise<void> {
  await world.settle(played, () => differences(played, model).length === 0);
  const found = differences(played, model);
  assert.equal(found, [], `${world.name}: ${found.join('; ')}`);
}

/** Whatever is left open ends, once at each end. */
async function finish(model: CallModel, plays: Play[]): Promise<void> {
  await new Burst('client', [{ name: 'cancel', arg: 'the run is over' }]).run(model, plays);
  if (!model.isStarted) return;
  for (const { world, played } of plays) {
    assert.match(played.heard('client').at(-1) ?? '', /^close /, `${world.name}: the client never closed`);
    if (played.server !== null) {
      await played.server.closed;
      assert.match(played.heard('server').at(-1) ?? '', /^(complete|cancel)$/);
    }
  }
}

const START: Op = { name: 'start', arg: null };

const test = suite('A call, against its model');

const bursts = fc.commands(
  [
    ops(clientOp, op('request', ...COUNTS)).map((list) => new Burst('client', list)),
    fc.constant(new Burst('client', [START])),
    ops(serverOp, op('request', ...COUNTS)).map((list) => new Burst('server', list)),
  ],
  { maxCommands: 12 },
);

/** Runs of one pair of worlds; a node before 22 ends a connection on which a thousand streams were reset in a burst. */
async function round(timeMs: number): Promise<void> {
  await using inProcess = await World.inProcess();
  await using http2 = await World.http2();
  const property = fc.asyncProperty(
    plans,
    fc.integer({ min: 0, max: 9 }),
    bursts,
    async (plan, startLate, commands) => {
      const plays = [inProcess, http2].map((world) => ({ world, played: world.play(plan) }));
      const model = new CallModel(plan);
      if (startLate > 0) await new Burst('client', [START]).run(model, plays);
      await fc.asyncModelRun(() => ({ model, real: plays }), commands);
      await finish(model, plays);
    },
  );
  await fc.assert(property, { numRuns: RUNS, interruptAfterTimeLimit: timeMs, markInterruptAsFailure: false });
}

test('whatever both ends do, the call does what the model says, in both worlds', { timeoutMs: 30_000 }, async () => {
  const endAt = performance.now() + ALL_MS;
  while (endAt - performance.now() > LEAST_MS) await round(endAt - performance.now());
});

test.run();
