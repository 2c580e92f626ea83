/**
 * Retried and hedged calls by chance, with connections and time worked by hand in any order: whatever streams do, and whenever
 * the call, its deadline or its channel ends. The recorder fails on an event that comes twice, too late or inside another.
 * `RUNS` and `SEED` in the environment make it longer, and the same again.
 */
import * as fc from 'fast-check';
import { CallOptions } from '../../src/call/call-options.ts';
import type { HedgingPolicy, MethodSettings, RetryPolicy } from '../../src/call/method-settings.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Code, Status } from '../../src/values/status.ts';
import { nextTick } from '../channel/hand-transport.ts';
import { ECHO_KINDS, type EchoKind } from '../support/echo.ts';
import { assert, suite } from '../support/suite.ts';
import { type EndableStream, GONE, HandSettings, type MadeCall, REFUSED, World } from './ending-streams.ts';

const test = suite('Retries and hedges by chance');

const MAX_ATTEMPTS = 3;
const TIMEOUT_MS = 400;
const CODES = new Set<Code>([Code.UNAVAILABLE]);
const RETRY: RetryPolicy = {
  maxAttempts: MAX_ATTEMPTS,
  initialBackoffMs: 20,
  maxBackoffMs: 30,
  backoffMultiplier: 2,
  retryableCodes: CODES,
};
const HEDGING: HedgingPolicy = { maxAttempts: MAX_ATTEMPTS, delayMs: 20, nonFatalCodes: CODES };
const POLICIES: Readonly<Record<string, Partial<MethodSettings>>> = {
  retry: { retry: RETRY },
  hedging: { hedging: HEDGING },
  'hedging at once': { hedging: { ...HEDGING, delayMs: 0 } },
};

const BUSY = Status.UNAVAILABLE.withDescription('busy');
const BROKEN = Status.INTERNAL.withDescription('broken');

type Act =
  | 'send'
  | 'send much'
  | 'request'
  | 'half-close'
  | 'busy'
  | 'pushback'
  | 'no retry'
  | 'broken'
  | 'ok'
  | 'refused'
  | 'never sent'
  | 'headers'
  | 'message'
  | 'written'
  | 'ready'
  | 'time'
  | 'go away'
  | 'connect'
  | 'settle'
  | 'microtask'
  | 'tick'
  | 'turn'
  | 'cancel'
  | 'shutdown'
  | 'shutdownNow';

/** How often each comes up. */
const WEIGHTS: Readonly<Record<Act, number>> = {
  send: 8,
  'send much': 1,
  request: 4,
  'half-close': 2,
  busy: 10,
  pushback: 3,
  'no retry': 1,
  broken: 1,
  ok: 1,
  refused: 3,
  'never sent': 4,
  headers: 2,
  message: 3,
  written: 4,
  ready: 2,
  time: 14,
  'go away': 1,
  connect: 6,
  settle: 6,
  microtask: 3,
  tick: 5,
  turn: 8,
  cancel: 1,
  shutdown: 1,
  shutdownNow: 1,
};

interface Step {
  readonly act: Act;
  /** Which stream, how many milliseconds or permits. */
  readonly choice: number;
}

interface Plan {
  readonly kind: EchoKind;
  readonly policy: string;
  /** Whether the settings are known at the start. */
  readonly known: boolean;
  readonly hasDeadline: boolean;
  readonly hasThrottle: boolean;
  readonly steps: readonly Step[];
}

const anyAct = fc.oneof(
  ...(Object.entries(WEIGHTS) as [Act, number][]).map(([act, weight]) => ({ weight, arbitrary: fc.constant(act) })),
);
const anyPlan: fc.Arbitrary<Plan> = fc.record({
  kind: fc.constantFrom(...ECHO_KINDS),
  policy: fc.constantFrom(...Object.keys(POLICIES)),
  known: fc.boolean(),
  hasDeadline: fc.boolean(),
  hasThrottle: fc.boolean(),
  steps: fc.array(fc.record({ act: anyAct, choice: fc.nat(30) }), { maxLength: 50 }),
});

