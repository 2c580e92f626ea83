/**
 * Transparent retries over HTTP/2, against raw servers that refuse streams and say goodbye, and under load against servers that
 * do so all the time. Below the calls: transparent-retry.test.ts. Source: gRFC A6, RFC 9113 §6.8 and §8.7.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import net from 'node:net';
import { CallOptions } from '../../src/call/call-options.ts';
import type { ClientCall } from '../../src/call/client-call.ts';
import { createChannel } from '../../src/channel/create-channel.ts';
import type { DirectChannel } from '../../src/channel/direct-channel.ts';
import type { ChannelOptions } from '../../src/channel/managed-channel.ts';
import { ChannelCredentials } from '../../src/credentials/channel-credentials.ts';
import { ServerCredentials } from '../../src/credentials/server-credentials.ts';
import { Server } from '../../src/server/server.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { ECHO_KINDS, type EchoKind, echoMethods, type Outcome } from '../support/echo.ts';
import { callEcho, type EchoJournal, echoService } from '../support/echo-service.ts';
import { startGrpcJsServer } from '../support/grpc-js.ts';
import {
  grpcFrame,
  type RawConnection,
  RawServer,
  type RawServerOptions,
  responseHeaders,
  trailers,
  trailersOnly,
} from '../support/raw-http2.ts';
import { RecordingClientListener } from '../support/recorder.ts';
import { assert, suite, within } from '../support/suite.ts';
import { WoundClock } from '../support/wound-clock.ts';

const test = suite('Transparent retries over HTTP/2');
const { DEFAULT } = CallOptions;

const LAST_POSSIBLE = 2 ** 31 - 1;
const REFUSED_TEXT = 'UNAVAILABLE: stream reset by the peer with HTTP/2 code REFUSED_STREAM';
const PATIENCE_MS = 5_000;

interface MadeCall {
  readonly call: ClientCall<Uint8Array, Uint8Array>;
  readonly listener: RecordingClientListener<Uint8Array>;
}

interface CallInit {
  readonly kind?: EchoKind;
  readonly options?: CallOptions;
  readonly headers?: Metadata;
}

/** A raw server, and a channel that is connected to it. */
class Rig {
  readonly server: RawServer;
  readonly channel: DirectChannel;
  readonly peer: RawConnection;

  private constructor(server: RawServer, channel: DirectChannel, peer: RawConnection) {
    this.server = server;
    this.channel = channel;
    this.peer = peer;
  }

  static async open(options: RawServerOptions = {}, channelOptions: ChannelOptions = {}): Promise<Rig> {
    const server = await RawServer.listen(options);
    const channel = createChannel(`127.0.0.1:${server.port}`, ChannelCredentials.insecure(), channelOptions);
    channel.connect();
    const peer = await server.connection();
    await peer.roundTrip();
    return new Rig(server, channel, peer);
  }

  start({ kind = 'bidi_streaming', options = DEFAULT, headers = new Metadata() }: CallInit = {}): MadeCall {
    const call = this.channel.newCall(echoMethods[kind], options);
    const listener = new RecordingClientListener<Uint8Array>();
    listener.forbid(() => call.start(listener, headers));
    call.request(2);
    return { call, listener };
  }

  /** A call that has said all it will. */
  ask(init: CallInit = {}): MadeCall {
    const made = this.start(init);
    made.call.sendMessage(Buffer.from('question'));
    made.call.halfClose();
    return made;
  }

  /** How many requests have come, on all connections. */
  get requests(): number {
    const all = this.server.connections.flatMap(({ frames }) => frames);
    return all.filter(({ type }) => type === 'HEADERS').length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await within(PATIENCE_MS, this.channel[Symbol.asyncDispose](), 'the channel to end');
    await this.server[Symbol.asyncDispose]();
  }
}

/** The whole request has come. */
function whole(peer: RawConnection, stream: number): Promise<unknown> {
  return peer.frame('DATA', { stream, endStream: true });
}

function answer(peer: RawConnection, stream: number): void {
  peer.sendHeaders(stream, responseHeaders());
  peer.sendData(stream, grpcFrame(Buffer.from('answer')));
  peer.sendHeaders(stream, trailers(0), { endStream: true });
}

async function statusOf({ listener }: MadeCall): Promise<string> {
  return (await listener.closed).status.toString();
}

async function assertAnswered({ listener }: MadeCall): Promise<void> {
  assert.is((await listener.closed).status.toString(), 'OK');
  assert.equal(listener.messages.map(String), ['answer']);
  const told = listener.names.filter((name) => name !== 'ready' && name !== 'written');
  assert.equal(told, ['headers', 'message', 'close']);
}

