/** StreamServerCall: the order of its methods, what the handler's and the client's ends do to it, errors of the handler. */

import { CallOptions } from '../../src/call/call-options.ts';
import type { ServerCall } from '../../src/call/server-call.ts';
import { SECURITY_LEVEL } from '../../src/values/attributes.ts';
import { Deadline } from '../../src/values/deadline.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Status } from '../../src/values/status.ts';
import { StatusError } from '../../src/values/status-error.ts';
import { grpcFrame, RawClient, requestHeaders } from '../support/raw-http2.ts';
import { assert, suite } from '../support/suite.ts';
import { WoundClock } from '../support/wound-clock.ts';
import { aWhile, CallPair, KINDS, type Kind, textMethod, thrownBy } from './call-pair.ts';

const test = suite('StreamServerCall');
const SINGLE: readonly Kind[] = ['unary', 'client_streaming'];

function none(): Metadata {
  return new Metadata();
}

// ---- which method is legal when ----

const USES: Readonly<Record<string, (call: ServerCall<string, string>) => unknown>> = {
  sendHeaders: (call) => call.sendHeaders(none()),
  sendMessage: (call) => call.sendMessage('text'),
  close: (call) => call.close(Status.ABORTED, none()),
  setCompression: (call) => call.setCompression('gzip'),
  'setCompression, unknown': (call) => call.setCompression('snappy'),
  setMessageCompression: (call) => call.setMessageCompression(false),
  'setOnReadyThreshold(1)': (call) => call.setOnReadyThreshold(1),
  'setOnReadyThreshold(0)': (call) => call.setOnReadyThreshold(0),
  'request(0)': (call) => call.request(0),
  'request(-1)': (call) => call.request(-1),
  'request(0.5)': (call) => call.request(0.5),
  isReady: (call) => call.isReady(),
  cancel: (call) => call.cancel(Status.ABORTED),
  'cancel(OK)': (call) => call.cancel(Status.OK),
  isCancelled: (call) => call.isCancelled(),
  getAttributes: (call) => call.getAttributes(),
};

const ALWAYS = {
  setMessageCompression: null,
  'setOnReadyThreshold(1)': null,
  'setOnReadyThreshold(0)': 'RangeError: not a size in bytes: 0',
  'request(0)': null,
  'request(-1)': 'RangeError: Number requested must be non-negative',
  'request(0.5)': 'RangeError: Number requested must be a whole number, not 0.5',
  isReady: null,
  cancel: null,
  'cancel(OK)': 'TypeError: a call is never cancelled with OK',
  isCancelled: null,
  getAttributes: null,
};
const HEADERS_SENT = {
  ...ALWAYS,
  sendHeaders: 'IllegalStateError: sendHeaders has already been called',
  setCompression: 'IllegalStateError: sendHeaders has been called',
  'setCompression, unknown': 'IllegalStateError: sendHeaders has been called',
};
const CLOSED = {
  ...HEADERS_SENT,
  sendHeaders: 'IllegalStateError: call is closed',
  sendMessage: 'IllegalStateError: call is closed',
  close: 'IllegalStateError: call already closed',
};
const TABLE: Readonly<Record<string, Readonly<Record<string, string | null>>>> = {
  new: {
    ...ALWAYS,
    sendHeaders: null,
    sendMessage: 'IllegalStateError: sendHeaders has not been called',
    close: null,
    setCompression: null,
    'setCompression, unknown': 'TypeError: Unable to find compressor by name snappy',
  },
  'with headers sent': { ...HEADERS_SENT, sendMessage: null, close: null },
  closed: CLOSED,
  'closed without headers': CLOSED,
  'cancelled by the client': {
    ...ALWAYS,
    sendHeaders: null,
    sendMessage: 'IllegalStateError: sendHeaders has not been called',
    close: null,
    setCompression: null,
    'setCompression, unknown': 'TypeError: Unable to find compressor by name snappy',
  },
  'with headers sent, cancelled by the client': { ...HEADERS_SENT, sendMessage: null, close: null },
  'cancelled here': {
    ...ALWAYS,
    sendHeaders: null,
    sendMessage: 'IllegalStateError: sendHeaders has not been called',
    close: null,
    setCompression: null,
    'setCompression, unknown': 'TypeError: Unable to find compressor by name snappy',
  },
  'with headers sent, cancelled here': { ...HEADERS_SENT, sendMessage: null, close: null },
  'cancelled here and closed': CLOSED,
};

