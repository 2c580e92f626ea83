/** SYSTEM_CLOCK: what its timers promise, with real time where it is short and with a made-up one where it is not. */
import fc from 'fast-check';
import { SYSTEM_CLOCK, type Timer, type TimerTask } from '../../src/values/clock.ts';
import { assert, suite, within } from '../support/suite.ts';

const test = suite('SYSTEM_CLOCK');

const LONGEST_LEG_MS = 2 ** 31 - 1;

/** Counts its firings, and can be awaited. */
class Probe implements TimerTask {
  fired = 0;
  firedAtMs = Number.NaN;
  readonly done: Promise<void>;
  #resolve: () => void = () => {};
  readonly #onFire: () => void;

  constructor(onFire: () => void = () => {}) {
    this.#onFire = onFire;
    this.done = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  onTimer(): void {
    this.fired += 1;
    this.firedAtMs = SYSTEM_CLOCK.now();
    this.#onFire();
    this.#resolve();
  }
}

function pause(ms: number): Promise<void> {
  const probe = new Probe();
  SYSTEM_CLOCK.schedule(ms, probe);
  return within(5_000, probe.done, `a pause of ${ms} ms`);
}

function liveTimers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
}

test('never goes back', () => {
  let last = SYSTEM_CLOCK.now();
  for (let i = 0; i < 10_000; i += 1) {
    const now = SYSTEM_CLOCK.now();
    assert.ok(now >= last);
    last = now;
  }
});

test('a task fires once, never before its time, whatever the fraction', async () => {
  const delays = [0, 0.1, 0.999, 1, 1.5, 4.0001, 7.9, 12.345];
  const probes = delays.map((delayMs) => {
    const probe = new Probe();
    const earliestMs = SYSTEM_CLOCK.now() + delayMs;
    SYSTEM_CLOCK.schedule(delayMs, probe);
    return { delayMs, earliestMs, probe };
  });
  await within(5_000, Promise.all(probes.map(({ probe }) => probe.done)), 'all timers');
  await pause(20);
  for (const { delayMs, earliestMs, probe } of probes) {
    assert.is(probe.fired, 1, `${delayMs} ms fired ${probe.fired} times`);
    assert.ok(probe.firedAtMs >= earliestMs, `${delayMs} ms fired ${earliestMs - probe.firedAtMs} ms early`);
  }
});

test('a delay that is over already fires soon, but not inside schedule()', async () => {
  for (const delayMs of [0, -1, -1e9, Number.NEGATIVE_INFINITY]) {
    const probe = new Probe();
    SYSTEM_CLOCK.schedule(delayMs, probe);
    assert.is(probe.fired, 0);
    await within(5_000, probe.done, `a delay of ${delayMs} ms`);
  }
});

test('a cancelled timer does not fire', async () => {
  const probe = new Probe();
  const timer = SYSTEM_CLOCK.schedule(5, probe);
  SYSTEM_CLOCK.cancel(timer);
  SYSTEM_CLOCK.cancel(timer);
  await pause(25);
  assert.is(probe.fired, 0);
});

test('a timer may be cancelled by another that is due in the same moment', async () => {
  const timers: Timer[] = [];
  const first = new Probe(() => SYSTEM_CLOCK.cancel(timers[1] ?? null));
  const second = new Probe(() => SYSTEM_CLOCK.cancel(timers[0] ?? null));
  timers.push(SYSTEM_CLOCK.schedule(5, first), SYSTEM_CLOCK.schedule(5, second));
  await pause(25);
  assert.is(first.fired + second.fired, 1);
});

test('cancelling nothing, a fired timer, the timer that fires now or something foreign is no error', async () => {
  const timers: Timer[] = [];
  const probe = new Probe(() => SYSTEM_CLOCK.cancel(timers[0] ?? null));
  timers.push(SYSTEM_CLOCK.schedule(1, probe));
  await within(5_000, probe.done, 'the timer that cancels itself');
  for (const timer of [null, timers[0] ?? null, {}]) SYSTEM_CLOCK.cancel(timer);
  assert.is(probe.fired, 1);
});

test('a task may arm the next timer from inside', async () => {
  const second = new Probe();
  const first = new Probe(() => void SYSTEM_CLOCK.schedule(0, second));
  SYSTEM_CLOCK.schedule(0, first);
  await within(5_000, second.done, 'the second timer');
  assert.ok(second.firedAtMs >= first.firedAtMs);
});