/** Runs `act` in the part of a turn behind which node reads sockets before it writes what http2 has queued. */
function beforeReads<T>(act: () => T): Promise<T> {
  return new Promise((resolve) => setTimeout(() => resolve(act()), 1));
}

// ---- REFUSED_STREAM ----

for (const kind of ECHO_KINDS) {
  test(`refused with REFUSED_STREAM: comes again on the same connection, the same but for its time (${kind})`, async () => {
    const clock = new WoundClock();
    await using rig = await Rig.open({}, { clock });
    const options = DEFAULT.withTimeout(5_000, clock).withCompression('gzip').withAuthority('another.host');
    const made = rig.start({
      kind,
      options,
      headers: new Metadata({ 'x-text': 'one', 'x-bytes-bin': Buffer.from([1]) }),
    });
    made.call.setMessageCompression(false);
    made.call.sendMessage(Buffer.from('plain'));
    made.call.setMessageCompression(true);
    if (!echoMethods[kind].clientSendsOneMessage) made.call.sendMessage(Buffer.from('compressed'));
    made.call.halfClose();
    await whole(rig.peer, 1);
    clock.advance(4_000);
    rig.peer.sendRst(1, 'REFUSED_STREAM');
    await whole(rig.peer, 3);
    const [first, second] = rig.peer.frames.filter(({ type }) => type === 'HEADERS').map(({ headers }) => [...headers]);
    const lasting = (pairs: typeof first): typeof first => pairs?.filter(([name]) => name !== 'grpc-timeout');
    assert.equal(lasting(second), lasting(first));
    const timeouts = [first, second].map((pairs) => new Map(pairs).get('grpc-timeout'));
    assert.equal(timeouts, ['5000000u', '1000000u']);
    assert.equal(rig.peer.messages(3), rig.peer.messages(1));
    assert.equal(
      rig.peer.messages(1).map(({ flag }) => flag),
      echoMethods[kind].clientSendsOneMessage ? [0] : [0, 1],
    );
    answer(rig.peer, 3);
    await assertAnswered(made);
    assert.is(rig.server.connections.length, 1);
  });
}

test('refused twice: UNAVAILABLE, and not sent a third time', async () => {
  await using rig = await Rig.open({
    onFrame: (frame, peer) => frame.endStream && peer.sendRst(frame.stream, 'REFUSED_STREAM'),
  });
  assert.is(await statusOf(rig.ask()), REFUSED_TEXT);
  await rig.peer.roundTrip();
  assert.is(rig.requests, 2);
});

test('refused after its response headers, or reset with another code: ends as it did', async () => {
  const cases = [
    ['REFUSED_STREAM', true, REFUSED_TEXT],
    ['CANCEL', false, 'CANCELLED: stream reset by the peer with HTTP/2 code CANCEL'],
    ['INTERNAL_ERROR', false, 'INTERNAL: stream reset by the peer with HTTP/2 code INTERNAL_ERROR'],
    ['ENHANCE_YOUR_CALM', false, 'RESOURCE_EXHAUSTED: stream reset by the peer with HTTP/2 code ENHANCE_YOUR_CALM'],
    ['NO_ERROR', false, 'INTERNAL: the server ended the stream without a status'],
  ] as const;
  for (const [code, hasHeaders, text] of cases) {
    await using rig = await Rig.open();
    const made = rig.ask();
    await whole(rig.peer, 1);
    if (hasHeaders) rig.peer.sendHeaders(1, responseHeaders());
    rig.peer.sendRst(1, code);
    assert.is(await statusOf(made), text);
    await rig.peer.roundTrip();
    assert.is(rig.requests, 1, code);
  }
});

test('UNAVAILABLE from a server that may have seen the call, in whatever form, is not sent again', async () => {
  const forms: readonly ((peer: RawConnection) => void)[] = [
    (peer) => peer.sendHeaders(1, trailersOnly(14), { endStream: true }),
    (peer) => peer.sendHeaders(1, [[':status', '503']], { endStream: true }),
    (peer) => peer.destroy(),
    (peer) => peer.sendGoaway(1, 'ENHANCE_YOUR_CALM', 'too_many_pings'),
  ];
  for (const [index, form] of forms.entries()) {
    await using rig = await Rig.open();
    const made = rig.ask({ kind: 'unary' });
    await whole(rig.peer, 1);
    form(rig.peer);
    assert.match(await statusOf(made), /^UNAVAILABLE: |^UNAVAILABLE$/, `form ${index}`);
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    assert.is(rig.channel.getState(), index < 2 ? 'READY' : 'IDLE');
    if (index < 2) await rig.peer.roundTrip();
    assert.is(rig.requests, 1, `form ${index}`);
  }
});

