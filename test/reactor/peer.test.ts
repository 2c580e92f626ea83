/**
 * peerOf and AuthContext: addresses and certificates in C core's forms, over real connections, from a certificate that
 * OpenSSL made, and from what no node would say. Upstream: end2end_test.cc Peer and ClientAuthContext,
 * sockaddr_utils_test.cc SockAddrToString, ssl_transport_security_test.cc ExtractX509SubjectNames.
 */
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { DetailedPeerCertificate } from 'node:tls';
import { generate } from 'selfsigned';
import { CallOptions } from '../../src/call/call-options.ts';
import { ServiceDefinition } from '../../src/call/service-definition.ts';
import { createChannel, type Http2ChannelOptions } from '../../src/channel/create-channel.ts';
import { createInProcessChannel } from '../../src/channel/create-in-process-channel.ts';
import type { DirectChannel } from '../../src/channel/direct-channel.ts';
import { ChannelCredentials } from '../../src/credentials/channel-credentials.ts';
import { ServerCredentials, type TlsServerOptions } from '../../src/credentials/server-credentials.ts';
import { AuthContext, peerOf } from '../../src/reactor/peer.ts';
import { Server } from '../../src/server/server.ts';
import { InProcessServer } from '../../src/transport/in-process/server.ts';
import {
  Attributes,
  formatAddress,
  LOCAL_ADDRESS,
  REMOTE_ADDRESS,
  SECURITY_LEVEL,
  type SecurityLevel,
  type SocketAddress,
  TLS_FACTS,
} from '../../src/values/attributes.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Status } from '../../src/values/status.ts';
import { certificates, type KeyPair } from '../support/certificates.ts';
import { echoMethods } from '../support/echo.ts';
import { RecordingClientListener, RecordingServerListener } from '../support/recorder.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('peer');

const ANY_PORT = { host: '127.0.0.1', port: 0 };
const INSECURE = ServerCredentials.insecure();

/** What each end knows of the other. */
interface Ends {
  readonly client: Attributes;
  readonly server: Attributes;
}

/** A server that answers any call, and notes the attributes of each. */
function answering(seen: Attributes[]): Server {
  const service = new ServiceDefinition('test.Echo').addMethod(echoMethods.unary, (call) => {
    seen.push(call.getAttributes());
    call.sendHeaders(new Metadata());
    call.sendMessage(new Uint8Array());
    call.close(Status.OK, new Metadata());
    return new RecordingServerListener<Uint8Array>();
  });
  return new Server().addService(service);
}

async function callOver(channel: DirectChannel): Promise<Attributes> {
  const call = channel.newCall(echoMethods.unary, CallOptions.DEFAULT);
  const listener = new RecordingClientListener<Uint8Array>();
  call.start(listener, new Metadata());
  call.halfClose();
  call.request(1);
  assert.is((await listener.closed).status.toString(), 'OK');
  return call.getAttributes();
}

/** Starts the server and makes one call over `channelTo` it. */
async function meet(server: Server, seen: Attributes[], channelTo: () => DirectChannel): Promise<Ends> {
  await using started = server;
  await started.start();
  await using channel = channelTo();
  const client = await callOver(channel);
  return { client, server: seen[0] as Attributes };
}

function overTcp(host: string, target: (port: number) => string): Promise<Ends> {
  const seen: Attributes[] = [];
  const server = answering(seen).addListener({ host, port: 0 }, INSECURE);
  return meet(server, seen, () => createChannel(target(server.port), ChannelCredentials.insecure()));
}

/** One call over TLS; `client` is who the client says it is, if anybody. */
async function overTls(options: Partial<TlsServerOptions>, client: KeyPair | null, trusting = true): Promise<Ends> {
  const { ca, server: pair } = await certificates();
  const seen: Attributes[] = [];
  const server = answering(seen).addListener(ANY_PORT, ServerCredentials.tls({ ...pair, ca: ca.cert, ...options }));
  const trust = trusting ? { ca: ca.cert } : { rejectUnauthorized: false };
  const credentials = ChannelCredentials.tls({ ...trust, ...(client ?? {}) });
  const channelOptions: Http2ChannelOptions = { authority: 'localhost' };
  return await meet(server, seen, () => createChannel(`127.0.0.1:${server.port}`, credentials, channelOptions));
}

