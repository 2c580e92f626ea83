import fc from 'fast-check';
import {
  BROTLI,
  type Compressor,
  DEFLATE,
  GZIP,
  IDENTITY,
  OFF_LOOP_THRESHOLD_BYTES,
} from '../../src/framing/compressor.ts';
import { type DeframerSink, MessageDeframer } from '../../src/framing/message-deframer.ts';
import { Code, type Status } from '../../src/values/status.ts';
import { assert, suite, within } from '../support/suite.ts';
import { BROKEN, frameOf, HeldCompressor, nextTurn, noise, prefixOf, text } from './frames.ts';

const test = suite('MessageDeframer');

const LIMIT = 4 * 1024 * 1024;
const LARGE = OFF_LOOP_THRESHOLD_BYTES + 1;

/** Keeps what the deframer gave, and sees that it never calls from within itself nor after its last word. */
class Sink implements DeframerSink {
  readonly payloads: Uint8Array[] = [];
  deliveries = 0;
  /** What onDeframed said. */
  midMessage: boolean | null = null;
  failure: Status | null = null;
  /** Run within the methods they are named for. */
  onEachPayload: ((payload: Uint8Array) => void) | null = null;
  onEachDelivery: (() => void) | null = null;
  #isInside = false;

  get isOver(): boolean {
    return this.midMessage !== null || this.failure !== null;
  }

  onPayload(payload: Uint8Array): void {
    this.payloads.push(payload);
    this.#enter(() => this.onEachPayload?.(payload));
  }

  onDelivered(): void {
    this.deliveries += 1;
    this.#enter(() => this.onEachDelivery?.());
  }

  onDeframed(midMessage: boolean): void {
    this.#enter(() => {});
    this.midMessage = midMessage;
  }

  onDeframingFailure(status: Status): void {
    this.#enter(() => {});
    this.failure = status;
  }

  #enter(body: () => void): void {
    assert.not.ok(this.#isInside, 'the sink was re-entered');
    assert.not.ok(this.isOver, 'something followed the end');
    this.#isInside = true;
    body();
    this.#isInside = false;
  }
}

interface Pair {
  readonly deframer: MessageDeframer;
  readonly sink: Sink;
}

function newDeframer(limit = LIMIT, decompressor: Compressor | null = null): Pair {
  const sink = new Sink();
  const deframer = new MessageDeframer(sink, limit);
  deframer.setDecompressor(decompressor);
  return { deframer, sink };
}

/** Everything at once: permits without end, the chunks, the end of input. */
function feed({ deframer }: Pair, ...chunks: Uint8Array[]): void {
  deframer.request(Number.POSITIVE_INFINITY);
  for (const chunk of chunks) deframer.push(chunk);
  deframer.end();
  deframer.deliver();
}

async function until(condition: () => boolean, what: string): Promise<void> {
  let hasGivenUp = false;
  const poll = async (): Promise<void> => {
    while (!condition() && !hasGivenUp) await nextTurn();
  };
  await within(5000, poll(), what).finally(() => {
    hasGivenUp = true;
  });
}

function assertFailed({ deframer, sink }: Pair, code: number, description: string): void {
  assert.is(sink.failure?.description, description);
  assert.is(sink.failure?.code, code);
  assert.is(sink.midMessage, null);
  assert.ok(deframer.isEmpty);
  assert.not.ok(deframer.isStalled);
  const { deliveries } = sink;
  const { length } = sink.payloads;
  feed({ deframer, sink }, frameOf(noise(3)));
  assert.is(sink.deliveries, deliveries);
  assert.is(sink.payloads.length, length);
}

test('makes one message of one frame, a view of the chunk', () => {
  const { deframer, sink } = newDeframer();
  const chunk = frameOf(Buffer.from([3, 14]));
  deframer.request(1);
  deframer.push(chunk);
  deframer.deliver();
  assert.equal(sink.payloads, [Buffer.from([3, 14])]);
  assert.is(sink.payloads[0]?.buffer, chunk.buffer);
  assert.is(sink.deliveries, 1);
  assert.is(sink.midMessage, null);
  assert.ok(deframer.isEmpty);
});

