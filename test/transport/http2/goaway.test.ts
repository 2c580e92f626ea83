/**
 * A server that says goodbye: GOAWAY without an error, with one, and in two steps, with streams below and above the last
 * one that it serves, and calls that have no stream yet.
 */
import { RawServer, type RawServerOptions, responseHeaders, trailers, trailersOnly } from '../../support/raw-http2.ts';
import { assert, suite, within } from '../../support/suite.ts';
import { ClientRig, type RecordedStream } from './client-rig.ts';
import { eventOf, nodeRequest, nodeSession } from './node-session.ts';

const test = suite('Http2ClientTransport, GOAWAY');

const LAST_POSSIBLE = 2 ** 31 - 1;
const LIMIT_2: { server: RawServerOptions } = { server: { settings: { MAX_CONCURRENT_STREAMS: 2 } } };

/** Two unary calls on streams 1 and 3, and one more that waits for a slot where there is a limit of two. */
async function three(rig: ClientRig): Promise<readonly [RecordedStream, RecordedStream, RecordedStream]> {
  const calls = [1, 2, 3].map((n) => rig.stream('unary').start().send(`${n}`).halfClose());
  await rig.peer.frame('DATA', { stream: 3 });
  return calls as unknown as readonly [RecordedStream, RecordedStream, RecordedStream];
}

test('node: a GOAWAY with an error takes the streams that the server still serves with it', async () => {
  await using server = await RawServer.listen();
  await using session = nodeSession(server.port);
  const stream = nodeRequest(session, { endStream: true });
  const peer = await server.connection();
  await peer.frame('HEADERS', { stream: 1 });
  const order: string[] = [];
  session.on('goaway', () => order.push('goaway'));
  stream.on('close', () => order.push(`stream closed, ${stream.rstCode}`));
  const closed = eventOf(session, 'close');
  peer.sendGoaway(1, 'ENHANCE_YOUR_CALM', 'too_many_pings');
  await closed;
  assert.equal(order, ['goaway', 'stream closed, 11']);
});

test('without an error: streams up to the last go on, those above and those that wait may be tried again', async () => {
  await using rig = await ClientRig.open(LIMIT_2);
  const [first, second, third] = await three(rig);
  rig.peer.sendGoaway(1, 'NO_ERROR', 'max_age');
  assert.is(await second.outcome(), 'UNAVAILABLE not-taken');
  assert.is(await third.outcome(), 'UNAVAILABLE not-sent');
  const text = 'the peer is closing the connection (GOAWAY NO_ERROR, debug data: max_age)';
  assert.is((await second.closed).status.description, text);
  assert.is((await third.closed).status.description, text);
  assert.not(first.names.includes('close'));
  first.request(1);
  rig.peer.sendHeaders(1, responseHeaders());
  rig.peer.sendHeaders(1, trailers(0), { endStream: true });
  assert.is(await first.outcome(), 'OK processed');
  await rig.listener.log.end();
  assert.equal(rig.listener.names, ['ready', 'shutdown', 'terminated']);
});

test('a new stream after it is refused with its debug data, and tells nothing inside start', async () => {
  await using rig = await ClientRig.open();
  const first = await rig.unary();
  rig.peer.sendGoaway(1, 'NO_ERROR', 'max_age');
  const { reason } = await rig.listener.log.next('shutdown');
  assert.is(
    reason.toString(),
    'UNAVAILABLE: the peer is closing the connection (GOAWAY NO_ERROR, debug data: max_age)',
  );
  for (const kind of ['unary', 'bidi_streaming'] as const) {
    const late = rig.stream(kind).start().send('late').halfClose();
    assert.is(await late.outcome(), 'UNAVAILABLE not-sent');
    assert.is((await late.closed).status.description, reason.description);
  }
  rig.peer.sendHeaders(1, trailersOnly(0), { endStream: true });
  assert.is(await first.outcome(), 'OK processed');
  assert.not(rig.peer.has('HEADERS', { stream: 3 }), rig.peer.text());
});

