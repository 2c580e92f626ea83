/**
 * Both ends of a bidi call in the promise style by chance: whatever they send, read, throw, end and leave, and whenever, every
 * promise settles, what is read is a prefix of what was sent, and nothing is left over. RUNS and SEED of the environment make
 * it run longer, or again.
 */
import * as fc from 'fast-check';
import type { MessageSender, ResponseStream } from '../../../src/stub/call-objects.ts';
import type { CallSettings } from '../../../src/stub/call-settings.ts';
import { Code, Status } from '../../../src/values/status.ts';
import { StatusError } from '../../../src/values/status-error.ts';
import { assert, suite } from '../../support/suite.ts';
import { Gate, PromisePair, soon, type TextClient, type TextHandlers, type Transport, turns } from './promise-pair.ts';

const test = suite('the promise style by chance');

/** A node before 22 ends a connection on which many streams were reset in a burst: a pair for each round. */
const ROUND = 100;
const RUNS = Number(process.env['RUNS'] ?? 300);
const SEED = process.env['SEED'] === undefined ? null : Number(process.env['SEED']);
const LONG_MS = process.env['RUNS'] === undefined ? 60_000 : 3_600_000;

type WriterStep = 'small' | 'large' | 'awaited' | 'turn' | 'turns' | 'throw' | 'close';
type ReaderStep = 'read' | 'awaited' | 'turn' | 'turns' | 'headers' | 'cancel' | 'abort' | 'return' | 'throw';
type HandlerStep = 'read' | 'awaited' | 'small' | 'large' | 'turn' | 'turns' | 'headers' | 'throw' | 'fail' | 'leave';

interface Plan {
  readonly byHand: boolean;
  readonly prefetch: number;
  readonly writer: readonly WriterStep[];
  readonly reader: readonly ReaderStep[];
  readonly handler: readonly HandlerStep[];
  /** Whether the reader reads on to the end before it leaves. */
  readonly drains: boolean;
}

const writerStep = fc.constantFrom<WriterStep>(
  ...(['small', 'small', 'large', 'awaited', 'awaited', 'turn', 'turns', 'throw', 'close'] as const),
);
const readerStep = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom<ReaderStep>('read', 'read', 'awaited', 'turn', 'turns', 'headers') },
  { weight: 1, arbitrary: fc.constantFrom<ReaderStep>('cancel', 'abort', 'return', 'throw') },
);
const handlerStep = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.constantFrom<HandlerStep>('read', 'awaited', 'small', 'small', 'large', 'turn', 'turns', 'headers'),
  },
  { weight: 1, arbitrary: fc.constantFrom<HandlerStep>('throw', 'fail', 'leave') },
);

const plans: fc.Arbitrary<Plan> = fc.record({
  byHand: fc.boolean(),
  prefetch: fc.constantFrom(0, 1, 1, 5),
  writer: fc.array(writerStep, { maxLength: 15 }),
  reader: fc.array(readerStep, { maxLength: 15 }),
  handler: fc.array(handlerStep, { maxLength: 15 }),
  drains: fc.boolean(),
});

const mine = new Error('mine');
const LARGE = 'x'.repeat(20_000);

/** One run: what both ends have sent and read, and every promise that was given. */
class Run {
  readonly plan: Plan;
  readonly sent: string[] = [];
  readonly yielded: string[] = [];
  /** What each read gave, in the order of the reads; null where there was nothing. */
  readonly received: (string | null)[] = [];
  readonly read: (string | null)[] = [];
  readonly promises: Promise<unknown>[] = [];
  readonly sends: boolean[] = [];
  /** Opens when the handler is through; null while it has not begun. */
  handled: Gate | null = null;
  /** Whether the reader has come to the end, and it was a good one. */
  isWhole = false;

  constructor(plan: Plan) {
    this.plan = plan;
  }

