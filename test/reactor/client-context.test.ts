/**
 * ClientContext: what each setter does to the RPC, and what the context says of it meanwhile and after. What a context inherits
 * from another RPC: propagation.test.ts. Upstream: end2end_test.cc, client_callback_end2end_test.cc.
 */
import { gunzipSync } from 'node:zlib';
import { CallOptionKey, CallOptions } from '../../src/call/call-options.ts';
import type { ClientInterceptor } from '../../src/call/client-interceptor.ts';
import type { HandlerRegistry, RegisteredMethod } from '../../src/call/service-definition.ts';
import { createChannel } from '../../src/channel/create-channel.ts';
import { createInProcessChannel } from '../../src/channel/create-in-process-channel.ts';
import { CallCredentials } from '../../src/credentials/call-credentials.ts';
import { ChannelCredentials } from '../../src/credentials/channel-credentials.ts';
import { ServerCredentials } from '../../src/credentials/server-credentials.ts';
import { callbackService } from '../../src/reactor/callback-service.ts';
import { ClientContext } from '../../src/reactor/client-context.ts';
import { ClientReadReactor, ClientWriteReactor } from '../../src/reactor/client-reactors.ts';
import { deadlineAfter } from '../../src/reactor/deadlines.ts';
import type { CallbackServerContext } from '../../src/reactor/server-context.ts';
import { ServerUnaryReactor, ServerWriteReactor } from '../../src/reactor/server-reactors.ts';
import { newStub } from '../../src/reactor/stub.ts';
import { Server } from '../../src/server/server.ts';
import { InProcessServer } from '../../src/transport/in-process/server.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Code, Status } from '../../src/values/status.ts';
import { thrownBy } from '../call/call-pair.ts';
import { certificates } from '../support/certificates.ts';
import { grpcFrame, RawServer, responseHeaders, trailers } from '../support/raw-http2.ts';
import { assert, suite } from '../support/suite.ts';
import { WoundClock } from '../support/wound-clock.ts';
import { ReactorPair, TEXT_METHODS, type TextService, textMethod, UNREADABLE } from './reactor-pair.ts';
import { bindBidi, bindRead, bindUnary, hold, turns } from './rpc-ends.ts';
import { callUnary, startUnary } from './unary-calls.ts';
import { watch } from './watched.ts';

const test = suite('ClientContext');

const TRANSPORTS = ['in-process', 'http2'] as const;

/** Answers with what `answer` makes of the context. */
function answering(answer: (context: CallbackServerContext) => string): TextService {
  return {
    unary(context) {
      const reactor = context.defaultReactor<string>();
      reactor.finish(Status.OK, answer(context));
      return reactor;
    },
  };
}

