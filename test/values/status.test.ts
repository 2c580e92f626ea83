/** Status: codes and names, copies instead of changes, and what a caught value stands for. */
import { expectTypeOf } from 'expect-type';
import fc from 'fast-check';
import { Code, type CodeName, nameOf, STATUS_ERROR_TAG, Status, statusBearer } from '../../src/values/status.ts';
import { StatusError } from '../../src/values/status-error.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('Status');

/** As in grpc's doc/statuscodes.md, by number. */
const NAMES: readonly CodeName[] = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
];

const statuses = fc
  .tuple(fc.nat(16), fc.option(fc.string()))
  .map(([code, description]) => Status.fromCode(code).withDescription(description));

test('there are seventeen codes, with the numbers and names of the protocol', () => {
  assert.equal(Code, Object.fromEntries(NAMES.map((name, number) => [name, number])));
  assert.ok(Object.isFrozen(Code));
});

test('each code has a bare status, found by name and by number', () => {
  for (const [number, name] of NAMES.entries()) {
    const status = Status[name];
    assert.is(status.code, number);
    assert.is(status.name, name);
    assert.is(nameOf(status.code), name);
    assert.is(status.description, null);
    assert.is(status.cause, undefined);
    assert.is(Status.fromCode(number), status);
  }
});

test('any other number is UNKNOWN and says the number', () => {
  const others = fc.double().filter((number) => NAMES[number] === undefined);
  fc.assert(
    fc.property(fc.oneof(others, fc.constantFrom(-1, 17, 99, 0.5)), (number) => {
      const status = Status.fromCode(number);
      assert.is(status.code, Code.UNKNOWN);
      assert.is(status.description, `Unknown code ${number}`);
    }),
  );
});

test('only OK is OK', () => {
  assert.equal(
    NAMES.filter((name) => Status[name].isOk),
    ['OK'],
  );
  assert.ok(Status.OK.withDescription('with words').isOk);
});

test('is frozen', () => {
  const status = Status.INTERNAL.withDescription('a').withCause(new Error('b'));
  assert.ok(Object.isFrozen(status));
  assert.ok(Object.isFrozen(Status.OK));
  assert.throws(() => Object.assign(status, { code: 0 }), /read only/);
});

test('another description makes a copy, which keeps code and cause', () => {
  fc.assert(
    fc.property(statuses, fc.anything(), fc.option(fc.string()), (bare, cause, description) => {
      const status = bare.withCause(cause);
      const { code, description: before } = status;
      const copy = status.withDescription(description);
      assert.equal([copy.code, copy.description], [code, description]);
      assert.ok(Object.is(copy.cause, cause));
      assert.equal([status.code, status.description], [code, before]);
    }),
  );
});

test('another cause makes a copy, which keeps code and description', () => {
  fc.assert(
    fc.property(statuses, fc.anything(), (status, cause) => {
      const copy = status.withCause(cause);
      assert.equal([copy.code, copy.description], [status.code, status.description]);
      assert.ok(Object.is(copy.cause, cause));
      assert.is(status.cause, undefined);
    }),
  );
});

test('what changes nothing gives the very same object', () => {
  const cause = new Error('c');
  const status = Status.ABORTED.withDescription('text').withCause(cause);
  assert.is(status.withDescription('text'), status);
  assert.is(status.withCause(cause), status);
  assert.is(status.augmentDescription(null), status);
  assert.is(Status.OK.withDescription(null), Status.OK);
  assert.is(Status.OK.withCause(undefined), Status.OK);
});

test('null removes the description, undefined the cause', () => {
  const status = Status.ABORTED.withDescription('text').withCause('c');
  assert.is(status.withDescription(null).description, null);
  assert.is(status.withCause(undefined).cause, undefined);
  assert.is(status.withCause(null).cause, null);
});

test('augmenting appends lines in order; the first one is the description itself', () => {
  const lines = fc.array(fc.option(fc.string({ minLength: 1 })));
  fc.assert(
    fc.property(lines, (list) => {
      const status = list.reduce((sofar, line) => sofar.augmentDescription(line), Status.INTERNAL);
      const said = list.filter((line) => line !== null);
      assert.is(status.description, said.length === 0 ? null : said.join('\n'));
    }),
  );
  assert.is(Status.INTERNAL.withDescription('').augmentDescription('x').description, '\nx');
});

test('is written as its name, with the description after a colon', () => {
  assert.is(String(Status.NOT_FOUND), 'NOT_FOUND');
  assert.is(String(Status.NOT_FOUND.withDescription('no such feature').withCause('x')), 'NOT_FOUND: no such feature');
  assert.is(String(Status.NOT_FOUND.withDescription('')), 'NOT_FOUND: ');
});

