/**
 * Stubs and services by their methods: names, kinds, what has no handler, and what becomes of the wrong reactor where no
 * compiler has looked. What the compiler refuses: stub-types.test.ts. Upstream: client_callback_end2end_test.cc,
 * end2end_test.cc.
 */
import { callbackService } from '../../src/reactor/callback-service.ts';
import { ClientContext } from '../../src/reactor/client-context.ts';
import {
  ClientBidiReactor,
  ClientReadReactor,
  ClientUnaryReactor,
  ClientWriteReactor,
} from '../../src/reactor/client-reactors.ts';
import type { CallbackServerContext } from '../../src/reactor/server-context.ts';
import type { ServerUnaryReactor } from '../../src/reactor/server-reactors.ts';
import { newStub } from '../../src/reactor/stub.ts';
import { Code, Status } from '../../src/values/status.ts';
import { StatusError } from '../../src/values/status-error.ts';
import { thrownBy } from '../call/call-pair.ts';
import { assert, suite } from '../support/suite.ts';
import { ReactorPair, TEXT_METHODS, type TextService, textMethod } from './reactor-pair.ts';
import { bindBidi, bindRead, bindUnary, bindWrite, turns } from './rpc-ends.ts';
import { serve } from './serving.ts';
import { callUnary, startUnary } from './unary-calls.ts';

const test = suite('Stub');

const TRANSPORTS = ['in-process', 'http2'] as const;

function finished(context: CallbackServerContext, response: string): ServerUnaryReactor<string> {
  const reactor = context.defaultReactor<string>();
  reactor.finish(Status.OK, response);
  return reactor;
}

for (const transport of TRANSPORTS) {
  test(`${transport}: a service, and a method, that the server does not have is UNIMPLEMENTED (UnimplementedRpc, NonExistingService)`, async () => {
    await using pair = await ReactorPair.open({}, { transport });
    const methods = {
      elsewhere: textMethod('unary', 'unary', 'test.Elsewhere'),
      unheard: textMethod('unary', 'unheard'),
    };
    const stub = newStub(methods, pair.channel).async();
    for (const method of [stub.elsewhere, stub.unheard]) {
      const { code, response } = await startUnary<string>((context, done) => method(context, 'hello', done)).ended();
      assert.is(code, Code.UNIMPLEMENTED);
      assert.is(response, undefined);
    }
  });

  test(`${transport}: methods without a handler, or whose handler returns null, are UNIMPLEMENTED without a word`, async () => {
    const none = (): null => null;
    for (const service of [{}, { unary: none, read: none, write: none, bidi: none }]) {
      await using pair = await ReactorPair.open(service, { transport });
      const { status } = await callUnary(pair, 'hello').ended();
      assert.is(status.toString(), 'UNIMPLEMENTED');
      for (const { reactor, log } of [bindUnary(pair, 'hello'), bindRead(pair, 'hello'), bindWrite(pair)]) {
        reactor.startCall();
        assert.is((await reactor.done()).toString(), 'UNIMPLEMENTED');
        assert.equal(log.events.slice(0, 1), ['onReadInitialMetadataDone(false)']);
      }
      assert.equal(pair.errors, []);
    }
  });

  test(`${transport}: bidi that the server does not implement: no headers, then UNIMPLEMENTED, with nothing read or written (TestTrailersOnlyOnError)`, async () => {
    await using pair = await ReactorPair.open({}, { transport });
    const { context, reactor, log } = bindBidi(pair);
    reactor.startCall();
    await log.done();
    assert.equal(log.events, ['onReadInitialMetadataDone(false)', 'onDone(UNIMPLEMENTED)']);
    assert.is(context.getServerInitialMetadata().size, 0);
  });
}

test('services of one name in different packages share a channel (DiffPackageServices)', async () => {
  const methods = {
    here: textMethod('unary', 'Echo', 'grpc.testing.EchoTestService'),
    there: textMethod('unary', 'Echo', 'grpc.testing.duplicate.EchoTestService'),
  };
  await using served = await serve(
    callbackService({ echo: methods.here }, { echo: (context) => finished(context, 'here') }),
    callbackService({ echo: methods.there }, { echo: (context) => finished(context, 'there') }),
  );
  const stub = newStub(methods, served.channel).async();
  const here = await startUnary<string>((context, done) => stub.here(context, '', done)).ended();
  const there = await startUnary<string>((context, done) => stub.there(context, '', done)).ended();
  assert.equal([here.response, there.response], ['here', 'there']);
});

test('a stub has the methods under their names, always in the same frozen object', async () => {
  await using pair = await ReactorPair.open({});
  const stub = newStub(TEXT_METHODS, pair.channel);
  assert.equal(Object.keys(stub.async()), ['unary', 'read', 'write', 'bidi']);
  assert.is(stub.async(), stub.async());
  assert.ok(Object.isFrozen(stub.async()));
});

test('a service may be a class: its handlers are found by name, are called with it as `this`, and may be inherited', async () => {
  class Greeter implements TextService {
    readonly #greeting: string;

    constructor(greeting: string) {
      this.#greeting = greeting;
    }

    unary(context: CallbackServerContext, request: string): ServerUnaryReactor<string> {
      return finished(context, `${this.#greeting}, ${request}`);
    }
  }
  class LouderGreeter extends Greeter {}
  await using pair = await ReactorPair.open(new LouderGreeter('HELLO'));
  assert.is((await callUnary(pair, 'Ada').ended()).response, 'HELLO, Ada');
});

