/** least_request. Upstream: grpc-java's LeastRequestLoadBalancerTest, gRFC A48. */
import { LEAST_REQUEST, LEAST_REQUEST_EXPERIMENTAL } from '../../../src/channel/balancer/least-request.ts';
import { Status } from '../../../src/values/status.ts';
import { assert, suite } from '../../support/suite.ts';
import { endpoints, HandHelper, REQUEST } from './hand-helper.ts';

const test = suite('least_request');

const NOBODY = { get: () => null };
const [A, B, C, D] = ['10.0.0.1:1', '10.0.0.2:1', '10.0.0.3:1', '10.0.0.4:1'] as const;

function ready(config: unknown, ...addresses: string[]): HandHelper {
  const channel = new HandHelper(LEAST_REQUEST);
  assert.is(channel.balancer.accept(endpoints(...addresses), config), null);
  for (const address of addresses) channel.at(address).ready();
  return channel;
}

test('reads its config', () => {
  for (const provider of [LEAST_REQUEST, LEAST_REQUEST_EXPERIMENTAL]) {
    assert.equal(provider.readConfig({}, NOBODY), { choiceCount: 2 });
    assert.equal(provider.readConfig({ choiceCount: 3 }, NOBODY), { choiceCount: 3 });
    assert.equal(provider.readConfig({ choiceCount: 11 }, NOBODY), { choiceCount: 10 });
    assert.throws(() => provider.readConfig({ choiceCount: 1 }, NOBODY), /^choiceCount: must be/);
    assert.throws(() => provider.readConfig({ choiceCount: 'x' }, NOBODY), /^choiceCount: must be/);
  }
});

test('sends a call to the one with the fewest, among as many as it may choose from', () => {
  const channel = ready({ choiceCount: 3 }, A, B, C);
  const one = channel.call();
  const two = channel.call();
  const three = channel.call();
  assert.equal([one.address, two.address, three.address].sort(), [A, B, C]);
  two.tracker?.onCallEnded(Status.OK);
  assert.is(channel.call().address, two.address);
  channel.finish();
});

test('chooses the candidates by chance', () => {
  const channel = ready({ choiceCount: 2 }, A, B, C, D);
  const first = channel.call();
  assert.is(first.address, A, 'the random numbers are all 0');
  channel.randoms = [0, 0.6, 0];
  assert.is(channel.call().address, C, 'of A with a call and C');
  channel.randoms = [0, 0];
  assert.is(channel.call().address, A, 'of A and A');
  channel.randoms = [0.6, 0];
  assert.is(channel.call().address, C, 'C has one, A has two');
  channel.finish();
});

test('counts the calls of an endpoint across its connections and across new lists', () => {
  const channel = ready({ choiceCount: 2 }, A, B);
  const calls = [channel.call(), channel.call(), channel.call()];
  const busy = calls.filter(({ address }) => address === A).length === 2 ? A : B;
  channel.at(busy).move('IDLE');
  channel.at(busy).ready();
  channel.balancer.accept(endpoints(A, B), { choiceCount: 2 });
  assert.is.not(channel.call().address, busy);
  channel.finish();
});

test('makes nothing at a pick', () => {
  const channel = ready(null, A);
  assert.is(channel.picker?.pick(REQUEST), channel.picker?.pick(REQUEST));
  channel.finish();
});

test('keeps a slow server from being flooded', () => {
  const channel = new HandHelper(LEAST_REQUEST);
  let seed = 1;
  channel.random = (): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  channel.balancer.accept(endpoints(A, B, C, D), null);
  for (const subchannel of channel.live) subchannel.ready();
  let stuck = 0;
  for (let i = 0; i < 1_000; i += 1) {
    const { address, tracker } = channel.call();
    if (address === A) stuck += 1;
    else tracker?.onCallEnded(Status.OK);
  }
  // Only where both candidates are the slow server, 1 in 16, does it get a call.
  assert.ok(stuck > 30 && stuck < 100, `${stuck} calls went to the server that answers none`);
  channel.finish();
});

test.run();
