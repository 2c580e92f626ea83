/**
 * A reset while the http2 stream is paused. node destroys the stream at once, with what nobody has read inside; read()
 * still gives it. Messages that came whole must be delivered all the same when they are asked for.
 */
import http2 from 'node:http2';
import type { ErrorCode } from '../../support/http2-frame.ts';
import { grpcFrame, RawServer, responseHeaders } from '../../support/raw-http2.ts';
import { assert, suite, within } from '../../support/suite.ts';
import { ClientRig } from './client-rig.ts';

const test = suite('Http2ClientStream, reset while paused');

const quiet = (): void => {};

for (const code of ['NO_ERROR', 'CANCEL', 'INTERNAL_ERROR'] as const) {
  test(`node: a stream that ${code} destroyed still gives what it holds to read()`, async () => {
    await using server = await RawServer.listen();
    const session = http2.connect(`http://127.0.0.1:${server.port}`);
    session.on('error', quiet);
    const stream = session.request({ ':method': 'POST' });
    stream.on('error', quiet);
    stream.on('data', quiet);
    stream.pause();
    const peer = await server.connection();
    await peer.frame('HEADERS');
    const response = new Promise((resolve) => stream.once('response', resolve));
    const closed = new Promise((resolve) => stream.once('close', resolve));
    peer.sendHeaders(1, responseHeaders());
    peer.sendData(1, Buffer.alloc(20_000, 'x'));
    await within(2_000, response);
    peer.sendRst(1, code);
    // With NO_ERROR node waits for a reader before it lets the stream go.
    await peer.roundTrip();
    if (code !== 'NO_ERROR') await within(2_000, closed);
    stream.removeAllListeners('data');
    let bytes = 0;
    for (let chunk: Buffer | null = stream.read(); chunk !== null; chunk = stream.read()) bytes += chunk.length;
    assert.is(bytes, 20_000);
    const gone = new Promise((resolve) => session.once('close', resolve));
    session.destroy();
    await within(2_000, gone);
  });
}

/** Sends `count` messages and a reset to a call that has asked for none. */
async function unread(rig: ClientRig, count: number, bytes: number, code: ErrorCode): Promise<void> {
  rig.peer.sendHeaders(1, responseHeaders());
  for (let i = 0; i < count; i += 1) rig.peer.sendData(1, grpcFrame(Buffer.alloc(bytes, `${i}`)));
  rig.peer.sendRst(1, code);
  await rig.peer.roundTrip();
}

const OUTCOMES = [
  ['NO_ERROR', 'INTERNAL processed'],
  ['CANCEL', 'CANCELLED processed'],
  ['INTERNAL_ERROR', 'INTERNAL processed'],
  ['REFUSED_STREAM', 'UNAVAILABLE refused'],
] as const;

for (const side of ['bidi', 'unary'] as const) {
  for (const [code, outcome] of OUTCOMES) {
    for (const [count, bytes] of [
      [3, 10],
      [5, 30_000],
    ] as const) {
      test(`${side}, ${code}: ${count} messages of ${bytes} bytes come one a permit, then the end`, async () => {
        await using rig = await ClientRig.open();
        const call = await rig[side]();
        await unread(rig, count, bytes, code);
        for (let i = 0; i < count; i += 1) {
          assert.not(call.names.includes('close'), `before message ${i}`);
          assert.is(call.messages.length, i);
          await call.request(1).log.next('message');
        }
        assert.is(await call.outcome(), outcome);
        assert.equal(
          call.messages.map((message) => [message.length, message[0]]),
          Array.from({ length: count }, (_, i) => [bytes, `${i}`]),
        );
      });
    }
  }
}

test('a message that was cut off is dropped and does not hold up the end', async () => {
  await using rig = await ClientRig.open();
  const call = await rig.bidi();
  rig.peer.sendHeaders(1, responseHeaders());
  rig.peer.sendData(1, grpcFrame(Buffer.from('whole')));
  rig.peer.sendData(1, grpcFrame(Buffer.from('cut off')).subarray(0, 9));
  rig.peer.sendRst(1, 'CANCEL');
  await rig.peer.roundTrip();
  call.request(1);
  assert.is(await call.outcome(), 'CANCELLED processed');
  assert.equal(call.messages, ['whole']);
});

test('a local cancel does not wait: what is unread is dropped', async () => {
  await using rig = await ClientRig.open();
  const call = await rig.bidi();
  await unread(rig, 3, 10, 'INTERNAL_ERROR');
  call.cancel();
  assert.is(await call.outcome(), 'CANCELLED processed');
  assert.equal(call.messages, []);
});

test.run();