for (const [state, expected] of Object.entries(TABLE)) {
  test(`every method of a call that is ${state}`, async () => {
    await using pair = await CallPair.open();
    const thrown: Record<string, string | null> = {};
    for (const [name, use] of Object.entries(USES)) {
      const { call: client, served } = await pair.bidi();
      if (state.includes('with headers') || state === 'closed') served.call.sendHeaders(none());
      if (state.startsWith('closed')) served.call.close(Status.OK, none());
      if (state.includes('cancelled here')) served.call.cancel(Status.ABORTED);
      if (state.endsWith('and closed')) {
        served.call.sendHeaders(none());
        served.call.close(Status.OK, none());
      }
      if (state.endsWith('by the client')) {
        client.cancel('enough');
        await served.listener.closed;
      }
      thrown[name] = served.listener.forbid(() => thrownBy(() => use(served.call)));
    }
    assert.equal(thrown, expected);
  });
}

test('after close the call is not ready', async () => {
  await using pair = await CallPair.open();
  const { served } = await pair.bidi();
  assert.ok(served.call.isReady());
  served.call.sendHeaders(none());
  served.call.close(Status.OK, none());
  assert.not(served.call.isReady());
});

test('after the client’s cancel the call is neither ready nor alive', async () => {
  await using pair = await CallPair.open();
  const { call, served } = await pair.bidi();
  assert.not(served.call.isCancelled());
  call.cancel('enough');
  assert.is(await served.listener.closed, 'cancel');
  assert.ok(served.call.isCancelled());
  assert.not(served.call.isReady());
});

test('the ready threshold of the call holds', async () => {
  await using pair = await CallPair.open();
  const { call, served } = await pair.bidi();
  call.request(2);
  served.call.setOnReadyThreshold(10);
  served.call.sendHeaders(none());
  await served.listener.event('ready');
  served.call.sendMessage('more than ten bytes');
  assert.not(served.call.isReady());
  await served.listener.event('ready');
  assert.ok(served.call.isReady());
});

test('what it knows of the request: authority, deadline, security, method', async () => {
  await using pair = await CallPair.open({ transport: 'http2' });
  const { served } = await pair.bidi({}, CallOptions.DEFAULT.withDeadline(Deadline.after(30_000)));
  assert.is(served.call.authority, pair.target);
  assert.ok((served.call.deadline?.remainingMs() ?? 0) > 20_000);
  assert.is(served.call.getAttributes().get(SECURITY_LEVEL), 'none');
  assert.is(served.call.method.fullName, 'test.Text/bidi_streaming');
});

test('the host stands in for an authority; a request with neither is refused below us', async () => {
  await using pair = await CallPair.open({ transport: 'http2' });
  await using client = await RawClient.connect(pair.server.port);
  const headers = requestHeaders('/test.Text/unary').filter(([name]) => name !== ':authority');
  const refused = client.open(headers);
  await client.frame('RST_STREAM', { stream: refused, code: 'PROTOCOL_ERROR' });
  const stream = client.open([...headers, ['host', 'elsewhere.test']]);
  const { call } = await pair.served.next();
  assert.is(call.authority, 'elsewhere.test');
  assert.is(call.deadline, null);
  call.close(Status.ABORTED, none());
  await client.frame('HEADERS', { stream, endStream: true });
});

// ---- one answer where one is due ----

