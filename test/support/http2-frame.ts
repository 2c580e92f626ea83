/**
 * HTTP/2 frames by hand: bytes ⇄ Frame, with a text form for logs and assertions. Above: raw-http2.ts. Below: hpack.js for
 * received header blocks; sent ones are plain literals, so that a test may send what no encoder would. Source: RFC 9113.
 */
import hpack, { type Decompressor } from 'hpack.js';

export type HeaderPair = readonly [name: string, value: string];

const TYPES = [
  'DATA',
  'HEADERS',
  'PRIORITY',
  'RST_STREAM',
  'SETTINGS',
  'PUSH_PROMISE',
  'PING',
  'GOAWAY',
  'WINDOW_UPDATE',
  'CONTINUATION',
] as const;

/** `UNKNOWN` stands for every type that RFC 9113 does not name. */
export type FrameType = (typeof TYPES)[number] | 'UNKNOWN';

const ERRORS = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
] as const;

/** The name of an error code of RFC 9113, or its number. */
export type ErrorCode = (typeof ERRORS)[number] | number;

const SETTINGS = [
  'HEADER_TABLE_SIZE',
  'ENABLE_PUSH',
  'MAX_CONCURRENT_STREAMS',
  'INITIAL_WINDOW_SIZE',
  'MAX_FRAME_SIZE',
  'MAX_HEADER_LIST_SIZE',
] as const;

/** Settings by name, or by number for those without one. */
export type Settings = { readonly [name in (typeof SETTINGS)[number] | number]?: number };

/** The bits of a frame's flags that have a name. */
export const Flag = Object.freeze({ END_STREAM: 1, ACK: 1, END_HEADERS: 4, PADDED: 8, PRIORITY: 32 } as const);

export const PREFACE: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
export const DEFAULT_WINDOW = 65_535;
const PREFIX_BYTES = 9;
const LARGEST_FRAME_BYTES = 16_384;

function errorName(code: number): ErrorCode {
  return ERRORS[code] ?? code;
}

function errorNumber(code: ErrorCode): number {
  return typeof code === 'number' ? code : ERRORS.indexOf(code);
}

/** What a Frame is made from. */
interface FrameInit {
  readonly type: FrameType;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
  /** What counts for flow control: the payload with its padding. */
  readonly wireBytes: number;
  readonly headers?: readonly HeaderPair[];
  readonly fragments?: number;
}

/** One frame as it came or went. A header block in several frames is one HEADERS frame here. */
export class Frame {
  readonly type: FrameType;
  readonly flags: number;
  readonly stream: number;
  /** Without padding and priority; for UNKNOWN, everything. */
  readonly payload: Buffer;
  readonly wireBytes: number;
  /** Of HEADERS: names and values in order, bytes as latin1. */
  readonly headers: readonly HeaderPair[];
  /** Of HEADERS: in how many frames they came. */
  readonly fragments: number;

  constructor(init: FrameInit) {
    this.type = init.type;
    this.flags = init.flags;
    this.stream = init.stream;
    this.payload = init.payload;
    this.wireBytes = init.wireBytes;
    this.headers = init.headers ?? [];
    this.fragments = init.fragments ?? 1;
  }

  /** Of DATA and HEADERS. */
  get endStream(): boolean {
    return (this.type === 'DATA' || this.type === 'HEADERS') && (this.flags & Flag.END_STREAM) !== 0;
  }

  /** Of SETTINGS and PING. */
  get ack(): boolean {
    return (this.type === 'SETTINGS' || this.type === 'PING') && (this.flags & Flag.ACK) !== 0;
  }

  /** Of RST_STREAM and GOAWAY; null for the others. */
  get code(): ErrorCode | null {
    if (this.type === 'RST_STREAM') return errorName(this.payload.readUInt32BE(0));
    return this.type === 'GOAWAY' ? errorName(this.payload.readUInt32BE(4)) : null;
  }

  /** Of GOAWAY: the last stream that was or will be served. */
  get lastStream(): number {
    return this.type === 'GOAWAY' ? this.payload.readUInt32BE(0) & 0x7fffffff : 0;
  }

  /** Of GOAWAY: the additional debug data as text. */
  get debug(): string {
    return this.type === 'GOAWAY' ? this.payload.toString('latin1', 8) : '';
  }

