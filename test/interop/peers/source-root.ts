/**
 * Where the sources are, seen from a build: for what is no TypeScript and so is not built. Above: peers. Holds: the folder has
 * the package.json.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';

function rootOf(folder: string): string {
  if (existsSync(path.join(folder, 'package.json'))) return folder;
  const parent = path.dirname(folder);
  if (parent === folder) throw new Error(`no package.json above ${import.meta.dirname}`);
  return rootOf(parent);
}

export const SOURCE_ROOT: string = rootOf(import.meta.dirname);
