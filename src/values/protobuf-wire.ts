/**
 * The protobuf wire format, as far as gRPC's own small services need it: varints, strings, bytes, nested messages. Above:
 * call/health-protocol.ts, reflection; users' messages never pass here, they have their codecs. Below: nothing. Holds: broken
 * bytes throw MalformedMessageError, whatever they are; the reader never reads beyond its bytes, and its views are not copies.
 * Source: https://protobuf.dev/programming-guides/encoding.
 */

/** Bytes that are no message. */
export class MalformedMessageError extends Error {
  override readonly name = 'MalformedMessageError';

  constructor(reason: string) {
    super(`malformed message: ${reason}`);
  }
}

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const START_GROUP = 3;
const END_GROUP = 4;
const FIXED32 = 5;

const MAX_VARINT_BYTES = 10;
/** How deep groups may nest, as in other implementations. */
const MAX_DEPTH = 100;

const DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const ENCODER = new TextEncoder();

/** The tag of a field that is a varint: int32, bool, an enum. */
export function varintTag(field: number): number {
  return field * 8 + VARINT;
}

/** The tag of a field that has a length: a string, bytes, a message, packed numbers. */
export function bytesTag(field: number): number {
  return field * 8 + BYTES;
}

/**
 * Reads the fields of one message in the order in which they stand. After `next()` says true, `tag` is that of a field, and
 * its value must be taken by one of the other methods, or by `skip()`. A known field in another wire type has another tag
 * than the known one, and so counts as unknown, as it should.
 */
export class WireReader {
  readonly #bytes: Uint8Array;
  #position = 0;
  #tag = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The field's number times eight, plus its wire type. */
  get tag(): number {
    return this.#tag;
  }

  /** Moves on to the next field; false at the end. */
  next(): boolean {
    if (this.#position === this.#bytes.length) return false;
    this.#tag = this.#readTag();
    return true;
  }

  #readTag(): number {
    const tag = this.#readVarint();
    if (tag >= 1n << 32n) throw new MalformedMessageError('a field number out of range');
    const number = Number(tag);
    if (number < 8) throw new MalformedMessageError('field number 0');
    if (number % 8 > FIXED32) throw new MalformedMessageError(`wire type ${number % 8}`);
    return number;
  }

  #readVarint(): bigint {
    let value = 0n;
    for (let index = 0; index < MAX_VARINT_BYTES; index += 1) {
      const byte = this.#readByte();
      value |= BigInt(byte & 0x7f) << BigInt(7 * index);
      if (byte < 0x80) return value;
    }
    throw new MalformedMessageError('a varint of more than ten bytes');
  }

  #readByte(): number {
    const byte = this.#bytes[this.#position];
    if (byte === undefined) throw new MalformedMessageError('it ends too early');
    this.#position += 1;
    return byte;
  }

  #take(length: number): Uint8Array {
    const end = this.#position + length;
    if (end > this.#bytes.length) throw new MalformedMessageError('it ends too early');
    const taken = this.#bytes.subarray(this.#position, end);
    this.#position = end;
    return taken;
  }

  /** An int32, or the number of an enum's value: the low 32 bits of a varint, with their sign. */
  int32(): number {
    return Number(BigInt.asIntN(32, this.#readVarint()));
  }

  /** Bytes, or a nested message: a view. */
  bytes(): Uint8Array {
    const length = this.#readVarint();
    if (length > BigInt(this.#bytes.length)) throw new MalformedMessageError('it ends too early');
    return this.#take(Number(length));
  }

  /** A string. */
  string(): string {
    try {
      return DECODER.decode(this.bytes());
    } catch (error) {
      if (error instanceof MalformedMessageError) throw error;
      throw new MalformedMessageError('a string that is no UTF-8');
    }
  }

  /** Passes over the value of the field. */
  skip(): void {
    this.#skip(this.#tag, 0);
  }

  #skip(tag: number, depth: number): void {
    switch (tag % 8) {
      case VARINT:
        this.#readVarint();
        return;
      case FIXED64:
        this.#take(8);
        return;
      case BYTES:
        this.bytes();
        return;
      case START_GROUP:
        this.#skipGroup(tag, depth);
        return;
      case FIXED32:
        this.#take(4);
        return;
      default:
        throw new MalformedMessageError('the end of a group that has not begun');
    }
  }

  #skipGroup(start: number, depth: number): void {
    if (depth === MAX_DEPTH) throw new MalformedMessageError('it nests too deep');
    const end = start - START_GROUP + END_GROUP;
    for (let tag = this.#readTag(); tag !== end; tag = this.#readTag()) this.#skip(tag, depth + 1);
  }
}

/** Writes one message, field by field. Nothing is left out: what has its default value need not be written. */
export class WireWriter {
  readonly #chunks: Uint8Array[] = [];

  /** An int32, or the number of an enum's value. */
  int32(field: number, value: number): this {
    this.#chunks.push(varint(BigInt(varintTag(field))), varint(BigInt.asUintN(64, BigInt(value))));
    return this;
  }

  /** Bytes, or a message that is written already. */
  bytes(field: number, value: Uint8Array): this {
    this.#chunks.push(varint(BigInt(bytesTag(field))), varint(BigInt(value.length)), value);
    return this;
  }

  /** A string; what is no Unicode in it becomes U+FFFD. */
  string(field: number, value: string): this {
    return this.bytes(field, ENCODER.encode(value));
  }

  /** A repeated int32, packed. */
  packedInt32(field: number, values: Iterable<number>): this {
    const packed = Array.from(values, (value) => varint(BigInt.asUintN(64, BigInt(value))));
    return packed.length === 0 ? this : this.bytes(field, Buffer.concat(packed));
  }

  /** What was written so far. */
  finish(): Uint8Array {
    return Buffer.concat(this.#chunks);
  }
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
