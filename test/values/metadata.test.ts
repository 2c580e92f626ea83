/** Metadata against a plain list of pairs; what it refuses; and its types. Source: MetadataTest of grpc-java. */
import { expectTypeOf } from 'expect-type';
import fc from 'fast-check';
import { Metadata, type MetadataInit, type MetadataValue, toBase64 } from '../../src/values/metadata.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('Metadata');

type Value = string | Uint8Array;
type Pair = [string, Value];

const KEYS = ['a', 'A', 'b.c_d-0', 'B.C_D-0', 'e-bin', 'E-Bin', 'grpc-tags-bin', 'grpc-retry-pushback-ms', 'bin'];

/** Few values, so that equal ones meet. */
const asciiValues = fc.constantFrom('', 'x', 'x y', '!~', 'x,y', '~'.repeat(20));
const bytesValues = fc.constantFrom([], [0], [0], [1, 2], [255, 0, 128]).map((bytes) => new Uint8Array(bytes));

/** A legal key, in any case, with a value fit for it. */
const pairs: fc.Arbitrary<Pair> = fc
  .constantFrom(...KEYS)
  .chain((key) => fc.tuple(fc.constant(key), key.toLowerCase().endsWith('-bin') ? bytesValues : asciiValues));

const isTypeError = (error: unknown): boolean => error instanceof TypeError;

function same(a: Value, b: Value): boolean {
  return typeof a === 'string' || typeof b === 'string' ? a === b : Buffer.from(a).equals(b);
}

/** What Metadata does, the short way: a list of pairs with names in lower case. */
class Model {
  pairs: Pair[] = [];

  append(key: string, value: Value): void {
    this.pairs.push([key.toLowerCase(), value]);
  }

  delete(key: string): Value[] {
    const removed = this.getAll(key);
    this.pairs = this.pairs.filter(([name]) => name !== key.toLowerCase());
    return removed;
  }

  remove(key: string, value: Value): boolean {
    const at = this.pairs.findIndex(([name, other]) => name === key.toLowerCase() && same(other, value));
    if (at !== -1) this.pairs = this.pairs.filter((_, i) => i !== at);
    return at !== -1;
  }

  getAll(key: string): Value[] {
    return this.pairs.filter(([name]) => name === key.toLowerCase()).map(([, value]) => value);
  }
}

function assertAgree(metadata: Metadata, model: Model): void {
  assert.equal([...metadata], model.pairs);
  assert.is(metadata.size, model.pairs.length);
  assert.equal(metadata.keys(), [...new Set(model.pairs.map(([name]) => name))]);
  for (const key of [...KEYS, 'absent', 'absent-bin']) {
    const values = model.getAll(key);
    assert.equal(metadata.getAll(key), values);
    assert.equal(metadata.get(key), values.at(-1));
    assert.is(metadata.has(key), values.length > 0);
  }
}

type Step = (metadata: Metadata, model: Model) => void;

const subsets = fc.subarray([...KEYS, 'absent']);

const steps: fc.Arbitrary<Step> = fc.oneof(
  pairs.map(
    ([key, value]): Step =>
      (metadata, model) => {
        assert.is(metadata.append(key, value), metadata);
        model.append(key, value);
      },
  ),
  pairs.map(
    ([key, value]): Step =>
      (metadata, model) => {
        assert.is(metadata.set(key, value), metadata);
        model.delete(key);
        model.append(key, value);
      },
  ),
  pairs.map(
    ([key]): Step =>
      (metadata, model) =>
        assert.equal(metadata.delete(key), model.delete(key)),
  ),
  pairs.map(
    ([key, value]): Step =>
      (metadata, model) => {
        assert.is(metadata.remove(key, value), model.remove(key, value));
      },
  ),
  fc.array(pairs, { maxLength: 4 }).map(
    (list): Step =>
      (metadata, model) => {
        assert.is(metadata.merge(new Metadata(list)), metadata);
        for (const [key, value] of list) model.append(key, value);
      },
  ),
  fc.tuple(fc.array(pairs, { maxLength: 4 }), subsets).map(
    ([list, keys]): Step =>
      (metadata, model) => {
        metadata.merge(new Metadata(list), keys);
        const names = keys.map((key) => key.toLowerCase());
        for (const [key, value] of list) if (names.includes(key.toLowerCase())) model.append(key, value);
      },
  ),
);

