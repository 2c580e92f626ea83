/**
 * Misuse of a client's reactors: each operation that has no place throws IllegalStateError, starts nothing and gets no
 * reaction, and the RPC goes on as if it had not been tried. Specification: the checks of client_callback.h and of call.cc,
 * which abort the process.
 */
import { ClientContext } from '../../src/reactor/client-context.ts';
import {
  ClientBidiReactor,
  ClientReadReactor,
  type ClientStreamReactor,
  ClientUnaryReactor,
  ClientWriteReactor,
} from '../../src/reactor/client-reactors.ts';
import { ServerBidiReactor } from '../../src/reactor/server-reactors.ts';
import { IllegalStateError } from '../../src/values/illegal-state-error.ts';
import { Status } from '../../src/values/status.ts';
import { assert, suite } from '../support/suite.ts';
import { ReactorPair } from './reactor-pair.ts';
import { bindBidi, bindRead, bindUnary, bindWrite, hold, turns } from './rpc-ends.ts';
import { watch } from './watched.ts';

const test = suite('misuse of a client’s reactors');

type Bidi = ClientBidiReactor<string, string>;

/** Throws IllegalStateError with a message that holds `part`. */
function refuses(operation: () => void, part: string): void {
  assert.throws(operation, (error: unknown) => error instanceof IllegalStateError && error.message.includes(part));
}

/** Answers each message with itself, the end with OK. */
function echoes(): ServerBidiReactor<string, string> {
  const reactor = ServerBidiReactor.from<string, string>({
    onReadDone(_ok, text) {
      if (text === undefined) this.finish(Status.OK);
      else this.startWrite(text);
    },
    onWriteDone() {
      this.startRead();
    },
  });
  reactor.startRead();
  return reactor;
}

for (const isStarted of [false, true]) {
  const when = isStarted ? 'after startCall' : 'before startCall';

  test(`${when}: a second read, and a second write, while one is outstanding; both go on`, async () => {
    await using pair = await ReactorPair.open({ bidi: echoes });
    const { reactor, log } = bindBidi(pair);
    reactor.addHold();
    if (isStarted) reactor.startCall();
    reactor.startRead();
    reactor.startWrite('one');
    refuses(() => reactor.startRead(), 'while a read is outstanding');
    refuses(() => reactor.startWrite('two'), 'while a write is outstanding');
    refuses(() => reactor.startWriteLast('two'), 'while a write is outstanding');
    if (!isStarted) reactor.startCall();
    await log.until(() => log.count('onReadDone') === 1 && log.count('onWriteDone') === 1);
    reactor.startRead();
    reactor.startWriteLast('three');
    await log.until(() => log.count('onReadDone') === 2);
    reactor.removeHold();
    await log.done();
    assert.equal(
      log.events.filter((event) => event.startsWith('onReadDone')),
      ['onReadDone(true, one)', 'onReadDone(true, three)'],
    );
    assert.is(log.count('onWriteDone'), 2);
    assert.is(log.events.at(-1), 'onDone(OK)');
  });

  test(`${when}: a write, or an end of writes, behind startWritesDone`, async () => {
    await using pair = await ReactorPair.open({ bidi: echoes });
    const { reactor, log } = bindBidi(pair);
    reactor.addHold();
    if (isStarted) reactor.startCall();
    reactor.startWritesDone();
    refuses(() => reactor.startWrite('late'), 'after the last write');
    refuses(() => reactor.startWriteLast('late'), 'after the last write');
    refuses(() => reactor.startWritesDone(), 'after the last write');
    if (!isStarted) reactor.startCall();
    await log.until(() => log.count('onWritesDoneDone') === 1);
    refuses(() => reactor.startWrite('late'), 'after the last write');
    refuses(() => reactor.startWritesDone(), 'after the last write');
    reactor.removeHold();
    await log.done();
    assert.is(log.events.at(-1), 'onDone(OK)');
    assert.is(log.count('onWriteDone'), 0);
  });

  test(`${when}: a write, or an end of writes, behind startWriteLast`, async () => {
    await using pair = await ReactorPair.open({ bidi: echoes });
    const lastOnes: readonly ((reactor: Bidi) => void)[] = [
      (reactor) => reactor.startWriteLast('the last'),
      (reactor) => reactor.startWrite('the last', { lastMessage: true }),
    ];
    for (const writeLast of lastOnes) {
      const { reactor, log } = bindBidi(pair);
      reactor.addHold();
      if (isStarted) reactor.startCall();
      writeLast(reactor);
      refuses(() => reactor.startWrite('late'), 'startWrite was called');
      refuses(() => reactor.startWritesDone(), 'after the last write');
      if (!isStarted) reactor.startCall();
      await log.until(() => log.count('onWriteDone') === 1);
      refuses(() => reactor.startWrite('late'), 'after the last write');
      refuses(() => reactor.startWriteLast('late'), 'after the last write');
      refuses(() => reactor.startWritesDone(), 'after the last write');
      reactor.startRead();
      reactor.removeHold();
      await log.done();
      assert.ok(log.events.includes('onReadDone(true, the last)'));
      assert.is(log.events.at(-1), 'onDone(OK)');
      assert.is(log.count('onWritesDoneDone'), 0);
    }
  });
}

