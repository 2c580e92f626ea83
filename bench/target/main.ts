/**
 * `npm run bench -- --target`: load on one method of any gRPC server, and the benchmark's own report of it. Above: bench/main.
 * Below: load.ts, report/. Holds: the server is only called; its own CPU time is not seen.
 */
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { ChannelCredentials, createChannel, type DirectChannel } from '../../src/index.ts';
import { latencyOf } from '../latency.ts';
import { type Measures, Meter } from '../meter.ts';
import { page } from '../report/html.ts';
import { scenarioTable } from '../report/table.ts';
import type { BenchResult, ScenarioResult } from '../result.ts';
import { processor } from '../runner.ts';
import { type LoadResult, runLoad } from './load.ts';
import { targetMethod } from './method.ts';
import type { TargetOptions } from './options.ts';

/** From here on the load itself is what is measured. */
const SATURATED_CPU = 0.9;

function connect({ target, tls, authority, connections }: TargetOptions): DirectChannel[] {
  const ca = tls?.ca ?? null;
  const credentials = tls === null ? ChannelCredentials.insecure() : ChannelCredentials.tls(ca === null ? {} : { ca });
  const options = authority === null ? {} : { authority };
  return Array.from({ length: connections }, () => createChannel(target, credentials, options));
}

function titleOf({ target, service, method, rate, inFlight }: TargetOptions): string {
  const how = rate === null ? `${inFlight} in flight` : `${rate} calls a second`;
  return `${service}/${method} at ${target}, ${how}`;
}

function scenarioOf(options: TargetOptions, load: LoadResult, measures: Measures): ScenarioResult {
  const sample = {
    operations: load.calls,
    elapsedMs: load.elapsedMs,
    clientCpuUs: measures.cpuUs / load.calls,
    serverCpuUs: Number.NaN,
    gcShare: measures.gcMs / measures.elapsedMs,
    loopDelayP99Ms: measures.loopDelayP99Ms,
    clientPeakRssBytes: measures.peakRssBytes,
    serverPeakRssBytes: Number.NaN,
  };
  const result = { contender: 'load', samples: [sample], latency: latencyOf(load.latencies), idle: null };
  return { scenario: 'target', title: titleOf(options), results: [result], failures: [] };
}

function printResult(options: TargetOptions, load: LoadResult, measures: Measures): ScenarioResult {
  const scenario = scenarioOf(options, load, measures);
  console.log(scenarioTable(scenario));
  const { latency } = scenario.results[0] ?? {};
  const percentiles = (latency?.curve ?? []).filter(([at]) => [50, 75, 90, 95, 99, 99.9, 99.99, 100].includes(at));
  for (const [at, us] of percentiles)
    console.log(`${`${at} %`.padStart(9)}  ${(us / 1000).toFixed(3).padStart(10)} ms`);
  const statuses = [...load.statuses].map(([name, calls]) => `${calls} ${name}`).join(', ');
  console.log(
    `${load.calls} calls (${statuses}), ${load.messages} messages received; the server's CPU time is not seen`,
  );
  if (load.delayed > 0)
    console.log(`${load.delayed} calls began later than they were due; their latency counts the wait`);
  const busy = measures.cpuUs / 1000 / measures.elapsedMs;
  if (busy > SATURATED_CPU) {
    console.log(`the load used ${(busy * 100).toFixed(0)} % of a core: it may be what is slow. Use several processes`);
  }
  return scenario;
}

function write({ json, html }: TargetOptions, pageHtml: string, result: BenchResult): void {
  if (json !== null) writeFileSync(json, `${JSON.stringify(result, null, 1)}\n`);
  if (html !== null) writeFileSync(html, pageHtml);
}

/** Resolves to whether every call ended OK. */
export async function runTarget(options: TargetOptions): Promise<boolean> {
  const target = await targetMethod(options);
  const channels = connect(options);
  try {
    if (options.warmUpMs > 0) await runLoad(channels, target, { ...options, durationMs: options.warmUpMs });
    const meter = new Meter();
    const load = await runLoad(channels, target, options);
    const scenario = printResult(options, load, meter.stop());
    const result: BenchResult = {
      at: new Date().toISOString(),
      node: process.version,
      cpu: processor(),
      cores: availableParallelism(),
      pinned: false,
      rounds: 1,
      roundMs: options.durationMs,
      versions: {},
      scenarios: [scenario],
    };
    write(options, await page(result), result);
    return (load.statuses.get('OK') ?? 0) === load.calls;
  } finally {
    for (const channel of channels) channel.shutdownNow();
  }
}
