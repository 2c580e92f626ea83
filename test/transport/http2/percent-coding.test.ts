/** The coding of grpc-message: the cases of the specification, and what must hold for every string. */
import fc from 'fast-check';
import { decodeMessage, encodeMessage, truncateEncoded } from '../../../src/transport/http2/percent-coding.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('percent-coding');

const anyString = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('%', 'é', ' ', '😀', '\ud800', 'a') }),
);

/** Lone surrogates become U+FFFD, as in UTF-8. */
const wellFormed = (text: string): string => Buffer.from(text, 'utf8').toString('utf8');

for (const [plain, encoded] of [
  ['', ''],
  ['plain text', 'plain text'],
  ['100%', '100%25'],
  ['%41', '%2541'],
  ['tab\tline\r\nend', 'tab%09line%0D%0Aend'],
  ['\u007f\u0000', '%7F%00'],
  ['é', '%C3%A9'],
  ['☺', '%E2%98%BA'],
  ['😀', '%F0%9F%98%80'],
  [' outer spaces ', '%20outer spaces%20'],
  [' ', '%20'],
  ['~!@#$^&*()_+{}|:"<>?`-=[];,./\\\'', '~!@#$^&*()_+{}|:"<>?`-=[];,./\\\''],
] as const) {
  test(`${JSON.stringify(plain)} is sent as ${JSON.stringify(encoded)}, and read back`, () => {
    assert.is(encodeMessage(plain), encoded);
    assert.is(decodeMessage(encoded), plain);
  });
}

for (const [encoded, decoded] of [
  ['%', '%'],
  ['%4', '%4'],
  ['%zz', '%zz'],
  ['%4z%41', '%4zA'],
  ['%%41', '%A'],
  ['%c3%a9', 'é'],
  ['%C3', '\ufffd'],
  ['%FF%FE', '\ufffd\ufffd'],
  ['a%E2%98', 'a\ufffd'],
  ['%41%', 'A%'],
  ['as%20is', 'as is'],
  ['bare UTF-8: \u00c3\u00a9', 'bare UTF-8: é'],
  ['bare UTF-8: \u00c3\u00a9%21', 'bare UTF-8: é!'],
  ['bare latin1: \u00e9', 'bare latin1: \ufffd'],
] as const) {
  test(`reads ${JSON.stringify(encoded)} as ${JSON.stringify(decoded)}`, () => {
    assert.is(decodeMessage(encoded), decoded);
  });
}

test('a lone surrogate is sent as U+FFFD', () => {
  assert.is(encodeMessage('a\ud800b'), 'a%EF%BF%BDb');
});

test('every string comes back, well-formed', () => {
  fc.assert(
    fc.property(anyString, (text) => {
      assert.is(decodeMessage(encodeMessage(text)), wellFormed(text));
    }),
  );
});

test('what is sent is printable ASCII without a space at either end, and every % begins an escape in capitals', () => {
  fc.assert(
    fc.property(anyString, (text) => {
      const encoded = encodeMessage(text);
      assert.match(encoded, /^(?:[\x20-\x24\x26-\x7e]|%[0-9A-F]{2})*$/);
      assert.is(encoded.trim(), encoded);
    }),
  );
});

test('reading never throws, whatever came', () => {
  fc.assert(
    fc.property(anyString, (text) => {
      decodeMessage(text);
    }),
  );
});

test('what is cut is the beginning, no longer than allowed, and reads as whole characters', () => {
  fc.assert(
    fc.property(anyString, fc.nat(60), (text, maxLength) => {
      const encoded = encodeMessage(text);
      const cut = truncateEncoded(encoded, maxLength);
      assert.ok(cut.length <= maxLength);
      assert.ok(encoded.startsWith(cut));
      assert.ok(wellFormed(text).startsWith(decodeMessage(cut)), JSON.stringify([text, cut]));
      // Nothing is given away but the character that the cut would have split, twelve characters at most.
      assert.ok(cut.length > Math.min(encoded.length, maxLength) - 12);
    }),
  );
});

test('what fits is not cut', () => {
  assert.is(truncateEncoded('%E2%98%BA', 9), '%E2%98%BA');
  assert.is(truncateEncoded('%E2%98%BA', 8), '');
  assert.is(truncateEncoded('a%E2%98%BA', 7), 'a');
  assert.is(truncateEncoded('abc', 2), 'ab');
  assert.is(truncateEncoded('abc', 0), '');
  assert.is(truncateEncoded('abc', -5), '');
});

test.run();
