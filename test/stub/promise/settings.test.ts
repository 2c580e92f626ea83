/** CallSettings: what each of them does to a call, and how those of a call go together with those of its client. */
import { CallOptionKey, CallOptions } from '../../../src/call/call-options.ts';
import { createInProcessChannel } from '../../../src/channel/create-in-process-channel.ts';
import { CallCredentials } from '../../../src/credentials/call-credentials.ts';
import { CompressorRegistry, GZIP } from '../../../src/framing/compressor.ts';
import { Server } from '../../../src/server/server.ts';
import { type CallSettings, callOptionsOf, NO_SETTINGS, withDefaults } from '../../../src/stub/call-settings.ts';
import { createClient } from '../../../src/stub/client.ts';
import { implement } from '../../../src/stub/implement.ts';
import { decodeTimeout } from '../../../src/transport/http2/grpc-timeout.ts';
import { InProcessServer } from '../../../src/transport/in-process/server.ts';
import { Deadline } from '../../../src/values/deadline.ts';
import { Metadata, type MetadataInit } from '../../../src/values/metadata.ts';
import { Code, Status } from '../../../src/values/status.ts';
import { StatusError } from '../../../src/values/status-error.ts';
import { thrownBy } from '../../call/call-pair.ts';
import { TEXT_METHODS } from '../../reactor/reactor-pair.ts';
import { assert, suite } from '../../support/suite.ts';
import { WoundClock } from '../../support/wound-clock.ts';
import { ECHO, errorOf, Gate, listOf, PromisePair, soon, type TextClient, TRANSPORTS, turns } from './promise-pair.ts';
import { RawPeer } from './raw-peer.ts';

const test = suite('CallSettings');

/** Calls each kind of method with the same settings; none is awaited. */
function callAll(client: TextClient, settings: CallSettings): Promise<unknown>[] {
  return [
    client.unary('a', settings),
    client.read('a', settings).next(),
    client.write(['a'], settings),
    client.write(settings).response,
    client.bidi(['a'], settings).next(),
    client.bidi(settings).next(),
  ];
}

const KINDS = 6;

// ---- timeouts and deadlines ----

test('timeoutMs and deadline are sent as grpc-timeout with every kind of call, the earlier of the two', async () => {
  const bounds: readonly (() => CallSettings)[] = [
    () => ({ timeoutMs: 20_000 }),
    () => ({ deadline: new Date(Date.now() + 20_000) }),
    () => ({ deadline: Deadline.after(20_000) }),
    () => ({ timeoutMs: 20_000, deadline: new Date(Date.now() + 60_000) }),
    () => ({ timeoutMs: 60_000, deadline: Deadline.after(20_000) }),
  ];
  for (const bound of bounds) {
    await using raw = await RawPeer.open();
    const calls = callAll(raw.client, bound()).map(errorOf);
    for (let i = 0; i < KINDS; i += 1) {
      const served = await raw.call(i);
      const sent = decodeTimeout(served.header('grpc-timeout') ?? '') ?? 0;
      assert.ok(sent > 10_000 && sent <= 20_000, String(sent));
      served.refuse(Code.ABORTED);
    }
    for (const call of calls) assert.is((await call).code, Code.ABORTED);
  }
});

test('without a limit, and with that of Infinity, there is no grpc-timeout', async () => {
  await using raw = await RawPeer.open();
  for (const [index, settings] of [{}, { timeoutMs: Number.POSITIVE_INFINITY }].entries()) {
    const call = raw.client.unary('a', settings);
    const served = await raw.call(index);
    assert.is(served.header('grpc-timeout'), undefined);
    served.refuse(Code.ABORTED);
    assert.is((await errorOf(call)).code, Code.ABORTED);
  }
});

test('a limit that has passed fails every kind of call at once, and nothing is sent', async () => {
  await using raw = await RawPeer.open();
  for (const settings of [{ timeoutMs: 0 }, { timeoutMs: -5 }, { deadline: new Date(0) }]) {
    for (const call of callAll(raw.client, settings)) assert.is((await errorOf(call)).code, Code.DEADLINE_EXCEEDED);
  }
  await turns();
  for (const peer of raw.server.connections) assert.not(peer.has('HEADERS'));
});

