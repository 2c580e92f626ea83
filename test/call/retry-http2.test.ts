/**
 * Retries by policy and hedges over HTTP/2: what leaves on the wire, against a raw server, and calls to a grpc-js server that
 * fails at first. Below the wire: retry-policy.test.ts, hedging.test.ts. Source: gRFC A6.
 */
import {
  ServerCredentials as GrpcJsCredentials,
  type Metadata as GrpcJsMetadata,
  Server as GrpcJsServer,
} from '@grpc/grpc-js';
import { CallOptions } from '../../src/call/call-options.ts';
import type { ClientCall } from '../../src/call/client-call.ts';
import { createChannel, type Http2ChannelOptions } from '../../src/channel/create-channel.ts';
import type { ManagedChannel } from '../../src/channel/managed-channel.ts';
import type { ResolverProvider } from '../../src/channel/resolver/resolver.ts';
import { StaticResolver } from '../../src/channel/resolver/static.ts';
import type { ServiceConfigMethods } from '../../src/channel/service-config.ts';
import { ChannelCredentials } from '../../src/credentials/channel-credentials.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { ECHO_KINDS, type EchoKind, echoMethods } from '../support/echo.ts';
import {
  grpcFrame,
  type RawConnection,
  RawServer,
  responseHeaders,
  trailers,
  trailersOnly,
} from '../support/raw-http2.ts';
import { RecordingClientListener } from '../support/recorder.ts';
import { assert, suite, within } from '../support/suite.ts';

const test = suite('Retries by policy over HTTP/2');
const { DEFAULT } = CallOptions;
const PATIENCE_MS = 5_000;
const UNAVAILABLE = 14;

const RETRY: Partial<ServiceConfigMethods> = {
  retryPolicy: {
    maxAttempts: 3,
    initialBackoff: '0.01s',
    maxBackoff: '0.02s',
    backoffMultiplier: 2,
    retryableStatusCodes: ['UNAVAILABLE'],
  },
};
const HEDGE: Partial<ServiceConfigMethods> = {
  hedgingPolicy: { maxAttempts: 3, hedgingDelay: '0.01s', nonFatalStatusCodes: ['UNAVAILABLE'] },
};

interface MadeCall {
  readonly call: ClientCall<Uint8Array, Uint8Array>;
  readonly listener: RecordingClientListener<Uint8Array>;
}

function channelTo(
  port: number,
  says: Partial<ServiceConfigMethods>,
  options: Http2ChannelOptions = {},
): ManagedChannel {
  const serviceConfig = { methodConfig: [{ name: [{ service: 'test.Echo' }], ...says }] };
  return createChannel(`127.0.0.1:${port}`, ChannelCredentials.insecure(), { serviceConfig, ...options });
}

function ask(channel: ManagedChannel, kind: EchoKind = 'unary', options: CallOptions = DEFAULT): MadeCall {
  const call = channel.newCall(echoMethods[kind], options);
  const listener = new RecordingClientListener<Uint8Array>();
  listener.forbid(() => call.start(listener, new Metadata({ 'x-one': '1' })));
  call.request(2);
  call.sendMessage(Buffer.from('question'));
  call.halfClose();
  return { call, listener };
}

function answer(peer: RawConnection, stream: number): void {
  peer.sendHeaders(stream, responseHeaders());
  peer.sendData(stream, grpcFrame(Buffer.from('answer')));
  peer.sendHeaders(stream, trailers(0), { endStream: true });
}

function fail(peer: RawConnection, stream: number, more: readonly (readonly [string, string])[] = []): void {
  peer.sendHeaders(stream, [...trailersOnly(UNAVAILABLE), ...more], { endStream: true });
}

/** The whole request has come. */
function whole(peer: RawConnection, stream: number): Promise<unknown> {
  return peer.frame('DATA', { stream, endStream: true });
}

/** What a request says under a name. */
async function headerOf(peer: RawConnection, stream: number, name: string): Promise<string | undefined> {
  const { headers } = await peer.frame('HEADERS', { stream });
  return headers.find(([key]) => key === name)?.[1];
}

