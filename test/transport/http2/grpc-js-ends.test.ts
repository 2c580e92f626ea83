/** How calls between grpc-js and us end before their time: deadlines and cancellation, at every stage. */
import { type CallInit, type CancelPoint, ECHO_KINDS, type EchoKind, echoMethods } from '../../support/echo.ts';
import { bytes, everywhere, until } from '../../support/echo-pairings.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('grpc-js, early ends');

// ---- deadlines ----

everywhere(test, 'the deadline travels', {}, () => async (client, server) => {
  for (const timeoutMs of [400, 60_000, 3_600_000 * 30, 3_600_000 * 24 * 20]) {
    const outcome = await client.call('unary', bytes('a'), { timeoutMs });
    assert.is(outcome.code, 0, outcome.message);
    const seenMs = server.deadlinesMs.at(-1) ?? 0;
    // Long ones travel in seconds or minutes, rounded up.
    assert.ok(seenMs > timeoutMs - 400 && seenMs <= timeoutMs + 60_000, `${seenMs} of ${timeoutMs} ms`);
  }
  await client.call('unary', bytes('a'));
  assert.is(server.deadlinesMs.at(-1), null);
});

for (const kind of ECHO_KINDS) {
  everywhere(test, `${kind} ends at its deadline, and the server hears of it`, {}, () => async (client, server) => {
    const outcome = await client.call(kind, bytes('a'), {
      timeoutMs: 80,
      command: { delayMs: 60_000, headersFirst: true },
    });
    assert.is(outcome.code, 4, outcome.message);
    await until('the handler to be cancelled', () => server.events.includes(`cancelled ${echoMethods[kind].name}`));
    const next = await client.call('unary', bytes('b'));
    assert.is(next.code, 0, next.message);
  });
}

everywhere(test, 'a deadline in the past fails at once', {}, () => async (client, server) => {
  assert.is((await client.call('unary', bytes('a'), { timeoutMs: -5 })).code, 4);
  assert.equal(server.events, []);
});

// ---- cancellation ----

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
];

for (const [cancel, kind, command = {}] of CANCEL_CASES) {
  everywhere(test, `${kind} can be cancelled ${cancel}`, {}, (pairing) => async (client, server) => {
    // A warm connection, so that the call is under way when it is cancelled.
    await client.call('unary', bytes('warm'));
    const before = server.events.length;
    const outcome = await client.call(kind, bytes('a', 'b'), { cancel, command });
    assert.is(outcome.code, 1, outcome.message);
    assert.ok(outcome.messages.length <= 2, `${outcome.messages.length} messages`);
    const next = await client.call('client_streaming', bytes('b'));
    assert.is(next.code, 0, next.message);
    const { name } = echoMethods[kind];
    const saw = (event: string): boolean => server.events.slice(before).includes(`${event} ${name}`);
    if (cancel !== 'at once') await until('the handler to be cancelled', () => saw('cancelled'));
    // Cancelled at once, a call may never leave the client; grpc-js opens a stream that it then forgets, and its server takes
    // the reset of a young stream for its end.
    const knows = pairing.client === 'ours' && pairing.server === 'ours';
    if (cancel === 'at once' && knows)
      await until('the handler to be cancelled, if it ran', () => !saw('start') || saw('cancelled'));
  });
}

test.run();
