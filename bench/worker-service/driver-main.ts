/**
 * The driver as a program, with the command line of gRPC's qps_json_driver: `QPS_WORKERS=localhost:10000,localhost:10010 node
 * build/bench/worker-service/driver-main.js --scenarios_file file.json`. The scenarios are those that gRPC's own
 * scenario_config.py writes. Prints a summary of each. Exit code 2: the command line is wrong. Below: driver.ts.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { fromJsonString, toJsonString } from '@bufbuild/protobuf';
import {
  type Scenario,
  type ScenarioResult,
  ScenarioResultSchema,
  ScenariosSchema,
} from '../../test/interop/gen/grpc/testing/control_pb.ts';
import { UsageError } from '../usage-error.ts';
import { quitWorkers, runScenario } from './driver.ts';

const USAGE = `QPS_WORKERS=host:port,host:port node build/bench/worker-service/driver-main.js [options]

  --scenarios_file file, --scenarios_json '{"scenarios": [{…}]}'
                        what to run
  --scenario_result_file file
                        where to write the last scenario's result as JSON. Default: nowhere
  --quit                tells the workers to end, after the scenarios if there are any`;

const FLAGS = {
  scenarios_file: { type: 'string' },
  scenarios_json: { type: 'string' },
  scenario_result_file: { type: 'string' },
  quit: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

type Values = ReturnType<typeof parse>;

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS, strict: true }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function scenariosOf({ scenarios_file: file, scenarios_json: json }: Values): Scenario[] {
  try {
    const text = file === undefined ? json : readFileSync(file, 'utf8');
    if (text === undefined) return [];
    return fromJsonString(ScenariosSchema, text, { ignoreUnknownFields: true }).scenarios;
  } catch (error) {
    throw new UsageError(`--scenarios_${file === undefined ? 'json' : 'file'}: ${(error as Error).message}`);
  }
}

function workersOf(text: string | undefined): string[] {
  const workers = (text ?? '').split(',').filter((worker) => worker !== '');
  if (workers.length === 0) throw new UsageError(`QPS_WORKERS names no worker\n\n${USAGE}`);
  return workers;
}

function summaryText({ scenario, summary, requestResults }: ScenarioResult): string {
  if (summary === undefined) return '';
  const us = (ns: number): string => `${(ns / 1000).toFixed(1)} us`;
  const lines = [
    `${scenario?.name ?? ''}`,
    `  QPS: ${summary.qps.toFixed(1)} (${summary.qpsPerServerCore.toFixed(1)}/server core)`,
    `  Latencies (50/90/95/99/99.9%-ile): ${[summary.latency50, summary.latency90, summary.latency95, summary.latency99, summary.latency999].map(us).join(', ')}`,
    `  Server time, % of a core: user ${summary.serverUserTime.toFixed(1)}, system ${summary.serverSystemTime.toFixed(1)}`,
    `  Client time, % of a core: user ${summary.clientUserTime.toFixed(1)}, system ${summary.clientSystemTime.toFixed(1)}`,
    `  Per CPU second: server ${summary.serverQueriesPerCpuSec.toFixed(0)}, client ${summary.clientQueriesPerCpuSec.toFixed(0)}`,
    ...requestResults.map(({ statusCode, count }) => `  ${count} calls ended with status ${statusCode}`),
  ];
  return lines.join('\n');
}

async function run(args: readonly string[]): Promise<void> {
  const values = parse(args);
  if (values.help === true) return console.log(USAGE);
  const workers = workersOf(process.env['QPS_WORKERS']);
  const scenarios = scenariosOf(values);
  if (scenarios.length === 0 && values.quit !== true) throw new UsageError(`there is nothing to do\n\n${USAGE}`);
  for (const scenario of scenarios) {
    const result = await runScenario(scenario, workers);
    console.log(summaryText(result));
    if (values.scenario_result_file === undefined) continue;
    writeFileSync(values.scenario_result_file, `${toJsonString(ScenarioResultSchema, result, { prettySpaces: 1 })}\n`);
  }
  if (values.quit === true) await quitWorkers(workers);
}

try {
  await run(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
