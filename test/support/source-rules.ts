/**
 * The rules that hold for every file of src/, as functions from a map of files to the list of breaches. Pure: the files
 * may be made up. The order of the folders comes from layers.test.ts. Below: source-text.ts.
 */
import path from 'node:path/posix';
import { readSource, type SourceText } from './source-text.ts';

/** Path from the project's root, with forward slashes → the file. */
export type Sources = ReadonlyMap<string, SourceText>;

/** Folders of src/ by level, lowest first. */
export type Levels = readonly (readonly string[])[];

export type Rule = (sources: Sources) => string[];

const INDEX = 'src/index.ts';
/** Entry points that have nothing of their own. */
const INDEXES: readonly string[] = [INDEX, 'src/reactor/index.ts', 'src/testing/index.ts'];
const CODECS = 'src/stub/codec/';
const PEERS = /^(?:protobufjs|@bufbuild\/protobuf)(?:\/|$)/;

export function sourcesOf(files: Readonly<Record<string, string>>): Sources {
  return new Map(Object.entries(files).map(([file, text]) => [file, readSource(text)]));
}

/** The file that a relative import means, from the project's root; null for a package. */
function target(file: string, specifier: string): string | null {
  return specifier.startsWith('.') ? path.join(path.dirname(file), specifier) : null;
}

/** The innermost folder of the order that holds the file, and its level. */
function placeOf(file: string, levels: Levels): { folder: string; level: number } | null {
  let place: { folder: string; level: number } | null = null;
  for (const [level, folders] of levels.entries()) {
    for (const folder of folders) {
      if (!file.startsWith(`src/${folder}/`)) continue;
      if (place === null || folder.length > place.folder.length) place = { folder, level };
    }
  }
  return place;
}

/** Lines of code that match, as `file:line text`. */
function grep(sources: Sources, pattern: RegExp, allowed: (file: string, line: number) => boolean): string[] {
  const found: string[] = [];
  for (const [file, source] of sources) {
    for (const [index, line] of source.codeLines.entries()) {
      if (pattern.test(line) && !allowed(file, index)) {
        found.push(`${file}:${index + 1} ${(source.lines[index] ?? '').trim()}`);
      }
    }
  }
  return found;
}

const never = (): boolean => false;

export function unplacedFiles(sources: Sources, levels: Levels): string[] {
  return [...sources.keys()].filter((file) => file !== INDEX && placeOf(file, levels) === null);
}

/** Imports that go up, to a sibling, or out of src/. A folder within a folder may import its parent. */
export function orderBreaches(sources: Sources, levels: Levels): string[] {
  const breaches: string[] = [];
  for (const [file, source] of sources) {
    const from = placeOf(file, levels);
    if (from === null) continue;
    for (const { specifier, line } of source.imports) {
      const imported = target(file, specifier);
      if (imported === null) continue;
      const to = placeOf(imported, levels);
      const where = `${file}:${line} imports ${imported}`;
      if (to === null) breaches.push(`${where}, which is in no layer`);
      else if (to.level > from.level) breaches.push(`${where}: upward, level ${from.level} to ${to.level}`);
      else if (to.level === from.level && to.folder !== from.folder && !from.folder.startsWith(`${to.folder}/`)) {
        breaches.push(`${where}: sideways, ${from.folder} to ${to.folder}`);
      }
    }
  }
  return breaches;
}

/** Each import cycle once, as the path around it. */
export function importCycles(sources: Sources): string[] {
  const cycles: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, trail: readonly string[]): void => {
    const start = trail.indexOf(file);
    if (start !== -1) {
      cycles.push([...trail.slice(start), file].join(' → '));
      return;
    }
    if (done.has(file)) return;
    for (const { specifier } of sources.get(file)?.imports ?? []) {
      const imported = target(file, specifier);
      if (imported !== null && sources.has(imported)) visit(imported, [...trail, file]);
    }
    done.add(file);
  };
  for (const file of sources.keys()) visit(file, []);
  return cycles;
}

/** A file that only passes on what others define. */
export function barrels(sources: Sources): string[] {
  const statement = /\bimport\b[^;()]*?['"][^'"]*['"]\s*;?|\bexport\s+(?:type\s+)?(?:\*|\{)[^;]*?(?:;|\}\s*$)/gm;
  const found: string[] = [];
  for (const [file, source] of sources) {
    const passesOn = /\bexport\s+(?:type\s+)?[*{]/.test(source.code);
    if (!INDEXES.includes(file) && passesOn && source.code.replace(statement, '').trim() === '') found.push(file);
  }
  return found;
}

/** Packages that src/ may not import. */
export function foreignImports(sources: Sources): string[] {
  const found: string[] = [];
  for (const [file, source] of sources) {
    for (const { specifier, line } of source.imports) {
      if (specifier.startsWith('node:') || specifier.startsWith('.')) continue;
      if (file.startsWith(CODECS) && PEERS.test(specifier)) continue;
      found.push(`${file}:${line} imports ${specifier}`);
    }
  }
  return found;
}

export const enums: Rule = (sources) => grep(sources, /(?<![\w$.#])enum\s+[\w$]+\s*(?:\{|$)/, never);

export const namespaces: Rule = (sources) =>
  grep(sources, /(?<![\w$.#])(?:namespace|module)\s+[\w$.]+\s*(?:\{|$)/, never);

/** `any` as a type; `Promise.any` and `{ any: 1 }` are something else. */
export const anys: Rule = (sources) => grep(sources, /(?<![\w$.#])any(?![\w$]|\s*\??:|\s*\()/, never);

export function openEnds(sources: Sources): string[] {
  const found: string[] = [];
  for (const [file, source] of sources) {
    for (const [index, line] of source.lines.entries()) {
      if (/\b(?:TODO|FIXME)\b/.test(line)) found.push(`${file}:${index + 1} ${line.trim()}`);
    }
  }
  return found;
}

export function filesWithoutHeader(sources: Sources): string[] {
  return [...sources].filter(([, source]) => !/^\/[/*]/.test(source.lines[0] ?? '')).map(([file]) => file);
}

function isBelow(file: string, level: number, levels: Levels): boolean {
  return (placeOf(file, levels)?.level ?? level) < level;
}

/** Promises below `level`, where a call is one synchronous stack. Credentials may be asynchronous. */
export function promisesBelow(sources: Sources, level: number, levels: Levels): string[] {
  return grep(
    sources,
    /(?<![\w$.#])(?:async|await)(?![\w$]|\s*\??:)|\bnew\s+Promise\b/,
    (file) => !isBelow(file, level, levels) || file.startsWith('src/credentials/'),
  );
}

/** `setImmediate` below `level` without a `// node:http2:` comment on its line or directly above. */
export function setImmediatesBelow(sources: Sources, level: number, levels: Levels): string[] {
  return grep(sources, /(?<![\w$#])setImmediate\s*\(/, (file, index) => {
    if (!isBelow(file, level, levels)) return true;
    const lines = sources.get(file)?.lines ?? [];
    const isComment = (at: number): boolean => (lines[at] ?? '').trim().startsWith('//');
    let first = index;
    while (isComment(first - 1)) first--;
    return lines.slice(first, index + 1).some((line) => line.includes('// node:http2:'));
  });
}

/** Test files whose last line does not run their suite. */
export function testsNotRun(sources: Sources): string[] {
  return [...sources]
    .filter(([file]) => file.endsWith('.test.ts'))
    .filter(([, source]) => !/(?:^|\n)[\w$]+\.run\(\);\s*$/.test(source.code))
    .map(([file]) => file);
}
