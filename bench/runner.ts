/**
 * Runs scenarios: every contender has a server and a client process that stay for the whole scenario; rounds take turns over
 * the contenders, each going first in half of them. Above: main.ts. Below: WorkerProcess. Holds: a contender that fails loses
 * its result, not the run; no process outlives its scenario.
 */
import { cpus } from 'node:os';
import { build, decodeFromCompressedBase64, type Histogram } from 'hdr-histogram-js';
import type { Round } from './drive.ts';
import { latencyOf } from './latency.ts';
import type { Measures } from './meter.ts';
import { whyNotGrpcGo } from './peers/grpc-go.ts';
import { GrpcGoEnd } from './peers/grpc-go-end.ts';
import type { ContenderResult, Failure, Sample, ScenarioResult } from './result.ts';
import type { Scenario, Work } from './scenarios.ts';
import type { StackOptions } from './stack.ts';
import type { StackName } from './stacks.ts';
import type { Worker } from './worker.ts';
import { type Core, canPin, WorkerProcess } from './worker-process.ts';

/** Who calls whom. */
export interface Contender {
  readonly name: string;
  readonly client: StackName;
  readonly server: StackName;
}

/** How long and how often. */
export interface Effort {
  readonly rounds: number;
  readonly roundMs: number;
  /** Before the first round, for the connection and the compiler. */
  readonly warmUpMs: number;
}

export interface RunnerOptions extends Effort {
  /** The path of the node that workers run. */
  readonly node: string;
  readonly tls: NonNullable<StackOptions['tls']>;
  /** Hears after each round. */
  readonly onProgress: (scenario: string, contender: string) => void;
}

/** So many rounds a scenario has. */
export function roundsOf({ work }: Scenario, { rounds }: Effort): number {
  return work.kind === 'idle' || work.kind === 'slow-reader' ? 1 : rounds;
}

/** One end of a pair, in a process of its own. */
type End = Pick<WorkerProcess<Worker>, 'ask' | 'stop'>;

function startEnd(name: StackName, node: string, core: Core): End {
  return name === 'grpc-go' ? new GrpcGoEnd(core) : WorkerProcess.start('worker.js', node, core);
}

/** Throws in one line what keeps a contender from a scenario. */
function checkContender({ client, server }: Contender, scenario: Scenario): void {
  const reason = client === 'grpc-go' || server === 'grpc-go' ? whyNotGrpcGo(scenario) : null;
  if (reason !== null) throw new Error(reason);
}

/** The processes of one contender in one scenario. */
class Pair {
  readonly contender: Contender;
  readonly #server: End;
  /** The same as the server within one process. */
  readonly #client: End;
  readonly #samples: Sample[] = [];
  readonly #latencies: Histogram = build({ numberOfSignificantValueDigits: 3 });
  #hasLatencies = false;
  #idle: ContenderResult['idle'] = null;

  private constructor(contender: Contender, server: End, client: End) {
    this.contender = contender;
    this.#server = server;
    this.#client = client;
  }

  static async open(contender: Contender, options: StackOptions, node: string): Promise<Pair> {
    const [serverCore, clientCore] = cores();
    const server = startEnd(contender.server, node, serverCore);
    const client = options.inProcess ? server : startEnd(contender.client, node, clientCore);
    const pair = new Pair(contender, server, client);
    try {
      const target = await server.ask('serve', contender.server, options);
      await client.ask('connect', contender.client, target, options);
    } catch (error) {
      await pair.close();
      throw error;
    }
    return pair;
  }

  async warmUp(work: Work, durationMs: number): Promise<void> {
    if (work.kind === 'idle') await this.#client.ask('openIdle', 10);
    else if (work.kind !== 'slow-reader') await this.#client.ask('drive', work, durationMs);
  }

