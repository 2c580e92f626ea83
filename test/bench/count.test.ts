/** The counting mode: its instruments on what is known beforehand, and by them how little the faces add to the floor. */
import { execFileSync } from 'node:child_process';
import { type CountedWork, isCounted, operationsOf } from '../../bench/count/drive.ts';
import type { ContenderCounts, EndCounts, ScenarioCounts } from '../../bench/count/result.ts';
import { countScenario } from '../../bench/count/runner.ts';
import { countTable } from '../../bench/count/table.ts';
import { Tally } from '../../bench/count/tally.ts';
import { readOptions } from '../../bench/options.ts';
import { SCENARIOS, type Scenario } from '../../bench/scenarios.ts';
import type { StackName } from '../../bench/stacks.ts';
import { UsageError } from '../../bench/usage-error.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('bench counting');

const TLS = { ca: '', cert: '', key: '' };
const OPERATIONS = 1_000;
const PATIENCE_MS = 60_000;
/** Means that differ by less differ by a few of a thousand. */
const NOTHING = 0.01;
/** Types of which a call has a number of its own, however its bytes are packed. */
const FIXED = ['PROMISE', 'TickObject', 'Immediate', 'Timeout', 'HTTP2STREAM', 'PendingRequest'];

async function countAll(name: string, stacks: readonly StackName[], operations = OPERATIONS): Promise<ScenarioCounts> {
  const scenario = SCENARIOS.find((one) => one.name === name) as Scenario;
  const contenders = stacks.map((stack) => ({ name: stack, client: stack, server: stack }));
  return await countScenario(scenario, contenders, { node: process.execPath, tls: TLS, operations });
}

function resultOf({ results, failures }: ScenarioCounts, name: StackName): [client: EndCounts, server: EndCounts] {
  const found = results.find(({ contender }) => contender === name);
  if (found === undefined || found.server === null) throw new Error(JSON.stringify(failures));
  return [found.client, found.server];
}

function of(type: string, { resources }: EndCounts): number {
  return resources[type] ?? 0;
}

/** Whether two means are the same but for 2 %, or for a few of a thousand. */
function assertSame(actual: number, expected: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= Math.max(NOTHING, expected * 0.02), `${what}: ${actual}, not ${expected}`);
}

let unary: ScenarioCounts;

test('a unary call is counted at every stack', { timeoutMs: PATIENCE_MS }, async () => {
  unary = await countAll('unary-32-1', ['floor', 'calls', 'reactors', 'promises']);
  assert.equal(unary.failures, []);
  for (const { operations, client, server } of unary.results) {
    assert.is(operations, OPERATIONS);
    for (const end of [client, server]) {
      assert.is(end?.resources['HTTP2STREAM'], 1);
      assert.ok((end?.heapBytes ?? 0) > 1_000);
    }
  }
});

for (const name of ['calls', 'reactors'] as const) {
  test(`a unary call of ${name} makes no promise, timer or immediate beyond the floor’s`, () => {
    const [floorClient, floorServer] = resultOf(unary, 'floor');
    const [client, server] = resultOf(unary, name);
    for (const type of ['PROMISE', 'Timeout', 'Immediate']) {
      assertSame(of(type, client), of(type, floorClient), `${type} at the client`);
      assertSame(of(type, server), of(type, floorServer), `${type} at the server`);
    }
  });
}

test('a unary call takes as many ticks at the client as the floor’s', () => {
  const [floor] = resultOf(unary, 'floor');
  for (const name of ['calls', 'reactors', 'promises'] as const) {
    assertSame(of('TickObject', resultOf(unary, name)[0]), of('TickObject', floor), name);
  }
});

test('a unary call of the promise face makes two promises at the client', () => {
  const [floor] = resultOf(unary, 'floor');
  const [client] = resultOf(unary, 'promises');
  const ofTheBenchmark = 1; // The then() that waits for it.
  const ofTheHook = 1; // What V8 makes for an await while somebody counts.
  assertSame(of('PROMISE', client) - ofTheBenchmark - ofTheHook, of('PROMISE', floor) + 2, 'promises');
});

test('a second run counts the same', { timeoutMs: PATIENCE_MS }, async () => {
  const again = await countAll('unary-32-1', ['floor', 'calls']);
  for (const name of ['floor', 'calls'] as const) {
    const [before, after] = [resultOf(unary, name), resultOf(again, name)];
    for (const type of FIXED) {
      assertSame(of(type, after[0]), of(type, before[0]), `${type} at the client of ${name}`);
      assertSame(of(type, after[1]), of(type, before[1]), `${type} at the server of ${name}`);
    }
  }
});

test('of a stream every message is an operation, and none makes a promise', { timeoutMs: PATIENCE_MS }, async () => {
  for (const name of ['ping-pong-1', 'download-32', 'upload-32']) {
    for (const end of resultOf(await countAll(name, ['calls']), 'calls')) {
      assertSame(of('PROMISE', end), 0, name);
      assertSame(of('HTTP2STREAM', end), 0, name);
    }
  }
});

test('within one process the counts are of both ends', { timeoutMs: PATIENCE_MS }, async () => {
  const { results, failures } = await countAll('in-process', ['calls']);
  assert.equal(failures, []);
  assert.is(results[0]?.server, null);
  assert.is(results[0]?.client.resources['PROMISE'], undefined);
});

