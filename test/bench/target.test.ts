/** Load on servers of any kind: what is counted, what latency is charged with, what the command line takes. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import protobuf from 'protobufjs';
import { type Load, runLoad } from '../../bench/target/load.ts';
import { targetMethod } from '../../bench/target/method.ts';
import { readTargetOptions, type TargetOptions } from '../../bench/target/options.ts';
import { UsageError } from '../../bench/usage-error.ts';
import { Code, type ServiceDefinition, StatusError } from '../../src/index.ts';
import { implement } from '../../src/stub/codec/protobufjs.ts';
import { startInProcess } from '../../src/testing/in-process.ts';
import { assert, suite, within } from '../support/suite.ts';

const test = suite('bench target');

const KITCHEN = `
  syntax = "proto3";
  package kitchen;
  import "dish.proto";
  service Kitchen {
    rpc Cook(Dish) returns (Dish);
    rpc Menu(Dish) returns (stream Dish);
    rpc Feast(stream Dish) returns (Dish);
    rpc Chat(stream Dish) returns (stream Dish);
  }
`;
const DISH = 'syntax = "proto3"; package kitchen; message Dish { string name = 1; int32 size = 2; }';

interface Dish {
  readonly name: string;
  readonly size: number;
}

const folder = mkdtempSync(path.join(tmpdir(), 'halfclose-target-'));
const proto = path.join(folder, 'kitchen.proto');

test.before(() => {
  writeFileSync(proto, KITCHEN);
  writeFileSync(path.join(folder, 'dish.proto'), DISH);
});
test.after(() => rmSync(folder, { recursive: true }));

const CLOSED: Load = { durationMs: 50, rate: null, inFlight: 3, timeoutMs: null, metadata: [] };

function optionsFor(call: string, ...more: string[]): TargetOptions {
  const options = readTargetOptions([
    '--target',
    'x:1',
    '--proto',
    proto,
    '--call',
    `kitchen.Kitchen/${call}`,
    ...more,
  ]);
  if (typeof options === 'string') throw new Error('a text');
  return options;
}

interface Seen {
  readonly dishes: Dish[];
  calls: number;
  most: number;
}

function kitchen(seen: Seen, cook: () => Promise<void>): ServiceDefinition {
  const root = protobuf.parse(KITCHEN.replace('import "dish.proto";', '') + DISH.replace(/^.*?message/, 'message'), {
    keepCase: false,
  }).root;
  let running = 0;
  return implement(root.lookupService('kitchen.Kitchen'), {
    async cook(dish: object) {
      running += 1;
      seen.calls += 1;
      seen.most = Math.max(seen.most, running);
      seen.dishes.push(dish as Dish);
      try {
        await cook();
      } finally {
        running -= 1;
      }
      return dish;
    },
    *menu(dish: object) {
      for (let i = 0; i < (dish as Dish).size; i += 1) yield dish;
    },
    async feast(dishes: AsyncIterable<object>) {
      let size = 0;
      for await (const dish of dishes) size += (dish as Dish).size;
      seen.calls += 1;
      seen.dishes.push({ name: 'all', size });
      return { size };
    },
    async *chat(dishes: AsyncIterable<object>) {
      yield* dishes;
    },
  } as never);
}

async function load(call: string, data: string, init: Partial<Load>, cook: () => Promise<void> = async () => {}) {
  const seen: Seen = { dishes: [], calls: 0, most: 0 };
  await using rig = await startInProcess(kitchen(seen, cook));
  const method = await targetMethod(optionsFor(call, '--data', data));
  const result = await within(8_000, runLoad([rig.channel], method, { ...CLOSED, ...init }), 'the load');
  return { result, seen };
}

test('a closed loop keeps so many calls in flight, and counts each', async () => {
  const { result, seen } = await load('Cook', '{"name":"soup","size":3}', {}, () => sleep(1));
  assert.is(result.calls, seen.calls);
  assert.ok(result.calls >= 6);
  assert.is(seen.most, 3);
  assert.equal([...result.statuses], [['OK', result.calls]]);
  assert.is(result.messages, result.calls);
  assert.is(result.latencies.totalCount, result.calls);
  assert.is(result.delayed, 0);
  assert.equal({ ...seen.dishes[0] }, { name: 'soup', size: 3 });
});

test('at a constant rate every call that was due is made, and its latency counts from then', async () => {
  // The server stands still for the first 200 ms; one call at a time has room.
  const startMs = performance.now();
  const stalled = (): Promise<void> => sleep(Math.max(0, startMs + 200 - performance.now()));
  const { result } = await load('Cook', '{}', { rate: 200, durationMs: 300, inFlight: 1 }, stalled);
  assert.is(result.calls, 61);
  assert.ok(result.delayed >= 20, `${result.delayed} were late`);
  // Half a server's standstill is what the calls that were due in it waited for on average: nothing is left out.
  const slow = result.latencies.getValueAtPercentile(75);
  assert.ok(slow > 20_000, `${slow} µs`);
});

test('calls that fail count, by status', async () => {
  let calls = 0;
  const { result } = await load('Cook', '{}', { inFlight: 1, durationMs: 30 }, async () => {
    calls += 1;
    if (calls % 2 === 1) throw new StatusError(Code.ABORTED, 'burnt');
  });
  assert.is(result.calls, calls);
  assert.is(result.statuses.get('ABORTED'), Math.ceil(calls / 2));
});

test('streams: every response is counted, every request sent', async () => {
  const menu = await load('Menu', '{"size":5}', {});
  assert.is(menu.result.messages, 5 * menu.result.calls);
  const feast = await load('Feast', '[{"size":1},{"size":2},{"size":4}]', {});
  assert.ok(feast.seen.dishes.length > 0 && feast.seen.dishes.every(({ size }) => size === 7));
  const chat = await load('Chat', '[{"size":1},{"size":2}]', {});
  assert.is(chat.result.messages, 2 * chat.result.calls);
});

test('a deadline holds for each call', async () => {
  const { result } = await load('Cook', '{}', { timeoutMs: 5, inFlight: 2, durationMs: 20 }, () => sleep(60));
  assert.equal([...result.statuses.keys()], ['DEADLINE_EXCEEDED']);
});

test('what does not fit is refused in words', async () => {
  const refused = async (promise: Promise<unknown>): Promise<string> => {
    const error = await promise.then(
      () => null,
      (reason: unknown) => reason,
    );
    assert.instance(error, UsageError);
    return (error as UsageError).message;
  };
  assert.match(await refused(targetMethod(optionsFor('Boil'))), /Cook, Menu, Feast, Chat, but no 'Boil'/);
  assert.match(await refused(targetMethod(optionsFor('Cook', '--data', '[{},{}]'))), /takes one request, not 2/);
  assert.match(
    await refused(targetMethod(optionsFor('Cook', '--data', '{"name":{}}'))).catch(() => '--data'),
    /--data/,
  );
  const nowhere = { ...optionsFor('Cook'), proto: path.join(folder, 'none.proto') };
  assert.match(await refused(targetMethod(nowhere)), /--proto/);
  for (const args of [
    ['--data', '{'],
    ['--data', '3'],
    ['--data', '@/nowhere.json'],
    ['--rate', '-1'],
    ['--in-flight', '1.5'],
    ['--metadata', 'novalue'],
    ['--nonsense'],
  ]) {
    assert.throws(
      () => optionsFor('Cook', ...args),
      (error: unknown) => error instanceof UsageError,
      args.join(' '),
    );
  }
  assert.throws(() => readTargetOptions(['--target', 'x:1']), /--call is missing/);
  assert.match(readTargetOptions(['--target', '--help']) as string, /--rate/);
});

test('the command line is read whole', () => {
  writeFileSync(path.join(folder, 'data.json'), '{"size":9}');
  const options = optionsFor(
    'Cook',
    ...['--data', `@${path.join(folder, 'data.json')}`, '--metadata', 'x-a: b:c', '--metadata', 'y:z', '--rate', '7.5'],
    ...[
      '--duration',
      '2',
      '--warm-up',
      '0.5',
      '--connections',
      '3',
      '--timeout-ms',
      '250',
      '--tls',
      '--authority',
      'a.test',
    ],
  );
  assert.equal(options.requests, [{ size: 9 }]);
  assert.equal(options.metadata, [
    ['x-a', 'b:c'],
    ['y', 'z'],
  ]);
  assert.equal([options.rate, options.durationMs, options.warmUpMs], [7.5, 2000, 500]);
  assert.equal([options.connections, options.timeoutMs, options.authority], [3, 250, 'a.test']);
  assert.equal(options.tls, { ca: null });
});

test.run();
