/**
 * CallbackServerContext: what a handler learns of its RPC, and what it may say beside messages and status, on the wire where it
 * shows there. What becomes of cancels: server-unary-reactor.test.ts and its siblings. Upstream: server_context.h, the
 * assertions of test_service_impl.cc.
 */
import { gunzipSync } from 'node:zlib';
import { CallOptions } from '../../src/call/call-options.ts';
import { ClientContext } from '../../src/reactor/client-context.ts';
import { CallbackGenericService } from '../../src/reactor/generic-service.ts';
import type { CallbackServerContext, GenericCallbackServerContext } from '../../src/reactor/server-context.ts';
import { ServerUnaryReactor, ServerWriteReactor } from '../../src/reactor/server-reactors.ts';
import type { WriteOptionsInit } from '../../src/reactor/write-options.ts';
import { Code, Status } from '../../src/values/status.ts';
import { thrownBy } from '../call/call-pair.ts';
import type { HeaderPair } from '../support/http2-frame.ts';
import { grpcFrame, RawClient, type RawConnection, requestHeaders } from '../support/raw-http2.ts';
import { assert, suite } from '../support/suite.ts';
import { WoundClock } from '../support/wound-clock.ts';
import { ReactorPair, type TextService } from './reactor-pair.ts';
import { bindRead, hold, turns } from './rpc-ends.ts';
import { callUnary } from './unary-calls.ts';

const test = suite('CallbackServerContext');

const TRANSPORTS = ['in-process', 'http2'] as const;

/** Sends a unary request by hand; gives its stream. */
function sendUnary(client: RawConnection, extra: readonly HeaderPair[] = []): number {
  const stream = client.open(requestHeaders('/test.Text/unary', extra));
  client.sendData(stream, grpcFrame(Buffer.from('hello')), { endStream: true });
  return stream;
}

/** A service that writes `hello` with each of these options, after `prepare` has seen the context. */
function writing(prepare: (context: CallbackServerContext) => void, ...writes: WriteOptionsInit[]): TextService {
  return {
    read(context) {
      prepare(context);
      const left = [...writes];
      const reactor = ServerWriteReactor.from<string>({
        onWriteDone() {
          const options = left.shift();
          if (options === undefined) this.finish(Status.OK);
          else this.startWrite('hello', options);
        },
      });
      reactor.startWrite('hello', left.shift());
      return reactor;
    },
  };
}

/** What a raw client that takes gzip, or says nothing of it, gets of the service: the encoding and its messages. */
async function readAll(service: TextService, accepts: string | null): Promise<string[]> {
  await using pair = await ReactorPair.open(service, { transport: 'http2' });
  await using client = await RawClient.connect(pair.server.port);
  const extra: HeaderPair[] = accepts === null ? [] : [['grpc-accept-encoding', accepts]];
  const stream = client.open(requestHeaders('/test.Text/server_streaming', extra));
  client.sendData(stream, grpcFrame(Buffer.from('hello')), { endStream: true });
  await client.frame('HEADERS', { stream, endStream: true });
  const [headers] = client.frames.filter((frame) => frame.type === 'HEADERS');
  const messages = client
    .messages(stream)
    .map(({ flag, payload }) => `${flag} ${flag === 1 ? gunzipSync(payload) : payload}`);
  return [headers?.header('grpc-encoding') ?? 'none', ...messages];
}

