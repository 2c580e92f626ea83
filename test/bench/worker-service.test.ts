/** The benchmark service and the worker service: what each method does, and what becomes of configurations. */
import { once } from 'node:events';
import net from 'node:net';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { bytePayloads } from '../../bench/worker-service/payloads.ts';
import { type ClientSetup, type Started, WorkerConnection } from '../../bench/worker-service/worker-connection.ts';
import { workerService } from '../../bench/worker-service/worker-service.ts';
import { DEFAULT_SETTINGS, type WorkerSettings } from '../../bench/worker-service/worker-settings.ts';
import {
  ChannelCredentials,
  type Client,
  Code,
  createClient as createBytesClient,
  createChannel,
  type DirectChannel,
  Server,
  ServerCredentials,
  StatusError,
} from '../../src/index.ts';
import { type ClientMethods, createClient } from '../../src/stub/codec/protobuf-es.ts';
import { BenchmarkService } from '../interop/gen/grpc/testing/benchmark_service_pb.ts';
import {
  type ClientStatus,
  RpcType,
  ServerConfigSchema,
  type ServerStatus,
  ServerType,
} from '../interop/gen/grpc/testing/control_pb.ts';
import type { PayloadConfigSchema } from '../interop/gen/grpc/testing/payloads_pb.ts';
import type { ClientStats } from '../interop/gen/grpc/testing/stats_pb.ts';
import { WorkerService } from '../interop/gen/grpc/testing/worker_service_pb.ts';
import { certificates } from '../support/certificates.ts';
import { assert, suite, within } from '../support/suite.ts';

const test = suite('bench worker');
const PATIENCE_MS = 8_000;

type PayloadInit = MessageInitShape<typeof PayloadConfigSchema>;
const SIMPLE: PayloadInit = { payload: { case: 'simpleParams', value: { reqSize: 20, respSize: 30 } } };
const BYTES: PayloadInit = { payload: { case: 'bytebufParams', value: { reqSize: 20, respSize: 30 } } };

const LOAD = {
  outstandingRpcsPerChannel: 3,
  clientChannels: 2,
  payloadConfig: SIMPLE,
  loadParams: { load: { case: 'closedLoop', value: {} } },
  histogramParams: { resolution: 0.01, maxPossible: 60e9 },
} as const satisfies ClientSetup;

/** A worker in this process, and what connects to it. */
interface Rig extends AsyncDisposable {
  readonly connection: WorkerConnection;
  readonly channel: DirectChannel;
  readonly quits: number;
}

async function startWorker(settings: Partial<WorkerSettings> = {}): Promise<Rig> {
  let quits = 0;
  const server = new Server()
    .addService(workerService({ ...DEFAULT_SETTINGS, ...settings }, () => (quits += 1)))
    .addListener({ host: '127.0.0.1', port: 0 }, ServerCredentials.insecure());
  await server.start();
  const connection = new WorkerConnection(`127.0.0.1:${server.port}`);
  const channel = createChannel(`127.0.0.1:${server.port}`, ChannelCredentials.insecure());
  return {
    connection,
    channel,
    get quits() {
      return quits;
    },
    async [Symbol.asyncDispose]() {
      await connection.close();
      channel.shutdownNow();
      server.shutdownNow();
      await server.awaitTermination();
    },
  };
}

/** Runs a benchmark server of that payload and calls it. */
async function calling(
  payloadConfig: PayloadInit | null,
  act: (client: Client<ClientMethods<typeof BenchmarkService>>, channel: DirectChannel) => Promise<void>,
): Promise<void> {
  await using rig = await startWorker();
  const server = await rig.connection.startServer(payloadConfig === null ? {} : { payloadConfig });
  await using channel = createChannel(`127.0.0.1:${server.first.port}`, ChannelCredentials.insecure());
  await within(PATIENCE_MS, act(createClient(BenchmarkService, channel), channel), 'the calls');
  channel.shutdownNow();
}

const asking = (responseSize: number) => ({ responseSize, payload: { body: new Uint8Array(9) } });

