/**
 * UnaryCallback: a unary RPC whose only reaction is a function. Above: stubs. Below: a ClientCall, started at once.
 * Holds: the function is called exactly once, never within the stub's method. Source: grpc::internal::CallbackUnaryCall.
 */

import type { ClientCall, ClientCallListener } from '../call/client-call.ts';
import { outcomeOf } from '../call/message-failure.ts';
import { NO_RESPONSE, SECOND_RESPONSE } from '../call/response-count.ts';
import { Attributes } from '../values/attributes.ts';
import { Metadata } from '../values/metadata.ts';
import { Status } from '../values/status.ts';
import { trailersFrom } from '../values/status-error.ts';
import { isThenable } from '../values/thenable.ts';
import { bindContext, type ContextRpc, endContext, type Launch, launch } from './client-context.ts';
import { type ClientRpcInit, reportThrown } from './client-rpc.ts';

/** Hears how a unary RPC ended. The response is there if and only if the status is OK. */
export type UnaryCompletion<Res> = (status: Status, response: Res | undefined) => void;

/** One RPC. */
export class UnaryCallback<Req, Res> implements ClientCallListener<Res>, ContextRpc {
  readonly #init: ClientRpcInit<Req, Res>;
  readonly #completion: UnaryCompletion<Res>;
  #call: ClientCall<Req, Res> | null = null;
  #response: Res | undefined = undefined;
  /** What outranks the call's own status. */
  #failure: Status | null = null;
  headers: Metadata | null = null;
  trailers: Metadata | null = null;
  status: Status | null = null;

  /** Throws IllegalStateError when the context has had an RPC. */
  constructor(init: ClientRpcInit<Req, Res>, completion: UnaryCompletion<Res>) {
    this.#init = init;
    this.#completion = completion;
    bindContext(init.context, this);
  }

  /** Makes the call. */
  start(request: Req): void {
    const launched = launch(this.#init.context);
    if (launched.isCancelled) {
      process.nextTick(tellClosed, this, CANCELLED_HERE, new Metadata());
      return;
    }
    try {
      this.#makeCall(request, launched);
    } catch (error) {
      this.#onCallThrew(error);
    }
  }

  #makeCall(request: Req, { options, metadata }: Launch): void {
    const call = this.#init.channel.newCall(this.#init.method, options);
    call.start(this, metadata);
    this.#call = call;
    // A second response is the server's mistake; without a permit for it the call would wait for ever.
    call.request(2);
    call.sendMessage(request);
    call.halfClose();
  }

  /** An interceptor threw, or has cancelled the call, which then refuses the rest: that ends the RPC, and throws no further. */
  #onCallThrew(error: unknown): void {
    if (this.#call === null) process.nextTick(tellClosed, this, Status.ofFailure(error), trailersFrom(error));
    else this.#call.cancel('an interceptor threw', error);
  }

  getAttributes(): Attributes {
    return this.#call?.getAttributes() ?? Attributes.EMPTY;
  }

  tryCancel(): void {
    if (this.status === null) this.#call?.cancel(CANCELLED_HERE.description);
  }

  onHeaders(headers: Metadata): void {
    this.headers = headers;
  }

  onMessage(message: Res): void {
    if (this.#response === undefined) {
      this.#response = message;
      return;
    }
    this.#failure = SECOND_RESPONSE;
    this.#call?.cancel('more than one response');
  }

  onReady(): void {}

  onWritten(): void {}

  onClosing(): void {}

  onClose(status: Status, trailers: Metadata): void {
    this.headers ??= new Metadata();
    this.trailers = trailers;
    const settled = this.#settle(outcomeOf(status));
    this.status = settled;
    endContext(this.#init.context);
    this.#complete(settled);
  }

  #complete(status: Status): void {
    try {
      const result: unknown = this.#completion(status, status.isOk ? this.#response : undefined);
      // As with a reaction: one that was made async is not waited for, but its error is not lost.
      if (isThenable(result)) result.then(undefined, (error) => reportThrown(this.#init, this.#call, error));
    } catch (error) {
      reportThrown(this.#init, this.#call, error);
    }
  }

  #settle(status: Status): Status {
    if (this.#failure !== null) return this.#failure;
    const lacksResponse = status.isOk && this.#response === undefined;
    return lacksResponse ? NO_RESPONSE : status;
  }
}

const CANCELLED_HERE: Status = Status.CANCELLED.withDescription('the client cancelled the call');

function tellClosed(rpc: UnaryCallback<never, never>, status: Status, trailers: Metadata): void {
  rpc.onClose(status, trailers);
}
