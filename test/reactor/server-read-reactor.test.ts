/**
 * ServerReadReactor: what a read that brings no message means, and what becomes of one that is outstanding when the RPC ends.
 * Specification: ServerReadReactor in server_callback.h; gRFC L84.
 */
import { ServerReadReactor } from '../../src/reactor/server-reactors.ts';
import { Status } from '../../src/values/status.ts';
import { assert, suite, within } from '../support/suite.ts';
import { ReactorPair } from './reactor-pair.ts';
import { bindWrite, hold, type ServerEnd, turns } from './rpc-ends.ts';

const test = suite('ServerReadReactor');

const TRANSPORTS = ['in-process', 'http2'] as const;

type Reader = ServerReadReactor<string, string>;

/** Reads to the end, from its constructor on, then answers with all it read. */
class Concatenator extends ServerReadReactor<string, string> {
  readonly reads: string[] = [];
  readonly done: Promise<void>;
  #onDone: () => void = () => {};

  constructor() {
    super();
    this.done = new Promise((resolve) => {
      this.#onDone = resolve;
    });
    this.startRead();
  }

  override onReadDone(ok: boolean, message: string | undefined): void {
    this.reads.push(message ?? 'the end');
    if (ok) this.startRead();
    else this.finish(Status.OK, this.reads.join(' '));
  }

  override onDone(): void {
    this.#onDone();
  }
}

function newReader(): Reader {
  return new ServerReadReactor<string, string>();
}

for (const transport of TRANSPORTS) {
  test(`${transport}: a read started in the constructor brings the first message, and the half-close is a false one`, async () => {
    const concatenators: Concatenator[] = [];
    const handler = (): Concatenator => {
      const reactor = new Concatenator();
      concatenators.push(reactor);
      return reactor;
    };
    await using pair = await ReactorPair.open({ write: handler }, { transport });
    const { reactor, log } = bindWrite(pair);
    reactor.startWrite('one');
    reactor.startCall();
    await log.until(() => log.count('onWriteDone') === 1);
    reactor.startWriteLast('two');
    await log.done();
    assert.is(log.events.at(-1), 'onDone(OK, one two the end)');
    for (const { done, reads } of concatenators) {
      await within(5_000, done);
      assert.equal(reads, ['one', 'two', 'the end']);
    }
  });

  test(`${transport}: at a half-close isCancelled() is false, and every further read says false`, async () => {
    const { handler, served } = hold(newReader, ({ reactor }) => reactor.startRead());
    await using pair = await ReactorPair.open({ write: handler }, { transport });
    const client = bindWrite(pair);
    client.reactor.startWritesDone();
    client.reactor.startCall();
    const { context, reactor, log } = await served.next();
    for (let reads = 1; reads <= 3; reads += 1) {
      await log.until(() => log.times('onReadDone(false)') === reads);
      assert.not(context.isCancelled());
      reactor.startRead();
    }
    reactor.finish(Status.OK, 'none');
    await log.done();
    await client.log.done();
    assert.is(client.log.events.at(-1), 'onDone(OK, none)');
  });

  test(`${transport}: a half-close that nobody reads is kept for the read that asks`, async () => {
    const { handler, served } = hold(newReader);
    await using pair = await ReactorPair.open({ write: handler }, { transport });
    const client = bindWrite(pair);
    client.reactor.startWriteLast('the only one');
    client.reactor.startCall();
    const { reactor, log } = await served.next();
    await client.log.until(() => client.log.count('onWriteDone') === 1);
    await turns();
    assert.equal(log.events, []);
    reactor.startRead();
    await log.until(() => log.count('onReadDone') === 1);
    reactor.startRead();
    await log.until(() => log.count('onReadDone') === 2);
    assert.equal(log.events, ['onReadDone(true, the only one)', 'onReadDone(false)']);
    reactor.finish(Status.OK, 'read');
    await client.log.done();
    await log.done();
  });

  test(`${transport}: a read that a cancel ends finds isCancelled() true (gRFC L84)`, async () => {
    let cancelledAtRead: boolean | null = null;
    let end: ServerEnd<Reader> | null = null;
    const { handler, served } = hold(
      () =>
        ServerReadReactor.from<string, string>({
          onReadDone(ok) {
            if (!ok) cancelledAtRead = end?.context.isCancelled() ?? null;
          },
          onCancel() {
            this.finish(Status.CANCELLED);
          },
        }),
      (served) => {
        end = served;
        served.reactor.startRead();
      },
    );
    await using pair = await ReactorPair.open({ write: handler }, { transport });
    const client = bindWrite(pair);
    client.reactor.startCall();
    const { log } = await served.next();
    client.context.tryCancel();
    await log.done();
    assert.is(cancelledAtRead, true);
    assert.equal(log.events, ['onReadDone(false)', 'onCancel', 'onDone']);
    await client.log.done();
  });

  test(`${transport}: finish takes an outstanding read with it: false, then onDone, and no onCancel`, async () => {
    for (const status of [Status.OK, Status.OUT_OF_RANGE]) {
      const { handler, served } = hold(newReader, ({ reactor }) => reactor.startRead());
      await using pair = await ReactorPair.open({ write: handler }, { transport });
      const client = bindWrite(pair);
      client.reactor.startCall();
      const { context, reactor, log } = await served.next();
      reactor.finish(status, 'enough');
      assert.equal(log.events, []);
      await log.done();
      assert.equal(log.events, ['onReadDone(false)', 'onDone']);
      assert.not(context.isCancelled());
      await client.log.done();
      assert.is(client.log.events.at(-1), status.isOk ? 'onDone(OK, enough)' : 'onDone(OUT_OF_RANGE)');
    }
  });

  test(`${transport}: a read and finish, both before the handler returns: the read says false, then onDone`, async () => {
    const { handler, served } = hold(newReader, ({ reactor }) => {
      reactor.startRead();
      reactor.finish(Status.OK, 'unread');
    });
    await using pair = await ReactorPair.open({ write: handler }, { transport });
    const client = bindWrite(pair);
    client.reactor.startWrite('unread');
    client.reactor.startCall();
    await client.log.done();
    const { log } = await served.next();
    await log.done();
    assert.equal(log.events, ['onReadDone(false)', 'onDone']);
  });

  test(`${transport}: a message that comes for a read after finish is not delivered`, async () => {
    const { handler, served } = hold(newReader, ({ reactor }) => reactor.startRead());
    await using pair = await ReactorPair.open({ write: handler }, { transport });
    const client = bindWrite(pair);
    client.reactor.startCall();
    const { reactor, log } = await served.next();
    client.reactor.startWrite('on its way');
    reactor.finish(Status.OK, 'enough');
    await log.done();
    assert.equal(log.events, ['onReadDone(false)', 'onDone']);
    await client.log.done();
  });
}

test.run();
