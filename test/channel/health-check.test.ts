/**
 * Client-side health checking over HTTP/2: a connection is READY when its server says so. Source: gRFC A17; the same against
 * a grpc-js server would need a health service of its own.
 */
import { createChannel, type Http2ChannelOptions } from '../../src/channel/create-channel.ts';
import { ChannelCredentials } from '../../src/credentials/channel-credentials.ts';
import { ServerCredentials } from '../../src/credentials/server-credentials.ts';
import { HealthService } from '../../src/health/health-service.ts';
import { Server } from '../../src/server/server.ts';
import { createClient } from '../../src/stub/client.ts';
import { numberMessage, SOAK_METHODS, soakService } from '../soak/service.ts';
import { assert, suite, within } from '../support/suite.ts';

const test = suite('client-side health checking');

const HEALTHY: Http2ChannelOptions = {
  balancer: 'round_robin',
  serviceConfig: { healthCheckConfig: { serviceName: 'soak.Soak' } },
  backoff: { initialMs: 10, maxMs: 50 },
};

interface Site extends AsyncDisposable {
  readonly port: number;
  readonly health: HealthService;
  calls: number;
}

async function open(withHealth = true): Promise<Site> {
  const health = new HealthService();
  const server = new Server().addListener({ host: '127.0.0.1', port: 0 }, ServerCredentials.insecure());
  if (withHealth) server.addService(health);
  const site = {
    port: 0,
    health,
    calls: 0,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
  server.addService(soakService(() => (site.calls += 1)));
  await server.start();
  site.port = server.port;
  return site;
}

function channelTo(sites: readonly Site[], options: Http2ChannelOptions): ReturnType<typeof createChannel> {
  const target = `ipv4:${sites.map(({ port }) => `127.0.0.1:${port}`).join(',')}`;
  return createChannel(target, ChannelCredentials.insecure(), options);
}

/** Waits for a state. */
async function reaches(channel: ReturnType<typeof createChannel>, wanted: string): Promise<void> {
  const arrives = (async (): Promise<void> => {
    for await (const state of channel.watchState()) if (state === wanted) return;
  })();
  await within(5_000, arrives, `the channel to be ${wanted}`);
}

test('a channel is not READY before its server says that it serves, and calls wait for that', async () => {
  await using site = await open();
  await using channel = channelTo([site], HEALTHY);
  site.health.setStatus('soak.Soak', 'NOT_SERVING');
  const client = createClient(SOAK_METHODS, channel);
  const waiting = client.get(numberMessage(1), { waitForReady: true });
  await reaches(channel, 'TRANSIENT_FAILURE');
  const refused = await client.get(numberMessage(2)).catch(String);
  assert.match(String(refused), /UNAVAILABLE: .*soak\.Soak is NOT_SERVING/);
  site.health.setStatus('soak.Soak', 'SERVING');
  assert.equal([...(await waiting)], [0, 0, 0, 1]);
  assert.is(channel.getState(), 'READY');
  assert.is(site.calls, 1);
});

test('calls leave a server as soon as it is not well, and come back', async () => {
  await using one = await open();
  await using two = await open();
  for (const { health } of [one, two]) health.setStatus('soak.Soak', 'SERVING');
  await using channel = channelTo([one, two], HEALTHY);
  const client = createClient(SOAK_METHODS, channel);
  const spread = async (): Promise<[number, number]> => {
    one.calls = 0;
    two.calls = 0;
    for (let i = 0; i < 10; i += 1) await client.get(numberMessage(i));
    return [one.calls, two.calls];
  };
  const until = async (holds: (spread: [number, number]) => boolean): Promise<void> => {
    const comes = (async (): Promise<void> => {
      while (!holds(await spread()));
    })();
    await within(5_000, comes, 'calls to be spread otherwise');
  };
  await until(([a, b]) => a === 5 && b === 5);
  one.health.setStatus('soak.Soak', 'NOT_SERVING');
  await until(([a, b]) => a === 0 && b === 10);
  one.health.setStatus('soak.Soak', 'SERVING');
  await until(([a, b]) => a === 5 && b === 5);
});

test('a server without the health service is healthy', async () => {
  await using site = await open(false);
  await using channel = channelTo([site], HEALTHY);
  const client = createClient(SOAK_METHODS, channel);
  assert.equal([...(await client.get(numberMessage(7)))], [0, 0, 0, 7]);
});

test('pick_first takes every connection that stands', async () => {
  await using site = await open();
  site.health.setStatus('soak.Soak', 'NOT_SERVING');
  await using channel = channelTo([site], { ...HEALTHY, balancer: 'pick_first' });
  const client = createClient(SOAK_METHODS, channel);
  assert.equal([...(await client.get(numberMessage(7)))], [0, 0, 0, 7]);
});

test('the watch is no use of the channel: it goes idle as any other', async () => {
  await using site = await open();
  site.health.setStatus('soak.Soak', 'SERVING');
  await using channel = channelTo([site], { ...HEALTHY, idleTimeoutMs: 1_000 });
  const client = createClient(SOAK_METHODS, channel);
  await client.get(numberMessage(1));
  await reaches(channel, 'IDLE');
});

test.run();
