/**
 * Methods known by name alone, at either end: GenericStub and CallbackGenericService. Upstream:
 * client_callback_end2end_test.cc, the generic cases; hybrid_end2end_test.cc CallbackGenericEcho.
 */
import type { CallOptions } from '../../src/call/call-options.ts';
import type { ClientInterceptor } from '../../src/call/client-interceptor.ts';
import { ClientContext } from '../../src/reactor/client-context.ts';
import { ClientBidiReactor, ClientReadReactor, ClientUnaryReactor } from '../../src/reactor/client-reactors.ts';
import { CallbackGenericService } from '../../src/reactor/generic-service.ts';
import { type GenericCallOptions, GenericStub, STATS_SUFFIX } from '../../src/reactor/generic-stub.ts';
import type { CallbackServerContext, GenericCallbackServerContext } from '../../src/reactor/server-context.ts';
import { ServerBidiReactor, ServerUnaryReactor } from '../../src/reactor/server-reactors.ts';
import { newStub } from '../../src/reactor/stub.ts';
import { Code, Status } from '../../src/values/status.ts';
import { thrownBy } from '../call/call-pair.ts';
import { assert, suite } from '../support/suite.ts';
import { ReactorPair, textMethod } from './reactor-pair.ts';
import { hold } from './rpc-ends.ts';
import { startUnary, type UnaryEnd } from './unary-calls.ts';
import { type ReactorLog, watch } from './watched.ts';

const test = suite('generic stub and service');

const TRANSPORTS = ['in-process', 'http2'] as const;
const UNARY = '/test.Text/unary';

type BytesReactor = ServerBidiReactor<Uint8Array, Uint8Array>;

function echo(context: CallbackServerContext, request: string): ServerUnaryReactor<string> {
  const reactor = context.defaultReactor<string>();
  reactor.finish(Status.OK, request);
  return reactor;
}

/** A unary RPC through the generic stub. */
async function call(pair: ReactorPair, request: string, options: GenericCallOptions = {}): Promise<UnaryEnd<string>> {
  const stub = new GenericStub(pair.channel);
  const bytes = Buffer.from(request);
  const { status, code, response } = await startUnary<Uint8Array>((context, done) =>
    stub.unaryCall(context, UNARY, options, bytes, done),
  ).ended();
  return { status, code, response: response === undefined ? undefined : Buffer.from(response).toString() };
}

/**
 * Drives a unary method as bidi: a write and a read before startCall, writesDone once the write is through. With OK the
 * one read is all that is due. Without `halfCloses` the client leaves its end open.
 */
class UnaryAsBidi extends ClientBidiReactor<Uint8Array, Uint8Array> {
  readonly request: string;
  readonly halfCloses: boolean;
  response = '';

  constructor(request: string, halfCloses = true) {
    super();
    this.request = request;
    this.halfCloses = halfCloses;
  }

  begin(pair: ReactorPair): ReactorLog {
    const log = watch(this);
    new GenericStub(pair.channel).prepareBidiStreamingCall(new ClientContext(), UNARY, {}, this);
    this.startWrite(Buffer.from(this.request));
    this.startRead();
    this.startCall();
    return log;
  }

  override onWriteDone(ok: boolean): void {
    if (ok && this.halfCloses) this.startWritesDone();
  }

  override onReadDone(_ok: boolean, message: Uint8Array | undefined): void {
    if (message !== undefined) this.response += Buffer.from(message);
  }
}