/** What a request says of the attempts before it. */
function attemptsOf(peer: RawConnection, stream: number): Promise<string | undefined> {
  return headerOf(peer, stream, 'grpc-previous-rpc-attempts');
}

for (const kind of ECHO_KINDS) {
  test(`a call that fails without headers comes again, with the number of attempts, until it is answered (${kind})`, async () => {
    await using server = await RawServer.listen();
    await using channel = channelTo(server.port, RETRY);
    const { listener } = ask(channel, kind);
    const peer = await server.connection();
    for (const [index, stream] of [1, 3, 5].entries()) {
      await whole(peer, stream);
      assert.is(await attemptsOf(peer, stream), index === 0 ? undefined : `${index}`);
      assert.equal(
        peer.messages(stream).map(({ payload }) => String(payload)),
        ['question'],
      );
      if (index < 2) fail(peer, stream);
    }
    answer(peer, 5);
    assert.ok((await listener.closed).status.isOk);
    assert.equal(listener.messages.map(String), ['answer']);
    const [heard] = listener.log.all('headers');
    assert.is(heard?.headers.get('grpc-previous-rpc-attempts'), '2');
  });
}

test('after the last attempt the call has failed; behind headers it has at once', async () => {
  await using server = await RawServer.listen();
  await using channel = channelTo(server.port, RETRY);
  const first = ask(channel);
  const peer = await server.connection();
  for (const stream of [1, 3, 5]) {
    await whole(peer, stream);
    fail(peer, stream);
  }
  assert.is((await first.listener.closed).status.code, UNAVAILABLE);
  const second = ask(channel);
  await whole(peer, 7);
  peer.sendHeaders(7, responseHeaders());
  peer.sendHeaders(7, trailers(UNAVAILABLE), { endStream: true });
  assert.is((await second.listener.closed).status.code, UNAVAILABLE);
  await peer.roundTrip();
  assert.not(peer.has('HEADERS', { stream: 9 }));
});

test('a call whose connection is lost comes again on another one', async () => {
  await using server = await RawServer.listen();
  await using channel = channelTo(server.port, { ...RETRY, waitForReady: true });
  const { listener } = ask(channel, 'bidi_streaming');
  const lost = await server.connection();
  await whole(lost, 1);
  lost.reset();
  const peer = await server.connection(1);
  await whole(peer, 1);
  assert.is(await attemptsOf(peer, 1), '1');
  answer(peer, 1);
  assert.ok((await listener.closed).status.isOk);
});

test('each attempt bears the authority of the endpoint that it goes to, and no trace of the one before', async () => {
  await using one = await RawServer.listen();
  await using other = await RawServer.listen();
  const endpoints = [
    { addresses: [{ host: '127.0.0.1', port: one.port }], authority: 'one.test' },
    { addresses: [{ host: '127.0.0.1', port: other.port }] },
  ];
  const resolver: ResolverProvider = {
    scheme: 'two',
    givesServiceConfig: false,
    authorityOf: () => 'both.test',
    newResolver: () => new StaticResolver({ endpoints }),
  };
  const serviceConfig = { methodConfig: [{ name: [{ service: 'test.Echo' }], ...RETRY }] };
  const options: Http2ChannelOptions = { serviceConfig, resolvers: [resolver] };
  await using channel = createChannel('two:///', ChannelCredentials.insecure(), options);
  const { listener } = ask(channel);
  const lost = await one.connection();
  await whole(lost, 1);
  assert.is(await headerOf(lost, 1, ':authority'), 'one.test');
  one.stopListening();
  lost.reset();
  const peer = await other.connection();
  await whole(peer, 1);
  assert.is(await headerOf(peer, 1, ':authority'), 'both.test');
  assert.is(await attemptsOf(peer, 1), '1');
  answer(peer, 1);
  assert.ok((await listener.closed).status.isOk);
});

