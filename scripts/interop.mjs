// `npm run interop`: the matrix of gRPC's interoperability tests against other implementations, then the tests against other
// programs (test/interop/external). Expects a build. Arguments go to the matrix (`npm run interop -- --peer grpc-go`);
// with a filter among them only the matrix is run. The last line is `N passed, N failed`; a step that fails without a
// failed test counts as one.
import { spawn } from 'node:child_process';

const COUNT = /^(\d+) passed, (\d+) failed$/gm;
const FILTER = /^--(peer|face|mode|case)\b/;

/** Runs one built program, passes its output on, and returns whether it succeeded and the last count it printed. */
async function runStep(name, args) {
  console.log(`\n── ${name} ──`);
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
    process.stdout.write(text);
  });
  const ok = await new Promise((resolve) => child.once('close', (code) => resolve(code === 0)));
  const [, passed = '0', failed = '0'] = [...output.matchAll(COUNT)].at(-1) ?? [];
  return { name, ok, passed: Number(passed), failed: Math.max(Number(failed), ok ? 0 : 1) };
}

const args = process.argv.slice(2);
const results = [await runStep('matrix', ['build/test/interop/matrix-main.js', ...args])];
if (!args.some((arg) => FILTER.test(arg))) {
  results.push(await runStep('other programs', ['build/test/support/run.js', '--in', 'interop/external']));
}

const broken = results.filter((result) => !result.ok);
const passed = results.reduce((sum, result) => sum + result.passed, 0);
const failed = results.reduce((sum, result) => sum + result.failed, 0);
console.log(
  broken.length === 0 ? '\nevery step passed' : `\nfailed: ${broken.map((result) => result.name).join(', ')}`,
);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
