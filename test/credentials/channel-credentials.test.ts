/** ChannelCredentials: cleartext, TLS, and the call credentials composed with either. Connections: test/transport/http2. */
import { CallCredentials } from '../../src/credentials/call-credentials.ts';
import { ChannelCredentials, type TlsClientOptions } from '../../src/credentials/channel-credentials.ts';
import { ServerCredentials, type TlsServerOptions } from '../../src/credentials/server-credentials.ts';
import type { TlsSource } from '../../src/credentials/tls-source.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('ChannelCredentials');

function named(name: string): CallCredentials {
  return CallCredentials.from(() => new Metadata({ name }));
}

/** The names that the calls of a channel would carry. */
function namesOf({ callCredentials }: ChannelCredentials): string[] | null {
  if (callCredentials === null) return null;
  let names: string[] = [];
  const request = { serviceUrl: '', methodName: '', path: '', authority: '', signal: new AbortController().signal };
  callCredentials.requestMetadata(request, (_error, metadata) => {
    names = metadata?.getAll('name') ?? [];
  });
  return names;
}

test('cleartext has no TLS options, TLS has its own, and neither has call credentials', () => {
  const options = { servername: 'example.com' };
  assert.is(ChannelCredentials.insecure().tls, null);
  assert.is(ChannelCredentials.tls(options).tls, options);
  assert.equal(ChannelCredentials.tls().tls, {});
  assert.is(ChannelCredentials.insecure().callCredentials, null);
  assert.is(ChannelCredentials.tls().callCredentials, null);
});

test('composing keeps how the connection is protected, and leaves the original as it was', () => {
  const plain = ChannelCredentials.tls({ servername: 'example.com' });
  const composed = ChannelCredentials.compose(plain, named('a'));
  assert.is(composed.tls, plain.tls);
  assert.is(plain.callCredentials, null);
  assert.is(ChannelCredentials.compose(ChannelCredentials.insecure(), named('a')).tls, null);
});

test('call credentials come in the order in which they were composed', () => {
  const [a, b, c] = [named('a'), named('b'), named('c')];
  const tls = ChannelCredentials.tls();
  assert.is(ChannelCredentials.compose(tls, a).callCredentials, a);
  assert.equal(namesOf(ChannelCredentials.compose(tls, a, b, c)), ['a', 'b', 'c']);
  assert.equal(namesOf(ChannelCredentials.compose(ChannelCredentials.compose(tls, b), c, a)), ['b', 'c', 'a']);
});

test('a source is asked each time, at either end, and composing keeps it', () => {
  let servername = 'a.test';
  const source: TlsSource<TlsClientOptions> = { current: () => ({ servername }), onChange: () => () => {} };
  const credentials = ChannelCredentials.compose(ChannelCredentials.tls(source), named('a'));
  assert.equal(credentials.tls, { servername: 'a.test' });
  servername = 'b.test';
  assert.equal(credentials.tls, { servername: 'b.test' });
  assert.is(credentials.tlsSource, source);
  assert.is(ChannelCredentials.insecure().tlsSource, null);
  const server: TlsSource<TlsServerOptions> = { current: () => ({ key: servername }), onChange: () => () => {} };
  assert.equal(ServerCredentials.tls(server).tls, { key: 'b.test' });
  assert.is(ServerCredentials.insecure().tls, null);
});

test('composing with nothing changes nothing', () => {
  const tls = ChannelCredentials.tls();
  assert.is(ChannelCredentials.compose(tls), tls);
});

test.run();
