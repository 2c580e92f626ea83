/**
 * Connections through an HTTP proxy: in cleartext and with TLS, to the proxy and through it; proxies that refuse, say
 * nothing, or leave; and attempts that are given up. A proxy that fails is a connection that cannot be made.
 */
import { once } from 'node:events';
import net from 'node:net';
import { ChannelCredentials } from '../../../src/credentials/channel-credentials.ts';
import { type Http2ClientOptions, Http2ClientTransport } from '../../../src/transport/http2/client-transport.ts';
import { REMOTE_ADDRESS, SECURITY_LEVEL, TLS_FACTS } from '../../../src/values/attributes.ts';
import { Status } from '../../../src/values/status.ts';
import { certificates } from '../../support/certificates.ts';
import { ConnectProxy, type ConnectProxyOptions } from '../../support/connect-proxy.ts';
import { freePorts } from '../../support/free-ports.ts';
import { RawServer, type RawServerOptions, trailersOnly } from '../../support/raw-http2.ts';
import { assert, suite, within } from '../../support/suite.ts';
import { WoundClock } from '../../support/wound-clock.ts';
import { methodOf, RecordedStream, RecordingTransportListener, STREAM_OPTIONS } from './client-rig.ts';

const test = suite('ProxyTunnel');

const { ca, server: identity, foreign } = await certificates();
const TLS = ChannelCredentials.tls({ ca: ca.cert });
const INSECURE = ChannelCredentials.insecure();

interface PathInit {
  readonly proxy?: ConnectProxyOptions;
  readonly server?: RawServerOptions;
  readonly client?: Partial<Http2ClientOptions>;
  /** `user:password@` of the proxy's URL. */
  readonly userInfo?: string;
}

/** A server, a proxy, and a client that has been told to go through it. */
class Path {
  readonly listener: RecordingTransportListener = new RecordingTransportListener();
  readonly clock: WoundClock = new WoundClock();
  readonly server: RawServer;
  readonly proxy: ConnectProxy;
  readonly target: string;
  readonly transport: Http2ClientTransport;

  private constructor(server: RawServer, proxy: ConnectProxy, { client, userInfo }: PathInit) {
    this.server = server;
    this.proxy = proxy;
    this.target = `server.test:${server.port}`;
    this.transport = new Http2ClientTransport({
      address: { host: 'server.test', port: server.port },
      authority: 'localhost',
      credentials: INSECURE,
      clock: this.clock,
      proxy: { url: proxy.url(userInfo), target: this.target, tls: { ca: ca.cert } },
      ...client,
    });
  }

  static async open(init: PathInit = {}): Promise<Path> {
    return new Path(await RawServer.listen(init.server), await ConnectProxy.listen(init.proxy), init);
  }

  start(): this {
    this.listener.log.forbid(() => this.transport.start(this.listener));
    return this;
  }

  call(): RecordedStream {
    return new RecordedStream(this.transport.newStream(methodOf('unary'), STREAM_OPTIONS))
      .start()
      .send('x')
      .halfClose();
  }

  /** A call that was made before there was a connection, and is answered. */
  async answered(): Promise<RecordedStream> {
    const call = this.call();
    const peer = await this.server.connection();
    await peer.frame('DATA', { stream: 1, endStream: true });
    peer.sendHeaders(1, trailersOnly(0), { endStream: true });
    assert.is(await call.outcome(), 'OK processed');
    return call;
  }

  /** Why a call ends that was made before there was a connection. */
  async failure(): Promise<string> {
    const call = this.call();
    const { status, progress } = await call.closed;
    await this.listener.log.end();
    assert.equal(this.listener.names, ['shutdown', 'terminated']);
    assert.is(`${status.name} ${progress}`, 'UNAVAILABLE not-sent');
    assert.is(this.clock.armed, 0);
    await this.proxy.idle();
    return (status.description ?? '')
      .replace(`cannot connect to ${this.target}: `, '')
      .replaceAll(`localhost:${this.proxy.port}`, 'PROXY');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.transport.shutdownNow(Status.CANCELLED.withDescription('the test is over'));
    if (this.listener.names.length > 0) await this.listener.log.end();
    await this.proxy.idle();
    await this.server[Symbol.asyncDispose]();
    await this.proxy[Symbol.asyncDispose]();
  }
}

