/**
 * Messages whose payload is not copied into one piece with its prefix, frame by frame: in how few DATA frames they leave, that
 * order, counts and readiness are those of any other message, and that END_STREAM comes where it came before.
 */
import { SPLIT_THRESHOLD_BYTES } from '../../../src/framing/message-framer.ts';
import { WriteFlag } from '../../../src/transport/stream.ts';
import { Metadata } from '../../../src/values/metadata.ts';
import { Status } from '../../../src/values/status.ts';
import type { Frame } from '../../support/http2-frame.ts';
import { RawClient, type RawConnection, RawServer, requestHeaders } from '../../support/raw-http2.ts';
import { assert, suite } from '../../support/suite.ts';
import { ClientRig } from './client-rig.ts';
import { HandCompressor } from './hand-compressor.ts';
import { nodeRequest, nodeSession } from './node-session.ts';
import { StreamServer } from './stream-server.ts';

const test = suite('large messages over HTTP/2');

const PREFIX_BYTES = 5;
const LARGE_BYTES = 64 * 1024;
/** The DATA frames of one large message: full ones, and what is left. */
const FULL_FRAMES = [16_384, 16_384, 16_384, 16_384, PREFIX_BYTES];

/** A window that holds everything, for the streams and for the connection. */
const WIDE_BYTES = 1024 * 1024;
const WIDE = { settings: { INITIAL_WINDOW_SIZE: WIDE_BYTES } };

/** A message that is told from others by its bytes. */
function large(fill: string, bytes = LARGE_BYTES): Buffer {
  return Buffer.alloc(bytes, fill);
}

function dataOf(peer: RawConnection): Frame[] {
  return peer.frames.filter((frame) => frame.type === 'DATA');
}

function lengthsOf(peer: RawConnection): number[] {
  return dataOf(peer).map((frame) => frame.payload.length);
}

/** The messages of stream 1, each as its first character and its length. */
function messagesOf(peer: RawConnection): string[] {
  return peer.messages(1).map(({ payload }) => `${payload.toString('latin1', 0, 1)}${payload.length}`);
}

/** A rig whose windows hold everything. */
async function wideRig(): Promise<ClientRig> {
  const rig = await ClientRig.open({ server: WIDE });
  rig.peer.sendWindowUpdate(0, WIDE_BYTES);
  await rig.peer.roundTrip();
  return rig;
}

test('node: a prefix that is not corked leaves in a DATA frame of its own; corked, the frames are full', async () => {
  const lengthsWith = async (isCorked: boolean): Promise<number[]> => {
    await using server = await RawServer.listen(WIDE);
    await using session = nodeSession(server.port);
    const peer = await server.connection();
    peer.sendWindowUpdate(0, WIDE_BYTES);
    const stream = nodeRequest(session, { endStream: false });
    await peer.frame('HEADERS');
    if (isCorked) stream.cork();
    stream.write(Buffer.alloc(PREFIX_BYTES));
    stream.end(Buffer.alloc(LARGE_BYTES));
    await peer.frame('DATA', { endStream: true });
    return lengthsOf(peer);
  };
  assert.equal(await lengthsWith(true), FULL_FRAMES);
  assert.is((await lengthsWith(false))[0], PREFIX_BYTES);
});

test('a client’s message fills its DATA frames, and counts once as written', async () => {
  await using rig = await wideRig();
  const call = await rig.bidi();
  await call.log.next('ready');
  call.send(large('a'));
  await call.log.next('written');
  await rig.peer.roundTrip();
  assert.equal(lengthsOf(rig.peer), FULL_FRAMES);
  assert.equal(messagesOf(rig.peer), [`a${LARGE_BYTES}`]);
  call.send('b');
  await call.log.next('written');
  assert.is(call.written, 2);
});

test('the only message of a method takes END_STREAM along in its last frame', async () => {
  await using rig = await wideRig();
  const call = rig.stream('unary').start().send(large('a')).halfClose();
  await rig.peer.frame('DATA', { stream: 1, endStream: true });
  assert.equal(lengthsOf(rig.peer), FULL_FRAMES);
  assert.equal(messagesOf(rig.peer), [`a${LARGE_BYTES}`]);
  while (call.written < 1) await call.log.next('written');
  await rig.peer.roundTrip();
  assert.is(call.written, 1);
});

