/**
 * Services as every generator makes them (generators/README.md): each is served and called, with all four kinds of method; and
 * what becomes of their names, kinds and options. Their types: service-shape-types.test.ts.
 */
import { loadPackageDefinition, type ServiceClientConstructor } from '@grpc/grpc-js';
import type { ServiceDefinition as LoadedService } from '@grpc/proto-loader';
import type { Channel } from '../../src/call/channel.ts';
import type { ServiceDefinition } from '../../src/call/service-definition.ts';
import { ClientContext } from '../../src/reactor/client-context.ts';
import { newStub } from '../../src/reactor/stub.ts';
import { createClient } from '../../src/stub/client.ts';
import * as es from '../../src/stub/codec/protobuf-es.ts';
import { bind } from '../../src/stub/codec/protobufjs.ts';
import { type Handlers, implement } from '../../src/stub/implement.ts';
import { rpcOf } from '../../src/stub/rpc-of.ts';
import {
  type ClientMethodsOf,
  clientMethods,
  type ServerMethodsOf,
  serverMethods,
} from '../../src/stub/service-methods.ts';
import { startInProcess } from '../../src/testing/in-process.ts';
import { BYTES_MARSHALLER, MethodDescriptor } from '../../src/values/method.ts';
import { Status } from '../../src/values/status.ts';
import { assert, suite, within } from '../support/suite.ts';
import { CAFE, type CafeLike, visit } from './generators/cafe.ts';
import { loadGrpcObject, loadGrpcTools, loadPbjs, loadProto, loadReflected } from './generators/fixtures.ts';
import type { CafeDefinition, CafeHandlers } from './generators/gen/proto-loader/cafe/v1/Cafe.ts';
import { Cafe as EsCafe } from './generators/gen/protobuf-es/cafe_pb.ts';
import type { ICafeClient } from './generators/gen/protobuf-ts/cafe.client.ts';
import { cafeDefinition, type ICafe } from './generators/gen/protobuf-ts/cafe.grpc-server.ts';
import { Cafe as ProtobufTsCafe } from './generators/gen/protobuf-ts/cafe.ts';
import { CafeClientImpl } from './generators/gen/ts-proto-default/cafe.ts';
import { CafeDefinition as GenericCafe } from './generators/gen/ts-proto-generic/cafe.ts';
import { CafeService } from './generators/gen/ts-proto-grpc-js/cafe.ts';

/** How a generator's service is served, and called. */
interface Generated {
  readonly service: ServiceDefinition;
  client(channel: Channel): CafeLike;
}

type PlainMethods = ClientMethodsOf<typeof CafeService>;

/** Whatever a client's type, it has the four methods. */
const asCafe = (client: object): CafeLike => client as CafeLike;

const GENERATED: Readonly<Record<string, () => Generated | Promise<Generated>>> = {
  'MethodDescriptors by name': () => ({
    service: implement(serverMethods(GenericCafe), CAFE),
    client: (channel) => createClient(clientMethods(GenericCafe), channel),
  }),
  'protobuf-es': () => ({
    service: es.implement(EsCafe, CAFE),
    client: (channel) => es.createClient(EsCafe, channel),
  }),
  'ts-proto, outputServices=grpc-js': () => ({
    service: implement(CafeService, CAFE),
    client: (channel) => createClient(CafeService, channel),
  }),
  'ts-proto, generic-definitions': () => ({
    service: implement(GenericCafe, CAFE),
    client: (channel) => createClient(GenericCafe, channel),
  }),
  'ts-proto, its own client': () => ({
    service: implement(GenericCafe, CAFE),
    client: (channel) => {
      const cafe = new CafeClientImpl(rpcOf(channel));
      return {
        placeOrder: cafe.PlaceOrder,
        listDishes: cafe.ListDishes,
        countCoins: (coins) => cafe.CountCoins(eachOf(coins)),
        smallTalk: (words) => cafe.SmallTalk(eachOf(words)),
      };
    },
  }),
  'protobuf-ts, a ServiceType': () => ({
    service: implement<ServerMethodsOf<typeof ProtobufTsCafe, ICafeClient>>(ProtobufTsCafe, CAFE),
    client: (channel) => createClient<ClientMethodsOf<typeof ProtobufTsCafe, ICafeClient>>(ProtobufTsCafe, channel),
  }),
  'protobuf-ts, server_grpc1': () => ({
    service: implement<ServerMethodsOf<typeof cafeDefinition, ICafe>>(cafeDefinition, CAFE),
    client: (channel) => createClient<ClientMethodsOf<typeof cafeDefinition, ICafe>>(cafeDefinition, channel),
  }),
  'proto-loader, typed': () => {
    const { service } = loadGrpcObject().cafe.v1.Cafe;
    return {
      service: implement<ServerMethodsOf<CafeDefinition, CafeHandlers>>(service, CAFE),
      client: (channel) => createClient<ClientMethodsOf<CafeDefinition, CafeHandlers>>(service, channel),
    };
  },
  'proto-loader, untyped': () => {
    const service = loadProto()['cafe.v1.Cafe'] as LoadedService;
    return {
      service: implement<PlainMethods>(service, CAFE),
      client: (channel) => asCafe(createClient(service, channel)),
    };
  },
  'proto-loader, by way of loadPackageDefinition': () => {
    const { cafe } = loadPackageDefinition(loadProto()) as { cafe: { v1: { Cafe: ServiceClientConstructor } } };
    return {
      service: implement<PlainMethods>(cafe.v1.Cafe.service, CAFE),
      client: (channel) => createClient<PlainMethods>(cafe.v1.Cafe.service, channel),
    };
  },
  'protobufjs, reflected': async () => {
    const service = await loadReflected();
    return {
      service: implement<PlainMethods>(service, CAFE),
      client: (channel) => createClient<PlainMethods>(service, channel),
    };
  },
  'protobufjs, static code of pbjs': async () => {
    const root = await loadPbjs();
    return {
      service: implement(bind(root, root.cafe.v1.Cafe), CAFE),
      client: (channel) => createClient(bind(root, root.cafe.v1.Cafe), channel),
    };
  },
  'grpc-tools': () => ({ service: implement(loadGrpcTools().CafeService, GOOGLE_CAFE), client: googleClient }),
};

