/**
 * Messages that are held back for what follows, frame by frame: when they leave, in how few DATA frames, and that neither
 * compression nor back pressure makes of a hint a message that stays for ever.
 */
import { WriteFlag } from '../../../src/transport/stream.ts';
import { Metadata } from '../../../src/values/metadata.ts';
import { Status } from '../../../src/values/status.ts';
import type { Frame } from '../../support/http2-frame.ts';
import { RawClient, type RawConnection, RawServer, requestHeaders, responseHeaders } from '../../support/raw-http2.ts';
import { assert, suite } from '../../support/suite.ts';
import { ClientRig, type RecordedStream } from './client-rig.ts';
import { HandCompressor } from './hand-compressor.ts';
import { nodeRequest, nodeSession } from './node-session.ts';
import { type Arrival, StreamServer } from './stream-server.ts';

const test = suite('BUFFER_HINT over HTTP/2');

const HINT = WriteFlag.BUFFER_HINT;

/** The DATA frames with bytes inside, so far. */
function dataOf(peer: RawConnection): Frame[] {
  return peer.frames.filter((frame) => frame.type === 'DATA' && frame.payload.length > 0);
}

function texts(peer: RawConnection): string[] {
  return peer.messages(1).map(({ payload }) => payload.toString());
}

test('node: corked writes become one DATA frame, others more', async () => {
  const countOf = async (isCorked: boolean): Promise<number> => {
    await using server = await RawServer.listen();
    await using session = nodeSession(server.port);
    const peer = await server.connection();
    const stream = nodeRequest(session, { endStream: false, waitForTrailers: true });
    await peer.frame('HEADERS');
    if (isCorked) stream.cork();
    for (let i = 0; i < 10; i += 1) stream.write(Buffer.alloc(100));
    if (isCorked) stream.uncork();
    stream.on('wantTrailers', () => stream.sendTrailers({}));
    process.nextTick(() => stream.end());
    await peer.frame('DATA', { endStream: true });
    return dataOf(peer).length;
  };
  assert.is(await countOf(true), 1);
  assert.ok((await countOf(false)) > 1);
});

/** A call whose window is open, and that has told so. */
async function readyCall(rig: ClientRig): Promise<RecordedStream> {
  const call = await rig.bidi();
  await call.log.next('ready');
  return call;
}

test('a client’s hinted messages make no DATA, until a plain one takes them along in one frame', async () => {
  await using rig = await ClientRig.open();
  const call = await readyCall(rig);
  for (let i = 0; i < 5; i += 1) call.send(`${i}`, HINT);
  await rig.peer.roundTrip();
  assert.not(rig.peer.has('DATA'), rig.peer.text());
  call.send('plain');
  while (call.written < 6) await call.log.next('written');
  await rig.peer.roundTrip();
  assert.equal(texts(rig.peer), ['0', '1', '2', '3', '4', 'plain']);
  assert.is(dataOf(rig.peer).length, 1);
});

test('half-close takes them along', async () => {
  await using rig = await ClientRig.open();
  const call = await readyCall(rig);
  for (let i = 0; i < 5; i += 1) call.send(`${i}`, HINT);
  await rig.peer.roundTrip();
  assert.not(rig.peer.has('DATA'));
  call.halfClose();
  await rig.peer.frame('DATA', { endStream: true });
  assert.equal(texts(rig.peer), ['0', '1', '2', '3', '4']);
  assert.is(dataOf(rig.peer).length, 1);
});

test('what is held at the ready threshold leaves, also behind what flow control holds back', async () => {
  await using rig = await ClientRig.open({
    server: { returnWindow: false, settings: { INITIAL_WINDOW_SIZE: 10_000 } },
  });
  const call = await readyCall(rig);
  call.send(Buffer.alloc(9_000), HINT);
  await rig.peer.roundTrip();
  assert.not(rig.peer.has('DATA'));
  call.send(Buffer.alloc(30_000), HINT);
  assert.not(call.stream.isReady());
  await rig.peer.frame('DATA');
  rig.peer.sendWindowUpdate(1, 50_000);
  while (!call.stream.isReady()) await call.log.next('ready');
  while (call.written < 2) await call.log.next('written');
  call.send('held again', HINT);
  await rig.peer.roundTrip();
  assert.is(rig.peer.messages(1).length, 2);
  assert.is(call.written, 2);
});

test('a cancel leaves as a reset alone, and what was held as nothing', async () => {
  await using rig = await ClientRig.open();
  const call = await readyCall(rig);
  call.send('held', HINT).cancel();
  await rig.peer.frame('RST_STREAM', { stream: 1, code: 'CANCEL' });
  await call.closed;
  assert.is(call.written, 0);
  assert.not(rig.peer.has('DATA'));
});

test('hinted before there is a slot: what was asked to go leaves with the headers, the rest is held on', async () => {
  await using rig = await ClientRig.open({ server: { settings: { MAX_CONCURRENT_STREAMS: 0 } } });
  const call = rig.stream('bidi_streaming').start();
  call.send('one', HINT).send('two').send('three', HINT);
  rig.peer.sendSettings({ MAX_CONCURRENT_STREAMS: 1 });
  while (call.written < 2) await call.log.next('written');
  await rig.peer.roundTrip();
  assert.equal(texts(rig.peer), ['one', 'two']);
  call.halfClose();
  await rig.peer.frame('DATA', { endStream: true });
  assert.equal(texts(rig.peer), ['one', 'two', 'three']);
});