test('a timer keeps the process alive until it is cancelled', () => {
  const before = liveTimers();
  const timer = SYSTEM_CLOCK.schedule(60_000, new Probe());
  assert.is(liveTimers(), before + 1);
  SYSTEM_CLOCK.cancel(timer);
  assert.is(liveTimers(), before);
});

test('a delay of 2^31 ms and more does not fire at once, and node has nothing to warn of', async () => {
  const warnings: string[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning.name);
  process.on('warning', onWarning);
  const delays = [LONGEST_LEG_MS, 2 ** 31, 2 ** 31 + 5_000, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER, Number.MAX_VALUE];
  const probes = delays.map(() => new Probe());
  const timers = delays.map((delayMs, i) => SYSTEM_CLOCK.schedule(delayMs, probes[i] as Probe));
  await pause(30);
  for (const timer of timers) SYSTEM_CLOCK.cancel(timer);
  process.off('warning', onWarning);
  for (const [i, probe] of probes.entries()) assert.is(probe.fired, 0, `${delays[i]} ms`);
  assert.equal(warnings, []);
});

test('Infinity never fires, and holds nothing', async () => {
  const before = liveTimers();
  const probe = new Probe();
  const timer = SYSTEM_CLOCK.schedule(Number.POSITIVE_INFINITY, probe);
  assert.is(liveTimers(), before);
  await pause(20);
  assert.is(probe.fired, 0);
  SYSTEM_CLOCK.cancel(timer);
});

test('its methods need no object', async () => {
  const { now, schedule, cancel } = SYSTEM_CLOCK;
  const probe = new Probe();
  const startMs = now();
  cancel(schedule(1, new Probe()));
  schedule(1, probe);
  await within(5_000, probe.done, 'the timer');
  assert.ok(now() > startMs);
});

/** Time that stands still: what was handed to setTimeout, and a hand to move the clock. */
interface FrozenTime {
  nowMs: number;
  readonly legs: { readonly delayMs: number; readonly fire: () => void }[];
}

/** Runs `body` in frozen time. Node's own fake timers leave performance.now alone, so both are replaced here. */
function inFrozenTime(body: (time: FrozenTime) => void): void {
  const time: FrozenTime = { nowMs: 1_000.25, legs: [] };
  const { setTimeout: realSetTimeout } = globalThis;
  globalThis.setTimeout = ((callback: (argument: unknown) => void, delayMs: number, argument: unknown) => {
    time.legs.push({ delayMs, fire: () => callback(argument) });
  }) as unknown as typeof setTimeout;
  Object.defineProperty(performance, 'now', { configurable: true, value: () => time.nowMs });
  try {
    body(time);
  } finally {
    globalThis.setTimeout = realSetTimeout;
    Reflect.deleteProperty(performance, 'now');
  }
}

test('a long delay is walked in legs that setTimeout can take, and ends when it is due', () => {
  const delays = fc.oneof(fc.double({ noNaN: true, min: 0, max: 5e10 }), fc.integer({ min: 0, max: 2 ** 33 }));
  fc.assert(
    fc.property(delays, (delayMs) => {
      inFrozenTime((time) => {
        const probe = new Probe();
        const dueMs = time.nowMs + delayMs;
        SYSTEM_CLOCK.schedule(delayMs, probe);
        for (let leg = 0; leg < time.legs.length; leg += 1) {
          const { delayMs: legMs, fire } = time.legs[leg] as FrozenTime['legs'][number];
          assert.ok(Number.isInteger(legMs) && legMs >= 0 && legMs <= LONGEST_LEG_MS, `a leg of ${legMs} ms`);
          assert.is(probe.fired, 0);
          time.nowMs += legMs;
          fire();
        }
        assert.is(probe.fired, 1);
        assert.ok(probe.firedAtMs >= dueMs && probe.firedAtMs < dueMs + 1.001);
      });
    }),
  );
});

test('a leg that ends early is followed by another', () => {
  inFrozenTime((time) => {
    const probe = new Probe();
    SYSTEM_CLOCK.schedule(10, probe);
    time.nowMs += 9.5;
    time.legs[0]?.fire();
    assert.is(probe.fired, 0);
    assert.equal(
      time.legs.map(({ delayMs }) => delayMs),
      [10, 1],
    );
    time.nowMs += 1;
    time.legs[1]?.fire();
    assert.is(probe.fired, 1);
  });
});

test.run();