for (const transport of TRANSPORTS) {
  test(`${transport}: unary RPCs by path, on bytes (SequentialGenericRpcs)`, async () => {
    await using pair = await ReactorPair.open({ unary: echo }, { transport });
    for (let i = 0; i < 10; i += 1) {
      const { status, response } = await call(pair, `hello ${i}`);
      assert.is(status, Status.OK);
      assert.is(response, `hello ${i}`);
    }
  });

  test(`${transport}: a unary method driven as bidi: one read is enough for OK (SequentialGenericRpcsAsBidi)`, async () => {
    await using pair = await ReactorPair.open({ unary: echo }, { transport });
    for (let i = 0; i < 10; i += 1) {
      const reactor = new UnaryAsBidi(`hello ${i}`);
      const log = reactor.begin(pair);
      await log.done();
      assert.is(reactor.response, `hello ${i}`);
      assert.is(log.events.at(-1), 'onDone(OK)');
      assert.is(log.count('onReadDone'), 1);
      assert.is(log.times('onWriteDone(true)'), 1);
      assert.is(log.times('onWritesDoneDone(true)'), 1);
    }
  });

  test(`${transport}: one reactor for ten RPCs, each begun in onDone of the one before (SequentialGenericRpcsAsBidiWithReactorReuse)`, async () => {
    await using pair = await ReactorPair.open({ unary: echo }, { transport });
    const statuses: string[] = [];
    const logs: ReactorLog[] = [];
    class Again extends UnaryAsBidi {
      override onDone(status: Status): void {
        statuses.push(`${status}`);
        if (statuses.length < 10) logs.push(this.begin(pair));
      }
    }
    const reactor = new Again('hello ');
    logs.push(reactor.begin(pair));
    while (statuses.length < 10) await logs.at(-1)?.done();
    assert.equal([...new Set(statuses)], ['OK']);
    assert.is(reactor.response, 'hello '.repeat(10));
  });

  test(`${transport}: a unary method answers without the client’s half-close, which then need not come (GenericRpcNoWritesDone)`, async () => {
    await using pair = await ReactorPair.open({ unary: echo }, { transport });
    const reactor = new UnaryAsBidi('hello', false);
    const log = reactor.begin(pair);
    await log.done();
    assert.is(reactor.response, 'hello');
    assert.is(log.events.at(-1), 'onDone(OK)');
  });

  test(`${transport}: a unary reactor on bytes has the headers before the end (GenericUnaryReactor)`, async () => {
    const held = hold(
      () => new ServerUnaryReactor<string>(),
      ({ context, reactor }) => {
        context.addInitialMetadata('x-key', context.clientMetadata().get('x-key') ?? '');
        reactor.startSendInitialMetadata();
      },
    );
    await using pair = await ReactorPair.open({ unary: held.handler }, { transport });
    const context = new ClientContext();
    context.addMetadata('x-key', 'value');
    let seen: string[] = [];
    let response = '';
    const reactor = ClientUnaryReactor.from<Uint8Array>({
      onReadInitialMetadataDone() {
        seen = context.getServerInitialMetadata().getAll('x-key');
      },
      onDone(_status, bytes) {
        response = Buffer.from(bytes ?? '').toString();
      },
    });
    const log = watch(reactor);
    new GenericStub(pair.channel).prepareUnaryCall(context, UNARY, {}, Buffer.from('hello'), reactor);
    reactor.startCall();
    await log.until(() => log.count('onReadInitialMetadataDone') === 1);
    assert.equal(seen, ['value']);
    const served = await held.served.next();
    served.reactor.finish(Status.OK, `${served.request}!`);
    await log.done();
    assert.is(response, 'hello!');
    assert.is(context.getServerTrailingMetadata().size, 0);
  });

  test(`${transport}: a generic service hears the path and echoes bytes; the read that finish finds outstanding says false (CallbackGenericEcho)`, async () => {
    const contexts: GenericCallbackServerContext[] = [];
    const logs: ReactorLog[] = [];
    class Echo extends CallbackGenericService {
      override createReactor(context: GenericCallbackServerContext): BytesReactor {
        contexts.push(context);
        const reactor = ServerBidiReactor.from<Uint8Array, Uint8Array>({
          onReadDone(_ok, message) {
            if (message === undefined) return;
            this.startRead();
            this.startWrite(message);
          },
          onWriteDone(ok) {
            this.finish(ok ? Status.OK : Status.UNKNOWN.withDescription('unexpected failure'));
          },
        });
        logs.push(watch(reactor));
        reactor.startRead();
        return reactor;
      }
    }
    await using pair = await ReactorPair.open({}, { transport, fallbackRegistry: new Echo() });
    const methods = { echo: textMethod('unary', 'Echo', 'grpc.testing.EchoTestService') };
    const stub = newStub(methods, pair.channel).async();
    const { response } = await startUnary<string>((context, done) => stub.echo(context, 'hello', done)).ended();
    assert.is(response, 'hello');
    assert.is(contexts[0]?.method(), '/grpc.testing.EchoTestService/Echo');
    assert.is(contexts[0]?.host(), pair.channel.authority());
    await logs[0]?.done();
    const events = logs[0]?.events.map((event) => event.replace(/true, .*/, 'true, …)')) ?? [];
    assert.is(events[0], 'onReadDone(true, …)');
    assert.equal([...events].sort(), ['onDone', 'onReadDone(false)', 'onReadDone(true, …)', 'onWriteDone(true)']);
    assert.is(events.at(-1), 'onDone');
  });

  test(`${transport}: a generic service whose createReactor is not overridden, or returns null, is UNIMPLEMENTED`, async () => {
    class None extends CallbackGenericService {
      override createReactor(): null {
        return null;
      }
    }
    for (const fallbackRegistry of [new CallbackGenericService(), new None()]) {
      await using pair = await ReactorPair.open({}, { transport, fallbackRegistry });
      const methods = { any: textMethod('bidi_streaming', 'Any', 'test.Other') };
      const reactor = new ClientBidiReactor<string, string>();
      const log = watch(reactor);
      newStub(methods, pair.channel).async().any(new ClientContext(), reactor);
      reactor.startCall();
      await log.done();
      assert.equal(log.events, ['onReadInitialMetadataDone(false)', 'onDone(UNIMPLEMENTED)']);
    }
  });
}

