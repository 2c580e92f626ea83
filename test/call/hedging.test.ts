/**
 * Hedged calls, over connections worked by hand. What is decided: retry-plan.test.ts; over HTTP/2: retry-http2.test.ts. Source:
 * gRFC A6 "Hedging Policy". Past 500 lines because each rule of when copies begin, and of which one is the call, has its case here.
 * Tests of io.grpc.internal.RetriableStreamTest that are not in retry-policy.test.ts › ours:
 *
 *   hedging_everythingDrained_oneHedgeReceivesNonFatal_oneHedgeReceivesFatalStatus
 *                                       › copies begin one after another …; what is written goes to all …; a copy that has
 *                                         failed is told nothing more …; a fatal failure ends …; a deadline tells …; there the
 *                                         next copy waits behind a failure that is not fatal, here not, as A6 has it
 *   hedging_maxAttempts                 › copies begin one after another …; while other copies run …; a copy that has failed …
 *   hedging_receiveHeaders              › the first that is answered is the call …
 *   hedging_pushback_negative           › a negative pushback …
 *   hedging_pushback_positive           › pushback puts the next copy off …; while other copies run, pushback …
 *   hedging_deadlock                    has no like here: there are neither threads nor locks
 *   hedging_cancelled                   › a cancel ends all copies …
 *   hedging_perRpcBufferLimitExceeded   › a call that keeps more than it may …
 *   hedging_channelBufferLimitExceeded  › the same by the channel’s limit …
 *   hedging_transparentRetry, hedging_transparentRetryNotAllowed
 *                                       › a copy that no application saw …; of the refusals of a call one is forgiven …; there
 *                                         none behind another copy’s failure
 *   hedging_throttledByOtherCall        › without tokens …; there a copy that is due already begins all the same
 *   hedging_throttledByHedgingStreams   › copies whose own failures use the tokens up …
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { CallOptions } from '../../src/call/call-options.ts';
import type { HedgingPolicy } from '../../src/call/method-settings.ts';
import type { RetryThrottling } from '../../src/call/retry-throttle.ts';
import type { ChannelOptions } from '../../src/channel/managed-channel.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Code, Status } from '../../src/values/status.ts';
import { nextTick } from '../channel/hand-transport.ts';
import { ECHO_KINDS } from '../support/echo.ts';
import { assert, suite } from '../support/suite.ts';
import {
  aFewTurns,
  type EndableStream,
  GONE,
  HandSettings,
  REFUSED,
  REFUSED_AGAIN,
  Tokens,
  textOf,
  World,
} from './ending-streams.ts';

const test = suite('Hedging');
const { DEFAULT } = CallOptions;

const POLICY: HedgingPolicy = { maxAttempts: 3, delayMs: 100, nonFatalCodes: new Set<Code>([Code.UNAVAILABLE]) };
const BUSY = Status.UNAVAILABLE.withDescription('busy');
const BROKEN = Status.INTERNAL.withDescription('broken');
const pushback = (value: string): Metadata => new Metadata({ 'grpc-retry-pushback-ms': value });

function hedging(
  policy: Partial<HedgingPolicy> = {},
  throttling: RetryThrottling | null = null,
  options: ChannelOptions = {},
): World {
  return new World(options, new HandSettings({ hedging: { ...POLICY, ...policy } }, throttling));
}

/** The stream of a copy. */
function copy(world: World, index: number): EndableStream {
  const stream = world.streams[index];
  if (stream === undefined) throw new Error(`there are ${world.streams.length} copies`);
  return stream;
}

// ---- when copies begin ----

test('copies begin one after another, until there are as many as may be', async () => {
  await using world = hedging();
  const { call } = world.start();
  for (let count = 1; count <= 3; count += 1) {
    assert.is(world.streams.length, count);
    assert.is(world.last.options.previousAttempts, count - 1);
    assert.is(world.last.headers?.get('grpc-previous-rpc-attempts'), count === 1 ? undefined : `${count - 1}`);
    world.clock.advance(99);
    assert.is(world.streams.length, count);
    world.clock.advance(1);
  }
  assert.is(world.streams.length, 3);
  assert.is(world.clock.armed, 0);
  call.cancel('enough');
});

