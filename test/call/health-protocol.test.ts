/** The messages of grpc.health.v1 in our hand-written codec and in protobuf-es: each reads what the other writes. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { HEALTH_CHECK, HEALTH_LIST, HEALTH_WATCH, type ServingStatus } from '../../src/call/health-protocol.ts';
import { WireWriter } from '../../src/values/protobuf-wire.ts';
import {
  Health,
  HealthCheckRequestSchema,
  HealthCheckResponse_ServingStatus,
  HealthCheckResponseSchema,
  HealthListRequestSchema,
  HealthListResponseSchema,
} from '../reflection/gen/grpc/health/v1/health_pb.ts';
import { assert, suite } from '../support/suite.ts';

const { requestMarshaller: checkRequest, responseMarshaller: checkResponse } = HEALTH_CHECK;
const { requestMarshaller: listRequest, responseMarshaller: listResponse } = HEALTH_LIST;

const names = fc.string({ unit: 'grapheme' });
const statuses = fc.constantFrom<ServingStatus>('UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN');
/** Fields that none of the messages has, in front of what is known and behind it. */
const unknown = fc.array(fc.tuple(fc.integer({ min: 5, max: 2000 }), fc.oneof(fc.integer(), names))).map((fields) => {
  const writer = new WireWriter();
  for (const [number, value] of fields) {
    if (typeof value === 'string') writer.string(number, value);
    else writer.int32(number, value);
  }
  return writer.finish();
});

const number = (status: ServingStatus): number => HealthCheckResponse_ServingStatus[status];

const test = suite('grpc.health.v1');

test('the methods are those of the .proto file', () => {
  for (const method of [HEALTH_CHECK, HEALTH_LIST, HEALTH_WATCH]) {
    assert.is(method.service, Health.typeName);
    assert.is(Health.methods.find(({ name }) => name === method.name)?.methodKind, method.kind);
  }
  assert.is(Health.methods.length, 3);
});

test('a request means the same to protobuf-es', () => {
  fc.assert(
    fc.property(names, unknown, (service, rest) => {
      assert.is(fromBinary(HealthCheckRequestSchema, checkRequest.serialize({ service })).service, service);
      const theirs = toBinary(HealthCheckRequestSchema, create(HealthCheckRequestSchema, { service }));
      assert.equal([...checkRequest.serialize({ service })], [...theirs]);
      assert.equal(checkRequest.deserialize(Buffer.concat([rest, theirs, rest])), { service });
    }),
  );
});

test('a response means the same to protobuf-es', () => {
  fc.assert(
    fc.property(statuses, unknown, (status, rest) => {
      const theirs = toBinary(HealthCheckResponseSchema, create(HealthCheckResponseSchema, { status: number(status) }));
      assert.equal([...checkResponse.serialize({ status })], [...theirs]);
      assert.equal(checkResponse.deserialize(Buffer.concat([rest, theirs, rest])), { status });
    }),
  );
});

test('a list means the same to protobuf-es', () => {
  fc.assert(
    fc.property(fc.dictionary(names, statuses), unknown, (listed, rest) => {
      const ours = { statuses: new Map(Object.entries(listed).map(([name, status]) => [name, { status }])) };
      const theirs = Object.fromEntries(
        Object.entries(listed).map(([name, status]) => [name, { status: number(status) }]),
      );
      const message = create(HealthListResponseSchema, { statuses: theirs });
      assert.equal(fromBinary(HealthListResponseSchema, listResponse.serialize(ours)), message);
      const bytes = Buffer.concat([rest, toBinary(HealthListResponseSchema, message), rest]);
      assert.equal(listResponse.deserialize(bytes), ours);
      assert.equal(listRequest.deserialize(rest), {});
    }),
  );
  assert.equal([...listRequest.serialize({})], [...toBinary(HealthListRequestSchema, create(HealthListRequestSchema))]);
});

test('an entry without a key or a value, and one with fields from the future', () => {
  const bytes = new WireWriter()
    .bytes(1, new Uint8Array())
    .bytes(1, new WireWriter().string(7, 'new').string(1, 'a').bytes(2, new WireWriter().int32(1, 1).finish()).finish())
    .finish();
  const expected = new Map<string, { status: ServingStatus }>([
    ['', { status: 'UNKNOWN' }],
    ['a', { status: 'SERVING' }],
  ]);
  assert.equal(listResponse.deserialize(bytes), { statuses: expected });
});

test('a status of the future reads as UNKNOWN, and a field in another wire type is passed over', () => {
  for (const value of [4, -1, 2 ** 31 - 1]) {
    assert.equal(checkResponse.deserialize(new WireWriter().int32(1, value).finish()), { status: 'UNKNOWN' });
  }
  assert.equal(checkResponse.deserialize(new WireWriter().string(1, 'SERVING').finish()), { status: 'UNKNOWN' });
  assert.equal(checkRequest.deserialize(new WireWriter().int32(1, 1).finish()), { service: '' });
});

test('a word that is no status is not sent', () => {
  assert.throws(() => checkResponse.serialize({ status: 'FINE' as 'SERVING' }), /not a serving status: FINE/);
});

test('broken bytes throw, however they are broken', () => {
  const whole = listResponse.serialize({ statuses: new Map([['routeguide.RouteGuide', { status: 'SERVING' }]]) });
  const all: readonly { deserialize(payload: Uint8Array): unknown }[] = [
    checkRequest,
    checkResponse,
    listRequest,
    listResponse,
  ];
  for (let length = 1; length < whole.length; length += 1) {
    assert.throws(() => listResponse.deserialize(whole.subarray(0, length)), /malformed message/);
  }
  for (const marshaller of all)
    assert.throws(() => marshaller.deserialize(Buffer.from('08', 'hex')), /malformed message/);
  assert.throws(() => checkRequest.deserialize(Buffer.from('0a02c328', 'hex')), /no UTF-8/);
});

/** What a decoder makes of bytes; null where it throws. */
function attempt(decode: () => { service: string }): string | null {
  try {
    return decode().service;
  } catch {
    return null;
  }
}

test('a request that is cut off anywhere is to us what it is to protobuf-es', () => {
  const whole = fc.tuple(unknown, names, unknown).map(([before, service, after]) => {
    return Buffer.concat([before, new WireWriter().string(1, service).finish(), after]);
  });
  fc.assert(
    fc.property(whole, fc.nat(), (bytes, cut) => {
      const part = bytes.subarray(0, cut % (bytes.length + 1));
      const theirs = attempt(() => fromBinary(HealthCheckRequestSchema, part));
      assert.is(
        attempt(() => checkRequest.deserialize(part)),
        theirs,
      );
    }),
    { numRuns: 1000 },
  );
});

test.run();
