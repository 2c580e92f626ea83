/**
 * The guard of one test process: it knows the running test, collects every failure, and decides the exit code.
 * uvu alone exits with 0 when a hook throws, a string is thrown, run() is forgotten or nothing was registered, and hangs
 * on a leaked handle; whatever ends the process passes through `atExit` here. Above: suite.ts. Nothing below.
 */
import { inspect } from 'node:util';
import { report } from './report.ts';

/** The test or hook that runs now, with the way to fail it from outside. */
interface Running {
  readonly name: string;
  readonly fail: (error: Error) => void;
}

/** What the guard must know about a suite to tell whether it ran. */
export interface SuiteRecord {
  readonly name: string;
  tests: number;
  /** Of `tests`; once there is one, uvu runs no others. */
  onlyTests: number;
  skipped: number;
  finished: number;
  runCalled: boolean;
  ended: boolean;
}

const EXIT_GRACE_MS = 2_000;

const suites: SuiteRecord[] = [];
let running: Running | null = null;
let lastName = 'the first test';
let failures = 0;
let exitWatch: NodeJS.Timeout | null = null;

/** Whatever was thrown, as an Error that can be printed: uvu swallows everything else. */
export function toError(thrown: unknown): Error {
  if (thrown instanceof Error && typeof thrown.stack === 'string' && typeof thrown.name === 'string') return thrown;
  return new Error(`thrown: ${inspect(thrown)}`);
}

/** Counts a failure; the printing is the caller's, because uvu prints those of tests itself. */
export function countFailure(name: string): void {
  failures++;
  report({ event: 'fail', name });
}

/** Counts and prints a failure that no test of uvu stands for: a hook, a leak, a stray error, a forgotten run(). */
export function recordFailure(name: string, fault: Error | string): void {
  countFailure(name);
  const text = typeof fault === 'string' ? fault : inspect(fault);
  process.stderr.write(`\n  FAIL  ${name}\n    ${text.replaceAll('\n', '\n    ')}\n`);
}

export function registerSuite(name: string): SuiteRecord {
  const record: SuiteRecord = {
    name,
    tests: 0,
    onlyTests: 0,
    skipped: 0,
    finished: 0,
    runCalled: false,
    ended: false,
  };
  suites.push(record);
  return record;
}

/**
 * Runs one test or hook under its name, at most `timeoutMs` long. Rejects with an Error if it throws anything, if it
 * does not settle in time, or if an error surfaces elsewhere in the process meanwhile.
 */
export async function guarded(name: string, timeoutMs: number, body: () => unknown): Promise<void> {
  report({ event: 'start', name });
  lastName = name;
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`timed out after ${timeoutMs} ms: ${name}`)), timeoutMs);
      running = { name, fail: reject };
      Promise.resolve()
        .then(body)
        .then(() => resolve(), reject);
    });
  } catch (thrown) {
    throw toError(thrown);
  } finally {
    clearTimeout(timer);
    running = null;
  }
}

/** Called when a suite begins: the process is not about to exit after all. */
export function suiteBegins(): void {
  if (exitWatch !== null) clearTimeout(exitWatch);
  exitWatch = null;
}

/** Called when a suite has ended. After the last one the process must exit by itself, or is made to. */
export function suiteEnded(record: SuiteRecord): void {
  record.ended = true;
  const expected = record.onlyTests || record.tests;
  if (record.finished !== expected) {
    recordFailure(record.name, `suite "${record.name}": ${record.finished} of ${expected} tests ran`);
  }
  if (suites.some((suite) => suite.runCalled && !suite.ended)) return;
  // A timer leaves uvu the time to print its summary.
  setTimeout(() => {
    if (failures > 0) process.exit(1);
    exitWatch = setTimeout(() => {
      const resources = process.getActiveResourcesInfo().join(', ');
      recordFailure('exit', `the process did not exit after its tests; still active: ${resources}`);
      process.exit(1);
    }, EXIT_GRACE_MS);
    exitWatch.unref();
  }, 1);
}

function strayError(kind: string, thrown: unknown): void {
  const error = toError(thrown);
  if (running !== null) {
    running.fail(new Error(`${kind} during ${running.name}: ${error.message}`, { cause: error }));
  } else {
    recordFailure(`${kind} after ${lastName}`, error);
  }
}

function faultOf(suite: SuiteRecord): string | null {
  if (suite.tests + suite.skipped === 0) return 'registered no test';
  if (!suite.runCalled) return 'was never run: its file must end with .run();';
  if (!suite.ended) return `did not come to its end; the last to start was "${lastName}"`;
  return null;
}

function atExit(): void {
  if (running !== null) recordFailure(running.name, 'the process exited while this was running');
  if (suites.length === 0) recordFailure('no tests', 'the file registered no suite');
  for (const suite of suites) {
    const fault = faultOf(suite);
    if (fault !== null) recordFailure(suite.name, `suite "${suite.name}" ${fault}`);
  }
  if (failures > 0) process.exitCode = 1;
  report({ event: 'end' });
}

// Made now so that their handles belong to the start, not to the first suite that prints.
void process.stdout;
void process.stderr;
process.on('uncaughtException', (error) => strayError('uncaught exception', error));
process.on('unhandledRejection', (reason) => strayError('unhandled rejection', reason));
process.on('warning', (warning) => {
  if (warning.name === 'MaxListenersExceededWarning') strayError('listener leak', warning);
});
process.on('exit', atExit);
