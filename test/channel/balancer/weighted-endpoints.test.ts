/** weighted_endpoints: calls by the weights of a resolution. */
import { WEIGHTED_ENDPOINTS } from '../../../src/channel/balancer/weighted-endpoints.ts';
import { assert, suite } from '../../support/suite.ts';
import { endpoint, HandHelper, REQUEST } from './hand-helper.ts';

const test = suite('weighted_endpoints');

const [A, B, C] = ['10.0.0.1:1', '10.0.0.2:1', '10.0.0.3:1'] as const;

function weighted(weights: Readonly<Record<string, number>>) {
  return Object.entries(weights).map(([address, weight]) => ({ ...endpoint(address), weight }));
}

function ready(weights: Readonly<Record<string, number>>): HandHelper {
  const channel = new HandHelper(WEIGHTED_ENDPOINTS);
  assert.is(channel.balancer.accept(weighted(weights), WEIGHTED_ENDPOINTS.readConfig({}, { get: () => null })), null);
  for (const subchannel of channel.live) subchannel.ready();
  return channel;
}

test('gives each endpoint calls by its weight', () => {
  const channel = ready({ [A]: 1, [B]: 3, [C]: 6 });
  assert.equal(channel.picks(1_000), { [A]: 100, [B]: 300, [C]: 600 });
  assert.is(new Set(Array.from({ length: 30 }, () => channel.picker?.pick(REQUEST))).size, 3, 'a pick makes nothing');
  channel.finish();
});

test('spreads the share of one that is not READY over the others', () => {
  const channel = ready({ [A]: 1, [B]: 3, [C]: 6 });
  channel.at(C).move('IDLE');
  assert.equal(channel.picks(400), { [A]: 100, [B]: 300 });
  channel.finish();
});

test('heeds a new weight without a new connection', () => {
  const channel = ready({ [A]: 1, [B]: 1 });
  channel.balancer.accept(weighted({ [A]: 3, [B]: 1 }), null);
  assert.is(channel.all.length, 2);
  assert.equal(channel.picks(400), { [A]: 300, [B]: 100 });
  channel.finish();
});

test('takes what is no weight, and none at all, for 1', () => {
  const channel = ready({ [A]: Number.NaN, [B]: -4 });
  channel.balancer.accept([...weighted({ [A]: 0, [B]: Number.POSITIVE_INFINITY }), endpoint(C)], null);
  channel.at(C).ready();
  assert.equal(channel.picks(300), { [A]: 100, [B]: 100, [C]: 100 });
  channel.finish();
});

test.run();
