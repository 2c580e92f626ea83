/**
 * The protobufjs codec with both versions that meet in practice: 8, ours, and 7, which @grpc/proto-loader brings along.
 * Bytes are checked against ones written by hand and against protobuf-es.
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { expectTypeOf } from 'expect-type';
import fc from 'fast-check';
import protobuf8 from 'protobufjs';
import {
  FeatureSchema,
  PointSchema,
  RouteNoteSchema,
  RouteSummarySchema,
} from '../../../examples/route-guide/gen/route_guide_pb.ts';
import { CallOptions } from '../../../src/call/call-options.ts';
import type { Channel } from '../../../src/call/channel.ts';
import { marshallerOf as esMarshallerOf } from '../../../src/stub/codec/protobuf-es.ts';
import {
  bind,
  createClient,
  implement,
  marshallerOf,
  methodOf,
  serviceMethods,
} from '../../../src/stub/codec/protobufjs.ts';
import { startInProcess } from '../../../src/testing/in-process.ts';
import type { MethodDescriptor } from '../../../src/values/method.ts';
import { assert, suite, within } from '../../support/suite.ts';

const protobuf7: typeof protobuf8 = createRequire(import.meta.resolve('@grpc/proto-loader'))('protobufjs');

const ROUTE_GUIDE = fileURLToPath(new URL('../../../../examples/route-guide/route_guide.proto', import.meta.url));

const KITCHEN_SINK = `
  syntax = "proto3";
  package kitchen.v1;
  enum Heat { COLD = 0; WARM = 1; HOT = 2; }
  message Dish {
    Heat heat = 1;
    int64 grams = 2;
    bytes photo = 3;
    repeated int32 tables = 4;
    Dish side = 5;
    string name = 6;
  }
  service Kitchen {
    rpc Cook(Dish) returns (Dish) { option idempotency_level = IDEMPOTENT; }
    rpc Taste(Dish) returns (Dish) { option idempotency_level = NO_SIDE_EFFECTS; }
    rpc Constructor(Dish) returns (Dish);
    rpc wash(Dish) returns (Dish);
  }
`;

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));

interface Point {
  latitude?: number;
  longitude?: number;
}

interface Feature {
  name: string;
  location?: Point;
}

interface RouteGuideMethods {
  getFeature: MethodDescriptor<Point, Feature, 'unary'>;
  listFeatures: MethodDescriptor<{ lo?: Point; hi?: Point }, Feature, 'server_streaming'>;
}

interface KitchenMethods {
  cook: MethodDescriptor<{ name?: string }, { name: string; side?: { name: string } }, 'unary'>;
}

const test = suite('protobufjs');

for (const [version, protobuf] of [
  ['8', protobuf8],
  ['7', protobuf7],
] as const) {
  const kitchenRoot = () => protobuf.parse(KITCHEN_SINK, new protobuf.Root()).root;
  const kitchen = () => serviceMethods(kitchenRoot().lookupService('kitchen.v1.Kitchen'));
  const dish = () => marshallerOf(kitchenRoot().lookupType('kitchen.v1.Dish'));
  const loaded = (): Promise<protobuf8.Root> => within(5000, new protobuf.Root().load(ROUTE_GUIDE));

  test(`${version}: gives each method its path and its kind, in the order of the file`, async () => {
    const methods = serviceMethods((await loaded()).lookupService('routeguide.RouteGuide'));
    const seen = Object.entries(methods).map(([name, method]) => [name, method.path, method.kind]);
    assert.equal(seen, [
      ['getFeature', '/routeguide.RouteGuide/GetFeature', 'unary'],
      ['listFeatures', '/routeguide.RouteGuide/ListFeatures', 'server_streaming'],
      ['recordRoute', '/routeguide.RouteGuide/RecordRoute', 'client_streaming'],
      ['routeChat', '/routeguide.RouteGuide/RouteChat', 'bidi_streaming'],
    ]);
  });

  test(`${version}: has each method under its .proto name too, without listing it twice`, () => {
    const methods = kitchen();
    assert.equal(Object.keys(methods), ['cook', 'taste', 'constructor', 'wash']);
    assert.is(methods['Cook'], methods['cook']);
    assert.is(methods['constructor']?.path, '/kitchen.v1.Kitchen/Constructor');
    assert.is(methods['wash']?.name, 'wash');
    assert.is(methods['toString'], undefined);
  });

  test(`${version}: takes idempotency and schema from the reflection object`, () => {
    const service = kitchenRoot().lookupService('kitchen.v1.Kitchen');
    const methods = serviceMethods(service);
    assert.is(methods['cook']?.idempotency, 'idempotent');
    assert.is(methods['taste']?.idempotency, 'no_side_effects');
    assert.is(methods['wash']?.idempotency, 'unknown');
    assert.is(methods['cook']?.schema, service.methods['Cook']);
  });

  test(`${version}: works on a root from JSON`, async () => {
    const root = protobuf.Root.fromJSON((await loaded()).toJSON());
    const { getFeature } = serviceMethods<RouteGuideMethods>(root.lookupService('routeguide.RouteGuide'));
    assert.is(getFeature.requestMarshaller.deserialize(bytes('1001')).longitude, 1);
  });

  test(`${version}: writes a negative int32 in ten bytes`, async () => {
    const { requestMarshaller } = serviceMethods<RouteGuideMethods>(
      (await loaded()).lookupService('routeguide.RouteGuide'),
    ).getFeature;
    const payload = requestMarshaller.serialize({ latitude: 407838351, longitude: -746143763 });
    assert.is(hex(payload), hex(bytes('08 8fbdbcc201 10 edff9a9cfdffffffff01')));
  });

  test(`${version}: packs the repeated numbers of proto3, even on a root that nobody resolved`, () => {
    const method = kitchen()['cook'];
    assert.is(hex(method?.requestMarshaller.serialize({ tables: [1, 2] }) ?? bytes('')), '22020102');
  });

  test(`${version}: takes enum names, longs as strings and bytes in base64 in plain objects`, () => {
    const { serialize } = dish();
    const golden = hex(bytes('0802 10fbffffffffffffffff01 1a020102 2a020801'));
    assert.is(hex(serialize({ heat: 'HOT', grams: '-5', photo: 'AQI=', side: { heat: 'WARM' } })), golden);
    assert.is(hex(serialize({ heat: 2, grams: -5, photo: bytes('0102'), side: { heat: 1 } })), golden);
  });

  test(`${version}: writes a message of the type's own class as it is`, () => {
    const type = kitchenRoot().lookupType('kitchen.v1.Dish');
    type.root.resolveAll();
    const { serialize, deserialize } = marshallerOf<{ name: string }>(type);
    const message = deserialize(bytes('3202 4869'));
    assert.is(message.name, 'Hi');
    message.name = 'Ho';
    assert.is(hex(serialize(message)), '3202486f');
    assert.is(type.fromObject(message), message);
  });

  test(`${version}: reads absent fields as their defaults`, () => {
    const message = marshallerOf<{ name: string; heat: number }>(
      kitchenRoot().lookupType('kitchen.v1.Dish'),
    ).deserialize(bytes(''));
    assert.is(message.name, '');
    assert.is(message.heat, 0);
  });

  test(`${version}: throws for broken bytes`, () => {
    const { deserialize } = dish();
    for (const broken of ['08', '2a05', 'ffff', '32ff']) {
      assert.throws(
        () => deserialize(bytes(broken)),
        (error: unknown) => error instanceof Error,
        broken,
      );
    }
  });

  test(`${version}: throws where an object or an array is due`, () => {
    const { serialize } = dish();
    assert.throws(() => serialize({ side: 3 }), /object expected/);
    assert.throws(() => serialize({ tables: 3 }), /array expected/);
  });

  test(`${version}: throws for a root that cannot be resolved, and for a method of no service`, () => {
    const { root } = protobuf.parse('package p; service S { rpc Do(Nowhere) returns (Nowhere); }', new protobuf.Root());
    assert.throws(() => serviceMethods(root.lookupService('p.S')), /Nowhere/);
    const orphan = new protobuf.Method('Do', 'rpc', 'A', 'B');
    assert.throws(
      () => methodOf(orphan),
      (error: unknown) => error instanceof TypeError && /Do/.test(error.message),
    );
  });

  test(`${version}: a reflected service is served and called`, async () => {
    const service = kitchenRoot().lookupService('kitchen.v1.Kitchen');
    const cook = ({ name }: { name?: string }) => ({ name: `fried ${name}`, side: { name: 'rice' } });
    await using rig = await startInProcess(implement<KitchenMethods>(service, { cook }));
    const dish = await createClient<KitchenMethods>(service, rig.channel).cook({ name: 'egg' });
    assert.equal([dish.name, dish.side?.name], ['fried egg', 'rice']);
    const plain = createClient(service, rig.channel);
    assert.type(plain['Cook'], 'function');
    assert.match(String(await plain['taste']?.({}).catch(String)), /UNIMPLEMENTED/);
  });

  test(`${version}: and protobuf-es write the same bytes and read each other's`, async () => {
    const root = await loaded();
    // Never 0: protobufjs 7 writes a zero that a plain object names, protobuf-es and 8 leave it out; both are legal.
    const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }).filter((value) => value !== 0);
    const point = fc.record({ latitude: int32, longitude: int32 });
    const text = fc.string({ unit: 'binary', minLength: 1 });
    const cases = [
      [PointSchema, point],
      [FeatureSchema, fc.record({ name: text, location: point })],
      [RouteNoteSchema, fc.record({ location: point, message: text })],
      [RouteSummarySchema, fc.record({ pointCount: int32, featureCount: int32, distance: int32, elapsedTime: int32 })],
    ] as const;
    for (const [schema, arbitrary] of cases) {
      const es = esMarshallerOf(schema);
      const js = marshallerOf(root.lookupType(schema.typeName));
      fc.assert(
        fc.property(arbitrary as fc.Arbitrary<object>, (message) => {
          const payload = es.serialize(message);
          assert.is(hex(js.serialize(message)), hex(payload));
          assert.is(hex(js.serialize(js.deserialize(payload))), hex(payload));
          assert.is(hex(es.serialize(es.deserialize(js.serialize(message)))), hex(payload));
        }),
        { numRuns: 50 },
      );
    }
  });
}

test('is typed by what its user says', async () => {
  const root = await within(5000, new protobuf8.Root().load(ROUTE_GUIDE));
  const service = root.lookupService('routeguide.RouteGuide');
  const { getFeature, listFeatures } = serviceMethods<RouteGuideMethods>(service);
  expectTypeOf(getFeature.kind).toEqualTypeOf<'unary'>();
  expectTypeOf(listFeatures.requestMarshaller.deserialize).returns.toEqualTypeOf<{ lo?: Point; hi?: Point }>();
  const call = (channel: Channel) => channel.newCall(getFeature, CallOptions.DEFAULT);
  expectTypeOf<ReturnType<typeof call>['sendMessage']>().parameter(0).toEqualTypeOf<Point>();
  expectTypeOf(serviceMethods(service)['getFeature']).toEqualTypeOf<MethodDescriptor<object, object> | undefined>();
  expectTypeOf(methodOf<Point, Feature>).returns.toEqualTypeOf<MethodDescriptor<Point, Feature>>();
});

/** A message class as pbjs makes it, of one string that is sent as it is. */
function messageClass(options: { converts: boolean }) {
  class Message {
    declare readonly text: string;
    constructor(init?: { text?: string }) {
      Object.assign(this, init);
    }
    static encode({ text = '' }: { text?: string }): { finish(): Uint8Array } {
      return { finish: () => Buffer.from(text) };
    }
    static decode(payload: Uint8Array): Message {
      return new Message({ text: Buffer.from(payload).toString() });
    }
  }
  return options.converts ? Object.assign(Message, { fromObject: (init: object) => new Message(init) }) : Message;
}

