import os from 'node:os';
import fc from 'fast-check';
import {
  BROTLI,
  type Compressor,
  DEFLATE,
  GZIP,
  IDENTITY,
  OFF_LOOP_THRESHOLD_BYTES,
} from '../../src/framing/compressor.ts';
import {
  type Frame,
  type FrameSink,
  MessageFramer,
  SPLIT_THRESHOLD_BYTES,
  SplitFrame,
} from '../../src/framing/message-framer.ts';
import { Code, type Status } from '../../src/values/status.ts';
import { assert, suite, within } from '../support/suite.ts';
import { BROKEN, frameOf, HeldCompressor, nextTurn, noise, text } from './frames.ts';

const test = suite('MessageFramer');

const LARGE = OFF_LOOP_THRESHOLD_BYTES + 1;

/** Keeps what the framer gave. `react`, if set, runs within every onFrame. */
class Sink implements FrameSink {
  readonly frames: Buffer[] = [];
  /** The frames that came in two parts, as they came. */
  readonly splits: SplitFrame[] = [];
  ends = 0;
  failure: Status | null = null;
  react: (() => void) | null = null;
  readonly #resolve: () => void;
  /** Settles with the end or the failure. */
  readonly over: Promise<void>;

  constructor() {
    let settle = (): void => {};
    this.over = new Promise((resolve) => {
      settle = resolve;
    });
    this.#resolve = settle;
  }

  onFrame(frame: Frame): void {
    assert.is(this.ends, 0);
    assert.is(this.failure, null);
    if (frame instanceof SplitFrame) {
      this.splits.push(frame);
      this.frames.push(Buffer.concat([frame.prefix, frame.payload]));
    } else {
      this.frames.push(Buffer.from(frame));
    }
    assert.is(frame.length, this.frames.at(-1)?.length);
    this.react?.();
  }

  onFramesEnd(): void {
    assert.is(this.failure, null);
    this.ends += 1;
    this.#resolve();
  }

  onFramingFailure(status: Status): void {
    assert.is(this.ends, 0);
    assert.is(this.failure, null);
    this.failure = status;
    this.#resolve();
  }
}

function newFramer(compressor: Compressor): { framer: MessageFramer; sink: Sink } {
  const sink = new Sink();
  return { framer: new MessageFramer(sink, compressor), sink };
}

/** Takes a frame apart: its flag and its message. */
function read(frame: Buffer | undefined, compressor: Compressor): { flag: number; message: Buffer } {
  assert.ok(frame !== undefined);
  assert.is(frame.readUInt32BE(1), frame.length - 5);
  const flag = frame.readUInt8(0);
  const body = frame.subarray(5);
  return { flag, message: Buffer.from(flag === 1 ? compressor.decompress(body, 10_000_000) : body) };
}

test('puts prefix and payload into one frame, at once', () => {
  const { framer, sink } = newFramer(IDENTITY);
  framer.write(Buffer.from([3, 14]), true);
  assert.equal(sink.frames, [Buffer.from([0, 0, 0, 0, 2, 3, 14])]);
  assert.is(framer.pendingBytes, 0);
});

test('gives each message a frame of its own, in order', () => {
  const { framer, sink } = newFramer(IDENTITY);
  for (const length of [1, 5000, 0, 100_000]) framer.write(noise(length, length), false);
  assert.equal(
    sink.frames,
    [1, 5000, 0, 100_000].map((length) => frameOf(noise(length, length))),
  );
});

test('makes a frame of 5 bytes of an empty message', () => {
  const { framer, sink } = newFramer(IDENTITY);
  framer.write(new Uint8Array(0), false);
  assert.equal(sink.frames, [Buffer.from([0, 0, 0, 0, 0])]);
});

test('copies a small payload, so that the frame is one piece of memory', () => {
  const { framer, sink } = newFramer(IDENTITY);
  for (const length of [10, SPLIT_THRESHOLD_BYTES - 1]) framer.write(noise(length), false);
  assert.equal(sink.splits, []);
});

