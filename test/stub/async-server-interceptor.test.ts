/**
 * asyncServerInterceptor: what the function may do before the handler, around it and after it, and what handler and client
 * see of that.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { CallOptions } from '../../src/call/call-options.ts';
import type { ServerCall } from '../../src/call/server-call.ts';
import { ForwardingServerCall, type ServerInterceptor } from '../../src/call/server-interceptor.ts';
import {
  type AsyncServerInterceptor,
  asyncServerInterceptor,
  type HandlerEnd,
  type IncomingCall,
} from '../../src/stub/async-server-interceptor.ts';
import { REMOTE_ADDRESS } from '../../src/values/attributes.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Code, Status } from '../../src/values/status.ts';
import { StatusError } from '../../src/values/status-error.ts';
import {
  CallPair,
  type CallPairInit,
  type Handle,
  type MadeCall,
  METHODS,
  textMethod,
  thrownBy,
} from '../call/call-pair.ts';
import type { ServerReactions } from '../support/recorder.ts';
import { assert, suite, within } from '../support/suite.ts';
import { WoundClock } from '../support/wound-clock.ts';
import { answer, ask, Gate, rejectionOf, turns } from './interceptor-support.ts';

const test = suite('asyncServerInterceptor');

const TRANSPORTS = ['in-process', 'http2'] as const;

/** A pair whose handlers all run in `intercept`. */
function openWith(intercept: AsyncServerInterceptor, init: CallPairInit = {}): Promise<CallPair> {
  return CallPair.open({ ...init, server: { interceptors: [asyncServerInterceptor(intercept)], ...init.server } });
}

async function textOf({ listener }: MadeCall): Promise<string> {
  return (await listener.closed).status.toString();
}

/** Closes a call with a status that has a text, and with trailers. */
function fail({ call }: { readonly call: ServerCall<string, string> }): void {
  call.close(Status.NOT_FOUND.withDescription('no such'), new Metadata({ 'x-why': 'w' }));
}

// ---- before the handler ----

for (const transport of TRANSPORTS) {
  test(`${transport}: the handler begins at next(), and is then told what the client did meanwhile`, async () => {
    const begun = new Gate();
    const gate = new Gate();
    await using pair = await openWith(
      async (call, next) => {
        begun.open();
        await gate.passed;
        call.metadata.set('x-user', 'u');
        await next();
      },
      { transport },
    );
    const made = pair.start('bidi_streaming');
    made.call.request(5);
    made.call.halfClose();
    await within(5_000, begun.passed);
    await turns(10);
    assert.is(pair.served.all.length, 0);
    gate.open();
    const served = await pair.served.next();
    assert.is(served.headers.get('x-user'), 'u');
    await served.listener.event('half-close');
    await served.listener.event('ready');
    answer(served, 'yes', new Metadata({ 'x-trail': 't' }));
    const { status, trailers } = await made.listener.closed;
    assert.equal([status, trailers.get('x-trail'), made.listener.messages], [Status.OK, 't', ['yes']]);
    assert.is((await made.listener.headers()).get('x-head'), 'h');
    assert.is(await served.listener.closed, 'complete');
  });

  test(`${transport}: messages wait for the handler to ask, and none is told inside another`, async () => {
    const begun = new Gate();
    const gate = new Gate();
    const count = 20;
    await using pair = await openWith(
      async (_call, next) => {
        begun.open();
        await gate.passed;
        await next();
      },
      {
        transport,
        handle: (call) => {
          // What waits comes within request, before the handler has returned who listens.
          call.request(1);
          return { onMessage: () => call.request(1), onHalfClose: () => answer({ call }) };
        },
      },
    );
    const made = pair.start('bidi_streaming');
    made.call.request(5);
    for (let i = 0; i < count; i += 1) made.call.sendMessage(String(i));
    made.call.halfClose();
    await within(5_000, begun.passed);
    await turns(10);
    gate.open();
    assert.is(await textOf(made), 'OK');
    const { listener } = await pair.served.next();
    assert.equal(
      listener.messages,
      Array.from({ length: count }, (_, i) => String(i)),
    );
    assert.is(await listener.closed, 'complete');
  });

  test(`${transport}: a StatusError before next() refuses the call with its status and trailers`, async () => {
    const why = new StatusError(Status.UNAUTHENTICATED.withDescription('no token'), new Metadata({ 'x-why': 'w' }));
    for (const refuse of [
      async (): Promise<void> => Promise.reject(why),
      async (): Promise<void> => {
        await turns(1);
        throw new Error('wrapped', { cause: why });
      },
      (): never => {
        throw why;
      },
    ]) {
      await using pair = await openWith(refuse, { transport });
      for (const kind of ['unary', 'bidi_streaming'] as const) {
        const made = pair.start(kind);
        ask(made);
        const { status, trailers } = await made.listener.closed;
        assert.equal([status.toString(), trailers.get('x-why')], ['UNAUTHENTICATED: no token', 'w']);
      }
      assert.equal([pair.served.all.length, pair.failures.length], [0, 0]);
    }
  });
}

