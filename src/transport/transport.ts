/**
 * The connection contract, both ends. Above: channels and servers. Below: transport/http2, transport/in-process.
 * Holds: a client transport tells onReady at most once, onShutdown at most once, onTerminated exactly once and last; a
 * server transport tells onTerminated exactly once and last. Source: io.grpc.internal.ManagedClientTransport.
 */
import type { CallCredentials } from '../credentials/call-credentials.ts';
import type { Compressor, CompressorRegistry } from '../framing/compressor.ts';
import type { Attributes, SocketAddress } from '../values/attributes.ts';
import type { Deadline } from '../values/deadline.ts';
import type { Metadata } from '../values/metadata.ts';
import type { MethodDescriptor } from '../values/method.ts';
import type { Status } from '../values/status.ts';
import type { ClientStream, ServerStream, ServerStreamListener } from './stream.ts';

/** All that a client's stream is told at birth. */
export interface StreamOptions {
  /** What the stream will be started with, but for what credentials add: for a balancer to read. Not to be changed. */
  readonly headers: Metadata;
  /** Overrides the transport's `:authority`; null for the transport's own. */
  readonly authority: string | null;
  /** The call's own. A channel asks them before it makes a stream of a transport, which ignores them. */
  readonly credentials: CallCredentials | null;
  /** Sent as `grpc-timeout`: what remains when the headers leave. The stream arms no timer. */
  readonly deadline: Deadline | null;
  /** Whether to wait out connection failures; null leaves it to the channel. A transport has nothing to wait for. */
  readonly waitForReady: boolean | null;
  /**
   * How many streams of the same call have reached a server before this one, sent as `grpc-previous-rpc-attempts`; 0 for the
   * first. A channel that is shut down lets the later ones in.
   */
  readonly previousAttempts: number;
  /** Whether the stream is the channel's own: it counts as no use of the connection, and keeps no process alive. */
  readonly isBackground: boolean;
  /** For the messages of the request. */
  readonly compressor: Compressor;
  /** For the messages of the response; the advertised ones go into `grpc-accept-encoding`. */
  readonly decompressors: CompressorRegistry;
  /** The largest message to accept, in bytes, before and after inflation. */
  readonly maxInboundMessageBytes: number;
  /** Queued bytes at which the stream stops being ready. */
  readonly onReadyThresholdBytes: number;
}

/** Where streams come from: a transport, or a channel that has yet to pick one. */
export interface StreamSource {
  /** Makes a stream, without any I/O; never throws. A source that has ended gives streams that close at once. */
  newStream(method: MethodDescriptor<unknown, unknown>, options: StreamOptions): ClientStream;
}

/** One client connection. */
export interface ClientTransport extends StreamSource {
  /** Facts about the connection; empty until there is one. */
  readonly attributes: Attributes;
  /** Connects. Once. After shutdown it does nothing, and the listener hears nothing. */
  start(listener: ClientTransportListener): void;
  /** Whether a further stream would have to wait for one to end. */
  readonly isFull: boolean;
  /** What it is doing, for people. */
  inspect(): TransportSnapshot;
  /** No new streams; open ones run to their end, then the connection closes. `reason` is what later streams get. */
  shutdown(reason: Status): void;
  /** Ends every stream with `reason` and closes the connection. */
  shutdownNow(reason: Status): void;
}

/** What a connection is doing, as `channel.inspect()` shows it. */
export interface TransportSnapshot {
  /** `host:port`, `unix:path` or a name. */
  readonly address: string;
  readonly state: 'idle' | 'connecting' | 'ready' | 'draining' | 'closed';
  /** Streams that have started and not closed, those that wait for a slot included. */
  readonly openStreams: number;
  readonly waitingForSlot: number;
  /** What the peer allows; null for no limit, or as long as it is not known. */
  readonly maxConcurrentStreams: number | null;
  /** Why there are no new streams; null while there are. */
  readonly shutdownReason: string | null;
}

/** What a client connection tells. */
export interface ClientTransportListener {
  /** Connected, and the peer has spoken HTTP/2. */
  onReady(): void;
  /** Streams are open, from the first until the last has closed. Told at each change; false at first. */
  onInUse(inUse: boolean): void;
  /** No new streams from now on; says why. Comes before onTerminated, also when connecting failed. */
  onShutdown(reason: Status): void;
  /** The connection is gone and every stream has closed. */
  onTerminated(): void;
}

/** One server connection. */
export interface ServerTransport {
  /** No new streams; open ones run to their end, then the connection closes. */
  shutdown(): void;
  /** Ends every stream with `reason` and closes the connection. */
  shutdownNow(reason: Status): void;
}

/** What a server connection tells. */
export interface ServerTransportListener {
  /**
   * A call has come. Returning the listener leaves no moment without one. `path` is `/package.Service/Method`; the
   * stream knows authority and timeout.
   */
  onStream(stream: ServerStream, path: string, headers: Metadata): ServerStreamListener;
  /** The connection is gone and every stream has closed. */
  onTerminated(): void;
}

/** Where server connections come from: a bound port, a socket file, a name in this process. */
export interface ServerListener {
  /** Binds and accepts. Once. Ends in onListening or onListenFailed. */
  listen(acceptor: ServerAcceptor): void;
  /** Accepts no more; the connections that are there go on. onClosed follows. A second call does nothing. */
  close(): void;
}

/** What a ServerListener tells. */
export interface ServerAcceptor {
  /** Bound, to this address (with the port that was found, where 0 was asked for). */
  onListening(address: SocketAddress): void;
  /** Could not bind. Nothing follows. */
  onListenFailed(error: Error): void;
  /** A connection has come. Returning its listener leaves no moment without one. */
  onTransport(transport: ServerTransport): ServerTransportListener;
  /** The address is free again. Connections may still be open. */
  onClosed(): void;
}
