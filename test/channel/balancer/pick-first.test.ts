/**
 * pick_first over connections worked by hand. Upstream: grpc-java's PickFirstLeafLoadBalancerTest, grpc-go's pickfirstleaf
 * tests: happy eyeballs, de-duplication, interleaving, shuffling, sticky TRANSIENT_FAILURE, updates in each state.
 */
import fc from 'fast-check';
import { PICK_FIRST } from '../../../src/channel/balancer/pick-first.ts';
import { BalancerRegistry } from '../../../src/channel/balancer/registry.ts';
import type { Endpoint } from '../../../src/channel/resolver/resolver.ts';
import { formatAddress } from '../../../src/values/attributes.ts';
import { Status } from '../../../src/values/status.ts';
import { assert, suite } from '../../support/suite.ts';
import { endpoint, endpoints, HandHelper } from './hand-helper.ts';

const test = suite('pick_first');

const PROVIDERS = new BalancerRegistry();
const PLAIN = PICK_FIRST.readConfig({}, PROVIDERS);
const SHUFFLING = PICK_FIRST.readConfig({ shuffleAddressList: true }, PROVIDERS);
const [A, B, C, D] = ['10.0.0.1:1', '10.0.0.2:1', '10.0.0.3:1', '10.0.0.4:1'] as const;

/** A balancer that was given these. */
function over(list: readonly Endpoint[], config: unknown = PLAIN): HandHelper {
  const channel = new HandHelper(PICK_FIRST);
  assert.is(channel.balancer.accept(list, config), null);
  return channel;
}

/** A balancer whose first pass has failed. */
function failing(...addresses: string[]): HandHelper {
  const channel = over(endpoints(...addresses));
  for (const address of addresses) channel.at(address).fail();
  assert.is(channel.state, 'TRANSIENT_FAILURE');
  return channel;
}

test('connects to the first address at once, and lets calls wait', () => {
  const channel = over(endpoints(A, B));
  assert.equal(channel.picture, [`${A} CONNECTING`]);
  assert.equal(channel.told, ['CONNECTING']);
  assert.is(channel.pick(), 'waits');
  channel.at(A).ready();
  assert.equal(channel.told, ['CONNECTING', 'READY']);
  assert.is(channel.pick(), A);
  assert.is(channel.picker?.pick({} as never), channel.picker?.pick({} as never), 'a pick makes nothing');
  channel.finish();
});

test('goes to the next address at once when an attempt fails', () => {
  const channel = over(endpoints(A, B, C));
  channel.at(A).fail();
  assert.equal(channel.picture, [`${A} TRANSIENT_FAILURE`, `${B} CONNECTING`]);
  assert.is(channel.state, 'CONNECTING');
  assert.not(channel.at(A).wanted, 'an address that failed is left alone until the pass is over');
  channel.at(B).fail();
  channel.at(C).ready();
  assert.equal(channel.picture, [`${C} READY`]);
  assert.equal(channel.told, ['CONNECTING', 'READY']);
  assert.is(channel.resolutions, 0);
  channel.finish();
});

test('begins the next attempt beside one that takes 250 ms, and the first READY ends the others', () => {
  const channel = over(endpoints(A, B, C));
  channel.clock.advance(249);
  assert.is(channel.live.length, 1);
  channel.clock.advance(1);
  assert.equal(channel.picture, [`${A} CONNECTING`, `${B} CONNECTING`]);
  channel.clock.advance(250);
  assert.is(channel.live.length, 3);
  assert.is(channel.clock.armed, 0, 'behind the last address there is nothing to wait for');
  channel.at(B).ready();
  assert.equal(channel.picture, [`${B} READY`]);
  assert.is(channel.pick(), B);
  channel.finish();
});

test('gives each attempt its 250 ms from its own beginning', () => {
  const channel = over(endpoints(A, B, C));
  channel.clock.advance(200);
  channel.at(A).fail();
  channel.clock.advance(249);
  assert.is(channel.live.length, 2);
  channel.clock.advance(1);
  assert.is(channel.live.length, 3);
  channel.finish();
});