function at(address: SocketAddress): string {
  return peerOf(Attributes.EMPTY.with(REMOTE_ADDRESS, address));
}

/** The values of those properties that begin with `prefix`, by name. */
function valuesOf(auth: AuthContext, prefix = ''): Record<string, string[]> {
  const values: Record<string, string[]> = {};
  for (const [name, value] of auth) {
    if (name.startsWith(prefix)) values[name] = [...(values[name] ?? []), value];
  }
  return values;
}

/** Identity in one line: `name: value | value`, or `nobody`. */
function identity(auth: AuthContext): string {
  const name = auth.getPeerIdentityPropertyName();
  assert.is(auth.isPeerAuthenticated(), name !== '');
  if (name !== '') return `${name}: ${auth.getPeerIdentity().join(' | ')}`;
  assert.equal(auth.getPeerIdentity(), []);
  return 'nobody';
}

/** The context of a peer with this certificate, which was found good unless told otherwise. */
function shown(peerCertificate: DetailedPeerCertificate | null, authorized = true): AuthContext {
  const facts = { protocol: 'TLSv1.3', cipher: null, authorized, peerCertificate };
  return new AuthContext(Attributes.EMPTY.with(SECURITY_LEVEL, 'privacy-and-integrity').with(TLS_FACTS, facts));
}

function parsed(pem: string): DetailedPeerCertificate {
  return new X509Certificate(pem).toLegacyObject() as DetailedPeerCertificate;
}

/** As `parsed`, with alternative names of one's own. */
function named(subjectaltname: string): AuthContext {
  return shown({ ...parsed(OPENSSL_PEM), subjectaltname });
}

/**
 * Certificates made by `openssl req -x509`; valid long enough, not that anybody checks. This one has all kinds of names, and
 * OPENSSL_SUBJECT as `openssl x509 -subject -nameopt RFC2253` prints it.
 */
const OPENSSL_PEM = `-----BEGIN CERTIFICATE-----
MIIDQDCCAuegAwIBAgIUPNr+kh5HbpSzIOKBmrwkAH1YXh4wCgYIKoZIzj0EAwIw
gY0xEzARBgoJkiaJk/IsZAEZFgNvcmcxFzAVBgoJkiaJk/IsZAEZFgdleGFtcGxl
MR4wHAYDVQQKDBVBY21lLCBJbmMuICJ4IiArIDx5PjsxHDAMBgNVBAcMBXTDpHN0
MAwGA1UECwwFI2hhc2gxDjAMBgNVBAMMBWZpcnN0MQ8wDQYDVQQDDAZzZWNvbmQw
IBcNMjYxMTIxMDUzODE2WhgPMjEyNjEwMjgwNTM4MTZaMIGNMRMwEQYKCZImiZPy
LGQBGRYDb3JnMRcwFQYKCZImiZPyLGQBGRYHZXhhbXBsZTEeMBwGA1UECgwVQWNt
ZSwgSW5jLiAieCIgKyA8eT47MRwwDAYDVQQHDAV0w6RzdDAMBgNVBAsMBSNoYXNo
MQ4wDAYDVQQDDAVmaXJzdDEPMA0GA1UEAwwGc2Vjb25kMFkwEwYHKoZIzj0CAQYI
KoZIzj0DAQcDQgAEWiCs959LzJvN4LgUV1pCNkdH12NpkPSNs9fVMmolybZTS7qr
4ETKKhziPH9gJNGjQN2/31iyZcc6Q/45SPkN8qOCAR8wggEbMIH5BgNVHREEgfEw
ge6CBmEudGVzdIIaYS50ZXN0LCBJUCBBZGRyZXNzOjkuOS45LjmBCHhAeS50ZXN0
hhNzcGlmZmU6Ly90cnVzdC9ucy9hhgxodHRwOi8vYSxiL2OHBH8AAAGHEAAAAAAA
AAAAAAAAAAAAAAGHEAAAAAAAAAAAAAD//wECAwSIAyoDBKAYBgorBgEEAYI3FAID
oAoMCHVAcC50ZXN0oBsGCisGAQQBgjcUAgOgDQwLdSwgRE5TOmV2aWygDAYDKgME
oAUMA3p6eqQnMCUxCzAJBgNVBAYTAlVTMRYwFAYDVQQDDA1kaXIsIEROUzpldmls
MB0GA1UdDgQWBBRWvk6WMEKn5VrRCBeMhXioUpqTETAKBggqhkjOPQQDAgNHADBE
AiAkxE669yjJiSX+mYmuAHTmqafK2HA9FTDUeCSIVrSKFwIgA/dV/KUDfJZW3XyL
QecsqG9ocjrC/sjyzt7acEQHezY=
-----END CERTIFICATE-----
`;
const OPENSSL_SUBJECT =
  'CN=second,CN=first,OU=\\#hash+L=t\\C3\\A4st,O=Acme\\, Inc. \\"x\\" \\+ \\<y\\>\\;,DC=example,DC=org';

