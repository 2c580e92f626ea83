/** asyncClientInterceptor: what the function may do before the call, with it and after it, and what the caller sees. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { getEventListeners } from 'node:events';
import { CallOptions } from '../../src/call/call-options.ts';
import type { ClientCall } from '../../src/call/client-call.ts';
import { type ClientInterceptor, ForwardingClientCall, interceptChannel } from '../../src/call/client-interceptor.ts';
import { DirectChannel } from '../../src/channel/direct-channel.ts';
import {
  type AsyncClientInterceptor,
  asyncClientInterceptor,
  type OutgoingCall,
} from '../../src/stub/async-client-interceptor.ts';
import type { CallEnd } from '../../src/stub/call-below.ts';
import { MessageFailure } from '../../src/transport/message-failure.ts';
import { WriteFlag } from '../../src/transport/stream.ts';
import { Attributes, REMOTE_ADDRESS } from '../../src/values/attributes.ts';
import { Deadline } from '../../src/values/deadline.ts';
import { IllegalStateError } from '../../src/values/illegal-state-error.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Code, Status } from '../../src/values/status.ts';
import { StatusError } from '../../src/values/status-error.ts';
import { CallPair, type CallPairInit, type MadeCall, METHODS, textMethod, thrownBy } from '../call/call-pair.ts';
import { HandTransport } from '../channel/hand-transport.ts';
import { echoMethods } from '../support/echo.ts';
import { RecordingClientListener } from '../support/recorder.ts';
import { assert, suite, within } from '../support/suite.ts';
import { WoundClock } from '../support/wound-clock.ts';
import { answer, ask, Gate, rejectionOf, turns } from './interceptor-support.ts';

const test = suite('asyncClientInterceptor');

const TRANSPORTS = ['in-process', 'http2'] as const;

/** A pair whose calls all pass `intercept`. */
function openWith(intercept: AsyncClientInterceptor, init: CallPairInit = {}): Promise<CallPair> {
  return CallPair.open({ ...init, channel: { interceptors: [asyncClientInterceptor(intercept)], ...init.channel } });
}

/** A bidi call that has been started over a transport that the test works by hand. */
function startByHand(intercept: AsyncClientInterceptor, early: readonly string[] = []) {
  const transport = new HandTransport();
  const errors: unknown[] = [];
  const channel = new DirectChannel(() => transport, 'some.host', { onListenerError: (error) => errors.push(error) });
  channel.connect();
  transport.connect();
  transport.early = early;
  const intercepted = interceptChannel(channel, asyncClientInterceptor(intercept));
  const listener = new RecordingClientListener<Uint8Array>();
  const call = intercepted.newCall(echoMethods.bidi_streaming, CallOptions.DEFAULT);
  listener.forbid(() => call.start(listener, new Metadata()));
  return { call, listener, transport, errors };
}

/** Ends whatever is left of a call. */
async function finish({ call, listener }: MadeCall): Promise<void> {
  call.cancel('the test is over');
  await listener.closed;
}

/** What a listener heard, but for how its own messages fare. */
function withoutFlow({ listener }: MadeCall): string[] {
  return listener.names.filter((name) => name !== 'ready' && name !== 'written');
}

async function textOf({ listener }: MadeCall): Promise<string> {
  return (await listener.closed).status.toString();
}

// ---- before the call ----

for (const transport of TRANSPORTS) {
  test(`${transport}: the call waits for the function, which may add to its metadata`, async () => {
    const token = new Gate<string>();
    await using pair = await openWith(
      async (_method, { metadata }, next) => {
        metadata.set('authorization', await token.passed);
        return await next();
      },
      { transport },
    );
    const own = new Metadata({ 'x-own': 'o' });
    const made = pair.start('unary', {}, CallOptions.DEFAULT, own);
    made.listener.forbid(() => ask(made));
    await turns();
    assert.is(pair.served.all.length, 0);
    token.open('Bearer t');
    const served = await pair.served.next();
    assert.equal([served.headers.get('authorization'), served.headers.get('x-own')], ['Bearer t', 'o']);
    assert.equal(own.keys(), ['x-own']);
    served.call.request(2);
    assert.is(await served.listener.message(), 'a question');
    await served.listener.event('half-close');
    answer(served, 'yes', new Metadata({ 'x-trail': 't' }));
    const { status, trailers } = await made.listener.closed;
    assert.equal([status, trailers.get('x-trail')], [Status.OK, 't']);
    assert.equal(made.listener.messages, ['yes']);
    assert.is((await made.listener.headers()).get('x-head'), 'h');
  });

  test(`${transport}: it is not ready before there is a call below, and told so once it is`, async () => {
    const gate = new Gate();
    await using pair = await openWith(
      async (_method, _call, next) => {
        await gate.passed;
        return await next();
      },
      { transport },
    );
    // Connected, so that the call below finds its stream at once.
    await pair.connect();
    const made = pair.start('bidi_streaming');
    assert.not(made.call.isReady());
    await turns();
    assert.equal([made.call.isReady(), made.listener.names], [false, []]);
    gate.open();
    await made.listener.event('ready');
    assert.ok(made.call.isReady());
    made.call.halfClose();
    assert.not(made.call.isReady());
    await finish(made);
  });
}

