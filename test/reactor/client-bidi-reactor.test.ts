/**
 * ClientBidiReactor: reads and writes side by side, from within reactions and from outside, and how both end when either side
 * gives up. Specification: ClientBidiReactor in client_callback.h. Upstream: client_callback_end2end_test.cc BidiStream…,
 * SimultaneousReadAndWritesDone; end2end_test.cc BidiStream…, ClientCancelsBidi.
 */
import { ClientContext } from '../../src/reactor/client-context.ts';
import { ClientBidiReactor } from '../../src/reactor/client-reactors.ts';
import { ServerBidiReactor } from '../../src/reactor/server-reactors.ts';
import { Status } from '../../src/values/status.ts';
import { assert, suite } from '../support/suite.ts';
import { ReactorPair } from './reactor-pair.ts';
import { bindBidi, type Holding, hold, type ServerEnd, turns } from './rpc-ends.ts';
import type { ReactorLog } from './watched.ts';

const test = suite('ClientBidiReactor');

const TRANSPORTS = ['in-process', 'http2'] as const;
const CANCELLED_BY_CLIENT = 'onDone(CANCELLED: the client cancelled the call)';

type Server = ServerBidiReactor<string, string>;

/** What `log` tells of one reaction, in order. */
function answers(log: ReactorLog, reaction: string): string[] {
  return log.events.filter((event) => event.startsWith(`${reaction}(`));
}

/** Answers each message with itself, and the end with OK. `finishAfter` so many it finishes of itself. */
function echoing(finishAfter = Number.POSITIVE_INFINITY, coalesces = false): Holding<Server> {
  const make = (): Server => {
    let reads = 0;
    return ServerBidiReactor.from<string, string>({
      onReadDone(_ok, text) {
        if (text === undefined) {
          this.finish(Status.OK);
          return;
        }
        reads += 1;
        if (reads < finishAfter) {
          this.startWrite(text);
        } else if (coalesces) {
          this.startWriteLast(text);
          this.finish(Status.OK);
        } else {
          this.startWriteAndFinish(text, {}, Status.OK);
        }
      },
      onWriteDone(ok) {
        if (ok && reads < finishAfter) this.startRead();
      },
      onCancel() {
        if (reads < finishAfter) this.finish(Status.OK);
      },
    });
  };
  return hold(make, ({ reactor }) => reactor.startRead());
}

/** Writes `count` messages, one whenever its echo has come, then half-closes. `onWritten` may step in after each write. */
class PingPong extends ClientBidiReactor<string, string> {
  readonly #count: number;
  readonly #onWritten: (writes: number) => void;
  #writes = 0;

  constructor(count: number, onWritten: (writes: number) => void = () => {}) {
    super();
    this.#count = count;
    this.#onWritten = onWritten;
  }

  writeNext(): void {
    this.startWrite(`ping${this.#writes}`);
    this.#writes += 1;
  }

