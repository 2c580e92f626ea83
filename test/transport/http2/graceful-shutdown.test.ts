/**
 * How a server's connection ends: gently, by force, and when the client has not even begun. Pins why the gentle way has one
 * GOAWAY and not gRPC's usual two.
 */
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Metadata } from '../../../src/values/metadata.ts';
import { Code, Status } from '../../../src/values/status.ts';
import { grpcFrame, RawClient, type RawConnection, requestHeaders } from '../../support/raw-http2.ts';
import { assert, suite, within } from '../../support/suite.ts';
import { WoundClock } from '../../support/wound-clock.ts';
import { StreamServer } from './stream-server.ts';

const test = suite('Http2ServerTransport: shutdown');

const PATH = '/test.Echo/Bidi';

/** Node's own server with one session, and a client that has opened `streams` streams on it. */
async function withPlainServer(
  streams: number,
  run: (session: http2.ServerHttp2Session, client: RawConnection) => Promise<void>,
): Promise<void> {
  const server = http2.createServer().listen(0, '127.0.0.1');
  await within(5_000, once(server, 'listening'));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const arrived = new Promise<http2.ServerHttp2Session>((resolve) => server.once('session', resolve));
  server.on('stream', (stream) => stream.on('error', () => {}));
  const client = await RawClient.connect(port);
  const session = await within(5_000, arrived);
  try {
    for (let i = 0; i < streams; i += 1) client.open(requestHeaders(PATH));
    await client.roundTrip();
    await run(session, client);
  } finally {
    session.destroy();
    await client[Symbol.asyncDispose]();
    server.close();
  }
}

test('node:http2 takes no stream once a GOAWAY is out, even one that names the highest id', async () => {
  await withPlainServer(1, async (session, client) => {
    let streams = 0;
    session.on('stream', () => {
      streams += 1;
    });
    session.goaway(0, 2 ** 31 - 1);
    assert.is((await client.frame('GOAWAY')).lastStream, 2 ** 31 - 1);
    const stream = client.open(requestHeaders(PATH));
    await client.roundTrip();
    assert.is(streams, 0);
    assert.equal(client.story(stream), []);
  });
});

test('node:http2 reads nothing any more once a GOAWAY is out and no stream is open', async () => {
  for (const [streams, pongs] of [
    [1, 1],
    [0, 0],
  ] as const) {
    await withPlainServer(streams, async (session, client) => {
      let seen = 0;
      session.goaway(0, 2 ** 31 - 1);
      session.ping((error) => {
        if (error === null) seen += 1;
      });
      await client.frame('GOAWAY');
      await sleep(100);
      assert.is(seen, pongs, `with ${streams} streams`);
    });
  }
});

test('streams run to their end before the connection closes', async () => {
  await using server = await StreamServer.listen();
  await using client = await RawClient.connect(server.port);
  const stream = client.open(requestHeaders(PATH));
  const arrival = await server.arrival();
  server.shutdown();
  assert.is(String(await client.frame('GOAWAY')), 'GOAWAY(last 1, NO_ERROR)');
  arrival.stream.sendHeaders(new Metadata());
  arrival.stream.writeMessage(Buffer.from('after the GOAWAY'), 0);
  await client.frame('DATA', { stream });
  assert.is(server.terminated, 0);
  client.sendData(stream, grpcFrame(Buffer.from('still heard')), { endStream: true });
  arrival.stream.request(2);
  await arrival.log.next('half-close');
  arrival.stream.close(Status.OK, new Metadata());
  await client.frame('HEADERS', { stream, endStream: true });
  assert.is(await client.closed, 'fin', client.text());
  assert.is((await arrival.closed).code, Code.OK);
  await server.gone();
  assert.is(server.terminated, 1);
});

test('an idle connection closes at once, also one that served before', async () => {
  await using server = await StreamServer.listen({
    onArrival: ({ stream }) => stream.close(Status.OK, new Metadata()),
  });
  await using fresh = await RawClient.connect(server.port, { ackPings: false });
  await using used = await RawClient.connect(server.port, { ackPings: false });
  await fresh.roundTrip();
  const stream = used.open(requestHeaders(PATH), { endStream: true });
  await used.frame('HEADERS', { stream });
  await used.roundTrip();
  server.shutdown();
  assert.is(String(await used.frame('GOAWAY')), 'GOAWAY(last 1, NO_ERROR)');
  assert.is(await used.closed, 'fin');
  assert.is(await fresh.closed, 'fin');
  await server.gone();
});