test('makes two messages of two frames in one chunk', () => {
  const { deframer, sink } = newDeframer();
  deframer.request(2);
  deframer.push(Buffer.concat([frameOf(Buffer.from([3])), frameOf(Buffer.from([14, 15]))]));
  deframer.deliver();
  assert.equal(sink.payloads, [Buffer.from([3]), Buffer.from([14, 15])]);
  assert.is(sink.deliveries, 1);
});

test('frame, then end: the message, then the end, and nothing is broken off', () => {
  const pair = newDeframer();
  feed(pair, frameOf(noise(1)));
  assert.equal(pair.sink.payloads, [noise(1)]);
  assert.is(pair.sink.midMessage, false);
  assert.is(pair.sink.deliveries, 0);
});

test('an empty input ends without any permit', () => {
  const { deframer, sink } = newDeframer();
  deframer.end();
  assert.is(sink.midMessage, null);
  deframer.deliver();
  assert.is(sink.midMessage, false);
  deframer.deliver();
  deframer.end();
  deframer.deliver();
});

test('an input that breaks off within a message says so, with a permit or without', () => {
  const broken = [Buffer.from([0]), prefixOf(1), prefixOf(1, 1), frameOf(noise(9)).subarray(0, 4)];
  for (const rest of [...broken, frameOf(noise(200)).subarray(0, 204)]) {
    for (const permits of [0, 1]) {
      const { deframer, sink } = newDeframer();
      deframer.request(permits);
      deframer.push(rest);
      deframer.deliver();
      assert.is(sink.midMessage, null);
      deframer.end();
      deframer.deliver();
      assert.is(sink.midMessage, true, `${rest.length} bytes, ${permits} permits`);
      assert.equal(sink.payloads, []);
      assert.ok(deframer.isEmpty);
    }
  }
});

test('a broken-off message waits behind whole ones that nobody asked for yet', () => {
  const { deframer, sink } = newDeframer();
  deframer.push(Buffer.concat([frameOf(noise(3)), prefixOf(2)]));
  deframer.end();
  deframer.deliver();
  assert.is(sink.midMessage, null);
  deframer.request(1);
  deframer.deliver();
  assert.equal(sink.payloads, [noise(3)]);
  assert.is(sink.midMessage, true);
});

test('joins a payload that was split over chunks', () => {
  const pair = newDeframer();
  const frame = frameOf(noise(1000));
  feed(pair, frame.subarray(0, 300), frame.subarray(300, 301), frame.subarray(301));
  assert.equal(pair.sink.payloads, [noise(1000)]);
});

test('joins a prefix that was split over chunks', () => {
  for (let cut = 1; cut < 5; cut += 1) {
    const pair = newDeframer();
    const frame = frameOf(noise(1));
    feed(pair, frame.subarray(0, cut), frame.subarray(cut));
    assert.equal(pair.sink.payloads, [noise(1)]);
    assert.is(pair.sink.midMessage, false);
  }
});

test('delivers an empty message', () => {
  const { deframer, sink } = newDeframer();
  deframer.request(1);
  deframer.push(frameOf(new Uint8Array(0)));
  deframer.deliver();
  assert.is(sink.payloads.length, 1);
  assert.is(sink.payloads[0]?.length, 0);
});

test('an empty message costs a permit like any other', () => {
  const { deframer, sink } = newDeframer();
  deframer.request(2);
  for (let i = 0; i < 3; i += 1) deframer.push(frameOf(new Uint8Array(0)));
  deframer.end();
  deframer.deliver();
  assert.is(sink.payloads.length, 2);
  assert.is(sink.midMessage, null);
});

test('reads all four bytes of the length, without a sign', () => {
  const pair = newDeframer(10_000_000);
  feed(pair, frameOf(noise(0x010203)));
  assert.is(pair.sink.payloads[0]?.length, 0x010203);

  const large = newDeframer();
  large.deframer.request(1);
  large.deframer.push(prefixOf(0xfffffffe));
  large.deframer.deliver();
  assertFailed(large, Code.RESOURCE_EXHAUSTED, 'gRPC message exceeds maximum size 4194304: 4294967294');
});

