/**
 * The coding of `grpc-message`: UTF-8, percent-encoded. Above: headers. Below: nothing. Holds: decoding never fails,
 * whatever a peer sent. Source: PROTOCOL-HTTP2 "Status-Message"; encodeURIComponent leaves other characters alone and throws.
 */

const PLAIN = /^[\x20-\x24\x26-\x7e]*$/;
const CODED = /[%\x80-\xff]/;

/** Encodes a description: `%XX` for every byte but printable ASCII, for `%`, and for a space at either end. */
export function encodeMessage(text: string): string {
  if (PLAIN.test(text) && !text.startsWith(' ') && !text.endsWith(' ')) return text;
  const bytes = Buffer.from(text, 'utf8');
  const last = bytes.length - 1;
  let encoded = '';
  for (let i = 0; i <= last; i += 1) {
    const byte = bytes[i] as number;
    // node:http2: a field with outer spaces is dropped by the receiver (test/transport/http2/headers.test.ts).
    const outerSpace = byte === 0x20 && (i === 0 || i === last);
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25 && !outerSpace;
    encoded += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

/** Decodes what a peer sent, bytes as latin1: each valid `%XX` is a byte, all else stays; bad UTF-8 becomes U+FFFD. */
export function decodeMessage(encoded: string): string {
  if (!CODED.test(encoded)) return encoded;
  const bytes: number[] = [];
  for (let i = 0; i < encoded.length; i += 1) {
    const hex = encoded.charCodeAt(i) === 0x25 ? encoded.slice(i + 1, i + 3) : '';
    if (/^[0-9a-fA-F]{2}$/.test(hex)) {
      bytes.push(Number.parseInt(hex, 16));
      i += 2;
    } else {
      bytes.push(encoded.charCodeAt(i) & 0xff);
    }
  }
  return Buffer.from(bytes).toString('utf8');
}

/** Cuts an encoded message to `maxLength` characters, never inside a `%XX`, nor inside a character of UTF-8. */
export function truncateEncoded(encoded: string, maxLength: number): string {
  if (encoded.length <= maxLength) return encoded;
  let end = Math.max(0, maxLength);
  const lastEscape = encoded.lastIndexOf('%', end - 1);
  if (lastEscape > end - 3) end = Math.max(0, lastEscape);
  // A following escape that is a UTF-8 continuation byte (80 to BF) belongs to the character before the cut.
  while (end >= 3 && /^%[89AB]/.test(encoded.slice(end, end + 2))) end -= 3;
  return encoded.slice(0, end);
}
