/**
 * The method that a load goes to, from a .proto file: requests are made bytes once, responses stay bytes, so that the load costs
 * little beside the calls. Above: target/main. Below: protobufjs, halfclose/protobufjs.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import protobuf from 'protobufjs';
import { BYTES_MARSHALLER, MethodDescriptor } from '../../src/index.ts';
import { methodOf } from '../../src/stub/codec/protobufjs.ts';
import { UsageError } from '../usage-error.ts';
import type { TargetOptions } from './options.ts';

export interface TargetMethod {
  readonly method: MethodDescriptor<Uint8Array, Uint8Array>;
  readonly requests: readonly Uint8Array[];
}

async function load({ proto, importPaths }: TargetOptions): Promise<protobuf.Root> {
  const root = new protobuf.Root();
  const resolve = root.resolvePath.bind(root);
  root.resolvePath = (origin, target) => {
    const folders = origin === '' ? [] : [path.dirname(origin), ...importPaths];
    const found = folders.map((folder) => path.join(folder, target)).find((file) => existsSync(file));
    return found ?? resolve(origin, target);
  };
  try {
    return await root.load(proto);
  } catch (error) {
    throw new UsageError(`--proto: ${(error as Error).message}`);
  }
}

function lookup(root: protobuf.Root, { service, method }: TargetOptions): protobuf.Method {
  let found: protobuf.Service;
  try {
    found = root.lookupService(service);
  } catch {
    throw new UsageError(`--call: no service is called '${service}' in the .proto file`);
  }
  const known = found.methods[method];
  if (known !== undefined) return known.resolve() as protobuf.Method;
  throw new UsageError(`--call: ${service} has ${Object.keys(found.methods).join(', ')}, but no '${method}'`);
}

function encode(type: protobuf.Type, request: object): Uint8Array {
  try {
    return type.encode(type.fromObject(request)).finish();
  } catch (error) {
    throw new UsageError(`--data does not fit ${type.fullName.slice(1)}: ${(error as Error).message}`);
  }
}

/** Throws UsageError where the file, the method or the data do not fit each other. */
export async function targetMethod(options: TargetOptions): Promise<TargetMethod> {
  const reflected = lookup(await load(options), options);
  const type = reflected.resolvedRequestType;
  if (type === null) throw new UsageError(`--call: the request of ${options.method} is not in the .proto file`);
  const { service, name, kind } = methodOf(reflected);
  const marshallers = { requestMarshaller: BYTES_MARSHALLER, responseMarshaller: BYTES_MARSHALLER };
  const method = new MethodDescriptor({ service, name, kind, ...marshallers });
  if (method.clientSendsOneMessage && options.requests.length !== 1) {
    throw new UsageError(`--data: ${name} takes one request, not ${options.requests.length}`);
  }
  return { method, requests: options.requests.map((request) => encode(type, request)) };
}