test('any other error is UNKNOWN without a text, and goes to onHandlerError', async () => {
  const downstream = new StatusError(
    Status.UNAVAILABLE.withDescription('a secret'),
    new Metadata({ 'x-secret': 's' }),
    {
      method: 'auth.Auth/Check',
      peer: null,
      phase: 'before any response',
    },
  );
  for (const error of [new Error('a secret'), downstream, 'a secret', undefined]) {
    await using pair = await openWith(async () => Promise.reject(error));
    const made = pair.start('unary');
    ask(made);
    const { status, trailers } = await made.listener.closed;
    assert.equal([status.toString(), trailers.size], ['UNKNOWN', 0]);
    assert.equal(pair.failures, [{ side: 'server', error, method: '/test.Text/unary' }]);
  }
});

test('a thrown OK is a failure', async () => {
  await using pair = await openWith(async () => Promise.reject(new StatusError(Status.OK.withDescription('well'))));
  const made = pair.start('bidi_streaming');
  assert.is(await textOf(made), 'UNKNOWN: well');
});

test('the function is told all there is to know of the call', async () => {
  const calls: IncomingCall[] = [];
  const clock = new WoundClock();
  await using pair = await openWith(
    async (call, next) => {
      calls.push(call);
      await next();
    },
    { server: { clock }, channel: { clock } },
  );
  const made = pair.start('unary', {}, CallOptions.DEFAULT.withTimeout(1000, clock).withAuthority('own.host'));
  ask(made);
  const served = await pair.served.next();
  const call = calls[0];
  assert.is(call?.method.fullName, METHODS.unary.fullName);
  assert.is(call?.metadata, served.headers);
  assert.equal([call?.authority, call?.deadline?.remainingMs()], ['own.host', 1000]);
  assert.is(call?.attributes.get(REMOTE_ADDRESS), served.call.getAttributes().get(REMOTE_ADDRESS));
  assert.equal([call?.signal.aborted, call?.signal], [false, call?.signal]);
  assert.ok(Object.isFrozen(call));
  answer(served);
  assert.is(await textOf(made), 'OK');
});

// ---- the end of the call ----

for (const transport of TRANSPORTS) {
  test(`${transport}: next() resolves to the trailers; the close waits for the function, the messages do not`, async () => {
    const gate = new Gate();
    await using pair = await openWith(
      async (_call, next) => {
        const { trailers } = await next();
        await gate.passed;
        trailers.set('x-timed', 'yes');
      },
      { transport },
    );
    const made = pair.start('unary');
    ask(made);
    const served = await pair.served.next();
    answer(served, 'yes', new Metadata({ 'x-trail': 't' }));
    assert.is(await made.listener.message(), 'yes');
    await turns(20);
    assert.not(made.listener.names.includes('close'));
    assert.not(served.listener.names.includes('complete'));
    gate.open();
    const { status, trailers } = await made.listener.closed;
    assert.equal([status, trailers.get('x-trail'), trailers.get('x-timed')], [Status.OK, 't', 'yes']);
    assert.is(await served.listener.closed, 'complete');
  });
}

