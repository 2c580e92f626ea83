/**
 * Client interceptors: functions between a caller and a Channel, and the forwarding classes they are made of. Above:
 * users; channel/ puts its own in. Below: Channel, ClientCall. Holds: an interceptor sees every call once, above
 * retries; it may change method, options, headers and messages, or answer by itself.
 * Source: io.grpc.ClientInterceptors.
 */
import type { WriteFlags } from '../transport/stream.ts';
import { Attributes } from '../values/attributes.ts';
import { IllegalStateError } from '../values/illegal-state-error.ts';
import { Metadata } from '../values/metadata.ts';
import type { MethodDescriptor } from '../values/method.ts';
import { checkPermitCount } from '../values/permits.ts';
import { Status } from '../values/status.ts';
import { trailersFrom } from '../values/status-error.ts';
import type { CallOptions } from './call-options.ts';
import type { Channel } from './channel.ts';
import { ClientCall, ClientCallListener } from './client-call.ts';

/**
 * Makes the call in the place of `next`, as a rule a ForwardingClientCall over `next.newCall(method, options)`. Runs at
 * every newCall and must not throw: for failing see CheckedForwardingClientCall and FailedClientCall.
 */
export type ClientInterceptor = <Req, Res>(
  method: MethodDescriptor<Req, Res>,
  options: CallOptions,
  next: Channel,
) => ClientCall<Req, Res>;

/** A channel seen through one interceptor. */
class InterceptedChannel implements Channel {
  readonly #interceptor: ClientInterceptor;
  readonly #next: Channel;

  constructor(interceptor: ClientInterceptor, next: Channel) {
    this.#interceptor = interceptor;
    this.#next = next;
  }

  newCall<Req, Res>(method: MethodDescriptor<Req, Res>, options: CallOptions): ClientCall<Req, Res> {
    return this.#interceptor(method, options, this.#next);
  }

  authority(): string {
    return this.#next.authority();
  }
}

/**
 * `channel` seen through interceptors: the **last** one given runs first. Without any it is `channel` itself.
 * Source: io.grpc.ClientInterceptors.intercept.
 */
export function interceptChannel(channel: Channel, ...interceptors: ClientInterceptor[]): Channel {
  return interceptors.reduce((next, interceptor) => new InterceptedChannel(interceptor, next), channel);
}

/** As interceptChannel, in reading order: the first one given runs first. */
export function interceptChannelForward(channel: Channel, ...interceptors: ClientInterceptor[]): Channel {
  return interceptChannel(channel, ...interceptors.reverse());
}

/** Passes everything on to another call. Override what should differ. Source: io.grpc.ForwardingClientCall. */
export class ForwardingClientCall<Req, Res> extends ClientCall<Req, Res> {
  /** The call below. */
  protected delegate: ClientCall<Req, Res>;

  constructor(delegate: ClientCall<Req, Res>) {
    super();
    this.delegate = delegate;
  }

  override start(listener: ClientCallListener<Res>, headers: Metadata): void {
    this.delegate.start(listener, headers);
  }

  override request(count: number): void {
    this.delegate.request(count);
  }

  override sendMessage(message: Req, flags?: WriteFlags): void {
    this.delegate.sendMessage(message, flags);
  }

  override isReady(): boolean {
    return this.delegate.isReady();
  }

  override halfClose(): void {
    this.delegate.halfClose();
  }

  override cancel(description: string | null, cause?: unknown): void {
    this.delegate.cancel(description, cause);
  }

  override setMessageCompression(enabled: boolean): void {
    this.delegate.setMessageCompression(enabled);
  }

  override getAttributes(): Attributes {
    return this.delegate.getAttributes();
  }

  override reportFailure(error: unknown): void {
    this.delegate.reportFailure(error);
  }
}

/**
 * Passes everything on to another listener. Override what should differ. Source: io.grpc.ForwardingClientCallListener.
 */
