/**
 * A client's reactors at a server that is not ours: every kind against grpc-js, with what it answers, how it fails, and how a
 * cancel and a deadline reach it.
 */
import { createChannel } from '../../src/channel/create-channel.ts';
import type { DirectChannel } from '../../src/channel/direct-channel.ts';
import { ChannelCredentials } from '../../src/credentials/channel-credentials.ts';
import { ClientContext } from '../../src/reactor/client-context.ts';
import { ClientBidiReactor, ClientReadReactor, ClientWriteReactor } from '../../src/reactor/client-reactors.ts';
import { deadlineAfter } from '../../src/reactor/deadlines.ts';
import { type AsyncMethods, newStub } from '../../src/reactor/stub.ts';
import { commandPair, type EchoCommand, type EchoServer } from '../support/echo.ts';
import { until } from '../support/echo-pairings.ts';
import { startGrpcJsServer } from '../support/grpc-js.ts';
import { assert, suite } from '../support/suite.ts';
import { type TextMethods, textMethod } from './reactor-pair.ts';
import { bindBidi, bindRead, bindUnary, bindWrite } from './rpc-ends.ts';

const test = suite('a client’s reactors at grpc-js');

/** grpc-js describes an OK as such. */
const OK = 'onDone(OK: OK';
const CANCELLED = 'onDone(CANCELLED: the client cancelled the call)';
const METHODS: TextMethods = Object.freeze({
  unary: textMethod('unary', 'Unary', 'test.Echo'),
  read: textMethod('server_streaming', 'ServerStreaming', 'test.Echo'),
  write: textMethod('client_streaming', 'ClientStreaming', 'test.Echo'),
  bidi: textMethod('bidi_streaming', 'Bidi', 'test.Echo'),
});

/** A stub at a grpc-js server of `test.Echo`. */
class EchoPair implements AsyncDisposable {
  readonly server: EchoServer;
  readonly channel: DirectChannel;
  readonly stub: AsyncMethods<TextMethods>;

  private constructor(server: EchoServer) {
    this.server = server;
    this.channel = createChannel(`127.0.0.1:${server.port}`, ChannelCredentials.insecure());
    this.stub = newStub(METHODS, this.channel).async();
  }

