/**
 * The types that clients and handlers get from a service as its generator made it: which messages may be sent, which arrive, and
 * what the compiler refuses. What is asserted here is checked by the compiler; the test that runs only says so.
 */
import type { ServiceDefinition as GrpcJsService } from '@grpc/grpc-js';
import type { ServiceDefinition as LoadedService, PackageDefinition } from '@grpc/proto-loader';
import { expectTypeOf } from 'expect-type';
import type protobuf from 'protobufjs';
import type { Channel } from '../../src/call/channel.ts';
import type { DuplexCall, ResponseStream, UploadCall } from '../../src/stub/call-objects.ts';
import { createClient, type UntypedFunction } from '../../src/stub/client.ts';
import * as es from '../../src/stub/codec/protobuf-es.ts';
import { bind } from '../../src/stub/codec/protobufjs.ts';
import type { HandlerContext } from '../../src/stub/handler-context.ts';
import { implement } from '../../src/stub/implement.ts';
import type { PartialMessage } from '../../src/stub/method-types.ts';
import {
  type ClientMethodsOf,
  clientMethods,
  type ServerMethodsOf,
  serverMethods,
} from '../../src/stub/service-methods.ts';
import type { MethodDescriptor } from '../../src/values/method.ts';
import { assert, suite } from '../support/suite.ts';
import type { CafeService as GoogleCafe } from './generators/gen/grpc-tools/cafe_grpc_pb.d.ts';
import type * as google from './generators/gen/grpc-tools/cafe_pb.d.ts';
import type * as pbjs from './generators/gen/pbjs/cafe.d.ts';
import type { Bill__Output, Bill as LoadedBill } from './generators/gen/proto-loader/cafe/v1/Bill.ts';
import type { CafeDefinition, CafeHandlers } from './generators/gen/proto-loader/cafe/v1/Cafe.ts';
import type { Coin__Output, Coin as LoadedCoin } from './generators/gen/proto-loader/cafe/v1/Coin.ts';
import type { Order as LoadedOrder, Order__Output } from './generators/gen/proto-loader/cafe/v1/Order.ts';
import { type Bill as EsBill, Cafe as EsCafe, type Order as EsOrder } from './generators/gen/protobuf-es/cafe_pb.ts';
import type { ICafeClient } from './generators/gen/protobuf-ts/cafe.client.ts';
import type { cafeDefinition, ICafe } from './generators/gen/protobuf-ts/cafe.grpc-server.ts';
import type * as protobufTs from './generators/gen/protobuf-ts/cafe.ts';
import * as generic from './generators/gen/ts-proto-generic/cafe.ts';
import * as tsProto from './generators/gen/ts-proto-grpc-js/cafe.ts';

type Name = 'placeOrder' | 'listDishes' | 'countCoins' | 'smallTalk';

/** Compiles, and is never run. */
function compiles(..._code: (() => unknown)[]): void {}

declare const channel: Channel;

const test = suite('types of services');

test('ts-proto’s definitions for grpc-js: whole messages either way', () => {
  compiles(() => {
    const cafe = createClient(tsProto.CafeService, channel);
    expectTypeOf<keyof typeof cafe>().toEqualTypeOf<Name>();
    expectTypeOf(cafe.placeOrder).parameter(0).toEqualTypeOf<tsProto.Order>();
    expectTypeOf(cafe.placeOrder).returns.toEqualTypeOf<Promise<tsProto.Bill>>();
    expectTypeOf(cafe.listDishes).returns.toEqualTypeOf<ResponseStream<tsProto.Dish>>();
    expectTypeOf(cafe.countCoins([{ cents: 1 }])).toEqualTypeOf<Promise<tsProto.Bill>>();
    expectTypeOf(cafe.countCoins()).toEqualTypeOf<UploadCall<tsProto.Coin, tsProto.Bill>>();
    expectTypeOf(cafe.smallTalk()).toEqualTypeOf<DuplexCall<tsProto.Words, tsProto.Words>>();
    // @ts-expect-error: no such method
    cafe.placeOrders;
    // @ts-expect-error: a string where a number is due
    void cafe.placeOrder({ lines: [], table: '7' });
    // @ts-expect-error: this codec fills nothing in
    void cafe.placeOrder({ lines: [] });
    // @ts-expect-error: the message of another method
    void cafe.placeOrder({ section: 'tea' });
    // @ts-expect-error: one message where many are due
    void cafe.countCoins({ cents: 1 });
  });
});