/** One call by chance, and what must hold of it. */
class Chance {
  readonly #world: World;
  readonly #plan: Plan;
  readonly #made: MadeCall;
  /** What the call has said, but for permits. */
  readonly #said: string[] = ['start'];
  #sent = 0;
  #permits = 0;
  #halfClosed = false;
  /** Streams whose response has begun, and how. */
  readonly #answered = new Map<EndableStream, 'headers' | 'message'>();
  readonly #written = new Map<EndableStream, number>();
  readonly #connected: Set<object>;

  constructor(world: World, plan: Plan) {
    this.#world = world;
    this.#plan = plan;
    this.#connected = new Set(world.transports);
    const options = plan.hasDeadline ? CallOptions.DEFAULT.withTimeout(TIMEOUT_MS, world.clock) : CallOptions.DEFAULT;
    this.#made = world.start({ kind: plan.kind, options });
  }

  async run(): Promise<void> {
    for (const { act, choice } of this.#plan.steps) {
      await this.#do(act, choice);
      this.#check();
    }
    await this.#end();
  }

  async #do(act: Act, choice: number): Promise<void> {
    if (act === 'microtask') await Promise.resolve();
    else if (act === 'tick') await new Promise<void>((resolve) => process.nextTick(resolve));
    else if (act === 'turn') await nextTick();
    else if (act === 'time') this.#world.clock.advance(choice);
    else if (act === 'settle') this.#world.settings.tell(POLICIES[this.#plan.policy] ?? {});
    else if (act === 'shutdown' || act === 'shutdownNow') this.#quietly(() => this.#world.channel[act]());
    else if (act === 'connect') this.#connect();
    else if (act === 'go away') this.#goAway();
    else if (this.#say(act, choice)) return;
    else this.#stream(act, choice);
  }

