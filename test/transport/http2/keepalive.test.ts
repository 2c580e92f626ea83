/**
 * Http2ClientTransport: keepalive, against a raw server that answers, keeps silent, or no longer reads. Pins what node does
 * with pings, and why only bytes that were read count as life.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { ChannelCredentials } from '../../../src/credentials/channel-credentials.ts';
import type { KeepaliveOptions } from '../../../src/transport/http2/keepalive.ts';
import { KeepalivePace } from '../../../src/transport/http2/keepalive-pace.ts';
import { KeepaliveWatch } from '../../../src/transport/http2/keepalive-watch.ts';
import { Status } from '../../../src/values/status.ts';
import { certificates } from '../../support/certificates.ts';
import type { Frame } from '../../support/http2-frame.ts';
import { RawServer, type RawServerOptions, responseHeaders, trailersOnly } from '../../support/raw-http2.ts';
import { assert, suite, within } from '../../support/suite.ts';
import { WoundClock } from '../../support/wound-clock.ts';
import { ClientRig, type RigOptions } from './client-rig.ts';

const test = suite('Http2ClientTransport: keepalive');

const EVERY_MINUTE: KeepaliveOptions = { timeMs: 60_000 };
const FAILED = /^lost the connection to 127\.0\.0\.1:\d+: Keepalive failed\. The connection is likely gone$/;

interface TimedRig extends AsyncDisposable {
  readonly rig: ClientRig;
  readonly clock: WoundClock;
  /** How many pings have come. */
  pings(): number;
  /** From here on nothing is read unless the test says so: the time counts from now. */
  settle(): Promise<void>;
}

async function timedRig(
  keepalive: KeepaliveOptions | null,
  server: RawServerOptions = {},
  client: RigOptions['client'] = {},
): Promise<TimedRig> {
  const clock = new WoundClock();
  const options = keepalive === null ? {} : { keepalive };
  const rig = await ClientRig.open({ server, client: { clock, ...options, ...client } });
  return {
    rig,
    clock,
    pings: () => rig.peer.frames.filter(({ type, ack }) => type === 'PING' && !ack).length,
    async settle(): Promise<void> {
      await rig.peer.roundTrip();
      await clock.advanceAsync((keepalive?.timeMs ?? 0) / 8);
    },
    [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose](),
  };
}

