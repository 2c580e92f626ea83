/** The counting mode of the benchmark: `npm run bench -- --count`. Above: ../main.ts. Below: runner, table. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { certificates } from '../../test/support/certificates.ts';
import type { Options } from '../options.ts';
import type { CountResult, ScenarioCounts } from './result.ts';
import { countScenario } from './runner.ts';
import { countTable } from './table.ts';

/** Counts what was asked for, under `node`, a path; writes JSON to a file unless `json` is null. Whether all have results. */
export async function countStacks(
  { scenarios, contendersOf }: Options,
  node: string,
  json: string | null,
): Promise<boolean> {
  const made = await certificates();
  const tls = { ca: made.ca.cert, cert: made.server.cert, key: made.server.key };
  const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim();
  console.log(`Node ${version}; counts are of one operation: a call, or a message of a stream`);
  const counted: ScenarioCounts[] = [];
  for (const scenario of scenarios) {
    const result = await countScenario(scenario, contendersOf(scenario), { node, tls });
    counted.push(result);
    console.log(`\n${countTable(result)}`);
  }
  if (json !== null) {
    const result: CountResult = { at: new Date().toISOString(), node: version, scenarios: counted };
    writeFileSync(json, `${JSON.stringify(result, null, 1)}\n`);
    console.log(`\nwritten: ${json}`);
  }
  return counted.every(({ results }) => results.length > 0);
}
