/**
 * ClientWriteReactor: writes one after another and the response at the end, from within reactions and from constructors; what
 * writes say when either side gives up. Specification: ClientWriteReactor in client_callback.h. Upstream:
 * client_callback_end2end_test.cc RequestStream, end2end_test.cc RequestStream…
 */
import { ClientContext } from '../../src/reactor/client-context.ts';
import { ClientWriteReactor } from '../../src/reactor/client-reactors.ts';
import { ServerReadReactor } from '../../src/reactor/server-reactors.ts';
import type { AsyncMethods } from '../../src/reactor/stub.ts';
import { Code, Status } from '../../src/values/status.ts';
import { assert, suite } from '../support/suite.ts';
import { ReactorPair, type TextMethods, UNWRITABLE } from './reactor-pair.ts';
import { bindWrite, type Holding, hold, turns } from './rpc-ends.ts';
import { type ReactorLog, watch } from './watched.ts';

const test = suite('ClientWriteReactor');

const TRANSPORTS = ['in-process', 'http2'] as const;
const CANCELLED_BY_CLIENT = 'onDone(CANCELLED: the client cancelled the call)';
const CANCELLED_BY_SERVER = 'onDone(CANCELLED: the server cancelled the call)';

type Reader = ServerReadReactor<string, string>;

/** Reads to the end, then answers with all it read in one. */
function concatenating(): Holding<Reader> {
  const make = (): Reader => {
    const parts: string[] = [];
    return ServerReadReactor.from<string, string>({
      onReadDone(_ok, text) {
        if (text === undefined) {
          this.finish(Status.OK, parts.join('+'));
        } else {
          parts.push(text);
          this.startRead();
        }
      },
    });
  };
  return hold(make, ({ reactor }) => reactor.startRead());
}

/** Writes texts, each once the one before was answered, whatever with; the last with startWriteLast. */
class Writer extends ClientWriteReactor<string, string> {
  readonly #texts: readonly string[];
  #next = 0;

  constructor(texts: readonly string[]) {
    super();
    this.#texts = texts;
  }

