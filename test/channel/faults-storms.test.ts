/**
 * Calls over links that are cut and to servers that reset, restart and say goodbye, many at once: each ends once and in time,
 * is begun anew only where no server can have begun it, and the channel goes on. What falls silent: faults.test.ts. Below:
 * a proxy that a test directs, raw servers. Source: gRFC A6, RFC 9113 §6.8, §8.7.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { until } from '../support/echo-pairings.ts';
import type { ErrorCode, Frame } from '../support/http2-frame.ts';
import { type Direction, TcpProxy } from '../support/proxy.ts';
import { grpcFrame, type RawConnection, RawServer, responseHeaders, trailers } from '../support/raw-http2.ts';
import { assert, suite } from '../support/suite.ts';
import { becomesQuiet, Ledger, Load, Member, open, tally, texts } from './ledger.ts';

const test = suite('Faults: storms');

const NEVER_MS = 60_000;
/** The header of SETTINGS has so many bytes: with fewer nobody knows yet that the server speaks HTTP/2. */
const BYTES_BEFORE_READY = 9;

// ---- cuts ----

const SEVERAL = [Buffer.from('one'), Buffer.alloc(300, 2), Buffer.from('three')];

interface Cut {
  readonly direction: Direction;
  readonly after: number;
  readonly patient: boolean;
}

test('a connection that is cut after any number of bytes: calls end well or UNAVAILABLE, none runs twice', {
  timeoutMs: 20_000,
}, async () => {
  const ledger = new Ledger();
  await using member = await Member.start({ ledger });
  await using proxy = await TcpProxy.listen(member.port);
  const callAll = async (patient: boolean): Promise<void> => {
    await using channel = open(proxy.port);
    const told = await Promise.all([
      ledger.call(channel, { patient }),
      ledger.call(channel, { kind: 'bidi_streaming', messages: SEVERAL, patient }),
      ledger.call(channel, { kind: 'client_streaming', messages: SEVERAL, patient }),
      ledger.call(channel, { kind: 'server_streaming', command: { count: 3, size: 200 }, patient }),
    ]);
    for (const { status } of told) assert.match(status, /^OK$|^UNAVAILABLE: (?:lost|cannot)/);
    // A server that hung up before it said a thing has begun nothing; whoever waits for ready never hears of it.
    if (patient && lost?.direction === 'down' && lost.after < BYTES_BEFORE_READY) assert.equal(tally(told), { OK: 4 });
    // The cut may have been yet to come.
    const [next, last] = [await ledger.call(channel, { patient: true }), await ledger.call(channel, { patient: true })];
    assert.ok(next.code === 0 || last.code === 0, `${next.status}; then ${last.status}`);
    ledger.assertNeverTwice([...told, next, last]);
    await becomesQuiet(channel);
  };
  let lost: Cut | null = null;
  await callAll(false);
  const most = { up: proxy.bytes('up'), down: proxy.bytes('down') };
  const cut = fc.constantFrom<Direction>('up', 'down').chain((direction) =>
    fc.record<Cut>({
      direction: fc.constant(direction),
      after: fc.oneof(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: most[direction] })),
      patient: fc.boolean(),
    }),
  );
  await fc.assert(
    fc.asyncProperty(cut, async (each) => {
      lost = each;
      const { direction, after } = each;
      proxy.fates.push(direction === 'up' ? { cutUpAfter: after } : { cutDownAfter: after });
      await callAll(each.patient);
    }),
    { numRuns: 80 },
  );
});

test('connections that are cut again and again: calls that wait for ready outlast them', async () => {
  const ledger = new Ledger();
  await using member = await Member.start({ ledger });
  await using proxy = await TcpProxy.listen(member.port);
  // Before the connection, amid the client's preface, and amid the server's SETTINGS.
  for (let i = 0; i < 8; i += 1) proxy.fates.push({ cutUpAfter: 0 }, { cutUpAfter: 10 }, { cutDownAfter: 5 });
  await using channel = open(proxy.port, { backoff: { initialMs: 2, multiplier: 1, jitter: 0 } });
  const told = await ledger.calls(channel, 50, { patient: true });
  assert.equal(tally(told), { OK: 50 });
  assert.is(proxy.connections.length, 25);
  ledger.assertNeverTwice(told);
  await becomesQuiet(channel);
});