test('pushback: the server says when, or that there shall be no other attempt', async () => {
  await using server = await RawServer.listen();
  const slow = { ...RETRY, retryPolicy: { ...RETRY.retryPolicy, initialBackoff: '60s', maxBackoff: '60s' } };
  await using channel = channelTo(server.port, slow as Partial<ServiceConfigMethods>);
  const willing = ask(channel);
  const peer = await server.connection();
  await whole(peer, 1);
  fail(peer, 1, [['grpc-retry-pushback-ms', '1']]);
  await whole(peer, 3);
  answer(peer, 3);
  assert.ok((await willing.listener.closed).status.isOk);
  const stubborn = ask(channel);
  await whole(peer, 5);
  fail(peer, 5, [['grpc-retry-pushback-ms', '-1']]);
  assert.is((await stubborn.listener.closed).status.code, UNAVAILABLE);
});

test('a cancel during the wait sends nothing more', async () => {
  await using server = await RawServer.listen();
  await using channel = channelTo(server.port, RETRY);
  const { call, listener } = ask(channel);
  const peer = await server.connection();
  await whole(peer, 1);
  fail(peer, 1, [['grpc-retry-pushback-ms', '60000']]);
  while (channel.inspect().suspendedCalls === 0) await peer.roundTrip();
  call.cancel('enough');
  assert.is((await listener.closed).status.toString(), 'CANCELLED: enough');
  await peer.roundTrip();
  assert.not(peer.has('HEADERS', { stream: 3 }));
});

test('a cancel while a later attempt waits for a stream slot ends the call, and nothing more is sent', async () => {
  await using server = await RawServer.listen({ settings: { MAX_CONCURRENT_STREAMS: 1 } });
  await using channel = channelTo(server.port, RETRY);
  const first = ask(channel);
  const peer = await server.connection();
  await whole(peer, 1);
  const second = ask(channel);
  fail(peer, 1);
  await whole(peer, 3);
  const isInLine = (): boolean =>
    channel.inspect().subchannels.some(({ transports }) => transports.some((each) => each.waitingForSlot > 0));
  while (!isInLine()) await peer.roundTrip();
  first.call.cancel('enough');
  assert.is((await first.listener.closed).status.toString(), 'CANCELLED: enough');
  assert.not(isInLine());
  first.call.request(1);
  answer(peer, 3);
  assert.ok((await second.listener.closed).status.isOk);
  await peer.roundTrip();
  assert.not(peer.has('HEADERS', { stream: 5 }));
});

test('an attempt that comes later leaves the server what is left of the time', async () => {
  await using server = await RawServer.listen();
  await using channel = channelTo(server.port, RETRY);
  const { listener } = ask(channel, 'unary', DEFAULT.withTimeout(60_000));
  const peer = await server.connection();
  const microseconds: number[] = [];
  for (const stream of [1, 3, 5]) {
    await whole(peer, stream);
    const value = (await headerOf(peer, stream, 'grpc-timeout')) ?? '';
    assert.match(value, /^\d+u$/);
    microseconds.push(Number.parseInt(value, 10));
    if (stream < 5) fail(peer, stream);
    else answer(peer, stream);
  }
  await listener.closed;
  const [first = 0, second = 0, third = 0] = microseconds;
  assert.ok(first > second && second > third, `${microseconds}`);
});

for (const kind of ECHO_KINDS) {
  test(`hedges: copies on the wire; the first that is answered is the call, the others are reset with CANCEL (${kind})`, async () => {
    await using server = await RawServer.listen();
    await using channel = channelTo(server.port, HEDGE);
    const { listener } = ask(channel, kind);
    const peer = await server.connection();
    for (const [index, stream] of [1, 3, 5].entries()) {
      await whole(peer, stream);
      assert.is(await attemptsOf(peer, stream), index === 0 ? undefined : `${index}`);
      assert.equal(
        peer.messages(stream).map(({ payload }) => String(payload)),
        ['question'],
      );
    }
    answer(peer, 3);
    for (const stream of [1, 5]) assert.is((await peer.frame('RST_STREAM', { stream })).code, 'CANCEL');
    assert.ok((await listener.closed).status.isOk);
    assert.equal(listener.messages.map(String), ['answer']);
    assert.not(peer.has('RST_STREAM', { stream: 3 }));
  });
}