test('gives a large payload away as it is, behind a prefix of its own', () => {
  const { framer, sink } = newFramer(IDENTITY);
  const payloads = [SPLIT_THRESHOLD_BYTES, 1_000_000].map((length) => noise(length));
  for (const payload of payloads) framer.write(payload, false);
  assert.is(sink.splits.length, 2);
  for (const [i, { prefix, payload }] of sink.splits.entries()) {
    assert.is(payload, payloads[i]);
    assert.is(prefix.length, 5);
  }
  assert.equal(
    sink.frames,
    payloads.map((payload) => frameOf(payload)),
  );
});

test('copies no large output of a compressor, whether made at once or later', () => {
  const held = new HeldCompressor();
  const { framer, sink } = newFramer(held);
  for (const length of [SPLIT_THRESHOLD_BYTES, LARGE]) framer.write(noise(length), true);
  held.finish();
  assert.is(sink.splits.length, 2);
  assert.equal(
    sink.frames.map((frame) => read(frame, held)),
    [SPLIT_THRESHOLD_BYTES, LARGE].map((length) => ({ flag: 1, message: noise(length) })),
  );
});

test('end comes behind the last frame, once', () => {
  const { framer, sink } = newFramer(IDENTITY);
  framer.write(noise(3), false);
  assert.is(sink.ends, 0);
  framer.end();
  assert.is(sink.ends, 1);
  framer.end();
  assert.is(sink.ends, 1);
  assert.is(sink.frames.length, 1);
});

test('end with nothing pending is nothing but the end', () => {
  const { framer, sink } = newFramer(IDENTITY);
  framer.end();
  assert.is(sink.ends, 1);
  assert.equal(sink.frames, []);
});

test('end from within onFrame is safe', () => {
  const { framer, sink } = newFramer(IDENTITY);
  sink.react = () => {
    sink.react = null;
    framer.end();
    framer.end();
  };
  framer.write(noise(3), false);
  assert.is(sink.ends, 1);
  framer.end();
  assert.is(sink.ends, 1);
});

test('a write behind the end is our bug; after the end is out it does nothing', () => {
  const held = new HeldCompressor();
  const { framer, sink } = newFramer(held);
  framer.write(noise(LARGE), true);
  framer.end();
  assert.throws(() => framer.write(noise(1), false), 'halfclose has a bug');
  held.finish();
  assert.is(sink.ends, 1);
  framer.write(noise(1), false);
  assert.is(sink.frames.length, 1);
});

for (const compressor of [GZIP, DEFLATE, BROTLI]) {
  test(`sets the flag and shrinks the payload with ${compressor.name}`, () => {
    const { framer, sink } = newFramer(compressor);
    framer.write(text(1000), true);
    const [frame] = sink.frames;
    assert.equal(read(frame, compressor), { flag: 1, message: text(1000) });
    assert.ok(frame !== undefined && frame.length < 200);
  });
}

test('compresses even what grows by it: the flag says what was asked for', () => {
  const { framer, sink } = newFramer(GZIP);
  framer.write(noise(10), true);
  assert.equal(read(sink.frames[0], GZIP), { flag: 1, message: noise(10) });
  assert.ok((sink.frames[0]?.length ?? 0) > 15);
});

test('leaves alone the messages for which no compression was asked', () => {
  const { framer, sink } = newFramer(GZIP);
  framer.write(text(1000), false);
  framer.write(text(100_000), false);
  assert.equal(sink.frames, [frameOf(text(1000)), frameOf(text(100_000))]);
});

test('never compresses an empty message', () => {
  const { framer, sink } = newFramer(GZIP);
  framer.write(new Uint8Array(0), true);
  assert.equal(sink.frames, [Buffer.from([0, 0, 0, 0, 0])]);
});

test('never sets the flag with identity, also one that is not ours', () => {
  for (const identity of [IDENTITY, { ...BROKEN, name: 'identity' }]) {
    const { framer, sink } = newFramer(identity);
    framer.write(text(1000), true);
    framer.write(text(100_000), true);
    assert.equal(sink.frames, [frameOf(text(1000)), frameOf(text(100_000))]);
  }
});

