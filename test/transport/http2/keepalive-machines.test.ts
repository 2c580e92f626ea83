/**
 * The decisions of keepalive, ping strikes and the life of a connection, without a network: what they do at which time.
 * Checklist: KeepAliveManagerTest, KeepAliveEnforcerTest and MaxConnectionIdleManagerTest of grpc-java.
 */
import fc from 'fast-check';
import {
  ConnectionLife,
  jitteredAgeMs,
  type LifeLimits,
  type LifeStep,
} from '../../../src/transport/http2/connection-life.ts';
import { completePolicy } from '../../../src/transport/http2/connection-policy.ts';
import { completeKeepalive, Keepalive, type KeepaliveSettings } from '../../../src/transport/http2/keepalive.ts';
import { KeepalivePace } from '../../../src/transport/http2/keepalive-pace.ts';
import { PingStrikes } from '../../../src/transport/http2/ping-strikes.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('Keepalive: decisions');

const { POSITIVE_INFINITY: NEVER } = Number;

const SETTINGS: KeepaliveSettings = { timeMs: 80_000, timeoutMs: 20_000, permitWithoutCalls: false };

/** A machine with a call, from time 0. */
function busy(settings: Partial<KeepaliveSettings> = {}): Keepalive {
  const machine = new Keepalive({ ...SETTINGS, ...settings }, 0);
  machine.onInUse(true);
  return machine;
}

test('asks once it was quiet for the time, and gives up once it was quiet for the timeout', () => {
  const machine = busy();
  assert.is(machine.step(79_999), 'wait');
  assert.is(machine.step(80_000), 'ask');
  assert.is(machine.step(80_000), 'wait');
  assert.is(machine.step(99_999), 'wait');
  assert.is(machine.step(100_000), 'give-up');
});

test('whatever was read puts the question off', () => {
  const machine = busy();
  machine.onRead(79_000);
  assert.is(machine.step(80_000), 'wait');
  assert.is(machine.step(158_999), 'wait');
  assert.is(machine.step(159_000), 'ask');
});

test('whatever was read is an answer', () => {
  const machine = busy();
  machine.step(80_000);
  machine.onRead(99_000);
  assert.is(machine.step(100_000), 'wait');
  assert.is(machine.step(179_000), 'ask');
});

test('rests without calls, and asks at once when a call finds it quiet for the time', () => {
  const machine = busy();
  machine.onInUse(false);
  assert.is(machine.nextLookMs(1_000), NEVER);
  assert.is(machine.step(1_000_000), 'wait');
  machine.onInUse(true);
  assert.is(machine.step(1_000_000), 'ask');
  const fresh = busy();
  fresh.onInUse(false);
  fresh.onInUse(true);
  assert.is(fresh.step(79_999), 'wait');
});

test('a question that was asked is waited for, calls or not', () => {
  const machine = busy();
  machine.step(80_000);
  machine.onInUse(false);
  assert.is(machine.nextLookMs(80_000), 90_000);
  assert.is(machine.step(100_000), 'give-up');
  const answered = busy();
  answered.step(80_000);
  answered.onInUse(false);
  answered.onRead(81_000);
  assert.is(answered.nextLookMs(81_000), NEVER);
});

test('where it is permitted it asks without calls', () => {
  const machine = new Keepalive({ ...SETTINGS, permitWithoutCalls: true }, 0);
  assert.is(machine.step(80_000), 'ask');
  machine.onRead(81_000);
  machine.onInUse(true);
  machine.onInUse(false);
  assert.is(machine.step(161_000), 'ask');
});

test('looks eight times in the time, and when something is due', () => {
  const machine = busy();
  assert.is(machine.nextLookMs(0), 10_000);
  assert.is(machine.nextLookMs(75_000), 80_000);
  machine.step(80_000);
  assert.is(machine.nextLookMs(80_000), 90_000);
  assert.is(machine.nextLookMs(95_000), 100_000);
});

test('bounds and defaults', () => {
  assert.is(completeKeepalive(undefined), null);
  assert.is(completeKeepalive({ timeMs: NEVER }), null);
  assert.equal(completeKeepalive({ timeMs: 30_000 }), { timeMs: 30_000, timeoutMs: 20_000, permitWithoutCalls: false });
  assert.equal(completeKeepalive({ timeMs: 1, timeoutMs: 1, permitWithoutCalls: true }), {
    timeMs: 10_000,
    timeoutMs: 10,
    permitWithoutCalls: true,
  });
  for (const ms of [0, -1, Number.NaN]) {
    assert.throws(() => completeKeepalive({ timeMs: ms }), new RegExp(`keepalive: timeMs cannot be ${ms}`));
    assert.throws(() => completeKeepalive({ timeMs: 1, timeoutMs: ms }), /timeoutMs cannot be/);
  }
});

