/** CallOptions: copies that differ in one thing. Source: CallOptionsTest of grpc-java. */
import { expectTypeOf } from 'expect-type';
import fc from 'fast-check';
import { CallOptionKey, CallOptions } from '../../src/call/call-options.ts';
import { CallCredentials } from '../../src/credentials/call-credentials.ts';
import { SYSTEM_CLOCK } from '../../src/values/clock.ts';
import { Deadline } from '../../src/values/deadline.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { assert, suite } from '../support/suite.ts';
import { WoundClock } from '../support/wound-clock.ts';

const test = suite('CallOptions');

const isRangeError = (error: unknown): boolean => error instanceof RangeError;

const UNSET = {
  deadline: null,
  signal: null,
  authority: null,
  credentials: null,
  compression: null,
  waitForReady: null,
  maxInboundMessageBytes: null,
  maxOutboundMessageBytes: null,
  onReadyThresholdBytes: null,
};

/** All fields but the options of the user's own. */
function fieldsOf(options: CallOptions): Record<string, unknown> {
  const { custom: _, ...fields } = options;
  return fields;
}

test('everything is unset by default', () => {
  assert.equal(fieldsOf(CallOptions.DEFAULT), UNSET);
  assert.is(CallOptions.DEFAULT.custom.size, 0);
});

const FIRST = new CallOptionKey('same name', 'first default');
const SECOND = new CallOptionKey('same name', 'second default');

/** One `with…`, and what it should do to the fields and to the user's own options. */
interface Step {
  readonly apply: (options: CallOptions) => CallOptions;
  readonly fields?: object;
  readonly own?: readonly [CallOptionKey<string>, string];
}

const deadlines = [null, Deadline.after(1_000), Deadline.after(2_000)];
const signals = [null, new AbortController().signal, new AbortController().signal];
const credentials = [null, CallCredentials.from(() => new Metadata()), CallCredentials.from(() => new Metadata())];
const sizes = fc.oneof(fc.nat(), fc.maxSafeNat());

const steps: fc.Arbitrary<Step> = fc.oneof(
  fc
    .constantFrom(...deadlines)
    .map((deadline): Step => ({ apply: (o) => o.withDeadline(deadline), fields: { deadline } })),
  fc.constantFrom(...signals).map((signal): Step => ({ apply: (o) => o.withSignal(signal), fields: { signal } })),
  fc
    .constantFrom(null, 'a.test', 'b.test:80')
    .map((authority): Step => ({ apply: (o) => o.withAuthority(authority), fields: { authority } })),
  fc
    .constantFrom(...credentials)
    .map((one): Step => ({ apply: (o) => o.withCredentials(one), fields: { credentials: one } })),
  fc
    .constantFrom(null, 'gzip', 'identity')
    .map((compression): Step => ({ apply: (o) => o.withCompression(compression), fields: { compression } })),
  fc
    .constantFrom(null, true, false)
    .map((waitForReady): Step => ({ apply: (o) => o.withWaitForReady(waitForReady), fields: { waitForReady } })),
  sizes.map(
    (bytes): Step => ({
      apply: (o) => o.withMaxInboundMessageSize(bytes),
      fields: { maxInboundMessageBytes: bytes },
    }),
  ),
  sizes.map(
    (bytes): Step => ({
      apply: (o) => o.withMaxOutboundMessageSize(bytes),
      fields: { maxOutboundMessageBytes: bytes },
    }),
  ),
  fc.option(sizes.map((bytes) => bytes + 1)).map(
    (bytes): Step => ({
      apply: (o) => o.withOnReadyThreshold(bytes),
      fields: { onReadyThresholdBytes: bytes },
    }),
  ),
  fc
    .tuple(fc.constantFrom(FIRST, SECOND), fc.string())
    .map(([key, value]): Step => ({ apply: (o) => o.withOption(key, value), own: [key, value] })),
);

