/**
 * One name, several servers: how calls are spread, and how they go on when servers join, leave, fail and vanish. Restarts
 * under load: fleet-restart.test.ts. Below: our servers on 127.0.0.1 to 127.0.0.5, a DNS server. Source: grpc doc/load-balancing.md,
 * gRFC A48, A50, A61, A62.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceDefinition } from '../../src/call/service-definition.ts';
import type { Http2ChannelOptions } from '../../src/channel/create-channel.ts';
import type { ManagedChannel } from '../../src/channel/managed-channel.ts';
import { type HandlerContext, Status, StatusError } from '../../src/index.ts';
import { implement } from '../../src/stub/implement.ts';
import { echoMethods } from '../support/echo.ts';
import { until } from '../support/echo-pairings.ts';
import type { EchoJournal } from '../support/echo-service.ts';
import { assert, suite, within } from '../support/suite.ts';
import { connected, Fleet } from './fleet-servers.ts';
import { becomesQuiet, Ledger, Load, type Member, tally, texts } from './ledger.ts';

const test = suite('Fleets');

const ROUND_ROBIN: Http2ChannelOptions = { balancer: 'round_robin' };

/** How calls end under a server that is killed. */
const KILLED = /^OK$|^UNAVAILABLE: /;

function policy(name: string, config: object): Http2ChannelOptions {
  return { serviceConfig: { loadBalancingConfig: [{ [name]: config }] } };
}

/** How many more calls each member has begun than in `before`. */
function since(fleet: Fleet, before: readonly number[]): number[] {
  return fleet.begun.map((count, index) => count - (before[index] ?? 0));
}

async function endsQuietly(channel: ManagedChannel, ledger: Ledger): Promise<void> {
  ledger.assertNeverTwice([]);
  await becomesQuiet(channel);
}

/** `Unary` by a handler of the test. */
function service(
  unary: (request: Uint8Array, context: HandlerContext) => Promise<Uint8Array>,
): (journal?: EchoJournal) => ServiceDefinition {
  return (journal) =>
    implement(
      { unary: echoMethods.unary },
      {
        unary: async (request: Uint8Array, context: HandlerContext) => {
          journal?.requests.push([['x-call-id', context.metadata.get('x-call-id') ?? '']]);
          return await unary(request, context);
        },
      },
    );
}

// ---- round_robin ----

test('round_robin gives each of five servers its turn, one after the other and all at once', async () => {
  const ledger = new Ledger();
  await using fleet = await Fleet.start({ ledger, size: 5 });
  await using channel = fleet.open({ ...ROUND_ROBIN, resolvers: [] });
  await connected(channel, fleet.members);
  for (let round = 1; round <= 6; round += 1) {
    for (let i = 0; i < 5; i += 1) assert.is((await ledger.call(channel)).status, 'OK');
    assert.equal(fleet.begun, Array(5).fill(round));
  }
  const told = await ledger.calls(channel, 502);
  assert.equal(tally(told), { OK: 502 });
  const extra = fleet.begun.map((count) => count - 106);
  assert.is(extra.filter((count) => count === 1).length, 2);
  assert.is(extra.filter((count) => count === 0).length, 3);
  await endsQuietly(channel, ledger);
});

test('round_robin goes on with whose turn it is when the name is looked up again and nothing has changed', async () => {
  const ledger = new Ledger();
  await using fleet = await Fleet.start({ ledger, size: 5 });
  await using channel = fleet.open(ROUND_ROBIN);
  await connected(channel, fleet.members);
  for (let round = 1; round <= 40; round += 1) {
    await fleet.names.asked('fleet.test', 'A', fleet.names.count('fleet.test', 'A') + (round % 2));
    for (let i = 0; i < 5; i += 1) assert.is((await ledger.call(channel)).status, 'OK');
  }
  assert.equal(fleet.begun, Array(5).fill(40));
  await endsQuietly(channel, ledger);
});

test('round_robin follows its name: servers that join get calls, those that leave finish theirs', async () => {
  const ledger = new Ledger();
  await using fleet = await Fleet.start({ ledger, size: 5 });
  const [one, two, three, four, five] = fleet.members as [Member, Member, Member, Member, Member];
  fleet.lead([one, two, three]);
  await using channel = fleet.open(ROUND_ROBIN);
  await connected(channel, [one, two, three]);
  const lasting = ledger.calls(channel, 3, { command: { delayMs: 400 } });
  await until('a call at each', () => [one, two, three].every(({ running }) => running === 1));
  await using load = new Load(20, () => ledger.call(channel));
  fleet.lead([three, four, five]);
  await connected(channel, [three, four, five]);
  const before = fleet.begun;
  await load.more(100);
  const [ofOne, ofTwo, ...others] = since(fleet, before);
  assert.equal([ofOne, ofTwo], [0, 0]);
  assert.ok(others.every((count) => count > 0));
  fleet.lead([two]);
  await connected(channel, [two]);
  fleet.lead([one, two, three, four, five]);
  await connected(channel, fleet.members);
  assert.equal(tally(await load.stop()), { OK: load.told.length });
  assert.equal(tally(await lasting), { OK: 3 });
  await endsQuietly(channel, ledger);
});

