/** Subchannel: connecting, back-off and which timers run. Upstream: InternalSubchannelTest. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { Backoff } from '../../src/channel/backoff.ts';
import type { ConnectivityState } from '../../src/channel/connectivity.ts';
import { Subchannel } from '../../src/channel/subchannel.ts';
import { Status } from '../../src/values/status.ts';
import { echoMethods } from '../support/echo.ts';
import { assert, suite } from '../support/suite.ts';
import { WoundClock } from '../support/wound-clock.ts';
import { HandTransport, nextTick, STREAM_OPTIONS } from './hand-transport.ts';

const test = suite('Subchannel');

const REFUSED = Status.UNAVAILABLE.withDescription('connection refused');
const ENOUGH = Status.UNAVAILABLE.withDescription('enough');

class SetUp {
  readonly clock: WoundClock;
  readonly transports: HandTransport[] = [];
  /** States told, and `terminated`. */
  readonly told: (ConnectivityState | 'terminated')[] = [];
  /** What the next transport is made by. */
  make: () => HandTransport = () => new HandTransport();
  readonly subchannel: Subchannel;

  constructor(clock: WoundClock = new WoundClock()) {
    this.clock = clock;
    const factory = (): HandTransport => {
      const transport = this.make();
      this.transports.push(transport);
      return transport;
    };
    this.subchannel = new Subchannel(factory, clock, new Backoff({ random: () => 0.5 }), {
      onStateChanged: (state) => this.told.push(state),
      onInUse: () => {},
      onTerminated: () => this.told.push('terminated'),
    });
  }

  get last(): HandTransport {
    const transport = this.transports.at(-1);
    if (transport === undefined) throw new Error('no transport was made');
    return transport;
  }
}

test('is IDLE until asked, then connects once', () => {
  const { subchannel, transports, told } = new SetUp();
  assert.is(subchannel.state(), 'IDLE');
  assert.is(transports.length, 0);
  subchannel.requestConnection();
  subchannel.requestConnection();
  assert.is(transports.length, 1);
  assert.ok(transports[0]?.started);
  assert.equal(told, ['CONNECTING']);
  assert.is(subchannel.transport, null);
});

test('hands out its transport while READY, and goes IDLE when that takes no more streams', () => {
  const setUp = new SetUp();
  const { subchannel, told } = setUp;
  subchannel.requestConnection();
  setUp.last.connect();
  assert.is(subchannel.transport, setUp.last);
  setUp.last.goAway(ENOUGH);
  assert.is(subchannel.transport, null);
  assert.equal(told, ['CONNECTING', 'READY', 'IDLE']);
  subchannel.requestConnection();
  assert.is(setUp.transports.length, 2);
  setUp.last.connect();
  assert.is(subchannel.transport, setUp.last);
});

test('hears nothing of a transport that it has let go', () => {
  const setUp = new SetUp();
  setUp.subchannel.requestConnection();
  const first = setUp.last;
  first.connect();
  first.goAway(ENOUGH);
  setUp.subchannel.requestConnection();
  setUp.last.connect();
  first.fail(REFUSED);
  assert.is(setUp.subchannel.state(), 'READY');
});

test('waits after a failure, longer each time, counted from the start of the attempt', () => {
  const setUp = new SetUp();
  const { subchannel, clock } = setUp;
  subchannel.requestConnection();
  clock.advance(400);
  setUp.last.fail(REFUSED);
  assert.is(subchannel.state(), 'TRANSIENT_FAILURE');
  assert.is(subchannel.lastFailure, REFUSED);
  subchannel.requestConnection();
  clock.advance(599);
  assert.is(setUp.transports.length, 1);
  clock.advance(1);
  assert.is(setUp.transports.length, 2);
  setUp.last.fail(REFUSED);
  subchannel.requestConnection();
  clock.advance(1599);
  assert.is(setUp.transports.length, 2);
  clock.advance(1);
  assert.is(setUp.transports.length, 3);
});

test('connects at once after a failure that took longer than the wait', () => {
  const setUp = new SetUp();
  setUp.subchannel.requestConnection();
  setUp.clock.advance(20_000);
  setUp.last.fail(REFUSED);
  assert.equal(setUp.told, ['CONNECTING', 'TRANSIENT_FAILURE']);
  setUp.subchannel.requestConnection();
  assert.is(setUp.transports.length, 2);
  assert.is(setUp.clock.armed, 0);
});

test('starts the sequence anew after a success', () => {
  const setUp = new SetUp();
  const { subchannel, clock } = setUp;
  subchannel.requestConnection();
  setUp.last.fail(REFUSED);
  subchannel.requestConnection();
  clock.advance(1000);
  setUp.last.connect();
  setUp.last.fail(ENOUGH);
  subchannel.requestConnection();
  setUp.last.fail(REFUSED);
  subchannel.requestConnection();
  assert.is(clock.nextDueMs - clock.now(), 1000);
});

