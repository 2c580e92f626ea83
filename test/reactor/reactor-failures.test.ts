/**
 * What goes wrong in users' code: reactions and handlers that throw, messages that cannot be written or read. The RPC ends,
 * the error is reported, and nobody else notices. Ours, where C++ ends the process or leaves the RPC hanging.
 */
import { ClientContext } from '../../src/reactor/client-context.ts';
import {
  ClientBidiReactor,
  ClientReadReactor,
  ClientUnaryReactor,
  ClientWriteReactor,
} from '../../src/reactor/client-reactors.ts';
import type { CallbackServerContext } from '../../src/reactor/server-context.ts';
import {
  ServerBidiReactor,
  ServerReadReactor,
  ServerUnaryReactor,
  ServerWriteReactor,
} from '../../src/reactor/server-reactors.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Status } from '../../src/values/status.ts';
import { StatusError } from '../../src/values/status-error.ts';
import { assert, suite } from '../support/suite.ts';
import { ReactorPair, type TextService, UNREADABLE, UNWRITABLE } from './reactor-pair.ts';
import { bindBidi, bindRead, bindUnary, bindWrite, hold, turns } from './rpc-ends.ts';

const test = suite('Failures of users’ code in reactors');

const TRANSPORTS = ['in-process', 'http2'] as const;

/** What is thrown; its text must stay where it is thrown. */
class Boom extends Error {
  constructor() {
    super('a secret');
  }
}

function boom(): never {
  throw new Boom();
}

/** As boom, by a reaction that was made async. */
async function boomLater(): Promise<void> {
  await Promise.resolve();
  boom();
}

function isBoom(errors: readonly unknown[]): boolean[] {
  return errors.map((error) => error instanceof Boom);
}

/** A service that echoes, so that every reaction of a client has an occasion; it finishes unless it is not to. */
const ECHO: TextService = {
  unary: (context, request) => {
    const reactor = context.defaultReactor<string>();
    reactor.finish(Status.OK, request);
    return reactor;
  },
  bidi: (context) => {
    const reactor = ServerBidiReactor.from<string, string>({
      onReadDone(ok, message) {
        if (ok && message !== undefined) this.startWrite(message);
        else if (!context.isCancelled() && !context.clientMetadata().has('x-never')) this.finish(Status.OK);
      },
      onWriteDone(ok) {
        if (ok) this.startRead();
      },
      onCancel() {
        this.finish(Status.CANCELLED);
      },
    });
    reactor.startRead();
    return reactor;
  },
};

/** An echo of `text` by a bidi reactor with some reactions of its own. */
async function echo(pair: ReactorPair, text: string, reactor: ClientBidiReactor<string, string>): Promise<string[]> {
  const client = bindBidi(pair, reactor);
  client.reactor.startRead();
  client.reactor.startWrite(text);
  client.reactor.startWritesDone();
  client.reactor.startCall();
  await client.log.done();
  return client.log.events;
}

const CLIENT_REACTIONS = ['onReadInitialMetadataDone', 'onReadDone', 'onWriteDone', 'onWritesDoneDone'] as const;

for (const transport of TRANSPORTS) {
  for (const reaction of CLIENT_REACTIONS) {
    for (const [how, fail] of [
      ['throws', boom],
      ['rejects', boomLater],
    ] as const) {
      test(`${transport}: a client’s ${reaction} ${how}: CANCELLED with the error as cause; all else is answered`, async () => {
        let ended: Status | null = null;
        await using pair = await ReactorPair.open(ECHO, { transport });
        const other = bindBidi(pair);
        other.reactor.startCall();
        const context = new ClientContext();
        context.addMetadata('x-never', 'finish');
        const reactor = ClientBidiReactor.from<string, string>({
          [reaction]: fail,
          onDone: (status) => {
            ended = status;
          },
        });
        const { log } = bindBidi(pair, reactor, context);
        reactor.startRead();
        reactor.startWrite('echo');
        reactor.startWritesDone();
        reactor.startCall();
        await log.done();
        assert.is(log.events.at(-1), `onDone(CANCELLED: ${reaction} threw)`);
        assert.ok((ended as Status | null)?.cause instanceof Boom);
        // One of a kind may have been outstanding when the first threw.
        assert.equal([...new Set(isBoom(pair.errors))], [true]);

        other.reactor.startRead();
        other.reactor.startWriteLast('undisturbed');
        await other.log.done();
        assert.ok(other.log.events.includes('onReadDone(true, undisturbed)'));
        assert.is(other.log.events.at(-1), 'onDone(OK)');
      });
    }
  }
}

