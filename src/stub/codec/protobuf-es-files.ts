/**
 * The .proto files of code that @bufbuild/protoc-gen-es generated, as bytes: for halfclose/reflection. Above: users, through the
 * entry point `halfclose/protobuf-es`. Below: @bufbuild/protobuf. Holds: a bundle has this only if it asks for it; options,
 * known or not, are those that the generator put there.
 */
import {
  type DescEnum,
  type DescExtension,
  type DescFile,
  type DescMessage,
  type DescService,
  toBinary,
} from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';

/** A generated file, or something that one declares. */
export type Described = DescFile | DescService | DescMessage | DescEnum | DescExtension;

/**
 * The files that declare `described`, and all that they import, each once and as a serialized FileDescriptorProto:
 * `addReflection(server, fileDescriptorsOf(RouteGuide))`. The comments of the .proto files are not there: the generator leaves
 * them out.
 */
export function fileDescriptorsOf(...described: readonly Described[]): Uint8Array[] {
  const files = new Set<DescFile>(described.map((one) => (one.kind === 'file' ? one : one.file)));
  // A set that is added to while it is walked is walked to its new end.
  for (const { dependencies } of files) for (const imported of dependencies) files.add(imported);
  return Array.from(files, ({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
}