test('runs no timer while nobody asks, and is found IDLE once the wait is over', () => {
  const setUp = new SetUp();
  const { subchannel, clock } = setUp;
  subchannel.requestConnection();
  setUp.last.fail(REFUSED);
  assert.is(clock.armed, 0);
  clock.advance(999);
  assert.is(subchannel.state(), 'TRANSIENT_FAILURE');
  clock.advance(1);
  assert.is(subchannel.state(), 'IDLE');
  assert.equal(setUp.told, ['CONNECTING', 'TRANSIENT_FAILURE', 'IDLE']);
  assert.is(setUp.transports.length, 1);
});

/** A clock whose timers may be late, as real ones are. */
class LateClock extends WoundClock {
  lateMs = 0;

  override now(): number {
    return super.now() + this.lateMs;
  }
}

test('does not call the wait over while its timer is about to', () => {
  const clock = new LateClock();
  const setUp = new SetUp(clock);
  setUp.subchannel.requestConnection();
  setUp.last.fail(REFUSED);
  setUp.subchannel.requestConnection();
  clock.lateMs = 1_500;
  assert.is(setUp.subchannel.state(), 'TRANSIENT_FAILURE');
  clock.advance(1_000);
  assert.is(setUp.subchannel.state(), 'CONNECTING');
});

test('disarms the timer when the request is withdrawn', () => {
  const setUp = new SetUp();
  const { subchannel, clock } = setUp;
  subchannel.requestConnection();
  setUp.last.fail(REFUSED);
  subchannel.requestConnection();
  subchannel.requestConnection();
  assert.is(clock.armed, 1);
  subchannel.withdrawRequest();
  assert.is(clock.armed, 0);
  clock.advance(5_000);
  assert.is(setUp.transports.length, 1);
});

test('connects at once, and from the first wait on, when the back-off is reset', () => {
  const setUp = new SetUp();
  const { subchannel, clock } = setUp;
  subchannel.resetBackoff();
  assert.is(setUp.transports.length, 0, 'not in IDLE');
  subchannel.requestConnection();
  setUp.last.fail(REFUSED);
  subchannel.requestConnection();
  subchannel.resetBackoff();
  assert.is(setUp.transports.length, 2);
  assert.is(clock.armed, 0);
  setUp.last.fail(REFUSED);
  subchannel.requestConnection();
  assert.is(clock.nextDueMs, 1000);
});

test('counts a factory that throws as a failure', () => {
  const setUp = new SetUp();
  const broken = new Error('no such thing');
  setUp.make = () => {
    throw broken;
  };
  setUp.subchannel.requestConnection();
  assert.is(setUp.subchannel.state(), 'TRANSIENT_FAILURE');
  assert.is(setUp.subchannel.lastFailure.name, 'UNAVAILABLE');
  assert.is(setUp.subchannel.lastFailure.cause, broken);
  assert.is(setUp.clock.armed, 0);
});

test('terminates at once when shut down without a connection, and never connects again', () => {
  const setUp = new SetUp();
  setUp.subchannel.shutdown(ENOUGH);
  assert.equal(setUp.told, ['SHUTDOWN', 'terminated']);
  setUp.subchannel.requestConnection();
  setUp.subchannel.shutdown(ENOUGH);
  setUp.subchannel.shutdownNow(ENOUGH);
  assert.equal(setUp.told, ['SHUTDOWN', 'terminated']);
  assert.is(setUp.transports.length, 0);
});

test('disarms the timer at shutdown', () => {
  const setUp = new SetUp();
  setUp.subchannel.requestConnection();
  setUp.last.fail(REFUSED);
  setUp.subchannel.requestConnection();
  setUp.subchannel.shutdown(ENOUGH);
  assert.is(setUp.clock.armed, 0);
  assert.equal(setUp.told.slice(-2), ['SHUTDOWN', 'terminated']);
});

test('terminates when the last transport has, older ones included', async () => {
  const setUp = new SetUp();
  const { subchannel, told } = setUp;
  subchannel.requestConnection();
  const old = setUp.last;
  old.connect();
  const stream = old.newStream(echoMethods.unary, STREAM_OPTIONS);
  old.goAway(ENOUGH);
  subchannel.requestConnection();
  setUp.last.connect();
  subchannel.shutdown(ENOUGH);
  await nextTick();
  assert.ok(setUp.last.terminated);
  assert.is(told.at(-1), 'SHUTDOWN');
  stream.close();
  assert.is(told.at(-1), 'terminated');
});

test('takes every transport down at shutdownNow, also after shutdown', async () => {
  const setUp = new SetUp();
  setUp.subchannel.requestConnection();
  setUp.subchannel.shutdown(ENOUGH);
  setUp.subchannel.shutdownNow(ENOUGH);
  await nextTick();
  assert.ok(setUp.last.terminated);
  assert.equal(setUp.told, ['CONNECTING', 'SHUTDOWN', 'terminated']);
});

test('makes connections outside the context of whoever asks', () => {
  const storage = new AsyncLocalStorage<string>();
  const seen: unknown[] = [];
  const setUp = new SetUp();
  setUp.make = () => {
    const transport = new HandTransport();
    const start = transport.start.bind(transport);
    transport.start = (listener) => {
      seen.push(storage.getStore());
      start(listener);
    };
    return transport;
  };
  storage.run('a call', () => setUp.subchannel.requestConnection());
  assert.equal(seen, [undefined]);
});

test.run();