for (const kind of SINGLE) {
  test(`a second answer of a ${kind} method: INTERNAL; the handler may go on, only a second close throws`, async () => {
    await using pair = await CallPair.open();
    for (const atOnce of [true, false]) {
      const { listener, call } = pair.start(kind);
      call.request(2);
      call.sendMessage('question');
      call.halfClose();
      const { call: served, listener: serverListener } = await pair.served.next();
      served.sendHeaders(none());
      served.sendMessage('one');
      if (!atOnce) await listener.message();
      served.sendMessage('two');
      served.sendMessage('three');
      served.close(Status.OK, none());
      assert.is(
        thrownBy(() => served.close(Status.OK, none())),
        'IllegalStateError: call already closed',
      );
      const { status } = await listener.closed;
      // With the first answer still queued there is no room for trailers: the stream is reset.
      if (atOnce) assert.is(status.code, Status.CANCELLED.code);
      else assert.is(status.toString(), 'INTERNAL: Too many responses');
      assert.ok(listener.messages.length <= 1);
      assert.is(await serverListener.closed, 'cancel');
      assert.ok(served.isCancelled());
    }
  });

  test(`OK without an answer of a ${kind} method is INTERNAL, and the client learns why`, async () => {
    await using pair = await CallPair.open();
    for (const withHeaders of [false, true]) {
      const { listener, call } = pair.start(kind);
      call.halfClose();
      const { call: served, listener: serverListener } = await pair.served.next();
      if (withHeaders) served.sendHeaders(none());
      served.close(Status.OK, new Metadata({ 'x-end': 'unseen' }));
      const { status, trailers } = await listener.closed;
      assert.is(status.toString(), 'INTERNAL: Completed without a response');
      assert.is(trailers.get('x-end'), undefined);
      assert.is(await serverListener.closed, 'cancel');
    }
  });
}

test('no answer where many may come is fine, and so is an error without an answer anywhere', async () => {
  await using pair = await CallPair.open();
  for (const kind of KINDS) {
    const { listener, call } = pair.start(kind);
    call.halfClose();
    const { call: served, listener: serverListener } = await pair.served.next();
    const status = SINGLE.includes(kind) ? Status.NOT_FOUND.withDescription('none such') : Status.OK;
    served.close(status, new Metadata({ 'x-end': 'seen' }));
    const end = await listener.closed;
    assert.is(end.status.toString(), status.toString());
    assert.is(end.trailers.get('x-end'), 'seen');
    assert.is(await serverListener.closed, 'complete');
    assert.not(served.isCancelled());
  }
});

test('an answer that cannot be serialized ends the call; the status of the error is told, any other text stays here', async () => {
  const errors = [new StatusError(Status.DATA_LOSS.withDescription('lost')), new Error('a secret')];
  const broken = textMethod('bidi_streaming', {
    response: {
      serialize: (text) => {
        throw errors[Number(text)];
      },
      deserialize: (payload) => Buffer.from(payload).toString(),
    },
  });
  await using pair = await CallPair.open({ methods: [broken] });
  for (const [index, text] of ['DATA_LOSS: lost', 'INTERNAL: Internal error so cancelling stream.'].entries()) {
    const { listener } = pair.start(broken);
    const { call: served, listener: serverListener } = await pair.served.next();
    served.sendHeaders(none());
    serverListener.forbid(() => served.sendMessage(String(index)));
    served.sendMessage('dropped');
    served.close(Status.OK, none());
    assert.is((await listener.closed).status.toString(), text);
    assert.is(await serverListener.closed, 'cancel');
  }
  assert.equal(
    pair.failures.map(({ error }) => error),
    errors,
  );
});

// ---- what goes out ----

test('content-length and status fields of the handler do not go out', async () => {
  await using pair = await CallPair.open();
  const { call, listener, served } = await pair.bidi();
  call.request(1);
  served.call.sendHeaders(new Metadata({ 'content-length': '17', 'x-mine': 'yes' }));
  const headers = await listener.headers();
  assert.equal([headers.get('content-length'), headers.get('x-mine')], [undefined, 'yes']);
  served.call.close(Status.OK.withDescription('all of it'), new Metadata({ 'content-length': '17' }));
  const { status, trailers } = await listener.closed;
  assert.is(status.toString(), 'OK: all of it');
  assert.is(trailers.get('content-length'), undefined);
});

