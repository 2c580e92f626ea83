/**
 * The test runner: `node build/test/support/run.js [--in folder] [filter ...]`. Runs every built test file whose path
 * holds one of the filters, two processes at a time, and ends with the line `N passed, N failed`. A file may ask for more
 * time with a line `// file-timeout: 300 s`; HALFCLOSE_FILE_TIMEOUT_S overrides both. Below: test-process.ts.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { killAll, runTestProcess, type Skipped } from './test-process.ts';

const BUILT = path.join(import.meta.dirname, '..');
const SOURCE = path.join(BUILT, '..', '..', 'test');
const PARALLEL = 2;
const DEFAULT_TIMEOUT_S = 120;
/** Folders with scripts of their own, run only when named by `--in`. */
const SEPARATE = ['interop/external', 'soak'];

function parseArguments(args: readonly string[]): { folder: string | null; filters: string[] } {
  const filters = [...args];
  const at = filters.indexOf('--in');
  const folder = at === -1 ? null : (filters.splice(at, 2)[1] ?? null);
  return { folder, filters };
}

/** The built test files to run, relative to build/test; one whose source was deleted is a leftover of an older build. */
function findTests(folder: string | null, filters: readonly string[]): string[] {
  return readdirSync(path.join(BUILT, folder ?? ''), { recursive: true, encoding: 'utf8' })
    .map((file) => path.join(folder ?? '', file).replaceAll(path.sep, '/'))
    .filter((file) => file.endsWith('.test.js'))
    .filter((file) => folder !== null || !SEPARATE.some((name) => file.startsWith(`${name}/`)))
    .filter((file) => existsSync(path.join(SOURCE, file.replace(/js$/, 'ts'))))
    .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
    .sort();
}

function timeoutMsOf(file: string): number {
  const wish = /^\/\/ file-timeout: (\d+) s$/m.exec(readFileSync(file, 'utf8'))?.[1];
  return Number(process.env['HALFCLOSE_FILE_TIMEOUT_S'] ?? wish ?? DEFAULT_TIMEOUT_S) * 1000;
}

interface Totals {
  passed: number;
  failed: number;
  readonly skipped: Skipped[];
}

async function runFile(file: string, width: number, totals: Totals): Promise<void> {
  const built = path.join(BUILT, file);
  const result = await runTestProcess(built, { timeoutMs: timeoutMsOf(built) });
  totals.passed += result.passed;
  totals.failed += result.failed;
  totals.skipped.push(...result.skipped);
  const name = file.replace(/\.test\.js$/, '').padEnd(width);
  const counts = `${String(result.passed).padStart(4)} passed`;
  if (result.failed === 0) {
    console.log(`ok    ${name} ${counts} ${String(result.durationMs).padStart(6)} ms`);
  } else {
    console.log(`FAIL  ${name} ${counts}, ${result.failed} failed, ${result.durationMs} ms\n${result.output}`);
  }
}

async function runAll(files: readonly string[]): Promise<Totals> {
  const totals: Totals = { passed: 0, failed: 0, skipped: [] };
  const width = Math.max(...files.map((file) => file.length)) - '.test.js'.length;
  const queue = [...files];
  const worker = async (): Promise<void> => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) await runFile(file, width, totals);
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  return totals;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    killAll();
    process.exit(1);
  });
}

const { folder, filters } = parseArguments(process.argv.slice(2));
const files = findTests(folder, filters);
if (files.length === 0) console.log(`no test file matches: ${filters.join(' ') || 'anything'}`);
const totals = files.length === 0 ? { passed: 0, failed: 1, skipped: [] } : await runAll(files);
for (const { name, reason } of totals.skipped) console.log(`skipped: ${name} (${reason})`);
console.log(`${totals.passed} passed, ${totals.failed} failed`);
process.exitCode = totals.failed === 0 ? 0 : 1;
