/**
 * What HTTP/2 says in place of a gRPC status, as a Status: HTTP status codes, RST_STREAM codes, GOAWAY, Node's errors.
 * Above: client-stream, server-stream, client-transport. Below: Status. Tables: grpc doc/http-grpc-status-mapping.md,
 * PROTOCOL-HTTP2 "Errors".
 */
import { constants } from 'node:http2';
import { Status } from '../../values/status.ts';

/** The status that an HTTP status stands for; only where the response has no grpc-status. Never OK. */
export function statusOfHttpStatus(httpStatus: number): Status {
  if (httpStatus >= 100 && httpStatus < 200) return Status.INTERNAL;
  switch (httpStatus) {
    case 400:
    case 431:
      return Status.INTERNAL;
    case 401:
      return Status.UNAUTHENTICATED;
    case 403:
      return Status.PERMISSION_DENIED;
    case 404:
      return Status.UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
      return Status.UNAVAILABLE;
    default:
      return Status.UNKNOWN;
  }
}

const CODE_NAMES: readonly string[] = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
];

/** The name of an HTTP/2 error code (RFC 9113 §7), or the number where it has none. */
export function http2CodeName(code: number): string {
  return CODE_NAMES[code] ?? `${code}`;
}

/** The status of a stream that the peer reset before it sent one. */
export function statusOfReset(code: number): Status {
  return bareStatusOfReset(code).withDescription(`stream reset by the peer with HTTP/2 code ${http2CodeName(code)}`);
}

function bareStatusOfReset(code: number): Status {
  switch (code) {
    case constants.NGHTTP2_REFUSED_STREAM:
      return Status.UNAVAILABLE;
    case constants.NGHTTP2_CANCEL:
      return Status.CANCELLED;
    case constants.NGHTTP2_ENHANCE_YOUR_CALM:
      return Status.RESOURCE_EXHAUSTED;
    case constants.NGHTTP2_INADEQUATE_SECURITY:
      return Status.PERMISSION_DENIED;
    case constants.NGHTTP2_HTTP_1_1_REQUIRED:
      return Status.UNKNOWN;
    default:
      return Status.INTERNAL;
  }
}

/** A GOAWAY as it came. */
export interface Goaway {
  readonly code: number;
  readonly lastStreamId: number;
  /** The debug data as text, cut to 256 characters; null for none. */
  readonly debug: string | null;
}

/** The status of a stream that a GOAWAY ended, and of every stream that comes after it. */
export function statusOfGoaway(goaway: Goaway): Status {
  const debug = goaway.debug === null ? '' : `, debug data: ${goaway.debug}`;
  return Status.UNAVAILABLE.withDescription(
    `the peer is closing the connection (GOAWAY ${http2CodeName(goaway.code)}${debug})`,
  );
}

/** Error codes of Node that mean: of this request nothing was sent. */
const NEVER_SENT: ReadonlySet<string> = new Set([
  'ERR_HTTP2_GOAWAY_SESSION',
  'ERR_HTTP2_INVALID_SESSION',
  'ERR_HTTP2_OUT_OF_STREAMS',
]);

/** Whether an error of `session.request()` or of its stream means that nothing was sent. */
export function isNeverSent(error: Error | null): boolean {
  return error !== null && NEVER_SENT.has(errorCode(error));
}

/** The `code` of one of Node's errors; the empty string for others. */
export function errorCode(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** The text of an error; of an AggregateError (several addresses tried), which has none, those of its parts. */
export function errorText(error: Error): string {
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map((part: unknown) => (part instanceof Error ? part.message : String(part))).join('; ');
  }
  return error.message;
}
