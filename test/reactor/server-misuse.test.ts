/**
 * Misuse of a server's reactors: it throws at whoever misuses them, and the RPC goes on as if nothing had been said.
 * Specification: what server_callback.h and server_context.h forbid, most of it by assertion.
 */
import {
  ServerBidiReactor,
  ServerReadReactor,
  ServerUnaryReactor,
  ServerWriteReactor,
} from '../../src/reactor/server-reactors.ts';
import { IllegalStateError } from '../../src/values/illegal-state-error.ts';
import { Status } from '../../src/values/status.ts';
import { assert, suite } from '../support/suite.ts';
import { ReactorPair } from './reactor-pair.ts';
import { bindBidi, bindRead, bindUnary, bindWrite, hold, type ServerEnd, turns } from './rpc-ends.ts';

const test = suite('Misuse of a server’s reactors');

type Bidi = ServerBidiReactor<string, string>;

function newBidi(): Bidi {
  return new ServerBidiReactor<string, string>();
}

/** What `act` throws must be this. */
function assertIllegal(act: () => unknown, message: string): void {
  assert.throws(act, (error: unknown) => error instanceof IllegalStateError && error.message === message);
}

/** Each of these is tried before the handler has returned, and after. */
const MISUSES: Readonly<Record<string, (end: ServerEnd<Bidi>) => void>> = {
  'a read while one is outstanding': ({ reactor }) => {
    reactor.startRead();
    assertIllegal(() => reactor.startRead(), 'startRead was called while a read is outstanding');
  },
  'a write, of any sort, while one is outstanding': ({ reactor }) => {
    reactor.startWrite('first');
    assertIllegal(() => reactor.startWrite('second'), 'startWrite was called while a write is outstanding');
    assertIllegal(() => reactor.startWriteLast('second'), 'startWrite was called while a write is outstanding');
    assertIllegal(
      () => reactor.startWriteAndFinish('second', {}, Status.OK),
      'startWriteAndFinish was called while a write is outstanding',
    );
  },
  'headers twice': ({ reactor }) => {
    reactor.startSendInitialMetadata();
    assertIllegal(
      () => reactor.startSendInitialMetadata(),
      'startSendInitialMetadata was called after the headers were sent',
    );
  },
  'headers after a write': ({ reactor }) => {
    reactor.startWrite('first');
    assertIllegal(
      () => reactor.startSendInitialMetadata(),
      'startSendInitialMetadata was called after the headers were sent',
    );
  },
  'headers of the context, once they are on their way': ({ context, reactor }) => {
    reactor.startWrite('first');
    if (!isBound.has(context)) return;
    assertIllegal(
      () => context.addInitialMetadata('x-late', 'yes'),
      'addInitialMetadata was called after the headers were sent',
    );
  },
};
/** The contexts whose handler has returned. */
const isBound = new WeakSet<object>();

for (const [misuse, commit] of Object.entries(MISUSES)) {
  for (const when of ['in the handler', 'later'] as const) {
    test(`${misuse}, ${when}: it throws, and the RPC goes on`, async () => {
      const { handler, served } = hold(newBidi, (end) => {
        if (when === 'in the handler') commit(end);
      });
      await using pair = await ReactorPair.open({ bidi: handler });
      const client = bindBidi(pair);
      client.reactor.startRead();
      client.reactor.startCall();
      const end = await served.next();
      isBound.add(end.context);
      if (when === 'later') commit(end);
      client.reactor.startWritesDone();
      const { reactor, log } = end;
      reactor.finish(Status.OK);
      await client.log.done();
      await log.done();
      const read = log.count('startWrite') === 1 ? 'onReadDone(true, first)' : 'onReadDone(false)';
      assert.ok(client.log.events.includes(read));
      assert.is(client.log.events.at(-1), 'onDone(OK)');
      assert.equal(pair.errors, []);
    });
  }
}

const FINISHES: Readonly<Record<string, (reactor: Bidi) => void>> = {
  finish: (reactor) => reactor.finish(Status.OK),
  startWriteAndFinish: (reactor) => reactor.startWriteAndFinish('the end', {}, Status.OK),
};