test('startCall for the second time, of every kind', async () => {
  await using pair = await ReactorPair.open({});
  for (const { reactor, log } of [bindUnary(pair, ''), bindRead(pair, ''), bindWrite(pair), bindBidi(pair)]) {
    reactor.startCall();
    refuses(() => reactor.startCall(), 'startCall was called already');
    await log.done();
    assert.is(log.events.at(-1), 'onDone(UNIMPLEMENTED)');
    refuses(() => reactor.startCall(), 'startCall was called already');
  }
});

test('a cancelled RPC too is started once', async () => {
  await using pair = await ReactorPair.open({});
  const { context, reactor, log } = bindBidi(pair);
  context.tryCancel();
  reactor.startCall();
  refuses(() => reactor.startCall(), 'startCall was called already');
  await log.done();
});

test('every operation before the reactor was given to a stub', async () => {
  const unbound = 'not given to a stub';
  const read = new ClientReadReactor<string>();
  const write = new ClientWriteReactor<string, string>();
  const bidi = new ClientBidiReactor<string, string>();
  for (const reactor of [new ClientUnaryReactor<string>(), read, write, bidi]) {
    refuses(() => reactor.startCall(), unbound);
    refuses(() => void reactor.done(), unbound);
  }
  for (const reactor of [read, write, bidi] as readonly ClientStreamReactor<string, string>[]) {
    refuses(() => reactor.addHold(), unbound);
    refuses(() => reactor.addMultipleHolds(2), unbound);
    refuses(() => reactor.removeHold(), unbound);
  }
  for (const reactor of [read, bidi]) refuses(() => reactor.startRead(), unbound);
  for (const reactor of [write, bidi]) {
    refuses(() => reactor.startWrite(''), unbound);
    refuses(() => reactor.startWriteLast(''), unbound);
    refuses(() => reactor.startWritesDone(), unbound);
  }
  // None of that has left a trace: each can still have its RPC.
  await using pair = await ReactorPair.open({ bidi: echoes });
  const log = watch(bidi);
  pair.stub.bidi(new ClientContext(), bidi);
  bidi.startWritesDone();
  bidi.startCall();
  await log.done();
  assert.is(log.events.at(-1), 'onDone(OK)');
});

test('every operation after onDone', async () => {
  await using pair = await ReactorPair.open({});
  const after = 'after onDone';
  const inDone: string[] = [];
  const refusesAll = (reactor: Bidi): void => {
    refuses(() => reactor.startRead(), after);
    refuses(() => reactor.startWrite(''), after);
    refuses(() => reactor.startWriteLast(''), after);
    refuses(() => reactor.startWritesDone(), after);
    refuses(() => reactor.addHold(), after);
    inDone.push('refused');
  };
  const { reactor, log } = bindBidi(
    pair,
    ClientBidiReactor.from<string, string>({
      onDone() {
        refusesAll(this);
      },
    }),
  );
  reactor.startCall();
  await log.done();
  refusesAll(reactor);
  assert.equal(inDone, ['refused', 'refused']);
  assert.equal(pair.errors, []);
});

