/** docs/promises.md: its snippets compile against the built package, and print what their comments say. */
import { readFile } from 'node:fs/promises';
import { runPage } from '../support/snippets.ts';
import { assert, suite, within } from '../support/suite.ts';

const PAGE = 'docs/promises.md';
const test = suite(PAGE);

/** What the page says beside each console.log that it prints. */
async function promised(): Promise<string[]> {
  const text = await readFile(PAGE, 'utf8');
  return [...text.matchAll(/; \/\/ (.*)$/gm)].map((match) => match[1] ?? '');
}

test('its snippets print what stands beside them', { timeoutMs: 60_000 }, async () => {
  const lines = await promised();
  assert.ok(lines.length >= 10);
  assert.equal(await within(50_000, runPage(PAGE), 'the snippets'), `${lines.join('\n')}\n`);
});

test.run();