/** What a function may do with the error of next(), and what the client then gets of a streaming and of a unary call. */
const AFTER_FAILURE: [string, (error: unknown) => Promise<HandlerEnd | undefined>, string, string | null][] = [
  ['throws it on', async (error) => Promise.reject(error), 'NOT_FOUND: no such', 'w'],
  ['keeps it to itself', async () => undefined, 'NOT_FOUND: no such', 'w'],
  ['wraps it', async (cause) => Promise.reject(new Error('in the interceptor', { cause })), 'NOT_FOUND: no such', 'w'],
  [
    'throws another one',
    async () =>
      Promise.reject(new StatusError(Status.ABORTED.withDescription('mapped'), new Metadata({ 'x-why': 'm' }))),
    'ABORTED: mapped',
    'm',
  ],
  ['returns an end', async () => ({ trailers: new Metadata({ 'x-why': 'ok' }) }), 'OK', 'ok'],
];

for (const [what, act, status, why] of AFTER_FAILURE) {
  test(`next() rejects with the handler's status; a function that ${what}`, async () => {
    const errors: unknown[] = [];
    await using pair = await openWith(async (_call, next) => {
      try {
        return await next();
      } catch (error) {
        errors.push(error);
        return await act(error);
      }
    });
    const made = pair.start('bidi_streaming');
    const served = await pair.served.next();
    fail(served);
    const closed = await made.listener.closed;
    assert.equal([closed.status.toString(), closed.trailers.get('x-why')], [status, why]);
    const error = errors[0];
    assert.instance(error, StatusError);
    assert.equal(String(error), 'StatusError: NOT_FOUND: no such');
    assert.is(await served.listener.closed, 'complete');
    assert.equal(pair.failures, []);
  });
}

test('OK without a response where one is due is INTERNAL', async () => {
  await using pair = await openWith(async (_call, next) => {
    await rejectionOf(next());
    return { trailers: new Metadata() };
  });
  const made = pair.start('unary');
  ask(made);
  fail(await pair.served.next());
  assert.is(await textOf(made), 'INTERNAL: Completed without a response');
});

test('an OK of the handler with a text keeps it', async () => {
  for (const isReturned of [true, false]) {
    await using pair = await openWith(async (_call, next) => {
      const end = await next();
      return isReturned ? end : undefined;
    });
    const made = pair.start('bidi_streaming');
    (await pair.served.next()).call.close(Status.OK.withDescription('well done'), new Metadata());
    assert.is(await textOf(made), 'OK: well done');
  }
});

test('an error after the handler has closed OK is the status', async () => {
  await using pair = await openWith(async (_call, next) => {
    await next();
    throw new Error('audit failed');
  });
  const made = pair.start('unary');
  ask(made);
  const served = await pair.served.next();
  answer(served);
  assert.is(await textOf(made), 'UNKNOWN');
  assert.is(await served.listener.closed, 'complete');
  assert.match(String(pair.failures[0]?.error), /audit failed/);
});

test('a function that returns nothing while the handler runs leaves the end to it', async () => {
  for (const close of [answer, fail]) {
    await using pair = await openWith(async (_call, next) => {
      void next();
    });
    const made = pair.start('bidi_streaming');
    made.call.request(5);
    const served = await pair.served.next();
    await turns();
    close(served);
    assert.is(await textOf(made), close === fail ? 'NOT_FOUND: no such' : 'OK');
    assert.is(await served.listener.closed, 'complete');
  }
});

test('a handler to which the end was left may throw as ever', async () => {
  await using pair = await openWith(async (_call, next) => void next(), {
    handle: (call) => {
      call.request(1);
      return {
        onMessage: () => {
          throw new Error('a secret');
        },
      };
    },
  });
  const made = pair.start('bidi_streaming');
  await pair.served.next();
  await turns();
  made.call.sendMessage('one');
  assert.is(await textOf(made), 'UNKNOWN: Application error processing RPC');
  assert.is(pair.failures.length, 1);
});

test('returning an end without next() ends the call OK; returning nothing is a mistake', async () => {
  await using cached = await openWith(async () => ({ trailers: new Metadata({ 'x-cached': 'c' }) }));
  const made = cached.start('server_streaming');
  ask(made);
  const { status, trailers } = await made.listener.closed;
  assert.equal([status.code, trailers.get('x-cached'), cached.served.all.length], [Code.OK, 'c', 0]);
  for (const nothing of [undefined, null, 'OK', { trailers: 1 }]) {
    await using forgetful = await openWith(async () => nothing as undefined);
    const refused = forgetful.start('server_streaming');
    ask(refused);
    assert.is(await textOf(refused), 'UNKNOWN');
    assert.match(String(forgetful.failures[0]?.error), /IllegalStateError: an interceptor returned without next\(\)/);
  }
});