test('what cannot be counted says so, and loses nobody else’s result', { timeoutMs: PATIENCE_MS }, async () => {
  const idle = await countAll('idle', ['floor']);
  assert.match(idle.failures[0]?.reason ?? '', /^idle is not made of operations/);
  const gzip = await countAll('gzip', ['grpc-js', 'floor'], 10);
  assert.equal(
    [gzip.failures.map(({ contender }) => contender), gzip.results.map(({ contender }) => contender)],
    [['grpc-js'], ['floor']],
  );
});

test('a tally counts each type of resource, and nothing before or after', () => {
  const timers = [setTimeout(() => {}, 0)];
  const tally = new Tally();
  void Promise.resolve(new Promise(() => {}));
  void Promise.reject(new Error('caught')).catch(() => {});
  for (let i = 0; i < 4; i += 1) process.nextTick(() => {});
  const immediate = setImmediate(() => {});
  timers.push(
    setTimeout(() => {}, 0),
    setTimeout(() => {}, 0),
  );
  const counts = tally.stop();
  void Promise.resolve(1);
  clearImmediate(immediate);
  for (const timer of timers) clearTimeout(timer);
  assert.equal(counts, { PROMISE: 3, TickObject: 4, Immediate: 1, Timeout: 2 });
});

/** What `expression` allocates each time, as Allocations counts it in a process that does nothing else. */
function bytesOf(expression: string, times: number): number {
  const module = new URL('../../bench/count/allocations.js', import.meta.url).href;
  const program = `
    import { Allocations } from ${JSON.stringify(module)};
    const kept = new Array(64).fill(null);
    const make = (times) => { for (let i = 0; i < times; i += 1) kept[i % 64] = ${expression}; };
    make(${times});
    const allocations = new Allocations();
    make(${times});
    console.log(allocations.stop() / ${times});`;
  return Number(execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' }));
}

const WORD_BYTES = 8;
/** Map, properties and elements of an object; of an array its length, and map and length of its elements. */
const OBJECT_WORDS = 3;
const ARRAY_WORDS = 6;

for (const [what, expression, words, times] of [
  ['small objects', '{ a: i, b: i, c: i, d: i }', OBJECT_WORDS + 4, 1_000_000],
  ['large arrays', 'new Array(25_000).fill(i)', ARRAY_WORDS + 25_000, 300],
] as const) {
  test(`the bytes of ${what} are what V8 lays out, however often it collects them`, () => {
    const [bytes, expected] = [bytesOf(expression, times), words * WORD_BYTES];
    assert.ok(Math.abs(bytes / expected - 1) < 0.02, `${bytes} bytes, not ${expected}`);
  });
}

function worksOf(pattern: RegExp): CountedWork[] {
  return SCENARIOS.filter(({ name }) => pattern.test(name)).map(({ work }) => work as CountedWork);
}

test('operations are many, fewer of what is large, and whole for every stream', () => {
  for (const { work } of SCENARIOS) {
    assert.is(isCounted(work), !['idle', 'slow-reader'].includes(work.kind));
    if (!isCounted(work)) continue;
    assert.ok(operationsOf(work) >= 100);
    if (work.kind === 'ping-pong') assert.is(operationsOf(work) % work.streams, 0);
  }
  assert.equal(worksOf(/^unary-(32|1048576)-1$/).map(operationsOf), [5_000, 128]);
});

const CLIENT: EndCounts = {
  resources: { PROMISE: 2, TickObject: 8, HTTP2STREAM: 1, WRITEWRAP: 0.004 },
  heapBytes: 1234,
};

test('a table has a row for each stack, with both ends, and names what has no column', () => {
  const whole: ContenderCounts = { contender: 'calls', operations: 10, client: CLIENT, server: CLIENT };
  const results = [whole, { ...whole, contender: 'floor', server: null }];
  const text = countTable({
    scenario: 'x',
    title: 'a call',
    results,
    failures: [{ contender: 'y', reason: 'no\nmore' }],
  });
  const row = (name: string): string[] =>
    text
      .split('\n')
      .find((line) => line.startsWith(`│ ${name} `))
      ?.split(/[ │]+/)
      .filter((cell) => cell !== '') ?? [];
  assert.equal(row('calls'), ['calls', '2', '8', '0', '0', '1,234', '2', '8', '0', '0', '1,234']);
  assert.equal(row('floor'), ['floor', '2', '8', '0', '0', '1,234', '–', '–', '–', '–', '–']);
  assert.match(text, /^ {2}calls: client 1 HTTP2STREAM; server 1 HTTP2STREAM$/m);
  assert.match(text, /^ {2}floor: client 1 HTTP2STREAM$/m);
  assert.match(text, /^ {2}y: no$/m);
});

test('--count takes scenarios, stacks and a file, and nothing that is about time', () => {
  const options = readOptions(['--count', '--scenario', 'tls', '--stack', 'calls', '--json', 'x.json']);
  assert.ok(typeof options !== 'string');
  assert.equal((options as Exclude<typeof options, string>).count, { json: 'x.json' });
  const plain = readOptions([]) as Exclude<typeof options, string>;
  assert.is(plain.count, null);
  for (const flags of [
    ['--rounds', '2'],
    ['--round-ms', '2'],
    ['--compare', 'x'],
    ['--html', 'x'],
  ]) {
    assert.throws(
      () => readOptions(['--count', ...flags]),
      (error: unknown) => error instanceof UsageError && error.message === `--count goes without ${flags[0]}`,
    );
  }
});

test.run();
