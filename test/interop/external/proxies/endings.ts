/**
 * The part of the proxy contract that is about calls that end before their time: cancelled, out of time, answered while the
 * requests still flow, given up by the proxy. Above: proxy-contract.ts. Below: proxied.ts.
 */
import { BYTES_MARSHALLER, MethodDescriptor } from '../../../../src/values/method.ts';
import { Code, Status } from '../../../../src/values/status.ts';
import { echoMethods } from '../../../support/echo.ts';
import { until } from '../../../support/echo-pairings.ts';
import { callEcho } from '../../../support/echo-service.ts';
import { assert, type Suite } from '../../../support/suite.ts';
import { assertStatus, open, Proxied, ping, succeeds } from './proxied.ts';
import type { ProxyHabits } from './proxy-contract.ts';
import type { ProxyKind } from './proxy-process.ts';

/** How often a race is run. */
const ROUNDS = 20;

/** More than go out before the server's end is heard, unless something is wrong. */
const MOST_MESSAGES = 4_000;

/** Proxies that can answer 404 to everything that begins like this. */
const REFUSED = new MethodDescriptor({
  service: 'refused.Service',
  name: 'Method',
  kind: 'unary',
  requestMarshaller: BYTES_MARSHALLER,
  responseMarshaller: BYTES_MARSHALLER,
});

export function endingTests(test: Suite, kind: ProxyKind, habits: ProxyHabits): void {
  cancelTests(test, kind);
  deadlineTests(test, kind);
  earlyEndTests(test, kind);
  foreignTests(test, kind, habits);
}

function cancelTests(test: Suite, kind: ProxyKind): void {
  test('a cancel in mid-stream reaches the server', async () => {
    await using row = await Proxied.start(kind);
    const chat = open(row.channel, 'bidi_streaming');
    assert.is(await ping(chat, 'hello'), 'hello');
    chat.call.cancel('enough');
    assert.is((await chat.heard.closed).status.code, Code.CANCELLED);
    await until('the handler is cancelled', () => row.upstream.journal.events.includes('cancelled Bidi'));
    await succeeds(row);
  });

  test('a cancel before any answer reaches the server', async () => {
    await using row = await Proxied.start(kind);
    const upload = open(row.channel, 'client_streaming');
    upload.call.sendMessage(Buffer.alloc(1));
    await until('the handler begins', () => row.upstream.journal.events.includes('start ClientStreaming'));
    upload.call.cancel('enough');
    await until('the handler is cancelled', () => row.upstream.journal.events.includes('cancelled ClientStreaming'));
    await succeeds(row);
  });

  test('a client that goes away cancels its calls at the server', async () => {
    await using row = await Proxied.start(kind);
    const chat = open(row.channel, 'bidi_streaming');
    assert.is(await ping(chat, 'hello'), 'hello');
    row.channel.shutdownNow();
    assert.is((await chat.heard.closed).status.code, Code.UNAVAILABLE);
    await until('the handler is cancelled', () => row.upstream.journal.events.includes('cancelled Bidi'));
  });
}

function deadlineTests(test: Suite, kind: ProxyKind): void {
  test('a deadline goes along, and ends the call at both ends', async () => {
    await using row = await Proxied.start(kind);
    // The connection is there: the whole time is the call's.
    await succeeds(row);
    const chat = open(row.channel, 'bidi_streaming', { command: { deaf: true }, timeoutMs: 500 });
    assert.is((await chat.heard.closed).status.code, Code.DEADLINE_EXCEEDED);
    const leftMs = row.upstream.journal.deadlinesMs[1];
    assert.ok(typeof leftMs === 'number' && leftMs > 0 && leftMs <= 500, `${leftMs} ms were left`);
    await until('the handler is cancelled', () => row.upstream.journal.events.includes('cancelled Bidi'));
    await succeeds(row);
  });
}

function earlyEndTests(test: Suite, kind: ProxyKind): void {
  for (const callKind of ['client_streaming', 'bidi_streaming'] as const) {
    for (const after of [0, 1]) {
      if (after === 1 && callKind === 'client_streaming') continue;
      const when = after === 0 ? 'before any answer' : 'behind an answer';
      test(`${callKind}: a server that ends ${when}, while requests flow, is heard`, async () => {
        await using row = await Proxied.start(kind);
        for (let round = 0; round < ROUNDS; round += 1) await endEarly(row, callKind, after);
        await succeeds(row);
      });
    }
  }
}

/** One call that sends for as long as it is ready, to a server that ends it. */
async function endEarly(row: Proxied, callKind: 'client_streaming' | 'bidi_streaming', after: number): Promise<void> {
  const message = Buffer.alloc(16 * 1024);
  let left = MOST_MESSAGES;
  const flood = (): void => {
    for (; left > 0 && upload.call.isReady(); left -= 1) upload.call.sendMessage(message);
  };
  const command = { code: Code.FAILED_PRECONDITION, message: 'genug', after, trailers: [['x-why', 'so']] as const };
  const upload = open(row.channel, callKind, { command, reactions: { onReady: flood } });
  upload.call.request(2);
  const { status, trailers } = await upload.heard.closed;
  assert.is(`${status.name}: ${status.description}`, 'FAILED_PRECONDITION: genug');
  assert.is(trailers.get('x-why'), 'so');
  assert.is(upload.heard.messages.length, after);
}

/** What the proxy itself answers. */
function foreignTests(test: Suite, kind: ProxyKind, { refusesPaths, silent, cutShort }: ProxyHabits): void {
  const refused = 'a path that the proxy answers with 404 is UNIMPLEMENTED';
  if (refusesPaths === true) {
    test(refused, async () => {
      await using row = await Proxied.start(kind);
      const { code, message } = await callEcho(row.channel, REFUSED, [Buffer.alloc(1)]);
      assert.is(code, Code.UNIMPLEMENTED);
      assert.match(message, /^HTTP status code 404/);
    });
  } else {
    test.skip(refused, refusesPaths);
  }

  test(`an upstream that never answers, and the proxy loses patience: ${silent}`, async () => {
    await using row = await Proxied.start(kind, { patienceMs: 200 });
    const { code, message } = await callEcho(row.channel, echoMethods.unary, [Buffer.alloc(1)], {
      command: { deaf: true },
    });
    assertStatus(Status.fromCode(code).withDescription(message), silent);
    await until('the handler is cancelled', () => row.upstream.journal.events.includes('cancelled Unary'));
    await succeeds(row);
  });

  test(`an upstream that answers no more, and the proxy loses patience: ${cutShort}`, async () => {
    await using row = await Proxied.start(kind, { patienceMs: 200 });
    const chat = open(row.channel, 'bidi_streaming');
    assert.is(await ping(chat, 'hello'), 'hello');
    chat.call.request(1);
    assertStatus((await chat.heard.closed).status, cutShort);
    await until('the handler is cancelled', () => row.upstream.journal.events.includes('cancelled Bidi'));
    await succeeds(row);
  });
}
