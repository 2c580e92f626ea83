/** Results as tables for a terminal. Above: main.ts. Below: cli-table3. */
import Table from 'cli-table3';
import { type ContenderResult, cpuUs, median, ratios, type ScenarioResult } from '../result.ts';

const MIB = 1024 * 1024;

const COLUMNS = ['', 'CPU µs', '±', 'client', 'server', '× floor', '× grpc-js', 'per s', 'p50 ms', 'p99 ms', 'RSS MiB'];

/** Half the spread of the middle values, as a share of the median. */
export function spreadOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))] ?? Number.NaN;
  return (at(0.75) - at(0.25)) / 2 / median(values);
}

/** A number with three digits that matter. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (value >= 100) return Math.round(value).toLocaleString('en');
  return value.toPrecision(3);
}

function ratioTo(result: ContenderResult, base: ContenderResult | undefined): string {
  return base === undefined ? '–' : median(ratios(result, base)).toFixed(2);
}

function row(result: ContenderResult, all: readonly ContenderResult[]): string[] {
  const { samples, latency, idle } = result;
  const find = (name: string): ContenderResult | undefined => all.find((other) => other.contender === name);
  const versus = [ratioTo(result, find('floor')), ratioTo(result, find('grpc-js'))];
  if (idle !== null) {
    const { clientBytes, serverBytes } = idle;
    const bytes = [clientBytes + serverBytes, clientBytes, serverBytes].map((value) => `${digits(value)} B`);
    return [result.contender, bytes[0] ?? '', '', bytes[1] ?? '', bytes[2] ?? '', ...versus, '', '', '', ''];
  }
  const of = (pick: (sample: ContenderResult['samples'][number]) => number): number => median(samples.map(pick));
  const ms = (us: number | undefined): string => (us === undefined ? '' : digits(us / 1000));
  return [
    result.contender,
    digits(of(cpuUs)),
    `${(spreadOf(samples.map(cpuUs)) * 100).toFixed(0)} %`,
    digits(of((sample) => sample.clientCpuUs)),
    digits(of((sample) => sample.serverCpuUs)),
    ...versus,
    digits(of((sample) => (sample.operations / sample.elapsedMs) * 1000)),
    ms(latency?.p50),
    ms(latency?.p99),
    `${digits(of((sample) => sample.clientPeakRssBytes) / MIB)} + ${digits(of((sample) => sample.serverPeakRssBytes) / MIB)}`,
  ];
}

/** One scenario. */
export function scenarioTable({ title, results, failures }: ScenarioResult): string {
  const table = new Table({
    head: [title, ...COLUMNS.slice(1)],
    style: { head: [], border: [], compact: true },
    colAligns: ['left', ...COLUMNS.slice(1).map(() => 'right' as const)],
  });
  for (const result of results) table.push(row(result, results));
  const notes = failures.map(({ contender, reason }) => `  ${contender}: ${reason.split('\n')[0]}`);
  return [table.toString(), ...notes].join('\n');
}
