/** Replay: what it keeps, for how long and of how much; and calls by chance whose streams come to nothing. */
import * as fc from 'fast-check';
import { Replay, ReplayBudget } from '../../src/call/replay.ts';
import type { StreamProgress, WriteFlags } from '../../src/transport/stream.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Code, Status } from '../../src/values/status.ts';
import { HandTransport, nextTick, RecordingStreamListener, STREAM_OPTIONS } from '../channel/hand-transport.ts';
import { ECHO_KINDS, type EchoKind, echoMethods } from '../support/echo.ts';
import { assert, suite } from '../support/suite.ts';
import {
  type EndableStream,
  GONE,
  type MadeCall,
  MIB,
  REFUSED,
  REFUSED_AGAIN,
  textOf,
  World,
} from './ending-streams.ts';

const test = suite('Replay');

test('says what was kept to any number of streams, in order; permits are for the caller', () => {
  const headers = new Metadata({ 'x-one': '1' });
  const replay = new Replay(headers, new ReplayBudget());
  replay.keepMessage(Buffer.from('a'), 2);
  replay.keepPermits(1);
  replay.keepMessage(Buffer.from('b'), 0);
  replay.keepPermits(Number.POSITIVE_INFINITY);
  const transport = new HandTransport();
  for (const isHalfClosed of [false, true]) {
    const stream = transport.newStream(echoMethods.bidi_streaming, STREAM_OPTIONS);
    replay.start(stream, new RecordingStreamListener(), 0);
    assert.is(stream.headers, headers);
    assert.is(replay.sayTo(stream, isHalfClosed), Number.POSITIVE_INFINITY);
    const end = isHalfClosed ? ['halfClose'] : [];
    assert.equal(stream.said, ['start', 'write a flagged 2', 'write b', ...end]);
  }
});

test('is full above 1 MiB of its own or 16 MiB of all, where each message counts for 128 bytes more than it has', () => {
  const budget = new ReplayBudget();
  const one = new Replay(new Metadata(), budget);
  one.keepMessage(Buffer.alloc(MIB - 256), 0);
  one.keepMessage(Buffer.alloc(0), 0);
  assert.not(one.isFull);
  assert.is(budget.keptBytes, MIB);
  one.keepMessage(Buffer.alloc(0), 0);
  assert.ok(one.isFull);
  one.letGo();
  assert.is(budget.keptBytes, 0);
  const all = Array.from({ length: 16 }, () => new Replay(new Metadata(), budget));
  for (const replay of all) replay.keepMessage(Buffer.alloc(MIB - 128), 0);
  assert.ok(all.every((replay) => !replay.isFull));
  const last = new Replay(new Metadata(), budget);
  last.keepMessage(Buffer.alloc(0), 0);
  assert.ok(last.isFull && all.every((replay) => replay.isFull));
  last.letGo();
  assert.ok(all.every((replay) => !replay.isFull));
  for (const replay of all) replay.letGo();
  assert.is(budget.keptBytes, 0);
});

test('lets a stream be followed, if it ended UNAVAILABLE: once refused, 25 times not taken, 1,000 times not sent', () => {
  const fresh = (): Replay => new Replay(new Metadata(), new ReplayBudget());
  const progresses: readonly StreamProgress[] = ['not-sent', 'not-taken', 'refused', 'processed', 'dropped'];
  for (const code of Object.values(Code)) {
    if (typeof code !== 'number') continue;
    for (const progress of progresses) {
      const may = code === Code.UNAVAILABLE && ['not-sent', 'not-taken', 'refused'].includes(progress);
      assert.is(fresh().mayFollow(Status.fromCode(code), progress), may, `${Status.fromCode(code)} ${progress}`);
    }
  }
  const replay = fresh();
  assert.ok(replay.mayFollow(REFUSED, 'refused'));
  assert.not(replay.mayFollow(REFUSED, 'refused'));
  for (let count = 0; count < 25; count += 1) assert.ok(replay.mayFollow(GONE, 'not-taken'));
  assert.not(replay.mayFollow(GONE, 'not-taken'));
  for (let count = 0; count < 1_000; count += 1) assert.ok(replay.mayFollow(GONE, 'not-sent'));
  assert.not(replay.mayFollow(GONE, 'not-sent'));
});

