/** The programs of the RouteGuide example with reactors, in processes of their own. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ServerProcess } from '../../../examples/route-guide/server-process.ts';
import { assert, suite, within } from '../../support/suite.ts';
import { DATABASE } from './new-jersey.ts';

const SERVER = '../route-guide-reactors/server-main';
const CLIENT = fileURLToPath(new URL('../../../examples/route-guide-reactors/client-main.js', import.meta.url));

async function runClient(server: ServerProcess, ...args: string[]): Promise<string> {
  const run = promisify(execFile)(process.execPath, [CLIENT, '--port', String(server.atStart.port), ...args]);
  return (await within(10_000, run)).stdout;
}

const test = suite('Programs of RouteGuide with reactors');

test('over every city of the world', { timeoutMs: 40_000 }, async () => {
  const server = await within(20_000, ServerProcess.start(SERVER));
  try {
    assert.is(server.atStart.features, 135_233);
    const output = await runClient(server, '--rest_ms=0');
    assert.match(
      output,
      /^Found feature called Lisbon, PT at 38\.7167, -9\.1333\nFound no feature at 0\.0000, 0\.0000$/m,
    );
    assert.is(output.match(/^Found feature called /gm)?.length, 1 + 103);
    assert.match(output, /^Finished trip with 10 points\nPassed 10 features\nTravelled \d+ meters$/m);
    assert.match(output, /^Got message First message at 0, 0$/m);
  } finally {
    assert.is(await within(6000, server.stop()), 0);
  }
});

test('over a database file, with a reactor of its own for GetFeature', { timeoutMs: 40_000 }, async () => {
  const server = await within(20_000, ServerProcess.start(SERVER, [`--db_path=${DATABASE}`, '--custom_reactor']));
  try {
    assert.is(server.atStart.features, 13);
    const output = await runClient(server, `--db_path=${DATABASE}`, '--rest_ms=0');
    assert.match(
      output,
      /^Found feature called Berkshire Valley Management Area Trail, Jefferson, NJ, USA at 40\.9146, /m,
    );
    assert.is(output.match(/^Found feature called /gm)?.length, 1 + 13);
    assert.match(output, /^Finished trip with 10 points$/m);
  } finally {
    assert.is(await within(6000, server.stop()), 0);
  }
});

test.run();
