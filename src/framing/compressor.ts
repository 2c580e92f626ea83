/**
 * Compressors by name, as `grpc-encoding` names them, and the registry that a channel or a server knows them by.
 * Above: framer, deframer, transports. Below: node:zlib. Holds: each message is compressed on its own; inflation never
 * makes more than `maxBytes`, and takes its whole input or fails. Source: grpc doc/compression.md,
 * io.grpc.CompressorRegistry.
 */
import { constants as bufferConstants } from 'node:buffer';
import * as zlib from 'node:zlib';

/** Takes the outcome of work that was done off the event loop: exactly one of the two is not null. */
export type CompressionCallback = (error: Error | null, bytes: Uint8Array | null) => void;

/** One way to make messages smaller. Implement it to add another. */
export interface Compressor {
  /** Its name in `grpc-encoding`. */
  readonly name: string;
  /** At once, on the event loop. May throw. Gives its bytes away: they are sent as they are, and must not change afterwards. */
  compress(payload: Uint8Array): Uint8Array;
  /** As compress, off the event loop; `done` is called later, never at once. */
  compressLater(payload: Uint8Array, done: CompressionCallback): void;
  /** At once. Throws InflationLimitError as soon as more than `maxBytes` come out, any other error for broken input. */
  decompress(payload: Uint8Array, maxBytes: number): Uint8Array;
  /** As decompress, off the event loop; `done` is called later, never at once. */
  decompressLater(payload: Uint8Array, maxBytes: number, done: CompressionCallback): void;
}

/** A payload over this many bytes is compressed or inflated off the event loop, a smaller one at once. */
export const OFF_LOOP_THRESHOLD_BYTES: number = 16 * 1024;

/** Says that a message inflates to more bytes than are allowed. A compressor throws it, or hands it to its callback. */
export class InflationLimitError extends Error {
  override readonly name: string = 'InflationLimitError';
  /** The limit that was passed. */
  readonly maxBytes: number;

  constructor(maxBytes: number) {
    super(`the message inflates to more than ${maxBytes} bytes`);
    this.maxBytes = maxBytes;
  }
}

/** `identity`: leaves messages as they are. A framer with it never sets the compressed flag. */
export const IDENTITY: Compressor = Object.freeze({
  name: 'identity',
  compress: (payload: Uint8Array): Uint8Array => payload,
  compressLater(payload: Uint8Array, done: CompressionCallback): void {
    process.nextTick(done, null, payload);
  },
  decompress(payload: Uint8Array, maxBytes: number): Uint8Array {
    if (payload.length > maxBytes) throw new InflationLimitError(maxBytes);
    return payload;
  },
  decompressLater(payload: Uint8Array, maxBytes: number, done: CompressionCallback): void {
    if (payload.length > maxBytes) process.nextTick(done, new InflationLimitError(maxBytes), null);
    else process.nextTick(done, null, payload);
  },
});

/** The options that we give to node:zlib, those of all its formats together. */
interface ZlibOptions {
  readonly chunkSize: number;
  readonly info?: boolean;
  readonly maxOutputLength?: number;
  readonly params?: Record<number, number>;
}

/** The four functions that node:zlib has for one format. */
interface ZlibFormat {
  compressSync(payload: Uint8Array, options: ZlibOptions): Uint8Array;
  compress(payload: Uint8Array, options: ZlibOptions, done: (error: Error | null, bytes: Uint8Array) => void): void;
  decompressSync(payload: Uint8Array, options: ZlibOptions): unknown;
  decompress(payload: Uint8Array, options: ZlibOptions, done: (error: Error | null, inflated: unknown) => void): void;
}

/** What node:zlib's functions give under `info: true`. */
interface Inflated {
  readonly buffer: Uint8Array;
  /** `bytesWritten`: how much of the input was used up. */
  readonly engine: { readonly bytesWritten: number };
}

const LEAST_CHUNK_BYTES = 1024;
const LARGEST_CHUNK_BYTES = 256 * 1024;

/**
 * The size of the pieces in which node:zlib makes its output. Its default of 16 KiB is dear for small messages, which
 * would each keep that much alive, and slow for large ones, where each piece is a trip to the thread pool.
 */
