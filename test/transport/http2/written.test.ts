/**
 * onWritten and onReady: what passed flow control, in order, and never a message that a reset swallowed; readiness by the
 * bytes that are queued.
 */
import { WriteFlag } from '../../../src/transport/stream.ts';
import { grpcFrame, RawServer, responseHeaders, trailersOnly } from '../../support/raw-http2.ts';
import { assert, suite } from '../../support/suite.ts';
import { ClientRig, type RecordedStream } from './client-rig.ts';
import { eventOf, nodeRequest, nodeSession } from './node-session.ts';

const test = suite('Http2ClientStream, written');

/** A server with a window of `bytes` a stream, which it gives back only when told. */
const narrow = (bytes: number): Promise<ClientRig> =>
  ClientRig.open({ server: { returnWindow: false, settings: { INITIAL_WINDOW_SIZE: bytes } } });

test('node: a reset calls every pending write back, on some versions without an error', async () => {
  await using server = await RawServer.listen({ returnWindow: false, settings: { INITIAL_WINDOW_SIZE: 10 } });
  await using session = nodeSession(server.port);
  await eventOf(session, 'remoteSettings');
  const stream = nodeRequest(session, { endStream: false, waitForTrailers: true });
  const outcomes: (string | undefined)[] = [];
  for (let i = 0; i < 3; i += 1) stream.write(Buffer.alloc(100), (error) => outcomes.push(error?.message));
  const peer = await server.connection();
  await peer.frame('DATA');
  assert.equal(outcomes, []);
  const closed = eventOf(stream, 'close');
  peer.sendRst(1, 'CANCEL');
  await closed;
  await peer.roundTrip();
  assert.is(outcomes.length, 3);
  assert.is(peer.frames.filter((frame) => frame.type === 'DATA').length, 1);
});

test('node: reset with NO_ERROR, a stream with writes held back ends, and on some versions never closes', async () => {
  await using server = await RawServer.listen({ returnWindow: false, settings: { INITIAL_WINDOW_SIZE: 10 } });
  await using session = nodeSession(server.port);
  await eventOf(session, 'remoteSettings');
  const stream = nodeRequest(session, { endStream: false, waitForTrailers: true });
  stream.resume();
  stream.write(Buffer.alloc(100));
  const peer = await server.connection();
  await peer.frame('DATA');
  const ended = eventOf(stream, 'end');
  peer.sendRst(1, 'NO_ERROR');
  await ended;
  assert.ok(stream.closed);
  if (stream.destroyed) return;
  await peer.roundTrip();
  assert.not(stream.destroyed);
  assert.not(stream.writableFinished);
});

/** A connection that lets as much through as anybody can want. */
const WIDE = { settings: { INITIAL_WINDOW_SIZE: 2 ** 31 - 1 } };
/** More than the buffers of any two sockets hold. */
const FLOOD = 640;

test('node: a write is called back once the socket took it, however wide the window: what WRITE_THROUGH asks for', async () => {
  await using rig = await ClientRig.open({ server: WIDE });
  rig.peer.sendWindowUpdate(0, 2 ** 31 - 1 - 65_535);
  let sent = 0;
  const next = (): void => {
    if (sent === FLOOD) return;
    sent += 1;
    call.stream.writeMessage(Buffer.alloc(100_000), WriteFlag.WRITE_THROUGH);
  };
  const call: RecordedStream = rig.stream('bidi_streaming', { onWritten: next }).start();
  await rig.peer.frame('HEADERS');
  rig.peer.socket.pause();
  next();
  await standsStill(() => sent);
  assert.ok(sent < FLOOD, `${sent} messages went out, and nobody has read`);
  assert.is(call.written, sent - 1);
  rig.peer.socket.resume();
  while (call.written < FLOOD) await call.log.next('written');
});

/** Waits until a number has not changed for many turns of the event loop. */
async function standsStill(count: () => number): Promise<void> {
  for (let turns = 0, before = count(); turns < 200; turns += 1) {
    await new Promise<void>((resolve) => setImmediate(resolve));
    if (count() !== before) turns = 0;
    before = count();
  }
}