test('the end waits until the message before it was asked for', () => {
  const { deframer, sink } = newDeframer();
  deframer.push(frameOf(noise(1)));
  deframer.end();
  deframer.deliver();
  assert.equal(sink.payloads, []);
  assert.is(sink.midMessage, null);
  deframer.request(1);
  deframer.deliver();
  assert.equal(sink.payloads, [noise(1)]);
  assert.is(sink.midMessage, false);
});

test('an empty message that nobody asked for holds the end back too', () => {
  const { deframer, sink } = newDeframer();
  deframer.push(frameOf(new Uint8Array(0)));
  deframer.end();
  deframer.deliver();
  assert.is(sink.midMessage, null);
  deframer.request(1);
  deframer.deliver();
  assert.is(sink.payloads.length, 1);
  assert.is(sink.midMessage, false);
});

test('request and push deliver nothing by themselves', () => {
  const { deframer, sink } = newDeframer();
  deframer.request(1);
  deframer.push(frameOf(noise(1)));
  deframer.end();
  assert.equal(sink.payloads, []);
  deframer.deliver();
  assert.equal(sink.payloads, [noise(1)]);
});

test('permits add up and Infinity stays', () => {
  const { deframer, sink } = newDeframer();
  deframer.request(1);
  deframer.request(2);
  deframer.request(0);
  for (let i = 0; i < 5; i += 1) deframer.push(frameOf(noise(i)));
  deframer.deliver();
  assert.is(sink.payloads.length, 3);
  deframer.request(Number.POSITIVE_INFINITY);
  deframer.request(1);
  deframer.deliver();
  assert.is(sink.payloads.length, 5);
});

test('nothing is looked at without a permit, not even a broken prefix', () => {
  for (const chunk of [prefixOf(0, 2), prefixOf(LIMIT + 1), frameOf(noise(1), 1)]) {
    const { deframer, sink } = newDeframer();
    deframer.push(chunk);
    deframer.deliver();
    assert.is(sink.failure, null);
    assert.ok(deframer.isStalled);
    deframer.request(1);
    deframer.deliver();
    assert.ok(sink.failure !== null);
  }
});

test('refuses reserved flag bits', () => {
  for (const flags of [2, 3, 0x80, 0xff]) {
    const pair = newDeframer(LIMIT, GZIP);
    pair.deframer.request(1);
    pair.deframer.push(prefixOf(1, flags));
    pair.deframer.deliver();
    assertFailed(pair, Code.INTERNAL, 'gRPC frame header malformed: reserved bits not zero');
  }
});

test('takes a message at the limit and refuses one above it before its body comes', () => {
  const pair = newDeframer(1000);
  pair.deframer.request(2);
  pair.deframer.push(frameOf(noise(1000)));
  pair.deframer.push(prefixOf(1001));
  pair.deframer.deliver();
  assert.equal(pair.sink.payloads, [noise(1000)]);
  assertFailed(pair, Code.RESOURCE_EXHAUSTED, 'gRPC message exceeds maximum size 1000: 1001');
});

test('a limit of 0 lets empty messages pass', () => {
  const pair = newDeframer(0, GZIP);
  pair.deframer.request(2);
  pair.deframer.push(frameOf(new Uint8Array(0)));
  pair.deframer.push(prefixOf(1));
  pair.deframer.deliver();
  assert.is(pair.sink.payloads.length, 1);
  assertFailed(pair, Code.RESOURCE_EXHAUSTED, 'gRPC message exceeds maximum size 0: 1');
});

test('refuses a compressed message where no compression is known', () => {
  for (const decompressor of [null, IDENTITY, { ...BROKEN, name: 'identity' }]) {
    for (const payload of [noise(10), new Uint8Array(0)]) {
      const pair = newDeframer(LIMIT, decompressor);
      feed(pair, frameOf(payload, 1));
      const description = "Can't decode compressed gRPC message as compression not configured";
      assertFailed(pair, Code.INTERNAL, description);
    }
  }
});

test('inflates messages with flag 1 and leaves those with flag 0 alone', async () => {
  for (const compressor of [GZIP, DEFLATE, BROTLI]) {
    const pair = newDeframer(LIMIT, compressor);
    const messages = [text(100, 1), text(2000, 2), noise(0), noise(40_000, 3), noise(10, 4)];
    const frames = messages.map((message, i) =>
      i === 1 ? frameOf(message) : frameOf(compressor.compress(message), 1),
    );
    feed(pair, ...frames);
    await until(() => pair.sink.isOver, 'the end');
    assert.equal(
      pair.sink.payloads.map((payload) => Buffer.from(payload)),
      messages,
    );
    assert.is(pair.sink.midMessage, false);
  }
});

