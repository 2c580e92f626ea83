/** Thousands of calls that end early, at random, from either end: each ends once, and nothing is left of them. */
import { createHook } from 'node:async_hooks';
import { getEventListeners } from 'node:events';
import { CallOptions } from '../../src/call/call-options.ts';
import { type ClientCall, ClientCallListener } from '../../src/call/client-call.ts';
import { type ServerCall, ServerCallListener } from '../../src/call/server-call.ts';
import { ServiceDefinition } from '../../src/call/service-definition.ts';
import { createChannel } from '../../src/channel/create-channel.ts';
import type { DirectChannel } from '../../src/channel/direct-channel.ts';
import { ChannelCredentials } from '../../src/credentials/channel-credentials.ts';
import { ServerCredentials } from '../../src/credentials/server-credentials.ts';
import { Server } from '../../src/server/server.ts';
import { type Clock, SYSTEM_CLOCK, type Timer, type TimerTask } from '../../src/values/clock.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { type Code, Status } from '../../src/values/status.ts';
import { usedBytes } from '../support/memory.ts';
import { activeResources, leakedSince } from '../support/resources.ts';
import { assert, suite, within } from '../support/suite.ts';
import { aWhile, KINDS, METHODS } from './call-pair.ts';

const test = suite('calls that end early');

const CALLS = 10_000;
const WARM_UP = 3_000;
const IN_FLIGHT = 400;
/**
 * node:http2: ends a connection after a burst of 1000 resets, and Node 20 does not let us choose another number; so no
 * connection here sees that many.
 */
const CONNECTIONS = 20;

/** The system's clock, which knows how many of its timers are armed. */
class CountingClock implements Clock {
  readonly armed = new Set<Timer>();

  now(): number {
    return SYSTEM_CLOCK.now();
  }

  schedule(delayMs: number, task: TimerTask): Timer {
    const timer = SYSTEM_CLOCK.schedule(delayMs, {
      onTimer: () => {
        this.armed.delete(timer);
        task.onTimer();
      },
    });
    this.armed.add(timer);
    return timer;
  }

  scheduleInBackground(delayMs: number, task: TimerTask): Timer {
    return this.schedule(delayMs, task);
  }

  cancel(timer: Timer | null): void {
    if (timer !== null) this.armed.delete(timer);
    SYSTEM_CLOCK.cancel(timer);
  }
}

/** Numbers from 0 up to 1, the same in every run. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const random = dice(20_261_121);

/** Does `act` now, at the end of the tick, in the next turn or a little later. */
function soon(act: () => void): void {
  const when = random();
  if (when < 0.2) act();
  else if (when < 0.4) process.nextTick(act);
  else if (when < 0.7) setImmediate(act);
  else setTimeout(act, random() * 6);
}

const served = { began: 0, completed: 0, cancelled: 0, twice: 0 };

/** Serves as the dice say: answers, ends early, or does nothing at all. */
class Handler extends ServerCallListener<string> {
  readonly #call: ServerCall<string, string>;
  readonly #hasHeaders: boolean;
  #closed = false;
  #over = false;

