/**
 * A server's reactors frame by frame, against a client on bare sockets: what leaves with what, and how a client's end of
 * stream, reset and closed window show. Specification: WriteOptions of gRPC C++, gRFCs L1 and L84; RFC 9113. Upstream:
 * end2end_test.cc ResponseStreamWithCoalescingApi, …WithEverythingCoalesced.
 */
import type { CallbackServerContext } from '../../src/reactor/server-context.ts';
import { ServerBidiReactor, ServerReadReactor, ServerWriteReactor } from '../../src/reactor/server-reactors.ts';
import { Status } from '../../src/values/status.ts';
import { grpcFrame, RawClient, type RawConnection, type RawOptions, requestHeaders } from '../support/raw-http2.ts';
import { assert, suite } from '../support/suite.ts';
import { ReactorPair, type TextService } from './reactor-pair.ts';
import { bindWrite, type Holding, hold, type ServerEnd, turns } from './rpc-ends.ts';

const test = suite('a server’s reactors on the wire');

const READ_PATH = '/test.Text/server_streaming';
const BIDI_PATH = '/test.Text/bidi_streaming';
const WRITE_PATH = '/test.Text/client_streaming';

type Writer = ServerWriteReactor<string>;
type Bidi = ServerBidiReactor<string, string>;

/** A raw client that has read the server's SETTINGS. */
async function connect(pair: ReactorPair, options: RawOptions = {}): Promise<RawConnection> {
  const client = await RawClient.connect(pair.server.port, options);
  await client.roundTrip();
  return client;
}

function open(service: TextService): Promise<ReactorPair> {
  return ReactorPair.open(service, { transport: 'http2' });
}

/** A request of one message, whole. */
function ask(client: RawConnection, text = 'a question'): number {
  const stream = client.open(requestHeaders(READ_PATH));
  client.sendData(stream, grpcFrame(Buffer.from(text)), { endStream: true });
  return stream;
}

function writing(inHandler?: (end: ServerEnd<Writer>) => void): Holding<Writer> {
  return hold(() => new ServerWriteReactor<string>(), inHandler);
}

/** The frames of a stream, once all is read that the server sent so far. */
async function story(client: RawConnection, stream: number): Promise<string[]> {
  await client.roundTrip();
  return client.story(stream).filter((frame) => !frame.startsWith('WINDOW_UPDATE'));
}

function texts(client: RawConnection, stream: number): string[] {
  return client.messages(stream).map(({ payload }) => payload.toString());
}

// ---- the last message ----

/** How a server may end with a message; `isSplit` where finish is a step of its own. */
const LAST_WAYS: Readonly<Record<string, { readonly isSplit: boolean; readonly write: (writer: Writer) => void }>> = {
  startWriteLast: { isSplit: true, write: (writer) => writer.startWriteLast('last') },
  'startWrite with lastMessage': { isSplit: true, write: (writer) => writer.startWrite('last', { lastMessage: true }) },
  startWriteAndFinish: { isSplit: false, write: (writer) => writer.startWriteAndFinish('last', {}, Status.OK) },
};

for (const [how, { isSplit, write }] of Object.entries(LAST_WAYS)) {
  test(`${how} for a single reply: headers, message and trailers, and nothing else`, async () => {
    const { handler, served } = writing(({ reactor }) => {
      write(reactor);
      if (isSplit) reactor.finish(Status.OK);
    });
    await using pair = await open({ read: handler });
    await using client = await connect(pair);
    const stream = ask(client);
    await client.frame('HEADERS', { stream, endStream: true });
    assert.equal(await story(client, stream), ['HEADERS(1)', 'DATA(1, 9 bytes)', 'HEADERS(1, ES)']);
    assert.equal(texts(client, stream), ['last']);
    const { log } = await served.next();
    await log.done();
    assert.equal(log.events, isSplit ? ['onWriteDone(true)', 'onDone'] : ['onDone']);
  });

  test(`${how} behind other messages: it leaves with the trailers`, async () => {
    const { handler, served } = writing();
    await using pair = await open({ read: handler });
    await using client = await connect(pair);
    const stream = ask(client);
    const { reactor, log } = await served.next();
    for (let writes = 1; writes <= 2; writes += 1) {
      reactor.startWrite(`no ${writes}`);
      await log.until(() => log.times('onWriteDone(true)') === writes);
    }
    const before = ['HEADERS(1)', 'DATA(1, 9 bytes)', 'DATA(1, 9 bytes)'];
    assert.equal(await story(client, stream), before);
    write(reactor);
    if (isSplit) {
      // Answered, so that nobody waits for it before finish; but it waits for that.
      await log.until(() => log.times('onWriteDone(true)') === 3);
      assert.equal(await story(client, stream), before);
      reactor.finish(Status.OK);
    }
    await client.frame('HEADERS', { stream, endStream: true });
    assert.equal(await story(client, stream), [...before, 'DATA(1, 9 bytes)', 'HEADERS(1, ES)']);
    assert.equal(texts(client, stream), ['no 1', 'no 2', 'last']);
    await log.done();
  });
}

