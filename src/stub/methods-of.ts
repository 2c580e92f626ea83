/**
 * methodsOf: the services of every generator as MethodDescriptors. Above: createClient, implement, clientMethods, serverMethods.
 * Below: the shapes of service-shape.ts. Holds: at run time nothing is told of which end asks; what a message lacks the
 * generator's own code fills in, where it can.
 */
import { type Marshaller, MethodDescriptor } from '../values/method.ts';
import { type ReflectedService, serviceMethods } from './codec/protobufjs-reflection.ts';
import { idempotencyOf, kindOf, type MethodsByName, methodsByName } from './methods-by-name.ts';
import type {
  CodecMethod,
  CodecService,
  GrpcJsMethod,
  MessageCodec,
  ProtobufTsMethod,
  ProtobufTsService,
  ProtobufTsType,
} from './service-shape.ts';

type Described = MethodDescriptor<unknown, unknown>;

/**
 * The methods of a service (ServiceShape), listed under their lowerCamel names, in the generator's order. Throws
 * TypeError for what is no service, and protobufjs's error for a reflected one that cannot be resolved.
 */
export function methodsOf(service: object): MethodsByName {
  if (isReflected(service)) return serviceMethods(service);
  if (isCodecService(service)) {
    const methods = Object.entries(service.methods);
    return methodsByName(methods.map(([name, method]) => [name, fromCodecs(service.fullName, method)]));
  }
  if (isProtobufTsService(service)) {
    return methodsByName(service.methods.map((method) => [method.localName, fromTypes(service.typeName, method)]));
  }
  const methods: [string, unknown][] = Object.entries(service);
  if (methods.every(([, method]) => has(method, 'requestMarshaller'))) return service as MethodsByName;
  return methodsByName(methods.map(([name, method]) => [name, fromFunctions(name, method)]));
}

function fromFunctions(key: string, definition: unknown): Described {
  if (!has(definition, 'requestSerialize') || !has(definition, 'path')) throw notAMethod(key);
  const method = definition as GrpcJsMethod;
  const slash = method.path.lastIndexOf('/');
  return new MethodDescriptor({
    service: method.path.slice(1, slash),
    name: method.path.slice(slash + 1),
    kind: kindOf(method.requestStream, method.responseStream),
    requestMarshaller: functionsMarshaller(method.requestSerialize, method.requestDeserialize),
    responseMarshaller: functionsMarshaller(method.responseSerialize, method.responseDeserialize),
    idempotency: idempotencyOf((method.options as Options)?.idempotency_level),
    schema: method,
  });
}

type Options = { readonly idempotency_level?: unknown } | undefined;

function functionsMarshaller(
  serialize: (message: never) => Uint8Array,
  deserialize: (payload: Buffer) => unknown,
): Marshaller<unknown> {
  return Object.freeze({
    serialize: serialize as Marshaller<unknown>['serialize'],
    // They are promised a Buffer; it is a view of the payload.
    deserialize: (payload: Uint8Array) =>
      deserialize(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)),
  });
}

function fromCodecs(service: string, method: CodecMethod): Described {
  return new MethodDescriptor({
    service,
    name: method.name,
    kind: kindOf(method.requestStream, method.responseStream),
    requestMarshaller: codecMarshaller(method.requestType),
    responseMarshaller: codecMarshaller(method.responseType),
    idempotency: idempotencyOf(method.options.idempotencyLevel),
    schema: method,
  });
}

function codecMarshaller(codec: MessageCodec): Marshaller<unknown> {
  const whole = (message: unknown): unknown => codec.fromPartial?.(message as never) ?? message;
  return Object.freeze({
    serialize: (message: unknown) => codec.encode(whole(message) as never).finish(),
    deserialize: (payload: Uint8Array) => codec.decode(payload),
  });
}

function fromTypes(service: string, method: ProtobufTsMethod): Described {
  return new MethodDescriptor({
    service,
    name: method.name,
    kind: kindOf(method.clientStreaming, method.serverStreaming),
    requestMarshaller: typeMarshaller(method.I),
    responseMarshaller: typeMarshaller(method.O),
    idempotency: idempotencyOf(method.idempotency),
    schema: method,
  });
}

function typeMarshaller(type: ProtobufTsType): Marshaller<unknown> {
  return Object.freeze({
    serialize: (message: unknown) => type.toBinary(type.create(message as never) as never),
    deserialize: (payload: Uint8Array) => type.fromBinary(payload),
  });
}

function has(value: unknown, name: string): boolean {
  return typeof value === 'object' && value !== null && name in value;
}

function isReflected(service: object): service is ReflectedService {
  return 'methodsArray' in service;
}

function isCodecService(service: object): service is CodecService {
  return 'fullName' in service && typeof service.fullName === 'string' && 'methods' in service;
}

function isProtobufTsService(service: object): service is ProtobufTsService {
  return 'methods' in service && Array.isArray(service.methods) && has(service.methods[0], 'I');
}

function notAMethod(name: string): TypeError {
  const advice =
    'services of protobuf-es need createClient and implement of halfclose/protobuf-es, static ones of pbjs bind()';
  return new TypeError(`not a service: '${name}' is no method (${advice})`);
}
