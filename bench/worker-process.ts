/**
 * A worker as its parent sees it: a process on a core of its own that does one thing at a time. Above: the runners.
 * Below: worker.ts or count/worker.ts. Holds: a worker that dies rejects what was asked of it; stop ends it in any case.
 */
import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import type { WorkerRequest, WorkerResponse } from './worker-ipc.ts';

/** The programs that workers run, beside this file. */
export type WorkerScript = 'worker.js' | 'count/worker.js';

const STOP_MS = 3_000;

/** Which core a worker runs on; null for any. */
export type Core = number | null;

/** Whether processes can be pinned to cores here. */
export function canPin(): boolean {
  return availableParallelism() > 1 && spawnSync('taskset', ['--version']).status === 0;
}

export type ArgsOf<F> = F extends (...args: infer A) => unknown ? A : never;
export type ResultOf<F> = F extends (...args: never) => Promise<infer R> ? R : never;

/** One worker; `W` is the class whose methods it answers with. */
export class WorkerProcess<W extends object> {
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
  static start<W extends object>(program: WorkerScript, node: string, core: Core): WorkerProcess<W> {
    const execArgv = ['--expose-gc'];
    const child = fork(path.join(import.meta.dirname, program), [], {
      execPath: node,
      execArgv,
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    // All of its threads: node has started some by now.
    if (core !== null) spawnSync('taskset', ['-a', '-c', '-p', `${core}`, `${child.pid}`]);
    return new WorkerProcess<W>(child);
  }

  /** Asks for one thing. Rejects when it fails or the worker dies. */
  async ask<M extends keyof W & string>(method: M, ...args: ArgsOf<W[M]>): Promise<ResultOf<W[M]>> {
    const request: WorkerRequest = { method, args };
    this.#child.send(request);
    const answer = once(this.#child, 'message');
    const death = this.#exited.then(() => {
      throw new Error(`the worker died\n${this.#stderr}`);
    });
    const [response] = (await Promise.race([answer, death])) as [WorkerResponse];
    if ('error' in response) throw new Error(response.error);
    return response.result as ResultOf<W[M]>;
  }

  /** Ends the worker, by force if need be. A second call waits for the same end. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    if (!this.#child.connected) {
      await this.#exited;
      return;
    }
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
    this.#child.disconnect();
    await this.#exited;
    clearTimeout(timer);
  }
}