test('does what a list of pairs would do, whatever the sequence of operations', () => {
  fc.assert(
    fc.property(fc.array(steps, { maxLength: 25 }), (sequence) => {
      const [metadata, model] = [new Metadata(), new Model()];
      for (const step of sequence) {
        step(metadata, model);
        assertAgree(metadata, model);
      }
    }),
    { numRuns: 300 },
  );
});

test('get gives the last value, getAll all in order, delete all of them back', () => {
  const metadata = new Metadata().append('k', '1').append('other', 'o').append('k', '2').append('K', '1');
  assert.is(metadata.get('k'), '1');
  assert.equal(metadata.getAll('k'), ['1', '2', '1']);
  assert.is(metadata.remove('k', '1'), true);
  assert.equal(metadata.getAll('k'), ['2', '1']);
  assert.is(metadata.remove('k', '3'), false);
  assert.equal(metadata.delete('k'), ['2', '1']);
  assert.equal(metadata.delete('k'), []);
  assert.is(metadata.get('k'), undefined);
  assert.equal([...metadata], [['other', 'o']]);
});

test('set replaces all values by one, which stands last', () => {
  const metadata = new Metadata({ a: ['1', '2'], b: '3' }).set('A', '4');
  assert.equal(
    [...metadata],
    [
      ['b', '3'],
      ['a', '4'],
    ],
  );
});

test('bytes are equal when their bytes are, not when they are one object', () => {
  const metadata = new Metadata().append('k-bin', Buffer.from([1, 2]));
  assert.is(metadata.remove('k-bin', new Uint8Array([1])), false);
  assert.is(metadata.remove('k-bin', new Uint8Array([0, 1, 2]).subarray(1)), true);
  assert.is(metadata.size, 0);
});

test('is made from pairs, from a record, or from another', () => {
  const entries: Pair[] = [
    ['X-A', '1'],
    ['b-bin', new Uint8Array([7])],
    ['x-a', '2'],
  ];
  const lower = entries.map(([key, value]): Pair => [key.toLowerCase(), value]);
  assert.equal([...new Metadata(entries)], lower);
  assert.equal([...new Metadata(new Map([['k', 'v']]))], [['k', 'v']]);
  assert.equal([...new Metadata(new Metadata(entries))], lower);
  const record = { 'X-A': ['1', '2'], 'b-bin': new Uint8Array([7]), none: [] };
  assert.is(String(new Metadata(record)), 'Metadata(x-a=1,x-a=2,b-bin=Bw)');
  assert.is(new Metadata({}).size, 0);
  assert.is(new Metadata().size, 0);
});

test('a copy goes its own way', () => {
  fc.assert(
    fc.property(fc.array(pairs), fc.array(steps), (list, sequence) => {
      const original = new Metadata(list);
      const before = [...original];
      const copy = original.clone();
      assert.equal([...copy], before);
      for (const step of sequence) applyLoosely(step, copy);
      assert.equal([...original], before);
    }),
  );
});

/** Applies a step for its effect alone. */
function applyLoosely(step: Step, metadata: Metadata): void {
  const model = new Model();
  model.pairs = [...metadata];
  step(metadata, model);
}

test('merging itself into itself doubles it once', () => {
  const metadata = new Metadata({ a: '1', b: '2' });
  metadata.merge(metadata);
  assert.is(String(metadata), 'Metadata(a=1,b=2,a=1,b=2)');
  metadata.merge(metadata, ['B']);
  assert.equal(metadata.getAll('b'), ['2', '2', '2', '2']);
});

test('what a merge takes from, it leaves as it was', () => {
  const source = new Metadata({ a: '1' });
  new Metadata().merge(source).set('a', '2').append('b', '3');
  assert.is(String(source), 'Metadata(a=1)');
});

