/**
 * The house rules that a compiler does not know: which folder may import which, no cycles, no barrels, no dependency,
 * a header in each file, no promise on the hot path. The order of ARCHITECTURE.md stands here as data. Each rule is tried
 * on made-up files first, so that it is known to be able to fail.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import {
  anys,
  barrels,
  enums,
  filesWithoutHeader,
  foreignImports,
  importCycles,
  type Levels,
  namespaces,
  openEnds,
  orderBreaches,
  promisesBelow,
  type Rule,
  setImmediatesBelow,
  sourcesOf,
  testsNotRun,
  unplacedFiles,
} from './support/source-rules.ts';
import { assert, suite } from './support/suite.ts';

/** A folder imports lower levels and itself; `transport/http2` and `transport/in-process` also `transport`. */
const LEVELS: Levels = [
  ['values'],
  ['framing', 'credentials'],
  ['transport', 'transport/http2', 'transport/in-process'],
  ['call'],
  ['channel', 'server', 'reactor', 'stub', 'health', 'reflection'],
  ['testing'],
];
const STUB_LEVEL = 4;

const ROOT = path.join(import.meta.dirname, '..', '..');

function readFolder(folder: string): Record<string, string> {
  const files: Record<string, string> = {};
  const absolute = path.join(ROOT, folder);
  if (!existsSync(absolute)) return files;
  for (const entry of readdirSync(absolute, { recursive: true, encoding: 'utf8' })) {
    const file = `${folder}/${entry.replaceAll(path.sep, '/')}`;
    if (file.endsWith('.ts') && !file.includes('/gen/')) files[file] = readFileSync(path.join(ROOT, file), 'utf8');
  }
  return files;
}

const src = sourcesOf(readFolder('src'));
const tests = sourcesOf(readFolder('test'));

interface Case {
  readonly title: string;
  readonly rule: Rule;
  /** Files that break the rule, each by its path or its first breach. */
  readonly bad: Readonly<Record<string, string>>;
  readonly good: Readonly<Record<string, string>>;
  /** How often `bad` breaks it; once per file unless told. */
  readonly breaches?: number;
  readonly of?: typeof src;
}

