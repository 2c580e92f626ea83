/**
 * Calls over links and to servers that fall silent: at every stage of connecting and amid calls, for good and for a while.
 * What is cut, reset or restarted: faults-storms.test.ts. Below: a proxy that a test directs, raw servers. Source: grpc
 * doc/connection-backoff.md, doc/wait-for-ready.md, doc/keepalive.md.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createChannel, type Http2ChannelOptions } from '../../src/channel/create-channel.ts';
import type { ManagedChannel } from '../../src/channel/managed-channel.ts';
import { dnsResolver } from '../../src/channel/resolver/dns.ts';
import { CallCredentials } from '../../src/credentials/call-credentials.ts';
import { ChannelCredentials } from '../../src/credentials/channel-credentials.ts';
import { certificates } from '../support/certificates.ts';
import { DnsServer } from '../support/dns-server.ts';
import { until } from '../support/echo-pairings.ts';
import { freePorts } from '../support/free-ports.ts';
import { type ProxyConnection, TcpProxy } from '../support/proxy.ts';
import { RawServer, type RawServerOptions } from '../support/raw-http2.ts';
import { assert, suite, within } from '../support/suite.ts';
import { WoundClock } from '../support/wound-clock.ts';
import { becomesQuiet, Ledger, Member, open } from './ledger.ts';

const test = suite('Faults: silence');
const { ca, server: identity } = await certificates();
const TLS = ChannelCredentials.tls({ ca: ca.cert });

const NEVER_MS = 60_000;

// ---- a server that falls silent before it has said that it speaks HTTP/2 ----

interface Stage {
  readonly what: string;
  readonly server: RawServerOptions;
  readonly credentials: ChannelCredentials;
}

const STAGES: readonly Stage[] = [
  {
    what: 'TLS is never answered',
    server: { manner: 'deaf' },
    credentials: TLS,
  },
  { what: 'nothing is read', server: { manner: 'deaf' }, credentials: ChannelCredentials.insecure() },
  { what: 'no SETTINGS come', server: { manner: 'mute' }, credentials: ChannelCredentials.insecure() },
];

/**
 * A port whose queue of connections is full: the system drops every SYN that comes. Its listener stands still (SIGSTOP), and
 * accepts nothing.
 */
class FullPort implements AsyncDisposable {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #fillers: readonly net.Socket[];

  private constructor(port: number, child: ChildProcess, fillers: readonly net.Socket[]) {
    this.port = port;
    this.#child = child;
    this.#fillers = fillers;
  }

  static async open(): Promise<FullPort> {
    const program = `const server = require('node:net').createServer();
      server.listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => {
        process.send(server.address().port, () => process.kill(process.pid, 'SIGSTOP'));
      });`;
    const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const [port] = (await once(child, 'message')) as [number];
    const fillers: net.Socket[] = [];
    let isFull = false;
    while (!isFull && fillers.length < 20) {
      const filler = net.connect(port, '127.0.0.1').on('error', () => {});
      fillers.push(filler);
      isFull = await Promise.race([once(filler, 'connect').then(() => false), sleep(300).then(() => true)]);
    }
    assert.ok(isFull, 'the queue takes everything');
    return new FullPort(port, child, fillers);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const filler of this.#fillers) filler.destroy();
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }
}

test('SYNs are dropped: a call ends with the time for connecting, one that waits for ready with its deadline', {
  timeoutMs: 20_000,
}, async () => {
  await using full = await FullPort.open();
  for (const credentials of [ChannelCredentials.insecure(), TLS]) {
    await using channel = createChannel(`127.0.0.1:${full.port}`, credentials, {
      connectTimeoutMs: 200,
      backoff: { initialMs: NEVER_MS },
    });
    const ledger = new Ledger();
    const { status } = await ledger.call(channel, { boundMs: 2_000 });
    assert.match(status, /^UNAVAILABLE: cannot connect to 127\.0\.0\.1:\d+: no answer within 0\.2 s$/);
    const patient = await ledger.call(channel, { patient: true, timeoutMs: 100, boundMs: 2_000 });
    assert.match(patient.status, /^DEADLINE_EXCEEDED: .*no answer within 0\.2 s\)$/);
    await becomesQuiet(channel);
  }
});