/** A service class as pbjs makes it, of one method. */
function serviceClass<Q extends string, S extends string>(requestType: Q, responseType: S) {
  const facts = {
    path: '/a.b.Talk/Say',
    requestType,
    responseType,
    requestStream: undefined,
    responseStream: true,
  } as const;
  type Say = typeof facts & ((request: { text?: string }) => Promise<{ text: string }>);
  class Talk {
    declare say: Say;
    declare emit: (event: string) => void;
  }
  Talk.prototype.say = Object.assign(() => Promise.reject(), facts);
  Talk.prototype.emit = () => {};
  return Talk;
}

test('bind finds messages from the service outward, and by their full names', () => {
  const make = () => messageClass({ converts: true });
  const root = {
    Far: make(),
    a: {
      Mid: make(),
      Twice: make(),
      Talk: make(),
      b: { Near: make(), Twice: make(), Talk: Object.assign(class {}, { In: make() }) },
    },
  };
  for (const [name, expected] of [
    ['In', root.a.b.Talk.In],
    ['Near', root.a.b.Near],
    ['Twice', root.a.b.Twice],
    ['Mid', root.a.Mid],
    ['Far', root.Far],
    ['Talk', root.a.Talk],
    ['b.Near', root.a.b.Near],
    ['.a.Twice', root.a.Twice],
    ['.a.b.Twice', root.a.b.Twice],
  ] as const) {
    const { say } = bind(root, serviceClass(name, 'Far'));
    assert.instance(say.requestDeserialize(Buffer.from('hi')), expected, name);
  }
  const missing = (error: unknown) => error instanceof TypeError && /no message '.Near'/.test(error.message);
  assert.throws(() => bind(root, serviceClass('.Near', 'Far')), missing);
  assert.throws(() => bind({ Near: 1, a: null }, serviceClass('.Near', 'Far')), missing);
});