test('the headers of a unary answer leave with what follows them', async () => {
  await using pair = await CallPair.open({ transport: 'http2' });
  await using client = await RawClient.connect(pair.server.port);
  const stream = client.open(requestHeaders('/test.Text/unary'));
  client.sendData(stream, grpcFrame(Buffer.from('question')), { endStream: true });
  const { call } = await pair.served.next();
  call.sendHeaders(none());
  call.sendMessage('answer');
  call.close(Status.OK, none());
  await client.frame('HEADERS', { stream, endStream: true });
  assert.equal(
    client.messages(stream).map(({ payload }) => payload.toString()),
    ['answer'],
  );
});

// ---- the final event ----

test('a good end is onComplete, also of an error status; the call does not count as cancelled', async () => {
  await using pair = await CallPair.open();
  for (const status of [Status.OK, Status.ABORTED]) {
    const { served, listener } = await pair.bidi();
    served.call.close(status, none());
    assert.is(await served.listener.closed, 'complete');
    assert.not(served.call.isCancelled());
    await listener.closed;
  }
});

test('the end of the connection is onCancel', async () => {
  await using pair = await CallPair.open();
  const { served, listener } = await pair.bidi();
  pair.channel.shutdownNow();
  assert.is(await served.listener.closed, 'cancel');
  assert.ok(served.call.isCancelled());
  await listener.closed;
});

test('no message and no half-close after the call was cancelled', async () => {
  await using pair = await CallPair.open();
  const { call, served } = await pair.bidi();
  call.sendMessage('one');
  call.sendMessage('two');
  await aWhile();
  call.cancel('enough');
  await served.listener.closed;
  served.call.request(10);
  await aWhile();
  assert.equal(
    served.listener.names.filter((name) => name !== 'ready'),
    ['cancel'],
  );
});

test('the call counts as cancelled before onCancel comes', async () => {
  const seen: boolean[] = [];
  await using pair = await CallPair.open({ handle: (call) => ({ onCancel: () => seen.push(call.isCancelled()) }) });
  const { call, served } = await pair.bidi();
  call.cancel('enough');
  await served.listener.closed;
  assert.equal(seen, [true]);
});

test('a deadline that comes at the server cancels the call there', async () => {
  const clock = new WoundClock();
  await using pair = await CallPair.open({ server: { clock } });
  const { listener, served } = await pair.bidi({}, CallOptions.DEFAULT.withTimeout(60_000));
  served.listener.forbid(() => clock.advance(60_001));
  assert.ok(served.call.isCancelled());
  assert.is(await served.listener.closed, 'cancel');
  assert.is((await listener.closed).status.code, Status.DEADLINE_EXCEEDED.code);
  served.call.sendHeaders(none());
  served.call.sendMessage('dropped');
  served.call.close(Status.OK, none());
});

test('the end disarms the deadline', async () => {
  const clock = new WoundClock();
  await using pair = await CallPair.open({ server: { clock } });
  const before = clock.armed;
  const { served, listener } = await pair.bidi({}, CallOptions.DEFAULT.withTimeout(60_000));
  const during = clock.armed;
  served.call.close(Status.OK, none());
  await listener.closed;
  await served.listener.closed;
  assert.ok(during > clock.armed, `${before}, ${during}, ${clock.armed}`);
});

// ---- errors of the handler ----

const THROWN = new Error('a secret');

test('the handler throws: a StatusError reaches the client with its trailers, anything else as bare UNKNOWN', async () => {
  let next: unknown = null;
  await using pair = await CallPair.open({
    handle: () => {
      throw next;
    },
  });
  for (const [thrown, text] of [
    [
      new StatusError(Status.NOT_FOUND.withDescription('none such'), new Metadata({ 'x-end': 'seen' })),
      'NOT_FOUND: none such',
    ],
    [new Error('wrapped', { cause: new StatusError(Status.ABORTED.withDescription('inside')) }), 'ABORTED: inside'],
    [THROWN, 'UNKNOWN'],
    ['not even an error', 'UNKNOWN'],
    [new StatusError(Status.OK.withDescription('fine?')), 'UNKNOWN: fine?'],
  ] as const) {
    next = thrown;
    const { status, trailers } = await pair.start('bidi_streaming').listener.closed;
    assert.is(status.toString(), text);
    assert.is(trailers.get('x-end'), text.startsWith('NOT_FOUND') ? 'seen' : undefined);
    assert.is(pair.failures.at(-1)?.error, thrown);
  }
});