test('what the caller said meanwhile is said in its order, permits last; then everything goes straight on', async () => {
  const gate = new Gate();
  const { call, listener, transport } = startByHand(
    async (_method, _call, next) => {
      await gate.passed;
      return await next();
    },
    ['waits'],
  );
  listener.forbid(() => {
    call.request(1);
    call.sendMessage(Buffer.from('a'), WriteFlag.BUFFER_HINT);
    call.setMessageCompression(false);
    call.sendMessage(Buffer.from('b'));
    call.request(2);
    assert.is(call.getAttributes(), Attributes.EMPTY);
  });
  await turns();
  assert.equal([transport.streams.length, listener.names], [0, []]);
  gate.open();
  await listener.message();
  assert.equal(transport.last.said, ['start', 'write a flagged 2', 'write b flagged 1', 'request 3']);
  transport.attributes = Attributes.EMPTY.with(REMOTE_ADDRESS, { host: 'h', port: 1 });
  assert.is(call.getAttributes(), transport.attributes);
  call.setMessageCompression(true);
  call.sendMessage(Buffer.from('c'), WriteFlag.WRITE_THROUGH);
  call.request(4);
  call.halfClose();
  assert.equal(transport.last.said.slice(4), ['write c flagged 4', 'request 4', 'halfClose']);
  transport.last.ready = true;
  transport.last.becomeReady();
  transport.last.tellWritten(3);
  transport.last.tellClosing(Status.ABORTED);
  transport.last.close(Status.ABORTED);
  assert.is((await listener.closed).status, Status.ABORTED);
  assert.equal(listener.names, ['headers', 'message', 'ready', 'written', 'closing', 'close']);
});

test('a half-close that came meanwhile is the last thing but the permits', async () => {
  const gate = new Gate();
  const { call, listener, transport } = startByHand(async (_method, _call, next) => {
    await gate.passed;
    return await next();
  });
  call.request(Number.POSITIVE_INFINITY);
  call.request(1);
  call.sendMessage(Buffer.from('a'));
  call.halfClose();
  gate.open();
  await turns();
  assert.equal(transport.last.said, ['start', 'write a', 'halfClose', 'request Infinity']);
  transport.last.close();
  await listener.closed;
});

test('without an await before next() the call starts within start', async () => {
  const { call, listener, transport } = startByHand((_method, _call, next) => next());
  assert.equal(transport.last.said, ['start']);
  call.cancel('enough');
  await listener.closed;
});

test('the function is told method, options and metadata; next() takes others', async () => {
  const seen: unknown[] = [];
  const key = 'x-mine';
  await using pair = await openWith(async (method, call, next) => {
    seen.push(method, call.callOptions, call.metadata.get('x-own'), Object.isFrozen(call));
    const callOptions = call.callOptions.withAuthority('other.host');
    return await next({ callOptions, metadata: new Metadata({ [key]: 'm' }) });
  });
  const options = CallOptions.DEFAULT.withCompression('gzip');
  const made = pair.start('unary', {}, options, new Metadata({ 'x-own': 'o' }));
  ask(made);
  const served = await pair.served.next();
  assert.equal(
    [served.call.authority, served.headers.get(key), served.headers.get('x-own')],
    ['other.host', 'm', undefined],
  );
  assert.equal(seen.slice(2), ['o', true]);
  assert.is(seen[0], METHODS.unary);
  assert.is(seen[1], options);
  answer(served);
  assert.is(await textOf(made), 'OK');
});

test('what next() is not told, or told to be undefined, is as it was', async () => {
  for (const given of [{}, { callOptions: undefined, metadata: undefined }]) {
    await using pair = await openWith((_method, { metadata }, next) => {
      metadata.set('x-added', 'a');
      return next(given);
    });
    const made = pair.start('unary', {}, CallOptions.DEFAULT.withAuthority('own.host'));
    ask(made);
    const served = await pair.served.next();
    assert.equal([served.call.authority, served.headers.get('x-added')], ['own.host', 'a']);
    answer(served);
    assert.is(await textOf(made), 'OK');
  }
});

