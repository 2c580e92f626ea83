/**
 * asyncServerInterceptor: an interceptor that is one async function around the handler of a call of any kind, for those who
 * need neither its messages nor its events. Above: users, who give what it makes to a Server or a service. Below: the
 * ServerCall, whose listener AroundHandler is; HeldServerCall, which the handler is given.
 * Holds: the handler begins at next() and not before, and until then no message is asked for; what the client does
 * meanwhile it is told then; its close waits for the function, the end of a call that fails does not; the call is closed
 * once, whatever the function does; what that throws is a status, never an unhandled rejection.
 *
 *   before ─next→ handling ─(handler closed)→ handled
 *     └─────────────┴──(closed, failed)─────────┴─→ over
 */
import { AsyncResource } from 'node:async_hooks';
import { type ServerCall, type ServerCallHandler, ServerCallListener } from '../call/server-call.ts';
import type { ServerInterceptor } from '../call/server-interceptor.ts';
import type { Attributes } from '../values/attributes.ts';
import type { Deadline } from '../values/deadline.ts';
import { IllegalStateError } from '../values/illegal-state-error.ts';
import { Metadata } from '../values/metadata.ts';
import type { MethodDescriptor } from '../values/method.ts';
import { Status } from '../values/status.ts';
import { StatusError, trailersFrom } from '../values/status-error.ts';
import { cancelContext, HandlerContext } from './handler-context.ts';
import { isForPeer } from './handler-failure.ts';
import { type HandlerOwner, HeldServerCall } from './held-server-call.ts';

/** A call before its handler, as an interceptor sees it. */
export interface IncomingCall {
  readonly method: MethodDescriptor<unknown, unknown>;
  /** The request's metadata; the handler is given the same, so it sees what is changed here before next(). */
  readonly metadata: Metadata;
  /** When the client's patience ends; null if it set no deadline. */
  readonly deadline: Deadline | null;
  /** `:authority` of the request; null if it had none. */
  readonly authority: string | null;
  /** Facts about the connection: addresses, TLS. */
  readonly attributes: Attributes;
  /** Aborts when the client cancels or goes away, or the deadline passes; its reason is a StatusError. */
  readonly signal: AbortSignal;
}

/** The end of a call that ends OK. */
export interface HandlerEnd {
  /** The trailers; what is changed here the client sees. */
  readonly trailers: Metadata;
}

/**
 * Begins the handler, in the async context of here; resolves once it has closed the call OK, rejects with a StatusError once
 * it has closed it otherwise, or when the call has failed. A second call rejects with IllegalStateError. For a call that
 * is over no handler is begun: it rejects. A rejection that nobody awaits does no harm.
 */
export type NextHandler = () => Promise<HandlerEnd>;

/**
 * Runs around the handler of every call and says how that ends: by returning nothing, as the handler closes it, which may
 * be later; by returning an end, as a rule what next() gave, OK with these trailers; by throwing a StatusError, or an error
 * that has one as its cause, with its status and trailers. Any other error, a StatusError of another call among them, is
 * UNKNOWN to the client and goes to the server's onHandlerError; so does returning nothing without next(). OK without a
 * response where one is due becomes INTERNAL. A handler that has not closed the call by then is told that it is cancelled.
 *
 * When the call fails from outside the handler hears of it at once, and nothing is made of what the function does then.
 */
// biome-ignore lint/suspicious/noConfusingVoidType: what an async function without a return gives is void to the compiler.
export type AsyncServerInterceptor = (call: IncomingCall, next: NextHandler) => Promise<HandlerEnd | void>;

/** An interceptor for a Server, a service or `interceptHandler`, which runs `intercept` around every handler. */
export function asyncServerInterceptor(intercept: AsyncServerInterceptor): ServerInterceptor {
  return (call, headers, next) => {
    const around = new AroundHandler(call, headers, next);
    // It rejects where somebody else has closed the call, which is then not its to close.
    around.run(intercept).catch((error: unknown) => call.reportFailure(error));
    return around;
  };
}

/** Something that a handler's listener is to hear. */
type Event<Req> = (listener: ServerCallListener<Req>) => void;

/** One call: the function, and the handler in it. */
class AroundHandler<Req, Res> extends ServerCallListener<Req> implements HandlerOwner {
  readonly #call: ServerCall<Req, Res>;
  readonly #handler: ServerCallHandler<Req, Res>;
  /** What the function is shown of the call; knows what the call has failed of. */
  readonly #context: HandlerContext;
  readonly #held: HeldServerCall<Req, Res>;
  #state: 'before' | 'handling' | 'handled' | 'over' = 'before';
  /** Whether the function has returned and left it to the handler how the call ends. */
  #isLeftToHandler = false;
  /** How the handler has closed the call; null before. */
  #closing: { readonly status: Status; readonly trailers: Metadata } | null = null;
  /** Tells next() that there is something to tell. */
  #onHandled: (() => void) | null = null;
  /** Where next() was called; null before. */
  #where: AsyncResource | null = null;
  /** Null until the handler has given it. */
  #listener: ServerCallListener<Req> | null = null;
  /** What the listener has yet to hear. */
  readonly #events: Event<Req>[] = [];
  #isTelling = false;

  constructor(call: ServerCall<Req, Res>, headers: Metadata, handler: ServerCallHandler<Req, Res>) {
    super();
    this.#call = call;
    this.#handler = handler;
    this.#context = new HandlerContext(call as ServerCall<never, never>, headers);
    this.#held = new HeldServerCall(call, this);
  }

