/** README: what it shows compiles against the built package and prints what it says. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { assert, suite, within } from './support/suite.ts';

const run = promisify(execFile);
const test = suite('README');

const ROOT = process.cwd();
const BUILT = path.join(ROOT, 'build/src/index.js');

/** The fenced TypeScript of a page, without the blocks that say themselves that they do not run. */
async function snippets(page: string): Promise<string[]> {
  const text = await readFile(path.join(ROOT, page), 'utf8');
  const blocks = [...text.matchAll(/(<!-- not run: [^>]* -->\n)?```ts\n([\s\S]*?)```/g)];
  return blocks.filter((block) => block[1] === undefined).map((block) => block[2] ?? '');
}

/** Compiles one snippet with every check on, in a folder below build so that it finds its types, and runs it. */
async function compileAndRun(snippet: string): Promise<string> {
  const folder = await mkdtemp(path.join(ROOT, 'build/snippet-'));
  try {
    const file = path.join(folder, 'snippet.ts');
    await writeFile(file, snippet.replaceAll("from 'halfclose'", `from '${BUILT}'`));
    const tsc = path.join(ROOT, 'node_modules/typescript/bin/tsc');
    const flags = ['--strict', '--module', 'nodenext', '--target', 'es2022', '--types', 'node', '--noImplicitOverride'];
    await run(process.execPath, [tsc, ...flags, '--ignoreConfig', file]);
    const { stdout } = await run(process.execPath, [path.join(folder, 'snippet.js')], { timeout: 10_000 });
    return stdout;
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('the service and the call run as they stand', { timeoutMs: 60_000 }, async () => {
  const [first, ...others] = await snippets('README.md');
  assert.is(others.length, 0, 'a new snippet needs its expected output here');
  assert.is(await within(50_000, compileAndRun(first ?? ''), 'the snippet'), '3\n2\n1\nOK\n');
});

test.run();
