/**
 * Retries by policy, over connections worked by hand. What is decided: retry-plan.test.ts; over HTTP/2: retry-http2.test.ts; what
 * follows of itself: transparent-retry.test.ts. Source: gRFC A6. Past 500 lines because each rule of when a call is tried again,
 * and of what is said then, has its case here. Tests of io.grpc.internal.RetriableStreamTest › ours, here unless a file is named;
 * its hedging_*: hedging.test.ts.
 *
 *   retry_everythingDrained                › tries again after the wait …; what is said to an attempt …
 *                                            transparent-retry: everything is said again …, the options too
 *   headersRead_cancel, retry_headersRead_cancel, cancel_closed, retry_cancel_closed
 *                                          › a cancel while an attempt is open …
 *   headersRead_closed, retry_headersRead_closed, operationsAfterImmediateCommit
 *                                          › once the response has begun …
 *   unretriableClosed_cancel, retry_unretriableClosed_cancel
 *                                          › ends with the first failure that no policy follows …
 *   retry_cancelWhileBackoff               › cancel, abort and deadline during the wait …
 *   transparentRetry_cancel_race           › transparent-retry: cancel, abort and deadline between two streams …
 *   operationsWhileDraining                › a response that waits for a later attempt …
 *   cancelWhileDraining, commitAndCancelWhileDraining, inboundMessagesClosedOnCancel
 *                                          › a cancel inside the response that waits …
 *   cancelWhileRetryStart                  › credentials of a later attempt …
 *   isReady_whenDrained, isReady_whileDraining
 *                                          › is not ready during the wait …; credentials of a later attempt …
 *   messageAvailable                       › tries again after the wait …
 *   messagesAvailable_executorRejection    has no like here: there are no executors
 *   notAdd0PrevRetryAttemptsToRespHeaders  › a response to the first attempt …
 *   addPrevRetryAttemptsToRespHeaders, updateHeaders
 *                                          › later attempts say how many there were …
 *   closedWhileDraining                    › credentials that fail in a way …; no stream ends inside its start
 *   perRpcBufferLimitExceeded, perRpcBufferLimitExceededDuringBackoff
 *                                          › a call that keeps more than it may …
 *   channelBufferLimitExceeded             › when the calls of a channel keep more …
 *                                            transparent-retry: what a call keeps is given back …
 *   expBackoff_maxBackoff_maxRetryAttempts › retry-plan: waits grow by the multiplier …
 *   pushback, pushback_noRetry             › pushback …; retry-plan: pushback …
 *   throttle                               › retry-throttle
 *   throttledStream_FailWithRetriableStatusCode_WithoutPushback
 *   throttledStream_FailWithNonRetriableStatusCode_WithoutPushback
 *   throttledStream_FailWithRetriableStatusCode_WithRetriablePushback
 *   throttledStream_FailWithRetriableStatusCode_WithNonRetriablePushback
 *   throttledStream_FailWithNonRetriableStatusCode_WithNonRetriablePushback
 *                                          › retry-plan: an attempt takes a token …
 *   throttledStream_FailWithNonRetriableStatusCode_WithRetriablePushback
 *                                          › the same for the tokens; the call is tried again there, not here nor in C core:
 *                                            retry-plan: a code that is not retryable …
 *   throttleStream_Succeed                 › tokens: calls use them up …; there headers are a success, here an OK, as in C core
 *   transparentRetry_onlyOnceOnRefused     › transparent retries do not count …
 *   transparentRetry_unlimitedTimesOnMiscarried
 *                                          › transparent-retry: never sent …; streams that never leave are not made for ever …
 *   normalRetry_thenNoTransparentRetry_butNormalRetry, normalRetry_thenNoTransparentRetry_andNoMoreRetry
 *                                          › a refusal behind a failure …; not forgiven there, but here and in C core, once
 *   noRetry_transparentRetry_noEarlyCommit › transparent-retry: never sent …
 *   droppedShouldNeverRetry                › what a balancer drops …
 *
 * And of grpc-go's test/retry_test.go:
 *
 *   TestRetryUnary                         › tries again …; ends with the last failure …; ends with the first failure …
 *   TestRetryThrottling                    › tokens: calls use them up together …
 *   TestRetryStreaming                     › all of that; what is said to an attempt …; a call that keeps more than it may …; its
 *                                            case of a context has no like here: looking at a call commits to nothing
 *   TestMaxCallAttempts, TestNoRetry       › without a policy …; channel/service-config: attempts beyond five are cut …
 *   TestRetryStats                         › channel/diagnostics: retries by policy tell …
 *   TestRetryTransparentWhenCommitted      › retry-http2: a cancel while a later attempt waits for a stream slot …
 *   TestAuthorityOverrideNotReusedAcrossAttempts
 *                                          › retry-http2: each attempt bears the authority …
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { CallOptions } from '../../src/call/call-options.ts';
import type { RetryPolicy } from '../../src/call/method-settings.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { BYTES_MARSHALLER, type Idempotency, MethodDescriptor } from '../../src/values/method.ts';
import { Code, Status } from '../../src/values/status.ts';
import { nextTick } from '../channel/hand-transport.ts';
import { ECHO_KINDS } from '../support/echo.ts';
import { RecordingClientListener } from '../support/recorder.ts';
import { assert, suite } from '../support/suite.ts';
import { WoundClock } from '../support/wound-clock.ts';
import {
  aFewTurns,
  GONE,
  HandSettings,
  type MadeCall,
  REFUSED,
  REFUSED_AGAIN,
  Tokens,
  textOf,
  World,
} from './ending-streams.ts';

const test = suite('Retries by policy');
const { DEFAULT } = CallOptions;

const POLICY: RetryPolicy = {
  maxAttempts: 4,
  initialBackoffMs: 100,
  maxBackoffMs: 300,
  backoffMultiplier: 2,
  retryableCodes: new Set<Code>([Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED]),
};
const BUSY = Status.UNAVAILABLE.withDescription('busy');
const BROKEN = Status.INTERNAL.withDescription('broken');

function retrying(throttling: ConstructorParameters<typeof HandSettings>[1] = null): World {
  return new World({}, new HandSettings({ retry: POLICY }, throttling));
}

const pushback = (value: string): Metadata => new Metadata({ 'grpc-retry-pushback-ms': value });

/** The latest stream fails, and time passes until the next attempt is due. */
function fail(world: World, status: Status, waitMs: number): void {
  world.last.end(status);
  world.clock.advance(waitMs);
}