test('without a delay all begin at once', async () => {
  await using world = hedging({ delayMs: 0 });
  const { call } = world.start();
  assert.is(world.streams.length, 3);
  call.sendMessage(Buffer.from('a'));
  for (const stream of world.streams) assert.equal(stream.said, ['start', 'write a']);
  assert.is(world.clock.armed, 0);
  call.cancel('enough');
});

test('what is written goes to all copies, to later ones in the order in which it was said', async () => {
  await using world = hedging();
  const { call } = world.start();
  call.sendMessage(Buffer.from('a'));
  call.request(1);
  world.clock.advance(100);
  call.sendMessage(Buffer.from('b'));
  call.request(2);
  world.clock.advance(100);
  call.halfClose();
  assert.equal(copy(world, 0).said, ['start', 'write a', 'request 1', 'write b', 'request 2', 'halfClose']);
  assert.equal(copy(world, 1).said, ['start', 'write a', 'request 1', 'write b', 'request 2', 'halfClose']);
  assert.equal(copy(world, 2).said, ['start', 'write a', 'write b', 'request 3', 'halfClose']);
  call.cancel('enough');
});

test('a copy that begins after the end of the messages has it too', async () => {
  await using world = hedging();
  const { call } = world.start();
  call.sendMessage(Buffer.from('a'));
  call.halfClose();
  call.request(2);
  world.clock.advance(100);
  assert.equal(copy(world, 1).said, ['start', 'write a', 'halfClose', 'request 2']);
  call.cancel('enough');
});

// ---- how it ends ----

for (const kind of ECHO_KINDS) {
  for (const winner of [0, 1, 2]) {
    test(`the first that is answered is the call, the others are cancelled (${kind}, copy ${winner})`, async () => {
      await using world = hedging();
      const { call, listener } = world.start({ kind });
      call.request(2);
      call.sendMessage(Buffer.from('a'));
      call.halfClose();
      world.clock.advance(200);
      copy(world, winner).tellHeaders(new Metadata({ from: `${winner}` }));
      for (const [index, stream] of world.streams.entries()) {
        assert.is(stream.said.includes('cancel CANCELLED'), index !== winner);
      }
      const [heard] = listener.log.all('headers');
      assert.is(heard?.headers.get('from'), `${winner}`);
      assert.is(heard?.headers.get('grpc-previous-rpc-attempts'), winner === 0 ? undefined : `${winner}`);
      await aFewTurns();
      assert.equal(listener.names, ['headers']);
      call.request(1);
      assert.is(copy(world, winner).said.at(-1), 'request 1');
      copy(world, winner).end(Status.OK, 'processed', new Metadata({ last: `${winner}` }));
      const { status, trailers } = await listener.closed;
      assert.ok(status.isOk);
      assert.is(trailers.get('last'), `${winner}`);
      assert.equal(listener.names, ['headers', 'close']);
      world.clock.advance(10_000);
      assert.is(world.streams.length, 3);
    });
  }
}

test('a failure of the copy that is the call is the call’s', async () => {
  await using world = hedging();
  const made = world.start();
  copy(world, 0).tellHeaders();
  assert.is(world.clock.armed, 0);
  copy(world, 0).end(BUSY);
  assert.is(await textOf(made), 'UNAVAILABLE: busy');
  assert.is(world.streams.length, 1);
});

test('an OK without headers is an answer', async () => {
  await using world = hedging();
  const made = world.start();
  world.clock.advance(100);
  copy(world, 1).end(Status.OK);
  assert.is(await textOf(made), 'OK');
  assert.ok(copy(world, 0).said.includes('cancel CANCELLED'));
});

test('a failure that is not fatal has the next copy begin a turn later, and the delay start over', async () => {
  await using world = hedging();
  const made = world.start();
  world.clock.advance(50);
  made.listener.forbid(() => copy(world, 0).end(BUSY));
  assert.is(world.streams.length, 1);
  await nextTick();
  assert.is(world.streams.length, 2);
  world.clock.advance(99);
  assert.is(world.streams.length, 2);
  world.clock.advance(1);
  assert.is(world.streams.length, 3);
  assert.equal(made.listener.names, []);
  made.call.cancel('enough');
});