for (const transport of TRANSPORTS) {
  test(`${transport}: a handler whose call is ended without it is cancelled, and may go on in its order`, async () => {
    const gate = new Gate();
    await using pair = await openWith(
      async (_call, next) => {
        void next();
        await gate.passed;
        throw new StatusError(Status.RESOURCE_EXHAUSTED.withDescription('too slow'));
      },
      { transport },
    );
    const made = pair.start('bidi_streaming');
    made.call.request(5);
    const served = await pair.served.next();
    served.call.sendHeaders(new Metadata());
    served.call.sendMessage('one');
    await made.listener.message();
    gate.open();
    assert.is(await textOf(made), 'RESOURCE_EXHAUSTED: too slow');
    assert.is(await served.listener.closed, 'cancel');
    const { call } = served;
    assert.equal([call.isCancelled(), call.isReady()], [true, false]);
    call.request(1);
    call.sendMessage('dropped');
    call.cancel(Status.ABORTED);
    call.close(Status.OK, new Metadata());
    assert.is(
      thrownBy(() => call.close(Status.OK, new Metadata())),
      'IllegalStateError: call already closed',
    );
    await turns();
    assert.equal([made.listener.messages, pair.failures], [['one'], []]);
  });
}

test('a handler that was cut off before its headers may still send them, to nobody', async () => {
  await using pair = await openWith(async (_call, next) => {
    void next();
    throw new StatusError(Status.ABORTED);
  });
  const made = pair.start('bidi_streaming');
  const { call } = await pair.served.next();
  assert.is(await textOf(made), 'ABORTED');
  call.setCompression('gzip');
  call.sendHeaders(new Metadata());
  call.sendMessage('dropped');
  assert.is(
    thrownBy(() => call.cancel(Status.OK)),
    'TypeError: a call is never cancelled with OK',
  );
});

test('a second next() rejects, and the handler runs once', async () => {
  const errors: unknown[] = [];
  await using pair = await openWith(async (_call, next) => {
    const first = next();
    errors.push(await rejectionOf(next()));
    await first;
    errors.push(await rejectionOf(next()));
  });
  const made = pair.start('unary');
  ask(made);
  answer(await pair.served.next());
  assert.is(await textOf(made), 'OK');
  assert.equal(errors.map(String), Array(2).fill('IllegalStateError: next() was called already'));
  assert.is(pair.served.all.length, 1);
});

// ---- the handler's own rules ----

test('a handler that has closed keeps the order of any call, though its close waits', async () => {
  const gate = new Gate();
  await using pair = await openWith(async (_call, next) => {
    await next();
    await gate.passed;
  });
  const made = pair.start('bidi_streaming');
  made.call.request(5);
  const { call, listener } = await pair.served.next();
  const none = new Metadata();
  assert.is(
    thrownBy(() => call.sendMessage('a')),
    'IllegalStateError: sendHeaders has not been called',
  );
  call.sendHeaders(none);
  assert.is(
    thrownBy(() => call.sendHeaders(none)),
    'IllegalStateError: sendHeaders has already been called',
  );
  assert.is(
    thrownBy(() => call.setCompression('gzip')),
    'IllegalStateError: sendHeaders has been called',
  );
  await listener.event('ready');
  assert.ok(call.isReady());
  call.request(5);
  call.close(Status.OK, none);
  assert.not(call.isReady());
  assert.not(call.isCancelled());
  assert.is(
    thrownBy(() => call.sendHeaders(none)),
    'IllegalStateError: call is closed',
  );
  assert.is(
    thrownBy(() => call.sendMessage('a')),
    'IllegalStateError: call is closed',
  );
  assert.is(
    thrownBy(() => call.close(Status.OK, none)),
    'IllegalStateError: call already closed',
  );
  // Nothing but the end is told to a handler that has closed, and nothing more is read for it.
  call.request(1);
  assert.match(String(thrownBy(() => call.request(-1))), /^RangeError/);
  made.call.sendMessage('too late');
  made.call.halfClose();
  await turns();
  assert.equal(listener.names, ['ready']);
  gate.open();
  assert.is(await textOf(made), 'OK');
  assert.is(await listener.closed, 'complete');
  assert.equal(listener.names, ['ready', 'complete']);
});

