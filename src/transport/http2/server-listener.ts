/**
 * A bound port or socket file; makes one server transport per connection. Above: Server. Below: Http2ServerTransport;
 * node:http2. Holds: a connection that does not speak HTTP/2 within the handshake timeout is gone; nothing that a
 * connection does throws here; onClosed comes once and last. Sources: RFC 9113 §3.
 */
import http2 from 'node:http2';
import type net from 'node:net';
import type { ServerCredentials, TlsServerOptions } from '../../credentials/server-credentials.ts';
import type { TlsSource } from '../../credentials/tls-source.ts';
import { CompressorRegistry } from '../../framing/compressor.ts';
import { type Clock, SYSTEM_CLOCK } from '../../values/clock.ts';
import type { ServerAcceptor, ServerListener } from '../transport.ts';
import { type ConnectionPolicyOptions, completePolicy } from './connection-policy.ts';
import { Http2ServerTransport, type ServerTransportConfig } from './server-transport.ts';
import {
  completeTuning,
  openConnectionWindow,
  type SessionTuning,
  sessionOptions,
  socketAttributes,
  type Tuning,
} from './session.ts';

/** Where to listen: a TCP port (0 finds a free one), or a Unix socket. */
export type Http2ListenAddress = { readonly host: string; readonly port: number } | { readonly path: string };

/** What a listener is told at birth. */
export interface Http2ServerOptions extends SessionTuning, ConnectionPolicyOptions {
  /** Default: the system's. */
  readonly clock?: Clock;
  /** What messages may be compressed with. Default: identity, gzip, deflate. */
  readonly compressors?: CompressorRegistry;
  /** The largest request message to accept, in bytes, before and after inflation. Default 4 MiB. */
  readonly maxInboundMessageBytes?: number;
  /**
   * Calls that one connection may have open. Default: no limit. From Node 22 on a client that cancels a call at the limit, and
   * begins another at once, may find that one refused (docs/node-http2.md).
   */
  readonly maxConcurrentCallsPerConnection?: number;
  /** Bounds TLS, and then the client's first SETTINGS, in milliseconds each. Default 120,000. */
  readonly handshakeTimeoutMs?: number;
}

const HANDSHAKE_TIMEOUT_MS = 120_000;
const MAX_INBOUND_MESSAGE_BYTES = 4 * 1024 * 1024;

/**
 * Resets by clients that node tolerates before it ends the connection: a burst, and a rate per second. Cancelling is
 * everyday in gRPC, so more than node's 1000 and 33. Versions that do not know the options ignore them.
 */
const RESET_LIMITS = { streamResetBurst: 10_000, streamResetRate: 1000 };

/** A bound port or socket file. */
export class Http2ServerListener implements ServerListener {
  readonly #address: Http2ListenAddress;
  /** Null for cleartext. */
  readonly #tlsSource: TlsSource<TlsServerOptions> | null;
  /** What new connections get. */
  #tlsOptions: TlsServerOptions | null;
  /** Ends the listening for changes of it. */
  #unfollow: () => void = () => {};
  readonly #tuning: Tuning;
  readonly #config: ServerTransportConfig;
  readonly #server: http2.Http2Server | http2.Http2SecureServer;
  /** TCP connections in their TLS handshake, by the client's address. */
  readonly #handshakes = new Map<string, net.Socket>();
  #acceptor: ServerAcceptor | null = null;
  /** The socket whose session is being made. */
  #accepting: net.Socket | null = null;

