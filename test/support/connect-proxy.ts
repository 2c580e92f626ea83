/**
 * An HTTP proxy that knows CONNECT alone, of node:http: it connects, wants a password, refuses, or says nothing. Whatever name
 * it is asked for, it connects to 127.0.0.1. Above: tests of tunnels. Holds: dispose closes every socket and waits for it.
 */
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import type { KeyPair } from './certificates.ts';
import { within } from './within.ts';

export interface ConnectProxyOptions {
  /** Its certificate, for an `https:` proxy. Default: cleartext. */
  readonly tls?: KeyPair;
  /** `user:password` that it wants. Default: none. */
  readonly password?: string;
  /** What it says in place of connecting, in full; empty for nothing at all. Default: it connects. */
  readonly answer?: string;
  /** Whether it leaves the connection open behind `answer`. Default: false. */
  readonly staysOpen?: boolean;
  /** Sent right behind its 200, in the same write, as if the server had spoken first. Default: nothing. */
  readonly head?: Uint8Array;
}

const PATIENCE_MS = 5_000;

export class ConnectProxy {
  /** `CONNECT target` with its headers, as they came. */
  readonly requests: http.IncomingMessage[] = [];
  readonly #server: http.Server;
  readonly #sockets: Set<net.Socket> = new Set();
  readonly #options: ConnectProxyOptions;

  private constructor(options: ConnectProxyOptions) {
    this.#options = options;
    this.#server = options.tls === undefined ? http.createServer() : https.createServer(options.tls);
    this.#server.on('connection', (socket: net.Socket) => this.#keep(socket));
    this.#server.on('connect', (request, socket, head) => this.#onConnect(request, socket as net.Socket, head));
  }

  static async listen(options: ConnectProxyOptions = {}): Promise<ConnectProxy> {
    const proxy = new ConnectProxy(options);
    proxy.#server.listen(0, '127.0.0.1');
    await within(PATIENCE_MS, once(proxy.#server, 'listening'), 'a proxy to listen');
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** `http://localhost:port`, with what stands before the host. */
  url(userInfo = ''): URL {
    return new URL(`${this.#options.tls === undefined ? 'http' : 'https'}://${userInfo}localhost:${this.port}`);
  }

  /** Sockets that are open, towards clients and servers. */
  get open(): number {
    return this.#sockets.size;
  }

  /** Once the next CONNECT has come. */
  async asked(): Promise<http.IncomingMessage> {
    const [last] = this.requests.slice(-1);
    if (last !== undefined) return last;
    await within(PATIENCE_MS, once(this.#server, 'connect'), 'CONNECT');
    return this.requests.at(-1) as http.IncomingMessage;
  }

  /** Once every socket is closed. */
  async idle(): Promise<void> {
    const closed = [...this.#sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    await within(PATIENCE_MS, Promise.all(closed), 'sockets of a proxy to close');
  }

  #keep(socket: net.Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => this.#sockets.delete(socket));
  }

  #onConnect(request: http.IncomingMessage, client: net.Socket, head: Buffer): void {
    this.requests.push(request);
    client.on('error', () => {});
    const { password, answer, staysOpen = false } = this.#options;
    const wanted = `Basic ${Buffer.from(password ?? '').toString('base64')}`;
    if (password !== undefined && request.headers['proxy-authorization'] !== wanted) {
      client.end(
        'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n',
      );
      return;
    }
    if (answer !== undefined) {
      // Reading goes on, so that the end of the client is seen; sockets of node:http stay half open.
      client.once('end', () => client.end());
      client.resume();
      if (answer !== '') client.write(answer);
      if (answer !== '' && !staysOpen) client.end();
      return;
    }
    this.#connect(request, client, head);
  }

  #connect(request: http.IncomingMessage, client: net.Socket, head: Buffer): void {
    const port = Number(/:(\d+)$/.exec(request.url ?? '')?.[1]);
    const server = net.connect(port, '127.0.0.1');
    this.#keep(server);
    server.once('error', () => client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'));
    server.once('connect', () => {
      const ok = Buffer.from('HTTP/1.1 200 Connection established\r\n\r\n');
      client.write(Buffer.concat([ok, this.#options.head ?? Buffer.of()]));
      server.write(head);
      client.pipe(server).pipe(client);
    });
    client.once('close', () => server.destroy());
    server.once('close', () => client.destroy());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await within(PATIENCE_MS, closed, 'a proxy to close');
  }
}