/** No subject and no alternative name. */
const NAMELESS_PEM = `-----BEGIN CERTIFICATE-----
MIG7MG8CFE2EptkSB8tMPLGzD58ifgu5f9zgMAUGAytlcDAAMCAXDTI2MTEyMTA1
NDcxMloYDzIxMjYxMDI4MDU0NzEyWjAAMCowBQYDK2VwAyEA3r05IKo/7HdLNmq8
BxVS+2hlPvgqwGJyjdSw0zIWBkcwBQYDK2VwA0EAiHUYxHpjgP1SGtfrqORgRZhQ
+bvtiwg4/GJa42bYMwTwxdRffMuNFtdDjFEjnxa0iQTDNjjm3q+vabyY6ZpdAA==
-----END CERTIFICATE-----
`;
/** A common name of two lines, which reads like two. */
const TWO_LINES_PEM = `-----BEGIN CERTIFICATE-----
MIHeMIGRAhQ0J+RNPZL7t8id8LlZ5dvGiI4qvzAFBgMrZXAwETEPMA0GA1UEAwwG
YQpDTj1iMCAXDTI2MTEyMTA1NDcxMloYDzIxMjYxMDI4MDU0NzEyWjARMQ8wDQYD
VQQDDAZhCkNOPWIwKjAFBgMrZXADIQBxiEohLbGPWD+FMgDB/v6YYjSs4CKtqjws
mZ1sRzvfGzAFBgMrZXADQQAQeRms+Qh8RRXZ2Z4FvaDvYwx3Zue1DfwKj6F6sgRB
w6FDVXctQNGp1n5Az9IsZM7UrhpSG6QczO0iQPaRo08O
-----END CERTIFICATE-----
`;

test('an address as a URI (SockAddrToString, UnixSockAddrToUri)', () => {
  assert.is(at({ host: '192.0.2.1', port: 12345 }), 'ipv4:192.0.2.1:12345');
  assert.is(at({ host: '2001:db8::1', port: 12345 }), 'ipv6:%5B2001:db8::1%5D:12345');
  assert.is(at({ host: '2001:db8::1%2', port: 12345 }), 'ipv6:%5B2001:db8::1%252%5D:12345');
  assert.is(at({ host: 'fe80::1%eth0', port: 1 }), 'ipv6:%5Bfe80::1%25eth0%5D:1');
  assert.is(at({ host: '::fffe:c000:263', port: 12345 }), 'ipv6:%5B::fffe:c000:263%5D:12345');
  assert.is(at({ path: '/some/unix/path' }), 'unix:/some/unix/path');
  assert.is(at({ path: 'sample-path' }), 'unix:sample-path');
  assert.is(at({ path: '\0no-nulls' }), 'unix-abstract:no-nulls');
  assert.is(at({ path: '\0path_\0with_null' }), 'unix-abstract:path_%00with_null');
  assert.is(at({ name: 'greeter' }), 'inproc:greeter');
  assert.is(peerOf(Attributes.EMPTY), '');
});

