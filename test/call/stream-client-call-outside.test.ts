/**
 * StreamClientCall: what ends a call from outside or comes with it: deadline, AbortSignal, async context, and what its
 * options tell the stream. An AbortSignal and an AsyncLocalStorage do together what io.grpc.Context does.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { getEventListeners } from 'node:events';
import { CallOptions } from '../../src/call/call-options.ts';
import { outcomeOf } from '../../src/call/message-failure.ts';
import { createChannel } from '../../src/channel/create-channel.ts';
import { ChannelCredentials } from '../../src/credentials/channel-credentials.ts';
import { BROTLI, CompressorRegistry, GZIP } from '../../src/framing/compressor.ts';
import { Deadline } from '../../src/values/deadline.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Status } from '../../src/values/status.ts';
import { StatusError } from '../../src/values/status-error.ts';
import { RawServer } from '../support/raw-http2.ts';
import { type ClientReactions, RecordingClientListener } from '../support/recorder.ts';
import { assert, suite } from '../support/suite.ts';
import { WoundClock } from '../support/wound-clock.ts';
import { aWhile, CallPair, METHODS, thrownBy } from './call-pair.ts';

const test = suite('StreamClientCall, from outside');
const { DEFAULT } = CallOptions;

// ---- deadline ----

test('a deadline that has passed at start: no stream, DEADLINE_EXCEEDED that says by how much, in the next tick', async () => {
  await using pair = await CallPair.open();
  for (const warm of [false, true]) {
    if (warm) await pair.connect();
    const clock = new WoundClock(10_000);
    const { call, listener } = pair.start('bidi_streaming', {}, DEFAULT.withDeadline(Deadline.after(-5_000, clock)));
    call.request(1);
    call.sendMessage('dropped');
    call.halfClose();
    assert.match(thrownBy(() => call.sendMessage('again')) ?? '', 'call was half-closed');
    const { status, trailers } = await listener.closed;
    assert.is(status.toString(), 'DEADLINE_EXCEEDED: ClientCall started after its deadline was exceeded 5.000 s ago');
    assert.is(trailers.size, 0);
    assert.equal(listener.names, ['close']);
  }
  assert.is(pair.served.all.length, 0);
});

test('when the deadline comes the call ends once, DEADLINE_EXCEEDED, and says where it was', async () => {
  const clock = new WoundClock();
  await using pair = await CallPair.open({ channel: { clock } });
  const { call, listener, served } = await pair.bidi({}, DEFAULT.withTimeout(1_500, clock));
  served.call.sendHeaders(new Metadata());
  await listener.headers();
  call.request(1);
  clock.advance(1_499);
  await aWhile();
  assert.equal(
    listener.names.filter((name) => name === 'close'),
    [],
  );
  listener.forbid(() => clock.advance(1));
  const { status } = await listener.closed;
  const where = `at ${pair.target}, after its response headers`;
  assert.is(status.toString(), `DEADLINE_EXCEEDED: deadline exceeded after 1.500 s (${where})`);
  assert.is(await served.listener.closed, 'cancel');
  assert.is(clock.armed, 0);
});

test('a deadline that comes while there is no connection says so', async () => {
  await using peer = await RawServer.listen({ manner: 'deaf' });
  const clock = new WoundClock();
  await using channel = createChannel(`127.0.0.1:${peer.port}`, ChannelCredentials.insecure(), { clock });
  const call = channel.newCall(METHODS.unary, DEFAULT.withTimeout(1_000, clock));
  const listener = new RecordingClientListener<string>();
  call.start(listener, new Metadata());
  call.sendMessage('waits');
  call.halfClose();
  // An address is a name that resolves a tick later.
  await new Promise(setImmediate);
  clock.advance(1_000);
  const { status } = await listener.closed;
  assert.is(status.code, Status.DEADLINE_EXCEEDED.code);
  assert.match(status.description ?? '', /^deadline exceeded after 1\.000 s \(waiting for a connection to /);
});

test('cancel disarms the deadline, and so does the end', async () => {
  const clock = new WoundClock();
  await using pair = await CallPair.open({ channel: { clock } });
  await pair.connect();
  const armed = clock.armed;
  const { call, listener, served } = await pair.bidi({}, DEFAULT.withTimeout(1_000, clock));
  assert.is(clock.armed, armed + 1);
  call.cancel('enough');
  const { status } = await listener.closed;
  clock.advance(2_000);
  assert.is(status.toString(), 'CANCELLED: enough');
  assert.is(clock.armed, armed);
  await served.listener.closed;
  const other = await pair.bidi({}, DEFAULT.withTimeout(1_000, clock));
  other.served.call.close(Status.OK, new Metadata());
  await other.listener.closed;
  assert.is(clock.armed, armed);
});

for (const code of ['CANCELLED', 'UNKNOWN'] as const) {
  test(`${code} from the server after our deadline was the deadline`, async () => {
    const clock = new WoundClock();
    // Only the deadline stands on this clock, so that no timer of ours is faster.
    await using pair = await CallPair.open();
    for (const isRead of [true, false]) {
      const { call, listener, served } = await pair.bidi({}, DEFAULT.withDeadline(Deadline.after(60_000, clock)));
      clock.advance(61_000);
      if (!isRead) {
        served.call.sendHeaders(new Metadata());
        served.call.sendMessage('unread');
      }
      served.call.close(Status[code].withDescription('the timer was here'), new Metadata({ 'x-end': 'unseen' }));
      if (!isRead) assert.is((await listener.event('closing')).status.code, Status.DEADLINE_EXCEEDED.code);
      call.request(1);
      const { status, trailers } = await listener.closed;
      assert.match(status.toString(), /^DEADLINE_EXCEEDED: deadline exceeded after 60\.000 s/);
      const where = `at ${pair.target}${isRead ? '' : ', after its response headers'}`;
      assert.ok(status.toString().endsWith(`(${where}); the server said ${code}: the timer was here`), `${status}`);
      assert.is(trailers.size, 0);
    }
  });
}

test('what else the server says after our deadline stands', async () => {
  const clock = new WoundClock();
  await using pair = await CallPair.open();
  const { call, listener, served } = await pair.bidi({}, DEFAULT.withDeadline(Deadline.after(60_000, clock)));
  clock.advance(61_000);
  served.call.close(Status.NOT_FOUND.withDescription('no such thing'), new Metadata({ 'x-end': 'seen' }));
  call.request(1);
  const { status, trailers } = await listener.closed;
  assert.is(status.toString(), 'NOT_FOUND: no such thing');
  assert.is(trailers.get('x-end'), 'seen');
});

test('the deadline travels with the call; without one nothing does, and an infinite one is none', async () => {
  await using pair = await CallPair.open();
  const seen = async (options: CallOptions): Promise<number | null> => {
    const { served } = await pair.bidi({}, options);
    return served.call.deadline?.remainingMs() ?? null;
  };
  assert.is(await seen(DEFAULT), null);
  assert.is(await seen(DEFAULT.withTimeout(Number.POSITIVE_INFINITY)), null);
  const left = (await seen(DEFAULT.withTimeout(20_000))) ?? 0;
  assert.ok(left > 15_000 && left <= 20_001, String(left));
});

test('what is put earlier into the options wins over a later deadline', async () => {
  await using pair = await CallPair.open();
  const clock = new WoundClock();
  const near = Deadline.after(5_000, clock);
  const far = Deadline.after(50_000, clock);
  for (const [one, other] of [
    [near, far],
    [far, near],
  ] as const) {
    const { served } = await pair.bidi({}, DEFAULT.withDeadline(Deadline.earlier(one, other)));
    assert.ok((served.call.deadline?.remainingMs() ?? 0) <= 5_001);
  }
});

// ---- AbortSignal ----

test('aborting the signal cancels the call, with its reason as cause', async () => {
  await using pair = await CallPair.open();
  const controller = new AbortController();
  const { listener, served } = await pair.bidi({}, DEFAULT.withSignal(controller.signal));
  const reason = new Error('the user left');
  listener.forbid(() => controller.abort(reason));
  const { status } = await listener.closed;
  assert.is(status.toString(), 'CANCELLED: the signal was aborted');
  assert.is(status.cause, reason);
  assert.is(await served.listener.closed, 'cancel');
});

test('a signal aborted before start: no stream, onClose in the next tick; wrong order still throws', async () => {
  await using pair = await CallPair.open();
  const reason = new Error('the user left');
  const { call, listener } = pair.start('bidi_streaming', {}, DEFAULT.withSignal(AbortSignal.abort(reason)));
  call.request(1);
  call.sendMessage('dropped');
  call.halfClose();
  assert.is(
    thrownBy(() => call.sendMessage('again')),
    'IllegalStateError: call was half-closed',
  );
  const { status } = await listener.closed;
  assert.is(status.toString(), 'CANCELLED: the signal was aborted');
  assert.is(status.cause, reason);
  assert.equal(listener.names, ['close']);
  await pair.connect();
  assert.is(pair.served.all.length, 0);
});

test('a signal that times out is a deadline', async () => {
  await using pair = await CallPair.open();
  const { listener } = pair.start('bidi_streaming', {}, DEFAULT.withSignal(AbortSignal.timeout(20)));
  const { status } = await listener.closed;
  assert.is(status.toString(), 'DEADLINE_EXCEEDED: the signal timed out');
  assert.is((status.cause as Error).name, 'TimeoutError');
});

test('one signal for many calls: each leaves it when it ends, however it ends', async () => {
  await using pair = await CallPair.open({
    handle: (call) => ({ onHalfClose: () => call.close(Status.ABORTED, new Metadata()) }),
  });
  const { signal } = new AbortController();
  const options = DEFAULT.withSignal(signal);
  const calls = Array.from({ length: 9 }, () => pair.start('bidi_streaming', {}, options));
  assert.is(getEventListeners(signal, 'abort').length, 9);
  for (const [index, { call }] of calls.entries()) {
    if (index % 3 === 0) call.halfClose();
    else if (index % 3 === 1) call.cancel('enough');
    else call.sendMessage(index as unknown as string);
  }
  for (const [index, { listener }] of calls.entries()) if (index % 3 < 2) await listener.closed;
  for (const { call } of calls) call.cancel('over');
  for (const { listener } of calls) await listener.closed;
  assert.is(getEventListeners(signal, 'abort').length, 0);
});

test('a call that is refused at start does not listen to its signal', async () => {
  await using pair = await CallPair.open();
  const { signal } = new AbortController();
  const { listener } = pair.start('unary', {}, DEFAULT.withSignal(signal).withCompression('none such'));
  assert.is(getEventListeners(signal, 'abort').length, 0);
  await listener.closed;
});

// ---- async context ----

const story = new AsyncLocalStorage<string>();

/** Writes down in which context each event comes. */
function contexts(seen: Set<string>): ClientReactions<string> {
  const note = (event: string) => (): void => void seen.add(`${event} in ${story.getStore()}`);
  return {
    onHeaders: note('headers'),
    onMessage: note('message'),
    onReady: note('ready'),
    onWritten: note('written'),
    onClosing: note('closing'),
    onClose: note('close'),
  };
}

