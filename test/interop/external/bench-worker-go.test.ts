/**
 * The benchmark worker of halfclose and that of grpc-go: either serves, either calls, under one driver; and grpc-go as an end of
 * the benchmark's own runner. Needs Go.
 */
// file-timeout: 1200 s
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { readOptions } from '../../../bench/options.ts';
import { grpcGoWorker } from '../../../bench/peers/grpc-go.ts';
import { runScenario as runContenders } from '../../../bench/runner.ts';
import { runScenario } from '../../../bench/worker-service/driver.ts';
import { bucketsOf, USUAL_LAYOUT } from '../../../bench/worker-service/histogram.ts';
import { OWN_WORKER, WorkerProgram } from '../../../bench/worker-service/worker-program.ts';
import { assert, suite, within } from '../../support/suite.ts';
import { makeCertificates, SERVER_NAME, type TlsFiles, writeCertificates } from '../certificates.ts';
import { RpcType, type ScenarioResult, ScenarioSchema, ServerType } from '../gen/grpc/testing/control_pb.ts';
import type { PayloadConfigSchema } from '../gen/grpc/testing/payloads_pb.ts';

const test = suite('benchmark workers: halfclose and grpc-go');
const PATIENCE_MS = 60_000;
const TIMES = { warmUpMs: 100, benchmarkMs: 500 };
const tool = grpcGoWorker();

const folder = mkdtempSync(path.join(tmpdir(), 'halfclose-worker-'));
let files: TlsFiles | null = null;

test.before(async () => {
  files = writeCertificates(folder, await makeCertificates());
});
test.after(() => rmSync(folder, { recursive: true }));

type WorkerName = 'halfclose' | 'grpc-go';

/** Both programs have the same flags. */
function commandLine(name: WorkerName): string[] {
  const program = name === 'halfclose' ? [...OWN_WORKER] : 'missing' in tool ? [] : [tool.path];
  if (files === null) throw new Error('there are no certificates');
  return [...program, `--tls_cert_file=${files.cert}`, `--tls_key_file=${files.key}`, `--ca_file=${files.ca}`];
}

interface Case {
  readonly rpcType: RpcType;
  readonly payload: 'simpleParams' | 'bytebufParams';
  readonly isTls: boolean;
}

function scenarioOf({ rpcType, payload, isTls }: Case) {
  const value = { reqSize: 100, respSize: 2_000 };
  const payloadConfig: MessageInitShape<typeof PayloadConfigSchema> = { payload: { case: payload, value } };
  const isBytes = payload === 'bytebufParams';
  const security = isTls ? { securityParams: { useTestCa: true, serverHostOverride: SERVER_NAME } } : {};
  return create(ScenarioSchema, {
    name: `${RpcType[rpcType]}, ${payload}`,
    numServers: 1,
    numClients: 1,
    serverConfig: {
      serverType: isBytes ? ServerType.ASYNC_GENERIC_SERVER : ServerType.ASYNC_SERVER,
      ...(isBytes ? { payloadConfig } : {}),
      ...security,
    },
    clientConfig: {
      clientChannels: 2,
      outstandingRpcsPerChannel: 5,
      rpcType,
      payloadConfig,
      loadParams: { load: { case: 'closedLoop', value: {} } },
      histogramParams: USUAL_LAYOUT,
      ...security,
    },
  });
}

function check({ latencies, summary, clientStats, serverStats, serverCores }: ScenarioResult): void {
  assert.ok(latencies !== undefined && summary !== undefined);
  assert.ok(latencies.count > 0);
  assert.is(latencies.bucket.length, bucketsOf(USUAL_LAYOUT));
  assert.is(
    latencies.bucket.reduce((sum, count) => sum + count),
    latencies.count,
  );
  assert.ok(latencies.minSeen <= summary.latency50 && summary.latency50 <= latencies.maxSeen);
  assert.ok(
    latencies.minSeen * latencies.count <= latencies.sum && latencies.sum <= latencies.maxSeen * latencies.count,
  );
  for (const stats of [...clientStats, ...serverStats]) {
    assert.ok(stats.timeElapsed >= TIMES.benchmarkMs / 1000);
    assert.ok(stats.timeUser > 0);
  }
  assert.ok(serverCores.every((cores) => cores > 0));
}