test('what is no time is refused', async () => {
  await using raw = await RawPeer.open();
  const { client } = raw;
  for (const settings of [{ timeoutMs: Number.NaN }, { deadline: new Date(Number.NaN) }]) {
    for (const call of [() => client.read('a', settings), () => client.write(settings), () => client.bidi(settings)]) {
      assert.match(thrownBy(call) ?? '', /^RangeError/);
    }
    assert.ok((await soon(client.unary('a', settings).catch((error: unknown) => error))) instanceof RangeError);
    assert.ok((await soon(client.write([], settings).catch((error: unknown) => error))) instanceof RangeError);
  }
});

for (const transport of TRANSPORTS) {
  test(`${transport}: the handler sees the deadline, and its signal aborts when it passes`, async () => {
    const clock = new WoundClock();
    const served = new Gate<number>();
    const reason = new Gate<unknown>();
    await using pair = await PromisePair.open(
      {
        unary: (_text, { deadline, signal }) => {
          signal.addEventListener('abort', () => reason.open(signal.reason));
          served.open(deadline?.remainingMs() ?? -1);
          return new Promise(() => {});
        },
      },
      // The client's clock is the system's: it is the server that gives up.
      { transport, server: { clock } },
    );
    const call = errorOf(pair.client.unary('a', { timeoutMs: 3_000 }));
    const left = await served.pass();
    assert.ok(left > 0 && left <= 3_000, String(left));
    clock.advance(left);
    const aborted = await reason.pass();
    assert.ok(aborted instanceof StatusError);
    assert.is(aborted.code, Code.DEADLINE_EXCEEDED);
    assert.is((await call).code, Code.DEADLINE_EXCEEDED);
  });

  test(`${transport}: a passed deadline ends reading, sending and waiting alike`, async () => {
    const clock = new WoundClock();
    await using pair = await PromisePair.open(
      {
        async *bidi(texts) {
          yield 'one';
          for await (const _ of texts);
        },
      },
      { transport, channel: { clock, idleTimeoutMs: Number.POSITIVE_INFINITY } },
    );
    const call = pair.client.bidi({ timeoutMs: 1_000 });
    assert.is((await soon(call.next())).value, 'one');
    const next = errorOf(call.next());
    clock.advance(1_000);
    const error = await next;
    assert.is(error.code, Code.DEADLINE_EXCEEDED);
    assert.match(error.message, /deadline exceeded after 1\.000 s/);
    assert.is(await soon(call.send('late')), false);
    assert.is((await soon(call.status)).code, Code.DEADLINE_EXCEEDED);
    assert.is(clock.armed, 0);
  });
}

// ---- signals ----

for (const transport of TRANSPORTS) {
  test(`${transport}: a signal that is aborted before the call lets none begin`, async () => {
    await using pair = await PromisePair.open(
      {
        unary() {
          throw new Error('a handler ran');
        },
      },
      { transport },
    );
    const reason = new Error('no need');
    for (const call of callAll(pair.client, { signal: AbortSignal.abort(reason) })) {
      const error = await errorOf(call);
      assert.equal([error.code, error.cause], [Code.CANCELLED, reason]);
      assert.is(error.call?.phase, 'before anything was sent');
    }
    assert.equal(pair.failures, []);
  });

  test(`${transport}: a signal that is aborted meanwhile cancels every kind of call, one afterwards none`, async () => {
    let handled = 0;
    let aborted = 0;
    const hang = (_input: unknown, { signal }: { readonly signal: AbortSignal }): never => {
      handled += 1;
      signal.addEventListener('abort', () => {
        aborted += 1;
      });
      return new Promise(() => {}) as never;
    };
    await using pair = await PromisePair.open({ unary: hang, read: hang, write: hang, bidi: hang }, { transport });
    const controller = new AbortController();
    const calls = callAll(pair.client, { signal: controller.signal }).map(errorOf);
    while (handled < KINDS) await turns(1);
    const reason = new Error('no need');
    controller.abort(reason);
    for (const call of calls) {
      const { code, cause } = await call;
      assert.equal([code, cause], [Code.CANCELLED, reason]);
    }
    while (aborted < KINDS) await turns(1);

    await using echo = await PromisePair.open(ECHO, { transport });
    const late = new AbortController();
    const stream = echo.client.read('a', { signal: late.signal });
    const text = await soon(echo.client.unary('a', { signal: late.signal }));
    assert.equal(await soon(listOf(stream)), ['<a0>', '<a1>', '<a2>']);
    late.abort();
    await turns();
    assert.is(text, '<a>');
    assert.equal(await soon(stream.next()), { done: true, value: undefined });
    assert.is(await soon(stream.status), Status.OK);
  });
}

