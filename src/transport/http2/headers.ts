/**
 * Header blocks: Metadata and the call's facts ⇄ what node:http2 sends and receives. Above: client-stream,
 * server-stream. Below: Metadata, percent-coding, grpc-timeout, header-form.
 * Holds: blocks are lists of names and values both ways, because node's header objects join or lose duplicates; outbound, a
 * reserved name in a user's Metadata (a proxy may pass on what it received) is left out.
 * Source: PROTOCOL-HTTP2 "Requests", "Responses".
 */
import type { OutgoingHttpHeaders } from 'node:http2';
import { Metadata, toBase64 } from '../../values/metadata.ts';
import { Code, Status } from '../../values/status.ts';
import { FIELD_OVERHEAD_BYTES, isReserved, listBytes } from '../wire-metadata.ts';
import { type HeaderList, headerObject } from './header-form.ts';
import { MAX_FIELD_BYTES, outboundFault } from './header-limits.ts';
import { decodeMessage, encodeMessage, truncateEncoded } from './percent-coding.ts';

/** What a request block says, but for the caller's metadata. */
export interface RequestHead {
  readonly scheme: 'http' | 'https';
  readonly authority: string;
  readonly path: string;
  readonly userAgent: string;
  /** The value of `grpc-timeout`; null for no deadline. */
  readonly timeout: string | null;
  /** The value of `grpc-encoding`; null for identity. */
  readonly encoding: string | null;
  readonly acceptEncoding: string;
}

// node:http2: names that node sends once at most; an array of two throws ERR_HTTP2_HEADER_SINGLE_VALUE out of request()
// (test/transport/http2/headers.test.ts). RFC 9110 §5.3 lets a list be folded into one field.
const SENT_ONCE: ReadonlySet<string> = new Set([
  'access-control-allow-credentials',
  'access-control-max-age',
  'access-control-request-method',
  'age',
  'authorization',
  'content-location',
  'content-md5',
  'content-range',
  'dnt',
  'etag',
  'expires',
  'from',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'proxy-authorization',
  'range',
  'referer',
  'retry-after',
  'tk',
  'upgrade-insecure-requests',
  'x-content-type-options',
]);

const RESPONSE_START: HeaderList = [':status', '200', 'content-type', 'application/grpc'];

/** What trailers have for the names of `grpc-status` and `grpc-message`, and for a few words at least. */
const MESSAGE_ROOM_BYTES = 256;

/** The trailers of most responses: OK, and nothing to say beside. */
const OK_TRAILERS: OutgoingHttpHeaders = Object.freeze({ 'grpc-status': '0' });

/** A request block. */
export function requestHeaders(head: RequestHead, metadata: Metadata): HeaderList {
  const list = [':method', 'POST', ':scheme', head.scheme, ':path', head.path, ':authority', head.authority];
  list.push('te', 'trailers');
  if (head.timeout !== null) list.push('grpc-timeout', head.timeout);
  list.push('content-type', 'application/grpc', 'user-agent', head.userAgent);
  if (head.encoding !== null) list.push('grpc-encoding', head.encoding);
  list.push('grpc-accept-encoding', head.acceptEncoding);
  pushMetadata(list, metadata);
  return list;
}

/** A response's first block; a null `encoding` is identity, which goes without saying. */
export function responseHeaders(encoding: string | null, acceptEncoding: string, metadata: Metadata): HeaderList {
  const list = [...RESPONSE_START, 'grpc-accept-encoding', acceptEncoding];
  if (encoding !== null) list.push('grpc-encoding', encoding);
  pushMetadata(list, metadata);
  return list;
}

/**
 * The trailers of a response, fit for a peer that takes header lists of `maxListBytes`: a long description is cut, and
 * metadata that would not fit is left out and said so, because a block over the limit would hide the status itself.
 */
export function trailerHeaders(status: Status, metadata: Metadata, maxListBytes: number): OutgoingHttpHeaders {
  if (status.isOk && status.description === null && metadata.size === 0) return OK_TRAILERS;
  return headerObject(trailerList(status, metadata, maxListBytes));
}

/** A whole response in one block, for a call that ends before its response headers: Trailers-Only. */
export function trailersOnlyHeaders(status: Status, metadata: Metadata, maxListBytes: number): HeaderList {
  return [...RESPONSE_START, ...trailerList(status, metadata, maxListBytes - 128)];
}

function trailerList(status: Status, metadata: Metadata, maxListBytes: number): string[] {
  const fault = metadata.size === 0 ? null : trailersFault(metadata, maxListBytes - MESSAGE_ROOM_BYTES);
  const omission = fault === null ? '' : ` (left out: ${fault.description})`;
  const description = `${status.description ?? ''}${omission}`;
  const list = ['grpc-status', `${status.code}`];
  if (description !== '') {
    const room = maxListBytes - MESSAGE_ROOM_BYTES / 2 - (fault === null ? listBytes(metadata) : 0);
    list.push('grpc-message', truncateEncoded(encodeMessage(description), Math.min(MAX_FIELD_BYTES, room)));
  }
  if (fault === null) pushMetadata(list, metadata);
  return list;
}

