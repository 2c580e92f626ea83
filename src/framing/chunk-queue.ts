/**
 * ChunkQueue: received chunks as one readable span. Above: MessageDeframer. Below: nothing. Holds: every operation
 * takes amortised constant time a chunk; bytes are copied only where a piece straddles chunks, and out of chunks so
 * small that keeping them would cost far more than their bytes; what was handed out is never written to again.
 */
import { invariant } from '../values/invariant.ts';

/** A link of the queue. */
interface Link {
  /** The chunk; or, once small ones were joined, the part of `block` that is in use. */
  bytes: Uint8Array;
  /** Where small chunks are joined; null for a chunk kept as it came. */
  block: Uint8Array | null;
  next: Link | null;
}

/**
 * Chunks up to this size are joined while they wait. A peer may send each byte in a DATA frame of its own, and every
 * chunk kept costs an object of some hundred bytes.
 */
const SMALL_CHUNK_BYTES = 128;
const BLOCK_BYTES = 1024;

const NO_BYTES: Uint8Array = Buffer.alloc(0);

/** Chunks in, bytes out, first in first out. */
export class ChunkQueue {
  #first: Link | null;
  #last: Link | null;
  /** How much of the first link was taken already. */
  #offset: number;
  #length: number;

  constructor() {
    this.#first = null;
    this.#last = null;
    this.#offset = 0;
    this.#length = 0;
  }

  /** How many bytes wait. */
  get length(): number {
    return this.#length;
  }

  /** Takes a chunk over: it must not be written to afterwards. */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#length += chunk.length;
    const last = this.#last;
    if (last !== null && chunk.length <= SMALL_CHUNK_BYTES && joinSmall(last, chunk)) return;
    const link: Link = { bytes: chunk, block: null, next: null };
    if (last === null) this.#first = link;
    else last.next = link;
    this.#last = link;
  }

  /** The byte at `index`, which stays. */
  readUInt8(index: number): number {
    let link = this.#first;
    let at = this.#offset + index;
    while (link !== null && at >= link.bytes.length) {
      at -= link.bytes.length;
      link = link.next;
    }
    const byte = link?.bytes[at];
    invariant(byte !== undefined, 'a byte was read beyond the end of a ChunkQueue');
    return byte;
  }

  /** The four bytes from `index` on as a big-endian number from 0 to 2^32-1; they stay. */
  readUInt32(index: number): number {
    const high = (this.readUInt8(index) << 24) | (this.readUInt8(index + 1) << 16);
    return (high | (this.readUInt8(index + 2) << 8) | this.readUInt8(index + 3)) >>> 0;
  }

  /** Takes out `count` bytes, no more than wait: a view where they lie in one chunk, else a copy. */
  take(count: number): Uint8Array {
    const link = this.#first;
    if (count === 0 || link === null) {
      invariant(count === 0, 'bytes were taken beyond the end of a ChunkQueue');
      return NO_BYTES;
    }
    const start = this.#offset;
    if (start + count > link.bytes.length) return this.#takeJoined(count);
    this.skip(count);
    return count === link.bytes.length ? link.bytes : link.bytes.subarray(start, start + count);
  }

  #takeJoined(count: number): Uint8Array {
    invariant(count <= this.#length, 'bytes were taken beyond the end of a ChunkQueue');
    const joined = Buffer.allocUnsafe(count);
    let filled = 0;
    for (let link = this.#first; link !== null && filled < count; link = this.#first) {
      const end = Math.min(link.bytes.length, this.#offset + count - filled);
      const piece = link.bytes.subarray(this.#offset, end);
      joined.set(piece, filled);
      filled += piece.length;
      this.skip(piece.length);
    }
    return joined;
  }

  /** Drops the first `count` bytes, no more than wait. */
  skip(count: number): void {
    invariant(count <= this.#length, 'bytes were skipped beyond the end of a ChunkQueue');
    this.#length -= count;
    this.#offset += count;
    while (this.#first !== null && this.#offset >= this.#first.bytes.length) {
      const taken = this.#first;
      this.#offset -= taken.bytes.length;
      this.#first = taken.next;
      // A dead link that grew old would keep every younger one alive, with its chunk, until the next major collection.
      taken.next = null;
    }
    if (this.#first === null) this.#last = null;
  }

  /** Drops everything. */
  clear(): void {
    this.#first = null;
    this.#last = null;
    this.#offset = 0;
    this.#length = 0;
  }
}

/** Appends a small chunk to the last link, if that is small too or has a block with room. */
function joinSmall(last: Link, chunk: Uint8Array): boolean {
  const used = last.bytes.length;
  if (last.block === null) {
    if (used > SMALL_CHUNK_BYTES) return false;
    last.block = Buffer.allocUnsafe(BLOCK_BYTES);
    last.block.set(last.bytes);
  }
  if (used + chunk.length > last.block.length) return false;
  // Behind everything in use, so views that were handed out stay as they are.
  last.block.set(chunk, used);
  last.bytes = last.block.subarray(0, used + chunk.length);
  return true;
}
