/**
 * What every transport does to Metadata on its way to the peer. Above: http2/headers, in-process. Below: Metadata.
 * Holds: names that the library writes itself never travel out of a user's Metadata, which may be one that was received
 * and is passed on.
 */
import { Metadata } from '../values/metadata.ts';

/** Names that the library writes itself. */
const RESERVED: ReadonlySet<string> = new Set([
  'accept-encoding',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'date',
  'grpc-accept-encoding',
  'grpc-encoding',
  'grpc-message',
  'grpc-message-type',
  'grpc-status',
  'grpc-timeout',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
  'user-agent',
]);

/** The bytes that a field counts for in a header list, beside its own. RFC 9113 §6.5.2. */
export const FIELD_OVERHEAD_BYTES: number = 32;

/** Whether a name is the library's, or one that only HTTP/2 itself may write. */
export function isReserved(name: string): boolean {
  return RESERVED.has(name) || name.startsWith(':');
}

/** A copy without what is reserved, behind what the library has to say itself. */
export function travelling(metadata: Metadata, own: readonly (string | Uint8Array)[] = []): Metadata {
  const entries = [...own];
  if (metadata.size > 0) for (const [name, value] of metadata) if (!isReserved(name)) entries.push(name, value);
  return Metadata.fromWire(entries);
}

/** What a header list of this metadata counts for, in bytes. RFC 9113 §6.5.2. */
export function listBytes(metadata: Metadata): number {
  let bytes = 0;
  if (metadata.size === 0) return bytes;
  for (const [name, value] of metadata) bytes += name.length + wireLength(value) + FIELD_OVERHEAD_BYTES;
  return bytes;
}

/** The length of a value as it travels: bytes go in base64. */
function wireLength(value: string | Uint8Array): number {
  return typeof value === 'string' ? value.length : Math.ceil((value.length * 4) / 3);
}