const ALL = ['close', 'closing', 'headers', 'message', 'ready', 'written'].map((event) => `${event} in start`);

for (const channel of ['cold', 'warm']) {
  test(`every event comes in the async context of start, on a ${channel} channel`, async () => {
    await using pair = await CallPair.open({
      handle: (call) => ({
        onMessage: (text) => {
          call.sendHeaders(new Metadata());
          call.sendMessage(text);
          call.close(Status.OK, new Metadata());
        },
        onReady: () => call.request(1),
      }),
    });
    if (channel === 'warm') await pair.connect();
    const seen = new Set<string>();
    const { call, listener } = story.run('newCall', () => pair.make('bidi_streaming', contexts(seen)));
    story.run('start', () => call.start(listener, new Metadata()));
    story.run('later', () => call.sendMessage('hello'));
    await listener.event('closing');
    story.run('later', () => call.request(2));
    await listener.closed;
    assert.equal([...seen].sort(), ALL);
  });
}

test('many calls may share a signal, without a warning, and one abort ends them all', async () => {
  await using pair = await CallPair.open();
  const controller = new AbortController();
  const warnings: string[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning.message);
  process.on('warning', onWarning);
  const options = DEFAULT.withSignal(controller.signal);
  const made = Array.from({ length: 40 }, () => pair.start('bidi_streaming', {}, options));
  await aWhile();
  controller.abort();
  for (const { listener } of made) assert.is((await listener.closed).status.code, Status.CANCELLED.code);
  await aWhile();
  process.off('warning', onWarning);
  assert.equal(warnings, []);
});

