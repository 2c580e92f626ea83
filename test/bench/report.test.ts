/** What a benchmark makes of its numbers: ratios, comparisons, tables, the page. */
import { readOptions } from '../../bench/options.ts';
import { chartsOf } from '../../bench/report/charts.ts';
import { compare, compareText } from '../../bench/report/compare.ts';
import { page } from '../../bench/report/html.ts';
import { withRun } from '../../bench/report/markdown.ts';
import { digits, scenarioTable, spreadOf } from '../../bench/report/table.ts';
import { type BenchResult, type ContenderResult, median, ratios, type Sample } from '../../bench/result.ts';
import { UsageError } from '../../bench/usage-error.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('bench reports');

function sample(cpuUs: number): Sample {
  return {
    operations: 1000,
    elapsedMs: 500,
    clientCpuUs: cpuUs * 0.75,
    serverCpuUs: cpuUs * 0.25,
    gcShare: 0.05,
    loopDelayP99Ms: 21,
    clientPeakRssBytes: 50 * 1024 * 1024,
    serverPeakRssBytes: 60 * 1024 * 1024,
  };
}

function contender(name: string, costs: readonly number[]): ContenderResult {
  const latency = {
    p50: 1000,
    p90: 2000,
    p99: 5000,
    p999: 9000,
    max: 12_000,
    curve: [
      [50, 1000],
      [99, 5000],
    ] as const,
  };
  return { contender: name, samples: costs.map(sample), latency, idle: null };
}

function run(costs: Readonly<Record<string, readonly number[]>>): BenchResult {
  const results = Object.entries(costs).map(([name, values]) => contender(name, values));
  return {
    at: '2026-11-21T00:00:00.000Z',
    node: 'v20.0.0',
    cpu: 'a <fast> processor',
    cores: 2,
    pinned: true,
    rounds: 3,
    roundMs: 500,
    versions: { halfclose: '0.1.0' },
    scenarios: [
      { scenario: 'unary-32-100', title: 'unary, 32 B', results, failures: [] },
      {
        scenario: 'unary-32-1',
        title: 'unary, one',
        results,
        failures: [{ contender: 'x', reason: 'it <broke>\nhere' }],
      },
    ],
  };
}

test('the median of odd, even and no values', () => {
  assert.is(median([3, 1, 2]), 2);
  assert.is(median([4, 1, 3, 2]), 2.5);
  assert.ok(Number.isNaN(median([])));
});

test('ratios are taken round by round', () => {
  assert.equal(ratios(contender('a', [20, 10]), contender('b', [10, 20])), [2, 0.5]);
  // A round that one of them lacks says nothing.
  assert.equal(ratios(contender('a', [20, 10, 7]), contender('b', [10, 20])), [2, 0.5]);
});

test('idle streams are compared by their bytes at both ends', () => {
  const own = { ...contender('a', []), idle: { clientBytes: 3000, serverBytes: 1000 } };
  const base = { ...contender('b', []), idle: { clientBytes: 1500, serverBytes: 500 } };
  assert.equal(ratios(own, base), [2]);
});

test('the spread is half of where the middle half lies', () => {
  assert.is(spreadOf([100, 100, 100]), 0);
  assert.is(spreadOf([90, 100, 110, 100, 100]), 0);
  assert.is(spreadOf([80, 90, 100, 110, 120]), 0.1);
});

test('numbers have three digits that matter', () => {
  assert.is(digits(0.12345), '0.123');
  assert.is(digits(12.345), '12.3');
  assert.is(digits(1234567.8), '1,234,568');
  assert.is(digits(Number.NaN), '–');
});

test('a table has every contender with its ratios, and says who failed', () => {
  const [plain, broken] = run({ floor: [10, 10, 10], calls: [11, 12, 13], 'grpc-js': [24, 24, 24] }).scenarios;
  const text = scenarioTable(plain as NonNullable<typeof plain>);
  const calls = text.split('\n').find((line) => line.includes('calls')) ?? '';
  assert.match(calls, /12\.0/);
  assert.match(calls, /1\.20/);
  assert.match(calls, /0\.50/);
  assert.match(scenarioTable(broken as NonNullable<typeof broken>), /x: it <broke>$/m);
});

test('a comparison is of multiples of the floor, and names clear changes only', () => {
  const before = run({ floor: [10, 10, 10], calls: [20, 20, 20], promises: [15, 20, 25] });
  // A slower day: everything costs twice as much, but calls only one and a half times.
  const after = run({ floor: [20, 20, 20], calls: [30, 30, 30], promises: [36, 38, 40] });
  const changes = compare(before, after).filter(({ scenario }) => scenario === 'unary-32-100');
  assert.equal(
    changes.map(({ contender: name, before: was, after: now, isClear }) => [name, was, now, isClear]),
    [
      ['calls', 2, 1.5, true],
      ['promises', 2, 1.9, false],
    ],
  );
  assert.match(compareText(changes), /calls .*× 2\.00 → × 1\.50 +-25\.0 % +better/);
  assert.not.match(compareText(changes), /promises.*(better|worse)/);
});