test('a storm of resets below 50 callers: each call ends well or UNAVAILABLE, none runs twice', async () => {
  const ledger = new Ledger();
  await using member = await Member.start({ ledger });
  await using proxy = await TcpProxy.listen(member.port);
  await using channel = open(proxy.port, { backoff: { initialMs: 2, multiplier: 1, jitter: 0 } });
  const kinds = ['unary', 'bidi_streaming', 'client_streaming', 'server_streaming'] as const;
  let made = 0;
  await using load = new Load(50, () => {
    made += 1;
    return ledger.call(channel, { kind: kinds[made % 4] ?? 'unary', patient: made % 2 === 0, command: { delayMs: 1 } });
  });
  for (let i = 0; i < 15; i += 1) {
    await load.more(20);
    proxy.last.reset();
  }
  const told = await load.stop();
  for (const text of texts(told)) assert.match(text, /^OK$|^UNAVAILABLE: (?:lost|cannot)/);
  ledger.assertNeverTwice(told);
  await until('no handler', () => member.running === 0);
  await becomesQuiet(channel);
});

// ---- resets of streams ----

/** What a call that is reset each time ends with, and how often it is sent. Source: PROTOCOL-HTTP2 "Errors", gRFC A6. */
const RESETS: readonly (readonly [code: ErrorCode, status: string, times: number])[] = [
  ['REFUSED_STREAM', 'UNAVAILABLE', 2],
  ['INTERNAL_ERROR', 'INTERNAL', 1],
  ['CANCEL', 'CANCELLED', 1],
  ['ENHANCE_YOUR_CALM', 'RESOURCE_EXHAUSTED', 1],
];

/** How often each call came to a raw server, by its id. */
function requestsOf(server: RawServer): Map<string, number> {
  const times = new Map<string, number>();
  for (const frame of server.connections.flatMap(({ frames }) => frames)) {
    const id = frame.type === 'HEADERS' ? frame.header('x-call-id') : undefined;
    if (id !== undefined) times.set(id, (times.get(id) ?? 0) + 1);
  }
  return times;
}

for (const [code, status, times] of RESETS) {
  test(`300 calls at once whose every stream is reset with ${code}: ${status}, sent ${times} times`, async () => {
    const onFrame = (frame: Frame, peer: RawConnection): void => {
      if (frame.type === 'HEADERS') peer.sendRst(frame.stream, code);
    };
    await using server = await RawServer.listen({ onFrame });
    await using channel = open(server.port);
    const told = await new Ledger().calls(channel, 300);
    assert.equal(tally(told), { [status]: 300 });
    assert.equal([...new Set(requestsOf(server).values())], [times]);
    assert.is(server.connections.length, 1);
    await becomesQuiet(channel);
  });
}

test('1,000 calls that are cancelled amid everything end CANCELLED or well, and leave nothing on either side', async () => {
  const ledger = new Ledger();
  await using member = await Member.start({ ledger, options: { maxConcurrentCallsPerConnection: 50 } });
  await using channel = open(member.port);
  const points = ['at once', 'after half-close', 'after headers', 'after the first message'] as const;
  const told = await Promise.all(
    Array.from({ length: 1_000 }, (_, i) =>
      ledger.call(channel, { kind: 'bidi_streaming', cancel: points[i % points.length] ?? 'at once' }),
    ),
  );
  assert.equal(
    Object.keys(tally(told)).filter((name) => name !== 'OK' && name !== 'CANCELLED'),
    [],
  );
  assert.is((await ledger.call(channel)).status, 'OK');
  ledger.assertNeverTwice(told);
  await until('no handler', () => member.running === 0);
  await becomesQuiet(channel);
});

// ---- servers that come and go ----