test('a decompressor may come after the chunks', () => {
  const { deframer, sink } = newDeframer();
  deframer.push(frameOf(GZIP.compress(text(10)), 1));
  deframer.setDecompressor(GZIP);
  deframer.request(1);
  deframer.deliver();
  assert.equal(sink.payloads, [text(10)]);
});

test('takes an inflated message at the limit and refuses one above it, small or large', async () => {
  for (const length of [10_000, 20_000]) {
    const frame = frameOf(DEFLATE.compress(text(length)), 1);
    const fits = newDeframer(length, DEFLATE);
    feed(fits, frame);
    assert.equal(fits.sink.payloads, [text(length)]);

    const tooLarge = newDeframer(length - 1, DEFLATE);
    feed(tooLarge, frame);
    assertFailed(tooLarge, Code.RESOURCE_EXHAUSTED, `Decompressed gRPC message exceeds maximum size ${length - 1}`);
  }
  // Large on the wire already, and larger when inflated.
  const bytes = Buffer.concat([noise(20_000), text(20_000)]);
  const pair = newDeframer(30_000, GZIP);
  feed(pair, frameOf(GZIP.compress(bytes), 1));
  assert.is(pair.sink.failure, null);
  await until(() => pair.sink.isOver, 'the failure');
  assertFailed(pair, Code.RESOURCE_EXHAUSTED, 'Decompressed gRPC message exceeds maximum size 30000');
});

test('a bomb goes off within the limit, small or large', async () => {
  for (const compressor of [GZIP, DEFLATE, BROTLI]) {
    for (const size of [8_000_000, 64_000_000]) {
      const bomb = compressor.compress(Buffer.alloc(size));
      const pair = newDeframer(1_000_000, compressor);
      const before = process.memoryUsage().arrayBuffers;
      feed(pair, frameOf(bomb, 1));
      await until(() => pair.sink.isOver, 'the failure');
      const grown = process.memoryUsage().arrayBuffers - before;
      assert.ok(grown < 4_000_000, `${bomb.length} bytes of ${compressor.name} grew to ${grown}`);
      assertFailed(pair, Code.RESOURCE_EXHAUSTED, 'Decompressed gRPC message exceeds maximum size 1000000');
    }
  }
});

test('a compressor that does not keep to the limit is held to it', async () => {
  const generous: Compressor = { ...BROKEN, decompress: () => noise(200) };
  const pair = newDeframer(100, generous);
  feed(pair, frameOf(noise(10), 1));
  assertFailed(pair, Code.RESOURCE_EXHAUSTED, 'Decompressed gRPC message exceeds maximum size 100');
});

test('broken compressed bytes are INTERNAL, with the reason as cause', async () => {
  const broken: [Uint8Array, Compressor][] = [
    [new Uint8Array(0), GZIP],
    [noise(100), GZIP],
    [noise(LARGE), GZIP],
    [GZIP.compress(text(100)).subarray(0, -1), GZIP],
    [GZIP.compress(noise(LARGE)).subarray(0, -1), GZIP],
    [Buffer.concat([DEFLATE.compress(text(100)), noise(1)]), DEFLATE],
    [noise(100), BROKEN],
    [noise(LARGE), BROKEN],
  ];
  for (const [payload, compressor] of broken) {
    const pair = newDeframer(LIMIT, compressor);
    feed(pair, frameOf(payload, 1), frameOf(noise(1)));
    await until(() => pair.sink.isOver, 'the failure');
    assert.instance(pair.sink.failure?.cause, Error);
    assertFailed(pair, Code.INTERNAL, 'Failed to decompress gRPC message');
    assert.equal(pair.sink.payloads, []);
  }
});

test('messages before a broken one are delivered', () => {
  const pair = newDeframer();
  feed(pair, frameOf(noise(1)), frameOf(noise(2)), prefixOf(1, 2));
  assert.equal(pair.sink.payloads, [noise(1), noise(2)]);
  assertFailed(pair, Code.INTERNAL, 'gRPC frame header malformed: reserved bits not zero');
});

