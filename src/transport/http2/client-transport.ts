/**
 * One client connection over HTTP/2. Above: channels. Below: Http2ClientStream takes its slots; node:http2, node:net,
 * node:tls. Holds: ready means that the peer's SETTINGS have come; no more streams are open than the peer allows, the rest
 * wait here in order and can be cancelled; onShutdown comes at most once, onTerminated once and last.
 *
 *   idle ─start→ connecting ─SETTINGS→ ready ─loss, last stream after shutdown→ closed
 *                    └──failure, shutdownNow──┴─→ dying ─(next turn)→ closed
 *
 * Beside that, `#shutdownReason` is set once there are no new streams: by shutdown(), a GOAWAY, or the end.
 * Past 500 lines because whatever befalls a connection moves its one state here; what it takes to judge it has files of its own:
 * stream-slots, keepalive-watch, lost-socket-watch, client-socket.
 * Sources: RFC 9113 §3.4, §5.1.2, §6.8; grpc doc/connection-backoff.md (connect timeout).
 */
import http2 from 'node:http2';
import type net from 'node:net';
import type { ChannelCredentials } from '../../credentials/channel-credentials.ts';
import { Attributes, formatAddress } from '../../values/attributes.ts';
import { type Clock, SYSTEM_CLOCK, type Timer } from '../../values/clock.ts';
import { LinkedSet } from '../../values/linked-set.ts';
import type { MethodDescriptor } from '../../values/method.ts';
import { Status } from '../../values/status.ts';
import type { ClientStream } from '../stream.ts';
import type { ClientTransport, ClientTransportListener, StreamOptions, TransportSnapshot } from '../transport.ts';
import { USER_AGENT } from '../user-agent.ts';
import { type ClientSocket, connectSocket, type Http2Address } from './client-socket.ts';
import { type ClientStreamHost, Http2ClientStream } from './client-stream.ts';
import { completeKeepalive, type KeepaliveOptions, type KeepaliveSettings } from './keepalive.ts';
import { KeepalivePace } from './keepalive-pace.ts';
import { KEEPALIVE_FAILED, type KeepaliveHost, KeepaliveWatch } from './keepalive-watch.ts';
import { type LostSocketHost, LostSocketWatch } from './lost-socket-watch.ts';
import type { HttpProxy } from './proxy-environment.ts';
import { openTunnel, type TunnelListener } from './proxy-tunnel.ts';
import {
  completeTuning,
  openConnectionWindow,
  type SessionTuning,
  sessionOptions,
  socketAttributes,
  type Tuning,
} from './session.ts';
import { errorText, type Goaway, http2CodeName, statusOfGoaway } from './status-mapping.ts';
import { maxStreams, type SlotsHost, StreamSlots } from './stream-slots.ts';

/** What a client connection is told at birth. */
export interface Http2ClientOptions extends SessionTuning {
  readonly address: Http2Address;
  /** `:authority` of its calls; with TLS its host part is what the certificate is checked against. */
  readonly authority: string;
  readonly credentials: ChannelCredentials;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** Bounds TCP, TLS and the peer's first SETTINGS together, in milliseconds. Default 20,000. */
  readonly connectTimeoutMs?: number;
  /** Put in front of the library's own user agent. Default: nothing. */
  readonly userAgent?: string;
  /** Connect through this proxy: the address is then for people alone. Default, and null: none. */
  readonly proxy?: HttpProxy | null;
  /**
   * Finds out that a quiet server is gone, and ends the calls of its connection UNAVAILABLE. Default: off, so that calls to a
   * server that vanished without a word end by their deadlines alone.
   */
  readonly keepalive?: KeepaliveOptions;
  /** Shared by the connections of one channel, which learn from it that a server wants fewer pings. Default: not shared. */
  readonly keepalivePace?: KeepalivePace;
}

/** Default bound for connecting. Source: grpc doc/connection-backoff.md, MIN_CONNECT_TIMEOUT. */
const CONNECT_TIMEOUT_MS = 20_000;

type State = 'idle' | 'connecting' | 'ready' | 'dying' | 'closed';

