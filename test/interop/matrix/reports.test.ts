/** The matrix as tables, as a page, and as data. */
import { assert, suite } from '../../support/suite.ts';
import type { Peer } from '../peers/peer.ts';
import { markdownReport } from './markdown.ts';
import { makeReport } from './report.ts';
import { failed, PASSED, type Result, skipped, type Verdict } from './result.ts';
import { columnOf, tabulate } from './table.ts';
import { terminalReport } from './terminal.ts';

function result(
  client: string,
  server: string,
  name: string,
  verdict: Verdict,
  mode: Result['mode'] = 'cleartext',
): Result {
  return { client, server, mode, case: name, ...verdict };
}

const NO_CASE = skipped('no such case');
const RESULTS: readonly Result[] = [
  result('grpc-go', 'halfclose/calls', 'large_unary', NO_CASE),
  result('grpc-go', 'halfclose/calls', 'empty_unary', PASSED),
  result('halfclose/calls', 'grpc-go', 'large_unary', PASSED),
  result('halfclose/promises', 'grpc-go', 'large_unary', failed('got 3')),
  result('halfclose/calls', 'grpc-go', 'empty_unary', PASSED),
  result('halfclose/promises', 'grpc-go', 'empty_unary', PASSED),
  result('halfclose/calls', 'halfclose/promises', 'empty_unary', PASSED),
  result('halfclose/calls', 'halfclose/promises', 'push_back', skipped('not today')),
  result('halfclose/calls', 'grpc-go', 'empty_unary', skipped('no gzip'), 'gzip'),
];

function peer(name: string): Peer {
  return {
    name,
    implementation: name.replace(/\/.*/, ''),
    version: '1.2.3',
    client: { commandLine: () => ['client'], takesMany: true, cannot: {} },
    server: { commandLine: () => ['server'], listening: /listening/, cannot: {} },
  };
}

const test = suite('interop matrix reports');

test('a column names the other implementation and the direction, not the face', () => {
  assert.is(columnOf({ client: 'halfclose/calls', server: 'halfclose/promises' }), '↔ itself');
  assert.is(columnOf({ client: 'halfclose/calls', server: 'grpc-go' }), '→ grpc-go');
  assert.is(columnOf({ client: 'grpc-go', server: 'halfclose/calls' }), '← grpc-go');
});

test('a cell passed only if every face did; columns and official rows have their order, and reasons their numbers', () => {
  const { tables, notes } = tabulate(RESULTS);
  const drawn = tables.map(({ mode, official, columns, rows }) => [
    `${mode} ${official}`,
    columns.join(),
    ...rows.map(({ name, cells }) => `${name} ${cells.map(({ mark, notes }) => `${mark}${notes.join()}`).join('|')}`),
  ]);
  assert.equal(drawn, [
    ['cleartext true', '↔ itself,→ grpc-go,← grpc-go', 'empty_unary ✓|✓|✓', 'large_unary  |✗|–1'],
    ['cleartext false', '↔ itself', 'push_back –2'],
    ['gzip true', '→ grpc-go', 'empty_unary –3'],
  ]);
  assert.equal(notes, ['no such case', 'not today', 'no gzip']);
});

test('a cell in which some faces passed and others were skipped is marked as passed, with a note', () => {
  const { tables } = tabulate([
    result('halfclose/calls', 'grpc-go', 'empty_unary', PASSED),
    result('halfclose/promises', 'grpc-go', 'empty_unary', skipped('not this face')),
  ]);
  assert.equal(tables[0]?.rows[0]?.cells, [{ mark: '✓', notes: [1] }]);
});

test('the terminal shows tables, then what failed, what was skipped and why, and last the count', () => {
  const lines = terminalReport(RESULTS, ['skipped grpc-java: Java is not installed']).split('\n');
  assert.is(lines.at(-1), '5 passed, 1 failed');
  assert.ok(lines.includes('empty_unary  ✓         ✓          ✓'), lines.join('\n'));
  assert.ok(lines.includes('large_unary            ✗          – 1'), lines.join('\n'));
  assert.equal(lines.slice(-6, -1), [
    'failed: halfclose/promises → grpc-go, cleartext, large_unary: got 3',
    'skipped 1: large_unary (no such case)',
    'skipped 1: push_back (not today)',
    'skipped 1: empty_unary (no gzip)',
    'skipped grpc-java: Java is not installed',
  ]);
});

test('where many cases are skipped for one reason, they are counted', () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  const skip = (name: string): Result => result('grpc-go', 'halfclose/calls', name, NO_CASE);
  assert.match(terminalReport(names.map(skip), []), /^skipped 6: a, b, c, d, e, f \(no such case\)$/m);
  assert.match(terminalReport([...names, 'g', 'g'].map(skip), []), /^skipped 8: 7 cases \(no such case\)$/m);
});

test('the page has versions, counts, tables and reasons', () => {
  const peers = [peer('halfclose/calls'), peer('halfclose/promises'), { name: 'grpc-java', missing: 'no Java' }];
  const lines = markdownReport(makeReport(peers, RESULTS, new Date(0), [])).split('\n');
  for (const due of [
    'Last run: 1970-01-01, 5 passed, 1 failed, 3 left out.',
    '| halfclose | 1.2.3 |',
    '| grpc-java | not run: no Java |',
    '|  | ↔ itself | → grpc-go | ← grpc-go |',
    '| --- | :-: | :-: | :-: |',
    '| `large_unary` |   | ✗ | –<sup>1</sup> |',
    '- failed: halfclose/promises → grpc-go, cleartext, large_unary: got 3',
    '1. no such case',
    '3. no gzip',
  ]) {
    assert.ok(lines.includes(due), `no line ${due} in\n${lines.join('\n')}`);
  }
  assert.is(lines.filter((line) => line.startsWith('| halfclose |')).length, 1);
});

test('a report tells nothing of its machine', () => {
  const wrong = failed('cannot read /home/me/project/x.pem in /home/me; 127.0.0.1:4711 refused');
  const missing = { name: 'grpc-go', missing: 'go failed in /home/me/go' };
  const folders = ['/home/me', '/', '/home/me/project'];
  const report = makeReport([missing], [result('grpc-js', 'halfclose/calls', 'a', wrong)], new Date(0), folders);
  assert.equal(report.peers, [{ name: 'grpc-go', missing: 'go failed in …/go' }]);
  assert.equal(report.results, [
    result('grpc-js', 'halfclose/calls', 'a', failed('cannot read …/x.pem in …; 127.0.0.1 refused')),
  ]);
});

test.run();
