/**
 * PayloadQueue: payloads first in, first out, and how many bytes they are. Above: InProcessEnd. Below: nothing. Holds: each
 * operation takes amortised constant time.
 */

/** What a payload weighs beside its own bytes, so that empty ones fill a queue too: as much as HTTP/2's frame prefix. */
const PREFIX_BYTES = 5;

/** Where the part that was taken out is cut off. */
const SPENT_LIMIT = 64;

/** Whole payloads in order. */
export class PayloadQueue {
  #payloads: Uint8Array[] = [];
  /** How many at the front were taken out. */
  #spent = 0;
  #bytes = 0;

  /** How many payloads wait. */
  get length(): number {
    return this.#payloads.length - this.#spent;
  }

  /** How many bytes they are, with five more for each. */
  get bytes(): number {
    return this.#bytes;
  }

  push(payload: Uint8Array): void {
    this.#payloads.push(payload);
    this.#bytes += PREFIX_BYTES + payload.length;
  }

  /** Takes out the first, or null. */
  shift(): Uint8Array | null {
    const payload = this.#payloads[this.#spent];
    if (payload === undefined) return null;
    this.#spent += 1;
    this.#bytes -= PREFIX_BYTES + payload.length;
    if (this.#spent === this.#payloads.length) {
      this.clear();
    } else if (this.#spent >= SPENT_LIMIT && this.#spent * 2 >= this.#payloads.length) {
      this.#payloads = this.#payloads.slice(this.#spent);
      this.#spent = 0;
    }
    return payload;
  }

  /** Drops everything. */
  clear(): void {
    this.#payloads.length = 0;
    this.#spent = 0;
    this.#bytes = 0;
  }
}
