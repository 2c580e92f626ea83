/**
 * The floor: node:http2 with framing by hand, and nothing that a library would add: no deadline, no cancellation, no
 * limits, no checks but the status. What any gRPC library on node:http2 costs beyond it is the library's own. Above:
 * stacks.ts. Below: node:http2. Its windows are those of halfclose, so that large messages flow alike.
 */
import { once } from 'node:events';
import http2 from 'node:http2';
import { gunzipSync, gzipSync } from 'node:zlib';
import { answerTo, decodeOrder, encodeOrder, messageOf, PATHS } from '../service.ts';
import { type Done, metadataOf, type OpenCall, type Stack, type StackClient, type StackOptions } from '../stack.ts';

const WINDOW_BYTES = 512 * 1024;
const CONNECTION_WINDOW_BYTES = 4 * WINDOW_BYTES;
/** In MB: many large messages at once are no reason to refuse streams. */
const MAX_SESSION_MEMORY = 1000;
const SETTINGS: http2.Settings = { initialWindowSize: WINDOW_BYTES, enablePush: false };
const PREFIX_BYTES = 5;
const GZIP_LEVEL = 6;

type Framer = (message: Uint8Array) => Buffer;

function frame(message: Uint8Array, flag: number): Buffer {
  const framed = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  framed[0] = flag;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, PREFIX_BYTES);
  return framed;
}

function framerFor({ compression }: StackOptions): Framer {
  if (compression === null) return (message) => frame(message, 0);
  return (message) => frame(gzipSync(message, { level: GZIP_LEVEL }), 1);
}

/** Takes chunks, gives messages. */
class Deframer {
  readonly #onMessage: (message: Uint8Array) => void;
  #rest: Buffer[] = [];
  #held = 0;

  constructor(onMessage: (message: Uint8Array) => void) {
    this.#onMessage = onMessage;
  }

  push(chunk: Buffer): void {
    this.#rest.push(chunk);
    this.#held += chunk.length;
    while (this.#held >= PREFIX_BYTES) {
      const head = this.#first(PREFIX_BYTES);
      const end = PREFIX_BYTES + head.readUInt32BE(1);
      if (this.#held < end) return;
      const whole = this.#first(end);
      const payload = whole.subarray(PREFIX_BYTES, end);
      this.#rest = whole.length === end ? this.#rest.slice(1) : [whole.subarray(end), ...this.#rest.slice(1)];
      this.#held -= end;
      this.#onMessage(head[0] === 1 ? gunzipSync(payload) : payload);
    }
  }

  /** The first chunk, made to hold so many bytes at least. */
  #first(bytes: number): Buffer {
    let [first] = this.#rest;
    if (first === undefined || first.length < bytes) {
      first = Buffer.concat(this.#rest);
      this.#rest = [first];
    }
    return first;
  }
}

/** Writes `messages` times the same frame, waiting whenever the stream is full; then `after`. */
function pour(stream: http2.Http2Stream, make: () => Buffer, messages: number, after: () => void): void {
  let left = messages;
  const go = (): void => {
    while (left > 0) {
      left -= 1;
      if (!stream.write(make()) && left > 0) {
        stream.once('drain', go);
        return;
      }
    }
    after();
  };
  go();
}

const OK_TRAILERS = { 'grpc-status': '0' };

class FloorServer {
  readonly target: string;
  readonly #server: http2.Http2Server;

  constructor(server: http2.Http2Server, options: StackOptions) {
    this.#server = server;
    this.target = `127.0.0.1:${(server.address() as { port: number }).port}`;
    const framer = framerFor(options);
    const encoding = options.compression === null ? {} : { 'grpc-encoding': 'gzip' };
    const headers = {
      ':status': 200,
      'content-type': 'application/grpc+proto',
      ...encoding,
      ...Object.fromEntries(metadataOf(options)),
    };
    server.on('session', (session) => session.setLocalWindowSize(CONNECTION_WINDOW_BYTES));
    server.on('stream', (stream, request) => {
      stream.on('error', () => {});
      stream.respond(headers, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers(OK_TRAILERS));
      serveCall(stream, `${request[':path']}`, framer);
    });
  }

