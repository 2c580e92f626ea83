/**
 * A connection that is lost under its streams, by FIN and by RST, at every stage. node shows both as a cancel by the server
 * or as nothing at all; the call must end UNAVAILABLE unless its status had come.
 */
import { Status } from '../../../src/values/status.ts';
import { grpcFrame, RawServer, responseHeaders, trailers } from '../../support/raw-http2.ts';
import { assert, suite, within } from '../../support/suite.ts';
import { ClientRig, type RecordedStream } from './client-rig.ts';
import { eventOf, nodeRequest, nodeSession } from './node-session.ts';

const test = suite('Http2ClientTransport, lost connection');

test('node: after a FIN a stream closes as if the server had cancelled it, before the session closes', async () => {
  await using server = await RawServer.listen();
  await using session = nodeSession(server.port);
  const stream = nodeRequest(session, { endStream: true });
  const order: string[] = [];
  stream.on('error', () => order.push('error'));
  stream.on('close', () => order.push(`stream closed, ${stream.rstCode}`));
  session.on('close', () => order.push('session closed'));
  const peer = await server.connection();
  await peer.frame('HEADERS');
  const gone = eventOf(session, 'close');
  stream.resume();
  peer.end();
  await gone;
  assert.equal(order, ['stream closed, 8', 'session closed']);
});

const STAGES: readonly (readonly [stage: string, act: (rig: ClientRig, call: RecordedStream) => Promise<void>])[] = [
  ['before headers', async (rig) => await rig.peer.roundTrip()],
  [
    'after headers',
    async (rig, call) => {
      rig.peer.sendHeaders(1, responseHeaders());
      await call.log.next('headers');
    },
  ],
  [
    'after a message',
    async (rig, call) => {
      rig.peer.sendHeaders(1, responseHeaders());
      rig.peer.sendData(1, grpcFrame(Buffer.from('one')));
      await call.request(2).log.next('message');
    },
  ],
  [
    'in the midst of a message',
    async (rig, call) => {
      call.request(1);
      rig.peer.sendHeaders(1, responseHeaders());
      rig.peer.sendData(1, grpcFrame(Buffer.from('one')).subarray(0, 6));
      await rig.peer.roundTrip();
    },
  ],
  [
    'with a message unread',
    async (rig) => {
      rig.peer.sendHeaders(1, responseHeaders());
      rig.peer.sendData(1, grpcFrame(Buffer.from('one')));
      await rig.peer.roundTrip();
    },
  ],
];

for (const how of ['FIN', 'RST'] as const) {
  for (const side of ['bidi', 'unary'] as const) {
    for (const [stage, act] of STAGES) {
      test(`${how} ${stage}, ${side}: UNAVAILABLE, and the connection is over`, async () => {
        await using rig = await ClientRig.open();
        const call = await rig[side]();
        await act(rig, call);
        if (how === 'FIN') rig.peer.end();
        else rig.peer.reset();
        const { status, progress } = await call.closed;
        assert.is(status.name, 'UNAVAILABLE');
        assert.is(progress, 'processed');
        assert.match(status.description ?? '', /^lost the connection to 127\.0\.0\.1:\d+/);
        if (how === 'RST') assert.match(status.description ?? '', /ECONNRESET/);
        await rig.listener.log.end();
        assert.equal(rig.listener.names, ['ready', 'shutdown', 'terminated']);
      });
    }

    test(`${how} after trailers, ${side}: the status stands, and what is unread is still delivered`, async () => {
      await using rig = await ClientRig.open();
      const call = await rig[side]();
      rig.peer.sendHeaders(1, responseHeaders());
      rig.peer.sendData(1, grpcFrame(Buffer.from('one')));
      rig.peer.sendHeaders(1, trailers(0), { endStream: true });
      await rig.peer.roundTrip();
      if (how === 'FIN') rig.peer.end();
      else rig.peer.reset();
      await rig.listener.log.next('shutdown');
      assert.not(call.names.includes('close'));
      await call.request(1).log.next('message');
      assert.is(await call.outcome(), 'OK processed');
      await rig.listener.log.end();
    });
  }
}

test('a response and the FIN behind it, all in one piece: the status stands', async () => {
  await using rig = await ClientRig.open();
  const call = await rig.unary();
  call.request(2);
  rig.peer.socket.cork();
  rig.peer.sendHeaders(1, responseHeaders());
  rig.peer.sendData(1, grpcFrame(Buffer.from('one')));
  rig.peer.sendHeaders(1, trailers(0), { endStream: true });
  rig.peer.socket.uncork();
  rig.peer.end();
  assert.is(await call.outcome(), 'OK processed');
  assert.equal(call.messages, ['one']);
});

test('every open call ends, those without a slot as not sent', async () => {
  await using rig = await ClientRig.open({ server: { settings: { MAX_CONCURRENT_STREAMS: 2 } } });
  const calls = Array.from({ length: 5 }, () => rig.stream('unary').start().send('x').halfClose());
  const held = rig.stream('unary').start().send('x');
  await rig.peer.frame('DATA', { stream: 3 });
  rig.peer.reset();
  const outcomes: string[] = [];
  for (const call of [...calls, held]) outcomes.push(await call.outcome());
  const [processed, unsent] = ['UNAVAILABLE processed', 'UNAVAILABLE not-sent'];
  assert.equal(outcomes, [processed, processed, unsent, unsent, unsent, unsent]);
});

test('a stream started after the loss is refused', async () => {
  await using rig = await ClientRig.open();
  rig.peer.reset();
  await rig.listener.log.end();
  for (const kind of ['unary', 'bidi_streaming'] as const) {
    const late = rig.stream(kind).start().send('x').halfClose();
    assert.is(await late.outcome(), 'UNAVAILABLE not-sent');
  }
});

test('a stream started in the tick of the loss is never left without an end', async () => {
  await using rig = await ClientRig.open();
  rig.peer.reset();
  const calls: RecordedStream[] = [];
  while (!rig.listener.names.includes('shutdown')) {
    calls.push(rig.stream('unary').start().send('x').halfClose());
    await new Promise((resolve) => setImmediate(resolve));
  }
  calls.push(rig.stream('unary').start().send('x').halfClose());
  for (const call of calls) assert.is((await call.closed).status.name, 'UNAVAILABLE');
});

test('node: after data before headers nghttp2 says goodbye; some versions tell nobody, and hear nothing more', async () => {
  await using server = await RawServer.listen();
  await using session = nodeSession(server.port);
  const stream = nodeRequest(session, { endStream: true });
  stream.resume();
  const peer = await server.connection();
  await peer.frame('HEADERS');
  peer.sendData(1, grpcFrame(Buffer.from('one')));
  await peer.frame('GOAWAY', { code: 'PROTOCOL_ERROR' });
  if (session.destroyed) return;
  peer.reset();
  await within(2_000, peer.closed);
  assert.not(stream.closed);
});

test('data before headers: nothing of it is delivered, and the call can be ended whether node tells or not', async () => {
  await using rig = await ClientRig.open();
  const call = await rig.unary();
  call.request(1);
  rig.peer.sendData(1, grpcFrame(Buffer.from('one')));
  await rig.peer.frame('GOAWAY', { code: 'PROTOCOL_ERROR' });
  if (!call.names.includes('close')) call.cancel(Status.UNAVAILABLE);
  assert.is(await call.outcome(), 'UNAVAILABLE processed');
  assert.equal(call.messages, []);
});

test.run();
