/** The promise style at both ends, and at one end with grpc-js at the other: what arrives of calls of every kind. */
import { createChannel } from '../../../src/channel/create-channel.ts';
import { ChannelCredentials } from '../../../src/credentials/channel-credentials.ts';
import { ServerCredentials } from '../../../src/credentials/server-credentials.ts';
import { Server } from '../../../src/server/server.ts';
import { createClient } from '../../../src/stub/client.ts';
import type { HandlerContext } from '../../../src/stub/handler-context.ts';
import { implement } from '../../../src/stub/implement.ts';
import { Metadata } from '../../../src/values/metadata.ts';
import { Code, Status } from '../../../src/values/status.ts';
import { StatusError } from '../../../src/values/status-error.ts';
import { commandPair, ECHO_KINDS, type EchoCommand, echoMethods } from '../../support/echo.ts';
import { grpcJsClient, startGrpcJsServer } from '../../support/grpc-js.ts';
import { assert, suite } from '../../support/suite.ts';
import { ECHO, errorOf, listOf, PromisePair, soon, TRANSPORTS } from './promise-pair.ts';

const test = suite('the promise style, end to end');

for (const transport of TRANSPORTS) {
  test(`${transport}: each kind of call brings what the handler gives`, async () => {
    await using pair = await PromisePair.open(ECHO, { transport });
    const { client } = pair;
    assert.is(await soon(client.unary('a')), '<a>');
    assert.equal(await soon(listOf(client.read('a'))), ['<a0>', '<a1>', '<a2>']);
    assert.is(await soon(client.write(['a', 'b', 'c'])), 'a,b,c');
    assert.equal(await soon(listOf(client.bidi(['a', 'b']))), ['<a>', '<b>']);
    assert.equal(pair.failures, []);
  });

  test(`${transport}: streams are driven by hand, message by message`, async () => {
    await using pair = await PromisePair.open(ECHO, { transport });
    const upload = pair.client.write();
    for (const text of ['a', 'b']) assert.is(await soon(upload.send(text)), true);
    upload.closeSend();
    assert.is(await soon(upload.response), 'a,b');
    const call = pair.client.bidi();
    for (const text of ['a', 'b', 'c']) {
      assert.is(await soon(call.send(text)), true);
      assert.equal(await soon(call.next()), { done: false, value: `<${text}>` });
    }
    call.closeSend();
    assert.equal(await soon(call.next()), { done: true, value: undefined });
    assert.ok((await soon(call.status)).isOk);
  });

  test(`${transport}: no messages, and many, and empty ones`, async () => {
    await using pair = await PromisePair.open(ECHO, { transport });
    const many = Array.from({ length: 500 }, (_, i) => 'x'.repeat(i * 3));
    for (const texts of [[], [''], many]) {
      assert.is(await soon(pair.client.write(texts)), texts.join());
      const expected = texts.map((text) => `<${text}>`);
      assert.equal(await soon(listOf(pair.client.bidi(texts))), expected);
    }
  });

  test(`${transport}: every kind of call fails with the handler’s status and trailers, after what it gave`, async () => {
    const fail = (): never => {
      throw new StatusError(Status.NOT_FOUND.withDescription('no such'), new Metadata({ 'x-why': 'w' }));
    };
    await using pair = await PromisePair.open(
      {
        unary: fail,
        *read() {
          yield 'one';
          fail();
        },
        async write(texts) {
          await texts.next();
          fail();
          return '';
        },
        async *bidi(texts) {
          for await (const text of texts) yield text;
          fail();
        },
      },
      { transport },
    );
    const { client } = pair;
    for (const call of [client.unary('a'), client.write(['a'])]) {
      const error = await errorOf(call);
      assert.is(`${error.status} ${error.trailers.get('x-why')}`, 'NOT_FOUND: no such w');
    }
    for (const stream of [client.read('a'), client.bidi(['one'])]) {
      assert.equal(await soon(stream.next()), { done: false, value: 'one' });
      const error = await errorOf(stream.next());
      assert.is(`${error.status} ${error.trailers.get('x-why')}`, 'NOT_FOUND: no such w');
    }
    assert.equal(pair.failures, []);
  });
}

// ---- grpc-js at the other end ----

const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (message: Uint8Array): string => Buffer.from(message).toString();
const command = (wish: EchoCommand): Metadata => new Metadata([commandPair(wish), ['x-sent', 's']]);