const CASES: readonly Case[] = [
  {
    title: 'every file of src lies in a folder of the order',
    rule: (files) => unplacedFiles(files, LEVELS),
    bad: { 'src/utils/strings.ts': '', 'src/stray.ts': '' },
    good: { 'src/index.ts': '', 'src/transport/http2/headers.ts': '', 'src/channel/resolver/dns.ts': '' },
  },
  {
    title: 'no import goes upward, sideways or out of src',
    rule: (files) => orderBreaches(files, LEVELS),
    bad: {
      'src/values/status.ts': "import { MessageFramer } from '../framing/message-framer.ts';",
      'src/framing/compressor.ts': "import type { A } from '../credentials/call-credentials.ts';",
      'src/transport/stream.ts': "export { B } from './http2/headers.ts';",
      'src/transport/in-process/queue.ts': "type C = import('../http2/headers.ts').C;",
      'src/stub/client.ts': "import { D } from '../channel/managed-channel.ts';",
      'src/call/interceptor.ts': "const e = await import('../index.ts');",
      'src/server/server.ts': "import '../../test/support/suite.ts';",
      'src/channel/direct-channel.ts': "import { Faults } from '../testing/faults.ts';",
    },
    good: {
      'src/index.ts': "export { Server } from './server/server.ts';",
      'src/transport/http2/headers.ts':
        "import { a } from '../stream.ts';\nimport { b } from '../../values/metadata.ts';",
      'src/channel/resolver/dns.ts': "import { c } from '../subchannel.ts';",
      'src/stub/codec/protobufjs.ts':
        "import { d } from '../client.ts';\n// import { e } from '../../server/server.ts';",
      'src/testing/in-process.ts': "import { f } from '../server/server.ts';",
    },
  },
  {
    title: 'no file imports itself by way of others',
    rule: importCycles,
    bad: {
      'src/call/a.ts': "import { b } from './b.ts';",
      'src/call/b.ts': "import type { c } from '../values/c.ts';",
      'src/values/c.ts': "export * from '../call/a.ts';",
    },
    breaches: 1,
    good: {
      'src/call/a.ts': "import { b } from './b.ts';\nimport { c } from './c.ts';",
      'src/call/b.ts': "import { c } from './c.ts';",
      'src/call/c.ts': '',
    },
  },
  {
    title: 'no file but the index.ts of an entry point only passes on what others define',
    rule: barrels,
    bad: {
      'src/call/index.ts': "// All of it.\nexport * from './a.ts';\nexport type { B } from './b.ts';\n",
      'src/values/all.ts': "import { A } from './a.ts';\nimport type { B } from './b.ts';\n\nexport { A, type B };\n",
    },
    good: {
      'src/index.ts': "export * from './call/a.ts';",
      'src/reactor/index.ts': "export { A } from './a.ts';",
      'src/testing/index.ts': "export { A } from './a.ts';",
      'src/call/a.ts': "import { b } from './b.ts';\nexport { b } from './b.ts';\nexport const c = b(1);\n",
      'src/call/b.ts': 'const b = (n: number): number => n;\nexport { b };\n',
    },
  },
  {
    title: 'src imports only node, itself and, in the codecs, their two packages',
    rule: foreignImports,
    bad: {
      'src/call/a.ts': "import grpc from '@grpc/grpc-js';",
      'src/stub/client.ts': "import type { Message } from '@bufbuild/protobuf';",
      'src/stub/codec/protobufjs.ts': "import { inspect } from 'util';",
    },
    good: {
      'src/call/a.ts': "import http2 from 'node:http2';\nimport { b } from './b.ts';\nconst s = \"import 'x'\";",
      'src/stub/codec/protobufjs.ts':
        "import type { Root } from 'protobufjs';\nimport Long from 'protobufjs/minimal.js';",
      'src/stub/codec/protobuf-es.ts': "import { create } from '@bufbuild/protobuf';",
    },
  },
  {
    title: 'src has no enum',
    rule: enums,
    bad: { 'src/call/a.ts': 'export enum State { Idle }', 'src/call/b.ts': 'const enum State {\n  Idle,\n}' },
    good: { 'src/call/a.ts': "// an enum Colour {\nconst kind = 'enum State {';\nconst { enumerable } = descriptor;" },
  },
  {
    title: 'src has no namespace',
    rule: namespaces,
    bad: { 'src/call/a.ts': 'export namespace A {}', 'src/call/b.ts': 'declare module B {\n}' },
    good: { 'src/call/a.ts': 'const namespace = 1;\n/* namespace A {} */\nconst { module } = x;' },
  },
  {
    title: 'src has no any',
    rule: anys,
    bad: {
      'src/call/a.ts': 'function f(x: any): void {}',
      'src/call/b.ts': 'const y = x as any;',
      'src/call/c.ts': 'type T = Record<string, any>;',
      'src/call/d.ts': `const s = \`\${(x as any).y}\`;`,
      'src/call/e.ts': 'const r = a / b; let x: any;',
    },
    good: {
      'src/call/a.ts': "// any reader\nconst a = Promise.any(list);\nconst b = 'any';\nconst c = /any/.test(`any`);",
    },
  },
  {
    title: 'src has no open ends',
    rule: openEnds,
    bad: { 'src/call/a.ts': '// TODO later', 'src/call/b.ts': '/* FIXME */' },
    good: { 'src/call/a.ts': '// to do it later is the peer’s business' },
  },
  {
    title: 'each file of src opens with a header comment',
    rule: filesWithoutHeader,
    bad: {
      'src/call/a.ts': "import { b } from './b.ts';\n/** Too late. */",
      'src/call/b.ts': '\n// After an empty line.',
    },
    good: { 'src/call/a.ts': '/**\n * What it is.\n */\n', 'src/call/b.ts': '// What it is.' },
  },
  {
    title: 'no promise is made or awaited below the stub',
    rule: (files) => promisesBelow(files, STUB_LEVEL, LEVELS),
    bad: {
      'src/call/a.ts': 'const f = async () => 1;',
      'src/transport/http2/b.ts': 'return new Promise(() => {});',
      'src/framing/c.ts': 'for await (const chunk of chunks) {}',
    },
    good: {
      'src/stub/client.ts': 'export async function f() { await g(); }',
      'src/credentials/call-credentials.ts': 'export async function f() { await g(); }',
      'src/call/a.ts': '// await an answer\nconst asyncId = 1;\nsymbols.async;\ntype P = Promise<void>;',
    },
  },
  {
    title: 'setImmediate below the stub names its quirk of node:http2',
    rule: (files) => setImmediatesBelow(files, STUB_LEVEL, LEVELS),
    bad: {
      'src/transport/http2/a.ts': '// To be sure.\nsetImmediate(() => {});',
      'src/call/b.ts': '// node:http2: the end comes first.\nconst x = 1;\nsetImmediate(f);',
    },
    good: {
      'src/transport/http2/a.ts': '// node:http2: the end comes first,\n// see the test.\nsetImmediate(f);',
      'src/transport/http2/b.ts': 'setImmediate(f); // node:http2: the end comes first',
      'src/stub/c.ts': 'setImmediate(f);',
    },
  },
  {
    title: 'each test file ends by running its suite',
    rule: testsNotRun,
    of: tests,
    bad: {
      'test/a.test.ts': "test('a', () => {});\n",
      'test/b.test.ts': 'test.run();\nconst after = 1;\n',
      'test/c.test.ts': '// test.run();\n',
    },
    good: { 'test/a.test.ts': "test('a', () => {});\n\ntest.run();\n", 'test/support/run.ts': '' },
  },
];

const test = suite('layers');

test('there is a source to look at', () => {
  assert.ok(src.size > 70 && tests.size > 70, `only ${src.size} files of src, ${tests.size} of test`);
});

for (const { title, rule, bad, good, breaches, of } of CASES) {
  test(title, () => {
    const found = rule(of ?? src);
    assert.is(found.length, 0, `${title}, but:\n  ${found.join('\n  ')}`);
  });

  test(`can fail: ${title}`, () => {
    const found = rule(sourcesOf(bad));
    assert.is(found.length, breaches ?? Object.keys(bad).length, `found only:\n  ${found.join('\n  ')}`);
    assert.equal(rule(sourcesOf(good)), []);
  });
}

test('each file of src can be loaded by itself and leaves nothing running', async () => {
  // It also shows files of types alone to the coverage, which would count them as never run.
  for (const file of src.keys()) {
    await import(new URL(`../${file.replace(/ts$/, 'js')}`, import.meta.url).href);
  }
});

test.run();
