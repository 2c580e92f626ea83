/** Health and reflection in one file: esbuild makes an ES module of a server that describes itself with nothing beside it. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { assert, suite } from '../support/suite.ts';

const run = promisify(execFile);
const test = suite('a bundle with health and reflection');

/** Where this very build is. */
const BUILD = path.join(import.meta.dirname, '../..');

const PROGRAM = `
  import { startInProcess } from '${BUILD}/src/testing/index.js';
  import { checkHealth, HealthService } from '${BUILD}/src/health/index.js';
  import { reflectionServices } from '${BUILD}/src/reflection/index.js';
  import { fileDescriptorsOf } from '${BUILD}/src/stub/codec/protobuf-es.js';
  import { ask, namesOf } from '${BUILD}/test/reflection/ask.js';
  import { Zoo } from '${BUILD}/test/reflection/gen/zoo/animals/animals_pb.js';

  const rig = await startInProcess(new HealthService(), ...reflectionServices(fileDescriptorsOf(Zoo), []));
  console.log(await checkHealth(rig.channel));
  for (const value of ['zoo.animals.Zoo', 'grpc.reflection.v1.ServerReflection']) {
    console.log(namesOf(await ask(rig.channel, { case: 'fileContainingSymbol', value }))[0]);
  }
  await rig[Symbol.asyncDispose]();
`;

test('runs where nothing else is installed', { timeoutMs: 60_000 }, async () => {
  // Outside of the project, so that what was left out cannot be found.
  const folder = await mkdtemp(path.join(tmpdir(), 'halfclose-bundle-'));
  try {
    const outfile = path.join(folder, 'program.mjs');
    const stdin = { contents: PROGRAM, resolveDir: BUILD };
    await build({ stdin, outfile, bundle: true, minify: true, format: 'esm', platform: 'node' });
    const { stdout, stderr } = await run(process.execPath, [outfile], { cwd: folder, timeout: 20_000 });
    assert.is(stdout, 'SERVING\nzoo/animals/animals.proto\ngrpc/reflection/v1/reflection.proto\n');
    assert.is(stderr, '');
  } finally {
    await rm(folder, { recursive: true });
  }
});

test.run();
