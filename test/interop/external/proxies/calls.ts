/**
 * The part of the proxy contract that is about whole calls: what arrives of metadata, messages and status. Above:
 * proxy-contract.ts. Below: proxied.ts.
 */
import { randomBytes } from 'node:crypto';
import { certificates } from '../../../support/certificates.ts';
import {
  ECHO_KINDS,
  type EchoClient,
  type EchoKind,
  echoMethods,
  type Outcome,
  type Pair,
} from '../../../support/echo.ts';
import { bytes, text } from '../../../support/echo-pairings.ts';
import { callEcho, echoClient } from '../../../support/echo-service.ts';
import { grpcJsClient, startGrpcJsServer } from '../../../support/grpc-js.ts';
import { assert, type Suite, within } from '../../../support/suite.ts';
import { Proxied } from './proxied.ts';
import type { ProxyHabits } from './proxy-contract.ts';
import { type ProxyKind, ProxyProcess } from './proxy-process.ts';

const LARGE_BYTES = 8 * 1024 * 1024;
const CONCURRENT = 200;
const PATIENCE_MS = 20_000;

/** Twice the same key as text and as bytes, and bytes that no text could hold. */
const PAIRS: readonly Pair[] = [
  ['x-twice', 'one'],
  ['x-twice', 'two'],
  ['x-empty', ''],
  ['x-bytes-bin', Buffer.from([0, 255, 10, 13])],
  ['x-bytes-bin', Buffer.from('second')],
];

const plain = (pairs: readonly Pair[] | null): unknown[] =>
  (pairs ?? []).map(([key, value]) => [key, typeof value === 'string' ? value : [...value]]);

/** What the service answers to `a` and `b`. */
function answers(kind: EchoKind): string[] {
  if (kind === 'client_streaming') return ['ab'];
  return kind === 'bidi_streaming' ? ['a', 'b'] : ['a'];
}

/** One call of each kind. */
async function callAllKinds(client: EchoClient): Promise<void> {
  for (const kind of ECHO_KINDS) {
    const { code, message, messages, trailers } = await client.call(kind, bytes('a', 'b'), { pairs: [['x-k', 'v']] });
    assert.is(code, 0, `${kind}: ${message}`);
    assert.equal(text(messages), answers(kind), kind);
    assert.ok(
      trailers.some(([key, value]) => key === 'x-k' && value === 'v'),
      kind,
    );
  }
}

export function callTests(test: Suite, kind: ProxyKind, habits: ProxyHabits): void {
  for (const callKind of ECHO_KINDS) {
    test(`${callKind}: messages, metadata both ways, trailers`, async () => {
      await using row = await Proxied.start(kind);
      const init = { pairs: PAIRS, command: { trailers: [['x-last', 'indeed']] as const } };
      const outcome = await callEcho(row.channel, echoMethods[callKind], bytes('a', 'b'), init);
      assert.is(outcome.code, 0, outcome.message);
      assert.equal(text(outcome.messages), answers(callKind));
      const arrived = (row.upstream.journal.requests[0] ?? []).filter(([key]) => !habits.added.includes(key));
      assert.equal(plain(arrived), plain(PAIRS));
      assert.equal(plain(outcome.headers), plain(PAIRS));
      assert.equal(plain(outcome.trailers), [...plain(PAIRS), ['x-last', 'indeed']]);
    });
  }

  statusTests(test, kind);
  messageTests(test, kind);
  endTests(test, kind);
}

