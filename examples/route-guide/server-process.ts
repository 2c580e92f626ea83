/**
 * The server in a process of its own, and the questions that one may ask it. Above: demo.ts starts one and asks,
 * server-main.ts answers. Below: node:child_process, which carries the questions as messages beside the RPCs.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { MemoryWatch, type WriteMeter } from './meter.ts';

/** What a server process tells of itself, counted from the last `begin`. */
export interface ServerFigures {
  readonly port: number;
  /** Features in its database. */
  readonly features: number;
  /** Features that it handed over to be sent. */
  readonly sent: number;
  /** The most features that were handed over and not yet written. */
  readonly worstQueued: number;
  /** How far live memory rose above what it was at `begin`; known only at `end`, else 0. */
  readonly grownBytes: number;
}

/** `begin` counts from here, `look` asks how far it is, `end` stops watching memory. Each is answered with figures. */
export type Question = 'begin' | 'look' | 'end';

/** Answers the process that started this one, if it has a channel to us, until it lets go of the channel. */
export function answerQuestions(port: number, features: number, meter: WriteMeter): void {
  let watch: MemoryWatch | null = null;
  const figures = (grownBytes: number): ServerFigures => {
    return { port, features, sent: meter.sent, worstQueued: meter.worstQueued, grownBytes };
  };
  process.on('message', (question: Question) => {
    if (question === 'begin') {
      meter.reset();
      watch = new MemoryWatch();
    }
    process.send?.(figures(question === 'end' ? (watch?.stop() ?? 0) : 0));
  });
  process.send?.(figures(0));
}

/** A server process, started by `start`. */
export class ServerProcess {
  readonly #child: ChildProcess;
  /** The figures it gave once it listened. */
  readonly atStart: ServerFigures;

  private constructor(child: ChildProcess, atStart: ServerFigures) {
    this.#child = child;
    this.atStart = atStart;
  }

  /** Resolves once the server listens, at a free port of 127.0.0.1; rejects if it exits before. */
  static async start(): Promise<ServerProcess> {
    // Next to this file, in whichever form this file itself runs.
    const main = fileURLToPath(new URL(`./server-main${import.meta.url.slice(-3)}`, import.meta.url));
    const child = fork(main, ['--host', '127.0.0.1', '--port', '0'], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    return new ServerProcess(child, await answerOf(child));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** One question at a time. Rejects if the process exits. */
  ask(question: Question): Promise<ServerFigures> {
    const answer = answerOf(this.#child);
    this.#child.send(question);
    return answer;
  }

  /** Asks the process to end its calls and exit; resolves to its exit code, null if it had to be killed. */
  async stop(): Promise<number | null> {
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
    const [code] = await exit;
    clearTimeout(timer);
    return code;
  }
}

async function answerOf(child: ChildProcess): Promise<ServerFigures> {
  const settled = new AbortController();
  const gone = once(child, 'exit', { signal: settled.signal }).then(([code]): never => {
    throw new Error(`the server process exited with code ${code}`);
  });
  try {
    const [figures] = await Promise.race([once(child, 'message', { signal: settled.signal }), gone]);
    return figures;
  } finally {
    gone.catch(() => {});
    settled.abort();
  }
}