// ---- what is tried again, and when ----

for (const kind of ECHO_KINDS) {
  test(`tries again after the wait, says all of it again, and tells of the last attempt alone (${kind})`, async () => {
    await using world = retrying();
    const { call, listener } = world.start({ kind });
    call.request(2);
    call.sendMessage(Buffer.from('a'));
    call.halfClose();
    for (const [index, waitMs] of [100, 200, 300].entries()) {
      listener.forbid(() => world.last.end(BUSY, 'processed', new Metadata({ failed: 'yes' })));
      listener.forbid(() => world.clock.advance(waitMs - 0.01));
      assert.is(world.streams.length, index + 1, 'not before its time');
      listener.forbid(() => world.clock.advance(0.01));
      assert.is(world.streams.length, index + 2);
      assert.equal(world.last.said, ['start', 'write a', 'halfClose', 'request 2']);
      assert.is(world.last.options.previousAttempts, index + 1);
    }
    assert.equal(listener.names, []);
    world.last.receive('b');
    world.last.end(Status.OK, 'processed', new Metadata({ answered: 'yes' }));
    const { status, trailers } = await listener.closed;
    assert.ok(status.isOk);
    assert.equal([...trailers], [['answered', 'yes']]);
    assert.equal(listener.names, ['headers', 'message', 'close']);
  });
}

test('ends with the last failure once there were as many attempts as may be', async () => {
  await using world = retrying();
  const made = world.start();
  for (const waitMs of [100, 200, 300]) fail(world, BUSY, waitMs);
  world.last.end(REFUSED_AGAIN, 'processed', new Metadata({ last: 'yes' }));
  assert.is(await textOf(made), 'UNAVAILABLE: refused again');
  assert.equal([...(await made.listener.closed).trailers], [['last', 'yes']]);
  assert.equal(made.listener.names, ['close']);
  await aFewTurns();
  assert.is(world.streams.length, 4);
  assert.is(world.clock.armed, 0);
});

