/**
 * Who is an outlier, and for how long: the algorithms of gRFC A50 without a channel. Upstream: grpc-java's
 * OutlierDetectionLoadBalancerTest, grpc-go's outlierdetection tests (ejectionTime, maxEjectionPercent, noop).
 */
import fc from 'fast-check';
import type { OutlierConfig } from '../../../src/channel/balancer/outlier-config.ts';
import { endInterval, OutlierRecord } from '../../../src/channel/balancer/outlier-record.ts';
import { ROUND_ROBIN } from '../../../src/channel/balancer/round-robin.ts';
import { Status } from '../../../src/values/status.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('OutlierRecord');

const CONFIG: OutlierConfig = {
  intervalMs: 10_000,
  baseEjectionMs: 30_000,
  maxEjectionMs: 300_000,
  maxEjectionPercent: 100,
  successRate: null,
  failurePercentage: null,
  child: { provider: ROUND_ROBIN, config: null },
};
const FAILURES = { threshold: 50, enforcementPercentage: 100, minimumHosts: 3, requestVolume: 10 };
const BY_FAILURES: OutlierConfig = { ...CONFIG, failurePercentage: FAILURES };
const RATES = { stdevFactor: 1_000, enforcementPercentage: 100, minimumHosts: 3, requestVolume: 10 };
const BY_RATE: OutlierConfig = { ...CONFIG, successRate: RATES };

function recordsOf(count: number): OutlierRecord[] {
  return Array.from({ length: count }, () => new OutlierRecord());
}

function calls(record: OutlierRecord | undefined, successes: number, failures: number): void {
  for (let i = 0; i < successes; i += 1) record?.onCallEnded(Status.OK);
  for (let i = 0; i < failures; i += 1) record?.onCallEnded(Status.UNAVAILABLE);
}

/** Which are ejected after an interval with these calls: `[successes, failures]` of each. */
function ejected(of: readonly (readonly [number, number])[], config: OutlierConfig, random = 0): number[] {
  const records = recordsOf(of.length);
  for (const [index, [successes, failures]] of of.entries()) calls(records[index], successes, failures);
  endInterval(records, config, 0, () => random);
  return records.flatMap((record, index) => (record.isEjected ? [index] : []));
}

test('ejects what fails more often than the threshold', () => {
  assert.equal(
    ejected(
      [
        [10, 0],
        [5, 5],
        [4, 6],
        [0, 10],
      ],
      BY_FAILURES,
    ),
    [2, 3],
  );
});

test('judges only what has had enough calls, where enough endpoints have', () => {
  assert.equal(
    ejected(
      [
        [10, 0],
        [10, 0],
        [0, 10],
        [0, 9],
      ],
      BY_FAILURES,
    ),
    [2],
  );
  assert.equal(
    ejected(
      [
        [10, 0],
        [0, 10],
        [0, 9],
      ],
      BY_FAILURES,
    ),
    [],
  );
  assert.equal(
    ejected(
      [
        [10, 0],
        [10, 0],
        [0, 10],
        [0, 9],
      ],
      BY_RATE,
    ),
    [2],
  );
  assert.equal(
    ejected(
      [
        [10, 0],
        [0, 10],
        [0, 9],
      ],
      BY_RATE,
    ),
    [],
  );
});

test('judges nobody who had no call, whatever the config says', () => {
  const lax = { minimumHosts: 0, requestVolume: 0, enforcementPercentage: 100 };
  const config = { ...CONFIG, successRate: { ...lax, stdevFactor: 0 }, failurePercentage: { ...lax, threshold: 0 } };
  assert.equal(
    ejected(
      [
        [0, 0],
        [0, 0],
      ],
      config,
    ),
    [],
  );
});

test('lets those without a call say nothing of the others', () => {
  const config = { ...BY_RATE, successRate: { ...RATES, requestVolume: 0 } };
  assert.equal(
    ejected(
      [
        [10, 0],
        [10, 0],
        [10, 0],
        [2, 8],
        [0, 0],
      ],
      config,
    ),
    [3],
  );
});

test('ejects what succeeds less often than the mean by more than so many standard deviations', () => {
  // Rates 1, 1, 1, 0.2: mean 0.8, deviation 0.346.
  const of: [number, number][] = [
    [10, 0],
    [10, 0],
    [10, 0],
    [2, 8],
  ];
  assert.equal(ejected(of, BY_RATE), [3]);
  assert.equal(ejected(of, { ...BY_RATE, successRate: { ...RATES, stdevFactor: 1_700 } }), [3]);
  assert.equal(ejected(of, { ...BY_RATE, successRate: { ...RATES, stdevFactor: 1_800 } }), []);
  assert.equal(
    ejected(
      [
        [0, 10],
        [0, 10],
        [0, 10],
      ],
      BY_RATE,
    ),
    [],
    'where all fail alike nobody is an outlier',
  );
});

