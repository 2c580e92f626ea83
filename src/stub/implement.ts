/**
 * implement: a service whose handlers are functions in the promise style. Above: users, who give what this makes to a Server.
 * Below: handled-call.ts. Holds: a handler's types come from the service's alone, whichever generator made it (methods-of.ts);
 * one that is missing answers UNIMPLEMENTED.
 */
import { type ServerCallHandler, ServerCallListener } from '../call/server-call.ts';
import { ServiceDefinition } from '../call/service-definition.ts';
import { Metadata } from '../values/metadata.ts';
import type { MethodDescriptor, MethodKind } from '../values/method.ts';
import { Status } from '../values/status.ts';
import { StatusError } from '../values/status-error.ts';
import { type AnyHandler, RequestStreamCall, SingleRequestCall } from './handled-call.ts';
import type { HandlerContext } from './handler-context.ts';
import type { Messages } from './message-writer.ts';
import { methodsOf } from './methods-of.ts';
import type { ServerMethodsOf } from './service-methods.ts';
import type { ServiceShape, UntypedService } from './service-shape.ts';

/** What a handler may give as its response. */
type Awaitable<T> = T | PromiseLike<T>;

/**
 * The handler of a method, by its kind. It may throw a StatusError to end the call with its status and trailers; anything
 * else that it throws is UNKNOWN to the client, and told to the server's onHandlerError.
 */
export type Handler<M> =
  M extends MethodDescriptor<infer Req, infer Res>
    ? MethodKind extends M['kind']
      ? UntypedHandler<Req, Res>
      : {
          unary: (request: Req, context: HandlerContext) => Awaitable<Res>;
          server_streaming: (request: Req, context: HandlerContext) => Messages<Res>;
          client_streaming: (requests: AsyncIterableIterator<Req>, context: HandlerContext) => Awaitable<Res>;
          bidi_streaming: (requests: AsyncIterableIterator<Req>, context: HandlerContext) => Messages<Res>;
          unknown: (requests: AsyncIterableIterator<Req>, context: HandlerContext) => Messages<Res>;
        }[M['kind']]
    : never;

/** The handler of a method whose kind the compiler does not know: what it is given is only what its kind is given. */
export type UntypedHandler<Req, Res> = (
  input: Req & AsyncIterableIterator<Req>,
  context: HandlerContext,
) => Awaitable<Res> | Messages<Res>;

/** The handlers of a service, by the names of its methods: an object, or an instance of a class. */
export type Handlers<M> = { readonly [K in keyof M]: Handler<M[K]> };

/**
 * A service for `server.addService`. `service` and `M` are as for createClient. `handlers` have the lowerCamel names of the
 * methods (where the compiler does not mind, the generator's names serve as well), and are called with `handlers` as
 * `this`. Throws TypeError for what is no service, or one without methods.
 */
export function implement<S extends ServiceShape<S>>(
  service: S,
  handlers: Handlers<ServerMethodsOf<NoInfer<S>>>,
): ServiceDefinition;
/** As above, for a service whose types do not tell: its methods are given as `M`, or stay untyped. */
export function implement<M extends object = never>(
  service: UntypedService,
  handlers: Handlers<NoInfer<M>>,
): ServiceDefinition;
export function implement(service: object, handlers: object): ServiceDefinition {
  const methods = methodsOf(service);
  const [first] = Object.values(methods);
  if (first === undefined) throw new TypeError('a service needs methods');
  const definition = new ServiceDefinition(first.service);
  const names = Object.getOwnPropertyNames(methods);
  for (const [listed, method] of Object.entries(methods)) {
    const name = names.find((name) => methods[name] === method && hasHandler(handlers, name)) ?? listed;
    definition.addMethod(method, callHandler(method, handlers as Readonly<Record<string, AnyHandler>>, name));
  }
  return definition;
}

/** A handler, for any method, that says that there is none. */
export function unimplemented(): never {
  throw new StatusError(Status.UNIMPLEMENTED);
}

function callHandler(
  method: MethodDescriptor<unknown, unknown>,
  handlers: Readonly<Record<string, AnyHandler | undefined>>,
  name: string,
): ServerCallHandler<unknown, unknown> {
  const Call = method.clientSendsOneMessage ? SingleRequestCall : RequestStreamCall;
  return (call, metadata) => {
    if (!hasHandler(handlers, name)) {
      call.close(Status.UNIMPLEMENTED.withDescription(`Method not implemented: ${method.fullName}`), new Metadata());
      return new ServerCallListener();
    }
    return new Call(call, metadata, (input, context) => handlers[name]?.(input, context));
  };
}

/** Whether `handlers` say something by this name; what every object inherits (`constructor`, `toString`) is no handler. */
function hasHandler(handlers: object, name: string): boolean {
  if (!Object.hasOwn(handlers, name) && name in Object.prototype) return false;
  return (handlers as Readonly<Record<string, unknown>>)[name] !== undefined;
}