// ---- the end of the call ----

test('next() resolves to headers and trailers after the messages; the end waits for the function', async () => {
  const gate = new Gate();
  const ends: CallEnd[] = [];
  await using pair = await openWith(async (_method, _call, next) => {
    const end = await next();
    ends.push(end);
    end.trailers.set('x-timed', 'yes');
    await gate.passed;
    return end;
  });
  const made = pair.start('unary');
  ask(made);
  answer(await pair.served.next(), 'yes', new Metadata({ 'x-trail': 't' }));
  await made.listener.message();
  await turns();
  assert.equal(withoutFlow(made), ['headers', 'message']);
  assert.equal([ends[0]?.headers.get('x-head'), ends[0]?.trailers.get('x-trail')], ['h', 't']);
  gate.open();
  const { status, trailers } = await made.listener.closed;
  assert.ok(status.isOk);
  assert.equal([trailers.get('x-trail'), trailers.get('x-timed')], ['t', 'yes']);
});

test('the headers of a response that is nothing but a status are empty', async () => {
  const ends: CallEnd[] = [];
  await using pair = await openWith(async (_method, _call, next) => {
    const end = await next();
    ends.push(end);
    return end;
  });
  const made = pair.start('bidi_streaming');
  (await pair.served.next()).call.close(Status.OK.withDescription('well done'), new Metadata());
  assert.is(await textOf(made), 'OK: well done');
  assert.is(ends[0]?.headers.size, 0);
});

for (const transport of TRANSPORTS) {
  test(`${transport}: next() rejects with status, trailers and facts of the call; thrown on, nothing changes`, async () => {
    const errors: unknown[] = [];
    await using pair = await openWith(
      async (_method, _call, next) => {
        try {
          return await next();
        } catch (error) {
          errors.push(error);
          throw error;
        }
      },
      { transport },
    );
    const made = pair.start('bidi_streaming');
    const served = await pair.served.next();
    served.call.sendHeaders(new Metadata());
    served.call.close(Status.NOT_FOUND.withDescription('no such'), new Metadata({ 'x-why': 'w' }));
    const { status, trailers } = await made.listener.closed;
    assert.is(status.toString(), 'NOT_FOUND: no such');
    assert.is(trailers.get('x-why'), 'w');
    const error = errors[0] as StatusError;
    assert.instance(error, StatusError);
    assert.is(error.message, 'NOT_FOUND: no such (test.Text/bidi_streaming, after the response headers)');
    assert.is(error.trailers.get('x-why'), 'w');
    assert.match(String(error.call?.peer), transport === 'http2' ? /^127\.0\.0\.1:\d+$/ : /./);
  });
}

test('a message that could not be sent: next() tells what became of it, and the call itself ends as ever', async () => {
  const refusing = textMethod('unary', {
    request: {
      serialize: () => {
        throw new Error('not to be serialized');
      },
      deserialize: String,
    },
  });
  const codes: unknown[] = [];
  await using pair = await openWith(async (_method, _call, next) => {
    try {
      return await next();
    } catch (error) {
      codes.push(error instanceof StatusError && error.code);
      throw error;
    }
  });
  const made = pair.start(refusing);
  ask(made);
  const { status } = await made.listener.closed;
  assert.equal(codes, [Code.INTERNAL]);
  assert.is(status.code, Code.CANCELLED);
  assert.instance(status.cause, MessageFailure);
});

test('a StatusError ends the call with its status and trailers, before next() and after it', async () => {
  for (const first of [false, true]) {
    await using pair = await openWith(async (_method, _call, next) => {
      if (!first) await next();
      const why = new StatusError(Status.UNAUTHENTICATED.withDescription('no token'), new Metadata({ 'x-why': 'w' }));
      throw first ? new Error('wrapped', { cause: why }) : why;
    });
    const made = pair.start('unary');
    ask(made);
    if (!first) answer(await pair.served.next());
    const { status, trailers } = await made.listener.closed;
    assert.is(status.toString(), 'UNAUTHENTICATED: no token');
    assert.is(trailers.get('x-why'), 'w');
    assert.is(pair.served.all.length, first ? 0 : 1);
    assert.equal(pair.failures, []);
  }
});

