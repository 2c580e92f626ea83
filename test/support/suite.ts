/**
 * suite(): uvu behind the guard. Every test and hook runs with a name and a time limit, `.skip` needs a reason, `.only`
 * fails in CI, and a suite ends only when no handle, timer or listener it opened is left. Each test file ends with
 * `test.run();` and imports nothing of uvu itself. Below: guard.ts, resources.ts.
 */
import { suite as uvuSuite } from 'uvu';
import { countFailure, guarded, recordFailure, registerSuite, suiteBegins, suiteEnded, toError } from './guard.ts';
import { report } from './report.ts';
import { activeResources, leakedSince, type Resources } from './resources.ts';

export * as assert from 'uvu/assert';
export { within } from './within.ts';

export type Body = () => unknown;

export interface TestOptions {
  /** How long the test may take, in milliseconds; 10 s unless told. Each hook has 10 s of its own. */
  readonly timeoutMs?: number;
}

interface Register {
  (name: string, body: Body): void;
  (name: string, options: TestOptions, body: Body): void;
}

interface Hook {
  (body: Body): void;
  each(body: Body): void;
}

export interface Suite extends Register {
  /** Runs only the tests so marked; fails under `CI=true`. */
  only: Register;
  /** Leaves the test out, and says why in the report. */
  skip(name: string, reason: string, body?: Body): void;
  before: Hook;
  after: Hook;
  /** Starts the suite once the file is loaded. A suite whose `run` was not called fails at exit. */
  run(): void;
}

const DEFAULT_TIMEOUT_MS = 10_000;
const LEAK_GRACE_MS = 2_000;

/** uvu prints `details` and `operator`, and dies silently where it has to compare values of an AssertionError itself. */
class TestFailure extends Error {
  override readonly name = 'TestFailure';
  readonly details: unknown;
  readonly operator: unknown;

  constructor(error: Error & { details?: unknown; operator?: unknown }) {
    super(error.message, { cause: error.cause });
    const cause = error.cause instanceof Error ? error.cause.stack : undefined;
    this.stack = error.stack ?? error.message;
    this.details = error.details || (cause && `caused by ${cause}`);
    this.operator = error.operator;
  }
}

/** Defines a suite of tests. The returned function registers one test. */
export function suite(name: string): Suite {
  const inner = uvuSuite(name);
  const record = registerSuite(name);
  const hooks = { before: [] as Body[], after: [] as Body[], beforeEach: [] as Body[], afterEach: [] as Body[] };
  let baseline: Resources = new Map();
  let broken: Error | null = null;

  const hook = (when: string, body: Body): Promise<void> =>
    guarded(`${when} of suite "${name}"`, DEFAULT_TIMEOUT_MS, body);

  async function runTest(title: string, timeoutMs: number, body: Body): Promise<void> {
    const fullName = `${name} > ${title}`;
    const errors: Error[] = [];
    const attempt = async (step: Promise<void>): Promise<void> => {
      await step.catch((error) => errors.push(toError(error)));
    };
    record.finished++;
    if (broken !== null) errors.push(broken);
    for (const body of hooks.beforeEach) if (errors.length === 0) await attempt(hook('before.each', body));
    if (errors.length === 0) await attempt(guarded(fullName, timeoutMs, body));
    for (const body of hooks.afterEach) if (broken === null) await attempt(hook('after.each', body));

    const [first, ...more] = errors;
    if (first === undefined) return report({ event: 'pass', name: fullName });
    countFailure(fullName);
    for (const error of more) process.stderr.write(`\n  also in "${fullName}": ${error.stack}\n`);
    throw new TestFailure(first);
  }

  function registerWith(into: typeof inner.only): Register {
    return (title: string, ...rest: [Body] | [TestOptions, Body]): void => {
      const [options, body] = rest.length === 1 ? [{}, rest[0]] : rest;
      if (record.runCalled) throw new Error(`test "${title}" comes after run() of suite "${name}"`);
      into(title, () => runTest(title, options.timeoutMs ?? DEFAULT_TIMEOUT_MS, body));
    };
  }

  function hookInto(once: Body[], each: Body[]): Hook {
    return Object.assign((body: Body) => void once.push(body), { each: (body: Body) => void each.push(body) });
  }

  const all = registerWith((title, body) => {
    record.tests++;
    inner(title, body);
  });
  const only = registerWith((title, body) => {
    record.tests++;
    record.onlyTests++;
    if (process.env['CI'] === 'true') recordFailure(`${name} > ${title}`, '.only was left behind');
    inner.only(title, body);
  });

  inner.before(async () => {
    suiteBegins();
    baseline = await activeResources();
    for (const body of hooks.before) {
      if (broken !== null) return;
      await hook('before', body).catch((error) => {
        broken = new Error(`before() of suite "${name}" failed: ${toError(error).message}`, { cause: error });
      });
    }
  });

  inner.after(async () => {
    for (const body of hooks.after) {
      await hook('after', body).catch((error) => recordFailure(`after() of suite "${name}"`, toError(error)));
    }
    const leaked = await leakedSince(baseline, LEAK_GRACE_MS);
    if (leaked.length > 0) {
      recordFailure(`leak in suite "${name}"`, `still open after the suite: ${leaked.join(', ')}`);
    }
    suiteEnded(record);
  });

  return Object.assign(all, {
    only,
    skip(title: string, reason: string): void {
      if (typeof reason !== 'string' || reason.trim() === '') throw new Error(`.skip("${title}") needs a reason`);
      record.skipped++;
      report({ event: 'skip', name: `${name} > ${title}`, reason });
      inner.skip(title);
    },
    before: hookInto(hooks.before, hooks.beforeEach),
    after: hookInto(hooks.after, hooks.afterEach),
    run(): void {
      if (record.runCalled) throw new Error(`run() of suite "${name}" was called twice`);
      record.runCalled = true;
      inner.run();
    },
  });
}