export class ForwardingClientCallListener<Res> extends ClientCallListener<Res> {
  /** The listener above. */
  protected readonly delegate: ClientCallListener<Res>;

  constructor(delegate: ClientCallListener<Res>) {
    super();
    this.delegate = delegate;
  }

  override onHeaders(headers: Metadata): void {
    this.delegate.onHeaders(headers);
  }

  override onMessage(message: Res): void {
    this.delegate.onMessage(message);
  }

  override onReady(): void {
    this.delegate.onReady();
  }

  override onWritten(count: number): void {
    this.delegate.onWritten(count);
  }

  override onClosing(status: Status): void {
    this.delegate.onClosing(status);
  }

  override onClose(status: Status, trailers: Metadata): void {
    this.delegate.onClose(status, trailers);
  }
}

/**
 * A forwarding call whose start may fail: a throw in checkedStart ends the call with the error's status and trailers,
 * and the delegate is left alone from then on. Source: io.grpc.ClientInterceptors.CheckedForwardingClientCall.
 */
export abstract class CheckedForwardingClientCall<Req, Res> extends ForwardingClientCall<Req, Res> {
  #started = false;

  /** Starts `this.delegate`, or throws without having started it. */
  protected abstract checkedStart(listener: ClientCallListener<Res>, headers: Metadata): void;

  override start(listener: ClientCallListener<Res>, headers: Metadata): void {
    if (this.#started) throw new IllegalStateError('Already started');
    this.#started = true;
    try {
      this.checkedStart(listener, headers);
    } catch (thrown) {
      this.delegate = new FailedClientCall(Status.ofFailure(thrown), trailersFrom(thrown));
      this.delegate.start(listener, headers);
    }
  }
}

/**
 * A call that never leaves this process: once started it closes with the given status, in the next tick. For
 * interceptors that refuse a call. Messages are dropped; the rules of ClientCall hold, those of cancel too.
 */
export class FailedClientCall<Req, Res> extends ClientCall<Req, Res> {
  #state: 'idle' | 'open' | 'half-closed' | 'cancelled' = 'idle';
  #status: Status;
  #trailers: Metadata;

  constructor(status: Status, trailers: Metadata = new Metadata()) {
    super();
    this.#status = status;
    this.#trailers = trailers;
  }

  override start(listener: ClientCallListener<Res>, _headers: Metadata): void {
    if (this.#state !== 'idle') {
      throw new IllegalStateError(this.#state === 'cancelled' ? 'call was cancelled' : 'Already started');
    }
    this.#state = 'open';
    // No listener method runs inside start.
    process.nextTick(() => listener.onClose(this.#status, this.#trailers));
  }

  override request(count: number): void {
    this.#checkStarted();
    checkPermitCount(count);
  }

  override sendMessage(_message: Req, _flags?: WriteFlags): void {
    this.#checkOpen('call was half-closed');
  }

  override isReady(): boolean {
    this.#checkStarted();
    return false;
  }

  override halfClose(): void {
    this.#checkOpen('call already half-closed');
    this.#state = 'half-closed';
  }

  override cancel(description: string | null, cause?: unknown): void {
    if (this.#state === 'cancelled') return;
    this.#state = 'cancelled';
    this.#status = Status.CANCELLED.withDescription(description ?? 'Call cancelled without message').withCause(cause);
    this.#trailers = new Metadata();
  }

  override setMessageCompression(_enabled: boolean): void {
    this.#checkStarted();
  }

  override getAttributes(): Attributes {
    return Attributes.EMPTY;
  }

  #checkStarted(): void {
    if (this.#state === 'idle') throw new IllegalStateError('Not started');
  }

  #checkOpen(whenHalfClosed: string): void {
    this.#checkStarted();
    if (this.#state === 'cancelled') throw new IllegalStateError('call was cancelled');
    if (this.#state === 'half-closed') throw new IllegalStateError(whenHalfClosed);
  }
}
