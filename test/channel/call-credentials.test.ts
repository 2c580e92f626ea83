/**
 * Call credentials over true connections: TLS, to our server and to grpc-js, within the process, and cleartext, which they
 * never go over. What their answers bring about: credentials-stream.test.ts.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { CallOptions } from '../../src/call/call-options.ts';
import type { ClientInterceptor } from '../../src/call/client-interceptor.ts';
import { createChannel } from '../../src/channel/create-channel.ts';
import type { DirectChannel } from '../../src/channel/direct-channel.ts';
import type { ChannelOptions } from '../../src/channel/managed-channel.ts';
import { CallCredentials, type CallCredentialsRequest } from '../../src/credentials/call-credentials.ts';
import { ChannelCredentials } from '../../src/credentials/channel-credentials.ts';
import { Faults } from '../../src/testing/faults.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Code, Status } from '../../src/values/status.ts';
import { CallPair } from '../call/call-pair.ts';
import { type Certificates, certificates } from '../support/certificates.ts';
import { ECHO_KINDS, type EchoServer, echoMethods, type Outcome } from '../support/echo.ts';
import { callEcho, echoChannel, startEchoServer } from '../support/echo-service.ts';
import { startGrpcJsServer } from '../support/grpc-js.ts';
import { RawServer } from '../support/raw-http2.ts';
import { RecordingClientListener } from '../support/recorder.ts';
import { assert, suite, within } from '../support/suite.ts';

const test = suite('call credentials');

const HELLO = Buffer.from('hello');

/** A token for the call that asks, after a turn of the event loop or at once. */
function tokens(name: string, delayed: boolean): CallCredentials {
  const make = ({ serviceUrl, methodName }: CallCredentialsRequest): Metadata =>
    new Metadata({ [`x-${name}`]: `${serviceUrl} ${methodName}`, [`x-${name}-bin`]: HELLO });
  return CallCredentials.from((request) => (delayed ? sleep(1).then(() => make(request)) : make(request)));
}

/** Gives every call credentials of its own. */
function attaching(credentials: CallCredentials): ClientInterceptor {
  return (method, options, next) => next.newCall(method, options.withCredentials(credentials));
}

/** A call of each kind at the same time, over a channel that has yet to connect, and one more once it has. */
async function callAll(channel: DirectChannel): Promise<Outcome[]> {
  const first = await Promise.all(ECHO_KINDS.map((kind) => callEcho(channel, echoMethods[kind], [HELLO])));
  return [...first, await callEcho(channel, echoMethods.unary, [HELLO])];
}

const SERVERS: Readonly<Record<string, (options: { readonly tls: Certificates }) => Promise<EchoServer>>> = {
  'our server': startEchoServer,
  'grpc-js': startGrpcJsServer,
};

for (const [name, start] of Object.entries(SERVERS)) {
  for (const delayed of [false, true]) {
    test(`over TLS ${name} gets the channel’s and the call’s, given ${delayed ? 'later' : 'at once'}`, async () => {
      const tls = await certificates();
      await using server = await start({ tls });
      const callCredentials = tokens('channel', delayed);
      const options: ChannelOptions = { callCredentials, interceptors: [attaching(tokens('call', delayed))] };
      await using channel = echoChannel(server.port, { tls, options });
      for (const outcome of await callAll(channel)) {
        assert.is(outcome.code, Code.OK, outcome.message);
        assert.equal(outcome.messages.map(String), ['hello']);
      }
      assert.is(server.requests.length, 5);
      const said: unknown[] = [];
      for (const pairs of server.requests) {
        const metadata = new Metadata(pairs);
        said.push(metadata.get('x-channel'));
        assert.is(metadata.get('x-call'), metadata.get('x-channel'));
        assert.equal(metadata.getAll('x-channel-bin').map(String), ['hello']);
        assert.equal(metadata.getAll('x-call-bin').map(String), ['hello']);
      }
      const names = [...ECHO_KINDS.map((kind) => echoMethods[kind].name), 'Unary'];
      assert.equal(said.sort(), names.map((method) => `https://localhost:${server.port}/test.Echo ${method}`).sort());
    });
  }
}

