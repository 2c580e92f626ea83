/**
 * Server: binds its addresses, gives each call to its handler, drains and stops. Above: users. Below: Bindings for the
 * addresses, ServerTransport for each connection, serveStream for each call.
 * Holds: no error of a handler, an interceptor or a peer ends the process; connections that come while the server stops
 * are shut down at once; it has terminated when every address is closed and every connection gone.
 *
 *   new ─start→ starting ─all bound→ started ─shutdown→ stopping ─all gone→ terminated
 *    │             └─shutdown, bind failure─────────────────↑                   ↑
 *    └─shutdown─────────────────────────────────────────────────────────────────┘
 *
 * Source: io.grpc.Server, io.grpc.ServerBuilder.
 */
import { type FailureHook, reportFailure, warnOfFailure } from '../call/failure-hooks.ts';
import type { ServerInterceptor } from '../call/server-interceptor.ts';
import type { HandlerRegistry, RegisteredMethod, ServiceDefinition } from '../call/service-definition.ts';
import { type ServerCallConfig, serveStream } from '../call/stream-server-call.ts';
import type { ServerCredentials } from '../credentials/server-credentials.ts';
import { CompressorRegistry } from '../framing/compressor.ts';
import {
  type Http2ListenAddress,
  Http2ServerListener,
  type Http2ServerOptions,
} from '../transport/http2/server-listener.ts';
import type { ServerStream, ServerStreamListener } from '../transport/stream.ts';
import type { ServerListener, ServerTransport, ServerTransportListener } from '../transport/transport.ts';
import type { SocketAddress } from '../values/attributes.ts';
import { SYSTEM_CLOCK } from '../values/clock.ts';
import { IllegalStateError } from '../values/illegal-state-error.ts';
import { Latch } from '../values/latch.ts';
import { Metadata } from '../values/metadata.ts';
import type { ServiceDescriptor } from '../values/method.ts';
import { Status } from '../values/status.ts';
import { Bindings } from './bindings.ts';
import { MethodRegistry } from './method-registry.ts';

/** What a server may be told at birth; what concerns connections holds for those of addListener. */
export interface ServerOptions extends Http2ServerOptions {
  /**
   * Every call that has a handler passes them, before those of its service; the last one given runs first. Default:
   * none.
   */
  readonly interceptors?: readonly ServerInterceptor[];
  /** Is asked for methods that no service has. Default: none. */
  readonly fallbackRegistry?: HandlerRegistry;
  /** Hears of errors that handlers throw. Default: a process warning. */
  readonly onHandlerError?: FailureHook;
}

const SHUTDOWN_NOW: Status = Status.UNAVAILABLE.withDescription('Server shutdownNow invoked');

/** Listens to the stream of a call that has no handler. */
const NOBODY: ServerStreamListener = Object.freeze({
  clientStreams: false,
  onMessage(): void {},
  onReady(): void {},
  onWritten(): void {},
  onHalfClose(): void {},
  onClose(): void {},
});

/** How start() ends. */
interface Starting {
  resolve(): void;
  reject(error: Error): void;
}

/** A gRPC server. Add services and listeners, then start it. */
export class Server {
  readonly #options: ServerOptions;
  readonly #registry: MethodRegistry;
  readonly #bindings: Bindings;
  readonly #transports = new Set<ServerTransport>();
  readonly #callConfig: ServerCallConfig;
  readonly #terminated: Latch;
  #state: 'new' | 'starting' | 'started' | 'stopping' | 'terminated' = 'new';
  /** Not null while starting. */
  #starting: Starting | null = null;
  /** Why an address could not be bound. */
  #bindError: Error | null = null;
  /** Whether start() was called. */
  #wasStarted = false;
  /** Whether calls are to be ended; else a server that stops lets them run on. */
  #isForced = false;

