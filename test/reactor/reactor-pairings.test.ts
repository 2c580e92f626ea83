/**
 * Reactors at one end, something else at the other: our ServerCall and ClientCall, and grpc-js; and reactors at both. What
 * comes through and how it ends is the same. A client's reactors at grpc-js: client-grpc-js.test.ts.
 */
import { randomBytes } from 'node:crypto';
import {
  type CallInit,
  type CancelPoint,
  ECHO_KINDS,
  type EchoClient,
  type EchoKind,
  type EchoServer,
  echoMethods,
  type Pair,
} from '../support/echo.ts';
import { bytes, text, until } from '../support/echo-pairings.ts';
import { echoClient, startEchoServer } from '../support/echo-service.ts';
import { grpcJsClient } from '../support/grpc-js.ts';
import { assert, suite } from '../support/suite.ts';
import { reactorEchoClient } from './reactor-echo-client.ts';
import { startReactorEchoServer } from './reactor-echo-server.ts';

const test = suite('Reactors paired with every other end');

interface Pairing {
  readonly name: string;
  readonly start: () => Promise<EchoServer>;
  readonly make: (port: number) => EchoClient;
  /** Whether both ends are ours, so that nothing is lost of a cancel. */
  readonly isOurs: boolean;
}

const PAIRINGS: readonly Pairing[] = [
  { name: 'reactors at reactors', start: startReactorEchoServer, make: reactorEchoClient, isOurs: true },
  { name: 'reactors at a ServerCall', start: startEchoServer, make: reactorEchoClient, isOurs: true },
  { name: 'a ClientCall at reactors', start: startReactorEchoServer, make: echoClient, isOurs: true },
  { name: 'grpc-js at reactors', start: startReactorEchoServer, make: grpcJsClient, isOurs: false },
];

/** The same test for every pairing. */
function everywhere(
  title: string,
  act: (client: EchoClient, server: EchoServer, pairing: Pairing) => Promise<void>,
  timeoutMs = 10_000,
): void {
  for (const pairing of PAIRINGS) {
    test(`${pairing.name}: ${title}`, { timeoutMs }, async () => {
      await using server = await pairing.start();
      await using client = pairing.make(server.port);
      await act(client, server, pairing);
    });
  }
}

const ANSWERS: Readonly<Record<EchoKind, readonly string[]>> = {
  unary: ['a'],
  client_streaming: ['ab'],
  server_streaming: ['a', 'a', 'a'],
  bidi_streaming: ['a', 'a', 'a', 'b', 'b', 'b'],
};

for (const kind of ECHO_KINDS) {
  everywhere(`${kind} answers, and ends in order`, async (client, server) => {
    const outcome = await client.call(kind, bytes('a', 'b'), { command: { count: 3 } });
    assert.is(outcome.code, 0, outcome.message);
    assert.equal(text(outcome.messages), ANSWERS[kind]);
    const { name } = echoMethods[kind];
    await until('the handler to be done', () => server.events.length === 2);
    assert.equal(server.events, [`start ${name}`, `end ${name}`]);
  });

  everywhere(`${kind} carries metadata both ways`, async (client, server) => {
    const pairs: readonly Pair[] = [
      ['x-ascii', 'a b'],
      ['x-data-bin', Buffer.from([0, 1, 254, 255])],
    ];
    const outcome = await client.call(kind, bytes('a'), { pairs });
    assert.is(outcome.code, 0, outcome.message);
    assert.equal(server.requests[0], pairs);
    assert.equal(outcome.headers, pairs);
    assert.equal(outcome.trailers, pairs);
  });

  everywhere(`${kind} ends with any status and text`, async (client) => {
    for (const [code, message] of [
      [5, 'not here'],
      [1, 'of the handler’s own will'],
      [16, ''],
    ] as const) {
      const outcome = await client.call(kind, bytes('a'), { command: { code, message } });
      assert.equal([outcome.code, outcome.message], [code, message]);
    }
  });

  everywhere(`${kind} ends at its deadline, and the server hears of it`, async (client, server) => {
    const outcome = await client.call(kind, bytes('a'), {
      timeoutMs: 80,
      command: { delayMs: 60_000, headersFirst: true },
    });
    assert.is(outcome.code, 4, outcome.message);
    await until('the handler to be cancelled', () => server.events.includes(`cancelled ${echoMethods[kind].name}`));
    assert.is((await client.call('unary', bytes('b'))).code, 0);
  });
}

everywhere('a stream may have no message at all', async (client) => {
  const none = await client.call('bidi_streaming', []);
  assert.equal([none.code, none.messages.length], [0, 0]);
  const sum = await client.call('client_streaming', []);
  assert.equal([sum.code, text(sum.messages)], [0, ['']]);
  const empty = await client.call('server_streaming', bytes('a'), { command: { count: 0 } });
  assert.equal([empty.code, empty.messages.length], [0, 0]);
});

