/**
 * RequestWriter: what a client sends over a call that takes many messages, by hand or from an iterable, up to the half-close.
 * Above: Upload, StreamCall. Below: MessageWriter over a ClientCall. Holds: which of its methods are legal depends on what its
 * user did, never on what the server does.
 */
import type { ClientCall } from '../call/client-call.ts';
import { IllegalStateError } from '../values/illegal-state-error.ts';
import { type Messages, MessageWriter } from './message-writer.ts';

/** Sends the requests of one call. */
export class RequestWriter<Req> extends MessageWriter<Req> {
  readonly #call: ClientCall<Req, never>;
  #isClosed = false;

  constructor(call: ClientCall<Req, never>) {
    super(call);
    this.#call = call;
  }

  /** Throws IllegalStateError after close. */
  override send(message: Req): Promise<boolean> {
    if (this.#isClosed) throw new IllegalStateError('send was called after closeSend');
    return super.send(message);
  }

  /** No message will follow. A second call does nothing, nor does one after the end. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (!this.isEnded) this.#call.halfClose();
  }

  /** Sends what `requests` give, and closes. Never rejects: what they throw cancels the call, as its cause. */
  async sendFrom(requests: Messages<Req>): Promise<void> {
    try {
      await this.sendAll(requests);
      this.close();
    } catch (error) {
      this.#call.cancel('the iterable of requests threw', error);
    }
  }
}