for (const transport of TRANSPORTS) {
  test(`${transport}: headers and trailers of the handler reach the client, each where it belongs and in order`, async () => {
    const service: TextService = {
      unary(context, request) {
        context.addInitialMetadata('x-key', 'one');
        context.addInitialMetadata('X-Key', 'two');
        context.addInitialMetadata('x-bytes-bin', Uint8Array.of(0, 255));
        context.addTrailingMetadata('x-key', 'three');
        const reactor = context.defaultReactor<string>();
        reactor.finish(request === 'fail' ? Status.ABORTED : Status.OK, request);
        return reactor;
      },
    };
    await using pair = await ReactorPair.open(service, { transport });
    for (const request of ['succeed', 'fail']) {
      const { context, ended } = callUnary(pair, request);
      assert.is((await ended()).code, request === 'fail' ? Code.ABORTED : Code.OK);
      assert.equal(context.getServerInitialMetadata().getAll('x-key'), ['one', 'two']);
      const bytes = context.getServerInitialMetadata().getAll('x-bytes-bin');
      assert.equal(
        bytes.map((value) => [...value]),
        [[0, 255]],
      );
      assert.equal(context.getServerTrailingMetadata().getAll('x-key'), ['three']);
    }
  });

  test(`${transport}: headers may be added until they are sent, trailers until finish`, async () => {
    const held = hold(
      () => new ServerWriteReactor<string>(),
      ({ context }) => context.addInitialMetadata('x-early', 'value'),
    );
    await using pair = await ReactorPair.open({ read: held.handler }, { transport });
    const lateHeader = 'IllegalStateError: addInitialMetadata was called after the headers were sent';
    const lateTrailer = 'IllegalStateError: addTrailingMetadata was called after finish';
    const senders: readonly ((reactor: ServerWriteReactor<string>) => void)[] = [
      (reactor) => reactor.startSendInitialMetadata(),
      (reactor) => reactor.startWrite('hello'),
      (reactor) => reactor.finish(Status.OK),
    ];
    for (const send of senders) {
      const { context: clientContext, reactor: client, log: clientLog } = bindRead(pair, 'hello');
      client.startCall();
      const { context, reactor, log } = await held.served.next();
      context.addInitialMetadata('x-later', 'value');
      send(reactor);
      assert.is(
        thrownBy(() => context.addInitialMetadata('x-late', 'value')),
        lateHeader,
      );
      if (send !== senders.at(-1)) {
        context.addTrailingMetadata('x-trailer', 'value');
        reactor.finish(Status.ABORTED);
      }
      assert.is(
        thrownBy(() => context.addTrailingMetadata('x-late', 'value')),
        lateTrailer,
      );
      await Promise.all([log.done(), clientLog.done()]);
      const headers = clientContext.getServerInitialMetadata();
      assert.equal(headers.keys().sort(), ['x-early', 'x-later']);
      const trailers = clientContext.getServerTrailingMetadata().keys();
      assert.equal(trailers, send === senders.at(-1) ? [] : ['x-trailer']);
    }
  });

  test(`${transport}: tryCancel is heard by isCancelled() at once, as often as it is called; after the end it does nothing`, async () => {
    const held = hold(() => new ServerUnaryReactor<string>());
    await using pair = await ReactorPair.open({ unary: held.handler }, { transport });
    const cancelled = callUnary(pair, 'hello');
    const { context, reactor, log } = await held.served.next();
    assert.not(context.isCancelled());
    context.tryCancel();
    assert.ok(context.isCancelled());
    context.tryCancel();
    assert.is((await cancelled.ended()).code, Code.CANCELLED);
    reactor.finish(Status.OK, 'ignored');
    await log.done();
    assert.equal(log.events, ['onCancel', 'onDone']);
    const other = callUnary(pair, 'hello');
    const served = await held.served.next();
    served.reactor.finish(Status.OK, 'hello');
    assert.is((await other.ended()).response, 'hello');
    await served.log.done();
    served.context.tryCancel();
    assert.not(served.context.isCancelled());
    await turns();
    assert.equal(served.log.events, ['onDone']);
  });

  test(`${transport}: the deadline is on the clock of the server, and there is none where the client set none`, async () => {
    const clock = new WoundClock(5000);
    const held = hold(
      () => new ServerUnaryReactor<string>(),
      ({ reactor }) => reactor.finish(Status.OK, 'hello'),
    );
    const options = { transport, server: { clock }, channel: { clock } };
    await using pair = await ReactorPair.open({ unary: held.handler }, options);
    const context = new ClientContext(CallOptions.DEFAULT.withTimeout(60_000, clock));
    await callUnary(pair, 'hello', context).ended();
    const deadline = (await held.served.next()).context.deadlineInstant();
    assert.is(deadline?.clock, clock);
    assert.is(deadline?.remainingMs(), 60_000);
    await callUnary(pair, 'hello').ended();
    const { context: other } = await held.served.next();
    assert.is(other.deadlineInstant(), null);
    assert.is(other.deadline(), Number.POSITIVE_INFINITY);
  });
}

test('the server sees to the deadline itself, if the client does not', async () => {
  const clock = new WoundClock();
  const held = hold(() => new ServerUnaryReactor<string>());
  await using pair = await ReactorPair.open({ unary: held.handler }, { transport: 'http2', server: { clock } });
  await using client = await RawClient.connect(pair.server.port);
  const stream = sendUnary(client, [['grpc-timeout', '10S']]);
  const { context, reactor, log } = await held.served.next();
  clock.advance(9999);
  await client.roundTrip();
  assert.not(context.isCancelled());
  clock.advance(1);
  assert.ok(context.isCancelled());
  const frame = await client.frame('HEADERS', { stream, endStream: true });
  assert.is(frame.header('grpc-status'), `${Code.DEADLINE_EXCEEDED}`);
  await log.until(() => log.count('onCancel') === 1);
  assert.not(log.isDone);
  reactor.finish(Status.OK, 'too late');
  await log.done();
});