test('is not hurried by the failure of an attempt that was overtaken', () => {
  const channel = over(endpoints(A, B, C));
  channel.clock.advance(250);
  channel.at(A).fail();
  assert.is(channel.live.length, 2, 'B has its time still');
  channel.at(B).fail();
  assert.is(channel.live.length, 3);
  channel.finish();
});

test('fails calls once every address has failed, asks for the name and lets each address go on by itself', () => {
  const channel = over(endpoints(A, B));
  channel.clock.advance(250);
  channel.at(B).fail();
  assert.is(channel.state, 'CONNECTING', 'A may still answer');
  channel.at(A).fail();
  assert.is(channel.state, 'TRANSIENT_FAILURE');
  assert.is(channel.pick(), `UNAVAILABLE: none of 2 addresses can be reached: ${A} refused; ${B} refused`);
  assert.is(channel.resolutions, 1);
  assert.ok(channel.at(A).wanted && channel.at(B).wanted);
  channel.at(B).waitOver();
  assert.equal(channel.picture, [`${A} TRANSIENT_FAILURE`, `${B} CONNECTING`]);
  channel.at(B).ready();
  assert.equal(channel.picture, [`${B} READY`]);
  assert.equal(channel.told, ['CONNECTING', 'TRANSIENT_FAILURE', 'READY']);
  channel.finish();
});

test('tells a lone address’s failure as it is', () => {
  const channel = failing(A);
  assert.is(channel.pick(), `UNAVAILABLE: ${A} refused`);
  channel.finish();
});

test('stays in TRANSIENT_FAILURE while addresses are tried again, tells their latest failures and asks for the name once a round', () => {
  const channel = failing(A, B);
  assert.is(channel.resolutions, 1);
  channel.at(A).waitOver();
  channel.at(A).fail('still no luck');
  assert.match(channel.pick(), /still no luck; 10\.0\.0\.2:1 refused$/);
  assert.ok(channel.at(A).wanted);
  assert.is(channel.resolutions, 1);
  channel.at(B).waitOver();
  channel.at(B).fail();
  assert.is(channel.resolutions, 2);
  assert.ok(channel.told.slice(1).every((state) => state === 'TRANSIENT_FAILURE'));
  channel.finish();
});

test('keeps the text of failures short, however many and long they are', () => {
  const addresses = Array.from({ length: 500 }, (_, index) => `10.0.0.1:${index + 1}`);
  const channel = over(endpoints(...addresses));
  for (const address of addresses) channel.at(address).fail(`${address} ${'x'.repeat(10_000)}`);
  const text = channel.pick();
  assert.ok(text.length < 1_200, `${text.length}`);
  assert.match(text, /^UNAVAILABLE: none of 500 addresses can be reached: 10\.0\.0\.1:1 .*and 496 more$/s);
  channel.finish();
});

test('goes IDLE when its connection is lost, asks for the name, and connects again when it is asked to', () => {
  const channel = over(endpoints(A, B));
  channel.at(A).fail();
  channel.at(B).ready();
  channel.at(B).move('IDLE');
  assert.is(channel.state, 'IDLE');
  assert.is(channel.pick(), 'waits');
  assert.is(channel.resolutions, 1);
  assert.equal(channel.picture, [`${B} IDLE`], 'nothing connects by itself');
  channel.balancer.requestConnection();
  assert.is(channel.state, 'CONNECTING');
  assert.is(channel.at(A).state(), 'CONNECTING', 'it begins with the first address again');
  channel.at(A).ready();
  assert.equal(channel.picture, [`${A} READY`]);
  channel.finish();
});

test('does nothing on a request for a connection while one is there or on its way', () => {
  const channel = new HandHelper(PICK_FIRST);
  channel.balancer.requestConnection();
  assert.equal(channel.told, []);
  channel.balancer.accept(endpoints(A), PLAIN);
  channel.balancer.requestConnection();
  assert.equal(channel.told, ['CONNECTING']);
  channel.at(A).ready();
  channel.balancer.requestConnection();
  assert.equal(channel.told, ['CONNECTING', 'READY']);
  channel.finish();
});