test('a compressor may come late', () => {
  const { framer, sink } = newFramer(IDENTITY);
  framer.setCompressor(GZIP);
  framer.write(text(1000), true);
  assert.is(read(sink.frames[0], GZIP).flag, 1);
});

test('compresses a message of 16 KiB at once and a larger one later', async () => {
  const { framer, sink } = newFramer(GZIP);
  assert.is(OFF_LOOP_THRESHOLD_BYTES, 16_384);
  framer.write(text(16_384), true);
  assert.is(sink.frames.length, 1);
  framer.write(text(16_385), true);
  assert.is(sink.frames.length, 1);
  assert.is(framer.pendingBytes, 16_385);
  framer.end();
  await within(5000, sink.over);
  assert.equal(
    sink.frames.map((frame) => read(frame, GZIP)),
    [
      { flag: 1, message: text(16_384) },
      { flag: 1, message: text(16_385) },
    ],
  );
  assert.is(framer.pendingBytes, 0);
});

test('what is written during a compression waits behind it, and the end too', () => {
  const held = new HeldCompressor();
  const { framer, sink } = newFramer(held);
  framer.write(noise(LARGE, 1), true);
  framer.write(noise(10, 2), false);
  framer.write(noise(20, 3), true);
  framer.write(noise(LARGE, 4), true);
  framer.write(noise(30, 5), false);
  framer.end();
  assert.is(framer.pendingBytes, 2 * LARGE + 60);
  assert.is(held.held, 1);
  assert.is(sink.frames.length, 0);

  held.finish();
  assert.is(sink.frames.length, 3);
  assert.is(framer.pendingBytes, LARGE + 30);
  assert.is(held.held, 1);
  assert.is(sink.ends, 0);

  held.finish();
  assert.is(framer.pendingBytes, 0);
  assert.is(sink.ends, 1);
  assert.equal(
    sink.frames.map((frame) => read(frame, held).message),
    [noise(LARGE, 1), noise(10, 2), noise(20, 3), noise(LARGE, 4), noise(30, 5)],
  );
});

test('large messages that come one after the other are each compressed', () => {
  const held = new HeldCompressor();
  const { framer, sink } = newFramer(held);
  for (let i = 0; i < 3; i += 1) {
    framer.write(noise(LARGE, i), true);
    held.finish();
  }
  framer.end();
  assert.equal(
    sink.frames.map((frame) => read(frame, held).message),
    [noise(LARGE, 0), noise(LARGE, 1), noise(LARGE, 2)],
  );
  assert.is(sink.ends, 1);
});

test('a compressor that calls back twice is heard once', () => {
  let callBack = (): void => {};
  const hasty: Compressor = {
    ...BROKEN,
    compressLater: (payload, done) => {
      callBack = () => done(null, payload);
    },
  };
  const { framer, sink } = newFramer(hasty);
  framer.write(noise(LARGE), true);
  callBack();
  callBack();
  framer.end();
  assert.is(sink.frames.length, 1);
  assert.is(framer.pendingBytes, 0);
});

test('writes from within onFrame keep their place', () => {
  const held = new HeldCompressor();
  const { framer, sink } = newFramer(held);
  const more = [noise(7, 7), noise(LARGE, 8), noise(9, 9)];
  sink.react = () => {
    const next = more.shift();
    if (next !== undefined) framer.write(next, true);
    else if (sink.frames.length === 5) framer.end();
  };
  framer.write(noise(LARGE, 1), true);
  framer.write(noise(2, 2), true);
  held.finish();
  held.finish();
  assert.equal(
    sink.frames.map((frame) => read(frame, held).message),
    [noise(LARGE, 1), noise(2, 2), noise(7, 7), noise(LARGE, 8), noise(9, 9)],
  );
  assert.is(sink.ends, 1);
  assert.is(framer.pendingBytes, 0);
});

