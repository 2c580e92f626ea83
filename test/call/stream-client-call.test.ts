/** StreamClientCall: which method is legal when, and what the caller's own mistakes and listeners do to the call. */
import { CallOptions } from '../../src/call/call-options.ts';
import type { ClientCall } from '../../src/call/client-call.ts';
import { outcomeOf } from '../../src/call/message-failure.ts';
import { MessageFailure } from '../../src/transport/message-failure.ts';
import { REMOTE_ADDRESS } from '../../src/values/attributes.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Status } from '../../src/values/status.ts';
import type { ClientReactions } from '../support/recorder.ts';
import { assert, suite } from '../support/suite.ts';
import { aWhile, CallPair, type MadeCall, textMethod, thrownBy } from './call-pair.ts';

const test = suite('StreamClientCall');

// ---- which method is legal when ----

type Row = Readonly<Record<string, (call: ClientCall<string, string>) => unknown>>;

const LISTENER = {} as never;

const METHODS_OF_A_CALL: Row = {
  start: (call) => call.start(LISTENER, new Metadata()),
  'request(1)': (call) => call.request(1),
  'request(0)': (call) => call.request(0),
  'request(-1)': (call) => call.request(-1),
  'request(1.5)': (call) => call.request(1.5),
  'request(NaN)': (call) => call.request(Number.NaN),
  'request(Infinity)': (call) => call.request(Number.POSITIVE_INFINITY),
  sendMessage: (call) => call.sendMessage('text'),
  halfClose: (call) => call.halfClose(),
  isReady: (call) => call.isReady(),
  setMessageCompression: (call) => call.setMessageCompression(true),
  getAttributes: (call) => call.getAttributes(),
  cancel: (call) => call.cancel('enough'),
};

const NOT_STARTED = 'IllegalStateError: Not started';
const CANCELLED = 'IllegalStateError: call was cancelled';
const NUMBERS = {
  'request(1)': null,
  'request(0)': null,
  'request(-1)': 'RangeError: Number requested must be non-negative',
  'request(1.5)': 'RangeError: Number requested must be a whole number, not 1.5',
  'request(NaN)': 'RangeError: Number requested must be a whole number, not NaN',
  'request(Infinity)': null,
};
const STARTED = { start: 'IllegalStateError: Already started', ...NUMBERS };
const FINE = { isReady: null, setMessageCompression: null, getAttributes: null, cancel: null };

/** What each method throws in each state. */
const TABLE: Readonly<Record<string, Readonly<Record<string, string | null>>>> = {
  new: {
    start: null,
    ...Object.fromEntries(Object.keys(NUMBERS).map((name) => [name, NOT_STARTED])),
    sendMessage: NOT_STARTED,
    halfClose: NOT_STARTED,
    isReady: NOT_STARTED,
    setMessageCompression: NOT_STARTED,
    getAttributes: null,
    cancel: null,
  },
  started: { ...STARTED, ...FINE, sendMessage: null, halfClose: null },
  'half-closed': {
    ...STARTED,
    ...FINE,
    sendMessage: 'IllegalStateError: call was half-closed',
    halfClose: 'IllegalStateError: call already half-closed',
  },
  cancelled: { ...STARTED, ...FINE, sendMessage: CANCELLED, halfClose: CANCELLED },
  'half-closed and cancelled': { ...STARTED, ...FINE, sendMessage: CANCELLED, halfClose: CANCELLED },
  'ended by the server': { ...STARTED, ...FINE, sendMessage: null, halfClose: null },
  'half-closed and ended': {
    ...STARTED,
    ...FINE,
    sendMessage: 'IllegalStateError: call was half-closed',
    halfClose: 'IllegalStateError: call already half-closed',
  },
  'refused at start': { ...STARTED, ...FINE, sendMessage: null, halfClose: null },
};

/** A call in a state. */
async function callIn(pair: CallPair, state: string): Promise<MadeCall> {
  if (state === 'new') return pair.make('bidi_streaming');
  const refused = state === 'refused at start';
  const options = refused ? CallOptions.DEFAULT.withSignal(AbortSignal.abort()) : CallOptions.DEFAULT;
  const made = pair.start('bidi_streaming', {}, options);
  if (state.startsWith('half-closed')) made.call.halfClose();
  if (state.endsWith('cancelled')) made.call.cancel('enough');
  if (state.endsWith('ended') || state === 'ended by the server')
    (await pair.served.next()).call.close(Status.OK, new Metadata());
  if (state.includes('ended') || refused) await made.listener.closed;
  return made;
}