everywhere('messages of many sizes arrive in order, compressed or not', async (client) => {
  const messages = [0, 1, 4, 5, 16_384, 65_536, 700_000, 3].map((size) => randomBytes(size));
  const inits: readonly CallInit[] = [{}, { compression: 'gzip', command: { compression: 'deflate' } }];
  for (const init of inits) {
    const both = await client.call('bidi_streaming', messages, init);
    assert.is(both.code, 0, both.message);
    assert.is(both.messages.length, messages.length);
    for (const [i, message] of messages.entries()) assert.ok(message.equals(both.messages[i] ?? Buffer.of()), `${i}`);
    const joined = await client.call('client_streaming', messages, init);
    assert.ok(Buffer.concat(messages).equals(joined.messages[0] ?? Buffer.of()));
  }
});

everywhere(
  'thousands of messages pass flow control both ways',
  async (client) => {
    const count = 2_000;
    const messages = Array.from({ length: count }, (_, i) => Buffer.alloc(1_000, i % 256));
    const up = await client.call('bidi_streaming', messages);
    assert.equal([up.code, up.messages.length], [0, count]);
    assert.ok(up.messages.every((message, i) => message[0] === i % 256));
    const down = await client.call('server_streaming', bytes('x'), { command: { count, size: 5_000 } });
    assert.equal([down.code, down.messages.length], [0, count]);
  },
  30_000,
);

everywhere('many calls share the connection', async (client) => {
  const calls = Array.from({ length: 150 }, (_, i) => client.call(ECHO_KINDS[i % 4] ?? 'unary', bytes(`call ${i}`)));
  for (const [i, outcome] of (await Promise.all(calls)).entries()) {
    assert.equal([outcome.code, text(outcome.messages)], [0, [`call ${i}`]]);
  }
});

everywhere('an unknown method is UNIMPLEMENTED', async (client) => {
  assert.is((await client.callUnknown()).code, 12);
});

everywhere('a server may end before the client is done, with what it has sent', async (client) => {
  const messages = Array.from({ length: 200 }, () => Buffer.alloc(10_000));
  const refused = await client.call('bidi_streaming', messages, { command: { after: 0, code: 7, message: 'no' } });
  assert.equal([refused.code, refused.message, refused.messages.length], [7, 'no', 0]);
  const stopped = await client.call('bidi_streaming', messages, { command: { after: 2, code: 7, message: 'stop' } });
  assert.equal([stopped.code, stopped.message, stopped.messages.length], [7, 'stop', 2]);
  const satisfied = await client.call('bidi_streaming', messages, { command: { after: 2 } });
  assert.equal([satisfied.code, satisfied.messages.length], [0, 2]);
  const down = await client.call('server_streaming', bytes('a'), { command: { count: 10, after: 3, code: 10 } });
  assert.equal([down.code, down.messages.length], [10, 3]);
});

everywhere('the deadline travels, and none is none', async (client, server) => {
  assert.is((await client.call('unary', bytes('a'), { timeoutMs: 60_000 })).code, 0);
  const seenMs = server.deadlinesMs.at(-1) ?? 0;
  assert.ok(seenMs > 50_000 && seenMs <= 60_001, `${seenMs} ms`);
  await client.call('unary', bytes('a'));
  assert.is(server.deadlinesMs.at(-1), null);
});

const CANCEL_CASES: readonly (readonly [CancelPoint, EchoKind, CallInit['command']])[] = [
  ...ECHO_KINDS.flatMap((kind) => [
    ['at once', kind, {}] as const,
    ['after headers', kind, { headersFirst: true, delayMs: 60_000 }] as const,
    ['when slow', kind, { delayMs: 60_000 }] as const,
  ]),
  ['after half-close', 'client_streaming', { delayMs: 60_000 }],
  ['after half-close', 'bidi_streaming', { delayMs: 60_000 }],
  ['after the first message', 'server_streaming', { count: 100_000, size: 10_000 }],
  ['after the first message', 'bidi_streaming', { count: 100_000, size: 10_000 }],
  ['when slow', 'client_streaming', { deaf: true }],
  ['when slow', 'bidi_streaming', { deaf: true }],
];

for (const [cancel, kind, command = {}] of CANCEL_CASES) {
  const how = command.deaf === true ? `${cancel}, by a server that reads nothing` : cancel;
  everywhere(`${kind} can be cancelled ${how}`, async (client, server, { isOurs }) => {
    // A warm connection, so that the call is under way when it is cancelled.
    await client.call('unary', bytes('warm'));
    const before = server.events.length;
    const outcome = await client.call(kind, bytes('a', 'b'), { cancel, command });
    assert.is(outcome.code, 1, outcome.message);
    assert.ok(outcome.messages.length <= 2, `${outcome.messages.length} messages`);
    assert.is((await client.call('client_streaming', bytes('b'))).code, 0);
    const { name } = echoMethods[kind];
    const saw = (event: string): boolean => server.events.slice(before).includes(`${event} ${name}`);
    if (cancel !== 'at once') await until('the handler to be cancelled', () => saw('cancelled'));
    // Cancelled at once, a call may never leave the client, or be answered before the reset comes; grpc-js opens a stream
    // that it then forgets.
    if (cancel === 'at once' && isOurs) {
      await until('the handler to be done, if it ran', () => !saw('start') || saw('cancelled') || saw('end'));
    }
  });
}

test.run();
