/**
 * The server's limit of streams. Calls above it wait in order in the transport, where they can be cancelled without a trace
 * and a deadline can end them; node would hide them inside nghttp2.
 */
import { once } from 'node:events';
import http2 from 'node:http2';
import type net from 'node:net';
import { Deadline } from '../../../src/values/deadline.ts';
import { Status } from '../../../src/values/status.ts';
import { encodeHeaders, encodeReset, type Frame } from '../../support/http2-frame.ts';
import {
  RawClient,
  RawServer,
  type RawServerOptions,
  requestHeaders,
  responseHeaders,
  trailers,
  trailersOnly,
} from '../../support/raw-http2.ts';
import { assert, suite } from '../../support/suite.ts';
import { WoundClock } from '../../support/wound-clock.ts';
import { ClientRig, type RecordedStream } from './client-rig.ts';
import { eventOf, nodeRequest, nodeSession } from './node-session.ts';

const test = suite('Http2ClientTransport, limit of streams');

/** A server that allows `limit` streams at a time. */
const limited = (limit: number): { server: RawServerOptions } => ({
  server: { settings: { MAX_CONCURRENT_STREAMS: limit } },
});

const ask = (rig: ClientRig, text = 'question'): RecordedStream => rig.stream('unary').start().send(text).halfClose();

const answer = (rig: ClientRig, id: number): void => {
  rig.peer.sendHeaders(id, trailersOnly(0), { endStream: true });
};

test('node: a request above the limit looks open while nothing was sent, and dies with a GOAWAY', async () => {
  await using server = await RawServer.listen(limited(1).server);
  await using session = nodeSession(server.port);
  await eventOf(session, 'remoteSettings');
  const peer = await server.connection();
  const first = nodeRequest(session, { endStream: true });
  const second = nodeRequest(session, { endStream: true });
  second.resume();
  first.resume();
  await peer.frame('HEADERS', { stream: 1 });
  await peer.roundTrip();
  assert.is(second.id, 3);
  assert.not(second.pending);
  assert.not(peer.has('HEADERS', { stream: 3 }), peer.text());
  const closed = eventOf(second, 'close');
  peer.sendGoaway(2 ** 31 - 1);
  peer.sendHeaders(1, [...responseHeaders(), ...trailers(0)], { endStream: true });
  await closed;
  assert.not(peer.has('HEADERS', { stream: 3 }), peer.text());
});

const REFUSAL = 'node: a server refuses the stream that comes in one read with the reset that made room for it';
if (Number(process.versions.node.split('.')[0]) < 22)
  test.skip(REFUSAL, 'before 22 node forgets a reset stream at once');
else test(REFUSAL, refusesInOneRead);

async function refusesInOneRead(): Promise<void> {
  const server = http2.createServer({ settings: { maxConcurrentStreams: 1 } });
  server.on('stream', (stream) => stream.on('error', () => {}));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await using peer = await RawClient.connect((server.address() as net.AddressInfo).port);
    await peer.roundTrip();
    peer.open(requestHeaders('/a.B/C'));
    await peer.roundTrip();
    peer.sendRaw(Buffer.concat([encodeReset(1, 'CANCEL'), encodeHeaders(3, requestHeaders('/a.B/C'), false)]));
    await peer.frame('RST_STREAM', { stream: 3, code: 'ENHANCE_YOUR_CALM' });
  } finally {
    server.close();
  }
}

test('a limit of 1: a hundred calls go one after the other, in order', async () => {
  let open = 0;
  let most = 0;
  const server: RawServerOptions = {
    ...limited(1).server,
    onFrame: (frame, peer) => {
      if (frame.type === 'HEADERS') most = Math.max(most, ++open);
      if (!frame.endStream) return;
      open -= 1;
      peer.sendHeaders(frame.stream, trailersOnly(0), { endStream: true });
    },
  };
  await using rig = await ClientRig.open({ server });
  const calls = Array.from({ length: 100 }, (_, i) => ask(rig, `${i}`));
  for (const call of calls) assert.is(await call.outcome(), 'OK processed');
  const payloads = calls.map((_, i) => rig.peer.messages(1 + 2 * i)[0]?.payload.toString());
  assert.equal(
    payloads,
    calls.map((_, i) => `${i}`),
  );
  assert.is(most, 1);
});

