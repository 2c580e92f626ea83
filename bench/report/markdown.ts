/**
 * A run as the last part of docs/performance.md: what was measured, and the numbers; what they mean stands above it, written by
 * hand. Above: main.ts. Below: results.
 */
import { type BenchResult, type ContenderResult, cpuUs, median, ratios, type ScenarioResult } from '../result.ts';
import { digits, spreadOf } from './table.ts';

const HEADING = '## The last full run';

function facts({ node, cpu, cores, rounds, roundMs, at, versions }: BenchResult): string {
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `${HEADING}

Node ${node.replace(/^v/, '')}, ${cpu} with ${cores} cores, ${rounds} rounds of ${roundMs} ms each, on ${at.slice(0, 10)}; ${named.join(', ')}. ± is half of
where the middle rounds lie: differences below it say nothing. \`a > b\` is the client of a at the server of b.
`;
}

const CPU_HEAD = '| | CPU µs | ± | × floor | × grpc-js | per second | p50 ms | p99 ms |';
const CPU_RULE = '|---|---:|---:|---:|---:|---:|---:|---:|';
const IDLE_HEAD = '| | bytes | client | server | × floor | × grpc-js |';
const IDLE_RULE = '|---|---:|---:|---:|---:|---:|';

function versus(result: ContenderResult, all: readonly ContenderResult[]): string[] {
  return ['floor', 'grpc-js'].map((name) => {
    const base = all.find(({ contender }) => contender === name);
    return base === undefined ? '–' : median(ratios(result, base)).toFixed(2);
  });
}

function cpuRow(result: ContenderResult, all: readonly ContenderResult[]): string[] {
  const { contender, samples, latency } = result;
  const costs = samples.map(cpuUs);
  const perSecond = median(samples.map(({ operations, elapsedMs }) => (operations / elapsedMs) * 1000));
  const ms = (us: number | undefined): string => (us === undefined ? '' : digits(us / 1000));
  const spread = `${(spreadOf(costs) * 100).toFixed(0)} %`;
  return [
    contender,
    digits(median(costs)),
    spread,
    ...versus(result, all),
    digits(perSecond),
    ms(latency?.p50),
    ms(latency?.p99),
  ];
}

function idleRow(result: ContenderResult, all: readonly ContenderResult[]): string[] {
  const { clientBytes, serverBytes } = result.idle ?? { clientBytes: Number.NaN, serverBytes: Number.NaN };
  const bytes = [clientBytes + serverBytes, clientBytes, serverBytes].map(digits);
  return [result.contender, ...bytes, ...versus(result, all)];
}

function section({ title, results, failures }: ScenarioResult): string {
  const isIdle = results.some(({ idle }) => idle !== null);
  const rows = results.map((result) => (isIdle ? idleRow(result, results) : cpuRow(result, results)));
  const lines = rows.map((cells) => `| ${cells.join(' | ')} |`);
  const notes = failures.map(({ contender, reason }) => `${contender}: ${reason.split('\n')[0]}\n`);
  const head = isIdle ? [IDLE_HEAD, IDLE_RULE] : [CPU_HEAD, CPU_RULE];
  return [`### ${title[0]?.toUpperCase() ?? ''}${title.slice(1)}`, '', ...head, ...lines, '', ...notes].join('\n');
}

/** A page with this run as its last part, in place of the one that it had. */
export function withRun(page: string, result: BenchResult): string {
  const at = page.indexOf(HEADING);
  const above = at === -1 ? page : page.slice(0, at);
  return above + [facts(result), ...result.scenarios.map(section)].join('\n');
}
