/**
 * The client's end of a connection within the process. Above: channels. Below: InProcessServer, by name or as an object.
 * Holds: what Http2ClientTransport holds; connecting takes a tick, and every crossing one of its own.
 *
 *   idle ─start→ connecting ─the server accepts→ ready ─shutdown and last stream, server gone→ closed
 *                    └──────no such server──────────────────────────────────────────────────→ closed
 */
import type { Attributes } from '../../values/attributes.ts';
import { LinkedSet } from '../../values/linked-set.ts';
import type { MethodDescriptor } from '../../values/method.ts';
import { Status } from '../../values/status.ts';
import type { ClientStream } from '../stream.ts';
import type { ClientTransport, ClientTransportListener, StreamOptions, TransportSnapshot } from '../transport.ts';
import { USER_AGENT } from '../user-agent.ts';
import { type InProcessClientHost, InProcessClientStream } from './client-stream.ts';
import {
  type ClientConnection,
  InProcessServer,
  type InProcessServerTransport,
  inProcessAttributes,
} from './server.ts';

/** What a connection is told at birth. */
export interface InProcessClientOptions {
  /** The server's name, or the server itself. */
  readonly server: string | InProcessServer;
  /** `:authority` of its calls. Default: the server's name. */
  readonly authority?: string;
  /** The largest header list to accept, in bytes, counted as RFC 9113 §6.5.2 does. Default 8 KiB. */
  readonly maxInboundMetadataBytes?: number;
  /** Put in front of the library's own user agent. Default: nothing. */
  readonly userAgent?: string;
}

const DRAINING: Status = Status.UNAVAILABLE.withDescription('the server is closing the connection');
const GONE: Status = Status.UNAVAILABLE.withDescription('the connection is closed');

type State = 'idle' | 'connecting' | 'ready' | 'closed';

/** The client's end of a connection. */
export class InProcessClientTransport implements ClientTransport, InProcessClientHost, ClientConnection {
  readonly authority: string;
  readonly userAgent: string;
  readonly attributes: Attributes;
  readonly maxInboundMetadataBytes: number;
  readonly #server: string | InProcessServer;
  readonly #streams = new LinkedSet<InProcessClientStream>();
  /** How many of them are calls of users. */
  #calls = 0;
  /** Streams that wait for the connection. */
  #waiting: InProcessClientStream[] = [];
  #state: State = 'idle';
  #listener: ClientTransportListener | null = null;
  #transport: InProcessServerTransport | null = null;
  /** Why there are no new streams; null while there are. */
  #shutdownReason: Status | null = null;
  /** Made once, so that no call needs a closure. */
  readonly #accept: Parameters<InProcessClientStream['meet']>[0];

  constructor(options: InProcessClientOptions) {
    const name = typeof options.server === 'string' ? options.server : options.server.name;
    this.#server = options.server;
    this.authority = options.authority ?? name;
    this.userAgent = options.userAgent === undefined ? USER_AGENT : `${options.userAgent} ${USER_AGENT}`;
    this.attributes = inProcessAttributes(name);
    this.maxInboundMetadataBytes = options.maxInboundMetadataBytes ?? 8 * 1024;
    this.#accept = (stream, request) => this.#transport?.newStream(stream, request) ?? GONE;
  }

  newStream(method: MethodDescriptor<unknown, unknown>, options: StreamOptions): ClientStream {
    return new InProcessClientStream(this, method, options);
  }