test('hedges: a failure that is not fatal is followed by the next copy, a fatal one ends the call', async () => {
  await using server = await RawServer.listen();
  const slow = { hedgingPolicy: { ...HEDGE.hedgingPolicy, hedgingDelay: '60s' } };
  await using channel = channelTo(server.port, slow as Partial<ServiceConfigMethods>);
  const { listener } = ask(channel);
  const peer = await server.connection();
  await whole(peer, 1);
  fail(peer, 1);
  await whole(peer, 3);
  peer.sendHeaders(3, trailersOnly(13, [['grpc-message', 'broken']]), { endStream: true });
  assert.is((await listener.closed).status.toString(), 'INTERNAL: broken');
});

// ---- grpc-js ----

interface Heard {
  readonly metadata: GrpcJsMetadata;
}

/** A grpc-js server whose Unary fails UNAVAILABLE so many times, and notes what it was told of attempts. */
class FailingServer {
  readonly attempts: string[] = [];
  readonly #server = new GrpcJsServer();
  port = 0;

  static async start(failures: number, delayMs = 0): Promise<FailingServer> {
    const failing = new FailingServer();
    const definition = {
      path: echoMethods.unary.path,
      requestStream: false,
      responseStream: false,
      requestSerialize: Buffer.from,
      requestDeserialize: (bytes: Buffer) => bytes,
      responseSerialize: (bytes: Buffer) => bytes,
      responseDeserialize: (bytes: Buffer) => bytes,
    } as const;
    const unary = (call: Heard & { request: Buffer }, done: (error: object | null, answer?: Buffer) => void): void => {
      const attempt = String(call.metadata.get('grpc-previous-rpc-attempts')[0] ?? 'none');
      failing.attempts.push(attempt);
      const reply = (): void => {
        if (failing.attempts.length <= failures) done({ code: UNAVAILABLE, details: 'not yet' });
        else done(null, call.request);
      };
      // The first copy of a hedged call is the slow one.
      if (attempt === 'none' && delayMs > 0) setTimeout(reply, delayMs).unref();
      else reply();
    };
    failing.#server.addService({ Unary: definition }, { Unary: unary });
    failing.port = await within(
      PATIENCE_MS,
      new Promise<number>((resolve, reject) => {
        failing.#server.bindAsync('127.0.0.1:0', GrpcJsCredentials.createInsecure(), (error, port) =>
          error === null ? resolve(port) : reject(error),
        );
      }),
    );
    return failing;
  }

  [Symbol.dispose](): void {
    this.#server.forceShutdown();
  }
}

test('grpc-js: a server that fails twice answers the third attempt', async () => {
  using server = await FailingServer.start(2);
  await using channel = channelTo(server.port, RETRY);
  const { listener } = ask(channel);
  assert.ok((await listener.closed).status.isOk);
  assert.equal(listener.messages.map(String), ['question']);
  assert.equal(server.attempts, ['none', '1', '2']);
});

test('grpc-js: a server that fails three times ends the call with its third failure', async () => {
  using server = await FailingServer.start(3);
  await using channel = channelTo(server.port, RETRY);
  const { listener } = ask(channel);
  assert.is((await listener.closed).status.toString(), 'UNAVAILABLE: not yet');
  assert.equal(server.attempts, ['none', '1', '2']);
});

test('grpc-js: of a hedged call whose first copy is slow the second is answered', async () => {
  using server = await FailingServer.start(0, 1_000);
  await using channel = channelTo(server.port, HEDGE);
  const { listener } = ask(channel);
  assert.ok((await listener.closed).status.isOk);
  assert.equal(server.attempts.slice(0, 2), ['none', '1']);
  const [heard] = listener.log.all('headers');
  assert.ok(Number(heard?.headers.get('grpc-previous-rpc-attempts')) >= 1);
});

test.run();