test('a server’s message fills its DATA frames, in front of the trailers', async () => {
  await using server = await StreamServer.listen();
  await using client = await RawClient.connect(server.port, WIDE);
  client.sendWindowUpdate(0, WIDE_BYTES);
  client.open(requestHeaders('/test.Echo/Bidi'));
  const { stream, log, closed } = await server.arrival();
  stream.sendHeaders(new Metadata());
  await client.roundTrip();
  log.forbid(() => stream.writeMessage(large('a'), 0));
  log.forbid(() => stream.close(Status.OK, new Metadata()));
  await client.frame('HEADERS', { stream: 1, endStream: true });
  assert.equal(lengthsOf(client), FULL_FRAMES);
  assert.equal(messagesOf(client), [`a${LARGE_BYTES}`]);
  assert.ok((await closed).isOk);
});

test('large and small ones keep their order, whatever they wait for, and no part is counted for a message', async () => {
  await using rig = await ClientRig.open({ server: { settings: { MAX_CONCURRENT_STREAMS: 0 } } });
  const call = rig.stream('bidi_streaming').start();
  call.send(large('a', SPLIT_THRESHOLD_BYTES)).send('b').send(large('c'), WriteFlag.BUFFER_HINT).send('d');
  rig.peer.sendSettings({ MAX_CONCURRENT_STREAMS: 1 });
  while (call.written < 4) await call.log.next('written');
  call
    .send(large('e'), WriteFlag.BUFFER_HINT)
    .send(large('f', SPLIT_THRESHOLD_BYTES - 1))
    .halfClose();
  await rig.peer.frame('DATA', { stream: 1, endStream: true });
  assert.equal(messagesOf(rig.peer), ['a8192', 'b1', `c${LARGE_BYTES}`, 'd1', `e${LARGE_BYTES}`, 'f8191']);
  while (call.written < 6) await call.log.next('written');
  await rig.peer.roundTrip();
  assert.is(call.written, 6);
});

test('held back by a hint, a large message and what follows it share their DATA frames', async () => {
  await using rig = await wideRig();
  const call = await rig.bidi();
  await call.log.next('ready');
  call.send('a', WriteFlag.BUFFER_HINT).send(large('b', 10_000), WriteFlag.BUFFER_HINT);
  await rig.peer.roundTrip();
  assert.not(rig.peer.has('DATA'), rig.peer.text());
  call.send('c');
  while (call.written < 3) await call.log.next('written');
  await rig.peer.roundTrip();
  assert.equal(messagesOf(rig.peer), ['a1', 'b10000', 'c1']);
  assert.is(dataOf(rig.peer).length, 1);
});

test('what a compressor made large goes the same way', async () => {
  await using rig = await wideRig();
  const compressor = new HandCompressor();
  const call = rig.stream('bidi_streaming', {}, { compressor }).start();
  await rig.peer.frame('HEADERS');
  await call.log.next('ready');
  call.send(large('a')).send('b', WriteFlag.NO_COMPRESS);
  compressor.finish(large('z'));
  while (call.written < 2) await call.log.next('written');
  await rig.peer.roundTrip();
  assert.equal(messagesOf(rig.peer), [`z${LARGE_BYTES}`, 'b1']);
  assert.equal(lengthsOf(rig.peer).slice(0, 4), FULL_FRAMES.slice(0, 4));
});

test('a message that flow control cut in two makes the stream wait, and is counted only when all of it has gone', async () => {
  await using rig = await ClientRig.open({
    server: { returnWindow: false, settings: { INITIAL_WINDOW_SIZE: 10_000 } },
  });
  const call = await rig.bidi();
  await call.log.next('ready');
  call.send(large('a', 40_000));
  assert.not(call.stream.isReady());
  while (lengthsOf(rig.peer).reduce((sum, length) => sum + length, 0) < 10_000) await rig.peer.roundTrip();
  assert.is(call.written, 0);
  rig.peer.sendWindowUpdate(1, 50_000);
  await call.log.next('written');
  while (!call.stream.isReady()) await call.log.next('ready');
  await rig.peer.roundTrip();
  assert.equal(messagesOf(rig.peer), ['a40000']);
});

test('a cancel drops what flow control held back, and what waited for a hint', async () => {
  await using rig = await ClientRig.open({
    server: { returnWindow: false, settings: { INITIAL_WINDOW_SIZE: 10 } },
  });
  const call = await rig.bidi();
  await call.log.next('ready');
  call.send(large('a')).send(large('b'), WriteFlag.BUFFER_HINT).cancel();
  await rig.peer.frame('RST_STREAM', { stream: 1, code: 'CANCEL' });
  assert.is(await call.outcome(), 'CANCELLED processed');
  assert.is(call.written, 0);
  assert.ok(lengthsOf(rig.peer).reduce((sum, length) => sum + length, 0) <= 10, rig.peer.text());
});

test.run();