test('never asks sooner than the time after a read, never more than an eighth late, and finds every death', () => {
  const reads = fc.array(fc.integer({ min: 1, max: 200_000 }), { maxLength: 30 });
  const settings = fc.record({
    timeMs: fc.integer({ min: 10_000, max: 100_000 }),
    timeoutMs: fc.integer({ min: 10, max: 50_000 }),
  });
  fc.assert(
    fc.property(settings, reads, ({ timeMs, timeoutMs }, gaps) => {
      const machine = busy({ timeMs, timeoutMs });
      const readAt = gaps.map((_gap, i) => gaps.slice(0, i + 1).reduce((sum, gap) => sum + gap, 0));
      let [nowMs, lastReadMs, askedMs, seen] = [0, 0, NEVER, 0];
      for (let looks = 0; looks < 1_000_000; looks += 1) {
        nowMs = machine.nextLookMs(nowMs);
        const read = readAt.filter((ms) => ms <= nowMs).length;
        if (read > seen) {
          machine.onRead(nowMs);
          lastReadMs = readAt[read - 1] ?? 0;
          askedMs = NEVER;
        }
        seen = read;
        const step = machine.step(nowMs);
        if (step === 'give-up') {
          assert.is(nowMs, askedMs + timeoutMs);
          return;
        }
        if (step !== 'ask') continue;
        askedMs = nowMs;
        assert.ok(nowMs - lastReadMs >= timeMs && nowMs - lastReadMs <= timeMs * 1.125 + 1, `${nowMs - lastReadMs}`);
      }
      throw new Error('never gave up');
    }),
  );
});

test('the pace of a channel doubles what was too often, never goes back, and warns once', async () => {
  const warnings: string[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning.message);
  process.on('warning', onWarning);
  try {
    const pace = new KeepalivePace();
    assert.is(pace.settingsOf(SETTINGS), SETTINGS);
    pace.slowDown(80_000, 'one:1');
    pace.slowDown(80_000, 'one:1');
    assert.equal(pace.settingsOf(SETTINGS), { ...SETTINGS, timeMs: 160_000 });
    pace.slowDown(160_000, 'two:2');
    pace.slowDown(80_000, 'one:1');
    assert.is(pace.settingsOf(SETTINGS).timeMs, 320_000);
    assert.is(pace.settingsOf({ ...SETTINGS, timeMs: 1_000_000 }).timeMs, 1_000_000);
    await new Promise((resolve) => setImmediate(resolve));
    assert.is(warnings.length, 1);
    assert.match(warnings[0] ?? '', /^one:1 .* every 160 s/);
  } finally {
    process.off('warning', onWarning);
  }
});

const FIVE_MINUTES = 300_000;
const TWO_HOURS = 7_200_000;

function strikes(permitTimeMs = FIVE_MINUTES, permitWithoutCalls = false): PingStrikes {
  return new PingStrikes({ permitTimeMs, permitWithoutCalls });
}

test('two pings too many are forgiven, the third is not', () => {
  const counter = strikes();
  const verdicts = [0, 1, FIVE_MINUTES - 1, 3].map((ms) => counter.onPing(ms, true));
  assert.equal(verdicts, [false, false, false, true]);
});

test('pings at the permitted pace are fine for ever, also after some that were not', () => {
  const counter = strikes();
  counter.onPing(0, true);
  counter.onPing(1, true);
  counter.onPing(2, true);
  for (let i = 1; i < 100; i += 1) assert.not(counter.onPing(i * FIVE_MINUTES, true));
  assert.ok(counter.onPing(99 * FIVE_MINUTES + 1, true));
});

test('a bad ping does not put the next good one off', () => {
  const counter = strikes();
  counter.onPing(0, true);
  counter.onPing(FIVE_MINUTES - 1, true);
  counter.onPing(FIVE_MINUTES, true);
  assert.not(counter.onPing(FIVE_MINUTES + 1, true), 'the second bad one');
  assert.ok(counter.onPing(FIVE_MINUTES + 2, true));
});

test('what the server sends makes up for everything', () => {
  const counter = strikes();
  for (let i = 0; i < 50; i += 1) {
    for (let j = 0; j < 3; j += 1) assert.not(counter.onPing(i, true));
    counter.onSent();
  }
});

test('without calls two hours have to pass, unless it is permitted', () => {
  const counter = strikes();
  const verdicts = [0, FIVE_MINUTES, TWO_HOURS, TWO_HOURS + FIVE_MINUTES, 2 * TWO_HOURS - 1];
  assert.equal(
    verdicts.map((ms) => counter.onPing(ms, false)),
    [false, false, false, false, true],
  );
  const lenient = strikes(FIVE_MINUTES, true);
  for (let i = 0; i < 50; i += 1) assert.not(lenient.onPing(i * FIVE_MINUTES, false));
});

