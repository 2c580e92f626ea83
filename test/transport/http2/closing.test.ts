/**
 * onClosing over raw frames: the server's end is told while messages in front of it wait, wherever they wait, however it
 * ends; and nothing that the client sends from then on leaves.
 */
import { CompressorRegistry } from '../../../src/framing/compressor.ts';
import { WriteFlag } from '../../../src/transport/stream.ts';
import { grpcFrame, responseHeaders, trailers } from '../../support/raw-http2.ts';
import { assert, suite } from '../../support/suite.ts';
import { ClientRig, type RecordedStream } from './client-rig.ts';
import { HandCompressor } from './hand-compressor.ts';

const test = suite('Http2ClientStream, closing');

/** Few small messages lie in our deframer; many large ones in node’s paused stream. */
const AMOUNTS = [
  [1, 10],
  [3, 10],
  [5, 30_000],
] as const;

function respond(rig: ClientRig, count: number, bytes: number): void {
  rig.peer.sendHeaders(1, responseHeaders());
  for (let i = 0; i < count; i += 1) rig.peer.sendData(1, grpcFrame(Buffer.alloc(bytes, `${i}`)));
}

/** What it told, but for what it told of its own messages. */
function story(call: RecordedStream): string[] {
  return call.names.filter((name) => name !== 'ready' && name !== 'written');
}

async function closingOf(call: RecordedStream): Promise<string> {
  return (await call.log.next('closing')).status.name;
}

for (const side of ['bidi', 'unary'] as const) {
  for (const [count, bytes] of AMOUNTS) {
    const messages = Array<string>(count).fill('message');

    test(`${side}: trailers behind ${count} messages of ${bytes} bytes`, async () => {
      await using rig = await ClientRig.open();
      const call = await rig[side]();
      respond(rig, count, bytes);
      rig.peer.sendHeaders(1, trailers(9), { endStream: true });
      assert.is(await closingOf(call), 'FAILED_PRECONDITION');
      await rig.peer.roundTrip();
      assert.equal(story(call), ['headers', 'closing']);
      call.request(count);
      assert.is(await call.outcome(), 'FAILED_PRECONDITION processed');
      assert.equal(story(call), ['headers', 'closing', ...messages, 'close']);
    });

    for (const [code, name] of [
      ['CANCEL', 'CANCELLED'],
      ['INTERNAL_ERROR', 'INTERNAL'],
      ['REFUSED_STREAM', 'UNAVAILABLE'],
    ] as const) {
      test(`${side}: ${code} behind ${count} messages of ${bytes} bytes`, async () => {
        await using rig = await ClientRig.open();
        const call = await rig[side]();
        respond(rig, count, bytes);
        await call.log.next('headers');
        rig.peer.sendRst(1, code);
        assert.is(await closingOf(call), name);
        call.request(count);
        assert.match(await call.outcome(), name);
        assert.equal(story(call), ['headers', 'closing', ...messages, 'close']);
      });
    }

    test(`${side}: trailers and then NO_ERROR behind ${count} messages of ${bytes} bytes`, async () => {
      await using rig = await ClientRig.open();
      const call = await rig[side]();
      respond(rig, count, bytes);
      rig.peer.sendHeaders(1, trailers(0), { endStream: true });
      rig.peer.sendRst(1, 'NO_ERROR');
      assert.is(await closingOf(call), 'OK');
      call.request(count);
      assert.is(await call.outcome(), 'OK processed');
      assert.equal(story(call), ['headers', 'closing', ...messages, 'close']);
    });
  }
}

test('permits that come inside it deliver what node holds', async () => {
  await using rig = await ClientRig.open();
  const call: RecordedStream = rig.stream('bidi_streaming', { onClosing: () => call.stream.request(5) });
  call.start();
  await rig.peer.frame('HEADERS');
  respond(rig, 5, 30_000);
  rig.peer.sendHeaders(1, trailers(0), { endStream: true });
  assert.is(await call.outcome(), 'OK processed');
  assert.is(call.messages.length, 5);
});