test('messages that came before the end of a call that ended well are read, whatever is aborted then', async () => {
  await using pair = await PromisePair.open(ECHO);
  const controller = new AbortController();
  const stream = pair.client.read('a', { prefetch: 5, signal: controller.signal });
  await soon(stream.status);
  controller.abort();
  stream.cancel();
  assert.equal(await soon(listOf(stream)), ['<a0>', '<a1>', '<a2>']);
});

test('a signal that times out is a deadline', async () => {
  await using pair = await PromisePair.open({ unary: () => new Promise(() => {}) });
  const error = await errorOf(pair.client.unary('a', { signal: AbortSignal.timeout(10) }));
  assert.is(error.code, Code.DEADLINE_EXCEEDED);
  assert.is((error.cause as Error).name, 'TimeoutError');
});

test('no listener is left at a signal that outlives its calls', async () => {
  await using pair = await PromisePair.open(ECHO);
  const { signal } = new AbortController();
  let listeners = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>): void => {
    listeners += 1;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>): void => {
    listeners -= 1;
    removeEventListener.apply(signal, args);
  };
  const settings = { signal };
  await soon(pair.client.unary('a', settings));
  await soon(listOf(pair.client.bidi(['a'], settings)));
  for await (const _ of pair.client.read('a', settings)) break;
  await turns();
  assert.is(listeners, 0);
});

// ---- metadata ----

test('metadata goes along, of every form, and the caller’s own is not touched', async () => {
  const sent: MetadataInit = { 'x-one': 'a', 'x-two': ['b', 'c'], 'x-bin': Buffer.from('d') };
  await using pair = await PromisePair.open({
    unary: (_text, { metadata }) => {
      const text = [...metadata].filter(([key]) => key.startsWith('x-')).map(([key, value]) => `${key}=${value}`);
      metadata.set('x-one', 'changed');
      return text.join();
    },
  });
  const own = new Metadata(sent);
  for (const metadata of [sent, own, [...own]]) {
    assert.is(await soon(pair.client.unary('a', { metadata })), 'x-one=a,x-two=b,x-two=c,x-bin=d');
  }
  assert.is(own.get('x-one'), 'a');
  assert.match(thrownBy(() => pair.client.read('a', { metadata: { 'grpc-mine': 'x' } })) ?? '', /^TypeError/);
});

// ---- waiting for a connection ----