test('a comparison of runs that share nothing says so', () => {
  assert.is(
    compareText(compare(run({ calls: [1] }), run({ calls: [1] }))),
    'the two runs have nothing in common, or no floor',
  );
});

test('the page is whole: charts as SVG, every table, nothing to load, nothing unescaped', async () => {
  const result = run({ floor: [10, 10], calls: [11, 11], 'grpc-js': [24, 24] });
  const html = await page(result);
  assert.is(html.match(/<svg/g)?.length, chartsOf(result).length);
  assert.is(html.match(/<table>/g)?.length, 2);
  assert.ok(html.includes('a &lt;fast&gt; processor'));
  assert.ok(html.includes('it &lt;broke&gt;'));
  assert.not.match(html, /<script|<link|src=|url\(/);
});

test('in Markdown a run has every contender with its ratios, says who failed, and takes the place of the last', () => {
  const idle = { ...contender('calls', []), latency: null, idle: { clientBytes: 3000, serverBytes: 1000 } };
  const floor = { ...contender('floor', []), latency: null, idle: { clientBytes: 1500, serverBytes: 500 } };
  const plain = run({ floor: [10, 10], calls: [12, 12], 'grpc-js': [24, 24] });
  const idling = { scenario: 'idle', title: 'idle streams', results: [floor, idle], failures: [] };
  const text = withRun('# What it means\n', { ...plain, scenarios: [...plain.scenarios, idling] });
  assert.match(text, /^\| calls \| 12\.0 \| 0 % \| 1\.20 \| 0\.50 \| 2,000 \| 1\.00 \| 5\.00 \|$/m);
  assert.match(text, /^\| calls \| 4,000 \| 3,000 \| 1,000 \| 2\.00 \| – \|$/m);
  assert.match(text, /^x: it <broke>$/m);
  assert.match(text, /^### Idle streams$/m);
  assert.match(text, /^# What it means\n## The last full run\n/);
  assert.is(withRun(text, plain), withRun('# What it means\n', plain));
});

test('a run with nothing in it has a page without charts', async () => {
  assert.equal(chartsOf({ ...run({}), scenarios: [] }), []);
  assert.match(await page({ ...run({}), scenarios: [] }), /<h1>/);
});

function optionsOf(...args: string[]) {
  const options = readOptions(args);
  if (typeof options === 'string') throw new Error('a text');
  return options;
}

test('the quick run is a few scenarios and stacks, the full run is all', () => {
  const quick = optionsOf();
  const full = optionsOf('--full');
  assert.ok(quick.scenarios.length < 10);
  assert.ok(full.scenarios.length > 30);
  const [first] = quick.scenarios;
  assert.ok(first !== undefined);
  assert.equal(
    quick.contendersOf(first).map(({ name }) => name),
    ['floor', 'calls', 'reactors', 'promises', 'grpc-js'],
  );
  assert.is(full.contendersOf(first).length, 7);
});

test('scenarios are chosen by name or part of one, stacks by name or as pairs', () => {
  const { scenarios, contendersOf, effort } = optionsOf(
    '--scenario',
    'tls,download',
    '--stack',
    'calls,calls>floor',
    '--rounds',
    '2',
  );
  assert.equal(
    scenarios.map(({ name }) => name),
    ['tls', 'download-32', 'download-1024', 'download-65536', 'large-download'],
  );
  assert.equal(
    contendersOf(scenarios[0] as NonNullable<(typeof scenarios)[0]>).map(({ name, client, server }) => [
      name,
      client,
      server,
    ]),
    [
      ['calls', 'calls', 'calls'],
      ['calls > floor', 'calls', 'floor'],
    ],
  );
  assert.is(effort.rounds, 2);
});

test('what makes no sense is refused by name', () => {
  for (const args of [
    ['--nonsense'],
    ['--scenario', 'nonsense'],
    ['--stack', 'nonsense'],
    ['--rounds', '0'],
    ['--rounds', 'x'],
  ]) {
    assert.throws(
      () => readOptions(args),
      (error: unknown) => error instanceof UsageError,
    );
  }
  assert.match(readOptions(['--list']) as string, /unary-32-100/);
  assert.match(readOptions(['--help']) as string, /--compare/);
});

test.run();