test('any other error is UNKNOWN with that error as its cause, and reported to nobody', async () => {
  const error = new TypeError('fetch failed');
  for (const intercept of [
    async () => Promise.reject(error),
    () => {
      throw error;
    },
  ]) {
    await using pair = await openWith(intercept);
    const made = pair.make('unary');
    made.listener.forbid(() => {
      made.call.start(made.listener, new Metadata());
      ask(made);
    });
    const { status, trailers } = await made.listener.closed;
    assert.is(status.toString(), 'UNKNOWN: an interceptor failed');
    assert.is(status.cause, error);
    assert.is(trailers.size, 0);
    assert.equal(made.listener.names, ['close']);
    assert.equal(pair.failures, []);
  }
});

test('a thrown OK is a failure, and so is an end that is none', async () => {
  await using okay = await openWith(async () => Promise.reject(new StatusError(Status.OK.withDescription('well'))));
  assert.is(await textOf(okay.start('unary')), 'UNKNOWN: well');
  for (const end of [undefined, null, {}, { trailers: {} }]) {
    await using pair = await openWith(async () => end as unknown as CallEnd);
    const { status } = await pair.start('unary').listener.closed;
    assert.is(status.code, Code.UNKNOWN);
    assert.is(String(status.cause), 'TypeError: the interceptor returned no end of the call');
  }
});

test('an error turned into OK ends the call OK', async () => {
  await using pair = await openWith(async (_method, _call, next) => {
    try {
      return await next();
    } catch {
      return { trailers: new Metadata({ 'x-mapped': 'm' }) };
    }
  });
  const made = pair.start('server_streaming');
  ask(made);
  (await pair.served.next()).call.close(Status.NOT_FOUND, new Metadata({ 'x-why': 'w' }));
  const { status, trailers } = await made.listener.closed;
  assert.is(status, Status.OK);
  assert.equal(trailers.keys(), ['x-mapped']);
});

test('without next() the call ends OK without a message, and nothing leaves', async () => {
  await using pair = await openWith(async () => ({ trailers: new Metadata({ 'x-cached': 'c' }) }));
  for (const kind of ['unary', 'bidi_streaming'] as const) {
    const made = pair.start(kind);
    made.listener.forbid(() => ask(made));
    const { status, trailers } = await made.listener.closed;
    assert.equal([status, trailers.get('x-cached'), made.listener.names], [Status.OK, 'c', ['close']]);
  }
  assert.is(pair.served.all.length, 0);
});

test('a second next() rejects, and the first goes on', async () => {
  const errors: unknown[] = [];
  await using pair = await openWith(async (_method, _call, next) => {
    const first = next();
    errors.push(await rejectionOf(next()));
    const end = await first;
    errors.push(await rejectionOf(next()));
    return end;
  });
  const made = pair.start('unary');
  ask(made);
  answer(await pair.served.next());
  assert.is(await textOf(made), 'OK');
  assert.equal(errors.map(String), Array(2).fill('IllegalStateError: next() was called already'));
  assert.instance(errors[0], IllegalStateError);
  assert.is(pair.served.all.length, 1);
});

for (const transport of TRANSPORTS) {
  test(`${transport}: a function that ends first ends the call, and the one below is cancelled in silence`, async () => {
    const timeout = new Gate();
    await using pair = await openWith(
      async (_method, _call, next) => {
        const late = timeout.passed.then(() => {
          throw new StatusError(Status.ABORTED.withDescription('too slow for me'));
        });
        return await Promise.race([next(), late]);
      },
      { transport },
    );
    const { call, listener, served } = await pair.bidi();
    call.request(5);
    served.call.sendHeaders(new Metadata());
    served.call.sendMessage('one');
    await listener.message();
    timeout.open();
    assert.is(await textOf({ call, listener }), 'ABORTED: too slow for me');
    assert.is(await served.listener.closed, 'cancel');
    // What its caller goes on to say is legal, and of no effect.
    call.sendMessage('too late');
    call.request(1);
    call.setMessageCompression(false);
    call.halfClose();
    assert.not(call.isReady());
    await turns();
    assert.equal(withoutFlow({ call, listener }), ['headers', 'message', 'close']);
  });
}

test('next() that nobody awaits may reject as it likes', async () => {
  const gate = new Gate();
  const { call, listener, transport } = startByHand(async (_method, _call, next) => {
    void next();
    void next();
    await gate.passed;
    return { trailers: new Metadata() };
  });
  transport.last.close(Status.UNAVAILABLE);
  await turns();
  gate.open();
  assert.ok((await listener.closed).status.isOk);
  call.cancel('after the end');
  await turns();
});

