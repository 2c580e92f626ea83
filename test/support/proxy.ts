/**
 * A TCP proxy that a test directs: between a client and a port it delays, cuts, swallows, ends, resets and vanishes. It sees
 * bytes, not frames. Above: tests of lost and slow connections. Holds: dispose closes every socket and waits for it.
 */
import { once } from 'node:events';
import net from 'node:net';
import { resetSocket } from './reset-socket.ts';
import { within } from './within.ts';

/** `up` is from the client to the server, `down` the way back. */
export type Direction = 'up' | 'down';

/** What becomes of a connection. */
export interface ProxyFate {
  /** Resets a connection once so many bytes of it went up; the byte after them never goes. Default: never. */
  readonly cutUpAfter?: number;
  /** As cutUpAfter, for the way down. */
  readonly cutDownAfter?: number;
}

export interface ProxyOptions extends ProxyFate {
  /** How long each piece is held back, in both directions. Default: 0. */
  readonly delayMs?: number;
}

const PATIENCE_MS = 5_000;

/** One direction of one connection. */
class Pipe {
  readonly #from: net.Socket;
  readonly #to: net.Socket;
  readonly #cutAfter: number;
  readonly #cut: () => void;
  readonly #delayMs: () => number;
  readonly #delayed: { readonly dueMs: number; readonly act: () => void }[] = [];
  #timer: NodeJS.Timeout | undefined;
  bytes = 0;
  #ended = false;

