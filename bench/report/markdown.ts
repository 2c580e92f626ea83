/** A run as the page docs/performance.md: what was measured, what it means, the numbers. Above: main.ts. Below: results. */
import { type BenchResult, type ContenderResult, cpuUs, median, ratios, type ScenarioResult } from '../result.ts';
import { digits, spreadOf } from './table.ts';

const INTRODUCTION = `# Performance

What a call costs, next to two others in the same run: **the floor**, which is plain node:http2 with gRPC's framing written by
hand and nothing else, and **grpc-js**. The number to look at is CPU time, user and system, of client and server together, for
one call or one message of a stream: it is steadier than calls a second, and it is what a fleet is paid by. Its multiple of the
floor says what the library adds to what node:http2 costs anyway; the floor has no deadlines, cancellation, limits,
interceptors or metadata.

\`npm run bench\` takes a few minutes and measures a part of this; \`npm run bench -- --full\` all of it. A page with charts comes
with the numbers. Rounds of the contenders take turns, client and server run on a core each, ratios are medians over rounds.
\`--count\` tells promises, ticks and bytes for each call instead, without a clock.
\`npm run bench -- --target host:port --proto f.proto --call pkg.Service/Method\` loads a server of yours and prints the same
report.

## What it means

- **Most of a small unary call is node's.** \`ClientCall\` and \`ServerCall\` add about a fifth to the floor: what is left is
  the price of http2 streams in Node. Reactors and promises add a little to that. Unary messages of 64 KiB are the weak spot,
  at twice the floor.
- **Streams are where libraries differ.** Messages are framed in one piece, written together and delivered without a tick
  each, so that a small message of a long stream costs a twentieth of what it costs in grpc-js.
- **Reactors** write one message at a time, as in C++. \`WriteOptions.setBufferHint\`, as used here, lets them leave together.
- **A slow reader costs the sender time, not memory**: compare the two sizes of that scenario.
- connect-node alone works on generated messages, where all others move bytes: read its ratios with that in mind.
`;

function facts({ node, cpu, cores, rounds, roundMs, at, versions }: BenchResult): string {
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `## The last full run

Node ${node.replace(/^v/, '')}, ${cpu} with ${cores} cores, ${rounds} rounds of ${roundMs} ms each, on ${at.slice(0, 10)}; ${named.join(', ')}.
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

/** The page. */
export function performancePage(result: BenchResult): string {
  return [INTRODUCTION, facts(result), ...result.scenarios.map(section)].join('\n');
}
