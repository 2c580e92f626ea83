/**
 * Files inside a jar, which is a zip archive. Above: grpc-java.ts. Holds: only what jars have: stored and deflated entries, less
 * than 4 GiB, no encryption. Source: PKWARE's APPNOTE.TXT, 4.3.
 */
import { readFileSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';

const LOCAL_HEADER_BYTES = 30;
const ENTRY_SIGNATURE = 0x02014b50;
const ENTRY_BYTES = 46;
const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
const DEFLATED = 8;

/** Where the list of entries begins; it stands at the archive's end. */
function directoryOffset(jar: Buffer): number {
  for (let at = jar.length - END_BYTES; at >= 0; at--) {
    if (jar.readUInt32LE(at) === END_SIGNATURE) return jar.readUInt32LE(at + 16);
  }
  throw new Error('not a zip archive');
}

/** What the archive holds under a name. Throws if there is no such file. */
export function entryOf(jar: Buffer, name: string): Buffer {
  let at = directoryOffset(jar);
  while (jar.readUInt32LE(at) === ENTRY_SIGNATURE) {
    const nameEnd = at + ENTRY_BYTES + jar.readUInt16LE(at + 28);
    if (jar.toString('utf8', at + ENTRY_BYTES, nameEnd) === name) return contentsAt(jar, at);
    at = nameEnd + jar.readUInt16LE(at + 30) + jar.readUInt16LE(at + 32);
  }
  throw new Error(`no ${name} in the archive`);
}

function contentsAt(jar: Buffer, entry: number): Buffer {
  const local = jar.readUInt32LE(entry + 42);
  // The local header has a name and extra fields of its own, of other lengths.
  const start = local + LOCAL_HEADER_BYTES + jar.readUInt16LE(local + 26) + jar.readUInt16LE(local + 28);
  const bytes = jar.subarray(start, start + jar.readUInt32LE(entry + 20));
  return jar.readUInt16LE(entry + 10) === DEFLATED ? inflateRawSync(bytes) : Buffer.from(bytes);
}

/** What a jar holds under a name. Throws if there is no such file. */
export function readJarEntry(file: string, name: string): Buffer {
  return entryOf(readFileSync(file), name);
}