test('ends with the first failure that no policy follows, and at once', async () => {
  await using world = retrying();
  for (const status of [BROKEN, Status.CANCELLED, Status.DEADLINE_EXCEEDED, Status.UNAUTHENTICATED]) {
    const made = world.start();
    fail(world, Status.RESOURCE_EXHAUSTED, 100);
    world.last.end(status);
    assert.is(await textOf(made), status.toString());
    assert.is(world.clock.armed, 0);
    made.call.cancel('too late');
    await aFewTurns();
    assert.equal(made.listener.names, ['close']);
  }
});

test('an OK that comes without headers is no failure', async () => {
  await using world = retrying();
  const made = world.start();
  world.last.end(Status.OK);
  assert.is(await textOf(made), 'OK');
  assert.is(world.streams.length, 1);
});

test('what a balancer drops, and what this end would not have, is not followed', async () => {
  await using world = retrying();
  const made = world.start();
  world.last.end(BUSY, 'dropped');
  assert.is(await textOf(made), 'UNAVAILABLE: busy');
  assert.is(world.clock.armed, 0);
});

test('without a policy nothing is tried again that a server may have seen', async () => {
  await using world = new World();
  const made = world.start();
  world.last.end(BUSY);
  assert.is(await textOf(made), 'UNAVAILABLE: busy');
  assert.is(world.streams.length, 1);
});

test('once the response has begun nothing is tried again', async () => {
  await using world = retrying();
  for (const attempts of [1, 2]) {
    const streams = world.streams.length;
    const made = world.start();
    if (attempts > 1) fail(world, BUSY, 100);
    world.last.tellHeaders();
    made.call.request(3);
    made.call.sendMessage(Buffer.from('a'));
    assert.equal(world.last.said, ['start', 'request 3', 'write a']);
    world.last.end(BUSY);
    assert.is(await textOf(made), 'UNAVAILABLE: busy');
    assert.equal(made.listener.names, ['headers', 'close']);
    await aFewTurns();
    assert.is(world.streams.length, streams + attempts);
  }
});

test('a cancel while an attempt is open, before its headers or behind them, ends the call, whatever the server says then', async () => {
  await using world = retrying();
  for (const attempts of [1, 2]) {
    for (const answered of [false, true]) {
      const streams = world.streams.length;
      const made = world.start();
      if (attempts > 1) fail(world, BUSY, 100);
      if (answered) world.last.tellHeaders();
      world.last.endSoon(BUSY, 'processed');
      made.listener.forbid(() => made.call.cancel('enough'));
      assert.is(world.last.said.at(-1), 'cancel CANCELLED');
      assert.is(await textOf(made), 'CANCELLED: enough');
      await aFewTurns();
      assert.equal(made.listener.names, answered ? ['headers', 'close'] : ['close']);
      assert.is(world.streams.length, streams + attempts);
      assert.is(world.clock.armed, 0);
    }
  }
});

test('a call whose connection cannot be made is tried again, and waits for one then', async () => {
  await using world = retrying();
  world.transport.goAway(GONE);
  const made = world.start();
  world.transport.fail(Status.UNAVAILABLE.withDescription('nobody there'));
  await aFewTurns();
  assert.equal(made.listener.names, []);
  world.clock.advance(100);
  await aFewTurns();
  assert.equal(
    made.listener.names,
    [],
    'the channel is in back-off: the second attempt fails at once, and is followed',
  );
  world.clock.advance(200);
  await aFewTurns();
  world.clock.advance(300);
  assert.match(await textOf(made), /^UNAVAILABLE: nobody there/);
});

// ---- attempts among themselves ----