test('a handler that has closed reads no more, though it asks', async () => {
  const unreadable = textMethod('bidi_streaming', {
    request: {
      serialize: (text) => Buffer.from(text),
      deserialize: () => {
        throw new Error('not to be read');
      },
    },
  });
  const gate = new Gate();
  await using pair = await openWith(
    async (_call, next) => {
      await next();
      await gate.passed;
    },
    { methods: [unreadable] },
  );
  const made = pair.start(unreadable);
  const { call } = await pair.served.next();
  call.close(Status.OK, new Metadata());
  call.request(1);
  made.call.sendMessage('unread');
  await turns();
  gate.open();
  assert.is(await textOf(made), 'OK');
});

test('what a handler sent before its close is told as written after it', async () => {
  const gate = new Gate();
  await using pair = await openWith(async (_call, next) => {
    await next();
    await gate.passed;
  });
  const made = pair.start('unary');
  ask(made);
  const served = await pair.served.next();
  answer(served);
  await served.listener.event('written');
  gate.open();
  assert.is(await textOf(made), 'OK');
});

test('a handler that throws behind its close has closed the call', async () => {
  const error = new Error('too late');
  const throwing: ServerInterceptor = (call, headers, next) => {
    next(call, headers);
    throw error;
  };
  await using pair = await CallPair.open({
    handle: (call) => {
      answer({ call });
      return {};
    },
    server: { interceptors: [throwing, asyncServerInterceptor((_call, next) => next())] },
  });
  const made = pair.start('bidi_streaming');
  made.call.request(5);
  const { call } = await pair.served.next();
  assert.is(await textOf(made), 'OK');
  assert.not(call.isCancelled());
  assert.equal(
    pair.failures.map((failure) => failure.error),
    [error],
  );
});

test('a handler whose listener has thrown may go on in its order, and nobody hears of it', async () => {
  const gate = new Gate();
  await using pair = await openWith(
    async (_call, next) => {
      await rejectionOf(next());
      await gate.passed;
    },
    {
      handle: () => ({
        onMessage: () => {
          throw new Error('a secret');
        },
      }),
    },
  );
  const { call, listener, served } = await pair.bidi();
  call.request(5);
  served.call.sendHeaders(new Metadata());
  served.call.request(1);
  call.sendMessage('one');
  await served.listener.event('message');
  await turns();
  assert.equal([served.call.isCancelled(), served.call.isReady()], [false, false]);
  served.call.sendMessage('dropped');
  served.call.close(Status.OK, new Metadata());
  await turns();
  gate.open();
  assert.is(await textOf({ call, listener }), 'UNKNOWN: Application error processing RPC');
  assert.equal([listener.messages, pair.failures.length], [[], 1]);
});

test('what a handler throws is reported, and next() rejects with what became of it', async () => {
  const cases: [unknown, string][] = [
    [new Error('a secret'), 'UNKNOWN'],
    [new StatusError(Status.NOT_FOUND.withDescription('no such')), 'NOT_FOUND: no such'],
    [new StatusError(Status.OK), 'UNKNOWN'],
  ];
  for (const [error, text] of cases) {
    const heard: unknown[] = [];
    await using pair = await openWith(
      async (_call, next) => {
        await turns(1);
        heard.push(await rejectionOf(next()));
      },
      {
        handle: () => {
          throw error;
        },
      },
    );
    const made = pair.start('bidi_streaming');
    assert.is(await textOf(made), text);
    assert.equal(heard.map(String), [`StatusError: ${text}`]);
    assert.equal(
      pair.failures.map((failure) => failure.error),
      [error],
    );
  }
});

test('a handler that returns no listener has failed', async () => {
  const noListener: ServerInterceptor = () => undefined as never;
  await using pair = await CallPair.open({
    server: { interceptors: [noListener, asyncServerInterceptor(async (_call, next) => void (await next()))] },
  });
  assert.is(await textOf(pair.start('bidi_streaming')), 'UNKNOWN');
  assert.match(String(pair.failures[0]?.error), /TypeError: the handler returned no listener/);
});