  start(listener: ClientTransportListener): void {
    if (this.#state !== 'idle') return;
    this.#state = 'connecting';
    this.#listener = listener;
    process.nextTick(connect, this);
  }

  /** The tick after start. */
  onConnecting(): void {
    if (this.#state !== 'connecting') return;
    const server = typeof this.#server === 'string' ? InProcessServer.find(this.#server) : this.#server;
    this.#transport = server?.accept(this) ?? null;
    if (this.#transport === null) {
      const name = typeof this.#server === 'string' ? this.#server : this.#server.name;
      this.#lose(Status.UNAVAILABLE.withDescription(`Could not find server: ${name}`));
      return;
    }
    this.#state = 'ready';
    if (this.#shutdownReason === null) this.#listener?.onReady();
    for (const stream of this.#waiting.splice(0)) stream.meet(this.#accept);
    this.#closeWhenDrained();
  }

  onStreamStarted(stream: InProcessClientStream): void {
    if (this.#shutdownReason !== null) {
      stream.onRefused(this.#shutdownReason);
      return;
    }
    this.#streams.add(stream);
    if (stream.isBackground) return;
    this.#calls += 1;
    if (this.#calls === 1) this.#listener?.onInUse(true);
  }

  meetServer(stream: InProcessClientStream): void {
    if (this.#state === 'ready') process.nextTick(meet, this, stream);
    else if (this.#state === 'closed') stream.onRefused(this.#shutdownReason ?? GONE);
    else this.#waiting.push(stream);
  }

  /** The tick after a stream asked for the server. */
  onMeeting(stream: InProcessClientStream): void {
    if (this.#state === 'ready') stream.meet(this.#accept);
    else stream.onRefused(this.#shutdownReason ?? GONE);
  }

  onStreamEnded(stream: InProcessClientStream): void {
    if (!this.#streams.delete(stream)) return;
    if (!stream.isBackground) this.#calls -= 1;
    if (!stream.isBackground && this.#calls === 0) this.#listener?.onInUse(false);
    this.#closeWhenDrained();
  }

  /** Never: a connection within the process has no limit of streams. */
  get isFull(): boolean {
    return false;
  }

  inspect(): TransportSnapshot {
    return {
      address: this.authority,
      state: this.#state === 'ready' && this.#shutdownReason !== null ? 'draining' : this.#state,
      openStreams: this.#streams.size,
      waitingForSlot: 0,
      maxConcurrentStreams: null,
      shutdownReason: this.#shutdownReason?.toString() ?? null,
    };
  }

  describeWait(): string {
    return `waiting for a connection to ${this.authority}`;
  }

  shutdown(reason: Status): void {
    if (this.#state === 'idle') this.#state = 'closed';
    this.#noNewStreams(reason);
    this.#closeWhenDrained();
  }

  #noNewStreams(reason: Status): void {
    if (this.#shutdownReason !== null) return;
    this.#shutdownReason = reason;
    this.#listener?.onShutdown(reason);
  }

  shutdownNow(reason: Status): void {
    if (this.#state === 'idle') this.#state = 'closed';
    this.#noNewStreams(reason);
    for (const stream of this.#streams.toArray()) stream.onShutdownNow(reason);
    this.#close();
  }

  onServerDraining(): void {
    this.#noNewStreams(DRAINING);
    for (const stream of this.#streams.toArray()) stream.onRefused(DRAINING);
  }

  onServerGone(reason: Status | null): void {
    if (this.#state !== 'closed') this.#lose(reason ?? DRAINING);
  }

  #lose(reason: Status): void {
    this.#noNewStreams(reason);
    this.#state = 'closed';
    this.#transport = null;
    for (const stream of this.#streams.toArray()) {
      stream.onRefused(reason);
      stream.onConnectionLost(reason);
    }
    this.#terminateWhenEmpty();
  }

  #closeWhenDrained(): void {
    if (this.#shutdownReason === null || this.#streams.size > 0) return;
    if (this.#state === 'closed') this.#terminateWhenEmpty();
    else this.#close();
  }

  #close(): void {
    this.#state = 'closed';
    const transport = this.#transport;
    this.#transport = null;
    if (transport !== null) process.nextTick(leave, transport);
    this.#terminateWhenEmpty();
  }

  #terminateWhenEmpty(): void {
    if (this.#streams.size > 0) return;
    const listener = this.#listener;
    this.#listener = null;
    if (listener !== null) process.nextTick(tellTerminated, listener);
  }
}

function connect(transport: InProcessClientTransport): void {
  transport.onConnecting();
}

function meet(transport: InProcessClientTransport, stream: InProcessClientStream): void {
  transport.onMeeting(stream);
}

function leave(transport: InProcessServerTransport): void {
  transport.onClientGone();
}

function tellTerminated(listener: ClientTransportListener): void {
  listener.onTerminated();
}