/** One client connection. */
export class Http2ClientTransport
  implements ClientTransport, ClientStreamHost, TunnelListener, KeepaliveHost, LostSocketHost, SlotsHost
{
  readonly scheme: 'http' | 'https';
  readonly authority: string;
  readonly userAgent: string;
  readonly maxInboundMetadataBytes: number;
  readonly #address: Http2Address;
  readonly #credentials: ChannelCredentials;
  readonly #proxy: HttpProxy | null;
  readonly #clock: Clock;
  readonly #connectTimeoutMs: number;
  readonly #tuning: Tuning;
  readonly #pace: KeepalivePace;
  /** Null for no keepalive. */
  readonly #keepalive: KeepaliveSettings | null;
  /** From ready on, where there is a keepalive. */
  #watch: KeepaliveWatch | null = null;
  /** From ready on, with TLS. */
  #lostWatch: LostSocketWatch | null = null;
  #state: State = 'idle';
  #wasReady = false;
  #listener: ClientTransportListener | null = null;
  #connectTimer: Timer | null = null;
  #socket: net.Socket | null = null;
  /** With TLS, the socket that carries the other. */
  #below: net.Socket | null = null;
  #session: http2.ClientHttp2Session | null = null;
  #attributes: Attributes = Attributes.EMPTY;
  #idsUsedUp = false;
  #peerHasEnded = false;
  #goaway: Goaway | null = null;
  /** What the socket, the session or we first said was wrong. */
  #error: Error | null = null;
  /** Why there are no new streams; null while there are. */
  #shutdownReason: Status | null = null;
  /** What shutdownNow gave as the reason. */
  #forcedReason: Status | null = null;
  /** Streams that have started and not closed. */
  readonly #streams = new LinkedSet<Http2ClientStream>();
  readonly #slots: StreamSlots;
  /** How many of them are calls of users. */
  #calls = 0;

  constructor(options: Http2ClientOptions) {
    this.#address = options.address;
    this.#credentials = options.credentials;
    this.#proxy = options.proxy ?? null;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    this.#slots = new StreamSlots(this, this.#clock);
    this.#connectTimeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
    this.#tuning = completeTuning(options, 'path' in options.address ? 'unix' : 'tcp');
    this.#pace = options.keepalivePace ?? new KeepalivePace();
    const keepalive = completeKeepalive(options.keepalive);
    this.#keepalive = keepalive === null ? null : this.#pace.settingsOf(keepalive);
    this.scheme = options.credentials.tlsSource === null ? 'http' : 'https';
    this.authority = options.authority;
    this.userAgent = options.userAgent === undefined ? USER_AGENT : `${options.userAgent} ${USER_AGENT}`;
    this.maxInboundMetadataBytes = this.#tuning.maxInboundMetadataBytes;
  }

  get attributes(): Attributes {
    return this.#attributes;
  }

  get goaway(): Goaway | null {
    return this.#goaway;
  }

  get peerMaxHeaderListBytes(): number {
    return this.#session?.remoteSettings.maxHeaderListSize ?? Number.POSITIVE_INFINITY;
  }

  newStream(method: MethodDescriptor<unknown, unknown>, options: StreamOptions): ClientStream {
    return new Http2ClientStream(this, method, options);
  }

  start(listener: ClientTransportListener): void {
    if (this.#state !== 'idle') return;
    this.#state = 'connecting';
    this.#listener = listener;
    this.#connectTimer = this.#clock.schedule(this.#connectTimeoutMs, this);
    try {
      if (this.#proxy === null) this.#startOn(connectSocket(this.#address, this.authority, this.#credentials.tls));
      else this.#socket = openTunnel(this.#proxy, this);
    } catch (error) {
      // Broken TLS material throws at once; the listener hears of it later, as of any other failure.
      process.nextTick(failToConnect, this, error);
    }
  }

  /** The proxy has connected us to the server. */
  onTunnel(socket: net.Socket): void {
    if (this.#state !== 'connecting') {
      this.fail(new Error('given up meanwhile'));
      return;
    }
    try {
      this.#startOn(connectSocket({ socket }, this.authority, this.#credentials.tls));
    } catch (error) {
      this.fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** The proxy did not, or what was to go through it was given up. */
  onTunnelFailed(error: Error): void {
    this.fail(error);
  }

  #startOn({ socket, below }: ClientSocket): void {
    this.#socket = socket;
    this.#below = below;
    // node:http2: after a TLS alert behind the handshake, such as a refused client certificate, the session waits for its
    // socket for ever (test/transport/http2/tls.test.ts).
    socket.on('error', (error) => this.fail(error));
    // node:http2: the session takes requests for a turn of the event loop more (test/call/transparent-retry-http2.test.ts).
    socket.once('end', () => this.#onPeerEnded());
    this.#startSession(socket);
  }

  #startSession(socket: net.Socket): void {
    const options = sessionOptions(this.#tuning, { enablePush: false });
    const session = http2.connect(`${this.scheme}://localhost`, { ...options, createConnection: () => socket });
    this.#session = session;
    session.on('error', (error) => this.#noteError(error));
    session.once('connect', () => this.#onConnected(session, socket));
    session.on('remoteSettings', () => this.#onSettings(session, socket));
    session.on('goaway', (code, lastStreamId, debug) => this.#onGoaway(code, lastStreamId, debug));
    session.once('close', () => this.#onClosed());
  }

  /** The peer will say nothing more: a stream that opened now would be lost. Those that are open end with the session. */
  #onPeerEnded(): void {
    if (this.#state !== 'ready') return;
    this.#peerHasEnded = true;
    this.#refuse(this.#lossReason());
  }

  #noteError(error: Error): void {
    this.#error ??= error;
  }

  /** Connecting has taken too long. For the clock. */
  onTimer(): void {
    const connected = this.#socket?.connecting === false ? 'the peer did not speak HTTP/2' : 'no answer';
    // With a proxy the session comes behind the tunnel.
    const what =
      this.#session === null && this.#proxy !== null ? `no answer of the proxy ${this.#proxy.url.host}` : connected;
    this.fail(new Error(`${what} within ${this.#connectTimeoutMs / 1000} s`));
  }

  /** Ends the connection, or the attempt at one, for an error that we found. */
  fail(error: Error): void {
    this.#noteError(error);
    if (this.#session === null) this.#onClosed();
    this.#destroy();
  }

  #destroy(): void {
    if (this.#state !== 'closed') this.#state = 'dying';
    this.#stopWatching();
    // node:http2: up to 22, destroying or closing a session within an event of its own, with a broken frame in the same
    // read, aborts the process (test/transport/http2/hostile-server.test.ts).
    setImmediate(destroyBoth, this.#session, this.#socket);
  }

  #onConnected(session: http2.ClientHttp2Session, socket: net.Socket): void {
    if (this.scheme === 'https' && session.alpnProtocol !== 'h2') {
      this.fail(new Error('the server did not agree to HTTP/2 (ALPN h2)'));
      return;
    }
    if (session.destroyed) return;
    socket.setNoDelay(true);
    const path = 'path' in this.#address ? this.#address.path : null;
    this.#attributes = socketAttributes(socket, path, this.scheme === 'https');
    openConnectionWindow(session, this.#tuning);
  }

  /** The peer's SETTINGS: the first make the connection ready, later ones may move the limit of streams. */
  #onSettings(session: http2.ClientHttp2Session, socket: net.Socket): void {
    if (this.#state === 'connecting') {
      this.#clock.cancel(this.#connectTimer);
      this.#state = 'ready';
      this.#wasReady = true;
      this.#refOrUnref();
      this.#startWatching(session, socket);
      if (this.#shutdownReason === null) this.#listener?.onReady();
    }
    this.#slots.fill();
    this.#closeWhenDrained();
  }

  #startWatching(session: http2.ClientHttp2Session, socket: net.Socket): void {
    if (this.#keepalive !== null) {
      this.#watch = new KeepaliveWatch(this.#keepalive, this.#clock, session, socket, this);
    }
    // A Unix socket has no peer to ask for.
    const below = 'path' in this.#address ? null : this.#below;
    if (this.#below !== null) this.#lostWatch = new LostSocketWatch({ session, socket, below }, this.#clock, this);
    if (this.#calls === 0) return;
    this.#watch?.onInUse(true);
    this.#lostWatch?.onInUse(true);
  }

  #stopWatching(): void {
    this.#watch?.stop();
    this.#lostWatch?.stop();
    this.#slots.stop();
  }

  onSocketLost(): void {
    this.fail(new Error('the connection was reset'));
  }

  onKeepaliveFailed(): void {
    this.fail(new Error(KEEPALIVE_FAILED));
  }

  #onGoaway(code: number, lastStreamId: number, debug: Uint8Array | undefined): void {
    const text = debug === undefined || debug.length === 0 ? null : Buffer.from(debug).toString('latin1').slice(0, 256);
    this.#goaway = { code, lastStreamId, debug: text };
    if (code === http2.constants.NGHTTP2_ENHANCE_YOUR_CALM && text === 'too_many_pings' && this.#keepalive !== null) {
      this.#pace.slowDown(this.#keepalive.timeMs, formatAddress(this.#address));
    }
    this.#refuse(statusOfGoaway(this.#goaway));
  }

  /** No new streams, and no slots for those that wait. */
  #refuse(reason: Status): void {
    this.#noNewStreams(reason);
    for (const stream of this.#streams.toArray()) stream.onNoSlot(reason);
  }

  #noNewStreams(reason: Status): void {
    if (this.#shutdownReason !== null) return;
    this.#shutdownReason = reason;
    this.#listener?.onShutdown(reason);
  }

  #onClosed(): void {
    if (this.#state === 'closed') return;
    this.#clock.cancel(this.#connectTimer);
    this.#stopWatching();
    this.#state = 'closed';
    this.#refuse(this.#lossReason());
    this.#terminateWhenEmpty();
  }

  /** The streams of a lost connection close a tick or two around it; the last of them ends the transport. */
  #terminateWhenEmpty(): void {
    if (this.#state !== 'closed' || this.#slots.used > 0 || this.#streams.size > 0) return;
    const listener = this.#listener;
    this.#listener = null;
    listener?.onTerminated();
  }

  connectionLoss(): Status | null {
    if (this.#state === 'closed' || this.#state === 'dying') return this.#lossReason();
    const gone = this.#socket?.destroyed !== false || this.#session?.destroyed !== false;
    return gone ? this.#lossReason() : null;
  }

  #lossReason(): Status {
    if (this.#forcedReason !== null) return this.#forcedReason;
    const goaway = this.#goaway;
    if (goaway !== null && goaway.code !== http2.constants.NGHTTP2_NO_ERROR) return statusOfGoaway(goaway);
    const what = this.#wasReady ? 'lost the connection to' : 'cannot connect to';
    const why = this.#error === null ? '' : `: ${errorText(this.#error)}`;
    const after = goaway === null ? '' : ` after ${describeGoaway(goaway)}`;
    return Status.UNAVAILABLE.withDescription(`${what} ${formatAddress(this.#address)}${after}${why}`).withCause(
      this.#error ?? undefined,
    );
  }

  onStreamStarted(stream: Http2ClientStream): void {
    if (this.#shutdownReason !== null) {
      stream.onNoSlot(this.#shutdownReason);
      return;
    }
    this.#streams.add(stream);
    if (stream.isBackground) return;
    this.#calls += 1;
    if (this.#calls === 1) this.#onInUse(true);
  }

  #onInUse(inUse: boolean): void {
    this.#refOrUnref();
    this.#watch?.onInUse(inUse);
    this.#lostWatch?.onInUse(inUse);
    this.#listener?.onInUse(inUse);
  }

  openWhenThereIsRoom(stream: Http2ClientStream): void {
    if (this.#shutdownReason !== null && !this.#mayOpen) {
      stream.onNoSlot(this.#shutdownReason);
      return;
    }
    this.#slots.take(stream);
  }

  /** After shutdown() streams that had started still open; after a GOAWAY, or the peer's end, or without ids, none can. */
  get #mayOpen(): boolean {
    if (this.#goaway !== null || this.#idsUsedUp || this.#peerHasEnded) return false;
    return this.#state !== 'closed' && this.#state !== 'dying';
  }

  openableSession(): http2.ClientHttp2Session | null {
    return this.#state === 'ready' && this.#mayOpen ? this.#session : null;
  }

  get isFull(): boolean {
    const session = this.#session;
    return this.#state === 'ready' && session !== null && this.#slots.isFull(session);
  }

  inspect(): TransportSnapshot {
    const session = this.#state === 'ready' ? this.#session : null;
    const limit = session === null ? Number.POSITIVE_INFINITY : maxStreams(session);
    return {
      address: formatAddress(this.#address),
      state: this.#snapshotState(),
      openStreams: this.#streams.size,
      waitingForSlot: this.#slots.waiting,
      // Node says 2^32-1 for a peer that has set no limit.
      maxConcurrentStreams: limit < 2 ** 32 - 1 ? limit : null,
      shutdownReason: this.#shutdownReason?.toString() ?? null,
    };
  }

  #snapshotState(): TransportSnapshot['state'] {
    if (this.#state === 'dying') return 'closed';
    return this.#state === 'ready' && this.#shutdownReason !== null ? 'draining' : this.#state;
  }

  onIdsUsedUp(): void {
    // Not within the start of the stream that took the last one.
    process.nextTick(refuseMore, this);
  }

  /** For the tick after the last id was taken. */
  refuseMore(): void {
    this.#idsUsedUp = true;
    this.#refuse(Status.UNAVAILABLE.withDescription('the connection has used up its streams'));
    this.#closeWhenDrained();
  }

  leaveQueue(stream: Http2ClientStream): void {
    this.#slots.leave(stream);
  }

  onSlotFree(): void {
    this.#slots.onFree();
    this.#onSlotGone();
  }

  onSlotReset(): void {
    this.#slots.onReset();
    this.#onSlotGone();
  }

  #onSlotGone(): void {
    this.#closeWhenDrained();
    this.#terminateWhenEmpty();
  }

  onStreamEnded(stream: Http2ClientStream): void {
    if (!this.#streams.delete(stream)) return;
    if (!stream.isBackground) this.#calls -= 1;
    if (!stream.isBackground && this.#calls === 0) this.#onInUse(false);
    this.#closeWhenDrained();
    this.#terminateWhenEmpty();
  }

  /** An idle connection does not keep the process alive; one with calls does. */
  #refOrUnref(): void {
    if (this.#state !== 'ready' || this.#session === null || this.#session.destroyed) return;
    if (this.#calls > 0) this.#session.ref();
    else this.#session.unref();
  }

  describeWait(): string {
    const where = formatAddress(this.#address);
    return this.#state === 'connecting'
      ? `waiting for a connection to ${where}`
      : `waiting for a stream slot at ${where}`;
  }

  /**
   * Sends a PING; `done` gets the round trip in milliseconds, or the error that kept it from coming back: the connection
   * is gone, or ten are under way.
   */
  ping(done: (error: Error | null, roundTripMs: number) => void): void {
    const session = this.#session;
    if (session === null || session.destroyed || this.#state !== 'ready') {
      process.nextTick(done, new Error((this.#shutdownReason ?? Status.UNAVAILABLE).toString()), 0);
      return;
    }
    // A refused ping calls back too.
    session.ping((error: Error | null, roundTripMs: number) => done(error, roundTripMs));
  }

  shutdown(reason: Status): void {
    if (this.#state === 'idle') this.#state = 'closed';
    this.#noNewStreams(reason);
    this.#closeWhenDrained();
  }

  #closeWhenDrained(): void {
    if (this.#shutdownReason === null || this.#streams.size > 0 || this.#slots.used > 0) return;
    if (this.#state === 'connecting') {
      this.#destroy();
      return;
    }
    if (this.#session === null) return;
    // node:http2: the GOAWAY of close() overtakes the HEADERS of a request made just before, and a server then refuses it
    // (test/server/server-http2.test.ts); so there is no close() while any stream is left. And as with destroy(), not now.
    setImmediate(closeSession, this.#session);
  }

  shutdownNow(reason: Status): void {
    this.#forcedReason ??= reason;
    if (this.#state === 'idle') this.#state = 'closed';
    this.#noNewStreams(reason);
    for (const stream of this.#streams.toArray()) stream.onShutdownNow(reason);
    this.#destroy();
  }
}

function refuseMore(transport: Http2ClientTransport): void {
  transport.refuseMore();
}

function destroyBoth(session: http2.ClientHttp2Session | null, socket: net.Socket | null): void {
  session?.destroy();
  // node:http2: a session that is destroyed while it connects leaves its socket connecting
  // (test/transport/http2/connect.test.ts).
  socket?.destroy();
}

function closeSession(session: http2.ClientHttp2Session): void {
  if (!session.closed && !session.destroyed) session.close();
}

function describeGoaway(goaway: Goaway): string {
  return `GOAWAY ${http2CodeName(goaway.code)}${goaway.debug === null ? '' : ` (${goaway.debug})`}`;
}

function failToConnect(transport: Http2ClientTransport, error: unknown): void {
  transport.fail(error instanceof Error ? error : new Error(String(error)));
}
