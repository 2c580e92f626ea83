/**
 * One test file in a process of its own: started, listened to on its report descriptor, killed with all its children when
 * it takes too long. Above: run.ts, guard.test.ts. Other side of the pipe: report.ts.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { REPORT_FD_VARIABLE, type TestEvent } from './report.ts';

export interface Skipped {
  readonly name: string;
  readonly reason: string;
}

export interface TestResult {
  readonly passed: number;
  /** At least 1 when the process failed in any way, whether or not a test did. */
  readonly failed: number;
  readonly skipped: readonly Skipped[];
  /** Everything the process printed, with a last line about its end if that was not an orderly one. */
  readonly output: string;
  readonly exitCode: number | null;
  readonly durationMs: number;
}

export interface TestProcessOptions {
  readonly timeoutMs: number;
  readonly env?: NodeJS.ProcessEnv;
}

const alive = new Set<ChildProcess>();

/** Kills a process and what it started: a grandchild would keep the pipes open, and so the runner waiting. */
function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(process.platform === 'win32' ? child.pid : -child.pid, 'SIGKILL');
  } catch {
    // The group is gone already.
  }
}

/** Kills every test process that still runs; for a runner that was interrupted. */
export function killAll(): void {
  for (const child of alive) killGroup(child);
}

/** How the process ended, if not by `exit` after its last suite; null when all was in order. */
function disorder(exitCode: number | null, signal: string | null, ended: boolean, failed: number): string | null {
  if (exitCode === null) return `ended by ${signal ?? 'an unknown signal'}`;
  if (exitCode !== 0 && failed === 0) return `exit code ${exitCode} though no test failed`;
  if (!ended) return `exit code ${exitCode} without a report: does it import test/support/suite.ts?`;
  return null;
}

/** Runs a built test file to its end. Never rejects for what the file does. */
export async function runTestProcess(file: string, options: TestProcessOptions): Promise<TestResult> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, ['--enable-source-maps', file], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    detached: process.platform !== 'win32',
    env: { ...process.env, ...options.env, [REPORT_FD_VARIABLE]: '3' },
  });
  alive.add(child);

  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }

  let passed = 0;
  let failed = 0;
  let ended = false;
  let lastStarted = 'none';
  const skipped: Skipped[] = [];
  createInterface(child.stdio[3] as Readable).on('line', (line) => {
    const event = JSON.parse(line) as TestEvent;
    if (event.event === 'start') lastStarted = event.name;
    else if (event.event === 'pass') passed++;
    else if (event.event === 'fail') failed++;
    else if (event.event === 'skip') skipped.push(event);
    else ended = true;
  });

  let killed = false;
  const killTimer = setTimeout(() => {
    killed = true;
    killGroup(child);
  }, options.timeoutMs);
  child.once('exit', () => killGroup(child));
  const [exitCode, signal] = await new Promise<[number | null, string | null]>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, name) => resolve([code, name]));
  });
  clearTimeout(killTimer);
  alive.delete(child);

  const fault = killed
    ? `killed after ${options.timeoutMs} ms; the last test to start was "${lastStarted}"`
    : disorder(exitCode, signal, ended, failed);
  if (fault !== null) {
    failed++;
    output += `\n  FAIL  ${fault}\n`;
  }
  return { passed, failed, skipped, output, exitCode, durationMs: Math.round(performance.now() - startedAt) };
}
