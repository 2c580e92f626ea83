/**
 * What leaves the client when a call ends before its time: RST_STREAM and nothing else. An END_STREAM in front of it would
 * look like a clean half-close to the server.
 */
import { constants } from 'node:http2';
import { Metadata } from '../../../src/values/metadata.ts';
import { Status } from '../../../src/values/status.ts';
import { grpcFrame, RawServer, responseHeaders, trailers, trailersOnly } from '../../support/raw-http2.ts';
import { assert, suite } from '../../support/suite.ts';
import { ClientRig, type RecordedStream } from './client-rig.ts';
import { nodeRequest, nodeSession } from './node-session.ts';

const test = suite('Http2ClientStream, cancelled');

/** What the server sees of a stream, with no window given back to it. */
const story = (rig: ClientRig, stream = 1): string[] => rig.peer.story(stream);

/** A rig whose server never gives the window back, and allows one stream at a time. */
const tight = (): Promise<ClientRig> =>
  ClientRig.open({
    server: { returnWindow: false, settings: { MAX_CONCURRENT_STREAMS: 1, INITIAL_WINDOW_SIZE: 1000 } },
  });

/** Another call gets through: the slot of the first one is free, and the connection works. */
async function nextGoesThrough(rig: ClientRig, id = 3): Promise<void> {
  const next = rig.stream('unary').start().send('next').halfClose();
  await rig.peer.frame('HEADERS', { stream: id });
  rig.peer.sendHeaders(id, trailersOnly(0), { endStream: true });
  assert.is(await next.outcome(), 'OK processed');
}

test('node: close(CANCEL) sends END_STREAM first, unless the request waits for trailers', async () => {
  await using server = await RawServer.listen();
  await using session = nodeSession(server.port);
  const plain = nodeRequest(session, { endStream: false });
  const waiting = nodeRequest(session, { endStream: false, waitForTrailers: true });
  const peer = await server.connection();
  await peer.frame('HEADERS', { stream: 3 });
  plain.close(constants.NGHTTP2_CANCEL);
  waiting.close(constants.NGHTTP2_CANCEL);
  await peer.frame('RST_STREAM', { stream: 1 });
  await peer.frame('RST_STREAM', { stream: 3 });
  assert.equal(peer.story(1), ['HEADERS(1)', 'DATA(1, 0 bytes, ES)', 'RST_STREAM(1, CANCEL)']);
  assert.equal(peer.story(3), ['HEADERS(3)', 'RST_STREAM(3, CANCEL)']);
});

test('node: close(NO_ERROR) waits for writes that flow control holds back', async () => {
  await using server = await RawServer.listen({ returnWindow: false, settings: { INITIAL_WINDOW_SIZE: 10 } });
  await using session = nodeSession(server.port);
  const stream = nodeRequest(session, { endStream: false });
  const peer = await server.connection();
  await peer.frame('HEADERS');
  stream.end(Buffer.alloc(100));
  await peer.frame('DATA');
  stream.close(constants.NGHTTP2_NO_ERROR);
  await peer.roundTrip();
  await peer.roundTrip();
  assert.not(peer.has('RST_STREAM'), peer.text());
  stream.close(constants.NGHTTP2_CANCEL);
});

/** How far the call has come when it is cancelled, and what the server has seen of it then. */
const STAGES: readonly (readonly [stage: string, act: (rig: ClientRig, call: RecordedStream) => Promise<void>])[] = [
  ['with nothing sent', async () => {}],
  [
    'with a message sent',
    async (rig, call) => {
      call.send('one');
      await rig.peer.frame('DATA', { stream: 1 });
    },
  ],
  [
    'after response headers',
    async (rig, call) => {
      rig.peer.sendHeaders(1, responseHeaders());
      await call.log.next('headers');
    },
  ],
  [
    'after a message of the response',
    async (rig, call) => {
      rig.peer.sendHeaders(1, responseHeaders());
      rig.peer.sendData(1, grpcFrame(Buffer.from('one')));
      await call.request(1).log.next('message');
    },
  ],
  [
    'with a message of the response unread',
    async (rig) => {
      rig.peer.sendHeaders(1, responseHeaders());
      rig.peer.sendData(1, grpcFrame(Buffer.from('one')));
      await rig.peer.roundTrip();
    },
  ],
];

