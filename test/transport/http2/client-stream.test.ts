/** Http2ClientStream: what it sends, frame by frame, and what it refuses to send. */
import { outcomeOf } from '../../../src/call/message-failure.ts';
import { GZIP } from '../../../src/framing/compressor.ts';
import { MessageFailure } from '../../../src/transport/message-failure.ts';
import { Deadline } from '../../../src/values/deadline.ts';
import { Metadata } from '../../../src/values/metadata.ts';
import { responseHeaders, trailersOnly } from '../../support/raw-http2.ts';
import { assert, suite } from '../../support/suite.ts';
import { WoundClock } from '../../support/wound-clock.ts';
import { ClientRig, type RecordedStream } from './client-rig.ts';

const test = suite('Http2ClientStream');

test('a unary request is HEADERS and one DATA with END_STREAM', async () => {
  await using rig = await ClientRig.open();
  await rig.unary();
  await rig.peer.roundTrip();
  assert.equal(rig.peer.story(1), ['HEADERS(1)', 'DATA(1, 13 bytes, ES)']);
  assert.equal(rig.peer.messages(1), [{ flag: 0, payload: Buffer.from('question') }]);
});

test('a unary request without a message is HEADERS and an empty DATA with END_STREAM', async () => {
  await using rig = await ClientRig.open();
  rig.stream('unary').start().halfClose();
  await rig.peer.frame('DATA', { endStream: true });
  assert.equal(rig.peer.story(1), ['HEADERS(1)', 'DATA(1, 0 bytes, ES)']);
});

test('two messages on a unary method go as they come', async () => {
  await using rig = await ClientRig.open();
  const call = rig.stream('unary').start().send('one');
  await rig.peer.roundTrip();
  assert.not(rig.peer.has('HEADERS'), rig.peer.text());
  call.send('two');
  await rig.peer.frame('DATA');
  await rig.peer.roundTrip();
  assert.equal(
    rig.peer.messages(1).map((message) => message.payload.toString()),
    ['one', 'two'],
  );
  call.halfClose();
  await rig.peer.frame('DATA', { endStream: true });
});

test('a streaming request opens at once and ends with an empty DATA', async () => {
  await using rig = await ClientRig.open();
  const call = await rig.bidi();
  call.send('one').send('two');
  await rig.peer.frame('DATA');
  await rig.peer.roundTrip();
  call.halfClose().halfClose();
  await rig.peer.frame('DATA', { endStream: true });
  assert.is(rig.peer.story(1).at(-1), 'DATA(1, 0 bytes, ES)');
  assert.equal(
    rig.peer.messages(1).map((message) => message.payload.toString()),
    ['one', 'two'],
  );
});

test('a streaming request that is half-closed at once ends too', async () => {
  await using rig = await ClientRig.open();
  const call = rig.stream('client_streaming').start().halfClose();
  await rig.peer.frame('DATA', { endStream: true });
  call.send('too late');
  await rig.peer.roundTrip();
  assert.equal(rig.peer.messages(1), []);
});

test('a large message, compressed off the event loop: a unary request waits for it, a cancel meanwhile leaves nothing', async () => {
  await using rig = await ClientRig.open();
  const message = Buffer.alloc(100_000, 'abc');
  const gone = rig.stream('unary', {}, { compressor: GZIP }).start().send(message).halfClose().cancel();
  assert.is(await gone.outcome(), 'CANCELLED not-sent');
  const call = rig.stream('unary', {}, { compressor: GZIP }).start().send(message).halfClose();
  assert.not(call.stream.isReady());
  await rig.peer.frame('DATA', { endStream: true });
  assert.is(rig.peer.frames.filter((frame) => frame.type === 'HEADERS').length, 1);
  const [sent] = rig.peer.messages(1);
  assert.is(sent?.flag, 1);
  assert.is(Buffer.compare(GZIP.decompress(sent?.payload ?? Buffer.alloc(0), 200_000), message), 0);
});

test('large and small messages that are compressed leave in order, the end behind them', async () => {
  await using rig = await ClientRig.open();
  const call = rig.stream('bidi_streaming', {}, { compressor: GZIP }).start();
  const messages = [50_000, 10, 40_000, 0, 20].map((bytes, i) => Buffer.alloc(bytes, `${i}`));
  for (const message of messages) call.send(message);
  call.halfClose();
  await rig.peer.frame('DATA', { endStream: true });
  const sent = rig.peer
    .messages(1)
    .map(({ flag, payload }) => (flag === 1 ? GZIP.decompress(payload, 100_000) : payload));
  assert.equal(
    sent.map((bytes) => bytes.length),
    [50_000, 10, 40_000, 0, 20],
  );
  assert.ok(sent.every((bytes, i) => messages[i]?.equals(bytes)));
});

test('a message that cannot be framed ends the stream CANCELLED, with what failed as cause; the server hears of a reset', async () => {
  await using rig = await ClientRig.open();
  const thrown = new Error('out of order');
  const compressor = {
    ...GZIP,
    compress: (): never => {
      throw thrown;
    },
  };
  const call = rig.stream('bidi_streaming', {}, { compressor }).start();
  await rig.peer.frame('HEADERS');
  call.send('one').send('dropped');
  const { status, progress } = await call.closed;
  assert.is(`${status} ${progress}`, 'CANCELLED: Failed to stream message processed');
  assert.instance(status.cause, MessageFailure);
  assert.is(outcomeOf(status).toString(), 'INTERNAL: Failed to frame message');
  assert.is(outcomeOf(status).cause, thrown);
  await rig.peer.frame('RST_STREAM', { stream: 1, code: 'CANCEL' });
  assert.not(rig.peer.has('DATA'));
});