test('next() after the end makes no call, and rejects', async () => {
  const nexts: (() => Promise<CallEnd>)[] = [];
  const ends: [() => ReturnType<AsyncClientInterceptor>, RegExp][] = [
    [async () => ({ trailers: new Metadata() }), /^StatusError: CANCELLED: the call has ended$/],
    [async () => Promise.reject(new StatusError(Status.ABORTED)), /^StatusError: ABORTED$/],
  ];
  for (const [end, said] of ends) {
    await using pair = await openWith((_method, _call, next) => {
      nexts.push(next);
      return end();
    });
    await pair.start('unary').listener.closed;
    assert.match(String(await rejectionOf(nexts.pop()?.() ?? Promise.resolve())), said);
    await turns();
    assert.is(pair.served.all.length, 0);
  }
});

test('next() rejects with what a call below throws at birth', async () => {
  const broken: ClientInterceptor = () => {
    throw new Error('no call today');
  };
  await using pair = await CallPair.open({
    channel: { interceptors: [broken, asyncClientInterceptor((_method, _call, next) => next())] },
  });
  const made = pair.start('unary');
  made.listener.forbid(() => ask(made));
  const { status } = await made.listener.closed;
  assert.is(String(status.cause), 'Error: no call today');
});

// ---- cancel, deadline, signal ----

/** Where a function may be while something strikes. */
const PHASES = ['before next()', 'in next()', 'after next()'] as const;
type Phase = (typeof PHASES)[number];

interface Struck {
  readonly pair: CallPair;
  readonly made: MadeCall;
  /** What next() gave, or rejected with, in words. */
  readonly heard: string[];
  /** Lets the function go on. */
  readonly gate: Gate;
}

/** A call whose function has come to `phase` and stays there. */
async function inPhase(phase: Phase, options: CallOptions, init: CallPairInit = {}): Promise<Struck> {
  const gate = new Gate();
  const heard: string[] = [];
  const pair = await openWith(async (_method, _call, next) => {
    if (phase === 'before next()') await gate.passed;
    try {
      const end = await next();
      heard.push('OK');
      return end;
    } catch (error) {
      heard.push(String(error instanceof StatusError ? error.status : error));
      throw error;
    } finally {
      if (phase !== 'before next()') await gate.passed;
    }
  }, init);
  const made = pair.start('unary', {}, options);
  ask(made);
  if (phase !== 'before next()') {
    const served = await pair.served.next();
    if (phase === 'after next()') answer(served);
  }
  await turns();
  assert.is(heard.length, phase === 'after next()' ? 1 : 0);
  return { pair, made, heard, gate };
}

for (const phase of PHASES) {
  for (const transport of TRANSPORTS) {
    test(`${transport}: a cancel ${phase} ends the call at once, whatever the function does`, async () => {
      const { pair, made, heard, gate } = await inPhase(phase, CallOptions.DEFAULT, { transport });
      await using _ = pair;
      const why = new Error('why');
      made.listener.forbid(() => made.call.cancel('enough', why));
      const { status, trailers } = await made.listener.closed;
      assert.equal([status.toString(), status.cause, trailers.size], ['CANCELLED: enough', why, 0]);
      if (phase === 'in next()') assert.is(await pair.served.all[0]?.listener.closed, 'cancel');
      gate.open();
      await turns();
      assert.equal(heard, [phase === 'after next()' ? 'OK' : 'CANCELLED: enough']);
      assert.is(pair.served.all.length, phase === 'before next()' ? 0 : 1);
      assert.equal(pair.failures, []);
    });
  }

  test(`a deadline ${phase} ends the call, or the one below`, async () => {
    const clock = new WoundClock();
    const options = CallOptions.DEFAULT.withTimeout(1000, clock);
    const { pair, made, heard, gate } = await inPhase(phase, options, { channel: { clock } });
    await using _ = pair;
    clock.advance(1000);
    if (phase === 'in next()') {
      await turns();
      // The function has heard of it, and has its say.
      assert.match(heard[0] ?? '', /^DEADLINE_EXCEEDED: deadline exceeded after 1.000 s/);
      assert.not(made.listener.names.includes('close'));
      gate.open();
      assert.match(await textOf(made), /^DEADLINE_EXCEEDED: deadline exceeded after 1.000 s/);
    } else {
      assert.is(await textOf(made), 'DEADLINE_EXCEEDED: deadline exceeded in an interceptor');
      gate.open();
      await turns();
      assert.is(heard.length, 1);
    }
    assert.is(clock.armed, 0);
  });

  test(`a signal ${phase} ends the call, or the one below`, async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const { pair, made, gate } = await inPhase(phase, CallOptions.DEFAULT.withSignal(signal));
    await using _ = pair;
    assert.is(getEventListeners(signal, 'abort').length, 1);
    const reason = new Error('the user left');
    made.listener.forbid(() => controller.abort(reason));
    if (phase === 'in next()') gate.open();
    const { status } = await made.listener.closed;
    assert.equal([status.toString(), status.cause], ['CANCELLED: the signal was aborted', reason]);
    gate.open();
    await turns();
    assert.is(getEventListeners(signal, 'abort').length, 0);
  });
}