function chunkBytes(expectedBytes: number): number {
  return Math.min(Math.max(expectedBytes, LEAST_CHUNK_BYTES), LARGEST_CHUNK_BYTES);
}

/** A format of node:zlib. Its one-shot functions put an error listener on every zlib object they make. */
class ZlibCompressor implements Compressor {
  readonly name: string;
  readonly #format: ZlibFormat;
  readonly #compressParams: Record<number, number>;
  readonly #decompressParams: Record<number, number>;

  constructor(
    name: string,
    format: ZlibFormat,
    compressParams: Record<number, number> = {},
    decompressParams: Record<number, number> = {},
  ) {
    this.name = name;
    this.#format = format;
    this.#compressParams = compressParams;
    this.#decompressParams = decompressParams;
  }

  compress(payload: Uint8Array): Uint8Array {
    return this.#format.compressSync(payload, this.#compressOptions(payload));
  }

  compressLater(payload: Uint8Array, done: CompressionCallback): void {
    this.#format.compress(payload, this.#compressOptions(payload), (error, bytes) => {
      if (error === null) done(null, bytes);
      else done(error, null);
    });
  }

  decompress(payload: Uint8Array, maxBytes: number): Uint8Array {
    let inflated: unknown;
    try {
      inflated = this.#format.decompressSync(payload, this.#decompressOptions(payload, maxBytes));
    } catch (error) {
      throw isOverLimit(error) ? new InflationLimitError(maxBytes) : error;
    }
    const error = inflationError(inflated as Inflated, payload, maxBytes);
    if (error !== null) throw error;
    return (inflated as Inflated).buffer;
  }

  decompressLater(payload: Uint8Array, maxBytes: number, done: CompressionCallback): void {
    this.#format.decompress(payload, this.#decompressOptions(payload, maxBytes), (zlibError, inflated) => {
      if (zlibError !== null) {
        done(isOverLimit(zlibError) ? new InflationLimitError(maxBytes) : zlibError, null);
        return;
      }
      const error = inflationError(inflated as Inflated, payload, maxBytes);
      if (error !== null) done(error, null);
      else done(null, (inflated as Inflated).buffer);
    });
  }

  #compressOptions(payload: Uint8Array): ZlibOptions {
    return { chunkSize: chunkBytes(payload.length), params: this.#compressParams };
  }

  #decompressOptions(payload: Uint8Array, maxBytes: number): ZlibOptions {
    return {
      chunkSize: chunkBytes(4 * payload.length),
      info: true,
      // node:zlib: takes neither 0 nor Infinity here; inflationError() sees to the one byte too many.
      maxOutputLength: Math.max(1, Math.min(maxBytes, bufferConstants.MAX_LENGTH)),
      params: this.#decompressParams,
    };
  }
}

function isOverLimit(error: unknown): boolean {
  return error instanceof RangeError && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
}

/** What is wrong with the outcome of an inflation that node:zlib has no fault to find with; null for nothing. */
function inflationError({ buffer, engine }: Inflated, payload: Uint8Array, maxBytes: number): Error | null {
  if (buffer.length > maxBytes) return new InflationLimitError(maxBytes);
  // node:zlib: says nothing of what follows the end of the compressed data (test/framing/compressor.test.ts).
  const surplus = payload.length - engine.bytesWritten;
  return surplus === 0 ? null : new Error(`${surplus} bytes follow the end of the compressed data`);
}

/** `gzip`, RFC 1952. Takes concatenated members too. */
export const GZIP: Compressor = new ZlibCompressor('gzip', {
  compressSync: zlib.gzipSync,
  compress: zlib.gzip,
  decompressSync: zlib.gunzipSync,
  decompress: zlib.gunzip,
});

/** `deflate`, which means the zlib format, RFC 1950, not bare deflate. */
export const DEFLATE: Compressor = new ZlibCompressor('deflate', {
  compressSync: zlib.deflateSync,
  compress: zlib.deflate,
  decompressSync: zlib.inflateSync,
  decompress: zlib.inflate,
});