test('a server that is killed under 200 calls: they are UNAVAILABLE, and the next 200 wait for the new one', async () => {
  const ledger = new Ledger();
  await using member = await Member.start({ ledger });
  await using channel = open(member.port);
  const amid = ledger.calls(channel, 200, { command: { delayMs: NEVER_MS } });
  await until('200 calls at the server', () => member.begun === 200);
  await member.kill();
  const first = await amid;
  assert.equal(tally(first), { UNAVAILABLE: 200 });
  const behind = ledger.calls(channel, 200, { patient: true });
  await member.startAnew();
  const second = await behind;
  assert.equal(tally(second), { OK: 200 });
  ledger.assertNeverTwice([...first, ...second]);
  await becomesQuiet(channel);
});

const ANSWERS = [
  { kind: 'server_streaming', command: { count: 1_000, size: 10_000 } },
  { kind: 'unary', command: { size: 3_000_000 } },
] as const;

for (const init of ANSWERS) {
  test(`a server that is killed amid its ${init.kind} answers: the calls are UNAVAILABLE as the others are`, async () => {
    const ledger = new Ledger();
    await using member = await Member.start({ ledger });
    await using channel = open(member.port);
    const amid = ledger.calls(channel, 50, init);
    await until('calls at the server', () => member.begun === 50);
    await member.kill();
    const told = tally(await amid);
    assert.equal(Object.keys(told).sort(), told['OK'] === undefined ? ['UNAVAILABLE'] : ['OK', 'UNAVAILABLE']);
    await becomesQuiet(channel);
  });
}

test('a server that is killed under 200 calls of a method with a retry policy: all end well at the new one', async () => {
  const ledger = new Ledger();
  await using member = await Member.start({ ledger });
  const retryPolicy = {
    maxAttempts: 5,
    initialBackoff: '0.02s',
    maxBackoff: '0.1s',
    backoffMultiplier: 2,
    retryableStatusCodes: ['UNAVAILABLE'],
  } as const;
  const serviceConfig = { methodConfig: [{ name: [{ service: 'test.Echo' }], waitForReady: true, retryPolicy }] };
  await using channel = open(member.port, { serviceConfig });
  const amid = ledger.calls(channel, 200, { command: { delayMs: 300 } });
  await until('200 calls at the server', () => member.begun === 200);
  await member.kill();
  await member.startAnew();
  const told = await amid;
  assert.equal(tally(told), { OK: 200 });
  assert.equal([...new Set(ledger.begun().values())], [2]);
  await becomesQuiet(channel);
});

test('a channel that is ended while 200 calls wait to be tried again: all end with it', async () => {
  const ledger = new Ledger();
  await using member = await Member.start({ ledger });
  const retryPolicy = {
    maxAttempts: 5,
    initialBackoff: '60s',
    maxBackoff: '60s',
    backoffMultiplier: 1,
    retryableStatusCodes: ['UNAVAILABLE'],
  } as const;
  const serviceConfig = { methodConfig: [{ name: [{}], retryPolicy }] };
  await using channel = open(member.port, { serviceConfig });
  const amid = ledger.calls(channel, 200, { command: { delayMs: NEVER_MS } });
  const dated = ledger.call(channel, { command: { delayMs: NEVER_MS }, timeoutMs: 400 });
  await until('201 calls at the server', () => member.begun === 201);
  await member.kill();
  await until('all of them between two attempts', () => channel.inspect().suspendedCalls === 201);
  assert.match((await dated).status, /^DEADLINE_EXCEEDED: .*(?:again|retr|attempt).*UNAVAILABLE/);
  channel.shutdownNow();
  assert.equal(texts(await amid), ['UNAVAILABLE: Channel shutdownNow invoked']);
  ledger.assertNeverTwice([]);
  await becomesQuiet(channel);
});

test('a server that drains under 200 calls and is followed by another: none fails, none runs twice', async () => {
  const ledger = new Ledger();
  await using member = await Member.start({ ledger });
  await using channel = open(member.port);
  const amid = ledger.calls(channel, 200, { command: { delayMs: 50 } });
  await until('200 calls at the server', () => member.begun === 200);
  const drained = member.drain();
  const behind = ledger.calls(channel, 200, { patient: true });
  await drained;
  await member.startAnew();
  const told = [...(await amid), ...(await behind)];
  assert.equal(tally(told), { OK: 400 });
  ledger.assertNeverTwice(told);
  await becomesQuiet(channel);
});

