/**
 * DirectChannel: a Channel over one connection at a time, made by a factory. Above: stubs, reactors, users. Below:
 * Subchannel makes and keeps the connection, PendingStream holds a call that waits for it, CredentialsStream one that
 * waits for its credentials.
 * Holds: a call without credentials on a READY channel gets the transport's own stream, nothing between. In CONNECTING
 * calls wait. In TRANSIENT_FAILURE they fail at once with the last connection error; those that wait for ready wait on.
 * A lost connection means IDLE: the next call connects again.
 * The back-off timer runs only while a call waits for ready, or after connect() or getState(true), until the attempt
 * that was asked for: a channel that nobody waits for keeps no process alive. Once the wait is over the next call
 * connects, and waits for that. A stream's progress reaches the call untouched: the call begins anew what came to
 * nothing. Source: io.grpc.ManagedChannel.
 */
import type { CallOptions } from '../call/call-options.ts';
import type { Channel } from '../call/channel.ts';
import type { ClientCall } from '../call/client-call.ts';
import { type ClientInterceptor, interceptChannel } from '../call/client-interceptor.ts';
import { type FailureHook, warnOfFailure } from '../call/failure-hooks.ts';
import { type ClientCallConfig, StreamClientCall } from '../call/stream-client-call.ts';
import { CallCredentials } from '../credentials/call-credentials.ts';
import { CompressorRegistry } from '../framing/compressor.ts';
import type { ClientStream } from '../transport/stream.ts';
import type { ClientTransport, StreamOptions, StreamSource } from '../transport/transport.ts';
import { type Clock, SYSTEM_CLOCK } from '../values/clock.ts';
import { Latch } from '../values/latch.ts';
import type { Metadata } from '../values/metadata.ts';
import type { MethodDescriptor } from '../values/method.ts';
import { Status } from '../values/status.ts';
import { Backoff, type BackoffOptions } from './backoff.ts';
import { Connectivity, type ConnectivityState } from './connectivity.ts';
import { CredentialsStream, type CredentialsStreamOwner, isPrivate, NOT_PRIVATE } from './credentials-stream.ts';
import { PendingStream, type PendingStreamOwner } from './pending-stream.ts';
import { Subchannel } from './subchannel.ts';

/** What a channel may be told at birth. */
export interface ChannelOptions {
  /** Every call passes them; the last one given runs first. Default: none. */
  readonly interceptors?: readonly ClientInterceptor[];
  /** Asked for every call, before the call's own. Over HTTP/2 those composed with the channel's credentials. Default: none. */
  readonly callCredentials?: CallCredentials | null;
  /** The largest response message to accept, in bytes, unless a call says otherwise. Default: 4 MiB. */
  readonly maxInboundMessageBytes?: number;
  /** Compressors by name. Default: identity, gzip and deflate. */
  readonly compressors?: CompressorRegistry;
  /** Hears of errors that listeners throw. Default: a process warning. */
  readonly onListenerError?: FailureHook;
  /** Connection back-off. Default: 1 s × 1.6 up to 120 s, ±20 %. */
  readonly backoff?: BackoffOptions;
  /** Default: the system's. */
  readonly clock?: Clock;
}

const DEFAULT_MAX_INBOUND_MESSAGE_BYTES = 4 * 1024 * 1024;

const SHUTDOWN: Status = Status.UNAVAILABLE.withDescription('Channel shutdown invoked');
const SHUTDOWN_NOW: Status = Status.UNAVAILABLE.withDescription('Channel shutdownNow invoked');

