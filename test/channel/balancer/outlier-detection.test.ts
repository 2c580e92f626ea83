/**
 * outlier_detection around round_robin and others, over connections worked by hand. Upstream: grpc-java's
 * OutlierDetectionLoadBalancerTest, grpc-go's outlierdetection tests. The algorithms: outlier-record.test.ts.
 */
import { type BalancerProvider, Picked } from '../../../src/channel/balancer/balancer.ts';
import { OUTLIER_DETECTION } from '../../../src/channel/balancer/outlier-detection.ts';
import { BalancerRegistry } from '../../../src/channel/balancer/registry.ts';
import { Status } from '../../../src/values/status.ts';
import { assert, suite } from '../../support/suite.ts';
import { nextTick } from '../hand-transport.ts';
import { endpoint, endpoints, HandHelper, REQUEST } from './hand-helper.ts';

const test = suite('outlier_detection');

const PROVIDERS = new BalancerRegistry();
const [A, B, C, D] = ['10.0.0.1:1', '10.0.0.2:1', '10.0.0.3:1', '10.0.0.4:1'] as const;
const TURNS = { childPolicy: [{ round_robin: {} }] };
const STRICT = {
  ...TURNS,
  maxEjectionPercent: 100,
  failurePercentageEjection: { threshold: 50, minimumHosts: 2, requestVolume: 5 },
};

function read(json: Readonly<Record<string, unknown>>): unknown {
  return OUTLIER_DETECTION.readConfig(json, PROVIDERS);
}

function ready(json: Readonly<Record<string, unknown>>, ...addresses: string[]): HandHelper {
  const channel = new HandHelper(OUTLIER_DETECTION);
  assert.is(channel.balancer.accept(endpoints(...addresses), read(json)), null);
  for (const subchannel of [...channel.live]) if (subchannel.state() === 'CONNECTING') subchannel.ready();
  return channel;
}

/** Makes calls, of which those to `bad` fail. */
function call(channel: HandHelper, count: number, ...bad: string[]): void {
  for (let i = 0; i < count; i += 1) {
    const { address, tracker } = channel.call();
    tracker?.onCallEnded(bad.includes(address) ? Status.INTERNAL : Status.OK);
  }
}

test('reads its config, with the defaults of gRFC A50', () => {
  const config = read({ ...TURNS, successRateEjection: {}, failurePercentageEjection: {} }) as Record<string, unknown>;
  const { child, ...rest } = config;
  assert.equal(rest, {
    intervalMs: 10_000,
    baseEjectionMs: 30_000,
    maxEjectionMs: 300_000,
    maxEjectionPercent: 10,
    successRate: { stdevFactor: 1_900, enforcementPercentage: 100, minimumHosts: 5, requestVolume: 100 },
    failurePercentage: { threshold: 85, enforcementPercentage: 100, minimumHosts: 5, requestVolume: 50 },
  });
  assert.is((child as { provider: BalancerProvider }).provider, PROVIDERS.get('round_robin'));
  const bare = read({ ...TURNS, interval: '0.5s', baseEjectionTime: '0s' }) as Record<string, unknown>;
  assert.equal([bare['intervalMs'], bare['baseEjectionMs'], bare['successRate']], [500, 0, null]);
});

test('refuses a config with a fault, and names its place', () => {
  const faults: [Record<string, unknown>, RegExp][] = [
    [{}, /^childPolicy: must name a policy/],
    [{ childPolicy: [{ nobody: {} }] }, /^childPolicy: the channel knows none/],
    [{ childPolicy: [{ least_request: { choiceCount: 0 } }] }, /^childPolicy: .*choiceCount: must be/],
    [{ ...TURNS, interval: '0s' }, /^interval: must be/],
    [{ ...TURNS, maxEjectionPercent: 101 }, /^maxEjectionPercent: must be a whole number from 0 to 100/],
    [{ ...TURNS, successRateEjection: 1 }, /^successRateEjection: must be an object/],
    [{ ...TURNS, failurePercentageEjection: { threshold: -1 } }, /^failurePercentageEjection\.threshold: must be/],
    [
      { ...TURNS, successRateEjection: { enforcementPercentage: 200 } },
      /^successRateEjection\.enforcementPercentage: /,
    ],
  ];
  for (const [json, text] of faults) assert.throws(() => read(json), text);
});

test('without ejections only passes on: no counting, no timer', () => {
  const channel = ready(TURNS, A, B);
  assert.equal(channel.picks(4), { [A]: 2, [B]: 2 });
  assert.is(channel.call().tracker, null);
  assert.is(channel.clock.armed, 0);
  channel.finish();
});

