// A program of a user, as CommonJS that requires the package: from TypeScript 5.8 on, and Node's require(esm).
import { ChannelCredentials, createChannel, Server, ServerCredentials } from 'halfclose';
import { clientMethods, createClient, implement } from 'halfclose/protobuf-es';
import { ClientContext, newStub } from 'halfclose/reactor';
import { type Bill, Cafe } from './cafe_pb.cjs';

async function main(): Promise<void> {
  const service = implement(Cafe, {
    placeOrder: ({ table }) => ({ total: table }),
    async *listDishes({ section }) {
      yield { name: section };
    },
    countCoins: () => ({ total: 70 }),
    smallTalk: (words) => words,
  });
  const server = new Server().addService(service);
  await server.addListener({ host: '127.0.0.1', port: 0 }, ServerCredentials.insecure()).start();
  const channel = createChannel(`127.0.0.1:${server.port}`, ChannelCredentials.insecure());
  const client = createClient(Cafe, channel);
  const bill: Bill = await client.placeOrder({ table: 7 });
  for await (const dish of client.listDishes({ section: 'tea' })) dish.name satisfies string;
  const sum = await client.countCoins([]);
  // @ts-expect-error: a string where a number is due
  void (() => client.placeOrder({ table: '7' }));
  const stub = newStub(clientMethods(Cafe), channel).async();
  const total = await new Promise<number>((resolve) => {
    stub.placeOrder(new ClientContext(), { table: 3 }, (_status, answer) => resolve(answer?.total ?? -1));
  });
  channel.shutdown();
  await server[Symbol.asyncDispose]();
  console.log(bill.total, sum.total, total, 12);
}

main();
