/**
 * Rich error details as values: made, packed, found, and what broken ones give. Bytes are checked against ones written by
 * hand and against protobufjs. Beside: status-details-wire.test.ts, the same between two ends.
 */
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { AnySchema, anyPack } from '@bufbuild/protobuf/wkt';
import { expectTypeOf } from 'expect-type';
import fc from 'fast-check';
import { type Feature, FeatureSchema } from '../../../examples/route-guide/gen/route_guide_pb.ts';
import * as entryPoint from '../../../src/stub/codec/status-details.ts';
import {
  type BadRequest,
  BadRequestSchema,
  DebugInfoSchema,
  detailsOf,
  ErrorInfoSchema,
  findDetails,
  HelpSchema,
  LocalizedMessageSchema,
  PreconditionFailureSchema,
  QuotaFailureSchema,
  RequestInfoSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
  RpcStatusSchema,
  statusError,
} from '../../../src/stub/codec/status-details.ts';
import { Metadata } from '../../../src/values/metadata.ts';
import { Code, STATUS_ERROR_TAG, Status } from '../../../src/values/status.ts';
import { StatusError } from '../../../src/values/status-error.ts';
import { assert, suite } from '../../support/suite.ts';
import { codeValues, decodeStatus, detailTypes, encodeStatus, type PlainStatus } from './google-rpc.ts';

const KEY = 'grpc-status-details-bin';

const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex');
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const ascii = (text: string): string => Buffer.from(text).toString('hex');

const test = suite('status details');

const BAD_LATITUDE = { fieldViolations: [{ field: 'latitude', description: 'above 90' }] };

/** code 3, message, one detail: its type, its bytes. */
const BAD_LATITUDE_BYTES = bytes(
  `08 03  12 0d ${ascii('no such place')}  1a 43` +
    ` 0a 29 ${ascii('type.googleapis.com/google.rpc.BadRequest')}` +
    ` 12 16  0a 14  0a 08 ${ascii('latitude')}  12 08 ${ascii('above 90')}`,
);

/** An error whose trailers carry these bytes. */
function errorWith(packed: Uint8Array): StatusError {
  return new StatusError(Status.ABORTED, new Metadata({ [KEY]: packed }));
}

/** The reasons of the ErrorInfos that are found. */
function reasonsIn(source: unknown): string[] {
  return findDetails(source, ErrorInfoSchema).map((info) => info.reason);
}

/** Types and bytes of all details. */
function packedIn(source: unknown): string[] {
  return detailsOf(source).map(({ typeUrl, value }) => `${typeUrl} ${hex(value)}`);
}

test('an error has code, description and the details, which repeat both', () => {
  const error = statusError(Code.INVALID_ARGUMENT, 'no such place', { details: [[BadRequestSchema, BAD_LATITUDE]] });
  assert.instance(error, StatusError);
  assert.is(error.message, 'INVALID_ARGUMENT: no such place');
  assert.is(error.code, Code.INVALID_ARGUMENT);
  assert.is(error.trailers.size, 1);
  assert.is(hex(error.trailers.get(KEY)), hex(BAD_LATITUDE_BYTES));
});

test('details are found by their schema', () => {
  const [detail, ...more] = findDetails(errorWith(BAD_LATITUDE_BYTES), BadRequestSchema);
  assert.is(more.length, 0);
  assert.is(detail?.$typeName, 'google.rpc.BadRequest');
  assert.equal(
    detail?.fieldViolations.map(({ field, description }) => [field, description]),
    [['latitude', 'above 90']],
  );
  assert.equal(findDetails(errorWith(BAD_LATITUDE_BYTES), ErrorInfoSchema), []);
});

