/**
 * round_robin, and what all balancers share that keep a connection to each endpoint. Upstream: grpc-java's
 * RoundRobinLoadBalancerTest and MultiChildLoadBalancerTest, grpc-go's endpointsharding tests.
 */
import fc from 'fast-check';
import { ROUND_ROBIN } from '../../../src/channel/balancer/round-robin.ts';
import type { Endpoint } from '../../../src/channel/resolver/resolver.ts';
import { Status } from '../../../src/values/status.ts';
import { assert, suite } from '../../support/suite.ts';
import { endpoint, endpoints, HandHelper, REQUEST } from './hand-helper.ts';

const test = suite('round_robin');

const [A, B, C, D] = ['10.0.0.1:1', '10.0.0.2:1', '10.0.0.3:1', '10.0.0.4:1'] as const;

function over(list: readonly Endpoint[]): HandHelper {
  const channel = new HandHelper(ROUND_ROBIN);
  assert.is(channel.balancer.accept(list, null), null);
  return channel;
}

function ready(...addresses: string[]): HandHelper {
  const channel = over(endpoints(...addresses));
  for (const address of addresses) channel.at(address).ready();
  return channel;
}

test('connects to every endpoint at once, and tells so once', () => {
  const channel = over(endpoints(A, B, C));
  assert.equal(channel.picture, [`${A} CONNECTING`, `${B} CONNECTING`, `${C} CONNECTING`]);
  assert.equal(channel.told, ['CONNECTING']);
  assert.is(channel.pick(), 'waits');
  channel.finish();
});

test('takes turns over those that are READY, as soon as one is', () => {
  const channel = over(endpoints(A, B, C));
  channel.at(B).ready();
  assert.equal(channel.picks(3), { [B]: 3 });
  channel.at(A).ready();
  channel.at(C).ready();
  const turns = Array.from({ length: 6 }, () => channel.pick());
  assert.equal(turns.slice(3), turns.slice(0, 3));
  assert.equal([...turns.slice(0, 3)].sort(), [A, B, C]);
  channel.finish();
});

test('begins anywhere', () => {
  const firsts = Array.from({ length: 20 }, (_, index) => {
    const channel = new HandHelper(ROUND_ROBIN, [(index * 0.618) % 1]);
    channel.balancer.accept(endpoints(A, B, C), null);
    for (const address of [A, B, C]) channel.at(address).ready();
    const first = channel.pick();
    channel.finish();
    return first;
  });
  assert.is(new Set(firsts).size, 3);
});

test('goes on with whose turn it is when the same list comes again', () => {
  const channel = ready(A, B, C);
  const turns = Array.from({ length: 9 }, () => {
    channel.balancer.accept(endpoints(A, B, C), null);
    return channel.pick();
  });
  assert.equal(turns.slice(3), turns.slice(0, -3));
  assert.is(new Set(turns).size, 3);
  channel.finish();
});

test('makes nothing at a pick', () => {
  const channel = ready(A);
  assert.is(channel.picker?.pick(REQUEST), channel.picker?.pick(REQUEST));
  channel.finish();
});

test('goes on without an endpoint that is lost, connects it again at once and asks for the name', () => {
  const channel = ready(A, B);
  channel.at(A).move('IDLE');
  assert.is(channel.resolutions, 1);
  assert.is(channel.at(A).state(), 'CONNECTING');
  assert.equal(channel.picks(4), { [B]: 4 });
  channel.at(A).ready();
  assert.equal(channel.picks(4), { [A]: 2, [B]: 2 });
  assert.ok(channel.told.slice(1).every((state) => state === 'READY'));
  channel.finish();
});

test('is CONNECTING while any may still answer, and fails calls when all have failed', () => {
  const channel = over(endpoints(A, B));
  channel.at(A).fail();
  assert.is(channel.state, 'CONNECTING');
  channel.at(B).fail();
  assert.is(channel.state, 'TRANSIENT_FAILURE');
  assert.is(channel.pick(), `UNAVAILABLE: none of 2 addresses can be reached: ${A} refused; ${B} refused`);
  channel.at(A).waitOver();
  assert.is(channel.at(A).state(), 'CONNECTING');
  assert.is(channel.state, 'TRANSIENT_FAILURE', 'until one is READY');
  channel.at(A).ready();
  assert.equal(channel.picks(2), { [A]: 2 });
  channel.finish();
});

test('tells the channel only what is news', () => {
  const channel = ready(A, B, C);
  const before = channel.told.length;
  channel.at(A).move('IDLE');
  channel.at(A).fail();
  channel.at(A).waitOver();
  channel.at(A).fail();
  assert.is(channel.told.length, before + 1, 'that A is gone');
  channel.balancer.requestConnection();
  assert.is(channel.told.length, before + 1);
  channel.finish();
});

