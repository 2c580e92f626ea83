/** BalancerRegistry, readChosenBalancer() and connectFailure(). */
import type { BalancerProvider } from '../../../src/channel/balancer/balancer.ts';
import { readChosenBalancer } from '../../../src/channel/balancer/chosen-balancer.ts';
import { connectFailure } from '../../../src/channel/balancer/connect-failure.ts';
import { BalancerRegistry } from '../../../src/channel/balancer/registry.ts';
import { Status } from '../../../src/values/status.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('BalancerRegistry');

const MINE: BalancerProvider = {
  name: 'mine',
  readConfig: (json) => json,
  newBalancer() {
    throw new Error('nobody asks for one');
  },
};

test('knows the library’s balancers, each under its name', () => {
  const registry = new BalancerRegistry();
  const names = ['pick_first', 'round_robin', 'weighted_endpoints', 'least_request', 'least_request_experimental'];
  for (const name of [...names, 'outlier_detection', 'outlier_detection_experimental']) {
    assert.is(registry.get(name)?.name, name);
  }
  for (const name of ['weighted_round_robin', 'xds', '', 'toString', '__proto__']) assert.is(registry.get(name), null);
});

test('puts a user’s balancer before one of the library', () => {
  const own = { ...MINE, name: 'round_robin' };
  const registry = new BalancerRegistry([MINE, own]);
  assert.is(registry.get('mine'), MINE);
  assert.is(registry.get('round_robin'), own);
});

test('chooses the first of a list that is known, with its config', () => {
  const registry = new BalancerRegistry([MINE]);
  const chosen = readChosenBalancer([{ xds: 1 }, { mine: { x: 1 } }, 7], registry);
  assert.is(chosen?.provider, MINE);
  assert.equal(chosen?.config, { x: 1 });
  assert.is(readChosenBalancer([{ xds: {} }], registry), null);
  assert.is(readChosenBalancer([], registry), null);
});

test('refuses a list of another form', () => {
  const registry = new BalancerRegistry([MINE]);
  for (const entry of [7, null, [], 'mine', {}, { mine: {}, other: {} }, { mine: 1 }, { mine: [] }, { mine: null }]) {
    assert.throws(
      () => readChosenBalancer([entry], registry),
      (error: unknown) => error instanceof TypeError,
    );
  }
});

test('tells a lone failure as it is, and of several each one once', () => {
  const lone = Status.INTERNAL.withDescription('odd');
  assert.is(connectFailure([lone]), lone);
  assert.is(connectFailure([]), Status.UNAVAILABLE);
  const cause = new Error('first');
  const same = Status.UNAVAILABLE.withDescription('no route');
  const both = connectFailure([same.withCause(cause), same, lone, Status.UNAVAILABLE]);
  assert.is(both.toString(), 'UNAVAILABLE: none of 4 addresses can be reached: no route; odd; UNAVAILABLE');
  assert.is(both.cause, cause);
});

test.run();