  constructor(call: ServerCall<string, string>) {
    super();
    this.#call = call;
    served.began += 1;
    if (random() < 0.7) call.request(random() < 0.5 ? 1 : Number.POSITIVE_INFINITY);
    this.#hasHeaders = random() < 0.7;
    if (this.#hasHeaders) call.sendHeaders(new Metadata());
    if (random() < 0.4) soon(() => this.#close(random() < 0.5 ? Status.OK : Status.NOT_FOUND));
  }

  override onMessage(text: string): void {
    if (this.#hasHeaders && !this.#closed) this.#call.sendMessage(text);
  }

  override onHalfClose(): void {
    if (random() < 0.5) this.#close(Status.OK);
  }

  override onComplete(): void {
    this.#end('completed');
  }

  override onCancel(): void {
    this.#end('cancelled');
  }

  #close(status: Status): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#call.close(status, new Metadata());
  }

  #end(how: 'completed' | 'cancelled'): void {
    if (this.#over) served.twice += 1;
    this.#over = true;
    served[how] += 1;
  }
}

const closes = new Map<Code, number>();
let closedTwice = 0;
let heardAfterClose = 0;
const unavailable: string[] = [];

class Caller extends ClientCallListener<string> {
  readonly closed: Promise<void>;
  #resolve: () => void = () => {};
  #isClosed = false;

  constructor() {
    super();
    this.closed = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  override onHeaders(): void {
    this.#hear();
  }

  override onMessage(): void {
    this.#hear();
  }

  override onReady(): void {
    this.#hear();
  }

  override onWritten(): void {
    this.#hear();
  }

  #hear(): void {
    if (this.#isClosed) heardAfterClose += 1;
  }

  override onClose(status: Status): void {
    if (this.#isClosed) closedTwice += 1;
    this.#isClosed = true;
    closes.set(status.code, (closes.get(status.code) ?? 0) + 1);
    if (status.code === Status.UNAVAILABLE.code) unavailable.push(String(status));
    this.#resolve();
  }
}

/** One call that ends early, one way or another. */
async function callOnce(channel: DirectChannel, clock: Clock, shared: AbortSignal): Promise<void> {
  const kind = KINDS[Math.floor(random() * KINDS.length)] ?? 'unary';
  const own = new AbortController();
  let options = CallOptions.DEFAULT.withSignal(random() < 0.5 ? shared : own.signal);
  // Whatever the dice say, this ends it.
  options = options.withTimeout(random() < 0.2 ? random() * 10 : 1_000, clock);
  const call = channel.newCall(METHODS[kind], options);
  const listener = new Caller();
  call.start(listener, new Metadata());
  use(call, own);
  await listener.closed;
}

function use(call: ClientCall<string, string>, own: AbortController): void {
  if (random() < 0.8) call.request(random() < 0.5 ? 1 : Number.POSITIVE_INFINITY);
  const messages = Math.floor(random() * 4);
  const size = random() < 0.1 ? 50_000 : 20;
  for (let i = 0; i < messages; i += 1) call.sendMessage('x'.repeat(size));
  if (random() < 0.7) call.halfClose();
  if (random() < 0.85) soon(() => call.cancel('enough'));
  if (random() < 0.1) soon(() => own.abort());
}

async function callMany(count: number, channels: DirectChannel[], clock: Clock, shared: AbortSignal): Promise<void> {
  let left = count;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const channel = channels[left % channels.length];
      if (channel !== undefined) await callOnce(channel, clock, shared);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
}

/** The http2 streams of this process that are not gone. */
function streamCounter(): { readonly alive: Set<number>; disable(): void } {
  const alive = new Set<number>();
  const hook = createHook({
    init: (id, type) => void (type === 'HTTP2STREAM' && alive.add(id)),
    destroy: (id) => void alive.delete(id),
  }).enable();
  return { alive, disable: () => void hook.disable() };
}

async function endEarly(): Promise<void> {
  const clock = new CountingClock();
  const shared = new AbortController().signal;
  const streams = streamCounter();
  const service = new ServiceDefinition('test.Text');
  for (const method of Object.values(METHODS)) service.addMethod(method, (call) => new Handler(call));
  await using server = new Server({ clock }).addService(service);
  server.addListener({ host: '127.0.0.1', port: 0 }, ServerCredentials.insecure());
  await within(5_000, server.start());
  const target = `127.0.0.1:${server.port}`;
  const open = (): DirectChannel => createChannel(target, ChannelCredentials.insecure(), { clock });
  const channels = Array.from({ length: CONNECTIONS }, open);
  await callMany(WARM_UP, channels, clock, shared);
  await settled(streams.alive);
  const before = await usedBytes();
  const resources = await activeResources();
  const timers = clock.armed.size;

  await within(50_000, callMany(CALLS, channels, clock, shared), 'the calls to end');
  await settled(streams.alive);

  assert.equal([closedTwice, heardAfterClose, served.twice], [0, 0, 0]);
  assert.is(
    [...closes.values()].reduce((sum, count) => sum + count, 0),
    CALLS + WARM_UP,
  );
  assert.is(served.completed + served.cancelled, served.began);
  assert.ok(served.began > CALLS / 4, `only ${served.began} calls reached a handler`);
  assert.is(streams.alive.size, 0);
  assert.is(getEventListeners(shared, 'abort').length, 0);
  assert.is(clock.armed.size, timers);
  assert.equal(await leakedSince(resources, 2_000), []);
  const grownBytes = (await usedBytes()) - before;
  // Coverage, when it is on, keeps something for itself.
  assert.ok(grownBytes < 3_000_000, `the heap grew by ${grownBytes} bytes`);
  // The connections have outlived all of it.
  assert.ok(channels.every((channel) => channel.getState() === 'READY'));
  assert.equal(unavailable, []);
  for (const channel of channels) await channel[Symbol.asyncDispose]();
  streams.disable();
}

/** Waits for the streams' last turns. */
async function settled(alive: ReadonlySet<number>): Promise<void> {
  for (let i = 0; i < 60 && alive.size > 0; i += 1) await aWhile(50);
  await aWhile(50);
}

test('10,000 calls of every kind: one onClose each, and nothing is left', { timeoutMs: 60_000 }, endEarly);

test.run();