test('a listener that throws ends the call UNKNOWN, in what it is told late and in what it is told at once', async () => {
  const error = new Error('a secret');
  const events: (keyof ServerReactions<string>)[] = ['onReady', 'onMessage', 'onHalfClose'];
  for (const waits of [true, false]) {
    for (const event of events) {
      const gate = new Gate();
      const heard: unknown[] = [];
      const handle: Handle = (call) => {
        call.request(5);
        const breaks = (): never => {
          throw error;
        };
        return { [event]: breaks };
      };
      await using pair = await openWith(
        async (_call, next) => {
          if (waits) await gate.passed;
          heard.push(await rejectionOf(next()));
        },
        { handle },
      );
      const made = pair.start('bidi_streaming');
      made.call.sendMessage('one');
      made.call.halfClose();
      await turns();
      gate.open();
      assert.is(await textOf(made), 'UNKNOWN: Application error processing RPC');
      assert.equal(heard.map(String), ['StatusError: UNKNOWN: Application error processing RPC']);
      assert.equal(
        pair.failures.map((failure) => failure.error),
        [error],
      );
      const { listener } = await pair.served.next();
      assert.is(await listener.closed, 'complete');
    }
  }
});

test('what a listener throws at the end is reported', async () => {
  const error = new Error('at the end');
  await using pair = await openWith(async (_call, next) => void (await next()), {
    handle: () => ({
      onComplete() {
        throw error;
      },
    }),
  });
  const made = pair.start('bidi_streaming');
  const served = await pair.served.next();
  answer(served);
  await served.listener.closed;
  assert.equal(
    pair.failures.map((failure) => failure.error),
    [error],
  );
  made.call.cancel('enough');
  await made.listener.closed;
});

// ---- when the call fails from outside ----

for (const transport of TRANSPORTS) {
  test(`${transport}: a client that leaves before next(): the signal aborts, and no handler begins`, async () => {
    const begun = new Gate();
    const left = new Gate();
    const heard: unknown[] = [];
    await using pair = await openWith(
      async (call, next) => {
        call.signal.addEventListener('abort', () => left.open());
        begun.open();
        await left.passed;
        heard.push(call.signal.reason, await rejectionOf(next()));
        throw new Error('nobody hears of this');
      },
      { transport },
    );
    const { call, listener } = pair.start('bidi_streaming');
    await within(5_000, begun.passed);
    call.cancel('enough');
    await within(5_000, left.passed);
    await turns();
    assert.equal(heard.map(String), Array(2).fill('StatusError: CANCELLED: the call was cancelled'));
    assert.equal([pair.served.all.length, pair.failures.length], [0, 0]);
    await listener.closed;
  });

  test(`${transport}: a client that leaves while the handler runs: both hear of it at once`, async () => {
    const heard: unknown[] = [];
    await using pair = await openWith(
      async (call, next) => {
        heard.push(await rejectionOf(next()), call.signal.reason);
        throw new StatusError(Status.INTERNAL);
      },
      { transport },
    );
    const { call, listener, served } = await pair.bidi();
    call.cancel('enough');
    assert.is(await served.listener.closed, 'cancel');
    assert.ok(served.call.isCancelled());
    served.call.close(Status.OK, new Metadata());
    await turns();
    assert.equal(heard.map(String), Array(2).fill('StatusError: CANCELLED: the call was cancelled'));
    assert.equal(pair.failures, []);
    await listener.closed;
  });

  test(`${transport}: a client that leaves while the close waits: the handler hears of it`, async () => {
    const gate = new Gate();
    await using pair = await openWith(
      async (_call, next) => {
        const end = await next();
        await gate.passed;
        return end;
      },
      { transport },
    );
    const { call, listener, served } = await pair.bidi();
    served.call.close(Status.OK, new Metadata());
    await turns();
    call.cancel('enough');
    assert.is(await served.listener.closed, 'cancel');
    gate.open();
    await turns();
    assert.is((await listener.closed).status.code, Code.CANCELLED);
    assert.equal(pair.failures, []);
  });
}

