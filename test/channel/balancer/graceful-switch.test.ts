/** From one balancer to another: calls go on with the old one until the new one knows where to go, or that it goes nowhere. */
import type { BalancerProvider, ChosenBalancer } from '../../../src/channel/balancer/balancer.ts';
import { GracefulSwitch } from '../../../src/channel/balancer/graceful-switch.ts';
import { PICK_FIRST } from '../../../src/channel/balancer/pick-first.ts';
import { BalancerRegistry } from '../../../src/channel/balancer/registry.ts';
import { ROUND_ROBIN } from '../../../src/channel/balancer/round-robin.ts';
import { Status } from '../../../src/values/status.ts';
import { assert, suite } from '../../support/suite.ts';
import { nextTick } from '../hand-transport.ts';
import { endpoints, HandHelper } from './hand-helper.ts';

const test = suite('GracefulSwitch');

const A = '10.0.0.1:1';
const B = '10.0.0.2:1';
const C = '10.0.0.3:1';

const SWITCH: BalancerProvider = {
  name: 'switch',
  readConfig: () => null,
  newBalancer: (helper) => new GracefulSwitch(helper),
};

function chosen(provider: BalancerProvider): ChosenBalancer {
  return { provider, config: provider.readConfig({}, new BalancerRegistry()) };
}

/** A channel that goes to A and B in turn. */
function ready(): HandHelper {
  const channel = new HandHelper(SWITCH);
  assert.is(channel.balancer.accept(endpoints(A, B), chosen(ROUND_ROBIN)), null);
  for (const subchannel of channel.live) subchannel.ready();
  assert.equal(channel.picks(2), { [A]: 1, [B]: 1 });
  return channel;
}

test('calls go on with the old one until the new one is READY, and its connections end then', async () => {
  const channel = ready();
  const told = channel.told.length;
  channel.balancer.accept(endpoints(C, A), chosen(PICK_FIRST));
  assert.equal(channel.picks(2), { [A]: 1, [B]: 1 });
  assert.is(channel.told.length, told, 'nothing was told');
  channel.at(C).ready();
  assert.equal(channel.picks(2), { [C]: 2 });
  assert.is(channel.state, 'READY');
  await nextTick();
  assert.equal(channel.picture, [`${C} READY`]);
  channel.finish();
});

test('a new one that cannot connect takes over too', async () => {
  const channel = ready();
  channel.balancer.accept(endpoints(C), chosen(PICK_FIRST));
  channel.at(C).fail();
  assert.match(channel.pick(), /^UNAVAILABLE: .*refused/);
  assert.is(channel.state, 'TRANSIENT_FAILURE');
  await nextTick();
  assert.equal(channel.picture, [`${C} TRANSIENT_FAILURE`]);
  channel.finish();
});

test('an old one that loses what it had gives way at once', async () => {
  const channel = ready();
  channel.balancer.accept(endpoints(C), chosen(PICK_FIRST));
  channel.at(A).fail();
  assert.is(channel.pick(), B);
  channel.at(B).fail();
  assert.is(channel.pick(), 'waits');
  assert.is(channel.state, 'CONNECTING');
  channel.at(C).ready();
  assert.is(channel.pick(), C);
  await nextTick();
  assert.equal(channel.picture, [`${C} READY`]);
  channel.finish();
});

test('an old one that falls IDLE gives way too', async () => {
  const channel = new HandHelper(SWITCH);
  channel.balancer.accept(endpoints(A), chosen(PICK_FIRST));
  channel.at(A).ready();
  channel.balancer.accept(endpoints(C), chosen(ROUND_ROBIN));
  assert.is(channel.pick(), A);
  channel.at(A).move('IDLE');
  assert.is(channel.state, 'CONNECTING');
  await nextTick();
  assert.equal(channel.picture, [`${C} CONNECTING`]);
  channel.finish();
});

test('one that is not READY is not waited for', async () => {
  const channel = new HandHelper(SWITCH);
  channel.balancer.accept(endpoints(A), chosen(ROUND_ROBIN));
  channel.balancer.accept(endpoints(B), chosen(PICK_FIRST));
  await nextTick();
  assert.equal(channel.picture, [`${B} CONNECTING`]);
  channel.at(B).ready();
  assert.is(channel.pick(), B);
  channel.finish();
});

test('one that was to follow, and is replaced before it could, is not heard', async () => {
  const channel = ready();
  channel.balancer.accept(endpoints(C), chosen(PICK_FIRST));
  const skipped = channel.at(C);
  channel.balancer.accept(endpoints(A, B), chosen(ROUND_ROBIN));
  skipped.ready();
  assert.equal(channel.picks(2), { [A]: 1, [B]: 1 });
  await nextTick();
  assert.is(skipped.state(), 'SHUTDOWN');
  for (const subchannel of channel.live.slice(2)) subchannel.ready();
  await nextTick();
  assert.equal(channel.picture, [`${A} READY`, `${B} READY`]);
  assert.equal(channel.picks(2), { [A]: 1, [B]: 1 });
  channel.finish();
});

test('one of the same kind is kept, and hears what there is to hear', () => {
  const channel = ready();
  channel.balancer.accept(endpoints(A, B, C), chosen(ROUND_ROBIN));
  assert.equal(channel.picture, [`${A} READY`, `${B} READY`, `${C} CONNECTING`]);
  channel.balancer.onResolutionFailure(Status.UNAVAILABLE.withDescription('no such name'));
  assert.equal(channel.picks(2), { [A]: 1, [B]: 1 });
  channel.at(C).fail();
  channel.balancer.resetBackoff();
  assert.is(channel.at(C).resets, 1);
  channel.finish();
});

test('without any a failed resolution is the failure of calls', () => {
  const channel = new HandHelper(SWITCH);
  channel.balancer.requestConnection();
  channel.balancer.resetBackoff();
  channel.balancer.onResolutionFailure(Status.UNAVAILABLE.withDescription('no such name'));
  assert.is(channel.pick(), 'UNAVAILABLE: no such name');
  channel.finish();
});

test('ends both amid a switch', () => {
  const channel = ready();
  channel.balancer.accept(endpoints(C), chosen(PICK_FIRST));
  channel.finish();
});

test.run();