  constructor(address: Http2ListenAddress, credentials: ServerCredentials, options: Http2ServerOptions = {}) {
    this.#address = address;
    this.#tlsSource = credentials.tlsSource;
    this.#tlsOptions = credentials.tls;
    this.#tuning = completeTuning(options, 'path' in address ? 'unix' : 'tcp');
    this.#config = {
      clock: options.clock ?? SYSTEM_CLOCK,
      compressors: options.compressors ?? CompressorRegistry.DEFAULT,
      maxInboundMessageBytes: options.maxInboundMessageBytes ?? MAX_INBOUND_MESSAGE_BYTES,
      maxInboundMetadataBytes: this.#tuning.maxInboundMetadataBytes,
      handshakeTimeoutMs: options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS,
      policy: completePolicy(options),
    };
    const limit = options.maxConcurrentCallsPerConnection;
    const settings = limit === undefined ? {} : { maxConcurrentStreams: limit };
    const session = { ...sessionOptions(this.#tuning, settings), ...RESET_LIMITS };
    const { handshakeTimeoutMs } = this.#config;
    this.#server =
      this.#tlsOptions === null
        ? http2.createServer(session)
        : http2.createSecureServer({ ...session, ...tlsOptions(this.#tlsOptions, handshakeTimeoutMs) });
  }

  listen(acceptor: ServerAcceptor): void {
    this.#acceptor = acceptor;
    const server = this.#server;
    server.setTimeout(0);
    const secure = this.#tlsSource !== null;
    if (secure) server.on('connection', (socket: net.Socket) => this.#onHandshake(socket));
    // node:http2: a session shows its socket through a proxy that refuses destroy(); the session is made inside the
    // event that brings the socket, by a listener of node's own, so ours goes first and remembers it.
    server.prependListener(secure ? 'secureConnection' : 'connection', (socket: net.Socket) => {
      socket.on('error', ignoreError);
      this.#accepting = socket;
      this.#handshakes.delete(clientKey(socket));
    });
    server.on('session', (session: http2.ServerHttp2Session) => this.#onSession(session));
    // What went wrong with one connection is told by its own session; here it must only not be thrown.
    server.on('sessionError', ignoreError);
    server.on('tlsClientError', (_error: Error, socket: net.Socket) => socket.destroy());
    server.on('unknownProtocol', (socket: net.Socket) => socket.destroy());
    server.once('error', (error: Error) => {
      this.#unfollow();
      this.#acceptor = null;
      acceptor.onListenFailed(error);
    });
    this.#followCertificates();
    server.listen({ ...this.#address }, () => this.#onListening(acceptor));
  }

  #followCertificates(): void {
    if (this.#tlsSource === null) return;
    this.#unfollow = this.#tlsSource.onChange(() => this.#onTlsChange());
    // They may have changed since our birth.
    this.#onTlsChange();
  }

  /** Connections that are there go on as they are, and one in its handshake ends it so. */
  #onTlsChange(): void {
    const options = this.#tlsSource?.current() ?? null;
    if (options === null || options === this.#tlsOptions || !('setSecureContext' in this.#server)) return;
    try {
      this.#server.setSecureContext(options);
      this.#tlsOptions = options;
    } catch (error) {
      // Not into whoever told us: there may be others to tell. What was there goes on.
      process.emitWarning(`new TLS options were not taken: ${error}`, 'HalfcloseWarning');
    }
  }

  #onListening(acceptor: ServerAcceptor): void {
    const server = this.#server;
    server.removeAllListeners('error');
    server.on('error', ignoreError);
    const bound = server.address();
    if (bound === null || typeof bound === 'string') acceptor.onListening({ path: bound ?? '' });
    else acceptor.onListening({ host: bound.address, port: bound.port });
  }

  /** A TCP connection, before TLS; node bounds the handshake itself. */
  #onHandshake(socket: net.Socket): void {
    socket.on('error', ignoreError);
    // A Unix socket tells no address; then only node's own bound ends a silent handshake.
    if (socket.remotePort === undefined) return;
    const key = clientKey(socket);
    this.#handshakes.set(key, socket);
    socket.once('close', () => {
      if (this.#handshakes.get(key) === socket) this.#handshakes.delete(key);
    });
  }

  #onSession(session: http2.ServerHttp2Session): void {
    const socket = this.#accepting;
    this.#accepting = null;
    if (socket === null || this.#acceptor === null) {
      session.destroy();
      return;
    }
    openConnectionWindow(session, this.#tuning);
    const path = 'path' in this.#address ? this.#address.path : null;
    const transport = new Http2ServerTransport(session, socket, socketAttributes(socket, path), this.#config);
    transport.start(this.#acceptor.onTransport(transport));
  }

  close(): void {
    if (!this.#server.listening) return;
    this.#unfollow();
    this.#server.close();
    for (const socket of this.#handshakes.values()) socket.destroy();
    // node:http2: a server tells `close` only once its last connection is gone, but frees its address at once
    // (test/transport/contract-connection.ts).
    process.nextTick(tellClosed, this.#acceptor);
  }
}

function tellClosed(acceptor: ServerAcceptor | null): void {
  acceptor?.onClosed();
}

/** What an error of one connection means is told by its transport. */
function ignoreError(): void {}

function clientKey(socket: net.Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}

function tlsOptions(options: TlsServerOptions, handshakeTimeoutMs: number): http2.SecureServerOptions {
  const { clientCertificate = 'none', ...rest } = options;
  return {
    ...rest,
    requestCert: clientCertificate !== 'none',
    rejectUnauthorized: clientCertificate === 'require',
    handshakeTimeout: handshakeTimeoutMs,
    ALPNProtocols: ['h2'],
    allowHTTP1: false,
  };
}