const ALL: PlainStatus = {
  code: Code.FAILED_PRECONDITION,
  message: 'see the details, größtenteils',
  details: [
    ['ErrorInfo', { reason: 'CLOSED', domain: 'routeguide.example.com', metadata: { until: 'spring' } }],
    ['RetryInfo', { retryDelay: { seconds: 90, nanos: 500_000_000 } }],
    ['DebugInfo', { stackEntries: ['inner', 'outer'], detail: 'as ever' }],
    [
      'QuotaFailure',
      {
        violations: [
          {
            subject: 'project:42',
            description: 'too many places',
            apiService: 'routeguide.example.com',
            quotaMetric: 'places',
            quotaId: 'places-per-region',
            quotaDimensions: { region: 'jersey' },
            quotaValue: 10,
            futureQuotaValue: 20,
          },
        ],
      },
    ],
    ['PreconditionFailure', { violations: [{ type: 'TOS', subject: 'project:42', description: 'not accepted' }] }],
    [
      'BadRequest',
      {
        fieldViolations: [
          {
            field: 'latitude',
            description: 'above 90',
            reason: 'OFF_THE_MAP',
            localizedMessage: { locale: 'de', message: 'zu hoch' },
          },
        ],
      },
    ],
    ['RequestInfo', { requestId: '7f', servingData: 'opaque' }],
    ['ResourceInfo', { resourceType: 'place', resourceName: 'summit', owner: 'user:ada', description: 'snow' }],
    ['Help', { links: [{ description: 'the rules', url: 'https://example.com/rules' }] }],
    ['LocalizedMessage', { locale: 'fr', message: 'fermé' }],
  ],
};

const allFound = {
  ErrorInfo: ErrorInfoSchema,
  RetryInfo: RetryInfoSchema,
  DebugInfo: DebugInfoSchema,
  QuotaFailure: QuotaFailureSchema,
  PreconditionFailure: PreconditionFailureSchema,
  BadRequest: BadRequestSchema,
  RequestInfo: RequestInfoSchema,
  ResourceInfo: ResourceInfoSchema,
  Help: HelpSchema,
  LocalizedMessage: LocalizedMessageSchema,
};

test('each type of error_details.proto is read and written as protobufjs writes and reads it', () => {
  const error = errorWith(encodeStatus(ALL));
  const messages = Object.values(allFound).map((schema) => {
    const found = findDetails<typeof schema>(error, schema);
    assert.is(found.length, 1, schema.typeName);
    return [schema, found[0]] as [typeof BadRequestSchema, BadRequest];
  });
  const { trailers } = statusError(ALL.code as Code, ALL.message, { details: messages });
  assert.is(hex(trailers.get(KEY)), hex(encodeStatus(ALL)));
  assert.equal(decodeStatus(trailers.get(KEY) ?? new Uint8Array()), decodeStatus(encodeStatus(ALL)));

  const [quota] = findDetails(error, QuotaFailureSchema);
  assert.is(quota?.violations[0]?.futureQuotaValue, 20n);
  const [retry] = findDetails(error, RetryInfoSchema);
  assert.is(retry?.retryDelay?.seconds, 90n);
});

test('the entry point has every type of error_details.proto', () => {
  assert.equal(Object.keys(allFound).sort(), detailTypes().sort());
  const names = Object.values(entryPoint).flatMap((one) => ('typeName' in one ? [one.typeName] : []));
  const nested = [
    'BadRequest.FieldViolation',
    'Help.Link',
    'PreconditionFailure.Violation',
    'QuotaFailure.Violation',
    'Status',
  ];
  assert.equal(names.sort(), [...detailTypes(), ...nested].map((name) => `google.rpc.${name}`).sort());
});

test('google.rpc.Code and Code agree', () => {
  assert.equal(codeValues(), { ...Code });
});

test('several details of one type keep their order, those of other types are left out', () => {
  const error = statusError(Code.ABORTED, null, {
    details: [
      [ErrorInfoSchema, { reason: 'FIRST' }],
      [BadRequestSchema, BAD_LATITUDE],
      [ErrorInfoSchema, { reason: 'SECOND' }],
      [ErrorInfoSchema, { reason: 'FIRST' }],
    ],
  });
  assert.equal(reasonsIn(error), ['FIRST', 'SECOND', 'FIRST']);
  assert.is(findDetails(error, BadRequestSchema).length, 1);
  assert.equal(
    detailsOf(error).map((detail) => detail.typeUrl.replace('type.googleapis.com/google.rpc.', '')),
    ['ErrorInfo', 'BadRequest', 'ErrorInfo', 'ErrorInfo'],
  );
});

test('a description that is absent is an empty message', () => {
  const { trailers } = statusError(Code.ABORTED, null, { details: [[ErrorInfoSchema, {}]] });
  const status = fromBinary(RpcStatusSchema, trailers.get(KEY) ?? new Uint8Array());
  assert.is(status.message, '');
  assert.is(status.code, Code.ABORTED);
});

test('details may be of any schema, and messages as well as plain objects', () => {
  const error = statusError(Code.NOT_FOUND, 'try this one', {
    details: [
      [FeatureSchema, { name: 'the old mill', location: { latitude: 1 } }],
      [FeatureSchema, create(FeatureSchema, { name: 'the bridge' })],
    ],
  });
  assert.equal(
    findDetails(error, FeatureSchema).map((feature) => [feature.name, feature.location?.latitude]),
    [
      ['the old mill', 1],
      ['the bridge', undefined],
    ],
  );
});

