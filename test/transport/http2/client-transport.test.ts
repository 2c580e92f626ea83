/**
 * Http2ClientTransport: whether it keeps the process alive, how it shuts down, pings, and what it takes as options.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { ChannelCredentials } from '../../../src/credentials/channel-credentials.ts';
import { Http2ClientTransport } from '../../../src/transport/http2/client-transport.ts';
import { completeTuning } from '../../../src/transport/http2/session.ts';
import { Status } from '../../../src/values/status.ts';
import { RawServer, type RawServerOptions, responseHeaders, trailers, trailersOnly } from '../../support/raw-http2.ts';
import { assert, suite, within } from '../../support/suite.ts';
import { ClientRig, RecordingTransportListener } from './client-rig.ts';

const test = suite('Http2ClientTransport');

/** A process of its own that connects to `port`, makes `calls` unary calls, and has nothing else to do. */
function clientProcess(port: number, calls: number): { exit: Promise<number | null>; kill(): void } {
  const rig = new URL('./client-rig.js', import.meta.url);
  const transport = new URL('../../../src/transport/http2/client-transport.js', import.meta.url);
  const credentials = new URL('../../../src/credentials/channel-credentials.js', import.meta.url);
  const code = `
    const { methodOf, RecordedStream, RecordingTransportListener, STREAM_OPTIONS } = await import('${rig}');
    const { Http2ClientTransport } = await import('${transport}');
    const { ChannelCredentials } = await import('${credentials}');
    const address = { host: '127.0.0.1', port: ${port} };
    const client = new Http2ClientTransport({ address, authority: 'a', credentials: ChannelCredentials.insecure() });
    client.start(new RecordingTransportListener());
    for (let i = 0; i < ${calls}; i += 1) {
      new RecordedStream(client.newStream(methodOf('unary'), STREAM_OPTIONS)).start().send('x').halfClose();
    }`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const exit = once(child, 'exit').then(([exitCode]) => exitCode as number | null);
  return { exit, kill: () => child.kill('SIGKILL') };
}

/** Whether a promise is still pending after a while. */
async function isPending(promise: Promise<unknown>, ms: number): Promise<boolean> {
  return await Promise.race([
    promise.then(() => false),
    new Promise<boolean>((resolve) => setTimeout(resolve, ms, true)),
  ]);
}

test('an idle connection does not keep the process alive', async () => {
  await using server = await RawServer.listen();
  const client = clientProcess(server.port, 0);
  await server.connection();
  assert.is(await within(8_000, client.exit), 0);
});

test('a connection with an open call does, until the call is over', async () => {
  await using server = await RawServer.listen();
  const client = clientProcess(server.port, 2);
  const peer = await server.connection();
  await peer.frame('DATA', { stream: 3 });
  assert.ok(await isPending(client.exit, 300));
  peer.sendHeaders(1, trailersOnly(0), { endStream: true });
  assert.ok(await isPending(client.exit, 300));
  peer.sendHeaders(3, trailersOnly(0), { endStream: true });
  assert.is(await within(8_000, client.exit), 0);
});

test('a connection with a call that waits for a slot does', async () => {
  await using server = await RawServer.listen({ settings: { MAX_CONCURRENT_STREAMS: 0 } });
  const client = clientProcess(server.port, 1);
  const peer = await server.connection();
  await peer.frame('SETTINGS', { ack: true });
  assert.ok(await isPending(client.exit, 500));
  peer.sendSettings({ MAX_CONCURRENT_STREAMS: 1 });
  await peer.frame('DATA', { stream: 1 });
  peer.sendHeaders(1, trailersOnly(0), { endStream: true });
  assert.is(await within(8_000, client.exit), 0);
});

test('a connection that is being made does', async () => {
  await using server = await RawServer.listen({ manner: 'mute' });
  const client = clientProcess(server.port, 0);
  const peer = await server.connection();
  await peer.frame('SETTINGS');
  assert.ok(await isPending(client.exit, 300));
  peer.sendSettings({});
  assert.is(await within(8_000, client.exit), 0);
});

test('shutdown: open calls run to their end, with messages both ways, then the connection closes', async () => {
  await using rig = await ClientRig.open();
  const call = await rig.bidi();
  rig.transport.shutdown(Status.UNAVAILABLE.withDescription('leaving'));
  const late = rig.stream('unary').start();
  assert.is((await late.closed).status.toString(), 'UNAVAILABLE: leaving');
  call.send('still here').halfClose();
  await rig.peer.frame('DATA', { stream: 1, endStream: true });
  rig.peer.sendHeaders(1, responseHeaders());
  rig.peer.sendHeaders(1, trailers(0), { endStream: true });
  assert.is(await call.outcome(), 'OK processed');
  assert.is(await within(2_000, rig.peer.closed), 'fin');
  await rig.listener.log.end();
  assert.equal(rig.listener.names, ['ready', 'shutdown', 'terminated']);
});

test('shutdown without calls closes at once; a second one changes nothing', async () => {
  await using rig = await ClientRig.open();
  rig.transport.shutdown(Status.UNAVAILABLE.withDescription('first'));
  rig.transport.shutdown(Status.UNAVAILABLE.withDescription('second'));
  const { reason } = await rig.listener.log.next('shutdown');
  assert.is(reason.description, 'first');
  await rig.listener.log.end();
  await within(2_000, rig.peer.closed);
});

