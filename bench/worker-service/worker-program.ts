/**
 * A benchmark worker as a process of its own: ours, or that of another implementation. Above: bench/peers, tests. Below:
 * WorkerConnection. Holds: a worker has the driver's port from its command line; stop ends the process in any case.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import { WorkerConnection } from './worker-connection.ts';

const START_MS = 20_000;
const STOP_MS = 3_000;

/** The command line of halfclose's own worker. */
export const OWN_WORKER: readonly string[] = [process.execPath, path.join(import.meta.dirname, 'main.js')];

/** A port that was free a moment ago: workers of other languages cannot say which one they chose. */
async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** One running worker. */
export class WorkerProgram implements AsyncDisposable {
  /** `host:port`, for drivers. */
  readonly target: string;
  readonly connection: WorkerConnection;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  #stderr = '';

  private constructor(child: ChildProcess, target: string) {
    this.#child = child;
    this.target = target;
    this.connection = new WorkerConnection(target);
    this.#exited = once(child, 'close');
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-4_000);
    });
  }

  /** Starts a command line, `--driver_port` added, and waits for it to answer. Rejects when it does not. */
  static async start(commandLine: readonly string[]): Promise<WorkerProgram> {
    const port = await freePort();
    const [program = '', ...args] = commandLine;
    const child = spawn(program, [...args, `--driver_port=${port}`], { stdio: ['ignore', 'ignore', 'pipe'] });
    const worker = new WorkerProgram(child, `127.0.0.1:${port}`);
    try {
      await Promise.race([worker.connection.coreCount(START_MS), worker.#death()]);
    } catch (error) {
      await worker.stop();
      throw error;
    }
    return worker;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  async #death(): Promise<never> {
    await this.#exited;
    throw new Error(`the worker died\n${this.#stderr}`);
  }

  /** Resolves to how the process ended. */
  async ended(): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }> {
    await this.#exited;
    return { code: this.#child.exitCode, signal: this.#child.signalCode };
  }

  /** Ends the connection and the process, by force if need be. */
  async stop(): Promise<void> {
    await this.connection.close();
    if (this.#child.exitCode !== null || this.#child.signalCode !== null || this.pid === undefined) return;
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
    this.#child.kill('SIGTERM');
    await this.#exited;
    clearTimeout(timer);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
