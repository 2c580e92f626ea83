/**
 * A server in a process of its own, and the questions that one may ask it. Above: demo.ts starts some and asks; the
 * programs of servers run and answer. Below: node:child_process, which carries the questions as messages beside the RPCs.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Server } from '../../src/index.ts';
import { MemoryWatch, type WriteMeter } from './meter.ts';

/** What a server process says once it listens. */
export interface ServerFacts {
  readonly port: number;
  /** Features in its database. */
  readonly features: number;
}

/** What a server process tells of itself, counted from the last `begin`. */
export interface ServerFigures {
  /** Features that it handed over to be sent. */
  readonly sent: number;
  /** The most features that were handed over and not yet written. */
  readonly worstQueued: number;
  /** How far live memory rose above what it was at `begin`; known only at `end`, else 0. */
  readonly grownBytes: number;
}

/** `begin` counts from here, `look` asks how far it is, `end` stops watching memory. Each is answered with figures. */
export type Question = 'begin' | 'look' | 'end';

/**
 * Starts `server`, and tells the process that started this one, if it has a channel to us. SIGINT, SIGTERM and the end
 * of that process stop the server; open calls get five seconds.
 */
export async function runServer(server: Server, features: number): Promise<void> {
  const stop = async (): Promise<void> => {
    server.shutdown();
    if (!(await server.awaitTermination(5000))) server.shutdownNow();
    // The channel to the process that started us would keep this one alive.
    if (process.connected) process.disconnect();
  };
  await server.start();
  for (const event of ['SIGINT', 'SIGTERM', 'disconnect']) process.once(event, stop);
  const facts: ServerFacts = { port: server.port, features };
  process.send?.(facts);
}

/** Answers the process that started this one, until it lets go of the channel to us. */
export function answerQuestions(meter: WriteMeter): void {
  let watch: MemoryWatch | null = null;
  process.on('message', (question: Question) => {
    if (question === 'begin') {
      meter.reset();
      watch = new MemoryWatch();
    }
    const grownBytes = question === 'end' ? (watch?.stop() ?? 0) : 0;
    const figures: ServerFigures = { sent: meter.sent, worstQueued: meter.worstQueued, grownBytes };
    process.send?.(figures);
  });
}

/** A server process, started by `start`. */
export class ServerProcess {
  readonly #child: ChildProcess;
  /** What it said once it listened. */
  readonly atStart: ServerFacts;

  private constructor(child: ChildProcess, atStart: ServerFacts) {
    this.#child = child;
    this.atStart = atStart;
  }

  /**
   * Starts a program; `program` is its path from here, without the extension. Resolves once its server listens, at a
   * free port of 127.0.0.1; rejects if it exits before.
   */
  static async start(program = './server-main', args: readonly string[] = []): Promise<ServerProcess> {
    // In whichever form this file itself runs.
    const main = fileURLToPath(new URL(`${program}${import.meta.url.slice(-3)}`, import.meta.url));
    const child = fork(main, ['--host', '127.0.0.1', '--port', '0', ...args], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    return new ServerProcess(child, await answerOf(child));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** One question at a time, of a program that answers them. Rejects if the process exits. */
  ask(question: Question): Promise<ServerFigures> {
    const answer = answerOf<ServerFigures>(this.#child);
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

async function answerOf<Answer>(child: ChildProcess): Promise<Answer> {
  const settled = new AbortController();
  const gone = once(child, 'exit', { signal: settled.signal }).then(([code]): never => {
    throw new Error(`the server process exited with code ${code}`);
  });
  try {
    const [answer] = await Promise.race([once(child, 'message', { signal: settled.signal }), gone]);
    return answer;
  } finally {
    gone.catch(() => {});
    settled.abort();
  }
}
