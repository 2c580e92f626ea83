/**
 * Our client against a server that lies: whatever comes back, the process lives, each call ends once and in time, and
 * nothing is left of its connection.
 */
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { Code } from '../../../src/values/status.ts';
import { echoMethods, type Outcome } from '../../support/echo.ts';
import { callEcho, echoChannel } from '../../support/echo-service.ts';
import { encodeData, encodeFrame, encodeHeaders, encodeReset } from '../../support/http2-frame.ts';
import { grpcFrame, RawServer, responseHeaders, trailers } from '../../support/raw-http2.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('Http2ClientTransport: a hostile server');

/** Long enough to be met only by a connection of which node no longer tells anything. */
const TIMEOUT_MS = 60;
/** Where the status is known: only a mistake meets it. */
const PATIENCE_MS = 5_000;

/** What the server sends for each request, and whether it hangs up then. */
interface Script {
  answer: Uint8Array;
  hangUp: boolean;
}

/** A server that answers by a script which the test changes. */
async function listen(script: Script): Promise<RawServer> {
  return await RawServer.listen({
    onFrame: (frame, connection) => {
      if (frame.type !== 'HEADERS') return;
      connection.sendRaw(script.answer);
      if (script.hangUp) setTimeout(() => connection.destroy(), 2);
    },
  });
}

/** One call on a connection of its own. callEcho checks that it ends once, and nothing after that. */
async function attempt(
  port: number,
  kind: keyof typeof echoMethods = 'bidi_streaming',
  timeoutMs: number = TIMEOUT_MS,
): Promise<Outcome> {
  const channel = echoChannel(port);
  try {
    return await callEcho(channel, echoMethods[kind], [Buffer.from('a message')], { timeoutMs });
  } finally {
    await channel[Symbol.asyncDispose]();
  }
}

const HEALTHY: Buffer = Buffer.concat([
  encodeHeaders(1, responseHeaders([['grpc-encoding', 'gzip']]), false),
  encodeData(1, grpcFrame(Buffer.from('first')), false),
  encodeFrame('PING', 0, 0, Buffer.alloc(8)),
  encodeData(1, grpcFrame(gzipSync('squeezed'), 1), false),
  encodeHeaders(1, trailers(0, [['k-bin', 'AQID']]), true),
]);

test('the healthy answer that the others are made from is OK', async () => {
  await using server = await listen({ answer: HEALTHY, hangUp: false });
  const outcome = await attempt(server.port, 'bidi_streaming', PATIENCE_MS);
  assert.is(outcome.code, Code.OK, outcome.message);
  assert.is(outcome.messages.length, 2);
});

test('random bytes', { timeoutMs: 25_000 }, async () => {
  const script: Script = { answer: HEALTHY, hangUp: true };
  await using server = await listen(script);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), async (bytes) => {
      script.answer = bytes;
      const { code } = await attempt(server.port);
      assert.is.not(code, Code.OK);
    }),
    { numRuns: 30 },
  );
});

test('frames of random type, flags, stream and payload', { timeoutMs: 25_000 }, async () => {
  const frame = fc
    .record({
      type: fc.integer({ min: 0, max: 11 }),
      flags: fc.integer({ min: 0, max: 255 }),
      stream: fc.integer({ min: 0, max: 4 }),
      payload: fc.uint8Array({ maxLength: 48 }),
    })
    .map(({ type, flags, stream, payload }) => encodeFrame(type, flags, stream, payload));
  const script: Script = { answer: HEALTHY, hangUp: true };
  await using server = await listen(script);
  await fc.assert(
    fc.asyncProperty(fc.array(frame, { minLength: 1, maxLength: 6 }), fc.nat(HEALTHY.length), async (frames, at) => {
      script.answer = Buffer.concat([HEALTHY.subarray(0, at > 80 ? at : 0), ...frames]);
      await attempt(server.port);
    }),
    { numRuns: 40 },
  );
});

test('the healthy answer with bytes changed, cut out or doubled', { timeoutMs: 25_000 }, async () => {
  const script: Script = { answer: HEALTHY, hangUp: true };
  await using server = await listen(script);
  const mutation = fc.record({
    at: fc.nat(HEALTHY.length - 1),
    length: fc.integer({ min: 0, max: 20 }),
    insert: fc.uint8Array({ maxLength: 8 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 3 }), async (mutations) => {
      let bytes: Buffer = HEALTHY;
      for (const { at, length, insert } of mutations) {
        bytes = Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + length)]);
      }
      script.answer = bytes;
      await attempt(server.port);
    }),
    { numRuns: 40 },
  );
});