test('one message each way, everything in one: headers, message and trailers', async () => {
  const { handler, served } = hold<Bidi>(
    () =>
      ServerBidiReactor.from<string, string>({
        onReadDone(_ok, text) {
          this.startWriteLast(`${text}, too`);
          this.finish(Status.OK);
        },
      }),
    ({ reactor }) => reactor.startRead(),
  );
  await using pair = await open({ bidi: handler });
  await using client = await connect(pair);
  client.socket.cork();
  const stream = client.open(requestHeaders(BIDI_PATH));
  client.sendData(stream, grpcFrame(Buffer.from('all')), { endStream: true });
  client.socket.uncork();
  await client.frame('HEADERS', { stream, endStream: true });
  assert.equal(await story(client, stream), ['HEADERS(1)', 'DATA(1, 13 bytes)', 'HEADERS(1, ES)']);
  assert.equal(texts(client, stream), ['all, too']);
  const { log } = await served.next();
  await log.done();
  assert.equal(log.events, ['onReadDone(true, all)', 'onWriteDone(true)', 'onDone']);
});

// ---- buffer hint ----

test('hinted writes are done though nothing has left, until a plain one takes them along, or finish', async () => {
  for (const how of ['startWrite', 'finish'] as const) {
    const { handler, served } = writing();
    await using pair = await open({ read: handler });
    await using client = await connect(pair);
    const stream = ask(client);
    const { reactor, log } = await served.next();
    for (let writes = 1; writes <= 3; writes += 1) {
      reactor.startWrite(`${writes}`, { bufferHint: true });
      await log.until(() => log.times('onWriteDone(true)') === writes);
    }
    assert.equal(await story(client, stream), ['HEADERS(1)']);
    if (how === 'startWrite') {
      reactor.startWrite('plain');
      await log.until(() => log.times('onWriteDone(true)') === 4);
      assert.equal(await story(client, stream), ['HEADERS(1)', `DATA(1, ${3 * 6 + 10} bytes)`]);
    }
    reactor.finish(Status.OK);
    await client.frame('HEADERS', { stream, endStream: true });
    assert.equal(texts(client, stream), ['1', '2', '3', ...(how === 'startWrite' ? ['plain'] : [])]);
    assert.is(client.story(stream).filter((frame) => frame.startsWith('DATA')).length, 1);
    await log.done();
  }
});

test('a write that is to be written through waits for the network, hinted or not', async () => {
  const { handler, served } = writing();
  await using pair = await open({ read: handler });
  await using client = await connect(pair, { returnWindow: false, settings: { INITIAL_WINDOW_SIZE: 0 } });
  const stream = ask(client);
  const { reactor, log } = await served.next();
  reactor.startWrite('through', { writeThrough: true, bufferHint: true });
  await client.roundTrip();
  await turns();
  assert.is(log.count('onWriteDone'), 0);
  client.sendWindowUpdate(stream, 100);
  await client.frame('DATA', { stream });
  await log.until(() => log.times('onWriteDone(true)') === 1);
  reactor.finish(Status.OK);
  await log.done();
});

// ---- flow control ----

test('onWriteDone waits until the whole message has passed the client’s window', async () => {
  const { handler, served } = writing();
  await using pair = await open({ read: handler });
  await using client = await connect(pair, { returnWindow: false });
  const stream = ask(client);
  const { reactor, log } = await served.next();
  const size = 1024 * 1024;
  reactor.startWrite('x'.repeat(size));
  const received = (): number =>
    client.frames.reduce((sum, frame) => sum + (frame.type === 'DATA' ? frame.payload.length : 0), 0);
  let window = 65_535;
  while (window < size) {
    while (received() < window) await client.roundTrip();
    await turns();
    assert.is(received(), window);
    assert.is(log.count('onWriteDone'), 0, `with ${window} of ${size} bytes`);
    client.sendWindowUpdate(0, 250_000);
    client.sendWindowUpdate(stream, 250_000);
    window += 250_000;
  }
  await log.until(() => log.times('onWriteDone(true)') === 1);
  reactor.finish(Status.OK);
  await client.frame('HEADERS', { stream, endStream: true });
  await log.done();
  assert.not(log.events.includes('onCancel'));
});