test('the default reactor is cancelled without a reaction, and is finished all the same', async () => {
  const contexts: CallbackServerContext[] = [];
  let reactor: ServerUnaryReactor<string> | null = null;
  await using pair = await ReactorPair.open({
    unary(context) {
      contexts.push(context);
      reactor = context.defaultReactor<string>();
      return reactor;
    },
  });
  const { context, ended } = callUnary(pair, 'hello');
  while (contexts.length === 0) await turns(1);
  context.tryCancel();
  assert.is((await ended()).code, Code.CANCELLED);
  while (contexts[0]?.isCancelled() === false) await turns(1);
  const finished = reactor as ServerUnaryReactor<string> | null;
  assert.is(
    thrownBy(() => finished?.finish(Status.OK)),
    'TypeError: finish with OK needs the response',
  );
  finished?.finish(Status.OK, 'too late');
  await turns();
  assert.equal(pair.errors, []);
});

test('a response is compressed by the algorithm, but for writes that say otherwise', async () => {
  const service = writing(
    (context) => {
      assert.is(context.compressionAlgorithm(), null);
      context.setCompressionAlgorithm('gzip');
      assert.is(context.compressionAlgorithm(), 'gzip');
      assert.is(context.compressionLevel(), null);
    },
    {},
    { noCompression: true },
    {},
  );
  assert.equal(await readAll(service, 'gzip, deflate'), ['gzip', '1 hello', '0 hello', '1 hello']);
  assert.equal((await readAll(service, 'deflate')).slice(1), ['0 hello', '0 hello', '0 hello']);
  assert.equal((await readAll(service, null)).slice(1), ['0 hello', '0 hello', '0 hello']);
});

test('a level of compression is gzip, or none', async () => {
  for (const level of ['none', 'low', 'medium', 'high'] as const) {
    const service = writing((context) => {
      assert.is(context.compressionLevel(), null);
      context.setCompressionLevel(level);
      assert.is(context.compressionLevel(), level);
      assert.is(context.compressionAlgorithm(), level === 'none' ? 'identity' : 'gzip');
    }, {});
    const [encoding, message] = await readAll(service, 'gzip');
    assert.is(message, level === 'none' ? '0 hello' : '1 hello');
    if (level !== 'none') assert.is(encoding, 'gzip');
  }
});

test('a compressor that nobody knows, or one that comes too late, is refused and changes nothing', async () => {
  const held = hold(() => new ServerUnaryReactor<string>());
  await using pair = await ReactorPair.open({ unary: held.handler });
  const { ended } = callUnary(pair, 'hello');
  const { context, reactor } = await held.served.next();
  assert.match(thrownBy(() => context.setCompressionAlgorithm('no-such')) ?? '', /^TypeError: /);
  assert.is(context.compressionAlgorithm(), null);
  reactor.startSendInitialMetadata();
  assert.match(thrownBy(() => context.setCompressionAlgorithm('gzip')) ?? '', /^IllegalStateError: /);
  assert.match(thrownBy(() => context.setCompressionLevel('high')) ?? '', /^IllegalStateError: /);
  assert.is(context.compressionAlgorithm(), null);
  assert.is(context.compressionLevel(), null);
  reactor.finish(Status.OK, 'hello');
  assert.is((await ended()).response, 'hello');
});

test('the header of HTTP/1 stands in for an authority; a generic service hears it as the host', async () => {
  const hosts: (string | null)[] = [];
  class Noting extends CallbackGenericService {
    override createReactor(context: GenericCallbackServerContext): null {
      hosts.push(context.getAuthority(), context.host(), context.method());
      return null;
    }
  }
  const options = { transport: 'http2', fallbackRegistry: new Noting() } as const;
  await using pair = await ReactorPair.open({}, options);
  await using client = await RawClient.connect(pair.server.port);
  const pairs = requestHeaders('/a.B/C', [['host', 'elsewhere']]).filter(([name]) => name !== ':authority');
  const stream = client.open(pairs, { endStream: true });
  await client.frame('HEADERS', { stream, endStream: true });
  assert.equal(hosts, ['elsewhere', 'elsewhere', '/a.B/C']);
});

test.run();