for (const { what, server: options, credentials } of STAGES) {
  const connect = (port: number, connectTimeoutMs: number): ManagedChannel => {
    const backoff = { initialMs: NEVER_MS };
    return createChannel(`127.0.0.1:${port}`, credentials, { connectTimeoutMs, backoff });
  };

  test(`${what}: a call ends with the time for connecting`, async () => {
    await using server = await RawServer.listen(options);
    await using channel = connect(server.port, 80);
    const ledger = new Ledger();
    const { status } = await ledger.call(channel, { boundMs: 2_000 });
    assert.match(status, /^UNAVAILABLE: cannot connect to 127\.0\.0\.1:\d+: .*within 0\.08 s$/);
    const again = await ledger.call(channel, { boundMs: 500 });
    assert.is(again.status, status, 'in back-off calls fail at once');
    assert.is(server.connections.length, 1);
    await becomesQuiet(channel);
  });

  test(`${what}: a call that waits for ready ends with its deadline, which says what it waited for`, async () => {
    await using server = await RawServer.listen(options);
    await using channel = connect(server.port, 60);
    const { status } = await new Ledger().call(channel, { patient: true, timeoutMs: 250, boundMs: 2_000 });
    assert.match(
      status,
      /^DEADLINE_EXCEEDED: deadline exceeded after 0\.2\d+ s \(waiting for a connection to 127\.0\.0\.1:\d+, the last attempt failed with UNAVAILABLE: .*within 0\.06 s\)$/,
    );
    await becomesQuiet(channel);
  });

  test(`${what}: a call may end, be cancelled, or lose its channel, long before connecting does`, async () => {
    await using server = await RawServer.listen(options);
    const channel = connect(server.port, NEVER_MS);
    const ledger = new Ledger();
    const late = await ledger.call(channel, { timeoutMs: 50, boundMs: 2_000 });
    assert.match(late.status, /^DEADLINE_EXCEEDED: .*\(waiting for a connection to 127\.0\.0\.1:\d+\)$/);
    const cancelled = await ledger.call(channel, { cancel: 'after half-close', boundMs: 2_000 });
    assert.is(cancelled.status, 'CANCELLED: cancelled after half-close');
    const waiting = ledger.call(channel, { patient: true, boundMs: 2_000 });
    await until('the call in line', () => channel.inspect().waitingCalls.length === 1);
    await within(2_000, channel[Symbol.asyncDispose](), 'the channel to end');
    assert.is((await waiting).status, 'UNAVAILABLE: Channel shutdownNow invoked');
    await becomesQuiet(channel);
  });
}

test('the time for connecting bounds a pass over several silent addresses, and the failure names each', async () => {
  await using first = await RawServer.listen({ manner: 'mute' });
  await using second = await RawServer.listen({ manner: 'mute' });
  await using third = await RawServer.listen({ manner: 'deaf' });
  const ports = [first.port, second.port, third.port];
  const target = `ipv4:${ports.map((port) => `127.0.0.1:${port}`).join()}`;
  await using channel = open(target, { connectTimeoutMs: 100, backoff: { initialMs: NEVER_MS } });
  const { status } = await new Ledger().call(channel, { boundMs: 3_000 });
  assert.match(status, /^UNAVAILABLE: /);
  for (const port of ports) assert.match(status, new RegExp(`127\\.0\\.0\\.1:${port}`));
});

test('a silent address costs a call no more than the moment until the next one is tried', async () => {
  const ledger = new Ledger();
  await using silent = await RawServer.listen({ manner: 'deaf' });
  await using member = await Member.start({ ledger });
  await using channel = open(`ipv4:127.0.0.1:${silent.port},127.0.0.1:${member.port}`);
  assert.is((await ledger.call(channel, { boundMs: 3_000 })).status, 'OK');
  await becomesQuiet(channel);
});

// ---- a link that falls silent amid calls ----

/** A server behind a proxy, and a channel that is connected through it. */
class Link {
  readonly ledger: Ledger;
  readonly member: Member;
  readonly proxy: TcpProxy;
  readonly channel: ManagedChannel;

  private constructor(ledger: Ledger, member: Member, proxy: TcpProxy, channel: ManagedChannel) {
    this.ledger = ledger;
    this.member = member;
    this.proxy = proxy;
    this.channel = channel;
  }

  static async open(options: Http2ChannelOptions = {}): Promise<Link> {
    const ledger = new Ledger();
    const member = await Member.start({ ledger });
    const proxy = await TcpProxy.listen(member.port);
    const link = new Link(ledger, member, proxy, open(proxy.port, options));
    assert.is((await ledger.call(link.channel)).status, 'OK');
    return link;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await within(5_000, this.channel[Symbol.asyncDispose](), 'the channel to end');
    await this.proxy[Symbol.asyncDispose]();
    await this.member[Symbol.asyncDispose]();
  }
}

interface Silence {
  readonly what: string;
  readonly fall: (connection: ProxyConnection) => void;
}

const SILENCES: readonly Silence[] = [
  { what: 'a black hole both ways', fall: (connection) => connection.blackHole() },
  { what: 'a black hole on the way to the server', fall: (connection) => connection.blackHole('up') },
  { what: 'a black hole on the way back', fall: (connection) => connection.blackHole('down') },
  { what: 'a server that vanished without a FIN', fall: (connection) => connection.vanish() },
];

