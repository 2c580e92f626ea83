/** A run as one page that needs nothing else: charts as SVG, tables, the facts of the run. Above: main.ts. Below: vega, charts.ts. */
import { parse, View } from 'vega';
import { compile } from 'vega-lite';
import { type BenchResult, type ContenderResult, cpuUs, median, ratios, type ScenarioResult } from '../result.ts';
import { type Chart, chartsOf } from './charts.ts';
import { digits } from './table.ts';

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2328; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; } h3 { font-size: 1rem; margin-bottom: .3rem; }
p { margin: .3rem 0 .8rem; } svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; margin: .3rem 0 1.5rem; font-variant-numeric: tabular-nums; font-size: 13px; }
th, td { padding: .15rem .5rem; text-align: right; white-space: nowrap; border-bottom: 1px solid #e4e7eb; } th:first-child, td:first-child { text-align: left; }
th { font-weight: 600; } .note { color: #6b7280; font-size: 13px; }
`;

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

async function svgOf({ spec }: Chart): Promise<string> {
  const config = { font: 'system-ui, sans-serif', view: { stroke: null } };
  const view = new View(parse(compile({ ...spec, config }).spec), { renderer: 'none' });
  const svg = await view.toSVG();
  view.finalize();
  return svg;
}

async function chartHtml(chart: Chart): Promise<string> {
  return `<h2>${escaped(chart.title)}</h2>\n<p>${escaped(chart.text)}</p>\n${await svgOf(chart)}`;
}

const HEADS = [
  '',
  'CPU µs',
  'client',
  'server',
  '× floor',
  '× grpc-js',
  'per s',
  'p50 ms',
  'p99 ms',
  'max ms',
  'GC',
  'loop p99 ms',
  'RSS MiB',
];
const MIB = 1024 * 1024;

function ratioTo(result: ContenderResult, all: readonly ContenderResult[], name: string): string {
  const base = all.find(({ contender }) => contender === name);
  return base === undefined ? '–' : median(ratios(result, base)).toFixed(2);
}

function cells(result: ContenderResult, all: readonly ContenderResult[]): string[] {
  const { contender, samples, latency, idle } = result;
  const versus = [ratioTo(result, all, 'floor'), ratioTo(result, all, 'grpc-js')];
  if (idle !== null) {
    const bytes = [idle.clientBytes + idle.serverBytes, idle.clientBytes, idle.serverBytes];
    return [contender, ...bytes.map((value) => `${digits(value)} B`), ...versus];
  }
  const of = (pick: (sample: ContenderResult['samples'][number]) => number): string =>
    digits(median(samples.map(pick)));
  const ms = (us: number | undefined): string => (us === undefined ? '' : digits(us / 1000));
  return [
    contender,
    of(cpuUs),
    of((sample) => sample.clientCpuUs),
    of((sample) => sample.serverCpuUs),
    ...versus,
    of((sample) => (sample.operations / sample.elapsedMs) * 1000),
    ms(latency?.p50),
    ms(latency?.p99),
    ms(latency?.max),
    `${(median(samples.map((sample) => sample.gcShare)) * 100).toFixed(1)} %`,
    of((sample) => sample.loopDelayP99Ms),
    `${of((sample) => sample.clientPeakRssBytes / MIB)} + ${of((sample) => sample.serverPeakRssBytes / MIB)}`,
  ];
}

function tableHtml({ title, results, failures }: ScenarioResult): string {
  const row = (tag: string, values: readonly string[]): string =>
    `<tr>${values.map((value) => `<${tag}>${escaped(value)}</${tag}>`).join('')}</tr>`;
  const body = results.map((result) => row('td', cells(result, results))).join('\n');
  const notes = failures.map(
    ({ contender, reason }) => `<p class="note">${escaped(contender)}: ${escaped(reason.split('\n')[0] ?? '')}</p>`,
  );
  return `<h3>${escaped(title)}</h3>\n<table>\n${row('th', HEADS)}\n${body}\n</table>\n${notes.join('\n')}`;
}

function facts(result: BenchResult): string {
  const versions = Object.entries(result.versions).map(([name, version]) => `${name} ${version}`);
  const where = result.pinned ? 'client and server on a core each' : 'client and server share the cores';
  return [
    `Node ${result.node}; ${result.cpu}, ${result.cores} cores, ${where}.`,
    `${result.rounds} rounds of ${result.roundMs} ms for each, taking turns; medians. ${versions.join(', ')}. ${result.at.slice(0, 10)}.`,
    'CPU µs is user and system time of both processes for one call or message: the number to quote. connect-node alone works on generated messages; all others on bytes.',
  ]
    .map((text) => `<p>${escaped(text)}</p>`)
    .join('\n');
}

/** The page. */
export async function page(result: BenchResult): Promise<string> {
  const charts = await Promise.all(chartsOf(result).map(chartHtml));
  const tables = result.scenarios.map(tableHtml).join('\n');
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>halfclose: benchmark</title>
<style>${STYLE}</style>
<h1>halfclose: benchmark</h1>
${facts(result)}
${charts.join('\n')}
<h2>Numbers</h2>
${tables}
</html>
`;
}
