/**
 * Balancers on a channel over real connections: one as a user writes it, in one file over the contract, and the library's own.
 * The user's gives every method its server (rendezvous hashing), so that what a server keeps in its caches is of use again.
 */
import { createHash } from 'node:crypto';
import {
  type BalancedSubchannel,
  type Balancer,
  type BalancerHelper,
  type BalancerProvider,
  Picked,
  type Picker,
  type PickRequest,
  type PickResult,
  type SubchannelStateListener,
} from '../../../src/channel/balancer/balancer.ts';
import { createChannel, type Http2ChannelOptions } from '../../../src/channel/create-channel.ts';
import type { ManagedChannel } from '../../../src/channel/managed-channel.ts';
import type { Endpoint } from '../../../src/channel/resolver/resolver.ts';
import { ChannelCredentials } from '../../../src/credentials/channel-credentials.ts';
import { ServerCredentials } from '../../../src/credentials/server-credentials.ts';
import { Server } from '../../../src/server/server.ts';
import { formatAddress } from '../../../src/values/attributes.ts';
import { Status } from '../../../src/values/status.ts';
import { ECHO_KINDS, type EchoKind, type EchoServer, echoMethods } from '../../support/echo.ts';
import { callEcho, startEchoServer } from '../../support/echo-service.ts';
import { assert, suite, within } from '../../support/suite.ts';

const test = suite('balancers on a channel');

/** Finds the server of each method once, and then only looks it up. */
class MethodPicker implements Picker {
  readonly #servers: readonly BalancedSubchannel[];
  readonly #found = new Map<string, Picked>();

  constructor(servers: readonly BalancedSubchannel[]) {
    this.#servers = servers;
  }

  pick({ method }: PickRequest): PickResult {
    const found = this.#found.get(method.path);
    if (found !== undefined) return found;
    const ranks = this.#servers.map((server) => ({ server, rank: rankOf(server, method.path) }));
    const [best] = ranks.sort((one, other) => one.rank - other.rank);
    if (best === undefined) return null;
    const picked = new Picked(best.server);
    this.#found.set(method.path, picked);
    return picked;
  }
}

function rankOf({ address }: BalancedSubchannel, path: string): number {
  return createHash('sha256')
    .update(`${formatAddress(address)} ${path}`)
    .digest()
    .readUInt32LE();
}

class MethodBalancer implements Balancer, SubchannelStateListener {
  readonly #helper: BalancerHelper;
  /** By address. */
  #servers = new Map<string, BalancedSubchannel>();
  #failure: Status | null = null;

  constructor(helper: BalancerHelper) {
    this.#helper = helper;
  }

  accept(endpoints: readonly Endpoint[]): Status | null {
    if (endpoints.length === 0) return Status.UNAVAILABLE.withDescription('no servers');
    const before = this.#servers;
    this.#servers = new Map();
    for (const endpoint of endpoints) {
      for (const address of endpoint.addresses) {
        const key = formatAddress(address);
        this.#servers.set(key, before.get(key) ?? this.#helper.newSubchannel(endpoint, address, this));
        before.delete(key);
      }
    }
    for (const gone of before.values()) gone.shutdown();
    this.requestConnection();
    return null;
  }

  onSubchannelState(subchannel: BalancedSubchannel): void {
    const state = subchannel.state();
    if (state === 'TRANSIENT_FAILURE') this.#failure = subchannel.lastFailure;
    this.#tell();
    if (state !== 'IDLE' && state !== 'TRANSIENT_FAILURE') return;
    subchannel.requestConnection();
    this.#helper.resolveAgain();
  }

  #tell(): void {
    const servers = [...this.#servers.values()];
    const ready = servers.filter((server) => server.state() === 'READY');
    const failure = servers.every((server) => server.state() === 'TRANSIENT_FAILURE') ? this.#failure : null;
    if (ready.length > 0) this.#helper.update('READY', new MethodPicker(ready));
    else this.#helper.update(failure === null ? 'CONNECTING' : 'TRANSIENT_FAILURE', { pick: () => failure });
  }