test('headers that are more than the server takes: RESOURCE_EXHAUSTED at once, though nothing was sent', async () => {
  await using rig = await Rig.open({ settings: { MAX_HEADER_LIST_SIZE: 1_000 } });
  const made = rig.ask({ headers: new Metadata({ 'x-large': 'x'.repeat(2_000) }) });
  assert.match(await statusOf(made), /^RESOURCE_EXHAUSTED: /);
  await rig.peer.roundTrip();
  assert.is(rig.requests, 0);
});

test('nobody at the port: UNAVAILABLE after one attempt', async () => {
  const server = await RawServer.listen();
  const { port } = server;
  await server[Symbol.asyncDispose]();
  await using channel = createChannel(`127.0.0.1:${port}`, ChannelCredentials.insecure());
  const { code, message } = await callEcho(channel, echoMethods.unary, [Buffer.from('a')]);
  assert.is(code, 14);
  assert.match(message, /^cannot connect to /);
  assert.is(channel.getState(), 'TRANSIENT_FAILURE');
});

test('no message is told as written twice by a server that gave the window back and then refused', async () => {
  const server: RawServerOptions = { settings: { INITIAL_WINDOW_SIZE: 10 }, returnWindow: false };
  await using rig = await Rig.open(server);
  const { call, listener } = rig.start();
  for (let count = 0; count < 4; count += 1) call.sendMessage(Buffer.alloc(5));
  rig.peer.sendWindowUpdate(1, 10);
  await listener.event('written');
  await rig.peer.roundTrip();
  const before = listener.written;
  rig.peer.sendRst(1, 'REFUSED_STREAM');
  await rig.peer.frame('DATA', { stream: 3 });
  await rig.peer.roundTrip();
  assert.is(listener.written, before);
  rig.peer.sendWindowUpdate(3, 1_000);
  call.halfClose();
  await whole(rig.peer, 3);
  answer(rig.peer, 3);
  await listener.closed;
  assert.is(listener.written, 4);
  assert.is(rig.peer.messages(3).length, 4);
});

// ---- GOAWAY ----

for (const kind of ECHO_KINDS) {
  test(`a GOAWAY below a call: that one goes to a new connection, those it serves go on (${kind})`, async () => {
    await using rig = await Rig.open();
    const [served, refused] = [rig.ask({ kind }), rig.ask({ kind })];
    await whole(rig.peer, 3);
    rig.peer.sendGoaway(1);
    const next = await rig.server.connection(1);
    await whole(next, 1);
    assert.equal(next.messages(1), rig.peer.messages(3));
    answer(next, 1);
    await assertAnswered(refused);
    answer(rig.peer, 1);
    await assertAnswered(served);
    await next.roundTrip();
    assert.is(rig.requests, 3, 'what the server goes on with is not sent again');
  });

  test(`in two steps: the calls of the old connection that came between go to the new one (${kind})`, async () => {
    await using rig = await Rig.open();
    const calls = [rig.ask({ kind }), rig.ask({ kind }), rig.ask({ kind })];
    await whole(rig.peer, 5);
    rig.peer.sendGoaway(LAST_POSSIBLE);
    await rig.peer.roundTrip();
    rig.peer.sendGoaway(1);
    const next = await rig.server.connection(1);
    for (const stream of [1, 3]) {
      await whole(next, stream);
      answer(next, stream);
    }
    answer(rig.peer, 1);
    for (const made of calls) await assertAnswered(made);
    assert.is(rig.requests, 5);
  });

  for (const last of [0, LAST_POSSIBLE]) {
    const title = `a call that meets a GOAWAY with last stream ${last} on its way out goes to a new connection (${kind})`;
    test(title, async () => {
      await using rig = await Rig.open();
      const made = await beforeReads(() => {
        rig.peer.sendGoaway(last);
        return rig.ask({ kind });
      });
      const next = await rig.server.connection(1);
      await whole(next, 1);
      answer(next, 1);
      await assertAnswered(made);
      assert.is(rig.requests, 1, 'the old connection never saw it');
    });
  }
}

test('a call that one connection after the other does not take goes on to the next, 25 times', async () => {
  await using rig = await Rig.open();
  const made = rig.ask({ kind: 'unary' });
  for (let i = 0; i <= 25; i += 1) {
    const peer = await rig.server.connection(i);
    await whole(peer, 1);
    peer.sendGoaway(0);
  }
  assert.match(await statusOf(made), /^UNAVAILABLE: .*GOAWAY/);
  assert.is(rig.server.connections.length, 26);
});

