/**
 * ManagedChannel over NamedConnections: a name resolved by hand, connections worked by hand, and a balancer as users write
 * one. Upstream: ManagedChannelImplTest. Over sockets: test/channel/fleet.test.ts.
 */
import { CallOptions } from '../../src/call/call-options.ts';
import { type BalancerProvider, Dropped, Picked, type PickRequest } from '../../src/channel/balancer/balancer.ts';
import type { ConnectivityState } from '../../src/channel/connectivity.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Status } from '../../src/values/status.ts';
import { echoMethods } from '../support/echo.ts';
import { RecordingClientListener } from '../support/recorder.ts';
import { assert, suite, within } from '../support/suite.ts';
import { nextTick } from './hand-transport.ts';
import { configThat, NamedSetUp, statusOf, TURNS } from './named-set-up.ts';

const test = suite('ManagedChannel');

const REFUSED = Status.UNAVAILABLE.withDescription('connection refused');
const LOST = Status.UNAVAILABLE.withDescription('connection lost');
const NO_SUCH_NAME = Status.UNAVAILABLE.withDescription('no such name');
const PATIENT = CallOptions.DEFAULT.withWaitForReady(true);

test('resolves nothing before the first call, which waits for the name and then for a connection', async () => {
  const fleet = new NamedSetUp();
  assert.is(fleet.resolvers.length, 0);
  assert.is(fleet.state, 'IDLE');
  const waiting = fleet.start();
  assert.is(fleet.state, 'CONNECTING');
  fleet.resolver.answer([1, 2]);
  fleet.at(2).connect();
  assert.is(fleet.state, 'READY');
  fleet.at(2).last.close();
  assert.is(await statusOf(waiting), 'OK');
  assert.is(fleet.at(1).streams.length, 0);
  await fleet.finish();
});

test('gives a call on a READY connection the stream of the transport itself', async () => {
  const fleet = new NamedSetUp();
  fleet.channel.connect();
  fleet.resolver.answer([1]);
  fleet.at(1).connect();
  const call = fleet.start();
  assert.is(fleet.channel.inspect().waitingCalls.length, 0);
  assert.equal(fleet.at(1).last.said, ['start']);
  fleet.at(1).last.close();
  assert.is(await statusOf(call), 'OK');
  await fleet.finish();
});

test('spreads calls as its balancer says, and goes on without an address that is gone', async () => {
  const fleet = new NamedSetUp();
  fleet.channel.connect();
  fleet.resolver.answer([1, 2]);
  fleet.at(1).connect();
  fleet.at(2).connect();
  for (let i = 0; i < 4; i += 1) fleet.start();
  assert.equal([fleet.at(1).streams.length, fleet.at(2).streams.length], [2, 2]);
  fleet.resolver.answer([2, 3]);
  assert.ok(fleet.at(1).shutdownReason !== null, 'the address that is gone drains');
  assert.not(fleet.at(1).terminated);
  fleet.start();
  assert.is(fleet.at(2).streams.length, 3);
  await fleet.finish();
});

test('fails calls with the resolution’s failure, keeps those that wait for ready, and goes on when the name is found', async () => {
  const fleet = new NamedSetUp();
  const impatient = fleet.start();
  const patient = fleet.start(PATIENT);
  fleet.resolver.listener?.onFailure(NO_SUCH_NAME);
  assert.is(await statusOf(impatient), 'UNAVAILABLE: no such name');
  assert.is(fleet.state, 'TRANSIENT_FAILURE');
  assert.is(await statusOf(fleet.start()), 'UNAVAILABLE: no such name');
  const [waiting] = fleet.channel.inspect().waitingCalls;
  assert.match(waiting?.reason ?? '', /no such name/);
  fleet.resolver.answer([1]);
  fleet.at(1).connect();
  fleet.at(1).last.close();
  assert.is(await statusOf(patient), 'OK');
  await fleet.finish();
});

test('keeps its addresses when a later resolution fails', async () => {
  const fleet = new NamedSetUp();
  fleet.channel.connect();
  fleet.resolver.answer([1]);
  fleet.at(1).connect();
  fleet.resolver.listener?.onFailure(NO_SUCH_NAME);
  assert.is(fleet.state, 'READY');
  const call = fleet.start();
  fleet.at(1).last.close();
  assert.is(await statusOf(call), 'OK');
  assert.match(fleet.channel.inspect().resolution?.failure ?? '', /no such name/);
  await fleet.finish();
});

