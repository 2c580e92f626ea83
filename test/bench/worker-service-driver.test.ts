/** Worker and driver as programs, ours with ours: gRPC's own way to measure, on halfclose alone. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { create, fromJsonString, type MessageInitShape } from '@bufbuild/protobuf';
import { quitWorkers, runScenario } from '../../bench/worker-service/driver.ts';
import { OWN_WORKER, WorkerProgram } from '../../bench/worker-service/worker-program.ts';
import { StatusError } from '../../src/index.ts';
import { RpcType, ScenarioResultSchema, ScenarioSchema } from '../interop/gen/grpc/testing/control_pb.ts';
import { assert, suite, within } from '../support/suite.ts';

const test = suite('bench worker and driver');
const PATIENCE_MS = 30_000;
const TIMES = { warmUpMs: 50, benchmarkMs: 300 };
const DRIVER = path.join(import.meta.dirname, '..', '..', 'bench', 'worker-service', 'driver-main.js');

const SCENARIO: MessageInitShape<typeof ScenarioSchema> = {
  name: 'short',
  numServers: 1,
  numClients: 1,
  serverConfig: {},
  clientConfig: {
    clientChannels: 1,
    outstandingRpcsPerChannel: 10,
    rpcType: RpcType.UNARY,
    loadParams: { load: { case: 'closedLoop', value: {} } },
    payloadConfig: { payload: { case: 'simpleParams', value: { reqSize: 32, respSize: 32 } } },
    histogramParams: { resolution: 0.01, maxPossible: 60e9 },
  },
};

test('a server and two clients: rates are added up, latencies merged', { timeoutMs: PATIENCE_MS }, async () => {
  await using server = await WorkerProgram.start(OWN_WORKER);
  await using first = await WorkerProgram.start(OWN_WORKER);
  await using second = await WorkerProgram.start(OWN_WORKER);
  const scenario = create(ScenarioSchema, { ...SCENARIO, numClients: 2 });
  const result = await runScenario(scenario, [server.target, first.target, second.target], TIMES);
  const { summary, latencies, clientStats, serverStats } = result;
  assert.equal([clientStats.length, serverStats.length], [2, 1]);
  const counts = clientStats.map((stats) => stats.latencies?.count ?? 0);
  assert.ok(counts.every((count) => count > 0));
  assert.is(
    latencies?.count,
    counts.reduce((sum, count) => sum + count),
  );
  assert.ok(summary !== undefined && latencies !== undefined);
  const rates = clientStats.map((stats) => (stats.latencies?.count ?? 0) / stats.timeElapsed);
  assert.is(
    summary.qps,
    rates.reduce((sum, rate) => sum + rate),
  );
  const points = [summary.latency50, summary.latency90, summary.latency95, summary.latency99, summary.latency999];
  assert.equal(
    points,
    [...points].sort((a, b) => a - b),
  );
  assert.ok(summary.latency50 >= latencies.minSeen && summary.latency999 <= latencies.maxSeen);
  assert.equal(
    result.requestResults.map(({ statusCode }) => statusCode),
    [0],
  );
  assert.ok(summary.failedRequestsPerSecond === 0 && summary.successfulRequestsPerSecond > 0);
  for (const time of [summary.serverUserTime, summary.clientUserTime]) assert.ok(time > 0, `${time} %`);
});

test('what a worker refuses, the driver says; too few workers are no scenario', {
  timeoutMs: PATIENCE_MS,
}, async () => {
  await using worker = await WorkerProgram.start(OWN_WORKER);
  const scenario = create(ScenarioSchema, SCENARIO);
  const few = await runScenario(scenario, [worker.target], TIMES).catch((error: unknown) => error);
  assert.instance(few, RangeError);
  const broken = create(ScenarioSchema, { ...SCENARIO, clientConfig: {} });
  const refused = await runScenario(broken, [worker.target, worker.target], TIMES).catch((error: unknown) => error);
  assert.instance(refused, StatusError);
  assert.match((refused as StatusError).message, /INVALID_ARGUMENT/);
});

test('a worker that is told to quit ends, though something runs in it', { timeoutMs: PATIENCE_MS }, async () => {
  await using worker = await WorkerProgram.start(OWN_WORKER);
  await worker.connection.startServer({});
  await quitWorkers([worker.target]);
  assert.equal(await within(PATIENCE_MS, worker.ended(), 'the worker to end'), { code: 0, signal: null });
});

/** Runs a program of ours to its end. */
async function runProgram(
  args: readonly string[],
  workers = '',
): Promise<{ code: unknown; out: string; errors: string }> {
  const env = { ...process.env, QPS_WORKERS: workers };
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  try {
    const printed = Promise.all([text(child.stdout), text(child.stderr)]);
    const [code] = await within(PATIENCE_MS, once(child, 'close'), 'the program to end');
    const [out, errors] = await printed;
    return { code, out, errors };
  } finally {
    child.kill('SIGKILL');
  }
}

