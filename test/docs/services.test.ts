/** The guides to gRPC's own services: their snippets compile, run, and print what their comments say. */
import { readFile } from 'node:fs/promises';
import { runPage } from '../support/snippets.ts';
import { assert, suite, within } from '../support/suite.ts';

const test = suite('services of gRPC');

for (const page of ['docs/health.md', 'docs/reflection.md']) {
  test(`${page} prints what stands beside it`, { timeoutMs: 60_000 }, async () => {
    const text = await readFile(page, 'utf8');
    const lines = [...text.matchAll(/console\.log\(.*; \/\/ (.*)$/gm)].map((match) => match[1] ?? '');
    assert.ok(lines.length > 0);
    assert.equal(await within(50_000, runPage(page), 'the snippets'), `${lines.join('\n')}\n`);
  });
}

test.run();