test('a server that comes and goes ten times under 50 callers: each call ends well or UNAVAILABLE, none runs twice', {
  timeoutMs: 15_000,
}, async () => {
  const ledger = new Ledger();
  await using member = await Member.start({ ledger });
  await using channel = open(member.port, { backoff: { initialMs: 5, multiplier: 1, jitter: 0 } });
  await using load = new Load(50, () => ledger.call(channel, { patient: true, command: { delayMs: 1 } }));
  for (let i = 0; i < 10; i += 1) {
    await load.more(30);
    await (i % 2 === 0 ? member.kill() : member.drain());
    await sleep(i);
    await member.startAnew();
  }
  await load.more(50);
  const told = await load.stop();
  for (const text of texts(told)) assert.match(text, /^OK$|^UNAVAILABLE: /);
  ledger.assertNeverTwice(told);
  await becomesQuiet(channel);
});

// ---- GOAWAY ----

function answer(peer: RawConnection, stream: number): void {
  peer.sendHeaders(stream, responseHeaders());
  peer.sendData(stream, grpcFrame(Buffer.from('answer')));
  peer.sendHeaders(stream, trailers(0), { endStream: true });
}

test('GOAWAY while 1,000 calls wait for a stream: what it refuses and what waited moves on, each is served once', async () => {
  const served = new Map<string, number>();
  const serve = (frame: Frame, peer: RawConnection): void => {
    const request = peer.frames.find(({ type, stream }) => type === 'HEADERS' && stream === frame.stream);
    const id = request?.header('x-call-id') ?? 'none';
    served.set(id, (served.get(id) ?? 0) + 1);
    answer(peer, frame.stream);
  };
  const onFrame = (frame: Frame, peer: RawConnection): void => {
    if (frame.endStream && server.connections.indexOf(peer) > 0) serve(frame, peer);
  };
  await using server = await RawServer.listen({ settings: { MAX_CONCURRENT_STREAMS: 10 }, onFrame });
  await using channel = open(server.port);
  const calls = new Ledger().calls(channel, 1_000);
  const first = await server.connection();
  await first.frame('DATA', { stream: 19, endStream: true });
  const waiting = (): number =>
    channel.inspect().subchannels[0]?.transports.reduce((sum, { waitingForSlot }) => sum + waitingForSlot, 0) ?? 0;
  await until('990 calls in the queue', () => waiting() === 990);
  // Streams 1 to 11 are served, 13 to 19 are not.
  first.sendGoaway(11);
  for (const frame of first.frames.filter(({ stream, endStream }) => endStream && stream <= 11)) serve(frame, first);
  const told = await calls;
  assert.equal(tally(told), { OK: 1_000 });
  assert.is(served.size, 1_000);
  assert.equal([...new Set(served.values())], [1]);
  assert.is(server.connections.length, 2);
  assert.not(first.has('HEADERS', { stream: 21 }), 'a stream behind the GOAWAY');
  await becomesQuiet(channel);
});

test('GOAWAY behind every tenth stream, without end: 500 calls all end well', async () => {
  const onFrame = (frame: Frame, peer: RawConnection): void => {
    if (!frame.endStream || frame.stream > 19) return;
    answer(peer, frame.stream);
    if (frame.stream === 19) peer.sendGoaway(19);
  };
  await using server = await RawServer.listen({ settings: { MAX_CONCURRENT_STREAMS: 30 }, onFrame });
  await using channel = open(server.port);
  const told = await new Ledger().calls(channel, 500, { boundMs: 9_000 });
  assert.equal(tally(told), { OK: 500 });
  assert.ok(Math.max(...requestsOf(server).values()) > 2, 'some are not taken more than once');
  await becomesQuiet(channel);
});

test.run();
