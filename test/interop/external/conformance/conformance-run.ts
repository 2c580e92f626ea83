/**
 * One run of the connectrpc conformance suite: the runner as a child of the test, with a program of ours as its own child.
 * Above: conformance.test.ts. Below: connectconformance, client.ts, server.ts. Holds: a run that is not over in time is
 * killed; all of it stays in the test's process group, with which the test's own runner ends it if the test cannot.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { ZSTD } from '../../../../src/index.ts';
import { within } from '../../../support/suite.ts';
import type { FaceName } from '../../face.ts';
import { SOURCE_ROOT } from '../../peers/source-root.ts';

/** What is tested. The other end is the suite's own. */
export type Mode = 'client' | 'server';

export interface RunInit {
  /** Where connectconformance is. */
  readonly program: string;
  readonly mode: Mode;
  readonly face: FaceName;
  /** Cases that must fail, as patterns. */
  readonly mustFail: readonly string[];
  /** How long the run may take, in milliseconds. */
  readonly patienceMs: number;
}

export interface RunResult {
  /** 0 if every case did as it must. */
  readonly exitCode: unknown;
  /** How many cases there were. */
  readonly caseCount: number;
  /** The cases that failed though they must not, and why; those that must fail as well. */
  readonly output: string;
}

/** Where the suite's servers listen, and how many RPCs its client makes at a time: two cores have enough with them. */
const MODE_ARGS: Readonly<Record<Mode, readonly string[]>> = {
  client: ['--bind', '127.0.0.1'],
  server: ['--parallel', '4'],
};

/** Not in the build. */
const CONF_FILE = path.join(SOURCE_ROOT, 'test/interop/external/conformance/conf.yaml');

function argsOf({ mode, face, mustFail }: RunInit): string[] {
  const skipped = ZSTD === null ? ['--skip', '**/Compression:COMPRESSION_ZSTD/**'] : [];
  const known = mustFail.flatMap((pattern) => ['--known-failing', pattern]);
  const program = [process.execPath, path.join(import.meta.dirname, `${mode}.js`), face];
  const limits = ['--max-servers', '2', ...MODE_ARGS[mode]];
  return ['--mode', mode, '--conf', CONF_FILE, ...limits, ...skipped, ...known, '--', ...program];
}

/** Runs all cases of one mode. */
export async function runSuite(init: RunInit): Promise<RunResult> {
  const child = spawn(init.program, argsOf(init), { stdio: ['ignore', 'pipe', 'pipe'] });
  try {
    const output = Promise.all([text(child.stdout), text(child.stderr)]);
    const [exitCode] = await within(init.patienceMs, once(child, 'close'), `the ${init.mode} cases to end`);
    const printed = (await output).join('').trim();
    return { exitCode, caseCount: Number(/^Total cases: (\d+)$/m.exec(printed)?.[1] ?? 0), output: printed };
  } finally {
    child.kill('SIGKILL');
  }
}