test('tries an address once, however often it is named', () => {
  const channel = over([endpoint(A, B), endpoint(B, A), endpoint(C)]);
  for (const address of [A, B, C]) channel.at(address).fail();
  assert.is(channel.all.length, 3);
  assert.match(channel.pick(), /none of 3 addresses/);
  channel.finish();
});

test('takes the same address under another authority for another one', () => {
  const channel = over([
    { addresses: endpoint(A).addresses, authority: 'one' },
    { ...endpoint(A), authority: 'two' },
  ]);
  channel.at(A).fail();
  assert.equal(
    channel.all.map((subchannel) => subchannel.endpoint.authority),
    ['one', 'two'],
  );
  channel.finish();
});

/** The order in which addresses are tried. */
function orderOf(list: readonly Endpoint[], config: unknown = PLAIN, randoms: number[] = [0]): string[] {
  const channel = new HandHelper(PICK_FIRST);
  channel.randoms = randoms;
  channel.balancer.accept(list, config);
  for (let i = 0; i < channel.all.length; i += 1) channel.all[i]?.fail();
  const order = channel.all.map(({ address }) => formatAddress(address));
  channel.finish();
  return order;
}

test('takes the families of addresses in turn, beginning with that of the first', () => {
  const [v6a, v6b, v6c] = ['[::1]:1', '[::2]:1', '[::3]:1'];
  assert.equal(orderOf(endpoints(v6a, v6b, v6c, A, B)), [v6a, A, v6b, B, v6c]);
  assert.equal(orderOf(endpoints(A, B, C, v6a)), [A, v6a, B, C]);
  assert.equal(orderOf(endpoints(A, '/run/a', v6a, B, '/run/b')), [A, 'unix:/run/a', v6a, B, 'unix:/run/b']);
});

test('shuffles endpoints if told to, and never the addresses within one', () => {
  const list = [endpoint(A, B), endpoint(C, D)];
  assert.equal(orderOf(list, SHUFFLING, [0.2, 0.1]), [C, D, A, B]);
  assert.equal(orderOf(list, SHUFFLING, [0.1, 0.2]), [A, B, C, D]);
  assert.equal(orderOf(list, PLAIN, [0.2, 0.1]), [A, B, C, D]);
});

test('shuffles those of greater weight to the front more often', () => {
  const list = [
    { ...endpoint(A), weight: 1 },
    { ...endpoint(B), weight: 3 },
  ];
  let seed = 1;
  const random = (): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  let first = 0;
  for (let i = 0; i < 2_000; i += 1) if (orderOf(list, SHUFFLING, [random(), random()])[0] === B) first += 1;
  assert.ok(first > 1_400 && first < 1_600, `${first} of 2000`);
});

test('refuses a list without addresses, and fails calls for it only if it never had any', () => {
  const channel = new HandHelper(PICK_FIRST);
  assert.match(channel.balancer.accept([], PLAIN)?.toString() ?? '', /no address/);
  assert.is(channel.state, 'TRANSIENT_FAILURE');
  assert.match(channel.pick(), /^UNAVAILABLE: the name leads to no address/);
  assert.not(channel.balancer.accept([{ addresses: [] }], PLAIN) === null);
  assert.is(channel.balancer.accept(endpoints(A), PLAIN), null);
  assert.is(channel.state, 'CONNECTING', 'no address has failed yet');
  channel.at(A).ready();
  assert.not(channel.balancer.accept([], PLAIN) === null);
  assert.is(channel.pick(), A);
  channel.finish();
});

test('fails calls with the resolution’s failure only as long as it has no addresses', () => {
  const channel = new HandHelper(PICK_FIRST);
  channel.balancer.onResolutionFailure(Status.UNAVAILABLE.withDescription('no such name'));
  assert.is(channel.pick(), 'UNAVAILABLE: no such name');
  channel.balancer.accept(endpoints(A), PLAIN);
  channel.balancer.onResolutionFailure(Status.UNAVAILABLE.withDescription('no such name'));
  assert.is(channel.pick(), 'waits');
  channel.finish();
});

