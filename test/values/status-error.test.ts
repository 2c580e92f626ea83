/** StatusError: a Status as an Error, recognised across copies of the package and no further. */
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { expectTypeOf } from 'expect-type';
import { Metadata } from '../../src/values/metadata.ts';
import { Code, STATUS_ERROR_TAG, Status } from '../../src/values/status.ts';
import { StatusError, trailersFrom } from '../../src/values/status-error.ts';
import { assert, suite, within } from '../support/suite.ts';

const test = suite('StatusError');

test('carries status and trailers, and its text is that of the status', () => {
  const status = Status.NOT_FOUND.withDescription('no such feature');
  const trailers = new Metadata({ 'x-detail': 'a' });
  const error = new StatusError(status, trailers);
  assert.instance(error, Error);
  assert.is(error.status, status);
  assert.is(error.trailers, trailers);
  assert.is(error.code, Code.NOT_FOUND);
  assert.is(error.name, 'StatusError');
  assert.is(error.message, 'NOT_FOUND: no such feature');
  assert.match(error.stack ?? '', /^StatusError: NOT_FOUND: no such feature\n|NOT_FOUND: no such feature\n/);
});

test('has trailers of its own when none are given', () => {
  const [one, other] = [new StatusError(Status.ABORTED), new StatusError(Status.ABORTED)];
  one.trailers.set('a', '1');
  assert.is(one.trailers.size, 1);
  assert.is(other.trailers.size, 0);
});

test('its cause is that of the status; without one it has no such property', () => {
  const cause = new Error('socket hang up');
  assert.is(new StatusError(Status.UNAVAILABLE.withCause(cause)).cause, cause);
  assert.is(new StatusError(Status.UNAVAILABLE.withCause(null)).cause, null);
  assert.not.ok('cause' in new StatusError(Status.UNAVAILABLE));
});

test('is made from a code and a text as well', () => {
  const error = new StatusError(Code.NOT_FOUND, 'no such feature');
  assert.is(error.code, Code.NOT_FOUND);
  assert.is(error.status.description, 'no such feature');
  assert.is(error.message, 'NOT_FOUND: no such feature');
  assert.is(error.trailers.size, 0);
  assert.is(error.call, null);
  assert.not.ok('cause' in error);
  assert.is(Status.from(error), error.status);
});

test('from a code it needs no text', () => {
  for (const error of [
    new StatusError(Code.ABORTED),
    new StatusError(Code.ABORTED, null),
    new StatusError(Code.ABORTED, undefined, {}),
  ]) {
    assert.is(error.status, Status.ABORTED);
    assert.is(error.message, 'ABORTED');
  }
  assert.is(new StatusError(Code.ABORTED, '').message, 'ABORTED: ');
});

test('from a code it takes a cause and trailers, of pairs or of a record or its own', () => {
  const cause = new Error('row 7 is locked');
  const error = new StatusError(Code.ABORTED, 'busy', { cause, trailers: { 'x-row': '7' } });
  assert.is(error.cause, cause);
  assert.is(error.status.cause, cause);
  assert.is(String(error.trailers), 'Metadata(x-row=7)');
  assert.is(String(new StatusError(Code.ABORTED, null, { trailers: [['a', '1']] }).trailers), 'Metadata(a=1)');

  const trailers = new Metadata({ a: '1' });
  assert.is(new StatusError(Code.ABORTED, null, { trailers }).trailers, trailers);
  assert.throws(() => new StatusError(Code.ABORTED, null, { trailers: { 'grpc-status': '0' } }), /is reserved/);
});

test('a number that is no code is UNKNOWN, and the text stays', () => {
  assert.is(new StatusError(42 as Code, 'the answer').message, 'UNKNOWN: Unknown code 42\nthe answer');
});

test('its mark shows in no listing and cannot be wiped off', () => {
  const error = new StatusError(Status.ABORTED);
  assert.not.ok(Object.getOwnPropertyDescriptor(error, STATUS_ERROR_TAG)?.enumerable);
  assert.not.ok(Reflect.deleteProperty(error, STATUS_ERROR_TAG));
  assert.instance(error, StatusError);
});

test('nothing without the mark is one', () => {
  const lookalike = Object.assign(new Error('ABORTED'), { name: 'StatusError', status: Status.ABORTED });
  for (const value of [lookalike, Status.ABORTED, {}, null, undefined, 'StatusError', STATUS_ERROR_TAG, () => {}]) {
    assert.not.ok((value as object) instanceof StatusError, String(value));
  }
});