test('an IPv4 address in IPv6 clothes is one of IPv4', () => {
  assert.is(at({ host: '::ffff:192.0.2.1', port: 12345 }), 'ipv4:192.0.2.1:12345');
  assert.is(at({ host: '::FFFF:192.0.2.1', port: 12345 }), 'ipv4:192.0.2.1:12345');
  assert.is(at({ host: '::ffff:c000:201', port: 1 }), 'ipv6:%5B::ffff:c000:201%5D:1');
});

test('a name that stands for an address, which a transport of one’s own may have', () => {
  assert.is(at({ host: 'example.com', port: 443 }), 'dns:example.com:443');
});

test('what may not stand in a path is percent-encoded, byte by byte', () => {
  assert.is(at({ path: "/a b/c?d#e%f/~._-!$&'()*+,;=:@" }), "unix:/a%20b/c%3Fd%23e%25f/~._-!$&'()*+,;=:@");
  assert.is(at({ name: 'grüße' }), 'inproc:gr%C3%BC%C3%9Fe');
  assert.is(at({ name: 'half \ud800' }), 'inproc:half%20%EF%BF%BD');
});

test('over a connection each end sees the other’s address (Peer)', async () => {
  const { client, server } = await overTcp('127.0.0.1', (port) => `127.0.0.1:${port}`);
  assert.is(peerOf(client), `ipv4:${formatAddress(server.get(LOCAL_ADDRESS))}`);
  assert.is(peerOf(server), `ipv4:${formatAddress(client.get(LOCAL_ADDRESS))}`);
});

test('over IPv6, and as an IPv4 client of a server for both', async () => {
  const six = await overTcp('::1', (port) => `[::1]:${port}`);
  assert.match(peerOf(six.client), /^ipv6:%5B::1%5D:\d+$/);
  assert.match(peerOf(six.server), /^ipv6:%5B::1%5D:\d+$/);
  const both = await overTcp('::', (port) => `127.0.0.1:${port}`);
  assert.is(peerOf(both.server), `ipv4:${formatAddress(both.client.get(LOCAL_ADDRESS))}`);
});

