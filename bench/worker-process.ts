/**
 * A worker as its parent sees it: a process on a core of its own that does one thing at a time. Above: runner.ts. Below:
 * worker.ts. Holds: a worker that dies rejects what was asked of it; stop ends it in any case.
 */
import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import type { Worker, WorkerMethod, WorkerRequest, WorkerResponse } from './worker.ts';

const WORKER = path.join(import.meta.dirname, 'worker.js');
const STOP_MS = 3_000;

/** Which core a worker runs on; null for any. */
export type Core = number | null;

/** Whether processes can be pinned to cores here. */
export function canPin(): boolean {
  return availableParallelism() > 1 && spawnSync('taskset', ['--version']).status === 0;
}

/** One worker. */
export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  #stderr = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#exited = once(child, 'exit');
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-4_000);
    });
  }

  /** Starts one under `node`, a path. */
  static start(node: string, core: Core): WorkerProcess {
    const execArgv = ['--expose-gc'];
    const child = fork(WORKER, [], {
      execPath: node,
      execArgv,
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    // All of its threads: node has started some by now.
    if (core !== null) spawnSync('taskset', ['-a', '-c', '-p', `${core}`, `${child.pid}`]);
    return new WorkerProcess(child);
  }

  /** Asks for one thing. Rejects when it fails or the worker dies. */
  async ask<M extends WorkerMethod>(
    method: M,
    ...args: Parameters<Worker[M]>
  ): Promise<Awaited<ReturnType<Worker[M]>>> {
    const request: WorkerRequest = { method, args };
    this.#child.send(request);
    const answer = once(this.#child, 'message');
    const death = this.#exited.then(() => {
      throw new Error(`the worker died\n${this.#stderr}`);
    });
    const [response] = (await Promise.race([answer, death])) as [WorkerResponse];
    if ('error' in response) throw new Error(response.error);
    return response.result as Awaited<ReturnType<Worker[M]>>;
  }

  /** Ends the worker, by force if need be. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
    this.#child.disconnect();
    await this.#exited;
    clearTimeout(timer);
  }
}
