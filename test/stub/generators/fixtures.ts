/**
 * What generators make as plain JavaScript, which no compiler copies: read from the source tree, with the types beside it.
 * Above: tests of services as generators make them.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import protobuf from 'protobufjs';
import type { ProtoGrpcType } from './gen/proto-loader/cafe.ts';

const FOLDER = 'test/stub/generators';
const CAFE_PROTO = sourceFile('cafe.proto');

/** The file's place in the source tree, which holds the build. */
function sourceFile(name: string): string {
  for (let root = import.meta.dirname; root !== path.dirname(root); root = path.dirname(root)) {
    const file = path.join(root, FOLDER, name);
    if (existsSync(file)) return file;
  }
  throw new Error(`no ${FOLDER}/${name} above ${import.meta.dirname}`);
}

/** The static code of pbjs. */
export function loadPbjs(): Promise<typeof import('./gen/pbjs/cafe.js')> {
  return import(pathToFileURL(sourceFile('gen/pbjs/cafe.js')).href);
}

/** The service of grpc-tools, and its messages. */
export function loadGrpcTools(): {
  CafeService: typeof import('./gen/grpc-tools/cafe_grpc_pb.js').CafeService;
  pb: typeof import('./gen/grpc-tools/cafe_pb.js');
} {
  const require = createRequire(import.meta.url);
  const { CafeService } = require(sourceFile('gen/grpc-tools/cafe_grpc_pb.js'));
  return { CafeService, pb: require(sourceFile('gen/grpc-tools/cafe_pb.js')) };
}

/** What @grpc/proto-loader makes of the .proto file. */
export function loadProto(): PackageDefinition {
  return loadSync(CAFE_PROTO, { longs: String, enums: String, defaults: true, oneofs: true });
}

/** The same as grpc-js's loadPackageDefinition hands it on, with the types of proto-loader-gen-types. */
export function loadGrpcObject(): ProtoGrpcType {
  return loadPackageDefinition(loadProto()) as unknown as ProtoGrpcType;
}

/** The service as protobufjs reflects it. */
export async function loadReflected(): Promise<protobuf.Service> {
  const root = await new protobuf.Root().load(CAFE_PROTO);
  return root.lookupService('cafe.v1.Cafe');
}
