/**
 * One server connection over HTTP/2. Above: Http2ServerListener makes it, Server listens to it. Below: Http2ServerStream;
 * node:http2. Holds: what is not a gRPC request is answered here and never reaches the application; a graceful shutdown lets
 * every call that came run to its end, and calls on their way be retried; onTerminated comes once and last.
 * Sources: PROTOCOL-HTTP2 "Requests"; RFC 9113 §6.8.
 */
import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { CompressorRegistry } from '../../framing/compressor.ts';
import type { Attributes } from '../../values/attributes.ts';
import type { Clock, Timer } from '../../values/clock.ts';
import { LinkedSet } from '../../values/linked-set.ts';
import { Metadata } from '../../values/metadata.ts';
import { Status } from '../../values/status.ts';
import type { ServerTransport, ServerTransportListener } from '../transport.ts';
import type { ConnectionPolicy } from './connection-policy.ts';
import { decodeTimeout } from './grpc-timeout.ts';
import { type HeaderList, nodeHeaders } from './header-form.ts';
import { inboundFault } from './header-limits.ts';
import { type InboundHead, isGrpcContentType, parseHead, trailersOnlyHeaders } from './headers.ts';
import { KEEPALIVE_FAILED, type KeepaliveHost, KeepaliveWatch } from './keepalive-watch.ts';
import { type LifeHost, LifeWatch } from './life-watch.ts';
import { type LostSocketHost, LostSocketWatch } from './lost-socket-watch.ts';
import { PingStrikes } from './ping-strikes.ts';
import { Http2ServerStream, type ServerStreamHost } from './server-stream.ts';
import { errorText } from './status-mapping.ts';

/** What every connection of a listener is told at birth. */
export interface ServerTransportConfig {
  readonly clock: Clock;
  readonly compressors: CompressorRegistry;
  readonly maxInboundMessageBytes: number;
  readonly maxInboundMetadataBytes: number;
  /** How long the client's first SETTINGS may take, in milliseconds. */
  readonly handshakeTimeoutMs: number;
  readonly policy: ConnectionPolicy;
}

/** More than this between two pings is no mere acknowledgement. */
const CONTROL_BYTES = 1024;

const TOO_MANY_PINGS: Status = Status.RESOURCE_EXHAUSTED.withDescription('Too many pings from client');
const TOO_OLD: Status = Status.UNAVAILABLE.withDescription('the connection has reached its maximum age');

/**
 * The connection's own state; the streams have theirs.
 *
 *   handshaking ─SETTINGS→ open ─shutdown→ draining ─last stream→ closed
 *        └──────────────────┴─failure, loss, shutdownNow─┴────────────┘
 */
type State = 'handshaking' | 'open' | 'draining' | 'closed';

