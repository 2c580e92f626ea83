/**
 * One definition of proto-loader at both ends, grpc-js at one of them: a call of ours and a handler of ours are what grpc-js
 * makes of the same object, and any generator's client meets any other's server.
 */
import {
  type Client,
  credentials,
  Server as GrpcJsServer,
  ServerCredentials as GrpcJsServerCredentials,
  loadPackageDefinition,
  type ServiceClientConstructor,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { createChannel } from '../../src/channel/create-channel.ts';
import { ChannelCredentials } from '../../src/credentials/channel-credentials.ts';
import { ServerCredentials } from '../../src/credentials/server-credentials.ts';
import { Server } from '../../src/server/server.ts';
import { createClient } from '../../src/stub/client.ts';
import * as es from '../../src/stub/codec/protobuf-es.ts';
import { bind } from '../../src/stub/codec/protobufjs.ts';
import { implement } from '../../src/stub/implement.ts';
import type { ClientMethodsOf, ServerMethodsOf } from '../../src/stub/service-methods.ts';
import { assert, suite, within } from '../support/suite.ts';
import { CAFE, visit } from './generators/cafe.ts';
import { loadGrpcObject, loadPbjs, loadProto } from './generators/fixtures.ts';
import type {
  CafeDefinition,
  CafeHandlers,
  CafeClient as GrpcJsCafe,
} from './generators/gen/proto-loader/cafe/v1/Cafe.ts';
import { Cafe as EsCafe } from './generators/gen/protobuf-es/cafe_pb.ts';
import type { ICafeClient } from './generators/gen/protobuf-ts/cafe.client.ts';
import { Cafe as ProtobufTsCafe } from './generators/gen/protobuf-ts/cafe.ts';
import { CafeDefinition as GenericCafe } from './generators/gen/ts-proto-generic/cafe.ts';
import { CafeService } from './generators/gen/ts-proto-grpc-js/cafe.ts';

const PATIENCE_MS = 5_000;

/** The same handlers as grpc-js wants them. */
const GRPC_JS_CAFE: CafeHandlers = {
  PlaceOrder: (call, respond) => respond(null, CAFE.placeOrder(call.request)),
  ListDishes(call) {
    for (const dish of CAFE.listDishes(call.request)) call.write(dish);
    call.end();
  },
  async CountCoins(call, respond) {
    respond(null, await CAFE.countCoins(call));
  },
  // A loop over the call would destroy it, writing side and all, when it has read the last request.
  SmallTalk(call) {
    call.on('data', ({ text }) => call.write({ text: `${text}?` }));
    call.on('end', () => call.end());
  },
};

async function startGrpcJs(): Promise<{ port: number } & AsyncDisposable> {
  const server = new GrpcJsServer();
  server.addService(loadGrpcObject().cafe.v1.Cafe.service, GRPC_JS_CAFE as UntypedServiceImplementation);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', GrpcJsServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { port, [Symbol.asyncDispose]: async () => server.forceShutdown() };
}

const test = suite('services of every generator, on the wire');

test('every client is served by grpc-js', async () => {
  await using server = await startGrpcJs();
  await using channel = createChannel(`127.0.0.1:${server.port}`, ChannelCredentials.insecure());
  const root = await loadPbjs();
  const { service } = loadGrpcObject().cafe.v1.Cafe;
  const clients = [
    createClient<ClientMethodsOf<CafeDefinition, CafeHandlers>>(service, channel),
    createClient(CafeService, channel),
    createClient(GenericCafe, channel),
    createClient<ClientMethodsOf<typeof ProtobufTsCafe, ICafeClient>>(ProtobufTsCafe, channel),
    createClient(bind(root, root.cafe.v1.Cafe), channel),
    es.createClient(EsCafe, channel),
  ];
  for (const client of clients) await within(PATIENCE_MS, visit(client), 'a visit');
});

test('every implementation serves grpc-js', async () => {
  const root = await loadPbjs();
  const { service } = loadGrpcObject().cafe.v1.Cafe;
  const implementations = [
    implement<ServerMethodsOf<CafeDefinition, CafeHandlers>>(service, CAFE),
    implement(CafeService, CAFE),
    implement(GenericCafe, CAFE),
    implement<ServerMethodsOf<typeof ProtobufTsCafe, ICafeClient>>(ProtobufTsCafe, CAFE),
    implement(bind(root, root.cafe.v1.Cafe), CAFE),
    es.implement(EsCafe, CAFE),
  ];
  for (const implementation of implementations) {
    await using server = new Server().addService(implementation);
    await server.addListener({ host: '127.0.0.1', port: 0 }, ServerCredentials.insecure()).start();
    const client = grpcJsCafe(server.port);
    try {
      await within(PATIENCE_MS, visitGrpcJs(client), 'a visit');
    } finally {
      client.close();
    }
  }
});

function grpcJsCafe(port: number): GrpcJsCafe {
  const { cafe } = loadPackageDefinition(loadProto()) as { cafe: { v1: { Cafe: ServiceClientConstructor } } };
  const client: Client = new cafe.v1.Cafe(`127.0.0.1:${port}`, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  });
  return client as GrpcJsCafe;
}

function visitGrpcJs(client: GrpcJsCafe): Promise<void> {
  return visit({
    placeOrder: (order) => promised((done) => client.placeOrder(order, done)),
    listDishes: (menu) => client.listDishes(menu),
    countCoins: (coins) =>
      promised((done) => {
        const call = client.countCoins(done);
        for (const coin of coins) call.write(coin);
        call.end();
      }),
    smallTalk(words) {
      const call = client.smallTalk();
      for (const said of words) call.write(said);
      call.end();
      return call;
    },
  });
}

function promised<T>(start: (done: (error: Error | null, value?: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => (error === null && value !== undefined ? resolve(value) : reject(error)));
  });
}

test('grpc-js’s own definition object is the service', () => {
  const { service } = loadGrpcObject().cafe.v1.Cafe;
  assert.is(implement<object>(service, {}).methods()[0]?.method.schema, service.PlaceOrder);
});

test.run();