test('each step changes its one thing in a copy, and no earlier copy ever changes', () => {
  fc.assert(
    fc.property(fc.array(steps, { maxLength: 12 }), (sequence) => {
      const history = [{ options: CallOptions.DEFAULT, fields: UNSET as object, own: new Map() }];
      for (const step of sequence) {
        const last = history.at(-1) as (typeof history)[number];
        const own = step.own === undefined ? last.own : new Map(last.own).set(...step.own);
        history.push({ options: step.apply(last.options), fields: { ...last.fields, ...step.fields }, own });
      }
      for (const { options, fields, own } of history) {
        assert.instance(options, CallOptions);
        assert.equal(fieldsOf(options), fields);
        for (const key of [FIRST, SECOND]) assert.is(options.getOption(key), own.get(key) ?? key.defaultValue);
      }
    }),
  );
});

test('a timeout is fixed when it is set, on the given clock', () => {
  const clock = new WoundClock(100);
  const options = CallOptions.DEFAULT.withTimeout(50, clock);
  clock.advance(20);
  assert.is(options.deadline?.atMs, 150);
  assert.is(options.deadline?.remainingMs(), 30);
  assert.is(CallOptions.DEFAULT.withTimeout(-1, clock).deadline?.isExpired(), true);
  assert.is(CallOptions.DEFAULT.withTimeout(1).deadline?.clock, SYSTEM_CLOCK);
  assert.throws(() => CallOptions.DEFAULT.withTimeout(Number.NaN), isRangeError);
});

test('a later timeout or deadline replaces an earlier one, be it longer', () => {
  const late = Deadline.after(10_000);
  assert.is(CallOptions.DEFAULT.withTimeout(1).withDeadline(late).deadline, late);
  assert.is(CallOptions.DEFAULT.withTimeout(1).withDeadline(null).deadline, null);
});

test('a size is a whole number of bytes from 0 up, a threshold one over 0; all else is a RangeError', () => {
  const fractions = fc.double({ noInteger: true, noDefaultInfinity: true });
  const bad = fc.oneof(fc.integer({ max: -1 }), fractions, fc.constantFrom(Number.NaN, Number.NEGATIVE_INFINITY));
  fc.assert(
    fc.property(bad, (bytes) => {
      assert.throws(() => CallOptions.DEFAULT.withMaxInboundMessageSize(bytes), isRangeError);
      assert.throws(() => CallOptions.DEFAULT.withMaxOutboundMessageSize(bytes), isRangeError);
      assert.throws(() => CallOptions.DEFAULT.withOnReadyThreshold(bytes), isRangeError);
    }),
  );
  assert.throws(() => CallOptions.DEFAULT.withOnReadyThreshold(0), /^not a size in bytes: 0$/);
  assert.is(CallOptions.DEFAULT.withOnReadyThreshold(1).onReadyThresholdBytes, 1);
});

test('a size limit may be Infinity for none, and null takes it back', () => {
  const unlimited = CallOptions.DEFAULT.withMaxInboundMessageSize(Infinity).withMaxOutboundMessageSize(Infinity);
  assert.is(unlimited.maxInboundMessageBytes, Infinity);
  assert.is(unlimited.maxOutboundMessageBytes, Infinity);
  assert.is(unlimited.withMaxInboundMessageSize(null).maxInboundMessageBytes, null);
  assert.is(unlimited.withMaxOutboundMessageSize(null).maxOutboundMessageBytes, null);
});

test('an option of the user’s own is found by its key, not by its name', () => {
  const options = CallOptions.DEFAULT.withOption(FIRST, 'set');
  assert.is(options.getOption(FIRST), 'set');
  assert.is(options.getOption(SECOND), 'second default');
  assert.is(CallOptions.DEFAULT.getOption(FIRST), 'first default');
});

test('an option that was set to undefined or null is set', () => {
  const key = new CallOptionKey<string | null | undefined>('key', 'default');
  assert.is(CallOptions.DEFAULT.withOption(key, undefined).getOption(key), undefined);
  assert.is(CallOptions.DEFAULT.withOption(key, null).getOption(key), null);
});

test('the type of an option is that of its key', () => {
  const key = new CallOptionKey<number>('attempts', 3);
  expectTypeOf(CallOptions.DEFAULT.getOption(key)).toEqualTypeOf<number>();
  expectTypeOf<CallOptionKey<string>>().not.toExtend<CallOptionKey<number>>();
  // @ts-expect-error: the key is for numbers.
  assert.is(CallOptions.DEFAULT.withOption(key, 'five').getOption(key), 'five');
  // @ts-expect-error: made only from DEFAULT.
  assert.throws(() => new CallOptions());
});

test.run();
