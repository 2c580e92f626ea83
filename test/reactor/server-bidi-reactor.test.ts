/**
 * ServerBidiReactor: reads and writes side by side, and operations started when the RPC is finished or cancelled.
 * Specification: ServerBidiReactor in server_callback.h; the FAQ of gRPC C++'s callback API.
 */
import { ServerBidiReactor } from '../../src/reactor/server-reactors.ts';
import { Status } from '../../src/values/status.ts';
import { assert, suite } from '../support/suite.ts';
import { ReactorPair } from './reactor-pair.ts';
import { bindBidi, hold, turns } from './rpc-ends.ts';

const test = suite('ServerBidiReactor');

const TRANSPORTS = ['in-process', 'http2'] as const;

type Bidi = ServerBidiReactor<string, string>;

function newBidi(): Bidi {
  return new ServerBidiReactor<string, string>();
}

/** Every operation but finish. */
function startAll(reactor: Bidi): void {
  reactor.startRead();
  reactor.startWrite('dropped');
}

for (const transport of TRANSPORTS) {
  test(`${transport}: a read and a write may be outstanding together, each with its own reaction`, async () => {
    const { handler, served } = hold(newBidi, ({ reactor }) => {
      reactor.startRead();
      reactor.startWrite('unasked');
    });
    await using pair = await ReactorPair.open({ bidi: handler }, { transport });
    const client = bindBidi(pair);
    client.reactor.startRead();
    client.reactor.startCall();
    await client.log.until(() => client.log.count('onReadDone') === 1);
    const { reactor, log } = await served.next();
    await log.until(() => log.count('onWriteDone') === 1);
    assert.is(log.count('onReadDone'), 0);
    client.reactor.startWriteLast('asked');
    await log.until(() => log.count('onReadDone') === 1);
    reactor.finish(Status.OK);
    await log.done();
    assert.equal(log.events, ['onWriteDone(true)', 'onReadDone(true, asked)', 'onDone']);
    await client.log.done();
    assert.ok(client.log.events.includes('onReadDone(true, unasked)'));
  });

  test(`${transport}: finish behind an outstanding write: the message arrives, onWriteDone comes before onDone`, async () => {
    const { handler, served } = hold(newBidi);
    await using pair = await ReactorPair.open({ bidi: handler }, { transport });
    const client = bindBidi(pair);
    client.reactor.startRead();
    client.reactor.startCall();
    const { reactor, log } = await served.next();
    reactor.startRead();
    reactor.startWrite('the last word');
    reactor.finish(Status.OK);
    await log.done();
    assert.equal(log.events, ['onReadDone(false)', 'onWriteDone(true)', 'onDone']);
    await client.log.done();
    assert.ok(client.log.events.includes('onReadDone(true, the last word)'));
    assert.is(client.log.events.at(-1), 'onDone(OK)');
  });

  test(`${transport}: what is started after finish, in a reaction or outside, gets false before onDone`, async () => {
    const { handler, served } = hold(
      () =>
        ServerBidiReactor.from<string, string>({
          onReadDone(ok) {
            if (ok) {
              this.finish(Status.OK);
              startAll(this);
            }
          },
        }),
      ({ reactor }) => reactor.startRead(),
    );
    await using pair = await ReactorPair.open({ bidi: handler }, { transport });
    const client = bindBidi(pair);
    client.reactor.startWrite('go');
    client.reactor.startCall();
    const { log } = await served.next();
    await log.done();
    assert.equal(log.events, ['onReadDone(true, go)', 'onReadDone(false)', 'onWriteDone(false)', 'onDone']);
    await client.log.done();

    const outside = hold(newBidi);
    await using other = await ReactorPair.open({ bidi: outside.handler }, { transport });
    const second = bindBidi(other);
    second.reactor.startCall();
    const end = await outside.served.next();
    end.reactor.finish(Status.OK);
    end.reactor.startSendInitialMetadata();
    startAll(end.reactor);
    await end.log.done();
    assert.equal(end.log.events, [
      'onSendInitialMetadataDone(false)',
      'onReadDone(false)',
      'onWriteDone(false)',
      'onDone',
    ]);
    await second.log.done();
  });

  test(`${transport}: what is started in onCancel, and after it, gets false, and onDone comes after`, async () => {
    const { handler, served } = hold(() =>
      ServerBidiReactor.from<string, string>({
        onCancel() {
          startAll(this);
        },
      }),
    );
    await using pair = await ReactorPair.open({ bidi: handler }, { transport });
    const client = bindBidi(pair);
    client.reactor.startCall();
    const { context, reactor, log } = await served.next();
    client.context.tryCancel();
    await client.log.done();
    await log.until(() => log.count('onWriteDone') === 1);
    assert.equal(log.events, ['onCancel', 'onReadDone(false)', 'onWriteDone(false)']);
    reactor.startSendInitialMetadata();
    startAll(reactor);
    await log.until(() => log.count('onWriteDone') === 2);
    reactor.finish(Status.OK);
    await log.done();
    assert.equal(log.events.slice(3), [
      'onSendInitialMetadataDone(false)',
      'onReadDone(false)',
      'onWriteDone(false)',
      'onDone',
    ]);
    assert.ok(context.isCancelled());
  });

  test(`${transport}: what is started right after tryCancel, before onCancel, gets false as well`, async () => {
    const { handler, served } = hold(newBidi);
    await using pair = await ReactorPair.open({ bidi: handler }, { transport });
    const client = bindBidi(pair);
    client.reactor.startCall();
    const { context, reactor, log } = await served.next();
    context.tryCancel();
    startAll(reactor);
    reactor.finish(Status.OK);
    await log.done();
    assert.equal(log.events, ['onReadDone(false)', 'onWriteDone(false)', 'onCancel', 'onDone']);
    await client.log.done();
    assert.is(client.log.events.at(-1), 'onDone(CANCELLED: the server cancelled the call)');
  });

  test(`${transport}: cancelled in the handler with everything started: each says false, then onCancel`, async () => {
    const { handler, served } = hold(newBidi, ({ context, reactor }) => {
      reactor.startSendInitialMetadata();
      startAll(reactor);
      context.tryCancel();
    });
    await using pair = await ReactorPair.open({ bidi: handler }, { transport });
    const client = bindBidi(pair);
    client.reactor.startCall();
    const { reactor, log } = await served.next();
    await log.until(() => log.count('onCancel') === 1);
    assert.equal(log.events, [
      'onSendInitialMetadataDone(false)',
      'onReadDone(false)',
      'onWriteDone(false)',
      'onCancel',
    ]);
    reactor.finish(Status.OK);
    await log.done();
    await client.log.done();
  });

  test(`${transport}: a client that goes away is a cancel, of every RPC it had`, async () => {
    const { handler, served } = hold(newBidi, ({ reactor }) => reactor.startRead());
    await using pair = await ReactorPair.open({ bidi: handler }, { transport });
    const clients = [bindBidi(pair), bindBidi(pair), bindBidi(pair)];
    for (const { reactor } of clients) reactor.startCall();
    const ends = [await served.next(), await served.next(), await served.next()];
    pair.channel.shutdownNow();
    for (const { log } of clients) await log.done();
    for (const { context, reactor, log } of ends) {
      await log.until(() => log.count('onCancel') === 1);
      assert.ok(context.isCancelled());
      reactor.finish(Status.OK);
      await log.done();
      assert.equal(log.events, ['onReadDone(false)', 'onCancel', 'onDone']);
    }
  });
}

test('one RPC’s operations and cancel are nothing to another’s', async () => {
  const { handler, served } = hold(newBidi, ({ reactor }) => reactor.startRead());
  await using pair = await ReactorPair.open({ bidi: handler });
  const [one, two] = [bindBidi(pair), bindBidi(pair)];
  one.reactor.startCall();
  two.reactor.startCall();
  const [first, second] = [await served.next(), await served.next()];
  one.context.tryCancel();
  first.reactor.finish(Status.OK);
  await first.log.done();
  await turns();
  assert.equal(second.log.events, []);
  two.reactor.startWriteLast('still here');
  await second.log.until(() => second.log.count('onReadDone') === 1);
  second.reactor.finish(Status.OK);
  await Promise.all([second.log.done(), one.log.done(), two.log.done()]);
  assert.is(two.log.events.at(-1), 'onDone(OK)');
});

test.run();
