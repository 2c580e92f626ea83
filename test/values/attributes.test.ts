/** Attributes: facts by key, never changed in place; and addresses in words. */
import { expectTypeOf } from 'expect-type';
import fc from 'fast-check';
import {
  AttributeKey,
  Attributes,
  formatAddress,
  LOCAL_ADDRESS,
  REMOTE_ADDRESS,
  SECURITY_LEVEL,
  type SecurityLevel,
  type SocketAddress,
  TLS_FACTS,
} from '../../src/values/attributes.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('Attributes');

test('knows nothing at first', () => {
  for (const key of [REMOTE_ADDRESS, LOCAL_ADDRESS, TLS_FACTS, SECURITY_LEVEL]) {
    assert.is(Attributes.EMPTY.get<unknown>(key), null, key.name);
  }
});

test('gives back the very value that was put under a key', () => {
  const address = { host: '10.0.0.1', port: 443 };
  assert.is(Attributes.EMPTY.with(REMOTE_ADDRESS, address).get(REMOTE_ADDRESS), address);
});

test('values that are false, 0 or empty are values', () => {
  const key = new AttributeKey<unknown>('anything');
  for (const value of [false, 0, '', Number.NaN])
    assert.ok(Object.is(Attributes.EMPTY.with(key, value).get(key), value));
});

test('keys are told apart by identity, not by name', () => {
  const one = new AttributeKey<number>('same');
  const other = new AttributeKey<number>('same');
  const attributes = Attributes.EMPTY.with(one, 1);
  assert.is(attributes.get(other), null);
  assert.is(attributes.with(other, 2).get(one), 1);
});

test('every step of adding and replacing leaves the earlier sets as they were', () => {
  const keys = ['a', 'b', 'c'].map((name) => new AttributeKey<number>(name));
  const step = fc.tuple(fc.nat(keys.length - 1), fc.nat(3));
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const states = [{ attributes: Attributes.EMPTY, model: new Map<AttributeKey<number>, number>() }];
      for (const [at, value] of steps) {
        const key = keys[at] as AttributeKey<number>;
        const last = states.at(-1) as (typeof states)[number];
        states.push({ attributes: last.attributes.with(key, value), model: new Map(last.model).set(key, value) });
      }
      for (const { attributes, model } of states) {
        for (const key of keys) assert.is(attributes.get(key), model.get(key) ?? null);
      }
    }),
  );
});

test('addresses are written as people write them', () => {
  const cases: [SocketAddress | null, string][] = [
    [{ host: '127.0.0.1', port: 50051 }, '127.0.0.1:50051'],
    [{ host: 'api.example.com', port: 443 }, 'api.example.com:443'],
    [{ host: '::1', port: 443 }, '[::1]:443'],
    [{ host: '2001:db8:1:2:3:4:5:6', port: 443 }, '[2001:db8:1:2:3:4:5:6]:443'],
    [{ host: 'fe80::1%eth0', port: 0 }, '[fe80::1%eth0]:0'],
    [{ path: '/run/api.sock' }, 'unix:/run/api.sock'],
    [{ name: 'the-other-half' }, 'the-other-half'],
    [null, 'unknown address'],
  ];
  for (const [address, text] of cases) assert.is(formatAddress(address), text);
});

test('the type of a value is that of its key', () => {
  expectTypeOf(Attributes.EMPTY.get(SECURITY_LEVEL)).toEqualTypeOf<SecurityLevel | null>();
  expectTypeOf(Attributes.EMPTY.get(new AttributeKey<number>('n'))).toEqualTypeOf<number | null>();
  expectTypeOf<AttributeKey<string>>().not.toExtend<AttributeKey<number>>();
  // @ts-expect-error: 'plaintext' is no security level.
  Attributes.EMPTY.with(SECURITY_LEVEL, 'plaintext');
  // @ts-expect-error: made only from EMPTY.
  assert.ok(new Attributes(new Map()));
});

test.run();
