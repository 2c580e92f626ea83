import * as zlib from 'node:zlib';
import fc from 'fast-check';
import {
  BROTLI,
  type CompressionCallback,
  type Compressor,
  CompressorRegistry,
  DEFLATE,
  GZIP,
  IDENTITY,
  InflationLimitError,
  ZSTD,
} from '../../src/framing/compressor.ts';
import { assert, suite, within } from '../support/suite.ts';
import { HeldCompressor, noise, text } from './frames.ts';

const test = suite('Compressor');

/** The compressors that change bytes. */
const SHRINKING: readonly Compressor[] = [GZIP, DEFLATE, BROTLI, ...(ZSTD === null ? [] : [ZSTD])];
const ALL: readonly Compressor[] = [IDENTITY, ...SHRINKING];

/** Settles as work off the event loop does; fails if that was finished at once, or with neither or both outcomes. */
function later(start: (done: CompressionCallback) => void): Promise<Uint8Array> {
  const outcome = new Promise<Uint8Array>((resolve, reject) => {
    let hasReturned = false;
    start((error, bytes) => {
      if (!hasReturned) reject(new Error('called back at once'));
      else if (error !== null && bytes === null) reject(error);
      else if (error === null && bytes !== null) resolve(bytes);
      else reject(new Error(`unclear outcome: ${error}, ${bytes}`));
    });
    hasReturned = true;
  });
  return within(5000, outcome);
}

async function outcomeOf(work: Promise<Uint8Array>): Promise<Uint8Array | Error> {
  return work.catch((error: Error) => error);
}

function inflate(compressor: Compressor, bytes: Uint8Array, maxBytes: number): Uint8Array | Error {
  try {
    return compressor.decompress(bytes, maxBytes);
  } catch (error) {
    return error as Error;
  }
}

/** The outcomes of both ways to inflate, which must be the same. */
async function bothWays(compressor: Compressor, bytes: Uint8Array, maxBytes: number): Promise<Uint8Array | Error> {
  const now = inflate(compressor, bytes, maxBytes);
  const then = await outcomeOf(later((done) => compressor.decompressLater(bytes, maxBytes, done)));
  assert.is(String(then), String(now));
  return now;
}

async function assertTooLarge(compressor: Compressor, bytes: Uint8Array, maxBytes: number): Promise<void> {
  const error = await bothWays(compressor, bytes, maxBytes);
  assert.instance(error, InflationLimitError);
  assert.is((error as InflationLimitError).maxBytes, maxBytes);
  assert.is((error as InflationLimitError).name, 'InflationLimitError');
}

async function assertBroken(compressor: Compressor, bytes: Uint8Array, what: string): Promise<void> {
  const error = await bothWays(compressor, bytes, 1000);
  assert.instance(error, Error, `${compressor.name} took ${what}`);
  assert.not.instance(error, InflationLimitError);
}

for (const compressor of ALL) {
  const { name } = compressor;

  test(`${name} gives back what it was given`, async () => {
    const payload = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.tuple(fc.nat({ max: 40_000 }), fc.nat(), fc.boolean()).map(([length, seed, dull]) => {
        return dull ? text(length, seed) : noise(length, seed);
      }),
    );
    const property = fc.asyncProperty(payload, async (bytes) => {
      const now = compressor.compress(bytes);
      const then = await later((done) => compressor.compressLater(bytes, done));
      for (const compressed of [now, then]) {
        const inflated = compressor.decompress(compressed, bytes.length);
        const inflatedLater = await later((done) => compressor.decompressLater(compressed, bytes.length, done));
        assert.ok(Buffer.from(bytes).equals(inflated));
        assert.ok(Buffer.from(bytes).equals(inflatedLater));
      }
    });
    await fc.assert(property, { numRuns: 30 });
  });

  test(`${name} takes a message at the limit and refuses one above it`, async () => {
    for (const length of [1, 2, 1000, 40_000]) {
      const compressed = compressor.compress(text(length));
      assert.equal(await bothWays(compressor, compressed, length), text(length));
      await assertTooLarge(compressor, compressed, length - 1);
    }
  });

  test(`${name} takes an empty message under a limit of 0, and no byte more`, async () => {
    assert.is(((await bothWays(compressor, compressor.compress(noise(0)), 0)) as Uint8Array).length, 0);
    await assertTooLarge(compressor, compressor.compress(noise(1)), 0);
  });

  test(`${name} takes Infinity for no limit`, async () => {
    const compressed = compressor.compress(text(100_000));
    assert.equal(await bothWays(compressor, compressed, Number.POSITIVE_INFINITY), text(100_000));
  });
}

