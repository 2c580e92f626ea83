/**
 * CallBelow: the call that an interceptor's next() has made, and what is told of it. Above: asyncClientInterceptor. Below:
 * ClientCall, through CallRecord. Holds: its events go on to the caller's listener as they come, in the caller's async
 * context, but for onClose, which only next() tells of.
 */
import type { AsyncResource } from 'node:async_hooks';
import type { ClientCall, ClientCallListener } from '../call/client-call.ts';
import type { Metadata } from '../values/metadata.ts';
import type { MethodDescriptor } from '../values/method.ts';
import type { Status } from '../values/status.ts';
import type { StatusError } from '../values/status-error.ts';
import { CallRecord } from './call-record.ts';
import { NO_SETTINGS } from './call-settings.ts';

/** How a call that ended OK went. */
export interface CallEnd {
  /** The response's headers; empty if it had none. The caller has them already. */
  readonly headers: Metadata;
  /** The trailers; what is changed here the caller sees. */
  readonly trailers: Metadata;
}

/** How a call ends. */
export interface Ending {
  readonly status: Status;
  readonly trailers: Metadata;
}

/** Who is told that the call below has ended. */
export interface CallAbove {
  onBelowEnded(ending: Ending): void;
}

/** The call that next() made, and what is known of it; passes its events on to the caller's listener. */
export class CallBelow<Req, Res> extends CallRecord<Req, Res> {
  declare readonly call: ClientCall<Req, Res>;
  readonly #above: CallAbove;
  readonly #listener: ClientCallListener<Res>;
  readonly #context: AsyncResource;
  /** How it ended, in the call's own words; null before. */
  #ending: Ending | null = null;
  /** What next() rejected with; null if it did not. */
  #failure: StatusError | null = null;

  constructor(
    call: ClientCall<Req, Res>,
    method: MethodDescriptor<Req, Res>,
    above: CallAbove,
    listener: ClientCallListener<Res>,
    context: AsyncResource,
  ) {
    super(call, method, NO_SETTINGS);
    this.#above = above;
    this.#listener = listener;
    this.#context = context;
  }

  /** Whether it has yet to end. */
  get isOpen(): boolean {
    return this.#ending === null;
  }

  /** What next() gives, once it is there. */
  async end(): Promise<CallEnd> {
    await this.ended();
    const status = this.endStatus;
    if (status === null || status.isOk) return { headers: await this.headers, trailers: await this.trailers };
    this.#failure = this.error(status);
    throw this.#failure;
  }

  /** How the call ended, if `thrown` is what next() told of that; null if it is another error. */
  endingThrown(thrown: unknown): Ending | null {
    return thrown === this.#failure ? this.#ending : null;
  }

  /** Its own OK; null if it did not end so. */
  get okStatus(): Status | null {
    return this.#ending?.status.isOk === true ? this.#ending.status : null;
  }

  #tell<A>(method: (this: ClientCallListener<Res>, argument: A) => void, argument: A): void {
    this.#context.runInAsyncScope(method, this.#listener, argument);
  }

  override onHeaders(headers: Metadata): void {
    super.onHeaders(headers);
    this.#tell(this.#listener.onHeaders, headers);
  }

  override onMessage(message: Res): void {
    this.#tell(this.#listener.onMessage, message);
  }

  override onReady(): void {
    this.#tell(this.#listener.onReady, undefined);
  }

  override onWritten(count: number): void {
    this.#tell(this.#listener.onWritten, count);
  }

  override onClosing(status: Status): void {
    this.#tell(this.#listener.onClosing, status);
  }

  override onClose(status: Status, trailers: Metadata): void {
    this.#ending = { status, trailers };
    super.onClose(status, trailers);
    this.#above.onBelowEnded(this.#ending);
  }

  protected onEnded(): void {}
}
