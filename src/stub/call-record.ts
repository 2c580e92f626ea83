/**
 * CallRecord: what a promise user may ask of a call: its headers, its trailers, its status. Above: call objects, errors. Below:
 * ClientCall, whose listener it is the base of. Holds: no promise is made before someone asks for it, and one that rejects
 * harms nobody who does not await it; so what nobody asks costs nothing and crashes nothing.
 */
import { type ClientCall, ClientCallListener } from '../call/client-call.ts';
import { outcomeOf } from '../call/message-failure.ts';
import { formatAddress, REMOTE_ADDRESS } from '../values/attributes.ts';
import { Metadata } from '../values/metadata.ts';
import type { MethodDescriptor } from '../values/method.ts';
import type { Status } from '../values/status.ts';
import { type CallPhase, StatusError } from '../values/status-error.ts';
import type { CallHandle } from './call-objects.ts';
import type { CallSettings } from './call-settings.ts';

/** Most calls have nobody who waits for their headers, and need no list. */
const NOBODY: readonly (() => void)[] = [];

/** One call, as it went so far. */
export abstract class CallRecord<Req, Res> extends ClientCallListener<Res> implements CallHandle {
  protected readonly call: ClientCall<Req, Res>;
  readonly #method: MethodDescriptor<Req, Res>;
  readonly #settings: CallSettings;
  #headers: Metadata | null = null;
  #trailers: Metadata | null = null;
  #status: Status | null = null;
  /** Those who wait, for the headers and for the end: what resolves their promises, so that it may be called twice. */
  #onHeaders: readonly (() => void)[] = NOBODY;
  #onEnd: readonly (() => void)[] = NOBODY;

  constructor(call: ClientCall<Req, Res>, method: MethodDescriptor<Req, Res>, settings: CallSettings) {
    super();
    this.call = call;
    this.#method = method;
    this.#settings = settings;
  }

  /** Sends the only message of a call. An interceptor that refuses it ends the call, which tells of it. */
  sendOnly(request: Req): void {
    try {
      this.call.sendMessage(request);
      this.call.halfClose();
    } catch (error) {
      this.call.cancel('the request was refused', error);
    }
  }

  /** The call is over. Once. */
  protected abstract onEnded(): void;

  /** The status that counts, where it is not the call's own. */
  protected settle(status: Status): Status {
    return status;
  }

  /** Null before the end. */
  protected get endStatus(): Status | null {
    return this.#status;
  }

  override onHeaders(headers: Metadata): void {
    this.#headers = headers;
    for (const tell of this.#onHeaders) tell();
    this.#settings.onHeaders?.(headers);
  }

  override onClose(status: Status, trailers: Metadata): void {
    this.#trailers = trailers;
    this.#status = this.settle(outcomeOf(status));
    this.onEnded();
    for (const tell of this.#onHeaders) tell();
    for (const tell of this.#onEnd) tell();
    this.#settings.onTrailers?.(trailers);
  }

  get headers(): Promise<Metadata> {
    return this.handled(this.#awaitHeaders());
  }

  async #awaitHeaders(): Promise<Metadata> {
    if (this.#headers === null && this.#status === null) {
      await new Promise<void>((resolve) => {
        this.#onHeaders = withOneMore(this.#onHeaders, resolve);
      });
    }
    if (this.#headers !== null) return this.#headers;
    if (this.#status !== null && !this.#status.isOk) throw this.error(this.#status);
    return new Metadata();
  }

  get status(): Promise<Status> {
    return this.ended().then(() => this.#status as Status);
  }

  get trailers(): Promise<Metadata> {
    return this.ended().then(() => this.#trailers ?? new Metadata());
  }

  cancel(reason?: unknown): void {
    this.call.cancel('the client cancelled the call', reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cancel();
    await this.ended();
  }

  /**
   * A promise that has begun to wait for the end, and may reject there: that it does is no unhandled rejection. A handler
   * that is added only then leaves V8 the one way by which it finds who awaits, for the error's stack.
   */
  protected handled<T>(promise: Promise<T>): Promise<T> {
    void this.ended().then(() => promise.catch(ignore));
    return promise;
  }

  /** Waits for the end. */
  ended(): Promise<void> {
    if (this.#status !== null) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onEnd = withOneMore(this.#onEnd, resolve);
    });
  }

  /** The error for a status; made in an async method, its stack leads to whoever awaits that. */
  error(status: Status): StatusError {
    const address = this.call.getAttributes().get(REMOTE_ADDRESS);
    return new StatusError(status, this.#trailers ?? new Metadata(), {
      method: this.#method.fullName,
      peer: address === null ? null : formatAddress(address),
      phase: this.#phase(address !== null),
    });
  }

  #phase(hadConnection: boolean): CallPhase {
    if (this.#headers !== null) return 'after the response headers';
    return hadConnection ? 'before any response' : 'before anything was sent';
  }
}

/** Not by push(), with which V8 makes room for 17. */
function withOneMore<T>(list: readonly T[], one: T): readonly T[] {
  return list.length === 0 ? [one] : [...list, one];
}

function ignore(): void {}