test('UnaryCall and StreamingCall answer each request with as many bytes as it asks for', () =>
  calling(null, async (client) => {
    assert.is((await client.unaryCall(asking(70_000))).payload?.body.length, 70_000);
    assert.is((await client.unaryCall({})).payload?.body.length, 0);
    await using call = client.streamingCall();
    for (const size of [5, 0, 40_000]) {
      await call.send(asking(size));
      assert.is((await call.next()).value?.payload?.body.length, size);
    }
    call.closeSend();
    assert.is((await call.next()).done, true);
    assert.is((await call.status).code, Code.OK);
  }));

test('StreamingCall stops reading while nobody reads its answers, and goes on', () =>
  calling(null, async (client) => {
    await using call = client.streamingCall();
    const large = { responseSize: 200_000, payload: { body: new Uint8Array(200_000) } };
    for (let i = 0; i < 50; i += 1) void call.send(large);
    call.closeSend();
    let answers = 0;
    for await (const { payload } of call) answers += payload?.body.length === 200_000 ? 1 : 0;
    assert.is(answers, 50);
  }));

test('StreamingFromClient answers once, to the last request', () =>
  calling(null, async (client) => {
    const response = await client.streamingFromClient([asking(1), asking(2), asking(300)]);
    assert.is(response.payload?.body.length, 300);
    assert.is((await client.streamingFromClient([])).payload?.body.length, 0);
  }));

test('StreamingFromServer answers until the client goes', () =>
  calling(null, async (client) => {
    let answers = 0;
    for await (const { payload } of client.streamingFromServer(asking(1000))) {
      assert.is(payload?.body.length, 1000);
      answers += 1;
      if (answers === 200) break;
    }
    assert.is(answers, 200);
  }));

test('StreamingBothWays answers until the client half-closes, whatever it sends', () =>
  calling(null, async (client) => {
    await using call = client.streamingBothWays();
    await call.send(asking(1000));
    for (let i = 0; i < 200; i += 1) assert.is((await call.next()).value?.payload?.body.length, 1000);
    for (let i = 0; i < 20; i += 1) await call.send(asking(1));
    call.closeSend();
    for await (const { payload } of call) assert.is(payload?.body.length, 1000);
    assert.is((await call.status).code, Code.OK);
  }));

test('a server of bytes answers as many as its configuration says', () =>
  calling(BYTES, async (_, channel) => {
    const { methods } = bytePayloads(0, 0);
    const client = createBytesClient({ ...methods }, channel);
    assert.is((await client.unaryCall(new Uint8Array([255, 255]))).length, 30);
    assert.is((await client.streamingFromClient([new Uint8Array(3)])).length, 30);
    await using call = client.streamingCall();
    await call.send(new Uint8Array(4));
    assert.is((await call.next()).value?.length, 30);
  }));

/** Asks a client until it has done what is waited for. */
async function until(client: Started<ClientStatus>, isEnough: (stats: ClientStats) => boolean): Promise<ClientStats> {
  for (;;) {
    const { stats } = await client.mark(false);
    if (stats !== undefined && isEnough(stats)) return stats;
  }
}

const hasDone = (count: number) => (stats: ClientStats) => (stats.latencies?.count ?? 0) >= count;
const resultsOf = ({ requestResults }: ClientStats): number[] => requestResults.map(({ statusCode }) => statusCode);

const KINDS: readonly [name: string, setup: { rpcType: RpcType; messagesPerStream?: number }, isCounted: boolean][] = [
  ['UNARY', { rpcType: RpcType.UNARY }, true],
  ['STREAMING', { rpcType: RpcType.STREAMING }, false],
  ['STREAMING in streams of 4', { rpcType: RpcType.STREAMING, messagesPerStream: 4 }, true],
  ['STREAMING_FROM_CLIENT', { rpcType: RpcType.STREAMING_FROM_CLIENT }, false],
  ['STREAMING_FROM_CLIENT in streams of 5', { rpcType: RpcType.STREAMING_FROM_CLIENT, messagesPerStream: 5 }, true],
  ['STREAMING_FROM_SERVER', { rpcType: RpcType.STREAMING_FROM_SERVER }, false],
  ['STREAMING_BOTH_WAYS', { rpcType: RpcType.STREAMING_BOTH_WAYS }, false],
  ['STREAMING_BOTH_WAYS in streams of 6', { rpcType: RpcType.STREAMING_BOTH_WAYS, messagesPerStream: 6 }, true],
];