  /** Of WINDOW_UPDATE. */
  get increment(): number {
    return this.type === 'WINDOW_UPDATE' ? this.payload.readUInt32BE(0) & 0x7fffffff : 0;
  }

  /** Of SETTINGS. */
  get settings(): Settings {
    const settings: { [name: string | number]: number } = {};
    if (this.type !== 'SETTINGS') return settings;
    for (let at = 0; at + 6 <= this.payload.length; at += 6) {
      const id = this.payload.readUInt16BE(at);
      settings[SETTINGS[id - 1] ?? id] = this.payload.readUInt32BE(at + 2);
    }
    return settings;
  }

  /** All values of a header, in order. */
  values(name: string): string[] {
    return this.headers.filter((pair) => pair[0] === name).map((pair) => pair[1]);
  }

  /** The last value of a header, or undefined. */
  header(name: string): string | undefined {
    return this.values(name).at(-1);
  }

  /** `HEADERS(1, ES)`, `DATA(1, 8 bytes)`, `RST_STREAM(1, CANCEL)`, `SETTINGS(ACK)`, `GOAWAY(last 1, NO_ERROR)`. */
  toString(): string {
    const facts = this.#facts();
    if (this.endStream) facts.push('ES');
    return `${this.type}(${facts.join(', ')})`;
  }

  #facts(): (string | number)[] {
    switch (this.type) {
      case 'DATA':
        return [this.stream, `${this.payload.length} bytes`];
      case 'RST_STREAM':
        return [this.stream, this.code ?? 'no code'];
      case 'SETTINGS':
        return this.ack ? ['ACK'] : Object.entries(this.settings).map(([name, value]) => `${name}=${value}`);
      case 'PING':
        return this.ack ? ['ACK'] : [];
      case 'GOAWAY':
        return [`last ${this.lastStream}`, this.code ?? 'no code', ...(this.debug === '' ? [] : [`'${this.debug}'`])];
      case 'WINDOW_UPDATE':
        return [this.stream, `+${this.increment}`];
      default:
        return [this.stream];
    }
  }
}

/** Bytes → frames, in whatever pieces they come. One per direction of a connection, because HPACK has state. */
export class FrameReader {
  readonly #hpack: Decompressor = hpack.decompressor.create({ table: { maxSize: 4096 } });
  #hpackError: Error | null = null;
  #rest: Buffer = Buffer.alloc(0);
  #block: { first: Frame; fragments: Buffer[] } | null = null;

  constructor() {
    this.#hpack.on('error', (error: Error) => {
      this.#hpackError = error;
    });
  }

  /** The frames that are complete with this chunk. Throws for a broken header block. */
  push(chunk: Buffer): Frame[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const frames: Frame[] = [];
    for (;;) {
      if (this.#rest.length < PREFIX_BYTES) return frames;
      const end = PREFIX_BYTES + this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < end) return frames;
      const frame = this.#decode(this.#rest.subarray(0, end));
      this.#rest = this.#rest.subarray(end);
      if (frame !== null) frames.push(frame);
    }
  }

  #decode(bytes: Buffer): Frame | null {
    const type = TYPES[bytes.readUInt8(3)] ?? 'UNKNOWN';
    const flags = bytes.readUInt8(4);
    const stream = bytes.readUInt32BE(5) & 0x7fffffff;
    const payload = type === 'UNKNOWN' ? bytes : trim(type, flags, bytes.subarray(PREFIX_BYTES));
    const frame = new Frame({ type, flags, stream, payload, wireBytes: bytes.length - PREFIX_BYTES });
    if (type === 'HEADERS') this.#block = { first: frame, fragments: [payload] };
    else if (type === 'CONTINUATION') this.#block?.fragments.push(payload);
    else return frame;
    return (flags & Flag.END_HEADERS) === 0 ? null : this.#endBlock();
  }

  #endBlock(): Frame {
    if (this.#block === null) throw new Error('a CONTINUATION without HEADERS');
    const { first, fragments } = this.#block;
    this.#block = null;
    const payload = Buffer.concat(fragments);
    const headers = this.#decompress(payload);
    return new Frame({ ...first, payload, wireBytes: payload.length, headers, fragments: fragments.length });
  }

  #decompress(block: Buffer): HeaderPair[] {
    this.#hpack.write(block);
    this.#hpack.execute();
    if (this.#hpackError !== null) throw new Error(`a broken header block: ${this.#hpackError.message}`);
    const pairs: HeaderPair[] = [];
    for (let field = this.#hpack.read(); field !== null; field = this.#hpack.read()) {
      pairs.push([field.name, field.value]);
    }
    return pairs;
  }
}