for (const transport of TRANSPORTS) {
  test(`${transport}: metadata reaches the server, each entry once and in order (SendClientInitialMetadata)`, async () => {
    let seen: Metadata | null = null;
    const service = answering((context) => {
      seen = context.clientMetadata();
      return '';
    });
    await using pair = await ReactorPair.open(service, { transport });
    const context = new ClientContext();
    context.addMetadata('x-key', 'one');
    context.addMetadata('X-Key', 'two');
    context.addMetadata('x-bytes-bin', Uint8Array.of(0, 255));
    assert.is((await callUnary(pair, 'hello', context).ended()).status, Status.OK);
    const metadata = seen as Metadata | null;
    assert.equal(metadata?.getAll('x-key'), ['one', 'two']);
    assert.equal(
      metadata?.getAll('x-bytes-bin').map((value) => [...value]),
      [[0, 255]],
    );
  });

  test(`${transport}: a deadline reaches the server as the same instant; without one it knows none (EchoDeadline, EchoDeadlineForNoDeadlineRpc)`, async () => {
    const seen: { deadlineMs: number; atMs: number }[] = [];
    const service = answering((context) => {
      seen.push({ deadlineMs: context.deadline(), atMs: Date.now() });
      return '';
    });
    await using pair = await ReactorPair.open(service, { transport });
    const beganMs = Date.now();
    const deadlineMs = deadlineAfter(3_600_000);
    for (const deadline of [deadlineMs, new Date(deadlineMs)]) {
      const context = new ClientContext();
      assert.is(context.deadline(), Number.POSITIVE_INFINITY);
      context.setDeadline(deadline);
      assert.is(context.deadline(), deadlineMs);
      assert.is((await callUnary(pair, 'hello', context).ended()).status, Status.OK);
    }
    for (const { deadlineMs: atServer, atMs } of seen) {
      assert.ok(Math.abs(atServer - deadlineMs) <= 1000 + atMs - beganMs, `${atServer} for ${deadlineMs}`);
    }
    assert.is((await callUnary(pair, 'hello').ended()).status, Status.OK);
    assert.is(seen.at(-1)?.deadlineMs, Number.POSITIVE_INFINITY);
    assert.is(seen.length, 3);
  });

  test(`${transport}: the authority goes in place of the channel’s, and a registry may choose the service by it (SimpleRpcWithHost)`, async () => {
    const method = textMethod('unary', 'Echo', 'test.Hosted');
    /** A service for each host, which a server by itself does not have. */
    class ByHost implements HandlerRegistry {
      readonly #hosts: ReadonlyMap<string | null, RegisteredMethod | undefined>;

      constructor(...hosts: readonly string[]) {
        this.#hosts = new Map(hosts.map((host) => [host, callbackService({ method }, this.#echo(host)).methods()[0]]));
      }

      #echo(host: string) {
        return {
          method(context: CallbackServerContext, request: string): ServerUnaryReactor<string> {
            const reactor = context.defaultReactor<string>();
            reactor.finish(Status.OK, `${request} from the service of ${host}, asked for as ${context.getAuthority()}`);
            return reactor;
          },
        };
      }

      lookup(path: string, authority: string | null): RegisteredMethod | null {
        return path === method.path ? (this.#hosts.get(authority) ?? null) : null;
      }
    }
    const fallbackRegistry = new ByHost('foo.test.youtube.com', 'bar.test.youtube.com:81');
    await using pair = await ReactorPair.open({}, { transport, fallbackRegistry });
    const stub = newStub({ echo: method }, pair.channel).async();
    for (const host of ['foo.test.youtube.com', 'bar.test.youtube.com:81']) {
      const context = new ClientContext();
      context.setAuthority(host);
      const { response } = await startUnary<string>((bound, done) => stub.echo(bound, 'hello', done), context).ended();
      assert.is(response, `hello from the service of ${host}, asked for as ${host}`);
    }
    const { code } = await startUnary<string>((bound, done) => stub.echo(bound, 'hello', done)).ended();
    assert.is(code, Code.UNIMPLEMENTED);
  });

  test(`${transport}: each end can say who the other is (Peer)`, async () => {
    let clientPeer = '';
    const service = answering((context) => {
      clientPeer = context.peer();
      assert.is(context.authContext().isPeerAuthenticated(), false);
      return '';
    });
    await using pair = await ReactorPair.open(service, { transport });
    const context = new ClientContext();
    assert.is(context.peer(), '');
    assert.is(context.authContext(), null);
    const call = callUnary(pair, 'hello', context);
    assert.is(context.peer(), '');
    assert.equal([...(context.authContext() ?? ['none'])], []);
    await call.ended();
    const type = context.authContext()?.findPropertyValues('transport_security_type');
    if (transport === 'http2') {
      assert.is(context.peer(), `ipv4:127.0.0.1:${pair.server.port}`);
      assert.match(clientPeer, /^ipv4:127\.0\.0\.1:\d+$/);
      assert.equal(type, ['insecure']);
    } else {
      assert.match(context.peer(), /^inproc:./);
      assert.match(clientPeer, /^inproc:./);
      assert.equal(type, ['local']);
    }
  });

  test(`${transport}: in words for people: nothing before the end and for OK, else the status, its cause and the peer`, async () => {
    const held = hold(() => new ServerUnaryReactor<string>());
    await using pair = await ReactorPair.open({ unary: held.handler }, { transport });
    const ends: Readonly<Record<string, (reactor: ServerUnaryReactor<string>) => void>> = {
      '': (reactor) => reactor.finish(Status.OK, 'hello'),
      'NOT_FOUND: nobody (peer PEER)': (reactor) => reactor.finish(Status.NOT_FOUND.withDescription('nobody')),
      'INTERNAL: Failed to parse the response, caused by Error: not to be deserialized (peer PEER)': (reactor) =>
        reactor.finish(Status.OK, UNREADABLE),
    };
    for (const [words, end] of Object.entries(ends)) {
      const { context, ended } = callUnary(pair, 'hello');
      assert.is(context.debugErrorString(), '');
      const { reactor } = await held.served.next();
      assert.is(context.debugErrorString(), '');
      end(reactor);
      await ended();
      assert.is(context.debugErrorString(), words.replace('PEER', context.peer()));
    }
    const unsent = new ClientContext();
    assert.is(unsent.debugErrorString(), '');
    unsent.tryCancel();
    await callUnary(pair, 'hello', unsent).ended();
    assert.is(unsent.debugErrorString(), 'CANCELLED: the client cancelled the call');
  });
}

