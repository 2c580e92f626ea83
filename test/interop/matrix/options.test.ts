/** The command line of the matrix. */
import { assert, suite } from '../../support/suite.ts';
import { parseOptions, UsageError } from './options.ts';

const IMPLEMENTATIONS = ['halfclose', 'grpc-go', 'grpcio'];
const CASES = ['empty_unary', 'large_unary', 'ping_pong'];

const test = suite('interop matrix options');

test('without flags everything is run and nothing is written', () => {
  assert.equal(parseOptions([], IMPLEMENTATIONS, CASES), {
    implementations: IMPLEMENTATIONS,
    faces: ['calls', 'reactors', 'promises'],
    modes: ['cleartext', 'tls', 'gzip'],
    cases: null,
    json: null,
    markdown: null,
  });
});

test('filters may be given several times, with commas, and in any order', () => {
  const args = ['--peer=grpcio,grpc-go', '--mode', 'tls', '--mode=cleartext', '--face', 'promises', '--case=ping_pong'];
  assert.equal(parseOptions([...args, '--json=a.json', '--markdown', 'b.md'], IMPLEMENTATIONS, CASES), {
    implementations: ['grpc-go', 'grpcio'],
    faces: ['promises'],
    modes: ['cleartext', 'tls'],
    cases: ['ping_pong'],
    json: 'a.json',
    markdown: 'b.md',
  });
});

for (const [what, args, text] of [
  ['a peer', ['--peer=grpc-rust'], '--peer: there is no grpc-rust; there are halfclose, grpc-go, grpcio'],
  ['a mode', ['--mode=plain'], '--mode: there is no plain; there are cleartext, tls, gzip'],
  ['a face', ['--face=calls,stubs'], '--face: there is no stubs; there are calls, reactors, promises'],
  ['a case', ['--case='], '--case: there is no ; there are empty_unary, large_unary, ping_pong'],
] as const) {
  test(`${what} that there is not is a usage error`, () => {
    assert.throws(
      () => parseOptions(args, IMPLEMENTATIONS, CASES),
      (error: unknown) => error instanceof UsageError && error.message === text,
    );
  });
}

test('a flag that there is not, and one without its value, are usage errors', () => {
  for (const args of [['--pear=x'], ['--json'], ['large_unary']]) {
    assert.throws(
      () => parseOptions(args, IMPLEMENTATIONS, CASES),
      (error: unknown) => error instanceof UsageError,
    );
  }
});

test.run();
