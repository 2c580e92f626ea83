/**
 * Header blocks that HTTP/2 forbids: nghttp2 refuses them, and the call ends INTERNAL. All versions of node abort the process
 * when they collect a session that has refused one, so these run in a process of its own that ends before it collects.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { assert, suite, within } from '../../support/suite.ts';

const test = suite('Http2ClientStream, malformed response');

const OK = "[':status', '200'], ['content-type', 'application/grpc']";

/** What the server sends, as code: the blocks of one response. */
const CASES: Readonly<Record<string, string>> = {
  'no :status': "[[['content-type', 'application/grpc']]]",
  'headers twice': `[[${OK}], [${OK}]]`,
  'a name in capitals': `[[${OK}, ['X-Up', '1']]]`,
  'a pseudo-header behind a field': `[[['x-a', '1'], ${OK}]]`,
  'a connection header': `[[${OK}, ['connection', 'close']]]`,
  'trailers that do not end the stream': `[[${OK}], [['grpc-status', '0']]]`,
};

/** How a unary call ends, for each case. */
async function outcomes(): Promise<Record<string, string>> {
  const rig = new URL('./client-rig.js', import.meta.url);
  const cases = Object.entries(CASES).map(([name, blocks]) => `['${name}', ${blocks}]`);
  const code = `
    const { ClientRig } = await import('${rig}');
    const outcomes = {};
    for (const [name, blocks] of [${cases.join(', ')}]) {
      const rig = await ClientRig.open();
      const call = await rig.unary();
      call.request(2);
      for (const block of blocks) rig.peer.sendHeaders(1, block);
      const reset = await rig.peer.frame('RST_STREAM');
      outcomes[name] = (await call.outcome()) + ' ' + reset.code;
    }
    console.log(JSON.stringify(outcomes));
    process.exit(0);`;
  const args = ['--min-semi-space-size=64', '--max-semi-space-size=64', '--input-type=module', '-e', code];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  const output = await within(9_000, text(child.stdout));
  await within(1_000, closed);
  return JSON.parse(output) as Record<string, string>;
}

let found: Record<string, string> = {};

test.before(async () => {
  found = await outcomes();
});

for (const name of Object.keys(CASES)) {
  test(`${name}: INTERNAL, and the stream is reset`, () => {
    assert.is(found[name], 'INTERNAL processed PROTOCOL_ERROR');
  });
}

test.run();