test('the details of one error can be those of another', () => {
  const downstream = errorWith(encodeStatus(ALL));
  const passedOn = statusError(Code.INTERNAL, 'the map is closed', {
    details: detailsOf(downstream),
    cause: downstream,
  });
  assert.equal(packedIn(passedOn), packedIn(downstream));
  assert.is(passedOn.cause, downstream);

  const extended = statusError(Code.INTERNAL, null, {
    details: [[ErrorInfoSchema, { reason: 'UPSTREAM' }], ...detailsOf(downstream)],
  });
  assert.equal(reasonsIn(extended), ['UPSTREAM', 'CLOSED']);
});

test('an error keeps its other trailers, and the caller’s Metadata', () => {
  const trailers = new Metadata({ 'x-row': '7', [KEY]: bytes('ff') });
  const error = statusError(Code.ABORTED, 'busy', { trailers, details: [[ErrorInfoSchema, { reason: 'LOCKED' }]] });
  assert.is(error.trailers, trailers);
  assert.is(trailers.get('x-row'), '7');
  assert.equal(trailers.getAll(KEY).length, 1);
  assert.equal(reasonsIn(error), ['LOCKED']);
});

test('without details there is no trailer', () => {
  for (const init of [undefined, {}, { details: undefined }, { details: [] }, { details: detailsOf(null) }]) {
    const error = statusError(Code.ABORTED, 'busy', init);
    assert.is(error.message, 'ABORTED: busy');
    assert.is(error.trailers.size, 0);
  }
});

test('nothing is an error with OK, and nothing that its schema refuses is a detail', () => {
  assert.throws(() => statusError(Code.OK, 'fine'), /never OK/);
  const deep = { retryDelay: { seconds: 'soon' as unknown as bigint } };
  assert.throws(() => statusError(Code.ABORTED, null, { details: [[RetryInfoSchema, deep]] }), /RetryInfo|Duration/);
});

test('the stack of an error begins at whoever made it', () => {
  function handleRequest(): StatusError {
    return statusError(Code.ABORTED, 'busy', { details: [[ErrorInfoSchema, { reason: 'LOCKED' }]] });
  }
  const [first, second] = (handleRequest().stack ?? '').split('\n');
  assert.is(first, 'StatusError: ABORTED: busy');
  assert.match(second ?? '', /handleRequest/);
});

test('nothing is found where nothing is', () => {
  const values: unknown[] = [null, undefined, 7, 'text', {}, new Error('plain'), Status.ABORTED, new Metadata()];
  for (const value of [...values, new StatusError(Status.ABORTED), statusError(Code.ABORTED)]) {
    assert.equal(findDetails(value, BadRequestSchema), [], String(value));
    assert.equal(detailsOf(value), [], String(value));
  }
});

test('details are found along causes, in trailers, and in the errors of another copy of the package', () => {
  const error = errorWith(BAD_LATITUDE_BYTES);
  assert.is(findDetails(new Error('outer', { cause: error }), BadRequestSchema).length, 1);
  assert.is(findDetails(error.trailers, BadRequestSchema).length, 1);
  const trailers: [string, unknown][] = [[KEY, BAD_LATITUDE_BYTES]];
  const foreign = { [STATUS_ERROR_TAG]: true, status: { code: 3, description: null }, trailers };
  assert.is(findDetails(foreign, BadRequestSchema).length, 1);
  // The first status along the causes is the one that counts.
  const outer = new StatusError(Status.INTERNAL.withCause(error));
  assert.equal(findDetails(outer, BadRequestSchema), []);
});

test('of several trailers the last counts', () => {
  const trailers = new Metadata([
    [KEY, encodeStatus(ALL)],
    [KEY, BAD_LATITUDE_BYTES],
  ]);
  assert.is(detailsOf(new StatusError(Status.ABORTED, trailers)).length, 1);
});

const BROKEN: { readonly [what: string]: Uint8Array } = {
  'no bytes': bytes(''),
  'a field that is cut off': BAD_LATITUDE_BYTES.subarray(0, 30),
  'a length beyond the end': bytes('1a ff ff ff ff 0f'),
  'a wire type that is none': bytes('0f'),
  'a field number of zero': bytes('00 01'),
  'text that is no UTF-8': bytes('12 02 c3 28'),
  'a detail without a type': bytes('1a 02 12 00'),
  'a type without a name': bytes('1a 03 0a 01 2f'),
};