for (const channel of ['cold', 'warm']) {
  for (const [state, expected] of Object.entries(TABLE)) {
    test(`every method of a call that is ${state}, on a ${channel} channel`, async () => {
      await using pair = await CallPair.open();
      const thrown: Record<string, string | null> = {};
      for (const [name, use] of Object.entries(METHODS_OF_A_CALL)) {
        // Each on a call of its own, for some change the state; a cold channel is one that has never connected.
        const fresh = channel === 'warm' ? await pair.connect() : await CallPair.open();
        const { call, listener } = await callIn(fresh, state);
        thrown[name] = listener.forbid(() =>
          thrownBy(() => use(name === 'start' && state === 'new' ? harmless(call, listener) : call)),
        );
        if (fresh !== pair) await fresh[Symbol.asyncDispose]();
      }
      assert.equal(thrown, { ...thrown, ...expected });
      assert.equal(Object.keys(thrown).sort(), Object.keys(expected).sort());
    });
  }
}

/** `call`, whose start gets a true listener. */
function harmless(call: ClientCall<string, string>, listener: MadeCall['listener']): ClientCall<string, string> {
  const start = call.start.bind(call);
  return Object.assign(Object.create(call), { start: (_: unknown, headers: Metadata) => start(listener, headers) });
}

test('start without a listener or headers throws, and the call may still be started', async () => {
  await using pair = await CallPair.open();
  const { call, listener } = pair.make('unary');
  assert.match(thrownBy(() => call.start(null as never, new Metadata())) ?? '', 'TypeError');
  assert.match(thrownBy(() => call.start(listener, null as never)) ?? '', 'TypeError');
  call.start(listener, new Metadata());
  call.cancel('enough');
  await listener.closed;
});

test('cancel before start is no error, start then throws, and the listener hears nothing', async () => {
  await using pair = await CallPair.open();
  for (const warm of [false, true]) {
    if (warm) await pair.connect();
    const { call, listener } = pair.make('bidi_streaming');
    call.cancel('too early');
    call.cancel('again');
    assert.is(
      thrownBy(() => call.start(listener, new Metadata())),
      CANCELLED,
    );
    assert.is(
      thrownBy(() => call.sendMessage('text')),
      NOT_STARTED,
    );
    await aWhile();
    assert.equal(listener.names, []);
  }
  assert.is(pair.served.all.length, 0);
});

test('after halfClose the call is not ready, whatever the stream says', async () => {
  await using pair = await CallPair.open();
  const { call, listener } = await pair.bidi();
  await listener.event('ready');
  assert.ok(call.isReady());
  call.halfClose();
  assert.not(call.isReady());
});

test('attributes are empty before there is a connection, the connection’s from the headers on', async () => {
  await using pair = await CallPair.open({ transport: 'http2' });
  const { call, listener } = pair.start('bidi_streaming');
  assert.is(call.getAttributes().get(REMOTE_ADDRESS), null);
  const { call: served } = await pair.served.next();
  served.sendHeaders(new Metadata());
  await listener.headers();
  const address = call.getAttributes().get(REMOTE_ADDRESS);
  assert.equal(address, { host: '127.0.0.1', port: pair.server.port });
  served.close(Status.OK, new Metadata());
  await listener.closed;
  assert.is(call.getAttributes().get(REMOTE_ADDRESS), address);
});

// ---- cancel ----

test('cancel: text and cause reach our own listener, CANCELLED, and only the code the server’s', async () => {
  await using pair = await CallPair.open();
  const { call, listener, served } = await pair.bidi();
  const cause = new Error('had to');
  listener.forbid(() => call.cancel('changed my mind', cause));
  listener.forbid(() => call.cancel('and again', new Error('other')));
  const { status, trailers } = await listener.closed;
  assert.equal(status.toString(), 'CANCELLED: changed my mind');
  assert.is(status.cause, cause);
  assert.is(trailers.size, 0);
  assert.is(await served.listener.closed, 'cancel');
  assert.not(served.listener.names.includes('half-close'));
});

test('cancel without a text has one all the same', async () => {
  await using pair = await CallPair.open();
  const cause = new Error('only a cause');
  const { call, listener } = pair.start('unary');
  call.cancel(null, cause);
  const { status } = await listener.closed;
  assert.is(status.toString(), 'CANCELLED: Call cancelled without message');
  assert.is(status.cause, cause);
});

test('cancel without text and cause warns, and makes up a cause', async () => {
  await using pair = await CallPair.open();
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning);
  process.on('warning', onWarning);
  const { call, listener } = pair.start('unary');
  call.cancel(null);
  const { status } = await listener.closed;
  await aWhile();
  process.off('warning', onWarning);
  assert.is(status.toString(), 'CANCELLED: Call cancelled without message');
  assert.match((status.cause as Error).message, 'Cancelled without a message or cause');
  assert.ok(warnings.some(({ message }) => message.includes('without a description or a cause')));
});