test('ends with the last failure once every copy has failed', async () => {
  await using world = hedging();
  const made = world.start();
  for (const status of [BUSY, BUSY, REFUSED_AGAIN]) {
    assert.equal(made.listener.names, []);
    world.last.end(status, 'processed', new Metadata({ text: `${status.description}` }));
    await nextTick();
  }
  assert.is(await textOf(made), 'UNAVAILABLE: refused again');
  assert.is((await made.listener.closed).trailers.get('text'), 'refused again');
  assert.is(world.streams.length, 3);
  assert.is(world.clock.armed, 0);
});

test('while other copies run a failure that is not fatal is not the call’s', async () => {
  await using world = hedging({ delayMs: 0 });
  const made = world.start();
  copy(world, 0).end(BUSY);
  copy(world, 2).end(BUSY);
  await aFewTurns();
  assert.equal(made.listener.names, []);
  copy(world, 1).tellHeaders();
  copy(world, 1).end(Status.OK);
  assert.is(await textOf(made), 'OK');
});

test('a copy that has failed is told nothing more; those that run are, and those that begin then', async () => {
  await using world = hedging();
  const { call, listener } = world.start();
  world.clock.advance(100);
  copy(world, 1).end(BUSY);
  call.sendMessage(Buffer.from('a'));
  await nextTick();
  call.sendMessage(Buffer.from('b'));
  copy(world, 2).end(BUSY);
  call.sendMessage(Buffer.from('c'));
  assert.equal(copy(world, 0).said, ['start', 'write a', 'write b', 'write c']);
  assert.equal(copy(world, 1).said, ['start']);
  assert.equal(copy(world, 2).said, ['start', 'write a', 'write b']);
  copy(world, 0).tellHeaders();
  assert.equal(listener.names, ['headers']);
  call.cancel('enough');
});

test('a fatal failure ends the call and all copies', async () => {
  await using world = hedging();
  const made = world.start();
  world.clock.advance(100);
  copy(world, 0).end(BROKEN, 'processed', new Metadata({ why: 'so' }));
  assert.is(await textOf(made), 'INTERNAL: broken');
  assert.is((await made.listener.closed).trailers.get('why'), 'so');
  assert.ok(copy(world, 1).said.includes('cancel CANCELLED'));
  assert.is(made.call.getAttributes(), world.transport.attributes);
  await aFewTurns();
  world.clock.advance(1_000);
  assert.is(world.streams.length, 2);
});

test('a copy that is dropped means no further copies; those that run decide, and else its own end', async () => {
  await using world = hedging();
  const made = world.start();
  world.clock.advance(100);
  copy(world, 1).end(BROKEN, 'dropped');
  await aFewTurns();
  world.clock.advance(1_000);
  assert.is(world.streams.length, 2);
  copy(world, 0).end(Status.OK);
  assert.is(await textOf(made), 'OK');
  const alone = world.start();
  world.last.end(BUSY, 'dropped');
  assert.is(await textOf(alone), 'UNAVAILABLE: busy');
});

// ---- pushback, tokens ----

test('pushback puts the next copy off, and the delay counts from there', async () => {
  await using world = hedging();
  const made = world.start();
  copy(world, 0).end(BUSY, 'processed', pushback('250'));
  await aFewTurns();
  assert.is(world.channel.inspect().suspendedCalls, 1);
  world.clock.advance(249);
  assert.is(world.streams.length, 1);
  world.clock.advance(1);
  assert.is(world.streams.length, 2);
  assert.is(world.channel.inspect().suspendedCalls, 0);
  world.clock.advance(100);
  assert.is(world.streams.length, 3);
  made.call.cancel('enough');
});

