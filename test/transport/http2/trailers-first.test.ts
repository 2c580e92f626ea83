/**
 * Trailers that node tells before the data in front of them: the status must wait until every message before it was
 * delivered, whether they were asked for early or late.
 */
import { encodeData, encodeHeaders } from '../../support/http2-frame.ts';
import { grpcFrame, RawServer, responseHeaders, trailers } from '../../support/raw-http2.ts';
import { assert, suite, within } from '../../support/suite.ts';
import { ClientRig } from './client-rig.ts';
import { eventOf, nodeRequest, nodeSession } from './node-session.ts';

const test = suite('Http2ClientStream, trailers first');

/** A whole response in one piece. */
function response(count: number, bytes: number): Buffer {
  const messages = Array.from({ length: count }, (_, i) => grpcFrame(Buffer.alloc(bytes, `${i}`)));
  const data = encodeData(1, Buffer.concat(messages), false);
  return Buffer.concat([encodeHeaders(1, responseHeaders(), false), data, encodeHeaders(1, trailers(0), true)]);
}

test('node: with a slow reader `trailers` comes before the `data` in front of it', async () => {
  await using server = await RawServer.listen();
  await using session = nodeSession(server.port);
  const stream = nodeRequest(session, { endStream: true });
  const order: string[] = [];
  stream.on('data', () => order.push('data'));
  stream.on('trailers', () => order.push('trailers'));
  stream.pause();
  const ended = eventOf(stream, 'end');
  const peer = await server.connection();
  await peer.frame('HEADERS');
  const told = eventOf(stream, 'trailers');
  peer.sendRaw(response(1, 10));
  await told;
  stream.resume();
  await within(2_000, ended);
  assert.equal(order, ['trailers', 'data']);
});

for (const [count, bytes] of [
  [1, 0],
  [3, 10],
  [4, 40_000],
] as const) {
  for (const early of [true, false]) {
    const when = early ? 'asked for beforehand' : 'asked for one by one, late';
    test(`${count} messages of ${bytes} bytes and the trailers in one piece, ${when}`, async () => {
      await using rig = await ClientRig.open();
      const call = await rig.unary();
      if (early) call.request(count);
      rig.peer.sendRaw(response(count, bytes));
      if (!early) {
        await rig.peer.roundTrip();
        await rig.peer.roundTrip();
        assert.not(call.names.includes('close'));
        for (let i = 0; i < count; i += 1) await call.request(1).log.next('message');
      }
      assert.is(await call.outcome(), 'OK processed');
      const messages = Array<string>(count).fill('message');
      assert.equal(call.names, ['written', 'headers', ...(early ? [] : ['closing']), ...messages, 'close']);
      assert.equal(
        call.messages.map((message) => message.length),
        Array<number>(count).fill(bytes),
      );
    });
  }
}

test('without a message the trailers wait for no permit', async () => {
  await using rig = await ClientRig.open();
  const call = await rig.unary();
  rig.peer.sendRaw(response(0, 0));
  assert.is(await call.outcome(), 'OK processed');
});

test('an error in the trailers waits for the messages too', async () => {
  await using rig = await ClientRig.open();
  const call = await rig.bidi();
  rig.peer.sendHeaders(1, responseHeaders());
  rig.peer.sendData(1, grpcFrame(Buffer.from('one')));
  rig.peer.sendHeaders(1, trailers(9), { endStream: true });
  await rig.peer.roundTrip();
  assert.not(call.names.includes('close'));
  await call.request(1).log.next('message');
  assert.is(await call.outcome(), 'FAILED_PRECONDITION processed');
});

for (const [code, outcome] of [
  [0, 'INTERNAL'],
  [5, 'NOT_FOUND'],
] as const) {
  test(`trailers of code ${code} in the midst of a message are ${outcome}`, async () => {
    await using rig = await ClientRig.open();
    const call = await rig.unary();
    call.request(2);
    rig.peer.sendHeaders(1, responseHeaders());
    rig.peer.sendData(1, grpcFrame(Buffer.from('whole')));
    rig.peer.sendData(1, grpcFrame(Buffer.from('cut off')).subarray(0, 7));
    rig.peer.sendHeaders(1, trailers(code), { endStream: true });
    assert.is(await call.outcome(), `${outcome} processed`);
    assert.equal(call.messages, ['whole']);
  });
}

test.run();
