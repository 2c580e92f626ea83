/**
 * clientMethods, serverMethods: a service's methods with the types that its generated code gives them. Above: createClient,
 * implement, and users who want the descriptors for reactors or calls. Below: methods-of.ts. Holds: whoever sends may leave
 * out what the generator fills in, whoever receives gets whole messages; where the types say nothing, nothing is claimed.
 */
import type { MethodDescriptor } from '../values/method.ts';
import type { ReflectedService } from './codec/protobufjs-reflection.ts';
import type { DeclaredTypes, GeneratedTypes, IsAny, MethodTypes } from './method-types.ts';
import { methodsOf } from './methods-of.ts';
import type { CodecService, ProtobufTsService, ServiceShape, UntypedService } from './service-shape.ts';

/**
 * The methods of a service as its client sees them, under the generator's names and in lowerCamel. `S` is the type of the
 * service object. `D` is for objects whose types do not say all: what the generator declares beside them, be it the
 * handlers (`RouteGuideHandlers` of proto-loader-gen-types, `IRouteGuide` of protobuf-ts with server_grpc1) or the
 * client (`IRouteGuideClient` of protobuf-ts). It is then given by hand:
 * ```ts
 * createClient<ClientMethodsOf<typeof RouteGuide, IRouteGuideClient>>(RouteGuide, channel);
 * ```
 */
export type ClientMethodsOf<S, D = never> = S extends MethodRecord<S> ? S : ClientView<ServiceTypes<S, D>>;

/** The methods of a service as its server sees them, in lowerCamel; `S` and `D` as for ClientMethodsOf. */
export type ServerMethodsOf<S, D = never> = S extends MethodRecord<S> ? S : ServerView<ServiceTypes<S, D>>;

type MethodRecord<S> = IsAny<S> extends true ? never : { readonly [K in keyof S]: MethodDescriptor<unknown, unknown> };

type ClientView<T> = { readonly [K in keyof T as K | LowerCamel<K>]: ClientMethod<T[K]> };
type ServerView<T> = { readonly [K in keyof T as LowerCamel<K>]: ServerMethod<T[K]> };

type ClientMethod<T> = T extends MethodTypes ? MethodDescriptor<T['requestInit'], T['response'], T['kind']> : never;
type ServerMethod<T> = T extends MethodTypes ? MethodDescriptor<T['request'], T['responseInit'], T['kind']> : never;

type LowerCamel<K> = string extends K ? K : K extends string ? Uncapitalize<K> : K;

/** The methods' types by the generator's names. */
type ServiceTypes<S, D> = [D] extends [never]
  ? IsAny<S> extends true
    ? UntypedTypes
    : S extends ReflectedService | ProtobufTsService
      ? UntypedTypes
      : TypesByName<S extends CodecService ? S['methods'] : Named<S>>
  : { [K in keyof Named<D>]: DeclaredTypes<D[K], K extends keyof S ? S[K] : unknown> };

interface UntypedTypes {
  readonly [name: string]: MethodTypes & {
    requestInit: object;
    request: object;
    responseInit: object;
    response: object;
  };
}

type TypesByName<Methods> = { [K in keyof Methods]: GeneratedTypes<Methods[K]> };

/** `S` without its index signature, unless that is all there is to it: grpc-js's ServiceDefinition has one. */
type Named<S> = [keyof KnownOf<S>] extends [never] ? S : KnownOf<S>;
type KnownOf<S> = { [K in keyof S as string extends K ? never : number extends K ? never : K]: S[K] };

/**
 * The methods of a service for a client, as MethodDescriptors: for `newStub` of halfclose/reactor, for `channel.newCall`.
 * There are two views, this and serverMethods, because the two ends swap the roles of sender and receiver. At run time
 * they are alike. Takes what createClient takes, `M` included; throws TypeError for anything else. Every call makes new
 * descriptors: call it once, at the top of a module.
 */
export function clientMethods<S extends ServiceShape<S>>(service: S): ClientMethodsOf<S>;
export function clientMethods<M extends object = never>(service: UntypedService): M;
export function clientMethods(service: object): object {
  return methodsOf(service);
}

/** The methods of a service for a server; else as clientMethods. */
export function serverMethods<S extends ServiceShape<S>>(service: S): ServerMethodsOf<S>;
export function serverMethods<M extends object = never>(service: UntypedService): M;
export function serverMethods(service: object): object {
  return methodsOf(service);
}