// ---- by chance ----

type Step =
  | { readonly act: 'send'; readonly flags: WriteFlags }
  | { readonly act: 'request'; readonly count: number }
  | { readonly act: 'half-close' | 'refuse' | 'miscarry' | 'go away' | 'connect' | 'written' | 'ready' }
  | { readonly act: 'wait'; readonly how: 'microtask' | 'tick' | 'turn' };

interface Plan {
  readonly kind: EchoKind;
  readonly steps: readonly Step[];
  /** How many refusals there may be; the second one ends the call. */
  readonly refusals: number;
}

const simple = (act: 'half-close' | 'refuse' | 'miscarry' | 'go away' | 'connect' | 'written' | 'ready') =>
  fc.constant<Step>({ act });

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.nat(7).map((flags): Step => ({ act: 'send', flags })) },
  { weight: 4, arbitrary: fc.constantFrom(0, 1, 2, 7).map((count): Step => ({ act: 'request', count })) },
  { weight: 1, arbitrary: simple('half-close') },
  { weight: 2, arbitrary: simple('refuse') },
  { weight: 3, arbitrary: simple('miscarry') },
  { weight: 1, arbitrary: simple('go away') },
  { weight: 3, arbitrary: simple('connect') },
  { weight: 3, arbitrary: simple('written') },
  { weight: 1, arbitrary: simple('ready') },
  {
    weight: 6,
    arbitrary: fc.constantFrom('microtask', 'tick', 'turn').map((how): Step => ({ act: 'wait', how }) as Step),
  },
);

const anyPlan: fc.Arbitrary<Plan> = fc.record({
  kind: fc.constantFrom(...ECHO_KINDS),
  steps: fc.array(anyStep, { maxLength: 40 }),
  refusals: fc.constantFrom(1, 1, 2),
});

const WAITS = {
  microtask: () => Promise.resolve(),
  tick: () => new Promise<void>((resolve) => process.nextTick(resolve)),
  turn: nextTick,
};

/** One call by chance, and what it must come to. */
class Chance {
  readonly #world: World;
  readonly #made: MadeCall;
  /** What the call has said, but for permits. */
  readonly #said: string[] = ['start'];
  #sent = 0;
  #permits = 0;
  #halfClosed = false;
  #refusals: number;
  #refused = false;
  #isOver = false;
  /** Of each stream, how many of its messages were told as written; and the most of any. */
  readonly #written = new Map<EndableStream, number>();
  #mostWritten = 0;
  readonly #connected: Set<HandTransport>;

  constructor(world: World, { kind, refusals }: Plan) {
    this.#world = world;
    this.#connected = new Set(world.transports);
    this.#refusals = refusals;
    this.#made = world.start({ kind });
  }

