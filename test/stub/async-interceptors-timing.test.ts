/**
 * Async interceptors at both ends, whenever things happen: functions and handler that take their time, and a cancel, a
 * deadline, an abort or a shutdown that strikes at any moment. Every call ends once, with a status that its plan allows,
 * every handler that began hears its end, and nothing stays armed.
 */
import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { CallOptions } from '../../src/call/call-options.ts';
import type { ServerCall } from '../../src/call/server-call.ts';
import { asyncClientInterceptor } from '../../src/stub/async-client-interceptor.ts';
import { asyncServerInterceptor } from '../../src/stub/async-server-interceptor.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Status } from '../../src/values/status.ts';
import { StatusError } from '../../src/values/status-error.ts';
import { CallPair, type MadeCall } from '../call/call-pair.ts';
import { assert, suite } from '../support/suite.ts';
import { WoundClock } from '../support/wound-clock.ts';
import { turns } from './interceptor-support.ts';

const test = suite('async interceptors, whenever things happen');

const RUNS = 400;
const PATIENCE_TURNS = 150;
const TIMEOUT_MS = 60_000;

/** How something takes its time. */
type Pause = readonly ('microtask' | 'tick' | 'turn')[];

/** What a function does. Without a wait for next() it ends the call itself. */
interface Plan {
  readonly before: Pause;
  readonly act: 'refuse' | 'answer' | 'next' | 'next, not awaited';
  readonly after: Pause;
  /** What it makes of the end; `map` and `keep` concern failures alone. */
  readonly verdict: 'pass' | 'map' | 'keep' | 'throw';
}

interface HandlerPlan {
  readonly pause: Pause;
  readonly end: 'OK' | 'NOT_FOUND' | 'throw' | 'never';
}

interface Strike {
  readonly what: 'cancel' | 'deadline' | 'abort' | 'handler cancels' | 'channel shuts down' | 'server shuts down';
  readonly at: Pause;
}

interface Scenario {
  readonly transport: 'in-process' | 'http2';
  readonly kind: 'unary' | 'bidi_streaming';
  readonly client: Plan;
  readonly server: Plan;
  readonly handler: HandlerPlan;
  readonly strike: Strike | null;
}

const pause: fc.Arbitrary<Pause> = fc.array(fc.constantFrom('microtask', 'tick', 'turn'), { maxLength: 6 });

const plan: fc.Arbitrary<Plan> = fc.record({
  before: pause,
  act: fc.oneof(
    { weight: 8, arbitrary: fc.constant('next' as const) },
    { weight: 2, arbitrary: fc.constant('next, not awaited' as const) },
    { weight: 1, arbitrary: fc.constantFrom('refuse' as const, 'answer' as const) },
  ),
  after: pause,
  verdict: fc.constantFrom('pass', 'map', 'keep', 'throw'),
});

const scenarios = (transport: Scenario['transport']): fc.Arbitrary<Scenario> =>
  fc.record({
    transport: fc.constant(transport),
    kind: fc.constantFrom('unary', 'bidi_streaming'),
    client: plan,
    server: plan,
    handler: fc.record({
      pause,
      end: fc.oneof(
        { weight: 4, arbitrary: fc.constantFrom('OK' as const, 'NOT_FOUND' as const) },
        { weight: 1, arbitrary: fc.constantFrom('throw' as const, 'never' as const) },
      ),
    }),
    strike: fc.option(
      fc.record({
        what: fc.constantFrom(
          'cancel' as const,
          'deadline' as const,
          'abort' as const,
          'handler cancels' as const,
          'channel shuts down' as const,
          'server shuts down' as const,
        ),
        at: fc.array(fc.constantFrom('microtask' as const, 'tick' as const, 'turn' as const), { maxLength: 18 }),
      }),
      { nil: null, freq: 3 },
    ),
  });

async function spend(time: Pause): Promise<void> {
  for (const unit of time) {
    if (unit === 'microtask') await null;
    else if (unit === 'tick') await new Promise<void>((resolve) => process.nextTick(resolve));
    else await turns(1);
  }
}

function thrown(code: 'UNAUTHENTICATED' | 'ABORTED' | 'RESOURCE_EXHAUSTED', text: string): StatusError {
  return new StatusError(Status[code].withDescription(text));
}