test('ts-proto’s generic definitions: what is sent may leave fields out', () => {
  compiles(() => {
    const cafe = createClient(generic.CafeDefinition, channel);
    expectTypeOf<keyof typeof cafe>().toEqualTypeOf<Name>();
    expectTypeOf(cafe.placeOrder).returns.toEqualTypeOf<Promise<generic.Bill>>();
    expectTypeOf(cafe.placeOrder).parameter(0).toEqualTypeOf<PartialMessage<generic.Order>>();
    expectTypeOf(cafe.placeOrder).toBeCallableWith({ lines: [{ count: 1 }] });
    // @ts-expect-error: deep down a string where a number is due
    void cafe.placeOrder({ lines: [{ count: '1' }] });
    // @ts-expect-error: no such field
    void cafe.placeOrder({ tables: 7 });
  });
});

test('protobuf-es: inits in, messages out', () => {
  compiles(() => {
    const cafe = es.createClient(EsCafe, channel);
    expectTypeOf<keyof typeof cafe>().toEqualTypeOf<Name>();
    expectTypeOf(cafe.placeOrder).returns.toEqualTypeOf<Promise<EsBill>>();
    expectTypeOf(cafe.placeOrder).toBeCallableWith({ lines: [{ count: 1 }] }, { timeoutMs: 5 });
    // @ts-expect-error: deep down a string where a number is due
    void cafe.placeOrder({ lines: [{ count: '1' }] });
    // @ts-expect-error: its services go by createClient of halfclose/protobuf-es
    createClient(EsCafe, channel);
  });
});

test('proto-loader with generated types: the two of each message, the kinds from the handlers', () => {
  type Client = ClientMethodsOf<CafeDefinition, CafeHandlers>;
  type Server = ServerMethodsOf<CafeDefinition, CafeHandlers>;
  expectTypeOf<keyof Client>().toEqualTypeOf<Name | Capitalize<Name>>();
  expectTypeOf<keyof Server>().toEqualTypeOf<Name>();
  expectTypeOf<Client['placeOrder']>().toEqualTypeOf<MethodDescriptor<LoadedOrder, Bill__Output, 'unary'>>();
  expectTypeOf<Client['PlaceOrder']>().toEqualTypeOf<Client['placeOrder']>();
  expectTypeOf<Server['placeOrder']>().toEqualTypeOf<MethodDescriptor<Order__Output, LoadedBill, 'unary'>>();
  expectTypeOf<Client['countCoins']>().toEqualTypeOf<MethodDescriptor<LoadedCoin, Bill__Output, 'client_streaming'>>();
  expectTypeOf<Server['countCoins']>().toEqualTypeOf<MethodDescriptor<Coin__Output, LoadedBill, 'client_streaming'>>();
  expectTypeOf<Client['listDishes']['kind']>().toEqualTypeOf<'server_streaming'>();
  expectTypeOf<Client['smallTalk']['kind']>().toEqualTypeOf<'bidi_streaming'>();
});

test('proto-loader’s own types: messages and kinds are as you say', () => {
  interface CafeMethods {
    placeOrder: MethodDescriptor<{ table?: number }, { total: number }, 'unary'>;
  }
  compiles((loaded: LoadedService = {}) => {
    const cafe = createClient<CafeMethods>(loaded, channel);
    expectTypeOf(cafe.placeOrder).returns.toEqualTypeOf<Promise<{ total: number }>>();
    // @ts-expect-error: a string where a number is due
    void cafe.placeOrder({ table: '7' });
    expectTypeOf(clientMethods<CafeMethods>(loaded)).toEqualTypeOf<CafeMethods>();
    expectTypeOf(serverMethods<CafeMethods>(loaded)).toEqualTypeOf<CafeMethods>();
    implement<CafeMethods>(loaded, { placeOrder: ({ table }) => ({ total: table ?? 0 }) });
    // @ts-expect-error: a string where a number is due
    implement<CafeMethods>(loaded, { placeOrder: () => ({ total: '0' }) });
  });
});