test('keeps the connections of endpoints that stay, drops the others and connects new ones', () => {
  const channel = ready(A, B);
  const kept = channel.at(B);
  channel.balancer.accept(endpoints(C, B), null);
  assert.equal(channel.picture, [`${B} READY`, `${C} CONNECTING`]);
  assert.is(channel.at(B), kept);
  assert.equal(channel.told.slice(channel.told.indexOf('READY') + 1), ['READY', 'READY'], 'it was READY all the time');
  assert.equal(channel.picks(2), { [B]: 2 });
  channel.at(C).ready();
  assert.equal(channel.picks(4), { [B]: 2, [C]: 2 });
  channel.finish();
});

test('takes an endpoint for the same when its addresses come in another order', () => {
  const channel = over([endpoint(A, B)]);
  channel.at(A).ready();
  channel.balancer.accept([endpoint(B, A)], null);
  assert.equal(channel.picture, [`${A} READY`]);
  assert.is(channel.all.length, 1);
  channel.finish();
});

test('keeps one connection for each endpoint, to the first of its addresses that answers', () => {
  const channel = over([endpoint(A, B), endpoint(C, D)]);
  assert.equal(channel.picture, [`${A} CONNECTING`, `${C} CONNECTING`]);
  channel.at(A).fail();
  channel.at(B).ready();
  channel.at(C).ready();
  assert.equal(channel.picks(4), { [B]: 2, [C]: 2 });
  channel.finish();
});

test('gives an endpoint that is named twice one turn', () => {
  const channel = over(endpoints(A, A, B));
  channel.at(A).ready();
  channel.at(B).ready();
  assert.equal(channel.picks(4), { [A]: 2, [B]: 2 });
  channel.finish();
});

test('refuses a list without addresses, and goes on with what it had', () => {
  const channel = new HandHelper(ROUND_ROBIN);
  assert.match(channel.balancer.accept([], null)?.toString() ?? '', /no address/);
  assert.is(channel.state, 'TRANSIENT_FAILURE');
  channel.balancer.accept([{ addresses: [] }, endpoint(A)], null);
  assert.is(channel.state, 'CONNECTING');
  channel.at(A).ready();
  assert.not(channel.balancer.accept([{ addresses: [] }], null) === null);
  channel.balancer.onResolutionFailure(Status.UNAVAILABLE);
  assert.is(channel.pick(), A);
  channel.finish();
});

test('fails calls with the resolution’s failure as long as there is nowhere to go', () => {
  const channel = new HandHelper(ROUND_ROBIN);
  channel.balancer.onResolutionFailure(Status.UNAVAILABLE.withDescription('no such name'));
  assert.is(channel.pick(), 'UNAVAILABLE: no such name');
  channel.finish();
});

test('resets the back-off of all that failed, and tells so once', () => {
  const channel = over(endpoints(A, B));
  channel.at(A).fail();
  channel.at(B).fail();
  channel.balancer.resetBackoff();
  assert.equal(channel.picture, [`${A} CONNECTING`, `${B} CONNECTING`]);
  channel.finish();
});

test('passes over a server that is not well, and comes back to it', () => {
  const channel = ready(A, B);
  for (const unwell of ['CONNECTING', 'TRANSIENT_FAILURE'] as const) {
    channel.at(A).move(unwell);
    assert.equal(channel.picks(2), { [B]: 2 });
    channel.at(A).move('READY');
    assert.equal(channel.picks(2), { [A]: 1, [B]: 1 });
  }
  channel.finish();
});

test('whatever happens, the state is that of the whole, and every READY endpoint has its turn', () => {
  const all = [A, B, C, D];
  const step = fc.record({ which: fc.nat(3), do: fc.constantFrom('ready', 'fail', 'lose', 'wait', 'list') });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const channel = over(endpoints(A, B));
      for (const { which, do: what } of steps) {
        const subchannel = channel.live[which];
        const state = subchannel?.state();
        if (what === 'list') channel.balancer.accept(endpoints(...all.slice(which)), null);
        else if (what === 'ready' && state === 'CONNECTING') subchannel?.ready();
        else if (what === 'fail' && state === 'CONNECTING') subchannel?.fail();
        else if (what === 'lose' && state === 'READY') subchannel?.move('IDLE');
        else if (what === 'wait' && state === 'TRANSIENT_FAILURE') subchannel?.waitOver();
        const readies = channel.live.filter((each) => each.state() === 'READY').length;
        assert.is(channel.state === 'READY', readies > 0);
        if (readies > 0) {
          const counts = Object.values(channel.picks(readies * 3));
          assert.equal(
            counts,
            Array.from({ length: readies }, () => 3),
          );
        } else {
          assert.is(channel.pick() === 'waits', channel.state === 'CONNECTING');
        }
        assert.is.not(channel.state, 'IDLE');
      }
      channel.finish();
    }),
  );
});

test.run();
