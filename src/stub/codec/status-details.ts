/**
 * Rich error details: typed messages beside a status, as google.rpc.Status in the trailer `grpc-status-details-bin`.
 * Above: users, through the entry point `halfclose/status-details`; nothing in the core imports it. Below: StatusError,
 * Metadata; @bufbuild/protobuf from 2.5 on; google.rpc as `npm run gen` makes it. Holds: reading never throws, whatever
 * the peer sent. Source: https://grpc.io/docs/guides/error/#richer-error-model, io.grpc.protobuf.StatusProto.
 */
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { type Any, anyPack, anyUnpack } from '@bufbuild/protobuf/wkt';
import { Metadata } from '../../values/metadata.ts';
import { Code, type Status } from '../../values/status.ts';
import { StatusError, type StatusErrorInit, trailersFrom } from '../../values/status-error.ts';
import { StatusSchema } from './gen/google/rpc/status_pb.ts';

export {
  type BadRequest,
  type BadRequest_FieldViolation,
  BadRequest_FieldViolationSchema,
  BadRequestSchema,
  type DebugInfo,
  DebugInfoSchema,
  type ErrorInfo,
  ErrorInfoSchema,
  type Help,
  type Help_Link,
  Help_LinkSchema,
  HelpSchema,
  type LocalizedMessage,
  LocalizedMessageSchema,
  type PreconditionFailure,
  type PreconditionFailure_Violation,
  PreconditionFailure_ViolationSchema,
  PreconditionFailureSchema,
  type QuotaFailure,
  type QuotaFailure_Violation,
  QuotaFailure_ViolationSchema,
  QuotaFailureSchema,
  type RequestInfo,
  RequestInfoSchema,
  type ResourceInfo,
  ResourceInfoSchema,
  type RetryInfo,
  RetryInfoSchema,
} from './gen/google/rpc/error_details_pb.ts';
export { type Status as RpcStatus, StatusSchema as RpcStatusSchema } from './gen/google/rpc/status_pb.ts';

const DETAILS_KEY = 'grpc-status-details-bin';

/** One detail: a message of any type with its schema, or one that is packed already, as detailsOf gives it. */
export type Detail<D extends DescMessage> = Any | readonly [schema: D, message: MessageInitShape<D>];

/** What a rich error has beside its code and description. */
export interface RichErrorInit<Schemas extends readonly DescMessage[]> extends StatusErrorInit {
  /**
   * In this order. They travel in the trailers, in base64. Most clients take 8 KiB of trailers, and of a call with more
   * they learn nothing but that: keep all details below 5 KB.
   */
  readonly details?: { readonly [K in keyof Schemas]: Detail<Schemas[K]> } | undefined;
}

/**
 * A StatusError with details, for a handler to throw; where there is nothing to throw, close the call with its `status`
 * and its `trailers`.
 * ```ts
 * throw statusError(Code.INVALID_ARGUMENT, 'no such place', {
 *   details: [[BadRequestSchema, { fieldViolations: [{ field: 'latitude', description: 'above 90 degrees' }] }]],
 * });
 * ```
 * With the details the trailers say code and description once more, as the convention has it; without any they say
 * nothing. Throws TypeError for Code.OK, and the codec's error for a message that does not fit its schema.
 */
export function statusError<const Schemas extends readonly DescMessage[] = readonly DescMessage[]>(
  code: Code,
  description: string | null = null,
  init: RichErrorInit<Schemas> = {},
): StatusError {
  if (code === Code.OK) throw new TypeError('an error is never OK');
  const details: readonly Detail<DescMessage>[] = init.details ?? [];
  const error = new StatusError(code, description, init);
  if (details.length > 0) error.trailers.set(DETAILS_KEY, packStatus(error.status, details));
  // The stack begins at whoever asked for the error.
  Error.captureStackTrace(error, statusError);
  return error;
}

/**
 * The details of one type, in order. `source` is a caught value, of which the first StatusError along its `cause` chain
 * counts, or the trailers of a call. Empty where there are none, and where what came cannot be read.
 */
export function findDetails<D extends DescMessage>(source: unknown, schema: D): MessageShape<D>[] {
  return detailsOf(source).flatMap((detail) => readable(() => anyUnpack(detail, schema)) ?? []);
}

/** All details, packed as they came, in order; else as findDetails. */
export function detailsOf(source: unknown): Any[] {
  const trailers = source instanceof Metadata ? source : trailersFrom(source);
  const packed = trailers.get(DETAILS_KEY);
  return packed === undefined ? [] : (readable(() => fromBinary(StatusSchema, packed).details) ?? []);
}

function packStatus({ code, description }: Status, details: readonly Detail<DescMessage>[]): Uint8Array {
  const status = create(StatusSchema, { code, message: description ?? '', details: details.map(pack) });
  return toBinary(StatusSchema, status);
}

function pack(detail: Detail<DescMessage>): Any {
  if ('typeUrl' in detail) return detail;
  const [schema, message] = detail;
  return anyPack(schema, create(schema, message));
}

/** What `read` gives; undefined where the bytes are broken, or the name of their type. */
function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
