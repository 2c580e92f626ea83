/**
 * What users of protobufjs 7 or 8 need, be their services reflected or static: the entry point `halfclose/protobufjs`. Above:
 * users. Below: protobufjs-reflection.ts, the promise style. protobufjs itself is never imported, and its objects are known by
 * what they can do, never by class: both versions meet in one process.
 */
import type { GrpcJsMethod } from '../service-shape.ts';
import { type MessageType, marshallerOf } from './protobufjs-reflection.ts';

export { createClient } from '../client.ts';
export { implement } from '../implement.ts';
export { fileDescriptorsOf, type RootedObject } from './protobufjs-files.ts';
export {
  type MessageType,
  marshallerOf,
  methodOf,
  type ReflectedMethod,
  type ReflectedService,
  serviceMethods,
  type UntypedMethods,
} from './protobufjs-reflection.ts';

/** What is needed of a static service class. */
export type StaticService = abstract new (...args: never) => object;

/** What a method of such a class says of itself. */
export interface StaticMethod {
  /** `/package.Service/Method`. */
  readonly path: string;
  /** The message types' names, as the .proto file has them: relative to the service. */
  readonly requestType: string;
  readonly responseType: string;
  readonly requestStream: boolean | undefined;
  readonly responseStream: boolean | undefined;
}

/** A static service with its codec: takes plain objects (`IPoint`), gives messages (`Point`). */
export type BoundService<Root, S extends StaticService> = BoundMethods<Root, InstanceType<S>>;

type BoundMethods<Root, Methods> = {
  readonly [K in keyof Methods as Methods[K] extends StaticMethod ? K : never]: BoundMethod<Root, Methods[K]>;
};

/** One method of it. */
export type BoundMethod<Root, M> = M extends StaticMethod
  ? {
      readonly path: M['path'];
      readonly requestStream: M['requestStream'] extends true ? true : false;
      readonly responseStream: M['responseStream'] extends true ? true : false;
      requestSerialize(message: RequestOf<M>): Uint8Array;
      requestDeserialize(payload: Uint8Array): MessageOf<ClassOf<Root, M['path'], M['requestType']>, RequestOf<M>>;
      responseSerialize(message: InitOf<ClassOf<Root, M['path'], M['responseType']>, ResponseOf<M>>): Uint8Array;
      responseDeserialize(payload: Uint8Array): ResponseOf<M>;
    }
  : never;

type RequestOf<M> = M extends (request: infer Req) => unknown ? Req : never;
type ResponseOf<M> = M extends (request: never) => Promise<infer Res> ? Res : never;

type MessageOf<C, Otherwise> = C extends { readonly prototype: infer Message } ? Message : Otherwise;
type InitOf<C, Otherwise> = C extends new (init?: infer Init) => unknown ? Init : Otherwise;

type ClassOf<Root, Path extends string, Name extends string> = Path extends `/${infer Service}/${string}`
  ? Resolved<Root, Service, Name>
  : unknown;

/** The class of this name, as seen from `Scope`; unknown if there is none. */
type Resolved<Root, Scope extends string, Name extends string> = Name extends `.${infer Absolute}`
  ? At<Root, Absolute>
  : unknown extends At<Root, `${Scope}.${Name}`>
    ? Scope extends ''
      ? At<Root, Name>
      : Resolved<Root, ParentOf<Scope>, Name>
    : At<Root, `${Scope}.${Name}`>;

type At<Root, Path extends string> = Path extends `${infer First}.${infer Rest}`
  ? First extends keyof Root
    ? At<Root[First], Rest>
    : unknown
  : Path extends keyof Root
    ? Root[Path]
    : unknown;

type ParentOf<Scope extends string> = Scope extends `${infer First}.${infer Rest}`
  ? Rest extends `${string}.${string}`
    ? `${First}.${ParentOf<Rest>}`
    : First
  : '';

/**
 * A service that pbjs made as static code (`pbjs -t static-module`, protobufjs-cli 2), for createClient and implement. The
 * class knows its message types by name only, so `root` is what its module exports:
 * ```ts
 * import * as root from './gen/route_guide.js';
 * const client = createClient(bind(root, root.routeguide.RouteGuide), channel);
 * ```
 * Throws TypeError when `service` is no such class, or `root` has not its messages.
 */
export function bind<Root extends object, S extends StaticService>(root: Root, service: S): BoundService<Root, S> {
  const methods = Object.entries(service.prototype).filter(([, method]) => isStaticMethod(method));
  if (methods.length === 0) throw new TypeError('not a service class of protobufjs-cli 2: no method knows its path');
  const bound = methods.map(([name, method]) => [name, boundMethod(root, method as StaticMethod)]);
  return Object.freeze(Object.fromEntries(bound)) as BoundService<Root, S>;
}

function isStaticMethod(method: unknown): boolean {
  return typeof method === 'function' && 'path' in method;
}

function boundMethod(root: object, method: StaticMethod): GrpcJsMethod {
  const { path, requestStream, responseStream } = method;
  const request = marshallerOf(messageType(root, path, method.requestType));
  const response = marshallerOf(messageType(root, path, method.responseType));
  return Object.freeze({
    path,
    requestStream: requestStream === true,
    responseStream: responseStream === true,
    requestSerialize: request.serialize,
    requestDeserialize: request.deserialize,
    responseSerialize: response.serialize,
    responseDeserialize: response.deserialize,
  });
}

/** The class of a message: looked for in the service, then in ever wider packages, as protobuf does. */
function messageType(root: object, path: string, name: string): MessageType {
  const scopes = name.startsWith('.') ? [] : path.slice(1, path.lastIndexOf('/')).split('.');
  const names = name.split('.').filter((part) => part !== '');
  for (let depth = scopes.length; depth >= 0; depth -= 1) {
    const found = [...scopes.slice(0, depth), ...names].reduce(member, root);
    if (typeof found === 'function' && 'encode' in found) return found as unknown as MessageType;
  }
  throw new TypeError(`the root has no message '${name}' for ${path}`);
}

function member(parent: unknown, name: string): unknown {
  return (parent as Readonly<Record<string, unknown>> | undefined)?.[name];
}
