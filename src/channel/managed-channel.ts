/**
 * ManagedChannel: calls to a target, over whatever connections there are. Above: stubs, reactors, users. Below: Connections
 * make and keep connections and pick one for each call, PendingStream holds a call that waits for one, CredentialsStream one
 * that waits for its credentials.
 * Holds: a call without credentials that finds a READY connection gets the transport's own stream, nothing between. While
 * there is none yet calls wait. Where there is none to be had they fail at once with the last error; those that wait for ready
 * wait on. A channel keeps the process alive while calls are open or wait, and only then. A stream's progress reaches the call
 * untouched: the call begins anew what came to nothing. After shutdown() too, and so the connections stay until the last call has
 * ended. Past 500 lines because the public face of a channel and the line of calls that wait end each other.
 * Source: io.grpc.ManagedChannel.
 */
import type { CallOptions } from '../call/call-options.ts';
import type { Channel } from '../call/channel.ts';
import type { ClientCall } from '../call/client-call.ts';
import { type ClientInterceptor, interceptChannel } from '../call/client-interceptor.ts';
import { type FailureHook, warnOfFailure } from '../call/failure-hooks.ts';
import type { RetryPolicy } from '../call/method-settings.ts';
import { ReplayBudget, type ReplayLimits } from '../call/replay.ts';
import { IDEMPOTENT_RETRY } from '../call/retry-plan.ts';
import { type ClientCallConfig, StreamClientCall } from '../call/stream-client-call.ts';
import { SuspendedCalls } from '../call/suspended-calls.ts';
import { CallCredentials } from '../credentials/call-credentials.ts';
import { CompressorRegistry } from '../framing/compressor.ts';
import type { ClientStream } from '../transport/stream.ts';
import type { ClientTransport, StreamOptions, StreamSource } from '../transport/transport.ts';
import { type Clock, SYSTEM_CLOCK, type Timer } from '../values/clock.ts';
import { Latch } from '../values/latch.ts';
import type { Metadata } from '../values/metadata.ts';
import type { MethodDescriptor } from '../values/method.ts';
import { ProcessHold } from '../values/process-hold.ts';
import { Status } from '../values/status.ts';
import type { BackoffOptions } from './backoff.ts';
import { Dropped } from './balancer/balancer.ts';
import type { ChannelSnapshot, WaitingCallSnapshot } from './channel-snapshot.ts';
import {
  type ConnectionPick,
  type Connections,
  type ConnectionsListener,
  failureOf,
  pickedOf,
  pickRequest,
  TrackedTransport,
} from './connections.ts';
import { Connectivity, type ConnectivityState } from './connectivity.ts';
import { CredentialsStream, type CredentialsStreamOwner, isPrivate, NOT_PRIVATE } from './credentials-stream.ts';
import { publishChannelState } from './diagnostics.ts';
import { PendingStream, type PendingStreamOwner } from './pending-stream.ts';

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
  /**
   * How long a channel without calls keeps its connections, in milliseconds; at least 1 s. Default: 30 minutes, and within the
   * process for ever.
   */
  readonly idleTimeoutMs?: number;
  /** How much is kept of calls, lest they have to be tried again. Default: 1 MiB of each, 16 MiB of all. */
  readonly replay?: ReplayLimits;
  /**
   * How calls of methods that say themselves that they may be made twice (`idempotency_level` in the .proto file) are tried
   * again where the service config has neither a retry nor a hedging policy for them; null for not at all. Others never are.
   * Default: those that end UNAVAILABLE, up to 3 attempts, 100 ms before the second, twice that before the third, each ± 20 %.
   * No other gRPC library does this.
   */
  readonly idempotentRetry?: RetryPolicy | null;
  /** Gives numbers from 0 up to 1, for jitter and choice. Default: Math.random. */
  readonly random?: () => number;
  /** Default: the system's. */
  readonly clock?: Clock;
}

const DEFAULT_MAX_INBOUND_MESSAGE_BYTES = 4 * 1024 * 1024;
/** Source: gRFC A62, io.grpc.ManagedChannelBuilder.idleTimeout. */
const DEFAULT_IDLE_TIMEOUT_MS = 30 * 60 * 1000;
const LEAST_IDLE_TIMEOUT_MS = 1_000;