test('also of a call that waits for a stream slot', async () => {
  await using pair = await CallPair.open({
    transport: 'http2',
    server: { maxConcurrentCallsPerConnection: 1 },
    handle: (call) => ({
      onReady: () => call.request(1),
      onMessage: (text) => {
        call.sendHeaders(new Metadata());
        call.sendMessage(text);
        call.close(Status.OK, new Metadata());
      },
    }),
  });
  await pair.connect();
  const first = story.run('first', () => pair.start('bidi_streaming'));
  await pair.served.next();
  const seen = new Set<string>();
  const second = story.run('start', () => pair.start('bidi_streaming', contexts(seen)));
  story.run('later', () => {
    second.call.sendMessage('hello');
    first.call.cancel('make room');
  });
  await second.listener.event('closing');
  story.run('later', () => second.call.request(2));
  await second.listener.closed;
  assert.equal([...seen].sort(), ALL);
});

for (const [how, end] of [
  ['cancel', (pair: { call: { cancel(text: string): void } }) => pair.call.cancel('enough')],
  ['an abort', (_: unknown, controller: AbortController) => controller.abort()],
] as const) {
  test(`the end that ${how} from another context brings comes in that of start`, async () => {
    await using pair = await CallPair.open();
    const controller = new AbortController();
    const seen = new Set<string>();
    const made = story.run('start', () =>
      pair.start('bidi_streaming', contexts(seen), DEFAULT.withSignal(controller.signal)),
    );
    await pair.served.next();
    story.run('later', () => end(made, controller));
    await made.listener.closed;
    assert.ok(seen.has('close in start'), [...seen].join());
  });
}