test('the driver as a program: scenarios as gRPC writes them', { timeoutMs: 2 * PATIENCE_MS }, async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'halfclose-driver-'));
  await using server = await WorkerProgram.start(OWN_WORKER);
  await using client = await WorkerProgram.start(OWN_WORKER);
  try {
    const clientConfig = {
      client_type: 'ASYNC_CLIENT',
      client_channels: 1,
      outstanding_rpcs_per_channel: 2,
      rpc_type: 'STREAMING',
      load_params: { closed_loop: {} },
      payload_config: { bytebuf_params: { req_size: 8, resp_size: 8 } },
      histogram_params: { resolution: 0.01, max_possible: 60e9 },
      some_later_field: 1,
    };
    const scenario = {
      name: 'ping-pong of bytes',
      num_servers: 1,
      num_clients: 1,
      warmup_seconds: 0,
      benchmark_seconds: 1,
      client_config: clientConfig,
      server_config: {
        server_type: 'ASYNC_GENERIC_SERVER',
        payload_config: { bytebuf_params: { req_size: 8, resp_size: 8 } },
      },
    };
    const [input, output] = [path.join(folder, 'in.json'), path.join(folder, 'out.json')];
    writeFileSync(input, JSON.stringify({ scenarios: [scenario] }));
    const flags = [`--scenarios_file=${input}`, `--scenario_result_file=${output}`, '--quit'];
    const { code, out, errors } = await runProgram([DRIVER, ...flags], `${server.target},${client.target}`);
    assert.equal([code, errors], [0, '']);
    assert.match(out, /^ping-pong of bytes\n {2}QPS: \d+\.\d .*\n {2}Latencies/);
    const result = fromJsonString(ScenarioResultSchema, readFileSync(output, 'utf8'));
    assert.ok((result.latencies?.count ?? 0) > 0);
    for (const worker of [server, client]) {
      assert.is((await within(PATIENCE_MS, worker.ended(), 'the worker to end')).code, 0);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

const [, WORKER = ''] = OWN_WORKER;
const WRONG: readonly [title: string, args: readonly string[], workers: string, complaint: RegExp][] = [
  ['the worker without a port', [WORKER], '', /--driver_port is missing/],
  ['a port that is none', [WORKER, '--driver_port=65536'], '', /--driver_port is a port, not '65536'/],
  ['a flag that is none', [WORKER, '--driver_prot=1'], '', /driver_prot/],
  ['a file that is none', [WORKER, '--driver_port=0', '--ca_file=/nonexistent'], '', /--ca_file: ENOENT/],
  ['the driver without workers', [DRIVER, '--quit'], '', /QPS_WORKERS names no worker/],
  ['the driver without anything to do', [DRIVER], '127.0.0.1:1', /nothing to do/],
  ['scenarios that are none', [DRIVER, '--scenarios_json={"scenarios":3}'], '127.0.0.1:1', /--scenarios_json: /],
];

for (const [title, args, workers, complaint] of WRONG) {
  test(`a wrong command line: ${title}`, { timeoutMs: PATIENCE_MS }, async () => {
    const { code, out, errors } = await runProgram(args, workers);
    assert.equal([code, out], [2, '']);
    assert.match(errors, complaint);
  });
}

test.run();
