/**
 * The negative HTTP/2 server against the client that grpc-go tests itself with: what our server does is what the official
 * cases mean. Needs Go.
 */
// file-timeout: 1200 s
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { assert, suite, within } from '../../support/suite.ts';
import { type NegativeCase, NegativeServer } from '../http2/negative-server.ts';
import { goTool } from '../tools.ts';

/** The cases that grpc-go's client has. */
const CASES: readonly NegativeCase[] = [
  'goaway',
  'rst_after_header',
  'rst_during_data',
  'rst_after_data',
  'ping',
  'max_streams',
];
/** Amid a message the client waits for UNKNOWN; grpc-go itself says INTERNAL, as gRPC's table of HTTP/2 codes has it. */
const STALE = /UnaryCall\(\) = _, Internal, want _, Unknown/;
const PATIENCE_MS = 30_000;

const test = suite('the negative HTTP/2 server and grpc-go');
const tool = goTool('google.golang.org/grpc/interop/http2', 'v1.76.0');

/** Runs the client to its end; resolves to its exit code and what it printed. */
async function runClient(
  program: string,
  name: NegativeCase,
  port: number,
): Promise<{ code: unknown; output: string }> {
  const args = ['--server_host=127.0.0.1', `--server_port=${port}`, `--test_case=${name}`];
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  try {
    const output = text(child.stderr);
    const [code] = await within(PATIENCE_MS, once(child, 'close'), `grpc-go’s ${name} to end`);
    return { code, output: await output };
  } finally {
    child.kill('SIGKILL');
  }
}

for (const name of CASES) {
  if ('missing' in tool) {
    test.skip(name, tool.missing);
    continue;
  }
  test(name, { timeoutMs: PATIENCE_MS + 5_000 }, async () => {
    await using server = await NegativeServer.listen(name);
    const { code, output } = await runClient(tool.path, name, server.port);
    if (name === 'rst_during_data') assert.match(output, STALE);
    else assert.is(code, 0, output);
    assert.equal(server.faults, []);
    assert.is(server.connections.length, name === 'goaway' ? 2 : 1);
  });
}

test.run();
