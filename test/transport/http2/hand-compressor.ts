/** A compressor whose work off the event loop is done when the test says so. Above: tests of what waits for a compression. */
import type { CompressionCallback, Compressor } from '../../../src/framing/compressor.ts';

/** Makes `ok`, or what the test says, of whatever is large; leaves the rest as it is. */
export class HandCompressor implements Compressor {
  readonly name = 'by-hand';
  readonly #running: CompressionCallback[] = [];

  compress(payload: Uint8Array): Uint8Array {
    return payload;
  }

  decompress(payload: Uint8Array): Uint8Array {
    return payload;
  }

  compressLater(_payload: Uint8Array, done: CompressionCallback): void {
    this.#running.push(done);
  }

  decompressLater(_payload: Uint8Array, _maxBytes: number, done: CompressionCallback): void {
    this.#running.push(done);
  }

  /** What was begun first is done. */
  finish(bytes: Uint8Array = Buffer.from('ok')): void {
    this.#running.shift()?.(null, bytes);
  }
}