test('takes out an endpoint whose calls fail, and admits it again when its time is over', () => {
  const channel = ready(STRICT, A, B, C);
  call(channel, 30, B);
  channel.clock.advance(9_999);
  assert.equal(channel.picks(3), { [A]: 1, [B]: 1, [C]: 1 });
  channel.clock.advance(1);
  assert.equal(channel.picks(4), { [A]: 2, [C]: 2 });
  assert.is(channel.at(B).state(), 'READY', 'its connection stays');
  channel.clock.advance(29_999);
  assert.equal(channel.picks(4), { [A]: 2, [C]: 2 });
  channel.clock.advance(1);
  assert.equal(channel.picks(3), { [A]: 1, [B]: 1, [C]: 1 });
  assert.is(channel.all.length, 3, 'and nothing was connected anew');
  channel.finish();
});

test('fails calls when everything is ejected, and says so', () => {
  const channel = ready(STRICT, A, B);
  call(channel, 20, A, B);
  channel.clock.advance(10_000);
  assert.is(channel.state, 'TRANSIENT_FAILURE');
  assert.match(channel.pick(), /^UNAVAILABLE: none of 2 addresses can be reached: the endpoint is ejected/);
  channel.clock.advance(30_000);
  assert.is(channel.state, 'READY');
  channel.finish();
});

test('keeps an endpoint out that is connected anew while it is ejected', () => {
  const channel = ready(STRICT, A, B);
  call(channel, 20, B);
  channel.clock.advance(10_000);
  channel.at(B).move('IDLE');
  assert.is(channel.at(B).state(), 'CONNECTING');
  channel.at(B).ready();
  assert.equal(channel.picks(4), { [A]: 4 });
  channel.clock.advance(30_000);
  assert.equal(channel.picks(4), { [A]: 2, [B]: 2 });
  channel.finish();
});

test('ejects an endpoint with all its addresses', () => {
  const channel = new HandHelper(OUTLIER_DETECTION);
  channel.balancer.accept([endpoint(A, B), endpoint(C)], read(STRICT));
  channel.at(A).ready();
  channel.at(C).ready();
  call(channel, 20, A);
  channel.clock.advance(10_000);
  assert.is(channel.at(B).state(), 'CONNECTING', 'its other address is tried');
  channel.at(B).ready();
  assert.equal(channel.picks(4), { [C]: 4 });
  channel.finish();
});

test('keeps what it knows of endpoints that stay in a new list, and forgets those that go', () => {
  const channel = ready(STRICT, A, B, C);
  call(channel, 30, B);
  channel.clock.advance(10_000);
  channel.balancer.accept(endpoints(B, A), read(STRICT));
  assert.equal(channel.picks(4), { [A]: 4 });
  channel.balancer.accept(endpoints(A), read(STRICT));
  channel.balancer.accept(endpoints(A, B), read(STRICT));
  channel.at(B).ready();
  assert.equal(channel.picks(4), { [A]: 2, [B]: 2 });
  channel.finish();
});

test('goes on with what it had when a list is refused', () => {
  const channel = ready(STRICT, A, B);
  call(channel, 20, B);
  channel.clock.advance(10_000);
  assert.not(channel.balancer.accept([], read(STRICT)) === null);
  assert.equal(channel.picks(4), { [A]: 4 });
  channel.clock.advance(30_000);
  assert.equal(channel.picks(4), { [A]: 2, [B]: 2 });
  channel.finish();
});

test('begins and ends to count with its config, and admits everything when it ends', () => {
  const channel = ready(TURNS, A, B);
  assert.is(channel.call().tracker, null);
  channel.balancer.accept(endpoints(A, B), read(STRICT));
  assert.is.not(channel.call().tracker, null);
  call(channel, 20, B);
  channel.clock.advance(10_000);
  assert.equal(channel.picks(2), { [A]: 2 });
  channel.balancer.accept(endpoints(A, B), read(TURNS));
  assert.equal(channel.picks(2), { [A]: 1, [B]: 1 });
  assert.is(channel.call().tracker, null);
  assert.is(channel.clock.armed, 0);
  channel.finish();
});

test('lets the interval that runs have its new length', () => {
  const channel = ready(STRICT, A, B);
  call(channel, 20, B);
  channel.clock.advance(4_000);
  channel.balancer.accept(endpoints(A, B), read({ ...STRICT, interval: '5s' }));
  channel.clock.advance(999);
  assert.equal(channel.picks(2), { [A]: 1, [B]: 1 });
  channel.clock.advance(1);
  assert.equal(channel.picks(2), { [A]: 2 });
  channel.finish();
});