test('an iteration sees what was there when it began, whatever is done meanwhile', () => {
  fc.assert(
    fc.property(fc.array(pairs), fc.array(fc.array(steps, { maxLength: 2 })), (list, perTurn) => {
      const metadata = new Metadata(list);
      const before = [...metadata];
      const seen: Pair[] = [];
      for (const pair of metadata) {
        seen.push(pair);
        for (const step of perTurn[seen.length - 1] ?? []) applyLoosely(step, metadata);
      }
      assert.equal(seen, before);
    }),
  );
});

test('deleting while iterating skips nothing', () => {
  const metadata = new Metadata({ a: '1', b: '2', c: '3', d: '4' });
  for (const [key] of metadata) metadata.delete(key);
  assert.is(metadata.size, 0);
  for (const [key, value] of metadata.append('a', '1').append('a', '2')) metadata.append(key, value);
  assert.equal(metadata.getAll('a'), ['1', '2', '1', '2']);
});

test('lists that were given out are the taker’s to change', () => {
  const metadata = new Metadata({ a: ['1', '2'] });
  metadata.getAll('a').pop();
  metadata.keys().pop();
  for (const pair of metadata) pair[1] = 'changed';
  assert.is(String(metadata), 'Metadata(a=1,a=2)');
});

const LEGAL_KEY = new Set('0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-.');

/** What threw may have changed nothing, not even where the key is there already, having come from the wire. */
function assertRefused(key: string, value: unknown): void {
  const metadata = Metadata.fromWire(['a', '1', key.toLowerCase(), 'old', 'a-bin', new Uint8Array([3])]);
  const before = [...metadata];
  const label = `${JSON.stringify(key)}: ${String(value)}`;
  const pair = [key, value] as Pair;
  assert.throws(() => metadata.append(...pair), isTypeError, `append took ${label}`);
  assert.throws(() => metadata.set(...pair), isTypeError, `set took ${label}`);
  assert.throws(() => new Metadata([['a', '1'], pair]), isTypeError, `the constructor took ${label}`);
  assert.throws(() => new Metadata(Object.fromEntries([pair])), isTypeError, `the constructor took ${label} by record`);
  assert.equal([...metadata], before);
}

test('of all characters a key takes only 0-9 a-z _ - . and capitals, which are lowered', () => {
  for (let unit = 0; unit <= 0xffff; unit += 1) {
    const character = String.fromCharCode(unit);
    const key = `x${character}y`;
    if (LEGAL_KEY.has(character)) assert.equal(new Metadata().append(key, 'v').keys(), [key.toLowerCase()]);
    else assert.throws(() => new Metadata().append(key, 'v'), isTypeError, `took U+${unit.toString(16)}`);
  }
});

test('an illegal key is refused wherever the fault is, and changes nothing', () => {
  const bad = fc
    .tuple(fc.string(), fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }), fc.string())
    .filter(([, fault]) => !LEGAL_KEY.has(fault))
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(bad, (key) => assertRefused(key, key.toLowerCase().endsWith('-bin') ? new Uint8Array(1) : 'v')),
  );
  for (const key of ['', ' ', 'a\n', '\na', 'a:', ':path', ':status', '\u212a', 'a b', 'é', '☺']) {
    assertRefused(key, 'v');
  }
});

test('a key that belongs to the connection or to gRPC is refused in any case', () => {
  const connection = 'connection host http2-settings keep-alive proxy-connection te transfer-encoding upgrade';
  const grpc =
    'grpc-status grpc-message grpc-timeout grpc-encoding grpc-accept-encoding grpc-message-type grpc- grpc-x';
  for (const key of `${connection} ${grpc}`.split(' ')) {
    assertRefused(key, 'v');
    assertRefused(key.toUpperCase(), 'v');
  }
  for (const key of ['grpc-x-bin', 'GRPC-Status-Bin']) assertRefused(key, new Uint8Array(1));
});

test('the gRPC keys that are the application’s to set are taken', () => {
  const metadata = new Metadata({ 'grpc-retry-pushback-ms': '100' });
  for (const key of ['grpc-status-details-bin', 'grpc-tags-bin', 'Grpc-Trace-Bin'])
    metadata.set(key, new Uint8Array(1));
  for (const key of ['grpc', 'te-', 'x-te', 'hosts', 'connection-id', 'x-grpc-status']) metadata.set(key, 'v');
  assert.is(metadata.size, 10);
});