  /** Runs the function and lets it say how the call ends. */
  async run(intercept: AsyncServerInterceptor): Promise<void> {
    try {
      const incoming = incomingCall(this.#call as ServerCall<never, never>, this.#context);
      this.#onReturned(await intercept(incoming, () => this.#next()));
    } catch (error) {
      this.#onThrown(error);
    }
  }

  #onReturned(result: unknown): void {
    if (this.#state === 'over') return;
    const closing = this.#closing;
    if (isEnd(result)) this.#close(closing?.status.isOk === true ? closing.status : Status.OK, result.trailers);
    else if (closing !== null) this.#close(closing.status, closing.trailers);
    else if (this.#state === 'handling') this.#isLeftToHandler = true;
    else throw new IllegalStateError('an interceptor returned without next() and without an end');
  }

  #onThrown(error: unknown): void {
    // A function that gives up because its call has failed has nothing to tell.
    if (this.#state === 'over') return;
    if (isForPeer(error)) {
      this.#close(Status.ofFailure(error), trailersFrom(error));
    } else {
      this.#call.reportFailure(error);
      this.#close(Status.UNKNOWN.withCause(error), new Metadata());
    }
  }

  #close(status: Status, trailers: Metadata): void {
    this.#state = 'over';
    this.#held.cutOff();
    this.#call.close(status, trailers);
  }

  #next(): Promise<HandlerEnd> {
    const end = this.#handle();
    end.catch(ignore);
    return end;
  }

  async #handle(): Promise<HandlerEnd> {
    if (this.#where !== null) throw new IllegalStateError('next() was called already');
    this.#where = new AsyncResource('HalfcloseHandler');
    if (this.#state === 'over') throw this.#failure();
    this.#state = 'handling';
    this.#begin();
    if (this.#state === 'handling') await new Promise<void>((resolve) => this.#waitForHandler(resolve));
    const closing = this.#closing;
    if (closing === null) throw this.#failure();
    if (closing.status.isOk) return { trailers: closing.trailers };
    throw new StatusError(closing.status, closing.trailers);
  }

  #waitForHandler(resolve: () => void): void {
    this.#onHandled = resolve;
  }

  /** Why there is no more to come of the handler. */
  #failure(): StatusError {
    const reason = this.#held.cancelReason;
    if (reason !== null) return new StatusError(reason);
    return this.#context.failure ?? new StatusError(Status.CANCELLED.withDescription('the call has ended'));
  }

  #begin(): void {
    try {
      const listener: unknown = this.#handler(this.#held, this.#context.metadata);
      if (listener === null || typeof listener !== 'object') throw new TypeError('the handler returned no listener');
      this.#listener = listener as ServerCallListener<Req>;
    } catch (error) {
      this.#listener = new ServerCallListener();
      this.#handlerThrew(error, Status.ofFailure(error), trailersFrom(error));
    }
    this.#tellAll(this.#listener);
  }

  /** What the handler or its listener throws closes the call for it, unless it has. */
  #handlerThrew(error: unknown, status: Status, trailers: Metadata): void {
    this.#call.reportFailure(error);
    const wasOpen = this.#held.isOpen;
    this.#held.mute();
    if (wasOpen) this.onHandlerClosed(status, trailers);
  }

  onHandlerClosed(status: Status, trailers: Metadata): void {
    if (this.#state === 'over') return;
    if (this.#isLeftToHandler) {
      this.#close(status, trailers);
      return;
    }
    this.#state = 'handled';
    this.#closing = { status, trailers };
    this.#onHandled?.();
  }

  // ---- what the call tells ----

  override onMessage(message: Req): void {
    this.#tellOpen((listener) => listener.onMessage(message));
  }

  override onHalfClose(): void {
    this.#tellOpen((listener) => listener.onHalfClose());
  }

  override onReady(): void {
    this.#tellOpen((listener) => listener.onReady());
  }

  override onWritten(count: number): void {
    this.#tell((listener) => listener.onWritten(count));
  }

  override onComplete(): void {
    // To a handler whose call was closed without it that is a cancel.
    this.#onOver((listener) => (this.#held.isCancelled() ? listener.onCancel() : listener.onComplete()));
  }

  override onCancel(): void {
    cancelContext(this.#context);
    this.#onOver((listener) => listener.onCancel());
  }

  #onOver(event: Event<Req>): void {
    this.#state = 'over';
    this.#onHandled?.();
    this.#tell(event);
  }

  /** For events that a handler hears only while it has not closed the call. */
  #tellOpen(event: Event<Req>): void {
    this.#tell((listener) => {
      if (this.#held.isOpen) event(listener);
    });
  }

  /** Tells the handler's listener, once there is one, after what it has yet to hear, and never inside another event. */
  #tell(event: Event<Req>): void {
    this.#events.push(event);
    if (this.#listener !== null && !this.#isTelling) this.#tellAll(this.#listener);
  }

  #tellAll(listener: ServerCallListener<Req>): void {
    this.#isTelling = true;
    for (let event = this.#events.shift(); event !== undefined; event = this.#events.shift()) {
      try {
        this.#where?.runInAsyncScope(event, undefined, listener);
      } catch (error) {
        const status = Status.UNKNOWN.withDescription('Application error processing RPC').withCause(error);
        this.#handlerThrew(error, status, new Metadata());
      }
    }
    this.#isTelling = false;
  }
}

/** A call, as the function sees it. */
function incomingCall(call: ServerCall<never, never>, context: HandlerContext): IncomingCall {
  return Object.freeze({
    method: call.method as MethodDescriptor<unknown, unknown>,
    metadata: context.metadata,
    deadline: call.deadline,
    authority: call.authority,
    attributes: call.getAttributes(),
    get signal(): AbortSignal {
      return context.signal;
    },
  });
}

function isEnd(result: unknown): result is HandlerEnd {
  return typeof result === 'object' && result !== null && 'trailers' in result && result.trailers instanceof Metadata;
}

/** What next() rejects with concerns nobody who does not await it. */
function ignore(): void {}
