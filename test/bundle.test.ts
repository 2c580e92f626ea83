/** A program in one file: esbuild makes an ES module of a client, a server and their codec that runs by itself. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { assert, suite } from './support/suite.ts';

const run = promisify(execFile);
const test = suite('a bundle');

/** Where this very build is. */
const SRC = path.join(import.meta.dirname, '../src');
const ROUTE_GUIDE = path.join(import.meta.dirname, '../examples/route-guide/gen/route_guide_pb.js');

const PROGRAM = `
  import { ChannelCredentials, Code, createChannel, Server, ServerCredentials } from '${SRC}/index.js';
  import { createClient, implement } from '${SRC}/stub/codec/protobuf-es.js';
  import { findDetails, LocalizedMessageSchema, statusError } from '${SRC}/stub/codec/status-details.js';
  import { ClientContext, newStub } from '${SRC}/reactor/index.js';
  import { clientMethods } from '${SRC}/stub/codec/protobuf-es.js';
  import { RouteGuide } from '${ROUTE_GUIDE}';

  const server = new Server().addService(implement(RouteGuide, {
    getFeature: () => ({ name: 'the old mill' }),
    async *listFeatures() { yield { name: 'Mendham' }; yield { name: 'Whippany' }; },
    recordRoute() {
      throw statusError(Code.NOT_FOUND, 'no route', { details: [[LocalizedMessageSchema, { message: 'kein Weg' }]] });
    },
    routeChat: (notes) => notes,
  }));
  server.addListener({ host: '127.0.0.1', port: 0 }, ServerCredentials.insecure());
  await server.start();
  const channel = createChannel('127.0.0.1:' + server.port, ChannelCredentials.insecure());
  const client = createClient(RouteGuide, channel);
  console.log((await client.getFeature({})).name);
  for await (const { name } of client.listFeatures({})) console.log(name);
  await client.recordRoute([]).catch((error) => console.log(findDetails(error, LocalizedMessageSchema)[0].message));
  const stub = newStub(clientMethods(RouteGuide), channel).async();
  await new Promise((resolve) => stub.getFeature(new ClientContext(), {}, (status) => resolve(console.log(status.name))));
  channel.shutdown();
  server.shutdown();
`;

test('runs where nothing else is installed', { timeoutMs: 60_000 }, async () => {
  // Outside of the project, so that what was left out cannot be found.
  const folder = await mkdtemp(path.join(tmpdir(), 'halfclose-bundle-'));
  try {
    const outfile = path.join(folder, 'program.mjs');
    const stdin = { contents: PROGRAM, resolveDir: SRC };
    await build({ stdin, outfile, bundle: true, minify: true, format: 'esm', platform: 'node' });
    const { stdout, stderr } = await run(process.execPath, [outfile], { cwd: folder, timeout: 20_000 });
    assert.is(stdout, 'the old mill\nMendham\nWhippany\nkein Weg\nOK\n');
    assert.is(stderr, '');
  } finally {
    await rm(folder, { recursive: true });
  }
});

test.run();
