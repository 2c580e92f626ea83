/**
 * Reactions: one at a time, never inside an operation, in a fixed order when several are due, onDone last; those of a client
 * in the async context of startCall. By chance: cancel-fuzz.test.ts. How many run in a turn: fairness.test.ts.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { CallOptions } from '../../src/call/call-options.ts';
import { ClientContext } from '../../src/reactor/client-context.ts';
import { ClientBidiReactor, ClientUnaryReactor } from '../../src/reactor/client-reactors.ts';
import { ServerBidiReactor } from '../../src/reactor/server-reactors.ts';
import { Deadline } from '../../src/values/deadline.ts';
import { Status } from '../../src/values/status.ts';
import { assert, suite, within } from '../support/suite.ts';
import { WoundClock } from '../support/wound-clock.ts';
import { ReactorPair, type ReactorPairOptions } from './reactor-pair.ts';
import { bindBidi, bindUnary, type ClientEnd, type Holding, hold, turns } from './rpc-ends.ts';

const test = suite('Reactions');

const TRANSPORTS = ['in-process', 'http2'] as const;

type ServerBidi = ServerBidiReactor<string, string>;

function holdBidi(): Holding<ServerBidi> {
  return hold(() => new ServerBidiReactor<string, string>());
}

const CANCELLED = 'onDone(CANCELLED: the client cancelled the call)';

for (const transport of TRANSPORTS) {
  test(`${transport}: due together they come in order: initial metadata, read, write, writes done, then onDone`, async () => {
    await using pair = await ReactorPair.open({}, { transport });
    const client = bindBidi(pair);
    client.reactor.startWrite('x');
    client.reactor.startWritesDone();
    client.reactor.startRead();
    client.context.tryCancel();
    client.reactor.startCall();
    assert.equal(client.log.events, []);
    await client.log.done();
    assert.equal(client.log.events, [
      'onReadInitialMetadataDone(false)',
      'onReadDone(false)',
      'onWriteDone(false)',
      'onWritesDoneDone(false)',
      CANCELLED,
    ]);
  });

  test(`${transport}: what a reaction starts is answered after it has returned, though the answer is there`, async () => {
    const { handler, served } = hold(
      () => new ServerBidiReactor<string, string>(),
      ({ reactor }) => reactor.startWrite('one'),
    );
    await using pair = await ReactorPair.open({ bidi: handler }, { transport });
    const order: string[] = [];
    const reactor = ClientBidiReactor.from<string, string>({
      onReadDone(ok, message) {
        order.push(`onReadDone ${message}`);
        if (ok) this.startRead();
        order.push('returns');
      },
    });
    const client = bindBidi(pair, reactor);
    client.reactor.startCall();
    const end = await served.next();
    await end.log.until(() => end.log.count('onWriteDone') === 1);
    end.reactor.startWriteAndFinish('two', {}, Status.OK);
    await end.log.done();
    // Both messages and the status wait at the client.
    await client.log.until(() => client.log.count('onReadInitialMetadataDone') === 1);
    client.reactor.startRead();
    assert.equal(order, []);
    await client.log.done();
    assert.equal(order.slice(0, 4), ['onReadDone one', 'returns', 'onReadDone two', 'returns']);
  });

  test(`${transport}: a half-close behind a write that is done once it is buffered goes out with it`, async () => {
    const { handler, served } = hold(
      () => new ServerBidiReactor<string, string>(),
      ({ reactor }) => reactor.startRead(),
    );
    await using pair = await ReactorPair.open({ bidi: handler }, { transport });
    // The first RPC finds no connection, the second one is ready to write at once.
    for (let round = 0; round < 2; round += 1) {
      const client = bindBidi(pair);
      client.reactor.startWrite('buffered', { bufferHint: true });
      client.reactor.startWritesDone();
      client.reactor.startCall();
      const { reactor, log } = await served.next();
      await log.until(() => log.count('onReadDone') === 1);
      reactor.startRead();
      await log.until(() => log.count('onReadDone') === 2);
      assert.equal(log.events, ['onReadDone(true, buffered)', 'onReadDone(false)']);
      reactor.finish(Status.OK);
      await client.log.done();
      assert.equal(client.log.events.slice(0, 2), ['onWriteDone(true)', 'onWritesDoneDone(true)']);
      await log.done();
    }
  });

  test(`${transport}: no reaction runs within the tick of the operation that it answers`, async () => {
    const { handler, served } = holdBidi();
    await using pair = await ReactorPair.open({ bidi: handler }, { transport });
    const client = bindBidi(pair);
    client.reactor.addHold();
    client.reactor.startCall();
    const end = await served.next();
    end.reactor.startWriteAndFinish('waits', {}, Status.ABORTED);
    await end.log.done();
    await client.log.until(() => client.log.count('onReadInitialMetadataDone') === 1);
    await turns();
    const before = client.log.events.length;
    const seen: number[] = [];
    for (const start of [
      (): void => client.reactor.startRead(),
      (): void => client.reactor.startWrite('fails'),
      (): void => client.reactor.startWritesDone(),
      (): void => client.context.tryCancel(),
      (): void => client.reactor.removeHold(),
    ]) {
      start();
      seen.push(client.log.events.length);
    }
    assert.equal(seen, [before, before, before, before, before]);
    await client.log.done();
  });
}

// ---- the async context of a client's reactions ----

const store = new AsyncLocalStorage<string>();

/** A bidi RPC each of whose reactions notes the store that it sees. */
function noting(
  pair: ReactorPair,
  context = new ClientContext(),
): ClientEnd<unknown> & {
  readonly seen: Map<string, Set<string>>;
  readonly reactor: ClientBidiReactor<string, string>;
} {
  const seen = new Map<string, Set<string>>();
  const note = (name: string): void => {
    const stores = seen.get(name) ?? new Set();
    seen.set(name, stores.add(store.getStore() ?? 'none'));
  };
  const reactor = ClientBidiReactor.from<string, string>({
    onReadInitialMetadataDone: () => note('onReadInitialMetadataDone'),
    onReadDone: () => note('onReadDone'),
    onWriteDone: () => note('onWriteDone'),
    onWritesDoneDone: () => note('onWritesDoneDone'),
    onDone: () => note('onDone'),
  });
  return { ...store.run('bound', () => bindBidi(pair, reactor, context)), seen, reactor };
}