for (const [first, finish] of Object.entries(FINISHES)) {
  for (const [second, again] of Object.entries(FINISHES)) {
    for (const when of ['in the handler', 'later', 'cancelled'] as const) {
      test(`${first}, then ${second}, ${when}: the second throws, the first counts`, async () => {
        const commit = (reactor: Bidi): void => {
          finish(reactor);
          assertIllegal(() => again(reactor), `${second} was called after finish`);
        };
        const { handler, served } = hold(newBidi, ({ reactor }) => {
          if (when === 'in the handler') commit(reactor);
        });
        await using pair = await ReactorPair.open({ bidi: handler });
        const client = bindBidi(pair);
        client.reactor.startRead();
        client.reactor.startCall();
        const { reactor, log } = await served.next();
        if (when === 'cancelled') {
          client.context.tryCancel();
          await log.until(() => log.count('onCancel') === 1);
        }
        if (when !== 'in the handler') commit(reactor);
        await log.done();
        await client.log.done();
        assert.is(log.count('onDone'), 1);
        if (when !== 'cancelled') assert.is(client.log.events.at(-1), 'onDone(OK)');
        assert.is(client.log.times('onReadDone(true, the end)'), first === 'finish' || when === 'cancelled' ? 0 : 1);
      });
    }
  }
}

test('finish twice on a unary and on a read reactor: the second throws, the first counts', async () => {
  const unary = hold(() => new ServerUnaryReactor<string>());
  const write = hold(() => new ServerReadReactor<string, string>());
  await using pair = await ReactorPair.open({ unary: unary.handler, write: write.handler });
  const calls = [[bindUnary(pair, ''), unary] as const, [bindWrite(pair), write] as const] as const;
  for (const [client, { served }] of calls) {
    client.reactor.startCall();
    const { reactor, log } = await served.next();
    reactor.finish(Status.OK, 'first');
    assertIllegal(() => reactor.finish(Status.OK, 'second'), 'finish was called after finish');
    assertIllegal(() => reactor.finish(Status.ABORTED), 'finish was called after finish');
    await client.log.done();
    await log.done();
    assert.is(client.log.events.at(-1), 'onDone(OK, first)');
  }
});

test('OK without the response that is due is a TypeError, and finish is still owed', async () => {
  const unary = hold(() => new ServerUnaryReactor<string>());
  const write = hold(() => new ServerReadReactor<string, string>());
  await using pair = await ReactorPair.open({ unary: unary.handler, write: write.handler });
  const calls = [[bindUnary(pair, ''), unary] as const, [bindWrite(pair), write] as const] as const;
  for (const [client, { served }] of calls) {
    client.reactor.startCall();
    const { reactor, log } = await served.next();
    assert.throws(
      () => reactor.finish(Status.OK),
      (error: unknown) => error instanceof TypeError,
    );
    await turns();
    assert.not(client.log.isDone);
    reactor.finish(Status.OK, 'here it is');
    await client.log.done();
    await log.done();
    assert.is(client.log.events.at(-1), 'onDone(OK, here it is)');
  }
});

test('every operation throws in onDone and after it', async () => {
  const thrown: unknown[] = [];
  const operations: readonly [string, (reactor: Bidi) => void][] = [
    ['startRead', (reactor) => reactor.startRead()],
    ['startWrite', (reactor) => reactor.startWrite('late')],
    ['startWrite', (reactor) => reactor.startWriteLast('late')],
    ['startWriteAndFinish', (reactor) => reactor.startWriteAndFinish('late', {}, Status.OK)],
    ['startSendInitialMetadata', (reactor) => reactor.startSendInitialMetadata()],
    ['finish', (reactor) => reactor.finish(Status.OK)],
  ];
  const tryAll = (reactor: Bidi): void => {
    for (const [name, operate] of operations) {
      try {
        operate(reactor);
      } catch (error) {
        thrown.push(String(error));
      }
      assert.is(thrown.pop(), `IllegalStateError: ${name} was called after onDone`);
    }
  };
  const { handler, served } = hold(() =>
    ServerBidiReactor.from<string, string>({
      onDone() {
        tryAll(this);
      },
    }),
  );
  await using pair = await ReactorPair.open({ bidi: handler });
  const client = bindBidi(pair);
  client.reactor.startCall();
  const { reactor, log } = await served.next();
  reactor.finish(Status.OK);
  await log.done();
  tryAll(reactor);
  assert.equal(pair.errors, []);
  await client.log.done();
});