// ---- what the options tell the stream ----

test('authority and headers reach the server; without an authority of its own the call has the channel’s', async () => {
  await using pair = await CallPair.open();
  const one = pair.start(
    'bidi_streaming',
    {},
    DEFAULT.withAuthority('elsewhere.test'),
    new Metadata({ 'x-mine': 'yes' }),
  );
  const served = await pair.served.next();
  assert.is(served.call.authority, 'elsewhere.test');
  assert.is(served.headers.get('x-mine'), 'yes');
  one.call.cancel('seen');
  const { served: plain } = await pair.bidi();
  assert.is(plain.call.authority, pair.target);
});

test('encodings: none for identity, the advertised ones to accept, and the application’s own are dropped', async () => {
  await using peer = await RawServer.listen();
  const compressors = CompressorRegistry.DEFAULT.with(GZIP).with(BROTLI, false);
  await using channel = createChannel(`127.0.0.1:${peer.port}`, ChannelCredentials.insecure(), { compressors });
  const headers = new Metadata({
    'content-encoding': 'br',
    'accept-encoding': 'br',
    'content-length': '17',
    'user-agent': 'mine',
  });
  const call = channel.newCall(METHODS.bidi_streaming, DEFAULT);
  const listener = new RecordingClientListener<string>();
  call.start(listener, headers);
  const frame = await (await peer.connection()).frame('HEADERS');
  const fields = new Map(frame.headers);
  assert.is(fields.get('grpc-encoding'), undefined);
  assert.not((fields.get('grpc-accept-encoding') ?? '').split(',').includes('br'));
  assert.ok((fields.get('grpc-accept-encoding') ?? '').split(',').includes('gzip'));
  assert.is(fields.get('content-length'), undefined);
  assert.is(fields.get('content-encoding'), undefined);
  assert.is(fields.get('accept-encoding'), undefined);
  assert.match(fields.get('user-agent') ?? '', /^grpc-node-halfclose\//);
  assert.is(fields.get('grpc-timeout'), undefined);
  call.cancel('seen');
  await listener.closed;
});

test('size limits: exactly the limit passes, a byte more does not', async () => {
  await using pair = await CallPair.open();
  const options = DEFAULT.withMaxInboundMessageSize(10).withMaxOutboundMessageSize(5);
  const one = await pair.bidi({}, options);
  one.call.sendMessage('12345');
  one.served.call.request(1);
  assert.is(await one.served.listener.message(), '12345');
  one.call.request(2);
  one.served.call.sendHeaders(new Metadata());
  one.served.call.sendMessage('1234567890');
  one.served.call.sendMessage('12345678901');
  assert.is(await one.listener.message(), '1234567890');
  assert.is((await one.listener.closed).status.code, Status.RESOURCE_EXHAUSTED.code);
  const two = await pair.bidi({}, options);
  two.listener.forbid(() => two.call.sendMessage('123456'));
  const { status } = await two.listener.closed;
  assert.is(status.toString(), 'CANCELLED: Failed to stream message');
  assert.instance(status.cause, StatusError);
  assert.is(outcomeOf(status).toString(), 'RESOURCE_EXHAUSTED: message too large 6 > 5');
});

test('the ready threshold of the options reaches the stream', async () => {
  await using pair = await CallPair.open();
  const { call, listener } = await pair.bidi({}, DEFAULT.withOnReadyThreshold(10));
  await listener.event('ready');
  assert.ok(call.isReady());
  call.sendMessage('more than ten bytes');
  assert.not(call.isReady());
  await listener.event('ready');
  assert.ok(call.isReady());
});

test.run();