/** One server connection. */
export class Http2ServerTransport
  implements ServerTransport, ServerStreamHost, KeepaliveHost, LifeHost, LostSocketHost
{
  readonly attributes: Attributes;
  readonly compressors: CompressorRegistry;
  readonly maxInboundMessageBytes: number;
  readonly #config: ServerTransportConfig;
  readonly #session: ServerHttp2Session;
  readonly #socket: Socket;
  readonly #streams = new LinkedSet<Http2ServerStream>();
  #state: State = 'handshaking';
  #listener: ServerTransportListener | null = null;
  readonly #handshakeTimer: Timer;
  readonly #strikes: PingStrikes;
  /** The socket's count of bytes at the last ping. */
  #bytesAtPing = 0;
  /** From open on, as far as the policy asks for them. */
  #keepalive: KeepaliveWatch | null = null;
  #life: LifeWatch | null = null;
  /** From open on, with TLS. */
  #lostWatch: LostSocketWatch | null = null;
  #error: Error | null = null;
  #forcedReason: Status | null = null;

  constructor(session: ServerHttp2Session, socket: Socket, attributes: Attributes, config: ServerTransportConfig) {
    this.#session = session;
    this.#socket = socket;
    this.attributes = attributes;
    this.#config = config;
    this.compressors = config.compressors;
    this.maxInboundMessageBytes = config.maxInboundMessageBytes;
    this.#strikes = new PingStrikes(config.policy.pings);
    this.#handshakeTimer = config.clock.schedule(config.handshakeTimeoutMs, this);
    session.once('remoteSettings', () => this.#onFirstSettings());
    session.on('error', (error) => this.#noteError(error));
    session.on('ping', () => this.#onPing());
    session.once('close', () => this.#onClosed());
    // node:http2: the raw block is the fourth argument, which the typings leave out.
    session.on('stream', (stream, _headers, _flags, raw?: string[]) => this.#onStream(stream, raw ?? []));
  }

  /** Begins to tell `listener` of streams. */
  start(listener: ServerTransportListener): void {
    this.#listener = listener;
  }

  get peerMaxHeaderListBytes(): number {
    return this.#session.remoteSettings?.maxHeaderListSize ?? Number.POSITIVE_INFINITY;
  }

  #onFirstSettings(): void {
    if (this.#state !== 'handshaking') return;
    this.#state = 'open';
    this.#config.clock.cancel(this.#handshakeTimer);
    const { clock, policy } = this.#config;
    const session = this.#session;
    const socket = this.#socket;
    if (policy.keepalive !== null) this.#keepalive = new KeepaliveWatch(policy.keepalive, clock, session, socket, this);
    if (socket instanceof TLSSocket)
      this.#lostWatch = new LostSocketWatch({ session, socket, below: null }, clock, this);
    if (policy.life !== null) this.#life = new LifeWatch(policy.life, clock, policy.random(), this);
  }

  #noteError(error: Error): void {
    this.#error ??= error;
  }

  #onStream(http2: ServerHttp2Stream, raw: readonly string[]): void {
    const head = parseHead(raw);
    if (this.#rejectForeign(http2, head)) return;
    const timeoutMs = head.timeout === null ? null : decodeTimeout(head.timeout);
    const fault = this.#faultOf(head, timeoutMs);
    if (fault !== null || this.#listener === null) {
      this.#rejectCall(http2, fault ?? Status.UNAVAILABLE.withDescription('the server is gone'));
      return;
    }
    const stream = new Http2ServerStream(this, http2, head, timeoutMs);
    this.#streams.add(stream);
    if (this.#streams.size === 1) this.#onInUse(true);
    stream.start(this.#listener.onStream(stream, head.path ?? '', head.metadata));
  }

  /** Answers a call that does not reach the application. */
  #rejectCall(http2: ServerHttp2Stream, status: Status): void {
    const headers = trailersOnlyHeaders(status, new Metadata(), this.peerMaxHeaderListBytes);
    // A client whose encoding we lack learns which ones we have. Source: grpc doc/compression.md.
    this.onSent();
    reject(http2, [...headers, 'grpc-accept-encoding', this.compressors.acceptEncoding], '');
  }

  /** Answers what is not gRPC in HTTP's own words; false if it is gRPC. Source: PROTOCOL-HTTP2, grpc-java's server. */
  #rejectForeign(http2: ServerHttp2Stream, head: InboundHead): boolean {
    if (head.method !== 'POST') {
      rejectRequest(http2, 405, `Method '${head.method}' is not supported`, ['allow', 'POST']);
    } else if (!isGrpcContentType(head.contentType)) {
      const type = head.contentType === null ? 'is missing from the request' : `'${head.contentType}' is not supported`;
      rejectRequest(http2, 415, `Content-Type ${type}`);
    } else {
      return false;
    }
    return true;
  }

  /** What keeps a gRPC request from the application, or null. */
  #faultOf(head: InboundHead, timeoutMs: number | null): Status | null {
    if (head.path === null || !isMethodPath(head.path)) {
      return Status.UNIMPLEMENTED.withDescription(`Expected path of the form /service/method: ${head.path}`);
    }
    const fault = inboundFault(head, 'request headers', this.#config.maxInboundMetadataBytes);
    if (fault !== null) return fault;
    if (head.timeout !== null && timeoutMs === null) {
      return Status.INTERNAL.withDescription(`grpc-timeout cannot be read: ${head.timeout.slice(0, 64)}`);
    }
    if (timeoutMs !== null && timeoutMs <= 0)
      return Status.DEADLINE_EXCEEDED.withDescription('the deadline had passed on arrival');
    if (head.encoding !== null && this.compressors.get(head.encoding) === null) {
      return Status.UNIMPLEMENTED.withDescription(`Can't find decompressor for ${head.encoding}`);
    }
    return null;
  }

  onStreamClosed(stream: Http2ServerStream): void {
    if (this.#streams.delete(stream) && this.#streams.size === 0) this.#onInUse(false);
    this.#terminateWhenEmpty();
  }

  #onInUse(inUse: boolean): void {
    this.#life?.onInUse(inUse);
    this.#lostWatch?.onInUse(inUse);
  }

  onSent(): void {
    this.#strikes.onSent();
  }

  /** The client pings; node has answered. */
  #onPing(): void {
    const { bytesWritten } = this.#socket;
    // A large message is told as sent once all of it is; clients that measure the way ping while it comes.
    if (bytesWritten - this.#bytesAtPing > CONTROL_BYTES) this.onSent();
    this.#bytesAtPing = bytesWritten;
    if (this.#forcedReason !== null || !this.#strikes.onPing(this.#config.clock.now(), this.#streams.size > 0)) return;
    this.#forcedReason = TOO_MANY_PINGS;
    // node:http2: destroying a session within an event of its own can abort the process
    // (test/transport/http2/hostile-server.test.ts).
    setImmediate(rebuke, this.#session, this.#socket);
  }

  onKeepaliveFailed(): void {
    this.#forcedReason ??= Status.UNAVAILABLE.withDescription(KEEPALIVE_FAILED);
    destroySession(this.#session, this.#socket);
  }

  onSocketLost(): void {
    this.#forcedReason ??= Status.UNAVAILABLE.withDescription('the client takes nothing any more');
    destroySession(this.#session, this.#socket);
  }

  onLifeOver(why: 'max_idle' | 'max_age'): void {
    this.#drain(why);
  }

  onGraceOver(): void {
    this.shutdownNow(TOO_OLD);
  }

  connectionLoss(): Status | null {
    const gone = this.#state === 'closed' || this.#socket.destroyed || this.#session.destroyed;
    if (!gone) return null;
    if (this.#forcedReason !== null) return this.#forcedReason;
    const why = this.#error === null ? '' : `: ${errorText(this.#error)}`;
    return Status.UNAVAILABLE.withDescription(`the connection was lost${why}`).withCause(this.#error ?? undefined);
  }

  #onClosed(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#config.clock.cancel(this.#handshakeTimer);
    this.#keepalive?.stop();
    this.#life?.stop();
    this.#lostWatch?.stop();
    this.#terminateWhenEmpty();
  }

  /** The streams of a lost connection close a tick or two around it; the last of them ends the transport. */
  #terminateWhenEmpty(): void {
    if (this.#state !== 'closed' || this.#streams.size > 0) return;
    const listener = this.#listener;
    this.#listener = null;
    listener?.onTerminated();
  }

  shutdown(): void {
    this.#drain(null);
  }

  /** `why` goes along for people and programs at the other end. */
  #drain(why: string | null): void {
    const session = this.#session;
    if (this.#state === 'handshaking') destroySession(session, this.#socket);
    if (this.#state !== 'open' || session.destroyed) return;
    this.#state = 'draining';
    // node:http2: once a GOAWAY of ours is out node takes no stream, whatever last id it named, and with none open reads no
    // PING either (test/transport/http2/graceful-shutdown.test.ts). So there is no first GOAWAY that refuses nothing: it
    // would only keep calls that are on their way from being retried. This one names the last stream that came.
    if (session.closed) return;
    // node:http2: close() says GOAWAY too, but takes no debug data; 0 stands for the last stream that came.
    if (why !== null) session.goaway(constants.NGHTTP2_NO_ERROR, 0, Buffer.from(why));
    session.close();
  }

  /** The client has not spoken HTTP/2 in time. For the clock. */
  onTimer(): void {
    if (this.#state === 'handshaking') destroySession(this.#session, this.#socket);
  }

  shutdownNow(reason: Status): void {
    if (this.#state === 'closed') return;
    this.#forcedReason ??= reason;
    for (const stream of this.#streams.toArray()) stream.onShutdownNow(reason);
    // node:http2: destroying a session while it emits `stream` can abort the process (nodejs/node#64850).
    setImmediate(destroyLater, this.#session, this.#socket, LAST_TURNS);
  }
}

/** Whether a path is `/service/method`. By hand, because a regular expression would allocate. */
function isMethodPath(path: string): boolean {
  const slash = path.lastIndexOf('/');
  return path.startsWith('/') && slash > 1 && slash < path.length - 1;
}

/** How many turns of the event loop trailers are given to leave. Who reads too slowly for them has a lost connection. */
const LAST_TURNS = 3;

function destroyLater(session: ServerHttp2Session, socket: Socket, turns: number): void {
  // node:http2: trailers leave turns after end(), by `wantTrailers` and a write of their own (test/server/server-http2.test.ts).
  if (turns > 0) setImmediate(destroyLater, session, socket, turns - 1);
  else destroySession(session, socket);
}

function destroySession(session: ServerHttp2Session, socket: Socket): void {
  // node:http2: destroyed first, a session resets its streams with NO_ERROR (test/channel/faults-storms.test.ts).
  socket.destroy();
  session.destroy();
}

/** Says why the connection ends, and ends it. */
function rebuke(session: ServerHttp2Session, socket: Socket): void {
  if (!session.destroyed) session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, Buffer.from('too_many_pings'));
  destroyLater(session, socket, LAST_TURNS);
}

/** Answers a request that is not gRPC. */
function rejectRequest(http2: ServerHttp2Stream, httpStatus: number, text: string, extra: HeaderList = []): void {
  reject(http2, [':status', `${httpStatus}`, 'content-type', 'text/plain; charset=utf-8', ...extra], text);
}

/** Answers with a block, and with a text unless it is empty; frees the stream whatever the client still sends. */
function reject(http2: ServerHttp2Stream, headers: HeaderList, text: string): void {
  http2.on('error', ignoreError);
  if (http2.destroyed || http2.closed) return;
  http2.resume();
  // node:http2: the answer to HEAD is at its end before it begins (test/transport/http2/request-validation.test.ts).
  if (text === '' || http2.writableEnded) {
    http2.respond(nodeHeaders(headers), { endStream: true });
    onRejected.call(http2);
  } else {
    http2.once('finish', onRejected);
    http2.respond(nodeHeaders(headers));
    http2.end(text);
  }
}

/** What an error means is settled by the close that follows it. */
function ignoreError(): void {}

function onRejected(this: ServerHttp2Stream): void {
  // node:http2: a close() any earlier than this overtakes the headers (test/transport/http2/early-close.test.ts).
  setImmediate(closeRejected, this);
}

function closeRejected(http2: ServerHttp2Stream): void {
  if (!http2.destroyed && !http2.closed) http2.close(constants.NGHTTP2_NO_ERROR);
}