test('trailers of the context after finish, and headers after them, throw', async () => {
  const { handler, served } = hold(newBidi);
  await using pair = await ReactorPair.open({ bidi: handler });
  const client = bindBidi(pair);
  client.reactor.startCall();
  const { context, reactor, log } = await served.next();
  reactor.finish(Status.NOT_FOUND);
  assertIllegal(() => context.addTrailingMetadata('x-late', 'yes'), 'addTrailingMetadata was called after finish');
  assertIllegal(
    () => context.addInitialMetadata('x-late', 'yes'),
    'addInitialMetadata was called after the headers were sent',
  );
  await log.done();
  await client.log.done();
  assert.is(client.log.events.at(-1), 'onDone(NOT_FOUND)');
});

/** A handler that returns one and the same reactor, time and again. */
function once<R>(make: () => R): () => R {
  let made: R | null = null;
  return () => {
    made ??= make();
    return made;
  };
}

test('a reactor returned a second time, while in use or done: UNKNOWN for the second RPC, reported; the first goes on', async () => {
  const returned = once(() => ServerUnaryReactor.from<string>({}));
  await using pair = await ReactorPair.open({ unary: returned });
  const one = bindUnary(pair, 'one');
  one.reactor.startCall();
  await turns();
  for (const during of ['in use', 'done']) {
    const two = bindUnary(pair, 'two');
    two.reactor.startCall();
    await two.log.done();
    assert.is(two.log.events.at(-1), 'onDone(UNKNOWN)', during);
    assert.equal(pair.errors.map(String), ['IllegalStateError: a server reactor is for one RPC'], during);
    pair.errors.length = 0;
    if (during === 'done') break;
    returned().finish(Status.OK, 'not disturbed');
    await one.log.done();
    assert.is(one.log.events.at(-1), 'onDone(OK, not disturbed)');
  }
});

test('a reactor of another kind, or no reactor at all: UNKNOWN, and a TypeError for the hook that says what is due', async () => {
  const wrong: Readonly<Record<string, unknown>> = {
    unary: new ServerWriteReactor<string>(),
    read: new ServerUnaryReactor<string>(),
    write: new ServerBidiReactor<string, string>(),
    bidi: { finish(): void {} },
  };
  const service = Object.fromEntries(Object.entries(wrong).map(([name, reactor]) => [name, () => reactor]));
  await using pair = await ReactorPair.open(service);
  const calls = [bindUnary(pair, ''), bindRead(pair, ''), bindWrite(pair), bindBidi(pair)];
  for (const { reactor, log } of calls) {
    reactor.startCall();
    await log.done();
    assert.is(log.events.at(-1), 'onDone(UNKNOWN)');
  }
  assert.equal(pair.errors.map(String), [
    'TypeError: the handler must return a ServerUnaryReactor or null',
    'TypeError: the handler must return a ServerWriteReactor or null',
    'TypeError: the handler must return a ServerReadReactor or null',
    'TypeError: the handler must return a ServerBidiReactor or null',
  ]);
});

test('a context gives one default reactor', async () => {
  await using pair = await ReactorPair.open({
    unary: (context) => {
      const reactor = context.defaultReactor<string>();
      assertIllegal(() => context.defaultReactor(), 'defaultReactor was called already');
      reactor.finish(Status.OK, 'the one');
      return reactor;
    },
  });
  const client = bindUnary(pair, '');
  client.reactor.startCall();
  await client.log.done();
  assert.is(client.log.events.at(-1), 'onDone(OK, the one)');
});

test.run();