test('keeps its connection where a new list still has the address', () => {
  const channel = over(endpoints(A, B));
  channel.at(A).ready();
  const connection = channel.at(A);
  channel.balancer.accept([endpoint(C, A)], PLAIN);
  assert.is(channel.at(A), connection);
  assert.equal(channel.told, ['CONNECTING', 'READY']);
  connection.move('IDLE');
  channel.balancer.requestConnection();
  assert.is(channel.at(C).state(), 'CONNECTING', 'the new order counts from then on');
  channel.finish();
});

test('connects anew where a new list no longer has its address', () => {
  const channel = over(endpoints(A));
  channel.at(A).ready();
  channel.balancer.accept(endpoints(B), PLAIN);
  assert.equal(channel.picture, [`${B} CONNECTING`]);
  assert.equal(channel.told, ['CONNECTING', 'READY', 'CONNECTING']);
  channel.finish();
});

test('begins a pass anew with a new list, without breaking off the attempts that it shares', () => {
  const channel = over(endpoints(A, B, C));
  channel.at(A).fail();
  const connecting = channel.at(B);
  channel.balancer.accept(endpoints(A, D, B), PLAIN);
  assert.is(channel.at(B), connecting);
  assert.equal(channel.picture, [`${A} TRANSIENT_FAILURE`, `${B} CONNECTING`, `${D} CONNECTING`]);
  channel.at(D).fail();
  assert.is(channel.state, 'CONNECTING');
  channel.at(B).fail();
  assert.is(channel.state, 'TRANSIENT_FAILURE');
  channel.finish();
});

test('gives every address a new chance with a new list', () => {
  const channel = over(endpoints(A, B));
  channel.at(A).fail();
  channel.at(A).waitOver();
  channel.balancer.accept(endpoints(A, B, C), PLAIN);
  assert.is(channel.at(A).state(), 'CONNECTING');
  channel.clock.advance(500);
  channel.at(B).fail();
  channel.at(C).fail();
  assert.is(channel.state, 'CONNECTING', 'A may still answer');
  channel.at(A).ready();
  channel.finish();
});

test('stays in TRANSIENT_FAILURE with a new list until one is READY', () => {
  const channel = failing(A);
  channel.balancer.accept(endpoints(B, C), PLAIN);
  assert.equal(channel.picture, [`${B} CONNECTING`]);
  assert.match(channel.pick(), /^UNAVAILABLE: /);
  channel.at(B).fail();
  assert.is(channel.resolutions, 1);
  channel.at(C).ready();
  assert.equal(channel.told, ['CONNECTING', 'TRANSIENT_FAILURE', 'READY']);
  channel.at(C).move('IDLE');
  channel.balancer.requestConnection();
  assert.is(channel.state, 'CONNECTING', 'READY has ended the failure');
  channel.finish();
});

test('stays IDLE with a new list', () => {
  const channel = over(endpoints(A));
  channel.at(A).ready();
  channel.at(A).move('IDLE');
  channel.balancer.accept(endpoints(B), PLAIN);
  assert.is(channel.state, 'IDLE');
  assert.equal(channel.picture, []);
  channel.balancer.requestConnection();
  assert.equal(channel.picture, [`${B} CONNECTING`]);
  channel.finish();
});

test('resets the back-off of each address', () => {
  const channel = failing(A, B);
  channel.balancer.resetBackoff();
  assert.equal(channel.picture, [`${A} CONNECTING`, `${B} CONNECTING`]);
  channel.at(A).ready();
  assert.is(channel.pick(), A);
  channel.finish();
});

test('looks further while the server that it is connected to is not well, and comes back to it', () => {
  for (const unwell of ['CONNECTING', 'TRANSIENT_FAILURE'] as const) {
    const channel = over(endpoints(A, B));
    channel.at(A).ready();
    channel.at(A).move(unwell);
    assert.is(channel.state, 'CONNECTING');
    channel.clock.advance(250);
    channel.at(B).fail();
    if (unwell === 'TRANSIENT_FAILURE') assert.is(channel.state, 'TRANSIENT_FAILURE');
    channel.at(A).move('READY');
    assert.equal(channel.picture, [`${A} READY`]);
    assert.is(channel.pick(), A);
    channel.finish();
  }
});