test('a binary key needs a name before its suffix', () => {
  for (const key of ['-bin', '-BIN']) {
    assertRefused(key, new Uint8Array(1));
    assertRefused(key, 'v');
  }
  assert.is(new Metadata().append('a-bin', new Uint8Array(1)).size, 1);
  assert.is(new Metadata().append('bin', 'not binary').get('bin'), 'not binary');
  assert.is(new Metadata().append('a-bin-b', 'not binary').size, 1);
});

test('of all characters a value takes only printable ASCII', () => {
  for (let unit = 0; unit <= 0xffff; unit += 1) {
    const value = `x${String.fromCharCode(unit)}y`;
    if (unit >= 0x20 && unit <= 0x7e) assert.is(new Metadata().append('k', value).get('k'), value);
    else assert.throws(() => new Metadata().append('k', value), isTypeError, `took U+${unit.toString(16)}`);
  }
});

test('an illegal value is refused wherever the fault is, and changes nothing', () => {
  const ascii = fc.string({ unit: 'grapheme-ascii' });
  const faults = fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }).filter((text) => !/^[ -~]$/.test(text));
  fc.assert(fc.property(ascii, faults, ascii, (head, fault, tail) => assertRefused('k', head + fault + tail)));
  for (const value of ['a\r\nb: c', 'a\n', '\0', '\t', 'é', '☺', '\x7f']) assertRefused('k', value);
});

test('a value with a space at an end is refused, one within is not', () => {
  for (const value of [' ', ' a', 'a ', '  a  ']) assertRefused('k', value);
  assert.is(new Metadata().set('k', 'a  b').get('k'), 'a  b');
  assert.is(new Metadata().set('k', '').get('k'), '');
});

test('a value of the wrong type is refused', () => {
  for (const value of [undefined, null, 1, true, {}, new Uint8Array(1)]) assertRefused('k', value);
  const notBytes = ['AQ', '', undefined, null, 1, [1], new ArrayBuffer(1), new DataView(new ArrayBuffer(1))];
  for (const value of notBytes) assertRefused('k-bin', value);
});

test('the texts name the key and say what is wrong', () => {
  const cases: [string, Value, RegExp][] = [
    ['a b', 'v', /^not a metadata key: "a b"$/],
    ['-bin', new Uint8Array(1), /^a metadata key needs a name before '-bin'$/],
    ['TE', 'trailers', /^the metadata key 'te' belongs to the connection$/],
    ['grpc-status', '0', /^the metadata key 'grpc-status' is reserved for gRPC itself$/],
    ['k-bin', 'AQ', /^the value of the metadata key 'k-bin' must be a Uint8Array$/],
    ['k', new Uint8Array(1), /^the value of the metadata key 'k' must be a string$/],
    ['k', 'a\nb', /^the value of the metadata key 'k' is not printable ASCII$/],
    ['k', ' a', /^the value of the metadata key 'k' begins or ends with a space$/],
  ];
  for (const [key, value, text] of cases) assert.throws(() => new Metadata().set(key, value), text);
});

test('asking for, or removing, what may not be set is no error', () => {
  const metadata = new Metadata({ a: '1' });
  for (const key of ['', ' ', ':path', 'grpc-status', 'te', '-bin']) {
    assert.is(metadata.get(key), undefined);
    assert.equal(metadata.getAll(key), []);
    assert.is(metadata.has(key), false);
    assert.equal(metadata.delete(key), []);
    assert.is(metadata.remove(key, 'x'), false);
  }
  assert.is(metadata.size, 1);
});

test('what came from the wire is shown as it came', () => {
  const metadata = Metadata.fromWire(['grpc-status', '0', 'k', ' é ', 'k-bin', new Uint8Array([1]), 'k', 'b']);
  assert.is(metadata.get('Grpc-Status'), '0');
  assert.equal(metadata.getAll('k'), [' é ', 'b']);
  assert.equal(metadata.get('k-bin'), new Uint8Array([1]));
  assert.equal([...metadata.clone()], [...metadata]);
  assert.equal([...new Metadata().merge(metadata)], [...metadata]);
  assert.is(Metadata.fromWire([]).size, 0);
});