test('inflates a message of 16 KiB at once and a larger one later', () => {
  const held = new HeldCompressor();
  const { deframer, sink } = newDeframer(LIMIT, held);
  deframer.request(2);
  deframer.push(frameOf(noise(LARGE - 1), 1));
  deframer.push(frameOf(noise(LARGE), 1));
  deframer.deliver();
  assert.is(sink.payloads.length, 1);
  assert.is(held.held, 1);
  held.finish();
  assert.is(sink.payloads.length, 2);
});

test('nothing overtakes a message that is being inflated, the end neither', () => {
  const held = new HeldCompressor();
  const { deframer, sink } = newDeframer(LIMIT, held);
  const messages = [noise(LARGE, 1), noise(10, 2), noise(LARGE, 3), noise(30, 4)];
  deframer.request(10);
  for (const message of messages) deframer.push(frameOf(held.compress(message), 1));
  deframer.end();
  deframer.deliver();
  deframer.deliver();
  assert.equal(sink.payloads, []);
  assert.is(held.held, 1);
  held.finish();
  assert.is(sink.payloads.length, 2);
  assert.is(held.held, 1);
  held.finish();
  assert.equal(sink.payloads.map(Buffer.from), messages);
  assert.is(sink.midMessage, false);
});

test('a broken-off message behind one that is being inflated waits for it', () => {
  const held = new HeldCompressor();
  const { deframer, sink } = newDeframer(LIMIT, held);
  deframer.request(1);
  deframer.push(frameOf(noise(LARGE), 1));
  deframer.push(Buffer.from([0, 0]));
  deframer.end();
  deframer.deliver();
  assert.is(sink.midMessage, null);
  held.finish();
  assert.is(sink.payloads.length, 1);
  assert.is(sink.midMessage, true);
});

test('an inflated message needs one permit, which its start takes', () => {
  const held = new HeldCompressor();
  const { deframer, sink } = newDeframer(LIMIT, held);
  deframer.request(1);
  deframer.push(frameOf(noise(LARGE), 1));
  deframer.push(frameOf(noise(1)));
  deframer.deliver();
  held.finish();
  assert.is(sink.payloads.length, 1);
  deframer.request(1);
  deframer.deliver();
  assert.is(sink.payloads.length, 2);
});

test('an inflation that fails later is a failure', () => {
  const held = new HeldCompressor();
  const pair = newDeframer(LIMIT, held);
  feed(pair, frameOf(noise(LARGE), 1), frameOf(noise(1)));
  held.finish(new Error('out of air'));
  assert.match(String(pair.sink.failure?.cause), 'out of air');
  assertFailed(pair, Code.INTERNAL, 'Failed to decompress gRPC message');
});

test('a compressor that calls back twice is heard once', () => {
  let callBack = (): void => {};
  const hasty: Compressor = {
    ...BROKEN,
    decompressLater: (payload, _maxBytes, done) => {
      callBack = () => done(null, payload);
    },
  };
  const { deframer, sink } = newDeframer(LIMIT, hasty);
  deframer.request(5);
  deframer.push(frameOf(noise(LARGE), 1));
  deframer.deliver();
  callBack();
  callBack();
  assert.is(sink.payloads.length, 1);
});

test('stalls while bytes wait for a permit', () => {
  const { deframer } = newDeframer();
  assert.not.ok(deframer.isStalled);
  deframer.push(noise(1));
  assert.ok(deframer.isStalled);
  assert.not.ok(deframer.isEmpty);
  deframer.request(1);
  assert.not.ok(deframer.isStalled);
});

test('stalls while bytes wait for an inflation, and says when that is over', () => {
  const held = new HeldCompressor();
  const { deframer, sink } = newDeframer(LIMIT, held);
  deframer.request(5);
  deframer.push(frameOf(noise(LARGE), 1));
  deframer.deliver();
  assert.not.ok(deframer.isStalled);
  assert.not.ok(deframer.isEmpty);
  deframer.push(frameOf(noise(1)));
  assert.ok(deframer.isStalled);
  const { deliveries } = sink;
  held.finish();
  assert.is(sink.deliveries, deliveries + 1);
  assert.not.ok(deframer.isStalled);
  assert.ok(deframer.isEmpty);
});