  constructor(options: ServerOptions = {}) {
    const clock = options.clock ?? SYSTEM_CLOCK;
    this.#options = options;
    this.#registry = new MethodRegistry(options.interceptors, options.fallbackRegistry);
    this.#terminated = new Latch(clock);
    this.#callConfig = {
      clock,
      compressors: options.compressors ?? CompressorRegistry.DEFAULT,
      onHandlerError: options.onHandlerError ?? warnOfFailure,
    };
    this.#bindings = new Bindings({
      onBound: () => this.#onBound(),
      onBindFailed: (error) => this.#onBindFailed(error),
      onClosed: () => this.#onListenersClosed(),
      onTransport: (transport) => this.#onTransport(transport),
    });
  }

  /** Serves `service` as it is now; of two with one name the later one counts. Throws IllegalStateError after start. */
  addService(service: ServiceDefinition): this {
    this.#checkNew();
    this.#registry.add(service);
    return this;
  }

  /**
   * Will listen at a TCP address (port 0 finds a free one) or at the path of a Unix socket. May be called several
   * times. Throws IllegalStateError after start.
   */
  addListener(address: Http2ListenAddress, credentials: ServerCredentials): this {
    return this.addServerListener(new Http2ServerListener(address, credentials, this.#options));
  }

  /** Will take connections from any kind of transport. Throws IllegalStateError after start. */
  addServerListener(listener: ServerListener): this {
    this.#checkNew();
    this.#bindings.add(listener);
    return this;
  }

  #checkNew(): void {
    if (this.#wasStarted) throw new IllegalStateError('Already started');
    if (this.#state !== 'new') throw new IllegalStateError('Shutting down');
  }

  /**
   * Binds all addresses. When one cannot be bound, those that are bound are closed, the promise rejects with the error,
   * and the server has come to its end. Rejects with IllegalStateError on a second call (`Already started`), after or
   * amid a shutdown (`Shutting down`) and without an address to listen at.
   */
  async start(): Promise<void> {
    this.#checkNew();
    if (this.#bindings.size === 0) throw new IllegalStateError('No address to listen at');
    this.#wasStarted = true;
    this.#state = 'starting';
    await new Promise<void>((resolve, reject) => {
      this.#starting = { resolve, reject };
      this.#bindings.listen();
    });
  }

  #onBound(): void {
    this.#state = 'started';
    this.#starting?.resolve();
    this.#starting = null;
  }

  #onBindFailed(error: Error): void {
    this.#bindError = error;
    this.shutdownNow();
  }

  #onListenersClosed(): void {
    this.#starting?.reject(this.#bindError ?? new IllegalStateError('Shutting down'));
    this.#starting = null;
    this.#terminateWhenDone();
  }

  #onTransport(transport: ServerTransport): ServerTransportListener {
    this.#transports.add(transport);
    // Later, because the transport has no listener before this returns.
    if (this.#state === 'stopping') process.nextTick(() => this.#shutDownTransport(transport));
    return {
      onStream: (stream, path, headers) => this.#onStream(stream, path, headers),
      onTerminated: () => this.#onTransportTerminated(transport),
    };
  }

  #onTransportTerminated(transport: ServerTransport): void {
    this.#transports.delete(transport);
    this.#terminateWhenDone();
  }

  #onStream(stream: ServerStream, path: string, headers: Metadata): ServerStreamListener {
    const registered = this.#lookup(stream, path);
    if (registered === null) return NOBODY;
    return serveStream(stream, registered.method, registered.handler, headers, this.#callConfig);
  }

  /** The handler for a stream, or null after having closed it. */
  #lookup(stream: ServerStream, path: string): RegisteredMethod | null {
    let status: Status;
    try {
      const registered = this.#registry.lookup(path, stream.authority);
      if (registered !== null) return registered;
      status = Status.UNIMPLEMENTED.withDescription(`Method not found: ${path.replace(/^\//, '')}`);
    } catch (thrown) {
      // A fallback registry is the user's code.
      reportFailure(this.#callConfig.onHandlerError, thrown, path);
      status = Status.ofFailure(thrown);
    }
    stream.close(status, new Metadata());
    return null;
  }

  /** The port of the first TCP address, -1 if there is none. Throws IllegalStateError as listenSockets does. */
  get port(): number {
    for (const address of this.listenSockets()) if ('port' in address) return address.port;
    return -1;
  }

  /**
   * The addresses, in the order in which they were added. Throws IllegalStateError before start has ended well (`Not
   * started`) and after termination (`Already terminated`).
   */
  listenSockets(): SocketAddress[] {
    if (!this.#wasStarted || this.#state === 'starting') throw new IllegalStateError('Not started');
    if (this.#state === 'terminated') throw new IllegalStateError('Already terminated');
    return this.#bindings.addresses();
  }

  /** The services that were added, for reflection. */
  services(): ServiceDescriptor[] {
    return this.#registry.services();
  }

  /**
   * Accepts no more connections and lets those that are there run out their calls. Legal before start: then the server
   * has terminated and can never be started. A second call does nothing.
   */
  shutdown(): void {
    if (this.#state === 'stopping' || this.#state === 'terminated') return;
    this.#state = 'stopping';
    this.#bindings.close();
    for (const transport of this.#transports) transport.shutdown();
  }

  /** As shutdown, but ends every call UNAVAILABLE. Also after shutdown. */
  shutdownNow(): void {
    this.#isForced = true;
    this.shutdown();
    for (const transport of this.#transports) transport.shutdownNow(SHUTDOWN_NOW);
  }

  #shutDownTransport(transport: ServerTransport): void {
    if (this.#isForced) transport.shutdownNow(SHUTDOWN_NOW);
    else transport.shutdown();
  }

  #terminateWhenDone(): void {
    if (this.#state !== 'stopping' || !this.#bindings.isClosed || this.#transports.size > 0) return;
    this.#state = 'terminated';
    this.#terminated.open();
  }

  get isShutdown(): boolean {
    return this.#state === 'stopping' || this.#state === 'terminated';
  }

  /** Whether every address is closed and every connection gone, after a shutdown. */
  get isTerminated(): boolean {
    return this.#terminated.happened;
  }

  /**
   * True once isTerminated is, false when that takes longer than `timeoutMs`. Shuts nothing down by itself.
   * Default: no limit.
   */
  awaitTermination(timeoutMs: number = Number.POSITIVE_INFINITY): Promise<boolean> {
    return new Promise((resolve) => this.#terminated.wait(timeoutMs, resolve));
  }

  /** shutdownNow, and waits for the end. For a gentle one call shutdown and awaitTermination before. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.shutdownNow();
    await this.awaitTermination();
  }
}