for (const [name, setup, isCounted] of KINDS) {
  for (const payloadConfig of [SIMPLE, BYTES]) {
    test(`a client makes load: ${name}, ${payloadConfig.payload?.case}`, async () => {
      await using rig = await startWorker();
      const server = await rig.connection.startServer({ payloadConfig });
      const serverTargets = [`127.0.0.1:${server.first.port}`];
      const client = await rig.connection.startClient({ ...LOAD, ...setup, payloadConfig, serverTargets });
      const enough = (stats: ClientStats): boolean => hasDone(200)(stats) && resultsOf(stats).length === +isCounted;
      const stats = await within(PATIENCE_MS, until(client, enough), '200 operations');
      assert.equal(resultsOf(stats), isCounted ? [Code.OK] : []);
      const { latencies } = stats;
      assert.is(
        latencies?.bucket.reduce((sum, count) => sum + count),
        latencies?.count,
      );
      assert.ok(stats.timeElapsed > 0 && stats.timeUser > 0);
      await client.stop();
      await server.stop();
    });
  }
}

for (const rpcType of [RpcType.UNARY, RpcType.STREAMING]) {
  test(`a client makes load at random moments: ${RpcType[rpcType]}`, async () => {
    await using rig = await startWorker();
    const server = await rig.connection.startServer({});
    const serverTargets = [`127.0.0.1:${server.first.port}`];
    const loadParams = { load: { case: 'poisson', value: { offeredLoad: 2_000 } } } as const;
    const client = await rig.connection.startClient({ ...LOAD, rpcType, loadParams, serverTargets });
    await within(PATIENCE_MS, until(client, hasDone(100)), '100 operations');
    await client.stop();
    await server.stop();
  });
}

test('a mark that resets gives what was, and lets measuring begin anew', async () => {
  await using rig = await startWorker();
  const server = await rig.connection.startServer({});
  const serverTargets = [`127.0.0.1:${server.first.port}`];
  const startMs = performance.now();
  const client = await rig.connection.startClient({ ...LOAD, serverTargets });
  const before = await within(PATIENCE_MS, until(client, hasDone(100)), '100 calls');
  // Without a server nothing is added any more.
  await server.stop();
  const reset = (await client.mark(true)).stats;
  const after = (await client.mark(false)).stats;
  assert.ok(reset !== undefined && after !== undefined);
  assert.ok((reset.latencies?.count ?? 0) >= (before.latencies?.count ?? 0));
  assert.ok(reset.timeElapsed >= before.timeElapsed);
  // One began where the other ended: both lie within the time of this test.
  assert.ok(reset.timeElapsed + after.timeElapsed <= (performance.now() - startMs) / 1000);
  assert.equal([after.latencies?.count, after.latencies?.maxSeen, after.latencies?.sum], [0, 0, 0]);
  assert.ok(after.latencies?.bucket.every((count) => count === 0));
  assert.not.ok(resultsOf(after).includes(Code.OK));
});

test('a server reports its port, its cores and its time', async () => {
  await using rig = await startWorker();
  const startMs = performance.now();
  const server = await rig.connection.startServer({ serverType: ServerType.ASYNC_GENERIC_SERVER });
  assert.ok(server.first.port > 0 && server.first.cores > 0);
  for (let i = 0; i < 50; i += 1) await server.mark(false);
  const { stats: first } = await server.mark(true);
  const { stats: second, port } = await server.mark(false);
  assert.is(port, server.first.port);
  assert.ok(first !== undefined && second !== undefined);
  // One began where the other ended: both lie within the time of this test.
  assert.ok(first.timeElapsed + second.timeElapsed <= (performance.now() - startMs) / 1000);
  assert.ok(first.timeUser > 0 && second.timeUser + second.timeSystem >= 0);
  assert.is(await rig.connection.coreCount(PATIENCE_MS), server.first.cores);
});

