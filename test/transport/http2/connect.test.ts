/**
 * Http2ClientTransport, connecting: peers that are silent, absent, rude or late, and every kind of address. Ready means
 * that the peer's SETTINGS have come; whatever keeps them from coming ends the attempt, and with it every call that waits.
 */

import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ChannelCredentials } from '../../../src/credentials/channel-credentials.ts';
import type { Http2Address } from '../../../src/transport/http2/client-socket.ts';
import { type Http2ClientOptions, Http2ClientTransport } from '../../../src/transport/http2/client-transport.ts';
import { LOCAL_ADDRESS, REMOTE_ADDRESS, SECURITY_LEVEL } from '../../../src/values/attributes.ts';
import { Status } from '../../../src/values/status.ts';
import { RawServer, trailersOnly } from '../../support/raw-http2.ts';
import { assert, suite, within } from '../../support/suite.ts';
import { WoundClock } from '../../support/wound-clock.ts';
import { ClientRig, methodOf, RecordedStream, RecordingTransportListener, STREAM_OPTIONS } from './client-rig.ts';

const test = suite('Http2ClientTransport, connecting');

/** A client's transport without a rig, started. */
function connect(address: Http2Address, options: Partial<Http2ClientOptions> = {}) {
  const credentials = ChannelCredentials.insecure();
  const transport = new Http2ClientTransport({ address, authority: 'a.test', credentials, ...options });
  const listener = new RecordingTransportListener();
  listener.log.forbid(() => transport.start(listener));
  return {
    transport,
    listener,
    /** A unary call that has been made. */
    call(): RecordedStream {
      return new RecordedStream(transport.newStream(methodOf('unary'), STREAM_OPTIONS)).start().send('x').halfClose();
    },
    async [Symbol.asyncDispose](): Promise<void> {
      transport.shutdownNow(Status.CANCELLED);
      await listener.log.end();
    },
  };
}

/** A port of 127.0.0.1 that nobody listens on. */
async function unusedPort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

test('node: a session that is destroyed while it connects leaves its socket connecting', async () => {
  const socket = net.connect({ host: 'never.test', port: 1, lookup: () => {} });
  const session = http2.connect('http://localhost', { createConnection: () => socket });
  session.on('error', () => {});
  session.destroy();
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.ok(socket.connecting);
  assert.not(socket.destroyed);
  const closed = once(socket, 'close');
  socket.destroy();
  await within(2_000, closed);
});

for (const [manner, credentials] of [
  ['mute', ChannelCredentials.insecure()],
  ['deaf', ChannelCredentials.insecure()],
  ['deaf', ChannelCredentials.tls()],
] as const) {
  const what = `a ${manner} peer${credentials.tls === null ? '' : ' with TLS'}`;
  test(`${what}: UNAVAILABLE after 20 s, and the socket is closed`, async () => {
    const clock = new WoundClock();
    await using server = await RawServer.listen({ manner });
    await using client = connect({ host: '127.0.0.1', port: server.port }, { clock, credentials });
    const call = client.call();
    const peer = await server.connection();
    if (manner === 'mute') await peer.frame('SETTINGS');
    clock.advance(19_999);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal([client.listener.names, call.names], [[], []]);
    assert.match(call.stream.describeProgress(), /^waiting for a connection to 127\.0\.0\.1:\d+$/);
    clock.advance(1);
    const { status, progress } = await call.closed;
    assert.is(`${status.name} ${progress}`, 'UNAVAILABLE not-sent');
    assert.match(status.description ?? '', /within 20 s$/);
    await client.listener.log.end();
    assert.equal(client.listener.names, ['shutdown', 'terminated']);
    assert.is(clock.armed, 0);
    // Who has not read sees the end only now.
    peer.socket.resume();
    await within(2_000, peer.closed);
  });
}