/** Why metadata cannot travel as trailers of up to `maxListBytes`, or null. */
function trailersFault(metadata: Metadata, maxListBytes: number): Status | null {
  const list: string[] = [];
  pushMetadata(list, metadata);
  return outboundFault(list, 'trailers', maxListBytes);
}

/** Adds what of metadata may travel. */
function pushMetadata(list: string[], metadata: Metadata): void {
  if (metadata.size === 0) return;
  for (const [name, value] of metadata) {
    if (isReserved(name)) continue;
    const text = typeof value === 'string' ? value : toBase64(value);
    const at = SENT_ONCE.has(name) ? indexOfName(list, name) : -1;
    if (at === -1) list.push(name, text);
    // No space: before an empty value it would end the field, which receivers then drop.
    else list[at + 1] = `${list[at + 1]},${text}`;
  }
}

function indexOfName(list: HeaderList, name: string): number {
  for (let i = 0; i < list.length; i += 2) if (list[i] === name) return i;
  return -1;
}

/** A received block, request, response or trailers: the fields that gRPC knows, null where absent, and the rest. */
export interface InboundHead {
  method: string | null;
  path: string | null;
  authority: string | null;
  httpStatus: number | null;
  contentType: string | null;
  encoding: string | null;
  acceptEncoding: string | null;
  timeout: string | null;
  status: string | null;
  message: string | null;
  /** Everything else that came, in order. */
  metadata: Metadata;
  /** The name of a `-bin` field that is not base64; null when all are. */
  brokenField: string | null;
  /** What the block counts for, in bytes. RFC 9113 §6.5.2. */
  listBytes: number;
}

/** Reads a raw block: names and values in turn, as node gives it to `response`, `trailers` and `stream` listeners. */
export function parseHead(raw: readonly string[]): InboundHead {
  const entries: (string | Uint8Array)[] = [];
  const head: InboundHead = {
    method: null,
    path: null,
    authority: null,
    httpStatus: null,
    contentType: null,
    encoding: null,
    acceptEncoding: null,
    timeout: null,
    status: null,
    message: null,
    metadata: Metadata.fromWire(entries),
    brokenField: null,
    listBytes: 0,
  };
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as string;
    const value = raw[i + 1] as string;
    head.listBytes += name.length + value.length + FIELD_OVERHEAD_BYTES;
    readField(head, entries, name, value);
  }
  return head;
}

function readField(head: InboundHead, entries: (string | Uint8Array)[], name: string, value: string): void {
  switch (name) {
    case ':method':
      head.method = value;
      return;
    case ':path':
      head.path = value;
      return;
    case ':authority':
      head.authority = value;
      return;
    case ':status':
      head.httpStatus = Number(value);
      return;
    case ':scheme':
    case 'te':
    case 'connection':
      return;
    case 'host':
      head.authority ??= value;
      return;
    case 'grpc-encoding':
      head.encoding = value;
      return;
    case 'grpc-accept-encoding':
      head.acceptEncoding = head.acceptEncoding === null ? value : `${head.acceptEncoding},${value}`;
      return;
    case 'grpc-timeout':
      head.timeout = value;
      return;
    case 'grpc-status':
      // Several are as good as none that can be read.
      head.status = head.status === null ? value : `${head.status}, ${value}`;
      return;
    case 'grpc-message':
      head.message = value;
      return;
    case 'content-type':
      head.contentType = value;
      return;
    default:
  }
  if (!name.endsWith('-bin')) entries.push(name, value);
  else if (!pushBinary(entries, name, value)) head.brokenField = name;
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Adds the values of a `-bin` field, which an intermediary may have joined by commas; false if one is not base64. */
function pushBinary(entries: (string | Uint8Array)[], name: string, joined: string): boolean {
  for (const part of joined.split(',')) {
    const text = part.trim();
    if (!BASE64.test(text) || text.replace(/=+$/, '').length % 4 === 1) return false;
    entries.push(name, Buffer.from(text, 'base64'));
  }
  return true;
}

/** Whether a content-type is gRPC's: `application/grpc`, then nothing, `+…` or `;…`. Case does not matter. */
export function isGrpcContentType(contentType: string | null): boolean {
  // The usual ones without a regular expression: that would allocate.
  if (contentType === 'application/grpc' || contentType === 'application/grpc+proto') return true;
  return contentType !== null && /^application\/grpc(?:$|[+;])/i.test(contentType);
}

/** The status that `grpc-status` and `grpc-message` tell. A number of no known code is UNKNOWN and named. */
export function readStatus(code: string, message: string | null): Status {
  const description = message === null || message === '' ? null : decodeMessage(message);
  if (code === '0') return Status.OK.withDescription(description);
  if (!/^[0-9]{1,2}$/.test(code) || Number(code) > Code.UNAUTHENTICATED) {
    return Status.UNKNOWN.withDescription(`unknown grpc-status '${code.slice(0, 64)}'`).augmentDescription(description);
  }
  return Status.fromCode(Number(code)).withDescription(description);
}