  writeNext(): void {
    const text = this.#texts[this.#next];
    this.#next += 1;
    if (text === undefined) return;
    if (this.#next === this.#texts.length) this.startWriteLast(text);
    else this.startWrite(text);
  }

  override onWriteDone(_ok: boolean): void {
    this.writeNext();
  }
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${index}`);
}

for (const transport of TRANSPORTS) {
  test(`${transport}: corked headers and three messages, the last of them with the half-close`, async () => {
    const { handler, served } = concatenating();
    await using pair = await ReactorPair.open({ write: handler }, { transport });
    const context = new ClientContext();
    context.setInitialMetadataCorked(true);
    context.addMetadata('x-corked', 'with the first');
    const writer = new Writer(['a', 'b', 'c']);
    const { log } = bindWrite(pair, writer, context);
    writer.startCall();
    writer.writeNext();
    await log.done();
    assert.is(log.events.at(-1), 'onDone(OK, a+b+c)');
    assert.is(log.times('onWriteDone(true)'), 3);
    assert.is(log.count('onWriteDone'), 3);
    assert.is(log.count('onWritesDoneDone'), 0);
    const end = await served.next();
    assert.is(end.context.clientMetadata().get('x-corked'), 'with the first');
    await end.log.done();
  });

  test(`${transport}: startCall and the first write in the constructor, in that order, need no hold`, async () => {
    class Upload extends ClientWriteReactor<string, string> {
      readonly log: ReactorLog;
      #left = ['b', 'c'];

      constructor(stub: AsyncMethods<TextMethods>) {
        super();
        this.log = watch(this);
        stub.write(new ClientContext(), this);
        this.startCall();
        this.startWrite('a');
      }

      override onWriteDone(_ok: boolean): void {
        const text = this.#left.shift();
        if (text === undefined) this.startWritesDone();
        else this.startWrite(text);
      }
    }
    await using pair = await ReactorPair.open({ write: concatenating().handler }, { transport });
    const { log } = new Upload(pair.stub);
    assert.equal(log.events, []);
    await log.done();
    assert.is(log.times('onWriteDone(true)'), 3);
    assert.is(log.times('onWritesDoneDone(true)'), 1);
    assert.is(log.events.at(-1), 'onDone(OK, a+b+c)');
  });

  test(`${transport}: cancelled by the client after two of three writes: just these were successful`, async () => {
    const { handler, served } = hold(
      () => new ServerReadReactor<string, string>(),
      ({ reactor }) => reactor.startRead(),
    );
    await using pair = await ReactorPair.open({ write: handler }, { transport });
    const context = new ClientContext();
    const reactor = ClientWriteReactor.from<string, string>({
      onWriteDone(ok) {
        if (!ok) return;
        if (log.times('onWriteDone(true)') === 2) context.tryCancel();
        this.startWrite('another');
      },
    });
    const { log } = bindWrite(pair, reactor, context);
    reactor.startWrite('the first');
    reactor.startCall();
    await log.done();
    assert.is(log.times('onWriteDone(true)'), 2);
    assert.is(log.times('onWriteDone(false)'), 1);
    assert.is(log.events.at(-1), CANCELLED_BY_CLIENT);
    const server = await served.next();
    await server.log.until(() => server.log.count('onCancel') === 1);
    server.reactor.finish(Status.OK, 'nobody reads it');
    await server.log.done();
  });

  test(`${transport}: cancelled by the handler, which then returns no reactor: CANCELLED, not UNIMPLEMENTED`, async () => {
    await using pair = await ReactorPair.open(
      {
        write: (context) => {
          context.tryCancel();
          return null;
        },
      },
      { transport },
    );
    const writer = new Writer(numbered(10));
    const { log } = bindWrite(pair, writer);
    writer.startCall();
    writer.writeNext();
    await log.done();
    assert.is(log.events.at(-1), CANCELLED_BY_SERVER);
    assert.is(log.count('onWriteDone'), 10);
    assert.equal(pair.errors, []);
  });

  test(`${transport}: cancelled by the server while it reads: its read fails, it finishes in onCancel`, async () => {
    const { handler, served } = hold(
      () =>
        ServerReadReactor.from<string, string>({
          onReadDone(ok) {
            if (ok) this.startRead();
          },
          onCancel() {
            this.finish(Status.OK, 'ignored');
          },
        }),
      ({ reactor }) => reactor.startRead(),
    );
    await using pair = await ReactorPair.open({ write: handler }, { transport });
    const writer = new Writer(numbered(10));
    const { log } = bindWrite(pair, writer);
    writer.startCall();
    writer.startWrite('ahead');
    const server = await served.next();
    await server.log.until(() => server.log.times('onReadDone(true, ahead)') === 1);
    server.context.tryCancel();
    await server.log.done();
    assert.equal(server.log.events.slice(-3), ['onReadDone(false)', 'onCancel', 'onDone']);
    assert.ok(server.context.isCancelled());
    await log.done();
    assert.is(log.events.at(-1), CANCELLED_BY_SERVER);
    assert.is(log.count('onWriteDone'), 11);
    assert.ok(log.times('onWriteDone(true)') >= 1);
  });

  test(`${transport}: cancelled by the server when it has read everything: every write was good, the RPC is not`, async () => {
    const { handler, served } = hold(
      () =>
        ServerReadReactor.from<string, string>({
          onReadDone(ok) {
            if (ok) this.startRead();
          },
          onCancel() {
            this.finish(Status.OK, 'ignored');
          },
        }),
      ({ reactor }) => reactor.startRead(),
    );
    await using pair = await ReactorPair.open({ write: handler }, { transport });
    const writer = new Writer(numbered(10));
    const { log } = bindWrite(pair, writer);
    writer.startCall();
    writer.writeNext();
    const server = await served.next();
    await server.log.until(() => server.log.times('onReadDone(false)') === 1);
    assert.not(server.context.isCancelled());
    await log.until(() => log.count('onWriteDone') === 10);
    server.context.tryCancel();
    await log.done();
    await server.log.done();
    assert.is(log.times('onWriteDone(true)'), 10);
    assert.is(log.events.at(-1), CANCELLED_BY_SERVER);
    assert.is(server.log.count('onCancel'), 1);
  });

  test(`${transport}: finished CANCELLED by the server after 10 of 20 messages: that is its status, and no cancel`, async () => {
    let reads = 0;
    const { handler, served } = hold(
      () =>
        ServerReadReactor.from<string, string>({
          onReadDone(_ok, text) {
            if (text !== undefined) reads += 1;
            if (reads < 10) this.startRead();
            else this.finish(Status.CANCELLED.withDescription('ten are enough'));
          },
        }),
      ({ reactor }) => reactor.startRead(),
    );
    await using pair = await ReactorPair.open({ write: handler }, { transport });
    const writer = new Writer(numbered(20));
    const { log } = bindWrite(pair, writer);
    writer.startCall();
    writer.writeNext();
    await log.done();
    assert.is(log.events.at(-1), 'onDone(CANCELLED: ten are enough)');
    const writes = log.events.filter((event) => event.startsWith('onWriteDone'));
    assert.is(writes.length, 20);
    assert.equal(
      writes.slice(0, 10),
      Array.from({ length: 10 }, () => 'onWriteDone(true)'),
    );
    const { context, log: serverLog } = await served.next();
    await serverLog.done();
    assert.is(reads, 10);
    assert.is(serverLog.count('onCancel'), 0);
    assert.not(context.isCancelled());
  });

  test(`${transport}: startWritesDone while a write is outstanding: both are answered, in order, and the message arrives`, async () => {
    await using pair = await ReactorPair.open({ write: concatenating().handler }, { transport });
    for (const options of [{}, { bufferHint: true }, { writeThrough: true }]) {
      const { reactor, log } = bindWrite(pair);
      reactor.addHold();
      reactor.startCall();
      await turns();
      reactor.startWrite('still outstanding', options);
      reactor.startWritesDone();
      assert.is(log.count('onWriteDone'), 0);
      reactor.removeHold();
      await log.done();
      const answers = log.events.filter((event) => event.startsWith('onWrite'));
      assert.equal(answers, ['onWriteDone(true)', 'onWritesDoneDone(true)']);
      assert.is(log.events.at(-1), 'onDone(OK, still outstanding)');
    }
  });

  test(`${transport}: the end of writes is answered when it was handed over, not when the RPC ends`, async () => {
    const { handler, served } = hold(() => new ServerReadReactor<string, string>());
    await using pair = await ReactorPair.open({ write: handler }, { transport });
    const { reactor, log } = bindWrite(pair);
    reactor.addHold();
    reactor.startCall();
    const server = await served.next();
    reactor.startWrite('a message');
    reactor.startWritesDone();
    await log.until(() => log.times('onWritesDoneDone(true)') === 1);
    assert.equal(log.events, ['onWriteDone(true)', 'onWritesDoneDone(true)']);
    server.reactor.finish(Status.OK, 'a response');
    reactor.removeHold();
    await log.done();
    await server.log.done();
  });

  test(`${transport}: the response is in onDone, the headers and trailers in the context`, async () => {
    const { handler, served } = hold(
      () => new ServerReadReactor<string, string>(),
      ({ context }) => {
        context.addInitialMetadata('x-first', 'head');
        context.addTrailingMetadata('x-last', 'tail');
      },
    );
    await using pair = await ReactorPair.open({ write: handler }, { transport });
    const { context, reactor, log } = bindWrite(pair);
    reactor.startWritesDone();
    reactor.startCall();
    const server = await served.next();
    server.reactor.startSendInitialMetadata();
    await log.until(() => log.times('onReadInitialMetadataDone(true)') === 1);
    assert.is(context.getServerInitialMetadata().get('x-first'), 'head');
    assert.not(log.isDone);
    server.reactor.finish(Status.OK, 'the response');
    await log.done();
    assert.is(context.getServerTrailingMetadata().get('x-last'), 'tail');
    assert.is(log.events.at(-1), 'onDone(OK, the response)');
    await server.log.done();
  });
}

/** How a few messages may be written; each way ends the messages. */
const WAYS: Readonly<
  Record<string, { readonly write: (reactor: Manual) => Promise<void>; readonly response: string }>
> = {
  'one message, then startWritesDone': {
    response: 'one',
    write: async (upload) => {
      await upload.write('one');
      upload.reactor.startWritesDone();
    },
  },
  'one message, and startWritesDone at once': {
    response: 'one',
    write: async (upload) => {
      const written = upload.write('one');
      upload.reactor.startWritesDone();
      await written;
    },
  },
  'no message at all': {
    response: '',
    write: async (upload) => upload.reactor.startWritesDone(),
  },
  'two messages': {
    response: 'one+two',
    write: async (upload) => {
      await upload.write('one');
      await upload.write('two');
      upload.reactor.startWritesDone();
    },
  },
  'two messages, both written through': {
    response: 'one+two',
    write: async (upload) => {
      await upload.write('one', { writeThrough: true });
      await upload.write('two', { writeThrough: true });
      upload.reactor.startWritesDone();
    },
  },
  'two messages, the first with a buffer hint, the last with lastMessage among its options': {
    response: 'one+two',
    write: async (upload) => {
      await upload.write('one', { bufferHint: true });
      await upload.write('two', { lastMessage: true, noCompression: true });
    },
  },
};

/** A reactor whose writes a test awaits. */
class Manual {
  readonly reactor: ClientWriteReactor<string, string>;
  readonly #log: ReactorLog;

  constructor(reactor: ClientWriteReactor<string, string>, log: ReactorLog) {
    this.reactor = reactor;
    this.#log = log;
  }

  async write(...write: Parameters<ClientWriteReactor<string, string>['startWrite']>): Promise<void> {
    const before = this.#log.times('onWriteDone(true)');
    this.reactor.startWrite(...write);
    await this.#log.until(() => this.#log.times('onWriteDone(true)') > before);
  }
}

for (const [way, { write, response }] of Object.entries(WAYS)) {
  for (const transport of TRANSPORTS) {
    test(`${transport}: ${way}`, async () => {
      await using pair = await ReactorPair.open({ write: concatenating().handler }, { transport });
      const { reactor, log } = bindWrite(pair);
      reactor.addHold();
      reactor.startCall();
      await write(new Manual(reactor, log));
      reactor.removeHold();
      await log.done();
      assert.is(log.events.at(-1), `onDone(OK, ${response})`);
      assert.is(log.times('onWriteDone(false)'), 0);
    });
  }
}

test('a message that cannot be serialized fails its write and ends the RPC INTERNAL, with the error as cause', async () => {
  for (const isStarted of [true, false]) {
    const { handler, served } = concatenating();
    await using pair = await ReactorPair.open({ write: handler });
    const statuses: Status[] = [];
    const reactor = ClientWriteReactor.from<string, string>({ onDone: (status) => void statuses.push(status) });
    const { log } = bindWrite(pair, reactor);
    if (isStarted) reactor.startCall();
    reactor.startWrite(UNWRITABLE);
    if (!isStarted) reactor.startCall();
    await log.done();
    assert.equal(
      statuses.map(({ code, cause }) => [code, cause instanceof Error && cause.message]),
      [[Code.INTERNAL, 'not to be serialized']],
    );
    assert.equal(log.events.slice(0, -1), ['onReadInitialMetadataDone(false)', 'onWriteDone(false)']);
    for (const end of served.all) await end.log.done();
    assert.equal(pair.errors, []);
  }
});

test('an RPC that nobody serves: every write fails, and onDone says why', async () => {
  await using pair = await ReactorPair.open({});
  const writer = new Writer(numbered(3));
  const { log } = bindWrite(pair, writer);
  writer.writeNext();
  writer.startCall();
  await log.done();
  assert.is(log.events.at(-1), 'onDone(UNIMPLEMENTED)');
  assert.is(
    log.events.filter((event) => event.startsWith('onReadInitialMetadataDone')).join(),
    'onReadInitialMetadataDone(false)',
  );
});

test.run();