test('removeHold without a hold, more often than addHold, and after onDone', async () => {
  await using pair = await ReactorPair.open({ bidi: echoes });
  const { reactor, log } = bindBidi(pair);
  refuses(() => reactor.removeHold(), 'more often than addHold');
  reactor.addMultipleHolds(2);
  reactor.startWritesDone();
  reactor.startCall();
  reactor.removeHold();
  await log.until(() => log.count('onWritesDoneDone') === 1);
  await turns();
  assert.not(log.isDone);
  reactor.removeHold();
  refuses(() => reactor.removeHold(), 'more often than addHold');
  await log.done();
  refuses(() => reactor.removeHold(), 'after onDone');
  assert.is(log.events.at(-1), 'onDone(OK)');
});

test('a number of holds that is none', async () => {
  await using pair = await ReactorPair.open({ bidi: echoes });
  const { reactor, log } = bindBidi(pair);
  for (const count of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(
      () => reactor.addMultipleHolds(count),
      (error: unknown) => error instanceof RangeError,
    );
  }
  reactor.startWritesDone();
  reactor.startCall();
  await log.done();
  assert.is(log.events.at(-1), 'onDone(OK)');
});

test('a reactor that has an RPC, started or not, takes no second one', async () => {
  await using pair = await ReactorPair.open({ bidi: echoes });
  const { reactor, log } = bindBidi(pair);
  const spare = new ClientContext();
  refuses(() => pair.stub.bidi(spare, reactor), 'has an RPC');
  reactor.startCall();
  refuses(() => pair.stub.bidi(spare, reactor), 'has an RPC');
  reactor.addHold();
  reactor.startWritesDone();
  reactor.removeHold();
  await log.done();
  // The context that was offered in vain is as good as new.
  const other = bindBidi(pair, new ClientBidiReactor(), spare);
  other.reactor.startWritesDone();
  other.reactor.startCall();
  await other.log.done();
  assert.is(other.log.events.at(-1), 'onDone(OK)');
});

test('a server’s reactor refuses a second read and write as well, and loses neither; different kinds may overlap', async () => {
  const { handler, served } = hold(() => new ServerBidiReactor<string, string>());
  await using pair = await ReactorPair.open({ bidi: handler });
  const { reactor, log } = bindBidi(pair);
  reactor.startRead();
  reactor.startWrite('a message');
  reactor.startWritesDone();
  reactor.startCall();
  const server = await served.next();
  server.reactor.startRead();
  server.reactor.startWrite('an answer');
  refuses(() => server.reactor.startRead(), 'while a read is outstanding');
  refuses(() => server.reactor.startWrite('another'), 'while a write is outstanding');
  refuses(() => server.reactor.startWriteAndFinish('another', {}, Status.OK), 'while a write is outstanding');
  await server.log.until(() => server.log.count('onReadDone') === 1 && server.log.count('onWriteDone') === 1);
  server.reactor.finish(Status.OK);
  await log.done();
  await server.log.done();
  assert.equal(server.log.events, ['onReadDone(true, a message)', 'onWriteDone(true)', 'onDone']);
  assert.is(log.events.at(-1), 'onDone(OK)');
});

test('between binding and startCall a cancel ends nothing yet: startCall is due, and what was queued fails', async () => {
  const { handler, served } = hold(() => new ServerBidiReactor<string, string>());
  await using pair = await ReactorPair.open({ bidi: handler });
  for (const end of ['startWritesDone', 'startWriteLast'] as const) {
    const { context, reactor, log } = bindBidi(pair);
    reactor.startRead();
    if (end === 'startWriteLast') {
      reactor.startWriteLast('queued');
    } else {
      reactor.startWrite('queued');
      reactor.startWritesDone();
    }
    context.tryCancel();
    await turns();
    assert.equal(log.events, []);
    reactor.startCall();
    await log.done();
    assert.equal(log.events, [
      'onReadInitialMetadataDone(false)',
      'onReadDone(false)',
      'onWriteDone(false)',
      ...(end === 'startWritesDone' ? ['onWritesDoneDone(false)'] : []),
      'onDone(CANCELLED: the client cancelled the call)',
    ]);
    assert.is(context.getServerInitialMetadata().size, 0);
    assert.is(context.getServerTrailingMetadata().size, 0);
  }
  assert.equal(served.all, []);
});

test.run();