test('nothing follows a discard, not even the compression in flight', () => {
  const held = new HeldCompressor();
  const { framer, sink } = newFramer(held);
  framer.write(noise(LARGE), true);
  framer.write(noise(10), false);
  framer.end();
  framer.discard();
  assert.is(framer.pendingBytes, 0);
  held.finish();
  framer.write(noise(10), false);
  framer.end();
  framer.discard();
  assert.equal(sink.frames, []);
  assert.is(sink.ends, 0);
  assert.is(sink.failure, null);
});

test('a discard from within onFrame stops the frames behind it', () => {
  const held = new HeldCompressor();
  const { framer, sink } = newFramer(held);
  sink.react = () => framer.discard();
  framer.write(noise(LARGE), true);
  framer.write(noise(10), false);
  framer.end();
  held.finish();
  assert.is(sink.frames.length, 1);
  assert.is(sink.ends, 0);
});

function assertNotFramed(sink: Sink, cause: string): void {
  assert.is(sink.failure?.code, Code.INTERNAL);
  assert.is(sink.failure?.description, 'Failed to frame message');
  assert.match(String(sink.failure?.cause), cause);
}

test('a compressor that throws is a failure, and nothing follows', () => {
  for (const length of [10, LARGE]) {
    const { framer, sink } = newFramer(BROKEN);
    framer.write(noise(length), true);
    assertNotFramed(sink, 'the press is broken');
    assert.is(framer.pendingBytes, 0);
    framer.write(noise(1), false);
    framer.end();
    assert.equal(sink.frames, []);
  }
});

test('a compression that fails later is a failure, and drops what waits behind it', () => {
  const held = new HeldCompressor();
  const { framer, sink } = newFramer(held);
  framer.write(noise(LARGE), true);
  framer.write(noise(10), false);
  framer.end();
  held.finish(new Error('out of ink'));
  assertNotFramed(sink, 'out of ink');
  assert.is(framer.pendingBytes, 0);
  assert.equal(sink.frames, []);
});

const TOO_LARGE = 'refuses a payload that no length field can tell';
if (os.totalmem() < 6 * 2 ** 30) {
  test.skip(TOO_LARGE, 'this machine has no room for 4 GiB');
} else {
  test(TOO_LARGE, () => {
    const { framer, sink } = newFramer(IDENTITY);
    // Never touched, so it costs address space only.
    framer.write(new Uint8Array(2 ** 32), false);
    assert.is(sink.failure?.code, Code.RESOURCE_EXHAUSTED);
    assert.is(sink.failure?.description, 'message too large 4294967296 > 4294967295');
    assert.equal(sink.frames, []);
  });
}

test('frames come in the order of the writes, whatever is compressed, large or late', async () => {
  const message = fc.record({
    length: fc.oneof(fc.nat({ max: 50 }), fc.constantFrom(0, LARGE - 1, LARGE, 40_000)),
    compress: fc.boolean(),
    pause: fc.constantFrom('none', 'none', 'turn', 'drain'),
  });
  const property = fc.asyncProperty(
    fc.array(message, { maxLength: 25 }),
    fc.constantFrom(GZIP, DEFLATE, IDENTITY),
    async (messages, compressor) => {
      const { framer, sink } = newFramer(compressor);
      for (const [i, { length, compress, pause }] of messages.entries()) {
        framer.write(text(length, i), compress);
        if (pause === 'turn') await nextTurn();
        while (pause === 'drain' && framer.pendingBytes > 0) await nextTurn();
      }
      framer.end();
      await within(5000, sink.over);
      assert.is(framer.pendingBytes, 0);
      assert.equal(
        sink.frames.map((frame) => read(frame, compressor)),
        messages.map(({ length, compress }, i) => {
          return { flag: Number(compress && length > 0 && compressor !== IDENTITY), message: text(length, i) };
        }),
      );
    },
  );
  await fc.assert(property, { numRuns: 40 });
});

test.run();