test('cancel inside onMessage: no further message, CANCELLED with text and cause', async () => {
  await using pair = await CallPair.open();
  const cause = new Error('seen enough');
  const { call, listener, served } = await pair.bidi({ onMessage: () => call.cancel('enough', cause) });
  call.request(10);
  served.call.sendHeaders(new Metadata());
  for (const text of ['one', 'two', 'three']) served.call.sendMessage(text);
  served.call.close(Status.OK, new Metadata({ 'x-end': 'seen' }));
  const { status, trailers } = await listener.closed;
  assert.is(status.toString(), 'CANCELLED: enough');
  assert.is(status.cause, cause);
  assert.is(trailers.size, 0);
  assert.equal(listener.messages, ['one']);
});

for (const at of ['onHeaders', 'onReady'] as const) {
  test(`cancel inside ${at}: only onClose follows`, async () => {
    await using pair = await CallPair.open();
    const made = pair.start('bidi_streaming', { [at]: () => made.call.cancel('enough') });
    const { call, listener } = made;
    call.request(10);
    const served = await pair.served.next();
    served.call.sendHeaders(new Metadata());
    served.call.sendMessage('one');
    served.call.close(Status.OK, new Metadata());
    assert.is((await listener.closed).status.toString(), 'CANCELLED: enough');
    assert.equal(listener.messages, []);
  });
}

test('cancel wins while the server’s status waits behind messages that were not asked for', async () => {
  await using pair = await CallPair.open();
  const { call, listener, served } = await pair.bidi();
  served.call.sendHeaders(new Metadata());
  served.call.sendMessage('unread');
  served.call.close(Status.OK, new Metadata({ 'x-end': 'unseen' }));
  await served.listener.closed;
  await listener.headers();
  await aWhile();
  call.cancel('late');
  const { status, trailers } = await listener.closed;
  assert.is(status.toString(), 'CANCELLED: late');
  assert.is(trailers.size, 0);
  assert.equal(listener.messages, []);
});

test('cancel inside onClose changes nothing', async () => {
  await using pair = await CallPair.open();
  const { call, listener, served } = await pair.bidi({ onClose: () => call.cancel('too late') });
  served.call.close(Status.NOT_FOUND.withDescription('no such thing'), new Metadata());
  assert.is((await listener.closed).status.toString(), 'NOT_FOUND: no such thing');
  await aWhile();
});

// ---- listeners that throw ----

const THROWN = new Error('a bug of the user');

for (const [at, text] of [
  ['onHeaders', 'Failed to read headers'],
  ['onMessage', 'Failed to read message.'],
  ['onReady', 'Failed to call onReady.'],
  ['onWritten', 'Failed to call onWritten.'],
  ['onClosing', 'Failed to call onClosing.'],
] as const) {
  test(`${at} throws: CANCELLED with the error as cause, whatever the server says; onClose is the last thing heard`, async () => {
    await using pair = await CallPair.open();
    const reactions: ClientReactions<string> = {
      [at]: () => {
        throw THROWN;
      },
    };
    const { call, listener } = pair.start('bidi_streaming', reactions);
    call.sendMessage('hello');
    call.request(at === 'onClosing' ? 1 : 10);
    const { call: served, listener: serverListener } = await pair.served.next();
    served.sendHeaders(new Metadata());
    served.sendMessage('one');
    served.sendMessage('two');
    served.close(Status.OK, new Metadata({ 'x-end': 'unseen' }));
    const { status, trailers } = await listener.closed;
    assert.is(status.toString(), `CANCELLED: ${text}`);
    assert.is(status.cause, THROWN);
    assert.is(trailers.size, 0);
    await serverListener.closed;
    await aWhile();
    assert.is(listener.names.filter((name) => name === 'close').length, 1);
    assert.is(listener.names.at(-1), 'close');
    assert.ok(listener.messages.length <= 1);
    assert.equal(pair.failures, [{ side: 'client', error: THROWN, method: '/test.Text/bidi_streaming' }]);
  });
}

test('onClose throws: heard once, with the status there was; the error goes to the hook', async () => {
  await using pair = await CallPair.open();
  const { listener, served } = await pair.bidi({
    onClose: () => {
      throw THROWN;
    },
  });
  served.call.close(Status.ABORTED.withDescription('as it was'), new Metadata({ 'x-end': 'kept' }));
  const { status, trailers } = await listener.closed;
  assert.is(status.toString(), 'ABORTED: as it was');
  assert.is(trailers.get('x-end'), 'kept');
  await aWhile();
  assert.equal(
    pair.failures.map(({ error }) => error),
    [THROWN],
  );
});