/** `depth` plain errors around `innermost`, each the cause of the one outside it. */
function wrap(innermost: unknown, depth: number): unknown {
  let error = innermost;
  for (let i = 0; i < depth; i += 1) error = new Error(`layer ${i}`, { cause: error });
  return error;
}

test('a caught value without a status is UNKNOWN, has the value as cause and keeps its text to itself', () => {
  const plain = [new Error('the password is swordfish'), 'swordfish', 42, null, Symbol('s'), () => {}, { status: {} }];
  for (const thrown of plain) {
    const status = Status.from(thrown);
    assert.is(status.code, Code.UNKNOWN);
    assert.is(status.description, null);
    assert.is(status.cause, thrown);
  }
  assert.is(Status.from(undefined), Status.UNKNOWN);
});

test('whatever is caught, there is a status for it', () => {
  fc.assert(
    fc.property(fc.anything({ withNullPrototype: true }), (thrown) => {
      assert.ok(Object.is(Status.from(thrown).cause, thrown));
    }),
  );
});

test('a caught StatusError stands for its very status, however deep it lies within reason', () => {
  fc.assert(
    fc.property(statuses, fc.nat(31), (status, depth) => {
      assert.is(Status.from(wrap(new StatusError(status.withCause('its own')), depth)).code, status.code);
      assert.is(Status.from(wrap(new StatusError(status), depth)), status);
    }),
  );
});

test('of two along the chain the outer one counts', () => {
  const inner = new StatusError(Status.NOT_FOUND);
  const outer = new StatusError(Status.ABORTED.withCause(wrap(inner, 2)));
  assert.is(Status.from(wrap(outer, 3)), outer.status);
  assert.is(statusBearer(wrap(outer, 3)), outer);
});

test('a chain that does not end is given up', () => {
  const status = Status.from(wrap(new StatusError(Status.NOT_FOUND), 1_000));
  assert.is(status.code, Code.UNKNOWN);
});

test('a ring of causes ends, with a status in it or without', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.option(fc.nat(7)), (length, at) => {
      const ring = Array.from({ length }, (_, i) =>
        i === at ? new StatusError(Status.DATA_LOSS) : new Error(`link ${i}`),
      );
      for (const [i, error] of ring.entries()) error.cause = ring[(i + 1) % length];
      const status = Status.from(ring[0]);
      if (at !== null && at < length) assert.is(status, Status.DATA_LOSS);
      else assert.equal([status.code, status.cause], [Code.UNKNOWN, ring[0]]);
    }),
  );
});

/** An error as another copy of the package makes it: not our class, but the same mark. */
function foreignError(code: number, description: string | null): object {
  return Object.defineProperty({ status: { code, description }, trailers: [] }, STATUS_ERROR_TAG, { value: true });
}

test('an error of another copy of the package stands for a status of ours, with the caught value as cause', () => {
  fc.assert(
    fc.property(fc.nat(16), fc.option(fc.string()), fc.nat(5), (code, description, depth) => {
      const thrown = wrap(foreignError(code, description), depth);
      const status = Status.from(thrown);
      assert.instance(status, Status);
      assert.equal([status.code, status.description], [code, description]);
      assert.is(status.cause, thrown);
    }),
  );
  assert.is(Status.from(foreignError(99, 'from the future')).toString(), 'UNKNOWN: from the future');
});

test('the tag is the same in every copy of the package', () => {
  assert.is(STATUS_ERROR_TAG, Symbol.for('halfclose.StatusError'));
});

test('a bearer is found or there is none', () => {
  const error = new StatusError(Status.OUT_OF_RANGE);
  assert.is(statusBearer(error), error);
  assert.is(statusBearer(wrap(error, 4)), error);
  for (const none of [null, undefined, 'text', new Error('e'), Status.OUT_OF_RANGE])
    assert.is(statusBearer(none), null);
});

test('codes are numbers with names, to the compiler too', () => {
  expectTypeOf(Code.UNAUTHENTICATED).toEqualTypeOf<16>();
  expectTypeOf<Code>().toEqualTypeOf<0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12 | 13 | 14 | 15 | 16>();
  expectTypeOf(Status.OK.code).toEqualTypeOf<Code>();
  expectTypeOf(Status.OK.name).toEqualTypeOf<CodeName>();
  expectTypeOf(Status.OK.cause).toBeUnknown();
  // @ts-expect-error: made only from the seventeen.
  assert.ok(new Status(Code.OK, null, undefined));
});

test('what has failed by throwing OK has still failed', () => {
  assert.is(Status.ofFailure(new StatusError(Status.OK.withDescription('fine'))).toString(), 'UNKNOWN: fine');
  assert.is(Status.ofFailure(new StatusError(Status.ABORTED)), Status.ABORTED);
  const error = new Error('secret');
  assert.is(Status.ofFailure(error).toString(), 'UNKNOWN');
  assert.is(Status.ofFailure(error).cause, error);
});

test.run();
