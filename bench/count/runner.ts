/**
 * Counts scenarios: every contender has a server and a client process, which warm up, then do a fixed number of operations
 * twice: once while async resources are counted, once while bytes are. Above: main.ts. Below: WorkerProcess. Holds: what
 * the same requests to the workers take without an operation is taken off; a contender that fails loses its result, not the
 * run; no process outlives its contender.
 */
import type { Failure } from '../result.ts';
import type { Contender, RunnerOptions } from '../runner.ts';
import type { Scenario } from '../scenarios.ts';
import type { StackOptions } from '../stack.ts';
import { WorkerProcess } from '../worker-process.ts';
import { type CountedWork, isCounted, operationsOf } from './drive.ts';
import type { ContenderCounts, EndCounts, ScenarioCounts } from './result.ts';
import type { Counts } from './tally.ts';
import type { CountingWorker } from './worker.ts';

/** Runs on any core: nothing here is timed. */
type CountingProcess = WorkerProcess<CountingWorker>;

function startCounting(node: string): CountingProcess {
  return WorkerProcess.start('count/worker.js', node, null);
}

/** Which node, which certificates, and how many operations. */
export interface CountOptions extends Pick<RunnerOptions, 'node' | 'tls'> {
  /** Instead of as many as the scenario asks for; a multiple of its streams. */
  readonly operations?: number;
}

/** So many times the operations that are counted are done before, for the connection and the compiler. */
const WARM_UPS = 2;

/** The processes of one contender. */
class CountedPair {
  /** The client, then the server; one where both are one process. */
  readonly #ends: readonly CountingProcess[];
  readonly #client: CountingProcess;
  readonly #work: CountedWork;

  private constructor(ends: readonly CountingProcess[], client: CountingProcess, work: CountedWork) {
    this.#ends = ends;
    this.#client = client;
    this.#work = work;
  }

  static async open(
    contender: Contender,
    work: CountedWork,
    options: StackOptions,
    node: string,
  ): Promise<CountedPair> {
    const server = startCounting(node);
    const client = options.inProcess ? server : startCounting(node);
    const pair = new CountedPair(client === server ? [client] : [client, server], client, work);
    try {
      const target = await server.ask('serve', contender.server, options);
      await client.ask('connect', contender.client, target, options);
    } catch (error) {
      await pair.close();
      throw error;
    }
    return pair;
  }

  drive(operations: number): Promise<void> {
    return this.#client.ask('drive', this.#work, operations);
  }

  /** The async resources of so many operations, at each end. */
  async resources(operations: number): Promise<Counts[]> {
    for (const end of this.#ends) await end.ask('beginResources');
    await this.drive(operations);
    return await Promise.all(this.#ends.map((end) => end.ask('endResources')));
  }

  /** The bytes of so many operations, at each end. */
  async bytes(operations: number): Promise<number[]> {
    for (const end of this.#ends) await end.ask('beginBytes');
    await this.drive(operations);
    return await Promise.all(this.#ends.map((end) => end.ask('endBytes')));
  }

  async close(): Promise<void> {
    await Promise.all(this.#ends.map((end) => end.stop()));
  }
}

/** What one operation takes, without what counting itself does. */
function perOperation(all: Counts, idle: Counts, operations: number): Counts {
  const means = Object.entries(all).map(([type, count]): [string, number] => [
    type,
    (count - (idle[type] ?? 0)) / operations,
  ]);
  return Object.fromEntries(means.filter(([, mean]) => mean !== 0));
}

async function countPair(pair: CountedPair, operations: number): Promise<EndCounts[]> {
  await pair.drive(operations * WARM_UPS);
  // The first pass compiles what counts.
  await pair.resources(0);
  const idle = await pair.resources(0);
  const all = await pair.resources(operations);
  await pair.bytes(0);
  const idleBytes = await pair.bytes(0);
  const allBytes = await pair.bytes(operations);
  return all.map((counts, end) => ({
    resources: perOperation(counts, idle[end] ?? {}, operations),
    heapBytes: ((allBytes[end] ?? 0) - (idleBytes[end] ?? 0)) / operations,
  }));
}

async function countContender(
  contender: Contender,
  { work, ...scenario }: Scenario,
  { node, tls, operations }: CountOptions,
): Promise<ContenderCounts> {
  if (!isCounted(work)) throw new Error(`${work.kind} is not made of operations that could be counted`);
  const options: StackOptions = {
    tls: scenario.tls === true ? tls : null,
    compression: scenario.compression ?? null,
    metadataEntries: scenario.metadataEntries ?? 0,
    inProcess: scenario.inProcess ?? false,
  };
  const count = operations ?? operationsOf(work);
  const pair = await CountedPair.open(contender, work, options, node);
  try {
    const [client, server = null] = await countPair(pair, count);
    if (client === undefined) throw new Error('a pair has a client');
    return { contender: contender.name, operations: count, client, server };
  } finally {
    await pair.close();
  }
}

/** Counts one scenario for all contenders. */
export async function countScenario(
  scenario: Scenario,
  contenders: readonly Contender[],
  options: CountOptions,
): Promise<ScenarioCounts> {
  const results: ContenderCounts[] = [];
  const failures: Failure[] = [];
  for (const contender of contenders) {
    try {
      results.push(await countContender(contender, scenario, options));
    } catch (error) {
      failures.push({ contender: contender.name, reason: (error as Error).message });
    }
  }
  return { scenario: scenario.name, title: scenario.title, results, failures };
}