test('metadata that may not be is refused, and nothing is sent of it', async () => {
  let keys: string[] = [];
  const service = answering((context) => {
    keys = context.clientMetadata().keys();
    return '';
  });
  await using pair = await ReactorPair.open(service);
  const context = new ClientContext();
  for (const [key, value] of [
    ['grpc-timeout', '1S'],
    ['x key', 'value'],
    ['x-key', 'two\nlines'],
    ['x-key-bin', 'text'],
    ['connection', 'close'],
  ] as const) {
    assert.match(thrownBy(() => context.addMetadata(key as string, value)) ?? '', /^TypeError: /, key);
  }
  assert.is((await callUnary(pair, 'hello', context).ended()).status, Status.OK);
  assert.equal(keys, ['user-agent']);
});

test('a deadline is an instant: one that has passed ends the RPC, and NaN is none', async () => {
  const held = hold(() => new ServerUnaryReactor<string>());
  await using pair = await ReactorPair.open({ unary: held.handler });
  for (const deadline of [0, -1, Date.now() - 1, new Date(0), Number.NEGATIVE_INFINITY]) {
    const context = new ClientContext(CallOptions.DEFAULT.withTimeout(3_600_000));
    context.setDeadline(deadline);
    assert.is((await callUnary(pair, 'hello', context).ended()).code, Code.DEADLINE_EXCEEDED);
  }
  const context = new ClientContext();
  const notAnInstant = 'RangeError: a deadline must be a valid Date or a number of milliseconds, not NaN';
  assert.is(
    thrownBy(() => context.setDeadline(Number.NaN)),
    notAnInstant,
  );
  assert.is(
    thrownBy(() => context.setDeadline(new Date('never'))),
    notAnInstant,
  );
  assert.is(context.deadline(), Number.POSITIVE_INFINITY);
  assert.equal(held.served.all, []);
});

test('a deadline that comes ends the RPC; Infinity takes one back', async () => {
  const held = hold(() =>
    ServerUnaryReactor.from<string>({
      onCancel() {
        this.finish(Status.CANCELLED);
      },
    }),
  );
  await using pair = await ReactorPair.open({ unary: held.handler });
  const patient = new ClientContext(CallOptions.DEFAULT.withTimeout(0));
  patient.setDeadline(0);
  patient.setDeadline(Number.POSITIVE_INFINITY);
  const waiting = callUnary(pair, 'hello', patient);
  const context = new ClientContext();
  context.setDeadline(deadlineAfter(20));
  assert.is((await callUnary(pair, 'hello', context).ended()).code, Code.DEADLINE_EXCEEDED);
  (await held.served.next()).reactor.finish(Status.OK, 'in time');
  assert.is((await waiting.ended()).response, 'in time');
});

