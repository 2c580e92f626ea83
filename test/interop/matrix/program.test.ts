/** Programs as children: their output, their end, and that none outlives its time. */
import { assert, suite } from '../../support/suite.ts';
import { Program } from './program.ts';

/** How long a wait may take that is to end long before. */
const PATIENCE_MS = 8000;

function node(script: string): Program {
  return new Program([process.execPath, '-e', script]);
}

const test = suite('interop program');

test('what it prints is kept, from both streams, and its exit code is told', async () => {
  const program = node('console.log("one"); console.error("two"); process.exitCode = 3');
  const { exitCode, signal, output } = await program.ended(PATIENCE_MS);
  assert.equal([exitCode, signal, output.split('\n').sort()], [3, null, ['', 'one', 'two']]);
});

test('one that takes too long is killed with what it started', async () => {
  const script = `require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'inherit' });
    console.log('started'); setInterval(() => {}, 1e6)`;
  const program = node(script);
  await program.printed(/started/, PATIENCE_MS);
  // The child holds the pipes, so this returns only once the child is gone too.
  const { exitCode, signal } = await program.ended(1);
  assert.equal([exitCode, signal], [null, 'SIGKILL']);
});

test('the first match of a pattern is awaited; output that came before counts', async () => {
  const program = node('console.log("listening on 17"); setInterval(() => {}, 1e6)');
  try {
    assert.is((await program.printed(/on (\d+)/, PATIENCE_MS))?.[1], '17');
    assert.is((await program.printed(/on (\d+)/, PATIENCE_MS))?.[1], '17');
    assert.is(program.endedEarly, null);
  } finally {
    assert.is((await program.stop()).signal, 'SIGTERM');
  }
});

test('a program that ends without the pattern is not waited for', async () => {
  const program = node('console.log("no")');
  assert.is(await program.printed(/yes/, 1e6), null);
  await program.ended(PATIENCE_MS);
  assert.is(program.endedEarly?.exitCode, 0);
});

test('a program that cannot be started has said so, and has ended', async () => {
  const program = new Program(['halfclose-no-such-program']);
  assert.is(await program.printed(/x/, 1e6), null);
  const { exitCode, output } = await program.ended(PATIENCE_MS);
  assert.is.not(exitCode, 0);
  assert.match(output, /ENOENT/);
});

test.run();