  static async open(): Promise<EchoPair> {
    return new EchoPair(await startGrpcJsServer());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.channel[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}

/** A context that asks something of the server. */
function asking(command: EchoCommand): ClientContext {
  const context = new ClientContext();
  const [key, value] = commandPair(command);
  context.addMetadata(key, String(value));
  return context;
}

function reads(events: readonly string[]): string[] {
  return events.filter((event) => event.startsWith('onReadDone'));
}

function readingAll(): ClientReadReactor<string> {
  return ClientReadReactor.from<string>({
    onReadDone(ok) {
      if (ok) this.startRead();
    },
  });
}

test('unary: the headers early, the response in onDone, the trailers in the context', async () => {
  await using pair = await EchoPair.open();
  const context = asking({ headersFirst: true });
  context.addMetadata('x-word', 'kept');
  const { reactor, log } = bindUnary(pair, 'hello', undefined, context);
  reactor.startCall();
  await log.done();
  assert.is(log.events[0], 'onReadInitialMetadataDone(true)');
  assert.is(log.events.at(-1), `${OK}, hello)`);
  assert.is(log.events.length, 2);
  assert.is(context.getServerInitialMetadata().get('x-word'), 'kept');
  assert.is(context.getServerTrailingMetadata().get('x-word'), 'kept');
});

for (const isCorked of [false, true]) {
  test(`write: three messages${isCorked ? ', headers corked' : ''}: one response to all`, async () => {
    await using pair = await EchoPair.open();
    const left = ['b', 'c'];
    const context = new ClientContext();
    context.setInitialMetadataCorked(isCorked);
    const { reactor, log } = bindWrite(
      pair,
      ClientWriteReactor.from<string, string>({
        onWriteDone() {
          const text = left.shift();
          if (text === undefined) return;
          if (left.length > 0) this.startWrite(text, { bufferHint: true });
          else this.startWriteLast(text);
        },
      }),
      context,
    );
    reactor.startWrite('a');
    reactor.startCall();
    await log.done();
    assert.is(log.times('onWriteDone(true)'), 3);
    assert.is(log.events.at(-1), `${OK}, abc)`);
  });
}

test('read: many messages, slowly and in order', async () => {
  await using pair = await EchoPair.open();
  const { reactor, log } = bindRead(pair, 'again', readingAll(), asking({ count: 20 }));
  reactor.startRead();
  reactor.startCall();
  await log.done();
  assert.equal(reads(log.events), [...Array(20).fill('onReadDone(true, again)'), 'onReadDone(false)']);
  assert.is(log.events.at(-1), `${OK})`);
});

test('bidi: ping-pong, then half-close', async () => {
  await using pair = await EchoPair.open();
  let writes = 1;
  const { reactor, log } = bindBidi(
    pair,
    ClientBidiReactor.from<string, string>({
      onReadDone(ok) {
        if (!ok) return;
        this.startRead();
        if (writes === 5) this.startWritesDone();
        else this.startWrite(`${writes++}`);
      },
    }),
  );
  reactor.startRead();
  reactor.startWrite('0');
  reactor.startCall();
  await log.done();
  assert.equal(reads(log.events), [
    ...['0', '1', '2', '3', '4'].map((text) => `onReadDone(true, ${text})`),
    'onReadDone(false)',
  ]);
  assert.is(log.times('onWriteDone(true)'), 5);
  assert.is(log.times('onWritesDoneDone(true)'), 1);
  assert.is(log.events.at(-1), `${OK})`);
});

test('every kind: its error is the status, with what came before it', async () => {
  await using pair = await EchoPair.open();
  const command: EchoCommand = { code: 9, message: 'not now', after: 2, count: 2 };
  const end = 'onDone(FAILED_PRECONDITION: not now)';
  const unary = bindUnary(pair, '', undefined, asking(command));
  const write = bindWrite(pair, undefined, asking(command));
  const read = bindRead(pair, 'one', readingAll(), asking(command));
  const bidi = bindBidi(pair, undefined, asking({ ...command, after: 0 }));
  read.reactor.startRead();
  write.reactor.startWriteLast('');
  bidi.reactor.startRead();
  for (const { reactor, log } of [unary, write, read, bidi]) {
    reactor.startCall();
    await log.done();
    assert.is(log.events.at(-1), end);
  }
  assert.equal(reads(read.log.events), ['onReadDone(true, one)', 'onReadDone(true, one)', 'onReadDone(false)']);
  assert.equal(reads(bidi.log.events), ['onReadDone(false)']);
});

test('a server that ends while the client still writes: OK, and later writes fail', async () => {
  await using pair = await EchoPair.open();
  const { reactor, log } = bindBidi(pair, undefined, asking({ after: 1 }));
  reactor.addHold();
  reactor.startRead();
  reactor.startWrite('the only one');
  reactor.startCall();
  await log.until(() => log.count('onReadDone') === 1);
  reactor.startRead();
  await log.until(() => log.count('onReadDone') === 2);
  reactor.startWrite('too late');
  await log.until(() => log.count('onWriteDone') === 2);
  assert.is(log.times('onWriteDone(false)'), 1);
  reactor.removeHold();
  await log.done();
  assert.equal(reads(log.events), ['onReadDone(true, the only one)', 'onReadDone(false)']);
  assert.is(log.events.at(-1), `${OK})`);
});

test('a cancel reaches the server, and what is outstanding fails', async () => {
  await using pair = await EchoPair.open();
  // Amid an answer: at another time grpc-js tells its handler of the end of the requests before it tells of the cancel.
  const context = asking({ headersFirst: true, delayMs: 60_000 });
  const { reactor, log } = bindBidi(pair, undefined, context);
  reactor.startRead();
  reactor.startWrite('one');
  reactor.startCall();
  await log.until(() => log.times('onReadInitialMetadataDone(true)') === 1 && log.times('onWriteDone(true)') === 1);
  context.tryCancel();
  await log.done();
  assert.equal(reads(log.events), ['onReadDone(false)']);
  assert.is(log.events.at(-1), CANCELLED);
  await until('the server to hear of it', () => pair.server.events.includes('cancelled Bidi'));
});

test('a deadline that passes ends an RPC that the server never answers', async () => {
  await using pair = await EchoPair.open();
  const context = asking({ deaf: true });
  context.setDeadline(deadlineAfter(100));
  const { reactor, log } = bindWrite(pair, undefined, context);
  reactor.startWrite('never read');
  reactor.startCall();
  await log.done();
  assert.match(log.events.at(-1) ?? '', /^onDone\(DEADLINE_EXCEEDED: /);
  assert.is(log.events.filter((event) => event === 'onReadInitialMetadataDone(false)').length, 1);
  await until('the server to hear of it', () => pair.server.events.includes('cancelled ClientStreaming'));
});

test('a response larger than the window arrives whole', async () => {
  await using pair = await EchoPair.open();
  const size = 1024 * 1034;
  const { reactor, log } = bindUnary(pair, '', undefined, asking({ size }));
  reactor.startCall();
  await log.done();
  assert.is(log.events.at(-1)?.length, `${OK}, )`.length + size);
});

test.run();