test('tells the balancer below how calls end too', () => {
  const json = { ...STRICT, childPolicy: [{ least_request: {} }] };
  const channel = ready(json, A, B);
  const one = channel.call();
  assert.is.not(channel.call().address, one.address);
  one.tracker?.onCallEnded(Status.OK);
  assert.is(channel.call().address, one.address);
  assert.is(channel.picker?.pick(REQUEST), channel.picker?.pick(REQUEST), 'a pick makes nothing');
  channel.finish();
});

test('makes pick_first below it go on to the next address', () => {
  const failures = { threshold: 50, minimumHosts: 1, requestVolume: 5 };
  const json = { ...STRICT, failurePercentageEjection: failures, childPolicy: [{ pick_first: {} }] };
  const channel = ready(json, A, B);
  assert.is(channel.pick(), A);
  call(channel, 10, A);
  channel.clock.advance(10_000);
  assert.is(channel.state, 'CONNECTING');
  channel.at(B).ready();
  assert.is(channel.pick(), B);
  channel.clock.advance(60_000);
  assert.is(channel.pick(), B, 'and nobody hears of the connection that it let go of');
  channel.finish();
});

test('begins to count under a balancer that has nothing new to say', () => {
  const json = { ...TURNS, childPolicy: [{ pick_first: {} }] };
  const channel = ready(json, A);
  assert.is(channel.call().tracker, null);
  channel.balancer.accept(endpoints(A), read({ ...STRICT, ...json }));
  assert.is.not(channel.call().tracker, null);
  channel.finish();
});

test('says nothing when an interval ends without an outlier', () => {
  const channel = ready(STRICT, A, B);
  call(channel, 20);
  const before = channel.told.length;
  channel.clock.advance(30_000);
  assert.is(channel.told.length, before);
  channel.finish();
});

test('puts another balancer in place when the config names another, once it is READY', async () => {
  const channel = ready(STRICT, A, B);
  const json = { ...STRICT, childPolicy: [{ pick_first: {} }] };
  channel.balancer.accept(endpoints(A, B), read(json));
  assert.equal(channel.picks(2), { [A]: 1, [B]: 1 });
  channel.live.at(-1)?.ready();
  assert.equal(channel.picks(2), { [A]: 2 });
  await nextTick();
  assert.equal(channel.picture, [`${A} READY`]);
  channel.finish();
});

test('wraps itself', () => {
  const channel = ready({ ...STRICT, childPolicy: [{ outlier_detection: STRICT }] }, A, B);
  call(channel, 20, B);
  channel.clock.advance(10_000);
  assert.equal(channel.picks(2), { [A]: 2 });
  channel.clock.advance(30_000);
  assert.equal(channel.picks(2), { [A]: 1, [B]: 1 });
  channel.finish();
});

test('passes on requests, resets and failures of the resolution', () => {
  const channel = new HandHelper(OUTLIER_DETECTION);
  channel.balancer.requestConnection();
  channel.balancer.resetBackoff();
  channel.balancer.onResolutionFailure(Status.UNAVAILABLE.withDescription('no such name'));
  assert.is(channel.pick(), 'UNAVAILABLE: no such name');
  channel.balancer.accept(endpoints(A, D), read(STRICT));
  channel.at(A).fail();
  channel.at(D).fail();
  channel.balancer.onResolutionFailure(Status.UNAVAILABLE.withDescription('no such name'));
  assert.match(channel.pick(), /refused/);
  channel.balancer.resetBackoff();
  assert.equal(channel.picture, [`${A} CONNECTING`, `${D} CONNECTING`]);
  assert.is(channel.resolutions, 2);
  channel.finish();
});

test('hears nothing of a balancer below that it has ended', () => {
  let late = (): void => {};
  const talkative: BalancerProvider = {
    name: 'talkative',
    readConfig: () => null,
    newBalancer: (helper) => ({
      accept: () => null,
      onResolutionFailure() {},
      requestConnection() {},
      resetBackoff() {},
      shutdown() {
        late = () => helper.update('READY', { pick: () => new Picked(null as never) });
        late();
      },
    }),
  };
  const providers = new BalancerRegistry([talkative]);
  const channel = new HandHelper(OUTLIER_DETECTION);
  const config = OUTLIER_DETECTION.readConfig({ childPolicy: [{ talkative: {} }] }, providers);
  channel.balancer.accept(endpoints(A), config);
  channel.balancer.accept(endpoints(A), read(TURNS));
  late();
  assert.equal(channel.told, ['CONNECTING']);
  channel.finish();
});

test.run();
