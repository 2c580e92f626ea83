/**
 * HeldServerCall: the call that a handler is given under an async interceptor: what it sends goes out at once, its close
 * does not. Above: handlers. Below: the ServerCall; HandlerOwner hears of the close. Holds: the local order of a handler's
 * calls is enforced as ever, also when the call below was closed without it; what it says then is dropped.
 *
 *   open ─sendHeaders→ headers-sent ─close→ closed      (what the handler did: which methods are legal)
 *     └──────────────────close────────────────┘
 */
import type { ServerCall } from '../call/server-call.ts';
import { ForwardingServerCall } from '../call/server-interceptor.ts';
import type { WriteFlags } from '../transport/stream.ts';
import { IllegalStateError } from '../values/illegal-state-error.ts';
import type { Metadata } from '../values/metadata.ts';
import { checkPermitCount } from '../values/permits.ts';
import type { Status } from '../values/status.ts';

/** Whoever decides how a handler's call ends. */
export interface HandlerOwner {
  /** The handler has closed its call. At most once, and not after it was cut off. */
  onHandlerClosed(status: Status, trailers: Metadata): void;
}

/** A call whose close waits. */
export class HeldServerCall<Req, Res> extends ForwardingServerCall<Req, Res> {
  readonly #owner: HandlerOwner;
  #state: 'open' | 'headers-sent' | 'closed' = 'open';
  /** Whether what the handler says is dropped. */
  #isMuted = false;
  #isCutOff = false;
  #cancelReason: Status | null = null;

  constructor(delegate: ServerCall<Req, Res>, owner: HandlerOwner) {
    super(delegate);
    this.#owner = owner;
  }

  /** Whether the handler still has a say in the call. */
  get isOpen(): boolean {
    return this.#state !== 'closed' && !this.#isMuted;
  }

  /** What the handler cancelled the call for; null if it did not. */
  get cancelReason(): Status | null {
    return this.#cancelReason;
  }

  /** The handler has closed the call by throwing. */
  mute(): void {
    this.#isMuted = true;
  }

  /** The call ends without the handler, unless that has closed it: to the handler it is cancelled. */
  cutOff(): void {
    if (!this.isOpen) return;
    this.#isMuted = true;
    this.#isCutOff = true;
  }

  override request(count: number): void {
    checkPermitCount(count);
    // What the client still sends concerns nobody once the handler has closed.
    if (this.isOpen) super.request(count);
  }

  override isReady(): boolean {
    return this.isOpen && super.isReady();
  }

  override sendHeaders(headers: Metadata): void {
    if (this.#state === 'closed') throw new IllegalStateError('call is closed');
    if (this.#state === 'headers-sent') throw new IllegalStateError('sendHeaders has already been called');
    this.#state = 'headers-sent';
    if (!this.#isMuted) super.sendHeaders(headers);
  }

  override sendMessage(message: Res, flags?: WriteFlags): void {
    if (this.#state === 'closed') throw new IllegalStateError('call is closed');
    if (this.#state === 'open') throw new IllegalStateError('sendHeaders has not been called');
    if (!this.#isMuted) super.sendMessage(message, flags);
  }

  override close(status: Status, trailers: Metadata): void {
    if (this.#state === 'closed') throw new IllegalStateError('call already closed');
    this.#state = 'closed';
    if (!this.#isMuted) this.#owner.onHandlerClosed(status, trailers);
  }

  override cancel(reason: Status): void {
    // The call below says what it thinks of OK, in whatever state.
    if (!this.#isMuted || reason.isOk) super.cancel(reason);
    this.#cancelReason ??= reason;
  }

  override isCancelled(): boolean {
    return this.#isCutOff || super.isCancelled();
  }

  override setCompression(name: string): void {
    if (this.#state !== 'open') throw new IllegalStateError('sendHeaders has been called');
    if (!this.#isMuted) super.setCompression(name);
  }
}
