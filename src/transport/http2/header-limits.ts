/**
 * What may be wrong with a header block: too large for one end or the other, or bytes that are none. Above: headers, the
 * streams of both ends, server-transport. Below: Status. Holds: a block that HTTP/2 itself would answer with the loss of the call, or of
 * the connection, is found here first and ends one call with a status that says why.
 */
import { Status } from '../../values/status.ts';
import { FIELD_OVERHEAD_BYTES } from '../wire-metadata.ts';
import type { HeaderList } from './header-form.ts';

/**
 * The longest name or value to send. node:http2: nghttp2's decoder kills the whole connection over a field above 64 KiB,
 * on older versions without a word (test/transport/http2/headers.test.ts).
 */
export const MAX_FIELD_BYTES: number = 64 * 1024 - 1024;

/** What of a received block may be wrong. */
interface ReceivedBlock {
  readonly listBytes: number;
  readonly brokenField: string | null;
}

/** What is wrong with a block that came, or null; `what` names it, as in `request headers`. */
export function inboundFault(head: ReceivedBlock, what: string, maxListBytes: number): Status | null {
  if (head.listBytes > maxListBytes) {
    const text = `${what} of ${head.listBytes} bytes exceed the limit of ${maxListBytes}`;
    return Status.RESOURCE_EXHAUSTED.withDescription(text);
  }
  if (head.brokenField === null) return null;
  return Status.INTERNAL.withDescription(`the field '${head.brokenField}' of the ${what} is not base64`);
}

/** Why a block cannot be sent to a peer that takes lists of `peerMaxListBytes`, or null. */
export function outboundFault(list: HeaderList, what: string, peerMaxListBytes: number): Status | null {
  let bytes = (list.length / 2) * FIELD_OVERHEAD_BYTES;
  let longest = 0;
  for (const { length } of list) {
    bytes += length;
    if (length > longest) longest = length;
  }
  if (bytes > peerMaxListBytes) {
    return Status.RESOURCE_EXHAUSTED.withDescription(
      `${what} of ${bytes} bytes exceed the ${peerMaxListBytes} that the peer takes`,
    );
  }
  if (longest <= MAX_FIELD_BYTES) return null;
  return Status.RESOURCE_EXHAUSTED.withDescription(
    `a field of ${longest} bytes in the ${what} exceeds the ${MAX_FIELD_BYTES} that HTTP/2 peers survive`,
  );
}