  onResolutionFailure(reason: Status): void {
    if (this.#servers.size === 0) this.#helper.update('TRANSIENT_FAILURE', { pick: () => reason });
  }

  requestConnection(): void {
    for (const server of this.#servers.values()) server.requestConnection();
  }

  resetBackoff(): void {
    for (const server of this.#servers.values()) server.resetBackoff();
  }

  shutdown(): void {
    for (const server of this.#servers.values()) server.shutdown();
  }
}

const BY_METHOD: BalancerProvider = {
  name: 'by_method',
  readConfig: () => null,
  newBalancer: (helper) => new MethodBalancer(helper),
};

/** Three servers, and a channel to all of them. */
class Fleet implements AsyncDisposable {
  readonly servers: readonly EchoServer[];
  readonly channel: ManagedChannel;

  constructor(servers: readonly EchoServer[], options: Http2ChannelOptions) {
    this.servers = servers;
    const target = `ipv4:${servers.map(({ port }) => `127.0.0.1:${port}`).join(',')}`;
    const backoff = { initialMs: 20, multiplier: 1 };
    this.channel = createChannel(target, ChannelCredentials.insecure(), { backoff, ...options });
  }

  async call(kind: EchoKind = 'unary'): Promise<string> {
    const { code, message } = await callEcho(this.channel, echoMethods[kind], [Buffer.from('hello')]);
    return `${code} ${message}`.trim();
  }

  async calls(count: number, kind?: EchoKind): Promise<void> {
    for (let i = 0; i < count; i += 1) assert.is(await this.call(kind), '0');
  }

  /** How many calls each server has had. */
  get counts(): number[] {
    return this.servers.map(({ requests }) => requests.length);
  }

  /** Until the test ends, in whatever way. */
  get isOpen(): boolean {
    return this.channel.getState() !== 'SHUTDOWN';
  }

  /** When every server has its connection. */
  async connected(): Promise<void> {
    this.channel.connect();
    const isConnected = (): boolean => {
      const { subchannels } = this.channel.inspect();
      return subchannels.length === 3 && subchannels.every(({ state }) => state === 'READY');
    };
    await within(
      5_000,
      (async () => {
        while (this.isOpen && !isConnected()) await new Promise((resolve) => setImmediate(resolve));
      })(),
      'three connections',
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.channel.shutdownNow();
    await within(5_000, this.channel.awaitTermination(), 'the end of the channel');
    for (const server of this.servers) await server[Symbol.asyncDispose]();
  }
}

async function fleet(options: Http2ChannelOptions): Promise<Fleet> {
  return new Fleet(await Promise.all([startEchoServer(), startEchoServer(), startEchoServer()]), options);
}

test('a user’s balancer sends each method to its server, and elsewhere once that is gone', async () => {
  await using three = await fleet({ balancer: 'by_method', balancers: [BY_METHOD] });
  await three.connected();
  for (const kind of ECHO_KINDS) {
    const before = three.counts;
    await three.calls(5, kind);
    const more = three.counts.map((count, index) => count - (before[index] ?? 0));
    assert.equal(more.sort(), [0, 0, 5]);
  }
  const busy = three.servers.find(({ requests }) => requests.length > 0);
  await busy?.[Symbol.asyncDispose]();
  for (const kind of ECHO_KINDS) await three.calls(3, kind);
});

test('pick_first keeps to one server, and goes on to the next', async () => {
  await using three = await fleet({});
  await three.calls(6);
  assert.equal(three.counts, [6, 0, 0]);
  await three.servers[0]?.[Symbol.asyncDispose]();
  await three.calls(6);
  assert.equal(three.counts, [6, 6, 0]);
});

test('round_robin gives each its turn, by the service config too', async () => {
  for (const options of [
    { balancer: 'round_robin' },
    { serviceConfig: { loadBalancingConfig: [{ xds: {} }, { round_robin: {} }] } },
  ]) {
    await using three = await fleet(options);
    await three.connected();
    await three.calls(12);
    assert.equal(three.counts, [4, 4, 4]);
    assert.is(three.channel.inspect().balancer, 'round_robin');
  }
});

test('least_request sees its calls end', async () => {
  const serviceConfig = { loadBalancingConfig: [{ least_request: { choiceCount: 3 } }] };
  await using three = await fleet({ serviceConfig });
  await three.connected();
  const command = { command: { delayMs: 20 } };
  for (let round = 1; round <= 3; round += 1) {
    const calls = Array.from({ length: 9 }, () => callEcho(three.channel, echoMethods.unary, [Buffer.of(1)], command));
    for (const { code } of await Promise.all(calls)) assert.is(code, 0);
    assert.equal(three.counts, [3 * round, 3 * round, 3 * round]);
  }
});

test('outlier_detection takes out the server that fails', async () => {
  const failurePercentageEjection = { minimumHosts: 3, requestVolume: 2, threshold: 50 };
  const childPolicy = [{ round_robin: {} }];
  const settings = { interval: '0.05s', maxEjectionPercent: 50, failurePercentageEjection, childPolicy };
  const serviceConfig = { loadBalancingConfig: [{ outlier_detection: settings }] };
  await using three = new Fleet([await startEchoServer(), await startEmptyServer(), await startEchoServer()], {
    serviceConfig,
  });
  await three.connected();
  const inARow = async (): Promise<void> => {
    // While it has its turns one call out of three fails.
    for (let well = 0; three.isOpen && well < 6; ) well = (await three.call()) === '0' ? well + 1 : 0;
  };
  assert.match(await within(5_000, firstFailure(three), 'a call to the server that fails'), /^12 /);
  await within(5_000, inARow(), 'the server that fails to be taken out');
  assert.ok(
    three.channel.inspect().subchannels.every(({ state }) => state === 'READY'),
    'its connection stays',
  );
});

async function firstFailure(three: Fleet): Promise<string> {
  let outcome = '0';
  while (three.isOpen && outcome === '0') outcome = await three.call();
  return outcome;
}

/** A server that knows no method. */
async function startEmptyServer(): Promise<EchoServer> {
  const server = new Server();
  server.addListener({ host: '127.0.0.1', port: 0 }, ServerCredentials.insecure());
  await within(5_000, server.start(), 'the empty server');
  return {
    port: server.port,
    events: [],
    requests: [],
    deadlinesMs: [],
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

test.run();
