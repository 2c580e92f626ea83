/** The guides for those who come from elsewhere: what is ours in them compiles, runs, and prints what their comments say. */
import { readFile } from 'node:fs/promises';
import { runPage } from '../support/snippets.ts';
import { assert, suite, within } from '../support/suite.ts';

const test = suite('guides');

/** What a page says beside what prints, in our own snippets. */
async function promised(page: string): Promise<string[]> {
  const snippets = (await readFile(page, 'utf8')).matchAll(/```ts\n([\s\S]*?)```/g);
  const ours = [...snippets].map((snippet) => snippet[1]).join('');
  return [...ours.matchAll(/; \/\/ (.*)$/gm)].map((match) => match[1] ?? '');
}

for (const origin of ['grpc-js', 'nice-grpc', 'connect', 'grpc-java']) {
  const page = `docs/from-${origin}.md`;
  test(`${page} prints what stands beside it`, { timeoutMs: 60_000 }, async () => {
    const lines = await promised(page);
    assert.ok(lines.length >= 4);
    assert.equal(await within(50_000, runPage(page), 'the snippets'), `${lines.join('\n')}\n`);
  });
}

test.run();