test('an object with the mark of another copy is one', () => {
  const foreign = Object.defineProperty({ status: { code: 5, description: null } }, STATUS_ERROR_TAG, { value: true });
  assert.ok(foreign instanceof StatusError);
});

class FeatureError extends StatusError {}
class ClosedFeatureError extends FeatureError {}

test('of a subclass of it only what was made as such is one', () => {
  const [base, sub, subSub] = [StatusError, FeatureError, ClosedFeatureError].map((kind) => new kind(Status.ABORTED));
  assert.equal(
    [base, sub, subSub].map((error) => [
      error instanceof StatusError,
      error instanceof FeatureError,
      error instanceof ClosedFeatureError,
    ]),
    [
      [true, false, false],
      [true, true, false],
      [true, true, true],
    ],
  );
  assert.is(Status.from(subSub), Status.ABORTED);
});

type Copy = typeof import('../../src/values/status-error.ts') & typeof import('../../src/values/status.ts');

/** A second copy of the package, as a second installation of it would be. */
async function loadCopy(folder: string): Promise<Copy> {
  const filter = (file: string): boolean => !file.endsWith('.map');
  await cp(path.join(import.meta.dirname, '../../src/values'), folder, { recursive: true, filter });
  await writeFile(path.join(folder, 'package.json'), '{ "type": "module" }');
  const load = (file: string): Promise<object> => import(pathToFileURL(path.join(folder, file)).href);
  return { ...(await load('status.js')), ...(await load('status-error.js')) } as Copy;
}

test('two copies of the package know each other’s errors', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'halfclose-copy-'));
  try {
    const copy = await within(5_000, loadCopy(folder), 'the second copy');
    assert.is.not(copy.StatusError, StatusError);
    assert.ok(new copy.StatusError(Code.ABORTED, 'of theirs') instanceof StatusError);
    const theirs = new copy.StatusError(copy.Status.DATA_LOSS.withDescription('torn'));
    theirs.trailers.append('a', '1').append('b-bin', new Uint8Array([2]));
    assert.not.ok(Object.getPrototypeOf(theirs) === StatusError.prototype);
    assert.ok(theirs instanceof StatusError);
    assert.ok(new StatusError(Status.ABORTED) instanceof copy.StatusError);
    assert.not.ok(theirs instanceof FeatureError);

    const status = Status.from(new Error('outer', { cause: theirs }));
    assert.instance(status, Status);
    assert.is(String(status), 'DATA_LOSS: torn');
    assert.is(String(new Metadata(theirs.trailers)), 'Metadata(a=1,b-bin=Ag)');
    const trailers = trailersFrom(new Error('outer', { cause: theirs }));
    assert.instance(trailers, Metadata);
    assert.is(String(new Metadata().merge(trailers)), 'Metadata(a=1,b-bin=Ag)');
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('the trailers of a caught value are those of the first status error along its causes, or empty', () => {
  const inner = new StatusError(Status.ABORTED, new Metadata({ a: '1' }));
  assert.is(trailersFrom(new Error('outer', { cause: inner })), inner.trailers);
  assert.is(trailersFrom(new Error('plain')).size, 0);
  assert.is(trailersFrom({ [STATUS_ERROR_TAG]: true, status: Status.ABORTED }).size, 0);
});

test('instanceof tells the compiler what there is', () => {
  const caught: unknown = new StatusError(Status.ABORTED);
  if (!(caught instanceof StatusError)) return assert.unreachable();
  expectTypeOf(caught.status).toEqualTypeOf<Status>();
  expectTypeOf(caught.trailers).toEqualTypeOf<Metadata>();
  expectTypeOf(caught.code).toEqualTypeOf<Code>();
});

test('its two forms do not mix', () => {
  // For the compiler only.
  void (() => [
    // @ts-expect-error: trailers stand beside a status, not beside a code.
    new StatusError(Code.ABORTED, new Metadata()),
    // @ts-expect-error: a status has its own description.
    new StatusError(Status.ABORTED, 'busy'),
    // @ts-expect-error: which call failed is no option.
    new StatusError(Code.ABORTED, null, { method: 'test.Echo/Unary' }),
    // @ts-expect-error: not every number is a code.
    new StatusError(17, 'none'),
  ]);
});

test.run();
