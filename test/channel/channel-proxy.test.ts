/**
 * Channels through an HTTP proxy: names are left to it, sockets and this machine go without, one's own choice goes before the
 * environment. The tunnel itself: test/transport/http2/proxy-tunnel.test.ts.
 */
import { createChannel } from '../../src/channel/create-channel.ts';
import { ChannelCredentials } from '../../src/credentials/channel-credentials.ts';
import { ConnectProxy } from '../support/connect-proxy.ts';
import { echoMethods } from '../support/echo.ts';
import { callEcho, startEchoServer } from '../support/echo-service.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('channel, proxies');

const NAMES = ['grpc_proxy', 'https_proxy', 'http_proxy', 'no_grpc_proxy', 'no_proxy'];
const before = NAMES.map((name) => [name, process.env[name]] as const);

test.before.each(() => {
  for (const name of NAMES) delete process.env[name];
});

test.after(() => {
  for (const [name, value] of before) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});

/** What the proxy was asked for by one call, and how that ended. */
async function route(target: (port: number) => string, options: (proxy: ConnectProxy) => object): Promise<string> {
  await using server = await startEchoServer();
  await using proxy = await ConnectProxy.listen();
  const own = options(proxy);
  await using channel = createChannel(target(server.port), ChannelCredentials.insecure(), own);
  const { code } = await callEcho(channel, echoMethods.unary, [Buffer.from('x')]);
  const asked = proxy.requests.map(({ url }) => url?.replace(`${server.port}`, 'PORT'));
  return `${code} ${asked.join()}`;
}

const nothing = (): object => ({});
const environment = (proxy: ConnectProxy): object => {
  process.env['https_proxy'] = proxy.url().href;
  return {};
};

test('no proxy is named', async () => {
  assert.is(await route((port) => `localhost:${port}`, nothing), '0 ');
});

test('a name is left to the proxy of the environment, which alone may know it', async () => {
  assert.is(await route((port) => `only.the.proxy.knows:${port}`, environment), '0 only.the.proxy.knows:PORT');
  assert.is(await route((port) => `dns:///only.the.proxy.knows:${port}`, environment), '0 only.the.proxy.knows:PORT');
});

test('this machine, addresses that are no names, and what is excluded go without', async () => {
  assert.is(await route((port) => `localhost:${port}`, environment), '0 ');
  assert.is(await route((port) => `ipv4:127.0.0.1:${port}`, environment), '0 ');
});

test('a choice of one’s own', async () => {
  const none = (proxy: ConnectProxy): object => ({ ...environment(proxy), proxy: 'none' });
  const own = (proxy: ConnectProxy): object => ({ proxy: { url: proxy.url() } });
  assert.is(await route((port) => `localhost:${port}`, none), '0 ');
  assert.is(await route((port) => `localhost:${port}`, own), '0 localhost:PORT');
  assert.is(await route((port) => `ipv4:127.0.0.1:${port}`, own), '0 127.0.0.1:PORT');
});

test('a URL that is none is thrown at once', () => {
  const options = { proxy: { url: 'socks5://a' } } as const;
  assert.throws(() => createChannel('a:1', ChannelCredentials.insecure(), options), /http:\/\/host:port/);
});

test.run();