test('the only message of a method leaves with END_STREAM, hinted or not', async () => {
  await using rig = await ClientRig.open();
  rig.stream('unary').start().send('question', HINT).halfClose();
  await rig.peer.frame('DATA', { stream: 1, endStream: true });
  assert.equal(texts(rig.peer), ['question']);
  assert.is(rig.peer.frames.filter((frame) => frame.type === 'DATA').length, 1);
});

// ---- behind a compression off the event loop ----

/** More than is compressed on the event loop, and as much as makes a stream unready. */
const LARGE = 'x'.repeat(100_000);

async function compressing(rig: ClientRig): Promise<[RecordedStream, HandCompressor]> {
  const compressor = new HandCompressor();
  const call = rig.stream('bidi_streaming', {}, { compressor, onReadyThresholdBytes: 1_000_000 }).start();
  await rig.peer.frame('HEADERS');
  await call.log.next('ready');
  return [call, compressor];
}

test('a hinted message behind one that is being compressed does not hold that one back', async () => {
  await using rig = await ClientRig.open();
  const [call, compressor] = await compressing(rig);
  call.send(LARGE).send('held', HINT);
  compressor.finish();
  await call.log.next('written');
  await rig.peer.roundTrip();
  assert.equal(texts(rig.peer), ['ok']);
  call.send('plain');
  while (call.written < 3) await call.log.next('written');
  await rig.peer.roundTrip();
  assert.equal(texts(rig.peer), ['ok', 'held', 'plain']);
});

test('a hinted message that is being compressed leaves with the plain one behind it', async () => {
  await using rig = await ClientRig.open();
  const [call, compressor] = await compressing(rig);
  call.send('first', HINT).send(LARGE, HINT).send('plain').send('held', HINT);
  await rig.peer.roundTrip();
  assert.not(rig.peer.has('DATA'));
  compressor.finish();
  while (call.written < 3) await call.log.next('written');
  await rig.peer.roundTrip();
  assert.equal(texts(rig.peer), ['first', 'ok', 'plain']);
});

test('a hinted message that was compressed alone is held on, until the messages end', async () => {
  await using rig = await ClientRig.open();
  const [call, compressor] = await compressing(rig);
  call.send(LARGE, HINT);
  compressor.finish();
  await rig.peer.roundTrip();
  assert.not(rig.peer.has('DATA'));
  call.send(LARGE, HINT).halfClose();
  await rig.peer.roundTrip();
  assert.not(rig.peer.has('DATA'));
  compressor.finish();
  await rig.peer.frame('DATA', { endStream: true });
  assert.equal(texts(rig.peer), ['ok', 'ok']);
  while (call.written < 2) await call.log.next('written');
});

test('a writer that a compression made wait hears that it may go on', async () => {
  await using rig = await ClientRig.open();
  const compressor = new HandCompressor();
  const call = rig.stream('bidi_streaming', {}, { compressor }).start();
  await rig.peer.frame('HEADERS');
  await call.log.next('ready');
  call.send('small', HINT).send(LARGE, HINT);
  assert.not(call.stream.isReady());
  await call.log.next('written');
  compressor.finish();
  await call.log.next('ready');
  assert.ok(call.stream.isReady());
});

// ---- the server's end ----

/** A raw client, and its stream at the server with headers sent. */
async function answering(server: StreamServer, client: RawConnection): Promise<Arrival> {
  client.open(requestHeaders('/test.Echo/Bidi'));
  const arrival = await server.arrival();
  arrival.stream.sendHeaders(new Metadata());
  await client.frame('HEADERS', { stream: 1 });
  return arrival;
}

test('a server’s hinted messages leave with a plain one, or with its close in front of the trailers', async () => {
  for (const how of ['plain', 'close'] as const) {
    await using server = await StreamServer.listen();
    await using client = await RawClient.connect(server.port);
    const { stream, log } = await answering(server, client);
    for (let i = 0; i < 3; i += 1) log.forbid(() => stream.writeMessage(Buffer.from(`${i}`), HINT));
    await client.roundTrip();
    assert.not(client.has('DATA'), client.text());
    if (how === 'plain') log.forbid(() => stream.writeMessage(Buffer.from('3'), 0));
    log.forbid(() => stream.close(Status.OK, new Metadata()));
    const end = await client.frame('HEADERS', { stream: 1, endStream: true });
    assert.equal(texts(client), how === 'plain' ? ['0', '1', '2', '3'] : ['0', '1', '2']);
    assert.is(dataOf(client).length, 1);
    assert.is(client.frames[client.frames.indexOf(end) - 1]?.type, 'DATA');
  }
});

test('a server’s cancel with a message held is a reset, and the message is lost', async () => {
  await using server = await StreamServer.listen();
  await using client = await RawClient.connect(server.port);
  const { stream, log, closed } = await answering(server, client);
  log.forbid(() => stream.writeMessage(Buffer.from('held'), HINT));
  log.forbid(() => stream.cancel(Status.ABORTED));
  await client.frame('RST_STREAM', { stream: 1, code: 'CANCEL' });
  assert.is((await closed).code, Status.ABORTED.code);
  assert.not(client.has('DATA'));
});

test('what is held when the server ends the call stays here', async () => {
  await using rig = await ClientRig.open();
  const call = await readyCall(rig);
  call.send('held', HINT);
  rig.peer.sendHeaders(1, responseHeaders());
  rig.peer.sendHeaders(1, [['grpc-status', '0']], { endStream: true });
  assert.is(await call.outcome(), 'OK processed');
  await rig.peer.frame('RST_STREAM', { stream: 1 });
  assert.not(rig.peer.has('DATA'));
  assert.is(call.written, 0);
});

test.run();
