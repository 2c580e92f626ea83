/**
 * grpc-js as the other end: as the server of our client and as the client of our server; and our two ends with each other.
 * What comes through: messages of the four kinds, metadata, statuses. Beside: grpc-js-ends.test.ts, grpc-js-bytes.test.ts.
 */
import { randomBytes } from 'node:crypto';
import { type CallInit, ECHO_KINDS, type EchoKind, type Pair } from '../../support/echo.ts';
import { bytes, everywhere, text } from '../../support/echo-pairings.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('grpc-js');

// ---- the four kinds ----

const ANSWERS: Readonly<Record<EchoKind, readonly string[]>> = {
  unary: ['a'],
  client_streaming: ['ab'],
  server_streaming: ['a', 'a', 'a'],
  bidi_streaming: ['a', 'a', 'a', 'b', 'b', 'b'],
};

for (const kind of ECHO_KINDS) {
  everywhere(test, `${kind} answers`, {}, () => async (client) => {
    const outcome = await client.call(kind, bytes('a', 'b'), { command: { count: 3 } });
    assert.is(outcome.code, 0, outcome.message);
    assert.equal(text(outcome.messages), ANSWERS[kind]);
  });

  everywhere(test, `${kind} carries empty messages`, {}, () => async (client) => {
    const outcome = await client.call(kind, bytes('', ''), {});
    assert.is(outcome.code, 0, outcome.message);
    assert.equal(text(outcome.messages), kind === 'bidi_streaming' ? ['', ''] : ['']);
  });
}

everywhere(test, 'a stream may have no message at all', {}, () => async (client) => {
  const none = await client.call('bidi_streaming', []);
  assert.equal([none.code, none.messages.length], [0, 0]);
  const sum = await client.call('client_streaming', []);
  assert.equal([sum.code, text(sum.messages)], [0, ['']]);
  const empty = await client.call('server_streaming', bytes('a'), { command: { count: 0 } });
  assert.equal([empty.code, empty.messages.length], [0, 0]);
});

everywhere(test, 'messages of many sizes arrive in order', {}, () => async (client) => {
  const messages = [0, 1, 4, 5, 16_379, 16_384, 65_535, 65_536, 100_000, 3].map((size) => randomBytes(size));
  const both = await client.call('bidi_streaming', messages);
  assert.is(both.code, 0, both.message);
  assert.is(both.messages.length, messages.length);
  for (const [i, message] of messages.entries())
    assert.ok(message.equals(both.messages[i] ?? Buffer.of()), `message ${i}`);
  const joined = await client.call('client_streaming', messages);
  assert.ok(Buffer.concat(messages).equals(joined.messages[0] ?? Buffer.of()));
});

everywhere(
  test,
  'thousands of messages pass flow control both ways',
  {},
  () => async (client) => {
    const count = 2_000;
    const up = await client.call(
      'bidi_streaming',
      Array.from({ length: count }, (_, i) => Buffer.alloc(1_000, i % 256)),
    );
    assert.equal([up.code, up.messages.length], [0, count]);
    assert.ok(up.messages.every((message, i) => message[0] === i % 256));
    const down = await client.call('server_streaming', bytes('x'), { command: { count, size: 5_000 } });
    assert.equal([down.code, down.messages.length], [0, count]);
  },
  30_000,
);

everywhere(test, 'many calls share the connection', {}, () => async (client) => {
  const calls = Array.from({ length: 150 }, (_, i) => client.call(ECHO_KINDS[i % 4] ?? 'unary', bytes(`call ${i}`)));
  for (const [i, outcome] of (await Promise.all(calls)).entries()) {
    assert.equal([outcome.code, text(outcome.messages)], [0, [`call ${i}`]]);
  }
});

everywhere(test, 'an unknown method is UNIMPLEMENTED', {}, () => async (client) => {
  assert.is((await client.callUnknown()).code, 12);
});

// ---- metadata ----

const METADATA: readonly Pair[] = [
  ['x-ascii', '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~ between'],
  ['x-empty', ''],
  ['x-data-bin', Buffer.from(Array.from({ length: 256 }, (_, i) => i))],
  ['x-empty-bin', Buffer.alloc(0)],
  ['x-0.9_-', 'odd key'],
  ['x-long', 'l'.repeat(2_000)],
];