test('a deadline strikes before the handler, in it and after it', async () => {
  for (const phase of ['before', 'in', 'after']) {
    const clock = new WoundClock();
    const gate = new Gate();
    const heard: unknown[] = [];
    await using pair = await openWith(
      async (call, next) => {
        if (phase === 'before') await gate.passed;
        await next().catch((error: unknown) => heard.push(error));
        if (phase === 'after') await gate.passed;
        heard.push(call.signal.reason);
      },
      { server: { clock } },
    );
    const made = pair.start('bidi_streaming', {}, CallOptions.DEFAULT.withTimeout(60_000));
    const served = phase === 'before' ? null : await pair.served.next();
    if (phase === 'after') served?.call.close(Status.OK, new Metadata());
    await turns();
    clock.advance(61_000);
    assert.is(await textOf(made), 'DEADLINE_EXCEEDED: the deadline passed at the server');
    if (served !== null) assert.is(await served.listener.closed, 'cancel');
    gate.open();
    await turns();
    const late = 'StatusError: DEADLINE_EXCEEDED: the deadline passed at the server';
    assert.equal(heard.map(String), Array(phase === 'after' ? 1 : 2).fill(late), phase);
    assert.equal([pair.served.all.length, clock.armed], [phase === 'before' ? 0 : 1, 0]);
  }
});

test('a handler that cancels its call: next() rejects with its reason', async () => {
  const heard: unknown[] = [];
  await using pair = await openWith(async (_call, next) => void heard.push(await rejectionOf(next())));
  const { listener, served } = await pair.bidi();
  served.call.cancel(Status.DATA_LOSS.withDescription('disk gone'));
  served.call.cancel(Status.ABORTED);
  assert.ok(served.call.isCancelled());
  assert.is((await listener.closed).status.toString(), 'DATA_LOSS: disk gone');
  assert.is(await served.listener.closed, 'cancel');
  await turns();
  assert.equal(heard.map(String), ['StatusError: DATA_LOSS: disk gone']);
});

for (const transport of TRANSPORTS) {
  test(`${transport}: a cancel behind the handler's own close counts, behind the function's it does not`, async () => {
    for (const isCutOff of [false, true]) {
      const gate = new Gate();
      await using pair = await openWith(
        async (_call, next) => {
          void next();
          await gate.passed;
          if (isCutOff) throw new StatusError(Status.ABORTED);
        },
        { transport },
      );
      const { call, listener, served } = await pair.bidi();
      served.call.sendHeaders(new Metadata());
      for (let i = 0; i < 20; i += 1) served.call.sendMessage('x'.repeat(400_000));
      gate.open();
      await listener.headers();
      if (!isCutOff) served.call.close(Status.OK, new Metadata());
      await turns();
      served.listener.forbid(() => served.call.cancel(Status.DATA_LOSS));
      call.request(Number.POSITIVE_INFINITY);
      const { status } = await listener.closed;
      assert.equal([status.name, listener.messages.length === 20], isCutOff ? ['ABORTED', true] : ['CANCELLED', false]);
      await served.listener.closed;
    }
  });
}

test('a handler that closes its call because it was cancelled: next() rejects with the cancel', async () => {
  const heard: unknown[] = [];
  await using pair = await openWith(
    async (_call, next) => {
      heard.push(await rejectionOf(next()));
      throw new Error('nobody hears of this');
    },
    { handle: (call) => ({ onCancel: () => call.close(Status.OK, new Metadata()) }) },
  );
  const { call, listener, served } = await pair.bidi();
  call.cancel('enough');
  assert.is(await served.listener.closed, 'cancel');
  await turns();
  assert.equal(heard.map(String), ['StatusError: CANCELLED: the call was cancelled']);
  assert.equal(pair.failures, []);
  await listener.closed;
});

test('a handler that cancels its call though it has closed it, while that waits', async () => {
  const gate = new Gate();
  await using pair = await openWith(async (_call, next) => {
    await next();
    await gate.passed;
  });
  const { listener, served } = await pair.bidi();
  served.call.close(Status.OK, new Metadata());
  served.call.cancel(Status.DATA_LOSS);
  assert.is((await listener.closed).status.code, Code.DATA_LOSS);
  assert.is(await served.listener.closed, 'cancel');
  gate.open();
  await turns();
});

