/**
 * halfclose/reflection: grpc.reflection v1 and v1alpha, by which tools such as grpcurl learn what a server serves. Above: users,
 * who give the descriptors of their files. Below: ReflectionStream. Holds: descriptors are bytes here, whoever made them, so no
 * codec package is needed; nothing is read from disk, so a bundle can do it. Nothing in the core imports it.
 * Source: https://github.com/grpc/grpc/blob/master/doc/server-reflection.md.
 */
import { ServiceDefinition } from '../call/service-definition.ts';
import { BYTES_MARSHALLER, MethodDescriptor, type ServiceDescriptor } from '../values/method.ts';
import { fileDescriptorsOfSet } from './file-descriptor.ts';
import { FileIndex } from './file-index.ts';
import { REFLECTION_V1_FILE, REFLECTION_V1ALPHA_FILE } from './reflection-files.ts';
import { REQUEST_MARSHALLER } from './reflection-protocol.ts';
import { type ReflectedContents, ReflectionStream } from './reflection-stream.ts';

export { fileDescriptorsOfSet } from './file-descriptor.ts';

/**
 * The descriptors of a server's .proto files, imports included: serialized google.protobuf.FileDescriptorProtos, as
 * `fileDescriptorsOf` of halfclose/protobuf-es and halfclose/protobufjs make them, or the bytes of one
 * google.protobuf.FileDescriptorSet, as `protoc --include_imports --descriptor_set_out` and `buf build` write it. Of two files
 * with one name the first counts.
 */
export type FileDescriptors = Uint8Array | Iterable<Uint8Array>;

/** What has services: a Server, or anything like it. */
export interface ServiceList {
  services(): readonly ServiceDescriptor[];
}

/** A server that reflection is added to. */
export interface ReflectedServer extends ServiceList {
  addService(service: ServiceDefinition): unknown;
}

/**
 * Adds both reflection services to `server`, which then tells of all its services, whenever they were added, and of the
 * .proto files given. Throws for descriptors that are none, and what `server.addService` throws.
 * ```ts
 * addReflection(server, fileDescriptorsOf(RouteGuide));
 * ```
 * It tells everybody who can reach the server how to call it: where that is not wanted, leave it out or let an
 * interceptor guard it.
 */
export function addReflection(server: ReflectedServer, files: FileDescriptors): void {
  for (const service of reflectionServices(files, server)) server.addService(service);
}

/**
 * The two reflection services, v1 and v1alpha, for a server that is yet to be made, or for interceptors of their own.
 * `services` are those that they list: the ones of a server, or full names. Throws for descriptors that are none.
 */
export function reflectionServices(
  files: FileDescriptors,
  services: ServiceList | readonly string[],
): [v1: ServiceDefinition, v1alpha: ServiceDefinition] {
  const index = indexOf(files);
  let contents: ReflectedContents | null = null;
  const getContents = (): ReflectedContents => {
    contents ??= contentsOf(index, services);
    return contents;
  };
  return [reflectionService('v1', getContents), reflectionService('v1alpha', getContents)];
}

function indexOf(files: FileDescriptors): FileIndex {
  const index = new FileIndex();
  for (const file of files instanceof Uint8Array ? fileDescriptorsOfSet(files) : files) index.add(file);
  for (const file of [REFLECTION_V1_FILE, REFLECTION_V1ALPHA_FILE]) index.add(Buffer.from(file, 'base64'));
  return index;
}

/** What there is to tell once the server runs: by then all its services are there. */
function contentsOf(files: FileIndex, services: ServiceList | readonly string[]): ReflectedContents {
  if (!('services' in services)) return { files, services };
  const described = services.services();
  for (const { methods } of described)
    for (const method of methods) for (const file of ownFiles(method)) files.add(file);
  return { files, services: described.map(({ name }) => name) };
}

/** The descriptors that a method brings along itself, as those of halfclose/health do. */
function ownFiles({ schema }: MethodDescriptor<unknown, unknown>): readonly Uint8Array[] {
  const isObject = typeof schema === 'object' && schema !== null;
  return isObject && 'fileDescriptorProtos' in schema ? (schema.fileDescriptorProtos as readonly Uint8Array[]) : [];
}

function reflectionService(version: 'v1' | 'v1alpha', getContents: () => ReflectedContents): ServiceDefinition {
  const service = `grpc.reflection.${version}.ServerReflection`;
  const method = new MethodDescriptor({
    service,
    name: 'ServerReflectionInfo',
    kind: 'bidi_streaming',
    requestMarshaller: REQUEST_MARSHALLER,
    responseMarshaller: BYTES_MARSHALLER,
  });
  return new ServiceDefinition(service).addMethod(method, (call) => new ReflectionStream(call, getContents()));
}