for (const proxyTls of [false, true]) {
  for (const serverTls of [false, true]) {
    const through = `${proxyTls ? 'an https' : 'an http'} proxy`;
    test(`${serverTls ? 'TLS' : 'cleartext'} through ${through}`, async () => {
      await using path = await Path.open({
        proxy: proxyTls ? { tls: identity } : {},
        server: serverTls ? { tls: identity } : {},
        client: { credentials: serverTls ? TLS : INSECURE },
      });
      const call = await path.start().answered();
      assert.equal(path.listener.names, ['ready']);
      assert.is(path.clock.armed, serverTls ? 1 : 0, 'the look after a TLS connection alone');
      const { method, url, headers, httpVersion } = await path.proxy.asked();
      assert.is(`${method} ${url} HTTP/${httpVersion}`, `CONNECT ${path.target} HTTP/1.1`);
      assert.equal({ ...headers }, { host: path.target, connection: 'keep-alive', 'proxy-connection': 'keep-alive' });
      const attributes = call.stream.getAttributes();
      // TLS to the proxy alone protects no call: what is secret must not be sent.
      assert.is(attributes.get(SECURITY_LEVEL), serverTls ? 'privacy-and-integrity' : 'none');
      assert.is(attributes.get(TLS_FACTS)?.authorized ?? null, serverTls ? true : null);
      const { port } = attributes.get(REMOTE_ADDRESS) as { port: number };
      assert.is(port, path.proxy.port, 'the other end of the connection is the proxy');
      assert.is(path.proxy.requests.length, 1);
    });

    test(`large messages cross ${serverTls ? 'TLS' : 'cleartext'} through ${through}`, async () => {
      await using path = await Path.open({
        proxy: proxyTls ? { tls: identity } : {},
        server: serverTls ? { tls: identity } : {},
        client: { credentials: serverTls ? TLS : INSECURE },
      });
      const { transport } = path.start();
      const call = new RecordedStream(transport.newStream(methodOf('unary'), STREAM_OPTIONS));
      const payload = Buffer.alloc(1_000_000, 'abc');
      call.start().send(payload).halfClose();
      const peer = await path.server.connection();
      await peer.frame('DATA', { stream: 1, endStream: true });
      assert.ok(peer.messages(1)[0]?.payload.equals(payload));
      peer.sendHeaders(1, trailersOnly(0), { endStream: true });
      assert.is(await call.outcome(), 'OK processed');
    });
  }
}

test('the user and password of the URL go into basic authentication, decoded', async () => {
  await using path = await Path.open({ proxy: { password: 'ü@ser:pa:ss%' }, userInfo: '%C3%BC%40ser:pa%3Ass%25@' });
  await path.start().answered();
});

test('what only looks encoded is sent as it is', async () => {
  await using path = await Path.open({ proxy: { password: 'u%zz:' }, userInfo: 'u%zz@' });
  await path.start().answered();
});

test('a wrong password: what the proxy answers is told, and no secret is', async () => {
  await using path = await Path.open({ proxy: { password: 'user:good' }, userInfo: 'user:secret@' });
  assert.is(await path.start().failure(), 'the proxy PROXY answered 407 Proxy Authentication Required');
});

for (const [what, answer, text] of [
  ['refuses', 'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno', 'the proxy PROXY answered 403 Forbidden'],
  ['leads elsewhere', 'HTTP/1.1 302 Found\r\nLocation: http://a\r\n\r\n', 'the proxy PROXY answered 302 Found'],
  ['has no words', 'HTTP/1.1 500\r\n\r\n', 'the proxy PROXY answered 500'],
  [
    'has many words',
    `HTTP/1.1 500 ${'no '.repeat(999)}\r\n\r\n`,
    `the proxy PROXY answered ${`500 ${'no '.repeat(99)}`.slice(0, 200)}`,
  ],
  ['answers in no HTTP', 'go away\r\n\r\n', /^the proxy PROXY: Parse Error/],
  [
    'never ends its headers',
    `HTTP/1.1 200 OK\r\nA: ${'a'.repeat(20_000)}`,
    /^the proxy PROXY: Parse Error: Header overflow/,
  ],
  [
    'leaves within its answer',
    'HTTP/1.1 200 OK\r\nA: b',
    /^the proxy PROXY: (the connection ended before it answered|socket hang up)/,
  ],
] as const) {
  test(`a proxy that ${what}`, async () => {
    await using path = await Path.open({ proxy: { answer } });
    const failure = await path.start().failure();
    if (typeof text === 'string') assert.is(failure, text);
    else assert.match(failure, text);
    assert.is(path.server.connections.length, 0);
  });
}

test('a server that nobody reaches: the proxy says so', async () => {
  await using path = await Path.open();
  path.server.stopListening();
  assert.is(await path.start().failure(), 'the proxy PROXY answered 502 Bad Gateway');
});

test('a proxy that is not there', async () => {
  const [port] = await freePorts(1);
  const proxy = { url: new URL(`http://127.0.0.1:${port}`), target: 'server.test:1' };
  await using path = await Path.open({ client: { proxy } });
  const text = `the proxy 127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}`;
  assert.is(await path.start().failure(), text);
});

test('a proxy whose certificate is not trusted is asked nothing', async () => {
  await using path = await Path.open({ proxy: { tls: foreign.server }, userInfo: 'user:secret@' });
  assert.match(await path.start().failure(), /^the proxy PROXY: .*certificate/);
  assert.is(path.proxy.requests.length, 0);
});

