/**
 * One request on a raw connection, and the means to answer it well or badly. Above: negative-server.ts. Below: raw-http2.ts.
 * Holds: DATA leaves only as the client's windows allow, padding counted (RFC 9113 §6.9.1), so a client that does not give
 * back what padding took is never answered to the end; every wait is bounded, and over with the connection.
 */

import type { Frame } from '../../support/http2-frame.ts';
import {
  DEFAULT_WINDOW,
  encodeData,
  encodeFrame,
  encodeGoaway,
  encodeHeaders,
  Flag,
} from '../../support/http2-frame.ts';
import { type RawConnection, responseHeaders, trailers } from '../../support/raw-http2.ts';
import { within } from '../../support/within.ts';

const PATIENCE_MS = 10_000;
const LARGEST_FRAME_BYTES = 16_384;

/** How a message is cut into DATA frames. */
export interface Cut {
  /** Bytes of the message in one frame. Default: 16384. */
  readonly bytes?: number;
  /** Bytes of padding in each frame, 1 to 255. Default: the frames are not padded. */
  readonly padding?: number;
}

/** What the client lets a connection and its streams send. */
export class Windows {
  readonly #streams: Map<number, number> = new Map();
  readonly #waiters: Set<() => void> = new Set();
  #connection = DEFAULT_WINDOW;
  #initial = DEFAULT_WINDOW;
  #isOver = false;

  constructor(connection: RawConnection) {
    void connection.closed.then(() => {
      this.#isOver = true;
      this.#wake();
    });
  }

  onFrame(frame: Frame): void {
    const size = frame.settings.INITIAL_WINDOW_SIZE;
    if (size !== undefined) this.#resize(size);
    if (frame.type === 'WINDOW_UPDATE') this.#grow(frame.stream, frame.increment);
    this.#wake();
  }

  /** Takes so many bytes out of both windows, or none if one of them does not hold as many. */
  take(stream: number, bytes: number): boolean {
    const left = this.#streams.get(stream) ?? this.#initial;
    if (this.#connection < bytes || left < bytes) return false;
    this.#connection -= bytes;
    this.#streams.set(stream, left - bytes);
    return true;
  }

  /** Resolves when the windows may have grown. Rejects once the connection is over, and when nothing comes. */
  async grown(): Promise<void> {
    const grown = new Promise<void>((resolve) => this.#waiters.add(resolve));
    if (!this.#isOver) await within(PATIENCE_MS, grown, 'the client to give its window back');
    if (this.#isOver) throw new Error('the connection ended amid a response');
  }

  #resize(size: number): void {
    for (const [stream, left] of this.#streams) this.#streams.set(stream, left + size - this.#initial);
    this.#initial = size;
  }

  #grow(stream: number, bytes: number): void {
    if (stream === 0) this.#connection += bytes;
    else this.#streams.set(stream, (this.#streams.get(stream) ?? this.#initial) + bytes);
  }

  #wake(): void {
    for (const waiter of this.#waiters) waiter();
    this.#waiters.clear();
  }
}

/** A stream of a raw server, from its request's headers on. */
export class Exchange {
  readonly connection: RawConnection;
  readonly stream: number;
  readonly path: string;
  readonly #windows: Windows;

  constructor(connection: RawConnection, windows: Windows, headers: Frame) {
    this.connection = connection;
    this.stream = headers.stream;
    this.path = headers.header(':path') ?? '';
    this.#windows = windows;
  }

  headers(): void {
    this.connection.sendHeaders(this.stream, responseHeaders());
  }

  /** Sends bytes of the body, as fast as the client takes them. */
  async data(body: Uint8Array, cut: Cut = {}): Promise<void> {
    const { bytes = LARGEST_FRAME_BYTES, padding = 0 } = cut;
    let burst: Buffer[] = [];
    for (let at = 0; at < body.length; at += bytes) {
      const frame = encodePadded(this.stream, body.subarray(at, at + bytes), padding);
      while (!this.#windows.take(this.stream, frame.payloadBytes)) {
        this.connection.sendRaw(Buffer.concat(burst));
        burst = [];
        await this.#windows.grown();
      }
      burst.push(frame.encoded);
    }
    this.connection.sendRaw(Buffer.concat(burst));
  }

  /** The status, and with it the end. */
  trailers(code: number): void {
    this.connection.sendHeaders(this.stream, trailers(code), { endStream: true });
  }

  /** The end, and a GOAWAY behind it that the client reads in one go with it. */
  trailersAndGoaway(code: number, lastStream: number): void {
    const end = encodeHeaders(this.stream, trailers(code), true);
    this.connection.sendRaw(Buffer.concat([end, encodeGoaway(lastStream, 'NO_ERROR', '')]));
  }

  /** RST_STREAM(NO_ERROR). */
  reset(): void {
    this.connection.sendRst(this.stream, 'NO_ERROR');
  }
}

function encodePadded(stream: number, piece: Uint8Array, padding: number): { encoded: Buffer; payloadBytes: number } {
  if (padding === 0) return { encoded: encodeData(stream, piece, false), payloadBytes: piece.length };
  const payload = Buffer.concat([Buffer.of(padding), piece, Buffer.alloc(padding)]);
  return { encoded: encodeFrame('DATA', Flag.PADDED, stream, payload), payloadBytes: payload.length };
}
