/**
 * What the interop programs that run on Node share: how they are started, and what they say. Above: halfclose.ts, grpc-js.ts.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { ClientRun, CommandLine, ServerRun } from './peer.ts';
import { SOURCE_ROOT } from './source-root.ts';

/** What a server prints once it listens. */
export const NODE_LISTENING: RegExp = /^listening on (\d+)$/m;

/** A built program, on the Node that this process runs on. */
export function nodeProgram(folder: string, main: string): CommandLine {
  return [process.execPath, path.join(folder, main)];
}

/** The version in a package.json, which is named relative to the project. */
export function versionIn(manifest: string): string {
  const { version } = JSON.parse(readFileSync(path.join(SOURCE_ROOT, manifest), 'utf8')) as { version: string };
  return version;
}

/** Makes a program compress all it sends, where the mode asks for it. */
export function compressionFlag({ mode }: ClientRun | ServerRun): string[] {
  return mode === 'gzip' ? ['--compression=gzip'] : [];
}