for (const compressor of SHRINKING) {
  const { name } = compressor;

  test(`${name} makes text smaller`, () => {
    assert.ok(compressor.compress(text(1000)).length < 200);
  });

  test(`${name} refuses input that was cut off, wherever that was`, async () => {
    const whole = compressor.compress(text(100));
    for (let length = 0; length < whole.length; length += 1) {
      await assertBroken(compressor, whole.subarray(0, length), `${length} of ${whole.length} bytes`);
    }
  });

  test(`${name} refuses bytes behind the end`, async () => {
    const whole = compressor.compress(text(100));
    for (const surplus of [Buffer.from('junk'), Buffer.alloc(3), Buffer.alloc(100_000), whole.subarray(0, 5)]) {
      await assertBroken(compressor, Buffer.concat([whole, surplus]), `${surplus.length} bytes of surplus`);
    }
  });

  test(`${name} refuses input of another kind`, async () => {
    await assertBroken(compressor, Buffer.from('these words were never compressed'), 'plain text');
    await assertBroken(compressor, noise(1000), 'noise');
  });

  test(`${name} stops a bomb while it goes off`, async () => {
    const bomb = compressor.compress(Buffer.alloc(64 * 1024 * 1024));
    const before = process.memoryUsage().arrayBuffers;
    await assertTooLarge(compressor, bomb, 65_536);
    const grown = process.memoryUsage().arrayBuffers - before;
    assert.ok(grown < 4 * 1024 * 1024, `${grown} bytes were made of a bomb under a limit of 65536`);
  });

  test(`${name} does not keep each small message in a large buffer`, () => {
    const compressed = compressor.compress(text(100));
    const payloads = Array.from({ length: 200 }, () => compressor.decompress(compressed, 4 * 1024 * 1024));
    let kept = 0;
    for (const buffer of new Set(payloads.map((payload) => payload.buffer))) kept += buffer.byteLength;
    assert.ok(kept <= 200 * 2048, `200 messages of 100 bytes keep ${kept} bytes`);
  });
}

test('gzip takes concatenated members', async () => {
  const members = Buffer.concat([GZIP.compress(Buffer.from('half and ')), GZIP.compress(Buffer.from('half'))]);
  assert.equal(await bothWays(GZIP, members, 100), Buffer.from('half and half'));
  await assertTooLarge(GZIP, members, 12);
});

test('names mean the formats that other implementations know by them', () => {
  assert.is(zlib.gunzipSync(GZIP.compress(Buffer.from('gzip'))).toString(), 'gzip');
  assert.is(zlib.inflateSync(DEFLATE.compress(Buffer.from('zlib'))).toString(), 'zlib');
  assert.is(zlib.brotliDecompressSync(BROTLI.compress(Buffer.from('brotli'))).toString(), 'brotli');
  assert.throws(() => DEFLATE.decompress(zlib.deflateRawSync(text(100)), 1000), 'incorrect header check');
});

test('zstd is there where node:zlib has it and tells a frame that was cut off from a whole one', () => {
  const inflateZstd = (zlib as unknown as Partial<Record<string, (bytes: Uint8Array) => Uint8Array>>)[
    'zstdDecompressSync'
  ];
  let isTrustworthy = false;
  try {
    // A whole frame of five literal bytes, without its last byte.
    inflateZstd?.(Buffer.from('28b52ffd2005290000' + '68656c6c', 'hex'));
  } catch {
    isTrustworthy = true;
  }
  assert.is(ZSTD !== null, isTrustworthy);
});

test('identity hands on the very bytes', async () => {
  const payload = noise(10);
  assert.is(IDENTITY.compress(payload), payload);
  assert.is(IDENTITY.decompress(payload, 10), payload);
  assert.is(await later((done) => IDENTITY.compressLater(payload, done)), payload);
  assert.is(await later((done) => IDENTITY.decompressLater(payload, 10, done)), payload);
});

test('the default registry knows and advertises identity, gzip and deflate', () => {
  const registry = CompressorRegistry.DEFAULT;
  assert.is(registry.acceptEncoding, 'identity,gzip,deflate');
  assert.equal(registry.names, ['identity', 'gzip', 'deflate']);
  assert.is(registry.get('identity'), IDENTITY);
  assert.is(registry.get('gzip'), GZIP);
  assert.is(registry.get('deflate'), DEFLATE);
  assert.is(registry.get('br'), null);
  assert.is(registry.get('constructor'), null);
});

test('a registry is never changed: with() makes another', () => {
  const registry = CompressorRegistry.DEFAULT.with(BROTLI);
  assert.is(registry.get('br'), BROTLI);
  assert.is(registry.acceptEncoding, 'identity,gzip,deflate,br');
  assert.is(CompressorRegistry.DEFAULT.get('br'), null);
  assert.is(CompressorRegistry.DEFAULT.acceptEncoding, 'identity,gzip,deflate');
});

test('a compressor that is not advertised is known all the same', () => {
  const held = new HeldCompressor();
  const registry = CompressorRegistry.DEFAULT.with(held, false);
  assert.is(registry.get('held'), held);
  assert.equal(registry.names, ['identity', 'gzip', 'deflate', 'held']);
  assert.is(registry.acceptEncoding, 'identity,gzip,deflate');
});

test('a compressor takes the place of another of its name', () => {
  const mine: Compressor = { ...IDENTITY, name: 'gzip' };
  const registry = CompressorRegistry.DEFAULT.with(mine, false);
  assert.is(registry.get('gzip'), mine);
  assert.is(registry.acceptEncoding, 'identity,deflate');
  assert.is(registry.with(GZIP).acceptEncoding, 'identity,deflate,gzip');
  assert.is(CompressorRegistry.DEFAULT.with(mine).acceptEncoding, 'identity,deflate,gzip');
});

test('a name that would break the header is refused, and so is another identity', () => {
  for (const name of ['', 'a,b', 'a b', 'a\nb', 'ä']) {
    assert.throws(
      () => CompressorRegistry.DEFAULT.with({ ...IDENTITY, name }),
      (error: unknown) => error instanceof TypeError && error.message.includes('not a name for a compressor'),
    );
  }
  assert.throws(
    () => CompressorRegistry.DEFAULT.with({ ...IDENTITY }),
    (error: unknown) => error instanceof TypeError && error.message.includes('identity cannot be replaced'),
  );
});

test.run();
