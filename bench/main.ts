/**
 * The benchmark: `npm run bench`, five minutes at most; `-- --help` says what else it does. Prints tables, writes JSON and one
 * page of charts. Above: nothing. Below: options, runner, report/.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { SingleBar } from 'cli-progress';
import { certificates } from '../test/support/certificates.ts';
import { countStacks } from './count/main.ts';
import { type Options, readOptions } from './options.ts';
import { compare, compareText } from './report/compare.ts';
import { page } from './report/html.ts';
import { withRun } from './report/markdown.ts';
import { scenarioTable } from './report/table.ts';
import type { BenchResult, ScenarioResult } from './result.ts';
import { PINNED, processor, type RunnerOptions, roundsOf, runScenario } from './runner.ts';
import { runTarget } from './target/main.ts';
import { readTargetOptions } from './target/options.ts';
import { UsageError } from './usage-error.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');
const RIVALS = ['@grpc/grpc-js', 'nice-grpc', '@connectrpc/connect-node'];

/** The node that workers run: this one, or the newest of a major version. */
function nodeFor(major: number | null): string {
  if (major === null) return process.execPath;
  const found = spawnSync(process.execPath, [path.join(ROOT, 'scripts', 'node-binary.mjs'), `${major}`], {
    encoding: 'utf8',
  });
  if (found.status !== 0) throw new UsageError(found.stderr.trim());
  return found.stdout.trim();
}

function versionOf(folder: string): string {
  const manifest = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as { version: string };
  return manifest.version;
}

function versions(): Record<string, string> {
  const rivals = RIVALS.map((name): [string, string] => [name, versionOf(path.join(ROOT, 'node_modules', name))]);
  return { halfclose: versionOf(ROOT), ...Object.fromEntries(rivals) };
}

/** A bar where somebody watches; nothing in a log. */
function progress({ scenarios, contendersOf, effort }: Options): { step(name: string): void; stop(): void } {
  if (!process.stdout.isTTY) return { step: () => {}, stop: () => {} };
  const bar = new SingleBar({ format: '{bar} {percentage} %  {name}', clearOnComplete: true, hideCursor: true });
  const steps = scenarios.map((scenario) => contendersOf(scenario).length * (roundsOf(scenario, effort) + 1));
  bar.start(
    steps.reduce((sum, count) => sum + count, 0),
    0,
    { name: '' },
  );
  return { step: (name) => bar.increment(1, { name }), stop: () => bar.stop() };
}

/** Hands on what there is after each scenario, so that a run that is cut off has told what it found. */
async function runAll(
  options: Options,
  node: string,
  save: (scenarios: readonly ScenarioResult[]) => void,
): Promise<ScenarioResult[]> {
  const made = await certificates();
  const bar = progress(options);
  const runner: RunnerOptions = {
    ...options.effort,
    node,
    tls: { ca: made.ca.cert, cert: made.server.cert, key: made.server.key },
    onProgress: (scenario, contender) => bar.step(`${scenario}: ${contender}`),
  };
  const results: ScenarioResult[] = [];
  for (const scenario of options.scenarios) {
    const result = await runScenario(scenario, options.contendersOf(scenario), runner);
    results.push(result);
    save(results);
    if (!process.stdout.isTTY) console.log(`\n${scenarioTable(result)}`);
  }
  bar.stop();
  if (process.stdout.isTTY) for (const result of results) console.log(`\n${scenarioTable(result)}`);
  return results;
}

/** Resolves to whether every scenario has a result. */
async function compareStacks(options: Options): Promise<boolean> {
  const node = nodeFor(options.nodeMajor);
  const before = options.compare === null ? null : (JSON.parse(readFileSync(options.compare, 'utf8')) as BenchResult);
  // Read at once: a name that is wrong had better fail before an hour of measuring.
  const above = options.markdown === null ? '' : readFileSync(options.markdown, 'utf8');
  const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim();
  const { rounds, roundMs } = options.effort;
  console.log(
    `Node ${version}, ${processor()}; ${rounds} rounds of ${roundMs} ms; client and server ${PINNED ? 'on a core each' : 'share the cores'}`,
  );
  const facts: Omit<BenchResult, 'scenarios'> = {
    at: new Date().toISOString(),
    node: version,
    cpu: processor(),
    cores: availableParallelism(),
    pinned: PINNED,
    rounds,
    roundMs,
    versions: versions(),
  };
  const save = (scenarios: readonly ScenarioResult[]): void =>
    writeFileSync(options.json, `${JSON.stringify({ ...facts, scenarios }, null, 1)}\n`);
  const result: BenchResult = { ...facts, scenarios: await runAll(options, node, save) };
  writeFileSync(options.html, await page(result));
  if (options.markdown !== null) writeFileSync(options.markdown, withRun(above, result));
  console.log(
    `\nCPU is of both ends together; ratios are medians over rounds.\nwritten: ${options.json}, ${options.html}`,
  );
  if (before !== null)
    console.log(`\nsince ${before.at}, as multiples of the floor:\n${compareText(compare(before, result))}`);
  return result.scenarios.every(({ results }) => results.length > 0);
}

/** Does what the command line asks for; whether all went well. */
async function run(args: readonly string[]): Promise<boolean> {
  const isTarget = args.some((arg) => arg === '--target' || arg.startsWith('--target='));
  const options = isTarget ? readTargetOptions(args) : readOptions(args);
  if (typeof options === 'string') {
    console.log(options);
    return true;
  }
  if ('target' in options) return await runTarget(options);
  if (options.count === null) return await compareStacks(options);
  return await countStacks(options, nodeFor(options.nodeMajor), options.count.json);
}

try {
  if (!(await run(process.argv.slice(2)))) process.exitCode = 1;
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