const PAIRS: readonly [server: WorkerName, client: WorkerName][] = [
  ['halfclose', 'grpc-go'],
  ['grpc-go', 'halfclose'],
];

const CASES: readonly Case[] = [
  { rpcType: RpcType.UNARY, payload: 'simpleParams', isTls: false },
  { rpcType: RpcType.STREAMING, payload: 'simpleParams', isTls: false },
  { rpcType: RpcType.STREAMING, payload: 'bytebufParams', isTls: false },
  { rpcType: RpcType.UNARY, payload: 'simpleParams', isTls: true },
];

for (const [serverName, clientName] of PAIRS) {
  for (const one of CASES) {
    const title = `${serverName} serves, ${clientName} calls: ${RpcType[one.rpcType]}, ${one.payload}${one.isTls ? ', TLS' : ''}`;
    if ('missing' in tool) {
      test.skip(title, tool.missing);
      continue;
    }
    test(title, { timeoutMs: PATIENCE_MS }, async () => {
      await using server = await WorkerProgram.start(commandLine(serverName));
      await using client = await WorkerProgram.start(commandLine(clientName));
      const run = runScenario(scenarioOf(one), [server.target, client.target], TIMES);
      const result = await within(PATIENCE_MS, run, 'the scenario');
      check(result);
      const statuses = result.requestResults.map(({ statusCode }) => statusCode);
      // grpc-go's worker counts no statuses; streams do not end by themselves.
      assert.equal(statuses, clientName === 'halfclose' && one.rpcType === RpcType.UNARY ? [0] : []);
    });
  }
}

/** Runs a scenario as the benchmark does, in one short round. */
async function runBench(scenario: string, stacks: string) {
  const options = readOptions(['--scenario', scenario, '--stack', stacks, '--rounds', '1', '--round-ms', '200']);
  if (typeof options === 'string') throw new Error('a text');
  const [first] = options.scenarios;
  if (first === undefined) throw new Error('no scenario');
  return await runContenders(first, options.contendersOf(first), {
    ...options.effort,
    warmUpMs: 50,
    node: process.execPath,
    tls: { ca: '', cert: '', key: '' },
    onProgress: () => {},
  });
}

const CROSS = 'calls>grpc-go,grpc-go>calls,floor>grpc-go,grpc-go';

for (const scenario of ['unary-32-16', 'ping-pong-1']) {
  const title = `the benchmark runs grpc-go at either end: ${scenario}`;
  if ('missing' in tool) {
    test.skip(title, tool.missing);
    continue;
  }
  test(title, { timeoutMs: PATIENCE_MS }, async () => {
    const { results, failures } = await runBench(scenario, CROSS);
    assert.equal(failures, []);
    assert.equal(
      results.map(({ contender }) => contender),
      ['calls > grpc-go', 'grpc-go > calls', 'floor > grpc-go', 'grpc-go'],
    );
    for (const { contender, samples, latency } of results) {
      const [sample] = samples;
      assert.ok(
        sample !== undefined && sample.operations > 0 && sample.clientCpuUs > 0 && sample.serverCpuUs > 0,
        contender,
      );
      assert.is(latency !== null, scenario.startsWith('unary'));
      assert.ok(latency === null || (latency.p50 > 0 && latency.p50 <= latency.max));
    }
  });
}

test('what grpc-go cannot do is said in one line', { timeoutMs: PATIENCE_MS }, async () => {
  for (const scenario of ['download-32', 'upload-32', 'idle', 'churn', 'slow-reader-32', 'tls', 'gzip', 'metadata']) {
    const { results, failures } = await runBench(scenario, 'calls>grpc-go,grpc-go>calls');
    assert.is(results.length, 0);
    for (const { reason } of failures) assert.match(reason, /^grpc-go.*$/);
    assert.is(failures.length, 2);
  }
});

test.run();
