// `npm test`: lint, build, tests with coverage, the published build, the checks on it and programs of its users, in this
// order, all of them even after one has failed. The last line is `N passed, N failed`; a step that fails without a failed
// test counts as one.
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';

const COUNT = /^(\d+) passed, (\d+) failed$/gm;

/** Runs one npm script, passes its output on, and returns whether it succeeded and the last count it printed. */
async function runStep(name, script) {
  console.log(`\n── ${name} ──`);
  const child = spawn('npm', ['run', '--silent', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
    process.stdout.write(text);
  });
  const ok = await new Promise((resolve) => child.once('close', (code) => resolve(code === 0)));
  const [, passed = '0', failed = '0'] = [...output.matchAll(COUNT)].at(-1) ?? [];
  return { name, ok, passed: Number(passed), failed: Number(failed) };
}

for (const folder of ['build', 'dist', 'coverage']) rmSync(folder, { recursive: true, force: true });

const results = [await runStep('lint', 'lint'), await runStep('build', 'build')];
// Without a build there is nothing to test, and the outcome would only hide the reason.
if (results.every((result) => result.name !== 'build' || result.ok)) {
  results.push(await runStep('test', 'coverage:only'));
  results.push(await runStep('published build', 'build:dist'));
  results.push(await runStep('check', 'check'));
  results.push(await runStep('consumers', 'check:consumers'));
}

const broken = results.filter((result) => !result.ok);
const passed = results.reduce((sum, result) => sum + result.passed, 0);
const failed = results.reduce((sum, result) => sum + Math.max(result.failed, result.ok ? 0 : 1), 0);
console.log(
  broken.length === 0 ? '\nevery step passed' : `\nfailed: ${broken.map((result) => result.name).join(', ')}`,
);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