/** Runs a plan, at either end. */
async function follow(
  { before, act, after, verdict }: Plan,
  side: string,
  next: () => Promise<{ readonly trailers: Metadata }>,
): Promise<{ readonly trailers: Metadata }> {
  const ended = { trailers: new Metadata() };
  await spend(before);
  if (act === 'refuse') throw thrown('UNAUTHENTICATED', `${side} refused`);
  if (act === 'answer') return ended;
  if (act === 'next, not awaited') {
    void next();
    await spend(after);
    if (verdict === 'throw' || verdict === 'map') throw thrown('RESOURCE_EXHAUSTED', `${side} was in a hurry`);
    return ended;
  }
  let end = ended;
  try {
    end = await next();
  } catch (error) {
    await spend(after);
    if (verdict === 'pass') throw error;
    if (verdict === 'map') throw thrown('ABORTED', `${side} mapped`);
    if (verdict === 'keep') return ended;
  }
  await spend(after);
  if (verdict === 'throw') throw thrown('ABORTED', `${side} threw`);
  return end;
}

/** How a function ends a call that ended `below` without it; null for not at all. */
function endOf({ act, verdict }: Plan, side: string, below: string | null): string | null {
  if (act === 'refuse') return `UNAUTHENTICATED: ${side} refused`;
  if (act === 'answer') return 'OK';
  const throws = verdict === 'throw' || verdict === 'map';
  if (act === 'next, not awaited') return throws ? `RESOURCE_EXHAUSTED: ${side} was in a hurry` : 'OK';
  if (below === null) return null;
  if (verdict === 'throw') return `ABORTED: ${side} threw`;
  if (below === 'OK' || verdict === 'pass') return below;
  return verdict === 'map' ? `ABORTED: ${side} mapped` : 'OK';
}

const HANDLER_ENDS = { OK: 'OK', NOT_FOUND: 'NOT_FOUND: no such', throw: 'UNKNOWN', never: null } as const;

/** How the server ends the call if nothing strikes, in the order of things: null for not at all. */
function serverEnd({ server, handler, kind }: Scenario): string | null {
  const end = endOf(server, 'the server', HANDLER_ENDS[handler.end]);
  // Who returns OK before, or instead of, the handler's answer has none to send.
  const lacksResponse = kind === 'unary' && end === 'OK' && (handler.end !== 'OK' || server.act === 'answer');
  return lacksResponse ? 'INTERNAL: Completed without a response' : end;
}

/** How the call below the client's function may end. */
function endsBelow(scenario: Scenario): (string | null)[] {
  const end = serverEnd(scenario);
  // Whether the answer was sent before a hasty OK is a matter of time.
  const isHasty =
    scenario.kind === 'unary' && scenario.server.act === 'next, not awaited' && scenario.handler.end === 'OK';
  return isHasty && end === 'OK' ? ['OK', 'INTERNAL: Completed without a response'] : [end];
}

/** What a strike may make of the call below. */
const STRIKES: Readonly<Record<Strike['what'], readonly RegExp[]>> = {
  cancel: [/^CANCELLED: struck$/],
  deadline: [/^DEADLINE_EXCEEDED/],
  abort: [/^CANCELLED: the signal was aborted$/],
  'handler cancels': [/^DATA_LOSS: struck$/, /^CANCELLED: stream reset by the peer/],
  'channel shuts down': [/^UNAVAILABLE: Channel shutdownNow/],
  'server shuts down': [/^UNAVAILABLE/],
};

function mayEnd(text: string, scenario: Scenario): boolean {
  const { client, strike } = scenario;
  if (endsBelow(scenario).some((below) => endOf(client, 'the client', below) === text)) return true;
  if (strike === null) return false;
  return STRIKES[strike.what].some((pattern) => pattern.test(text)) || text === endOf(client, 'the client', 'struck');
}