test('round_robin keeps what it has while the name cannot be resolved, or leads nowhere', async () => {
  const ledger = new Ledger();
  await using fleet = await Fleet.start({ ledger, size: 2 });
  await using channel = fleet.open(ROUND_ROBIN);
  await connected(channel, fleet.members);
  for (const answer of ['no-such-name', 'refused', {}] as const) {
    fleet.names.set('fleet.test', answer);
    await until('the failure', () => channel.inspect().resolution?.failure !== null);
    assert.equal(tally(await ledger.calls(channel, 20)), { OK: 20 });
    fleet.lead(fleet.members);
    channel.resetConnectBackoff();
    await until('the name', () => channel.inspect().resolution?.failure === null);
  }
  await endsQuietly(channel, ledger);
});

test('round_robin survives the loss of any server: only calls that it had begun fail, and it is back once it is', {
  timeoutMs: 15_000,
}, async () => {
  const ledger = new Ledger();
  await using fleet = await Fleet.start({ ledger, size: 5 });
  await using channel = fleet.open(ROUND_ROBIN);
  await connected(channel, fleet.members);
  await using load = new Load(30, () => ledger.call(channel, { command: { delayMs: 2 } }));
  let killed = 0;
  for (const member of fleet.members) {
    await load.more(50);
    const amid = member.running;
    const failed = (): number => load.told.filter(({ code }) => code !== 0).length;
    const before = failed();
    await member.kill();
    await load.more(100);
    assert.ok(failed() - before <= amid + 30, 'calls went on to a server that was gone');
    killed += 1;
    await member.startAnew();
    await connected(channel, fleet.members);
    await until('calls at the new one', () => member.begun > 0);
  }
  const told = await load.stop();
  assert.is(killed, 5);
  assert.equal(
    texts(told).filter((text) => !KILLED.test(text)),
    [],
  );
  ledger.assertNeverTwice(told);
  await endsQuietly(channel, ledger);
});

test('round_robin loses all its servers: calls fail at once, those that wait for ready wait until one is back', async () => {
  const ledger = new Ledger();
  await using fleet = await Fleet.start({ ledger, size: 3 });
  await using channel = fleet.open(ROUND_ROBIN);
  await connected(channel, fleet.members);
  for (const member of fleet.members) await member.kill();
  await until('the failure', () => channel.getState() === 'TRANSIENT_FAILURE');
  const { status } = await ledger.call(channel, { boundMs: 1_000 });
  assert.match(status, /^UNAVAILABLE: .*127\.0\.0\.\d:\d+: .*ECONNREFUSED/);
  const patient = ledger.calls(channel, 30, { patient: true });
  await fleet.members[1]?.startAnew();
  assert.equal(tally(await patient), { OK: 30 });
  await endsQuietly(channel, ledger);
});

test('a channel that is shut down under load lets every call run to its end, and is gone behind the last', async () => {
  const ledger = new Ledger();
  await using fleet = await Fleet.start({ ledger, size: 5 });
  await using channel = fleet.open(ROUND_ROBIN);
  const calls = [
    ledger.calls(channel, 100, { command: { delayMs: 20 } }),
    ledger.calls(channel, 50, { kind: 'bidi_streaming', command: { delayMs: 20 } }),
  ];
  // Some wait for the name and for connections still, some are under way.
  channel.shutdown();
  assert.equal(tally((await Promise.all(calls)).flat()), { OK: 150 });
  assert.ok(await within(3_000, channel.awaitTermination(), 'the end of the channel'));
  assert.equal(channel.inspect().subchannels, []);
  assert.is((await ledger.call(channel)).status, 'UNAVAILABLE: Channel shutdown invoked');
  await endsQuietly(channel, ledger);
});

// ---- pick_first ----

test('pick_first stays with one server, and moves on when that drains or dies', async () => {
  const ledger = new Ledger();
  await using fleet = await Fleet.start({ ledger, size: 4 });
  await using channel = fleet.open();
  await using load = new Load(20, () => ledger.call(channel, { command: { delayMs: 1 } }));
  for (const leave of ['drain', 'drain', 'kill'] as const) {
    await until('calls at one', () => fleet.members.some(({ running }) => running > 0));
    const used = fleet.members.find(({ running }) => running > 0) as Member;
    const before = fleet.begun;
    await load.more(60);
    assert.equal(since(fleet, before).filter((count) => count > 0).length, 1, 'one server alone');
    const failures = load.told.filter(({ code }) => code !== 0).length;
    assert.is(failures, 0);
    await used[leave]();
    await load.more(60);
  }
  const told = await load.stop();
  for (const text of texts(told)) assert.match(text, KILLED);
  ledger.assertNeverTwice(told);
  await endsQuietly(channel, ledger);
});

