/**
 * A driver of benchmark workers, as gRPC's qps_json_driver is: starts servers in some workers and clients in others, lets them
 * warm up, and sums up what they measured. Above: driver-main.ts, tests. Below: WorkerConnection. Holds: every server and
 * client that was started ends, whatever fails. Source: grpc/testing/control.proto, grpc C++ driver.cc.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { clone, create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  ClientConfigSchema,
  type ClientStatus,
  type Scenario,
  type ScenarioResult,
  ScenarioResultSchema,
  type ScenarioResultSummarySchema,
  ServerConfigSchema,
  type ServerStatus,
} from '../../test/interop/gen/grpc/testing/control_pb.ts';
import {
  type ClientStats,
  type HistogramData,
  HistogramDataSchema,
  type RequestResultCount,
  type ServerStats,
} from '../../test/interop/gen/grpc/testing/stats_pb.ts';
import { mergedHistogram, percentileOf, USUAL_LAYOUT } from './histogram.ts';
import { type Started, WorkerConnection } from './worker-connection.ts';

const OK = 0;
/** How long a worker may take to be there. */
const PATIENCE_MS = 10_000;

/** How long a scenario lasts, where it is not whole seconds. */
export interface ScenarioTimes {
  readonly warmUpMs: number;
  readonly benchmarkMs: number;
}

/** Everything that runs in the workers. */
class Run {
  readonly #workers: readonly WorkerConnection[];
  readonly #targets: readonly string[];
  readonly #servers: Started<ServerStatus>[] = [];
  readonly #clients: Started<ClientStatus>[] = [];

  /** `targets` are the workers' `host:port`. */
  constructor(targets: readonly string[]) {
    this.#targets = targets;
    this.#workers = targets.map((target) => new WorkerConnection(target));
  }

  async start({ serverConfig, numServers, clientConfig, numClients }: Scenario): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.coreCount(PATIENCE_MS)));
    const serverTargets: string[] = [];
    for (const [i, worker] of this.#workers.slice(0, numServers).entries()) {
      const server = await worker.startServer(serverConfig ?? create(ServerConfigSchema));
      this.#servers.push(server);
      const host = this.#targets[i]?.replace(/:\d+$/, '');
      serverTargets.push(`${host}:${server.first.port}`);
    }
    const setup = clone(ClientConfigSchema, clientConfig ?? create(ClientConfigSchema));
    setup.serverTargets = serverTargets;
    for (const worker of this.#workers.slice(numServers, numServers + numClients)) {
      this.#clients.push(await worker.startClient(setup));
    }
  }

  async mark(reset: boolean): Promise<[servers: ServerStatus[], clients: ClientStatus[]]> {
    const servers = Promise.all(this.#servers.map((server) => server.mark(reset)));
    const clients = Promise.all(this.#clients.map((client) => client.mark(reset)));
    return await Promise.all([servers, clients]);
  }

  /** Ends clients before servers, so that no call fails of it. */
  async stop(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.stop()));
    await Promise.all(this.#servers.map((server) => server.stop()));
  }

  async quit(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.quit()));
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.close()));
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** CPU time as a percentage of one core, of all that are given. */
function load(stats: readonly (ClientStats | ServerStats)[], of: 'timeUser' | 'timeSystem'): number {
  return (100 * sum(stats.map((one) => one[of]))) / sum(stats.map((one) => one.timeElapsed));
}

function cpuSeconds(stats: readonly (ClientStats | ServerStats)[]): number {
  return sum(stats.map(({ timeUser, timeSystem }) => timeUser + timeSystem));
}

function statsOf<T extends object>(statuses: readonly { readonly stats?: T | undefined }[]): T[] {
  return statuses.flatMap(({ stats }) => (stats === undefined ? [] : [stats]));
}

function latenciesOf({ latencies }: ClientStats): HistogramData {
  return latencies ?? create(HistogramDataSchema);
}

