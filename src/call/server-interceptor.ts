/**
 * Server interceptors: functions that stand between the server and a handler, and the forwarding classes they are made
 * of. Above: users, server/. Below: ServerCall, ServerCallHandler. Holds: interceptors run for calls that have a
 * handler and for no others; one that neither asks `next` nor closes the call leaves it open. Source:
 * io.grpc.ServerInterceptors.
 */
import type { WriteFlags } from '../transport/stream.ts';
import type { Attributes } from '../values/attributes.ts';
import type { Deadline } from '../values/deadline.ts';
import type { Metadata } from '../values/metadata.ts';
import type { MethodDescriptor } from '../values/method.ts';
import type { Status } from '../values/status.ts';
import { ServerCall, type ServerCallHandler, ServerCallListener } from './server-call.ts';

/**
 * Takes a call before its handler. As a rule returns `next(call, headers)` with a wrapped call, or wraps the listener
 * it gets. To refuse a call, close it and return an empty ServerCallListener. A throw closes the call as one of the
 * handler.
 */
export type ServerInterceptor = <Req, Res>(
  call: ServerCall<Req, Res>,
  headers: Metadata,
  next: ServerCallHandler<Req, Res>,
) => ServerCallListener<Req>;

/**
 * `handler` seen through interceptors: the **last** one given runs first. Without any it is `handler` itself.
 * Source: io.grpc.ServerInterceptors.intercept.
 */
export function interceptHandler<Req, Res>(
  handler: ServerCallHandler<Req, Res>,
  ...interceptors: ServerInterceptor[]
): ServerCallHandler<Req, Res> {
  return interceptors.reduce<ServerCallHandler<Req, Res>>(
    (next, interceptor) => (call, headers) => interceptor(call, headers, next),
    handler,
  );
}

/** As interceptHandler, in reading order: the first one given runs first. */
export function interceptHandlerForward<Req, Res>(
  handler: ServerCallHandler<Req, Res>,
  ...interceptors: ServerInterceptor[]
): ServerCallHandler<Req, Res> {
  return interceptHandler(handler, ...interceptors.reverse());
}

/** Passes everything on to another call. Override what should differ. Source: io.grpc.ForwardingServerCall. */
export class ForwardingServerCall<Req, Res> extends ServerCall<Req, Res> {
  /** The call below. */
  protected readonly delegate: ServerCall<Req, Res>;

  constructor(delegate: ServerCall<Req, Res>) {
    super();
    this.delegate = delegate;
  }

  override get method(): MethodDescriptor<Req, Res> {
    return this.delegate.method;
  }

  override get authority(): string | null {
    return this.delegate.authority;
  }

  override get deadline(): Deadline | null {
    return this.delegate.deadline;
  }

  override request(count: number): void {
    this.delegate.request(count);
  }

  override isReady(): boolean {
    return this.delegate.isReady();
  }

  override sendHeaders(headers: Metadata): void {
    this.delegate.sendHeaders(headers);
  }

  override sendMessage(message: Res, flags?: WriteFlags): void {
    this.delegate.sendMessage(message, flags);
  }

  override close(status: Status, trailers: Metadata): void {
    this.delegate.close(status, trailers);
  }

  override cancel(reason: Status): void {
    this.delegate.cancel(reason);
  }

  override isCancelled(): boolean {
    return this.delegate.isCancelled();
  }

  override setCompression(name: string): void {
    this.delegate.setCompression(name);
  }

  override setMessageCompression(enabled: boolean): void {
    this.delegate.setMessageCompression(enabled);
  }

  override setOnReadyThreshold(bytes: number): void {
    this.delegate.setOnReadyThreshold(bytes);
  }

  override getAttributes(): Attributes {
    return this.delegate.getAttributes();
  }

  override reportFailure(error: unknown): void {
    this.delegate.reportFailure(error);
  }
}

/**
 * Passes everything on to another listener. Override what should differ. Source: io.grpc.ForwardingServerCallListener.
 */
export class ForwardingServerCallListener<Req> extends ServerCallListener<Req> {
  /** The listener above. */
  protected readonly delegate: ServerCallListener<Req>;

  constructor(delegate: ServerCallListener<Req>) {
    super();
    this.delegate = delegate;
  }

  override onMessage(message: Req): void {
    this.delegate.onMessage(message);
  }

  override onHalfClose(): void {
    this.delegate.onHalfClose();
  }

  override onReady(): void {
    this.delegate.onReady();
  }

  override onWritten(count: number): void {
    this.delegate.onWritten(count);
  }

  override onComplete(): void {
    this.delegate.onComplete();
  }

  override onCancel(): void {
    this.delegate.onCancel();
  }
}