/** Whether somebody listens there. */
async function isListening(port: number): Promise<boolean> {
  const socket = net.connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function untilSilent(port: number): Promise<void> {
  while (await isListening(port));
}

test('a server ends with its stream, by half-close or by cancellation, and with a second setup', async () => {
  await using rig = await startWorker();
  const stopped = await rig.connection.startServer({});
  await stopped.stop();
  assert.is(await isListening(stopped.first.port), false);

  await using call = createClient(WorkerService, rig.channel).runServer();
  const setup = { argtype: { case: 'setup', value: {} } } as const;
  const ports: number[] = [];
  for (let i = 0; i < 2; i += 1) {
    await call.send(setup);
    const { value } = await call.next();
    ports.push((value as ServerStatus).port);
  }
  const [first = 0, second = 0] = ports;
  assert.equal([await isListening(first), await isListening(second)], [false, true]);
  call.cancel();
  await within(PATIENCE_MS, untilSilent(second), 'the server to end');
});

test('calls that fail are counted by status, and marks are heard meanwhile', async () => {
  await using rig = await startWorker();
  const empty = new Server().addListener({ host: '127.0.0.1', port: 0 }, ServerCredentials.insecure());
  await empty.start();
  try {
    for (const rpcType of [RpcType.UNARY, RpcType.STREAMING, RpcType.STREAMING_FROM_CLIENT]) {
      const serverTargets = [`127.0.0.1:${empty.port}`];
      const client = await rig.connection.startClient({ ...LOAD, rpcType, serverTargets });
      const failing = until(client, ({ requestResults }) => (requestResults[0]?.count ?? 0n) > 20n);
      const stats = await within(PATIENCE_MS, failing, '20 failures');
      assert.equal(resultsOf(stats), [Code.UNIMPLEMENTED]);
      assert.is(rpcType === RpcType.STREAMING_FROM_CLIENT || stats.latencies?.count === 0, true);
      await client.stop();
    }
  } finally {
    empty.shutdownNow();
    await empty.awaitTermination();
  }
});

test('a client outlives its server, and calls the next one at its place', async () => {
  await using rig = await startWorker();
  for (const rpcType of [RpcType.UNARY, RpcType.STREAMING]) {
    const server = await rig.connection.startServer({});
    const { port } = server.first;
    const client = await rig.connection.startClient({ ...LOAD, rpcType, serverTargets: [`127.0.0.1:${port}`] });
    await within(PATIENCE_MS, until(client, hasDone(10)), '10 operations');
    await server.stop();
    if (rpcType === RpcType.STREAMING) {
      // A unary call that the server has not begun is made again, in silence; a stream that runs is lost.
      const lost = until(client, (stats) => resultsOf(stats).length > 0);
      assert.not.equal(resultsOf(await within(PATIENCE_MS, lost, 'lost streams')), [Code.OK]);
    }
    await client.mark(true);
    const next = await rig.connection.startServer({ port });
    await within(PATIENCE_MS, until(client, hasDone(10)), '10 operations more');
    await client.stop();
    await next.stop();
  }
});

test('a client waits for a server that is not there yet', async () => {
  await using rig = await startWorker();
  const early = await rig.connection.startServer({});
  await early.stop();
  const { port } = early.first;
  const client = await rig.connection.startClient({ ...LOAD, serverTargets: [`127.0.0.1:${port}`] });
  const server = await rig.connection.startServer({ port });
  const stats = await within(PATIENCE_MS, until(client, hasDone(10)), '10 calls');
  assert.equal(resultsOf(stats), [Code.OK]);
  await client.stop();
  await server.stop();
});

test('TLS by the certificates of the command line', async () => {
  const { ca, elsewhere } = await certificates();
  await using rig = await startWorker({ cert: elsewhere.cert, key: elsewhere.key, ca: ca.cert });
  const securityParams = { useTestCa: true, serverHostOverride: 'elsewhere.test' };
  const server = await rig.connection.startServer({ securityParams });
  const serverTargets = [`127.0.0.1:${server.first.port}`];
  const client = await rig.connection.startClient({ ...LOAD, securityParams, serverTargets });
  const stats = await within(PATIENCE_MS, until(client, hasDone(50)), '50 calls');
  assert.equal(resultsOf(stats), [Code.OK]);
  await client.stop();
  await server.stop();
});

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error = await within(PATIENCE_MS, promise, 'a refusal').then(
    () => null,
    (reason: unknown) => reason,
  );
  assert.instance(error, StatusError);
  return (error as StatusError).message;
}