test('while other copies run, pushback puts the next one off or brings it forward', async () => {
  await using world = hedging({ maxAttempts: 4 });
  const made = world.start();
  world.clock.advance(100);
  copy(world, 0).end(BUSY, 'processed', pushback('150'));
  world.clock.advance(149);
  assert.is(world.streams.length, 2, 'the delay is over, the pushback is not');
  world.clock.advance(1);
  assert.is(world.streams.length, 3);
  copy(world, 1).end(BUSY, 'processed', pushback('20'));
  world.clock.advance(19);
  assert.is(world.streams.length, 3);
  world.clock.advance(1);
  assert.is(world.streams.length, 4);
  copy(world, 3).end(BROKEN);
  assert.is(await textOf(made), 'INTERNAL: broken');
  assert.ok(copy(world, 2).said.includes('cancel CANCELLED'));
});

test('a negative pushback means no further copies; those that run decide', async () => {
  await using world = hedging();
  const made = world.start();
  world.clock.advance(100);
  copy(world, 0).end(BUSY, 'processed', pushback('-1'));
  await aFewTurns();
  world.clock.advance(1_000);
  assert.is(world.streams.length, 2);
  copy(world, 1).end(REFUSED_AGAIN);
  assert.is(await textOf(made), 'UNAVAILABLE: refused again');
  const alone = world.start();
  world.last.end(BUSY, 'processed', pushback('never'));
  assert.is(await textOf(alone), 'UNAVAILABLE: busy');
});

test('without tokens only the copies that run go on', async () => {
  await using world = hedging({}, { maxTokens: 4, tokenRatio: 4 });
  const made = world.start();
  world.clock.advance(100);
  world.settings.throttle?.onFailure();
  copy(world, 0).end(BUSY);
  await aFewTurns();
  world.clock.advance(1_000);
  assert.is(world.streams.length, 2);
  assert.equal(made.listener.names, []);
  const other = world.start();
  world.clock.advance(1_000);
  assert.is(world.streams.length, 3, 'a first copy needs none');
  world.last.end(BUSY);
  assert.is(await textOf(other), 'UNAVAILABLE: busy');
  copy(world, 1).end(Status.OK);
  assert.is(await textOf(made), 'OK');
  const later = world.start();
  world.clock.advance(100);
  assert.is(world.streams.length, 5, 'a success brings them back');
  later.call.cancel('enough');
});

test('copies whose own failures use the tokens up end the call with the last of them', async () => {
  await using world = hedging({}, { maxTokens: 4, tokenRatio: 0.8 });
  const made = world.start();
  world.clock.advance(100);
  copy(world, 0).end(BUSY);
  copy(world, 1).end(REFUSED_AGAIN);
  assert.is(await textOf(made), 'UNAVAILABLE: refused again');
  assert.is(world.streams.length, 2);
  assert.is(world.clock.armed, 0);
  assert.is(world.channel.inspect().suspendedCalls, 0);
});

test('copies that lose, or are cancelled, take no tokens', async () => {
  await using world = hedging({ delayMs: 0 }, { maxTokens: 2, tokenRatio: 0.001 });
  for (let count = 0; count < 3; count += 1) {
    const made = world.start();
    world.last.tellHeaders();
    world.last.end(Status.OK);
    await made.listener.closed;
    const cancelled = world.start();
    cancelled.call.cancel('enough');
    await cancelled.listener.closed;
  }
  assert.is(world.streams.length, 18);
});

// ---- transparent retries ----

test('a copy that no application saw begins anew, uncounted, while the others go on', async () => {
  await using world = hedging();
  const made = world.start();
  made.call.sendMessage(Buffer.from('a'));
  copy(world, 0).end(GONE, 'not-sent');
  await nextTick();
  assert.is(world.last.options.previousAttempts, 0);
  assert.equal(world.last.said, ['start', 'write a']);
  world.clock.advance(100);
  assert.is(world.last.options.previousAttempts, 1);
  world.last.end(REFUSED, 'refused');
  await nextTick();
  assert.is(world.last.options.previousAttempts, 1);
  assert.is(world.last.headers?.get('grpc-previous-rpc-attempts'), '1');
  // The second refusal of the call is a failure like any other.
  world.last.end(REFUSED, 'refused');
  await nextTick();
  assert.is(world.last.options.previousAttempts, 2);
  assert.is(world.streams.length, 5);
  made.call.cancel('enough');
});