/** A channel where attempts to connect to these addresses fail within the request for them. */
function whereFailAtOnce(...addresses: readonly string[]): HandHelper {
  const channel = new HandHelper(PICK_FIRST);
  const { newSubchannel } = channel;
  channel.newSubchannel = (of, address, listener): ReturnType<typeof newSubchannel> => {
    const subchannel = newSubchannel.call(channel, of, address, listener);
    const connect = subchannel.requestConnection;
    subchannel.requestConnection = (): void => {
      connect.call(subchannel);
      const text = formatAddress(address);
      if (subchannel.state() === 'CONNECTING' && addresses.includes(text)) channel.at(text).fail();
    };
    return subchannel;
  };
  return channel;
}

test('survives connections that fail while they are asked for', () => {
  const some = whereFailAtOnce(A);
  some.balancer.accept(endpoints(A, B, C), PLAIN);
  assert.equal(some.picture, [`${A} TRANSIENT_FAILURE`, `${B} CONNECTING`]);
  some.finish();
  const channel = whereFailAtOnce(A, B, C);
  channel.balancer.accept(endpoints(A, B, C), PLAIN);
  assert.is(channel.all.length, 3);
  assert.equal(channel.told, ['CONNECTING', 'TRANSIENT_FAILURE']);
  assert.is(channel.resolutions, 1);
  channel.finish();
});

test('reads its config', () => {
  assert.equal(PICK_FIRST.readConfig({ other: 1, shuffleAddressList: null }, PROVIDERS), { shuffleAddressList: false });
  assert.throws(() => PICK_FIRST.readConfig({ shuffleAddressList: 'yes' }, PROVIDERS), /^shuffleAddressList: /);
});

test('whatever happens, calls go to a connection that is READY, and there is one in use at most', () => {
  const addresses = [A, B, C, '[::1]:1'];
  const lists = fc.subarray(addresses).map((list) => ({ do: 'list' as const, list }));
  const moves = fc.record({
    do: fc.constantFrom('ready', 'fail', 'lose', 'wait', 'time', 'request', 'reset'),
    which: fc.nat(3),
  });
  fc.assert(
    fc.property(fc.array(fc.oneof({ weight: 1, arbitrary: lists }, { weight: 6, arbitrary: moves })), (steps) => {
      const channel = over(endpoints(A, B));
      for (const step of steps) {
        if ('list' in step) channel.balancer.accept(endpoints(...step.list), PLAIN);
        else act(channel, step.do, step.which);
        const ready = channel.live.filter((subchannel) => subchannel.state() === 'READY');
        assert.ok(ready.length <= 1);
        assert.is(channel.state === 'READY', ready.length === 1);
        const pick = channel.pick();
        assert.is(pick === 'waits', channel.state === 'IDLE' || channel.state === 'CONNECTING');
        if (channel.state === 'CONNECTING') assert.ok(channel.picture.some((line) => line.endsWith('CONNECTING')));
        if (channel.state === 'TRANSIENT_FAILURE' && channel.clock.armed === 0) {
          assert.ok(
            channel.live.every((subchannel) => subchannel.wanted || subchannel.state() === 'CONNECTING') ||
              channel.picture.some((line) => line.endsWith('CONNECTING')),
            'nothing goes on',
          );
        }
      }
      channel.finish();
    }),
  );
});

function act(channel: HandHelper, what: string, which: number): void {
  const subchannel = channel.live[which];
  const state = subchannel?.state();
  if (what === 'time') channel.clock.advance(250);
  else if (what === 'request') channel.balancer.requestConnection();
  else if (what === 'reset') channel.balancer.resetBackoff();
  else if (what === 'ready' && state === 'CONNECTING') subchannel?.ready();
  else if (what === 'fail' && state === 'CONNECTING') subchannel?.fail();
  else if (what === 'lose' && state === 'READY') subchannel?.move('IDLE');
  else if (what === 'wait' && state === 'TRANSIENT_FAILURE') subchannel?.waitOver();
}

test.run();