async function* eachOf<T>(messages: Iterable<T>): AsyncGenerator<T> {
  yield* messages;
}

// Messages of google-protobuf have no fields, only getters and setters.

const { CafeService: GoogleCafe, pb } = loadGrpcTools();

const GOOGLE_CAFE: Handlers<ServerMethodsOf<typeof GoogleCafe>> = {
  placeOrder(order) {
    const items = order.getLinesList().map((line) => `${line.getCount()} ${line.getDishName()}`);
    return new pb.Bill().setTotal(order.getTable()).setItemsList(items);
  },
  *listDishes(menu) {
    for (const price of [1, 2]) yield new pb.Dish().setName(`${menu.getSection()} ${price}`).setPrice(price);
  },
  async countCoins(coins) {
    let total = 0;
    for await (const coin of coins) total += coin.getCents();
    return new pb.Bill().setTotal(total);
  },
  async *smallTalk(words) {
    for await (const said of words) yield new pb.Words().setText(`${said.getText()}?`);
  },
};

function googleClient(channel: Channel): CafeLike {
  const cafe = createClient(GoogleCafe, channel);
  return {
    async placeOrder({ lines, table }) {
      const order = new pb.Order().setTable(table);
      for (const { dishName, count } of lines)
        order.addLines(new pb.Order.Line().setDishName(dishName).setCount(count));
      const bill = await cafe.placeOrder(order);
      return { total: bill.getTotal(), items: bill.getItemsList() };
    },
    async *listDishes({ section }) {
      for await (const dish of cafe.listDishes(new pb.Menu().setSection(section))) {
        yield { name: dish.getName(), price: dish.getPrice() };
      }
    },
    async countCoins(coins) {
      const bill = await cafe.countCoins([...coins].map(({ cents }) => new pb.Coin().setCents(cents)));
      return { total: bill.getTotal(), items: bill.getItemsList() };
    },
    async *smallTalk(words) {
      const answers = cafe.smallTalk([...words].map(({ text }) => new pb.Words().setText(text)));
      for await (const said of answers) yield { text: said.getText() };
    },
  };
}

const test = suite('services of every generator');

for (const [generator, make] of Object.entries(GENERATED)) {
  test(`${generator}: is served and called`, async () => {
    const { service, client } = await make();
    await using rig = await startInProcess(service);
    await within(5000, visit(client(rig.channel)), 'a visit');
  });

  test(`${generator}: its methods have their paths, in order`, async () => {
    const { service } = await make();
    assert.is(service.name, 'cafe.v1.Cafe');
    assert.equal(
      service.methods().map(({ method }) => [method.path, method.kind]),
      [
        ['/cafe.v1.Cafe/PlaceOrder', 'unary'],
        ['/cafe.v1.Cafe/ListDishes', 'server_streaming'],
        ['/cafe.v1.Cafe/CountCoins', 'client_streaming'],
        ['/cafe.v1.Cafe/SmallTalk', 'bidi_streaming'],
      ],
    );
  });
}

const NAMES = ['placeOrder', 'listDishes', 'countCoins', 'smallTalk'];