test('asks for another resolution when the balancer can make nothing of one', async () => {
  const fleet = new NamedSetUp();
  fleet.channel.connect();
  fleet.resolver.answer([]);
  assert.is(fleet.resolver.asked, 1);
  await fleet.finish();
});

test('connects again by itself after a failure, and keeps no process alive for it', async () => {
  const fleet = new NamedSetUp();
  fleet.channel.connect();
  fleet.resolver.answer([1]);
  fleet.at(1).fail(REFUSED);
  assert.is(fleet.state, 'TRANSIENT_FAILURE');
  assert.is(await statusOf(fleet.start()), 'UNAVAILABLE: connection refused');
  fleet.clock.advance(1_000);
  assert.is(fleet.transports.get(1)?.length, 2);
  fleet.at(1).connect();
  assert.is(fleet.state, 'READY');
  fleet.at(1).fail(LOST);
  assert.is(fleet.transports.get(1)?.length, 3);
  await fleet.finish();
});

test('connects at once, and asks for the name at once, when the back-off is reset', async () => {
  const fleet = new NamedSetUp();
  fleet.channel.connect();
  fleet.resolver.answer([1]);
  fleet.at(1).fail(REFUSED);
  fleet.channel.resetConnectBackoff();
  assert.is(fleet.transports.get(1)?.length, 2);
  assert.is(fleet.resolver.backoffResets, 1);
  await fleet.finish();
});

test('goes idle after as long without a call as it was told, and resolves anew for the next one', async () => {
  const fleet = new NamedSetUp({ idleTimeoutMs: 10_000 });
  const first = fleet.start();
  fleet.resolver.answer([1]);
  fleet.at(1).connect();
  fleet.clock.advance(60_000);
  assert.is(fleet.state, 'READY', 'an open call keeps it busy');
  fleet.at(1).last.close();
  assert.is(await statusOf(first), 'OK');
  fleet.clock.advance(9_999);
  assert.is(fleet.state, 'READY');
  fleet.clock.advance(1);
  assert.is(fleet.state, 'IDLE');
  assert.ok(fleet.resolver.isShutDown);
  assert.ok(fleet.at(1).shutdownReason !== null);
  await nextTick();
  assert.is(fleet.channel.inspect().subchannels.length, 0);
  fleet.start();
  assert.is(fleet.resolvers.length, 2);
  await fleet.finish();
});

test('runs no idle timer while a call waits', async () => {
  const fleet = new NamedSetUp({ idleTimeoutMs: 1_000 });
  fleet.start(PATIENT);
  fleet.clock.advance(100_000);
  assert.is(fleet.state, 'CONNECTING');
  assert.is(fleet.resolvers.length, 1);
  await fleet.finish();
});

test('enterIdle lets open calls run on, and leaves IDLE again for calls that wait', async () => {
  const fleet = new NamedSetUp();
  const open = fleet.start();
  fleet.resolver.answer([1]);
  const transport = fleet.at(1);
  transport.connect();
  fleet.channel.enterIdle();
  assert.is(fleet.state, 'IDLE');
  assert.not(transport.terminated);
  const waiting = fleet.start();
  assert.is(fleet.resolvers.length, 2);
  fleet.channel.enterIdle();
  assert.is(fleet.resolvers.length, 3, 'a call waits');
  transport.last.close();
  assert.is(await statusOf(open), 'OK');
  fleet.resolver.answer([1]);
  fleet.at(1).connect();
  fleet.at(1).last.close();
  assert.is(await statusOf(waiting), 'OK');
  await fleet.finish();
});

test('lets a call wait for the next picker when the connection that it was picked is READY no more', async () => {
  const stale: BalancerProvider = {
    ...TURNS,
    newBalancer: (helper) => {
      const balancer = TURNS.newBalancer({
        ...helper,
        // A balancer that is slow to say that a connection is gone.
        update: (state, picker) => (state === 'READY' ? helper.update(state, picker) : undefined),
      });
      return balancer;
    },
  };
  const fleet = new NamedSetUp({ balancer: stale });
  const first = fleet.start();
  fleet.resolver.answer([1]);
  fleet.at(1).connect();
  fleet.at(1).last.close();
  assert.is(await statusOf(first), 'OK');
  fleet.at(1).goAway(LOST);
  const waiting = fleet.start();
  assert.is(fleet.channel.inspect().waitingCalls.length, 1);
  fleet.at(1).connect();
  fleet.at(1).last.close();
  assert.is(await statusOf(waiting), 'OK');
  await fleet.finish();
});