test('what every object has by the name of a method is no handler of it', async () => {
  const methods = { toString: textMethod('unary', 'ToString'), constructor: textMethod('unary', 'Constructor') };
  class Plain {}
  const own = {
    toString: (context: CallbackServerContext) => finished(context, 'to string'),
    constructor: (context: CallbackServerContext) => finished(context, 'constructor'),
  };
  const heard: string[] = [];
  for (const service of [{}, new Plain(), own]) {
    await using served = await serve(callbackService(methods, service as typeof own));
    const stub = newStub(methods, served.channel).async();
    for (const method of [stub.toString, stub.constructor]) {
      const { status, response } = await startUnary<string>((context, done) => method(context, '', done)).ended();
      heard.push(response ?? `${status}`);
    }
  }
  const none = 'UNIMPLEMENTED';
  assert.equal(heard, [none, none, none, none, 'to string', 'constructor']);
});

test('a service needs methods', () => {
  assert.is(
    thrownBy(() => callbackService({}, {})),
    'TypeError: a service needs methods',
  );
});

/** What someone without a compiler may do. */
type Untyped = (...values: unknown[]) => void;

test('a reactor of another kind is a TypeError that says what is due, and leaves reactor and context as they were', async () => {
  await using pair = await ReactorPair.open({ unary: () => null });
  const { unary, read, write, bidi } = pair.stub as unknown as Record<string, Untyped>;
  const reactors = {
    unary: new ClientUnaryReactor<string>(),
    read: new ClientReadReactor<string>(),
    write: new ClientWriteReactor<string, string>(),
    bidi: new ClientBidiReactor<string, string>(),
  };
  const context = new ClientContext();
  const due: readonly [string, keyof typeof reactors, string, (reactor: unknown) => void][] = [
    ['test.Text/unary', 'unary', 'ClientUnaryReactor', (reactor) => unary?.(context, 'hello', reactor)],
    ['test.Text/server_streaming', 'read', 'ClientReadReactor', (reactor) => read?.(context, 'hello', reactor)],
    ['test.Text/client_streaming', 'write', 'ClientWriteReactor', (reactor) => write?.(context, reactor)],
    ['test.Text/bidi_streaming', 'bidi', 'ClientBidiReactor', (reactor) => bidi?.(context, reactor)],
  ];
  for (const [method, fitting, name, call] of due) {
    const wrong = Object.entries(reactors).filter(([kind]) => kind !== fitting);
    for (const reactor of [...wrong.map(([, one]) => one), {}, null, undefined, 'reactor']) {
      assert.is(
        thrownBy(() => call(reactor)),
        `TypeError: ${method} needs a ${name}`,
      );
    }
    if (fitting !== 'unary')
      assert.is(
        thrownBy(() => call(() => {})),
        `TypeError: ${method} needs a ${name}`,
      );
  }
  assert.is((await callUnary(pair, 'hello', context).ended()).code, Code.UNIMPLEMENTED);
  const { read: unbound } = reactors;
  assert.is(
    thrownBy(() => unbound.startCall()),
    'IllegalStateError: the reactor was not given to a stub',
  );
});

test('a handler that was made async: UNKNOWN; what it returned and what it was rejected with are reported', async () => {
  const failure = new Error('a secret');
  const handlers: readonly (() => unknown)[] = [
    async () => null,
    async () => {
      await turns(1);
      throw failure;
    },
  ];
  for (const handler of handlers) {
    await using pair = await ReactorPair.open({ unary: handler, bidi: handler } as unknown as TextService);
    assert.is((await callUnary(pair, 'hello').ended()).status.toString(), 'UNKNOWN');
    const { reactor } = bindBidi(pair);
    reactor.startCall();
    assert.is((await reactor.done()).toString(), 'UNKNOWN');
    await turns();
    const told = pair.errors.map((error) => (error as Error).message);
    const rejections = handler === handlers[1] ? ['a secret', 'a secret'] : [];
    assert.equal(told.sort(), [
      ...rejections,
      'the handler must return a ServerBidiReactor or null',
      'the handler must return a ServerUnaryReactor or null',
    ]);
  }
});

test('what nobody asked to hear of is a process warning, at either end', async () => {
  const warnings: string[] = [];
  const note = (warning: Error): void => {
    warnings.push(warning.message.split('\n')[0] ?? '');
  };
  process.on('warning', note);
  await using served = await serve(
    callbackService(TEXT_METHODS, {
      unary() {
        throw new StatusError(Status.DATA_LOSS.withDescription('thrown by the handler'));
      },
    }),
  );
  try {
    const stub = newStub(TEXT_METHODS, served.channel).async();
    const thrower = (): void => {
      throw new Error('thrown by the function');
    };
    const { status } = await callUnary({ stub }, 'hello', undefined, thrower).ended();
    assert.is(status.toString(), 'DATA_LOSS: thrown by the handler');
    await turns();
    assert.equal(
      warnings.map((text) => text.replace(/threw: \w+: /, 'threw: ')),
      [
        'a callback of the call /test.Text/unary threw: DATA_LOSS: thrown by the handler',
        'a callback of the call /test.Text/unary threw: thrown by the function',
      ],
    );
  } finally {
    process.off('warning', note);
  }
});

test.run();