/** What runs of one scenario. */
class Run {
  readonly #scenario: Scenario;
  readonly #clock = new WoundClock();
  readonly #controller = new AbortController();
  readonly #runs = { client: 0, server: 0, handler: 0 };
  #served: ServerCall<string, string> | null = null;

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
  }

  async play(): Promise<void> {
    const pair = await this.#open();
    const options = CallOptions.DEFAULT.withTimeout(60_000, this.#clock).withSignal(this.#controller.signal);
    const made = pair.start(this.#scenario.kind, {}, options);
    made.call.request(2);
    made.call.sendMessage('a question');
    made.call.halfClose();
    const cancelled = await this.#strike(pair, made);
    await this.#end(made, cancelled);
    await this.#checkServer(pair);
    assert.is(getEventListeners(this.#controller.signal, 'abort').length, 0, 'a signal is still listened to');
    pair.channel.shutdown();
    assert.ok(await pair.channel.awaitTermination(5_000), 'the channel still has a call');
    pair.server.shutdown();
    assert.ok(await pair.server.awaitTermination(5_000), 'the server still has a call');
    assert.is(this.#clock.armed, 0, 'a timer is still armed');
  }

  #open(): Promise<CallPair> {
    const { client, server, handler, transport } = this.#scenario;
    const atClient = asyncClientInterceptor(async (_method, _call, next) => {
      this.#runs.client += 1;
      return await follow(client, 'the client', next);
    });
    const atServer = asyncServerInterceptor(async (_call, next) => {
      this.#runs.server += 1;
      return await follow(server, 'the server', next);
    });
    return CallPair.open({
      transport,
      channel: { clock: this.#clock, interceptors: [atClient] },
      server: { clock: this.#clock, interceptors: [atServer] },
      handle: (call) => {
        this.#runs.handler += 1;
        this.#served = call;
        call.request(2);
        if (handler.end === 'throw' && handler.pause.length === 0) throw new Error('the handler threw');
        return { onHalfClose: () => void this.#handle(call, handler) };
      },
    });
  }

  /** Legal at whatever moment: the order of a handler's calls is its own. */
  async #handle(call: ServerCall<string, string>, { pause: time, end }: HandlerPlan): Promise<void> {
    await spend(time);
    if (end === 'never') return;
    if (end === 'OK') {
      call.sendHeaders(new Metadata());
      call.sendMessage('an answer');
      call.close(Status.OK, new Metadata());
    } else {
      const status = end === 'throw' ? Status.UNKNOWN : Status.NOT_FOUND.withDescription('no such');
      call.close(status, new Metadata());
    }
  }

  /** Whether it was a cancel that came before the end, so that it must win. */
  async #strike(pair: CallPair, { call, listener }: MadeCall): Promise<boolean> {
    const { strike } = this.#scenario;
    if (strike === null) return false;
    await spend(strike.at);
    const wasClosed = listener.names.includes('close');
    const act = {
      cancel: () => call.cancel('struck'),
      deadline: () => this.#clock.advance(60_000),
      abort: () => this.#controller.abort(new Error('struck')),
      'handler cancels': () => this.#served?.cancel(Status.DATA_LOSS.withDescription('struck')),
      'channel shuts down': () => pair.channel.shutdownNow(),
      'server shuts down': () => pair.server.shutdownNow(),
    }[strike.what];
    listener.forbid(act);
    return strike.what === 'cancel' && !wasClosed;
  }

  async #end({ call, listener }: MadeCall, wasCancelled: boolean): Promise<void> {
    const { log } = listener;
    for (let i = 0; i < PATIENCE_TURNS && log.all('close').length === 0; i += 1) await turns(1);
    const isLeft = log.all('close').length === 0;
    if (isLeft) {
      const mayStay = endsBelow(this.#scenario).includes(null) || this.#scenario.strike !== null;
      assert.ok(mayStay, `the call has not ended: ${log.text()}`);
      call.cancel('the test is over');
    }
    const text = (await listener.closed).status.toString();
    if (isLeft) assert.is(text, 'CANCELLED: the test is over');
    else if (wasCancelled) assert.is(text, 'CANCELLED: struck');
    else assert.ok(mayEnd(text, this.#scenario), `it may not end so: ${text}`);
    await turns(PATIENCE_TURNS / 5);
    assert.is(log.all('close').length, 1);
    assert.equal(log.breaches, []);
  }

  async #checkServer(pair: CallPair): Promise<void> {
    const { client, server } = this.#scenario;
    const runs = this.#runs;
    assert.is(runs.client, 1);
    if (client.act === 'refuse' || client.act === 'answer') assert.is(runs.server, 0);
    if (server.act === 'refuse' || server.act === 'answer') assert.is(runs.handler, 0);
    assert.ok(runs.server <= 1 && runs.handler <= runs.server, JSON.stringify(runs));
    for (const { listener } of pair.served.all) {
      await listener.closed;
      assert.equal(listener.log.breaches, []);
    }
    const said = pair.failures.map(({ error }) => String(error));
    assert.equal(
      said.filter((text) => text !== 'Error: the handler threw'),
      [],
    );
  }
}

for (const transport of ['in-process', 'http2'] as const) {
  test(`${transport}: every call ends once, as it may`, { timeoutMs: TIMEOUT_MS }, async () => {
    await fc.assert(
      fc.asyncProperty(scenarios(transport), (scenario) => new Run(scenario).play()),
      { numRuns: transport === 'http2' ? RUNS / 4 : RUNS },
    );
  });
}

test.run();
