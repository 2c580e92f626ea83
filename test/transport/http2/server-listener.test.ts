/** The bound port: addresses, TLS and its half-done handshakes, connections that come while it closes, several at once. */
import { once } from 'node:events';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { ServerCredentials } from '../../../src/credentials/server-credentials.ts';
import { Server } from '../../../src/server/server.ts';
import { REMOTE_ADDRESS, SECURITY_LEVEL } from '../../../src/values/attributes.ts';
import { Metadata } from '../../../src/values/metadata.ts';
import { Status } from '../../../src/values/status.ts';
import { certificates } from '../../support/certificates.ts';
import { echoService } from '../../support/echo-service.ts';
import { grpcFrame, RawClient, requestHeaders } from '../../support/raw-http2.ts';
import { assert, suite, within } from '../../support/suite.ts';
import { type StreamManner, StreamServer } from './stream-server.ts';

const test = suite('Http2ServerListener');

const PATH = '/test.Echo/Unary';
const CLOSE: StreamManner = { onArrival: ({ stream }) => stream.close(Status.OK, new Metadata()) };

async function serverTls(): Promise<ServerCredentials> {
  const { server } = await certificates();
  return ServerCredentials.tls(server);
}

/** once() would reject for an error before it. */
function endOf(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

async function expectServed(
  target: number | string,
  options: Parameters<typeof RawClient.connect>[1] = {},
): Promise<void> {
  await using client = await RawClient.connect(target, options);
  const stream = client.open(requestHeaders(PATH), { endStream: true });
  const frame = await client.frame('HEADERS', { stream });
  assert.is(frame.header('grpc-status'), '0', client.text());
}

test('serves over TLS, and says so to the application', async () => {
  const { ca } = await certificates();
  await using server = await StreamServer.listen(CLOSE, {}, await serverTls());
  await expectServed(server.port, { tls: { ca: ca.cert, servername: 'localhost' } });
  const attributes = (await server.arrival()).stream.getAttributes();
  assert.is(attributes.get(SECURITY_LEVEL), 'privacy-and-integrity');
});

test('serves on a Unix socket, and frees it', async () => {
  const file = path.join(os.tmpdir(), `halfclose-${process.pid}.sock`);
  for (let i = 0; i < 2; i += 1) {
    await using server = await StreamServer.listen(CLOSE, {}, ServerCredentials.insecure(), { path: file });
    await expectServed(file);
    assert.equal((await server.arrival()).stream.getAttributes().get(REMOTE_ADDRESS), { path: file });
  }
});

test('a port that is taken is told, once', async () => {
  await using server = await StreamServer.listen();
  let failure: unknown = null;
  await StreamServer.listen({}, {}, ServerCredentials.insecure(), { host: '127.0.0.1', port: server.port }).catch(
    (error) => {
      failure = error;
    },
  );
  assert.is((failure as NodeJS.ErrnoException).code, 'EADDRINUSE');
});

test('a TLS handshake that stops half-way is ended by the timeout', async () => {
  await using server = await StreamServer.listen(CLOSE, { handshakeTimeoutMs: 60 }, await serverTls());
  const silent = net.connect(server.port, '127.0.0.1').resume();
  silent.on('error', () => {});
  await within(5_000, endOf(silent));
  const half = net.connect(server.port, '127.0.0.1').resume();
  half.on('error', () => {});
  half.write(Buffer.from('160301020001000001fc0303', 'hex'));
  await within(5_000, endOf(half));
  assert.is(server.transports.length, 0);
});

test('after TLS a client that sends no SETTINGS is ended by the timeout too', async () => {
  const { ca } = await certificates();
  await using server = await StreamServer.listen(CLOSE, { handshakeTimeoutMs: 80 }, await serverTls());
  const socket = tls.connect({ port: server.port, host: '127.0.0.1', ca: ca.cert, ALPNProtocols: ['h2'] }).resume();
  socket.on('error', () => {});
  await within(5_000, endOf(socket));
  while (server.terminated < 1) await sleep(5);
});

test('closing does not wait for TLS handshakes that are under way', async () => {
  await using server = await StreamServer.listen(CLOSE, {}, await serverTls());
  const sockets: net.Socket[] = [];
  for (let i = 0; i < 3; i += 1) {
    const socket = net.connect(server.port, '127.0.0.1').resume();
    socket.on('error', () => {});
    await within(5_000, once(socket, 'connect'));
    if (i > 0) socket.write(Buffer.from('160301020001', 'hex'));
    sockets.push(socket);
  }
  await sleep(20);
  const closed = sockets.map(endOf);
  server.shutdown();
  await server.gone();
  await within(5_000, Promise.all(closed));
});

test('a client without h2 in its ALPN is hung up on, and others are served', async () => {
  const { ca } = await certificates();
  await using server = await StreamServer.listen(CLOSE, {}, await serverTls());
  for (const protocols of [['http/1.1'], []]) {
    const socket = tls.connect({
      port: server.port,
      host: '127.0.0.1',
      ca: ca.cert,
      servername: 'localhost',
      ...(protocols.length > 0 ? { ALPNProtocols: protocols } : {}),
    });
    socket.on('error', () => {});
    socket.resume().write('GET / HTTP/1.1\r\n\r\n');
    await within(5_000, endOf(socket));
  }
  assert.is(server.transports.length, 0);
  await expectServed(server.port, { tls: { ca: ca.cert, servername: 'localhost' } });
});

test('bytes that are no TLS cost one connection', async () => {
  const { ca } = await certificates();
  await using server = await StreamServer.listen(CLOSE, {}, await serverTls());
  const socket = net.connect(server.port, '127.0.0.1').resume();
  socket.on('error', () => {});
  socket.write('GET / HTTP/1.1\r\n\r\n');
  await within(5_000, endOf(socket));
  await expectServed(server.port, { tls: { ca: ca.cert, servername: 'localhost' } });
});

test('a server with several listeners serves on each and ends with the last', async () => {
  const { ca } = await certificates();
  const file = path.join(os.tmpdir(), `halfclose-many-${process.pid}.sock`);
  const server = new Server().addService(echoService());
  server.addListener({ host: '127.0.0.1', port: 0 }, ServerCredentials.insecure());
  server.addListener({ host: '127.0.0.1', port: 0 }, await serverTls());
  server.addListener({ path: file }, ServerCredentials.insecure());
  await server.start();
  const [plain, secure] = server.listenSockets().map((address) => ('port' in address ? address.port : -1));
  const calls = [];
  for (const [target, options] of [
    [plain ?? -1, {}],
    [secure ?? -1, { tls: { ca: ca.cert, servername: 'localhost' } }],
    [file, {}],
  ] as const) {
    const client = await RawClient.connect(target, options);
    const stream = client.open(requestHeaders(PATH));
    await client.roundTrip();
    calls.push({ client, stream });
  }
  const terminated = server.awaitTermination();
  server.shutdown();
  for (const { client, stream } of calls) {
    assert.not(server.isTerminated);
    client.sendData(stream, grpcFrame(Buffer.from('x')), { endStream: true });
    const trailers = await client.frame('HEADERS', { stream, endStream: true });
    assert.is(trailers.header('grpc-status'), '0', client.text());
    assert.is(await client.closed, 'fin');
  }
  assert.ok(await within(5_000, terminated));
});

test('the windows of stream and connection are open from the start', async () => {
  const options = { streamWindowBytes: 300_000, connectionWindowBytes: 700_000, maxInboundMetadataBytes: 5_000 };
  await using server = await StreamServer.listen({}, options);
  await using client = await RawClient.connect(server.port);
  await client.roundTrip();
  const settings = await client.frame('SETTINGS', { ack: false });
  assert.equal(settings.settings, { INITIAL_WINDOW_SIZE: 300_000, MAX_HEADER_LIST_SIZE: 10_000 });
  assert.is((await client.frame('WINDOW_UPDATE', { stream: 0 })).increment, 700_000 - 65_535);
});

test.run();
