/**
 * MethodDescriptors for services reflected by protobufjs 7 or 8. Above: methods-of.ts, and users through the entry point
 * `halfclose/protobufjs`. Below: values/method alone. protobufjs itself is never imported, and its objects are known by what
 * they can do, never by class: both versions meet in one process.
 */
import { type Marshaller, MethodDescriptor } from '../../values/method.ts';
import { idempotencyOf, kindOf, methodsByName } from '../methods-by-name.ts';

/** What is needed of a message type: a reflected `Type`, or a static class made by pbjs. */
export interface MessageType {
  encode(message: object): { finish(): Uint8Array };
  decode(payload: Uint8Array): object;
  /** Static classes made with --no-convert lack it: their messages are encoded as they are. */
  fromObject?(object: { [field: string]: unknown }): object;
}

/** What is needed of a reflected `Method`. */
export interface ReflectedMethod {
  readonly name: string;
  readonly parent: { readonly fullName: string } | null;
  readonly root: object;
  readonly requestStream?: boolean | undefined;
  readonly responseStream?: boolean | undefined;
  readonly resolvedRequestType: MessageType | null;
  readonly resolvedResponseType: MessageType | null;
  readonly options?: { readonly [name: string]: unknown } | undefined;
}

/** What is needed of a reflected `Service`. */
export interface ReflectedService {
  readonly methodsArray: readonly ReflectedMethod[];
}

/** Methods by name, when nothing more is known of their messages. */
export interface UntypedMethods {
  readonly [name: string]: MethodDescriptor<object, object>;
}

/**
 * The methods of a reflected service (`root.lookupService(…)` after load, parse or Root.fromJSON) under their
 * lowerCamel names, in the order of the .proto file; each is also there, though not listed, under its .proto name.
 * Reflection knows no static types: give them as `M`, whose truth is yours to keep. The literal kind makes promise
 * clients typed as well.
 * ```ts
 * interface RouteGuideMethods {
 *   getFeature: MethodDescriptor<Point, Feature, 'unary'>;
 * }
 * const { getFeature } = serviceMethods<RouteGuideMethods>(root.lookupService('routeguide.RouteGuide'));
 * ```
 * Resolves the whole root first, and throws protobufjs's error if anything in it cannot be resolved. Every call makes
 * new descriptors: call it once, at the top of a module.
 */
export function serviceMethods<M extends object = UntypedMethods>(service: ReflectedService): Readonly<M> {
  return methodsByName(service.methodsArray.map((method) => [method.name, methodOf(method)])) as object as Readonly<M>;
}

/**
 * One method: name, kind and idempotency from its reflection object, which stays at hand as `schema`. Resolves the
 * whole root first. Throws TypeError for a method that belongs to no service.
 */
export function methodOf<Req extends object = object, Res extends object = object>(
  method: ReflectedMethod,
): MethodDescriptor<Req, Res> {
  resolveAll(method.root);
  const { parent, resolvedRequestType, resolvedResponseType } = method;
  if (parent === null || resolvedRequestType === null || resolvedResponseType === null) {
    throw new TypeError(`the method '${method.name}' belongs to no service`);
  }
  return new MethodDescriptor({
    service: parent.fullName.replace(/^\./, ''),
    name: method.name,
    kind: kindOf(method.requestStream === true, method.responseStream === true),
    requestMarshaller: marshallerOf<Req>(resolvedRequestType),
    responseMarshaller: marshallerOf<Res>(resolvedResponseType),
    idempotency: idempotencyOf(method.options?.['idempotency_level']),
    schema: method,
  });
}

/**
 * Turns the messages of one type into bytes and back. A message of the type's own class is encoded as it is. Anything
 * else goes through fromObject, so that plain objects may hold enum names, longs as strings and bytes in base64; its
 * rules are protobufjs's own and lenient: an unknown enum name counts as unset, 1.5 in an int32 as 1. (verify() would
 * refuse all of these, the good with the bad.) What comes back are messages, not plain objects: absent fields read as
 * their defaults, longs are Long where the package `long` is installed. Throws where an object or an array is due, and
 * for broken bytes.
 */
export function marshallerOf<T extends object = object>(type: MessageType): Marshaller<T> {
  return Object.freeze({
    serialize: (message: T): Uint8Array => type.encode(type.fromObject?.(message as Fields) ?? message).finish(),
    deserialize: (payload: Uint8Array): T => type.decode(payload) as T,
  });
}

interface Fields {
  [field: string]: unknown;
}

/**
 * Resolving the types alone is not enough: in protobufjs 7, editions' features settle only with the root, and without
 * them the repeated numbers of proto3 are not packed (test/stub/codec/protobufjs.test.ts).
 */
function resolveAll(root: object): void {
  if ('resolveAll' in root && typeof root.resolveAll === 'function') root.resolveAll();
}
