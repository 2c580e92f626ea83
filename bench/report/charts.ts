/**
 * The charts of a run as Vega-Lite specifications. Above: html.ts, which renders them. Below: results. Holds: a chart of which
 * there is nothing to show is null.
 */
import type { TopLevelSpec } from 'vega-lite';
import { type BenchResult, type ContenderResult, cpuUs, median, ratios, type ScenarioResult } from '../result.ts';
import { SCENARIOS, type Work } from '../scenarios.ts';

/** One chart and what it shows. */
export interface Chart {
  readonly title: string;
  readonly text: string;
  readonly spec: TopLevelSpec;
}

const WIDTH = 720;
/** Hues that colour-blind readers tell apart; the floor is grey. */
const COLOURS: Readonly<Record<string, string>> = {
  floor: '#8a8f98',
  calls: '#0b6e4f',
  reactors: '#2f9e77',
  promises: '#8cc7a1',
  'grpc-js': '#d1495b',
  'nice-grpc': '#edae49',
  connect: '#30638e',
};

interface Row {
  readonly scenario: string;
  readonly contender: string;
  readonly value: number;
}

function contendersOf(result: BenchResult): string[] {
  const names = result.scenarios.flatMap(({ results }) => results.map(({ contender }) => contender));
  return [...new Set(names)];
}

function colour(result: BenchResult) {
  const domain = contendersOf(result);
  return {
    field: 'contender',
    type: 'nominal' as const,
    title: null,
    scale: { domain, range: domain.map((name) => COLOURS[name] ?? '#6c567b') },
  };
}

function rows(result: BenchResult, value: (own: ContenderResult, scenario: ScenarioResult) => number | null): Row[] {
  return result.scenarios.flatMap((scenario) =>
    scenario.results.flatMap((own) => {
      const number = value(own, scenario);
      if (number === null || !Number.isFinite(number)) return [];
      return [{ scenario: scenario.title, contender: own.contender, value: number }];
    }),
  );
}

/** A group of bars for each scenario. */
function bars(result: BenchResult, values: readonly Row[], axis: string, logarithmic: boolean): TopLevelSpec {
  return {
    data: { values: values as Row[] },
    width: WIDTH - 220,
    height: { step: 9 },
    mark: { type: 'bar', tooltip: true },
    encoding: {
      y: { field: 'scenario', type: 'nominal', sort: null, title: null, axis: { labelLimit: 320 } },
      yOffset: { field: 'contender', type: 'nominal', sort: contendersOf(result) },
      x: {
        field: 'value',
        type: 'quantitative',
        title: axis,
        ...(logarithmic ? { scale: { type: 'log' as const, domainMin: 0.5 } } : {}),
      },
      ...(logarithmic ? { x2: { datum: 0.5 } } : {}),
      color: colour(result),
    },
  };
}

function costChart(result: BenchResult): Chart | null {
  const values = rows(result, (own, { results }) => {
    const floor = results.find(({ contender }) => contender === 'floor');
    return floor === undefined || own === floor ? null : median(ratios(own, floor));
  });
  if (values.length === 0) return null;
  return {
    title: 'CPU time, as a multiple of the floor',
    text: 'Of client and server together, per call or message. Bytes for idle streams. The floor is node:http2 with framing by hand.',
    spec: bars(result, values, '× floor (logarithmic)', true),
  };
}

function throughputChart(result: BenchResult): Chart | null {
  const values = rows(result, ({ samples }) =>
    median(samples.map((sample) => (sample.operations / sample.elapsedMs) * 1000)),
  );
  if (values.length === 0) return null;
  return {
    title: 'Throughput',
    text: 'Calls or messages in a second over one connection.',
    spec: bars(result, values, 'per second (logarithmic)', true),
  };
}

/** One curve of percentiles for each contender. */
function latencyChart(result: BenchResult, scenario: ScenarioResult): Chart | null {
  const values = scenario.results.flatMap(({ contender, latency }) =>
    (latency?.curve ?? [])
      .filter(([percentile]) => percentile < 100)
      .map(([percentile, us]) => ({ contender, percentile, above: 100 / (100 - percentile), ms: us / 1000 })),
  );
  if (values.length === 0) return null;
  return {
    title: `Latency: ${scenario.title}`,
    text: 'Read along a line: so many calls of a hundred were faster than this.',
    spec: {
      data: { values },
      width: WIDTH - 120,
      height: 260,
      mark: { type: 'line', point: { size: 12 }, tooltip: true },
      encoding: {
        x: {
          field: 'above',
          type: 'quantitative',
          title: 'percentile',
          scale: { type: 'log' },
          axis: {
            values: [1, 2, 10, 100, 1000, 10000],
            labelExpr: "datum.value == 1 ? '0' : format(100 - 100 / datum.value, '~r')",
          },
        },
        y: { field: 'ms', type: 'quantitative', title: 'ms', scale: { type: 'log' } },
        color: colour(result),
      },
    },
  };
}

type Unary = Extract<Work, { kind: 'unary' }>;

/** The plain unary scenarios of a run, with what they do. */
function unary(result: BenchResult): { scenario: ScenarioResult; work: Unary }[] {
  return result.scenarios.flatMap((scenario) => {
    const known = SCENARIOS.find(({ name }) => name === scenario.scenario);
    return known?.work.kind === 'unary' && known.name.startsWith('unary-') ? [{ scenario, work: known.work }] : [];
  });
}

/** Lines over what `axisOf` says of a unary scenario. */
function sweep(
  result: BenchResult,
  title: string,
  axis: string,
  pick: (work: Unary) => boolean,
  axisOf: (work: Unary) => number,
): Chart | null {
  const chosen = unary(result).filter(({ work }) => pick(work));
  if (chosen.length < 2) return null;
  const values = chosen.flatMap(({ scenario, work }) =>
    scenario.results.map(({ contender, samples }) => ({
      contender,
      at: axisOf(work),
      value: median(samples.map(cpuUs)),
    })),
  );
  return {
    title,
    text: 'CPU time of both ends for one call.',
    spec: {
      data: { values },
      width: WIDTH - 120,
      height: 260,
      mark: { type: 'line', point: true, tooltip: true },
      encoding: {
        x: { field: 'at', type: 'quantitative', title: axis, scale: { type: 'symlog' } },
        y: { field: 'value', type: 'quantitative', title: 'CPU µs', scale: { type: 'log' } },
        color: colour(result),
      },
    },
  };
}

/** Of the many unary scenarios those of 32 B are enough to show how latencies are spread; what is no scenario of ours is shown. */
function isForCurves({ scenario }: ScenarioResult): boolean {
  const known = SCENARIOS.find(({ name }) => name === scenario);
  return known === undefined || (known.work.kind === 'unary' && known.work.requestBytes === 32);
}

/** All charts that a run has numbers for. */
export function chartsOf(result: BenchResult): Chart[] {
  const charts = [
    costChart(result),
    throughputChart(result),
    sweep(
      result,
      'Cost against message size, 100 in flight',
      'bytes each way',
      ({ inFlight }) => inFlight === 100,
      ({ requestBytes }) => requestBytes,
    ),
    sweep(
      result,
      'Cost against concurrency, 32 B',
      'calls in flight',
      ({ requestBytes }) => requestBytes === 32,
      ({ inFlight }) => inFlight,
    ),
    ...result.scenarios.filter(isForCurves).map((scenario) => latencyChart(result, scenario)),
  ];
  return charts.filter((chart) => chart !== null);
}
