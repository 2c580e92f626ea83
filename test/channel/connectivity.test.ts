/**
 * Connectivity: which moves are legal, and who hears of them when. Upstream: ManagedChannelImplTest
 * notifyWhenStateChanged.
 */
import { Connectivity, type ConnectivityState } from '../../src/channel/connectivity.ts';
import { assert, suite } from '../support/suite.ts';
import { nextTick } from './hand-transport.ts';

const test = suite('Connectivity');

const STATES: readonly ConnectivityState[] = ['IDLE', 'CONNECTING', 'READY', 'TRANSIENT_FAILURE', 'SHUTDOWN'];

/** One way into each state. */
const WAYS: { readonly [state in ConnectivityState]: readonly ConnectivityState[] } = {
  IDLE: [],
  CONNECTING: ['CONNECTING'],
  READY: ['CONNECTING', 'READY'],
  TRANSIENT_FAILURE: ['CONNECTING', 'TRANSIENT_FAILURE'],
  SHUTDOWN: ['SHUTDOWN'],
};

function inState(state: ConnectivityState): Connectivity {
  const connectivity = new Connectivity();
  for (const step of WAYS[state]) connectivity.moveTo(step);
  return connectivity;
}

test('starts IDLE', () => {
  assert.is(new Connectivity().state, 'IDLE');
});

test('allows any move but out of SHUTDOWN, which would be a bug of ours', () => {
  for (const from of STATES) {
    for (const to of STATES) {
      const connectivity = inState(from);
      const legal = from === to || from !== 'SHUTDOWN';
      if (legal) connectivity.moveTo(to);
      else assert.throws(() => connectivity.moveTo(to), new RegExp(`connectivity went from ${from} to ${to}`));
      assert.is(connectivity.state, legal ? to : from);
    }
  }
});

test('tells a watcher once, in a later tick', async () => {
  const connectivity = new Connectivity();
  let told = 0;
  connectivity.whenChangedFrom('IDLE', () => {
    told += 1;
  });
  await nextTick();
  assert.is(told, 0);
  connectivity.moveTo('CONNECTING');
  assert.is(told, 0, 'inside the move');
  await nextTick();
  assert.is(told, 1);
  connectivity.moveTo('READY');
  await nextTick();
  assert.is(told, 1);
});

test('tells a watcher in the next tick when the state is another already', async () => {
  const connectivity = inState('CONNECTING');
  let told = 0;
  connectivity.whenChangedFrom('IDLE', () => {
    told += 1;
  });
  assert.is(told, 0, 'inside the question');
  await nextTick();
  assert.is(told, 1);
});

test('tells nobody of a move to the same state', async () => {
  const connectivity = inState('SHUTDOWN');
  let told = 0;
  connectivity.whenChangedFrom('SHUTDOWN', () => {
    told += 1;
  });
  connectivity.moveTo('SHUTDOWN');
  await nextTick();
  assert.is(told, 0);
});

test('lets a watcher watch on', async () => {
  const connectivity = new Connectivity();
  const seen: ConnectivityState[] = [];
  const watch = (): void => {
    seen.push(connectivity.state);
    connectivity.whenChangedFrom(connectivity.state, watch);
  };
  connectivity.whenChangedFrom('IDLE', watch);
  for (const state of ['CONNECTING', 'READY', 'IDLE'] as const) {
    connectivity.moveTo(state);
    await nextTick();
  }
  assert.equal(seen, ['CONNECTING', 'READY', 'IDLE']);
});

test.run();
