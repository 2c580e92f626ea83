/**
 * Subchannel: a connection over time. Connects when asked, waits after a failure, hands out its transport while READY.
 * Above: DirectConnections, ManagedSubchannel. Below: a factory of ClientTransports, one of which is in use at a time; older ones run out
 * their streams.
 * Holds: the back-off timer, which does not keep the process alive, runs only while somebody has asked for a connection and
 * not withdrawn. Else nothing runs after a failure, and the next question or request finds the wait over.
 *
 *   IDLE ─request→ CONNECTING ─onReady→ READY ─onShutdown→ IDLE
 *                       └─onShutdown→ TRANSIENT_FAILURE ─wait over→ CONNECTING if asked for, else IDLE
 *
 * Source: grpc doc/connection-backoff.md, io.grpc.internal.InternalSubchannel.
 */
import { AsyncResource } from 'node:async_hooks';
import type { ClientTransport, ClientTransportListener } from '../transport/transport.ts';
import type { Clock, Timer } from '../values/clock.ts';
import { Status } from '../values/status.ts';
import type { Backoff } from './backoff.ts';
import type { SubchannelSnapshot } from './channel-snapshot.ts';
import type { ConnectivityState } from './connectivity.ts';

const WENT_IDLE: Status = Status.UNAVAILABLE.withDescription('the channel went idle');

/** What a subchannel tells. */
export interface SubchannelListener {
  /**
   * The state has changed; `lastFailure` says why it is TRANSIENT_FAILURE. Any method may be called from here, except
   * in CONNECTING, where the attempt has yet to begin.
   */
  onStateChanged(state: ConnectivityState): void;
  /** One more of its connections has open streams, or one fewer. */
  onInUse(inUse: boolean): void;
  /** Shut down, and every connection is gone. Once, last. */
  onTerminated(): void;
}

/** A connection over time. Starts IDLE. */
export class Subchannel {
  readonly #factory: () => ClientTransport;
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  readonly #listener: SubchannelListener;
  /** Where connections are made, so that none belongs to the call that happened to ask for it. */
  readonly #context: AsyncResource = new AsyncResource('HalfcloseSubchannel', { requireManualDestroy: true });
  #state: ConnectivityState = 'IDLE';
  /** The transport that connects or is READY. */
  #current: ClientTransport | null = null;
  /** Every transport that has not terminated. */
  readonly #transports = new Set<ClientTransport>();
  #attemptStartedMs = 0;
  /** In TRANSIENT_FAILURE: when the wait is over, on the clock. */
  #retryMs = 0;
  #timer: Timer | null = null;
  #lastFailure: Status = Status.UNAVAILABLE;
  #terminated = false;

  constructor(factory: () => ClientTransport, clock: Clock, backoff: Backoff, listener: SubchannelListener) {
    this.#factory = factory;
    this.#clock = clock;
    this.#backoff = backoff;
    this.#listener = listener;
  }

