/**
 * Http2ServerTransport: what it does about clients that are quiet, that ping too often, that are idle, and about connections
 * that are old, seen frame by frame. Checklist: NettyServerHandlerTest of grpc-java, keepalive_test of grpc-go.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Http2ServerOptions } from '../../../src/transport/http2/server-listener.ts';
import { Metadata } from '../../../src/values/metadata.ts';
import { Status } from '../../../src/values/status.ts';
import type { Frame, FrameType } from '../../support/http2-frame.ts';
import { RawClient, type RawClientOptions, type RawConnection, requestHeaders } from '../../support/raw-http2.ts';
import { assert, suite, within } from '../../support/suite.ts';
import { WoundClock } from '../../support/wound-clock.ts';
import { type Arrival, StreamServer } from './stream-server.ts';

const test = suite('Http2ServerTransport: keepalive and age');

const PATH = '/test.Echo/Bidi';
const TWO_HOURS = 7_200_000;
const STRICT: Http2ServerOptions = { permitKeepaliveTimeMs: 300_000, permitKeepaliveWithoutCalls: false };

interface Timed extends AsyncDisposable {
  readonly clock: WoundClock;
  readonly server: StreamServer;
  readonly client: RawConnection;
}

/** A server with a clock of its own, and one client whose SETTINGS it has read. */
async function timed(options: Http2ServerOptions, client: RawClientOptions = {}): Promise<Timed> {
  const clock = new WoundClock();
  const server = await StreamServer.listen({}, { clock, random: () => 0.5, ...options });
  const raw = await RawClient.connect(server.port, client);
  await raw.frame('SETTINGS', { ack: true });
  return {
    clock,
    server,
    client: raw,
    async [Symbol.asyncDispose](): Promise<void> {
      await raw[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** A call that has reached the application. */
async function openCall({ client, server }: Timed, index = 0): Promise<[number, Arrival]> {
  const stream = client.open(requestHeaders(PATH));
  return [stream, await server.arrival(index)];
}

/** Lets the server notice all that the client has sent: of a quiet time of `timeMs`, all is ahead. */
async function settle({ client, clock }: Timed, timeMs: number): Promise<void> {
  await client.roundTrip();
  await clock.advanceAsync(timeMs / 8);
}

/** Sends pings, one after another, each read before the next. */
async function ping(client: RawConnection, count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await client.roundTrip();
}

// ---- keepalive ----

test('a quiet client is asked after two hours, calls or not, and lives as long as it answers', async () => {
  await using all = await timed({});
  const { client, clock } = all;
  await settle(all, TWO_HOURS);
  await clock.advanceAsync(TWO_HOURS - 1);
  assert.not(client.has('PING', { ack: false }), client.text());
  await clock.advanceAsync(1);
  await client.frame('PING', { ack: false });
  await client.roundTrip();
  await clock.advanceAsync(20_000);
  await client.roundTrip();
});

test('no answer: the connection is closed, its calls end UNAVAILABLE', async () => {
  await using all = await timed({ keepalive: { timeMs: 60_000, timeoutMs: 5_000 } }, { ackPings: false });
  const { client, clock, server } = all;
  const [, arrival] = await openCall(all);
  await settle(all, 60_000);
  await clock.advanceAsync(60_000);
  await client.frame('PING', { ack: false });
  await clock.advanceAsync(4_999);
  assert.is(server.terminated, 0);
  await clock.advanceAsync(1);
  const status = await arrival.closed;
  assert.is(status.toString(), 'UNAVAILABLE: Keepalive failed. The connection is likely gone');
  await within(2_000, client.closed);
  server.close();
  await server.gone();
  assert.is(clock.armed, 0);
});

test('a client that no longer reads, with our writes in the way', async () => {
  await using all = await timed(
    { keepalive: { timeMs: 60_000 } },
    { settings: { INITIAL_WINDOW_SIZE: 2 ** 30 }, ackPings: false },
  );
  const { client, clock, server } = all;
  client.sendWindowUpdate(0, 2 ** 30);
  const [, arrival] = await openCall(all);
  await settle(all, 60_000);
  client.socket.pause();
  arrival.stream.sendHeaders(new Metadata());
  for (let i = 0; i < 64; i += 1) arrival.stream.writeMessage(Buffer.alloc(1024 * 1024), 0);
  await clock.advanceAsync(60_000);
  await clock.advanceAsync(20_000);
  assert.match((await arrival.closed).toString(), /Keepalive failed/);
  server.close();
  await server.gone();
});

test('a client that sends anything is there', async () => {
  await using all = await timed({ keepalive: { timeMs: 60_000 } }, { ackPings: false });
  const { client, clock } = all;
  const [stream, arrival] = await openCall(all);
  await settle(all, 60_000);
  await clock.advanceAsync(60_000);
  await client.frame('PING', { ack: false });
  client.sendWindowUpdate(stream, 1);
  await client.roundTrip();
  await clock.advanceAsync(20_000);
  arrival.stream.close(Status.OK, new Metadata());
  await client.frame('HEADERS', { stream });
});

test('it can be switched off', async () => {
  await using all = await timed({ keepalive: { timeMs: Number.POSITIVE_INFINITY } });
  assert.is(all.clock.armed, 0);
});

test('the calls of a draining connection are looked after too', async () => {
  for (const answers of [true, false]) {
    await using all = await timed({ keepalive: { timeMs: 60_000 } }, { ackPings: false, ackSettings: false });
    const { client, clock, server } = all;
    const [stream, arrival] = await openCall(all);
    const first = await client.frame('SETTINGS', { ack: false });
    await settle(all, 60_000);
    server.shutdown();
    await client.frame('GOAWAY');
    await clock.advanceAsync(60_000);
    // node:http2 refuses to ping here.
    await client.frame('SETTINGS', { after: first, ack: false });
    if (answers) {
      client.ackSettings();
      await client.roundTrip();
    }
    await clock.advanceAsync(20_000);
    if (answers) {
      arrival.stream.close(Status.OK, new Metadata());
      assert.is((await client.frame('HEADERS', { stream, endStream: true })).header('grpc-status'), '0');
    } else {
      assert.match((await arrival.closed).toString(), /Keepalive failed/);
    }
    await server.gone();
  }
});

// ---- ping strikes ----

test('the third ping too many ends the connection', async () => {
  await using all = await timed(STRICT);
  const { client, server } = all;
  const [, arrival] = await openCall(all);
  await ping(client, 3);
  assert.not(client.has('GOAWAY'));
  client.sendPing();
  assert.is(String(await client.frame('GOAWAY')), "GOAWAY(last 1, ENHANCE_YOUR_CALM, 'too_many_pings')");
  assert.is((await arrival.closed).toString(), 'RESOURCE_EXHAUSTED: Too many pings from client');
  await within(2_000, client.closed);
  server.close();
  await server.gone();
});

test('a burst of pings in one read is one rebuke', async () => {
  await using all = await timed(STRICT);
  const { client, server } = all;
  for (let i = 0; i < 100; i += 1) client.sendPing();
  await client.frame('GOAWAY', { code: 'ENHANCE_YOUR_CALM' });
  await within(2_000, client.closed);
  assert.is(client.frames.filter(({ code }) => code === 'ENHANCE_YOUR_CALM').length, 1);
  server.close();
  await server.gone();
});

test('at the permitted pace a client with a call may ping for ever; without one every two hours', async () => {
  await using all = await timed({ ...STRICT, keepalive: { timeMs: Number.POSITIVE_INFINITY } });
  const { client, clock } = all;
  const [stream, arrival] = await openCall(all);
  for (let i = 0; i < 10; i += 1) {
    await ping(client, 1);
    clock.advance(300_000);
  }
  arrival.stream.close(Status.OK, new Metadata());
  await client.frame('HEADERS', { stream });
  client.sendRst(stream, 'CANCEL');
  await ping(client, 1);
  for (let i = 0; i < 5; i += 1) {
    clock.advance(TWO_HOURS);
    await ping(client, 1);
  }
  for (let i = 0; i < 3; i += 1) {
    assert.not(client.has('GOAWAY'), client.text());
    clock.advance(300_000);
    client.sendPing();
  }
  await client.frame('GOAWAY', { code: 'ENHANCE_YOUR_CALM' });
});

test('headers, messages and trailers make up for pings', async () => {
  await using all = await timed(STRICT);
  const { client } = all;
  let last: Frame | undefined;
  const next = async (type: FrameType, stream: number): Promise<void> => {
    last = await client.frame(type, { stream, ...(last === undefined ? {} : { after: last }) });
    await ping(client, 3);
  };
  for (let round = 0; round < 3; round += 1) {
    const [stream, arrival] = await openCall(all, round);
    arrival.stream.sendHeaders(new Metadata());
    await next('HEADERS', stream);
    for (let i = 1; i <= 3; i += 1) {
      arrival.stream.writeMessage(Buffer.from('x'), 0);
      // A message counts once it is told as written.
      while (arrival.log.all('written').length < i) await sleep(1);
      await next('DATA', stream);
    }
    arrival.stream.close(Status.OK, new Metadata());
    await next('HEADERS', stream);
  }
  assert.not(client.has('GOAWAY'), client.text());
});

test('answers to calls that never reach the application make up for pings too', async () => {
  await using all = await timed(STRICT);
  const { client } = all;
  for (let round = 0; round < 3; round += 1) {
    await ping(client, 3);
    const stream = client.open(requestHeaders('/no-method'), { endStream: true });
    await client.frame('HEADERS', { stream });
  }
  assert.not(client.has('GOAWAY'), client.text());
});

test('a large message that is on its way makes up for the pings that measure it', async () => {
  await using all = await timed(STRICT, { returnWindow: false });
  const { client } = all;
  const [stream, arrival] = await openCall(all);
  arrival.stream.sendHeaders(new Metadata());
  arrival.stream.writeMessage(Buffer.alloc(400_000), 0);
  for (let i = 0; i < 20; i += 1) {
    await client.frame('DATA', { stream });
    await ping(client, 2);
    client.sendWindowUpdate(stream, 16_384);
    client.sendWindowUpdate(0, 16_384);
    await ping(client, 1);
  }
  assert.is(arrival.log.all('written').length, 0);
  assert.not(client.has('GOAWAY'), client.text());
});

// ---- idleness and age ----

test('a connection that its client closes leaves no timer', async () => {
  await using all = await timed({ maxConnectionIdleMs: 5_000, maxConnectionAgeMs: 60_000 });
  const { client, clock, server } = all;
  client.end();
  await within(2_000, client.closed);
  server.close();
  await server.gone();
  assert.is(clock.armed, 0);
});

test('an idle connection is closed with max_idle, one with a call is not', async () => {
  await using all = await timed({ maxConnectionIdleMs: 5_000 });
  const { client, clock, server } = all;
  const [stream, arrival] = await openCall(all);
  clock.advance(60_000);
  arrival.stream.close(Status.OK, new Metadata());
  client.sendData(stream, Buffer.alloc(0), { endStream: true });
  await client.frame('HEADERS', { stream, endStream: true });
  await client.roundTrip();
  clock.advance(4_999);
  await client.roundTrip();
  assert.not(client.has('GOAWAY'), client.text());
  clock.advance(1);
  assert.is(String(await client.frame('GOAWAY')), "GOAWAY(last 1, NO_ERROR, 'max_idle')");
  assert.is(await client.closed, 'fin');
  server.close();
  await server.gone();
  assert.is(clock.armed, 0);
});

test('a connection that was never used is idle from the start', async () => {
  await using all = await timed({ maxConnectionIdleMs: 5_000 });
  all.clock.advance(5_000);
  assert.is(String(await all.client.frame('GOAWAY')), "GOAWAY(last 0, NO_ERROR, 'max_idle')");
  assert.is(await all.client.closed, 'fin');
});

test('an old connection is drained with max_age; its calls run to their end', async () => {
  await using all = await timed({ maxConnectionAgeMs: 60_000 });
  const { client, clock, server } = all;
  const [stream, arrival] = await openCall(all);
  clock.advance(59_999);
  await client.roundTrip();
  assert.not(client.has('GOAWAY'));
  clock.advance(1);
  assert.is(String(await client.frame('GOAWAY')), "GOAWAY(last 1, NO_ERROR, 'max_age')");
  await clock.advanceAsync(1_000_000);
  arrival.stream.sendHeaders(new Metadata());
  arrival.stream.writeMessage(Buffer.from('still here'), 0);
  arrival.stream.close(Status.OK, new Metadata());
  client.sendData(stream, Buffer.alloc(0), { endStream: true });
  const end = await client.frame('HEADERS', { stream, endStream: true });
  assert.is(end.header('grpc-status'), '0');
  assert.is(await client.closed, 'fin', client.text());
  assert.ok((await arrival.closed).isOk);
  server.close();
  await server.gone();
});

test('after the grace the calls of an old connection end UNAVAILABLE', async () => {
  await using all = await timed({ maxConnectionAgeMs: 60_000, maxConnectionAgeGraceMs: 1_000 });
  const { client, clock, server } = all;
  const [stream, arrival] = await openCall(all);
  clock.advance(60_000);
  await client.frame('GOAWAY');
  clock.advance(999);
  await sleep(10);
  assert.is(server.terminated, 0);
  clock.advance(1);
  const text = 'the connection has reached its maximum age';
  assert.is((await arrival.closed).toString(), `UNAVAILABLE: ${text}`);
  const end = await client.frame('HEADERS', { stream, endStream: true });
  assert.is(`${end.header('grpc-status')} ${end.header('grpc-message')}`, `14 ${text}`);
  await within(2_000, client.closed);
  server.close();
  await server.gone();
});

test('age comes to connections at different times', async () => {
  const clock = new WoundClock();
  const randoms = [0, 0.999];
  const random = (): number => randoms.shift() ?? 0.5;
  await using server = await StreamServer.listen({}, { clock, maxConnectionAgeMs: 100_000, random });
  await using young = await RawClient.connect(server.port);
  await young.frame('SETTINGS', { ack: true });
  await using old = await RawClient.connect(server.port);
  await old.frame('SETTINGS', { ack: true });
  clock.advance(90_000);
  assert.is(await young.closed, 'fin');
  clock.advance(19_000);
  await old.roundTrip();
  assert.not(old.has('GOAWAY'));
  clock.advance(1_000);
  assert.is(await old.closed, 'fin');
});

test('a server that shuts down needs no age: one GOAWAY without a word', async () => {
  await using all = await timed({ maxConnectionAgeMs: 60_000, maxConnectionIdleMs: 5_000 });
  const { client, clock, server } = all;
  const [, arrival] = await openCall(all);
  server.shutdown();
  await client.frame('GOAWAY');
  clock.advance(100_000);
  await client.roundTrip();
  assert.is(client.frames.filter(({ type }) => type === 'GOAWAY').length, 1, client.text());
  arrival.stream.close(Status.OK, new Metadata());
  await server.gone();
  assert.is(clock.armed, 0);
});

test.run();