test('a client’s onDone that throws is reported, once; the next RPC is as any other', async () => {
  await using pair = await ReactorPair.open(ECHO);
  for (const fail of [boom, boomLater]) {
    await echo(pair, 'one', ClientBidiReactor.from<string, string>({ onDone: fail }));
    await turns();
    assert.equal(isBoom(pair.errors.splice(0)), [true]);
    assert.is((await echo(pair, 'two', new ClientBidiReactor())).at(-1), 'onDone(OK)');
  }
});

test('every kind of client’s reactor: a throw does not keep onDone away', async () => {
  await using pair = await ReactorPair.open({
    ...ECHO,
    read: () => new ServerWriteReactor<string>(),
    write: () => new ServerReadReactor<string, string>(),
  });
  const unary = bindUnary(pair, 'x', ClientUnaryReactor.from<string>({ onReadInitialMetadataDone: boom }));
  const read = bindRead(pair, 'x', ClientReadReactor.from<string>({ onReadInitialMetadataDone: boom }));
  const write = bindWrite(pair, ClientWriteReactor.from<string, string>({ onWriteDone: boom }));
  write.reactor.startWrite('x');
  for (const { context, reactor, log } of [unary, read, write]) {
    reactor.startCall();
    await turns();
    context.tryCancel();
    await log.done();
    assert.match(log.events.at(-1) ?? '', /^onDone\(CANCELLED/);
  }
  assert.equal(isBoom(pair.errors), [true, true, true]);
});

test('a throw after the end changes nothing of how it ended', async () => {
  await using pair = await ReactorPair.open(ECHO);
  const client = bindUnary(pair, 'x', ClientUnaryReactor.from<string>({ onReadInitialMetadataDone: boom }));
  client.context.tryCancel();
  client.reactor.startCall();
  await client.log.done();
  assert.is(client.log.events.at(-1), 'onDone(CANCELLED: the client cancelled the call)');
  assert.equal(isBoom(pair.errors), [true]);
});

type Bidi = ServerBidiReactor<string, string>;

/** How each reaction of a server is brought about. */
const SERVER_REACTIONS = {
  onSendInitialMetadataDone: (reactor: Bidi) => reactor.startSendInitialMetadata(),
  onReadDone: (reactor: Bidi) => reactor.startRead(),
  onWriteDone: (reactor: Bidi) => reactor.startWrite('here'),
} as const;

for (const transport of TRANSPORTS) {
  for (const [reaction, start] of Object.entries(SERVER_REACTIONS)) {
    for (const [how, fail] of [
      ['throws', boom],
      ['rejects', boomLater],
    ] as const) {
      test(`${transport}: a server’s ${reaction} ${how}: UNKNOWN without its text; the RPC is cancelled and done`, async () => {
        const { handler, served } = hold(
          () => ServerBidiReactor.from<string, string>({ [reaction]: fail }),
          ({ reactor }) => start(reactor),
        );
        await using pair = await ReactorPair.open({ ...ECHO, bidi: handler }, { transport });
        const client = bindBidi(pair);
        client.reactor.startRead();
        client.reactor.startWrite('x');
        client.reactor.startCall();
        const { context, reactor, log } = await served.next();
        await log.done();
        assert.equal(log.events.slice(-2), ['onCancel', 'onDone']);
        assert.ok(context.isCancelled());
        assert.equal(isBoom(pair.errors), [true]);
        await client.log.done();
        assert.is(client.log.events.at(-1), 'onDone(UNKNOWN: Application error processing RPC)');
        assert.throws(() => reactor.finish(Status.OK), /after onDone/);
        // The connection and the service are none the worse.
        const next = bindUnary(pair, 'next');
        next.reactor.startCall();
        await next.log.done();
        assert.is(next.log.events.at(-1), 'onDone(OK, next)');
      });
    }
  }

  test(`${transport}: finish in the reaction that throws counts; finish after it is ignored`, async () => {
    const before = hold(
      () =>
        ServerBidiReactor.from<string, string>({
          onReadDone() {
            this.startWriteAndFinish('all I have', {}, Status.OUT_OF_RANGE);
            boom();
          },
        }),
      ({ reactor }) => reactor.startRead(),
    );
    const after = hold(
      () =>
        ServerReadReactor.from<string, string>({
          onReadDone: boom,
          onCancel() {
            this.finish(Status.OK, 'ignored');
            this.finish(Status.OK, 'ignored as well');
          },
        }),
      ({ reactor }) => reactor.startRead(),
    );
    await using pair = await ReactorPair.open({ bidi: before.handler, write: after.handler }, { transport });
    const one = bindBidi(pair);
    one.reactor.startWrite('x');
    one.reactor.startRead();
    one.reactor.startCall();
    await one.log.done();
    assert.equal(one.log.events.slice(-2), ['onReadDone(true, all I have)', 'onDone(OUT_OF_RANGE)']);
    const finished = await before.served.next();
    await finished.log.done();
    assert.equal(finished.log.events, ['onReadDone(true, x)', 'onDone']);
    const two = bindWrite(pair);
    two.reactor.startWrite('x');
    two.reactor.startCall();
    await two.log.done();
    assert.is(two.log.events.at(-1), 'onDone(UNKNOWN: Application error processing RPC)');
    const ignored = await after.served.next();
    await ignored.log.done();
    assert.equal(ignored.log.events, ['onReadDone(true, x)', 'onCancel', 'onDone']);
    assert.equal(isBoom(pair.errors), [true, true]);
  });
}

test('a server’s onCancel that throws stands for finish; an onDone that throws is reported', async () => {
  const { handler, served } = hold(() => ServerUnaryReactor.from<string>({ onCancel: boom, onDone: boom }));
  await using pair = await ReactorPair.open({ unary: handler });
  const client = bindUnary(pair, '');
  client.reactor.startCall();
  const { log } = await served.next();
  client.context.tryCancel();
  await log.done();
  assert.equal(log.events, ['onCancel', 'onDone']);
  assert.equal(isBoom(pair.errors), [true, true]);
  await client.log.done();
});

const BINDERS = { unary: bindUnary, read: bindRead, write: bindWrite, bidi: bindBidi } as const;

/** Calls each kind of method, whose handlers are all `handler`; gives the statuses. */
async function statuses(pair: ReactorPair): Promise<string[]> {
  const ends = [bindUnary(pair, ''), bindRead(pair, ''), bindWrite(pair), bindBidi(pair)];
  for (const { reactor, log } of ends) {
    reactor.startCall();
    await log.done();
  }
  return ends.map(({ log }) => log.events.at(-1) ?? '');
}

function service(handler: () => never | null | undefined): TextService {
  return Object.fromEntries(Object.keys(BINDERS).map((kind) => [kind, handler])) as unknown as TextService;
}

function four(status: string): string[] {
  return [1, 2, 3, 4].map(() => `onDone(${status})`);
}

for (const transport of TRANSPORTS) {
  test(`${transport}: a handler that throws: UNKNOWN without its text, and the error is reported`, async () => {
    await using pair = await ReactorPair.open(service(boom), { transport });
    assert.equal(await statuses(pair), four('UNKNOWN'));
    assert.equal(isBoom(pair.errors), [true, true, true, true]);
  });

  test(`${transport}: a handler that throws a StatusError: that status, and its trailers`, async () => {
    const fail = (): never => {
      const trailers = new Metadata({ 'x-why': 'because' });
      throw new StatusError(Status.NOT_FOUND.withDescription('no such thing'), trailers);
    };
    await using pair = await ReactorPair.open(service(fail), { transport });
    assert.equal(await statuses(pair), four('NOT_FOUND: no such thing'));
    const client = bindUnary(pair, '');
    client.reactor.startCall();
    await client.log.done();
    assert.is(client.context.getServerTrailingMetadata().get('x-why'), 'because');
  });

  test(`${transport}: a handler that returns null, or nothing, or is not there: UNIMPLEMENTED, and no error`, async () => {
    for (const handlers of [service(() => null), service(() => undefined), {}]) {
      await using pair = await ReactorPair.open(handlers, { transport });
      assert.equal(await statuses(pair), four('UNIMPLEMENTED'));
      assert.equal(pair.errors, []);
    }
  });

  test(`${transport}: a handler that cancels and returns null: CANCELLED`, async () => {
    const cancel = ((context: { tryCancel(): void }): null => {
      context.tryCancel();
      return null;
    }) as unknown as () => null;
    await using pair = await ReactorPair.open(service(cancel), { transport });
    assert.equal(await statuses(pair), four('CANCELLED: the server cancelled the call'));
    assert.equal(pair.errors, []);
  });

  test(`${transport}: a message that the client cannot read: the read says false, INTERNAL with the error as cause`, async () => {
    let cause: unknown;
    const { handler, served } = hold(
      () => new ServerWriteReactor<string>(),
      ({ reactor }) => reactor.startWrite(UNREADABLE),
    );
    await using pair = await ReactorPair.open({ read: handler }, { transport });
    const client = bindRead(
      pair,
      '',
      ClientReadReactor.from<string>({
        onDone: (status) => {
          cause = status.cause;
        },
      }),
    );
    client.reactor.startRead();
    client.reactor.startCall();
    await client.log.done();
    assert.equal(client.log.events, [
      'onReadInitialMetadataDone(true)',
      'onReadDone(false)',
      'onDone(INTERNAL: Failed to parse the response)',
    ]);
    assert.is((cause as Error).message, 'not to be deserialized');
    const { context, reactor, log } = await served.next();
    await log.until(() => log.count('onCancel') === 1);
    assert.ok(context.isCancelled());
    reactor.finish(Status.OK);
    await log.done();
  });

  test(`${transport}: a response that the client cannot read: INTERNAL, and no response`, async () => {
    const unary = hold(
      () => new ServerUnaryReactor<string>(),
      ({ reactor }) => reactor.finish(Status.OK, UNREADABLE),
    );
    const write = hold(
      () => new ServerReadReactor<string, string>(),
      ({ reactor }) => reactor.finish(Status.OK, UNREADABLE),
    );
    await using pair = await ReactorPair.open({ unary: unary.handler, write: write.handler }, { transport });
    for (const { reactor, log } of [bindUnary(pair, ''), bindWrite(pair)]) {
      reactor.startCall();
      await log.done();
      assert.is(log.events.at(-1), 'onDone(INTERNAL: Failed to parse the response)');
    }
  });

  test(`${transport}: a message that the server cannot read: the read says false, isCancelled(), the client gets INTERNAL`, async () => {
    const cancelledAtRead: (boolean | undefined)[] = [];
    let ofHandler: CallbackServerContext | null = null;
    const { handler, served } = hold(
      () =>
        ServerBidiReactor.from<string, string>({
          onReadDone: () => void cancelledAtRead.push(ofHandler?.isCancelled()),
        }),
      ({ context, reactor }) => {
        ofHandler = context;
        reactor.startRead();
      },
    );
    await using pair = await ReactorPair.open({ bidi: handler }, { transport });
    const client = bindBidi(pair);
    client.reactor.startWrite(UNREADABLE);
    client.reactor.startCall();
    await client.log.done();
    assert.is(client.log.events.at(-1), 'onDone(INTERNAL: Failed to parse the request)');
    const { reactor, log } = await served.next();
    await log.until(() => log.count('onCancel') === 1);
    reactor.finish(Status.OK);
    await log.done();
    assert.equal(cancelledAtRead, [true]);
    assert.equal(log.events.slice(-2), ['onCancel', 'onDone']);
    assert.equal(pair.errors, []);
  });

  test(`${transport}: a request that the server cannot read: no handler runs, the client gets INTERNAL`, async () => {
    await using pair = await ReactorPair.open({ unary: boom, read: boom }, { transport });
    for (const { reactor, log } of [bindUnary(pair, UNREADABLE), bindRead(pair, UNREADABLE)]) {
      reactor.startCall();
      await log.done();
      assert.is(log.events.at(-1), 'onDone(INTERNAL: Failed to parse the request)');
    }
    assert.equal(pair.errors, []);
  });

  test(`${transport}: a message that the client cannot write: the write says false, INTERNAL with the error as cause`, async () => {
    let cause: unknown;
    const { handler, served } = hold(() => new ServerBidiReactor<string, string>());
    await using pair = await ReactorPair.open({ bidi: handler }, { transport });
    const client = bindBidi(
      pair,
      ClientBidiReactor.from<string, string>({
        onDone: (status) => {
          cause = status.cause;
        },
      }),
    );
    client.reactor.startRead();
    client.reactor.startCall();
    const { reactor, log } = await served.next();
    client.reactor.startWrite(UNWRITABLE);
    await client.log.done();
    assert.equal(client.log.events.slice(-3), [
      'onReadDone(false)',
      'onWriteDone(false)',
      'onDone(INTERNAL: Failed to serialize the request)',
    ]);
    assert.is((cause as Error).message, 'not to be serialized');
    await log.until(() => log.count('onCancel') === 1);
    reactor.finish(Status.OK);
    await log.done();
  });

  test(`${transport}: a message that the server cannot write: the write says false, onCancel, the client gets INTERNAL`, async () => {
    const writes = {
      startWrite: (reactor: Bidi) => reactor.startWrite(UNWRITABLE),
      startWriteLast: (reactor: Bidi) => reactor.startWriteLast(UNWRITABLE),
      startWriteAndFinish: (reactor: Bidi) => reactor.startWriteAndFinish(UNWRITABLE, {}, Status.OK),
    };
    for (const [operation, write] of Object.entries(writes)) {
      for (const when of ['in the handler', 'later']) {
        const { handler, served } = hold(
          () => new ServerBidiReactor<string, string>(),
          ({ reactor }) => {
            if (when === 'in the handler') write(reactor);
          },
        );
        await using pair = await ReactorPair.open({ bidi: handler }, { transport });
        const client = bindBidi(pair);
        client.reactor.startCall();
        const { context, reactor, log } = await served.next();
        if (when === 'later') write(reactor);
        await log.until(() => log.count('onCancel') === 1);
        assert.ok(context.isCancelled());
        if (operation !== 'startWriteAndFinish') reactor.finish(Status.OK);
        await log.done();
        const answer = operation === 'startWriteAndFinish' ? [] : ['onWriteDone(false)'];
        assert.equal(log.events, [...answer, 'onCancel', 'onDone']);
        await client.log.done();
        const told = client.log.events.at(-1) ?? '';
        assert.match(told, /^onDone\(INTERNAL/);
        assert.not.match(told, /not to be serialized/);
      }
    }
  });

  test(`${transport}: a response that the server cannot write: onCancel, the client gets INTERNAL`, async () => {
    const unary = hold(
      () => new ServerUnaryReactor<string>(),
      ({ reactor }) => reactor.finish(Status.OK, UNWRITABLE),
    );
    const write = hold(
      () => new ServerReadReactor<string, string>(),
      ({ reactor }) => reactor.finish(Status.OK, UNWRITABLE),
    );
    await using pair = await ReactorPair.open({ unary: unary.handler, write: write.handler }, { transport });
    for (const { reactor, log } of [bindUnary(pair, ''), bindWrite(pair)]) {
      reactor.startCall();
      await log.done();
      assert.match(log.events.at(-1) ?? '', /^onDone\(INTERNAL/);
    }
    for (const { served } of [unary, write]) {
      const { log } = await served.next();
      await log.done();
      assert.equal(log.events, ['onCancel', 'onDone']);
    }
  });
}

test.run();