test('no limit with calls, and none beyond two hours', () => {
  const free = strikes(0);
  for (let i = 0; i < 50; i += 1) assert.not(free.onPing(0, true));
  const strict = strikes(NEVER);
  for (let i = 0; i < 50; i += 1) assert.not(strict.onPing(i * TWO_HOURS, true));
});

const LIMITS: LifeLimits = { maxIdleMs: 1_000, maxAgeMs: 10_000, maxAgeGraceMs: 500 };

/** The steps of a connection whose age has no jitter, at some times. */
function life(limits: Partial<LifeLimits>): ConnectionLife {
  return new ConnectionLife({ ...LIMITS, ...limits }, 0, 0.5);
}

/** What comes until nothing more can, looked at only when it says so. */
function story(machine: ConnectionLife, from = 0): string[] {
  const told: string[] = [];
  let nowMs = from;
  for (;;) {
    const nextMs = machine.nextLookMs(nowMs);
    if (nextMs === NEVER) return told;
    nowMs = Math.max(nowMs, nextMs);
    const step: LifeStep = machine.step(nowMs);
    if (step !== 'wait') told.push(`${step} ${nowMs}`);
  }
}

test('idle from birth', () => {
  assert.equal(story(life({ maxAgeMs: NEVER })), ['max_idle 1000']);
});

test('idle after the last call, however the looks fall', () => {
  const machine = life({ maxAgeMs: NEVER });
  machine.onInUse(true, 500);
  assert.is(machine.step(1_000), 'wait');
  assert.is(machine.nextLookMs(1_000), 2_000);
  machine.onInUse(false, 1_500);
  machine.onInUse(true, 1_600);
  machine.onInUse(false, 1_700);
  assert.equal(story(machine, 1_700), ['max_idle 2700']);
});

test('a call begun in time keeps it', () => {
  const machine = life({ maxAgeMs: NEVER });
  machine.onInUse(true, 999);
  for (let ms = 1_000; ms < 100_000; ms += 777) assert.is(machine.step(ms), 'wait');
});

test('old with calls: drained, then ended by force', () => {
  const machine = life({});
  machine.onInUse(true, 10);
  assert.equal(story(machine), ['max_age 10000', 'kill 10500']);
  const patient = life({ maxAgeGraceMs: NEVER });
  patient.onInUse(true, 10);
  assert.equal(story(patient), ['max_age 10000']);
  const hasty = life({ maxAgeGraceMs: 0 });
  hasty.onInUse(true, 10);
  assert.equal(story(hasty), ['max_age 10000', 'kill 10000']);
});

test('the age is spread by a tenth either way', () => {
  assert.is(jitteredAgeMs(1_000, 0), 900);
  assert.is(jitteredAgeMs(1_000, 0.5), 1_000);
  assert.ok(Math.abs(jitteredAgeMs(1_000, 1) - 1_100) < 1e-6);
  assert.is(jitteredAgeMs(NEVER, 0.3), NEVER);
});

test('what a server does unless told otherwise', () => {
  const policy = completePolicy({});
  assert.equal(policy.keepalive, { timeMs: TWO_HOURS, timeoutMs: 20_000, permitWithoutCalls: true });
  assert.equal(policy.pings, { permitTimeMs: FIVE_MINUTES, permitWithoutCalls: false });
  assert.is(policy.life, null);
});

test('what a server may be told, and what it may not', () => {
  assert.is(completePolicy({ keepalive: { timeMs: NEVER } }).keepalive, null);
  assert.is(completePolicy({ keepalive: { timeoutMs: 5_000 } }).keepalive?.timeMs, TWO_HOURS);
  assert.equal(completePolicy({ maxConnectionIdleMs: 5 }).life, {
    maxIdleMs: 1_000,
    maxAgeMs: NEVER,
    maxAgeGraceMs: NEVER,
  });
  assert.is(completePolicy({ maxConnectionAgeMs: 5_000, maxConnectionAgeGraceMs: 0 }).life?.maxAgeGraceMs, 0);
  assert.is(completePolicy({ maxConnectionAgeGraceMs: 0 }).life, null);
  for (const name of [
    'maxConnectionIdleMs',
    'maxConnectionAgeMs',
    'maxConnectionAgeGraceMs',
    'permitKeepaliveTimeMs',
  ]) {
    for (const ms of [-1, Number.NaN]) {
      assert.throws(() => completePolicy({ [name]: ms }), new RegExp(`${name} cannot be ${ms}`));
    }
  }
  for (const name of ['maxConnectionIdleMs', 'maxConnectionAgeMs']) {
    assert.throws(() => completePolicy({ [name]: 0 }), new RegExp(`${name} cannot be 0`));
  }
});

test.run();
