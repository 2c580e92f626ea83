/**
 * Flow-control windows: what the client announces, and that what nobody asked for stays in them. At zero permits the
 * stream's window is not given back; the connection's is, so that one slow reader does not stop the others.
 */
import { grpcFrame, RawServer, responseHeaders, trailers } from '../../support/raw-http2.ts';
import { assert, suite } from '../../support/suite.ts';
import { ClientRig } from './client-rig.ts';
import { eventOf, nodeRequest, nodeSession } from './node-session.ts';

const test = suite('Http2ClientTransport, windows');

const MIB = 1024 * 1024;

test('node: a setting opens the window of the streams, not that of the connection', async () => {
  await using server = await RawServer.listen();
  await using session = nodeSession(server.port, { settings: { initialWindowSize: MIB } });
  await eventOf(session, 'remoteSettings');
  nodeRequest(session, { endStream: true });
  const peer = await server.connection();
  await peer.frame('HEADERS');
  assert.not(peer.has('WINDOW_UPDATE', { stream: 0 }), peer.text());
  session.setLocalWindowSize(MIB);
  assert.is((await peer.frame('WINDOW_UPDATE', { stream: 0 })).increment, MIB - 65_535);
});

test('announces 512 KiB a stream and a connection, no push and twice the metadata limit', async () => {
  await using rig = await ClientRig.open();
  const settings = await rig.peer.frame('SETTINGS', { ack: false });
  assert.equal(settings.settings, { ENABLE_PUSH: 0, INITIAL_WINDOW_SIZE: MIB / 2, MAX_HEADER_LIST_SIZE: 16 * 1024 });
  assert.is((await rig.peer.frame('WINDOW_UPDATE', { stream: 0 })).increment, MIB / 2 - 65_535);
});

test('announces what it is told', async () => {
  const client = { streamWindowBytes: 100_000, connectionWindowBytes: 200_000, maxInboundMetadataBytes: 1_000 };
  await using rig = await ClientRig.open({ client });
  const settings = await rig.peer.frame('SETTINGS', { ack: false });
  assert.equal(settings.settings, { ENABLE_PUSH: 0, INITIAL_WINDOW_SIZE: 100_000, MAX_HEADER_LIST_SIZE: 2_000 });
  assert.is((await rig.peer.frame('WINDOW_UPDATE', { stream: 0 })).increment, 200_000 - 65_535);
});

test('leaves the connection at 64 KiB when told so', async () => {
  await using rig = await ClientRig.open({ client: { connectionWindowBytes: 65_535 } });
  await rig.unary();
  assert.not(rig.peer.has('WINDOW_UPDATE'), rig.peer.text());
});

test('at zero permits a stream gets no window back, and the next permit opens it again', async () => {
  await using rig = await ClientRig.open({ client: { streamWindowBytes: 400_000 } });
  const call = await rig.bidi();
  rig.peer.sendHeaders(1, responseHeaders());
  // All that the window takes: eight messages, of which none is asked for.
  for (let i = 0; i < 8; i += 1) rig.peer.sendData(1, grpcFrame(Buffer.alloc(49_995, `${i}`)));
  await rig.peer.roundTrip();
  await rig.peer.roundTrip();
  const given = (): number =>
    rig.peer.frames.filter((frame) => frame.stream === 1).reduce((sum, frame) => sum + frame.increment, 0);
  assert.ok(given() <= 128 * 1024, `${given()} bytes of window were given back for what nobody asked for`);
  assert.is(rig.peer.credit(1), given());
  assert.equal(call.messages, []);
  for (let i = 0; i < 8; i += 1) await call.request(1).log.next('message');
  await rig.peer.frame('WINDOW_UPDATE', { stream: 1 });
  rig.peer.sendHeaders(1, trailers(0), { endStream: true });
  assert.is(await call.outcome(), 'OK processed');
});

test('a reader that asks for one message at a time keeps the rest with the server', async () => {
  await using rig = await ClientRig.open({ client: { streamWindowBytes: 65_535 } });
  const call = await rig.bidi();
  rig.peer.sendHeaders(1, responseHeaders());
  let sent = 0;
  let most = 0;
  const frame = grpcFrame(Buffer.alloc(9_995));
  for (let asked = 0; asked < 20; asked += 1) {
    while (sent < 60 && rig.peer.credit(1) >= frame.length) {
      rig.peer.sendData(1, frame);
      sent += 1;
    }
    await rig.peer.roundTrip();
    most = Math.max(most, sent - asked);
    await call.request(1).log.next('message');
  }
  assert.is(call.messages.length, 20);
  // 64 KiB in the window, and at most as much that node reads ahead of its reader, once more for the frame that is cut.
  assert.ok(most <= 14, `${most} messages were taken beyond what was asked for`);
  call.cancel();
});

test('one stream that nobody reads does not stop another', async () => {
  const client = { streamWindowBytes: 65_535, connectionWindowBytes: 65_535 };
  await using rig = await ClientRig.open({ client });
  const stuck = await rig.bidi();
  rig.peer.sendHeaders(1, responseHeaders());
  rig.peer.sendData(1, grpcFrame(Buffer.alloc(50_000)));
  const other = await rig.unary(3);
  other.request(2);
  rig.peer.sendHeaders(3, responseHeaders());
  for (let i = 0; i < 4; i += 1) {
    while (rig.peer.credit(3) < 30_005) {
      const last = rig.peer.frames.at(-1);
      await rig.peer.frame('WINDOW_UPDATE', last === undefined ? {} : { after: last });
    }
    rig.peer.sendData(3, grpcFrame(Buffer.alloc(30_000)));
    other.request(1);
  }
  rig.peer.sendHeaders(3, trailers(0), { endStream: true });
  assert.is(await other.outcome(), 'OK processed');
  assert.is(other.messages.length, 4);
  assert.equal(
    stuck.names.filter((name) => name === 'message'),
    [],
  );
});

test('a message larger than the window comes through', async () => {
  await using rig = await ClientRig.open({ client: { streamWindowBytes: 65_535 } });
  const call = await rig.unary();
  call.request(1);
  rig.peer.sendHeaders(1, responseHeaders());
  const bytes = grpcFrame(Buffer.alloc(1_000_000, 'x'));
  for (let at = 0; at < bytes.length; ) {
    const credit = Math.min(rig.peer.credit(1), bytes.length - at);
    if (credit <= 0) {
      await rig.peer.roundTrip();
      continue;
    }
    rig.peer.sendData(1, bytes.subarray(at, at + credit));
    at += credit;
  }
  rig.peer.sendHeaders(1, trailers(0), { endStream: true });
  assert.is(await call.outcome(), 'OK processed');
  assert.is(call.messages[0]?.length, 1_000_000);
});

test.run();
