/** ReferencePayload and byReference: the very object, and nothing else. */
import { byReference, ReferencePayload } from '../../src/values/reference-payload.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('ReferencePayload');

test('what is read is the very object that was written', () => {
  const marshaller = byReference<{ text: string }>();
  const message = { text: 'shared' };
  assert.is(marshaller.deserialize(marshaller.serialize(message)), message);
});

test('every value passes, also none', () => {
  const marshaller = byReference<unknown>();
  for (const value of [null, undefined, 0, '', 'text', Uint8Array.of(1)]) {
    assert.is(marshaller.deserialize(marshaller.serialize(value)), value);
  }
});

test('weighs something, so that a window fills, and copies no bytes to do so', () => {
  const [one, other] = [new ReferencePayload({}), new ReferencePayload({})];
  assert.is(one.length, 1024);
  assert.is(one.buffer, other.buffer);
  assert.ok(one.every((byte) => byte === 0));
});

test('bytes that came over a network are no message, nor is a copy of the payload', () => {
  const marshaller = byReference<unknown>();
  const payload = marshaller.serialize({});
  for (const bytes of [new Uint8Array(1024), payload.slice(), payload.subarray(0, 10), Buffer.from(payload)]) {
    assert.throws(() => marshaller.deserialize(bytes), /does not leave its process/);
  }
});

test.run();