test('without any types a method is called as its kind is', () => {
  compiles(async (loaded: LoadedService = {}, reflected?: protobuf.Service, served: GrpcJsService = {}) => {
    expectTypeOf(createClient(loaded, channel)['placeOrder']).toEqualTypeOf<
      UntypedFunction<object, object> | undefined
    >();
    const cafe = createClient(reflected as protobuf.Service, channel);
    expectTypeOf(cafe['placeOrder']).toEqualTypeOf<UntypedFunction<object, object> | undefined>();
    expectTypeOf(await cafe['placeOrder']?.({ table: 7 })).toEqualTypeOf<object | undefined>();
    for await (const dish of cafe['listDishes']?.({}) ?? []) expectTypeOf(dish).toEqualTypeOf<object>();
    expectTypeOf(await cafe['countCoins']?.().response).toEqualTypeOf<object | undefined>();
    // Its messages are of type any, and so is the result.
    expectTypeOf(await createClient(served, channel)['placeOrder']?.({ table: 7 })).toBeAny();
    implement(loaded, { placeOrder: (order) => order, listDishes: (menu) => [menu] });
    // @ts-expect-error: a package is no service
    createClient({} as PackageDefinition, channel);
  });
});

test('a service of type any is untyped', () => {
  compiles(() => {
    const cafe = createClient(JSON.parse(''), channel);
    expectTypeOf(cafe['placeOrder']).toEqualTypeOf<UntypedFunction<object, object> | undefined>();
  });
});

test('protobuf-ts: its client interface says what its ServiceType does not', () => {
  type Client = ClientMethodsOf<typeof protobufTs.Cafe, ICafeClient>;
  type Server = ServerMethodsOf<typeof protobufTs.Cafe, ICafeClient>;
  expectTypeOf<keyof Client>().toEqualTypeOf<Name>();
  expectTypeOf<Client['placeOrder']>().toEqualTypeOf<
    MethodDescriptor<PartialMessage<protobufTs.Order>, protobufTs.Bill, 'unary'>
  >();
  expectTypeOf<Server['placeOrder']>().toEqualTypeOf<
    MethodDescriptor<protobufTs.Order, PartialMessage<protobufTs.Bill>, 'unary'>
  >();
  expectTypeOf<Server['listDishes']>().toEqualTypeOf<
    MethodDescriptor<protobufTs.Menu, PartialMessage<protobufTs.Dish>, 'server_streaming'>
  >();
  expectTypeOf<Server['countCoins']>().toEqualTypeOf<
    MethodDescriptor<protobufTs.Coin, PartialMessage<protobufTs.Bill>, 'client_streaming'>
  >();
  expectTypeOf<Client['smallTalk']>().toEqualTypeOf<
    MethodDescriptor<PartialMessage<protobufTs.Words>, protobufTs.Words, 'bidi_streaming'>
  >();
});

test('protobuf-ts for grpc-js: its handlers say what its definition does not', () => {
  type Client = ClientMethodsOf<typeof cafeDefinition, ICafe>;
  expectTypeOf<keyof Client>().toEqualTypeOf<Name>();
  expectTypeOf<Client['placeOrder']>().toEqualTypeOf<MethodDescriptor<protobufTs.Order, protobufTs.Bill, 'unary'>>();
  expectTypeOf<Client['listDishes']>().toEqualTypeOf<
    MethodDescriptor<protobufTs.Menu, protobufTs.Dish, 'server_streaming'>
  >();
  expectTypeOf<Client['countCoins']>().toEqualTypeOf<
    MethodDescriptor<protobufTs.Coin, protobufTs.Bill, 'client_streaming'>
  >();
  expectTypeOf<Client['smallTalk']>().toEqualTypeOf<
    MethodDescriptor<protobufTs.Words, protobufTs.Words, 'bidi_streaming'>
  >();
  expectTypeOf<ServerMethodsOf<typeof cafeDefinition, ICafe>>().toEqualTypeOf<Client>();
});

test('grpc-tools: messages are classes, either way', () => {
  type Client = ClientMethodsOf<typeof GoogleCafe>;
  expectTypeOf<keyof Client>().toEqualTypeOf<Name>();
  expectTypeOf<Client['placeOrder']>().toEqualTypeOf<MethodDescriptor<google.Order, google.Bill, 'unary'>>();
  expectTypeOf<Client['smallTalk']>().toEqualTypeOf<MethodDescriptor<google.Words, google.Words, 'bidi_streaming'>>();
  expectTypeOf<ServerMethodsOf<typeof GoogleCafe>>().toEqualTypeOf<Client>();
});

