/**
 * MethodDescriptor: what there is to know of one RPC method: its name, its kind, and how its messages become bytes.
 * Above: everyone. Below: nothing. Source: io.grpc.MethodDescriptor, io.grpc.ServiceDescriptor.
 */

/**
 * Turns messages into bytes and back. Either method may throw; the call then ends with a status and the error as its
 * cause. `serialize` gives its bytes away: it must not change them afterwards. `deserialize` may keep views of its payload:
 * the bytes are never written to again, though a small view keeps the received chunk (16 KiB or so) in memory.
 */
export interface Marshaller<T> {
  serialize(message: T): Uint8Array;
  deserialize(payload: Uint8Array): T;
}

/** How many messages go each way. `unknown` promises nothing and is treated as bidi (generic proxies). */
export type MethodKind = 'unary' | 'client_streaming' | 'server_streaming' | 'bidi_streaming' | 'unknown';

/** What calling a method twice does. Source: google.protobuf.MethodOptions.IdempotencyLevel. */
export type Idempotency = 'unknown' | 'idempotent' | 'no_side_effects';

/** What a MethodDescriptor is made from. */
export interface MethodInit<Req, Res, Kind extends MethodKind = MethodKind> {
  /** The full name of the service, such as `routeguide.RouteGuide`. */
  readonly service: string;
  /** The name of the method alone, such as `GetFeature`. */
  readonly name: string;
  readonly kind: Kind;
  readonly requestMarshaller: Marshaller<Req>;
  readonly responseMarshaller: Marshaller<Res>;
  /** Default: `unknown`. */
  readonly idempotency?: Idempotency;
  /** The generator's own descriptor, for reflection; never looked at here. Default: null. */
  readonly schema?: unknown;
}

/** One RPC method. Immutable. Its kind is part of its type where it is known, and tells faces how it is called. */
export class MethodDescriptor<Req, Res, Kind extends MethodKind = MethodKind> {
  readonly service: string;
  readonly name: string;
  /** `package.Service/Method`, without a leading slash. */
  readonly fullName: string;
  /** `/package.Service/Method`, as in `:path`. */
  readonly path: string;
  readonly kind: Kind;
  readonly requestMarshaller: Marshaller<Req>;
  readonly responseMarshaller: Marshaller<Res>;
  readonly idempotency: Idempotency;
  readonly schema: unknown;
  /** Whether a well-behaved client sends exactly one message. */
  readonly clientSendsOneMessage: boolean;
  /** Whether a well-behaved server sends exactly one message along with OK. */
  readonly serverSendsOneMessage: boolean;

  /** Throws TypeError when the service or the method has no name, or the method's name has a slash. */
  constructor(init: MethodInit<Req, Res, Kind>) {
    if (init.service === '' || init.name === '' || init.name.includes('/')) {
      throw new TypeError(`not a method's name: '${init.service}/${init.name}'`);
    }
    this.service = init.service;
    this.name = init.name;
    this.fullName = `${init.service}/${init.name}`;
    this.path = `/${this.fullName}`;
    this.kind = init.kind;
    this.requestMarshaller = init.requestMarshaller;
    this.responseMarshaller = init.responseMarshaller;
    this.idempotency = init.idempotency ?? 'unknown';
    this.schema = init.schema ?? null;
    this.clientSendsOneMessage = init.kind === 'unary' || init.kind === 'server_streaming';
    this.serverSendsOneMessage = init.kind === 'unary' || init.kind === 'client_streaming';
  }

  /** The same method with other messages; interceptors that transform messages use it. Source: toBuilder. */
  withMarshallers<Q, S>(request: Marshaller<Q>, response: Marshaller<S>): MethodDescriptor<Q, S, Kind> {
    return new MethodDescriptor({ ...this, requestMarshaller: request, responseMarshaller: response });
  }
}

/** A service: its full name and its methods, in the order of the .proto file. */
export interface ServiceDescriptor {
  readonly name: string;
  readonly methods: readonly MethodDescriptor<unknown, unknown>[];
}

/**
 * Passes bytes through: for proxies, and for codecs that sit above the call. Bytes that were sent must not be changed
 * afterwards: large ones are not copied.
 */
export const BYTES_MARSHALLER: Marshaller<Uint8Array> = Object.freeze({
  serialize: (message: Uint8Array): Uint8Array => message,
  deserialize: (payload: Uint8Array): Uint8Array => payload,
});