  #text(step: string, list: string[]): string {
    const text = `${list.length}${step === 'large' ? LARGE : ''}`;
    list.push(text);
    return text;
  }

  // ---- the client ----

  async call(client: TextClient, settings: CallSettings): Promise<Status> {
    const controller = new AbortController();
    const given = { ...settings, prefetch: this.plan.prefetch, signal: controller.signal };
    const byHand = this.plan.byHand ? client.bidi(given) : null;
    const call = byHand ?? client.bidi(this.#requests(), given);
    const writing = byHand === null ? null : this.#write(byHand);
    await this.#readAll(call, controller);
    if (!this.plan.drains) await call[Symbol.asyncDispose]();
    const status = await soon(call.status, 'the status');
    await soon(Promise.all([call.trailers, call.headers.catch(() => null), call[Symbol.asyncDispose]()]));
    await soon(Promise.resolve(writing), 'the writer to be through');
    return status;
  }

  async #write(call: MessageSender<string>): Promise<void> {
    for (const step of this.plan.writer) {
      if (step === 'turn' || step === 'turns') await turns(step === 'turn' ? 1 : 4);
      else if (step === 'throw') continue;
      else if (step === 'close') break;
      else {
        const sending = call.send(this.#text(step, this.sent)).then((sent) => this.sends.push(sent));
        this.promises.push(sending);
        if (step === 'awaited') await sending;
      }
    }
    call.closeSend();
  }

  async *#requests(): AsyncGenerator<string> {
    for (const step of this.plan.writer) {
      if (step === 'turn' || step === 'turns') await turns(step === 'turn' ? 1 : 4);
      else if (step === 'throw') throw mine;
      else if (step === 'close') return;
      else yield this.#text(step, this.sent);
    }
  }

  async #readAll(call: ResponseStream<string>, controller: AbortController): Promise<void> {
    for (const step of this.plan.reader) {
      if (step === 'read') void this.#readOne(call);
      else if (step === 'awaited') await this.#readOne(call);
      else if (step === 'turn' || step === 'turns') await turns(step === 'turn' ? 1 : 4);
      else if (step === 'headers') this.promises.push(call.headers.catch(() => null));
      else if (step === 'cancel') call.cancel(mine);
      else if (step === 'abort') controller.abort(mine);
      else if (step === 'return') this.promises.push(call.return?.() ?? Promise.resolve());
      else if (step === 'throw') this.promises.push((call.throw?.(mine) ?? Promise.reject()).catch(() => null));
    }
    while (this.plan.drains && (await this.#readOne(call)));
  }

  async #readOne(call: ResponseStream<string>): Promise<boolean> {
    const index = this.read.push(null) - 1;
    const reading = call.next().then(
      ({ done, value }) => {
        if (done !== true) this.read[index] = value;
        else this.isWhole = true;
        return done !== true;
      },
      (error: unknown) => {
        assert.instance(error, StatusError);
        return false;
      },
    );
    this.promises.push(reading);
    return await soon(reading, 'a read');
  }

  // ---- the handler ----

  async *handle(...[texts, context]: Parameters<TextHandlers['bidi']>): AsyncGenerator<string> {
    const handled = new Gate();
    this.handled = handled;
    let headersSent = false;
    try {
      for (const step of this.plan.handler) {
        if (step === 'read' || step === 'awaited') {
          const index = this.received.push(null) - 1;
          const reading = texts.next().then(({ done, value }) => {
            if (done !== true) this.received[index] = value;
          });
          this.promises.push(reading.catch(() => null));
          if (step === 'awaited') await reading;
        } else if (step === 'turn' || step === 'turns') await turns(step === 'turn' ? 1 : 4);
        else if (step === 'headers') {
          if (!headersSent && this.yielded.length === 0) context.sendHeaders();
          headersSent = true;
        } else if (step === 'throw') throw mine;
        else if (step === 'fail') throw new StatusError(Status.ABORTED);
        else if (step === 'leave') await texts.return?.();
        else yield this.#text(step, this.yielded);
      }
    } finally {
      handled.open();
    }
  }
}

/** How many messages were read; they must be the first that were sent, and no read may have come away empty before. */
function checkRead(read: readonly (string | null)[], sent: readonly string[]): number {
  const texts = read.filter((text) => text !== null);
  assert.equal(read.slice(0, texts.length), sent.slice(0, texts.length), 'something else was read than was sent');
  return texts.length;
}

class World implements AsyncDisposable {
  readonly #runs: Map<string, Run> = new Map();
  readonly #pair: PromisePair;
  #count = 0;

  private constructor(pair: PromisePair, runs: Map<string, Run>) {
    this.#pair = pair;
    this.#runs = runs;
  }

  static async open(transport: Transport): Promise<World> {
    const runs = new Map<string, Run>();
    const bidi: TextHandlers['bidi'] = (texts, context) => {
      const run = runs.get(context.metadata.get('x-run') ?? '');
      if (run === undefined) throw new Error('a call of no run');
      return run.handle(texts, context);
    };
    return new World(await PromisePair.open({ bidi }, { transport }), runs);
  }

  async play(plan: Plan): Promise<void> {
    this.#count += 1;
    const name = String(this.#count);
    const run = new Run(plan);
    this.#runs.set(name, run);
    const status = await run.call(this.#pair.client, { metadata: { 'x-run': name } });
    await soon(Promise.all(run.promises), 'all promises to settle');
    await turns();
    await run.handled?.pass('the handler to be through');
    await soon(Promise.all(run.promises), 'all promises to settle');
    checkRead(run.received, run.sent);
    const read = checkRead(run.read, run.yielded);
    // Once a send was answered false all that follow are.
    assert.ok(
      run.sends.lastIndexOf(true) <= run.sends.indexOf(false) || !run.sends.includes(false),
      'a send came late',
    );
    if (status.isOk && run.isWhole && !plan.reader.includes('return') && !plan.reader.includes('throw')) {
      assert.is(read, run.yielded.length, 'the client read less than was yielded');
    }
    if (status.code === Code.UNKNOWN) assert.ok(plan.handler.includes('throw'));
    this.#runs.delete(name);
    const thrown = this.#pair.failures.filter((failure) => failure !== mine);
    assert.equal(thrown, [], 'something was reported that no handler threw');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pair[Symbol.asyncDispose]();
  }
}

for (const transport of ['in-process', 'http2'] as const) {
  test(`${transport}: every promise settles, and what is read is what was sent`, { timeoutMs: LONG_MS }, async () => {
    for (let left = RUNS; left > 0; left -= ROUND) {
      await using world = await World.open(transport);
      const property = fc.asyncProperty(plans, (plan) => world.play(plan));
      const seed = SEED === null ? {} : { seed: SEED + left };
      await fc.assert(property, { numRuns: Math.min(ROUND, left), endOnFailure: true, ...seed });
    }
  });
}

test.run();
