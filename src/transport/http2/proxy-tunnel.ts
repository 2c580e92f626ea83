/**
 * A tunnel through an HTTP proxy: connects to it, sends CONNECT, hands over the socket. Above: Http2ClientTransport, which
 * bounds it in time and speaks TLS or HTTP/2 through it. Below: node:http, node:net, node:tls. Holds: the listener is told one
 * thing, once, never inside openTunnel(); destroying the socket ends the attempt; no credentials stand in any text.
 *
 *   connecting ─(secure)connect→ asking ─2xx→ open
 *       └────────socket closed, refusal─┴──→ failed
 *
 * Sources: gRFC A1, RFC 9110 §9.3.6, RFC 7617.
 */
import http from 'node:http';
import net from 'node:net';
import tls from 'node:tls';
import type { HttpProxy } from './proxy-environment.ts';
import { errorText } from './status-mapping.ts';

/** Told how an attempt ended. */
export interface TunnelListener {
  /** The socket now leads to the target. */
  onTunnel(socket: net.Socket): void;
  /** The proxy could not be reached, refused, or left. The socket is closed. */
  onTunnelFailed(error: Error): void;
}

/** How much of a proxy's words goes into an error. */
const MAX_REASON_CHARS = 200;

/** Starts an attempt; returns the socket to the proxy. Throws what tls.connect throws for bad options. */
export function openTunnel(proxy: HttpProxy, listener: TunnelListener): net.Socket {
  return new ProxyTunnel(proxy, listener).socket;
}

class ProxyTunnel {
  readonly socket: net.Socket;
  readonly #proxy: HttpProxy;
  readonly #listener: TunnelListener;
  #state: 'connecting' | 'asking' | 'open' | 'failed' = 'connecting';
  /** What was first said to be wrong. */
  #error: Error | null = null;

  constructor(proxy: HttpProxy, listener: TunnelListener) {
    this.#proxy = proxy;
    this.#listener = listener;
    this.socket = socketTo(proxy);
    this.socket.on('error', (error) => this.#noteError(error));
    // What is secret is for a proxy whose certificate was found good.
    this.socket.once(isSecure(proxy) ? 'secureConnect' : 'connect', () => this.#onConnected());
    this.socket.once('close', () => this.#onClosed());
  }

  #noteError(error: Error): void {
    this.#error ??= new Error(`the proxy ${this.#proxy.url.host}: ${errorText(error)}`, { cause: error });
  }

  #onConnected(): void {
    if (this.socket.destroyed) return;
    this.#state = 'asking';
    try {
      this.#ask();
    } catch (error) {
      this.#noteError(error as Error);
      this.socket.destroy();
    }
  }

  #ask(): void {
    const { url, target } = this.#proxy;
    const authorization = url.username === '' && url.password === '' ? {} : { 'Proxy-Authorization': basic(url) };
    const request = http.request({
      createConnection: () => this.socket,
      method: 'CONNECT',
      path: target,
      headers: { Host: target, Connection: 'keep-alive', 'Proxy-Connection': 'keep-alive', ...authorization },
    });
    request.on('error', (error) => this.#noteError(error));
    request.once('connect', (answer, _socket, head) => this.#onAnswer(answer, head));
    request.end();
  }

  #onAnswer({ statusCode = 0, statusMessage = '' }: http.IncomingMessage, head: Buffer): void {
    if (statusCode < 200 || statusCode > 299) {
      const answer = `${statusCode} ${statusMessage}`.trim().slice(0, MAX_REASON_CHARS);
      this.#error = new Error(`the proxy ${this.#proxy.url.host} answered ${answer}`);
      this.socket.destroy();
      return;
    }
    this.#state = 'open';
    // A server may have spoken first.
    if (head.length > 0) this.socket.unshift(head);
    this.#listener.onTunnel(this.socket);
  }

  #onClosed(): void {
    if (this.#state === 'open') return;
    const where = this.#state === 'connecting' ? 'connecting to it' : 'it answered';
    this.#state = 'failed';
    const { host } = this.#proxy.url;
    this.#listener.onTunnelFailed(this.#error ?? new Error(`the proxy ${host}: the connection ended before ${where}`));
  }
}

function isSecure(proxy: HttpProxy): boolean {
  return proxy.url.protocol === 'https:';
}

function socketTo(proxy: HttpProxy): net.Socket {
  const { url } = proxy;
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = Number(url.port === '' ? (isSecure(proxy) ? 443 : 80) : url.port);
  if (!isSecure(proxy)) return net.connect({ host, port, noDelay: true });
  // SNI takes no IP addresses. RFC 6066 §3.
  const servername = net.isIP(host) === 0 ? { servername: host } : {};
  return tls.connect({ ...servername, ...proxy.tls, host, port, ALPNProtocols: ['http/1.1'] });
}

function basic(url: URL): string {
  const credentials = `${decoded(url.username)}:${decoded(url.password)}`;
  return `Basic ${Buffer.from(credentials).toString('base64')}`;
}

/** Without percent signs that stand for something else; as it is, where one stands for nothing. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