  /** The stream that is open; null between two, and while one waits. */
  get #open(): EndableStream | null {
    const { last } = this.#world;
    return last.closed ? null : last;
  }

  async run(steps: readonly Step[]): Promise<void> {
    for (const step of steps) await this.#do(step);
    await this.#settle();
  }

  async #do(step: Step): Promise<void> {
    const { call } = this.#made;
    if (step.act === 'wait') await WAITS[step.how]();
    else if (step.act === 'send') this.#send(step.flags);
    else if (step.act === 'request') {
      call.request(step.count);
      this.#permits += step.count;
    } else if (step.act === 'half-close') this.#halfClose();
    else this.#network(step.act);
  }

  #send(flags: WriteFlags): void {
    if (this.#halfClosed) return;
    this.#sent += 1;
    this.#made.call.sendMessage(Buffer.from(`${this.#sent}`), flags);
    this.#said.push(`write ${this.#sent}${flags === 0 ? '' : ` flagged ${flags}`}`);
  }

  #halfClose(): void {
    if (this.#halfClosed) return;
    this.#halfClosed = true;
    this.#made.call.halfClose();
    this.#said.push('halfClose');
  }

  #network(act: Exclude<Step['act'], 'wait' | 'send' | 'request' | 'half-close'>): void {
    const open = this.#open;
    if (act === 'connect') this.#connect();
    else if (act === 'go away') this.#goAway();
    else if (open === null) return;
    else if (act === 'ready') open.becomeReady();
    else if (act === 'miscarry') open.end(GONE, 'not-sent');
    else if (act === 'written') this.#tellWritten(open, 1);
    else this.#refuse(open);
  }

  #connect(): void {
    const { transport } = this.#world;
    if (this.#connected.has(transport)) return;
    this.#connected.add(transport);
    transport.connect();
  }

  /** Not before it is connected: then the attempt would have failed, and the call with it. */
  #goAway(): void {
    const { transport } = this.#world;
    if (this.#connected.has(transport)) transport.goAway(GONE);
  }

  #refuse(open: EndableStream): void {
    if (this.#refusals === 0) return;
    this.#refusals -= 1;
    this.#isOver = this.#refused;
    this.#refused = true;
    open.end(this.#isOver ? REFUSED_AGAIN : REFUSED, 'refused');
  }

  #tellWritten(open: EndableStream, count: number): void {
    const written = this.#written.get(open) ?? 0;
    const due = Math.min(count, open.said.filter((said) => said.startsWith('write')).length - written);
    if (due === 0) return;
    this.#written.set(open, written + due);
    this.#mostWritten = Math.max(this.#mostWritten, written + due);
    open.tellWritten(due);
  }

  /** The server takes the call at last. */
  async #settle(): Promise<void> {
    const { listener } = this.#made;
    for (let turn = 0; turn < 3; turn += 1) {
      this.#connect();
      await nextTick();
    }
    if (this.#isOver) {
      assert.is(await textOf(this.#made), 'UNAVAILABLE: refused again');
    } else {
      const { last } = this.#world;
      this.#assertSaid(last);
      this.#tellWritten(last, this.#sent);
      for (let count = 0; count < 3; count += 1) last.receive(`${count}`);
      last.close();
      assert.is(await textOf(this.#made), 'OK');
      assert.equal(listener.messages.map(String), ['0', '1', '2'].slice(0, this.#permits));
    }
    await nextTick();
    assert.is(listener.written, this.#mostWritten);
    assert.is(listener.names.filter((name) => name === 'close').length, 1);
    assert.is(this.#world.streams.filter((stream) => !stream.closed).length, 0);
  }

  #assertSaid(stream: EndableStream): void {
    const isRequest = (said: string): boolean => said.startsWith('request');
    assert.equal(
      stream.said.filter((said) => !isRequest(said)),
      this.#said,
    );
    const asked = stream.said.filter(isRequest).map((said) => Number(said.split(' ')[1]));
    assert.is(
      asked.reduce((sum, count) => sum + count, 0),
      this.#permits,
    );
  }
}

test('by chance: whatever is said and whenever streams come to nothing, the last one hears all of it', {
  timeoutMs: 60_000,
}, async () => {
  const runs = Number(process.env['RUNS'] ?? 1_000);
  await fc.assert(
    fc.asyncProperty(anyPlan, async (plan) => {
      await using world = new World();
      await new Chance(world, plan).run(plan.steps);
      if (plan.steps.length % 10 === 0) await world.assertBudgetIsFree();
    }),
    { numRuns: runs, ...(process.env['SEED'] === undefined ? {} : { seed: Number(process.env['SEED']) }) },
  );
});

test.run();
