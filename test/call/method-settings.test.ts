/**
 * What a channel knows of a method, beside what the caller says: how the two are joined, and calls that wait for it. Over names:
 * test/channel/managed-channel.test.ts. Source: grpc doc/service_config.md; upstream: ClientCallImplTest.methodInfoDeadline…,
 * ManagedChannelImplTest.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { CallOptions } from '../../src/call/call-options.ts';
import { boundedOptions, type MethodSettings, NO_SETTINGS } from '../../src/call/method-settings.ts';
import { Code, Status } from '../../src/values/status.ts';
import { StatusError } from '../../src/values/status-error.ts';
import { assert, suite } from '../support/suite.ts';
import { WoundClock } from '../support/wound-clock.ts';
import { aFewTurns, HandSettings, type MadeCall, MIB, REFUSED, textOf, World } from './ending-streams.ts';

const test = suite('MethodSettings');
const { DEFAULT } = CallOptions;

// ---- how the two are joined ----

function bounded(options: CallOptions, settings: Partial<MethodSettings>, elapsedMs = 0): CallOptions {
  return boundedOptions(options, { ...NO_SETTINGS, ...settings }, new WoundClock(), elapsedMs);
}

test('the earlier end, the smaller limits and the caller’s own waitForReady count', () => {
  const clock = new WoundClock();
  const remaining = (callers: number | null, timeoutMs: number | null, elapsedMs = 0): number | undefined => {
    const options = callers === null ? DEFAULT : DEFAULT.withTimeout(callers, clock);
    return boundedOptions(options, { ...NO_SETTINGS, timeoutMs }, clock, elapsedMs).deadline?.remainingMs();
  };
  assert.is(remaining(null, null), undefined);
  assert.is(remaining(50, null), 50);
  assert.is(remaining(null, 40), 40);
  assert.is(remaining(50, 40), 40);
  assert.is(remaining(30, 40), 30);
  assert.is(remaining(null, 40, 15), 25);
  assert.is(remaining(null, 0), 0);

  for (const [callers, known, counts] of [
    [null, null, null],
    [null, true, true],
    [null, false, false],
    [false, true, false],
    [true, false, true],
  ] as const) {
    assert.is(bounded(DEFAULT.withWaitForReady(callers), { waitForReady: known }).waitForReady, counts);
  }
  for (const [callers, known, counts] of [
    [null, null, null],
    [null, 7, 7],
    [5, null, 5],
    [5, 7, 5],
    [7, 5, 5],
    [Number.POSITIVE_INFINITY, 5, 5],
    [5, 0, 0],
  ] as const) {
    const out = bounded(DEFAULT.withMaxOutboundMessageSize(callers), { maxRequestBytes: known });
    assert.is(out.maxOutboundMessageBytes, counts);
    assert.is(out.maxInboundMessageBytes, null);
    const inbound = bounded(DEFAULT.withMaxInboundMessageSize(callers), { maxResponseBytes: known });
    assert.is(inbound.maxInboundMessageBytes, counts);
  }
});

test('where nothing changes the caller’s options stay the same object', () => {
  const options = DEFAULT.withWaitForReady(true).withMaxInboundMessageSize(5);
  assert.is(bounded(options, {}), options);
  assert.is(bounded(options, { waitForReady: false, maxResponseBytes: 5 }), options);
});

// ---- known at the start ----

test('a call goes by what is known at its start: timeout, waitForReady, the largest response', async () => {
  const settings = new HandSettings({ timeoutMs: 100, waitForReady: true, maxResponseBytes: 10 });
  await using world = new World({}, settings);
  const made = world.start();
  const { deadline, waitForReady, maxInboundMessageBytes } = world.last.options;
  assert.equal([deadline?.remainingMs(), waitForReady, maxInboundMessageBytes], [100, true, 10]);
  world.clock.advance(100);
  assert.is(await textOf(made), 'DEADLINE_EXCEEDED: deadline exceeded after 0.100 s (in good hands)');
});

test('a response limit that is known goes before the channel’s own', async () => {
  await using world = new World({ maxInboundMessageBytes: 5 }, new HandSettings({ maxResponseBytes: 10 }));
  const made = world.start();
  assert.is(world.last.options.maxInboundMessageBytes, 10);
  made.call.cancel('enough');
});

test('a request over the limit that is known ends the call', async () => {
  await using world = new World({}, new HandSettings({ maxRequestBytes: 3 }));
  const made = world.start();
  made.call.sendMessage(Buffer.from('abc'));
  made.call.sendMessage(Buffer.from('abcd'));
  const { status } = await made.listener.closed;
  assert.is(status.code, Code.CANCELLED);
  assert.is(status.cause instanceof StatusError && status.cause.code, Code.RESOURCE_EXHAUSTED);
});

test('a timeout of no time at all ends the call before it begins', async () => {
  await using world = new World({}, new HandSettings({ timeoutMs: 0 }));
  assert.match(await textOf(world.start()), /^DEADLINE_EXCEEDED: ClientCall started after its deadline/);
  assert.is(world.streams.length, 0);
});

// ---- not known yet ----

function unsettled(): World {
  return new World({}, new HandSettings(null));
}

test('a call waits until it is known, with all that it says, and begins then', async () => {
  await using world = unsettled();
  const context = new AsyncLocalStorage<string>();
  const told: (string | undefined)[] = [];
  const reactions = { onReady: () => void told.push(context.getStore()) };
  const { call, listener } = context.run('start', () => world.start({ reactions }));
  assert.is(world.channel.inspect().suspendedCalls, 1);
  assert.not(call.isReady());
  assert.is(call.getAttributes().toString(), world.start().call.getAttributes().toString());
  call.sendMessage(Buffer.from('a'));
  call.request(2);
  call.sendMessage(Buffer.from('b'));
  call.halfClose();
  assert.is(world.streams.length, 0);
  context.run('elsewhere', () => listener.forbid(() => world.settings.tell({ waitForReady: true })));
  assert.is(world.streams.length, 2);
  const [stream] = world.streams;
  assert.equal(stream?.said, ['start', 'write a', 'write b', 'halfClose', 'request 2']);
  assert.is(stream?.options.waitForReady, true);
  assert.is(stream?.options.previousAttempts, 0);
  assert.is(world.channel.inspect().suspendedCalls, 0);
  context.run('elsewhere', () => stream?.becomeReady());
  assert.equal(told, ['start']);
});

test('a call that is told too early asks again', async () => {
  await using world = unsettled();
  const made = world.start();
  world.settings.wake();
  assert.is(world.settings.waiters.size, 1);
  assert.is(world.streams.length, 0);
  world.settings.tell({});
  assert.is(world.streams.length, 1);
  made.call.cancel('enough');
});

test('the timeout counts from the start of the call, the time it waited included', async () => {
  await using world = unsettled();
  const made = world.start();
  world.clock.advance(60);
  world.settings.tell({ timeoutMs: 100 });
  assert.is(world.last.options.deadline?.remainingMs(), 40);
  world.clock.advance(39);
  assert.equal(made.listener.names, []);
  world.clock.advance(1);
  assert.is(await textOf(made), 'DEADLINE_EXCEEDED: deadline exceeded after 0.100 s (in good hands)');
});

test('the caller’s deadline goes on counting, where it is the earlier one', async () => {
  await using world = unsettled();
  const made = world.start({ options: DEFAULT.withTimeout(50, world.clock) });
  world.clock.advance(20);
  world.settings.tell({ timeoutMs: 100 });
  assert.is(world.clock.armed, 1);
  world.clock.advance(30);
  assert.is(await textOf(made), 'DEADLINE_EXCEEDED: deadline exceeded after 0.050 s (in good hands)');
});

test('a timeout that is over when it becomes known ends the call, and nothing is opened', async () => {
  await using world = unsettled();
  const made = world.start({ options: DEFAULT.withTimeout(1_000, world.clock) });
  world.clock.advance(60);
  world.settings.tell({ timeoutMs: 50 });
  assert.is(await textOf(made), 'DEADLINE_EXCEEDED: deadline exceeded after 0.050 s (waiting for name resolution)');
  assert.is(world.streams.length, 0);
  assert.is(world.clock.armed, 0);
});

test('a message that turns out too large when the limit becomes known ends the call', async () => {
  await using world = unsettled();
  const made = world.start();
  made.call.sendMessage(Buffer.from('a'));
  made.call.sendMessage(Buffer.from('abcd'));
  made.call.sendMessage(Buffer.from('b'));
  world.settings.tell({ maxRequestBytes: 3 });
  const { status } = await made.listener.closed;
  assert.is(status.code, Code.CANCELLED);
  assert.is(status.cause instanceof StatusError && status.cause.code, Code.RESOURCE_EXHAUSTED);
  assert.is(world.streams.length, 0);
});

test('cancel, abort and deadline end a call that waits, which is forgotten then', async () => {
  await using world = unsettled();
  const abort = new AbortController();
  const ends: readonly [string, CallOptions, (made: MadeCall) => void][] = [
    ['CANCELLED: enough', DEFAULT, ({ call }) => call.cancel('enough')],
    ['CANCELLED', DEFAULT.withSignal(abort.signal), () => abort.abort()],
    [
      'DEADLINE_EXCEEDED: deadline exceeded after 0.050 s (waiting for name resolution)',
      DEFAULT.withTimeout(50, world.clock),
      () => world.clock.advance(50),
    ],
  ];
  for (const [text, options, end] of ends) {
    const made = world.start({ options });
    made.call.sendMessage(Buffer.from('a'));
    made.listener.forbid(() => end(made));
    assert.is(world.settings.waiters.size, 0);
    assert.ok((await textOf(made)).startsWith(text), await textOf(made));
    assert.equal(made.listener.names, ['close']);
  }
  world.settings.tell({});
  await aFewTurns();
  assert.is(world.streams.length, 0);
  assert.is(world.channel.inspect().suspendedCalls, 0);
  await world.assertBudgetIsFree();
});

test('what a call keeps is bounded only until it begins', async () => {
  await using world = unsettled();
  const made = world.start();
  for (let count = 0; count < 3; count += 1) made.call.sendMessage(Buffer.alloc(MIB));
  world.settings.tell({});
  assert.is(world.last.said.length, 4);
  world.last.end(REFUSED, 'refused');
  assert.is(await textOf(made), 'UNAVAILABLE: refused');
  await world.assertBudgetIsFree();
});

test('shutdown lets a call that waits go on, but none that comes later', async () => {
  await using world = unsettled();
  const made = world.start();
  world.channel.shutdown();
  const late = world.start();
  assert.is(await textOf(late), 'UNAVAILABLE: Channel shutdown invoked');
  assert.not(world.channel.isTerminated);
  world.settings.tell({});
  assert.is(world.streams.length, 1);
  world.last.end(Status.OK);
  assert.is(await textOf(made), 'OK');
  await aFewTurns();
  assert.ok(world.channel.isTerminated);
});

test('shutdownNow ends a call that waits', async () => {
  await using world = unsettled();
  const made = world.start();
  made.listener.forbid(() => world.channel.shutdownNow());
  assert.is(await textOf(made), 'UNAVAILABLE: Channel shutdownNow invoked');
  assert.is(world.settings.waiters.size, 0);
  assert.is(await textOf(world.start()), 'UNAVAILABLE: Channel shutdownNow invoked');
});

test.run();