test('a hook that throws itself hurts nobody', async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning);
  process.on('warning', onWarning);
  const hook = (): void => {
    throw new Error('a bug of the hook');
  };
  await using pair = await CallPair.open({ channel: { onListenerError: hook } });
  const reactions: ClientReactions<string> = {
    onHeaders: () => {
      throw THROWN;
    },
  };
  const { listener, served } = await pair.bidi(reactions);
  served.call.sendHeaders(new Metadata());
  assert.is((await listener.closed).status.cause, THROWN);
  await aWhile();
  process.off('warning', onWarning);
  assert.ok(warnings.some(({ message }) => message.includes('a bug of the hook')));
});

test('a response that cannot be parsed ends the call CANCELLED; what failed is its cause, and no bug of the listener', async () => {
  await using pair = await CallPair.open();
  const broken = textMethod('bidi_streaming', {
    response: {
      serialize: (text) => Buffer.from(text),
      deserialize: () => {
        throw THROWN;
      },
    },
  });
  const { call, listener } = pair.start(broken);
  call.request(1);
  const served = await pair.served.next();
  served.call.sendHeaders(new Metadata());
  served.call.sendMessage('one');
  const { status } = await listener.closed;
  assert.is(status.toString(), 'CANCELLED: Failed to read message.');
  assert.instance(status.cause, MessageFailure);
  assert.is(outcomeOf(status).toString(), 'INTERNAL: Failed to parse the response');
  assert.is(outcomeOf(status).cause, THROWN);
  assert.is(await served.listener.closed, 'cancel');
  assert.equal(listener.messages, []);
  assert.equal(pair.failures, []);
});

// ---- sending ----

test('a message that cannot be serialized ends the call CANCELLED; sendMessage does not throw', async () => {
  await using pair = await CallPair.open();
  const broken = textMethod('bidi_streaming', {
    request: {
      serialize: () => {
        throw THROWN;
      },
      deserialize: (payload) => Buffer.from(payload).toString(),
    },
  });
  const { call, listener } = pair.start(broken);
  listener.forbid(() => call.sendMessage('one'));
  listener.forbid(() => call.sendMessage('dropped'));
  call.halfClose();
  const { status } = await listener.closed;
  assert.is(status.toString(), 'CANCELLED: Failed to stream message');
  assert.instance(status.cause, MessageFailure);
  assert.is(outcomeOf(status).toString(), 'INTERNAL: Failed to serialize the request');
  assert.is(outcomeOf(status).cause, THROWN);
  assert.equal(pair.failures, []);
});

test('no event inside start, sendMessage, halfClose and cancel, whatever waits', async () => {
  await using pair = await CallPair.open({
    handle: (call) => ({ onMessage: () => call.request(1), onHalfClose: () => call.close(Status.OK, new Metadata()) }),
  });
  await pair.connect();
  for (const kind of ['unary', 'bidi_streaming'] as const) {
    const { call, listener } = pair.start(kind);
    listener.forbid(() => call.sendMessage('one'));
    listener.forbid(() => call.halfClose());
    listener.forbid(() => call.cancel('enough'));
    await listener.closed;
  }
});

test('a permit inside onMessage delivers after it has returned', async () => {
  await using pair = await CallPair.open();
  const { call, listener, served } = await pair.bidi({ onMessage: () => call.request(1) });
  served.call.sendHeaders(new Metadata());
  for (let i = 0; i < 100; i += 1) served.call.sendMessage(String(i));
  served.call.close(Status.OK, new Metadata());
  await listener.headers();
  await aWhile();
  call.request(1);
  assert.ok((await listener.closed).status.isOk);
  assert.is(listener.messages.length, 100);
});

test('an unknown compressor ends the call INTERNAL, in the next tick', async () => {
  await using pair = await CallPair.open();
  const { call, listener } = pair.start('unary', {}, CallOptions.DEFAULT.withCompression('snappy'));
  call.request(1);
  call.sendMessage('dropped');
  call.halfClose();
  assert.is((await listener.closed).status.toString(), 'INTERNAL: Unable to find compressor by name snappy');
  assert.is(pair.served.all.length, 0);
});

test('compressed and not compressed messages in one call are read alike', async () => {
  await using pair = await CallPair.open();
  const { call, listener } = pair.start('bidi_streaming', {}, CallOptions.DEFAULT.withCompression('gzip'));
  const served = await pair.served.next();
  served.call.request(3);
  call.sendMessage('a'.repeat(1000));
  call.setMessageCompression(false);
  call.sendMessage('b'.repeat(1000));
  call.setMessageCompression(true);
  call.sendMessage('');
  for (const text of ['a'.repeat(1000), 'b'.repeat(1000), '']) assert.is(await served.listener.message(), text);
  served.call.close(Status.OK, new Metadata());
  await listener.closed;
});

test.run();