test('those that are composed with the channel’s credentials go with every call', async () => {
  const tls = await certificates();
  await using server = await startGrpcJsServer({ tls });
  const credentials = ChannelCredentials.compose(
    ChannelCredentials.tls({ ca: tls.ca.cert }),
    CallCredentials.from(() => new Metadata({ 'x-token': 'first' })),
    CallCredentials.from(() => new Metadata({ 'x-token': 'second' })),
  );
  const address = { host: 'localhost', port: server.port };
  await using plain = createChannel(`localhost:${server.port}`, credentials);
  await using faulty = new Faults().channel(address, { credentials });
  for (const channel of [plain, faulty]) {
    for (const outcome of await callAll(channel)) assert.is(outcome.code, Code.OK, outcome.message);
  }
  assert.equal(
    server.requests.map((pairs) => new Metadata(pairs).get('x-token')),
    Array.from({ length: 10 }, () => 'first, second'),
  );
});

test('over cleartext a call with credentials is UNAUTHENTICATED, and no byte of it is sent', async () => {
  await using server = await RawServer.listen();
  let asked = 0;
  const callCredentials = CallCredentials.from(() => {
    asked += 1;
    return new Metadata({ authorization: 'secret' });
  });
  await using channel = echoChannel(server.port, { options: { callCredentials } });
  for (const outcome of await callAll(channel)) assert.is(outcome.code, Code.UNAUTHENTICATED);
  assert.is(asked, 0);
  channel.shutdown();
  assert.ok(await within(5_000, channel.awaitTermination()));
  for (const connection of server.connections) {
    await within(5_000, connection.closed);
    assert.not(connection.has('HEADERS'), connection.text());
  }
  assert.is(server.connections.length, 1);
});

test('within the process a server gets them, later or at once', async () => {
  await using pair = await CallPair.open();
  for (const delayed of [false, true]) {
    const options = CallOptions.DEFAULT.withCredentials(tokens('call', delayed));
    const { call, listener, served } = await pair.bidi({}, options);
    assert.is(served.headers.get('x-call'), `https://${pair.target}/test.Text bidi_streaming`);
    call.request(1);
    served.call.sendHeaders(new Metadata());
    served.call.sendMessage('answer');
    assert.is(await listener.message(), 'answer');
    served.call.close(Status.OK, new Metadata());
    assert.ok((await listener.closed).status.isOk);
  }
});

test('a token that never comes is given up with the call, and the server hears of nothing', async () => {
  await using pair = await CallPair.open();
  await pair.connect();
  const signals: AbortSignal[] = [];
  const stuck = CallCredentials.from(({ signal }) => {
    signals.push(signal);
    // As fetch would: it ends with the signal, and leaves nothing running.
    return sleep(60_000, new Metadata(), { signal });
  });
  const options = CallOptions.DEFAULT.withCredentials(stuck);
  const timed = pair.start('unary', {}, options.withTimeout(20));
  const cancelled = pair.start('unary', {}, options);
  cancelled.call.cancel('given up');
  assert.is((await cancelled.listener.closed).status.toString(), 'CANCELLED: given up');
  const { status } = await timed.listener.closed;
  assert.is(status.name, 'DEADLINE_EXCEEDED');
  assert.match(status.description ?? '', /\(waiting for call credentials\)$/);
  assert.equal(
    signals.map(({ aborted }) => aborted),
    [true, true],
  );
  const next = await pair.bidi();
  assert.is(next.served.call.method.kind, 'bidi_streaming', 'the first call that came');
  next.call.cancel('enough');
  await next.listener.closed;
});

test('a header that no call can carry ends the call before it is sent', async () => {
  await using pair = await CallPair.open();
  const injected = CallCredentials.fromHeaders({
    getRequestHeaders: async () => ({ authorization: 'Bearer a\r\nx-admin: true' }),
  });
  const { call } = pair.make('unary', {}, CallOptions.DEFAULT.withCredentials(injected));
  const listener = new RecordingClientListener<string>();
  call.start(listener, new Metadata());
  const { status } = await listener.closed;
  assert.is(status.name, 'UNAVAILABLE');
  assert.match(status.description ?? '', /not printable ASCII/);
});

test.run();
