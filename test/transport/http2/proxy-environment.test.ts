/**
 * proxyFor: which proxy the environment names for a target. Beside examples and properties it is compared with proxy-from-env,
 * where both mean the same.
 */
import { BlockList } from 'node:net';
import fc from 'fast-check';
import { getProxyForUrl } from 'proxy-from-env';
import { chooseProxy, type Environment, proxyFor } from '../../../src/transport/http2/proxy-environment.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('proxyFor');

const PROXY = 'http://proxy.test:3128';

/** Whether a target goes through the proxy, with these exclusions. */
function goes(target: string, no_proxy: string): boolean {
  return proxyFor(target, { https_proxy: PROXY, no_proxy }) !== null;
}

for (const [environment, expected] of [
  [{}, undefined],
  [{ http_proxy: 'http://h:1' }, 'http://h:1/'],
  [{ http_proxy: 'http://h:1', https_proxy: 'http://s:2' }, 'http://s:2/'],
  [{ http_proxy: 'http://h:1', https_proxy: 'http://s:2', grpc_proxy: 'http://g:3' }, 'http://g:3/'],
  [{ https_proxy: '', http_proxy: 'http://h:1' }, 'http://h:1/'],
  [{ https_proxy: ' ', http_proxy: 'http://h:1' }, 'http://h:1/'],
  [{ https_proxy: 'proxy.test:3128' }, 'http://proxy.test:3128/'],
  [{ https_proxy: 'https://user:pa%3Ass@proxy.test' }, 'https://user:pa%3Ass@proxy.test/'],
  [{ https_proxy: 'http://[::1]:3128' }, 'http://[::1]:3128/'],
  [{ https_proxy: 'socks5://proxy.test:1080', http_proxy: 'http://h:1' }, undefined],
  [{ https_proxy: 'http://' }, undefined],
  [{ https_proxy: 'http://h:99999' }, undefined],
  [{ HTTP_PROXY: 'http://evil:1', HTTPS_PROXY: 'http://evil:2', GRPC_PROXY: 'http://evil:3' }, undefined],
] as const satisfies readonly (readonly [Environment, string | undefined])[]) {
  test(`${JSON.stringify(environment)}: ${expected ?? 'none'}`, () => {
    assert.is(proxyFor('a.test:443', environment)?.href, expected);
  });
}

for (const [exclusions, without, through] of [
  ['', [], ['a.test:443']],
  ['*', ['a.test:443', '10.0.0.1:1', '[fd00::1]:1'], []],
  ['a.test', ['a.test', 'a.test:443', 'A.TEST:1', 'a.test.:1', 'b.a.test:1'], ['ba.test:1', 'test:1', 'a.test.b:1']],
  ['A.Test.', ['a.test:1', 'b.a.test:1'], ['b.test:1']],
  ['.a.test', ['b.a.test:1', 'c.b.a.test:1'], ['a.test:1', 'ba.test:1']],
  ['*.a.test', ['b.a.test:1'], ['a.test:1', 'ba.test:1']],
  ['a.test:443', ['a.test', 'a.test:443', 'b.a.test:443'], ['a.test:8443']],
  ['*:443', ['b.test:443'], ['b.test:8443']],
  ['b.test, ,a.test', ['a.test:1', 'b.test:1'], ['c.test:1']],
  ['b.test a.test', ['a.test:1', 'b.test:1'], ['c.test:1']],
  ['10.0.0.1', ['10.0.0.1:1', '10.0.0.1', '[::ffff:10.0.0.1]:1'], ['10.0.0.2:1', '110.0.0.1:1', 'a.10.0.0.1.test:1']],
  ['10.0.0.1:80', ['10.0.0.1:80'], ['10.0.0.1:81']],
  ['[fd00::1]:80', ['[fd00::1]:80', '[fd00:0::0:1]:80'], ['[fd00::1]:81']],
  ['fd00::1', ['[fd00::1]:80', '[fd00::1]', 'fd00::1'], ['[fd00::2]:80']],
  ['10.0.0.0/8', ['10.1.2.3:1'], ['11.0.0.1:1', 'a.test:1', '[fd00::1]:1']],
  ['0.0.0.0/0', ['10.1.2.3:1'], ['a.test:1']],
  ['fd00::/8', ['[fd12::1]:1'], ['[fe80::1]:1', '10.0.0.1:1']],
  ['[fd00::]/8', ['[fd12::1%eth0]:1'], []],
  ['10.0.0.0/33,fd00::/129,a.test/8,/8,10.0.0/8', [], ['10.0.0.1:1', '[fd00::1]:1', 'a.test:1']],
] as const) {
  test(`exclusions '${exclusions}'`, () => {
    for (const target of without) assert.is(goes(target, exclusions), false, target);
    for (const target of through) assert.is(goes(target, exclusions), true, target);
  });
}

test('no_grpc_proxy stands in for no_proxy, unless it is empty', () => {
  const environment = { http_proxy: PROXY, no_proxy: 'a.test', no_grpc_proxy: 'b.test' };
  assert.is(proxyFor('b.test:1', environment), null);
  assert.is.not(proxyFor('a.test:1', environment), null);
  assert.is(proxyFor('a.test:1', { ...environment, no_grpc_proxy: '' }), null);
});

test('this machine needs no proxy', () => {
  for (const target of ['localhost:1', 'LOCALHOST', '127.0.0.1:1', '127.9.9.9:1', '[::1]:1', '[::ffff:127.0.0.1]:1']) {
    assert.is(goes(target, ''), false, target);
  }
  for (const target of ['notlocalhost:1', 'localhost.test:1', '128.0.0.1:1', '[::2]:1'])
    assert.ok(goes(target, ''), target);
});