test('the order on the wire: pseudo-headers, te, the timeout, then the rest, the user’s last', async () => {
  const clock = new WoundClock();
  const deadline = Deadline.after(1_500, clock);
  await using rig = await ClientRig.open({ client: { userAgent: 'app/1' } });
  const call = rig.stream('unary', {}, { deadline, compressor: GZIP });
  call.start(new Metadata({ 'x-user': 'v', 'x-bin': Buffer.of(1) })).halfClose();
  const { headers } = await rig.peer.frame('HEADERS');
  assert.equal(headers, [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', '/test.Rig/Call'],
    [':authority', 'rig.test'],
    ['te', 'trailers'],
    ['grpc-timeout', '1500000u'],
    ['content-type', 'application/grpc'],
    ['user-agent', 'app/1 grpc-node-halfclose/0.1.0'],
    ['grpc-encoding', 'gzip'],
    ['grpc-accept-encoding', 'identity,gzip,deflate'],
    ['x-user', 'v'],
    ['x-bin', 'AQ'],
  ]);
});

test('without deadline and compression neither is sent; an authority of the call goes before that of the connection', async () => {
  await using rig = await ClientRig.open();
  rig.stream('unary', {}, { authority: 'other.test:1' }).start().halfClose();
  const headers = await rig.peer.frame('HEADERS');
  assert.equal(
    [headers.header(':authority'), headers.header('user-agent')],
    ['other.test:1', 'grpc-node-halfclose/0.1.0'],
  );
  assert.equal([...headers.values('grpc-timeout'), ...headers.values('grpc-encoding')], []);
});

for (const [afterMs, timeout] of [
  [0, '1000000u'],
  [400, '600000u'],
  [999.9995, '1n'],
] as const) {
  test(`a deadline of 1 s, ${afterMs} ms after it was made, is sent as ${timeout.slice(0, 8)}`, async () => {
    const clock = new WoundClock();
    await using rig = await ClientRig.open();
    const call = rig.stream('unary', {}, { deadline: Deadline.after(1_000, clock) }).start();
    clock.advance(afterMs);
    call.halfClose();
    const sent = (await rig.peer.frame('HEADERS')).header('grpc-timeout') ?? '';
    assert.ok(afterMs < 999 ? sent === timeout : /^\d{1,3}n$/.test(sent), sent);
  });
}

test('a deadline that has passed never reaches the wire', async () => {
  const clock = new WoundClock();
  await using rig = await ClientRig.open();
  const call = rig
    .stream('unary', {}, { deadline: Deadline.after(5, clock) })
    .start()
    .send('x');
  clock.advance(5);
  call.halfClose();
  assert.is(await call.outcome(), 'DEADLINE_EXCEEDED not-sent');
  await rig.peer.roundTrip();
  assert.not(rig.peer.has('HEADERS'), rig.peer.text());
});

test('a field beyond 64 KiB is refused here, and the connection lives on', async () => {
  await using rig = await ClientRig.open();
  for (const metadata of [
    new Metadata({ 'x-long': 'v'.repeat(64 * 1024) }),
    new Metadata({ 'x-long-bin': Buffer.alloc(48 * 1024) }),
    new Metadata({ ['k'.repeat(64 * 1024)]: 'v' }),
  ]) {
    const call = rig.stream('unary').start(metadata).send('x').halfClose();
    const { status, progress } = await call.closed;
    assert.is(`${status.name} ${progress}`, 'RESOURCE_EXHAUSTED not-sent');
    assert.match(status.description ?? '', /a field of \d+ bytes in the request headers exceeds the 64512/);
  }
  const large = rig
    .stream('unary')
    .start(new Metadata({ 'x-long': 'v'.repeat(63 * 1024) }))
    .send('x')
    .halfClose();
  const headers = await rig.peer.frame('HEADERS', { stream: 1 });
  assert.is(headers.header('x-long')?.length, 63 * 1024);
  rig.peer.sendHeaders(1, trailersOnly(0), { endStream: true });
  assert.is(await large.outcome(), 'OK processed');
});

test('headers beyond what the server takes are refused here, our own counted in', async () => {
  await using rig = await ClientRig.open();
  const start = (bytes: number): RecordedStream =>
    rig
      .stream('unary')
      .start(new Metadata({ 'x-long': 'v'.repeat(bytes) }))
      .halfClose();
  start(100);
  const { headers } = await rig.peer.frame('HEADERS', { stream: 1 });
  const bytes = headers.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
  rig.peer.sendSettings({ MAX_HEADER_LIST_SIZE: bytes });
  await rig.peer.roundTrip();
  start(100);
  await rig.peer.frame('HEADERS', { stream: 3 });
  const { status, progress } = await start(101).closed;
  assert.is(`${status.name} ${progress}`, 'RESOURCE_EXHAUSTED not-sent');
  assert.is(status.description, `request headers of ${bytes + 1} bytes exceed the ${bytes} that the peer takes`);
});

test('what it waits for is told in words', async () => {
  await using rig = await ClientRig.open({ server: { settings: { MAX_CONCURRENT_STREAMS: 1 } } });
  const where = `127.0.0.1:${rig.server.port}`;
  const call = rig.stream('unary').start();
  assert.is(call.stream.describeProgress(), 'waiting for the request to be complete');
  call.halfClose();
  await rig.peer.frame('HEADERS');
  assert.is(call.stream.describeProgress(), `at ${where}`);
  const waiting = rig.stream('unary').start().halfClose();
  assert.is(waiting.stream.describeProgress(), `waiting for a stream slot at ${where}`);
  rig.peer.sendHeaders(1, responseHeaders());
  await call.log.next('headers');
  assert.is(call.stream.describeProgress(), `at ${where}, after its response headers`);
});

test.run();