/** A promise, and what resolves it. */
function latch(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** A turn of the event loop. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test('without the option there are no pings', async () => {
  await using timed = await timedRig(null);
  await timed.rig.bidi();
  assert.is(timed.clock.armed, 0);
  await timed.clock.advanceAsync(100_000_000);
  await timed.rig.peer.roundTrip();
  assert.is(timed.pings(), 0);
});

test('a quiet connection with a call is asked each time, and lives as long as it answers', async () => {
  await using timed = await timedRig(EVERY_MINUTE);
  const { rig, clock } = timed;
  const call = await rig.bidi();
  await timed.settle();
  let last: Frame | null = null;
  for (let i = 0; i < 5; i += 1) {
    await clock.advanceAsync(59_999);
    assert.is(timed.pings(), i);
    await clock.advanceAsync(1);
    last = await rig.peer.frame('PING', { ack: false, ...(last === null ? {} : { after: last }) });
    // Over loopback the answer is there as soon as it was written; some turns, and it was read.
    for (let turns = 0; turns < 5; turns += 1) await turn();
  }
  assert.not(call.names.includes('close'));
});

test('no answer in time: calls end UNAVAILABLE, the connection closes', async () => {
  await using timed = await timedRig(EVERY_MINUTE, { ackPings: false });
  const { rig, clock } = timed;
  const calls = [await rig.bidi(), await rig.unary(3)];
  await timed.settle();
  await clock.advanceAsync(60_000);
  await rig.peer.frame('PING');
  await clock.advanceAsync(19_999);
  assert.equal(rig.listener.names, ['ready']);
  await clock.advanceAsync(1);
  for (const call of calls) {
    const { status, progress } = await call.closed;
    assert.is(`${status.name} ${progress}`, 'UNAVAILABLE processed');
    assert.match(status.description ?? '', FAILED);
  }
  await rig.listener.log.end();
  assert.equal(rig.listener.names, ['ready', 'shutdown', 'terminated']);
  await within(2_000, rig.peer.closed);
  assert.is(clock.armed, 0);
});

test('a peer that no longer reads, with our writes in the way', async () => {
  await using timed = await timedRig(EVERY_MINUTE, { settings: { INITIAL_WINDOW_SIZE: 2 ** 30 } });
  const { rig, clock } = timed;
  const call = await rig.bidi();
  rig.peer.sendWindowUpdate(0, 2 ** 30);
  await rig.peer.roundTrip();
  rig.peer.socket.pause();
  for (let i = 0; i < 64; i += 1) call.send(Buffer.alloc(1024 * 1024));
  await clock.advanceAsync(60_000);
  await clock.advanceAsync(60_000);
  await clock.advanceAsync(20_000);
  assert.match((await call.closed).status.description ?? '', FAILED);
  await rig.listener.log.end();
});

test('a call whose messages were not asked for ends too', async () => {
  await using timed = await timedRig(EVERY_MINUTE, { ackPings: false });
  const { rig, clock } = timed;
  const call = await rig.bidi();
  rig.peer.sendHeaders(1, responseHeaders());
  for (let i = 0; i < 8; i += 1) rig.peer.sendData(1, Buffer.alloc(8 * 1024));
  await timed.settle();
  await clock.advanceAsync(60_000);
  await clock.advanceAsync(20_000);
  assert.is(await call.outcome(), 'UNAVAILABLE processed');
  await rig.listener.log.end();
});

test('any bytes are a sign of life', async () => {
  await using timed = await timedRig(EVERY_MINUTE, { ackPings: false });
  const { rig, clock } = timed;
  const call = await rig.bidi();
  await timed.settle();
  await clock.advanceAsync(60_000);
  const ping = await rig.peer.frame('PING');
  rig.peer.sendWindowUpdate(0, 1);
  await timed.settle();
  await clock.advanceAsync(59_999);
  assert.not(call.names.includes('close'));
  assert.is(timed.pings(), 1);
  await clock.advanceAsync(1);
  await rig.peer.frame('PING', { ack: false, after: ping });
});

test('without calls it does not ask; a call that comes later asks at once', async () => {
  await using timed = await timedRig(EVERY_MINUTE, { ackPings: false });
  const { rig, clock } = timed;
  const first = await rig.unary();
  rig.peer.sendHeaders(1, trailersOnly(0), { endStream: true });
  await first.closed;
  await timed.settle();
  await clock.advanceAsync(1_000_000);
  assert.is(clock.armed, 0);
  const call = await rig.bidi(3);
  await rig.peer.frame('PING', { ack: false });
  assert.is(timed.pings(), 1);
  await clock.advanceAsync(20_000);
  assert.match((await call.closed).status.description ?? '', FAILED);
});

test('where it is permitted it asks without calls, and gives up an idle connection', async () => {
  await using timed = await timedRig(
    { ...EVERY_MINUTE, permitWithoutCalls: true, timeoutMs: 5_000 },
    { ackPings: false },
  );
  const { rig, clock } = timed;
  await timed.settle();
  await clock.advanceAsync(60_000);
  await rig.peer.frame('PING');
  await clock.advanceAsync(5_000);
  await rig.listener.log.end();
  assert.match((await rig.listener.log.next('shutdown')).reason.description ?? '', FAILED);
});

test('less than ten seconds is taken as that', async () => {
  await using timed = await timedRig({ timeMs: 1 });
  await timed.rig.bidi();
  await timed.rig.peer.roundTrip();
  await timed.clock.advanceAsync(1_250);
  await timed.clock.advanceAsync(9_999);
  assert.is(timed.pings(), 0);
  await timed.clock.advanceAsync(1);
  await timed.rig.peer.frame('PING');
});

test('over TLS too', async () => {
  const { ca, server } = await certificates();
  const credentials = ChannelCredentials.tls({ ca: ca.cert });
  const client = { authority: 'localhost', credentials };
  await using timed = await timedRig(EVERY_MINUTE, { tls: server, ackPings: false, ackSettings: false }, client);
  const { rig, clock } = timed;
  const call = await rig.bidi();
  await timed.settle();
  await clock.advanceAsync(60_000);
  const ping = await rig.peer.frame('PING');
  rig.peer.sendWindowUpdate(0, 1);
  await timed.settle();
  await clock.advanceAsync(60_000);
  await rig.peer.frame('PING', { ack: false, after: ping });
  assert.not(call.names.includes('close'));
  await clock.advanceAsync(20_000);
  assert.match((await call.closed).status.description ?? '', FAILED);
});

test('a ping that node refuses, because ten are under way, is no answer', async () => {
  await using timed = await timedRig(EVERY_MINUTE, { ackPings: false });
  const { rig, clock } = timed;
  const call = await rig.bidi();
  const refused: unknown[] = [];
  for (let i = 0; i < 10; i += 1) rig.transport.ping(() => {});
  rig.transport.ping((error) => refused.push(error));
  await turn();
  assert.is(refused.length, 1);
  await timed.settle();
  await clock.advanceAsync(60_000);
  assert.is(timed.pings(), 10);
  await clock.advanceAsync(20_000);
  assert.match((await call.closed).status.description ?? '', FAILED);
});

test('an answer that waits in the socket while the event loop stands still is an answer', async () => {
  await using timed = await timedRig(EVERY_MINUTE, { ackPings: false });
  const { rig, clock } = timed;
  const call = await rig.bidi();
  await timed.settle();
  await clock.advanceAsync(60_000);
  const ping = await rig.peer.frame('PING');
  await clock.advanceAsync(19_999);
  // On this stack nothing is read any more before the timer.
  rig.peer.ackPing(ping.payload);
  clock.advance(1);
  await rig.peer.roundTrip();
  assert.not(call.names.includes('close'));
});

test('nothing happens to a connection that ends while it is asked', async () => {
  await using timed = await timedRig(EVERY_MINUTE, { ackPings: false });
  const { rig, clock } = timed;
  const call = await rig.bidi();
  await timed.settle();
  await clock.advanceAsync(60_000);
  await rig.peer.frame('PING');
  rig.peer.reset();
  assert.is(await call.outcome(), 'UNAVAILABLE processed');
  await rig.listener.log.end();
  assert.is(clock.armed, 0);
  await clock.advanceAsync(1_000_000);
});

test('a connection that is shut down amid a look is left alone', async () => {
  await using timed = await timedRig(EVERY_MINUTE);
  const { rig, clock } = timed;
  const call = await rig.bidi();
  await timed.settle();
  await clock.advanceAsync(59_999);
  clock.advance(1);
  rig.transport.shutdownNow(Status.UNAVAILABLE.withDescription('now'));
  await call.closed;
  await rig.listener.log.end();
  assert.is(clock.armed, 0);
  assert.is(timed.pings(), 0);
});

test('a session that was destroyed is asked nothing, and nothing is thrown', async () => {
  await using server = await RawServer.listen();
  const socket = net.connect(server.port, '127.0.0.1');
  const session = http2.connect('http://localhost', { createConnection: () => socket });
  session.on('error', () => {});
  await within(2_000, once(session, 'remoteSettings'));
  const clock = new WoundClock();
  const { promise, resolve } = latch();
  const settings = { timeMs: 10_000, timeoutMs: 1_000, permitWithoutCalls: true };
  const watch = new KeepaliveWatch(settings, clock, session, socket, { onKeepaliveFailed: resolve });
  session.destroy();
  assert.throws(() => session.ping(() => {}), /destroyed/);
  for (let i = 0; i < 12; i += 1) await clock.advanceAsync(1_000);
  await within(2_000, promise);
  watch.stop();
  assert.is(clock.armed, 0);
});

test('node:http2 refuses pings once it has seen a GOAWAY, and still sends SETTINGS', async () => {
  await using server = await RawServer.listen();
  const session = http2.connect(`http://127.0.0.1:${server.port}`);
  session.on('error', () => {});
  const stream = session.request({ ':method': 'POST', ':path': '/test/Call' });
  stream.on('error', () => {});
  try {
    const peer = await server.connection();
    await peer.frame('HEADERS');
    const first = await peer.frame('SETTINGS');
    peer.sendGoaway(1);
    await within(2_000, once(session, 'goaway'));
    await turn();
    const error = await new Promise<Error | null>((resolve) => session.ping(resolve));
    assert.is((error as NodeJS.ErrnoException | null)?.code, 'ERR_HTTP2_PING_CANCEL');
    session.settings({}, () => {});
    await peer.frame('SETTINGS', { after: first, ack: false });
    assert.not(peer.has('PING'));
  } finally {
    session.destroy();
  }
});

test('after a GOAWAY the calls that go on are looked after', async () => {
  for (const answers of [true, false]) {
    await using timed = await timedRig(EVERY_MINUTE, { ackPings: false, ackSettings: answers });
    const { rig, clock } = timed;
    const call = await rig.bidi();
    const first = await rig.peer.frame('SETTINGS', { ack: false });
    rig.peer.sendGoaway(1);
    await rig.listener.log.next('shutdown');
    await clock.advanceAsync(7_500);
    await clock.advanceAsync(60_000);
    await rig.peer.frame('SETTINGS', { after: first, ack: false });
    if (answers) await rig.peer.roundTrip();
    await clock.advanceAsync(20_000);
    if (answers) {
      assert.not(call.names.includes('close'));
      rig.peer.sendHeaders(1, trailersOnly(0), { endStream: true });
      assert.is(await call.outcome(), 'OK processed');
    } else {
      assert.match((await call.closed).status.description ?? '', /Keepalive failed/);
    }
    await rig.listener.log.end();
  }
});

test('a connection on which node has silently stopped reading is found', async () => {
  await using timed = await timedRig(EVERY_MINUTE);
  const { rig, clock } = timed;
  const call = await rig.bidi();
  // On some versions of node the end of HPACK is not told; on others the call ends at once.
  rig.peer.sendHeaders(1, responseHeaders([['x-long', 'x'.repeat(70_000)]]));
  await rig.peer.frame('GOAWAY');
  for (let i = 0; i < 20 && !call.names.includes('close'); i += 1) await clock.advanceAsync(7_500);
  assert.not((await call.closed).status.isOk);
  await rig.listener.log.end();
});

test('too_many_pings: later connections of the channel ask half as often', async () => {
  const keepalivePace = new KeepalivePace();
  const warned = once(process, 'warning');
  for (const timeMs of [60_000, 120_000, 240_000]) {
    await using timed = await timedRig(EVERY_MINUTE, {}, { keepalivePace });
    const { rig, clock } = timed;
    const call = await rig.bidi();
    await rig.peer.roundTrip();
    await clock.advanceAsync(timeMs / 8);
    await clock.advanceAsync(timeMs - 1);
    assert.is(timed.pings(), 0);
    await clock.advanceAsync(1);
    await rig.peer.frame('PING');
    rig.peer.sendGoaway(1, 'ENHANCE_YOUR_CALM', 'too_many_pings');
    const { status } = await call.closed;
    assert.match(status.toString(), /^UNAVAILABLE: .*GOAWAY ENHANCE_YOUR_CALM, debug data: too_many_pings/);
  }
  const [warning] = (await within(2_000, warned)) as [Error];
  assert.match(warning.message, /^127\.0\.0\.1:\d+ ended a connection for too many keepalive pings/);
});

test('another GOAWAY, or one of a connection that asks nothing, changes no pace', async () => {
  const keepalivePace = new KeepalivePace();
  const goaways: [KeepaliveOptions | null, 'ENHANCE_YOUR_CALM' | 'NO_ERROR', string][] = [
    [EVERY_MINUTE, 'ENHANCE_YOUR_CALM', 'too_many_resets'],
    [EVERY_MINUTE, 'NO_ERROR', 'too_many_pings'],
    [null, 'ENHANCE_YOUR_CALM', 'too_many_pings'],
  ];
  for (const [keepalive, code, debug] of goaways) {
    await using timed = await timedRig(keepalive, {}, { keepalivePace });
    timed.rig.peer.sendGoaway(0, code, debug);
    await timed.rig.listener.log.next('shutdown');
  }
  const settings = { timeMs: 10_000, timeoutMs: 1, permitWithoutCalls: true };
  assert.is(keepalivePace.settingsOf(settings), settings);
});

test('it keeps no process alive', async () => {
  await using server = await RawServer.listen();
  const transport = new URL('../../../src/transport/http2/client-transport.js', import.meta.url);
  const credentials = new URL('../../../src/credentials/channel-credentials.js', import.meta.url);
  const code = `
    const { Http2ClientTransport } = await import('${transport}');
    const { ChannelCredentials } = await import('${credentials}');
    const address = { host: '127.0.0.1', port: ${server.port} };
    const keepalive = { timeMs: 10_000, permitWithoutCalls: true };
    const options = { address, authority: 'a', credentials: ChannelCredentials.insecure(), keepalive };
    new Http2ClientTransport(options).start({ onReady() {}, onInUse() {}, onShutdown() {}, onTerminated() {} });`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  try {
    const exit = once(child, 'exit');
    await server.connection();
    assert.equal(await within(8_000, exit), [0, null]);
  } finally {
    child.kill('SIGKILL');
  }
});

test.run();