test('the suffix for stats is for interceptors; the RPC is the same (SequentialGenericRpcsWithSuffix)', async () => {
  const suffixes: (string | null)[] = [];
  const note: ClientInterceptor = (method, options: CallOptions, next) => {
    suffixes.push(options.getOption(STATS_SUFFIX));
    return next.newCall(method, options);
  };
  const held = hold(
    () => new ServerUnaryReactor<string>(),
    ({ reactor, request }) => reactor.finish(Status.OK, request),
  );
  await using pair = await ReactorPair.open({ unary: held.handler }, { clientInterceptors: [note] });
  for (let i = 0; i < 10; i += 1) assert.is((await call(pair, `${i}`, { suffixForStats: 'suffix' })).response, `${i}`);
  assert.is((await call(pair, 'without')).response, 'without');
  assert.equal(suffixes, [...Array.from({ length: 10 }, () => 'suffix'), null]);
  assert.equal(
    held.served.all.map(({ context }) => context.clientMetadata().keys().join()),
    Array.from({ length: 11 }, () => 'user-agent'),
  );
});

test('what is no path is a TypeError, and the context may be used for another', async () => {
  await using pair = await ReactorPair.open({ unary: echo });
  const stub = new GenericStub(pair.channel);
  const context = new ClientContext();
  const bytes = Buffer.from('hello');
  for (const path of ['', '/', 'test.Text/unary', '/test.Text', '/test.Text/', '//unary', '/unary']) {
    const message = `TypeError: not a method's path: '${path}'`;
    const bidi = new ClientBidiReactor<Uint8Array, Uint8Array>();
    assert.is(
      thrownBy(() => stub.unaryCall(context, path, {}, bytes, () => {})),
      message,
    );
    assert.is(
      thrownBy(() => stub.prepareUnaryCall(context, path, {}, bytes, new ClientUnaryReactor())),
      message,
    );
    assert.is(
      thrownBy(() => stub.prepareBidiStreamingCall(context, path, {}, bidi)),
      message,
    );
  }
  const { response } = await startUnary<Uint8Array>(
    (bound, done) => stub.unaryCall(bound, UNARY, {}, bytes, done),
    context,
  ).ended();
  assert.is(Buffer.from(response ?? '').toString(), 'hello');
});