function statusTests(test: Suite, kind: ProxyKind): void {
  test('a status behind messages keeps its message, which is percent-coded, and its trailers', async () => {
    await using row = await Proxied.start(kind);
    const command = { code: 9, message: 'grün: 100 % ✓\nline two', trailers: [['x-why', 'so']] as const };
    const outcome = await callEcho(row.channel, echoMethods.bidi_streaming, bytes('a'), { command });
    assert.equal(text(outcome.messages), ['a']);
    assert.is(outcome.code, 9);
    assert.is(outcome.message, command.message);
    assert.equal(plain(outcome.trailers), [['x-why', 'so']]);
  });

  test('a response that is nothing but a status arrives as such', async () => {
    await using row = await Proxied.start(kind);
    const command = { code: 5, message: 'ничего', trailers: [['x-why', 'so']] as const };
    const outcome = await callEcho(row.channel, echoMethods.unary, bytes('a'), { command });
    assert.is(outcome.code, 5);
    assert.is(outcome.message, command.message);
    assert.is(outcome.headers, null);
    assert.equal(plain(outcome.trailers), [['x-why', 'so']]);
  });

  test('a method that the server does not have is UNIMPLEMENTED', async () => {
    await using row = await Proxied.start(kind);
    await using client = echoClient(row.proxy.setup.port);
    const outcome = await client.callUnknown();
    assert.is(outcome.code, 12);
    assert.match(outcome.message, /^Method not found/);
  });
}

function messageTests(test: Suite, kind: ProxyKind): void {
  for (const callKind of ['unary', 'bidi_streaming'] as const) {
    test(`${callKind}: 8 MiB go there and come back`, { timeoutMs: PATIENCE_MS }, async () => {
      await using row = await Proxied.start(kind);
      const large = randomBytes(LARGE_BYTES);
      const outcome = await callEcho(row.channel, echoMethods[callKind], [large]);
      assert.is(outcome.code, 0, outcome.message);
      assert.ok(large.equals(outcome.messages[0] ?? Buffer.alloc(0)), 'not the same bytes');
    });
  }

  test('gzip both ways: a megabyte of zeros costs a few kilobytes', async () => {
    await using row = await Proxied.start(kind);
    const init = { compression: 'gzip', command: { compression: 'gzip' } } as const;
    const outcome = await callEcho(row.channel, echoMethods.unary, [Buffer.alloc(1_000_000)], init);
    assert.is(outcome.code, 0, outcome.message);
    assert.is(outcome.messages[0]?.length, 1_000_000);
    assert.ok(row.wire.bytes('up') < 100_000, `${row.wire.bytes('up')} bytes went up`);
    assert.ok(row.wire.bytes('down') < 100_000, `${row.wire.bytes('down')} bytes came down`);
  });

  test(`${CONCURRENT} calls at once over one connection, more than the proxy allows`, {
    timeoutMs: PATIENCE_MS,
  }, async () => {
    await using row = await Proxied.start(kind);
    const calls = Array.from({ length: CONCURRENT }, (_, index): Promise<Outcome> => {
      const callKind = ECHO_KINDS[index % ECHO_KINDS.length] ?? 'unary';
      return callEcho(row.channel, echoMethods[callKind], bytes(`${index}`), { command: { delayMs: 20 } });
    });
    const outcomes = await within(PATIENCE_MS, Promise.all(calls), 'all calls to end');
    for (const [index, { code, message, messages }] of outcomes.entries()) {
      assert.is(code, 0, message);
      assert.equal(text(messages), [`${index}`]);
    }
  });
}

function endTests(test: Suite, kind: ProxyKind): void {
  test('TLS to the proxy, cleartext behind it', async () => {
    await using row = await Proxied.start(kind);
    await using client = echoClient(row.proxy.setup.tlsPort, { tls: await certificates() });
    await callAllKinds(client);
  });

  test('a client of grpc-js at our server', async () => {
    await using row = await Proxied.start(kind);
    await using client = grpcJsClient(row.proxy.setup.port);
    await callAllKinds(client);
  });

  test('our client at a server of grpc-js', async () => {
    await using server = await startGrpcJsServer();
    await using proxy = await ProxyProcess.start(kind, server.port, await certificates());
    await using client = echoClient(proxy.setup.port);
    await callAllKinds(client);
    assert.is((await client.callUnknown()).code, 12);
    const failed = await client.call('unary', bytes('a'), { command: { code: 9, message: 'grün' } });
    assert.is(failed.code, 9);
    assert.is(failed.message, 'grün');
  });
}