test('methods are listed in lowerCamel, and found under the generator’s names', async () => {
  await using rig = await startInProcess();
  const loaded = loadProto()['cafe.v1.Cafe'] as LoadedService;
  for (const service of [loaded, CafeService, GenericCafe, ProtobufTsCafe, await loadReflected()]) {
    assert.equal(Object.keys(clientMethods(service)), NAMES);
    assert.equal(Object.keys(createClient(service, rig.channel)), NAMES);
  }
  const methods = clientMethods(loaded);
  assert.is(methods['PlaceOrder'], methods['placeOrder']);
});

test('a client and its handlers go by the generator’s names as well', async () => {
  const loaded = loadProto()['cafe.v1.Cafe'] as LoadedService;
  const handlers = { PlaceOrder: () => ({ total: 3 }), listDishes: CAFE.listDishes };
  await using rig = await startInProcess(implement(loaded, handlers as object as Handlers<Untyped>));
  const client = createClient(loaded, rig.channel);
  assert.equal(await client['PlaceOrder']?.({}), { total: 3, items: [] });
  assert.equal(await client['placeOrder']?.({}), { total: 3, items: [] });
  const missing = await client['CountCoins']?.().status;
  assert.is(missing?.code, Status.UNIMPLEMENTED.code);
});

interface Untyped {
  readonly [name: string]: MethodDescriptor<object, object>;
}

test('two methods that differ in the case of their first letter keep their own names', async () => {
  const method = (path: string) => ({
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: Buffer.from,
    requestDeserialize: Buffer.from,
    responseSerialize: Buffer.from,
    responseDeserialize: Buffer.from,
  });
  for (const names of [
    ['say', 'Say', 'Sing'],
    ['Say', 'say', 'Sing'],
  ]) {
    const service = Object.fromEntries(names.map((name) => [name, method(`/test.Twins/${name}`)]));
    const methods: Readonly<Record<string, { name: string }>> = clientMethods(service);
    assert.equal(Object.keys(methods), [...names.slice(0, 2), 'sing']);
    for (const name of names) assert.is(methods[name]?.name, name);
    assert.is(implement(service, {}).methods().length, 3);
  }
});

test('what every object inherits is no handler', async () => {
  const unary = { requestStream: false, responseStream: false } as const;
  const codecs = {
    requestSerialize: Buffer.from as (text: string) => Buffer,
    requestDeserialize: String,
    responseSerialize: Buffer.from as (text: string) => Buffer,
    responseDeserialize: String,
  };
  const service = {
    Constructor: { path: '/test.Names/Constructor', ...unary, ...codecs },
    ToString: { path: '/test.Names/ToString', ...unary, ...codecs },
  };
  const own = { constructor: (text: string) => `<${text}>` };
  await using rig = await startInProcess(
    implement(service, own as object as Handlers<ServerMethodsOf<typeof service>>),
  );
  const client = createClient(service, rig.channel);
  assert.is(await client.constructor('hi'), '<hi>');
  assert.match(String(await client.toString('hi').catch(String)), /UNIMPLEMENTED/);
});

test('protobuf-ts’s own names count, and a method may be named like a part of another shape', () => {
  const [placeOrder] = ProtobufTsCafe.methods.map((method) => ({ ...method, localName: 'placeOrder$' }));
  const renamed = clientMethods({ typeName: 'cafe.v1.Cafe', methods: placeOrder === undefined ? [] : [placeOrder] });
  assert.equal(Object.keys(renamed), ['placeOrder$']);
  const { placeOrder: fullName, countCoins: methods } = CafeService;
  assert.is(clientMethods({ fullName, methods }).methods.kind, 'client_streaming');
});

test('idempotency comes from every generator that knows it', async () => {
  const loaded = loadProto()['cafe.v1.Cafe'] as LoadedService;
  for (const service of [loaded, GenericCafe, ProtobufTsCafe, await loadReflected()]) {
    const methods: object = clientMethods(service);
    assert.equal(
      Object.values(methods).map(({ idempotency }: MethodDescriptor<never, never>) => idempotency),
      ['idempotent', 'no_side_effects', 'unknown', 'unknown'],
    );
  }
});

test('the generator’s own description stays at hand', () => {
  assert.is(clientMethods(CafeService).placeOrder.schema, CafeService.placeOrder);
  assert.is(clientMethods(GenericCafe).placeOrder.schema, GenericCafe.methods.placeOrder);
  assert.is(clientMethods(ProtobufTsCafe)['placeOrder']?.schema, ProtobufTsCafe.methods[0]);
});

