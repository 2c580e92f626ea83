/**
 * Server and createChannel over HTTP/2 on real sockets: addresses, stopping, and what a client sees of a handler's
 * errors. Upstream: ServerImplTest, ManagedChannelImplTest (rows 63 to 77, 202 and 203), AbstractTransportTest (row
 * 89).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CallOptions } from '../../src/call/call-options.ts';
import type { ClientCall } from '../../src/call/client-call.ts';
import { type ServerCall, type ServerCallHandler, ServerCallListener } from '../../src/call/server-call.ts';
import { ServiceDefinition } from '../../src/call/service-definition.ts';
import { createChannel, type Http2ChannelOptions } from '../../src/channel/create-channel.ts';
import type { DirectChannel } from '../../src/channel/direct-channel.ts';
import { ChannelCredentials } from '../../src/credentials/channel-credentials.ts';
import { ServerCredentials } from '../../src/credentials/server-credentials.ts';
import { Server, type ServerOptions } from '../../src/server/server.ts';
import { formatAddress, LOCAL_ADDRESS, REMOTE_ADDRESS } from '../../src/values/attributes.ts';
import { Metadata } from '../../src/values/metadata.ts';
import type { MethodDescriptor } from '../../src/values/method.ts';
import { Status } from '../../src/values/status.ts';
import { StatusError } from '../../src/values/status-error.ts';
import { echoMethods } from '../support/echo.ts';
import { RawClient } from '../support/raw-http2.ts';
import { RecordingClientListener, RecordingServerListener } from '../support/recorder.ts';
import { assert, suite, within } from '../support/suite.ts';

const test = suite('Server over HTTP/2');

const INSECURE = ServerCredentials.insecure();
const ANY_PORT = { host: '127.0.0.1', port: 0 };
const { unary, bidi_streaming: bidi } = echoMethods;

type Bytes = Uint8Array;
type ByteHandler = ServerCallHandler<Bytes, Bytes>;
type ByteMethod = MethodDescriptor<Bytes, Bytes>;

/** Answers each message with itself, ends with the requests. */
class Echo extends ServerCallListener<Bytes> {
  readonly #call: ServerCall<Bytes, Bytes>;

  constructor(call: ServerCall<Bytes, Bytes>) {
    super();
    this.#call = call;
    call.sendHeaders(new Metadata());
    call.request(1);
  }

  override onMessage(message: Bytes): void {
    this.#call.sendMessage(message);
    this.#call.request(1);
  }

  override onHalfClose(): void {
    this.#call.close(Status.OK, new Metadata());
  }
}

const echo: ByteHandler = (call) => new Echo(call);

/** A server whose methods are all served by `handler`, not yet started. */
function serverOf(handler: ByteHandler, options: ServerOptions = {}): Server {
  const service = new ServiceDefinition('test.Echo').addMethod(unary, handler).addMethod(bidi, handler);
  return new Server(options).addService(service);
}

async function startedServer(handler: ByteHandler, options?: ServerOptions): Promise<Server> {
  const server = serverOf(handler, options).addListener(ANY_PORT, INSECURE);
  await server.start();
  return server;
}

function channelTo(server: Server, options?: Http2ChannelOptions): DirectChannel {
  return createChannel(`127.0.0.1:${server.port}`, ChannelCredentials.insecure(), options);
}

interface StartedCall {
  readonly call: ClientCall<Bytes, Bytes>;
  readonly listener: RecordingClientListener<Bytes>;
}

function startCall(channel: DirectChannel, method: ByteMethod = bidi, options = CallOptions.DEFAULT): StartedCall {
  const call = channel.newCall(method, options);
  const listener = new RecordingClientListener<Bytes>();
  listener.forbid(() => call.start(listener, new Metadata()));
  call.request(Number.POSITIVE_INFINITY);
  return { call, listener };
}

/** One call with one message; its outcome in words: `OK hello`, `ABORTED: why`. */
async function outcome(channel: DirectChannel, method: ByteMethod = unary, options?: CallOptions): Promise<string> {
  const { call, listener } = startCall(channel, method, options);
  call.sendMessage(Buffer.from('hello'));
  call.halfClose();
  const { status } = await listener.closed;
  return [status.toString(), ...listener.messages.map((message) => Buffer.from(message).toString())].join(' ');
}