test('calls that are open when their channel is shut down go on over new connections, which end with them', async () => {
  await using rig = await Rig.open();
  const [refused, passedOver] = [rig.ask(), rig.ask()];
  await whole(rig.peer, 3);
  rig.channel.shutdown();
  rig.peer.sendRst(1, 'REFUSED_STREAM');
  await whole(rig.peer, 5);
  rig.peer.sendGoaway(1);
  const next = await rig.server.connection(1);
  for (const stream of [1, 3]) {
    await whole(next, stream);
    answer(next, stream);
  }
  for (const made of [refused, passedOver]) await assertAnswered(made);
  assert.ok(await rig.channel.awaitTermination(PATIENCE_MS));
  await within(PATIENCE_MS, next.closed, 'the last connection to end');
});

test('the only call of a channel that was shut down begins anew though its connection has no other', async () => {
  await using rig = await Rig.open();
  const made = rig.ask();
  await whole(rig.peer, 1);
  rig.channel.shutdown();
  rig.peer.sendRst(1, 'REFUSED_STREAM');
  await whole(rig.peer, 3);
  answer(rig.peer, 3);
  await assertAnswered(made);
  assert.ok(await rig.channel.awaitTermination(PATIENCE_MS));
});

test('a GOAWAY with an error: only the calls above its last stream go to a new connection', async () => {
  await using rig = await Rig.open();
  const [served, refused] = [rig.ask({ kind: 'unary' }), rig.ask({ kind: 'unary' })];
  await whole(rig.peer, 3);
  rig.peer.sendGoaway(1, 'ENHANCE_YOUR_CALM', 'too_many_pings');
  assert.match(await statusOf(served), /^UNAVAILABLE: .*too_many_pings/);
  const next = await rig.server.connection(1);
  await whole(next, 1);
  answer(next, 1);
  await assertAnswered(refused);
});

test('a call right behind a GOAWAY that node has yet to tell of goes to a new connection', async () => {
  for (const last of [1, LAST_POSSIBLE]) {
    await using rig = await Rig.open();
    const first = rig.ask({ kind: 'unary' });
    await whole(rig.peer, 1);
    const second = first.listener.closed.then(() => rig.ask({ kind: 'unary' }));
    // In one piece: the end of the first call is told before the GOAWAY is.
    rig.peer.socket.cork();
    answer(rig.peer, 1);
    rig.peer.sendGoaway(last);
    rig.peer.socket.uncork();
    const next = await rig.server.connection(1);
    await whole(next, 1);
    answer(next, 1);
    await assertAnswered(await second);
    assert.is(rig.requests, 2, 'the old connection never saw it');
  }
});

test('a call right behind the end of a connection without a GOAWAY goes to a new one', async () => {
  const sockets: net.Socket[] = [];
  const onSocket = (message: unknown): void => void sockets.push((message as { socket: net.Socket }).socket);
  subscribe('net.client.socket', onSocket);
  await using rig = await Rig.open();
  unsubscribe('net.client.socket', onSocket);
  const [socket] = sockets;
  if (socket === undefined) throw new Error('the channel has no socket');
  const made = once(socket, 'end').then(() => rig.ask({ kind: 'unary' }));
  rig.peer.end();
  const next = await rig.server.connection(1);
  await whole(next, 1);
  answer(next, 1);
  await assertAnswered(await made);
  assert.is(rig.requests, 1, 'the old connection never saw it');
});

test('calls that wait for a slot move to a new connection when theirs is lost; the open one is lost with it', async () => {
  await using rig = await Rig.open({ settings: { MAX_CONCURRENT_STREAMS: 1 } });
  const open = rig.ask({ kind: 'unary' });
  const waiting = rig.ask({ kind: 'unary' });
  await whole(rig.peer, 1);
  rig.peer.destroy();
  assert.match(await statusOf(open), /^UNAVAILABLE: lost the connection/);
  const next = await rig.server.connection(1);
  await whole(next, 1);
  answer(next, 1);
  await assertAnswered(waiting);
});