test('pick_first moves to a new address of its name, and calls on the old one run to their end', async () => {
  const ledger = new Ledger();
  await using fleet = await Fleet.start({ ledger, size: 2 });
  const [one, two] = fleet.members as [Member, Member];
  fleet.lead([one]);
  await using channel = fleet.open();
  const lasting = ledger.calls(channel, 5, { command: { delayMs: 300 } });
  await until('calls at the first', () => one.running === 5);
  fleet.lead([two]);
  await using load = new Load(5, () => ledger.call(channel));
  await until('calls at the second', () => two.begun > 20);
  assert.equal(tally(await load.stop()), { OK: load.told.length });
  assert.equal(tally(await lasting), { OK: 5 });
  await endsQuietly(channel, ledger);
});

// ---- policies that watch calls ----

test('least_request passes over a server that is slow', async () => {
  const ledger = new Ledger();
  const slow = service(async (request) => {
    await sleep(60);
    return request;
  });
  await using fleet = await Fleet.start({ ledger, size: 4, member: (i) => (i === 0 ? { service: slow } : {}) });
  await using channel = fleet.open(policy('least_request', { choiceCount: 4 }));
  await connected(channel, fleet.members);
  await using load = new Load(16, () => ledger.call(channel, { command: { delayMs: 1 } }));
  await load.more(800);
  const told = await load.stop();
  assert.equal(tally(told), { OK: told.length });
  const [ofSlow = 0, ...others] = fleet.begun;
  for (const count of others) assert.ok(count > 3 * ofSlow, `${count} calls, ${ofSlow} of the slow one`);
  await endsQuietly(channel, ledger);
});

const EJECTION = {
  interval: '0.1s',
  maxEjectionPercent: 40,
  failurePercentageEjection: { threshold: 50, minimumHosts: 3, requestVolume: 3 },
  childPolicy: [{ round_robin: {} }],
} as const;

test('outlier_detection takes out a server that fails, and takes it back once it is well', async () => {
  const ledger = new Ledger();
  let ill = true;
  const moody = service(async (request) => {
    await sleep(0);
    if (ill) throw new StatusError(Status.INTERNAL.withDescription('out of sorts'));
    return request;
  });
  await using fleet = await Fleet.start({ ledger, size: 4, member: (i) => (i === 2 ? { service: moody } : {}) });
  await using channel = fleet.open(policy('outlier_detection', { ...EJECTION, baseEjectionTime: '0.3s' }));
  await connected(channel, fleet.members);
  await using load = new Load(8, () => ledger.call(channel, { command: { delayMs: 1 } }));
  const quietFor = async (calls: number): Promise<boolean> => {
    const before = fleet.begun[2];
    await load.more(calls);
    return fleet.begun[2] === before;
  };
  const giveUpAt = performance.now() + 3_000;
  while (!(await quietFor(40))) if (performance.now() > giveUpAt) throw new Error('never ejected');
  ill = false;
  const before = fleet.begun[2] ?? 0;
  await until('calls at the one that is well again', () => (fleet.begun[2] ?? 0) > before + 5);
  const told = await load.stop();
  for (const text of texts(told)) assert.match(text, /^OK$|^INTERNAL: out of sorts$/);
  await endsQuietly(channel, ledger);
});

test('outlier_detection counts lost connections, and leaves alone what is within its percentage', async () => {
  const ledger = new Ledger();
  const fails = service(async () => {
    await sleep(0);
    throw new StatusError(Status.UNAVAILABLE.withDescription('all of us'));
  });
  await using fleet = await Fleet.start({ ledger, size: 4, member: () => ({ service: fails }) });
  await using channel = fleet.open(policy('outlier_detection', { ...EJECTION, baseEjectionTime: '60s' }));
  await connected(channel, fleet.members);
  await using load = new Load(8, () => ledger.call(channel));
  const ejected = (counts: readonly number[]): number => counts.filter((count) => count === 0).length;
  let counts: number[] = [];
  const giveUpAt = performance.now() + 3_000;
  do {
    if (performance.now() > giveUpAt) throw new Error(`none or too many are ejected: ${counts.join()}`);
    const before = fleet.begun;
    await load.more(60);
    counts = since(fleet, before);
  } while (ejected(counts) === 0);
  assert.ok(ejected(counts) <= 2, `of four ${ejected(counts)} are ejected`);
  const told = await load.stop();
  assert.equal(texts(told), ['UNAVAILABLE: all of us']);
  await endsQuietly(channel, ledger);
});

test.run();
