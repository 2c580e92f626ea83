/** The protobuf wire format: what is read back, what is passed over, and what is refused. */
import fc from 'fast-check';
import { bytesTag, MalformedMessageError, varintTag, WireReader, WireWriter } from '../../src/values/protobuf-wire.ts';
import { assert, suite } from '../support/suite.ts';

const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** Passes over every field; the tags that there were. */
function tagsOf(bytes: Uint8Array): number[] {
  const tags: number[] = [];
  const reader = new WireReader(bytes);
  while (reader.next()) {
    tags.push(reader.tag);
    reader.skip();
  }
  return tags;
}

const test = suite('protobuf wire format');

test('writes the examples of the format’s documentation', () => {
  const text = (writer: WireWriter): string => Buffer.from(writer.finish()).toString('hex');
  assert.is(text(new WireWriter().int32(1, 150)), '089601');
  assert.is(text(new WireWriter().string(2, 'testing')), '120774657374696e67');
  assert.is(text(new WireWriter().bytes(3, hex('089601'))), '1a03089601');
  assert.is(text(new WireWriter().packedInt32(6, [3, 270, 86942])), '3206038e029ea705');
  assert.is(text(new WireWriter().packedInt32(6, [])), '');
  assert.is(text(new WireWriter().int32(1, -2)), '08feffffffffffffffff01');
});

test('reads what it writes', () => {
  const value = fc.oneof(
    fc.record({ int32: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }) }),
    fc.record({ string: fc.string({ unit: 'grapheme' }) }),
    fc.record({ bytes: fc.uint8Array() }),
  );
  const field = fc.tuple(fc.integer({ min: 1, max: 2 ** 29 - 1 }), value);
  fc.assert(
    fc.property(fc.array(field), (fields) => {
      const writer = new WireWriter();
      for (const [number, value] of fields) {
        if ('int32' in value) writer.int32(number, value.int32);
        else if ('string' in value) writer.string(number, value.string);
        else writer.bytes(number, value.bytes);
      }
      const bytes = writer.finish();
      const reader = new WireReader(bytes);
      for (const [number, value] of fields) {
        assert.ok(reader.next());
        assert.is(reader.tag, 'int32' in value ? varintTag(number) : bytesTag(number));
        if ('int32' in value) assert.is(reader.int32(), value.int32);
        else if ('string' in value) assert.is(reader.string(), value.string);
        else assert.equal([...reader.bytes()], [...value.bytes]);
      }
      assert.not(reader.next());
      assert.is(tagsOf(bytes).length, fields.length);
    }),
  );
});

test('passes over fields of every wire type', () => {
  assert.equal(tagsOf(hex('08 ffffffffffffffffff01')), [0x08]);
  assert.equal(tagsOf(hex('09 0102030405060708 0d 01020304 12 02 ffff')), [0x09, 0x0d, 0x12]);
  // A group with a field and a group in it.
  assert.equal(tagsOf(hex('0b 1001 1b 1001 1c 0c 1001')), [0x0b, 0x10]);
});

test('reads an int32 from the low 32 bits, whatever is above', () => {
  const reader = new WireReader(hex('08 818080801008 ffffffff0f'));
  assert.ok(reader.next());
  assert.is(reader.int32(), 1);
  assert.ok(reader.next());
  assert.is(reader.int32(), -1);
});

test('keeps a byte order mark', () => {
  const reader = new WireReader(new WireWriter().string(1, '\ufeffa').finish());
  assert.ok(reader.next());
  assert.is(reader.string(), '\ufeffa');
});

const MALFORMED: Readonly<Record<string, string>> = {
  'field number 0': '00 00',
  'wire type 6': '0e',
  'wire type 7': '0f',
  'a tag that ends too early': '88',
  'a field number of more than 29 bits': '8080808010 00',
  'a varint that ends too early': '08 80',
  'a varint of more than ten bytes': '08 8080808080808080808001',
  'a length beyond the end': '0a 02 00',
  'a length beyond all bounds': '0a ffffffffffffffff7f',
  'a fixed32 that ends too early': '0d 000000',
  'a fixed64 that ends too early': '09 00000000000000',
  'a group that does not end': '0b 1001',
  'a group that ends as another': '0b 1001 14',
  'the end of a group that has not begun': '0c',
  'groups that nest too deep': '0b'.repeat(10_000),
};

for (const [name, bytes] of Object.entries(MALFORMED)) {
  test(`refuses ${name}`, () => {
    assert.throws(
      () => tagsOf(hex(bytes)),
      (error: unknown) => error instanceof MalformedMessageError,
    );
  });
}

test('refuses a string that is no UTF-8', () => {
  const reader = new WireReader(hex('0a 02 c328'));
  assert.ok(reader.next());
  assert.throws(() => reader.string(), /no UTF-8/);
});

test('refuses or ends, whatever the bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        tagsOf(bytes);
      } catch (error) {
        assert.instance(error, MalformedMessageError);
      }
    }),
  );
});

test.run();