/** A balancer whose every answer is the test's. */
function balancerThat(
  pick: (request: PickRequest) => Status | Dropped | null,
  accept: () => Status | null = () => null,
): BalancerProvider {
  return {
    name: 'of-the-test',
    readConfig: () => null,
    newBalancer: (helper) => ({
      accept(): Status | null {
        helper.update('READY', { pick });
        return accept();
      },
      onResolutionFailure(): void {},
      requestConnection(): void {},
      resetBackoff(): void {},
      shutdown(): void {},
    }),
  };
}

test('ends a call that is dropped though it waits for ready', async () => {
  const drop = new Dropped(Status.UNAVAILABLE.withDescription('too many of you'));
  const fleet = new NamedSetUp({ balancer: balancerThat(() => drop) });
  const call = fleet.start(PATIENT);
  fleet.resolver.answer([1]);
  assert.is(await statusOf(call), 'UNAVAILABLE: too many of you');
  await fleet.finish();
});

test('tells a picker the method, the headers and the number of the attempt, whether the call waits or not', async () => {
  const asked: string[] = [];
  const drop = new Dropped(Status.UNAVAILABLE.withDescription('seen'));
  const balancer = balancerThat(({ method, headers, previousAttempts }) => {
    asked.push(`${method.path} ${headers.get('x-user')} ${previousAttempts}`);
    return drop;
  });
  const fleet = new NamedSetUp({ balancer });
  const call = (user: string): Promise<unknown> => {
    const listener = new RecordingClientListener<Uint8Array>();
    fleet.channel.newCall(echoMethods.unary, PATIENT).start(listener, new Metadata({ 'x-user': user }));
    return listener.closed;
  };
  const waiting = call('early');
  fleet.resolver.answer([1]);
  await waiting;
  await call('late');
  assert.equal(asked, ['/test.Echo/Unary early 0', '/test.Echo/Unary late 0']);
  await fleet.finish();
});

test('survives a picker and a balancer that throw', async () => {
  const throws = (): never => {
    throw new Error('a bug of theirs');
  };
  const fleet = new NamedSetUp({ balancer: balancerThat(throws) });
  const picked = fleet.start(PATIENT);
  fleet.resolver.answer([1]);
  assert.match(await statusOf(picked), /^INTERNAL: .*picker/);
  await fleet.finish();
  const other = new NamedSetUp({ balancer: balancerThat(() => null, throws) });
  const call = other.start();
  other.resolver.answer([1]);
  assert.match(await statusOf(call), /^INTERNAL: the balancer of-the-test failed/);
  await other.finish();
});

test('follows the calls to where a picker asks it to', async () => {
  const ends: string[] = [];
  const tracker = {
    onCallStarted: (): void => void ends.push('started'),
    onCallEnded: (status: Status): void => void ends.push(status.name),
  };
  const tracking: BalancerProvider = {
    ...TURNS,
    newBalancer: (helper) =>
      TURNS.newBalancer({
        ...helper,
        update: (state, picker) =>
          helper.update(state, {
            pick: (request) => {
              const pick = picker.pick(request);
              return pick instanceof Picked ? new Picked(pick.subchannel, tracker) : pick;
            },
          }),
      }),
  };
  const fleet = new NamedSetUp({ balancer: tracking });
  const call = fleet.start();
  fleet.resolver.answer([1]);
  assert.equal(ends, []);
  fleet.at(1).connect();
  assert.equal(ends, ['started']);
  fleet.at(1).last.close(Status.NOT_FOUND);
  assert.is(await statusOf(call), 'NOT_FOUND');
  assert.equal(ends, ['started', 'NOT_FOUND']);
  await fleet.finish();
});

test('lets calls wait for a service config that may come with the name, and go by it', async () => {
  const fleet = new NamedSetUp({ mayCome: true });
  const call = fleet.start();
  fleet.resolver.answer([1], { settings: { timeoutMs: 5_000 } });
  await nextTick();
  fleet.at(1).connect();
  assert.equal(fleet.at(1).last.said, ['start']);
  fleet.clock.advance(5_000);
  assert.match(await statusOf(call), /^DEADLINE_EXCEEDED/);
  await fleet.finish();
});