test('bind binds methods alone, each with its path and streams', () => {
  const Far = messageClass({ converts: true });
  const bound = bind({ Far }, serviceClass('Far', 'Far'));
  assert.equal(Object.keys(bound), ['say']);
  assert.equal([bound.say.path, bound.say.requestStream, bound.say.responseStream], ['/a.b.Talk/Say', false, true]);
  expectTypeOf<keyof typeof bound>().toEqualTypeOf<'say'>();
  expectTypeOf(bound.say.responseStream).toEqualTypeOf<true>();
});

test('bind tells the types of messages by the same rules', () => {
  const [near, far] = [{ Near: messageClass({ converts: true }) }, { Far: messageClass({ converts: false }) }];
  const root = { ...far, a: { b: near } };
  const bound = bind(root, serviceClass('.a.b.Near', 'Far'));
  expectTypeOf(bound.say.requestDeserialize).returns.toEqualTypeOf<InstanceType<typeof near.Near>>();
  expectTypeOf(bound.say.responseSerialize).parameter(0).toEqualTypeOf<{ text?: string }>();
  const unknown = bind(root as object, serviceClass('.a.b.Near', 'Far'));
  expectTypeOf(unknown.say.requestDeserialize).returns.toEqualTypeOf<{ text?: string }>();
  expectTypeOf(unknown.say.responseSerialize).parameter(0).toEqualTypeOf<{ text: string }>();
});

test('classes made with --no-convert encode what they are given', () => {
  const { serialize, deserialize } = marshallerOf<{ text: string }>(messageClass({ converts: false }));
  assert.is(Buffer.from(serialize({ text: 'hi' })).toString(), 'hi');
  assert.is(deserialize(Buffer.from('ho')).text, 'ho');
});

test.run();