test('an RPC fails when there is no connection, unless it is to wait for one', async () => {
  const clock = new WoundClock();
  const listener = InProcessServer.named('test.reactor.late');
  await using channel = createInProcessChannel('test.reactor.late', { clock, backoff: { jitter: 0 } });
  const stub = newStub(TEXT_METHODS, channel).async();
  const call = (waitForReady: boolean | null) => {
    const context = new ClientContext();
    if (waitForReady !== null) context.setWaitForReady(waitForReady);
    return callUnary({ stub }, 'hello', context);
  };
  const waiting = call(true);
  for (const waitForReady of [null, false]) assert.is((await call(waitForReady).ended()).code, Code.UNAVAILABLE);
  await using server = new Server().addServerListener(listener);
  server.addService(
    callbackService(
      TEXT_METHODS,
      answering(() => 'here now'),
    ),
  );
  await server.start();
  await clock.advanceAsync(1000);
  assert.is((await waiting.ended()).response, 'here now');
});

test('the compressor is used for each message, but for those whose write says otherwise', async () => {
  await using raw = await RawServer.listen();
  await using channel = createChannel(`127.0.0.1:${raw.port}`, ChannelCredentials.insecure());
  const stub = newStub(TEXT_METHODS, channel).async();
  const context = new ClientContext();
  assert.is(context.compressionAlgorithm(), null);
  context.setCompressionAlgorithm('gzip');
  assert.is(context.compressionAlgorithm(), 'gzip');
  const writes = [{ noCompression: true }, { noCompression: false }];
  const reactor = ClientWriteReactor.from<string, string>({
    onWriteDone() {
      const options = writes.shift();
      if (options === undefined) this.startWritesDone();
      else this.startWrite(`message, ${JSON.stringify(options)}`, options);
    },
  });
  const log = watch(reactor);
  stub.write(context, reactor);
  reactor.startWrite('message');
  reactor.startCall();
  const peer = await raw.connection();
  assert.is((await peer.frame('HEADERS')).header('grpc-encoding'), 'gzip');
  await peer.frame('DATA', { endStream: true });
  assert.equal(
    peer.messages(1).map(({ flag, payload }) => `${flag} ${flag === 1 ? gunzipSync(payload) : payload}`),
    ['1 message', '0 message, {"noCompression":true}', '1 message, {"noCompression":false}'],
  );
  peer.sendHeaders(1, responseHeaders());
  peer.sendData(1, grpcFrame(Buffer.from('done')));
  peer.sendHeaders(1, trailers(0), { endStream: true });
  await log.done();
  assert.is(log.events.at(-1), 'onDone(OK, done)');
});

test('without a compressor nothing is compressed, and nothing said of it', async () => {
  await using raw = await RawServer.listen();
  await using channel = createChannel(`127.0.0.1:${raw.port}`, ChannelCredentials.insecure());
  const stub = newStub(TEXT_METHODS, channel).async();
  const call = callUnary({ stub }, 'hello');
  const peer = await raw.connection();
  assert.is((await peer.frame('HEADERS')).header('grpc-encoding'), undefined);
  await peer.frame('DATA', { endStream: true });
  assert.equal(
    peer.messages(1).map(({ flag, payload }) => `${flag} ${payload}`),
    ['0 hello'],
  );
  call.context.tryCancel();
  await call.ended();
});

const TOKEN: CallCredentials = CallCredentials.from(({ methodName }) => new Metadata({ 'x-token': methodName }));