test('lets calls go on with the channel’s own config when the name cannot be resolved', async () => {
  const fleet = new NamedSetUp({ mayCome: true });
  const call = fleet.start();
  fleet.resolver.listener?.onFailure(NO_SUCH_NAME);
  assert.is(await statusOf(call), 'UNAVAILABLE: no such name');
  await fleet.finish();
});

test('fails calls when the only service config there is cannot be read, and keeps an earlier one that could', async () => {
  const fleet = new NamedSetUp({ mayCome: true });
  const call = fleet.start();
  fleet.resolver.answer([1], { fault: 'methodConfig: not a list' });
  assert.is(await statusOf(call), 'UNAVAILABLE: service config: methodConfig: not a list');
  fleet.resolver.answer([1], { settings: {} });
  fleet.at(1).connect();
  assert.is(fleet.state, 'READY');
  fleet.resolver.answer([1], { fault: 'broken' });
  assert.is(fleet.state, 'READY');
  await fleet.finish();
});

test('opens further connections to an address where its streams are used up, as many as allowed', async () => {
  const fleet = new NamedSetUp({ own: configThat({ maxConnectionsPerSubchannel: 2 }) });
  fleet.channel.connect();
  fleet.resolver.answer([1]);
  const first = fleet.at(1);
  first.connect();
  first.isFull = true;
  fleet.start();
  assert.is(fleet.transports.get(1)?.length, 2);
  const second = fleet.at(1);
  assert.is(fleet.channel.inspect().waitingCalls.length, 1);
  second.connect();
  assert.is(second.streams.length, 1);
  second.isFull = true;
  fleet.start();
  assert.is(fleet.transports.get(1)?.length, 2, 'no third one');
  assert.is(first.streams.length, 1, 'it waits for a slot of the first');
  await fleet.finish();
});

test('lets calls that wait go on after shutdown, and terminates after the last', async () => {
  const fleet = new NamedSetUp();
  const waiting = fleet.start();
  fleet.channel.shutdown();
  assert.is(await statusOf(fleet.start()), 'UNAVAILABLE: Channel shutdown invoked');
  fleet.resolver.answer([1]);
  fleet.at(1).connect();
  assert.not(fleet.channel.isTerminated);
  fleet.at(1).last.close();
  assert.is(await statusOf(waiting), 'OK');
  assert.ok(await within(1_000, fleet.channel.awaitTermination(), 'the end'));
  assert.ok(fleet.resolver.isShutDown);
});

test('tells every state to whoever watches, and ends with the last one or when it is aborted', async () => {
  const fleet = new NamedSetUp();
  const states: ConnectivityState[] = [];
  const watching = (async (): Promise<void> => {
    for await (const state of fleet.channel.watchState()) states.push(state);
  })();
  const abort = new AbortController();
  const aborted = (async (): Promise<void> => {
    for await (const _ of fleet.channel.watchState(abort.signal));
  })();
  await nextTick();
  fleet.channel.connect();
  await nextTick();
  fleet.resolver.answer([1]);
  await nextTick();
  fleet.at(1).connect();
  await nextTick();
  abort.abort();
  await within(1_000, aborted, 'the aborted watch to end');
  await fleet.finish();
  await within(1_000, watching, 'the watch to end');
  assert.equal(states, ['IDLE', 'CONNECTING', 'READY', 'SHUTDOWN']);
});

test('says what it is doing, and nothing is left of it at the end', async () => {
  const fleet = new NamedSetUp();
  fleet.start(PATIENT);
  fleet.resolver.answer([1]);
  fleet.at(1).fail(REFUSED);
  fleet.clock.advance(400);
  const snapshot = fleet.channel.inspect();
  assert.is(snapshot.state, 'TRANSIENT_FAILURE');
  assert.is(snapshot.balancer, 'turns');
  assert.equal(snapshot.resolution, { addresses: 1, failure: null });
  const [subchannel] = snapshot.subchannels;
  assert.is(subchannel?.address, '10.0.0.1:1');
  assert.is(subchannel?.lastFailure, 'UNAVAILABLE: connection refused');
  assert.is(subchannel?.retryInMs, 600);
  const [call] = snapshot.waitingCalls;
  assert.match(call?.reason ?? '', /waiting for a connection to fleet:443.*connection refused/);
  assert.is(call?.waitingMs, 400);
  await fleet.finish();
  const end = fleet.channel.inspect();
  assert.equal([end.subchannels, end.waitingCalls, end.suspendedCalls], [[], [], 0]);
});

test.run();