for (const how of ['reset', 'answered and reset'] as const) {
  test(`with writes held back, ${how} with NO_ERROR: the call ends and its slot is free`, async () => {
    const settings = { INITIAL_WINDOW_SIZE: 10, MAX_CONCURRENT_STREAMS: 1 };
    await using rig = await ClientRig.open({ server: { returnWindow: false, settings } });
    const call = await rig.bidi();
    call.send(Buffer.alloc(100));
    await rig.peer.frame('DATA');
    const next = rig.stream('unary').start().send('').halfClose();
    if (how === 'answered and reset') rig.peer.sendHeaders(1, trailersOnly(9), { endStream: true });
    rig.peer.sendRst(1, 'NO_ERROR');
    assert.is(await call.outcome(), how === 'reset' ? 'INTERNAL processed' : 'FAILED_PRECONDITION processed');
    await rig.peer.frame('DATA', { stream: 3, endStream: true });
    rig.peer.sendHeaders(3, trailersOnly(0), { endStream: true });
    assert.is(await next.outcome(), 'OK processed');
    assert.is(call.written, 0);
  });
}

test('counts each message once it passed flow control, in order', async () => {
  await using rig = await narrow(25);
  const call = await rig.bidi();
  for (let i = 0; i < 4; i += 1) call.send('12345');
  await rig.peer.frame('DATA');
  await rig.peer.roundTrip();
  assert.ok(call.written <= 2, `${call.written} of 25 bytes`);
  rig.peer.sendWindowUpdate(1, 15);
  while (call.written < 4) await call.log.next('written');
  await rig.peer.roundTrip();
  assert.is(rig.peer.messages(1).length, 4);
});

for (const how of ['reset by the server', 'cancelled', 'answered early', 'cut off', 'lost'] as const) {
  test(`counts nothing that was held back when the stream is ${how}`, async () => {
    await using rig = await narrow(25);
    const call = await rig.bidi();
    for (let i = 0; i < 6; i += 1) call.send('12345');
    await rig.peer.frame('DATA');
    await rig.peer.roundTrip();
    const before = call.written;
    assert.ok(before <= 2);
    if (how === 'reset by the server') rig.peer.sendRst(1, 'NO_ERROR');
    else if (how === 'cancelled') call.cancel();
    else if (how === 'answered early') rig.peer.sendHeaders(1, trailersOnly(9), { endStream: true });
    else if (how === 'cut off') rig.peer.end();
    else rig.peer.reset();
    await call.closed;
    assert.is(call.written, before);
  });
}

for (const code of ['NO_ERROR', 'CANCEL', 'INTERNAL_ERROR'] as const) {
  test(`a unary request that was held back is not written when it is reset with ${code}`, async () => {
    await using rig = await narrow(10);
    const call = rig.stream('unary').start().send('0123456789').halfClose();
    await rig.peer.frame('DATA');
    rig.peer.sendRst(1, code);
    await call.closed;
    await rig.peer.roundTrip();
    assert.is(call.written, 0);
  });
}

test('a unary request is written once its END_STREAM has passed', async () => {
  await using rig = await narrow(10);
  const call = rig.stream('unary').start().send('0123456789').halfClose();
  await rig.peer.frame('DATA');
  await rig.peer.roundTrip();
  assert.is(call.written, 0);
  rig.peer.sendWindowUpdate(1, 5);
  await rig.peer.frame('DATA', { endStream: true });
  await call.log.next('written');
  assert.is(call.written, 1);
});

test('is ready until 32 KiB are queued, and again after a WINDOW_UPDATE', async () => {
  await using rig = await narrow(0);
  const call = await rig.bidi();
  await call.log.next('ready');
  assert.ok(call.stream.isReady());
  call.send(Buffer.alloc(32 * 1024 - 10));
  assert.ok(call.stream.isReady(), 'five bytes below the threshold');
  call.send(Buffer.alloc(0));
  assert.not(call.stream.isReady(), 'at the threshold');
  await rig.peer.roundTrip();
  assert.equal(call.names, ['ready']);
  rig.peer.sendWindowUpdate(1, 40 * 1024);
  await call.log.next('ready');
  assert.ok(call.stream.isReady());
  while (call.written < 2) await call.log.next('written');
  assert.equal(call.names, ['ready', 'written', 'ready', 'written']);
});