test('over a Unix socket, which is as insecure as any other', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'halfclose-'));
  const file = path.join(folder, 'peer.sock');
  try {
    const seen: Attributes[] = [];
    const server = answering(seen).addListener({ path: file }, INSECURE);
    const ends = await meet(server, seen, () => createChannel(`unix:${file}`, ChannelCredentials.insecure()));
    for (const attributes of [ends.client, ends.server]) {
      assert.is(peerOf(attributes), `unix:${file}`);
      assert.equal(new AuthContext(attributes).findPropertyValues('transport_security_type'), ['insecure']);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('without a connection nothing is known', () => {
  const auth = new AuthContext(Attributes.EMPTY);
  assert.equal([...auth], []);
  assert.is(identity(auth), 'nobody');
});

test('in cleartext the level of security is all there is (InsecureSecurityConnector MakeAuthContextTest)', async () => {
  const { client, server } = await overTcp('127.0.0.1', (port) => `127.0.0.1:${port}`);
  for (const attributes of [client, server]) {
    const auth = new AuthContext(attributes);
    assert.equal(valuesOf(auth), { transport_security_type: ['insecure'], security_level: ['TSI_SECURITY_NONE'] });
    assert.is(identity(auth), 'nobody');
  }
});

test('within the process nobody can listen in, nor prove anything', async () => {
  const seen: Attributes[] = [];
  const address = InProcessServer.named('peer test');
  const server = answering(seen).addServerListener(address);
  const ends = await meet(server, seen, () => createInProcessChannel(address));
  for (const attributes of [ends.client, ends.server]) {
    const auth = new AuthContext(attributes);
    assert.is(peerOf(attributes), 'inproc:peer%20test');
    assert.equal(valuesOf(auth), { transport_security_type: ['local'], security_level: ['TSI_PRIVACY_AND_INTEGRITY'] });
    assert.is(identity(auth), 'nobody');
  }
});

test('over TLS the client knows the server by its alternative names, and the server nobody (ClientAuthContext)', async () => {
  const { server: pair } = await certificates();
  const { client, server } = await overTls({}, null);
  const auth = new AuthContext(client);
  const names = ['localhost', '127.0.0.1', '::1'];
  assert.is(identity(auth), `x509_subject_alternative_name: ${names.join(' | ')}`);
  assert.equal(valuesOf(auth), {
    transport_security_type: ['ssl'],
    security_level: ['TSI_PRIVACY_AND_INTEGRITY'],
    x509_subject: ['CN=localhost'],
    x509_common_name: ['localhost'],
    x509_pem_cert: [new X509Certificate(pair.cert).toString()],
    x509_subject_alternative_name: names,
    peer_dns: ['localhost'],
    peer_ip: ['127.0.0.1', '::1'],
  });
  const other = new AuthContext(server);
  assert.is(identity(other), 'nobody');
  assert.equal(valuesOf(other), {
    transport_security_type: ['ssl'],
    security_level: ['TSI_PRIVACY_AND_INTEGRITY'],
  });
});

test('over mutual TLS the server knows a client without alternative names by its common name', async () => {
  const { client: pair } = await certificates();
  const { server } = await overTls({ clientCertificate: 'require' }, pair);
  const auth = new AuthContext(server);
  assert.is(identity(auth), 'x509_common_name: test client');
  assert.equal(auth.findPropertyValues('x509_subject'), ['CN=test client']);
  assert.equal(auth.findPropertyValues('x509_subject_alternative_name'), []);
  assert.is(auth.findPropertyValues('x509_pem_cert')[0]?.trim(), pair.cert.trim().replaceAll('\r', ''));
});

test('over mutual TLS names that look like lists stay one name each', async () => {
  const { ca } = await certificates();
  const made = await generate([{ name: 'commonName', value: 'sly' }], {
    ca,
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'extKeyUsage', clientAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'a.test, DNS:admin.test' },
          { type: 6, value: 'spiffe://trust/ns/"a", DNS:admin.test' },
          { type: 1, value: "o'hara\\@x.test" },
          { type: 7, ip: '2001:db8::1' },
        ],
      },
    ],
  });
  const pair = { key: made.private, cert: made.cert };
  const { server } = await overTls({ clientCertificate: 'require' }, pair);
  const auth = new AuthContext(server);
  const names = ['a.test, DNS:admin.test', 'spiffe://trust/ns/"a", DNS:admin.test', "o'hara\\@x.test", '2001:db8::1'];
  assert.is(identity(auth), `x509_subject_alternative_name: ${names.join(' | ')}`);
  assert.equal(valuesOf(auth, 'peer_'), {
    peer_dns: [names[0]],
    peer_uri: [names[1]],
    peer_email: [names[2]],
    peer_ip: [names[3]],
  });
});

test('a certificate that is asked for but not required: a bad one is shown, and is nobody’s identity', async () => {
  const { foreign, client } = await certificates();
  const bad = await overTls({ clientCertificate: 'request' }, foreign.client);
  const auth = new AuthContext(bad.server);
  assert.is(identity(auth), 'nobody');
  assert.equal(auth.findPropertyValues('x509_common_name'), ['test client']);
  const good = await overTls({ clientCertificate: 'request' }, client);
  assert.is(identity(new AuthContext(good.server)), 'x509_common_name: test client');
});

test('a server that the client took without checking is nobody', async () => {
  const { client } = await overTls({}, null, false);
  const auth = new AuthContext(client);
  assert.is(identity(auth), 'nobody');
  assert.equal(auth.findPropertyValues('peer_dns'), ['localhost']);
});

test('all that a certificate can say, in OpenSSL’s words and C core’s', () => {
  const auth = shown(parsed(OPENSSL_PEM));
  assert.equal(valuesOf(auth, 'x509_'), {
    x509_subject: [OPENSSL_SUBJECT],
    x509_common_name: ['first'],
    x509_pem_cert: [OPENSSL_PEM],
    x509_subject_alternative_name: [
      'a.test',
      'a.test, IP Address:9.9.9.9',
      'x@y.test',
      'spiffe://trust/ns/a',
      'http://a,b/c',
      '127.0.0.1',
      '::1',
      '::ffff:1.2.3.4',
      ...Array<string>(5).fill('other types of SAN'),
    ],
  });
  assert.equal(valuesOf(auth, 'peer_'), {
    peer_dns: ['a.test', 'a.test, IP Address:9.9.9.9'],
    peer_email: ['x@y.test'],
    peer_uri: ['spiffe://trust/ns/a', 'http://a,b/c'],
    peer_ip: ['127.0.0.1', '::1', '::ffff:1.2.3.4'],
  });
  assert.is(auth.getPeerIdentityPropertyName(), 'x509_subject_alternative_name');
});

