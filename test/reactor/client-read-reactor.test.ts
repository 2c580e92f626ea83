/**
 * ClientReadReactor: reads one after another, from within reactions or from outside under a hold, and what becomes of
 * messages that nobody reads when the RPC ends. Specification: ClientReadReactor in client_callback.h. Upstream:
 * client_callback_end2end_test.cc ResponseStream…, end2end_test.cc HugeResponse.
 */
import { ClientContext } from '../../src/reactor/client-context.ts';
import { ClientReadReactor } from '../../src/reactor/client-reactors.ts';
import { type ServerUnaryReactor, ServerWriteReactor } from '../../src/reactor/server-reactors.ts';
import { Status } from '../../src/values/status.ts';
import { assert, suite } from '../support/suite.ts';
import { ReactorPair } from './reactor-pair.ts';
import { bindRead, bindUnary, type ClientEnd, type Holding, hold, turns } from './rpc-ends.ts';

const test = suite('ClientReadReactor');

const TRANSPORTS = ['in-process', 'http2'] as const;
const CANCELLED_BY_CLIENT = 'onDone(CANCELLED: the client cancelled the call)';
const CANCELLED_BY_SERVER = 'onDone(CANCELLED: the server cancelled the call)';
const THREE_READS = ['onReadDone(true, reply0)', 'onReadDone(true, reply1)', 'onReadDone(true, reply2)'];

type Writer = ServerWriteReactor<string>;
type Reader = ClientReadReactor<string>;

/** Writes so many replies, each once the one before was answered, then runs `atEnd`. */
function replying(count: number, atEnd: (writer: Writer) => void): Holding<Writer> {
  const make = (): Writer => {
    let next = 0;
    return ServerWriteReactor.from<string>({
      onWriteDone(ok) {
        next += 1;
        if (ok && next < count) this.startWrite(`reply${next}`);
        else if (ok) atEnd(this);
      },
      onCancel() {
        this.finish(Status.OK);
      },
    });
  };
  return hold(make, ({ reactor }) => reactor.startWrite('reply0'));
}

/** Writes reply `index` of `count`; the last one as such, with finish at once. */
function writeOne(writer: Writer, index: number, count: number): void {
  if (index < count - 1) {
    writer.startWrite(`reply${index}`);
    return;
  }
  writer.startWriteLast(`reply${index}`);
  writer.finish(Status.OK);
}

/** Asks for the next message as long as there is one. */
function readAll(then: (reads: number) => void = () => {}): Reader {
  let reads = 0;
  return ClientReadReactor.from<string>({
    onReadDone(ok) {
      if (!ok) return;
      reads += 1;
      then(reads);
      this.startRead();
    },
  });
}

function readsOf({ log }: ClientEnd<Reader>): string[] {
  return log.events.filter((event) => event.startsWith('onReadDone'));
}

