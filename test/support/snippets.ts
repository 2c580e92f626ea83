/**
 * The TypeScript of a page as a program: compiled against the built package with every check on, and run. Above: the
 * tests of README and docs. Holds: the snippets of a page are one program, in the order of the page.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const ROOT = process.cwd();
/** Where this very build is. */
const BUILD = path.join(import.meta.dirname, '../..');
/** What a page may import, and where it is. */
const MODULES: Readonly<Record<string, string>> = {
  halfclose: path.join(BUILD, 'src/index.js'),
  'halfclose/protobuf-es': path.join(BUILD, 'src/stub/codec/protobuf-es.js'),
  'halfclose/protobufjs': path.join(BUILD, 'src/stub/codec/protobufjs.js'),
  'halfclose/health': path.join(BUILD, 'src/health/index.js'),
  'halfclose/reflection': path.join(BUILD, 'src/reflection/index.js'),
  'halfclose/reactor': path.join(BUILD, 'src/reactor/index.js'),
  'halfclose/status-details': path.join(BUILD, 'src/stub/codec/status-details.js'),
  'halfclose/testing': path.join(BUILD, 'src/testing/index.js'),
  './gen/route_guide_pb.js': path.join(BUILD, 'examples/route-guide/gen/route_guide_pb.js'),
};
const FLAGS =
  '--strict --module nodenext --target es2022 --lib es2022,esnext.disposable --types node --noImplicitOverride';

/** The fenced TypeScript of a page, without the blocks that say themselves that they do not run. */
async function snippets(page: string): Promise<string[]> {
  const text = await readFile(path.join(ROOT, page), 'utf8');
  const blocks = [...text.matchAll(/(<!-- not run: [^>]* -->\n)?```ts\n([\s\S]*?)```/g)];
  return blocks.filter((block) => block[1] === undefined).map((block) => block[2] ?? '');
}

/** What the program of a page prints. Rejects if it does not compile, or ends with an error. */
export async function runPage(page: string): Promise<string> {
  // Below build, so that it finds its types.
  const folder = await mkdtemp(path.join(BUILD, 'snippet-'));
  try {
    const file = path.join(folder, 'snippet.ts');
    const program = (await snippets(page)).join('\n');
    await writeFile(path.join(folder, 'package.json'), '{ "type": "module" }');
    await writeFile(
      file,
      program.replace(/ from '((?:halfclose|\.\/gen\/)[^']*)'/g, (_text, name) => ` from '${MODULES[name] ?? name}'`),
    );
    const tsc = path.join(ROOT, 'node_modules/typescript/bin/tsc');
    await run(process.execPath, [tsc, ...FLAGS.split(' '), '--ignoreConfig', file]).catch(explain);
    return (await run(process.execPath, [path.join(folder, 'snippet.js')], { timeout: 10_000 }).catch(explain)).stdout;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Rejects with what the program printed, which says more than its exit code. */
function explain(error: Error & { stdout?: string }): never {
  throw new Error(`${error.message}\n${error.stdout ?? ''}`);
}