  constructor(from: net.Socket, to: net.Socket, cutAfter: number, cut: () => void, delayMs: () => number) {
    this.#from = from;
    this.#to = to;
    this.#cutAfter = cutAfter;
    this.#cut = cut;
    this.#delayMs = delayMs;
    from.on('data', (chunk) => this.#later(() => this.#forward(chunk)));
    from.once('end', () => this.#later(() => this.end()));
    to.on('drain', () => from.resume());
    // A cut after nothing means: not even the first byte.
    if (cutAfter === 0) cut();
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#to.end();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#delayed.length = 0;
  }

  #later(act: () => void): void {
    const delayMs = this.#delayMs();
    const isFirst = this.#delayed.length === 0;
    if (delayMs === 0 && isFirst) {
      act();
      return;
    }
    // What comes later never overtakes, also when the delay was shortened meanwhile.
    this.#delayed.push({ dueMs: performance.now() + delayMs, act });
    if (isFirst) this.#arm();
  }

  #arm(): void {
    const next = this.#delayed[0];
    if (next === undefined) return;
    this.#timer = setTimeout(() => {
      this.#delayed.shift();
      next.act();
      this.#arm();
    }, next.dueMs - performance.now());
  }

  #forward(chunk: Buffer): void {
    if (this.#ended || this.#to.destroyed) return;
    const piece = chunk.subarray(0, this.#cutAfter - this.bytes);
    this.bytes += piece.length;
    if (this.bytes < this.#cutAfter) {
      if (!this.#to.write(piece)) this.#from.pause();
      return;
    }
    this.#ended = true;
    this.#to.write(piece, this.#cut);
  }
}

/** One client's connection and the one made for it. */
export class ProxyConnection {
  readonly #client: net.Socket;
  readonly #server: net.Socket;
  readonly #pipes: { readonly up: Pipe; readonly down: Pipe };
  /** Resolves once both sockets are closed. */
  readonly closed: Promise<unknown>;

  constructor(client: net.Socket, target: number, options: ProxyFate, delayMs: () => number) {
    this.#client = client;
    this.#server = net.connect({ port: target, host: '127.0.0.1', allowHalfOpen: true });
    const both = [this.#client, this.#server];
    this.closed = Promise.all(both.map((socket) => new Promise((resolve) => socket.once('close', resolve))));
    for (const socket of both) {
      socket.setNoDelay(true);
      socket.on('error', () => this.reset());
    }
    const { cutUpAfter = Number.POSITIVE_INFINITY, cutDownAfter = Number.POSITIVE_INFINITY } = options;
    // Next tick: a cut may come while the pipes are being made.
    const cut = (): void => process.nextTick(() => this.reset());
    this.#pipes = {
      up: new Pipe(client, this.#server, cutUpAfter, cut, delayMs),
      down: new Pipe(this.#server, client, cutDownAfter, cut, delayMs),
    };
  }

  /** How many bytes went on in a direction. */
  bytes(direction: Direction): number {
    return this.#pipes[direction].bytes;
  }

  /** Swallows nothing and passes nothing on: both ends see a peer that has become silent. TCP itself still answers. */
  blackHole(direction: Direction | 'both' = 'both'): void {
    if (direction !== 'down') this.#client.pause();
    if (direction !== 'up') this.#server.pause();
  }

  /** Ends a black hole; what waited goes on. */
  resume(): void {
    this.#client.resume();
    this.#server.resume();
  }

  /** Ends one direction with FIN; the other goes on. */
  halfClose(direction: Direction): void {
    this.#pipes[direction].end();
  }

  /**
   * The server is gone, and nothing tells the client: as after a power cut, or behind a router that forgot the connection.
   */
  vanish(): void {
    this.#stop();
    this.#client.pause();
    this.#server.destroy();
  }

  /** Resets both ends. */
  reset(): void {
    this.#stop();
    for (const socket of [this.#client, this.#server]) {
      if (socket.connecting) socket.once('connect', () => resetSocket(socket));
      else resetSocket(socket);
    }
  }

  /** Closes both ends. */
  destroy(): void {
    this.#stop();
    this.#client.destroy();
    this.#server.destroy();
  }

  #stop(): void {
    this.#pipes.up.stop();
    this.#pipes.down.stop();
  }
}

/** The port that clients connect to. What is set applies to later pieces and later connections. */
export class TcpProxy {
  /** In the order in which they came; those that ended too. */
  readonly connections: ProxyConnection[] = [];
  /** How long each piece is held back, in both directions. */
  delayMs: number;
  /** What becomes of the next connections, one each and in this order; later ones are as listen() was told. */
  readonly fates: ProxyFate[] = [];
  readonly #server: net.Server;

  private constructor(target: number, options: ProxyOptions) {
    this.delayMs = options.delayMs ?? 0;
    this.#server = net.createServer({ allowHalfOpen: true }, (client) => {
      const fate = this.fates.shift() ?? options;
      this.connections.push(new ProxyConnection(client, target, fate, () => this.delayMs));
    });
  }

  /** Listens on a free port of 127.0.0.1 and connects to `target` there for every client. */
  static async listen(target: number, options: ProxyOptions = {}): Promise<TcpProxy> {
    const proxy = new TcpProxy(target, options);
    proxy.#server.listen(0, '127.0.0.1');
    await within(PATIENCE_MS, once(proxy.#server, 'listening'), 'a proxy to listen');
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** The latest connection. Throws when there was none. */
  get last(): ProxyConnection {
    const connection = this.connections.at(-1);
    if (connection === undefined) throw new Error('no client has come to the proxy');
    return connection;
  }

  /** How many bytes went on in a direction, over all connections. */
  bytes(direction: Direction): number {
    return this.connections.reduce((sum, connection) => sum + connection.bytes(direction), 0);
  }

  /** Accepts no more; what is open goes on. */
  stopListening(): void {
    this.#server.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed: Promise<unknown> = this.#server.listening ? once(this.#server, 'close') : Promise.resolve();
    if (this.#server.listening) this.#server.close();
    for (const connection of this.connections) connection.destroy();
    await within(
      PATIENCE_MS,
      Promise.all(this.connections.map((connection) => connection.closed)),
      'proxied sockets to close',
    );
    await within(PATIENCE_MS, closed, 'a proxy to close');
  }
}