const SHUTDOWN: Status = Status.UNAVAILABLE.withDescription('Channel shutdown invoked');
const SHUTDOWN_NOW: Status = Status.UNAVAILABLE.withDescription('Channel shutdownNow invoked');

/** A call in line: for a connection, or for its credentials on one that was picked. */
interface Waiting {
  readonly waitForReady: boolean;
  readonly sinceMs: number;
  /** The connection that was picked, and where the stream is made of it; null while there is none. */
  readonly picked: TrackedTransport | null;
}

/** A channel. Starts IDLE: the start of the first call connects. Made by createChannel and createInProcessChannel. */
export class ManagedChannel implements Channel {
  readonly #authority: string;
  readonly #clock: Clock;
  readonly #calls: Channel;
  readonly #connectivity = new Connectivity();
  readonly #connections: Connections;
  readonly #terminated: Latch;
  readonly #config: ClientCallConfig;
  readonly #callCredentials: CallCredentials | null;
  readonly #idleTimeoutMs: number;
  readonly #hold = new ProcessHold();
  /** Why there are no new calls; null while there are. */
  #shutdownReason: Status | null = null;
  /** Whether connect() was called since the last attempt. */
  #connectAsked = false;
  /** Whether streams are open on any connection. */
  #inUse = false;
  #idleTimer: Timer | null = null;
  /** Since when no call needs the channel; null while one does. */
  #idleSinceMs: number | null = null;
  /** Streams that wait for a connection, oldest first. */
  readonly #waiting = new Map<PendingStream, Waiting>();
  /** Calls between two streams, or before the first. */
  readonly #suspended = new SuspendedCalls(() => this.#onSuspendedChanged());
  /** Streams that wait for their credentials. */
  readonly #asking = new Map<PendingStream, Waiting>();
  readonly #streams: StreamSource = { newStream: (method, options) => this.#newStream(method, options) };
  /** Where streams go that have been let in: unlike new ones they go on after shutdown. */
  readonly #picks: StreamSource = { newStream: (method, options) => this.#pickStream(method, options) };
  /** Streams that have failed, and whose calls are yet to hear of it. */
  readonly #failing = new Set<PendingStream>();
  #connectionsAreGone = false;
  readonly #owner: PendingStreamOwner = {
    onAbandoned: (stream) => this.#onAbandoned(stream),
    onFailing: (stream) => this.#failing.add(stream),
    onFailed: (stream) => this.#onFailed(stream),
    describeWait: () => this.#describeWait(),
  };
  readonly #asker: CredentialsStreamOwner = {
    onMetadata: (stream, metadata) => this.#onMetadata(stream, metadata),
    onAbandoned: (stream) => this.#onAbandoned(stream),
    onFailing: (stream) => this.#failing.add(stream),
    onFailed: (stream) => this.#onFailed(stream),
    describeWait: () => 'waiting for call credentials',
  };

  /** `connect` makes what is below, which hears of nothing inside it; `authority` is the `:authority` of calls that have none. */
  constructor(
    connect: (listener: ConnectionsListener) => Connections,
    authority: string,
    options: ChannelOptions = {},
  ) {
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    this.#authority = authority;
    this.#callCredentials = options.callCredentials ?? null;
    this.#idleTimeoutMs = Math.max(LEAST_IDLE_TIMEOUT_MS, options.idleTimeoutMs ?? DEFAULT_IDLE_TIMEOUT_MS);
    this.#terminated = new Latch(this.#clock);
    this.#connections = connect({
      onStateChanged: (state) => this.#onStateChanged(state),
      onPicker: () => this.#pickForWaiting(),
      onInUse: (inUse) => this.#onInUse(inUse),
      onTerminated: () => this.#onConnectionsGone(),
    });
    this.#config = {
      clock: this.#clock,
      compressors: options.compressors ?? CompressorRegistry.DEFAULT,
      maxInboundMessageBytes: options.maxInboundMessageBytes ?? DEFAULT_MAX_INBOUND_MESSAGE_BYTES,
      onListenerError: options.onListenerError ?? warnOfFailure,
      replayBudget: new ReplayBudget(options.replay),
      settings: this.#connections.settings,
      ongoing: this.#picks,
      refusal: () => this.#shutdownReason,
      suspended: this.#suspended,
      idempotentRetry: options.idempotentRetry === undefined ? IDEMPOTENT_RETRY : options.idempotentRetry,
      random: options.random ?? Math.random,
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
    const pick = this.#connections.pick(pickRequest(method, options));
    const picked = pickedOf(pick);
    if (picked !== null) return this.#streamOn(picked, method, options);
    const stream = new PendingStream(this.#owner, method, options);
    this.#queue(stream, pick, {
      waitForReady: options.waitForReady === true,
      sinceMs: this.#clock.now(),
      picked: null,
    });
    return stream;
  }

  /** Puts a stream in line, or ends it at once. */
  #queue(stream: PendingStream, pick: ConnectionPick, waiting: Waiting): void {
    const failure = failureOf(pick, waiting.waitForReady);
    if (failure !== null) {
      failAs(stream, pick, failure);
      return;
    }
    this.#waiting.set(stream, waiting);
    this.#hold.hold();
    this.#connections.requestConnection();
    this.#watchIdleness();
  }

  /** The transport's own stream, or one that asks the credentials of the call first. */
  #streamOn(
    picked: ClientTransport | TrackedTransport,
    method: MethodDescriptor<unknown, unknown>,
    options: StreamOptions,
  ): ClientStream {
    const credentials = this.#credentialsOf(options);
    if (credentials === null)
      return (picked instanceof TrackedTransport ? picked.source : picked).newStream(method, options);
    const tracked = picked instanceof TrackedTransport ? picked : new TrackedTransport(picked, picked);
    const authority = options.authority ?? this.#authority;
    const stream = new CredentialsStream(this.#asker, method, options, { credentials, authority });
    if (!isPrivate(tracked.transport)) {
      stream.fail(NOT_PRIVATE);
      return stream;
    }
    const waitForReady = options.waitForReady === true;
    this.#asking.set(stream, { waitForReady, sinceMs: this.#clock.now(), picked: tracked });
    this.#watchIdleness();
    return stream;
  }

  #credentialsOf(options: StreamOptions): CallCredentials | null {
    const { credentials } = options;
    if (this.#callCredentials === null || credentials === null) return this.#callCredentials ?? credentials;
    return CallCredentials.combine(this.#callCredentials, credentials);
  }

  #onMetadata(stream: CredentialsStream, metadata: Metadata): void {
    const picked = this.#asking.get(stream)?.picked ?? null;
    this.#asking.delete(stream);
    if (picked !== null && this.#connections.holds(picked.transport)) stream.open(picked.source, metadata);
    // The connection was lost while the credentials were asked: they are asked anew for the next one.
    else stream.attach(this.#picks);
    this.#settleLine();
  }

  #onStateChanged(state: ConnectivityState): void {
    if (this.#shutdownReason === null) {
      this.#connectivity.moveTo(state);
      publishChannelState(this.#connections.target, state);
    }
    this.#connectAsked = false;
    this.#watchIdleness();
  }

  /** Connections may be picked otherwise than before. */
  #pickForWaiting(): void {
    // Each leaves the line only when its turn has come: what an earlier one brings about must not end the line.
    for (const [stream, waiting] of [...this.#waiting]) {
      if (!this.#waiting.has(stream)) continue;
      const pick = this.#connections.pick(pickRequest(stream.method, stream.options));
      const picked = pickedOf(pick);
      const failure = picked === null ? failureOf(pick, waiting.waitForReady) : null;
      if (picked === null && failure === null) continue;
      this.#waiting.delete(stream);
      if (failure !== null) failAs(stream, pick, failure);
      else if (picked !== null) stream.attach({ newStream: (m, options) => this.#streamOn(picked, m, options) });
    }
    if (this.#waiting.size > 0) this.#connections.requestConnection();
    else this.#settleLine();
  }

  #onAbandoned(stream: PendingStream): void {
    this.#waiting.delete(stream);
    this.#asking.delete(stream);
    this.#settleLine();
  }

  #onFailed(stream: PendingStream): void {
    this.#failing.delete(stream);
    this.#settleLine();
    this.#terminateWhenDone();
  }

  #onSuspendedChanged(): void {
    this.#settleLine();
    this.#terminateWhenDone();
  }

  #onConnectionsGone(): void {
    this.#connectionsAreGone = true;
    this.#terminateWhenDone();
  }

  #terminateWhenDone(): void {
    if (this.#connectionsAreGone && this.#failing.size + this.#suspended.size === 0) this.#terminated.open();
  }

  /** Lets go of the connections, or of the wish for one, if no call needs them any more. */
  #settleLine(): void {
    this.#watchIdleness();
    if (this.#waiting.size > 0) return;
    if (this.#suspended.size === 0) this.#hold.release();
    else this.#hold.hold();
    if (this.#shutdownReason !== null) this.#letGoNextTick();
    else if (!this.#connectAsked) this.#connections.withdrawRequest();
  }

  /** Not now: a stream is gone before its call hears of it, which may follow it up with another one. */
  #letGoNextTick(): void {
    if (!this.#isNeeded) process.nextTick(letGo, this);
  }

  /** Whether a call is open, waits, or may yet begin anew. */
  get #isNeeded(): boolean {
    return this.#inUse || this.#waiting.size + this.#asking.size + this.#suspended.size + this.#failing.size > 0;
  }

  /** For the tick after the last call may have ended, behind a shutdown. */
  letGo(): void {
    if (this.#shutdownReason !== null && !this.#isNeeded) this.#connections.shutdown(this.#shutdownReason);
  }

  #describeWait(): string {
    const what = this.#connections.isResolving
      ? `waiting for ${this.#connections.target} to be resolved`
      : `waiting for a connection to ${this.#authority}`;
    const failure = this.#connections.describeFailure();
    return failure === null ? what : `${what}, the last attempt failed with ${failure}`;
  }

  #onInUse(inUse: boolean): void {
    this.#inUse = inUse;
    this.#watchIdleness();
    if (this.#shutdownReason !== null) this.#letGoNextTick();
  }

  /** Notes whether any call needs the channel. One timer serves many calls: what they change is when it was idle last. */
  #watchIdleness(): void {
    if (this.#isNeeded) {
      this.#idleSinceMs = null;
      return;
    }
    this.#idleSinceMs ??= this.#clock.now();
    if (this.#shutdownReason !== null || this.#connectivity.state === 'IDLE') this.#disarmIdleTimer();
    else if (this.#idleTimer === null) this.#armIdleTimer(this.#idleTimeoutMs);
  }

  #armIdleTimer(delayMs: number): void {
    if (delayMs < Number.POSITIVE_INFINITY) this.#idleTimer = this.#clock.scheduleInBackground(delayMs, this);
  }

  #disarmIdleTimer(): void {
    this.#clock.cancel(this.#idleTimer);
    this.#idleTimer = null;
  }

  /** The channel may have been idle for as long as the idle timeout. For the clock. */
  onTimer(): void {
    this.#idleTimer = null;
    if (this.#idleSinceMs === null) return;
    const leftMs = this.#idleSinceMs + this.#idleTimeoutMs - this.#clock.now();
    if (leftMs > 0) this.#armIdleTimer(leftMs);
    else this.enterIdle();
  }

  /** The state; with `requestConnection` also calls connect(), whose effect the result does not show yet. */
  getState(requestConnection = false): ConnectivityState {
    // Asking lets what is below notice that a wait is over; it tells us, as of every change.
    this.#connections.state();
    const { state } = this.#connectivity;
    if (requestConnection) this.connect();
    return state;
  }

  /**
   * Leaves IDLE without a call. In TRANSIENT_FAILURE connects once more when the back-off is over; else nothing
   * happens.
   */
  connect(): void {
    if (this.#shutdownReason !== null) return;
    this.#connections.requestConnection();
    this.#connectAsked = this.#connections.state() === 'TRANSIENT_FAILURE';
  }

  /**
   * Calls `callback` once, in a tick of its own: as soon as the state is no longer `source`, which may be now. States
   * in between may be missed. Source: io.grpc.ManagedChannel.notifyWhenStateChanged.
   */
  notifyWhenStateChanged(source: ConnectivityState, callback: () => void): void {
    this.#connections.state();
    this.#connectivity.whenChangedFrom(source, callback);
  }

  /**
   * The state now, and then each one it changes to; states that pass quickly may be missed. Ends behind SHUTDOWN, and when
   * `signal` is aborted. Keeps no process alive.
   */
  async *watchState(signal: AbortSignal | null = null): AsyncGenerator<ConnectivityState, void, undefined> {
    while (signal?.aborted !== true) {
      const state = this.getState();
      yield state;
      if (state === 'SHUTDOWN') return;
      await this.#changed(state, signal);
    }
  }

  /** Resolves once the state is another one, or the signal was aborted. */
  #changed(source: ConnectivityState, signal: AbortSignal | null): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        signal?.removeEventListener('abort', done);
        resolve();
      };
      this.notifyWhenStateChanged(source, done);
      signal?.addEventListener('abort', done);
      if (signal?.aborted === true) done();
    });
  }

  /** In TRANSIENT_FAILURE connects at once, with the back-off starting anew; else nothing happens. */
  resetConnectBackoff(): void {
    if (this.#shutdownReason === null) this.#connections.resetBackoff();
  }

  /**
   * Goes IDLE at once: open calls run to their end on the connections that they have, the next call resolves and connects
   * anew. Where calls wait the channel leaves IDLE again. Source: io.grpc.ManagedChannel.enterIdle.
   */
  enterIdle(): void {
    if (this.#shutdownReason !== null) return;
    this.#connections.enterIdle();
    if (this.#waiting.size + this.#suspended.size > 0) this.#connections.requestConnection();
  }

  /** What the channel, its connections and its waiting calls are doing, and why: plain data for people and logs. */
  inspect(): ChannelSnapshot {
    const nowMs = this.#clock.now();
    const waitingCalls: WaitingCallSnapshot[] = [];
    for (const [stream, { waitForReady, sinceMs }] of [...this.#waiting, ...this.#asking]) {
      const reason = stream.describeProgress();
      waitingCalls.push({ path: stream.method.path, reason, waitForReady, waitingMs: nowMs - sinceMs });
    }
    return {
      target: this.#connections.target,
      authority: this.#authority,
      state: this.getState(),
      ...this.#connections.inspect(),
      waitingCalls,
      suspendedCalls: this.#suspended.size,
    };
  }

  /**
   * New calls close UNAVAILABLE, also those that were made but not started; started ones go on, those that wait for
   * a connection or for credentials too, and are tried again as ever. The connections end with the last of them. A second call
   * does nothing.
   */
  shutdown(): void {
    if (this.#shutdownReason !== null) return;
    this.#shutdownReason = SHUTDOWN;
    this.#disarmIdleTimer();
    this.#connectivity.moveTo('SHUTDOWN');
    publishChannelState(this.#connections.target, 'SHUTDOWN');
    this.letGo();
  }

  /** Ends every call UNAVAILABLE, and the connections. Also after shutdown. */
  shutdownNow(): void {
    this.#shutdownReason = SHUTDOWN_NOW;
    this.#disarmIdleTimer();
    this.#connectivity.moveTo('SHUTDOWN');
    for (const stream of [...this.#waiting.keys(), ...this.#asking.keys()]) stream.fail(SHUTDOWN_NOW);
    this.#waiting.clear();
    this.#asking.clear();
    this.#suspended.endAll(SHUTDOWN_NOW);
    this.#settleLine();
    this.#connections.shutdownNow(SHUTDOWN_NOW);
  }

  get isShutdown(): boolean {
    return this.#shutdownReason !== null;
  }

  /** Whether every call has ended and the connections are gone, after a shutdown. */
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

/** Ends a stream that was picked no connection: a balancer that drops a call has the last word, else a retry policy has. */
function failAs(stream: PendingStream, pick: ConnectionPick, failure: Status): void {
  if (pick instanceof Dropped) stream.fail(failure);
  else stream.failForNow(failure);
}

function letGo(channel: ManagedChannel): void {
  channel.letGo();
}