test('a call on its way is above the last id, so the client may retry it', async () => {
  for (const busy of [false, true]) {
    await using server = await StreamServer.listen();
    await using client = await RawClient.connect(server.port);
    if (busy) client.open(requestHeaders(PATH));
    await client.roundTrip();
    server.shutdown();
    const stream = client.open(requestHeaders(PATH), { endStream: true });
    const goaway = await client.frame('GOAWAY');
    assert.is(goaway.code, 'NO_ERROR');
    assert.ok(goaway.lastStream < stream, client.text());
    if (busy) {
      await client.roundTrip();
      server.arrivals[0]?.stream.close(Status.OK, new Metadata());
    }
    assert.is(await client.closed, 'fin', client.text());
    assert.is(server.arrivals.length, busy ? 1 : 0);
  }
});

test('a connection whose client has said GOAWAY already still ends with its last stream', async () => {
  await using server = await StreamServer.listen();
  await using client = await RawClient.connect(server.port);
  const stream = client.open(requestHeaders(PATH));
  const arrival = await server.arrival();
  client.sendGoaway(0);
  await client.roundTrip();
  server.shutdown();
  await client.roundTrip();
  arrival.stream.close(Status.OK, new Metadata());
  assert.is((await client.frame('HEADERS', { stream })).header('grpc-status'), '0');
  assert.is(await client.closed, 'fin', client.text());
  await server.gone();
});

test('shutdown a second time changes nothing', async () => {
  await using server = await StreamServer.listen();
  await using client = await RawClient.connect(server.port);
  client.open(requestHeaders(PATH));
  const arrival = await server.arrival();
  for (let i = 0; i < 3; i += 1) for (const transport of server.transports) transport.shutdown();
  server.shutdown();
  await client.roundTrip();
  assert.is(client.frames.filter(({ type }) => type === 'GOAWAY').length, 1);
  arrival.stream.close(Status.OK, new Metadata());
  assert.is(await client.closed, 'fin');
});

test('shutdownNow ends open streams with its reason and the connection', async () => {
  await using server = await StreamServer.listen();
  await using client = await RawClient.connect(server.port);
  client.open(requestHeaders(PATH));
  client.open(requestHeaders(PATH));
  const arrivals = [await server.arrival(0), await server.arrival(1)];
  arrivals[1]?.stream.sendHeaders(new Metadata());
  server.close();
  const reason = Status.UNAVAILABLE.withDescription('enough');
  server.transports[0]?.shutdownNow(reason);
  server.transports[0]?.shutdownNow(Status.INTERNAL);
  for (const arrival of arrivals) assert.is(await arrival.closed, reason);
  await within(5_000, client.closed);
  await server.gone();
  assert.is(server.terminated, 1);
});

test('shutdownNow also ends a connection that drains, and one that does not read', async () => {
  await using server = await StreamServer.listen();
  await using client = await RawClient.connect(server.port);
  client.open(requestHeaders(PATH));
  const arrival = await server.arrival();
  client.socket.pause();
  arrival.stream.sendHeaders(new Metadata());
  for (let i = 0; i < 200; i += 1) arrival.stream.writeMessage(Buffer.alloc(64 * 1024), 0);
  server.shutdown();
  await sleep(50);
  server.transports[0]?.shutdownNow(Status.UNAVAILABLE.withDescription('enough'));
  assert.is((await arrival.closed).description, 'enough');
  await server.gone();
});

test('a client that does not send SETTINGS in time is gone', async () => {
  const clock = new WoundClock();
  await using server = await StreamServer.listen({}, { clock, handshakeTimeoutMs: 7_000 });
  await using silent = await RawClient.connect(server.port, { settings: null, ackSettings: false });
  // Says nothing at all, not even the preface.
  const bare = net.connect(server.port, '127.0.0.1').resume();
  bare.on('error', () => {});
  const closed = once(bare, 'close');
  while (server.transports.length < 2) await sleep(5);
  clock.advance(6_999);
  await sleep(20);
  assert.is(server.terminated, 0);
  clock.advance(1);
  await within(5_000, closed);
  await within(5_000, silent.closed);
  while (server.terminated < 2) await sleep(5);
  assert.is(server.terminated, 2);
  assert.is(clock.armed, 0);
});

test('with the SETTINGS there the handshake timer is off', async () => {
  const clock = new WoundClock();
  await using server = await StreamServer.listen({}, { clock, keepalive: { timeMs: Number.POSITIVE_INFINITY } });
  await using client = await RawClient.connect(server.port);
  await client.roundTrip();
  assert.is(clock.armed, 0);
  clock.advance(1_000_000);
  await client.roundTrip();
});

test('shutdown does not wait for a client that has not sent SETTINGS', async () => {
  await using server = await StreamServer.listen();
  await using silent = await RawClient.connect(server.port, { settings: null, ackSettings: false });
  while (server.transports.length < 1) await sleep(5);
  server.shutdown();
  await within(5_000, silent.closed);
  await server.gone();
});

test.run();
