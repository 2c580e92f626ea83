/**
 * What the tests of this folder share: frames made by hand, bytes of known compressibility, and a compressor that is
 * finished by the test. Above: the framing tests. Below: nothing of the framer or deframer, so that it can judge them.
 */
import type { CompressionCallback, Compressor } from '../../src/framing/compressor.ts';

/** A frame made by hand: flags, length, payload. */
export function frameOf(payload: Uint8Array, flags = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flags;
  prefix.writeUInt32BE(payload.length, 1);
  return Buffer.concat([prefix, payload]);
}

/** Only a prefix, with a length of one's choice. */
export function prefixOf(length: number, flags = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flags;
  prefix.writeUInt32BE(length, 1);
  return prefix;
}

/** Bytes that no compressor makes smaller; the same for the same seed. */
export function noise(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed;
  for (let i = 0; i < length; i += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** Bytes that every compressor makes smaller; different for different seeds. */
export function text(length: number, seed = 1): Buffer {
  return Buffer.alloc(length, `the quick brown fox no. ${seed} jumps over the lazy dog, `);
}

/** Settles once the event loop has gone round. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Stands in a frame for "compressed": the bytes turned round. Work off the loop waits until the test finishes it. */
export class HeldCompressor implements Compressor {
  readonly name = 'held';
  readonly #waiting: { bytes: Uint8Array; done: CompressionCallback }[] = [];

  /** How many pieces of work wait. */
  get held(): number {
    return this.#waiting.length;
  }

  compress(payload: Uint8Array): Uint8Array {
    return Uint8Array.from(payload).reverse();
  }

  compressLater(payload: Uint8Array, done: CompressionCallback): void {
    this.#waiting.push({ bytes: this.compress(payload), done });
  }

  decompress(payload: Uint8Array, _maxBytes: number): Uint8Array {
    return this.compress(payload);
  }

  decompressLater(payload: Uint8Array, _maxBytes: number, done: CompressionCallback): void {
    this.compressLater(payload, done);
  }

  /** Finishes the oldest piece of work; with an error if one is given. */
  finish(error: Error | null = null): void {
    const work = this.#waiting.shift();
    if (work === undefined) throw new Error('nothing is held');
    if (error === null) work.done(null, work.bytes);
    else work.done(error, null);
  }
}

/** A compressor in which everything throws. */
export const BROKEN: Compressor = {
  name: 'broken',
  compress: fall,
  compressLater: fall,
  decompress: fall,
  decompressLater: fall,
};

function fall(): never {
  throw new Error('the press is broken');
}
