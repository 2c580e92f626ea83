/**
 * TLS connections that are reset while much is read from them. Up to Node 24 neither the session nor the socket tells, so that
 * calls would wait for ever; a watch finds out what happened, and takes no silent peer for a lost one.
 */
import { once } from 'node:events';
import http2 from 'node:http2';
import type net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { DirectChannel } from '../../../src/channel/direct-channel.ts';
import { ChannelCredentials } from '../../../src/credentials/channel-credentials.ts';
import { ServerCredentials } from '../../../src/credentials/server-credentials.ts';
import { Http2ClientTransport } from '../../../src/transport/http2/client-transport.ts';
import {
  type LostSocketHost,
  LostSocketWatch,
  type WatchedConnection,
} from '../../../src/transport/http2/lost-socket-watch.ts';
import { type Certificates, certificates } from '../../support/certificates.ts';
import { echoMethods, type Outcome } from '../../support/echo.ts';
import { callEcho } from '../../support/echo-service.ts';
import { grpcFrame, requestHeaders } from '../../support/raw-http2.ts';
import { assert, suite, within } from '../../support/suite.ts';
import { WoundClock } from '../../support/wound-clock.ts';
import { type Arrival, StreamServer } from './stream-server.ts';

const test = suite('Lost TLS sockets');

const LOOK_MS = 5_000;
const CALLS = 50;
const ANSWER = grpcFrame(Buffer.alloc(3_000_000));

/** A server of node whose connections may be cut off, with much on its way to the client. */
class CutServer implements AsyncDisposable {
  readonly #server: http2.Http2SecureServer;
  readonly #sockets: net.Socket[] = [];

  constructor({ server }: Certificates) {
    this.#server = http2.createSecureServer({ ...server, maxSessionMemory: 1_000 });
    this.#server.on('secureConnection', (socket) => this.#sockets.push(socket));
    this.#server.on('sessionError', () => {});
    this.#server.on('stream', (stream) => {
      stream.on('error', () => {});
      stream.respond({ ':status': 200, 'content-type': 'application/grpc+proto' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(ANSWER);
    });
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as net.AddressInfo).port;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** Fifty calls amid whose answers the connection is reset. True if node told nobody. */
async function cutAmidAnswers(identity: Certificates, afterMs: number): Promise<boolean> {
  const clock = new WoundClock();
  await using server = new CutServer(identity);
  const port = await server.listen();
  const credentials = ChannelCredentials.tls({ ca: identity.ca.cert });
  const authority = `localhost:${port}`;
  const connect = (): Http2ClientTransport =>
    new Http2ClientTransport({ address: { host: '127.0.0.1', port }, authority, credentials, clock });
  await using channel = new DirectChannel(connect, authority);
  const calls = Array.from({ length: CALLS }, () => callEcho(channel, echoMethods.unary, [Buffer.from('question')]));
  const all = Promise.all(calls);
  await sleep(afterMs);
  server.cut();
  const told = await Promise.race([all.then(() => true), sleep(400).then(() => false)]);
  if (!told) {
    for (let look = 0; look < 3; look += 1) {
      clock.advance(LOOK_MS);
      await sleep(20);
    }
  }
  const outcomes: Outcome[] = await within(2_000, all, 'the calls of a lost connection');
  for (const { code, message } of outcomes) assert.ok(code === 0 || code === 14, message);
  return !told;
}

test('calls of a connection that is reset amid their answers end, whether node tells or not', {
  timeoutMs: 60_000,
}, async () => {
  const identity = await certificates();
  let toldNobody = false;
  for (let round = 0; round < 15 && !toldNobody; round += 1) {
    toldNobody = await cutAmidAnswers(identity, 20 + 5 * round);
  }
});

/** Fifty uploads of a client that vanishes amid them. True if node told nobody. */
async function vanishAmidUploads({ server: identity, ca }: Certificates, afterMs: number): Promise<boolean> {
  const clock = new WoundClock();
  const manner = { onMessage: ({ stream }: Arrival): void => stream.request(1), onArrival: accept };
  await using server = await StreamServer.listen(
    manner,
    { clock, connectionWindowBytes: 2 ** 20 },
    ServerCredentials.tls(identity),
  );
  const socket = tls.connect({
    port: server.port,
    host: '127.0.0.1',
    ca: ca.cert,
    servername: 'localhost',
    ALPNProtocols: ['h2'],
  });
  const session = http2.connect('https://localhost', { createConnection: () => socket, maxSessionMemory: 1_000 });
  session.on('error', () => {});
  for (let i = 0; i < CALLS; i += 1) {
    const upload = session.request(Object.fromEntries(requestHeaders('/a.B/C')));
    upload.on('error', () => {});
    upload.end(ANSWER);
  }
  await server.arrival(CALLS - 1);
  await sleep(afterMs);
  socket.destroy();
  const all = Promise.all(server.arrivals.map(({ closed }) => closed));
  const told = await Promise.race([all.then(() => true), sleep(400).then(() => false)]);
  for (let look = 0; look < 6 && !told; look += 1) {
    clock.advance(LOOK_MS);
    await sleep(20);
  }
  for (const status of await within(2_000, all, 'the calls of a client that is gone')) assert.not(status.isOk);
  return !told;
}

function accept({ stream }: Arrival): void {
  stream.request(1);
}

test('calls of a client that vanishes amid its uploads end at the server, whether node tells or not', {
  timeoutMs: 60_000,
}, async () => {
  const identity = await certificates();
  let toldNobody = false;
  for (let round = 0; round < 10 && !toldNobody; round += 1) {
    toldNobody = await vanishAmidUploads(identity, 3 * round);
  }
});

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What a watch sees, moved by hand. */
class Scene implements LostSocketHost {
  readonly clock = new WoundClock();
  readonly socket: Mutable<WatchedConnection['socket']> = { bytesRead: 100, bytesWritten: 100 };
  readonly below: Mutable<NonNullable<WatchedConnection['below']>> = { remoteAddress: '127.0.0.1' };
  asked = 0;
  lost = 0;
  readonly watch: LostSocketWatch;
  /** Whether what is written goes out, and whether the peer acknowledges it. */
  health: 'answers' | 'mute' | 'blocked' = 'answers';