test('the healthy answer cut off anywhere is never OK', { timeoutMs: 25_000 }, async () => {
  const script: Script = { answer: HEALTHY, hangUp: true };
  await using server = await listen(script);
  for (let at = 0; at < HEALTHY.length; at += 11) {
    script.answer = HEALTHY.subarray(0, at);
    const { code } = await attempt(server.port);
    assert.is.not(code, Code.OK, `cut at ${at}`);
  }
});

test('random message bytes before OK trailers: a status, and no message that is not whole', {
  timeoutMs: 25_000,
}, async () => {
  const script: Script = { answer: HEALTHY, hangUp: false };
  await using server = await listen(script);
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 1, maxLength: 30 }),
      fc.constantFrom('identity', 'gzip', 'deflate', 'br', ''),
      async (bytes, encoding) => {
        script.answer = Buffer.concat([
          encodeHeaders(1, responseHeaders([['grpc-encoding', encoding]]), false),
          encodeData(1, bytes, false),
          encodeHeaders(1, trailers(0), true),
        ]);
        const { code, messages } = await attempt(server.port);
        const size = messages.reduce((sum, message) => sum + message.length + 5, 0);
        if (encoding === 'identity' && code === Code.OK) assert.is(size, bytes.length);
      },
    ),
    { numRuns: 60 },
  );
});

for (const kind of ['unary', 'client_streaming', 'server_streaming', 'bidi_streaming'] as const) {
  test(`${kind}: what no server should send has one status each`, { timeoutMs: 20_000 }, async () => {
    const bomb = grpcFrame(gzipSync(Buffer.alloc(16 * 1024 * 1024)), 1);
    const gzip = encodeHeaders(1, responseHeaders([['grpc-encoding', 'gzip']]), false);
    const opened = encodeHeaders(1, responseHeaders(), false);
    const cases: readonly [what: string, answer: Uint8Array, code: number][] = [
      ['a bomb', Buffer.concat([gzip, encodeData(1, bomb, false)]), Code.RESOURCE_EXHAUSTED],
      [
        '4 GiB',
        Buffer.concat([opened, encodeData(1, Buffer.from('00ffffffff', 'hex'), false)]),
        Code.RESOURCE_EXHAUSTED,
      ],
      ['reserved bits', Buffer.concat([opened, encodeData(1, grpcFrame(Buffer.alloc(1), 4), false)]), Code.INTERNAL],
      [
        'a cut message',
        Buffer.concat([opened, encodeData(1, Buffer.alloc(3), false), encodeHeaders(1, trailers(0), true)]),
        Code.INTERNAL,
      ],
      ['an unknown encoding', encodeHeaders(1, responseHeaders([['grpc-encoding', 'zip']]), false), Code.INTERNAL],
      ['no trailers', Buffer.concat([opened, encodeData(1, grpcFrame(Buffer.alloc(1)), true)]), Code.INTERNAL],
      [
        'a status that is no number',
        encodeHeaders(1, [...responseHeaders(), ['grpc-status', 'x']], true),
        Code.UNKNOWN,
      ],
      // Before the headers it would begin anew.
      ['a refusal', Buffer.concat([opened, encodeReset(1, 'REFUSED_STREAM')]), Code.UNAVAILABLE],
      [
        'a page',
        encodeHeaders(
          1,
          [
            [':status', '502'],
            ['content-type', 'text/html'],
          ],
          true,
        ),
        Code.UNAVAILABLE,
      ],
    ];
    const script: Script = { answer: HEALTHY, hangUp: false };
    await using server = await listen(script);
    for (const [what, answer, code] of cases) {
      script.answer = answer;
      const outcome = await attempt(server.port, kind, PATIENCE_MS);
      assert.is(outcome.code, code, `${what}: ${outcome.message}`);
    }
  });
}

test('a flood of answers to one call', { timeoutMs: 20_000 }, async () => {
  const floods: readonly Buffer[] = [
    encodeHeaders(1, [[':status', '103']], false),
    encodeFrame('PING', 0, 0, Buffer.alloc(8)),
    encodeFrame('SETTINGS', 0, 0, Buffer.alloc(0)),
    encodeData(1, Buffer.alloc(0), false),
    encodeData(1, grpcFrame(Buffer.alloc(0)), false),
    encodeHeaders(1, responseHeaders(), false),
    encodeReset(1, 'CANCEL'),
    encodeFrame('GOAWAY', 0, 0, Buffer.from('7fffffff00000000', 'hex')),
  ];
  const script: Script = { answer: HEALTHY, hangUp: true };
  await using server = await listen(script);
  for (const frame of floods) {
    script.answer = Buffer.concat(Array.from({ length: 2_000 }, () => frame));
    const { code } = await attempt(server.port);
    assert.is.not(code, Code.OK);
  }
});

test.run();
