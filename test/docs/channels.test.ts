/** The guide to channels: its snippets compile, run, and print what their comments say. */
import { readFile } from 'node:fs/promises';
import { runPage } from '../support/snippets.ts';
import { assert, suite, within } from '../support/suite.ts';

const test = suite('docs/channels.md');

test('prints what stands beside it', { timeoutMs: 60_000 }, async () => {
  const text = await readFile('docs/channels.md', 'utf8');
  const promised = [...text.matchAll(/; \/\/ (.*)$/gm)].map((match) => match[1]);
  assert.is(promised.length, 5);
  assert.is(await within(50_000, runPage('docs/channels.md'), 'the snippets'), `${promised.join('\n')}\n`);
});

test.run();