test('ejects no more than the maximum, but one at least', () => {
  const of = Array.from({ length: 10 }, (): [number, number] => [0, 10]);
  const most = (maxEjectionPercent: number): number => ejected(of, { ...BY_FAILURES, maxEjectionPercent }).length;
  assert.equal([most(0), most(1), most(10), most(11), most(50), most(100)], [0, 1, 1, 2, 5, 10]);
});

test('ejects by chance as often as it is told', () => {
  const of: [number, number][] = [
    [10, 0],
    [10, 0],
    [0, 10],
  ];
  const config = { ...BY_FAILURES, failurePercentage: { ...FAILURES, enforcementPercentage: 40 } };
  assert.equal(ejected(of, config, 0.39), [2]);
  assert.equal(ejected(of, config, 0.4), []);
  assert.equal(ejected(of, { ...config, failurePercentage: { ...FAILURES, enforcementPercentage: 0 } }), []);
});

test('counts the calls of one interval, not of those before it', () => {
  const records = recordsOf(3);
  calls(records[0], 10, 0);
  calls(records[1], 10, 0);
  calls(records[2], 0, 9);
  endInterval(records, BY_FAILURES, 0, () => 0);
  for (const record of records) calls(record, 10, 0);
  calls(records[2], 0, 2);
  endInterval(records, BY_FAILURES, 10_000, () => 0);
  assert.not(records[2]?.isEjected);
});

/** When the third of three is admitted again that fails as often as it can, in intervals of 10 s, time after time. */
function ejectionsMs(config: OutlierConfig, rounds: number): number[] {
  const records = recordsOf(3);
  const lengths: number[] = [];
  let since: number | null = null;
  for (let nowMs = 0; lengths.length < rounds && nowMs < 10_000_000; nowMs += 10_000) {
    for (const [index, record] of records.entries()) {
      if (!record.isEjected) calls(record, index === 2 ? 0 : 10, index === 2 ? 10 : 0);
    }
    endInterval(records, config, nowMs, () => 0);
    const isEjected = records[2]?.isEjected === true;
    if (isEjected) since ??= nowMs;
    else if (since !== null) {
      lengths.push(nowMs - since);
      since = null;
    }
  }
  return lengths;
}

test('ejects for longer each time, up to the maximum', () => {
  assert.equal(ejectionsMs(BY_FAILURES, 4), [30_000, 60_000, 90_000, 120_000]);
  assert.equal(ejectionsMs({ ...BY_FAILURES, maxEjectionMs: 70_000 }, 4), [30_000, 60_000, 70_000, 70_000]);
  assert.equal(ejectionsMs({ ...BY_FAILURES, maxEjectionMs: 10_000 }, 2), [30_000, 30_000], 'never less than the base');
});

test('ejects once in an interval, though both ways find an outlier', () => {
  assert.equal(ejectionsMs({ ...BY_FAILURES, successRate: RATES }, 2), [30_000, 60_000]);
});

test('forgets an ejection for each interval that goes well', () => {
  const records = recordsOf(3);
  const [, , bad] = records;
  const interval = (nowMs: number, fails: boolean): boolean => {
    for (const record of records) calls(record, record === bad && fails ? 0 : 10, record === bad && fails ? 10 : 0);
    endInterval(records, BY_FAILURES, nowMs, () => 0);
    return bad?.isEjected === true;
  };
  assert.ok(interval(0, true));
  assert.ok(interval(20_000, false));
  assert.not(interval(30_000, false));
  assert.not(interval(40_000, false), 'and one is forgotten');
  assert.ok(interval(50_000, true));
  assert.not(interval(80_000, false), '30 s, as at first');
});

test('is admitted, and new, when nothing is judged any more', () => {
  const record = new OutlierRecord();
  record.eject(0);
  record.eject(0);
  calls(record, 0, 50);
  record.forget();
  assert.not(record.isEjected);
  record.eject(100);
  record.age(30_100, BY_FAILURES);
  assert.not(record.isEjected, '30 s, as at first');
});

test('never ejects more than the maximum, whatever the calls', () => {
  const outcome = fc.tuple(fc.nat(30), fc.nat(30));
  const intervals = fc.array(fc.array(outcome, { minLength: 8, maxLength: 8 }), { maxLength: 20 });
  fc.assert(
    fc.property(intervals, fc.nat(100), (rounds, maxEjectionPercent) => {
      const records = recordsOf(8);
      const config = { ...BY_FAILURES, successRate: RATES, maxEjectionPercent };
      for (const [round, outcomes] of rounds.entries()) {
        for (const [index, [successes, failures]] of outcomes.entries()) calls(records[index], successes, failures);
        endInterval(records, config, round * 10_000, () => 0);
        const count = records.filter((record) => record.isEjected).length;
        assert.ok((count - 1) * 100 < maxEjectionPercent * 8 || count === 0);
      }
    }),
  );
});

test.run();