  async round(work: Work, durationMs: number): Promise<void> {
    if (work.kind === 'idle') return await this.#idleRound(work.streams);
    const ends = this.#client === this.#server ? [this.#server] : [this.#server, this.#client];
    for (const end of ends) await end.ask('begin');
    const round = await this.#client.ask('drive', work, durationMs);
    const [server, client] = await Promise.all(ends.map((end) => end.ask('end')));
    this.#samples.push(sampleOf(round, server ?? NOTHING, client ?? NOTHING));
    if (round.latencies === null) return;
    this.#hasLatencies = true;
    this.#latencies.add(decodeFromCompressedBase64(round.latencies));
  }

  async #idleRound(streams: number): Promise<void> {
    await Promise.all([this.#server.ask('beginHeld'), this.#client.ask('beginHeld')]);
    await this.#client.ask('openIdle', streams);
    const [server, client] = await Promise.all([this.#server.ask('endHeld'), this.#client.ask('endHeld')]);
    this.#idle = { clientBytes: client / streams, serverBytes: server / streams };
  }

  result(): ContenderResult {
    const latency = this.#hasLatencies ? latencyOf(this.#latencies) : null;
    return { contender: this.contender.name, samples: this.#samples, latency, idle: this.#idle };
  }

  async close(): Promise<void> {
    await Promise.all([this.#client.stop(), this.#server.stop()]);
  }
}

const NOTHING: Measures = { cpuUs: 0, gcMs: 0, elapsedMs: 1, peakRssBytes: 0, loopDelayP99Ms: 0 };

/** The cores of server and client. */
function cores(): [Core, Core] {
  return PINNED ? [0, 1] : [null, null];
}

/** Whether the two ends run on cores of their own. */
export const PINNED: boolean = canPin();

/** The model of this machine's processor. */
export function processor(): string {
  return cpus()[0]?.model ?? 'unknown';
}

function sampleOf(round: Round, server: Measures, client: Measures): Sample {
  return {
    operations: round.operations,
    elapsedMs: round.elapsedMs,
    clientCpuUs: client.cpuUs / round.operations,
    serverCpuUs: server.cpuUs / round.operations,
    gcShare: Math.max(server.gcMs / server.elapsedMs, client.gcMs / client.elapsedMs),
    loopDelayP99Ms: Math.max(server.loopDelayP99Ms, client.loopDelayP99Ms),
    clientPeakRssBytes: client.peakRssBytes,
    serverPeakRssBytes: server.peakRssBytes,
  };
}

function stackOptions(scenario: Scenario, tls: RunnerOptions['tls']): StackOptions {
  return {
    tls: scenario.tls === true ? tls : null,
    compression: scenario.compression ?? null,
    metadataEntries: scenario.metadataEntries ?? 0,
    inProcess: scenario.inProcess ?? false,
  };
}

/** Runs one scenario for all contenders. */
export async function runScenario(
  scenario: Scenario,
  contenders: readonly Contender[],
  options: RunnerOptions,
): Promise<ScenarioResult> {
  const failures: Failure[] = [];
  let pairs: Pair[] = [];
  /** Does one step for each pair; a pair that fails is out. */
  const each = async (order: readonly Pair[], step: (pair: Pair) => Promise<void>): Promise<void> => {
    for (const pair of order) {
      try {
        await step(pair);
        options.onProgress(scenario.name, pair.contender.name);
      } catch (error) {
        failures.push({ contender: pair.contender.name, reason: (error as Error).message });
        pairs = pairs.filter((other) => other !== pair);
        await pair.close();
      }
    }
  };
  try {
    for (const contender of contenders) {
      try {
        checkContender(contender, scenario);
        pairs.push(await Pair.open(contender, stackOptions(scenario, options.tls), options.node));
      } catch (error) {
        failures.push({ contender: contender.name, reason: (error as Error).message });
      }
    }
    await each([...pairs], (pair) => pair.warmUp(scenario.work, options.warmUpMs));
    for (let i = 0; i < roundsOf(scenario, options); i += 1) {
      const order = i % 2 === 0 ? [...pairs] : [...pairs].reverse();
      await each(order, (pair) => pair.round(scenario.work, options.roundMs));
    }
    return { scenario: scenario.name, title: scenario.title, results: pairs.map((pair) => pair.result()), failures };
  } finally {
    for (const pair of pairs) await pair.close();
  }
}