test('a unary call that started before it and is complete after it is refused', async () => {
  await using rig = await ClientRig.open();
  const first = await rig.unary();
  const held = rig.stream('unary').start().send('held back');
  rig.peer.sendGoaway(1);
  assert.is(await held.outcome(), 'UNAVAILABLE not-sent');
  held.halfClose();
  rig.peer.sendHeaders(1, trailersOnly(0), { endStream: true });
  assert.is(await first.outcome(), 'OK processed');
});

test('in two steps: the first fails no open stream, the second those above its last', async () => {
  await using rig = await ClientRig.open();
  const [first, second, third] = await three(rig);
  await rig.peer.frame('DATA', { stream: 5 });
  rig.peer.sendGoaway(LAST_POSSIBLE, 'NO_ERROR');
  await rig.peer.roundTrip();
  assert.ok([first, second, third].every((call) => !call.names.includes('close')));
  rig.peer.sendGoaway(3, 'NO_ERROR');
  assert.is(await third.outcome(), 'UNAVAILABLE not-taken');
  rig.peer.sendHeaders(1, trailersOnly(0), { endStream: true });
  rig.peer.sendHeaders(3, trailersOnly(0), { endStream: true });
  assert.is(await first.outcome(), 'OK processed');
  assert.is(await second.outcome(), 'OK processed');
  await rig.listener.log.end();
});

test('with an error: open streams are UNAVAILABLE with the debug data, those above the last may be tried again', async () => {
  await using rig = await ClientRig.open(LIMIT_2);
  const [first, second, third] = await three(rig);
  rig.peer.sendGoaway(1, 'ENHANCE_YOUR_CALM', 'too_many_pings');
  assert.is(await first.outcome(), 'UNAVAILABLE processed');
  assert.is(await second.outcome(), 'UNAVAILABLE not-taken');
  assert.is(await third.outcome(), 'UNAVAILABLE not-sent');
  const text = 'the peer is closing the connection (GOAWAY ENHANCE_YOUR_CALM, debug data: too_many_pings)';
  for (const call of [first, second, third]) assert.is((await call.closed).status.description, text);
  await rig.listener.log.end();
  assert.equal(rig.listener.names, ['ready', 'shutdown', 'terminated']);
});

test('with an error, after trailers: the status stands though messages are unread', async () => {
  await using rig = await ClientRig.open();
  const call = await rig.unary();
  rig.peer.sendHeaders(1, responseHeaders());
  rig.peer.sendData(1, Buffer.from([0, 0, 0, 0, 1, 0x61]));
  rig.peer.sendHeaders(1, trailers(0), { endStream: true });
  rig.peer.sendGoaway(1, 'INTERNAL_ERROR');
  await within(2_000, rig.peer.closed);
  assert.not(call.names.includes('close'));
  call.request(1);
  assert.is(await call.outcome(), 'OK processed');
  assert.equal(call.messages, ['a']);
});

test('debug data is cut to 256 characters', async () => {
  await using rig = await ClientRig.open();
  const call = await rig.unary();
  rig.peer.sendGoaway(0, 'NO_ERROR', 'x'.repeat(5_000));
  const { status } = await call.closed;
  assert.ok(status.description?.endsWith(`${'x'.repeat(256)})`));
  assert.ok((status.description?.length ?? 0) < 400);
});

test('without open streams it ends the connection', async () => {
  await using rig = await ClientRig.open();
  rig.peer.sendGoaway(0);
  await rig.listener.log.end();
  assert.equal(rig.listener.names, ['ready', 'shutdown', 'terminated']);
});

test('in place of SETTINGS: connecting fails, and says why', async () => {
  await using rig = await ClientRig.open({ server: { settings: null, ackSettings: false }, awaitReady: false });
  const call = rig.stream('unary').start().send('x').halfClose();
  await rig.peer.frame('SETTINGS');
  rig.peer.sendSettings({});
  rig.peer.sendGoaway(0, 'ENHANCE_YOUR_CALM', 'busy');
  const { status } = await call.closed;
  assert.is(status.name, 'UNAVAILABLE');
  assert.match(status.description ?? '', /ENHANCE_YOUR_CALM, debug data: busy/);
  await rig.listener.log.end();
});

test.run();