test('of the refusals of a call one is forgiven, whatever failed before; the next is fatal where its code is', async () => {
  await using world = hedging({ nonFatalCodes: new Set<Code>([Code.DATA_LOSS]) });
  const made = world.start();
  world.clock.advance(200);
  copy(world, 0).end(Status.DATA_LOSS);
  copy(world, 1).end(REFUSED, 'refused');
  await nextTick();
  assert.is(world.streams.length, 4);
  assert.is(world.last.options.previousAttempts, 1);
  assert.equal(made.listener.names, []);
  copy(world, 2).end(REFUSED_AGAIN, 'refused');
  assert.is(await textOf(made), 'UNAVAILABLE: refused again');
  assert.ok(world.last.said.includes('cancel CANCELLED'));
  await aFewTurns();
  assert.is(world.streams.length, 4);
});

test('a cancel while the only copy is about to begin anew: one end, and nothing is opened', async () => {
  await using world = hedging();
  const made = world.start();
  copy(world, 0).end(GONE, 'not-sent');
  assert.is(world.channel.inspect().suspendedCalls, 1);
  made.listener.forbid(() => made.call.cancel('enough'));
  assert.is(await textOf(made), 'CANCELLED: enough');
  await aFewTurns();
  assert.is(world.streams.length, 1);
  assert.is(world.clock.armed, 0);
  assert.is(world.channel.inspect().suspendedCalls, 0);
});

// ---- cancel, deadline, shutdown ----

test('a cancel ends all copies, whether one has been answered or not, and is told once', async () => {
  for (const answered of [false, true]) {
    await using world = hedging();
    const made = world.start();
    world.clock.advance(100);
    if (answered) copy(world, 1).tellHeaders();
    made.listener.forbid(() => made.call.cancel('enough'));
    assert.is(await textOf(made), 'CANCELLED: enough');
    await aFewTurns();
    for (const stream of world.streams) {
      assert.is(stream.said.filter((said) => said === 'cancel CANCELLED').length, 1);
    }
    assert.is(made.listener.names.filter((name) => name === 'close').length, 1);
    assert.is(world.clock.armed, 0);
  }
});

test('a deadline tells what its copies were doing', async () => {
  await using world = hedging();
  const timeout = (ms: number): CallOptions => DEFAULT.withTimeout(ms, world.clock);
  const one = world.start({ options: timeout(50) });
  world.clock.advance(50);
  assert.is(await textOf(one), 'DEADLINE_EXCEEDED: deadline exceeded after 0.050 s (in good hands)');
  const two = world.start({ options: timeout(150) });
  world.clock.advance(150);
  assert.is(
    await textOf(two),
    'DEADLINE_EXCEEDED: deadline exceeded after 0.150 s (2 copies: in good hands; in good hands)',
  );
  const none = world.start({ options: timeout(50) });
  world.last.end(BUSY, 'processed', pushback('1000'));
  world.clock.advance(50);
  assert.is(
    await textOf(none),
    'DEADLINE_EXCEEDED: deadline exceeded after 0.050 s (waiting to send another copy after UNAVAILABLE: busy)',
  );
});

test('shutdown lets copies go on and begin; shutdownNow ends the call', async () => {
  await using world = hedging();
  const made = world.start();
  copy(world, 0).end(BUSY, 'processed', pushback('50'));
  world.channel.shutdown();
  await aFewTurns();
  assert.not(world.channel.isTerminated);
  world.clock.advance(50);
  assert.is(world.streams.length, 2);
  world.last.tellHeaders();
  world.last.end(Status.OK);
  assert.is(await textOf(made), 'OK');
  await aFewTurns();
  assert.ok(world.channel.isTerminated);

  await using other = hedging();
  const waiting = other.start();
  other.last.end(BUSY, 'processed', pushback('50'));
  const running = other.start();
  other.channel.shutdownNow();
  for (const each of [waiting, running]) assert.is(await textOf(each), 'UNAVAILABLE: Channel shutdownNow invoked');
  assert.is(other.clock.armed, 0);
});