test('a reactor of another kind is a TypeError that says what is due', async () => {
  await using pair = await ReactorPair.open({});
  const stub = new GenericStub(pair.channel) as unknown as Record<string, (...values: unknown[]) => void>;
  const bytes = Buffer.from('hello');
  const context = new ClientContext();
  for (const reactor of [new ClientReadReactor<Uint8Array>(), {}, undefined]) {
    const call = (): void => stub['prepareUnaryCall']?.(context, UNARY, {}, bytes, reactor);
    assert.is(thrownBy(call), 'TypeError: test.Text/unary needs a ClientUnaryReactor');
    const bidi = (): void => stub['prepareBidiStreamingCall']?.(context, UNARY, {}, reactor);
    assert.is(thrownBy(bidi), 'TypeError: test.Text/unary needs a ClientBidiReactor');
  }
});

test('a method that a service has is not the generic service’s', async () => {
  const paths: string[] = [];
  class Noting extends CallbackGenericService {
    override createReactor(context: GenericCallbackServerContext): null {
      paths.push(context.method());
      return null;
    }
  }
  await using pair = await ReactorPair.open({ unary: echo }, { fallbackRegistry: new Noting() });
  assert.is((await call(pair, 'hello')).response, 'hello');
  const stub = new GenericStub(pair.channel);
  const { code } = await startUnary<Uint8Array>((context, done) =>
    stub.unaryCall(context, '/a.B/C', {}, Buffer.from('hello'), done),
  ).ended();
  assert.is(code, Code.UNIMPLEMENTED);
  assert.equal(paths, ['/a.B/C']);
});

test('a generic service runs when the headers have come, before any message; what it throws is UNKNOWN', async () => {
  const made = { count: 0 };
  class Throwing extends CallbackGenericService {
    override createReactor(): never {
      made.count += 1;
      throw new Error('a secret');
    }
  }
  await using pair = await ReactorPair.open({}, { fallbackRegistry: new Throwing() });
  const reactor = new ClientBidiReactor<Uint8Array, Uint8Array>();
  const log = watch(reactor);
  new GenericStub(pair.channel).prepareBidiStreamingCall(new ClientContext(), '/a.B/C', {}, reactor);
  reactor.startCall();
  await log.done();
  assert.equal(log.events, ['onReadInitialMetadataDone(false)', 'onDone(UNKNOWN)']);
  assert.is(made.count, 1);
  assert.equal(
    pair.errors.map((error) => (error as Error).message),
    ['a secret'],
  );
});

test('a generic client and a generic service carry whatever bytes there are', async () => {
  class Counting extends CallbackGenericService {
    override createReactor(): BytesReactor {
      let bytes = 0;
      const reactor = ServerBidiReactor.from<Uint8Array, Uint8Array>({
        onReadDone(_ok, message) {
          bytes += message?.length ?? 0;
          if (message === undefined) this.startWriteAndFinish(Buffer.from(`${bytes}`), undefined, Status.OK);
          else this.startRead();
        },
      });
      reactor.startRead();
      return reactor;
    }
  }
  await using pair = await ReactorPair.open({}, { fallbackRegistry: new Counting() });
  const sent = [Buffer.of(0xff, 0), Buffer.alloc(0), Buffer.of(1)];
  let response = '';
  const reactor = ClientBidiReactor.from<Uint8Array, Uint8Array>({
    onReadDone(_ok, message) {
      response = Buffer.from(message ?? '').toString();
    },
    onWriteDone() {
      const next = sent.shift();
      if (next === undefined) this.startWritesDone();
      else this.startWrite(next);
    },
  });
  new GenericStub(pair.channel).prepareBidiStreamingCall(new ClientContext(), '/a.B/C', {}, reactor);
  reactor.startWrite(Buffer.of(7, 7));
  reactor.startRead();
  reactor.startCall();
  assert.is((await reactor.done()).code, Code.OK);
  assert.is(response, '5');
});

test.run();