/** `br`, RFC 7932. Not in the default registry. */
export const BROTLI: Compressor = new ZlibCompressor(
  'br',
  {
    compressSync: zlib.brotliCompressSync,
    compress: zlib.brotliCompress,
    decompressSync: zlib.brotliDecompressSync,
    decompress: zlib.brotliDecompress,
  },
  // The default quality, 11, takes a hundred times as long as this one and gains a tenth.
  { [zlib.constants.BROTLI_PARAM_QUALITY]: 5 },
);

/** What node:zlib has from Node 22.15 on. */
interface ZstdFunctions {
  readonly zstdCompressSync: ZlibFormat['compressSync'];
  readonly zstdCompress: ZlibFormat['compress'];
  readonly zstdDecompressSync: ZlibFormat['decompressSync'];
  readonly zstdDecompress: ZlibFormat['decompress'];
  readonly constants: { readonly ZSTD_d_windowLogMax: number };
}

/** The first four bytes of every zstd frame. */
const ZSTD_MAGIC = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd);

/** The largest window that a message may ask for: 8 MiB, which RFC 8878 §3.1.1.1.2 wants every decoder to support. */
const ZSTD_WINDOW_LOG_MAX = 23;

function makeZstd(): Compressor | null {
  if (!('zstdCompress' in zlib)) return null;
  const functions = zlib as unknown as ZstdFunctions;
  const format: ZlibFormat = {
    compressSync: functions.zstdCompressSync,
    compress: functions.zstdCompress,
    decompressSync: functions.zstdDecompressSync,
    decompress: functions.zstdDecompress,
  };
  const zstd = new ZlibCompressor(
    'zstd',
    format,
    {},
    { [functions.constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX },
  );
  // node:zlib: Node 22 takes a frame that was cut off for a whole one, and so would hand up a message that is shorter
  // than it was (test/framing/compressor.test.ts).
  try {
    zstd.decompress(ZSTD_MAGIC, LEAST_CHUNK_BYTES);
    return null;
  } catch {
    return zstd;
  }
}

/** `zstd`, RFC 8878; null where node:zlib lacks it or takes truncated input for whole. Not in the default registry. */
export const ZSTD: Compressor | null = makeZstd();

/** What may stand in a list of names: a token. Source: RFC 9110 §5.6.2. */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/**
 * The compressors that a channel or a server knows, by name. Immutable; start from CompressorRegistry.DEFAULT. A peer
 * may send what is known; it is told of what is advertised.
 */
export class CompressorRegistry {
  /** Knows and advertises identity, gzip and deflate. */
  static readonly DEFAULT: CompressorRegistry = new CompressorRegistry(
    new Map([
      [IDENTITY.name, IDENTITY],
      [GZIP.name, GZIP],
      [DEFLATE.name, DEFLATE],
    ]),
    [IDENTITY.name, GZIP.name, DEFLATE.name],
  );

  /** The value of `grpc-accept-encoding`: the advertised names, identity first. */
  readonly acceptEncoding: string;
  /** The names of all compressors that are known, identity first. */
  readonly names: readonly string[];
  readonly #compressors: ReadonlyMap<string, Compressor>;
  readonly #advertised: readonly string[];

  private constructor(compressors: ReadonlyMap<string, Compressor>, advertised: readonly string[]) {
    this.#compressors = compressors;
    this.#advertised = advertised;
    this.acceptEncoding = advertised.join(',');
    this.names = Object.freeze([...compressors.keys()]);
  }

  /** The compressor of that name, or null. */
  get(name: string): Compressor | null {
    return this.#compressors.get(name) ?? null;
  }

  /**
   * A copy that knows one compressor more, or another one under a name it has. Peers are not told of it with
   * `advertised` false. Throws TypeError for a name that is no HTTP token, and for `identity`, which stays as it is.
   */
  with(compressor: Compressor, advertised = true): CompressorRegistry {
    const { name } = compressor;
    if (!NAME.test(name)) throw new TypeError(`not a name for a compressor: ${JSON.stringify(name)}`);
    if (name === IDENTITY.name) throw new TypeError('the compressor identity cannot be replaced');
    const others = this.#advertised.filter((other) => other !== name);
    return new CompressorRegistry(
      new Map(this.#compressors).set(name, compressor),
      advertised ? [...others, name] : others,
    );
  }
}