test('nothing stays armed of a call that went well', async () => {
  const clock = new WoundClock();
  const { signal } = new AbortController();
  await using pair = await openWith((_method, _call, next) => next(), { channel: { clock } });
  const made = pair.start('unary', {}, CallOptions.DEFAULT.withTimeout(1000, clock).withSignal(signal));
  ask(made);
  answer(await pair.served.next());
  assert.is(await textOf(made), 'OK');
  assert.equal([clock.armed, getEventListeners(signal, 'abort').length], [0, 0]);
});

test('nothing stays armed of a call whose function throws at once', async () => {
  const clock = new WoundClock();
  const { signal } = new AbortController();
  await using pair = await openWith(() => {
    throw new StatusError(Status.ABORTED);
  });
  const made = pair.start('unary', {}, CallOptions.DEFAULT.withTimeout(1000, clock).withSignal(signal));
  assert.is(await textOf(made), 'ABORTED');
  assert.equal([clock.armed, getEventListeners(signal, 'abort').length], [0, 0]);
});

test('many calls on one signal are no leak, and no warning says so', async () => {
  const warnings: Error[] = [];
  const note = (warning: Error): void => void warnings.push(warning);
  process.on('warning', note);
  const controller = new AbortController();
  await using pair = await openWith(() => new Promise(() => {}));
  const calls = Array.from({ length: 30 }, () =>
    pair.start('unary', {}, CallOptions.DEFAULT.withSignal(controller.signal)),
  );
  await turns();
  controller.abort();
  await Promise.all(calls.map(({ listener }) => listener.closed));
  process.off('warning', note);
  assert.equal(warnings, []);
});

test('a deadline that has passed, or an aborted signal, ends the call unless next() was called at once', async () => {
  const clock = new WoundClock();
  const passed = CallOptions.DEFAULT.withDeadline(Deadline.after(-1, clock));
  const aborted = CallOptions.DEFAULT.withSignal(AbortSignal.abort(new Error('before')));
  const timedOut = CallOptions.DEFAULT.withSignal(AbortSignal.timeout(0));
  await within(5_000, new Promise((resolve) => timedOut.signal?.addEventListener('abort', resolve)));
  await using waiting = await openWith(() => new Promise(() => {}));
  assert.is(await textOf(waiting.start('unary', {}, passed)), 'DEADLINE_EXCEEDED: deadline exceeded in an interceptor');
  assert.is(await textOf(waiting.start('unary', {}, aborted)), 'CANCELLED: the signal was aborted');
  assert.is(await textOf(waiting.start('unary', {}, timedOut)), 'DEADLINE_EXCEEDED: the signal timed out');
  await using quick = await openWith((_method, { callOptions }, next) =>
    next({ callOptions: callOptions.withDeadline(null).withSignal(null) }),
  );
  for (const options of [passed, aborted]) {
    const made = quick.start('unary', {}, options);
    ask(made);
    answer(await quick.served.next());
    assert.is(await textOf(made), 'OK');
  }
});

test('from next() on its own deadline and signal hold, and no others', async () => {
  const clock = new WoundClock();
  const gate = new Gate();
  const controller = new AbortController();
  await using pair = await openWith(
    async (_method, { callOptions }, next) => {
      const end = await next({ callOptions: callOptions.withTimeout(5000, clock).withSignal(null) });
      await gate.passed;
      return end;
    },
    { channel: { clock } },
  );
  const made = pair.start('unary', {}, CallOptions.DEFAULT.withTimeout(1000, clock).withSignal(controller.signal));
  ask(made);
  const served = await pair.served.next();
  clock.advance(2000);
  controller.abort();
  answer(served);
  await made.listener.message();
  await turns();
  clock.advance(2999);
  await turns();
  assert.not(made.listener.names.includes('close'));
  clock.advance(1);
  assert.is(await textOf(made), 'DEADLINE_EXCEEDED: deadline exceeded in an interceptor');
  assert.is(clock.armed, 0);
  gate.open();
  await turns();
});