/** What all clients together have of each status. */
function mergedResults(clients: readonly ClientStats[]): Pick<RequestResultCount, 'statusCode' | 'count'>[] {
  const counts = new Map<number, bigint>();
  for (const { statusCode, count } of clients.flatMap(({ requestResults }) => requestResults)) {
    counts.set(statusCode, (counts.get(statusCode) ?? 0n) + count);
  }
  return [...counts].map(([statusCode, count]) => ({ statusCode, count }));
}

/** Each client's rate by its own clock, added up. */
function rateOf(clients: readonly ClientStats[], operations: (client: ClientStats) => number): number {
  return sum(clients.map((client) => operations(client) / client.timeElapsed));
}

function results(client: ClientStats, isCounted: (code: number) => boolean): number {
  return sum(client.requestResults.filter((one) => isCounted(one.statusCode)).map(({ count }) => Number(count)));
}

function summaryOf(
  { clientConfig }: Scenario,
  servers: readonly ServerStats[],
  clients: readonly ClientStats[],
  cores: number,
): MessageInitShape<typeof ScenarioResultSummarySchema> {
  const layout = clientConfig?.histogramParams ?? USUAL_LAYOUT;
  const latencies = mergedHistogram(clients.map(latenciesOf));
  const qps = rateOf(clients, (client) => latenciesOf(client).count);
  const at = (percentile: number): number => percentileOf(latencies, layout, percentile);
  return {
    qps,
    qpsPerServerCore: qps / cores,
    serverSystemTime: load(servers, 'timeSystem'),
    serverUserTime: load(servers, 'timeUser'),
    clientSystemTime: load(clients, 'timeSystem'),
    clientUserTime: load(clients, 'timeUser'),
    latency50: at(50),
    latency90: at(90),
    latency95: at(95),
    latency99: at(99),
    latency999: at(99.9),
    successfulRequestsPerSecond: rateOf(clients, (client) => results(client, (code) => code === OK)),
    failedRequestsPerSecond: rateOf(clients, (client) => results(client, (code) => code !== OK)),
    serverQueriesPerCpuSec: latencies.count / cpuSeconds(servers),
    clientQueriesPerCpuSec: latencies.count / cpuSeconds(clients),
  };
}

function resultOf(
  scenario: Scenario,
  servers: readonly ServerStatus[],
  clients: readonly ClientStatus[],
): ScenarioResult {
  const [serverStats, clientStats] = [statsOf(servers), statsOf(clients)];
  const serverCores = servers.map(({ cores }) => cores);
  return create(ScenarioResultSchema, {
    scenario,
    latencies: mergedHistogram(clientStats.map(latenciesOf)),
    clientStats,
    serverStats,
    serverCores,
    summary: summaryOf(scenario, serverStats, clientStats, sum(serverCores)),
    clientSuccess: clients.map(() => true),
    serverSuccess: servers.map(() => true),
    requestResults: mergedResults(clientStats),
  });
}

/**
 * Runs a scenario in the workers at `targets` (`host:port`): the first num_servers of them serve, the next num_clients call.
 * Rejects with a StatusError when a worker cannot do what the scenario asks for, with a RangeError when there are too few.
 */
export async function runScenario(
  scenario: Scenario,
  targets: readonly string[],
  times: ScenarioTimes = { warmUpMs: scenario.warmupSeconds * 1000, benchmarkMs: scenario.benchmarkSeconds * 1000 },
): Promise<ScenarioResult> {
  const needed = scenario.numServers + scenario.numClients;
  if (targets.length < needed)
    throw new RangeError(`'${scenario.name}' needs ${needed} workers, not ${targets.length}`);
  const run = new Run(targets.slice(0, needed));
  try {
    await run.start(scenario);
    await sleep(times.warmUpMs);
    await run.mark(true);
    await sleep(times.benchmarkMs);
    const [servers, clients] = await run.mark(false);
    await run.stop();
    return resultOf(scenario, servers, clients);
  } finally {
    await run.close();
  }
}

/** Tells the workers at `targets` to end. */
export async function quitWorkers(targets: readonly string[]): Promise<void> {
  const run = new Run(targets);
  try {
    await run.quit();
  } finally {
    await run.close();
  }
}
