/** DnsServer: node's own resolver understands it. */
import dns from 'node:dns/promises';
import { DnsServer } from './dns-server.ts';
import { assert, suite, within } from './suite.ts';

const test = suite('DnsServer');

async function withServer(body: (server: DnsServer, resolver: dns.Resolver) => Promise<void>): Promise<void> {
  const server = await DnsServer.listen();
  const resolver = new dns.Resolver({ timeout: 1_000, tries: 2 });
  resolver.setServers([server.authority]);
  try {
    await body(server, resolver);
  } finally {
    resolver.cancel();
    await server[Symbol.asyncDispose]();
  }
}

function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return within(
    5_000,
    promise.then(
      () => 'answered',
      (error) => error.code,
    ),
  );
}

test('answers addresses of both families and texts in their pieces', async () => {
  await withServer(async (server, resolver) => {
    server.set('a.test', {
      A: ['10.0.0.1', '10.0.0.2'],
      AAAA: ['fd00::1', '::', '1:2:3:4:5:6:7:8'],
      TXT: [['x', 'y']],
    });
    assert.equal((await resolver.resolve4('a.test')).sort(), ['10.0.0.1', '10.0.0.2']);
    assert.equal((await resolver.resolve6('a.test')).sort(), ['1:2:3:4:5:6:7:8', '::', 'fd00::1']);
    assert.equal(await resolver.resolveTxt('a.test'), [['x', 'y']]);
    assert.is(server.count('a.test', 'A'), 1);
  });
});

test('changes its answers, and says what it does not know', async () => {
  await withServer(async (server, resolver) => {
    assert.is(await codeOf(resolver.resolve4('b.test')), 'ENOTFOUND');
    server.set('b.test', { A: ['10.0.0.1'] });
    assert.equal(await resolver.resolve4('b.test'), ['10.0.0.1']);
    assert.is(await codeOf(resolver.resolve6('b.test')), 'ENODATA');
    server.set('b.test', 'refused', 'A');
    assert.is(await codeOf(resolver.resolve4('b.test')), 'EREFUSED');
  });
});

test('keeps silent', async () => {
  await withServer(async (server, resolver) => {
    server.set('c.test', 'silent');
    const answer = codeOf(resolver.resolve4('c.test'));
    await server.asked('c.test', 'A');
    resolver.cancel();
    assert.is(await answer, 'ECANCELLED');
  });
});

test.run();
