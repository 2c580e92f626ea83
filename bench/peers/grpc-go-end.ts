/**
 * One end of grpc-go: its benchmark worker in a process of its own, driven over WorkerService, as a WorkerProcess is over IPC.
 * Above: runner.ts. Below: WorkerProgram. Holds: CPU time is what the process says of itself; garbage collection and delays are
 * not seen and count as none; its client runs only during rounds. A round has a connection of its own: the worker's client
 * makes calls from its setup to its end, and must not while others are measured. That costs less than a hundredth of a
 * round. Messages go through grpc-go's codec at its end; the worker knows no other unary calls.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { build, encodeIntoCompressedBase64 } from 'hdr-histogram-js';
import { type ClientStatus, RpcType, type ServerStatus } from '../../test/interop/gen/grpc/testing/control_pb.ts';
import type { HistogramData } from '../../test/interop/gen/grpc/testing/stats_pb.ts';
import type { Round } from '../drive.ts';
import type { Measures } from '../meter.ts';
import type { Work } from '../scenarios.ts';
import type { Worker } from '../worker.ts';
import type { ArgsOf, Core, ResultOf, WorkerProcess } from '../worker-process.ts';
import { USUAL_LAYOUT, valuesOf } from '../worker-service/histogram.ts';
import type { ClientSetup, Started } from '../worker-service/worker-connection.ts';
import { WorkerProgram } from '../worker-service/worker-program.ts';
import { grpcGoWorker } from './grpc-go.ts';

const NS_PER_US = 1000;
const US_PER_S = 1e6;
const MS_PER_S = 1000;
const BYTES_PER_KIB = 1024;

/** What a worker is asked for. */
type Asked = { readonly [M in keyof Worker]: Worker[M] };

/** What a process has spent since a moment. */
interface Spent {
  readonly timeElapsed: number;
  readonly timeUser: number;
  readonly timeSystem: number;
}

function notHere(what: string): never {
  throw new Error(`grpc-go's benchmark worker does not tell ${what}`);
}

/** How a client makes that load; its targets are left out. */
function setupFor(work: Work): ClientSetup {
  if (work.kind !== 'unary' && work.kind !== 'ping-pong')
    throw new Error(`grpc-go's benchmark worker has no ${work.kind}`);
  const isUnary = work.kind === 'unary';
  const value = isUnary
    ? { reqSize: work.requestBytes, respSize: work.responseBytes }
    : { reqSize: work.bytes, respSize: work.bytes };
  return {
    clientChannels: 1,
    outstandingRpcsPerChannel: isUnary ? work.inFlight : work.streams,
    rpcType: isUnary ? RpcType.UNARY : RpcType.STREAMING,
    loadParams: { load: { case: 'closedLoop', value: {} } },
    payloadConfig: { payload: { case: 'simpleParams', value } },
    histogramParams: USUAL_LAYOUT,
  };
}

/** Nanoseconds in gRPC's layout as microseconds in that of the benchmark. */
function encodedLatencies(data: HistogramData): string {
  const latencies = build({ numberOfSignificantValueDigits: 3 });
  for (const [ns, count] of valuesOf(data, USUAL_LAYOUT)) {
    latencies.recordValueWithCount(Math.round(ns / NS_PER_US), count);
  }
  return encodeIntoCompressedBase64(latencies);
}

/** The largest resident set since the process began, in bytes; NaN where the system does not tell. */
function peakRssBytes(pid: number | undefined): number {
  try {
    const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kib) * BYTES_PER_KIB;
  } catch {
    return Number.NaN;
  }
}

/** Serves or calls. It answers to everything that a WorkerProcess is asked for. */
export class GrpcGoEnd implements Asked, Pick<WorkerProcess<Worker>, 'ask' | 'stop'> {
  readonly #program: Promise<WorkerProgram>;
  #server: Started<ServerStatus> | null = null;
  #target = '';
  #spent: Spent = { timeElapsed: 0, timeUser: 0, timeSystem: 0 };

  /** Starts the worker on a core; what goes wrong is told by the first thing that it is asked for. */
  constructor(core: Core) {
    const tool = grpcGoWorker();
    const commandLine = 'missing' in tool ? [] : [tool.path];
    // From its first moment on: the Go runtime counts its cores when it starts.
    const pinned = core === null ? commandLine : ['taskset', '-c', `${core}`, ...commandLine];
    this.#program = 'missing' in tool ? Promise.reject(new Error(tool.missing)) : WorkerProgram.start(pinned);
    this.#program.catch(() => {});
  }

  /** As WorkerProcess.ask. */
  async ask<M extends keyof Worker & string>(method: M, ...args: ArgsOf<Worker[M]>): Promise<ResultOf<Worker[M]>> {
    const does = this[method] as (...args: readonly unknown[]) => Promise<unknown>;
    return (await does.apply(this, args)) as ResultOf<Worker[M]>;
  }

  /** As WorkerProcess.stop. */
  async stop(): Promise<void> {
    const program = await this.#program.catch(() => null);
    await program?.stop();
  }

  async serve(): Promise<string> {
    const { connection } = await this.#program;
    this.#server = await connection.startServer({});
    return `127.0.0.1:${this.#server.first.port}`;
  }

  async connect(_name: string, target: string): Promise<void> {
    await this.#program;
    this.#target = target;
  }

  async begin(): Promise<void> {
    await this.#server?.mark(true);
  }

  async drive(work: Work, durationMs: number): Promise<Round> {
    const { connection } = await this.#program;
    const client = await connection.startClient({ ...setupFor(work), serverTargets: [this.#target] });
    await sleep(durationMs);
    const status: ClientStatus = await client.mark(false);
    await client.stop();
    const { stats } = status;
    // It keeps quiet about calls that fail.
    if (stats?.latencies === undefined || stats.latencies.count === 0) throw new Error('grpc-go made no call');
    this.#spent = stats;
    return {
      operations: stats.latencies.count,
      elapsedMs: stats.timeElapsed * MS_PER_S,
      latencies: work.kind === 'unary' ? encodedLatencies(stats.latencies) : null,
    };
  }

  async end(): Promise<Measures> {
    const program = await this.#program;
    const { timeElapsed, timeUser, timeSystem } = (await this.#server?.mark(false))?.stats ?? this.#spent;
    return {
      cpuUs: (timeUser + timeSystem) * US_PER_S,
      gcMs: 0,
      elapsedMs: timeElapsed * MS_PER_S,
      peakRssBytes: peakRssBytes(program.pid),
      loopDelayP99Ms: 0,
    };
  }

  async beginHeld(): Promise<void> {
    notHere('what it holds on to');
  }

  async endHeld(): Promise<number> {
    return notHere('what it holds on to');
  }

  async openIdle(): Promise<void> {
    notHere('of idle streams');
  }

  async close(): Promise<void> {
    await this.stop();
  }
}