test('our client at grpc-js: all four kinds, with headers and trailers', async () => {
  await using server = await startGrpcJsServer();
  await using channel = createChannel(`127.0.0.1:${server.port}`, ChannelCredentials.insecure());
  const client = createClient(echoMethods, channel);
  const seen: (string | undefined)[] = [];
  const settings = {
    metadata: command({ count: 2 }),
    onHeaders: (headers: Metadata): void => void seen.push(headers.get('x-sent')),
    onTrailers: (trailers: Metadata): void => void seen.push(trailers.get('x-sent')),
  };
  assert.is(text((await soon(client.unary(bytes('u'), settings))) as Uint8Array), 'u');
  assert.equal((await soon(listOf(client.server_streaming(bytes('s'), settings)))).map(text), ['s', 's']);
  const upload = client.client_streaming(['a', 'b'].map(bytes), settings);
  assert.is(text((await soon(upload)) as Uint8Array), 'ab');
  const answers = await soon(listOf(client.bidi_streaming(['a', 'b'].map(bytes), settings)));
  assert.equal(answers.map(text), ['a', 'a', 'b', 'b']);
  assert.equal(
    seen,
    Array.from({ length: 8 }, () => 's'),
  );
});

test('our client at grpc-js: errors, a deadline and a cancel', async () => {
  await using server = await startGrpcJsServer();
  await using channel = createChannel(`127.0.0.1:${server.port}`, ChannelCredentials.insecure());
  const client = createClient(echoMethods, channel);
  const failing = { metadata: command({ code: 5, message: 'no such' }) };
  const unary = await errorOf(client.unary(bytes('u'), failing) as Promise<unknown>);
  assert.is(`${unary.status} ${unary.trailers.get('x-sent')}`, 'NOT_FOUND: no such s');
  const stream = client.bidi_streaming([bytes('a')], failing);
  assert.is(text((await soon(stream.next())).value as Uint8Array), 'a');
  assert.is((await errorOf(stream.next())).code, Code.NOT_FOUND);
  const deaf = client.bidi_streaming({ metadata: command({ deaf: true }), timeoutMs: 50 });
  assert.is((await errorOf(deaf.next())).code, Code.DEADLINE_EXCEEDED);
  for await (const _ of client.server_streaming(bytes('s'), { metadata: command({ count: 1_000, size: 10_000 }) }))
    break;
  while (!server.events.includes('cancelled ServerStreaming')) await new Promise((resolve) => setTimeout(resolve, 5));
});

/** `test.Echo` with handlers in the promise style, as its callers expect it. */
async function startEcho(): Promise<Server> {
  const answer = (message: Uint8Array, { metadata, trailers }: HandlerContext): Uint8Array => {
    trailers.set('x-sent', metadata.get('x-sent') ?? '');
    return message;
  };
  const service = implement(echoMethods, {
    unary: answer,
    async client_streaming(messages: AsyncIterable<Uint8Array>, context: HandlerContext) {
      return answer(Buffer.concat(await listOf(messages)), context);
    },
    async *server_streaming(message: Uint8Array, context: HandlerContext) {
      context.sendHeaders({ 'x-head': 'h' });
      yield answer(message, context);
      yield message;
    },
    async *bidi_streaming(messages: AsyncIterable<Uint8Array>, context: HandlerContext) {
      for await (const message of messages) {
        if (text(message) === 'fail') throw new StatusError(Code.NOT_FOUND, 'no such', { trailers: { 'x-why': 'w' } });
        yield answer(message, context);
      }
    },
  } as never);
  const server = new Server().addService(service);
  await server.addListener({ host: '127.0.0.1', port: 0 }, ServerCredentials.insecure()).start();
  return server;
}

test('grpc-js at our handlers: all four kinds, headers, trailers and errors', async () => {
  await using server = await startEcho();
  await using client = grpcJsClient(server.port);
  const pairs = [['x-sent', 's']] as const;
  for (const kind of ECHO_KINDS) {
    const { code, messages, trailers, headers } = await client.call(kind, ['a', 'b'].map(bytes), { pairs });
    const expected = {
      unary: ['a'],
      server_streaming: ['a', 'a'],
      client_streaming: ['ab'],
      bidi_streaming: ['a', 'b'],
    };
    assert.equal([code, messages.map(text)], [0, expected[kind]], kind);
    assert.equal(trailers, [['x-sent', 's']], kind);
    assert.equal(headers, kind === 'server_streaming' ? [['x-head', 'h']] : [], kind);
  }
  const failed = await client.call('bidi_streaming', ['a', 'fail', 'b'].map(bytes), { pairs });
  assert.equal([failed.code, failed.message, failed.messages.map(text)], [Code.NOT_FOUND, 'no such', ['a']]);
  assert.equal(failed.trailers, [
    ['x-sent', 's'],
    ['x-why', 'w'],
  ]);
});

test.run();