test('no certificate, or one that was not checked, is nobody, whatever TLS says', () => {
  assert.is(identity(shown(null, true)), 'nobody');
  assert.is(identity(shown(null, false)), 'nobody');
  assert.is(identity(shown(parsed(OPENSSL_PEM), false)), 'nobody');
});

test('no name at all: the common name is empty, as C core has it', () => {
  const auth = shown(parsed(NAMELESS_PEM));
  assert.is(identity(auth), 'x509_common_name: ');
  assert.equal(auth.getPeerIdentity(), ['']);
  assert.equal(auth.findPropertyValues('x509_subject'), ['']);
});

test('a line break in a name makes no second one', () => {
  const auth = shown(parsed(TWO_LINES_PEM));
  assert.is(identity(auth), 'x509_common_name: a\nCN=b');
  assert.equal(auth.findPropertyValues('x509_subject'), ['CN=a\\0ACN=b']);
});

for (const [list, names] of [
  ['DNS:a', ['a']],
  ['DNS:a, DNS:b', ['a', 'b']],
  ['DNS:"a\\u002c DNS:b"', ['a, DNS:b']],
  ['DNS:"\\"\\u002c DNS:b\\\\", DNS:c', ['", DNS:b\\', 'c']],
  ['URI:a:b, DNS:', ['a:b', '']],
  ['email:', ['']],
  ['IP Address:10.0.0.1, IP Address:2001:DB8:0:0:0:0:0:1', ['10.0.0.1', '2001:db8::1']],
  ['DirName:CN=a, constructor:b', ['other types of SAN', 'other types of SAN']],
  ['', []],
] as const) {
  test(`alternative names that node writes: ${list}`, () => {
    const auth = named(list);
    assert.equal(auth.findPropertyValues('x509_subject_alternative_name'), names);
    assert.ok(auth.isPeerAuthenticated());
    if (names.length === 0) assert.is(identity(auth), 'x509_common_name: first');
  });
}

for (const list of [
  'DNS',
  'DNS:a,',
  'DNS:a, ',
  'DNS:a,DNS:b',
  'DNS:a, b',
  ', DNS:a',
  ':a',
  'DNS:"a',
  'DNS:"a" DNS:b',
  'DNS:"a"b',
  'DNS:a"b"',
  'DNS:"\\x41"',
  'DNS:"a\nb"',
  'DNS:a, IP Address:<invalid>',
  'IP Address:"10.0.0.1"',
  'IP Address:10.0.0.1/8',
]) {
  test(`a list that no node writes leaves nobody: ${JSON.stringify(list)}`, () => {
    const auth = named(list);
    assert.is(identity(auth), 'nobody');
    assert.equal(auth.findPropertyValues('x509_subject_alternative_name'), []);
    assert.equal(valuesOf(auth, 'peer_'), {});
  });
}

test('properties are found by their very name', () => {
  const auth = named('DNS:a');
  for (const name of ['', 'x509', 'X509_COMMON_NAME', 'constructor']) assert.equal(auth.findPropertyValues(name), []);
});

test('a context reads the certificate of a connection once, and can be walked more than once', () => {
  let reads = 0;
  const certificate = parsed(OPENSSL_PEM);
  const { raw } = certificate;
  Object.defineProperty(certificate, 'raw', {
    get() {
      reads += 1;
      return raw;
    },
  });
  const level: SecurityLevel = 'privacy-and-integrity';
  const facts = { protocol: null, cipher: null, authorized: true, peerCertificate: certificate };
  const attributes = Attributes.EMPTY.with(SECURITY_LEVEL, level).with(TLS_FACTS, facts);
  const auth = new AuthContext(attributes);
  assert.equal([...auth], [...auth]);
  assert.equal([...auth], [...new AuthContext(attributes)]);
  assert.is(reads, 1);
});

test.run();
