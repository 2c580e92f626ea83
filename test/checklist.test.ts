/** The checklists: every row has an answer, and the tests that it names are there. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { assert, suite } from './support/suite.ts';

const test = suite('checklists');

/** How many rows each has. */
const CHECKLISTS = { 'CHECKLIST.md': 220, 'CHECKLIST-CPP.md': 125 } as const;

/** A row of the table: its number and what its last column says. */
interface Row {
  readonly number: number;
  readonly answer: string;
}

async function rowsOf(checklist: string): Promise<Row[]> {
  const text = await readFile(path.join(process.cwd(), 'test', checklist), 'utf8');
  const matches = text.matchAll(/^\| (\d+) \|.*\|([^|]*)\|$/gm);
  return [...matches].map(([, number, answer]) => ({ number: Number(number), answer: (answer ?? '').trim() }));
}

/** What an answer says of one file: `file` › name; name; … */
interface Citation {
  readonly file: string;
  readonly names: string;
}

function citations(answer: string): Citation[] {
  const parts = answer.split(/`([^`]+\.ts)` ›/).slice(1);
  const cited: Citation[] = [];
  for (let i = 0; i + 1 < parts.length; i += 2) cited.push({ file: parts[i] ?? '', names: parts[i + 1] ?? '' });
  return cited;
}

/** The text of a test file and of the test code that it imports, where the names may stand as well. */
async function sourceOf(file: string, seen = new Set<string>()): Promise<string> {
  const full = path.resolve('test', file);
  if (seen.has(full)) return '';
  seen.add(full);
  const text = await readFile(full, 'utf8').catch(() => '');
  const imports = [...text.matchAll(/from '(\.[^']+\.ts)'/g)].map((match) =>
    path.join(path.dirname(file), match[1] ?? ''),
  );
  const near = imports.filter((one) => !one.startsWith('..') && !one.startsWith('support'));
  return text + (await Promise.all(near.map((one) => sourceOf(one, seen)))).join('\n');
}

/** Whether a test of this name stands in the text; a name made from a template matches around its gaps. */
function isThere(name: string, source: string): boolean {
  if (source.includes(name) || source.includes(name.replaceAll("'", "\\'"))) return true;
  const templates = [...source.matchAll(/`([^`\n]*\$\{[^`\n]*)`/g)].map((match) => match[1] ?? '');
  return templates.some((template) => {
    const pieces = template.split(/\$\{[^}]*\}/);
    const pattern = pieces.map((piece) => piece.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*');
    return pieces.join('').length > 10 && new RegExp(`^${pattern}$`).test(name);
  });
}

/** The names in a list separated by semicolons that are not there; a name may hold a semicolon itself. */
function missingFrom(names: string, source: string): string[] {
  // What stands in brackets at the end is a remark.
  const parts = names
    .replace(/ \([^()]*\)\s*$/, (remark) => (isThere(names.trim(), source) ? remark : ''))
    .split(';')
    .map((part) => part.trim());
  const missing: string[] = [];
  for (let from = 0; from < parts.length; ) {
    let to = parts.length;
    while (to > from && !isThere(parts.slice(from, to).join('; '), source)) to -= 1;
    if (to === from) missing.push(parts[from] ?? '');
    from = Math.max(to, from + 1);
  }
  return missing.filter((name) => name !== '');
}

for (const [checklist, count] of Object.entries(CHECKLISTS)) {
  test(`${checklist}: every row has a test or a reason`, async () => {
    const rows = await rowsOf(checklist);
    assert.equal(
      rows.map(({ number }) => number),
      Array.from({ length: count }, (_, index) => index + 1),
    );
    const open = rows.filter(({ answer }) => answer === '').map(({ number }) => number);
    assert.equal(open, [], `rows without an answer: ${open.join(', ')}`);
  });

  test(`${checklist}: every test that a row names is there`, async () => {
    const missing: string[] = [];
    for (const { number, answer } of await rowsOf(checklist)) {
      for (const { file, names } of citations(answer)) {
        for (const name of missingFrom(names, await sourceOf(file))) missing.push(`row ${number}: ${file} › ${name}`);
      }
    }
    assert.equal(missing, [], missing.join('\n'));
  });
}

test.run();
