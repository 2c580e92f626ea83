/**
 * Programs of other implementations that interop tests run: found on the machine, or built once into the user's cache
 * folder. Above: peers, and the tests under external/. Holds: one that is not to be had is no error but a sentence that
 * says what would install it; nothing is installed into the system.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

/** Where a program is, or why it is not there. */
export type Tool = { readonly path: string; readonly version: string } | { readonly missing: string };

/** Where everything is kept that was built for interop tests. */
const CACHE: string = path.join(process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'), 'halfclose-interop');

/** How long a toolchain may take to fetch and build one program, in milliseconds. */
const BUILD_MS = 15 * 60 * 1000;

interface Ran {
  readonly ok: boolean;
  /** Both streams. */
  readonly output: string;
}

/** Runs a command to its end. A command that does not exist fails like any other. */
export function run(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Ran {
  const result = spawnSync(command, args, {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    maxBuffer: 1 << 28,
    timeout: BUILD_MS,
  });
  const output = `${result.stdout ?? ''}${result.stderr ?? ''}`.trim();
  return { ok: result.status === 0, output: result.error === undefined ? output : `${output}${result.error.message}` };
}

/** A program of a Debian package, such as `nginx`. `versionArgs` make it print its version. */
export function debianTool(program: string, debianPackage: string, versionArgs: readonly string[]): Tool {
  // Debian's servers live in sbin, which is not on everybody's PATH.
  const found = run('sh', ['-c', `PATH=$PATH:/usr/sbin:/usr/local/sbin command -v ${program}`]);
  if (!found.ok) return { missing: `${program} is not installed: apt-get install ${debianPackage}` };
  const version = run(found.output, versionArgs).output.split('\n')[0] ?? '';
  return { path: found.output, version };
}

/** A Go program from the module proxy, built once: `goTool('google.golang.org/grpc/interop/client', 'v1.76.0')`. */
export function goTool(goPackage: string, version: string): Tool {
  const folder = path.join(CACHE, 'go', goPackage.replaceAll('/', '_'), version);
  const program = path.join(folder, path.posix.basename(goPackage));
  if (existsSync(program)) return { path: program, version };
  const command = `go install ${goPackage}@${version}`;
  if (!run('go', ['version']).ok) return { missing: `Go is not installed; with it: ${command}` };
  mkdirSync(folder, { recursive: true });
  const built = run('go', ['install', `${goPackage}@${version}`], { GOBIN: folder, GOFLAGS: '-mod=mod' });
  return existsSync(program) ? { path: program, version } : { missing: `${command} failed: ${lastLine(built.output)}` };
}

/** What a folder of the cache holds if it was filled to its end with exactly this; an interrupted build leaves no mark. */
function isFilled(folder: string, contents: string): boolean {
  const mark = path.join(folder, 'complete');
  return existsSync(mark) && readFileSync(mark, 'utf8') === contents;
}

/** Fills a folder of the cache from nothing. `fill` returns what went wrong, or null. */
function fill(folder: string, contents: string, fillIt: () => string | null): string | null {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const wrong = fillIt();
  if (wrong === null) writeFileSync(path.join(folder, 'complete'), contents);
  return wrong;
}

/**
 * Python with packages from PyPI, in an environment of its own: `pythonTool('grpcio', ['grpcio==1.85.1'])`. `path` is its
 * interpreter, `version` that of the first package.
 */
export function pythonTool(name: string, packages: readonly [string, ...string[]]): Tool {
  const folder = path.join(CACHE, 'python', name);
  const program = path.join(folder, 'bin', 'python');
  const contents = packages.join(' ');
  const tool: Tool = { path: program, version: packages[0].replace(/^.*==/, '') };
  if (isFilled(folder, contents)) return tool;
  const command = `python3 -m venv VENV && VENV/bin/pip install ${contents}`;
  if (!run('python3', ['-c', 'import venv, ensurepip']).ok) {
    return { missing: `Python is not installed: apt-get install python3-venv; with it: ${command}` };
  }
  const wrong = fill(folder, contents, () => {
    const made = run('python3', ['-m', 'venv', folder]);
    const installed = made.ok ? run(program, ['-m', 'pip', 'install', '--quiet', ...packages]) : made;
    return installed.ok ? null : lastLine(installed.output);
  });
  return wrong === null ? tool : { missing: `${command} failed: ${wrong}` };
}

/** Maven's plugin that fetches an artifact with all it depends on. */
const COPY_DEPENDENCIES = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies';

function pomOf(group: string, artifact: string, version: string): string {
  const coordinates = (g: string, a: string, v: string): string =>
    `<groupId>${g}</groupId><artifactId>${a}</artifactId><version>${v}</version>`;
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
${coordinates('halfclose', 'interop', '1')}
<dependencies><dependency>${coordinates(group, artifact, version)}</dependency></dependencies></project>
`;
}

/** A Java library from Maven Central with all it depends on. `path` is a folder of jars: `mavenTool('io.grpc', …)`. */
export function mavenTool(group: string, artifact: string, version: string): Tool {
  const contents = `${group}:${artifact}:${version}`;
  const folder = path.join(CACHE, 'maven', artifact, version);
  const tool: Tool = { path: path.join(folder, 'jars'), version };
  if (!run('java', ['-version']).ok) return { missing: 'Java is not installed: apt-get install default-jre-headless' };
  if (isFilled(folder, contents)) return tool;
  if (!run('mvn', ['-version']).ok) return { missing: 'Maven is not installed: apt-get install maven' };
  const wrong = fill(folder, contents, () => {
    const pom = path.join(folder, 'pom.xml');
    writeFileSync(pom, pomOf(group, artifact, version));
    const copied = run('mvn', ['-q', '-B', '-f', pom, COPY_DEPENDENCIES, `-DoutputDirectory=${tool.path}`]);
    return copied.ok
      ? null
      : (copied.output.split('\n').find((line) => line.includes('ERROR')) ?? lastLine(copied.output));
  });
  return wrong === null ? tool : { missing: `mvn could not fetch ${contents}: ${wrong}` };
}

/** The last line of what a command printed: where commands tend to say why they failed. */
function lastLine(output: string): string {
  return output.trimEnd().split('\n').at(-1) ?? '';
}