test('pbjs: plain objects in, messages out, by the root’s classes', () => {
  compiles((root: typeof pbjs = {} as typeof pbjs) => {
    const cafe = bind(root, root.cafe.v1.Cafe);
    expectTypeOf<keyof typeof cafe>().toEqualTypeOf<Name>();
    type Client = ClientMethodsOf<typeof cafe>;
    type Server = ServerMethodsOf<typeof cafe>;
    expectTypeOf<Client['placeOrder']>().toEqualTypeOf<
      MethodDescriptor<pbjs.cafe.v1.IOrder, pbjs.cafe.v1.Bill, 'unary'>
    >();
    expectTypeOf<Server['placeOrder']>().toEqualTypeOf<
      MethodDescriptor<pbjs.cafe.v1.Order, pbjs.cafe.v1.Bill.$Properties, 'unary'>
    >();
    expectTypeOf<Client['listDishes']['kind']>().toEqualTypeOf<'server_streaming'>();
    expectTypeOf<Client['countCoins']['kind']>().toEqualTypeOf<'client_streaming'>();
    expectTypeOf<Client['smallTalk']['kind']>().toEqualTypeOf<'bidi_streaming'>();
    // @ts-expect-error: a string where a number is due
    void createClient(cafe, channel).placeOrder({ table: '7' });
    // @ts-expect-error: the class alone has no codec
    createClient(root.cafe.v1.Cafe, channel);
  });
});

test('handlers are told their messages, and may not answer with others', () => {
  const { listDishes, countCoins, smallTalk } = {
    listDishes: () => [],
    countCoins: () => ({ total: 1, items: [] }),
    smallTalk: () => [],
  };
  compiles(() => {
    implement(tsProto.CafeService, {
      placeOrder(order, context) {
        expectTypeOf(order).toEqualTypeOf<tsProto.Order>();
        expectTypeOf(context).toEqualTypeOf<HandlerContext>();
        return { total: 1, items: [] };
      },
      *listDishes(menu) {
        expectTypeOf(menu).toEqualTypeOf<tsProto.Menu>();
        yield { name: '', price: 1 };
      },
      async countCoins(coins) {
        for await (const coin of coins) expectTypeOf(coin).toEqualTypeOf<tsProto.Coin>();
        return { total: 1, items: [] };
      },
      smallTalk: (words) => words,
    });
    es.implement(EsCafe, {
      placeOrder(order) {
        expectTypeOf(order).toEqualTypeOf<EsOrder>();
        return { total: 1 };
      },
      listDishes,
      countCoins,
      smallTalk,
    });
    implement(generic.CafeDefinition, { placeOrder: () => ({ total: 1 }), listDishes, countCoins, smallTalk });
    // @ts-expect-error: this codec fills nothing in
    implement(tsProto.CafeService, { placeOrder: () => ({ total: 1 }), listDishes, countCoins, smallTalk });
    // @ts-expect-error: a string where a number is due
    implement(generic.CafeDefinition, { placeOrder: () => ({ total: '1' }), listDishes, countCoins, smallTalk });
    // @ts-expect-error: a string where a number is due
    es.implement(EsCafe, { placeOrder: () => ({ total: '1' }), listDishes, countCoins, smallTalk });
    // @ts-expect-error: one message where many are due
    implement(generic.CafeDefinition, { placeOrder: () => ({}), listDishes: () => ({}), countCoins, smallTalk });
    // @ts-expect-error: a handler is missing
    implement(tsProto.CafeService, { listDishes, countCoins, smallTalk });
    // @ts-expect-error: its services go by implement of halfclose/protobuf-es
    implement(EsCafe, { listDishes });
  });
});

test('of a oneof nothing is left out, of its message anything may be', () => {
  type Drink = { $case: 'tea'; tea: { grams: number } } | { $case: 'water'; water: Uint8Array };
  type Meal = { drink?: Drink; since: Date; sides: Map<string, { grams: number }>; long: bigint | null };
  expectTypeOf<PartialMessage<Meal>>().toEqualTypeOf<{
    drink?: { $case: 'tea'; tea: { grams?: number | undefined } } | { $case: 'water'; water: Uint8Array } | undefined;
    since?: Date | undefined;
    sides?: Map<string, { grams: number }> | undefined;
    long?: bigint | null | undefined;
  }>();
});

test('the compiler has seen all of it', () => {
  assert.type(compiles, 'function');
});

test.run();