for (const kind of ECHO_KINDS) {
  everywhere(test, `${kind} carries metadata both ways`, {}, () => async (client, server) => {
    const outcome = await client.call(kind, bytes('a'), { pairs: METADATA });
    assert.is(outcome.code, 0, outcome.message);
    assert.equal(server.requests[0], METADATA);
    assert.equal(outcome.headers, METADATA);
    assert.equal(outcome.trailers, METADATA);
  });
}

everywhere(test, 'a failure without messages carries its trailers', {}, () => async (client) => {
  const outcome = await client.call('unary', bytes('a'), { command: { code: 5 }, pairs: METADATA });
  assert.equal([outcome.code, outcome.messages.length], [5, 0]);
  assert.equal(outcome.trailers, METADATA);
});

const DUPLICATES: readonly Pair[] = [
  ['x-twice', 'one'],
  ['x-twice', 'two'],
  ['x-twice-bin', Buffer.of(1, 2)],
  ['x-twice-bin', Buffer.of(3)],
];
/** What grpc-js makes of them: ASCII values are joined. */
const FOLDED: readonly Pair[] = [['x-twice', 'one, two'], ...DUPLICATES.slice(2)];

everywhere(test, 'duplicates stay apart as far as we see', {}, (pairing) => async (client, server) => {
  const init: CallInit = {
    pairs: DUPLICATES,
    command: {
      trailers: [
        ['x-more', 'a'],
        ['x-more', 'b'],
      ],
    },
  };
  const outcome = await client.call('unary', bytes('a'), init);
  assert.equal(server.requests[0], pairing.server === 'ours' ? DUPLICATES : FOLDED);
  assert.equal(outcome.headers, pairing.server === 'ours' && pairing.client === 'ours' ? DUPLICATES : FOLDED);
  const more = outcome.trailers.filter(([key]) => key === 'x-more').map(([, value]) => value);
  assert.equal(more, pairing.client === 'ours' ? ['a', 'b'] : ['a, b']);
});

// ---- statuses ----

const ODD_TEXTS = [
  '',
  'plain',
  '\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n',
  '100%',
  '%41%zz%',
  ' spaces at both ends ',
  '\u0000\u0001\u001f\u007f',
  'ünïcödé ÿ',
  '\ufeffmark and \u2028 separator',
  '"quotes", #hash & ?query=+;/:@$',
  'long '.repeat(200),
];

for (const kind of ECHO_KINDS) {
  everywhere(test, `${kind} ends with any status and text`, {}, () => async (client) => {
    for (const [i, message] of ODD_TEXTS.entries()) {
      const code = 1 + (i % 16);
      const outcome = await client.call(kind, bytes('a'), { command: { code, message } });
      assert.equal([outcome.code, outcome.message], [code, message]);
    }
  });
}

everywhere(test, 'a stream may end with a status after some answers', {}, () => async (client) => {
  const command = { count: 10, after: 3, code: 10, message: 'enough' };
  const down = await client.call('server_streaming', bytes('a'), { command });
  assert.equal([down.code, down.message, down.messages.length], [10, 'enough', 3]);
  const both = await client.call('bidi_streaming', bytes('a'), { command });
  assert.equal([both.code, both.message, both.messages.length], [10, 'enough', 3]);
});

everywhere(test, 'a server may end before the client is done', {}, () => async (client) => {
  const messages = Array.from({ length: 200 }, () => Buffer.alloc(10_000));
  const refused = await client.call('bidi_streaming', messages, { command: { after: 0, code: 7, message: 'no' } });
  assert.equal([refused.code, refused.message, refused.messages.length], [7, 'no', 0]);
  const stopped = await client.call('bidi_streaming', messages, { command: { after: 2, code: 7, message: 'stop' } });
  assert.equal([stopped.code, stopped.message, stopped.messages.length], [7, 'stop', 2]);
  const satisfied = await client.call('bidi_streaming', messages, { command: { after: 2 } });
  assert.equal([satisfied.code, satisfied.messages.length], [0, 2]);
});

test.run();