test('a function has all its time for what a deadline has brought about', async () => {
  const clock = new WoundClock();
  const gate = new Gate();
  await using pair = await openWith(
    async (_method, _call, next) => {
      try {
        return await next();
      } catch (error) {
        await gate.passed;
        throw new StatusError(Status.UNAVAILABLE.withDescription('mapped').withCause(error));
      }
    },
    { channel: { clock } },
  );
  const made = pair.start('unary', {}, CallOptions.DEFAULT.withTimeout(1000, clock));
  ask(made);
  await pair.served.next();
  clock.advance(1000);
  await turns();
  clock.advance(1000);
  await turns();
  assert.equal(withoutFlow(made), []);
  gate.open();
  assert.is(await textOf(made), 'UNAVAILABLE: mapped');
});

test('a cancel wins until onClose has begun', async () => {
  await using pair = await openWith(async () => ({ trailers: new Metadata({ a: 'b' }) }));
  const made = pair.start('unary');
  // In the microtask after the function has returned, and before the tick of the end.
  await Promise.resolve();
  await Promise.resolve();
  assert.equal(made.listener.names, []);
  made.listener.forbid(() => made.call.cancel('just in time'));
  const { status, trailers } = await made.listener.closed;
  assert.equal([status.toString(), trailers.size], ['CANCELLED: just in time', 0]);
  made.call.cancel('too late');
  await turns();
  assert.equal(made.listener.names, ['close']);
});

test('a cancel wins also over a function that has just ended before its call', async () => {
  const { call, listener, transport } = startByHand(async (_method, _call, next) => {
    void next();
    await null;
    return { trailers: new Metadata({ a: 'b' }) };
  });
  while (!transport.last.said.includes('cancel CANCELLED')) await null;
  assert.equal(listener.names, []);
  listener.forbid(() => call.cancel('just in time'));
  const { status, trailers } = await listener.closed;
  assert.equal([status.toString(), trailers.size], ['CANCELLED: just in time', 0]);
});

test('what was on its way when the call was cancelled is dropped', async () => {
  const { call, listener, transport } = startByHand((_method, _call, next) => next());
  call.request(5);
  transport.last.receive('one');
  call.cancel('enough');
  transport.last.receive('two');
  transport.last.tellWritten(1);
  transport.last.becomeReady();
  assert.is((await listener.closed).status.toString(), 'CANCELLED: enough');
  assert.equal(listener.names, ['headers', 'message', 'close']);
});

// ---- the rules of a call ----

test('it keeps the rules of any call, before next() and after it', async () => {
  for (const first of [true, false]) {
    const gate = new Gate();
    await using pair = await openWith(async (_method, _call, next) => {
      if (first) await gate.passed;
      return await next();
    });
    const made = pair.make('bidi_streaming');
    const { call, listener } = made;
    const uses = [
      () => call.request(1),
      () => call.sendMessage('a'),
      () => call.isReady(),
      () => call.halfClose(),
      () => call.setMessageCompression(true),
    ];
    for (const use of uses) assert.is(thrownBy(use), 'IllegalStateError: Not started');
    assert.is(
      thrownBy(() => call.start(listener, null as never)),
      'TypeError: start needs a listener and headers',
    );
    call.start(listener, new Metadata());
    assert.is(
      thrownBy(() => call.start(listener, new Metadata())),
      'IllegalStateError: Already started',
    );
    assert.match(String(thrownBy(() => call.request(-1))), /^RangeError/);
    call.halfClose();
    assert.is(
      thrownBy(() => call.halfClose()),
      'IllegalStateError: call already half-closed',
    );
    assert.is(
      thrownBy(() => call.sendMessage('a')),
      'IllegalStateError: call was half-closed',
    );
    call.cancel('enough');
    call.cancel('again');
    assert.is(
      thrownBy(() => call.sendMessage('a')),
      'IllegalStateError: call was cancelled',
    );
    assert.is(
      thrownBy(() => call.halfClose()),
      'IllegalStateError: call was cancelled',
    );
    call.request(1);
    assert.not(call.isReady());
    assert.is(await textOf(made), 'CANCELLED: enough');
    gate.open();
  }
});

