/**
 * A foreign program as a child of the matrix: its output, what it prints once it is ready, its end. Above: run-matrix.ts. Holds: a
 * program that does not end when told to is killed with all that it started; killAll leaves none behind.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { CommandLine } from '../peers/peer.ts';
import type { Ending } from './result-lines.ts';

/** How much of what a program prints is kept, in characters. */
const KEPT_OUTPUT = 1 << 18;
/** How long a program may take to end after SIGTERM, in milliseconds. */
const GRACE_MS = 8000;

const alive = new Set<Program>();

/** Kills every program that still runs; for a matrix that was interrupted. */
export function killAll(): void {
  for (const program of alive) program.signal('SIGKILL');
}

export class Program {
  readonly #child: ChildProcess;
  readonly #closed: Promise<void>;
  #output = '';
  /** Looks at the output as it grows. */
  #onOutput: () => void = () => {};

  constructor([program, ...args]: CommandLine) {
    // A group of its own: what it starts is killed with it.
    this.#child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    alive.add(this);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = `${this.#output}${text}`.slice(-KEPT_OUTPUT);
        this.#onOutput();
      });
    }
    this.#closed = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        this.#output += `${error.message}\n`;
        resolve();
      });
      this.#child.once('close', () => resolve());
    });
    this.#closed.then(() => alive.delete(this));
  }

  /** What it printed, both streams. */
  get output(): string {
    return this.#output;
  }

  /** Sends a signal to it and to what it started. */
  signal(signal: NodeJS.Signals): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, signal);
    } catch {
      // The group is gone already.
    }
  }

  /** The match of a pattern in its output, once there is one; null when it ended or took too long. */
  async printed(pattern: RegExp, ms: number): Promise<RegExpExecArray | null> {
    let found: RegExpExecArray | null = null;
    const seen = new Promise<void>((resolve) => {
      this.#onOutput = () => {
        found ??= pattern.exec(this.#output);
        if (found !== null) resolve();
      };
      this.#onOutput();
    });
    await inTime(ms, Promise.race([seen, this.#closed]));
    this.#onOutput = () => {};
    return found;
  }

  /** Waits for its end, and kills it if that takes too long. */
  async ended(ms: number): Promise<Ending> {
    if (!(await inTime(ms, this.#closed))) {
      this.signal('SIGKILL');
      await this.#closed;
    }
    return this.#ending();
  }

  /** How it ended by itself; null while it runs. */
  get endedEarly(): Ending | null {
    return this.#child.exitCode === null && this.#child.signalCode === null ? null : this.#ending();
  }

  #ending(): Ending {
    const { exitCode, signalCode } = this.#child;
    return { exitCode, signal: signalCode, output: this.#output };
  }

  /** Tells it to end. */
  async stop(): Promise<Ending> {
    this.signal('SIGTERM');
    return await this.ended(GRACE_MS);
  }
}

/** Whether something happened before its time was up. */
function inTime(ms: number, happening: Promise<void>): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ms);
    happening.then(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}