test('what is said to an attempt, and during a wait, is said to every later one, in order', async () => {
  await using world = retrying();
  const { call } = world.start();
  call.sendMessage(Buffer.from('a'));
  call.request(1);
  world.last.end(BUSY);
  call.sendMessage(Buffer.from('b'));
  call.request(2);
  world.clock.advance(100);
  call.sendMessage(Buffer.from('c'));
  call.request(4);
  assert.equal(world.last.said, ['start', 'write a', 'write b', 'request 3', 'write c', 'request 4']);
  world.last.end(BUSY);
  call.sendMessage(Buffer.from('d'));
  call.halfClose();
  world.clock.advance(200);
  assert.equal(world.last.said, ['start', 'write a', 'write b', 'write c', 'write d', 'halfClose', 'request 7']);
  assert.equal(world.streams[0]?.said, ['start', 'write a', 'request 1'], 'an attempt that has failed hears no more');
  call.cancel('enough');
});

/** From now on every stream of the connection has a message before it is asked for one. */
function haveMessagesWait(world: World): void {
  const { transport } = world;
  const newStream = transport.newStream.bind(transport);
  transport.newStream = (method, options) => {
    const stream = newStream(method, options);
    stream.receive('waits');
    return stream;
  };
}

test('a response that waits for a later attempt: what its listener says comes behind the rest, and it is the last attempt', async () => {
  await using world = retrying();
  const made = world.start({
    reactions: {
      onMessage: () => {
        made.call.sendMessage(Buffer.from('answer'));
        made.call.request(1);
      },
    },
  });
  made.call.sendMessage(Buffer.from('a'));
  made.call.request(3);
  world.last.end(BUSY);
  made.call.request(2);
  haveMessagesWait(world);
  world.clock.advance(100);
  assert.equal(world.last.said, ['start', 'write a', 'request 5', 'write answer', 'request 1']);
  world.last.end(BUSY);
  assert.is(await textOf(made), 'UNAVAILABLE: busy');
  assert.equal(made.listener.names, ['headers', 'message', 'close']);
});

for (const at of ['onHeaders', 'onMessage'] as const) {
  test(`a cancel inside the response that waits for a later attempt: only onClose follows (${at})`, async () => {
    await using world = retrying();
    const made = world.start({ reactions: { [at]: () => made.call.cancel('enough') } });
    made.call.request(3);
    world.last.end(BUSY);
    haveMessagesWait(world);
    world.clock.advance(100);
    assert.equal(world.last.said, ['start', 'request 3', 'cancel CANCELLED']);
    assert.is(await textOf(made), 'CANCELLED: enough');
    await aFewTurns();
    assert.equal(made.listener.names, at === 'onHeaders' ? ['headers', 'close'] : ['headers', 'message', 'close']);
    assert.is(world.streams.length, 2);
  });
}

test('later attempts say how many there were before, to the server and to the caller, in place of any value of a user', async () => {
  await using world = retrying();
  const headers = Metadata.fromWire(['x-one', '1', 'grpc-previous-rpc-attempts', '77']);
  const { call, listener } = world.start({ headers });
  const sent: (string | undefined)[] = [];
  for (const waitMs of [100, 200]) {
    sent.push(world.last.headers?.getAll('grpc-previous-rpc-attempts').join());
    fail(world, BUSY, waitMs);
  }
  sent.push(world.last.headers?.getAll('grpc-previous-rpc-attempts').join());
  assert.equal(sent, ['77', '1', '2']);
  assert.is(world.last.headers?.get('x-one'), '1');
  assert.is(headers.get('grpc-previous-rpc-attempts'), '77', 'the caller’s own are as they were');
  world.last.tellHeaders(Metadata.fromWire(['from', 'server', 'grpc-previous-rpc-attempts', '77']));
  const [heard] = listener.log.all('headers');
  assert.equal(
    [...(heard?.headers ?? [])],
    [
      ['from', 'server'],
      ['grpc-previous-rpc-attempts', '2'],
    ],
  );
  call.cancel('enough');
});

test('a response to the first attempt says nothing of attempts', async () => {
  await using world = retrying();
  const { call, listener } = world.start();
  world.last.tellHeaders();
  assert.is(listener.log.all('headers')[0]?.headers.size, 0);
  call.cancel('enough');
});

