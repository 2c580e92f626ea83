/** parseTarget, and what the schemes of ResolverRegistry make of targets. */
import fc from 'fast-check';
import { dnsResolver } from '../../../src/channel/resolver/dns.ts';
import { ResolverRegistry } from '../../../src/channel/resolver/registry.ts';
import type { Resolution, ResolverProvider } from '../../../src/channel/resolver/resolver.ts';
import { StaticResolver } from '../../../src/channel/resolver/static.ts';
import { parseTarget } from '../../../src/channel/resolver/target.ts';
import { ManualClock } from '../../../src/testing/manual-clock.ts';
import { assert, suite, within } from '../../support/suite.ts';

const test = suite('targets');
const registry = new ResolverRegistry();

function partsOf(text: string, defaultScheme?: string): string[] {
  const { scheme, authority, path } = parseTarget(text, registry, defaultScheme);
  return [scheme, authority, path];
}

/** What a target that needs no lookup leads to. */
async function addressesOf(text: string, from = registry): Promise<unknown[]> {
  const { provider, target } = from.read(text);
  const resolver = provider.newResolver(target, { clock: new ManualClock(), random: () => 0 });
  const told = new Promise<Resolution>((resolve, reject) => {
    resolver.start({ onResolution: resolve, onFailure: (reason) => reject(new Error(`${reason}`)) });
  });
  const { endpoints } = await within(1_000, told);
  resolver.shutdown();
  return endpoints.flatMap(({ addresses }) => addresses);
}

test('parts of a target: a known scheme, its authority, its path', () => {
  assert.equal(partsOf('dns:///host:1'), ['dns', '', 'host:1']);
  assert.equal(partsOf('dns:host:1'), ['dns', '', 'host:1']);
  assert.equal(partsOf('dns://8.8.8.8/host:1'), ['dns', '8.8.8.8', 'host:1']);
  assert.equal(partsOf('DNS://[::1]:53/host'), ['dns', '[::1]:53', 'host']);
  assert.equal(partsOf('unix:rel/a.sock'), ['unix', '', 'rel/a.sock']);
  assert.equal(partsOf('unix:/abs/a.sock'), ['unix', '', '/abs/a.sock']);
  assert.equal(partsOf('ipv4:1.2.3.4:5,6.7.8.9'), ['ipv4', '', '1.2.3.4:5,6.7.8.9']);
  assert.equal(partsOf('dns://only.authority'), ['dns', 'only.authority', '']);
});

test('parts of a target: without a known scheme it is all of the default one', () => {
  assert.equal(partsOf('localhost:50051'), ['dns', '', 'localhost:50051']);
  assert.equal(partsOf('host'), ['dns', '', 'host']);
  assert.equal(partsOf('[::1]:1'), ['dns', '', '[::1]:1']);
  assert.equal(partsOf('10.0.0.1:1'), ['dns', '', '10.0.0.1:1']);
  assert.equal(partsOf('https://host:1'), ['dns', '', 'https://host:1']);
  assert.equal(partsOf('/run/a%2Fb', 'unix'), ['unix', '', '/run/a%2Fb']);
  assert.equal(partsOf('localhost:1', 'passthrough'), ['passthrough', '', 'localhost:1']);
});

test('parts of a target: codes are decoded, and a lone % stays', () => {
  assert.equal(partsOf('unix:/tmp/a%20b%C3%A9'), ['unix', '', '/tmp/a bé']);
  assert.equal(partsOf('unix:/tmp/100%.sock?#'), ['unix', '', '/tmp/100%.sock?#']);
  assert.equal(partsOf('dns:///[fe80::1%25eth0]:1'), ['dns', '', '[fe80::1%eth0]:1']);
  assert.equal(partsOf('dns:///[fe80::1%eth0]:1'), ['dns', '', '[fe80::1%eth0]:1']);
  assert.throws(() => parseTarget('unix:/tmp/%FF', registry), /'unix:\/tmp\/%FF': its %-codes are not UTF-8/);
  assert.throws(() => parseTarget('', registry), /empty.*host:port/);
});

test('whatever was encoded is found again', () => {
  const text = fc.string({ unit: 'grapheme' });
  fc.assert(
    fc.property(fc.constantFrom('dns', 'unix', 'ipv4'), text, text, (scheme, authority, path) => {
      const written = `${scheme}://${encodeURIComponent(authority)}/${encodeURIComponent(path)}`;
      assert.equal(partsOf(written), [scheme, authority, path]);
    }),
  );
});