/** Every reaction that came, came in the context of startCall. */
function assertContext(seen: ReadonlyMap<string, ReadonlySet<string>>, names: readonly string[]): void {
  assert.equal(
    [...seen].map(([name, stores]) => [name, [...stores]]).sort(),
    names.map((name) => [name, ['startCall']]).sort(),
  );
}

const EVERY = ['onReadInitialMetadataDone', 'onReadDone', 'onWriteDone', 'onWritesDoneDone', 'onDone'];

/** Echoes each message and ends with the last. */
const ECHO = (): ServerBidi => {
  const reactor = ServerBidiReactor.from<string, string>({
    onReadDone(ok, message) {
      if (ok && message !== undefined) this.startWrite(message);
      else this.finish(Status.OK);
    },
    onWriteDone(ok) {
      if (ok) this.startRead();
    },
  });
  reactor.startRead();
  return reactor;
};

for (const transport of TRANSPORTS) {
  const open = (options: ReactorPairOptions = {}): Promise<ReactorPair> =>
    ReactorPair.open({ bidi: ECHO }, { transport, ...options });

  test(`${transport}: reactions run in the context of startCall, those that events bring about`, async () => {
    await using pair = await open();
    const { log, reactor, seen } = noting(pair);
    reactor.startRead();
    reactor.startWrite('x');
    reactor.startWritesDone();
    store.run('startCall', () => reactor.startCall());
    await log.done();
    assertContext(seen, EVERY);
  });

  test(`${transport}: … and those of operations that were started elsewhere, answered at once or later`, async () => {
    await using pair = await open();
    const { log, reactor, seen } = noting(pair);
    reactor.addHold();
    store.run('startCall', () => reactor.startCall());
    const elsewhere = async (start: () => void, reads: number, writes: number): Promise<void> => {
      store.run('elsewhere', start);
      await log.until(() => log.count('onReadDone') === reads && log.count('onWriteDone') === writes);
    };
    await elsewhere(() => reactor.startWrite('x'), 0, 1);
    await elsewhere(() => reactor.startRead(), 1, 1);
    await elsewhere(() => reactor.startWrite('y', { bufferHint: true }), 1, 2);
    await elsewhere(() => reactor.startWritesDone(), 1, 2);
    await elsewhere(() => reactor.startRead(), 2, 2);
    await elsewhere(() => reactor.startRead(), 3, 2);
    store.run('elsewhere', () => reactor.removeHold());
    await log.done();
    assertContext(seen, EVERY);
  });

  test(`${transport}: … those after tryCancel elsewhere`, async () => {
    await using pair = await open();
    const { context, log, reactor, seen } = noting(pair);
    reactor.startRead();
    store.run('startCall', () => reactor.startCall());
    await turns();
    store.run('elsewhere', () => {
      context.tryCancel();
      reactor.startWrite('x');
      reactor.startWritesDone();
    });
    await log.done();
    assertContext(seen, EVERY);
  });

  test(`${transport}: … those of an RPC whose corked metadata a write elsewhere lets out`, async () => {
    await using pair = await open();
    const context = new ClientContext();
    context.setInitialMetadataCorked(true);
    const { log, reactor, seen } = noting(pair, context);
    reactor.addHold();
    reactor.startRead();
    store.run('startCall', () => reactor.startCall());
    store.run('elsewhere', () => {
      reactor.startWrite('x');
      reactor.startWritesDone();
    });
    store.run('elsewhere', () => reactor.removeHold());
    await log.done();
    assertContext(seen, EVERY);
  });

  test(`${transport}: … those of a deadline on a clock that is wound elsewhere, corked or not`, async () => {
    const clock = new WoundClock();
    await using pair = await open({ channel: { clock }, server: { clock } });
    for (const corked of [false, true]) {
      const context = new ClientContext(CallOptions.DEFAULT.withDeadline(Deadline.after(10, clock)));
      context.setInitialMetadataCorked(corked);
      const { log, reactor, seen } = noting(pair, context);
      reactor.startRead();
      store.run('startCall', () => reactor.startCall());
      store.run('elsewhere', () => clock.advance(10));
      await log.done();
      assert.match(log.events.at(-1) ?? '', /^onDone\(DEADLINE_EXCEEDED/);
      assertContext(seen, ['onReadInitialMetadataDone', 'onReadDone', 'onDone']);
    }
  });

  test(`${transport}: … and those that a turn of the event loop was given before`, async () => {
    await using pair = await open();
    const stores = new Set<string>();
    const client = bindBidi(
      pair,
      ClientBidiReactor.from<string, string>({
        onWriteDone() {
          stores.add(store.getStore() ?? 'none');
          if (client.log.count('onWriteDone') < 100) this.startWrite('x', { bufferHint: true });
          else this.startWritesDone();
        },
        onReadDone(ok) {
          stores.add(store.getStore() ?? 'none');
          if (ok) this.startRead();
        },
      }),
    );
    store.run('startCall', () => client.reactor.startCall());
    store.run('elsewhere', () => {
      client.reactor.startRead();
      client.reactor.startWrite('x');
    });
    await client.log.done();
    assert.is(client.log.events.at(-1), 'onDone(OK)');
    assert.equal([...stores], ['startCall']);
  });

  test(`${transport}: a unary RPC’s function runs in the context of the stub’s method`, async () => {
    await using pair = await ReactorPair.open(
      {
        unary: (context, request) => {
          const reactor = context.defaultReactor<string>();
          reactor.finish(Status.OK, request);
          return reactor;
        },
      },
      { transport },
    );
    const seen = new Promise<string | undefined>((resolve) => {
      store.run('the method', () => pair.stub.unary(new ClientContext(), '', () => resolve(store.getStore())));
    });
    assert.is(await within(5_000, seen), 'the method');
    const cancelled = new ClientContext();
    cancelled.tryCancel();
    const seenCancelled = new Promise<string | undefined>((resolve) => {
      store.run('the method', () => pair.stub.unary(cancelled, '', () => resolve(store.getStore())));
    });
    assert.is(await within(5_000, seenCancelled), 'the method');
  });
}

test('a client’s reactor that is used again from its onDone has the context of its new startCall', async () => {
  await using pair = await ReactorPair.open({ bidi: ECHO });
  const seen: (string | undefined)[] = [];
  const finished = new Promise<void>((resolve) => {
    const reactor = ClientBidiReactor.from<string, string>({
      onDone() {
        seen.push(store.getStore());
        if (seen.length === 3) {
          resolve();
          return;
        }
        pair.stub.bidi(new ClientContext(), this);
        this.startWritesDone();
        store.run(`call ${seen.length + 1}`, () => this.startCall());
      },
    });
    pair.stub.bidi(new ClientContext(), reactor);
    reactor.startWritesDone();
    store.run('call 1', () => reactor.startCall());
  });
  await within(5_000, finished);
  assert.equal(seen, ['call 1', 'call 2', 'call 3']);
});

test('a unary reactor’s, too', async () => {
  await using pair = await ReactorPair.open({
    unary: (context, request) => {
      const reactor = context.defaultReactor<string>();
      reactor.finish(Status.OK, request);
      return reactor;
    },
  });
  const seen: (string | undefined)[] = [];
  const note = (): void => void seen.push(store.getStore());
  const client = bindUnary(
    pair,
    '',
    ClientUnaryReactor.from<string>({ onReadInitialMetadataDone: note, onDone: note }),
  );
  store.run('startCall', () => client.reactor.startCall());
  await client.log.done();
  assert.equal(seen, ['startCall', 'startCall']);
});

test.run();