async function statusOf({ listener }: StartedCall): Promise<string> {
  return (await listener.closed).status.toString();
}

async function terminated(...ends: (Server | DirectChannel)[]): Promise<void> {
  for (const end of ends) assert.ok(await end.awaitTermination(5_000), 'it did not terminate');
}

test('serves several ports and a Unix socket at once', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'halfclose-'));
  const socket = path.join(folder, 'server.sock');
  try {
    await using server = serverOf(echo).addListener(ANY_PORT, INSECURE);
    server.addListener({ path: socket }, INSECURE).addListener(ANY_PORT, INSECURE);
    await server.start();
    const addresses = server.listenSockets().map(formatAddress);
    assert.is(addresses.length, 3);
    assert.is(addresses[0], `127.0.0.1:${server.port}`);
    assert.is(addresses[1], `unix:${socket}`);
    for (const address of addresses) {
      await using channel = createChannel(address, ChannelCredentials.insecure());
      assert.is(await outcome(channel), 'OK hello', address);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('closes what it has bound, and rejects, when an address is taken (row 89)', async () => {
  await using first = await startedServer(echo);
  const probe = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => probe.once('listening', resolve));
  const free = probe.address() as net.AddressInfo;
  await new Promise((resolve) => probe.close(resolve));

  const second = serverOf(echo)
    .addListener({ host: '127.0.0.1', port: free.port }, INSECURE)
    .addListener({ host: '127.0.0.1', port: first.port }, INSECURE);
  const error = await within(
    5_000,
    second.start().then(
      () => null,
      (thrown: unknown) => thrown,
    ),
  );
  assert.match(String(error), /EADDRINUSE/);
  await terminated(second);

  // The first of its addresses is free again.
  await using third = serverOf(echo).addListener({ host: '127.0.0.1', port: free.port }, INSECURE);
  await third.start();
  assert.is(third.port, free.port);
});

test('lets calls run on after shutdown, takes no new connections, and frees the port', async () => {
  const server = await startedServer(echo);
  const { port } = server;
  const channel = channelTo(server);
  const { call, listener } = startCall(channel);
  call.sendMessage(Buffer.from('before'));
  await listener.message();
  server.shutdown();
  await using other = createChannel(`127.0.0.1:${port}`, ChannelCredentials.insecure());
  assert.match(await outcome(other), /^UNAVAILABLE: .*ECONNREFUSED/);
  await using heir = serverOf(echo).addListener({ host: '127.0.0.1', port }, INSECURE);
  await heir.start();
  call.sendMessage(Buffer.from('after'));
  assert.is(Buffer.from(await listener.message()).toString(), 'after');
  assert.not(server.isTerminated);
  call.halfClose();
  assert.is((await listener.closed).status.toString(), 'OK');
  await terminated(server);
  channel.shutdown();
  await terminated(channel);
});

test('goes on with a new connection once the server of the old one stops', async () => {
  const server = await startedServer(echo);
  await using channel = channelTo(server);
  assert.is(await outcome(channel), 'OK hello');
  const changed = new Promise<void>((resolve) => channel.notifyWhenStateChanged('READY', resolve));
  server.shutdown();
  await within(5_000, changed);
  assert.is(channel.getState(), 'IDLE');
  const address = { host: '127.0.0.1', port: server.port };
  await terminated(server);
  await using heir = serverOf(echo).addListener(address, INSECURE);
  await heir.start();
  assert.is(await outcome(channel), 'OK hello');
});

test('ends calls at shutdownNow, also after shutdown (row 77)', async () => {
  const handled = new RecordingServerListener<Bytes>();
  let started = (): void => {};
  const running = new Promise<void>((resolve) => {
    started = resolve;
  });
  const server = await startedServer(() => {
    started();
    return handled;
  });
  await using channel = channelTo(server);
  const call = startCall(channel);
  await within(5_000, running);
  server.shutdown();
  assert.not(await server.awaitTermination(50));
  handled.forbid(() => call.listener.forbid(() => server.shutdownNow()));
  assert.is(await handled.closed, 'cancel');
  assert.not.match(await statusOf(call), /^OK/);
  await terminated(server);
});

for (const answered of [false, true]) {
  test(`shutdownNow tells calls ${answered ? 'with' : 'without'} response headers why they end`, async () => {
    let waiting = 20;
    let started = (): void => {};
    const running = new Promise<void>((resolve) => {
      started = resolve;
    });
    const server = await startedServer((call) => {
      if (answered) call.sendHeaders(new Metadata());
      waiting -= 1;
      if (waiting === 0) started();
      return new ServerCallListener();
    });
    await using channel = channelTo(server);
    const calls = Array.from({ length: waiting }, () => startCall(channel));
    await within(5_000, running);
    if (answered) await within(5_000, Promise.all(calls.map(({ listener }) => listener.event('headers'))));
    server.shutdownNow();
    for (const call of calls) assert.is(await statusOf(call), 'UNAVAILABLE: Server shutdownNow invoked');
    await terminated(server);
  });
}

test('terminates at once when nobody is connected, and with an idle connection soon', async () => {
  const lonely = await startedServer(echo);
  lonely.shutdown();
  await terminated(lonely);
  const server = await startedServer(echo);
  await using channel = channelTo(server);
  await outcome(channel);
  server.shutdown();
  await terminated(server);
});

test('terminates although a client has connected and says nothing', async () => {
  const server = await startedServer(echo);
  const socket = net.connect(server.port, '127.0.0.1');
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('connect', resolve));
  server.shutdown();
  await terminated(server);
  socket.destroy();
});