const label = fc.stringMatching(/^[a-z][a-z0-9]{0,3}$/);
const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
const port = fc.integer({ min: 1, max: 65_535 });

test('a name excludes itself and all below it, and nothing else', () => {
  fc.assert(
    fc.property(name, name, port, (excluded, host, at) => {
      fc.pre(host !== 'localhost');
      const below = `.${host}`.endsWith(`.${excluded}`);
      assert.is(goes(`${host}:${at}`, excluded), !below);
      assert.is(goes(`${host}.${excluded}:${at}`, excluded), false);
      assert.is(goes(`${host}:${at}`, `.${excluded}`), !host.endsWith(`.${excluded}`));
    }),
  );
});

test('a range excludes what BlockList says it holds', () => {
  const address = fc.ipV4().filter((ip) => !ip.startsWith('127.'));
  const both = fc.oneof(
    fc.tuple(address, address, fc.integer({ min: 0, max: 32 }), fc.constant('ipv4' as const)),
    fc.tuple(fc.ipV6(), fc.ipV6(), fc.integer({ min: 0, max: 128 }), fc.constant('ipv6' as const)),
  );
  fc.assert(
    fc.property(both, ([base, host, prefix, family]) => {
      const list = new BlockList();
      list.addSubnet(base, prefix, family);
      const target = family === 'ipv6' ? `[${host}]:1` : `${host}:1`;
      fc.pre(goes(target, ''));
      assert.is(goes(target, `${base}/${prefix}`), !list.check(host, family));
    }),
  );
});

test('no text whatever is thrown at', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.string(), (target, proxy, exclusions) => {
      const url = proxyFor(target, { https_proxy: proxy, no_proxy: exclusions });
      assert.ok(url === null || /^https?:$/.test(url.protocol));
    }),
  );
  const pieces = fc
    .array(fc.constantFrom('*', '.', ':', '/', '[', ']', '%', '1', 'a', '::', '10.0.0.1', ',', '8'))
    .map((all) => all.join(''));
  fc.assert(fc.property(pieces, pieces, (target, exclusions) => void goes(target, exclusions)));
});

test('more exclusions never lead through the proxy', () => {
  fc.assert(
    fc.property(name, fc.array(name), fc.array(name), (host, some, more) => {
      if (!goes(`${host}:1`, some.join(','))) assert.is(goes(`${host}:1`, [...some, ...more].join(',')), false);
    }),
  );
});

/** What proxy-from-env says; it reads the process’s own environment. */
function theirs(target: string, environment: Environment): string {
  const names = ['https_proxy', 'http_proxy', 'no_proxy', 'all_proxy', 'npm_config_https_proxy', 'npm_config_no_proxy'];
  const all = [...names, ...names.map((one) => one.toUpperCase())];
  const before = all.map((one) => [one, process.env[one]] as const);
  try {
    for (const one of all) delete process.env[one];
    Object.assign(process.env, environment);
    return getProxyForUrl(`https://${target}`);
  } finally {
    for (const [one, value] of before) {
      if (value === undefined) delete process.env[one];
      else process.env[one] = value;
    }
  }
}

test('proxy-from-env says the same', () => {
  // They differ on purpose for a bare name (there: itself alone), addresses in other notations, ranges, and localhost.
  const exclusion = fc.oneof(
    fc.constantFrom('*', ''),
    name.map((it) => `.${it}`),
    name.map((it) => `*.${it}`),
    fc.tuple(name, port).map(([it, at]) => `.${it}:${at}`),
    fc.ipV4(),
  );
  const host = fc.oneof(name, fc.ipV4()).filter((it) => it !== 'localhost' && !it.startsWith('127.'));
  const separator = fc.constantFrom(',', ', ', ' ');
  let without = 0;
  fc.assert(
    fc.property(host, port, fc.array(exclusion, { maxLength: 3 }), separator, (it, at, exclusions, between) => {
      // Half of them are about this very target.
      const own = [`.${it.replace(/^[^.]*\./, '')}`, `${it}:${at}`, '*'].slice(0, at % 3);
      for (const list of [exclusions, [...exclusions, ...own]]) {
        const environment = { https_proxy: PROXY, no_proxy: list.join(between) };
        const target = `${it}:${at}`;
        const ours = proxyFor(target, environment);
        if (ours === null) without += 1;
        assert.is(ours?.origin ?? '', theirs(target, environment), `${target} ${environment.no_proxy}`);
      }
    }),
    { numRuns: 500 },
  );
  assert.ok(without > 100, `${without} targets went without`);
});

test('a choice: none, the environment’s, or one of one’s own, which no exclusion concerns', () => {
  const environment = { https_proxy: PROXY, no_proxy: 'a.test' };
  assert.is(chooseProxy('none', 'b.test:1', environment), null);
  assert.is(chooseProxy('environment', 'a.test:1', environment), null);
  const found = chooseProxy('environment', 'b.test:1', environment);
  assert.equal([found?.url.origin, found?.target], [PROXY, 'b.test:1']);
  for (const url of ['https://own.test', 'own.test:1', new URL('http://own.test:8080')]) {
    const own = chooseProxy({ url }, 'a.test:1', environment);
    assert.equal([own?.url.hostname, own?.target, own && 'tls' in own], ['own.test', 'a.test:1', false]);
  }
  assert.equal(chooseProxy({ url: 'https://own.test', tls: { ca: 'x' } }, 'a.test:1', environment)?.tls, { ca: 'x' });
  for (const url of ['', 'socks5://own.test', 'http://user:secret@:1']) {
    assert.throws(
      () => chooseProxy({ url }, 'a.test:1', environment),
      (error: Error) => {
        return error instanceof TypeError && !error.message.includes('secret');
      },
    );
  }
});

test.run();
