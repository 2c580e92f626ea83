/**
 * The server's end of transport/http2 without a Server above: a bound port that keeps every stream that came, with what it
 * told, and lets the test act on it. Above: tests of that end, mostly with a RawClient. Below: Http2ServerListener.
 * Holds: a breach of the stream contract fails the running test; dispose ends every connection and waits for it.
 */
import { ServerCredentials } from '../../../src/credentials/server-credentials.ts';
import {
  type Http2ListenAddress,
  Http2ServerListener,
  type Http2ServerOptions,
} from '../../../src/transport/http2/server-listener.ts';
import type { ServerStream, ServerStreamListener } from '../../../src/transport/stream.ts';
import type { ServerAcceptor, ServerTransport, ServerTransportListener } from '../../../src/transport/transport.ts';
import type { SocketAddress } from '../../../src/values/attributes.ts';
import type { Metadata } from '../../../src/values/metadata.ts';
import { Status } from '../../../src/values/status.ts';
import { EventLog } from '../../support/recorder.ts';
import { within } from '../../support/suite.ts';

const PATIENCE_MS = 5_000;

/** What a stream told. */
export type StreamEvent =
  | { readonly type: 'message'; readonly payload: Buffer }
  | { readonly type: 'half-close' }
  | { readonly type: 'ready' }
  | { readonly type: 'written'; readonly count: number }
  | { readonly type: 'close'; readonly status: Status };

/** What the test does with a stream: on its arrival, and inside what it tells. */
export interface StreamManner {
  /** Whether the method lets the client stream. Default: true. */
  readonly clientStreams?: boolean;
  readonly onArrival?: (arrival: Arrival) => void;
  readonly onMessage?: (arrival: Arrival, payload: Buffer) => void;
  readonly onHalfClose?: (arrival: Arrival) => void;
  readonly onReady?: (arrival: Arrival) => void;
}

/** A stream that came. */
export class Arrival implements ServerStreamListener {
  readonly stream: ServerStream;
  readonly path: string;
  readonly headers: Metadata;
  readonly clientStreams: boolean;
  readonly log: EventLog<StreamEvent> = new EventLog<StreamEvent>(['close']);
  readonly #manner: StreamManner;

  constructor(stream: ServerStream, path: string, headers: Metadata, manner: StreamManner) {
    this.stream = stream;
    this.path = path;
    this.headers = headers;
    this.clientStreams = manner.clientStreams ?? true;
    this.#manner = manner;
  }

  onMessage(payload: Uint8Array): void {
    const copy = Buffer.from(payload);
    this.log.record({ type: 'message', payload: copy }, () => this.#manner.onMessage?.(this, copy));
  }

  onHalfClose(): void {
    this.log.record({ type: 'half-close' }, () => this.#manner.onHalfClose?.(this));
  }

  onReady(): void {
    this.log.record({ type: 'ready' }, () => this.#manner.onReady?.(this));
  }

  onWritten(count: number): void {
    this.log.record({ type: 'written', count });
  }

  onClose(status: Status): void {
    this.log.record({ type: 'close', status });
  }

  /** The names of all events so far, but for `ready` and `written`. */
  get story(): string[] {
    return this.log.names().filter((name) => name !== 'ready' && name !== 'written');
  }

  /** The status of the end, once it has come. */
  get closed(): Promise<Status> {
    return this.log.end().then((event) => (event.type === 'close' ? event.status : Status.OK));
  }
}

/** Raw clients ping to know that all before was read. */
const ANY_PINGS: Http2ServerOptions = { permitKeepaliveTimeMs: 0, permitKeepaliveWithoutCalls: true };

interface Waiter {
  readonly count: number;
  readonly resolve: () => void;
}

/** A bound port and all that came to it. */
export class StreamServer implements ServerAcceptor {
  /** In the order in which they came. */
  readonly arrivals: Arrival[] = [];
  readonly transports: ServerTransport[] = [];
  /** How many of the transports have told their end. */
  terminated = 0;
  port = 0;
  readonly #listener: Http2ServerListener;
  readonly #manner: StreamManner;
  readonly #open: Set<ServerTransport> = new Set();
  readonly #waiters: Set<Waiter> = new Set();
  readonly #settled: { readonly resolve: () => void; readonly promise: Promise<void> };
  #listening: { readonly resolve: () => void; readonly reject: (error: Error) => void } | null = null;
  #closed = false;
  #portIsFree = false;

  private constructor(listener: Http2ServerListener, manner: StreamManner) {
    this.#listener = listener;
    this.#manner = manner;
    let resolve = (): void => {};
    const promise = new Promise<void>((done) => {
      resolve = done;
    });
    this.#settled = { resolve, promise };
  }

  /** Listens on a free port of 127.0.0.1, or at the address given. */
  static async listen(
    manner: StreamManner = {},
    options: Http2ServerOptions = {},
    credentials: ServerCredentials = ServerCredentials.insecure(),
    address: Http2ListenAddress = { host: '127.0.0.1', port: 0 },
  ): Promise<StreamServer> {
    const server = new StreamServer(
      new Http2ServerListener(address, credentials, { ...ANY_PINGS, ...options }),
      manner,
    );
    const bound = new Promise<void>((resolve, reject) => {
      server.#listening = { resolve, reject };
    });
    server.#listener.listen(server);
    await within(PATIENCE_MS, bound, 'a stream server to listen');
    return server;
  }

  /** The stream with this number, counted from 0, once it has come. */
  async arrival(index = 0): Promise<Arrival> {
    const come = new Promise<void>((resolve) => {
      this.#waiters.add({ count: index + 1, resolve });
      this.#wake();
    });
    await within(PATIENCE_MS, come, `stream ${index} to come to the server`);
    return this.arrivals[index] as Arrival;
  }

  /** Accepts no more and lets every connection run out its streams. */
  shutdown(): void {
    this.close();
    for (const transport of this.#open) transport.shutdown();
  }

  close(): void {
    if (!this.#closed) this.#listener.close();
    this.#closed = true;
  }

  /** Resolves once the port is free and every connection gone. */
  async gone(): Promise<void> {
    await within(PATIENCE_MS, this.#settled.promise, 'a stream server to end');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    for (const transport of this.#open) transport.shutdownNow(Status.UNAVAILABLE.withDescription('the test is over'));
    await this.gone();
  }

  #wake(): void {
    for (const waiter of this.#waiters) {
      if (this.arrivals.length < waiter.count) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }

  #settleWhenGone(): void {
    if (this.#portIsFree && this.#open.size === 0) this.#settled.resolve();
  }

  onListening(address: SocketAddress): void {
    this.port = 'port' in address ? address.port : 0;
    this.#listening?.resolve();
  }

  onListenFailed(error: Error): void {
    this.#listening?.reject(error);
  }

  onClosed(): void {
    this.#portIsFree = true;
    this.#settleWhenGone();
  }

  onTransport(transport: ServerTransport): ServerTransportListener {
    this.transports.push(transport);
    this.#open.add(transport);
    return {
      onStream: (stream, path, headers): ServerStreamListener => {
        const arrival = new Arrival(stream, path, headers, this.#manner);
        this.arrivals.push(arrival);
        this.#manner.onArrival?.(arrival);
        this.#wake();
        return arrival;
      },
      onTerminated: (): void => {
        this.terminated += 1;
        this.#open.delete(transport);
        this.#settleWhenGone();
      },
    };
  }
}