for (const [stage, act] of STAGES) {
  test(`${stage}: a bare RST_STREAM(CANCEL), and CANCELLED with the reason`, async () => {
    await using rig = await ClientRig.open({ server: { settings: { MAX_CONCURRENT_STREAMS: 1 } } });
    const call = await rig.bidi();
    await act(rig, call);
    call.cancel(Status.CANCELLED.withDescription('enough'));
    await rig.peer.frame('RST_STREAM', { stream: 1, code: 'CANCEL' });
    assert.not(rig.peer.has('DATA', { stream: 1, endStream: true }), rig.peer.text());
    const { status, trailers } = await call.closed;
    assert.is(status.toString(), 'CANCELLED: enough');
    assert.is(trailers.size, 0);
    await nextGoesThrough(rig);
  });
}

test('in the tick of the start: headers, then a bare RST_STREAM(CANCEL)', async () => {
  await using rig = await ClientRig.open();
  const call = rig.stream('bidi_streaming').start().cancel();
  await rig.peer.frame('RST_STREAM', { stream: 1 });
  assert.equal(story(rig), ['HEADERS(1)', 'RST_STREAM(1, CANCEL)']);
  assert.is(await call.outcome(), 'CANCELLED processed');
});

test('in the tick of the half-close: no END_STREAM of a streaming request leaves', async () => {
  await using rig = await ClientRig.open();
  const call = await rig.bidi();
  call.send('one').halfClose().cancel();
  await rig.peer.frame('RST_STREAM', { stream: 1 });
  assert.not(rig.peer.has('DATA', { endStream: true }), rig.peer.text());
});

test('with writes that flow control holds back: RST_STREAM at once, and none of them', async () => {
  for (const kind of ['unary', 'bidi_streaming'] as const) {
    await using rig = await tight();
    const call = rig.stream(kind).start().send(Buffer.alloc(100_000)).halfClose();
    await rig.peer.frame('DATA', { stream: 1 });
    await rig.peer.roundTrip();
    const before = story(rig);
    call.cancel();
    await rig.peer.frame('RST_STREAM', { stream: 1, code: 'CANCEL' });
    assert.equal(story(rig), [...before, 'RST_STREAM(1, CANCEL)']);
    assert.is(call.written, 0);
    await nextGoesThrough(rig);
  }
});

test('before a unary request is complete: nothing leaves at all', async () => {
  await using rig = await ClientRig.open();
  const call = rig.stream('unary').start().send('question').cancel();
  assert.is(await call.outcome(), 'CANCELLED not-sent');
  await nextGoesThrough(rig, 1);
});

test('twice, and after the end: nothing more happens', async () => {
  await using rig = await ClientRig.open();
  const call = await rig.unary();
  call.cancel(Status.CANCELLED.withDescription('first')).cancel(Status.CANCELLED.withDescription('second'));
  assert.is((await call.closed).status.description, 'first');
  call.cancel().request(1).send('late').halfClose();
  await rig.peer.roundTrip();
  assert.is(story(rig).filter((frame) => frame.startsWith('RST_STREAM')).length, 1);
});

test('nothing is cancelled with OK', async () => {
  await using rig = await ClientRig.open();
  const call = await rig.unary();
  assert.throws(() => call.stream.cancel(Status.OK), /never cancelled with OK/);
  rig.peer.sendHeaders(1, trailersOnly(5), { endStream: true });
  assert.is(await call.outcome(), 'NOT_FOUND processed');
});

test('with a whole response unread: the slot is free', async () => {
  await using rig = await ClientRig.open({ server: { settings: { MAX_CONCURRENT_STREAMS: 1 } } });
  const call = await rig.unary();
  rig.peer.sendHeaders(1, responseHeaders());
  rig.peer.sendData(1, grpcFrame(Buffer.alloc(100_000)));
  rig.peer.sendHeaders(1, trailers(0), { endStream: true });
  await rig.peer.roundTrip();
  call.cancel();
  assert.is(await call.outcome(), 'CANCELLED processed');
  await nextGoesThrough(rig);
});

