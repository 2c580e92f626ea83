/**
 * The shapes of services as generators make them, as far as they are needed. Above: methods-of.ts, which turns them into
 * MethodDescriptors, and the types that are read off them. Below: values/method. Holds: a service is known by its structure, never
 * by its class, and no generator's package is imported, so that every version of each will do.
 */
import type { MethodDescriptor } from '../values/method.ts';
import type { ReflectedService } from './codec/protobufjs-reflection.ts';

/** A method with its four functions, as grpc-js takes it: of proto-loader, ts-proto, grpc-tools, protobuf-ts. */
export interface GrpcJsMethod {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  requestSerialize(message: never): Uint8Array;
  requestDeserialize(payload: Buffer): unknown;
  responseSerialize(message: never): Uint8Array;
  responseDeserialize(payload: Buffer): unknown;
  /** With `idempotency_level`, as proto-loader gives it. */
  readonly options?: object | undefined;
}

/** What is needed of a message's codec, as ts-proto makes it. */
export interface MessageCodec {
  encode(message: never): { finish(): Uint8Array };
  decode(payload: Uint8Array): unknown;
  fromPartial?(message: never): unknown;
}

/** A method with its codecs: ts-proto's generic-definitions and nice-grpc. */
export interface CodecMethod {
  readonly name: string;
  readonly requestType: MessageCodec;
  readonly requestStream: boolean;
  readonly responseType: MessageCodec;
  readonly responseStream: boolean;
  readonly options: { readonly idempotencyLevel?: string | undefined };
}

/** A service of such methods. */
export interface CodecService {
  readonly fullName: string;
  readonly methods: { readonly [name: string]: CodecMethod };
}

/** What is needed of a `MessageType` of protobuf-ts. */
export interface ProtobufTsType {
  create(message?: never): unknown;
  toBinary(message: never): Uint8Array;
  fromBinary(payload: Uint8Array): unknown;
}

/** What is needed of a method of protobuf-ts. */
export interface ProtobufTsMethod {
  readonly name: string;
  readonly localName: string;
  readonly I: ProtobufTsType;
  readonly O: ProtobufTsType;
  readonly clientStreaming: boolean;
  readonly serverStreaming: boolean;
  readonly idempotency: string | undefined;
}

/** What is needed of a `ServiceType` of protobuf-ts. */
export interface ProtobufTsService {
  readonly typeName: string;
  readonly methods: readonly ProtobufTsMethod[];
}

/** A service whose types say nothing of its messages or kinds. */
export type UntypedService = { readonly [name: string]: GrpcJsMethod } | ProtobufTsService | ReflectedService;

/** What `S` has to be to be a service: MethodDescriptors by name, or what a generator makes. */
export type ServiceShape<S> =
  | { readonly [K in keyof S]: MethodDescriptor<unknown, unknown> | GrpcJsMethod }
  | CodecService
  | ProtobufTsService
  | ReflectedService;