test('a pass that ends in the middle of a message says that it ended', () => {
  const { deframer, sink } = newDeframer();
  deframer.request(1);
  deframer.push(noise(3));
  deframer.deliver();
  assert.is(sink.deliveries, 1);
  assert.is(sink.payloads.length, 0);
});

test('request and deliver from within a delivery go on in the loop that runs', () => {
  const { deframer, sink } = newDeframer();
  sink.onEachPayload = () => {
    deframer.request(1);
    deframer.deliver();
  };
  for (let i = 0; i < 10_000; i += 1) deframer.push(frameOf(noise(1)));
  deframer.end();
  deframer.request(1);
  deframer.deliver();
  assert.is(sink.payloads.length, 10_000);
  assert.is(sink.midMessage, false);
});

test('push, end and deliver from within a delivery are safe', () => {
  const { deframer, sink } = newDeframer();
  deframer.request(Number.POSITIVE_INFINITY);
  sink.onEachPayload = () => {
    if (sink.payloads.length < 5) deframer.push(frameOf(noise(sink.payloads.length)));
    else deframer.end();
    deframer.deliver();
  };
  deframer.push(frameOf(noise(0)));
  deframer.deliver();
  assert.equal(
    sink.payloads.map((payload) => payload.length),
    [0, 1, 2, 3, 4],
  );
  assert.is(sink.midMessage, false);
});

test('what onDelivered brings is delivered by the pass that runs', () => {
  const { deframer, sink } = newDeframer();
  sink.onEachDelivery = () => {
    if (sink.deliveries === 1) deframer.request(1);
    if (sink.deliveries === 2) deframer.push(frameOf(noise(2)));
    if (sink.deliveries === 3) deframer.end();
    deframer.deliver();
  };
  deframer.push(frameOf(noise(1)));
  deframer.deliver();
  assert.is(sink.deliveries, 2);
  deframer.request(1);
  deframer.deliver();
  assert.equal(sink.payloads, [noise(1), noise(2)]);
  assert.is(sink.midMessage, false);
});

test('nothing follows a discard from within a delivery', () => {
  for (const when of ['onEachPayload', 'onEachDelivery'] as const) {
    const { deframer, sink } = newDeframer();
    sink[when] = () => deframer.discard();
    deframer.request(Number.POSITIVE_INFINITY);
    deframer.push(frameOf(noise(1)));
    if (when === 'onEachPayload') deframer.push(frameOf(noise(2)));
    deframer.deliver();
    feed({ deframer, sink }, frameOf(noise(3)));
    assert.is(sink.payloads.length, 1);
    assert.is(sink.deliveries, when === 'onEachPayload' ? 0 : 1);
    assert.not.ok(sink.isOver);
    assert.ok(deframer.isEmpty);
  }
});

test('nothing follows a discard, not even the inflation that runs', () => {
  const held = new HeldCompressor();
  const { deframer, sink } = newDeframer(LIMIT, held);
  deframer.request(5);
  deframer.push(frameOf(noise(LARGE), 1));
  deframer.push(frameOf(noise(1)));
  deframer.deliver();
  const { deliveries } = sink;
  deframer.discard();
  assert.ok(deframer.isEmpty);
  assert.not.ok(deframer.isStalled);
  held.finish();
  feed({ deframer, sink }, frameOf(noise(3)));
  assert.equal(sink.payloads, []);
  assert.is(sink.deliveries, deliveries);
  assert.not.ok(sink.isOver);
});

test('chunks behind the end are dropped', () => {
  const { deframer, sink } = newDeframer();
  deframer.end();
  deframer.push(frameOf(noise(1)));
  deframer.request(1);
  deframer.deliver();
  assert.equal(sink.payloads, []);
  assert.is(sink.midMessage, false);
});

test('a large message in chunks of one byte takes time in proportion to its length', () => {
  const { deframer, sink } = newDeframer();
  const frame = frameOf(noise(1_000_000));
  const startedAt = performance.now();
  deframer.request(1);
  for (let i = 0; i < frame.length; i += 1) {
    deframer.push(frame.subarray(i, i + 1));
    deframer.deliver();
  }
  const tookMs = performance.now() - startedAt;
  assert.equal(sink.payloads, [noise(1_000_000)]);
  assert.ok(tookMs < 5000, `took ${tookMs} ms`);
});