test('the slot of a stream that we reset is given away once the peer has acknowledged it', async () => {
  await using rig = await ClientRig.open({ server: { ...limited(2).server, ackSettings: false } });
  const calls = [ask(rig), ask(rig), ask(rig), ask(rig)];
  await rig.peer.frame('DATA', { stream: 3 });
  for (const call of calls.slice(0, 2)) call.stream.cancel(Status.CANCELLED);
  const resets = [await rig.peer.frame('RST_STREAM', { stream: 1 }), await rig.peer.frame('RST_STREAM', { stream: 3 })];
  const question = await rig.peer.frame('SETTINGS', { after: resets[1] as Frame });
  assert.is(question.payload.length, 0);
  await rig.peer.roundTrip();
  assert.not(rig.peer.has('HEADERS', { stream: 5 }), rig.peer.text());
  rig.peer.ackSettings();
  rig.peer.ackSettings();
  await rig.peer.frame('HEADERS', { stream: 7 });
  answer(rig, 5);
  answer(rig, 7);
  for (const call of calls.slice(2)) assert.is(await call.outcome(), 'OK processed');
});

test('a peer that acknowledges nothing holds the slot of a stream that we reset for a second', async () => {
  const clock = new WoundClock();
  await using rig = await ClientRig.open({ server: { ...limited(1).server, ackSettings: false }, client: { clock } });
  const [first, second] = [ask(rig), ask(rig)];
  await rig.peer.frame('DATA', { stream: 1 });
  first.stream.cancel(Status.CANCELLED);
  await rig.peer.frame('SETTINGS', { after: await rig.peer.frame('RST_STREAM', { stream: 1 }) });
  clock.advance(999);
  await rig.peer.roundTrip();
  assert.not(rig.peer.has('HEADERS', { stream: 3 }), rig.peer.text());
  clock.advance(1);
  await rig.peer.frame('HEADERS', { stream: 3 });
  answer(rig, 3);
  assert.is(await second.outcome(), 'OK processed');
});

test('a peer that never acknowledges is asked once, and its connection goes on through twenty cancels', async () => {
  const clock = new WoundClock();
  await using rig = await ClientRig.open({ server: { ...limited(1).server, ackSettings: false }, client: { clock } });
  const isQuestion = ({ type, ack, payload }: Frame): boolean => type === 'SETTINGS' && !ack && payload.length === 0;
  const calls = Array.from({ length: 21 }, () => ask(rig));
  for (const [i, call] of calls.entries()) {
    await rig.peer.frame('DATA', { stream: 1 + 2 * i });
    if (i === 20) break;
    call.stream.cancel(Status.CANCELLED);
    await rig.peer.frame('RST_STREAM', { stream: 1 + 2 * i });
    await rig.peer.roundTrip();
    clock.advance(1_000);
  }
  answer(rig, 41);
  assert.is(await calls[20]?.outcome(), 'OK processed');
  assert.is(rig.peer.frames.filter(isQuestion).length, 1);
});

test('a limit of 0: calls wait, and go once it is raised', async () => {
  await using rig = await ClientRig.open(limited(0));
  const calls = [ask(rig), ask(rig), ask(rig)];
  await rig.peer.roundTrip();
  assert.not(rig.peer.has('HEADERS'), rig.peer.text());
  assert.ok(calls.every((call) => call.names.length === 0));
  assert.match(calls[0]?.stream.describeProgress() ?? '', /^waiting for a stream slot at 127\.0\.0\.1:\d+$/);
  rig.peer.sendSettings({ MAX_CONCURRENT_STREAMS: 2 });
  await rig.peer.frame('HEADERS', { stream: 3 });
  await rig.peer.roundTrip();
  assert.not(rig.peer.has('HEADERS', { stream: 5 }), rig.peer.text());
  answer(rig, 1);
  await rig.peer.frame('HEADERS', { stream: 5 });
  answer(rig, 3);
  answer(rig, 5);
  for (const call of calls) assert.is(await call.outcome(), 'OK processed');
});