test('a handler that returns no listener has failed', async () => {
  await using pair = await CallPair.open({ server: { interceptors: [() => null as never] } });
  const { status } = await pair.start('bidi_streaming').listener.closed;
  assert.is(status.toString(), 'UNKNOWN');
  assert.instance(pair.failures[0]?.error, TypeError);
});

for (const at of ['onMessage', 'onHalfClose', 'onReady'] as const) {
  test(`${at} throws: UNKNOWN, empty trailers, even for a StatusError; the error goes to the hook`, async () => {
    for (const thrown of [THROWN, new StatusError(Status.NOT_FOUND.withDescription('of another call'))]) {
      await using pair = await CallPair.open({
        handle: () => ({
          [at]: () => {
            throw thrown;
          },
        }),
      });
      const { call, listener, served } = await pair.bidi();
      served.call.request(10);
      call.sendMessage('one');
      call.halfClose();
      const { status, trailers } = await listener.closed;
      assert.is(status.toString(), 'UNKNOWN: Application error processing RPC');
      assert.is(trailers.size, 0);
      assert.is(await served.listener.closed, 'complete');
      assert.equal(pair.failures[0], { side: 'server', error: thrown, method: '/test.Text/bidi_streaming' });
    }
  });
}

test('onComplete and onCancel throw: nobody else notices, the hook hears of it', async () => {
  const fail = (): never => {
    throw THROWN;
  };
  await using pair = await CallPair.open({ handle: () => ({ onComplete: fail, onCancel: fail }) });
  const one = await pair.bidi();
  one.served.call.close(Status.OK, none());
  assert.ok((await one.listener.closed).status.isOk);
  await one.served.listener.closed;
  const two = await pair.bidi();
  two.call.cancel('enough');
  await two.served.listener.closed;
  await aWhile();
  assert.equal(
    pair.failures.map(({ error }) => error),
    [THROWN, THROWN],
  );
});

test('a request that cannot be parsed ends the call INTERNAL; the error stays here, and is no business of the hook', async () => {
  const errors = [THROWN, new StatusError(Status.NOT_FOUND.withDescription('of another call'))];
  const broken = textMethod('bidi_streaming', {
    request: {
      serialize: (text) => Buffer.from(text),
      deserialize: (payload) => {
        throw errors[Number(Buffer.from(payload).toString())];
      },
    },
  });
  for (const transport of ['in-process', 'http2'] as const) {
    await using pair = await CallPair.open({ transport, methods: [broken] });
    for (const index of errors.keys()) {
      const { call, listener } = pair.start(broken);
      for (let i = 0; i < 2; i += 1) call.sendMessage(String(index));
      call.halfClose();
      const { call: served, listener: serverListener } = await pair.served.next();
      served.request(5);
      const { status, trailers } = await listener.closed;
      assert.is(status.toString(), 'INTERNAL: Failed to parse the request');
      assert.is(trailers.size, 0);
      assert.is(await serverListener.closed, 'cancel');
      assert.ok(served.isCancelled());
      assert.equal(
        serverListener.names.filter((name) => name !== 'ready'),
        ['cancel'],
      );
    }
    assert.equal(pair.failures, []);
  }
});

test('the handler closed the call and then threw: the close counts', async () => {
  await using pair = await CallPair.open({
    handle: (call) => {
      call.close(Status.ALREADY_EXISTS.withDescription('first'), none());
      throw THROWN;
    },
  });
  assert.is((await pair.start('bidi_streaming').listener.closed).status.toString(), 'ALREADY_EXISTS: first');
});

test('a listener that closed the call and then threw: the close counts', async () => {
  await using pair = await CallPair.open({
    handle: (call) => ({
      onMessage: () => {
        call.sendHeaders(none());
        call.close(Status.OK, none());
        throw THROWN;
      },
      onReady: () => call.request(1),
    }),
  });
  const { call, listener } = pair.start('bidi_streaming');
  call.sendMessage('one');
  assert.ok((await listener.closed).status.isOk);
});

test.run();