test('answers UNIMPLEMENTED for a method that it does not have (row 63)', async () => {
  await using server = new Server().addService(new ServiceDefinition('test.Echo').addMethod(unary, echo));
  await server.addListener(ANY_PORT, INSECURE).start();
  await using channel = channelTo(server);
  assert.is(await outcome(channel, bidi), 'UNIMPLEMENTED: Method not found: test.Echo/Bidi');
  assert.is(await outcome(channel), 'OK hello');
});

test('answers UNIMPLEMENTED for an encoding that it does not know, before the handler (row 64)', async () => {
  let handled = 0;
  await using server = await startedServer((call) => {
    handled += 1;
    return new Echo(call);
  });
  await using client = await RawClient.connect(server.port);
  const stream = 1;
  client.sendHeaders(stream, [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', '/test.Echo/Unary'],
    [':authority', 'some.host'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
    ['grpc-encoding', 'lzma'],
  ]);
  const headers = await client.frame('HEADERS', { stream });
  assert.match(String(headers), /END_STREAM|ES/);
  assert.is(handled, 0);
});

test('runs its interceptors from the last to the first, before those of the service (row 65)', async () => {
  const notes: string[] = [];
  const service = new ServiceDefinition('test.Echo').addMethod(unary, echo).intercept((call, headers, next) => {
    notes.push('service');
    return next(call, headers);
  });
  const interceptors = ['first', 'second'].map(
    (name) =>
      <Req, Res>(call: ServerCall<Req, Res>, headers: Metadata, next: ServerCallHandler<Req, Res>) => {
        notes.push(name);
        return next(call, headers);
      },
  );
  await using server = new Server({ interceptors }).addService(service).addListener(ANY_PORT, INSECURE);
  await server.start();
  await using channel = channelTo(server);
  await outcome(channel);
  assert.equal(notes, ['second', 'first', 'service']);
});

test('tells the client the status that a handler throws, and nothing of other errors (row 66)', async () => {
  const thrown = [
    new StatusError(Status.ABORTED.withDescription('later'), new Metadata({ 'x-when': 'soon' })),
    new Error('secret'),
  ];
  const errors: unknown[] = [];
  await using server = await startedServer(
    () => {
      throw thrown.shift();
    },
    { onHandlerError: (error) => errors.push(error) },
  );
  await using channel = channelTo(server);
  const first = startCall(channel);
  const { status, trailers } = await first.listener.closed;
  assert.is(status.toString(), 'ABORTED: later');
  assert.is(trailers.get('x-when'), 'soon');
  assert.is(await statusOf(startCall(channel)), 'UNKNOWN');
  assert.is(errors.length, 2);
});

for (const [row, event] of [
  [67, 'onMessage'],
  [68, 'onHalfClose'],
  [69, 'onReady'],
] as const) {
  test(`ends a call UNKNOWN when its ${event} throws, and lives on (row ${row})`, async () => {
    const errors: unknown[] = [];
    const error = new StatusError(Status.ABORTED.withDescription('secret'), new Metadata({ 'x-secret': 'yes' }));
    const handled = new RecordingServerListener<Bytes>({
      [event]: () => {
        throw error;
      },
    });
    let calls = 0;
    const handler: ByteHandler = (call) => {
      calls += 1;
      if (calls > 1) return new Echo(call);
      call.request(1);
      return handled;
    };
    await using server = await startedServer(handler, { onHandlerError: (thrown) => errors.push(thrown) });
    await using channel = channelTo(server);
    const { call, listener } = startCall(channel);
    call.sendMessage(Buffer.from('hello'));
    call.halfClose();
    const { status, trailers } = await listener.closed;
    assert.is(status.toString(), 'UNKNOWN: Application error processing RPC');
    assert.not(trailers.has('x-secret'));
    assert.is(await handled.closed, 'complete');
    assert.equal(errors[0], error);
    assert.is(await outcome(channel), 'OK hello');
  });
}

test('knows that a call is cancelled before its listener hears of it (row 70)', async () => {
  let served: ServerCall<Bytes, Bytes> | null = null;
  const seen: boolean[] = [];
  const handled = new RecordingServerListener<Bytes>({ onCancel: () => seen.push(served?.isCancelled() ?? false) });
  await using server = await startedServer((call) => {
    served = call;
    call.sendHeaders(new Metadata());
    return handled;
  });
  await using channel = channelTo(server);
  const { call, listener } = startCall(channel);
  await listener.headers();
  call.cancel('enough');
  assert.is(await handled.closed, 'cancel');
  assert.equal(seen, [true]);
});

test('cancels a call whose deadline passes, at both ends (row 72)', async () => {
  const handled = new RecordingServerListener<Bytes>();
  let leftMs = Number.NaN;
  await using server = await startedServer((call) => {
    leftMs = call.deadline?.remainingMs() ?? Number.POSITIVE_INFINITY;
    return handled;
  });
  await using channel = channelTo(server);
  channel.connect();
  const call = startCall(channel, bidi, CallOptions.DEFAULT.withTimeout(200));
  assert.match(await statusOf(call), /^DEADLINE_EXCEEDED/);
  assert.is(await handled.closed, 'cancel');
  assert.ok(leftMs > 0 && leftMs <= 200, `${leftMs} ms`);
});

test('drops a connection that does not speak HTTP/2 in time (row 74)', async () => {
  await using server = await startedServer(echo, { handshakeTimeoutMs: 50 });
  const socket = net.connect(server.port, '127.0.0.1');
  socket.on('error', () => {});
  socket.resume();
  await within(5_000, new Promise((resolve) => socket.once('close', resolve)));
});

test('lets no more calls of a connection run at once than it is told to', async () => {
  const running: ServerCall<Bytes, Bytes>[] = [];
  await using server = await startedServer(
    (call) => {
      running.push(call);
      return new ServerCallListener();
    },
    { maxConcurrentCallsPerConnection: 1 },
  );
  await using channel = channelTo(server);
  const first = startCall(channel);
  const second = startCall(channel);
  while (running.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.is(running.length, 1);
  running[0]?.close(Status.OK, new Metadata());
  assert.is(await statusOf(first), 'OK');
  while (running.length === 1) await new Promise((resolve) => setTimeout(resolve, 5));
  running[1]?.close(Status.OK, new Metadata());
  assert.is(await statusOf(second), 'OK');
});

test('passes limits for messages and metadata on to its connections', async () => {
  await using server = await startedServer(echo, { maxInboundMessageBytes: 4, maxInboundMetadataBytes: 500 });
  await using channel = channelTo(server);
  assert.match(await outcome(channel), /^RESOURCE_EXHAUSTED/);
  const call = channel.newCall(unary, CallOptions.DEFAULT);
  const listener = new RecordingClientListener<Bytes>();
  call.start(listener, new Metadata({ 'x-long': 'x'.repeat(500) }));
  call.halfClose();
  assert.is((await listener.closed).status.name, 'RESOURCE_EXHAUSTED');
});

test('shows each end where the other is', async () => {
  let remote = '';
  await using server = await startedServer((call) => {
    remote = formatAddress(call.getAttributes().get(REMOTE_ADDRESS));
    return new Echo(call);
  });
  await using channel = channelTo(server);
  const { call, listener } = startCall(channel);
  await listener.headers();
  assert.is(formatAddress(call.getAttributes().get(REMOTE_ADDRESS)), `127.0.0.1:${server.port}`);
  assert.is(formatAddress(call.getAttributes().get(LOCAL_ADDRESS)), remote);
  call.halfClose();
  await listener.closed;
});

test('fails calls to nobody with the address and the reason, and waits for ready until somebody is there', async () => {
  const gone = await startedServer(echo);
  const { port } = gone;
  await gone[Symbol.asyncDispose]();
  await using channel = createChannel(`127.0.0.1:${port}`, ChannelCredentials.insecure(), {
    backoff: { initialMs: 20, multiplier: 1 },
  });
  assert.match(await outcome(channel), new RegExp(`^UNAVAILABLE: .*127\\.0\\.0\\.1:${port}.*ECONNREFUSED`));
  assert.is(channel.getState(), 'TRANSIENT_FAILURE');
  const patient = outcome(channel, unary, CallOptions.DEFAULT.withWaitForReady(true));
  await new Promise((resolve) => setTimeout(resolve, 50));
  await using server = serverOf(echo).addListener({ host: '127.0.0.1', port }, INSECURE);
  await server.start();
  assert.is(await within(5_000, patient), 'OK hello');
});

test('fails calls when the connection is lost, and connects again for the next', async () => {
  const server = await startedServer((call) => new Echo(call));
  await using channel = channelTo(server);
  const call = startCall(channel);
  await call.listener.headers();
  const { port } = server;
  await server[Symbol.asyncDispose]();
  assert.match(await statusOf(call), /^(UNAVAILABLE|CANCELLED)/);
  await using heir = serverOf(echo).addListener({ host: '127.0.0.1', port }, INSECURE);
  await heir.start();
  assert.is(await outcome(channel, unary, CallOptions.DEFAULT.withWaitForReady(true)), 'OK hello');
});

test('a channel lets calls run on after shutdown and ends them at shutdownNow (rows 202, 203)', async () => {
  await using server = await startedServer(echo);
  const channel = channelTo(server);
  const { call, listener } = startCall(channel);
  const other = startCall(channel);
  call.sendMessage(Buffer.from('hello'));
  await listener.message();
  channel.shutdown();
  assert.is(await outcome(channel), 'UNAVAILABLE: Channel shutdown invoked');
  call.sendMessage(Buffer.from('again'));
  await listener.message();
  call.halfClose();
  assert.is((await listener.closed).status.toString(), 'OK');
  assert.not(channel.isTerminated);
  other.listener.forbid(() => channel.shutdownNow());
  assert.is(await statusOf(other), 'UNAVAILABLE: Channel shutdownNow invoked');
  await terminated(channel);
  assert.is(await outcome(channel), 'UNAVAILABLE: Channel shutdownNow invoked');
});

test('a channel that is shut down while it connects lets its call go on', async () => {
  await using server = await startedServer(echo);
  const channel = channelTo(server);
  const result = outcome(channel);
  channel.shutdown();
  assert.is(await result, 'OK hello');
  await terminated(channel);
});

test.run();
