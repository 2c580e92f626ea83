/**
 * HandledCall: one call under a handler in the promise style. Above: implement.ts makes one for each call. Below: the
 * ServerCall, whose listener it is; MessageReader, MessageWriter. Holds: every call is closed once, whatever the handler does;
 * what it throws is a status, never an unhandled rejection; its response iterable is pulled only while the call is ready; all
 * of it runs in the async context in which it was asked for, so what interceptors keep in an AsyncLocalStorage is there.
 * Source: io.grpc.stub.ServerCalls.
 */
import { AsyncResource } from 'node:async_hooks';
import { type ServerCall, ServerCallListener } from '../call/server-call.ts';
import { IllegalStateError } from '../values/illegal-state-error.ts';
import type { Metadata } from '../values/metadata.ts';
import { Status } from '../values/status.ts';
import { trailersFrom } from '../values/status-error.ts';
import { cancelContext, HandlerContext, openContext } from './handler-context.ts';
import { isForPeer } from './handler-failure.ts';
import { MessageReader, type MessageSource } from './message-reader.ts';
import { type MessageSink, type Messages, MessageWriter } from './message-writer.ts';

/** A handler, whatever its kind: given the request or the requests, it gives the response or the responses. */
export type AnyHandler = (input: unknown, context: HandlerContext) => unknown;

const PREFETCH = 1;

/** What every handled call has. */
abstract class HandledCall extends ServerCallListener<unknown> implements MessageSink<unknown> {
  protected readonly call: ServerCall<unknown, unknown>;
  protected readonly context: HandlerContext;
  readonly #handler: AnyHandler;
  readonly #writer: MessageWriter<unknown>;
  readonly #asyncContext = new AsyncResource('HalfcloseHandledCall', { requireManualDestroy: true });
  #isOver = false;

  constructor(call: ServerCall<unknown, unknown>, metadata: Metadata, handler: AnyHandler) {
    super();
    this.call = call;
    this.context = new HandlerContext(call as ServerCall<never, never>, metadata);
    this.#handler = handler;
    this.#writer = new MessageWriter<unknown>(this);
  }

  isReady(): boolean {
    return this.call.isReady();
  }

  sendMessage(message: unknown): void {
    openContext(this.context);
    this.call.sendMessage(message);
  }

  /** Runs the handler and sees the call to its end. */
  protected run(input: unknown): void {
    void this.#asyncContext.runInAsyncScope(this.#handle, this, input);
  }

  async #handle(input: unknown): Promise<void> {
    try {
      // Awaited even where an iterable is due: what is given by mistake may be a promise that rejects.
      const output = await this.#handler(input, this.context);
      if (this.call.method.serverSendsOneMessage) this.sendMessage(checkMessage(output));
      else await this.#writer.sendAll(checkMessages(output));
      openContext(this.context);
      this.close(Status.OK, this.context.trailers);
    } catch (error) {
      this.#fail(error);
    }
  }

  protected close(status: Status, trailers: Metadata): void {
    if (this.#isOver) return;
    this.#isOver = true;
    try {
      this.call.close(status, trailers);
    } catch (error) {
      // An interceptor's doing: it has closed the call itself, or is broken. Nobody is there to catch it.
      if (!(error instanceof IllegalStateError)) this.call.reportFailure(error);
      this.call.cancel(Status.UNKNOWN.withCause(error));
    }
  }

  #fail(error: unknown): void {
    // A handler that gives up because its call has failed has nothing to tell.
    if (this.#isOver) return;
    if (!isForPeer(error)) this.call.reportFailure(error);
    const status = isForPeer(error) ? Status.ofFailure(error) : Status.UNKNOWN.withCause(error);
    const trailers = isForPeer(error) ? this.context.trailers.merge(trailersFrom(error)) : this.context.trailers;
    this.close(status, trailers);
  }

  override onReady(): void {
    this.#writer.onReady();
  }

  override onComplete(): void {
    if (this.#isOver) this.#asyncContext.emitDestroy();
    // An interceptor has closed the call: for the handler it was cancelled.
    else this.onCancel();
  }

  override onCancel(): void {
    this.#isOver = true;
    this.#asyncContext.runInAsyncScope(this.#tellCancelled, this);
    this.#asyncContext.emitDestroy();
  }

  #tellCancelled(): void {
    cancelContext(this.context);
    this.#writer.onEnd();
  }
}

/** A call with one request, which is handled once the client has half-closed. */
export class SingleRequestCall extends HandledCall {
  #request: unknown = undefined;
  #received = 0;

  constructor(call: ServerCall<unknown, unknown>, metadata: Metadata, handler: AnyHandler) {
    super(call, metadata, handler);
    // A second request is the client's mistake; without a permit for it the call would wait for ever.
    call.request(2);
  }

  override onMessage(request: unknown): void {
    this.#received += 1;
    if (this.#received === 1) this.#request = request;
    else this.#refuse('the client sent more than one request');
  }

  override onHalfClose(): void {
    const request = this.#request;
    this.#request = undefined;
    if (this.#received === 1) this.run(request);
    else this.#refuse('the client sent no request');
  }

  #refuse(description: string): void {
    this.close(Status.UNIMPLEMENTED.withDescription(description), this.context.trailers);
  }
}

/** A call with many requests, which is handled from its beginning. */
export class RequestStreamCall extends HandledCall implements MessageSource {
  readonly #reader: MessageReader<unknown>;

  constructor(call: ServerCall<unknown, unknown>, metadata: Metadata, handler: AnyHandler) {
    super(call, metadata, handler);
    this.#reader = new MessageReader<unknown>(this, PREFETCH);
    this.#reader.start();
    this.run(this.#reader);
  }

  requestOne(): void {
    this.call.request(1);
  }

  /** The handler reads no further; it may still answer. */
  onAbandoned(): void {}

  failure(): Error | null {
    return this.context.failure;
  }

  override onMessage(request: unknown): void {
    this.#reader.onMessage(request);
  }

  override onHalfClose(): void {
    this.#reader.onEnd();
  }

  override onComplete(): void {
    super.onComplete();
    this.#reader.onEnd();
  }

  override onCancel(): void {
    super.onCancel();
    this.#reader.drop();
    this.#reader.onEnd();
  }
}

function checkMessage(output: unknown): unknown {
  if (output === undefined) throw new TypeError('the handler returned no response');
  return output;
}

function checkMessages(output: unknown): Messages<unknown> {
  const isObject = typeof output === 'object' && output !== null;
  if (isObject && (Symbol.asyncIterator in output || Symbol.iterator in output)) return output as Messages<unknown>;
  throw new TypeError('the handler of a streaming response must return an iterable');
}