test('after shutdown copies begin in their time, and one that was refused begins anew', async () => {
  await using world = hedging();
  const made = world.start();
  world.channel.shutdown();
  copy(world, 0).end(REFUSED, 'refused');
  await aFewTurns();
  assert.is(world.streams.length, 2);
  world.clock.advance(100);
  assert.is(world.streams.length, 3);
  assert.equal(made.listener.names, []);
  world.last.tellHeaders();
  world.last.end(Status.OK);
  assert.is(await textOf(made), 'OK');
  await aFewTurns();
  assert.ok(world.channel.isTerminated);
});

// ---- the writer ----

test('is ready while any copy is; a message counts as written once any copy has written it', async () => {
  await using world = hedging({ delayMs: 0 });
  const { call, listener } = world.start();
  for (const text of ['a', 'b', 'c']) call.sendMessage(Buffer.from(text));
  assert.not(call.isReady());
  copy(world, 1).becomeReady();
  assert.ok(call.isReady());
  copy(world, 0).tellWritten(1);
  copy(world, 1).tellWritten(2);
  copy(world, 0).tellWritten(1);
  assert.is(listener.written, 2);
  copy(world, 2).tellWritten(1);
  call.sendMessage(Buffer.from('d'));
  copy(world, 1).tellWritten(1);
  assert.is(listener.written, 3);
  copy(world, 0).tellHeaders();
  assert.not(call.isReady(), 'the copy that is the call is not');
  copy(world, 0).becomeReady();
  assert.ok(call.isReady());
  copy(world, 0).tellWritten(2);
  assert.is(listener.written, 4);
  call.cancel('enough');
});

test('a copy that begins anew counts what it writes anew, and is as old as it was', async () => {
  await using world = hedging({}, null, { replay: { perCallBytes: 1_000 } });
  const { call, listener } = world.start();
  for (const text of ['a', 'b', 'c']) call.sendMessage(Buffer.from(text));
  world.last.tellWritten(2);
  world.last.end(GONE, 'not-sent');
  world.clock.advance(100);
  assert.is(world.last.options.previousAttempts, 1);
  await nextTick();
  assert.is(world.last.options.previousAttempts, 0);
  world.last.tellWritten(1);
  assert.is(listener.written, 2);
  copy(world, 1).tellWritten(1);
  call.sendMessage(Buffer.alloc(2_000));
  assert.ok(copy(world, 1).said.includes('cancel CANCELLED'));
  assert.not(world.last.said.includes('cancel CANCELLED'));
  world.last.tellWritten(3);
  assert.is(listener.written, 4);
  call.cancel('enough');
});

test('what was said while no copy ran may be too much for a second one', async () => {
  await using world = hedging({}, null, { replay: { perCallBytes: 1_000 } });
  const { call } = world.start();
  world.last.end(BUSY, 'processed', pushback('50'));
  call.sendMessage(Buffer.alloc(2_000));
  world.clock.advance(50);
  assert.equal(world.last.said, ['start', 'write 2000 bytes']);
  assert.is(world.clock.armed, 0);
  world.clock.advance(1_000);
  assert.is(world.streams.length, 2);
  call.cancel('enough');
});

test('a call that keeps more than it may is the copy that is furthest ahead, of equals the oldest', async () => {
  for (const [written, winner] of [
    [[0, 0, 0], 0],
    [[0, 1, 1], 1],
    [[1, 1, 2], 2],
  ] as const) {
    await using world = hedging({ delayMs: 0 }, null, { replay: { perCallBytes: 1_000 } });
    const made = world.start();
    for (let count = 0; count < 2; count += 1) made.call.sendMessage(Buffer.alloc(200));
    for (const [index, count] of written.entries()) if (count > 0) copy(world, index).tellWritten(count);
    made.call.sendMessage(Buffer.alloc(200));
    assert.not(world.streams.some(({ said }) => said.includes('cancel CANCELLED')));
    made.call.sendMessage(Buffer.alloc(0));
    for (const [index, { said }] of world.streams.entries()) {
      assert.is(said.includes('cancel CANCELLED'), index !== winner, `${written}`);
    }
    copy(world, winner).end(BUSY);
    assert.is(await textOf(made), 'UNAVAILABLE: busy');
  }
});