test('a message that was asked for and is being inflated keeps the end waiting, but waits for nobody', async () => {
  await using rig = await ClientRig.open();
  const compressor = new HandCompressor();
  const decompressors = CompressorRegistry.DEFAULT.with(compressor);
  const call = rig.stream('bidi_streaming', {}, { decompressors }).start().request(1);
  await rig.peer.frame('HEADERS');
  rig.peer.sendHeaders(1, responseHeaders([['grpc-encoding', compressor.name]]));
  rig.peer.sendData(1, grpcFrame(Buffer.alloc(20_000), 1));
  rig.peer.sendHeaders(1, trailers(0), { endStream: true });
  await rig.peer.roundTrip();
  assert.equal(story(call), ['headers']);
  compressor.finish();
  assert.is(await call.outcome(), 'OK processed');
  assert.equal(story(call), ['headers', 'message', 'close']);
});

test('where only part of a message came there is nothing to wait for', async () => {
  await using rig = await ClientRig.open();
  const call = await rig.bidi();
  rig.peer.sendHeaders(1, responseHeaders());
  rig.peer.sendData(1, grpcFrame(Buffer.from('cut off')).subarray(0, 7));
  rig.peer.sendHeaders(1, trailers(9), { endStream: true });
  assert.is(await call.outcome(), 'FAILED_PRECONDITION processed');
  assert.equal(story(call), ['headers', 'close']);
});

test('a response that is not gRPC’s holds no messages, whatever its trailers say', async () => {
  await using rig = await ClientRig.open();
  const call = await rig.bidi();
  rig.peer.sendHeaders(1, [
    [':status', '404'],
    ['content-type', 'text/html'],
  ]);
  rig.peer.sendData(1, Buffer.alloc(10_000, 'x'));
  rig.peer.sendHeaders(1, trailers(0), { endStream: true });
  assert.is(await call.outcome(), 'UNIMPLEMENTED processed');
  assert.equal(story(call), ['close']);
});

test('a lost connection does not wait', async () => {
  await using rig = await ClientRig.open();
  const call = await rig.bidi();
  respond(rig, 3, 10);
  await call.log.next('headers');
  await rig.peer.roundTrip();
  rig.peer.reset();
  assert.match(await call.outcome(), 'UNAVAILABLE');
  assert.equal(story(call), ['headers', 'close']);
});

for (const hint of [0, WriteFlag.BUFFER_HINT]) {
  test(`from then on nothing leaves but the half-close, ${hint === 0 ? 'plain' : 'held'} messages neither`, async () => {
    await using rig = await ClientRig.open();
    const call = await rig.bidi();
    await call.log.next('ready');
    if (hint !== 0) call.send('held before', hint);
    respond(rig, 1, 10);
    rig.peer.sendHeaders(1, trailers(0), { endStream: true });
    await closingOf(call);
    assert.not(call.stream.isReady());
    call.send('too late', hint).send('and later');
    await rig.peer.roundTrip();
    assert.not(rig.peer.has('DATA'), rig.peer.text());
    call.halfClose();
    await rig.peer.frame('DATA', { endStream: true });
    assert.equal(rig.peer.messages(1), []);
    call.request(1);
    assert.is(await call.outcome(), 'OK processed');
    assert.is(call.written, 0);
  });
}

test('nor does what is being compressed then', async () => {
  await using rig = await ClientRig.open();
  const compressor = new HandCompressor();
  const call = rig.stream('bidi_streaming', {}, { compressor }).start();
  await rig.peer.frame('HEADERS');
  call.send(Buffer.alloc(100_000));
  respond(rig, 1, 10);
  rig.peer.sendHeaders(1, trailers(0), { endStream: true });
  await closingOf(call);
  compressor.finish();
  await rig.peer.roundTrip();
  assert.not(rig.peer.has('DATA'), rig.peer.text());
  call.request(1);
  assert.is(await call.outcome(), 'OK processed');
});

test('NO_ERROR without trailers: node keeps it to itself while data waits, and the end comes with the data', async () => {
  await using rig = await ClientRig.open();
  const call = await rig.unary();
  respond(rig, 3, 10);
  await call.log.next('headers');
  rig.peer.sendRst(1, 'NO_ERROR');
  await rig.peer.roundTrip();
  call.request(3);
  assert.is(await call.outcome(), 'INTERNAL processed');
  assert.equal(story(call), ['headers', 'message', 'message', 'message', 'close']);
});

test.run();
