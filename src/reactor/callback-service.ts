/**
 * CallbackService: a service whose handlers return reactors. Above: users, who give what this makes to a Server. Below:
 * ServerRpc. Holds: the handler of a method with one request runs when that has come, not at the client's half-close; every
 * other handler runs when the headers have come; a method without a handler answers UNIMPLEMENTED.
 * Source: CallbackService of the generated C++; CallbackUnaryHandler and its siblings in server_callback_handlers.h.
 */

import { type ServerCall, type ServerCallHandler, ServerCallListener } from '../call/server-call.ts';
import { ServiceDefinition } from '../call/service-definition.ts';
import { Metadata } from '../values/metadata.ts';
import type { MethodDescriptor, MethodKind } from '../values/method.ts';
import { Status } from '../values/status.ts';
import { trailersFrom } from '../values/status-error.ts';
import { isThenable } from '../values/thenable.ts';
import { CallbackServerContext } from './server-context.ts';
import {
  bindServerReactor,
  ServerBidiReactor,
  ServerReactor,
  ServerReadReactor,
  ServerUnaryReactor,
  ServerWriteReactor,
} from './server-reactors.ts';
import { Outgoing, type ServerRpc } from './server-rpc.ts';

/** The handler of a method, by its kind. Null, or no handler at all, is UNIMPLEMENTED. */
export type CallbackHandler<M> =
  M extends MethodDescriptor<infer Req, infer Res>
    ? {
        unary: (context: CallbackServerContext, request: Req) => ServerUnaryReactor<Res> | null;
        server_streaming: (context: CallbackServerContext, request: Req) => ServerWriteReactor<Res> | null;
        client_streaming: (context: CallbackServerContext) => ServerReadReactor<Req, Res> | null;
        bidi_streaming: (context: CallbackServerContext) => ServerBidiReactor<Req, Res> | null;
        unknown: (context: CallbackServerContext) => ServerBidiReactor<Req, Res> | null;
      }[M['kind']]
    : never;

/** The handlers of a service: what a class implements, or an object literal is. Each may be left out. */
export type CallbackService<M> = { [K in keyof M]?: CallbackHandler<M[K]> };

/**
 * A service for `server.addService`. `methods` is what `serverMethods(RouteGuide)` of halfclose/protobuf-es, or
 * `serviceMethods(…)` of halfclose/protobufjs gives; `service` has a handler under each of their names, called with
 * `service` as `this`. Throws TypeError without methods.
 */
export function callbackService<M extends object>(methods: M, service: CallbackService<NoInfer<M>>): ServiceDefinition {
  const entries = Object.entries(methods) as [string, MethodDescriptor<unknown, unknown>][];
  const first = entries[0]?.[1];
  if (first === undefined) throw new TypeError('a service needs methods');
  const definition = new ServiceDefinition(first.service);
  for (const [name, method] of entries) {
    const handle: Handle = (context, request) => {
      const handler = handlerOf(service as Handlers, name);
      return handler === undefined ? null : handler.call(service, context, request);
    };
    definition.addMethod(method, reactorHandler(method.kind, handle));
  }
  return definition;
}

type Handle = (context: CallbackServerContext, request: unknown) => unknown;
type Handlers = Readonly<Record<string, Handle | undefined>>;

/** The handler of this name; what every object has under it, such as `toString`, is none. */
function handlerOf(service: Handlers, name: string): Handle | undefined {
  if (name === 'constructor' && !Object.hasOwn(service, name)) return undefined;
  const handler = service[name];
  return handler === (Object.prototype as unknown as Handlers)[name] ? undefined : handler;
}

/** How a context is made for a call. */
export type ContextMaker = (
  call: ServerCall<never, never>,
  headers: Metadata,
  outgoing: Outgoing,
) => CallbackServerContext;

const newContext: ContextMaker = (call, headers, outgoing) => new CallbackServerContext(call, headers, outgoing);

/** A handler of calls for a function that returns a reactor, which must fit `kind`. */
export function reactorHandler(
  kind: MethodKind,
  handle: Handle,
  makeContext: ContextMaker = newContext,
): ServerCallHandler<unknown, unknown> {
  const hasOneRequest = kind === 'unary' || kind === 'server_streaming';
  return (call, headers) => {
    const outgoing = new Outgoing();
    const context = makeContext(call as ServerCall<never, never>, headers, outgoing);
    const invocation: Invocation = { call, outgoing, context, kind, handle };
    return hasOneRequest ? new FirstMessage(invocation) : (invoke(invocation, undefined) ?? new ServerCallListener());
  };
}

/** A call and the function that is to handle it. */
interface Invocation {
  readonly call: ServerCall<unknown, unknown>;
  readonly outgoing: Outgoing;
  readonly context: CallbackServerContext;
  readonly kind: MethodKind;
  readonly handle: Handle;
}

/** Runs the handler and binds its reactor; null when there is none, and the call was closed. */
function invoke(invocation: Invocation, request: unknown): ServerRpc<unknown, unknown> | null {
  const { call, context, kind, handle } = invocation;
  try {
    const reactor = handle(context, request);
    // A handler that was made async has failed already; what it fails with itself is not lost either.
    if (isThenable(reactor)) reactor.then(undefined, (error) => call.reportFailure(error));
    if (reactor !== null && reactor !== undefined) {
      return bindServerReactor(checkReactor(kind, reactor), invocation);
    }
    closeUnbound(invocation, Status.UNIMPLEMENTED, new Metadata());
  } catch (error) {
    call.reportFailure(error);
    closeUnbound(invocation, Status.ofFailure(error), trailersFrom(error));
  }
  return null;
}

function closeUnbound({ call, outgoing }: Invocation, status: Status, trailers: Metadata): void {
  outgoing.complete();
  call.close(status, trailers);
}

const REACTORS = {
  unary: ServerUnaryReactor,
  server_streaming: ServerWriteReactor,
  client_streaming: ServerReadReactor,
  bidi_streaming: ServerBidiReactor,
  unknown: ServerBidiReactor,
} as const;

function checkReactor(kind: MethodKind, reactor: unknown): ServerReactor<unknown, unknown> {
  const fitting = REACTORS[kind];
  if (reactor instanceof ServerReactor && reactor instanceof fitting) return reactor;
  throw new TypeError(`the handler must return a ${fitting.name} or null`);
}

/** Listens to a call whose handler waits for the request, then passes on to its reactor. */
class FirstMessage extends ServerCallListener<unknown> {
  readonly #invocation: Invocation;
  #state: 'waiting' | 'handled' = 'waiting';
  #rpc: ServerRpc<unknown, unknown> | null = null;

  constructor(invocation: Invocation) {
    super();
    this.#invocation = invocation;
    invocation.call.request(1);
  }

  override onMessage(request: unknown): void {
    if (this.#state === 'handled') return;
    this.#state = 'handled';
    this.#rpc = invoke(this.#invocation, request);
  }

  override onHalfClose(): void {
    if (this.#state === 'handled') {
      this.#rpc?.onHalfClose();
      return;
    }
    this.#state = 'handled';
    closeUnbound(this.#invocation, Status.UNIMPLEMENTED.withDescription('the request is missing'), new Metadata());
  }

  override onReady(): void {
    this.#rpc?.onReady();
  }

  override onWritten(count: number): void {
    this.#rpc?.onWritten(count);
  }

  override onComplete(): void {
    this.#rpc?.onComplete();
  }

  override onCancel(): void {
    this.#rpc?.onCancel();
  }
}