test('waitForReady waits for a server that comes later; without it the call fails', async () => {
  const listener = InProcessServer.anonymous();
  await using channel = createInProcessChannel(listener, { backoff: { initialMs: 5, maxMs: 5 } });
  const client = createClient(TEXT_METHODS, channel);
  const failed = await errorOf(client.unary('a'));
  assert.is(failed.code, Code.UNAVAILABLE);
  assert.equal([failed.call?.peer, failed.call?.phase], [null, 'before anything was sent']);
  const waiting = [client.unary('a', { waitForReady: true }), listOf(client.bidi(['a'], { waitForReady: true }))];
  const server = new Server().addService(implement(TEXT_METHODS, ECHO)).addServerListener(listener);
  await soon(server.start());
  assert.equal(await soon(Promise.all(waiting)), ['<a>', ['<a>']]);
  await channel[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

// ---- the rest ----

/** Shows which messages came compressed. */
const INFLATING_TO_X: CompressorRegistry = CompressorRegistry.DEFAULT.with({
  name: 'gzip',
  compress: (payload) => GZIP.compress(payload),
  compressLater: (payload, done) => GZIP.compressLater(payload, done),
  decompress: () => Buffer.from('x'),
  decompressLater: (_payload, _maxBytes, done) => process.nextTick(done, null, Buffer.from('x')),
});

test('compression compresses what is sent, with the compressor of that name; one that is not known fails', async () => {
  await using raw = await RawPeer.open();
  const call = raw.client.unary('a'.repeat(2_000), { compression: 'gzip' });
  const served = await raw.call();
  assert.is(served.header('grpc-encoding'), 'gzip');
  await served.peer.frame('DATA', { endStream: true });
  const [message] = served.peer.messages(served.stream);
  assert.is(message?.flag, 1);
  assert.ok((message?.payload.length ?? 2_000) < 100);
  served.headers();
  served.message('b');
  served.end(0);
  assert.is(await soon(call), 'b');
  assert.is((await errorOf(raw.client.unary('a', { compression: 'none such' }))).code, Code.INTERNAL);
});

test('both ends may compress, and their messages arrive whole', async () => {
  await using pair = await PromisePair.open(
    {
      async *bidi(texts, context) {
        context.setCompression('gzip');
        for await (const text of texts) yield text;
      },
    },
    { transport: 'http2' },
  );
  const texts = ['x'.repeat(50_000), '', 'short'];
  assert.equal(await soon(listOf(pair.client.bidi(texts, { compression: 'deflate' }))), texts);
});

for (const kind of ['bidi', 'write'] as const) {
  test(`${kind}: a caller chooses which of its messages are compressed`, async () => {
    await using raw = await RawPeer.open();
    const call = raw.client[kind]({ compression: 'gzip' });
    const served = await raw.call();
    call.setMessageCompression(false);
    await soon(call.send('a'.repeat(2_000)));
    call.setMessageCompression(true);
    await soon(call.send('b'.repeat(2_000)));
    call.closeSend();
    await served.peer.frame('DATA', { stream: served.stream, endStream: true });
    const flags = served.peer.messages(served.stream).map(({ flag }) => flag);
    assert.equal(flags, [0, 1]);
    served.refuse(Code.ABORTED);
    assert.is((await soon(call.status)).code, Code.ABORTED);
  });
}

test('a handler chooses which of its messages are compressed', async () => {
  await using pair = await PromisePair.open(
    {
      async *read(text, context) {
        context.setCompression('gzip');
        yield text;
        context.setMessageCompression(false);
        yield text;
        context.setMessageCompression(true);
        yield text;
      },
    },
    { transport: 'http2', channel: { compressors: INFLATING_TO_X } },
  );
  const text = 'y'.repeat(2_000);
  assert.equal(await soon(listOf(pair.client.read(text))), ['x', text, 'x']);
});

test('authority is sent in place of the channel’s', async () => {
  await using raw = await RawPeer.open();
  const call = errorOf(raw.client.unary('a', { authority: 'there.test' }));
  const served = await raw.call();
  assert.is(served.header(':authority'), 'there.test');
  served.refuse(Code.ABORTED);
  assert.is((await call).code, Code.ABORTED);
});

test('credentials are asked for the call, and go along', async () => {
  await using pair = await PromisePair.open({ unary: (_text, { metadata }) => metadata.get('authorization') ?? '' });
  const credentials = CallCredentials.from(({ methodName }) => new Metadata({ authorization: `for ${methodName}` }));
  assert.is(await soon(pair.client.unary('a', { credentials })), 'for unary');
});

test('maxInboundMessageBytes bounds responses', async () => {
  await using pair = await PromisePair.open({ unary: (text) => text, read: (text) => [text, `${text}${text}`] });
  const settings = { maxInboundMessageBytes: 10 };
  assert.is(await soon(pair.client.unary('0123456789', settings)), '0123456789');
  assert.is((await errorOf(pair.client.unary('0123456789a', settings))).code, Code.RESOURCE_EXHAUSTED);
  const stream = pair.client.read('012345', { ...settings, prefetch: 0 });
  assert.is((await soon(stream.next())).value, '012345');
  assert.is((await errorOf(stream.next())).code, Code.RESOURCE_EXHAUSTED);
});

test('what is no number of messages to prefetch is refused, before anything is sent', async () => {
  await using raw = await RawPeer.open();
  for (const prefetch of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.match(thrownBy(() => raw.client.read('a', { prefetch })) ?? '', /^RangeError/);
    assert.match(thrownBy(() => raw.client.bidi({ prefetch })) ?? '', /^RangeError/);
  }
  await turns();
  assert.is(raw.server.connections.length, 0);
});

test('callOptions lie below the other settings, and bring options of one’s own', async () => {
  const key = new CallOptionKey('test', 'unset');
  const seen: CallOptions[] = [];
  await using pair = await PromisePair.open(ECHO, {
    channel: {
      interceptors: [
        (method, options, next) => {
          seen.push(options);
          return next.newCall(method, options);
        },
      ],
    },
  });
  const callOptions = CallOptions.DEFAULT.withOption(key, 'set')
    .withCompression('gzip')
    .withAuthority('below.test')
    .withMaxOutboundMessageSize(5);
  await soon(pair.client.unary('a', { callOptions, authority: 'above.test' }));
  const [options] = seen;
  assert.equal([options?.getOption(key), options?.compression, options?.authority], ['set', 'gzip', 'above.test']);
  assert.is((await errorOf(pair.client.unary('too long', { callOptions }))).code, Code.RESOURCE_EXHAUSTED);
  const { signal } = new AbortController();
  assert.is(callOptionsOf({ callOptions: callOptions.withSignal(signal) }).signal, signal);
  assert.is(callOptionsOf(NO_SETTINGS), CallOptions.DEFAULT);
});

test('a signal among the callOptions drops what was not read, as one of the settings does', async () => {
  await using pair = await PromisePair.open({
    async *read(_text, { signal }) {
      for (let i = 0; !signal.aborted; i += 1) yield String(i);
    },
  });
  const controller = new AbortController();
  const callOptions = CallOptions.DEFAULT.withSignal(controller.signal);
  const stream = pair.client.read('a', { prefetch: 5, callOptions });
  assert.is((await soon(stream.next())).value, '0');
  await turns();
  controller.abort();
  assert.is((await errorOf(stream.next())).code, Code.CANCELLED);
});

// ---- what is heard of headers and trailers ----

for (const transport of TRANSPORTS) {
  test(`${transport}: onHeaders and onTrailers are told once each, when the headers come and when the call ends`, async () => {
    const tell = (events: string[]): CallSettings => ({
      onHeaders: (headers) => void events.push(`headers ${headers.get('x-head')}`),
      onTrailers: (given) => void events.push(`trailers ${given.get('x-trail')}`),
    });
    await using pair = await PromisePair.open(
      {
        unary(text, context) {
          context.trailers.set('x-trail', 't');
          context.sendHeaders({ 'x-head': 'h' });
          return text;
        },
        async *read(_text, context) {
          context.trailers.set('x-trail', 't');
          context.sendHeaders({ 'x-head': 'h' });
          yield 'one';
        },
        async write(_texts, context) {
          context.trailers.set('x-trail', 't');
          throw new StatusError(Status.ABORTED);
        },
        async *bidi(_texts, context) {
          context.trailers.set('x-trail', 't');
          yield 'one';
          throw new StatusError(Status.ABORTED);
        },
      },
      { transport },
    );
    const unary: string[] = [];
    await soon(pair.client.unary('a', tell(unary)));
    assert.equal(unary, ['headers h', 'trailers t']);
    const read: string[] = [];
    const streamed = pair.client.read('a', tell(read));
    await soon(streamed.headers);
    assert.is(read[0], 'headers h');
    // They do not wait for what was read ahead to be read.
    await soon(streamed.status);
    assert.equal(read, ['headers h', 'trailers t']);
    assert.equal(await soon(listOf(streamed)), ['one']);
    const write: string[] = [];
    await errorOf(pair.client.write([], tell(write)));
    // A response that is nothing but a status has no headers.
    assert.equal(write, ['trailers t']);
    const bidi: string[] = [];
    const stream = pair.client.bidi([], tell(bidi));
    assert.is((await soon(stream.next())).value, 'one');
    await errorOf(stream.next());
    assert.equal(bidi, ['headers undefined', 'trailers t']);
    const local: string[] = [];
    await errorOf(pair.client.unary('a', { ...tell(local), signal: AbortSignal.abort() }));
    assert.equal(local, ['trailers undefined']);
  });
}

test('onHeaders that throws ends its call, onTrailers that throws changes nothing; the hook hears of both', async () => {
  await using pair = await PromisePair.open(ECHO);
  const mine = new Error('mine');
  const fail = (): never => {
    throw mine;
  };
  const error = await errorOf(pair.client.unary('a', { onHeaders: fail }));
  assert.equal([error.code, error.cause], [Code.CANCELLED, mine]);
  const stream = pair.client.read('a', { onHeaders: fail });
  assert.is((await errorOf(stream.next())).cause, mine);
  assert.is(await soon(pair.client.unary('a', { onTrailers: fail })), '<a>');
  assert.is((await soon(listOf(pair.client.read('a', { onTrailers: fail })))).length, 3);
  assert.equal(pair.failures, [mine, mine, mine, mine]);
});

// ---- a client's settings ----

test('what a call says outranks what its client says; what it leaves out, or gives as undefined, does not', () => {
  const defaults = Object.freeze<CallSettings>({
    signal: AbortSignal.abort(),
    waitForReady: true,
    compression: 'gzip',
    authority: 'default.test',
    maxInboundMessageBytes: 1,
    prefetch: 2,
    onHeaders: () => {},
    onTrailers: () => {},
    callOptions: CallOptions.DEFAULT,
    timeoutMs: 1_000,
    deadline: new Date(0),
    credentials: CallCredentials.from(() => new Metadata()),
    metadata: { 'x-one': 'default' },
  });
  assert.is(withDefaults(undefined, defaults), defaults);
  assert.equal({ ...withDefaults({}, defaults) }, { ...defaults });
  const nothing = Object.fromEntries(Object.keys(defaults).map((name) => [name, undefined]));
  assert.equal({ ...withDefaults(nothing, defaults) }, { ...defaults });
  const own: CallSettings = {
    signal: new AbortController().signal,
    waitForReady: false,
    compression: 'identity',
    authority: 'own.test',
    maxInboundMessageBytes: 0,
    prefetch: 0,
    onHeaders: () => {},
    onTrailers: () => {},
    callOptions: CallOptions.DEFAULT.withCompression('gzip'),
    timeoutMs: 5,
    deadline: new Date(5),
    credentials: CallCredentials.from(() => new Metadata()),
  };
  const merged = withDefaults(own, defaults) as Readonly<Record<string, unknown>>;
  for (const [name, value] of Object.entries(own)) assert.is(merged[name], value, name);
  assert.is(withDefaults(own, NO_SETTINGS), own);
});

test('timeout and deadline are one setting: a call that has either has nothing of its client’s', () => {
  const defaults = { timeoutMs: 10, deadline: new Date(Date.now() + 10) };
  for (const own of [{ timeoutMs: 60_000 }, { deadline: new Date(Date.now() + 60_000) }]) {
    const left = callOptionsOf(withDefaults(own, defaults)).deadline?.remainingMs() ?? 0;
    assert.ok(left > 10_000, String(left));
  }
  assert.is(callOptionsOf(withDefaults({ timeoutMs: Number.POSITIVE_INFINITY }, defaults)).deadline, null);
  assert.is.not(callOptionsOf(withDefaults({ prefetch: 1 }, defaults)).deadline, null);
});

test('metadata of client and call are joined, the call’s last, and neither is touched', async () => {
  const shared = new Metadata({ 'x-one': 'client', 'x-two': 'client' });
  await using pair = await PromisePair.open(
    { unary: (_text, { metadata }) => [...metadata.getAll('x-one'), ...metadata.getAll('x-two')].join() },
    { defaults: { metadata: shared } },
  );
  for (let i = 0; i < 2; i += 1) {
    assert.is(await soon(pair.client.unary('a', { metadata: { 'x-one': 'call' } })), 'client,call,client');
  }
  assert.is(await soon(pair.client.unary('a')), 'client,client');
  assert.is(shared.size, 2);
});

test('a client’s timeout counts anew for every call', async () => {
  await using raw = await RawPeer.open({ defaults: { timeoutMs: 60_000 } });
  for (let i = 0; i < 2; i += 1) {
    const call = errorOf(raw.client.unary('a'));
    const served = await raw.call(i);
    const sent = decodeTimeout(served.header('grpc-timeout') ?? '') ?? 0;
    assert.ok(sent > 50_000 && sent <= 60_000, String(sent));
    served.refuse(Code.ABORTED);
    await call;
  }
});

test.run();
