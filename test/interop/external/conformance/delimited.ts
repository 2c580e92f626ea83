/**
 * How the runner and the programs under test talk: messages on stdin and stdout, each behind its length in four bytes, big
 * end first. Above: client.ts, server.ts. Below: streams of node.
 */

const LENGTH_BYTES = 4;

/** The messages of a stream, to its end. Throws an Error if it ends within one. */
export async function* readDelimited(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  let unread: Buffer = Buffer.alloc(0);
  for await (const chunk of stream) {
    unread = Buffer.concat([unread, chunk]);
    for (let end = endOfFirst(unread); end <= unread.length; end = endOfFirst(unread)) {
      yield unread.subarray(LENGTH_BYTES, end);
      unread = unread.subarray(end);
    }
  }
  if (unread.length > 0) throw new Error('the input ended within a message');
}

/** Where the first message ends, as far as that can be told. */
function endOfFirst(unread: Buffer): number {
  return unread.length < LENGTH_BYTES ? LENGTH_BYTES : LENGTH_BYTES + unread.readUInt32BE();
}

/** A message behind its length. */
export function delimited(message: Uint8Array): Uint8Array {
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(message.length);
  return Buffer.concat([length, message]);
}