test('shutdownNow: open calls end with the reason, none inside it, and the connection closes', async () => {
  await using rig = await ClientRig.open();
  const calls = [await rig.bidi(), await rig.unary(3)];
  const reason = Status.UNAVAILABLE.withDescription('now');
  for (const call of calls) call.log.forbid(() => rig.transport.shutdownNow(reason));
  for (const call of calls) {
    const { status, progress } = await call.closed;
    assert.is(`${status} ${progress}`, 'UNAVAILABLE: now processed');
  }
  await rig.listener.log.end();
  await within(2_000, rig.peer.closed);
});

test('a connection that we give up: its calls are UNAVAILABLE, those without a slot were not sent', async () => {
  await using rig = await ClientRig.open({ server: { settings: { MAX_CONCURRENT_STREAMS: 2 } } });
  const calls = [await rig.bidi(), await rig.unary(3), rig.stream('bidi_streaming').start()];
  rig.peer.sendHeaders(3, responseHeaders());
  await rig.peer.roundTrip();
  rig.transport.fail(new Error('no sign of life'));
  const outcomes: string[] = [];
  for (const call of calls) outcomes.push(await call.outcome());
  assert.equal(outcomes, ['UNAVAILABLE processed', 'UNAVAILABLE processed', 'UNAVAILABLE not-sent']);
  assert.match((await calls[0]?.closed)?.status.description ?? '', /^lost the connection to .*: no sign of life$/);
  await rig.listener.log.end();
  await within(2_000, rig.peer.closed);
});

test('start twice connects once', async () => {
  await using rig = await ClientRig.open();
  rig.transport.start(new RecordingTransportListener());
  await rig.peer.roundTrip();
  assert.is(rig.server.connections.length, 1);
});

test('a ping tells the round trip, and fails on a dead connection', async () => {
  await using rig = await ClientRig.open();
  const ping = (): Promise<[Error | null, number]> =>
    within(2_000, new Promise((resolve) => rig.transport.ping((error, ms) => resolve([error, ms]))));
  const [error, ms] = await ping();
  assert.is(error, null);
  assert.ok(ms >= 0 && ms < 2_000);
  rig.transport.shutdownNow(Status.UNAVAILABLE.withDescription('gone'));
  const [late] = await ping();
  assert.match(late?.message ?? '', /UNAVAILABLE: gone/);
});

test('more pings than node allows are refused, not thrown', async () => {
  const server: RawServerOptions = { ackPings: false };
  await using rig = await ClientRig.open({ server });
  const refused: string[] = [];
  for (let i = 0; i < 12; i += 1) rig.transport.ping((error) => error !== null && refused.push(error.message));
  await rig.peer.frame('PING');
  await new Promise((resolve) => setImmediate(resolve));
  assert.ok(refused.length >= 2, `${refused.length}`);
});

test('a server cannot push', async () => {
  await using rig = await ClientRig.open();
  const call = await rig.unary();
  const promise = Buffer.concat([Buffer.from([0, 0, 0, 2]), Buffer.of(0x82, 0x86, 0x84)]);
  rig.peer.sendFrame('PUSH_PROMISE', 4, 1, promise);
  await rig.peer.frame('GOAWAY');
  if (!call.names.includes('close')) call.cancel();
  assert.not((await call.closed).status.isOk);
});

test('unknown frames and settings are passed over', async () => {
  await using rig = await ClientRig.open();
  const call = await rig.unary();
  rig.peer.sendSettings({ 65027: 1, 119: 5 });
  rig.peer.sendFrame(0x77, 0xff, 1, Buffer.from('unknown'));
  rig.peer.sendFrame('PRIORITY', 0, 1, Buffer.alloc(5));
  rig.peer.sendHeaders(1, trailersOnly(0), { endStream: true });
  assert.is(await call.outcome(), 'OK processed');
});

test('sizes that are none are refused at once', () => {
  const address = { host: '127.0.0.1', port: 1 };
  for (const bytes of [0, -1, 1.5, Number.NaN, 2 ** 31, Number.POSITIVE_INFINITY]) {
    for (const name of ['streamWindowBytes', 'connectionWindowBytes', 'maxInboundMetadataBytes'] as const) {
      assert.throws(() => completeTuning({ [name]: bytes }, 'tcp'), new RegExp(`${name} cannot be ${bytes}`));
      const options = { address, authority: 'a', credentials: ChannelCredentials.insecure(), [name]: bytes };
      assert.throws(
        () => new Http2ClientTransport(options),
        (error: unknown) => error instanceof RangeError,
      );
    }
  }
  const defaults = { streamWindowBytes: 2 ** 19, connectionWindowBytes: 2 ** 19, maxInboundMetadataBytes: 8_192 };
  assert.equal(completeTuning({}, 'tcp'), defaults);
  assert.equal(completeTuning({}, 'unix'), { ...defaults, connectionWindowBytes: 65_535 });
});

test.run();