for (const [what, packed] of Object.entries(BROKEN)) {
  test(`broken bytes give nothing: ${what}`, () => {
    assert.equal(findDetails(errorWith(packed), BadRequestSchema), []);
    assert.ok(detailsOf(errorWith(packed)).length <= 1);
  });
}

test('text where bytes are due gives nothing', () => {
  const trailers = Metadata.fromWire([KEY, 'text']);
  assert.equal(findDetails(new StatusError(Status.ABORTED, trailers), BadRequestSchema), []);
});

test('a broken detail hides no other', () => {
  const broken = create(AnySchema, { typeUrl: 'type.googleapis.com/google.rpc.ErrorInfo', value: bytes('0a ff') });
  const nameless = create(AnySchema, { typeUrl: 'type.googleapis.com/' });
  const good = anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { reason: 'GOOD' }));
  const error = statusError(Code.ABORTED, null, { details: [nameless, broken, good] });
  assert.equal(reasonsIn(error), ['GOOD']);
  assert.is(detailsOf(error).length, 3);
});

test('the host of a type URL does not matter', () => {
  for (const prefix of ['', '/', 'example.com/', 'https://example.com/types/']) {
    const value = toBinary(ErrorInfoSchema, create(ErrorInfoSchema, { reason: 'HERE' }));
    const details = [create(AnySchema, { typeUrl: `${prefix}google.rpc.ErrorInfo`, value })];
    assert.equal(reasonsIn(statusError(Code.ABORTED, null, { details })), ['HERE'], prefix);
  }
});

test('no bytes whatever make reading throw', () => {
  const whole = encodeStatus(ALL);
  const read = (packed: Uint8Array): void => {
    const error = errorWith(packed);
    for (const schema of Object.values(allFound)) assert.ok(Array.isArray(findDetails<typeof schema>(error, schema)));
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), read));
  const at = fc.nat(whole.length - 1);
  fc.assert(
    fc.property(fc.array(fc.tuple(at, fc.nat(255)), { minLength: 1, maxLength: 4 }), at, (changes, end) => {
      const packed = Uint8Array.from(whole);
      for (const [index, byte] of changes) packed[index] = byte;
      read(packed);
      read(packed.subarray(0, end));
    }),
  );
});

test('any details come back as they were', () => {
  const info = fc.record({
    reason: fc.string({ unit: 'grapheme' }),
    domain: fc.string(),
    // Upper case, because no codec keeps a key `__proto__`.
    metadata: fc.dictionary(fc.string({ unit: fc.constantFrom('A', 'B', '_') }), fc.string(), {
      noNullPrototype: true,
    }),
  });
  fc.assert(
    fc.property(fc.array(info, { minLength: 1 }), fc.integer({ min: 1, max: 16 }), (infos, code) => {
      const details = infos.map((one) => [ErrorInfoSchema, one] as const);
      const found = findDetails(statusError(code as Code, 'text', { details }), ErrorInfoSchema);
      assert.equal(
        found,
        infos.map((one) => create(ErrorInfoSchema, one)),
      );
    }),
  );
});

test('schemas say what details are made of and found', () => {
  expectTypeOf(findDetails(null, BadRequestSchema)).toEqualTypeOf<BadRequest[]>();
  expectTypeOf(findDetails(null, FeatureSchema)).toEqualTypeOf<Feature[]>();
  expectTypeOf(statusError(Code.ABORTED)).toEqualTypeOf<StatusError>();
  const init: MessageInitShape<typeof BadRequestSchema> = BAD_LATITUDE;
  // For the compiler only.
  void (() => {
    statusError(Code.ABORTED, 'busy', { details: [[BadRequestSchema, init]] });
    // @ts-expect-error: no such field.
    statusError(Code.ABORTED, 'busy', { details: [[ErrorInfoSchema, { reasons: 'LOCKED' }]] });
    statusError(Code.ABORTED, 'busy', {
      details: [
        [ErrorInfoSchema, { reason: 'LOCKED' }],
        // @ts-expect-error: the fields of another type.
        [BadRequestSchema, { reason: 'LOCKED' }],
      ],
    });
    // @ts-expect-error: a message without its schema.
    statusError(Code.ABORTED, 'busy', { details: [create(BadRequestSchema)] });
  });
});

test.run();