/** A channel over one connection at a time. Starts IDLE: the start of the first call connects. */
export class DirectChannel implements Channel {
  readonly #authority: string;
  readonly #calls: Channel;
  readonly #connectivity = new Connectivity();
  readonly #subchannel: Subchannel;
  readonly #terminated: Latch;
  readonly #config: ClientCallConfig;
  readonly #callCredentials: CallCredentials | null;
  /** Why there are no new calls; null while there are. */
  #shutdownReason: Status | null = null;
  /** Whether connect() was called since the last attempt. */
  #connectAsked = false;
  /** Streams that wait for a connection, oldest first, and whether each outlasts a failure to connect. */
  readonly #waiting = new Map<PendingStream, boolean>();
  /** Streams that wait for their credentials, and the transport that was picked for each. */
  readonly #asking = new Map<PendingStream, ClientTransport>();
  readonly #streams: StreamSource = { newStream: (method, options) => this.#newStream(method, options) };
  /** Where streams go that have been let in: unlike new ones they go on after shutdown. */
  readonly #picks: StreamSource = { newStream: (method, options) => this.#pickStream(method, options) };
  readonly #owner: PendingStreamOwner = {
    onAbandoned: (stream) => this.#onAbandoned(stream),
    describeWait: () => this.#describeWait(),
  };
  readonly #asker: CredentialsStreamOwner = {
    onMetadata: (stream, metadata) => this.#onMetadata(stream, metadata),
    onAbandoned: (stream) => this.#onAbandoned(stream),
    describeWait: () => 'waiting for call credentials',
  };

  /** `factory` makes a transport that has not been started; `authority` is the `:authority` of calls that have none. */
  constructor(factory: () => ClientTransport, authority: string, options: ChannelOptions = {}) {
    const clock = options.clock ?? SYSTEM_CLOCK;
    this.#authority = authority;
    this.#callCredentials = options.callCredentials ?? null;
    this.#terminated = new Latch(clock);
    this.#subchannel = new Subchannel(factory, clock, new Backoff(options.backoff), {
      onStateChanged: (state) => this.#onStateChanged(state),
      onTerminated: () => this.#terminated.open(),
    });
    this.#config = {
      clock,
      compressors: options.compressors ?? CompressorRegistry.DEFAULT,
      maxInboundMessageBytes: options.maxInboundMessageBytes ?? DEFAULT_MAX_INBOUND_MESSAGE_BYTES,
      onListenerError: options.onListenerError ?? warnOfFailure,
      replayBudget: { keptBytes: 0 },
    };
    const calls: Channel = {
      newCall: (method, callOptions) => this.#newCall(method, callOptions),
      authority: () => authority,
    };
    this.#calls = interceptChannel(calls, ...(options.interceptors ?? []));
  }

  authority(): string {
    return this.#authority;
  }

  newCall<Req, Res>(method: MethodDescriptor<Req, Res>, options: CallOptions): ClientCall<Req, Res> {
    return this.#calls.newCall(method, options);
  }

  #newCall<Req, Res>(method: MethodDescriptor<Req, Res>, options: CallOptions): ClientCall<Req, Res> {
    return new StreamClientCall(method, options, this.#streams, this.#config);
  }

  #newStream(method: MethodDescriptor<unknown, unknown>, options: StreamOptions): ClientStream {
    if (this.#shutdownReason === null) return this.#pickStream(method, options);
    const stream = new PendingStream(this.#owner, method, options);
    stream.fail(this.#shutdownReason);
    return stream;
  }

  #pickStream(method: MethodDescriptor<unknown, unknown>, options: StreamOptions): ClientStream {
    const { transport } = this.#subchannel;
    if (transport !== null) return this.#streamOn(transport, method, options);
    const waitForReady = options.waitForReady === true;
    const stream = new PendingStream(this.#owner, method, options);
    if (this.#subchannel.state() === 'TRANSIENT_FAILURE' && !waitForReady) {
      stream.fail(this.#subchannel.lastFailure);
    } else {
      this.#waiting.set(stream, waitForReady);
      this.#subchannel.requestConnection();
    }
    return stream;
  }

  /** The transport's own stream, or one that asks the credentials of the call first. */
  #streamOn(
    transport: ClientTransport,
    method: MethodDescriptor<unknown, unknown>,
    options: StreamOptions,
  ): ClientStream {
    const credentials = this.#credentialsOf(options);
    if (credentials === null) return transport.newStream(method, options);
    const authority = options.authority ?? this.#authority;
    const stream = new CredentialsStream(this.#asker, method, options, { credentials, authority });
    if (isPrivate(transport)) this.#asking.set(stream, transport);
    else stream.fail(NOT_PRIVATE);
    return stream;
  }

  #credentialsOf(options: StreamOptions): CallCredentials | null {
    const { credentials } = options;
    if (this.#callCredentials === null || credentials === null) return this.#callCredentials ?? credentials;
    return CallCredentials.combine(this.#callCredentials, credentials);
  }

  #onMetadata(stream: CredentialsStream, metadata: Metadata): void {
    const transport = this.#asking.get(stream) ?? null;
    this.#asking.delete(stream);
    if (transport !== null && transport === this.#subchannel.transport) stream.open(transport, metadata);
    // The connection was lost while the credentials were asked: they are asked anew for the next one.
    else stream.attach(this.#picks);
    this.#settleLine();
  }

  #onStateChanged(state: ConnectivityState): void {
    if (this.#shutdownReason === null) this.#connectivity.moveTo(state);
    this.#connectAsked = false;
    if (state === 'READY') this.#attachWaiting();
    else if (state === 'TRANSIENT_FAILURE') this.#failWaiting();
  }

  #attachWaiting(): void {
    const { transport } = this.#subchannel;
    if (transport === null) return;
    const source: StreamSource = {
      newStream: (method, options) => this.#streamOn(transport, method, options),
    };
    // Each leaves the line only when its turn has come: what an earlier one brings about must not end the line.
    for (const stream of [...this.#waiting.keys()]) if (this.#waiting.delete(stream)) stream.attach(source);
    this.#settleLine();
  }

  #failWaiting(): void {
    const reason = this.#subchannel.lastFailure;
    for (const [stream, waitForReady] of this.#waiting) {
      if (waitForReady) continue;
      this.#waiting.delete(stream);
      stream.fail(reason);
    }
    if (this.#waiting.size > 0) this.#subchannel.requestConnection();
    else this.#settleLine();
  }

  #onAbandoned(stream: PendingStream): void {
    this.#waiting.delete(stream);
    this.#asking.delete(stream);
    this.#settleLine();
  }

  /** Lets go of the connection, or of the wish for one, if no call needs it any more. */
  #settleLine(): void {
    if (this.#waiting.size > 0) return;
    const idle = this.#asking.size === 0;
    if (idle && this.#shutdownReason !== null) this.#subchannel.shutdown(this.#shutdownReason);
    else if (!this.#connectAsked) this.#subchannel.withdrawRequest();
  }

  #describeWait(): string {
    const what = `waiting for a connection to ${this.#authority}`;
    if (this.#subchannel.state() !== 'TRANSIENT_FAILURE') return what;
    return `${what}, the last attempt failed with ${this.#subchannel.lastFailure}`;
  }

  /** The state; with `requestConnection` also calls connect(), whose effect the result does not show yet. */
  getState(requestConnection = false): ConnectivityState {
    // Asking the subchannel lets it notice that a wait is over; it tells us, as of every change.
    this.#subchannel.state();
    const { state } = this.#connectivity;
    if (requestConnection) this.connect();
    return state;
  }

  /**
   * Leaves IDLE without a call. In TRANSIENT_FAILURE connects once more when the back-off is over; else nothing
   * happens.
   */
  connect(): void {
    this.#subchannel.requestConnection();
    this.#connectAsked = this.#subchannel.state() === 'TRANSIENT_FAILURE';
  }

  /**
   * Calls `callback` once, in a tick of its own: as soon as the state is no longer `source`, which may be now. States
   * in between may be missed. Source: io.grpc.ManagedChannel.notifyWhenStateChanged.
   */
  notifyWhenStateChanged(source: ConnectivityState, callback: () => void): void {
    this.#subchannel.state();
    this.#connectivity.whenChangedFrom(source, callback);
  }

  /** In TRANSIENT_FAILURE connects at once, with the back-off starting anew; else nothing happens. */
  resetConnectBackoff(): void {
    this.#subchannel.resetBackoff();
  }

  /**
   * New calls close UNAVAILABLE, also those that were made but not started; started ones go on, those that wait for
   * a connection or for credentials too. A second call does nothing.
   */
  shutdown(): void {
    if (this.#shutdownReason !== null) return;
    this.#shutdownReason = SHUTDOWN;
    this.#connectivity.moveTo('SHUTDOWN');
    this.#settleLine();
  }

  /** Ends every call UNAVAILABLE, and the connection. Also after shutdown. */
  shutdownNow(): void {
    this.#shutdownReason = SHUTDOWN_NOW;
    this.#connectivity.moveTo('SHUTDOWN');
    for (const stream of [...this.#waiting.keys(), ...this.#asking.keys()]) stream.fail(SHUTDOWN_NOW);
    this.#waiting.clear();
    this.#asking.clear();
    this.#subchannel.shutdownNow(SHUTDOWN_NOW);
  }

  get isShutdown(): boolean {
    return this.#shutdownReason !== null;
  }

  /** Whether every call has ended and the connection is gone, after a shutdown. */
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
