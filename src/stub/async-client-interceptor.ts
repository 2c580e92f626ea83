/**
 * asyncClientInterceptor: an interceptor that is one async function around a call of any kind, for those who need neither
 * its messages nor its events. Above: users, who give what it makes to a channel. Below: the Channel, CallBelow.
 * Holds: what the caller says before there is a call below is kept and said there in order; headers and messages go by as
 * they come, onClose waits for the function; a cancel waits for nothing; the listener hears everything in the async context
 * of start; what the function throws is a status, never an unhandled rejection.
 *
 *   idle ─start→ open ─halfClose→ half-closed          (what the caller did: which methods are legal)
 *     └──────────┴── cancel ──────────┴─→ cancelled
 *
 * Beside that, `#below` is there from next() on, and `#end` once it is settled how the call ends.
 */
import { AsyncResource } from 'node:async_hooks';
import { setMaxListeners } from 'node:events';
import { abortStatus } from '../call/abort-status.ts';
import type { CallOptions } from '../call/call-options.ts';
import type { Channel } from '../call/channel.ts';
import { ClientCall, type ClientCallListener } from '../call/client-call.ts';
import type { ClientInterceptor } from '../call/client-interceptor.ts';
import type { WriteFlags } from '../transport/stream.ts';
import { Attributes } from '../values/attributes.ts';
import type { Timer } from '../values/clock.ts';
import { IllegalStateError } from '../values/illegal-state-error.ts';
import { Metadata } from '../values/metadata.ts';
import type { MethodDescriptor } from '../values/method.ts';
import { addPermits, checkPermitCount } from '../values/permits.ts';
import { Status, statusBearer } from '../values/status.ts';
import { StatusError, trailersFrom } from '../values/status-error.ts';
import { type CallAbove, CallBelow, type CallEnd, type Ending } from './call-below.ts';

/** A call before it is made, as an interceptor sees it. */
export interface OutgoingCall {
  /** What the caller said of the call. */
  readonly callOptions: CallOptions;
  /** The request's metadata; a copy, to be changed at will before next(). */
  readonly metadata: Metadata;
}

/** What next() may be told; what is left out is as in the OutgoingCall. Metadata is given away. */
export interface NextOptions {
  readonly callOptions?: CallOptions | undefined;
  readonly metadata?: Metadata | undefined;
}

/**
 * Makes the call; resolves when it has ended OK, rejects with its StatusError otherwise. By then the caller has heard its
 * headers and messages. A second call rejects with IllegalStateError: messages are not kept, so retries belong to the
 * channel. Once the caller's call has ended none is made: it rejects. A rejection that nobody awaits does no harm.
 */
export type NextCall = (options?: NextOptions) => Promise<CallEnd>;

/**
 * Runs around every call, from its start on, and says how it ends for the caller: by returning an end, as a rule what
 * next() gave, OK with these trailers; by throwing a StatusError, or an error that has one as its cause, with its status and
 * trailers; by throwing anything else UNKNOWN, with that as the cause. If it is done before the call that next() made, that
 * is cancelled. Without next() no message comes; who awaits a response is told UNIMPLEMENTED.
 *
 * A cancel ends the call at once: next() rejects with CANCELLED, and nothing is made of what the function does then. So do
 * deadline and signal while the function is busy before next() or after it; while it waits for next() they end the call
 * below, as any failure, and it has its say. After next() those count that next() was told.
 */
export type AsyncClientInterceptor = (
  method: MethodDescriptor<unknown, unknown>,
  call: OutgoingCall,
  next: NextCall,
) => Promise<Pick<CallEnd, 'trailers'>>;

/** An interceptor for `createChannel`, `interceptChannel` and the like, which runs `intercept` around every call. */
export function asyncClientInterceptor(intercept: AsyncClientInterceptor): ClientInterceptor {
  return (method, options, next) => new AsyncInterceptedCall(method, options, next, intercept);
}

/** A call under an async function, as its caller has it. */
class AsyncInterceptedCall<Req, Res> extends ClientCall<Req, Res> implements CallAbove {
  readonly #method: MethodDescriptor<Req, Res>;
  readonly #channel: Channel;
  readonly #intercept: AsyncClientInterceptor;
  /** Those of the caller; from next() on those that it was told. */
  #options: CallOptions;
  #state: 'idle' | 'open' | 'half-closed' | 'cancelled' = 'idle';
  #listener: ClientCallListener<Res> | null = null;
  /** Where start was called. */
  #context: AsyncResource | null = null;
  /** What the caller has said while there was no call below, in order; permits apart, as they go last. */
  #kept: ((call: ClientCall<Req, Res>) => void)[] = [];
  #permits = 0;
  #nextCalled = false;
  #below: CallBelow<Req, Res> | null = null;
  #end: Ending | null = null;
  #deadlineTimer: Timer | null = null;