const KEEPALIVE = { timeMs: 10_000, timeoutMs: 5_000 };

for (const { what, fall } of SILENCES) {
  test(`${what}, no keepalive: calls end with their deadlines, which say where they were`, async () => {
    await using link = await Link.open();
    const before = link.member.begun;
    const amid = link.ledger.call(link.channel, { command: { delayMs: NEVER_MS }, timeoutMs: 200, boundMs: 2_000 });
    await until('the call at the server', () => link.member.begun > before);
    fall(link.proxy.last);
    const behind = await link.ledger.call(link.channel, { timeoutMs: 60, boundMs: 2_000 });
    for (const { status } of [await amid, behind]) {
      assert.match(status, /^DEADLINE_EXCEEDED: deadline exceeded after 0\.\d+ s \(at 127\.0\.0\.1:\d+\)$/);
    }
    link.ledger.assertNeverTwice([behind]);
    await becomesQuiet(link.channel);
  });

  test(`${what}, keepalive: every call of the connection is UNAVAILABLE, the next one connects anew`, async () => {
    const clock = new WoundClock();
    await using link = await Link.open({ clock, keepalive: KEEPALIVE });
    const before = link.member.begun;
    const kinds = ['unary', 'bidi_streaming', 'server_streaming'] as const;
    const amid = kinds.map((kind) => link.ledger.call(link.channel, { kind, command: { delayMs: NEVER_MS } }));
    await until('the calls at the server', () => link.member.begun === before + kinds.length);
    fall(link.proxy.last);
    const unsent = link.ledger.call(link.channel);
    await clock.advanceAsync(KEEPALIVE.timeMs + KEEPALIVE.timeoutMs + 2_500);
    for (const { status } of await Promise.all([...amid, unsent])) {
      assert.match(status, /^UNAVAILABLE: .*Keepalive failed\. The connection is likely gone/);
    }
    const next = await link.ledger.call(link.channel);
    assert.is(next.status, 'OK');
    assert.is(link.proxy.connections.length, 2);
    link.ledger.assertNeverTwice([next]);
    await becomesQuiet(link.channel);
  });
}

test('keepalive without calls finds a vanished server before a call does', async () => {
  const clock = new WoundClock();
  await using link = await Link.open({ clock, keepalive: { ...KEEPALIVE, permitWithoutCalls: true } });
  link.proxy.last.vanish();
  await clock.advanceAsync(KEEPALIVE.timeMs + KEEPALIVE.timeoutMs + 2_500);
  await until('the loss', () => link.channel.getState() === 'IDLE');
  assert.is((await link.ledger.call(link.channel)).status, 'OK');
  assert.is(link.proxy.connections.length, 2);
});

test('a server that wants fewer pings gets half as many from the next connection of the channel', async () => {
  const clock = new WoundClock();
  await using server = await RawServer.listen();
  await using channel = open(server.port, { clock, keepalive: KEEPALIVE });
  const ledger = new Ledger();
  const pinged = ledger.call(channel);
  const first = await server.connection(0);
  await first.frame('DATA', { endStream: true });
  first.sendGoaway(1, 'ENHANCE_YOUR_CALM', 'too_many_pings');
  assert.match((await pinged).status, /^UNAVAILABLE: .*too_many_pings/);
  const next = ledger.call(channel);
  const second = await server.connection(1);
  await second.frame('DATA', { endStream: true });
  await clock.advanceAsync(1.5 * KEEPALIVE.timeMs);
  await second.roundTrip();
  assert.not(second.has('PING', { ack: false }));
  await clock.advanceAsync(2.5 * KEEPALIVE.timeMs);
  await second.frame('PING', { ack: false });
  second.sendRst(1, 'CANCEL');
  assert.match((await next).status, /^CANCELLED/);
  await becomesQuiet(channel);
});

test('a silence that ends in time costs no call', async () => {
  await using link = await Link.open();
  link.proxy.last.blackHole();
  const calls = link.ledger.calls(link.channel, 20);
  await new Promise((resolve) => setImmediate(resolve));
  link.proxy.last.resume();
  const told = await calls;
  for (const { status } of told) assert.is(status, 'OK');
  link.ledger.assertNeverTwice(told);
  await becomesQuiet(link.channel);
});

// ---- outages ----

