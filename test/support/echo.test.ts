/** The echo service of grpc-js with the client of grpc-js: what the interop tests take for granted of the other side. */
import { Buffer } from 'node:buffer';
import {
  type CallInit,
  commandPair,
  ECHO_KINDS,
  type EchoClient,
  type EchoKind,
  type EchoServer,
  readCommand,
} from './echo.ts';
import { grpcJsClient, startGrpcJsServer } from './grpc-js.ts';
import { assert, suite } from './suite.ts';

const test = suite('echo');

const text = (messages: readonly Uint8Array[]): string[] => messages.map((message) => Buffer.from(message).toString());
const bytes = (...texts: string[]): Uint8Array[] => texts.map((one) => Buffer.from(one));

async function withPair(act: (client: EchoClient, server: EchoServer) => Promise<void>): Promise<void> {
  await using server = await startGrpcJsServer();
  await using client = grpcJsClient(server.port);
  await act(client, server);
}

test('carries a command through ASCII', () => {
  const command = { code: 3, message: 'tab\t, snowman ☃, imp 😈 and a lone \ud83d' };
  const pair = commandPair(command);
  assert.match(String(pair[1]), /^[\x20-\x7e]+$/);
  assert.equal(readCommand([['x-other', '1'], pair]), command);
  assert.equal(readCommand([]), {});
});

const ANSWERS: Readonly<Record<EchoKind, readonly string[]>> = {
  unary: ['a'],
  client_streaming: ['abc'],
  server_streaming: ['a', 'a'],
  bidi_streaming: ['a', 'a', 'b', 'b', 'c', 'c'],
};

for (const kind of ECHO_KINDS) {
  test(`answers ${kind}, with metadata`, () =>
    withPair(async (client, server) => {
      const pairs = [
        ['x-ascii', 'one'],
        ['x-some-bin', Buffer.of(0, 255)],
      ] as const;
      const outcome = await client.call(kind, bytes('a', 'b', 'c'), {
        command: { count: 2 },
        pairs,
        timeoutMs: 60_000,
      });
      assert.is(outcome.code, 0, outcome.message);
      assert.equal(text(outcome.messages), ANSWERS[kind]);
      assert.equal(outcome.headers, pairs);
      assert.equal(outcome.trailers, pairs);
      assert.equal(
        server.events.map((event) => event.split(' ')[0]),
        ['start'],
      );
      assert.ok((server.deadlinesMs[0] ?? 0) > 50_000);
    }));

  test(`ends ${kind} with a status`, () =>
    withPair(async (client) => {
      const command = { code: 9, message: 'not now', after: 1 };
      const outcome = await client.call(kind, bytes('a', 'b'), { command, pairs: [['x-a', 'b']] });
      assert.equal([outcome.code, outcome.message], [9, 'not now']);
      assert.equal(outcome.trailers, [['x-a', 'b']]);
      assert.is(outcome.messages.length, kind.endsWith('unary') || kind === 'client_streaming' ? 0 : 1);
    }));

  test(`notices that ${kind} was cancelled`, () =>
    withPair(async (client, server) => {
      const init: CallInit = { command: { headersFirst: true, delayMs: 5_000 }, cancel: 'after headers' };
      const outcome = await client.call(kind, bytes('a'), init);
      assert.is(outcome.code, 1);
      await client.call('unary', bytes('later'));
      assert.match(server.events.join(), 'cancelled');
    }));
}

test('knows no other method', () =>
  withPair(async (client) => {
    assert.is((await client.callUnknown()).code, 12);
  }));

test.run();