  constructor(
    method: MethodDescriptor<Req, Res>,
    options: CallOptions,
    channel: Channel,
    intercept: AsyncClientInterceptor,
  ) {
    super();
    this.#method = method;
    this.#options = options;
    this.#channel = channel;
    this.#intercept = intercept;
  }

  override start(listener: ClientCallListener<Res>, headers: Metadata): void {
    if (this.#listener !== null) throw new IllegalStateError('Already started');
    if (this.#state === 'cancelled') throw new IllegalStateError('call was cancelled');
    if (!listener || !headers) throw new TypeError('start needs a listener and headers');
    this.#state = 'open';
    this.#listener = listener;
    this.#context = new AsyncResource('HalfcloseInterceptedCall', { requireManualDestroy: true });
    void this.#run(Object.freeze({ callOptions: this.#options, metadata: headers.clone() }));
    if (this.#below !== null || this.#end !== null) return;
    const struck = struckStatus(this.#options);
    if (struck === null) this.#watch();
    else this.#settle(struck, new Metadata());
  }

  /** Runs the function and lets it say how the call ends. */
  async #run(outgoing: OutgoingCall): Promise<void> {
    try {
      const method = this.#method as MethodDescriptor<unknown, unknown>;
      const end = await this.#intercept(method, outgoing, (options) =>
        this.#next({ ...outgoing, ...defined(options) }),
      );
      if (!(end?.trailers instanceof Metadata)) throw new TypeError('the interceptor returned no end of the call');
      this.#settle(this.#below?.okStatus ?? Status.OK, end.trailers);
    } catch (error) {
      const ending = this.#below?.endingThrown(error) ?? { status: failureOf(error), trailers: trailersFrom(error) };
      this.#settle(ending.status, ending.trailers);
    }
  }

  #next(outgoing: OutgoingCall): Promise<CallEnd> {
    const end = this.#callBelow(outgoing);
    end.catch(ignore);
    return end;
  }

  async #callBelow({ callOptions, metadata }: OutgoingCall): Promise<CallEnd> {
    if (this.#nextCalled) throw new IllegalStateError('next() was called already');
    this.#nextCalled = true;
    if (this.#end !== null || this.#listener === null || this.#context === null) throw this.#tooLate();
    const call = this.#channel.newCall(this.#method, callOptions);
    const below = new CallBelow(call, this.#method, this, this.#listener, this.#context);
    call.start(below, metadata);
    this.#unwatch();
    this.#options = callOptions;
    this.#below = below;
    this.#replay(call);
    await below.ended();
    // What the call below has ended of has struck: how that ends the call is the function's to say.
    if (this.#end === null) this.#watch();
    return below.end();
  }

  #tooLate(): StatusError {
    const status = this.#end?.status ?? Status.OK;
    return new StatusError(status.isOk ? Status.CANCELLED.withDescription('the call has ended') : status);
  }

  #replay(call: ClientCall<Req, Res>): void {
    for (const say of this.#kept) say(call);
    this.#kept = [];
    // Last, because it alone may call the listener at once, and what the listener writes then belongs behind the rest.
    if (this.#permits > 0) call.request(this.#permits);
  }

  /** Arms what may end the call while the function is busy, but for what has struck already. */
  #watch(): void {
    const { deadline, signal } = this.#options;
    if (deadline !== null && !deadline.isExpired()) {
      this.#deadlineTimer = deadline.clock.schedule(deadline.remainingMs(), this);
    }
    if (signal === null) return;
    setMaxListeners(0, signal);
    signal.addEventListener('abort', this);
  }

  #unwatch(): void {
    const { deadline, signal } = this.#options;
    deadline?.clock.cancel(this.#deadlineTimer);
    signal?.removeEventListener('abort', this);
  }

  /** The deadline has passed. For the clock. */
  onTimer(): void {
    this.#settle(LATE, new Metadata());
  }

  /** The signal was aborted. For the signal. */
  handleEvent(): void {
    this.#settle(struckStatus(this.#options) ?? Status.CANCELLED, new Metadata());
  }

  /** Settles how the call ends, unless that is settled. */
  #settle(status: Status, trailers: Metadata): void {
    if (this.#end === null && this.#state !== 'cancelled') this.#finish({ status, trailers });
  }

  /** A cancelled call ends with the one below, whatever the function does. */
  onBelowEnded(ending: Ending): void {
    if (this.#end === null && this.#state === 'cancelled') this.#finish(ending);
  }

  #finish(end: Ending): void {
    const wasSettled = this.#end !== null;
    this.#end = end;
    if (wasSettled) return;
    this.#kept = [];
    this.#unwatch();
    this.#below?.call.cancel('an interceptor ended the call');
    // No listener method runs inside start or cancel.
    process.nextTick(tellClosed, this);
  }

  /** The tick after it was settled how the call ends: the one gate to the listener's onClose. */
  onSettled(): void {
    const listener = this.#listener;
    if (listener === null || this.#end === null) return;
    try {
      this.#context?.runInAsyncScope(listener.onClose, listener, this.#end.status, this.#end.trailers);
    } catch (error) {
      this.reportFailure(error);
    }
    this.#context?.emitDestroy();
  }

  override cancel(description: string | null, cause?: unknown): void {
    if (this.#state === 'cancelled') return;
    this.#state = 'cancelled';
    if (this.#listener === null) return;
    if (this.#end === null && this.#below?.isOpen === true) {
      this.#below.call.cancel(description, cause);
      return;
    }
    const status = Status.CANCELLED.withDescription(description ?? 'Call cancelled without message');
    this.#finish({ status: status.withCause(cause ?? undefined), trailers: new Metadata() });
  }

  override request(count: number): void {
    this.#checkStarted();
    checkPermitCount(count);
    if (this.#below === null) this.#permits = addPermits(this.#permits, count);
    else this.#below.call.request(count);
  }

  override sendMessage(message: Req, flags: WriteFlags = 0): void {
    this.#checkOpen('call was half-closed');
    this.#say((call) => call.sendMessage(message, flags));
  }

  override isReady(): boolean {
    this.#checkStarted();
    return this.#below?.call.isReady() === true;
  }

  override halfClose(): void {
    this.#checkOpen('call already half-closed');
    this.#state = 'half-closed';
    this.#say((call) => call.halfClose());
  }

  override setMessageCompression(enabled: boolean): void {
    this.#checkStarted();
    this.#say((call) => call.setMessageCompression(enabled));
  }

  override getAttributes(): Attributes {
    return this.#below?.call.getAttributes() ?? Attributes.EMPTY;
  }

  override reportFailure(error: unknown): void {
    // A call that is never started costs nothing, and knows the channel's hook.
    (this.#below?.call ?? this.#channel.newCall(this.#method, this.#options)).reportFailure(error);
  }

  /** Says it to the call below, or keeps it until there is one. */
  #say(say: (call: ClientCall<Req, Res>) => void): void {
    if (this.#end !== null) return;
    if (this.#below === null) this.#kept.push(say);
    else say(this.#below.call);
  }

  #checkStarted(): void {
    if (this.#listener === null) throw new IllegalStateError('Not started');
  }

  #checkOpen(whenHalfClosed: string): void {
    this.#checkStarted();
    if (this.#state === 'cancelled') throw new IllegalStateError('call was cancelled');
    if (this.#state === 'half-closed') throw new IllegalStateError(whenHalfClosed);
  }
}

function tellClosed(call: AsyncInterceptedCall<never, never>): void {
  call.onSettled();
}

/** Without the options that were left out, or given as undefined. */
function defined({ callOptions, metadata }: NextOptions = {}): Partial<OutgoingCall> {
  return { ...(callOptions && { callOptions }), ...(metadata && { metadata }) };
}

/** How a call ends whose function threw. */
function failureOf(thrown: unknown): Status {
  if (statusBearer(thrown) === null) return Status.UNKNOWN.withDescription('an interceptor failed').withCause(thrown);
  return Status.ofFailure(thrown);
}

const LATE: Status = Status.DEADLINE_EXCEEDED.withDescription('deadline exceeded in an interceptor');

/** How a call with these options ends that has not begun; null while they let it go on. */
function struckStatus({ signal, deadline }: CallOptions): Status | null {
  if (signal?.aborted === true) return abortStatus(signal);
  return deadline?.isExpired() === true ? LATE : null;
}

/** What next() rejects with concerns nobody who does not await it. */
function ignore(): void {}