  #quietly(act: () => void): void {
    this.#made.listener.forbid(act);
  }

  /** What the caller does; false if it is not his. */
  #say(act: Act, choice: number): boolean {
    const { call } = this.#made;
    if (act === 'cancel') this.#quietly(() => call.cancel('enough'));
    else if (act === 'request') {
      this.#permits += choice % 4;
      call.request(choice % 4);
    } else if (act === 'send' || act === 'send much') this.#send(act === 'send much');
    else if (act === 'half-close') this.#halfClose();
    else return false;
    return true;
  }

  #send(much: boolean): void {
    if (this.#halfClosed || this.#isCancelled()) return;
    this.#sent += 1;
    const text = `${this.#sent}`;
    this.#quietly(() => this.#made.call.sendMessage(much ? Buffer.alloc(2_000) : Buffer.from(text)));
    this.#said.push(much ? 'write 2000 bytes' : `write ${text}`);
  }

  #halfClose(): void {
    if (this.#halfClosed || this.#isCancelled()) return;
    this.#halfClosed = true;
    this.#quietly(() => this.#made.call.halfClose());
    this.#said.push('halfClose');
  }

  #isCancelled(): boolean {
    return this.#plan.steps.some(({ act }) => act === 'cancel');
  }

  #connect(): void {
    const { transport } = this.#world;
    if (this.#connected.has(transport) || transport.shutdownReason !== null) return;
    this.#connected.add(transport);
    transport.connect();
  }

  #goAway(): void {
    const { transport } = this.#world;
    if (this.#connected.has(transport)) transport.goAway(GONE);
  }

  /** What the network does to one of the open streams. */
  #stream(act: Act, choice: number): void {
    const open = this.#world.streams.filter(({ closed }) => !closed);
    const stream = open[choice % Math.max(1, open.length)];
    if (stream === undefined) return;
    const pushback = (value: string): Metadata => new Metadata({ 'grpc-retry-pushback-ms': value });
    if (act === 'busy') stream.end(BUSY);
    else if (act === 'pushback') stream.end(BUSY, 'processed', pushback(`${choice}`));
    else if (act === 'no retry') stream.end(BUSY, 'processed', pushback('-1'));
    else if (act === 'broken') stream.end(BROKEN);
    else if (act === 'ok') stream.end(Status.OK);
    else if (act === 'refused' && !this.#answered.has(stream)) stream.end(REFUSED, 'refused');
    else if (act === 'never sent' && !this.#answered.has(stream)) stream.end(GONE, 'not-sent');
    else if (act === 'headers' || act === 'message') this.#answer(stream, act);
    else if (act === 'written') this.#tellWritten(stream);
    else if (act === 'ready') stream.becomeReady();
  }

  /** A response has headers alone, or messages; then the headers come with the first that is asked for. */
  #answer(stream: EndableStream, act: 'headers' | 'message'): void {
    const before = this.#answered.get(stream) ?? act;
    this.#answered.set(stream, before);
    if (before === 'headers' && act === 'headers' && !stream.answered) stream.tellHeaders();
    else if (before === 'message' && act === 'message') stream.receive('m');
  }

  #tellWritten(stream: EndableStream): void {
    const written = this.#written.get(stream) ?? 0;
    if (written >= stream.said.filter((said) => said.startsWith('write')).length) return;
    this.#written.set(stream, written + 1);
    stream.tellWritten(1);
  }

  /** What holds at any time. */
  #check(): void {
    const { streams } = this.#world;
    const attempts = streams.map(({ options }) => options.previousAttempts);
    assert.ok(Math.max(0, ...attempts) < MAX_ATTEMPTS, `attempts ${attempts}`);
    const open = streams.filter(({ closed }) => !closed).map(({ options }) => options.previousAttempts);
    assert.is(new Set(open).size, open.length, `of each attempt one stream at a time: ${open}`);
    if (this.#plan.policy === 'retry') assert.ok(open.length <= 1, `${open.length} streams at a time`);
    for (const stream of streams) this.#checkStream(stream);
    assert.ok(this.#made.listener.written <= this.#sent);
    assert.ok(this.#made.listener.messages.length <= this.#permits);
  }

  /** A stream hears what the call says, in order and nothing else; an open one hears all of it. */
  #checkStream(stream: EndableStream): void {
    if (this.#made.listener.names.includes('close')) return;
    const said = stream.said.filter((each) => !each.startsWith('request') && !each.startsWith('cancel'));
    assert.equal(said, this.#said.slice(0, said.length));
    if (stream.closed) return;
    assert.equal(said, this.#said);
    const asked = stream.said.filter((each) => each.startsWith('request')).map((each) => Number(each.split(' ')[1]));
    assert.is(
      asked.reduce((sum, count) => sum + count, 0),
      this.#permits,
    );
  }

  /** Everything ends: by the channel, if by nothing else. */
  async #end(): Promise<void> {
    const { listener } = this.#made;
    for (let turn = 0; turn < 4; turn += 1) await nextTick();
    this.#check();
    this.#quietly(() => this.#world.channel.shutdownNow());
    const { status } = await listener.closed;
    for (let turn = 0; turn < 4; turn += 1) await nextTick();
    assert.is(listener.names.filter((name) => name === 'close').length, 1);
    assert.ok(
      this.#world.streams.every(({ closed }) => closed),
      'a stream is open',
    );
    assert.is(this.#world.clock.armed, 0, `a timer is left: ${status}`);
    assert.is(this.#world.settings.waiters.size, 0);
    assert.is(this.#world.channel.inspect().suspendedCalls, 0);
    assert.ok(this.#world.channel.isTerminated);
  }
}

test('by chance: one end, no more attempts than may be, each told all there is to say, and nothing is left', {
  timeoutMs: 120_000,
}, async () => {
  const runs = Number(process.env['RUNS'] ?? 2_000);
  await fc.assert(
    fc.asyncProperty(anyPlan, async (plan) => {
      const settings = new HandSettings(
        plan.known ? (POLICIES[plan.policy] ?? {}) : null,
        plan.hasThrottle ? { maxTokens: 6, tokenRatio: 1 } : null,
      );
      await using world = new World({ replay: { perCallBytes: 1_500 } }, settings);
      await new Chance(world, plan).run();
    }),
    { numRuns: runs, ...(process.env['SEED'] === undefined ? {} : { seed: Number(process.env['SEED']) }) },
  );
});

test.run();
