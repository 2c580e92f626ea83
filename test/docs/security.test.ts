/** The guide to security: its snippets compile, run, and print what their comments say. */
import { readFile } from 'node:fs/promises';
import { runPage } from '../support/snippets.ts';
import { assert, suite, within } from '../support/suite.ts';

const test = suite('docs/security.md');

/** What the hook of its broken files prints, which stands in the text. */
const TOLD = 'the TLS files stay as they were: /alice.key is empty';

test('prints what stands beside it', { timeoutMs: 60_000 }, async () => {
  const text = await readFile('docs/security.md', 'utf8');
  const lines = [...text.matchAll(/console\.log\(.*; \/\/ (.*)$/gm)].map((match) => match[1] ?? '');
  assert.is(lines.length, 9);
  assert.ok(text.includes(`It prints \`${TOLD}\`.`));
  lines.splice(4, 0, TOLD);
  assert.equal(await within(50_000, runPage('docs/security.md'), 'the snippets'), `${lines.join('\n')}\n`);
});

test.run();