test('fields may be left out where the generator fills them in', async () => {
  const root = await loadPbjs();
  await using rig = await startInProcess(implement(GenericCafe, { ...CAFE, placeOrder: () => ({ total: 3 }) }));
  const clients = [
    createClient(GenericCafe, rig.channel),
    createClient<ClientMethodsOf<typeof ProtobufTsCafe, ICafeClient>>(ProtobufTsCafe, rig.channel),
    createClient(bind(root, root.cafe.v1.Cafe), rig.channel),
    es.createClient(EsCafe, rig.channel),
  ] as const;
  for (const client of clients) {
    const bill = await client.placeOrder({ lines: [{ count: 1 }] });
    assert.equal([bill.total, bill.items], [3, []]);
  }
});

test('functions made for grpc-js are given Buffers, which are views of the payload', () => {
  const seen: Buffer[] = [];
  const keep = (payload: Buffer): Buffer => {
    seen.push(payload);
    return payload;
  };
  const { say } = clientMethods({
    say: {
      path: '/test.Bytes/Say',
      requestStream: false as const,
      responseStream: false as const,
      requestSerialize: keep,
      requestDeserialize: keep,
      responseSerialize: keep,
      responseDeserialize: keep,
    },
  });
  const chunk = new Uint8Array([0, 1, 2, 3]);
  say.responseMarshaller.deserialize(chunk.subarray(1, 3));
  assert.ok(Buffer.isBuffer(seen[0]));
  assert.is(seen[0]?.toString('hex'), '0102');
  assert.is(seen[0]?.buffer, chunk.buffer);
});

test('a client of ts-proto passes its rpc’s settings on, whatever the kind', async () => {
  await using rig = await startInProcess(implement(GenericCafe, CAFE));
  let ended = 0;
  const cafe = new CafeClientImpl(rpcOf(rig.channel, { onTrailers: () => (ended += 1) }));
  await cafe.PlaceOrder({ lines: [], table: 1 });
  for await (const _dish of cafe.ListDishes({ section: 'tea' }));
  await cafe.CountCoins(eachOf([{ cents: 1 }]));
  for await (const _words of cafe.SmallTalk(eachOf([{ text: 'rain' }])));
  assert.is(ended, 4);
});

test('reactors take the methods of any generator', async () => {
  await using rig = await startInProcess(implement(CafeService, CAFE));
  const cafe = newStub(clientMethods(CafeService), rig.channel).async();
  const total = await new Promise<number>((resolve) => {
    cafe.placeOrder(new ClientContext(), { lines: [], table: 9 }, (_status, bill) => resolve(bill?.total ?? -1));
  });
  assert.is(total, 9);
});

test('a codec without fromPartial is given messages as they are', () => {
  const order = { encode: (text: string) => ({ finish: () => Buffer.from(text) }), decode: String };
  const method = { name: 'Say', requestType: order, requestStream: false, responseType: order, responseStream: false };
  const { say } = clientMethods({ fullName: 'test.Plain', methods: { say: { ...method, options: {} } } });
  assert.equal(say.requestMarshaller.serialize('hi'), Buffer.from('hi'));
});

test('what is no service is refused with a hint', async () => {
  await using rig = await startInProcess();
  const refused = (service: object, hint: RegExp): void => {
    const check = (error: unknown): boolean => error instanceof TypeError && hint.test(error.message);
    assert.throws(() => createClient(service as UntypedArgument, rig.channel), check);
    assert.throws(() => implement(service as UntypedArgument, {} as never), check);
  };
  refused(EsCafe, /halfclose\/protobuf-es/);
  refused((await loadPbjs()).cafe.v1.Cafe, /a service needs methods|bind\(\)/);
  refused(loadProto(), /'cafe\.v1\.\w+' is no method/);
  refused({ placeOrder: null }, /'placeOrder' is no method/);
  assert.throws(() => implement({}, {}), /a service needs methods/);
});

type UntypedArgument = Record<string, never>;

test('MethodDescriptors of another copy of the package are taken', async () => {
  const init = { service: 'test.Copy', name: 'Say', kind: 'unary' as const };
  const own = new MethodDescriptor({
    ...init,
    requestMarshaller: BYTES_MARSHALLER,
    responseMarshaller: BYTES_MARSHALLER,
  });
  const say = { ...own } as MethodDescriptor<Uint8Array, Uint8Array> & { kind: 'unary' };
  await using rig = await startInProcess(implement({ say }, { say: (bytes) => bytes }));
  assert.equal(await createClient({ say }, rig.channel).say(new Uint8Array([1])), new Uint8Array([1]));
});

test('a static class without paths is refused by bind, and so is one whose messages are missing', async () => {
  const root = await loadPbjs();
  const isTypeError = (hint: RegExp) => (error: unknown) => error instanceof TypeError && hint.test(error.message);
  assert.throws(() => bind(root, root.cafe.v1.Order), isTypeError(/protobufjs-cli 2/));
  assert.throws(() => bind({}, root.cafe.v1.Cafe), isTypeError(/no message 'Order' for \/cafe.v1.Cafe\/PlaceOrder/));
});

test.run();