function trim(type: FrameType, flags: number, payload: Buffer): Buffer {
  if (type !== 'DATA' && type !== 'HEADERS') return payload;
  const padding = (flags & Flag.PADDED) === 0 ? 0 : payload.readUInt8(0) + 1;
  const start = (padding > 0 ? 1 : 0) + (type === 'HEADERS' && (flags & Flag.PRIORITY) !== 0 ? 5 : 0);
  return payload.subarray(start, payload.length - Math.max(0, padding - 1));
}

/** Any frame at all: `type` by number may be one that does not exist. */
export function encodeFrame(type: FrameType | number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(PREFIX_BYTES + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes.writeUInt8(typeof type === 'number' ? type : (TYPES as readonly string[]).indexOf(type), 3);
  bytes.writeUInt8(flags, 4);
  bytes.writeUInt32BE(stream, 5);
  bytes.set(payload, PREFIX_BYTES);
  return bytes;
}

/** HEADERS, and CONTINUATION as soon as the block is longer than `fragmentBytes`. */
export function encodeHeaders(
  stream: number,
  pairs: Iterable<HeaderPair>,
  endStream: boolean,
  fragmentBytes: number = LARGEST_FRAME_BYTES,
): Buffer {
  const block = encodeBlock(pairs);
  const frames: Buffer[] = [];
  for (let at = 0; at === 0 || at < block.length; at += fragmentBytes) {
    const last = at + fragmentBytes >= block.length;
    const flags = (last ? Flag.END_HEADERS : 0) | (endStream && at === 0 ? Flag.END_STREAM : 0);
    frames.push(
      encodeFrame(at === 0 ? 'HEADERS' : 'CONTINUATION', flags, stream, block.subarray(at, at + fragmentBytes)),
    );
  }
  return Buffer.concat(frames);
}

/** A header block of literals without indexing: names and values go out byte for byte, whatever they are. RFC 7541 §6.2.2. */
export function encodeBlock(pairs: Iterable<HeaderPair>): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of pairs) parts.push(Buffer.of(0), encodeText(name), encodeText(value));
  return Buffer.concat(parts);
}

function encodeText(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  const prefix: number[] = [];
  if (bytes.length < 127) {
    prefix.push(bytes.length);
  } else {
    let left = bytes.length - 127;
    prefix.push(127);
    for (; left >= 128; left = Math.floor(left / 128)) prefix.push((left % 128) + 128);
    prefix.push(left);
  }
  return Buffer.concat([Buffer.from(prefix), bytes]);
}

/** One DATA frame, or several where it is too long for one; END_STREAM on the last. */
export function encodeData(stream: number, bytes: Uint8Array, endStream: boolean): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at === 0 || at < bytes.length; at += LARGEST_FRAME_BYTES) {
    const last = at + LARGEST_FRAME_BYTES >= bytes.length;
    const flags = last && endStream ? Flag.END_STREAM : 0;
    frames.push(encodeFrame('DATA', flags, stream, bytes.subarray(at, at + LARGEST_FRAME_BYTES)));
  }
  return Buffer.concat(frames);
}

export function encodeSettings(settings: Settings): Buffer {
  const entries = Object.entries(settings) as [string, number][];
  const payload = Buffer.alloc(entries.length * 6);
  for (const [index, [name, value]] of entries.entries()) {
    const known = (SETTINGS as readonly string[]).indexOf(name) + 1;
    payload.writeUInt16BE(known > 0 ? known : Number(name), index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  }
  return encodeFrame('SETTINGS', 0, 0, payload);
}

export function encodeReset(stream: number, code: ErrorCode): Buffer {
  return encodeFrame('RST_STREAM', 0, stream, uint32(errorNumber(code)));
}

export function encodeGoaway(lastStream: number, code: ErrorCode, debug: string): Buffer {
  const payload = [uint32(lastStream), uint32(errorNumber(code)), Buffer.from(debug, 'latin1')];
  return encodeFrame('GOAWAY', 0, 0, Buffer.concat(payload));
}

export function encodeWindowUpdate(stream: number, increment: number): Buffer {
  return encodeFrame('WINDOW_UPDATE', 0, stream, uint32(increment));
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
