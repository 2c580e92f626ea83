/** MethodDescriptor: names, kinds, and the same method with other messages. */
import { expectTypeOf } from 'expect-type';
import fc from 'fast-check';
import {
  BYTES_MARSHALLER,
  type Marshaller,
  MethodDescriptor,
  type MethodInit,
  type MethodKind,
  type ServiceDescriptor,
} from '../../src/values/method.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('MethodDescriptor');

const TEXT: Marshaller<string> = {
  serialize: (message) => Buffer.from(message),
  deserialize: (payload) => Buffer.from(payload).toString(),
};

function initOf(over: Partial<MethodInit<string, Uint8Array>> = {}): MethodInit<string, Uint8Array> {
  const names = { service: 'routeguide.RouteGuide', name: 'GetFeature', kind: 'unary' } as const;
  return { ...names, requestMarshaller: TEXT, responseMarshaller: BYTES_MARSHALLER, ...over };
}

test('its full name is service/method, its path the same with a slash before it', () => {
  const method = new MethodDescriptor(initOf());
  assert.is(method.service, 'routeguide.RouteGuide');
  assert.is(method.name, 'GetFeature');
  assert.is(method.fullName, 'routeguide.RouteGuide/GetFeature');
  assert.is(method.path, '/routeguide.RouteGuide/GetFeature');
});

test('the method is what follows the last slash of the path, also where the service has slashes', () => {
  const names = fc.stringMatching(/^[\w.]{1,8}$/);
  const services = fc.array(names, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
  fc.assert(
    fc.property(services, names, (service, name) => {
      const { path } = new MethodDescriptor(initOf({ service, name }));
      const slash = path.lastIndexOf('/');
      assert.equal([path.slice(1, slash), path.slice(slash + 1)], [service, name]);
    }),
  );
});

test('a missing name, or a slash in the method, is a TypeError', () => {
  for (const over of [{ service: '' }, { name: '' }, { name: 'a/b' }, { name: '/GetFeature' }]) {
    assert.throws(
      () => new MethodDescriptor(initOf(over)),
      (error: unknown) => error instanceof TypeError && error.message.startsWith("not a method's name: '"),
      JSON.stringify(over),
    );
  }
});

test('the kind says who sends exactly one message; of an unknown kind nobody is sure to', () => {
  const table: Record<MethodKind, [client: boolean, server: boolean]> = {
    unary: [true, true],
    client_streaming: [false, true],
    server_streaming: [true, false],
    bidi_streaming: [false, false],
    unknown: [false, false],
  };
  for (const [kind, one] of Object.entries(table) as [MethodKind, [boolean, boolean]][]) {
    const method = new MethodDescriptor(initOf({ kind }));
    assert.is(method.kind, kind);
    assert.equal([method.clientSendsOneMessage, method.serverSendsOneMessage], one, kind);
  }
});

test('is neither idempotent nor described by a schema unless told', () => {
  const plain = new MethodDescriptor(initOf());
  assert.is(plain.idempotency, 'unknown');
  assert.is(plain.schema, null);
  const schema = { of: 'the generator' };
  const told = new MethodDescriptor(initOf({ idempotency: 'no_side_effects', schema }));
  assert.is(told.idempotency, 'no_side_effects');
  assert.is(told.schema, schema);
});

test('with other marshallers it is the same method otherwise, and the first one is untouched', () => {
  const schema = {};
  const method = new MethodDescriptor(initOf({ kind: 'server_streaming', idempotency: 'idempotent', schema }));
  const other = method.withMarshallers(BYTES_MARSHALLER, TEXT);
  assert.equal({ ...other }, { ...method, requestMarshaller: BYTES_MARSHALLER, responseMarshaller: TEXT });
  assert.is(other.schema, schema);
  assert.instance(other, MethodDescriptor);
  assert.is(method.requestMarshaller, TEXT);
  assert.is(method.responseMarshaller, BYTES_MARSHALLER);
});

test('the marshaller of bytes passes the very bytes through', () => {
  const bytes = new Uint8Array([1, 2, 3]);
  assert.is(BYTES_MARSHALLER.serialize(bytes), bytes);
  assert.is(BYTES_MARSHALLER.deserialize(bytes), bytes);
});

test('its types follow its marshallers', () => {
  const method = new MethodDescriptor(initOf());
  expectTypeOf(method).toEqualTypeOf<MethodDescriptor<string, Uint8Array>>();
  expectTypeOf(method.withMarshallers(BYTES_MARSHALLER, TEXT)).toEqualTypeOf<MethodDescriptor<Uint8Array, string>>();
  expectTypeOf(method).toExtend<MethodDescriptor<unknown, unknown>>();
  expectTypeOf<typeof method>().not.toExtend<MethodDescriptor<number, Uint8Array>>();
  const service: ServiceDescriptor = { name: method.service, methods: [method, method.withMarshallers(TEXT, TEXT)] };
  assert.is(service.methods[0], method);
});

test.run();