/** What a reader may do, as data. */
type Action = 'push' | 'deliver' | 'turn' | number;

const ACTIONS: fc.Arbitrary<Action[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.constant('push' as const) },
    { weight: 2, arbitrary: fc.constant('deliver' as const) },
    { weight: 1, arbitrary: fc.constant('turn' as const) },
    { weight: 2, arbitrary: fc.nat({ max: 3 }) },
  ),
  { maxLength: 60 },
);

/** Cuts bytes in pieces at the given places, which are fractions of the whole. */
function cutUp(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = cuts.map((cut) => Math.floor(cut * bytes.length)).sort((a, b) => a - b);
  return [0, ...places].map((start, i) => bytes.subarray(start, places[i] ?? bytes.length));
}

test('any cutting and any order of request, push and deliver give the same messages', async () => {
  const message = fc.record({
    length: fc.oneof(fc.nat({ max: 40 }), fc.constantFrom(0, 200, LARGE, 30_000)),
    isCompressed: fc.boolean(),
  });
  const fraction = fc.double({ min: 0, max: 1, noNaN: true });
  const property = fc.asyncProperty(
    fc.array(message, { maxLength: 12 }),
    fc.array(fraction, { maxLength: 40 }),
    ACTIONS,
    fc.boolean(),
    async (specs, cuts, actions, isBrokenOff) => {
      const messages = specs.map(({ length }, i) => noise(length, i));
      const frames = messages.map((bytes, i) => {
        return specs[i]?.isCompressed ? frameOf(GZIP.compress(bytes), 1) : frameOf(bytes);
      });
      if (isBrokenOff) frames.push(frameOf(noise(10)).subarray(0, 7));
      const { deframer, sink } = newDeframer(LIMIT, GZIP);
      const chunks = cutUp(Buffer.concat(frames), cuts);
      let permits = 0;
      for (const action of actions) {
        if (action === 'push') deframer.push(chunks.shift() ?? Buffer.alloc(0));
        else if (action === 'deliver') deframer.deliver();
        else if (action === 'turn') await nextTurn();
        else {
          deframer.request(action);
          permits += action;
        }
        assert.ok(sink.payloads.length <= permits);
      }
      for (const chunk of chunks) deframer.push(chunk);
      deframer.end();
      deframer.deliver();
      deframer.request(messages.length);
      deframer.deliver();
      await until(() => sink.isOver, 'the end');
      assert.equal(sink.payloads.map(Buffer.from), messages);
      assert.is(sink.midMessage, isBrokenOff);
    },
  );
  await fc.assert(property, { numRuns: 100 });
});

test('bytes without sense never throw, never get more than was permitted, and end once', async () => {
  const sense = fc.tuple(fc.constantFrom(0, 1, 1, 2), fc.nat({ max: 20 }), fc.uint8Array({ maxLength: 30 }));
  const chunk = fc.oneof(
    fc.uint8Array({ maxLength: 30 }),
    sense.map(([flags, length, bytes]) => Buffer.concat([prefixOf(length, flags), bytes])),
    fc.uint8Array({ maxLength: 30 }).map((bytes) => frameOf(GZIP.compress(bytes), 1)),
  );
  const property = fc.asyncProperty(fc.array(chunk, { maxLength: 30 }), ACTIONS, async (chunks, actions) => {
    const { deframer, sink } = newDeframer(25, GZIP);
    let permits = 0;
    for (const action of actions) {
      if (action === 'push') deframer.push(chunks.shift() ?? Buffer.alloc(0));
      else if (action === 'deliver') deframer.deliver();
      else if (action === 'turn') await nextTurn();
      else {
        deframer.request(action);
        permits += action;
      }
      assert.ok(sink.payloads.length <= permits);
    }
    feed({ deframer, sink }, ...chunks);
    await until(() => sink.isOver, 'the end');
    assert.ok(sink.payloads.every((payload) => payload.length <= 25));
    assert.ok((sink.midMessage === null) !== (sink.failure === null));
  });
  await fc.assert(property, { numRuns: 300 });
});

test.run();