test('the same by the channel’s limit; what a call keeps is given back however it ends', async () => {
  const endings: readonly ((world: World) => void)[] = [
    (world) => world.last.tellHeaders(),
    (world) => world.last.end(Status.OK),
    (world) => world.last.end(BROKEN),
    () => {},
  ];
  await using world = hedging({}, null, { replay: { perChannelBytes: 1_000 } });
  for (const end of endings) {
    const made = world.start();
    made.call.sendMessage(Buffer.alloc(700));
    end(world);
    made.call.cancel('enough');
    await made.listener.closed;
  }
  const first = world.start();
  const firstStream = world.last;
  first.call.sendMessage(Buffer.alloc(500));
  const second = world.start();
  second.call.sendMessage(Buffer.alloc(500));
  world.clock.advance(100);
  assert.is(world.streams.at(-1)?.options.previousAttempts, 1, 'the first call goes on racing');
  assert.not(firstStream.said.includes('cancel CANCELLED'));
  const { length } = world.streams;
  world.clock.advance(1_000);
  assert.is(world.streams.length, length + 1, 'the second does not');
  for (const made of [first, second]) made.call.cancel('enough');
});

test('messages that wait go to the listener from one copy alone, also when it asks inside an event', async () => {
  await using world = hedging({ delayMs: 0 });
  const { call, listener } = world.start({
    reactions: {
      onMessage: () => {
        call.sendMessage(Buffer.from('answer'));
        call.request(1);
      },
    },
  });
  for (const stream of world.streams) stream.receive('waits');
  call.request(1);
  assert.equal(listener.messages.map(String), ['waits']);
  assert.equal(copy(world, 0).said, ['start', 'request 1', 'write answer', 'request 1']);
  for (const stream of [copy(world, 1), copy(world, 2)]) {
    assert.equal(stream.said, ['start', 'cancel CANCELLED']);
  }
  call.cancel('enough');
});

// ---- credentials, settings ----

test('each copy asks the credentials anew, in the context of the call’s start', async () => {
  await using world = hedging();
  const context = new AsyncLocalStorage<string>();
  const tokens = new Tokens((asked) => {
    if (asked === 2) made.call.sendMessage(Buffer.from('b'));
    return null;
  }, context);
  const made = context.run('start', () => world.start({ options: DEFAULT.withCredentials(tokens) }));
  made.call.sendMessage(Buffer.from('a'));
  context.run('elsewhere', () => copy(world, 0).end(BUSY));
  await nextTick();
  assert.equal(tokens.asked, ['start', 'start']);
  assert.equal(copy(world, 1).said, ['start', 'write a', 'write b']);
  made.call.cancel('enough');
});

test('credentials of a later copy that cancel the call, or say too much, end no more than they should', async () => {
  for (const act of ['cancel', 'flood'] as const) {
    await using world = hedging({}, null, { replay: { perCallBytes: 1_000 } });
    const tokens = new Tokens((asked) => {
      if (asked === 2 && act === 'cancel') made.call.cancel('no more tokens');
      if (asked === 2 && act === 'flood') made.call.sendMessage(Buffer.alloc(2_000));
      return null;
    });
    const made = world.start({ options: DEFAULT.withCredentials(tokens) });
    world.clock.advance(100);
    await aFewTurns();
    if (act === 'cancel') {
      assert.is(await textOf(made), 'CANCELLED: no more tokens');
    } else {
      assert.equal(made.listener.names, []);
      copy(world, 0).end(Status.OK);
      assert.is(await textOf(made), 'OK');
    }
    await aFewTurns();
    assert.equal(made.listener.names, ['close']);
    assert.ok(world.streams.every((stream) => stream.closed));
  }
});

test('a call that waited for its settings is hedged with all that it said', async () => {
  await using world = new World({}, new HandSettings(null));
  const { call } = world.start();
  call.sendMessage(Buffer.from('a'));
  call.request(1);
  call.halfClose();
  world.settings.tell({ hedging: { ...POLICY, delayMs: 0 } });
  assert.is(world.streams.length, 3);
  for (const { said } of world.streams) assert.equal(said, ['start', 'write a', 'halfClose', 'request 1']);
  assert.is(world.channel.inspect().suspendedCalls, 0);
  call.cancel('enough');
});

test.run();