test('next() after the end begins no handler, and rejects', async () => {
  const nexts: (() => Promise<HandlerEnd>)[] = [];
  const heard: unknown[] = [];
  await using pair = await openWith((_call, next) => {
    nexts.push(next);
    // A few microtasks later the call is closed, and has not been told of its end.
    const soon = async (): Promise<void> => {
      for (let i = 0; i < 5; i += 1) await null;
      heard.push(await rejectionOf(next()));
    };
    void soon();
    return Promise.reject(new StatusError(Status.ABORTED));
  });
  await pair.start('bidi_streaming').listener.closed;
  heard.push(await rejectionOf(nexts.pop()?.() ?? Promise.resolve()));
  assert.is(String(heard[0]), 'StatusError: CANCELLED: the call has ended');
  assert.is(String(heard[1]), 'IllegalStateError: next() was called already');
  assert.is(pair.served.all.length, 0);
});

test('a call that an interceptor outside has closed: what the function says then is reported', async () => {
  const gate = new Gate();
  const calls: ServerCall<never, never>[] = [];
  const closing: ServerInterceptor = (call, headers, next) => {
    calls.push(call as ServerCall<never, never>);
    return next(call, headers);
  };
  const throwing = asyncServerInterceptor(async () => {
    await gate.passed;
    throw new StatusError(Status.ABORTED);
  });
  await using pair = await CallPair.open({ transport: 'http2', server: { interceptors: [throwing, closing] } });
  const made = pair.start('bidi_streaming');
  while (calls.length === 0) await turns(1);
  calls[0]?.close(Status.NOT_FOUND, new Metadata());
  gate.open();
  assert.is(await textOf(made), 'NOT_FOUND');
  assert.match(String(pair.failures[0]?.error), /IllegalStateError: call already closed/);
});

// ---- several, and where they run ----

test('handler and listener run where next() was called', async () => {
  const storage = new AsyncLocalStorage<string>();
  const gate = new Gate();
  const where: unknown[] = [];
  const note = (): void => void where.push(storage.getStore());
  await using pair = await openWith(
    async (_call, next) => {
      await gate.passed;
      await storage.run('the user', next);
      where.push(storage.getStore());
    },
    {
      handle: (call) => {
        note();
        call.request(5);
        return {
          onReady: note,
          onMessage: note,
          onHalfClose: () => {
            note();
            answer({ call });
          },
          onWritten: note,
          onComplete: note,
        };
      },
    },
  );
  const made = pair.start('bidi_streaming');
  made.call.request(5);
  made.call.sendMessage('one');
  await turns();
  gate.open();
  const served = await pair.served.next();
  made.call.sendMessage('two');
  made.call.halfClose();
  assert.is(await textOf(made), 'OK');
  await served.listener.closed;
  assert.equal(where.filter((store) => store !== undefined).length, 7);
  assert.equal(where.filter((store) => store === undefined).length, 1);
});

test('several run one inside another, also around one that wraps the call', async () => {
  const notes: string[] = [];
  const noting = (name: string): ServerInterceptor =>
    asyncServerInterceptor(async (call, next) => {
      notes.push(`${name} begins`);
      call.metadata.append('x-through', name);
      await turns(2);
      const { trailers } = await next();
      trailers.append('x-back', name);
      await turns(2);
      notes.push(`${name} ends`);
    });
  class Shouting<Req, Res> extends ForwardingServerCall<Req, Res> {
    override sendMessage(message: Res): void {
      super.sendMessage(`${message}!` as Res);
    }
  }
  const shouting: ServerInterceptor = (call, headers, next) => next(new Shouting(call), headers);
  await using pair = await CallPair.open({
    server: { interceptors: [noting('a'), shouting, noting('b'), noting('c')] },
  });
  const made = pair.start('unary');
  ask(made);
  const served = await pair.served.next();
  assert.equal(served.headers.getAll('x-through'), ['c', 'b', 'a']);
  served.call.request(2);
  await served.listener.event('half-close');
  answer(served, 'yes');
  const { status, trailers } = await made.listener.closed;
  assert.equal([status, made.listener.messages], [Status.OK, ['yes!']]);
  assert.equal(trailers.getAll('x-back'), ['a', 'b', 'c']);
  assert.equal(notes, ['c begins', 'b begins', 'a begins', 'a ends', 'b ends', 'c ends']);
  assert.is(await served.listener.closed, 'complete');
});

test.run();