test('the bound may be chosen, and is real time by default', async () => {
  await using server = await RawServer.listen({ manner: 'mute' });
  await using client = connect({ host: '127.0.0.1', port: server.port }, { connectTimeoutMs: 60 });
  const { status } = await client.call().closed;
  assert.match(status.description ?? '', /the peer did not speak HTTP\/2 within 0\.06 s$/);
});

test('SETTINGS that come late but in time make it ready, and calls that wait go out in order', async () => {
  const clock = new WoundClock();
  await using rig = await ClientRig.open({ server: { manner: 'mute' }, client: { clock }, awaitReady: false });
  const calls = ['one', 'two'].map((text) => rig.stream('unary').start().send(text).halfClose());
  await rig.peer.frame('SETTINGS');
  clock.advance(19_999);
  rig.peer.sendSettings({ MAX_CONCURRENT_STREAMS: 1 });
  await rig.listener.log.next('ready');
  assert.is(clock.armed, 0);
  await rig.peer.frame('DATA', { stream: 1 });
  assert.is(rig.peer.messages(1)[0]?.payload.toString(), 'one');
  assert.not(rig.peer.has('HEADERS', { stream: 3 }), rig.peer.text());
  for (const call of calls) call.cancel();
});

test('nobody listens: UNAVAILABLE, with the address and the reason', async () => {
  const port = await unusedPort();
  await using client = connect({ host: '127.0.0.1', port });
  const call = client.call();
  const { status, progress } = await call.closed;
  const text = `cannot connect to 127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}`;
  assert.is(`${status} ${progress}`, `UNAVAILABLE: ${text} not-sent`);
  assert.instance(status.cause, Error);
  const { reason } = await client.listener.log.next('shutdown');
  assert.is(reason.description, text);
  await client.listener.log.end();
  assert.is(await client.call().outcome(), 'UNAVAILABLE not-sent');
});

test('nobody listens on any address of a name: the reasons are told', async () => {
  await using client = connect({ host: 'localhost', port: await unusedPort() });
  const { reason } = await client.listener.log.next('shutdown');
  assert.match(reason.description ?? '', /^cannot connect to localhost:\d+: .*ECONNREFUSED/);
});

for (const how of ['FIN', 'RST'] as const) {
  test(`${how} before SETTINGS: UNAVAILABLE, nothing was sent`, async () => {
    await using rig = await ClientRig.open({ server: { manner: 'mute' }, awaitReady: false });
    const call = rig.stream('unary').start().send('x').halfClose();
    await rig.peer.frame('SETTINGS');
    if (how === 'FIN') rig.peer.end();
    else rig.peer.reset();
    assert.is(await call.outcome(), 'UNAVAILABLE not-sent');
    await rig.listener.log.end();
    assert.equal(rig.listener.names, ['shutdown', 'terminated']);
  });
}

test('a peer that speaks HTTP/1: UNAVAILABLE', async () => {
  await using rig = await ClientRig.open({ server: { manner: 'mute' }, awaitReady: false });
  const call = rig.stream('unary').start().send('x').halfClose();
  await rig.peer.frame('SETTINGS');
  rig.peer.sendRaw(Buffer.from('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'));
  assert.is(await call.outcome(), 'UNAVAILABLE not-sent');
  await rig.listener.log.end();
});

test('a call that is cancelled while connecting leaves nothing', async () => {
  await using rig = await ClientRig.open({ server: { manner: 'mute' }, awaitReady: false });
  const call = rig.stream('unary').start().send('x').halfClose().cancel();
  assert.is(await call.outcome(), 'CANCELLED not-sent');
  rig.peer.sendSettings({});
  await rig.listener.log.next('ready');
  await rig.peer.roundTrip().catch(() => {});
  assert.not(rig.peer.has('HEADERS'), rig.peer.text());
});