  async close(): Promise<void> {
    this.#server.close();
    await Promise.resolve();
  }
}

function serveCall(stream: http2.ServerHttp2Stream, path: string, framer: Framer): void {
  let received = 0;
  const deframer = new Deframer((message) => {
    received += 1;
    if (path === PATHS.unary) stream.end(framer(answerTo(message)));
    else if (path === PATHS.pingPong) stream.write(framer(answerTo(message)));
    else if (path === PATHS.download) {
      const order = decodeOrder(message);
      pour(
        stream,
        () => framer(messageOf(order.bytes)),
        order.messages,
        () => stream.end(),
      );
    }
  });
  stream.on('data', (chunk: Buffer) => deframer.push(chunk));
  stream.on('end', () => {
    if (path === PATHS.pingPong) stream.end();
    if (path === PATHS.upload) stream.end(framer(encodeOrder({ messages: received, bytes: 0 })));
  });
}

class FloorClient implements StackClient {
  readonly #session: http2.ClientHttp2Session;
  readonly #framer: Framer;
  readonly #headers: Record<string, string>;

  constructor(target: string, options: StackOptions) {
    const { tls } = options;
    const authority = tls === null ? `http://${target}` : `https://localhost:${target.split(':')[1]}`;
    this.#session = http2.connect(authority, {
      maxSessionMemory: MAX_SESSION_MEMORY,
      settings: SETTINGS,
      ...(tls === null ? {} : { ca: tls.ca }),
    });
    this.#session.on('error', () => {});
    this.#session.once('connect', () => this.#session.setLocalWindowSize(CONNECTION_WINDOW_BYTES));
    this.#framer = framerFor(options);
    this.#headers = {
      ':method': 'POST',
      'content-type': 'application/grpc+proto',
      te: 'trailers',
      ...(options.compression === null ? {} : { 'grpc-encoding': 'gzip' }),
      ...Object.fromEntries(metadataOf(options)),
    };
  }

  async ready(): Promise<void> {
    if (this.#session.connecting) await once(this.#session, 'connect');
  }

  #call(path: string, onMessage: (message: Uint8Array) => void, done: Done): http2.ClientHttp2Stream {
    const stream = this.#session.request({ ...this.#headers, ':path': path });
    let status: unknown = null;
    const deframer = new Deframer(onMessage);
    stream.on('data', (chunk: Buffer) => deframer.push(chunk));
    stream.on('trailers', (trailers) => {
      status = trailers['grpc-status'];
    });
    stream.on('error', () => {});
    stream.on('close', () => done(status === '0' ? null : new Error(`the call ended with status ${status}`)));
    return stream;
  }

  unary(request: Uint8Array, done: Done): void {
    this.#call(PATHS.unary, () => {}, done).end(this.#framer(request));
  }

  pingPong(request: Uint8Array, messages: number, done: Done): void {
    let left = messages;
    const next = (): void => {
      left -= 1;
      if (left < 0) stream.end();
      else stream.write(this.#framer(request));
    };
    const stream = this.#call(PATHS.pingPong, next, done);
    next();
  }

  download(order: Uint8Array, onMessage: (message: Uint8Array) => undefined | Promise<void>, done: Done): void {
    const take = (message: Uint8Array): void => {
      const pause = onMessage(message);
      if (pause === undefined) return;
      stream.pause();
      void pause.then(() => stream.resume());
    };
    const stream = this.#call(PATHS.download, take, done);
    stream.end(this.#framer(order));
  }

  upload(message: Uint8Array, messages: number, done: Done): void {
    const stream = this.#call(PATHS.upload, () => {}, done);
    pour(
      stream,
      () => this.#framer(message),
      messages,
      () => stream.end(),
    );
  }

  open(request: Uint8Array, opened: (error: Error | null, call: OpenCall) => void): void {
    const call = { cancel: (): void => stream.close(http2.constants.NGHTTP2_CANCEL) };
    const stream = this.#call(
      PATHS.pingPong,
      () => opened(null, call),
      () => {},
    );
    stream.write(this.#framer(request));
  }

  async close(): Promise<void> {
    this.#session.destroy();
    await Promise.resolve();
  }
}

export const FLOOR: Stack = {
  name: 'floor',
  async serve(options) {
    const server =
      options.tls === null
        ? http2.createServer({ maxSessionMemory: MAX_SESSION_MEMORY, settings: SETTINGS })
        : http2.createSecureServer({
            maxSessionMemory: MAX_SESSION_MEMORY,
            settings: SETTINGS,
            key: options.tls.key,
            cert: options.tls.cert,
          });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new FloorServer(server as http2.Http2Server, options);
  },
  connect: (target, options) => new FloorClient(target, options),
};
