/**
 * HTTP/2 by hand: a server and a client on bare sockets that do only what the test tells them, and write down every frame.
 * What they do by themselves (SETTINGS, ACKs, giving the window back) can be switched off. Above: protocol tests.
 * Below: http2-frame.ts. Holds: every wait is bounded, and fails with the log of the connection.
 */
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import {
  DEFAULT_WINDOW,
  type ErrorCode,
  encodeData,
  encodeFrame,
  encodeGoaway,
  encodeHeaders,
  encodeReset,
  encodeSettings,
  encodeWindowUpdate,
  Flag,
  type Frame,
  FrameReader,
  type FrameType,
  type HeaderPair,
  PREFACE,
  type Settings,
} from './http2-frame.ts';
import { resetSocket } from './reset-socket.ts';
import { within } from './within.ts';

const PATIENCE_MS = 5_000;

/** What a RawConnection does by itself. */
export interface RawOptions {
  /** Sent first; null sends no SETTINGS at all. Default: an empty SETTINGS. */
  readonly settings?: Settings | null;
  /** Whether the peer's SETTINGS are acknowledged. Default: true. */
  readonly ackSettings?: boolean;
  /** Whether the peer's PINGs are acknowledged. Default: true. */
  readonly ackPings?: boolean;
  /** Whether the window is given back for every DATA frame at once; false never does unless told. Default: true. */
  readonly returnWindow?: boolean;
  /** Called with each frame that comes, after the automatic answers to it. */
  readonly onFrame?: (frame: Frame, connection: RawConnection) => void;
}

export interface RawServerOptions extends RawOptions {
  /**
   * `http2` speaks; `mute` reads and writes down, but sends nothing unless told; `deaf` accepts the connection and does not
   * even read from it. Default: `http2`.
   */
  readonly manner?: 'http2' | 'mute' | 'deaf';
  /** Server options; ALPN is `h2` unless they say otherwise. Default: no TLS. */
  readonly tls?: tls.TlsOptions;
  /** A socket file to listen on in place of a free port of 127.0.0.1. */
  readonly path?: string;
}

export interface RawClientOptions extends RawOptions {
  /** Client options; ALPN is `h2` unless they say otherwise. Default: no TLS. */
  readonly tls?: tls.ConnectionOptions;
}

/** Which frame is meant; every field that is given must match. */
export interface FrameFilter {
  readonly stream?: number;
  readonly ack?: boolean;
  readonly endStream?: boolean;
  readonly code?: ErrorCode;
  /** Only frames that came later than this one. */
  readonly after?: Frame;
}

/** How a connection ended: by the peer's FIN, by its RST, or here. */
export type Ending = 'fin' | 'reset' | 'local';

/** A message of gRPC as it stood on the wire. */
export interface RawMessage {
  readonly flag: number;
  readonly payload: Buffer;
}

interface Waiter {
  readonly matches: (frame: Frame) => boolean;
  readonly resolve: (frame: Frame) => void;
  readonly reject: (error: Error) => void;
}

/** One connection, seen frame by frame. Made by RawServer and RawClient. */
export class RawConnection {
  readonly socket: net.Socket;
  /** What came, in order. */
  readonly frames: Frame[] = [];
  /** What came (`<`) and went (`>`), in order, as text. */
  readonly log: string[] = [];
  /** Resolves once the socket is closed. */
  readonly closed: Promise<Ending>;
  readonly #options: RawOptions;
  readonly #received: FrameReader = new FrameReader();
  /** Reads what we send, so that the log shows it as the peer will see it. */
  readonly #sent: FrameReader = new FrameReader();
  readonly #waiters: Set<Waiter> = new Set();
  readonly #sentFrames: Frame[] = [];
  #preface: Buffer | null;
  #ending: Ending | null = null;
  #nextStream = 1;