test('inside onMessage: onClose follows after it has returned, and no message does', async () => {
  await using rig = await ClientRig.open();
  const call: RecordedStream = rig.stream('bidi_streaming', { onMessage: () => call.cancel() });
  call.start().request(5);
  await rig.peer.frame('HEADERS');
  rig.peer.sendHeaders(1, responseHeaders());
  rig.peer.sendData(1, Buffer.concat([grpcFrame(Buffer.from('one')), grpcFrame(Buffer.from('two'))]));
  assert.is(await call.outcome(), 'CANCELLED processed');
  assert.equal(call.messages, ['one']);
});

test('what comes after the cancel is not heard', async () => {
  await using rig = await ClientRig.open();
  const call = await rig.bidi();
  call.request(1).cancel();
  rig.peer.sendHeaders(1, responseHeaders());
  rig.peer.sendData(1, grpcFrame(Buffer.from('one')));
  rig.peer.sendHeaders(1, trailers(0), { endStream: true });
  await rig.peer.roundTrip();
  assert.equal(call.names, ['ready', 'close']);
});

test('early trailers: the stream is ended or reset with NO_ERROR, and its slot is free', async () => {
  await using rig = await ClientRig.open({ server: { settings: { MAX_CONCURRENT_STREAMS: 1 } } });
  const call = await rig.bidi();
  rig.peer.sendHeaders(1, responseHeaders());
  rig.peer.sendHeaders(1, trailers(5), { endStream: true });
  assert.is(await call.outcome(), 'NOT_FOUND processed');
  await nextGoesThrough(rig);
  // Which of the two depends on the version of node.
  const [, ending] = story(rig);
  assert.ok(['RST_STREAM(1, NO_ERROR)', 'DATA(1, 0 bytes, ES)'].includes(ending ?? ''), rig.peer.text());
  assert.is(story(rig).length, 2);
});

test('what is written after early trailers is dropped', async () => {
  await using rig = await ClientRig.open();
  const call = await rig.bidi();
  rig.peer.sendHeaders(1, trailersOnly(5), { endStream: true });
  await call.closed;
  assert.not(call.stream.isReady());
  call.send('late').halfClose();
  await rig.peer.roundTrip();
  assert.equal(rig.peer.messages(1), []);
  assert.is(call.written, 0);
});

test('early trailers while writes are held back: the stream is reset, and the slot is free', async () => {
  for (const [kind, code] of [
    ['bidi_streaming', 'NO_ERROR'],
    ['unary', 'CANCEL'],
  ] as const) {
    await using rig = await tight();
    const call = rig.stream(kind).start().send(Buffer.alloc(100_000));
    if (kind === 'unary') call.halfClose();
    await rig.peer.frame('DATA', { stream: 1 });
    rig.peer.sendHeaders(1, trailersOnly(8), { endStream: true });
    await rig.peer.frame('RST_STREAM', { stream: 1, code });
    assert.is(await call.outcome(), 'RESOURCE_EXHAUSTED processed');
    assert.is(call.written, 0);
    assert.not(rig.peer.has('DATA', { stream: 1, endStream: true }), rig.peer.text());
    await nextGoesThrough(rig);
  }
});

test('a whole exchange leaves no RST_STREAM', async () => {
  await using rig = await ClientRig.open();
  const call = await rig.unary();
  call.request(2);
  rig.peer.sendHeaders(1, responseHeaders());
  rig.peer.sendData(1, grpcFrame(Buffer.from('answer')));
  rig.peer.sendHeaders(1, trailers(0, [['x-end', '1']]), { endStream: true });
  const { status, trailers: end } = await call.closed;
  assert.ok(status.isOk);
  assert.equal(end.getAll('x-end'), ['1']);
  assert.is(end.size, 1);
  await nextGoesThrough(rig);
  assert.equal(story(rig), ['HEADERS(1)', 'DATA(1, 13 bytes, ES)']);
  assert.instance(end, Metadata);
});

test.run();