test('shutdown while connecting: with nobody waiting the attempt ends, with a call waiting it goes on for it', async () => {
  const reason = Status.UNAVAILABLE.withDescription('leaving');
  await using idle = await ClientRig.open({ server: { manner: 'mute' }, awaitReady: false });
  idle.transport.shutdown(reason);
  await idle.listener.log.end();
  assert.equal(idle.listener.names, ['shutdown', 'terminated']);

  await using rig = await ClientRig.open({ server: { manner: 'mute' }, awaitReady: false });
  const call = rig.stream('unary').start().send('x').halfClose();
  rig.transport.shutdown(reason);
  await rig.peer.frame('SETTINGS');
  rig.peer.sendSettings({});
  await rig.peer.frame('HEADERS', { stream: 1 });
  rig.peer.sendHeaders(1, trailersOnly(0), { endStream: true });
  assert.is(await call.outcome(), 'OK processed');
  await rig.listener.log.end();
  assert.equal(rig.listener.names, ['shutdown', 'terminated']);
});

test('shutdownNow while connecting ends the calls with its reason', async () => {
  await using rig = await ClientRig.open({ server: { manner: 'mute' }, awaitReady: false });
  const call = rig.stream('unary').start().send('x').halfClose();
  rig.transport.shutdownNow(Status.UNAVAILABLE.withDescription('leaving now'));
  const { status, progress } = await call.closed;
  assert.is(`${status} ${progress}`, 'UNAVAILABLE: leaving now not-sent');
  await rig.listener.log.end();
  assert.equal(rig.listener.names, ['shutdown', 'terminated']);
});

test('shutdown before start: start does nothing, streams are refused', async () => {
  const credentials = ChannelCredentials.insecure();
  const transport = new Http2ClientTransport({ address: { host: '127.0.0.1', port: 1 }, authority: 'a', credentials });
  transport.shutdown(Status.UNAVAILABLE.withDescription('never mind'));
  const listener = new RecordingTransportListener();
  transport.start(listener);
  const call = new RecordedStream(transport.newStream(methodOf('unary'), STREAM_OPTIONS)).start();
  assert.is((await call.closed).status.toString(), 'UNAVAILABLE: never mind');
  assert.equal(listener.names, []);
});

test('the attributes tell both ends', async () => {
  await using rig = await ClientRig.open();
  const call = await rig.unary();
  const attributes = call.stream.getAttributes();
  assert.equal(attributes.get(REMOTE_ADDRESS), { host: '127.0.0.1', port: rig.server.port });
  assert.equal(attributes.get(LOCAL_ADDRESS), { host: '127.0.0.1', port: rig.peer.socket.remotePort });
  assert.is(attributes.get(SECURITY_LEVEL), 'none');
  assert.is(rig.stream('unary').stream.getAttributes().get(REMOTE_ADDRESS), null);
});

test('an IPv6 address', async () => {
  const server = http2.createServer();
  server.on('stream', (stream: http2.ServerHttp2Stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '0' }, { endStream: true });
  });
  server.listen(0, '::1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connect({ host: '::1', port });
  const call = client.call();
  assert.is(await call.outcome(), 'OK processed');
  assert.equal(call.stream.getAttributes().get(REMOTE_ADDRESS), { host: '::1', port });
  await client[Symbol.asyncDispose]();
  server.close();
  await within(2_000, once(server, 'close'));
});

test('a Unix socket, and an abstract one', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'halfclose-'));
  const names = [path.join(folder, 'socket')];
  if (process.platform === 'linux') names.push(`\0${path.join(folder, 'abstract')}`);
  for (const name of names) {
    await using rig = await ClientRig.open({ server: { path: name }, client: { address: { path: name } } });
    const call = await rig.unary();
    assert.equal(call.stream.getAttributes().get(REMOTE_ADDRESS), { path: name });
    rig.peer.sendHeaders(1, trailersOnly(0), { endStream: true });
    assert.is(await call.outcome(), 'OK processed');
  }
  await using absent = connect({ path: path.join(folder, 'absent') });
  const { reason } = await absent.listener.log.next('shutdown');
  assert.match(reason.description ?? '', /ENOENT/);
  await rm(folder, { recursive: true });
});

test.run();