test('calls that wait for ready sit out an outage, the others fail at once and say why', async () => {
  const ledger = new Ledger();
  const [port = 0] = await freePorts(1);
  await using channel = open(port);
  const patient = ledger.calls(channel, 50, { patient: true });
  const refused = await ledger.call(channel, { boundMs: 2_000 });
  assert.match(refused.status, /^UNAVAILABLE: cannot connect to 127\.0\.0\.1:\d+: .*ECONNREFUSED/);
  assert.is(channel.inspect().waitingCalls.length, 50);
  await using member = await Member.start({ ledger, port });
  const told = await patient;
  for (const { status } of told) assert.is(status, 'OK');
  await member.kill();
  await until('the loss', () => channel.getState() !== 'READY');
  const second = ledger.calls(channel, 50, { patient: true });
  await until('a failed attempt', () => channel.getState() === 'TRANSIENT_FAILURE');
  await member.startAnew();
  for (const { status } of await second) assert.is(status, 'OK');
  ledger.assertNeverTwice([...told, ...(await second)]);
  await becomesQuiet(channel);
});

// ---- where the time went ----

test('a deadline says that it passed in the queue for a stream', async () => {
  await using server = await RawServer.listen({ settings: { MAX_CONCURRENT_STREAMS: 1 } });
  await using channel = open(server.port);
  const ledger = new Ledger();
  const open1 = ledger.call(channel, { timeoutMs: 300 });
  await (await server.connection()).frame('DATA', { endStream: true });
  const queued = await ledger.call(channel, { timeoutMs: 50 });
  assert.match(queued.status, /\(waiting for a stream slot at 127\.0\.0\.1:\d+\)$/);
  assert.match((await open1).status, /\(at 127\.0\.0\.1:\d+\)$/);
  await becomesQuiet(channel);
});

test('a deadline says that it passed behind the response headers', async () => {
  const ledger = new Ledger();
  await using member = await Member.start({ ledger });
  await using channel = open(member.port);
  const { status } = await ledger.call(channel, { command: { headersFirst: true, delayMs: NEVER_MS }, timeoutMs: 100 });
  assert.match(status, /\(at 127\.0\.0\.1:\d+, after its response headers\)$/);
  await until('the handler to be cancelled', () => member.running === 0);
  await becomesQuiet(channel);
});

test('a deadline says that it passed while credentials were asked', async () => {
  await using server = await RawServer.listen({ tls: { ...identity } });
  const credentials = ChannelCredentials.compose(
    TLS,
    CallCredentials.from(() => new Promise(() => {})),
  );
  await using channel = createChannel(`127.0.0.1:${server.port}`, credentials, { authority: 'localhost' });
  const { status } = await new Ledger().call(channel, { timeoutMs: 150 });
  assert.match(status, /\(waiting for call credentials\)$/);
  await becomesQuiet(channel);
});

test('a deadline says that it passed while the name was looked up', async () => {
  await using names = await DnsServer.listen();
  names.set('silent.test', 'silent');
  const resolvers = [dnsResolver({ timeoutMs: NEVER_MS })];
  await using channel = open(`dns://${names.authority}/silent.test:1`, { resolvers });
  const { status } = await new Ledger().call(channel, { timeoutMs: 100 });
  assert.match(status, /^DEADLINE_EXCEEDED: .*\(waiting for .*silent\.test.* resol/);
  await becomesQuiet(channel);
});

test('a deadline says why the name could not be found', async () => {
  await using names = await DnsServer.listen();
  await using channel = open(`dns://${names.authority}/none.test:1`);
  const { status } = await new Ledger().call(channel, { timeoutMs: 300, patient: true });
  assert.match(status, /waiting for .*none\.test:1.*DNS resolution of 'none\.test' failed/);
  await becomesQuiet(channel);
});

test('connects to nobody who listens only with TLS, or only without, and says so', async () => {
  const ledger = new Ledger();
  await using plain = await Member.start({ ledger });
  await using secure = await RawServer.listen({ tls: { ...identity } });
  await using toPlain = createChannel(`127.0.0.1:${plain.port}`, TLS, { authority: 'localhost' });
  await using toSecure = open(secure.port, { backoff: { initialMs: NEVER_MS } });
  for (const channel of [toPlain, toSecure]) {
    const { status } = await ledger.call(channel, { boundMs: 3_000 });
    assert.match(status, /^UNAVAILABLE: cannot connect to 127\.0\.0\.1:\d+/);
  }
});

test('a port that accepts and hangs up at once is a failed attempt each time, not a loop', async () => {
  let accepted = 0;
  const server = net.createServer((socket) => {
    accepted += 1;
    socket.on('error', () => {}).destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  try {
    await using channel = open(port, { backoff: { initialMs: 50, multiplier: 1, jitter: 0 } });
    const { status } = await new Ledger().call(channel, { boundMs: 2_000 });
    assert.match(status, /^UNAVAILABLE: cannot connect to/);
    const late = await new Ledger().call(channel, { patient: true, timeoutMs: 270 });
    assert.match(late.status, /^DEADLINE_EXCEEDED/);
    assert.ok(accepted <= 8, `${accepted} attempts where the back-off allows 7`);
  } finally {
    server.close();
  }
});

test.run();