test('any text is a target with a text, or a TypeError', () => {
  const words = fc.constantFrom(
    'dns:',
    'unix:',
    'ipv4:',
    'ipv6:',
    'unix-abstract:',
    '//',
    '/',
    '%25',
    '%',
    '[::1]',
    ':',
    '1',
    ',',
  );
  const texts = fc.array(fc.oneof(words, fc.string()), { maxLength: 6 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(texts, (text) => {
      try {
        const { target, authority } = registry.read(text);
        assert.is(target.text, text);
        assert.ok(authority.length > 0 && !/[\s\0/]/.test(authority), authority);
      } catch (error) {
        assert.ok(error instanceof TypeError && error.message.includes(text), `${error}`);
      }
    }),
    { numRuns: 2_000 },
  );
});

test('any host and port is its own authority', () => {
  const port = fc.option(fc.integer({ min: 1, max: 65_535 }));
  const host = fc.oneof(
    fc.domain(),
    fc.ipV4(),
    fc.ipV6().map((address) => `[${address}]`),
  );
  const prefix = fc.constantFrom('', 'dns:', 'dns:///', 'dns://8.8.8.8/', 'dns://[::1]:5353/', 'passthrough:///');
  fc.assert(
    fc.property(prefix, host, port, (scheme, name, number) => {
      const text = number === null ? name : `${name}:${number}`;
      assert.is(registry.read(scheme + text).authority, text);
    }),
  );
});

test('authorities', () => {
  const authorities: Record<string, string> = {
    'localhost:50051': 'localhost:50051',
    host: 'host',
    'host.:1': 'host.:1',
    'my_service:1': 'my_service:1',
    'dns://8.8.8.8/host:1': 'host:1',
    '[fe80::1%eth0]:1': '[fe80::1]:1',
    'bücher.example:1': 'xn--bcher-kva.example:1',
    'unix:rel': 'localhost',
    'unix:///abs': 'localhost',
    'unix-abstract:name': 'localhost',
    'ipv4:10.0.0.1:5,10.0.0.2': '10.0.0.1:5',
    'ipv6:[::1]:5,[::2]': '[::1]:5',
    'ipv6:::1': '[::1]',
    'passthrough:///host:1': 'host:1',
  };
  for (const [text, authority] of Object.entries(authorities))
    assert.is(registry.read(text).authority, authority, text);
});

test('addresses', async () => {
  assert.equal(await addressesOf('10.0.0.1'), [{ host: '10.0.0.1', port: 443 }]);
  assert.equal(await addressesOf('[::1]:1'), [{ host: '::1', port: 1 }]);
  assert.equal(await addressesOf('dns:///[fe80::1%25eth0]:1'), [{ host: 'fe80::1%eth0', port: 1 }]);
  assert.equal(await addressesOf('unix:rel'), [{ path: 'rel' }]);
  assert.equal(await addressesOf('unix:/abs/x'), [{ path: '/abs/x' }]);
  assert.equal(await addressesOf('unix:///abs/x'), [{ path: '/abs/x' }]);
  assert.equal(await addressesOf('UNIX:///abs/x'), [{ path: '/abs/x' }]);
  assert.equal(await addressesOf('unix-abstract:name'), [{ path: '\0name' }]);
  assert.equal(await addressesOf('ipv4:10.0.0.1:5,10.0.0.2'), [
    { host: '10.0.0.1', port: 5 },
    { host: '10.0.0.2', port: 443 },
  ]);
  assert.equal(await addressesOf('ipv6:[::1]:5,::2,[::3]'), [
    { host: '::1', port: 5 },
    { host: '::2', port: 443 },
    { host: '::3', port: 443 },
  ]);
  assert.equal(await addressesOf('passthrough:///host:1'), [{ host: 'host', port: 1 }]);
  assert.equal(await addressesOf('passthrough:host'), [{ host: 'host', port: 443 }]);
});

test('each address of a list is an endpoint', async () => {
  const { provider, target } = registry.read('ipv4:10.0.0.1,10.0.0.2');
  const resolver = provider.newResolver(target, { clock: new ManualClock(), random: () => 0 });
  const told: Resolution[] = [];
  resolver.start({ onResolution: (resolution) => told.push(resolution), onFailure: () => assert.unreachable() });
  assert.is(told.length, 0, 'it told within start');
  await new Promise((resolve) => setImmediate(resolve));
  resolver.resolveAgain();
  resolver.resetBackoff();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(told, [
    {
      endpoints: [{ addresses: [{ host: '10.0.0.1', port: 443 }] }, { addresses: [{ host: '10.0.0.2', port: 443 }] }],
    },
  ]);
  resolver.shutdown();
});

test('a static resolver tells nothing once it was shut down', async () => {
  const resolver = new StaticResolver({ endpoints: [] });
  resolver.start({ onResolution: () => assert.unreachable(), onFailure: () => assert.unreachable() });
  resolver.shutdown();
  resolver.shutdown();
  await new Promise((resolve) => setImmediate(resolve));
});

test('what is no target is refused in words that help', () => {
  const refusals: Record<string, RegExp> = {
    '': /empty.*host:port/,
    ':50051': /there is no host/,
    'host:': /'' is no port from 1 to 65535/,
    'host:0': /'0' is no port/,
    'host:65536': /'65536' is no port/,
    'host:grpc': /'grpc' is no port/,
    '::1': /in brackets/,
    '::1:50051': /in brackets/,
    '[host]:1': /'host' is no IPv6 address/,
    '[::1]x': /after ']' comes ':' and a port/,
    'https://host:443': /is a URL.*without 'https:\/\/'/,
    'user@host:1': /'user@host' is no host/,
    'two words:1': /'two words' is no host/,
    'a,b:1': /'a,b' is no host/,
    'dns:': /there is no host/,
    'dns:///': /there is no host/,
    'dns://host:50051': /names a DNS server and no host; write 'dns:\/\/\/host:50051'/,
    'dns://ns.example/host': /DNS server 'ns.example' is no IP address/,
    'dns://8.8.8.8:0/host': /'0' is no port/,
    'unix:': /names no socket/,
    'unix:///': /names no socket/,
    'unix://host/run/x': /a socket has no host; write 'unix:path' or 'unix:\/\/\/absolute\/path'/,
    'unix:/run/%00x': /unix-abstract:name/,
    'unix-abstract:': /names no socket/,
    'unix-abstract://x/y': /unix-abstract:name/,
    'ipv4:': /there is no host/,
    'ipv4:host:1': /'host' is no IPv4 address/,
    'ipv4:10.0.0.1,[::1]': /'::1' is no IPv4 address/,
    'ipv4://10.0.0.1:1': /write 'ipv4:address:port'/,
    'ipv6:10.0.0.1': /'10.0.0.1' is no IPv6 address/,
    'passthrough://host:1': /passthrough:\/\/\/host:port/,
    'passthrough:///': /there is no host/,
  };
  for (const [text, words] of Object.entries(refusals)) {
    assert.throws(
      () => registry.read(text),
      (error: unknown) => error instanceof TypeError && words.test(error.message) && error.message.includes(text),
      `'${text}'`,
    );
  }
});

test('only names that are looked up can bring a service config', () => {
  assert.is(registry.get('dns')?.givesServiceConfig, false);
  assert.is(dnsResolver({ serviceConfigLookup: true }).givesServiceConfig, true);
  assert.is(registry.get('unix')?.givesServiceConfig, false);
});

test('a user adds schemes, replaces those of the library, and changes the default', async () => {
  const mine = (scheme: string): ResolverProvider => ({
    scheme,
    givesServiceConfig: false,
    authorityOf: ({ path }) => path,
    newResolver: ({ path }) => new StaticResolver({ endpoints: [{ addresses: [{ host: path, port: 7 }] }] }),
  });
  const own = new ResolverRegistry([mine('consul'), mine('dns')]);
  assert.equal(await addressesOf('consul:///web', own), [{ host: 'web', port: 7 }]);
  assert.equal(await addressesOf('web', own), [{ host: 'web', port: 7 }]);
  assert.equal(await addressesOf('unix:web', own), [{ path: 'web' }]);
  assert.is(own.read('web:1', 'consul').target.scheme, 'consul');
  assert.is(registry.get('consul'), null);
  assert.throws(() => own.read('web', 'zookeeper'), /no resolver for the default scheme 'zookeeper'/);
  assert.throws(() => new ResolverRegistry([mine('No:Scheme')]), TypeError);
});

test.run();