const TARGETS = { serverTargets: ['127.0.0.1:1'] };
const INVALID: readonly [ClientSetup, RegExp][] = [
  [LOAD, /INVALID_ARGUMENT: server_targets is empty/],
  [{ ...LOAD, serverTargets: ['nonsense:port'] }, /INVALID_ARGUMENT/],
  [{ ...LOAD, ...TARGETS, clientChannels: 0 }, /INVALID_ARGUMENT: client_channels is at least 1, not 0/],
  [{ ...LOAD, ...TARGETS, outstandingRpcsPerChannel: -1 }, /INVALID_ARGUMENT: outstanding_rpcs_per_channel/],
  [{ ...LOAD, ...TARGETS, rpcType: 77 as RpcType }, /INVALID_ARGUMENT: there is no rpc_type 77/],
  [{ ...LOAD, ...TARGETS, loadParams: {} }, /INVALID_ARGUMENT: load_params/],
  [{ ...LOAD, ...TARGETS, loadParams: { load: { case: 'poisson', value: {} } } }, /INVALID_ARGUMENT: offered_load/],
  [{ ...LOAD, ...TARGETS, histogramParams: { resolution: 0.1 } }, /INVALID_ARGUMENT: no histogram/],
  [{ ...LOAD, ...TARGETS, securityParams: { useTestCa: true } }, /FAILED_PRECONDITION: .*--ca_file/],
  [
    {
      ...LOAD,
      ...TARGETS,
      rpcType: RpcType.STREAMING_BOTH_WAYS,
      loadParams: { load: { case: 'poisson', value: { offeredLoad: 1 } } },
    },
    /INVALID_ARGUMENT: poisson is for/,
  ],
];

test('what a configuration cannot have is refused in words', async () => {
  await using rig = await startWorker();
  const { connection } = rig;
  for (const [setup, text] of INVALID) assert.match(await refusal(connection.startClient(setup)), text);
  assert.match(await refusal(connection.startServer({ securityParams: {} })), /FAILED_PRECONDITION: .*--tls_cert_file/);
  const complex: PayloadInit = { payload: { case: 'complexParams', value: {} } };
  assert.match(await refusal(connection.startServer({ payloadConfig: complex })), /UNIMPLEMENTED/);
  const server = await connection.startServer({});
  assert.match(await refusal(connection.startServer({ port: server.first.port })), /UNAVAILABLE: .*EADDRINUSE/);
});

test('a mark before the setup is refused, and so is nothing at all', async () => {
  await using rig = await startWorker();
  for (const argtype of [{ case: 'mark', value: {} } as const, { case: undefined } as const]) {
    const client = createClient(WorkerService, rig.channel);
    for (const call of [client.runServer(), client.runClient()]) {
      void call.send({ argtype });
      assert.match(await refusal(call.next()), /INVALID_ARGUMENT: the first message is a setup/);
    }
  }
});

test('a field that nobody here knows does no harm', async () => {
  await using rig = await startWorker();
  const config = create(ServerConfigSchema, { serverType: ServerType.SYNC_SERVER });
  config.$unknown = [{ no: 1500, wireType: 0, data: new Uint8Array([7]) }];
  const server = await rig.connection.startServer(config);
  assert.ok(server.first.port > 0);
  await server.stop();
});

test('QuitWorker is answered, and heard', async () => {
  await using rig = await startWorker();
  await rig.connection.quit();
  assert.is(rig.quits, 1);
});

test.run();