  /** The state as of now; finds out that a wait is over. */
  state(): ConnectivityState {
    if (this.#state === 'TRANSIENT_FAILURE' && this.#timer === null && this.#isWaitOver()) this.#moveTo('IDLE');
    return this.#state;
  }

  /** The transport to make streams of; null unless READY. */
  get transport(): ClientTransport | null {
    return this.#state === 'READY' ? this.#current : null;
  }

  /** Why the last attempt failed; a bare UNAVAILABLE if none has. */
  get lastFailure(): Status {
    return this.#lastFailure;
  }

  /** Somebody needs a connection: makes one, as soon as the wait after a failure is over. */
  requestConnection(): void {
    if (this.#state === 'IDLE') {
      this.#connect();
    } else if (this.#state === 'TRANSIENT_FAILURE') {
      if (this.#isWaitOver()) this.#connect();
      else this.#timer ??= this.#clock.scheduleInBackground(this.#retryMs - this.#clock.now(), this);
    }
  }

  /** Nobody needs a connection any more. One that is being made is finished all the same. */
  withdrawRequest(): void {
    this.#disarm();
  }

  /** After a failure: starts the back-off anew and connects at once. */
  resetBackoff(): void {
    if (this.#state !== 'TRANSIENT_FAILURE') return;
    this.#backoff.reset();
    this.#connect();
  }

  /** The wait is over, and somebody still needs a connection. For the clock. */
  onTimer(): void {
    this.#timer = null;
    this.#connect();
  }

  #connect(): void {
    this.#disarm();
    this.#attemptStartedMs = this.#clock.now();
    this.#moveTo('CONNECTING');
    let transport: ClientTransport;
    try {
      transport = this.#factory();
    } catch (thrown) {
      this.#onFailed(Status.UNAVAILABLE.withDescription('could not make a transport').withCause(thrown));
      return;
    }
    this.#current = transport;
    this.#transports.add(transport);
    const listener: ClientTransportListener = {
      onReady: () => this.#onReady(transport),
      onInUse: (inUse) => this.#listener.onInUse(inUse),
      onShutdown: (reason) => this.#onShutdown(transport, reason),
      onTerminated: () => this.#onTransportTerminated(transport),
    };
    this.#context.runInAsyncScope(transport.start, transport, listener);
  }

  #onReady(transport: ClientTransport): void {
    if (transport !== this.#current) return;
    this.#backoff.reset();
    this.#moveTo('READY');
  }

  #onShutdown(transport: ClientTransport, reason: Status): void {
    if (transport !== this.#current) return;
    this.#current = null;
    if (this.#state === 'READY') this.#moveTo('IDLE');
    else this.#onFailed(reason);
  }

  #onFailed(reason: Status): void {
    this.#lastFailure = reason;
    this.#retryMs = this.#backoff.nextAttemptMs(this.#attemptStartedMs);
    this.#moveTo('TRANSIENT_FAILURE');
  }

  #onTransportTerminated(transport: ClientTransport): void {
    this.#transports.delete(transport);
    this.#terminateWhenEmpty();
  }

  /** Lets go of a connection that is READY, once its streams have ended. Else nothing happens. */
  enterIdle(): void {
    const transport = this.transport;
    if (transport === null) return;
    this.#current = null;
    this.#moveTo('IDLE');
    transport.shutdown(WENT_IDLE);
  }

  /** No new streams; those that are open run to their end. A second call does nothing. */
  shutdown(reason: Status): void {
    if (this.#state === 'SHUTDOWN') return;
    this.#disarm();
    this.#current = null;
    this.#moveTo('SHUTDOWN');
    for (const transport of this.#transports) transport.shutdown(reason);
    this.#terminateWhenEmpty();
  }

  /** Ends every stream with `reason`. */
  shutdownNow(reason: Status): void {
    this.shutdown(reason);
    for (const transport of this.#transports) transport.shutdownNow(reason);
  }

  #terminateWhenEmpty(): void {
    if (this.#terminated || this.#state !== 'SHUTDOWN' || this.#transports.size > 0) return;
    this.#terminated = true;
    this.#context.emitDestroy();
    this.#listener.onTerminated();
  }

  /** What it is doing, at `address`. */
  inspect(address: string): SubchannelSnapshot {
    const failed = this.#state === 'TRANSIENT_FAILURE' || this.#state === 'CONNECTING';
    return {
      address,
      state: this.#state,
      lastFailure: failed && this.#lastFailure !== Status.UNAVAILABLE ? this.#lastFailure.toString() : null,
      retryInMs: this.#state === 'TRANSIENT_FAILURE' ? Math.max(0, this.#retryMs - this.#clock.now()) : null,
      transports: [...this.#transports].map((transport) => transport.inspect()),
    };
  }

  #isWaitOver(): boolean {
    return this.#clock.now() >= this.#retryMs;
  }

  #disarm(): void {
    this.#clock.cancel(this.#timer);
    this.#timer = null;
  }

  #moveTo(state: ConnectivityState): void {
    this.#state = state;
    this.#listener.onStateChanged(state);
  }
}
