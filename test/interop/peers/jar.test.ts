/** Files inside a zip archive that is made here, byte by byte. */
import { deflateRawSync } from 'node:zlib';
import { assert, suite } from '../../support/suite.ts';
import { entryOf } from './jar.ts';

interface Entry {
  readonly name: string;
  readonly text: string;
  readonly deflated: boolean;
}

function fields(...parts: readonly (readonly [bytes: 2 | 4, value: number])[]): Buffer {
  return Buffer.concat(
    parts.map(([bytes, value]) => {
      const part = Buffer.alloc(bytes);
      part.writeUIntLE(value, 0, bytes);
      return part;
    }),
  );
}

/** Local headers with extra fields that the directory does not have, a directory, an end with a comment. */
function archive(entries: readonly Entry[]): Buffer {
  const [locals, directory]: [Buffer[], Buffer[]] = [[], []];
  let offset = 0;
  for (const { name, text, deflated } of entries) {
    const data = deflated ? deflateRawSync(text) : Buffer.from(text);
    const [label, extra] = [Buffer.from(name), Buffer.alloc(6)];
    // Version, flags, method, time and date, checksum, both sizes.
    const common = fields([2, 20], [2, 0], [2, deflated ? 8 : 0], [4, 0], [4, 0], [4, data.length], [4, text.length]);
    const local = [fields([4, 0x04034b50]), common, fields([2, label.length], [2, extra.length]), label, extra, data];
    const more = fields([2, label.length], [2, 0], [2, 3], [2, 0], [2, 0], [4, 0], [4, offset]);
    directory.push(fields([4, 0x02014b50], [2, 20]), common, more, label, Buffer.from('abc'));
    locals.push(...local);
    offset += Buffer.concat(local).length;
  }
  const size = Buffer.concat(directory).length;
  const count = entries.length;
  const end = fields([4, 0x06054b50], [2, 0], [2, 0], [2, count], [2, count], [4, size], [4, offset], [2, 4]);
  return Buffer.concat([...locals, ...directory, end, Buffer.from('note')]);
}

const JAR = archive([
  { name: 'certs/', text: '', deflated: false },
  { name: 'certs/ca.pem', text: 'stored', deflated: false },
  { name: 'certs/server1.pem', text: 'deflated '.repeat(100), deflated: true },
]);

const test = suite('jar');

test('a stored and a deflated entry are read', () => {
  assert.is(entryOf(JAR, 'certs/ca.pem').toString(), 'stored');
  assert.is(entryOf(JAR, 'certs/server1.pem').toString(), 'deflated '.repeat(100));
});

test('a name that is not there, or is only the end of one, is an error', () => {
  assert.throws(() => entryOf(JAR, 'certs/server1'), /no certs\/server1 in the archive/);
  assert.throws(() => entryOf(JAR, 'ca.pem'), /no ca.pem in the archive/);
});

test('what is no archive is an error', () => {
  assert.throws(() => entryOf(Buffer.from('no archive at all, though long enough'), 'a'), /not a zip archive/);
  assert.throws(() => entryOf(Buffer.alloc(3), 'a'), /not a zip archive/);
});

test.run();