test('transparent retries do not count: not as attempts, not in the header, and come in between', async () => {
  await using world = retrying();
  const made = world.start();
  const told = (): number => world.last.options.previousAttempts;
  world.last.end(GONE, 'not-sent');
  await nextTick();
  assert.is(told(), 0);
  fail(world, BUSY, 100);
  assert.is(told(), 1);
  world.last.end(REFUSED, 'refused');
  await nextTick();
  assert.is(told(), 1);
  assert.is(world.last.headers?.get('grpc-previous-rpc-attempts'), '1');
  // The second refusal is a failure like any other.
  fail(world, REFUSED, 0);
  assert.is(world.streams.length, 4);
  world.clock.advance(200);
  assert.is(told(), 2);
  fail(world, REFUSED, 300);
  assert.is(told(), 3);
  world.last.end(REFUSED_AGAIN, 'refused');
  assert.is(await textOf(made), 'UNAVAILABLE: refused again');
});

test('a refusal behind a failure is forgiven once; the next ends a call whose policy does not know its code', async () => {
  const retryableCodes = new Set<Code>([Code.RESOURCE_EXHAUSTED]);
  await using world = new World({}, new HandSettings({ retry: { ...POLICY, retryableCodes } }));
  const made = world.start();
  fail(world, Status.RESOURCE_EXHAUSTED, 100);
  world.last.end(REFUSED, 'refused');
  await nextTick();
  assert.is(world.streams.length, 3);
  assert.is(world.last.options.previousAttempts, 1);
  world.last.end(REFUSED_AGAIN, 'refused');
  assert.is(await textOf(made), 'UNAVAILABLE: refused again');
  assert.is(world.clock.armed, 0);
  await aFewTurns();
  assert.is(world.streams.length, 3);
});

test('no message is told as written twice over attempts', async () => {
  await using world = retrying();
  const { call, listener } = world.start();
  for (const text of ['a', 'b', 'c']) call.sendMessage(Buffer.from(text));
  world.last.tellWritten(2);
  fail(world, BUSY, 100);
  world.last.tellWritten(1);
  fail(world, BUSY, 200);
  world.last.tellWritten(3);
  assert.is(listener.written, 3);
  call.cancel('enough');
});

test('each attempt asks the credentials anew; what credentials have the call say is said once, behind the rest', async () => {
  await using world = retrying();
  const context = new AsyncLocalStorage<string>();
  const tokens = new Tokens((asked) => {
    if (asked === 2) made.call.sendMessage(Buffer.from('b'));
    return null;
  }, context);
  const made = context.run('start', () => world.start({ options: DEFAULT.withCredentials(tokens) }));
  made.call.sendMessage(Buffer.from('a'));
  context.run('elsewhere', () => fail(world, BUSY, 100));
  assert.equal(tokens.asked, ['start', 'start']);
  assert.equal(world.last.said, ['start', 'write a', 'write b']);
  assert.is(world.last.headers?.get('authorization'), 'token 2');
  made.call.cancel('enough');
});

test('credentials of a later attempt find the call not ready, and may cancel it', async () => {
  await using world = retrying();
  const readiness: boolean[] = [];
  const tokens = new Tokens((asked) => {
    if (asked === 1) return null;
    readiness.push(made.call.isReady());
    if (asked === 3) made.listener.forbid(() => made.call.cancel('no more tokens'));
    return null;
  });
  const made = world.start({ options: DEFAULT.withCredentials(tokens) });
  for (const waitMs of [100, 200]) {
    world.last.becomeReady();
    readiness.push(made.call.isReady());
    fail(world, BUSY, waitMs);
  }
  assert.equal(readiness, [true, false, true, false]);
  assert.is(await textOf(made), 'CANCELLED: no more tokens');
  await aFewTurns();
  assert.equal(made.listener.names, ['ready', 'ready', 'close']);
  assert.ok(world.streams.every((stream) => stream.closed));
  assert.is(world.clock.armed, 0);
});

test('credentials that fail in a way that the policy knows are asked again', async () => {
  await using world = retrying();
  const tokens = new Tokens((asked) => (asked < 3 ? Status.UNAVAILABLE.withDescription('no tokens') : null));
  const made = world.start({ options: DEFAULT.withCredentials(tokens) });
  for (const waitMs of [100, 200]) {
    await aFewTurns();
    world.clock.advance(waitMs);
  }
  assert.is(tokens.asked.length, 3);
  assert.is(world.last.headers?.get('authorization'), 'token 3');
  world.last.end(Status.OK);
  assert.is(await textOf(made), 'OK');
});

