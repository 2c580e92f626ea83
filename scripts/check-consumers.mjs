// `npm run check:consumers`: programs of users compile against the packed package, as ES modules and as CommonJS, with every
// TypeScript that is supported, and run. Versions other than the project's own come from the npm package and are kept in the
// user's cache folder, outside the project: as dependencies they would all claim the name `tsc`.
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';

const ROOT = path.join(import.meta.dirname, '..');
const CACHE = path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache'), 'halfclose-typescripts');
const OWN = JSON.parse(readFileSync(path.join(ROOT, 'node_modules/typescript/package.json'), 'utf8')).version;
const VERSIONS = ['5.4.5', '5.9.3', '6.0.3', OWN];
/** What a user installs beside the package. */
const BESIDE = ['@bufbuild/protobuf', '@types/node', 'undici-types'];
/** Programs, and the generated code that they import; where from, and under which name. */
const SOURCES = {
  'esm.mts': 'scripts/consumers/esm.mts',
  'require.cts': 'scripts/consumers/require.cts',
  'import.cts': 'scripts/consumers/import.cts',
  'cafe_pb.mts': 'test/stub/generators/gen/protobuf-es/cafe_pb.ts',
  'cafe_pb.cts': 'test/stub/generators/gen/protobuf-es/cafe_pb.ts',
  'ts_proto.mts': 'test/stub/generators/gen/ts-proto-generic/cafe.ts',
};
const OUTPUT = '7 70 3 12';
const COMPILER_OPTIONS = {
  target: 'es2022',
  lib: ['es2022', 'esnext.disposable'],
  module: 'nodenext',
  types: ['node'],
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
};

function run(command, args, cwd) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  return { ok: status === 0, output: `${stdout}${stderr}`.trim(), stdout };
}

/** A folder in which the packed package is installed, and the programs lie. */
function makeConsumer() {
  const folder = mkdtempSync(path.join(tmpdir(), 'halfclose-consumer-'));
  const modules = path.join(folder, 'node_modules');
  mkdirSync(path.join(modules, 'halfclose'), { recursive: true });
  const packed = run('npm', ['pack', '--json', '--silent', '--pack-destination', folder], ROOT);
  if (!packed.ok) throw new Error(packed.output);
  const [{ filename }] = JSON.parse(packed.stdout);
  run(
    'tar',
    ['-xzf', path.join(folder, filename), '-C', path.join(modules, 'halfclose'), '--strip-components=1'],
    folder,
  );
  for (const name of BESIDE) {
    mkdirSync(path.dirname(path.join(modules, name)), { recursive: true });
    symlinkSync(path.join(ROOT, 'node_modules', name), path.join(modules, name));
  }
  writeFileSync(path.join(folder, 'package.json'), '{ "private": true }');
  for (const [name, from] of Object.entries(SOURCES)) copyFileSync(path.join(ROOT, from), path.join(folder, name));
  return folder;
}

/** The compiler of this version, installed if need be; an older one from the cache serves when that fails. */
function compiler(version) {
  if (version === OWN) return path.join(ROOT, 'node_modules/typescript/bin/tsc');
  const prefix = path.join(CACHE, version);
  const file = path.join(prefix, 'node_modules/typescript/bin/tsc');
  if (existsSync(file)) return file;
  mkdirSync(prefix, { recursive: true });
  const options = ['--prefix', prefix, '--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--silent'];
  run('npm', ['install', ...options, `typescript@${version}`], prefix);
  return existsSync(file) ? file : null;
}

/** Which programs a version compiles: before 5.8 CommonJS could not require an ES module. */
function programs(version) {
  const [major, minor] = version.split('.').map(Number);
  return major > 5 || minor >= 8 ? ['esm.mts', 'require.cts', 'import.cts'] : ['esm.mts', 'import.cts'];
}

/** An error in the declarations of another package: @bufbuild/protobuf's need TypeScript 5.7. */
function isOfOthers(line) {
  return /^\S*node_modules\/(?!halfclose\/)/.test(line);
}

function check(folder, version) {
  const tsc = compiler(version);
  if (tsc === null) return { version, state: 'skipped', note: 'it could not be installed' };
  const files = programs(version);
  const outDir = `out-${version}`;
  const config = { compilerOptions: { ...COMPILER_OPTIONS, outDir }, files };
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(config));
  const { output } = run(process.execPath, [tsc, '-p', '.', '--pretty', 'false'], folder);
  const errors = output.split('\n').filter((line) => line !== '' && !isOfOthers(line));
  if (errors.length > 0) return { version, state: 'FAILED', note: errors.join('\n') };
  for (const file of files) {
    const program = path.join(folder, outDir, file.replace(/ts$/, 'js'));
    const { ok, stdout, output } = run(process.execPath, ['--disable-warning=ExperimentalWarning', program], folder);
    if (!ok || stdout.trim() !== OUTPUT) return { version, state: 'FAILED', note: `${file} printed: ${output}` };
  }
  return { version, state: 'ok', note: files.join(', ') };
}

const folder = makeConsumer();
try {
  const rows = VERSIONS.map((version) => check(folder, version));
  for (const { version, state, note } of rows) console.log(`TypeScript ${version.padEnd(8)}${state.padEnd(9)}${note}`);
  process.exitCode = rows.some(({ state }) => state === 'FAILED') ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true });
}