test('the threshold may be chosen', async () => {
  await using rig = await narrow(0);
  const call = rig.stream('bidi_streaming', {}, { onReadyThresholdBytes: 100 }).start();
  await call.log.next('ready');
  call.send(Buffer.alloc(94));
  assert.ok(call.stream.isReady());
  call.send(Buffer.alloc(0));
  assert.not(call.stream.isReady());
});

test('what was queued while waiting for a slot counts: ready comes once it is out', async () => {
  const settings = { INITIAL_WINDOW_SIZE: 0, MAX_CONCURRENT_STREAMS: 0 };
  await using rig = await ClientRig.open({ server: { returnWindow: false, settings } });
  const call = rig.stream('bidi_streaming').start().send(Buffer.alloc(40_000));
  rig.peer.sendSettings({ MAX_CONCURRENT_STREAMS: 1 });
  await rig.peer.frame('HEADERS');
  await rig.peer.roundTrip();
  assert.not(call.stream.isReady());
  rig.peer.sendWindowUpdate(1, 50_000);
  while (!call.stream.isReady()) await call.log.next('ready');
});

test('request inside onWritten: the message that waits comes after it has returned', async () => {
  await using rig = await ClientRig.open();
  const call: RecordedStream = rig.stream('bidi_streaming', { onWritten: () => call.stream.request(1) });
  call.start();
  await rig.peer.frame('HEADERS');
  rig.peer.sendHeaders(1, responseHeaders());
  rig.peer.sendData(1, grpcFrame(Buffer.from('waits')));
  await rig.peer.roundTrip();
  call.send('x');
  await call.log.next('message');
  assert.equal(call.names, ['ready', 'headers', 'written', 'message']);
});

test('is not ready before it is open, after halfClose, and after the end', async () => {
  await using rig = await ClientRig.open({ server: { settings: { MAX_CONCURRENT_STREAMS: 0 } } });
  const call = rig.stream('bidi_streaming');
  assert.not(call.stream.isReady());
  call.start();
  assert.not(call.stream.isReady());
  rig.peer.sendSettings({ MAX_CONCURRENT_STREAMS: 1 });
  await call.log.next('ready');
  assert.ok(call.stream.isReady());
  call.halfClose();
  assert.not(call.stream.isReady());
  call.cancel();
  assert.not(call.stream.isReady());
  await call.closed;
  assert.not(call.stream.isReady());
});

test('a writer that keeps to isReady is told to go on until all is out', async () => {
  await using rig = await ClientRig.open();
  let sent = 0;
  const write = (): void => {
    while (sent < 40 && call.stream.isReady()) {
      sent += 1;
      call.stream.writeMessage(Buffer.alloc(20_000, sent), 0);
    }
    if (sent === 40) call.stream.halfClose();
  };
  const call: RecordedStream = rig.stream('client_streaming', { onReady: write });
  call.start();
  await rig.peer.frame('DATA', { stream: 1, endStream: true });
  assert.is(rig.peer.messages(1).length, 40);
  assert.is(call.written, 40);
  assert.ok(call.names.filter((name) => name === 'ready').length > 1);
});

test('writing is safe from within onWritten and onReady', async () => {
  await using rig = await ClientRig.open();
  let left = 20;
  const call: RecordedStream = rig.stream('bidi_streaming', {
    onReady: () => call.stream.writeMessage(Buffer.from('first'), 0),
    onWritten: () => {
      left -= 1;
      if (left > 0) call.stream.writeMessage(Buffer.from(`${left}`), 0);
      else call.stream.halfClose();
    },
  });
  call.start();
  await rig.peer.frame('DATA', { stream: 1, endStream: true });
  assert.is(rig.peer.messages(1).length, 20);
});

test.run();