// ---- pushback and tokens ----

test('pushback takes the place of the wait; then waits start over; a negative one ends the call', async () => {
  await using world = retrying();
  const made = world.start();
  fail(world, BUSY, 100);
  world.last.end(BUSY, 'processed', pushback('5000'));
  world.clock.advance(4_999);
  assert.is(world.streams.length, 2);
  world.clock.advance(1);
  assert.is(world.streams.length, 3);
  fail(world, BUSY, 99);
  assert.is(world.streams.length, 3);
  world.clock.advance(1);
  assert.is(world.streams.length, 4);
  made.call.cancel('enough');
  const stubborn = world.start();
  world.last.end(BUSY, 'processed', pushback('-1'));
  assert.is(await textOf(stubborn), 'UNAVAILABLE: busy');
});

test('tokens: calls use them up together, calls that go well bring them back', async () => {
  await using world = retrying({ maxTokens: 4, tokenRatio: 1 });
  const first = world.start();
  fail(world, BUSY, 100);
  world.last.end(BUSY);
  assert.is(await textOf(first), 'UNAVAILABLE: busy', 'two failures leave half of the tokens');
  const second = world.start();
  world.last.end(BUSY);
  assert.is(await textOf(second), 'UNAVAILABLE: busy');
  for (let count = 0; count < 3; count += 1) {
    const good = world.start();
    world.last.tellHeaders();
    world.last.end(Status.OK);
    await good.listener.closed;
  }
  const third = world.start();
  fail(world, BUSY, 100);
  assert.equal(third.listener.names, []);
  third.call.cancel('enough');
});

test('tokens: an end of our own, a failure that is not retryable and one behind headers neither take nor bring any', async () => {
  await using world = retrying({ maxTokens: 2, tokenRatio: 1 });
  for (let count = 0; count < 5; count += 1) {
    const cancelled = world.start();
    cancelled.call.cancel('enough');
    await cancelled.listener.closed;
    const broken = world.start();
    world.last.end(BROKEN);
    await broken.listener.closed;
    const begun = world.start();
    world.last.tellHeaders();
    world.last.end(BUSY);
    await begun.listener.closed;
    const good = world.start();
    world.last.end(Status.OK, 'processed', pushback('-1'));
    await good.listener.closed;
  }
  assert.ok(world.settings.throttle?.mayRetry);
});

test('transparent retries need no tokens, and take none', async () => {
  await using world = retrying({ maxTokens: 2, tokenRatio: 1 });
  const made = world.start();
  for (let count = 0; count < 5; count += 1) {
    world.last.end(GONE, 'not-sent');
    await nextTick();
  }
  assert.ok(world.settings.throttle?.mayRetry);
  world.settings.throttle?.onFailure();
  world.last.end(REFUSED, 'refused');
  await nextTick();
  assert.is(world.streams.length, 7);
  made.call.cancel('enough');
});

// ---- ends while nothing runs ----

test('cancel, abort and deadline during the wait: one end, in the next tick, and no timer is left', async () => {
  const abort = new AbortController();
  await using world = retrying();
  const ends: readonly [string, () => CallOptions, (made: MadeCall) => void][] = [
    ['CANCELLED: enough', () => DEFAULT, ({ call }) => call.cancel('enough')],
    ['CANCELLED', () => DEFAULT.withSignal(abort.signal), () => abort.abort()],
    [
      'DEADLINE_EXCEEDED: deadline exceeded after 0.050 s (waiting to try again after UNAVAILABLE: busy)',
      () => DEFAULT.withTimeout(50, world.clock),
      () => world.clock.advance(50),
    ],
  ];
  for (const [text, options, end] of ends) {
    const streams = world.streams.length;
    const made = world.start({ options: options() });
    world.last.end(BUSY);
    made.listener.forbid(() => end(made));
    await aFewTurns();
    assert.is(world.clock.armed, 0);
    world.clock.advance(10_000);
    assert.equal(made.listener.names, ['close']);
    assert.ok((await textOf(made)).startsWith(text), await textOf(made));
    assert.is(world.streams.length, streams + 1);
    assert.is(world.channel.inspect().suspendedCalls, 0);
  }
});