  constructor(isServer = false) {
    const settings: http2.Http2Session['settings'] = (_settings, done) => {
      this.asked += 1;
      if (this.health !== 'blocked') this.socket.bytesWritten += 9;
      if (this.health !== 'answers') return;
      this.socket.bytesRead += 9;
      done?.(null, {}, 0);
    };
    const { socket } = this;
    const connection = { session: { destroyed: false, settings }, socket, below: isServer ? null : this.below };
    this.watch = new LostSocketWatch(connection, this.clock, this);
    this.watch.onInUse(true);
  }

  onSocketLost(): void {
    this.lost += 1;
  }

  /** So many looks. */
  look(times = 1): void {
    for (let i = 0; i < times; i += 1) this.clock.advance(LOOK_MS);
  }
}

test('a peer that answers is asked once in each silence', () => {
  const scene = new Scene();
  scene.look(10);
  assert.is(scene.asked, 1);
  scene.socket.bytesRead += 1;
  scene.look();
  assert.is(scene.asked, 1);
  scene.look(10);
  assert.is(scene.asked, 2);
  assert.is(scene.lost, 0);
});

test('a peer that acknowledges nothing is no lost one, nor asked a second time', () => {
  const scene = new Scene();
  scene.health = 'mute';
  scene.look(10);
  scene.socket.bytesRead += 1;
  scene.look(10);
  assert.is(scene.asked, 1);
  assert.is(scene.lost, 0);
});

test('a peer that takes no bytes is no lost one while the system knows it', () => {
  const scene = new Scene();
  scene.health = 'blocked';
  scene.look(10);
  assert.is(scene.lost, 0);
});

test('a connection that takes no bytes and has no peer is lost, told once', () => {
  const scene = new Scene();
  scene.health = 'blocked';
  scene.below.remoteAddress = undefined;
  scene.look();
  assert.is(scene.lost, 0);
  scene.look(10);
  assert.is(scene.lost, 1);
  assert.is(scene.clock.armed, 0);
});

test('a server, which cannot ask the system, gives blocked writes twenty seconds', () => {
  const scene = new Scene(true);
  scene.health = 'blocked';
  scene.look(4);
  assert.is(scene.lost, 0);
  scene.look();
  assert.is(scene.lost, 1);
  assert.is(scene.clock.armed, 0);
});

test('a server whose client reads again in time keeps it', () => {
  const scene = new Scene(true);
  scene.health = 'blocked';
  scene.look(4);
  scene.socket.bytesWritten += 9;
  scene.look(10);
  assert.is(scene.lost, 0);
});

test('without calls there is no timer, and none is left behind', () => {
  const scene = new Scene();
  scene.watch.onInUse(false);
  scene.watch.onInUse(true);
  assert.is(scene.clock.armed, 1);
  scene.watch.onInUse(false);
  scene.look();
  assert.is(scene.clock.armed, 0);
  scene.watch.onInUse(true);
  assert.is(scene.clock.armed, 1);
  scene.watch.stop();
  assert.is(scene.clock.armed, 0);
  scene.watch.onInUse(true);
  assert.is(scene.clock.armed, 0);
});

test.run();