test('is written in order, with bytes in base64 without padding', () => {
  const metadata = new Metadata()
    .append('a', 'b')
    .append('c-bin', new Uint8Array([1, 2]))
    .append('a', '');
  assert.is(String(metadata), 'Metadata(a=b,c-bin=AQI,a=)');
  assert.is(String(new Metadata()), 'Metadata()');
});

test('base64 is the standard alphabet without padding, and of a view only what it shows', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.nat(4), fc.nat(4), (bytes, before, after) => {
      const whole = new Uint8Array(before + bytes.length + after).fill(0xaa);
      whole.set(bytes, before);
      const text = toBase64(whole.subarray(before, before + bytes.length));
      assert.match(text, /^[A-Za-z0-9+/]*$/);
      assert.is(text, btoa(String.fromCharCode(...bytes)).replace(/=+$/, ''));
    }),
  );
  assert.is(toBase64(new Uint8Array([251, 255])), '+/8');
});

test('the type of a value follows from a literal key', () => {
  expectTypeOf<MetadataValue<'a'>>().toEqualTypeOf<string>();
  expectTypeOf<MetadataValue<'a-bin'>>().toEqualTypeOf<Uint8Array>();
  expectTypeOf<MetadataValue<'A-Bin'>>().toEqualTypeOf<Uint8Array>();
  expectTypeOf<MetadataValue<'bin'>>().toEqualTypeOf<string>();
  expectTypeOf<MetadataValue<'a-bin-b'>>().toEqualTypeOf<string>();
  expectTypeOf<MetadataValue<`${string}-bin`>>().toEqualTypeOf<Uint8Array>();

  const metadata = new Metadata();
  expectTypeOf(metadata.get('a')).toEqualTypeOf<string | undefined>();
  expectTypeOf(metadata.getAll('a-bin')).toEqualTypeOf<Uint8Array[]>();
  expectTypeOf(metadata.delete('A-BIN')).toEqualTypeOf<Uint8Array[]>();
  assert.is(metadata.append('a', 'text').append('b-bin', new Uint8Array(1)).set('a', 'b').remove('a', 'b'), true);
});

test('a key that is not one literal may hold either', () => {
  expectTypeOf<MetadataValue<string>>().toEqualTypeOf<string | Uint8Array>();
  expectTypeOf<MetadataValue<'a' | 'b-bin'>>().toEqualTypeOf<string | Uint8Array>();
  expectTypeOf<MetadataValue<'a' | 'b'>>().toEqualTypeOf<string>();
  expectTypeOf<MetadataValue<'a-bin' | 'b-bin'>>().toEqualTypeOf<Uint8Array>();
  expectTypeOf<MetadataValue<`x-${string}`>>().toEqualTypeOf<string | Uint8Array>();
  expectTypeOf<MetadataValue<never>>().toBeNever();
  expectTypeOf(new Metadata().get(String('a'))).toEqualTypeOf<string | Uint8Array | undefined>();
});

test('the compiler refuses the wrong type under a literal key, as we do', () => {
  const metadata = new Metadata();
  // @ts-expect-error: bytes under a key for text.
  assert.throws(() => metadata.append('a', new Uint8Array(1)), isTypeError);
  // @ts-expect-error: text under a key for bytes.
  assert.throws(() => metadata.set('a-bin', 'AQ'), isTypeError);
  // @ts-expect-error: a number is neither.
  assert.throws(() => metadata.set(String('a'), 1), isTypeError);
  // @ts-expect-error: text is never equal to bytes.
  assert.is(metadata.remove('a-bin', 'AQ'), false);
});

test('the compiler takes every form it is made from', () => {
  expectTypeOf<[string, string][]>().toExtend<MetadataInit>();
  expectTypeOf<Map<string, string>>().toExtend<MetadataInit>();
  expectTypeOf<Metadata>().toExtend<MetadataInit>();
  expectTypeOf<Record<string, string>>().toExtend<MetadataInit>();
  expectTypeOf<{ a: string; 'b-bin': Uint8Array; c: readonly string[] }>().toExtend<MetadataInit>();
  expectTypeOf<{ a: number }>().not.toExtend<MetadataInit>();
});

test.run();