test('a server that lets nothing leave and says goodbye each time: one connection a turn at most, until the deadline', async () => {
  const server: RawServerOptions = {
    settings: { MAX_CONCURRENT_STREAMS: 0 },
    onFrame: (frame, peer) => frame.type === 'SETTINGS' && frame.ack && peer.sendGoaway(0),
  };
  await using raw = await RawServer.listen(server);
  await using channel = createChannel(`127.0.0.1:${raw.port}`, ChannelCredentials.insecure());
  const listener = new RecordingClientListener<Uint8Array>();
  const call = channel.newCall(echoMethods.bidi_streaming, DEFAULT.withTimeout(300));
  call.start(listener, new Metadata());
  let turns = 0;
  const count = (): void => {
    turns += 1;
    if (!listener.names.includes('close')) setImmediate(count);
  };
  count();
  assert.match((await listener.closed).status.toString(), /^DEADLINE_EXCEEDED: /);
  assert.ok(raw.connections.length > 1, `${raw.connections.length} connections`);
  assert.ok(raw.connections.length < turns, `${raw.connections.length} connections in ${turns} turns`);
});

// ---- under load ----

/** Calls of all kinds, so many at once, until `isOver`; all their outcomes. */
async function load(channel: DirectChannel, atOnce: number, isOver: () => boolean): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const caller = async (_: unknown, index: number): Promise<void> => {
    for (let count = index; !isOver(); count += 1) {
      const kind = ECHO_KINDS[count % ECHO_KINDS.length] ?? 'unary';
      outcomes.push(
        await callEcho(channel, echoMethods[kind], [Buffer.from('a')], { command: { delayMs: count % 5 } }),
      );
    }
  };
  await Promise.all(Array.from({ length: atOnce }, caller));
  return outcomes;
}

function assertNoneLost(outcomes: readonly Outcome[]): void {
  const lost = outcomes.filter(({ code }) => code !== 0).map(({ code, message }) => `${code} ${message}`);
  assert.equal(lost, [], `${lost.length} of ${outcomes.length}`);
}

test('grpc-js, whose connections live for 50 ms: of 200 calls at a time none is lost', {
  timeoutMs: 30_000,
}, async () => {
  const options = { 'grpc.max_connection_age_ms': 50, 'grpc.max_connection_age_grace_ms': PATIENCE_MS };
  await using server = await startGrpcJsServer({ options });
  await using channel = createChannel(`127.0.0.1:${server.port}`, ChannelCredentials.insecure());
  const until = performance.now() + 1_000;
  const outcomes = await load(channel, 200, () => performance.now() > until);
  assertNoneLost(outcomes);
  assert.is(server.events.filter((event) => event.startsWith('start')).length, outcomes.length, 'none was run twice');
});

/** One port before servers that come and go. */
class Relay {
  target = 0;
  connections = 0;
  readonly #server = net.createServer((client) => this.#accept(client));
  readonly #sockets = new Set<net.Socket>();

  static async listen(target: number): Promise<Relay> {
    const relay = new Relay();
    relay.target = target;
    relay.#server.listen(0, '127.0.0.1');
    await within(PATIENCE_MS, once(relay.#server, 'listening'), 'a relay to listen');
    return relay;
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  #accept(client: net.Socket): void {
    this.connections += 1;
    const server = net.connect(this.target, '127.0.0.1');
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(one);
      one.setNoDelay(true);
      one.on('error', () => other.destroy());
      one.once('close', () => this.#sockets.delete(one));
      one.pipe(other);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await within(PATIENCE_MS, closed, 'a relay to close');
  }
}

async function startServer(journal: EchoJournal): Promise<Server> {
  const server = new Server().addService(echoService(journal));
  server.addListener({ host: '127.0.0.1', port: 0 }, ServerCredentials.insecure());
  await within(PATIENCE_MS, server.start(), 'a server to listen');
  return server;
}

test('our servers, replaced one after another behind one port: none is lost', { timeoutMs: 30_000 }, async () => {
  const journal: EchoJournal = { events: [], requests: [], deadlinesMs: [] };
  let current = await startServer(journal);
  await using relay = await Relay.listen(current.port);
  await using channel = createChannel(`127.0.0.1:${relay.port}`, ChannelCredentials.insecure());
  let isOver = false;
  const outcomes = load(channel, 100, () => isOver);
  try {
    for (let round = 0; round < 5; round += 1) {
      const begun = journal.events.length;
      while (journal.events.length < begun + 500) await new Promise((resolve) => setImmediate(resolve));
      const old = current;
      current = await startServer(journal);
      relay.target = current.port;
      old.shutdown();
      assert.ok(await old.awaitTermination(PATIENCE_MS), 'the old server comes to its end');
    }
    isOver = true;
    assertNoneLost(await outcomes);
    assert.is(journal.events.filter((event) => event.startsWith('start')).length, (await outcomes).length);
    assert.is(relay.connections, 6);
  } finally {
    isOver = true;
    await within(PATIENCE_MS, current[Symbol.asyncDispose](), 'the last server to stop');
  }
});

test.run();