test('cancelled before its start, it never starts, and the function never runs', async () => {
  const runs: OutgoingCall[] = [];
  await using pair = await openWith((_method, call, next) => {
    runs.push(call);
    return next();
  });
  const { call, listener } = pair.make('unary');
  call.cancel(null, new Error('early'));
  assert.is(
    thrownBy(() => call.start(listener, new Metadata())),
    'IllegalStateError: call was cancelled',
  );
  await turns();
  assert.equal([runs.length, listener.names.length], [0, 0]);
});

test('a listener that throws breaks the call below, and what it throws in onClose goes to the channel', async () => {
  const heard: unknown[] = [];
  const broken = new Error('broken');
  const breaks = (): never => {
    throw broken;
  };
  await using pair = await openWith(async (_method, _call, next) => {
    try {
      return await next();
    } catch (error) {
      heard.push(error instanceof StatusError && error.cause);
      throw error;
    }
  });
  const made = pair.start('unary', { onMessage: breaks });
  ask(made);
  answer(await pair.served.next());
  const { status } = await made.listener.closed;
  assert.equal([status.toString(), status.cause, heard[0]], ['CANCELLED: Failed to read message.', broken, broken]);
  assert.equal(
    pair.failures.map(({ side, error }) => [side, error]),
    [['client', broken]],
  );
  pair.failures.length = 0;
  const atEnd = pair.start('unary', { onClose: breaks });
  ask(atEnd);
  answer(await pair.served.next());
  await atEnd.listener.closed;
  assert.equal(
    pair.failures.map(({ error, method }) => [error, method]),
    [[broken, '/test.Text/unary']],
  );
});

test('the channel hears of an error in onClose also when there never was a call below', async () => {
  await using pair = await openWith(async () => ({ trailers: new Metadata() }));
  const broken = new Error('broken');
  const { call, listener } = pair.start('unary', {
    onClose() {
      throw broken;
    },
  });
  await listener.closed;
  assert.is(pair.failures[0]?.error, broken);
  call.reportFailure('said by a face');
  assert.is(pair.failures[1]?.error, 'said by a face');
});

test('the listener hears everything where start was called; the call below starts where next() was called', async () => {
  const storage = new AsyncLocalStorage<string>();
  const starts: unknown[] = [];
  class Noting<Req, Res> extends ForwardingClientCall<Req, Res> {
    override start(...args: Parameters<ClientCall<Req, Res>['start']>): void {
      starts.push(storage.getStore());
      super.start(...args);
    }
  }
  const noting: ClientInterceptor = (method, options, next) => new Noting(next.newCall(method, options));
  const intercept = asyncClientInterceptor(async (_method, _call, next) => {
    starts.push(storage.getStore());
    await turns(1);
    return await storage.run('the interceptor', next);
  });
  await using pair = await CallPair.open({ channel: { interceptors: [noting, intercept] } });
  const where: unknown[] = [];
  const note = (): void => void where.push(storage.getStore());
  const made = storage.run('the caller', () =>
    pair.start('bidi_streaming', { onHeaders: note, onMessage: note, onReady: note, onWritten: note, onClose: note }),
  );
  made.call.request(5);
  made.call.sendMessage('one');
  const served = await pair.served.next();
  served.call.request(1);
  await served.listener.message();
  answer(served);
  await made.listener.closed;
  assert.equal(starts, ['the caller', 'the interceptor']);
  assert.equal([where.length, new Set(where)], [5, new Set(['the caller'])]);
  const cancelled = storage.run('the caller', () => pair.start('bidi_streaming', { onClose: note }));
  storage.run('elsewhere', () => cancelled.call.cancel('enough'));
  await cancelled.listener.closed;
  assert.is(where.at(-1), 'the caller');
});

test('several run one inside another: the last one given is the first to begin and the last to end', async () => {
  const notes: string[] = [];
  const noting = (name: string): ClientInterceptor =>
    asyncClientInterceptor(async (_method, { metadata }, next) => {
      notes.push(`${name} begins`);
      await turns(2);
      metadata.append('x-through', name);
      const end = await next();
      await turns(2);
      notes.push(`${name} ends`);
      return end;
    });
  await using pair = await CallPair.open({ channel: { interceptors: [noting('a'), noting('b'), noting('c')] } });
  const made = pair.start('unary');
  ask(made);
  const served = await pair.served.next();
  assert.equal(served.headers.getAll('x-through'), ['c', 'b', 'a']);
  answer(served);
  assert.is(await textOf(made), 'OK');
  assert.equal(notes, ['c begins', 'b begins', 'a begins', 'a ends', 'b ends', 'c ends']);
});

test.run();