test('credentials of the RPC go with it over TLS, where each end knows the other for certain', async () => {
  const { ca, server: identity, client } = await certificates();
  const peers: string[][] = [];
  const service = answering((context) => {
    peers.push([...context.authContext().getPeerIdentity()]);
    return `${context.clientMetadata().get('x-token')}`;
  });
  await using server = new Server();
  server.addService(callbackService(TEXT_METHODS, service));
  const trust = { ca: ca.cert, clientCertificate: 'require' } as const;
  server.addListener({ host: '127.0.0.1', port: 0 }, ServerCredentials.tls({ ...identity, ...trust }));
  await server.start();
  const credentials = ChannelCredentials.tls({ ca: ca.cert, ...client });
  await using channel = createChannel(`127.0.0.1:${server.port}`, credentials);
  const stub = newStub(TEXT_METHODS, channel).async();
  const context = new ClientContext();
  assert.is(context.credentials(), null);
  context.setCredentials(TOKEN);
  assert.is(context.credentials(), TOKEN);
  assert.is((await callUnary({ stub }, 'hello', context).ended()).response, 'unary');
  assert.is((await callUnary({ stub }, 'hello').ended()).response, 'undefined');
  assert.equal(peers, [['test client'], ['test client']]);
  assert.ok(context.authContext()?.isPeerAuthenticated());
  assert.ok(context.authContext()?.getPeerIdentity().includes('localhost'));
});

test('in cleartext credentials are refused, with a reaction for everything that was started', async () => {
  const held = hold(() => new ServerUnaryReactor<string>());
  await using pair = await ReactorPair.open({ unary: held.handler }, { transport: 'http2' });
  const context = new ClientContext();
  context.setCredentials(TOKEN);
  assert.is((await callUnary(pair, 'hello', context).ended()).code, Code.UNAUTHENTICATED);
  const other = new ClientContext();
  other.setCredentials(TOKEN);
  const { reactor, log } = bindBidi(pair, undefined, other);
  reactor.startRead();
  reactor.startWriteLast('hello');
  reactor.startCall();
  assert.is((await reactor.done()).code, Code.UNAUTHENTICATED);
  assert.equal(log.events.slice(0, 3).sort(), [
    'onReadDone(false)',
    'onReadInitialMetadataDone(false)',
    'onWriteDone(false)',
  ]);
  assert.equal(held.served.all, []);
});

test('a context begins with the options that it was made of, the caller’s own among them', async () => {
  const key = new CallOptionKey('test', 'unset');
  const seen: [string, string | null][] = [];
  const note: ClientInterceptor = (method, options, next) => {
    seen.push([options.getOption(key), options.authority]);
    return next.newCall(method, options);
  };
  await using pair = await ReactorPair.open(
    answering((context) => `${context.getAuthority()}`),
    { clientInterceptors: [note] },
  );
  const context = new ClientContext(CallOptions.DEFAULT.withOption(key, 'set').withAuthority('one'));
  context.setAuthority('two');
  assert.is((await callUnary(pair, 'hello', context).ended()).response, 'two');
  assert.equal(seen, [['set', 'two']]);
});

test('an AbortSignal in the options cancels the RPC', async () => {
  const held = hold(() =>
    ServerUnaryReactor.from<string>({
      onCancel() {
        this.finish(Status.CANCELLED);
      },
    }),
  );
  await using pair = await ReactorPair.open({ unary: held.handler });
  const controller = new AbortController();
  const context = new ClientContext(CallOptions.DEFAULT.withSignal(controller.signal));
  const { reactor } = bindUnary(pair, 'hello', undefined, context);
  reactor.startCall();
  const { log } = await held.served.next();
  controller.abort();
  assert.is((await reactor.done()).code, Code.CANCELLED);
  await log.done();
});