test('an outstanding write that the client’s reset cuts off is answered false; finish is due all the same', async () => {
  for (const code of ['CANCEL', 'INTERNAL_ERROR', 'NO_ERROR'] as const) {
    const { handler, served } = writing(({ reactor }) => reactor.startWrite('cut off'));
    await using pair = await open({ read: handler });
    await using client = await connect(pair, { returnWindow: false, settings: { INITIAL_WINDOW_SIZE: 0 } });
    const stream = ask(client);
    const { context, reactor, log } = await served.next();
    await client.roundTrip();
    await turns();
    assert.equal(log.events, []);
    client.sendRst(stream, code);
    await log.until(() => log.count('onCancel') === 1);
    assert.equal(log.events, ['onWriteDone(false)', 'onCancel']);
    assert.ok(context.isCancelled());
    reactor.finish(Status.OK);
    await log.done();
  }
});

// ---- a client that gives up ----

/** Reads to the end; notes whether it was cancelled where a read failed, and finishes there. */
function noting(cancelled: boolean[]): Holding<ServerReadReactor<string, string>> {
  let context: CallbackServerContext | null = null;
  return hold(
    () =>
      ServerReadReactor.from<string, string>({
        onReadDone(ok) {
          if (ok) {
            this.startRead();
            return;
          }
          cancelled.push(context?.isCancelled() === true);
          this.finish(Status.OK, 'a response');
        },
      }),
    (end) => {
      context = end.context;
      end.reactor.startRead();
    },
  );
}

test('END_STREAM and a reset at once: no upload is taken for a whole one', async () => {
  const cancelled: boolean[] = [];
  const { handler, served } = noting(cancelled);
  await using pair = await open({ write: handler });
  await using client = await connect(pair);
  const rounds = 40;
  for (let i = 0; i < rounds; i += 1) {
    const stream = client.open(requestHeaders(WRITE_PATH));
    const { context, log } = await served.next();
    client.socket.cork();
    client.sendData(stream, i % 4 < 2 ? grpcFrame(Buffer.from('part of it')) : Buffer.alloc(0), { endStream: true });
    client.sendRst(stream, i % 2 === 0 ? 'CANCEL' : 'NO_ERROR');
    client.socket.uncork();
    await log.done();
    assert.ok(context.isCancelled());
    assert.equal(log.events.slice(-3), ['onReadDone(false)', 'onCancel', 'onDone']);
  }
  assert.equal(cancelled, Array(rounds).fill(true));
});

test('a half-close that is meant is none: the read fails, nothing is cancelled', async () => {
  const cancelled: boolean[] = [];
  const { handler, served } = noting(cancelled);
  await using pair = await open({ write: handler });
  await using client = await connect(pair);
  const stream = client.open(requestHeaders(WRITE_PATH));
  client.sendData(stream, grpcFrame(Buffer.from('all of it')), { endStream: true });
  await client.frame('HEADERS', { stream, endStream: true });
  const { context, log } = await served.next();
  await log.done();
  assert.equal(log.events, ['onReadDone(true, all of it)', 'onReadDone(false)', 'onDone']);
  assert.equal(cancelled, [false]);
  assert.not(context.isCancelled());
});

test('our own client’s cancel never looks like the end of an upload', async () => {
  const cancelled: boolean[] = [];
  const { handler, served } = noting(cancelled);
  await using pair = await open({ write: handler });
  const rounds = 40;
  for (let i = 0; i < rounds; i += 1) {
    const client = bindWrite(pair);
    if (i % 2 === 0) client.reactor.startWrite('part of it');
    client.reactor.startCall();
    const { log } = await served.next();
    if (i % 4 < 2) await turns(1);
    client.context.tryCancel();
    await client.log.done();
    await log.done();
  }
  assert.equal(cancelled, Array(rounds).fill(true));
});

test.run();