  constructor(socket: net.Socket, side: 'server' | 'client', manner: 'http2' | 'mute' | 'deaf', options: RawOptions) {
    this.socket = socket;
    this.#options = manner === 'http2' ? options : { ...options, ...MUTE };
    this.#preface = side === 'server' ? Buffer.alloc(0) : null;
    this.closed = new Promise((resolve) => {
      socket.once('close', () => resolve(this.#close()));
    });
    socket.setNoDelay(true);
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#end(error.code === 'ECONNRESET' || error.code === 'EPIPE' ? 'reset' : 'local', error.message);
    });
    socket.once('end', () => this.#end('fin', 'FIN'));
    if (manner === 'deaf') socket.pause();
    else socket.on('data', (chunk) => this.#onData(chunk));
    if (side === 'client') socket.write(PREFACE);
    const { settings = {} } = this.#options;
    if (settings !== null) this.sendSettings(settings);
  }

  // ---- what came ----

  /**
   * The first frame that matches, of those that came or are to come. Rejects when the connection ends before, or after
   * `ms` milliseconds.
   */
  async frame(type: FrameType, filter: FrameFilter = {}, ms: number = PATIENCE_MS): Promise<Frame> {
    const start = filter.after === undefined ? 0 : this.frames.indexOf(filter.after) + 1;
    const matches = (frame: Frame): boolean => frame.type === type && fits(frame, filter);
    const found = this.frames.slice(start).find(matches);
    if (found !== undefined) return found;
    const what = `${type} ${JSON.stringify({ ...filter, after: filter.after?.toString() })}`;
    if (this.#ending !== null) throw new Error(`no ${what} before the connection ended\n${this.text()}`);
    return await this.#wait(matches, what, ms);
  }

  /** Whether such a frame has come so far. */
  has(type: FrameType, filter: FrameFilter = {}): boolean {
    return this.frames.some((frame) => frame.type === type && fits(frame, filter));
  }

  /** The frames of one stream so far, as text. */
  story(stream: number): string[] {
    return this.frames.filter((frame) => frame.stream === stream).map(String);
  }

  /** The whole log. */
  text(): string {
    return this.log.join('\n');
  }

  /** What the peer's DATA on a stream amounts to so far: its messages. Throws if the last one is cut off. */
  messages(stream: number): RawMessage[] {
    const bytes = Buffer.concat(
      this.frames.filter((frame) => frame.type === 'DATA' && frame.stream === stream).map((frame) => frame.payload),
    );
    const messages: RawMessage[] = [];
    for (let at = 0; at < bytes.length; ) {
      const end = at + 5 + bytes.readUInt32BE(at + 1);
      if (end > bytes.length) throw new Error(`a message of stream ${stream} is cut off\n${this.text()}`);
      messages.push({ flag: bytes.readUInt8(at), payload: bytes.subarray(at + 5, end) });
      at = end;
    }
    return messages;
  }

  /** How many bytes the peer still lets us send on a stream, by its SETTINGS and WINDOW_UPDATEs. */
  credit(stream: number): number {
    const windows = this.frames.map((frame) => frame.settings.INITIAL_WINDOW_SIZE).filter((size) => size !== undefined);
    const ofStream = (windows.at(-1) ?? DEFAULT_WINDOW) + this.#balance((id) => id === stream);
    const ofConnection = DEFAULT_WINDOW + this.#balance(null);
    return Math.min(ofStream, ofConnection);
  }

  #balance(counts: ((stream: number) => boolean) | null): number {
    let bytes = 0;
    for (const frame of this.frames) {
      if (counts === null ? frame.stream === 0 : counts(frame.stream)) bytes += frame.increment;
    }
    for (const frame of this.#sentFrames) {
      if (frame.type === 'DATA' && (counts === null || counts(frame.stream))) bytes -= frame.wireBytes;
    }
    return bytes;
  }

  // ---- what goes ----

  /** A request on the next stream that is free; returns its number. For clients. */
  open(pairs: Iterable<HeaderPair>, options: { readonly endStream?: boolean } = {}): number {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    this.sendHeaders(stream, pairs, options);
    return stream;
  }

  /** HEADERS; with CONTINUATION where the block is longer than `fragmentBytes` (16384). */
  sendHeaders(
    stream: number,
    pairs: Iterable<HeaderPair>,
    options: { readonly endStream?: boolean; readonly fragmentBytes?: number } = {},
  ): void {
    this.sendRaw(encodeHeaders(stream, pairs, options.endStream ?? false, options.fragmentBytes));
  }

  /** DATA at once, whatever the peer's window. */
  sendData(stream: number, bytes: Uint8Array, options: { readonly endStream?: boolean } = {}): void {
    this.sendRaw(encodeData(stream, bytes, options.endStream ?? false));
  }

  sendRst(stream: number, code: ErrorCode): void {
    this.sendRaw(encodeReset(stream, code));
  }

  sendSettings(settings: Settings): void {
    this.sendRaw(encodeSettings(settings));
  }

  ackSettings(): void {
    this.sendFrame('SETTINGS', Flag.ACK, 0);
  }

  /** `payload` has 8 bytes. */
  sendPing(payload: Uint8Array = Buffer.alloc(8)): void {
    this.sendFrame('PING', 0, 0, payload);
  }

  ackPing(payload: Uint8Array): void {
    this.sendFrame('PING', Flag.ACK, 0, payload);
  }

  sendGoaway(lastStream: number, code: ErrorCode = 'NO_ERROR', debug = ''): void {
    this.sendRaw(encodeGoaway(lastStream, code, debug));
  }

  /** Gives back so much of the window of a stream, or with 0 of the connection. */
  sendWindowUpdate(stream: number, increment: number): void {
    this.sendRaw(encodeWindowUpdate(stream, increment));
  }

  /** Any frame, legal or not. */
  sendFrame(type: FrameType | number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): void {
    this.sendRaw(encodeFrame(type, flags, stream, payload));
  }

  /** Any bytes. */
  sendRaw(bytes: Uint8Array): void {
    if (this.#ending !== null) return;
    this.socket.write(bytes);
    try {
      for (const frame of this.#sent.push(Buffer.from(bytes))) {
        this.#sentFrames.push(frame);
        this.log.push(`> ${frame}`);
      }
    } catch {
      this.log.push(`> ${bytes.length} bytes that are no frame`);
    }
  }

  /** Asks and waits for the answer to a PING: the peer has then read everything that was sent before. */
  async roundTrip(): Promise<void> {
    const after = this.frames.at(-1);
    this.sendPing(Buffer.from('halfclos'));
    await this.frame('PING', { ack: true, ...(after === undefined ? {} : { after }) });
  }

  /** Sends FIN; reading goes on. */
  end(): void {
    this.log.push('> FIN');
    this.socket.end();
  }

  /** Sends a TCP RST. Not for TLS. */
  reset(): void {
    this.#end('local', 'reset here');
    resetSocket(this.socket);
  }

  destroy(): void {
    this.#end('local', 'destroyed here');
    this.socket.destroy();
  }

  /** Closes the socket and waits until it is closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.destroy();
    await within(PATIENCE_MS, this.closed, 'a raw connection to close');
  }

  // ---- events ----

  #onData(bytes: Buffer): void {
    let chunk = bytes;
    if (this.#preface !== null) {
      this.#preface = Buffer.concat([this.#preface, chunk]);
      if (this.#preface.length < PREFACE.length) return;
      if (!this.#preface.subarray(0, PREFACE.length).equals(PREFACE)) {
        this.#fail('no HTTP/2 preface came');
        return;
      }
      chunk = this.#preface.subarray(PREFACE.length);
      this.#preface = null;
    }
    try {
      for (const frame of this.#received.push(chunk)) this.#onFrame(frame);
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error));
    }
  }

  #onFrame(frame: Frame): void {
    this.frames.push(frame);
    this.log.push(`< ${frame}`);
    const { ackSettings = true, ackPings = true, returnWindow = true, onFrame } = this.#options;
    if (frame.type === 'SETTINGS' && !frame.ack && ackSettings) this.ackSettings();
    if (frame.type === 'PING' && !frame.ack && ackPings) this.ackPing(frame.payload);
    if (frame.type === 'DATA' && frame.wireBytes > 0 && returnWindow) {
      this.sendWindowUpdate(0, frame.wireBytes);
      if (!frame.endStream) this.sendWindowUpdate(frame.stream, frame.wireBytes);
    }
    for (const waiter of this.#waiters) {
      if (!waiter.matches(frame)) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(frame);
    }
    onFrame?.(frame, this);
  }

  async #wait(matches: (frame: Frame) => boolean, what: string, ms: number): Promise<Frame> {
    let waiter: Waiter | null = null;
    const come = new Promise<Frame>((resolve, reject) => {
      waiter = { matches, resolve, reject };
      this.#waiters.add(waiter);
    });
    try {
      return await within(ms, come, what);
    } catch (error) {
      if (waiter !== null) this.#waiters.delete(waiter);
      throw new Error(`${error instanceof Error ? error.message : String(error)}\n${this.text()}`);
    }
  }

  #fail(why: string): void {
    this.log.push(`! ${why}`);
    this.destroy();
  }

  #end(ending: Ending, why: string): void {
    if (this.#ending !== null) return;
    this.#ending = ending;
    this.log.push(`! ${why}`);
    for (const waiter of this.#waiters) waiter.reject(new Error(`the connection ended: ${why}`));
    this.#waiters.clear();
  }

  #close(): Ending {
    this.#end('local', 'closed');
    return this.#ending ?? 'local';
  }
}

const MUTE: RawOptions = { settings: null, ackSettings: false, ackPings: false, returnWindow: false };

function fits(frame: Frame, filter: FrameFilter): boolean {
  if (filter.stream !== undefined && frame.stream !== filter.stream) return false;
  if (filter.ack !== undefined && frame.ack !== filter.ack) return false;
  if (filter.endStream !== undefined && frame.endStream !== filter.endStream) return false;
  return filter.code === undefined || frame.code === filter.code;
}

/** A port on which every connection is a RawConnection. */
export class RawServer {
  /** In the order in which they came. */
  readonly connections: RawConnection[] = [];
  readonly #server: net.Server;
  readonly #sockets: Set<net.Socket> = new Set();
  readonly #arrivals: Set<() => void> = new Set();

  private constructor(options: RawServerOptions) {
    const accept = (socket: net.Socket): void => this.#accept(socket, options);
    this.#server =
      options.tls === undefined
        ? net.createServer(accept)
        : tls.createServer({ ALPNProtocols: ['h2'], ...options.tls }, accept);
    this.#server.on('tlsClientError', () => {});
    this.#server.on('connection', (socket: net.Socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  static async listen(options: RawServerOptions = {}): Promise<RawServer> {
    const server = new RawServer(options);
    if (options.path === undefined) server.#server.listen(0, '127.0.0.1');
    else server.#server.listen(options.path);
    await within(PATIENCE_MS, once(server.#server, 'listening'), 'a raw server to listen');
    return server;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** The connection with this number, counted from 0, once it has come. */
  async connection(index = 0, ms: number = PATIENCE_MS): Promise<RawConnection> {
    await within(ms, this.#count(index + 1), `connection ${index} of a raw server`);
    return this.connections[index] as RawConnection;
  }

  /** Accepts no more; what is open stays open. */
  stopListening(): void {
    this.#server.close();
  }

  /** Closes every socket and the port, and waits for it. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const closed: Promise<unknown> = this.#server.listening ? once(this.#server, 'close') : Promise.resolve();
    if (this.#server.listening) this.#server.close();
    for (const connection of this.connections) await connection[Symbol.asyncDispose]();
    await within(PATIENCE_MS, closed, 'a raw server to close');
  }

  #accept(socket: net.Socket, options: RawServerOptions): void {
    this.connections.push(new RawConnection(socket, 'server', options.manner ?? 'http2', options));
    for (const arrival of this.#arrivals) arrival();
  }

  #count(count: number): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (this.connections.length < count) return;
        this.#arrivals.delete(check);
        resolve();
      };
      this.#arrivals.add(check);
      check();
    });
  }
}

/** The client's side: connects and sends the preface and SETTINGS. */
export const RawClient = Object.freeze({
  /** To a port of 127.0.0.1, or to a socket file. */
  async connect(target: number | string, options: RawClientOptions = {}): Promise<RawConnection> {
    const where = typeof target === 'number' ? { host: '127.0.0.1', port: target } : { path: target };
    const secure = options.tls !== undefined;
    const socket = secure ? tls.connect({ ...where, ALPNProtocols: ['h2'], ...options.tls }) : net.connect(where);
    await within(PATIENCE_MS, once(socket, secure ? 'secureConnect' : 'connect'), 'a raw client to connect');
    return new RawConnection(socket, 'client', 'http2', options);
  },
});

/** Prefix and payload of one gRPC message; flag 1 says that the payload is compressed. */
export function grpcFrame(payload: Uint8Array, flag = 0): Buffer {
  const frame = Buffer.alloc(5 + payload.length);
  frame.writeUInt8(flag, 0);
  frame.writeUInt32BE(payload.length, 1);
  frame.set(payload, 5);
  return frame;
}

/** The headers of a gRPC request to `/package.Service/Method`. */
export function requestHeaders(path: string, extra: Iterable<HeaderPair> = []): HeaderPair[] {
  return [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'localhost'],
    ['te', 'trailers'],
    ['content-type', 'application/grpc'],
    ...extra,
  ];
}

/** The headers of a gRPC response. */
export function responseHeaders(extra: Iterable<HeaderPair> = []): HeaderPair[] {
  return [[':status', '200'], ['content-type', 'application/grpc'], ...extra];
}

/** The trailers of a gRPC response; send them with endStream. */
export function trailers(code: number, extra: Iterable<HeaderPair> = []): HeaderPair[] {
  return [['grpc-status', String(code)], ...extra];
}

/** A response that is nothing but a status; send it with endStream. */
export function trailersOnly(code: number, extra: Iterable<HeaderPair> = []): HeaderPair[] {
  return [...responseHeaders(), ...trailers(code, extra)];
}