test('TLS options that cannot be used, for the proxy and for the server, end the attempt', async () => {
  const bad = { cert: 'none', key: 'none' };
  const proxy = { url: new URL('https://localhost:1'), target: 'server.test:1', tls: bad };
  await using first = await Path.open({ client: { proxy } });
  assert.match(await first.start().failure(), /PEM|asn1|no start line/i);
  await using second = await Path.open({ client: { credentials: ChannelCredentials.tls(bad) } });
  assert.match(await second.start().failure(), /PEM|asn1|no start line/i);
});

test('behind the tunnel the certificate must be for the host of the authority', async () => {
  const client = { credentials: TLS, authority: 'other.test' };
  await using path = await Path.open({ server: { tls: identity }, client });
  assert.match(await path.start().failure(), /altnames/);
});

test('what the server says first arrives, though it came along with the proxy’s answer', async () => {
  const settings = Buffer.from('000006040000000000000300000007', 'hex');
  const proxy = { head: settings };
  await using path = await Path.open({ proxy, server: { manner: 'mute' } });
  path.start();
  await path.listener.log.next('ready');
  const calls = Array.from({ length: 8 }, () => path.call());
  assert.match(calls[7]?.stream.describeProgress() ?? '', /waiting for a stream slot/);
  for (const call of calls) call.cancel();
});

test('a proxy that says nothing: UNAVAILABLE after 20 s, and the socket is closed', async () => {
  await using path = await Path.open({ proxy: { answer: '' } });
  const failure = path.start().failure();
  await path.proxy.asked();
  path.clock.advance(19_999);
  assert.equal(path.listener.names, []);
  path.clock.advance(1);
  assert.is(await failure, 'no answer of the proxy PROXY within 20 s');
});

test('a server that says nothing behind the tunnel is told from that', async () => {
  await using path = await Path.open({ server: { manner: 'mute' } });
  const failure = path.start().failure();
  await (await path.server.connection()).frame('SETTINGS');
  path.clock.advance(20_000);
  assert.is(await failure, 'the peer did not speak HTTP/2 within 20 s');
});

for (const how of ['shutdown', 'shutdownNow'] as const) {
  for (const when of ['at once', 'once the proxy was asked', 'as the proxy answers'] as const) {
    test(`${how} ${when} ends the attempt`, async () => {
      const proxy: ConnectProxyOptions = when === 'as the proxy answers' ? {} : { answer: '' };
      await using path = await Path.open({ proxy });
      path.start();
      if (when !== 'at once') await path.proxy.asked();
      if (when === 'as the proxy answers') await path.server.connection();
      path.transport[how](Status.CANCELLED.withDescription('no more'));
      await path.listener.log.end();
      const ends = path.listener.names.filter((name) => name !== 'ready');
      assert.equal(ends, ['shutdown', 'terminated']);
      assert.is((await path.call().closed).status.toString(), 'CANCELLED: no more');
      assert.is(path.clock.armed, 0);
      await path.proxy.idle();
    });
  }
}

test('shutdown while a call waits for the proxy lets it go through', async () => {
  await using path = await Path.open();
  path.start();
  const answered = path.answered();
  path.transport.shutdown(Status.UNAVAILABLE.withDescription('no more'));
  await answered;
  await path.listener.log.end();
});

test('a proxy that refuses and stays is left', async () => {
  const proxy = { answer: 'HTTP/1.1 403 Forbidden\r\n\r\n', staysOpen: true };
  await using path = await Path.open({ proxy });
  assert.is(await path.start().failure(), 'the proxy PROXY answered 403 Forbidden');
});

test('an answer that comes when all was given up already opens nothing', async () => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await within(2_000, once(server, 'listening'));
  const { port } = server.address() as net.AddressInfo;
  const proxy = { url: new URL(`http://127.0.0.1:${port}`), target: 'server.test:1' };
  const address = { host: 'server.test', port: 1 };
  const transport = new Http2ClientTransport({ address, authority: 'a', credentials: INSECURE, proxy });
  const listener = new RecordingTransportListener();
  const come = once(server, 'connection');
  transport.start(listener);
  const [client] = (await within(2_000, come)) as [net.Socket];
  client.on('error', () => {});
  const closed = new Promise((resolve) => client.once('close', resolve));
  await within(2_000, once(client, 'data'), 'CONNECT');
  client.on('data', (more) => assert.unreachable(`${more}`));
  await new Promise<void>((resolve) => {
    // Destroying is put off by a turn; from a timer, what has come is read before that.
    setTimeout(() => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      transport.shutdownNow(Status.CANCELLED);
      resolve();
    });
  });
  await listener.log.end();
  client.end();
  await within(2_000, closed, 'the socket of the tunnel to close');
  server.close();
});

test.run();