test('a limit that is lowered leaves open streams alone and holds the next ones back', async () => {
  await using rig = await ClientRig.open(limited(3));
  const calls = [ask(rig), ask(rig), ask(rig)];
  await rig.peer.frame('DATA', { stream: 5 });
  rig.peer.sendSettings({ MAX_CONCURRENT_STREAMS: 1 });
  await rig.peer.roundTrip();
  const waiting = ask(rig);
  answer(rig, 1);
  answer(rig, 3);
  await calls[1]?.closed;
  await rig.peer.roundTrip();
  assert.not(rig.peer.has('HEADERS', { stream: 7 }), rig.peer.text());
  answer(rig, 5);
  await rig.peer.frame('HEADERS', { stream: 7 });
  answer(rig, 7);
  assert.is(await waiting.outcome(), 'OK processed');
});

test('without a limit nothing waits', async () => {
  await using rig = await ClientRig.open();
  const calls = Array.from({ length: 150 }, () => ask(rig));
  await rig.peer.frame('DATA', { stream: 299 });
  for (let id = 1; id < 300; id += 2) answer(rig, id);
  for (const call of calls) assert.is(await call.outcome(), 'OK processed');
});

test('a waiting call that is cancelled leaves no frame, and the others keep their order', async () => {
  await using rig = await ClientRig.open(limited(1));
  const first = ask(rig, 'first');
  const [gone, next] = [ask(rig, 'gone'), ask(rig, 'next')];
  await rig.peer.frame('DATA', { stream: 1 });
  gone.cancel();
  assert.is(await gone.outcome(), 'CANCELLED not-sent');
  answer(rig, 1);
  assert.is(await first.outcome(), 'OK processed');
  await rig.peer.frame('DATA', { stream: 3 });
  assert.equal(
    rig.peer.messages(3).map((message) => message.payload.toString()),
    ['next'],
  );
  answer(rig, 3);
  assert.is(await next.outcome(), 'OK processed');
  await rig.peer.roundTrip();
  assert.not(rig.peer.has('HEADERS', { stream: 5 }), rig.peer.text());
  assert.not(rig.peer.has('RST_STREAM'), rig.peer.text());
});

test('a cancelled call gives its slot to the next', async () => {
  await using rig = await ClientRig.open(limited(1));
  const first = await rig.bidi();
  const next = ask(rig);
  first.cancel();
  await rig.peer.frame('HEADERS', { stream: 3 });
  answer(rig, 3);
  assert.is(await next.outcome(), 'OK processed');
});

test('a reset call gives its slot to the next, also while its messages are unread', async () => {
  await using rig = await ClientRig.open(limited(1));
  const first = await rig.bidi();
  const next = ask(rig);
  rig.peer.sendHeaders(1, responseHeaders());
  rig.peer.sendData(1, Buffer.from([0, 0, 0, 0, 1, 0x61]));
  rig.peer.sendRst(1, 'INTERNAL_ERROR');
  await rig.peer.frame('HEADERS', { stream: 3 });
  answer(rig, 3);
  assert.is(await next.outcome(), 'OK processed');
  first.request(1);
  assert.is(await first.outcome(), 'INTERNAL processed');
});

test('messages written while waiting go out in order once there is room', async () => {
  await using rig = await ClientRig.open(limited(1));
  const first = await rig.unary();
  const call = rig.stream('bidi_streaming').start().send('one').send('two').halfClose();
  assert.not(call.stream.isReady());
  await rig.peer.roundTrip();
  answer(rig, 1);
  assert.is(await first.outcome(), 'OK processed');
  await rig.peer.frame('DATA', { stream: 3, endStream: true });
  assert.equal(
    rig.peer.messages(3).map((message) => message.payload.toString()),
    ['one', 'two'],
  );
  answer(rig, 3);
  assert.is(await call.outcome(), 'OK processed');
  assert.is(call.written, 2);
});

test('the timeout on the wire is what is left after the wait', async () => {
  const clock = new WoundClock(5_000);
  await using rig = await ClientRig.open({ ...limited(0), client: { clock } });
  rig
    .stream('unary', {}, { deadline: Deadline.after(3_000, clock) })
    .start()
    .send('x')
    .halfClose();
  clock.advance(1_750);
  rig.peer.sendSettings({ MAX_CONCURRENT_STREAMS: 1 });
  assert.is((await rig.peer.frame('HEADERS')).header('grpc-timeout'), '1250000u');
});