test('a failure that comes with the deadline, or behind it, is not followed', async () => {
  await using world = retrying();
  const other = new WoundClock();
  const late = world.start({ options: DEFAULT.withTimeout(50, other) });
  other.advance(50);
  world.last.end(BUSY);
  assert.is(await textOf(late), 'UNAVAILABLE: busy');
  const made = world.start({ options: DEFAULT.withTimeout(50, world.clock) });
  world.last.endSoon(BUSY, 'processed');
  world.clock.advance(50);
  assert.match(await textOf(made), /^DEADLINE_EXCEEDED/);
  assert.is(world.streams.length, 2);
});

test('is not ready during the wait, and keeps what is said', async () => {
  await using world = retrying();
  const { call } = world.start();
  world.last.becomeReady();
  assert.ok(call.isReady());
  call.sendMessage(Buffer.from('a'));
  world.last.end(BUSY);
  assert.not(call.isReady());
  call.sendMessage(Buffer.from('b'));
  call.request(3);
  call.halfClose();
  world.clock.advance(100);
  assert.equal(world.last.said, ['start', 'write a', 'write b', 'halfClose', 'request 3']);
  call.cancel('enough');
});

test('shutdown lets a call that waits go on; the channel is done when the call is', async () => {
  await using world = retrying();
  const made = world.start();
  world.last.end(BUSY);
  world.channel.shutdown();
  await aFewTurns();
  assert.not(world.channel.isTerminated);
  assert.is(world.channel.inspect().suspendedCalls, 1);
  world.clock.advance(100);
  assert.is(world.streams.length, 2);
  world.last.end(Status.OK);
  assert.is(await textOf(made), 'OK');
  await aFewTurns();
  assert.ok(world.channel.isTerminated);
});

test('a failure that comes after shutdown is followed like any other, and the channel is done when the call is', async () => {
  await using world = retrying();
  const made = world.start();
  world.channel.shutdown();
  world.last.end(BUSY);
  await aFewTurns();
  world.clock.advance(100);
  assert.is(world.streams.length, 2);
  world.last.end(REFUSED, 'refused');
  await aFewTurns();
  assert.is(world.streams.length, 3);
  assert.not(world.channel.isTerminated);
  world.last.end(Status.OK);
  assert.is(await textOf(made), 'OK');
  await aFewTurns();
  assert.is(world.clock.armed, 0);
  assert.ok(world.channel.isTerminated);
});

test('after shutdown a connection that is lost is made anew for a call that goes on', async () => {
  await using world = retrying();
  const made = world.start();
  world.channel.shutdown();
  const first = world.transport;
  first.goAway(GONE);
  world.last.end(GONE);
  await aFewTurns();
  world.clock.advance(100);
  assert.is(world.transports.length, 2);
  world.transport.connect();
  assert.is(world.streams.length, 2);
  world.last.end(Status.OK);
  assert.is(await textOf(made), 'OK');
  await aFewTurns();
  assert.ok(world.channel.isTerminated);
});

test('a call that is cancelled while it waits lets its channel end', async () => {
  await using world = retrying();
  const made = world.start();
  world.last.end(BUSY);
  world.channel.shutdown();
  made.call.cancel('enough');
  await made.listener.closed;
  await aFewTurns();
  assert.ok(world.channel.isTerminated);
});

test('shutdownNow ends a call that waits, at once, and one whose stream it ends without another attempt', async () => {
  await using world = retrying();
  const waiting = world.start();
  world.last.end(BUSY);
  const running = world.start();
  waiting.listener.forbid(() => running.listener.forbid(() => world.channel.shutdownNow()));
  for (const made of [waiting, running]) assert.is(await textOf(made), 'UNAVAILABLE: Channel shutdownNow invoked');
  await aFewTurns();
  assert.is(world.clock.armed, 0);
  assert.is(world.streams.length, 2);
  assert.ok(world.channel.isTerminated);
});

test('the channel does not count itself as ended before a call that waits has', async () => {
  await using world = retrying();
  const order: string[] = [];
  world.start({ reactions: { onClose: () => void order.push('call') } });
  world.last.end(BUSY);
  const ended = world.channel.awaitTermination().then(() => order.push('channel'));
  world.channel.shutdownNow();
  await ended;
  assert.equal(order, ['call', 'channel']);
});

