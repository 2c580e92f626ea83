// A program of a user, as an ES module: serves a service and calls it in both styles. Its package is the packed one.
import {
  ChannelCredentials,
  createChannel,
  createClient as createGenericClient,
  Server,
  ServerCredentials,
  StatusError,
} from 'halfclose';
import { checkHealth, HealthService } from 'halfclose/health';
import { clientMethods, createClient, fileDescriptorsOf, implement, serverMethods } from 'halfclose/protobuf-es';
import { ClientContext, callbackService, newStub } from 'halfclose/reactor';
import { addReflection } from 'halfclose/reflection';
import { startInProcess } from 'halfclose/testing';
import { type Bill, Cafe } from './cafe_pb.mjs';
import { CafeDefinition } from './ts_proto.mjs';

const service = implement(Cafe, {
  placeOrder: ({ table }) => ({ total: table }),
  async *listDishes({ section }, context) {
    context.trailers.set('served-by', 'halfclose');
    yield { name: section };
  },
  async countCoins(coins) {
    let total = 0;
    for await (const { cents } of coins) total += cents;
    return { total };
  },
  smallTalk: (words) => words,
});
const server = new Server()
  .addService(service)
  .addService(new HealthService())
  .addListener({ host: '127.0.0.1', port: 0 }, ServerCredentials.insecure());
addReflection(server, fileDescriptorsOf(Cafe));
await server.start();
const channel = createChannel(`127.0.0.1:${server.port}`, ChannelCredentials.insecure());

const client = createClient(Cafe, channel, { timeoutMs: 5000 });
const bill: Bill = await client.placeOrder({ table: 7 });
for await (const dish of client.listDishes({ section: 'tea' })) dish.name satisfies string;
const sum = await client.countCoins([{ cents: 50 }, { cents: 20 }]);
const talk = client.smallTalk();
await talk.send({ text: 'rain' });
talk.closeSend();
for await (const { text } of talk) text satisfies string;
// @ts-expect-error: a string where a number is due; if all were `any` it would not be refused
void (() => client.placeOrder({ table: '7' }));
// @ts-expect-error: the same in what arrives
for await (const { text } of client.smallTalk([])) text satisfies number;

const generic = createGenericClient(CafeDefinition, channel);
const genericBill: { total: number } = await generic.placeOrder({ lines: [{ count: 1 }], table: 7 });
if (genericBill.total !== bill.total) throw new Error('two generators disagree');
// @ts-expect-error: deep down a string where a number is due
void (() => generic.placeOrder({ lines: [{ count: '1' }] }));

const health: 'UNKNOWN' | 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN' = await checkHealth(channel);
if (health !== 'SERVING') throw new Error('the server is not well');

const stub = newStub(clientMethods(Cafe), channel).async();
const total = await new Promise<number>((resolve) => {
  stub.placeOrder(new ClientContext(), { table: 3 }, (_status, answer) => resolve(answer?.total ?? -1));
});

const rig = await startInProcess(callbackService(serverMethods(Cafe), {}));
const refused = await createClient(Cafe, rig.channel)
  .placeOrder({})
  .catch((error: unknown) => error);
await rig[Symbol.asyncDispose]();

channel.shutdown();
await server[Symbol.asyncDispose]();
const code = refused instanceof StatusError ? refused.code : -1;
console.log(bill.total, sum.total, total, code);