test('a deadline that passed in the queue never reaches the wire, and the next call takes the slot', async () => {
  const clock = new WoundClock(5_000);
  await using rig = await ClientRig.open({ ...limited(0), client: { clock } });
  const late = rig
    .stream('unary', {}, { deadline: Deadline.after(100, clock) })
    .start()
    .send('late')
    .halfClose();
  const next = ask(rig, 'next');
  clock.advance(100);
  rig.peer.sendSettings({ MAX_CONCURRENT_STREAMS: 1 });
  const { status, progress } = await late.closed;
  assert.is(status.toString(), 'DEADLINE_EXCEEDED: the deadline passed before the request was sent');
  assert.is(progress, 'not-sent');
  await rig.peer.frame('DATA', { stream: 1 });
  assert.equal(
    rig.peer.messages(1).map((message) => message.payload.toString()),
    ['next'],
  );
  answer(rig, 1);
  assert.is(await next.outcome(), 'OK processed');
});

test('a deadline that never comes is not sent', async () => {
  await using rig = await ClientRig.open();
  rig.stream('bidi_streaming', {}, { deadline: Deadline.after(Number.POSITIVE_INFINITY) }).start();
  assert.is((await rig.peer.frame('HEADERS')).header('grpc-timeout'), undefined);
});

test('shutdown lets waiting calls run, shutdownNow ends them', async () => {
  const reason = Status.UNAVAILABLE.withDescription('leaving');
  await using rig = await ClientRig.open(limited(1));
  const [first, second] = [ask(rig), ask(rig)];
  await rig.peer.frame('DATA', { stream: 1 });
  rig.transport.shutdown(reason);
  const refused = ask(rig);
  assert.is(await refused.outcome(), 'UNAVAILABLE not-sent');
  answer(rig, 1);
  await rig.peer.frame('DATA', { stream: 3 });
  answer(rig, 3);
  assert.is(await first.outcome(), 'OK processed');
  assert.is(await second.outcome(), 'OK processed');
  await rig.listener.log.end();
  assert.equal(rig.listener.names, ['ready', 'shutdown', 'terminated']);

  await using other = await ClientRig.open(limited(1));
  const [open, waiting] = [ask(other), ask(other)];
  await other.peer.frame('DATA', { stream: 1 });
  other.transport.shutdownNow(reason);
  assert.is(await open.outcome(), 'UNAVAILABLE processed');
  assert.is(await waiting.outcome(), 'UNAVAILABLE not-sent');
});

test('it is full while a further call would have to wait for one to end', async () => {
  await using rig = await ClientRig.open({ server: { settings: { MAX_CONCURRENT_STREAMS: 2 } } });
  const { transport } = rig;
  assert.is(transport.inspect().maxConcurrentStreams, 2);
  const first = await rig.bidi(1);
  assert.not(transport.isFull);
  const second = await rig.bidi(3);
  assert.ok(transport.isFull);
  const third = rig.stream('bidi_streaming').start();
  const { openStreams, waitingForSlot } = transport.inspect();
  assert.equal([openStreams, waitingForSlot], [3, 1]);
  rig.peer.sendHeaders(1, trailersOnly(0), { endStream: true });
  await first.closed;
  await rig.peer.frame('HEADERS', { stream: 5 });
  assert.ok(transport.isFull);
  rig.peer.sendSettings({ MAX_CONCURRENT_STREAMS: 10 });
  await rig.peer.roundTrip();
  assert.not(transport.isFull);
  for (const call of [second, third]) call.cancel();
  await Promise.all([second.closed, third.closed]);
});

test('without a limit, and before it is known, it is never full', async () => {
  await using rig = await ClientRig.open();
  assert.is(rig.transport.inspect().maxConcurrentStreams, null);
  await rig.bidi();
  await using early = await ClientRig.open({ server: { manner: 'mute' }, awaitReady: false });
  assert.not(early.transport.isFull);
  assert.is(early.transport.inspect().state, 'connecting');
});

test.run();
