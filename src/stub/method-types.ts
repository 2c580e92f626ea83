/**
 * MethodTypes: the types of one method, read off what its generator made of it. Above: service-methods.ts. Below: the shapes of
 * service-shape.ts. Holds: no generator's types are imported, so that whichever version the generated code imports is taken as
 * it is; where its types say nothing, nothing is claimed.
 */
import type { MethodKind } from '../values/method.ts';
import type { CodecMethod, GrpcJsMethod, MessageCodec } from './service-shape.ts';

/** What may be sent as request and response of a method, and what then arrives. */
export interface MethodTypes {
  readonly kind: MethodKind;
  readonly requestInit: unknown;
  readonly request: unknown;
  readonly responseInit: unknown;
  readonly response: unknown;
}

/** What the type of a service's method says. */
export type GeneratedTypes<M> = M extends GrpcJsMethod
  ? {
      kind: KindOf<M['requestStream'], M['responseStream']>;
      requestInit: Parameters<M['requestSerialize']>[0];
      request: ReturnType<M['requestDeserialize']>;
      responseInit: Parameters<M['responseSerialize']>[0];
      response: ReturnType<M['responseDeserialize']>;
    }
  : M extends CodecMethod
    ? {
        kind: KindOf<M['requestStream'], M['responseStream']>;
        requestInit: InitOf<M['requestType']>;
        request: ReturnType<M['requestType']['decode']>;
        responseInit: InitOf<M['responseType']>;
        response: ReturnType<M['responseType']['decode']>;
      }
    : never;

/**
 * What the function says that is declared for a method, `F`: a handler for grpc-js, or a method of a protobuf-ts client.
 * The type of the service's method, `M`, says better what may be left out; where it is of no help the codec is
 * protobuf-ts's or protobufjs's, and fills that in.
 */
export type DeclaredTypes<F, M> = M extends GrpcJsMethod
  ? {
      kind: DeclaredKind<F>;
      requestInit: Prefer<Parameters<M['requestSerialize']>[0], DeclaredRequest<F>>;
      request: Prefer<ReturnType<M['requestDeserialize']>, DeclaredRequest<F>>;
      responseInit: Prefer<Parameters<M['responseSerialize']>[0], DeclaredResponse<F>>;
      response: Prefer<ReturnType<M['responseDeserialize']>, DeclaredResponse<F>>;
    }
  : {
      kind: DeclaredKind<F>;
      requestInit: PartialMessage<DeclaredRequest<F>>;
      request: DeclaredRequest<F>;
      responseInit: PartialMessage<DeclaredResponse<F>>;
      response: DeclaredResponse<F>;
    };

/** A message whose fields may be left out, at every depth; of a oneof only as a whole. */
export type PartialMessage<T> = T extends Whole
  ? T
  : T extends readonly (infer E)[]
    ? readonly PartialMessage<E>[]
    : T extends { readonly $case: string } | { readonly oneofKind: string | undefined }
      ? { [K in keyof T]: PartialMessage<T[K]> }
      : { [K in keyof T]?: PartialMessage<T[K]> | undefined };

type Whole =
  | string
  | number
  | bigint
  | boolean
  | symbol
  | null
  | undefined
  | Uint8Array
  | Date
  | ReadonlyMap<unknown, unknown>;

/** Whether a type is `any`, which says nothing and fits everywhere. */
export type IsAny<T> = 0 extends 1 & T ? true : false;

type Prefer<A, B> = IsAny<A> extends true ? B : A;

type InitOf<C extends MessageCodec> = undefined extends C['fromPartial']
  ? ReturnType<C['decode']>
  : PartialMessage<ReturnType<C['decode']>>;

/** The kind, by the two streams: true, or false or undefined; boolean is unknown. */
export type KindOf<RequestStream, ResponseStream> = boolean extends RequestStream
  ? MethodKind
  : boolean extends ResponseStream
    ? MethodKind
    : RequestStream extends true
      ? KindOfTwo<ResponseStream, 'bidi_streaming', 'client_streaming'>
      : KindOfTwo<ResponseStream, 'server_streaming', 'unary'>;

type KindOfTwo<ResponseStream, Streaming, Single> = ResponseStream extends true ? Streaming : Single;

// A handler for grpc-js gives its one response to a callback, its only other parameter; a client's method returns its call.

type DeclaredKind<F> = F extends (...args: never) => infer Call
  ? Call extends ProtobufTsCall
    ? KindOf<Call extends Sending<unknown> ? true : false, Call extends Receiving<unknown> ? true : false>
    : KindOf<
        HandledCall<F> extends { readonly request: unknown } ? false : true,
        Parameters<F>['length'] extends 2 ? false : true
      >
  : never;

type DeclaredRequest<F> = F extends (...args: never) => infer Call
  ? Call extends Sending<infer Req>
    ? Req
    : Call extends ProtobufTsCall
      ? Parameters<F>[0]
      : HandledCall<F> extends { readonly request: infer Req }
        ? Req
        : HandledCall<F> extends Reading<infer Req>
          ? Req
          : never
  : never;

type DeclaredResponse<F> = F extends (...args: never) => infer Call
  ? Call extends Receiving<infer Res>
    ? Res
    : Call extends { readonly response: PromiseLike<infer Res> }
      ? Res
      : Parameters<F> extends [unknown, (error: never, response?: infer Res, ...rest: never) => void]
        ? Exclude<Res, null | undefined>
        : HandledCall<F> extends { _write(message: infer Res, ...rest: never): void }
          ? Res
          : never
  : never;

/** What the calls of a protobuf-ts client have in common, and what those with a stream have. */
type ProtobufTsCall = { readonly requestHeaders: unknown; readonly method: unknown };
type Sending<Req> = { readonly requests: { send(message: Req): unknown } };
type Receiving<Res> = { readonly responses: AsyncIterable<Res> };

type HandledCall<F> = F extends (call: infer Call, ...rest: never) => void ? Call : never;

/** grpc-js types `read` twice, the second time as any. */
type Reading<Req> = { read: { (size?: number): Req; (size?: number): unknown } };