test('the server’s metadata can be had once it is known: headers from their reaction, or the first read, on, trailers in onDone', async () => {
  const service: TextService = {
    read(context, request) {
      context.addInitialMetadata('x-key', 'header');
      context.addTrailingMetadata('x-key', 'trailer');
      const reactor = new ServerWriteReactor<string>();
      reactor.startWriteAndFinish(request, undefined, Status.OK);
      return reactor;
    },
  };
  await using pair = await ReactorPair.open(service);
  const context = new ClientContext();
  const noHeaders = 'IllegalStateError: the response headers have not come';
  const noTrailers = 'IllegalStateError: the RPC has not ended';
  const known: string[] = [];
  const note = (where: string): void => {
    const headers = thrownBy(() => known.push(`${where}: ${context.getServerInitialMetadata().get('x-key')}`));
    const trailing = thrownBy(() => known.push(`${where}: ${context.getServerTrailingMetadata().get('x-key')}`));
    if (headers !== null) assert.is(headers, noHeaders);
    if (trailing !== null) assert.is(trailing, noTrailers);
  };
  note('unbound');
  const { reactor, log } = bindRead(
    pair,
    'hello',
    ClientReadReactor.from<string>({
      onReadInitialMetadataDone: () => note('headers'),
      onReadDone: () => note('read'),
      onDone: () => note('done'),
    }),
    context,
  );
  note('bound');
  reactor.startRead();
  reactor.startCall();
  note('started');
  await log.done();
  assert.equal(known, ['headers: header', 'read: header', 'done: header', 'done: trailer']);
});

test('what is set once the RPC has started throws, and changes nothing; tryCancel alone is always legal', async () => {
  const held = hold(() =>
    ServerUnaryReactor.from<string>({
      onCancel() {
        this.finish(Status.CANCELLED);
      },
    }),
  );
  await using pair = await ReactorPair.open({ unary: held.handler });
  const setters: Readonly<Record<string, (context: ClientContext) => void>> = {
    addMetadata: (context) => context.addMetadata('x-late', 'value'),
    setDeadline: (context) => context.setDeadline(0),
    setWaitForReady: (context) => context.setWaitForReady(true),
    setAuthority: (context) => context.setAuthority('late'),
    setCompressionAlgorithm: (context) => context.setCompressionAlgorithm('gzip'),
    setInitialMetadataCorked: (context) => context.setInitialMetadataCorked(true),
    setCredentials: (context) => context.setCredentials(TOKEN),
  };
  const { context, ended } = callUnary(pair, 'hello');
  const bound = bindUnary(pair, 'hello');
  bound.context.addMetadata('x-early', 'value');
  bound.reactor.startCall();
  for (const [name, set] of Object.entries(setters)) {
    const late = `IllegalStateError: ${name} was called after the RPC had started`;
    assert.is(
      thrownBy(() => set(context)),
      late,
    );
    assert.is(
      thrownBy(() => set(bound.context)),
      late,
    );
  }
  assert.is(context.deadline(), Number.POSITIVE_INFINITY);
  assert.is(context.compressionAlgorithm(), null);
  const served = [await held.served.next(), await held.served.next()];
  const keys = served.map((one) => one.context.clientMetadata().keys().sort().join());
  assert.equal(keys.sort(), ['user-agent', 'user-agent,x-early']);
  context.tryCancel();
  bound.context.tryCancel();
  assert.is((await ended()).code, Code.CANCELLED);
  assert.is((await bound.reactor.done()).code, Code.CANCELLED);
  for (const { log } of served) await log.done();
});

test('a context is for one RPC, also after its end', async () => {
  await using pair = await ReactorPair.open(answering(() => 'hello'));
  const { context, ended } = callUnary(pair, 'hello');
  const used = 'IllegalStateError: a ClientContext is for one RPC';
  assert.is(
    thrownBy(() => callUnary(pair, 'again', context)),
    used,
  );
  await ended();
  assert.is(
    thrownBy(() => callUnary(pair, 'again', context)),
    used,
  );
  assert.is(
    thrownBy(() => bindUnary(pair, 'again', undefined, context)),
    used,
  );
  await turns();
});

test.run();