for (const transport of TRANSPORTS) {
  test(`${transport}: read before startCall: three messages in order, then false, then OK`, async () => {
    const { handler, served } = replying(3, (writer) => writer.finish(Status.OK));
    await using pair = await ReactorPair.open({ read: handler }, { transport });
    const client = bindRead(pair, 'a question', readAll());
    client.reactor.startRead();
    client.reactor.startCall();
    assert.equal(client.log.events, []);
    await client.log.done();
    assert.equal(client.log.events, [
      'onReadInitialMetadataDone(true)',
      ...THREE_READS,
      'onReadDone(false)',
      'onDone(OK)',
    ]);
    const server = await served.next();
    assert.is(server.request, 'a question');
    await server.log.done();
    assert.is(server.log.times('onWriteDone(true)'), 3);
  });

  test(`${transport}: a last reply with startWriteLast, finish right behind it: nothing is lost, be it the only one`, async () => {
    for (const count of [1, 3]) {
      const { handler, served } = hold(
        () => {
          let next = 1;
          return ServerWriteReactor.from<string>({
            onWriteDone(ok) {
              if (ok && next < count) writeOne(this, next++, count);
            },
          });
        },
        ({ reactor }) => writeOne(reactor, 0, count),
      );
      await using pair = await ReactorPair.open({ read: handler }, { transport });
      const client = bindRead(pair, '', readAll());
      client.reactor.startRead();
      client.reactor.startCall();
      await client.log.done();
      assert.equal(readsOf(client), [...THREE_READS.slice(0, count), 'onReadDone(false)']);
      assert.is(client.log.events.at(-1), 'onDone(OK)');
      const { log } = await served.next();
      await log.done();
      assert.is(log.times('onWriteDone(true)'), count);
    }
  });

  test(`${transport}: cancelled by the client after two reads: it reads on to false`, async () => {
    const { handler, served } = replying(3, (writer) => writer.finish(Status.OK));
    await using pair = await ReactorPair.open({ read: handler }, { transport });
    const context = new ClientContext();
    const reader = readAll((reads) => {
      if (reads === 2) context.tryCancel();
    });
    const client = bindRead(pair, '', reader, context);
    reader.startRead();
    reader.startCall();
    await client.log.done();
    assert.equal(readsOf(client), [...THREE_READS.slice(0, 2), 'onReadDone(false)']);
    assert.is(client.log.events.at(-1), CANCELLED_BY_CLIENT);
    await (await served.next()).log.done();
  });

  test(`${transport}: cancelled by the server before it writes: no read succeeds`, async () => {
    const { handler, served } = hold(
      () =>
        ServerWriteReactor.from<string>({
          onCancel() {
            this.finish(Status.OK);
          },
        }),
      ({ context }) => context.tryCancel(),
    );
    await using pair = await ReactorPair.open({ read: handler }, { transport });
    const client = bindRead(pair, '', readAll());
    client.reactor.startRead();
    client.reactor.startCall();
    await client.log.done();
    assert.equal(client.log.events, ['onReadInitialMetadataDone(false)', 'onReadDone(false)', CANCELLED_BY_SERVER]);
    await (await served.next()).log.done();
  });

  test(`${transport}: cancelled by the server amid its writes: no more than it wrote is read`, async () => {
    const { handler, served } = hold(() =>
      ServerWriteReactor.from<string>({
        onWriteDone(ok) {
          if (ok) this.startWrite('one more');
        },
        onCancel() {
          this.finish(Status.OK);
        },
      }),
    );
    await using pair = await ReactorPair.open({ read: handler }, { transport });
    const client = bindRead(pair, '', readAll());
    client.reactor.startRead();
    client.reactor.startCall();
    const { context, reactor, log } = await served.next();
    reactor.startWrite('the first');
    await client.log.until(() => client.log.count('onReadDone') === 1);
    context.tryCancel();
    await client.log.done();
    // With a message queued the reset goes alone, and says no more than the code.
    assert.match(client.log.events.at(-1) ?? '', /^onDone\(CANCELLED: /);
    await log.done();
    assert.ok(readsOf(client).length - 1 <= log.count('onWriteDone'));
    assert.is(log.times('onWriteDone(false)'), 1);
  });

  test(`${transport}: cancelled by the server behind its last write: CANCELLED all the same`, async () => {
    const { handler, served } = replying(3, () => {});
    await using pair = await ReactorPair.open({ read: handler }, { transport });
    const client = bindRead(pair, '', readAll());
    client.reactor.startRead();
    client.reactor.startCall();
    const { context, log } = await served.next();
    await client.log.until(() => client.log.count('onReadDone') === 3);
    await log.until(() => log.times('onWriteDone(true)') === 3);
    context.tryCancel();
    await client.log.done();
    assert.equal(readsOf(client), [...THREE_READS, 'onReadDone(false)']);
    assert.is(client.log.events.at(-1), CANCELLED_BY_SERVER);
    await log.done();
    assert.is(log.count('onCancel'), 1);
  });

  test(`${transport}: reads from outside, under one hold: done only once that is removed, and not inside removeHold`, async () => {
    const { handler } = replying(3, (writer) => writer.finish(Status.OK));
    await using pair = await ReactorPair.open({ read: handler }, { transport });
    const client = bindRead(pair, '');
    client.reactor.addHold();
    client.reactor.startCall();
    for (let reads = 1; reads <= 4; reads += 1) {
      await turns(1);
      client.reactor.startRead();
      await client.log.until(() => client.log.count('onReadDone') === reads);
    }
    assert.equal(readsOf(client), [...THREE_READS, 'onReadDone(false)']);
    await turns();
    assert.not(client.log.isDone);
    client.reactor.removeHold();
    assert.not(client.log.isDone);
    await client.log.done();
    assert.is(client.log.events.at(-1), 'onDone(OK)');
  });

  test(`${transport}: every hold is to be removed, and one that is removed in the last reaction is the end`, async () => {
    const { handler } = replying(1, (writer) => writer.finish(Status.OK));
    await using pair = await ReactorPair.open({ read: handler }, { transport });
    const order: string[] = [];
    const reactor = ClientReadReactor.from<string>({
      onReadDone(ok) {
        if (ok) {
          this.startRead();
          return;
        }
        this.removeHold();
        order.push('removed');
      },
      onDone: () => void order.push('onDone'),
    });
    const client = bindRead(pair, '', reactor);
    reactor.addMultipleHolds(2);
    reactor.addHold();
    reactor.startRead();
    reactor.startCall();
    await client.log.until(() => order.length === 1);
    reactor.removeHold();
    await turns();
    assert.not(client.log.isDone);
    reactor.removeHold();
    await client.log.done();
    assert.equal(order, ['removed', 'onDone']);
  });

  test(`${transport}: with OK the messages come first: not done before all were read, and no read beyond them is needed`, async () => {
    const { handler, served } = replying(3, (writer) => writer.finish(Status.OK));
    await using pair = await ReactorPair.open({ read: handler }, { transport });
    const client = bindRead(pair, '');
    client.reactor.startCall();
    await (await served.next()).log.done();
    for (let reads = 1; reads <= 3; reads += 1) {
      await turns();
      assert.not(client.log.isDone);
      client.reactor.startRead();
      await client.log.until(() => client.log.count('onReadDone') === reads);
    }
    await client.log.done();
    assert.equal(client.log.events, ['onReadInitialMetadataDone(true)', ...THREE_READS, 'onDone(OK)']);
  });

  test(`${transport}: with an error nobody has to read: done, and what was not asked for is dropped`, async () => {
    const { handler } = replying(3, (writer) => writer.finish(Status.DATA_LOSS));
    await using pair = await ReactorPair.open({ read: handler }, { transport });
    const client = bindRead(pair, '');
    client.reactor.startCall();
    await client.log.done();
    assert.equal(client.log.events, ['onReadInitialMetadataDone(true)', 'onDone(DATA_LOSS)']);
  });

  test(`${transport}: with an error whoever goes on reading gets the messages in front of it`, async () => {
    const { handler, served } = replying(3, (writer) => writer.finish(Status.DATA_LOSS));
    await using pair = await ReactorPair.open({ read: handler }, { transport });
    const byReacting = bindRead(pair, '', readAll());
    byReacting.reactor.startRead();
    byReacting.reactor.startCall();
    await byReacting.log.done();
    assert.equal(readsOf(byReacting), [...THREE_READS, 'onReadDone(false)']);
    assert.is(byReacting.log.events.at(-1), 'onDone(DATA_LOSS)');
    await (await served.next()).log.done();

    const fromOutside = bindRead(pair, '');
    fromOutside.reactor.addHold();
    fromOutside.reactor.startCall();
    await (await served.next()).log.done();
    for (let reads = 1; reads <= 4; reads += 1) {
      await turns();
      fromOutside.reactor.startRead();
      await fromOutside.log.until(() => fromOutside.log.count('onReadDone') === reads);
    }
    fromOutside.reactor.removeHold();
    await fromOutside.log.done();
    assert.equal(readsOf(fromOutside), [...THREE_READS, 'onReadDone(false)']);
    assert.is(fromOutside.log.events.at(-1), 'onDone(DATA_LOSS)');
  });

  test(`${transport}: with an error, removing the last hold drops what waits`, async () => {
    const { handler, served } = replying(3, (writer) => writer.finish(Status.DATA_LOSS));
    await using pair = await ReactorPair.open({ read: handler }, { transport });
    const client = bindRead(pair, '');
    client.reactor.addHold();
    client.reactor.startRead();
    client.reactor.startCall();
    await client.log.until(() => client.log.count('onReadDone') === 1);
    await (await served.next()).log.done();
    await turns();
    assert.not(client.log.isDone);
    client.reactor.removeHold();
    await client.log.done();
    assert.equal(readsOf(client), THREE_READS.slice(0, 1));
    assert.is(client.log.events.at(-1), 'onDone(DATA_LOSS)');
  });

  test(`${transport}: a cancel with messages unread is the end at once, and drops them`, async () => {
    for (const status of [Status.OK, Status.DATA_LOSS]) {
      const { handler, served } = replying(3, (writer) => writer.finish(status));
      await using pair = await ReactorPair.open({ read: handler }, { transport });
      const client = bindRead(pair, '');
      client.reactor.addHold();
      client.reactor.startCall();
      await (await served.next()).log.done();
      await turns();
      client.context.tryCancel();
      client.reactor.startRead();
      client.reactor.removeHold();
      await client.log.done();
      assert.equal(readsOf(client), ['onReadDone(false)']);
      assert.is(client.log.events.at(-1), CANCELLED_BY_CLIENT);
    }
  });

  test(`${transport}: a cancel while no reader is there, and messages come, needs no read either`, async () => {
    const { handler, served } = replying(3, () => {});
    await using pair = await ReactorPair.open({ read: handler }, { transport });
    const client = bindRead(pair, '');
    client.reactor.startCall();
    const { log } = await served.next();
    await log.until(() => log.times('onWriteDone(true)') === 3);
    client.context.tryCancel();
    await client.log.done();
    assert.is(client.log.events.at(-1), CANCELLED_BY_CLIENT);
    assert.is(client.log.count('onReadDone'), 0);
    await log.done();
  });

  test(`${transport}: messages larger than any window arrive whole, one and several`, async () => {
    const sizes = [1024 * 1034, 0, 65_535, 3 * 1024 * 1024];
    const textOf = (size: number): string => 'x'.repeat(size);
    await using pair = await ReactorPair.open(
      {
        unary: (context, request) => {
          const reactor: ServerUnaryReactor<string> = context.defaultReactor<string>();
          reactor.finish(Status.OK, textOf(Number(request)));
          return reactor;
        },
        read: () => {
          const left = [...sizes];
          const writeNext = (writer: Writer): void => {
            const size = left.shift();
            if (size === undefined) writer.finish(Status.OK);
            else writer.startWrite(textOf(size));
          };
          const writer = ServerWriteReactor.from<string>({
            onWriteDone(ok) {
              if (ok) writeNext(this);
              else this.finish(Status.UNKNOWN);
            },
          });
          writeNext(writer);
          return writer;
        },
      },
      { transport },
    );
    const unary = bindUnary(pair, `${sizes[0]}`);
    unary.reactor.startCall();
    await unary.log.done();
    assert.is(unary.log.events.at(-1), `onDone(OK, ${textOf(1024 * 1034)})`);
    const got: number[] = [];
    const reader = ClientReadReactor.from<string>({
      onReadDone(_ok, text) {
        if (text === undefined) return;
        got.push(text.length);
        this.startRead();
      },
    });
    const client = bindRead(pair, '', reader);
    reader.startRead();
    reader.startCall();
    await client.log.done();
    assert.equal(got, sizes);
    assert.is(client.log.events.at(-1), 'onDone(OK)');
  });
}

test.run();
