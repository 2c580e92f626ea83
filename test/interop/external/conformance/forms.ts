/**
 * Metadata, errors and compressors in the conformance suite's form and in ours. Above: everything in this folder. Below: the
 * generated code, halfclose/status-details. Holds: what the suite writes in base64 are bytes here.
 */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Any, anyPack } from '@bufbuild/protobuf/wkt';
import { BROTLI, CompressorRegistry, Metadata, type Status, type StatusError, ZSTD } from '../../../../src/index.ts';
import { detailsOf, statusError } from '../../../../src/stub/codec/status-details.ts';
import { toBase64 } from '../../../../src/values/metadata.ts';
import { Compression } from './gen/connectrpc/conformance/v1/config_pb.ts';
import {
  type ConformancePayload_RequestInfo,
  ConformancePayload_RequestInfoSchema,
  type Error as ErrorMessage,
  type ErrorSchema,
  type Header,
  type HeaderSchema,
} from './gen/connectrpc/conformance/v1/service_pb.ts';

/** Everything that the suite compresses with and Node has. */
export const COMPRESSORS: CompressorRegistry =
  ZSTD === null ? CompressorRegistry.DEFAULT.with(BROTLI) : CompressorRegistry.DEFAULT.with(BROTLI).with(ZSTD);

/** The name of a compressor in `grpc-encoding`. */
export function compressorName(compression: Compression): string {
  return compression === Compression.UNSPECIFIED ? 'identity' : Compression[compression].toLowerCase();
}

export function metadataOf(headers: readonly Header[]): Metadata {
  const metadata = new Metadata();
  for (const { name, value } of headers) {
    const isBinary = name.toLowerCase().endsWith('-bin');
    for (const one of value) metadata.append(name, isBinary ? Buffer.from(one, 'base64') : one);
  }
  return metadata;
}

export function headersFrom(metadata: Metadata): MessageInitShape<typeof HeaderSchema>[] {
  return metadata.keys().map((name) => ({ name, value: metadata.getAll(name).map(textOf) }));
}

function textOf(value: string | Uint8Array): string {
  return typeof value === 'string' ? value : toBase64(value);
}

/** The error that an RPC ended with; undefined for one that ended well. */
export function errorFrom(status: Status, trailers: Metadata): MessageInitShape<typeof ErrorSchema> | undefined {
  if (status.isOk) return undefined;
  return { code: status.code, message: status.description ?? '', details: detailsOf(trailers) };
}

/** The error that an RPC is to end with. `info`, unless null, becomes its last detail. */
export function statusErrorOf(error: ErrorMessage, info: ConformancePayload_RequestInfo | null): StatusError {
  const details: Any[] = [...error.details];
  if (info !== null) details.push(anyPack(ConformancePayload_RequestInfoSchema, info));
  return statusError(error.code, error.message ?? null, { details });
}
