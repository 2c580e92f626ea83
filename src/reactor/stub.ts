/**
 * Stub: a service's methods as a client calls them with reactors. Above: users. Below: ClientRpc and UnaryCallback over any
 * Channel. Holds: each method takes exactly the reactor that fits its kind, which the compiler checks; for those who have no
 * compiler the reactor's class is checked as well. Source: the stubs that grpc_cpp_plugin generates.
 */
import type { Channel } from '../call/channel.ts';
import type { MethodDescriptor } from '../values/method.ts';
import type { ClientContext } from './client-context.ts';
import {
  bindClientReactor,
  ClientBidiReactor,
  type ClientReactor,
  ClientReadReactor,
  ClientUnaryReactor,
  ClientWriteReactor,
} from './client-reactors.ts';
import type { ClientRpcInit } from './client-rpc.ts';
import { UnaryCallback, type UnaryCompletion } from './unary-callback.ts';

/** A unary method: with a function the RPC starts at once, with a reactor at its startCall. */
export interface UnaryMethod<Req, Res> {
  (context: ClientContext, request: Req, completion: UnaryCompletion<Res>): void;
  (context: ClientContext, request: Req, reactor: ClientUnaryReactor<Res>): void;
}

/** A server-streaming method; the RPC starts at the reactor's startCall, and the request leaves with it. */
export type ServerStreamingMethod<Req, Res> = (
  context: ClientContext,
  request: Req,
  reactor: ClientReadReactor<Res>,
) => void;

/** A client-streaming method; the RPC starts at the reactor's startCall. */
export type ClientStreamingMethod<Req, Res> = (context: ClientContext, reactor: ClientWriteReactor<Req, Res>) => void;

/** A bidi-streaming method; the RPC starts at the reactor's startCall. */
export type BidiStreamingMethod<Req, Res> = (context: ClientContext, reactor: ClientBidiReactor<Req, Res>) => void;

/** How a method is called, by its kind. */
export type AsyncMethod<M> =
  M extends MethodDescriptor<infer Req, infer Res>
    ? {
        unary: UnaryMethod<Req, Res>;
        server_streaming: ServerStreamingMethod<Req, Res>;
        client_streaming: ClientStreamingMethod<Req, Res>;
        bidi_streaming: BidiStreamingMethod<Req, Res>;
        unknown: BidiStreamingMethod<Req, Res>;
      }[M['kind']]
    : never;

/** A service's methods, each with the reactor of its kind. */
export type AsyncMethods<M> = { readonly [K in keyof M]: AsyncMethod<M[K]> };

/** Calls the methods of one service over one channel. */
export class Stub<M extends object> {
  readonly #methods: AsyncMethods<M>;

  /** See newStub. */
  constructor(methods: M, channel: Channel) {
    const entries = Object.entries(methods).map(([name, method]) => [name, caller(method, channel)]);
    this.#methods = Object.freeze(Object.fromEntries(entries)) as AsyncMethods<M>;
  }

  /** The methods in the callback style; always the same object. */
  async(): AsyncMethods<M> {
    return this.#methods;
  }
}

/**
 * A stub for `methods`, which is what `clientMethods(RouteGuide)` of halfclose/protobuf-es, or `serviceMethods(…)` of
 * halfclose/protobufjs gives. Source: RouteGuide::NewStub of the generated C++.
 */
export function newStub<M extends object>(methods: M, channel: Channel): Stub<M> {
  return new Stub(methods, channel);
}

type Method = MethodDescriptor<unknown, unknown>;
type Callee = ClientReactor<unknown, unknown> | UnaryCompletion<unknown>;

/** The function that calls `method`. */
function caller(method: Method, channel: Channel): object {
  const isSingle = method.clientSendsOneMessage;
  const init = (context: ClientContext, request: ClientRpcInit<unknown, unknown>['request']) =>
    ({ channel, method, context, request, hasResponse: method.serverSendsOneMessage }) as const;
  if (!isSingle) {
    return (context: ClientContext, reactor: Callee): void => {
      bindClientReactor(checkReactor(method, reactor), init(context, null));
    };
  }
  return (context: ClientContext, message: unknown, callee: Callee): void => {
    if (method.kind === 'unary' && typeof callee === 'function') {
      new UnaryCallback(init(context, null), callee).start(message);
    } else {
      bindClientReactor(checkReactor(method, callee), init(context, { message }));
    }
  };
}

const REACTORS = {
  unary: ClientUnaryReactor,
  server_streaming: ClientReadReactor,
  client_streaming: ClientWriteReactor,
  bidi_streaming: ClientBidiReactor,
  unknown: ClientBidiReactor,
} as const;

/** The reactor, which must fit the method's kind. Throws TypeError. */
export function checkReactor({ kind, fullName }: Method, reactor: unknown): ClientReactor<unknown, unknown> {
  const fitting = REACTORS[kind];
  if (reactor instanceof fitting) return reactor as ClientReactor<unknown, unknown>;
  throw new TypeError(`${fullName} needs a ${fitting.name}`);
}