  override onReadDone(ok: boolean): void {
    if (!ok) return;
    this.startRead();
    if (this.#writes < this.#count) this.writeNext();
    else this.startWritesDone();
  }

  override onWriteDone(ok: boolean): void {
    if (ok) this.#onWritten(this.#writes);
  }
}

/** Writes without waiting for answers until a write fails; reads as it goes. */
function streaming(): ClientBidiReactor<string, string> {
  let writes = 0;
  return ClientBidiReactor.from<string, string>({
    onWriteDone(ok) {
      writes += 1;
      if (ok && writes < 10) this.startWrite(`${writes}`);
      else if (ok) this.startWritesDone();
    },
    onReadDone(ok) {
      if (ok) this.startRead();
    },
  });
}

/** Finishes in onCancel; everything else is for the test to start. */
function finishingWhenCancelled(inHandler: (end: ServerEnd<Server>) => void = () => {}): Holding<Server> {
  return hold(
    () =>
      ServerBidiReactor.from<string, string>({
        onCancel() {
          this.finish(Status.OK);
        },
      }),
    inHandler,
  );
}

for (const transport of TRANSPORTS) {
  test(`${transport}: ping-pong: as many reads as writes, then half-close, a false read, OK`, async () => {
    await using pair = await ReactorPair.open({ bidi: echoing().handler }, { transport });
    const pinger = new PingPong(10);
    const { log } = bindBidi(pair, pinger);
    pinger.startCall();
    pinger.startRead();
    pinger.writeNext();
    await log.done();
    assert.is(log.times('onWriteDone(true)'), 10);
    assert.equal(answers(log, 'onReadDone'), [
      ...Array.from({ length: 10 }, (_, index) => `onReadDone(true, ping${index})`),
      'onReadDone(false)',
    ]);
    assert.is(log.times('onWritesDoneDone(true)'), 1);
    const headersAt = log.events.indexOf('onReadInitialMetadataDone(true)');
    assert.ok(headersAt >= 0 && headersAt < log.events.indexOf('onReadDone(true, ping0)'));
    assert.is(log.events.at(-1), 'onDone(OK)');
  });

  for (const isCorked of [false, true]) {
    const headers = isCorked ? 'corked headers' : 'headers ahead';

    test(`${transport}: ${headers}, the first write queued before startCall`, async () => {
      await using pair = await ReactorPair.open({ bidi: echoing().handler }, { transport });
      const context = new ClientContext();
      context.setInitialMetadataCorked(isCorked);
      const pinger = new PingPong(3);
      const { log } = bindBidi(pair, pinger, context);
      pinger.startRead();
      pinger.writeNext();
      pinger.startCall();
      await log.done();
      assert.is(log.times('onWriteDone(true)'), 3);
      assert.is(log.count('onReadDone'), 4);
      assert.is(log.events.at(-1), 'onDone(OK)');
    });

    test(`${transport}: ${headers}, the first write from outside, under a hold that onWriteDone removes`, async () => {
      const { handler, served } = echoing();
      await using pair = await ReactorPair.open({ bidi: handler }, { transport });
      const context = new ClientContext();
      context.setInitialMetadataCorked(isCorked);
      const pinger = new PingPong(3, (writes) => {
        if (writes === 1) pinger.removeHold();
      });
      const { log } = bindBidi(pair, pinger, context);
      pinger.addHold();
      pinger.startRead();
      pinger.startCall();
      if (!isCorked) await served.next();
      await turns();
      assert.equal(log.events, []);
      assert.is(served.all.length, isCorked ? 0 : 1);
      pinger.writeNext();
      await log.done();
      assert.is(log.times('onWriteDone(true)'), 3);
      assert.is(log.count('onReadDone'), 4);
      assert.is(log.events.at(-1), 'onDone(OK)');
    });
  }

  test(`${transport}: cancelled by the client after two writes`, async () => {
    const { handler, served } = echoing();
    await using pair = await ReactorPair.open({ bidi: handler }, { transport });
    const context = new ClientContext();
    const pinger = new PingPong(10, (writes) => {
      if (writes === 2) context.tryCancel();
    });
    const { log } = bindBidi(pair, pinger, context);
    pinger.startRead();
    pinger.writeNext();
    pinger.startCall();
    await log.done();
    assert.is(log.times('onWriteDone(true)'), 2);
    const reads = answers(log, 'onReadDone');
    assert.ok(reads.length - 1 <= 2, reads.join());
    assert.is(reads.at(-1), 'onReadDone(false)');
    assert.is(log.events.at(-1), CANCELLED_BY_CLIENT);
    const server = await served.next();
    await server.log.done();
    assert.is(server.log.count('onCancel'), 1);
  });

  test(`${transport}: a client that cancels with an echo on its way reads no more than that`, async () => {
    const { handler, served } = echoing();
    await using pair = await ReactorPair.open({ bidi: handler }, { transport });
    const { context, reactor, log } = bindBidi(pair);
    reactor.addHold();
    reactor.startWrite('one');
    reactor.startRead();
    reactor.startCall();
    await log.until(() => log.count('onReadDone') === 1);
    reactor.startWrite('two');
    const server = await served.next();
    await server.log.until(() => server.log.times('onWriteDone(true)') === 2);
    context.tryCancel();
    let reads = 1;
    while (log.times('onReadDone(false)') === 0) {
      reactor.startRead();
      reads += 1;
      await log.until(() => log.count('onReadDone') === reads);
    }
    assert.ok(reads <= 3, log.events.join());
    reactor.removeHold();
    await log.done();
    assert.is(log.events.at(-1), CANCELLED_BY_CLIENT);
    await server.log.done();
  });

  test(`${transport}: at the server a read that the client’s cancel has failed finds isCancelled() true`, async () => {
    const cancelledAtRead: boolean[] = [];
    const { handler, served } = hold(
      () =>
        ServerBidiReactor.from<string, string>({
          onReadDone(ok) {
            if (ok) this.startRead();
            else cancelledAtRead.push(served.all[0]?.context.isCancelled() ?? false);
          },
          onCancel() {
            this.finish(Status.OK);
          },
        }),
      ({ reactor }) => reactor.startRead(),
    );
    await using pair = await ReactorPair.open({ bidi: handler }, { transport });
    const { context, reactor, log } = bindBidi(pair);
    reactor.startWrite('one');
    reactor.startCall();
    const server = await served.next();
    await server.log.until(() => server.log.count('onReadDone') === 1);
    context.tryCancel();
    await log.done();
    await server.log.done();
    assert.equal(server.log.events, ['onReadDone(true, one)', 'onReadDone(false)', 'onCancel', 'onDone']);
    assert.equal(cancelledAtRead, [true]);
  });

  test(`${transport}: cancelled by the server in its handler, before anything: no read, CANCELLED`, async () => {
    const { handler, served } = finishingWhenCancelled(({ context }) => context.tryCancel());
    await using pair = await ReactorPair.open({ bidi: handler }, { transport });
    const { reactor, log } = bindBidi(pair, streaming());
    reactor.startRead();
    reactor.startWrite('0');
    reactor.startCall();
    await log.done();
    assert.equal(answers(log, 'onReadDone'), ['onReadDone(false)']);
    assert.is(log.events.at(-1), 'onDone(CANCELLED: the server cancelled the call)');
    const server = await served.next();
    await server.log.done();
    assert.equal(server.log.events, ['onCancel', 'onDone']);
  });

  test(`${transport}: cancelled by the server with a read pending there`, async () => {
    const { handler, served } = finishingWhenCancelled(({ reactor }) => reactor.startRead());
    await using pair = await ReactorPair.open({ bidi: handler }, { transport });
    const { reactor, log } = bindBidi(pair, streaming());
    reactor.startRead();
    reactor.startWrite('0');
    reactor.startCall();
    const server = await served.next();
    await server.log.until(() => server.log.count('onReadDone') === 1);
    server.reactor.startRead();
    server.reactor.startWrite('an answer');
    server.context.tryCancel();
    await log.done();
    await server.log.done();
    const reads = log.count('onReadDone') - log.times('onReadDone(false)');
    assert.ok(reads <= log.count('onWriteDone') && log.count('onWriteDone') <= 10, log.events.join());
    assert.match(log.events.at(-1) ?? '', /^onDone\(CANCELLED: /);
    assert.is(server.log.times('onReadDone(false)') + server.log.times('onReadDone(true, 1)'), 1);
    assert.is(server.log.count('onCancel'), 1);
  });

  test(`${transport}: cancelled by the server behind its last message: every write was good`, async () => {
    const { handler, served } = hold(
      () =>
        ServerBidiReactor.from<string, string>({
          onReadDone(ok, text) {
            if (ok) this.startWrite(text ?? '');
          },
          onWriteDone() {
            this.startRead();
          },
          onCancel() {
            this.finish(Status.OK);
          },
        }),
      ({ reactor }) => reactor.startRead(),
    );
    await using pair = await ReactorPair.open({ bidi: handler }, { transport });
    const pinger = new PingPong(5);
    const { log } = bindBidi(pair, pinger);
    pinger.startRead();
    pinger.writeNext();
    pinger.startCall();
    const server = await served.next();
    await server.log.until(() => server.log.times('onReadDone(false)') === 1);
    server.context.tryCancel();
    await log.done();
    await server.log.done();
    assert.is(log.times('onWriteDone(true)'), 5);
    assert.is(log.count('onReadDone'), 6);
    assert.is(log.events.at(-1), 'onDone(CANCELLED: the server cancelled the call)');
  });

  test(`${transport}: startWritesDone and startRead in one reaction: one message, then OK, without another read`, async () => {
    const { handler, served } = echoing();
    await using pair = await ReactorPair.open({ bidi: handler }, { transport });
    const reactor = ClientBidiReactor.from<string, string>({
      onWriteDone() {
        this.startWritesDone();
        this.startRead();
      },
    });
    const { log } = bindBidi(pair, reactor);
    reactor.startWrite('the only one');
    reactor.startCall();
    await log.done();
    assert.equal([...log.events].sort(), [
      'onDone(OK)',
      'onReadDone(true, the only one)',
      'onReadInitialMetadataDone(true)',
      'onWriteDone(true)',
      'onWritesDoneDone(true)',
    ]);
    assert.is(log.events.at(-1), 'onDone(OK)');
    await (await served.next()).log.done();
  });

  test(`${transport}: after a false read every further one is false, and writes fail too`, async () => {
    const { handler, served } = hold(
      () => new ServerBidiReactor<string, string>(),
      ({ reactor }) => reactor.finish(Status.OK),
    );
    await using pair = await ReactorPair.open({ bidi: handler }, { transport });
    const { reactor, log } = bindBidi(pair);
    reactor.addHold();
    reactor.startCall();
    for (let reads = 1; reads <= 3; reads += 1) {
      reactor.startRead();
      await log.until(() => log.times('onReadDone(false)') === reads);
    }
    reactor.startWrite('too late');
    await log.until(() => log.times('onWriteDone(false)') === 1);
    reactor.startWritesDone();
    await log.until(() => log.count('onWritesDoneDone') === 1);
    reactor.removeHold();
    await log.done();
    assert.is(log.events.at(-1), 'onDone(OK)');
    await (await served.next()).log.done();
  });

  for (const coalesces of [true, false]) {
    const how = coalesces ? 'startWriteLast and finish' : 'startWriteAndFinish';

    test(`${transport}: a server that finishes after three reads with ${how}, while the client could write on`, async () => {
      const { handler, served } = echoing(3, coalesces);
      await using pair = await ReactorPair.open({ bidi: handler }, { transport });
      const pinger = new PingPong(10);
      const { log } = bindBidi(pair, pinger);
      pinger.startRead();
      pinger.writeNext();
      pinger.startCall();
      await log.done();
      assert.equal(answers(log, 'onReadDone'), [
        'onReadDone(true, ping0)',
        'onReadDone(true, ping1)',
        'onReadDone(true, ping2)',
        'onReadDone(false)',
      ]);
      assert.is(log.count('onWriteDone'), 4);
      assert.equal(answers(log, 'onWriteDone').slice(0, 3), Array(3).fill('onWriteDone(true)'));
      assert.is(log.events.at(-1), 'onDone(OK)');
      const server = await served.next();
      await server.log.done();
      assert.is(server.log.times('onWriteDone(true)'), coalesces ? 3 : 2);
      assert.is(server.log.count('onCancel'), 0);
    });
  }

  test(`${transport}: one message each way, everything in as few steps as there can be`, async () => {
    const { handler, served } = echoing(1, true);
    await using pair = await ReactorPair.open({ bidi: handler }, { transport });
    const context = new ClientContext();
    context.setInitialMetadataCorked(true);
    const { reactor, log } = bindBidi(pair, new ClientBidiReactor(), context);
    reactor.startWriteLast('all at once');
    reactor.startRead();
    reactor.startCall();
    await log.done();
    assert.equal(answers(log, 'onReadDone'), ['onReadDone(true, all at once)']);
    assert.is(log.times('onWriteDone(true)'), 1);
    assert.is(log.count('onWritesDoneDone'), 0);
    assert.is(log.events.at(-1), 'onDone(OK)');
    const server = await served.next();
    await server.log.done();
    assert.equal(server.log.events, ['onReadDone(true, all at once)', 'onWriteDone(true)', 'onDone']);
  });

  test(`${transport}: headers come before the first message, and before anything is written`, async () => {
    const { handler, served } = hold(
      () => new ServerBidiReactor<string, string>(),
      ({ context }) => context.addInitialMetadata('x-first', 'yes'),
    );
    await using pair = await ReactorPair.open({ bidi: handler }, { transport });
    const { context, reactor, log } = bindBidi(pair);
    reactor.startRead();
    reactor.startCall();
    const server = await served.next();
    server.reactor.startWrite('unasked');
    await log.until(() => log.count('onReadDone') === 1);
    assert.equal(log.events, ['onReadInitialMetadataDone(true)', 'onReadDone(true, unasked)']);
    assert.is(context.getServerInitialMetadata().get('x-first'), 'yes');
    server.reactor.finish(Status.ABORTED);
    await log.done();
    await server.log.done();
  });
}

test.run();