// ---- bounds ----

test('a call that keeps more than it may is not tried again, and goes on', async () => {
  await using world = new World({ replay: { perCallBytes: 1_000 } }, new HandSettings({ retry: POLICY }));
  for (const [bytes, followed] of [
    [1_000 - 128, true],
    [1_001 - 128, false],
  ] as const) {
    const made = world.start();
    made.call.sendMessage(Buffer.alloc(bytes));
    fail(world, BUSY, 100);
    await aFewTurns();
    assert.equal(made.listener.names, followed ? [] : ['close']);
    made.call.cancel('enough');
    await made.listener.closed;
  }
  const made = world.start();
  world.last.end(BUSY);
  made.call.sendMessage(Buffer.alloc(5_000));
  world.clock.advance(100);
  assert.equal(world.last.said, ['start', 'write 5000 bytes'], 'during the wait all is kept');
  world.last.end(BUSY);
  assert.is(await textOf(made), 'UNAVAILABLE: busy', 'then it is let go');
});

test('when the calls of a channel keep more than they may, the one that says more is not tried again', async () => {
  await using world = new World({ replay: { perChannelBytes: 1_000 } }, new HandSettings({ retry: POLICY }));
  const first = world.start();
  const firstStream = world.last;
  first.call.sendMessage(Buffer.alloc(500));
  const second = world.start();
  second.call.sendMessage(Buffer.alloc(500));
  fail(world, BUSY, 100);
  assert.is(await textOf(second), 'UNAVAILABLE: busy');
  firstStream.end(BUSY);
  world.clock.advance(100);
  assert.equal(first.listener.names, []);
  first.call.cancel('enough');
});

// ---- idempotent methods ----

function methodThatIs(idempotency: Idempotency): MethodDescriptor<Uint8Array, Uint8Array> {
  return new MethodDescriptor({
    service: 'test.Echo',
    name: 'Look',
    kind: 'bidi_streaming',
    requestMarshaller: BYTES_MARSHALLER,
    responseMarshaller: BYTES_MARSHALLER,
    idempotency,
  });
}

async function attemptsOf(world: World, idempotency: Idempotency, failure: Status): Promise<number> {
  const before = world.streams.length;
  const listener = new RecordingClientListener<Uint8Array>();
  world.channel.newCall(methodThatIs(idempotency), DEFAULT).start(listener, new Metadata());
  for (let count = 0; count < 6; count += 1) fail(world, failure, 10_000);
  await listener.closed;
  return world.streams.length - before;
}

test('idempotent methods without a policy are tried again, others never', async () => {
  await using world = new World();
  assert.is(await attemptsOf(world, 'no_side_effects', BUSY), 3);
  assert.is(await attemptsOf(world, 'idempotent', BUSY), 3);
  assert.is(await attemptsOf(world, 'unknown', BUSY), 1);
  assert.is(await attemptsOf(world, 'idempotent', Status.RESOURCE_EXHAUSTED), 1);
});

test('a channel may have another policy for idempotent methods, or none; a method’s own counts before it', async () => {
  await using none = new World({ idempotentRetry: null });
  assert.is(await attemptsOf(none, 'idempotent', BUSY), 1);
  await using two = new World({ idempotentRetry: { ...POLICY, maxAttempts: 2 } });
  assert.is(await attemptsOf(two, 'no_side_effects', Status.RESOURCE_EXHAUSTED), 2);
  assert.is(await attemptsOf(two, 'unknown', Status.RESOURCE_EXHAUSTED), 1);
  await using own = new World({ idempotentRetry: null }, new HandSettings({ retry: POLICY }));
  assert.is(await attemptsOf(own, 'idempotent', BUSY), 4);
});

test('the settings of the start hold for the whole call', async () => {
  await using world = retrying();
  const made = world.start();
  world.settings.tell({});
  fail(world, BUSY, 100);
  assert.is(world.streams.length, 2);
  made.call.cancel('enough');
  const later = world.start();
  world.last.end(BUSY);
  assert.is(await textOf(later), 'UNAVAILABLE: busy');
});

test.run();
