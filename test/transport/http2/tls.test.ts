/**
 * Http2ClientTransport over TLS: certificates that are good and bad, client certificates, ALPN, and peers that know nothing
 * of TLS. A connection that is not to be trusted is UNAVAILABLE, and nothing of a call is ever sent over it.
 */
import http2 from 'node:http2';
import { connect, type TlsOptions } from 'node:tls';
import { ChannelCredentials, type TlsClientOptions } from '../../../src/credentials/channel-credentials.ts';
import { type Http2ClientOptions, Http2ClientTransport } from '../../../src/transport/http2/client-transport.ts';
import { LOCAL_ADDRESS, SECURITY_LEVEL, TLS_FACTS } from '../../../src/values/attributes.ts';
import { Status } from '../../../src/values/status.ts';
import { certificates } from '../../support/certificates.ts';
import { RawServer, type RawServerOptions, trailersOnly } from '../../support/raw-http2.ts';
import { assert, suite, within } from '../../support/suite.ts';
import { WoundClock } from '../../support/wound-clock.ts';
import { ClientRig, methodOf, RecordedStream, RecordingTransportListener, STREAM_OPTIONS } from './client-rig.ts';
import { eventOf } from './node-session.ts';

const test = suite('Http2ClientTransport, TLS');

/** A rig over TLS: what the server shows and what the client trusts. */
function secure(
  server: TlsOptions,
  client: TlsClientOptions,
  options: Partial<Http2ClientOptions> = {},
): Promise<ClientRig> {
  const credentials = ChannelCredentials.tls(client);
  return ClientRig.open({ server: { tls: server }, client: { authority: 'localhost', credentials, ...options } });
}

/** Why a client cannot connect to such a server. */
async function refusal(server: RawServerOptions, client: TlsClientOptions, authority = 'localhost'): Promise<string> {
  await using raw = await RawServer.listen(server);
  const address = { host: '127.0.0.1', port: raw.port };
  const credentials = ChannelCredentials.tls(client);
  // Nobody winds the clock: the connect timeout has no part in it.
  const transport = new Http2ClientTransport({ address, authority, credentials, clock: new WoundClock() });
  const listener = new RecordingTransportListener();
  const call = new RecordedStream(transport.newStream(methodOf('unary'), STREAM_OPTIONS));
  listener.log.forbid(() => transport.start(listener));
  call.start().send('secret').halfClose();
  const { status, progress } = await call.closed;
  assert.is(`${status.name} ${progress}`, 'UNAVAILABLE not-sent');
  await listener.log.end();
  assert.equal(listener.names, ['shutdown', 'terminated']);
  for (const connection of raw.connections) {
    assert.not(connection.has('HEADERS'), connection.text());
    await within(2_000, connection.closed);
  }
  return status.description ?? '';
}

async function answered(rig: ClientRig): Promise<RecordedStream> {
  const call = await rig.unary();
  rig.peer.sendHeaders(1, trailersOnly(0), { endStream: true });
  assert.is(await call.outcome(), 'OK processed');
  return call;
}

test('a certificate of a CA that is trusted: the call goes through, and the attributes tell', async () => {
  const { ca, server } = await certificates();
  await using rig = await secure(server, { ca: ca.cert });
  const call = await answered(rig);
  assert.is((await rig.peer.frame('HEADERS')).header(':scheme'), 'https');
  const attributes = call.stream.getAttributes();
  assert.is(attributes.get(SECURITY_LEVEL), 'privacy-and-integrity');
  const facts = attributes.get(TLS_FACTS);
  assert.is(facts?.protocol, 'TLSv1.3');
  assert.match(facts?.cipher ?? '', /^TLS_/);
  assert.is(facts?.authorized, true);
  assert.is(facts?.peerCertificate?.subject.CN, 'localhost');
  assert.is((attributes.get(LOCAL_ADDRESS) as { host: string }).host, '127.0.0.1');
});

for (const authority of ['localhost', 'localhost:443', '127.0.0.1', '127.0.0.1:50051', '[::1]:1', '[::1]']) {
  test(`the certificate is checked against the host of ${authority}`, async () => {
    const { ca, server } = await certificates();
    await using rig = await secure(server, { ca: ca.cert }, { authority });
    await answered(rig);
    assert.is((await rig.peer.frame('HEADERS')).header(':authority'), authority);
  });
}

test('SNI carries the host of the authority, and nothing for an address', async () => {
  const { ca, server } = await certificates();
  const asked: string[] = [];
  const sni: TlsOptions = {
    ...server,
    SNICallback: (name, done) => {
      asked.push(name);
      done(null);
    },
  };
  for (const authority of ['localhost:1234', '127.0.0.1']) {
    await using rig = await secure(sni, { ca: ca.cert }, { authority });
    await answered(rig);
  }
  assert.equal(asked, ['localhost']);
});

test('a name of one’s own choice in place of the host', async () => {
  const { ca, elsewhere } = await certificates();
  await using rig = await secure(elsewhere, { ca: ca.cert, servername: 'elsewhere.test' });
  await answered(rig);
});

test('a CA that is not trusted', async () => {
  const { ca, foreign } = await certificates();
  assert.match(await refusal({ tls: foreign.server }, { ca: ca.cert }), /^cannot connect to .*certificate/);
});

test('no CA given: the system’s, which do not know ours', async () => {
  const { server } = await certificates();
  assert.match(await refusal({ tls: server }, {}), /certificate/);
});

test('a certificate that has expired', async () => {
  const { ca, expired } = await certificates();
  assert.match(await refusal({ tls: expired }, { ca: ca.cert }), /certificate has expired/);
});

test('a certificate for another name', async () => {
  const { ca, server, elsewhere } = await certificates();
  assert.match(await refusal({ tls: elsewhere }, { ca: ca.cert }), /altnames/);
  assert.match(await refusal({ tls: server }, { ca: ca.cert }, 'other.test:443'), /other\.test/);
});

test('a bad certificate may be taken on purpose', async () => {
  const { foreign } = await certificates();
  await using rig = await secure(foreign.server, { rejectUnauthorized: false });
  const call = await answered(rig);
  assert.is(call.stream.getAttributes().get(TLS_FACTS)?.authorized, false);
});

test('mutual TLS: with a certificate of a CA that the server trusts', async () => {
  const { ca, server, client } = await certificates();
  await using rig = await secure(
    { ...server, ca: ca.cert, requestCert: true, rejectUnauthorized: true },
    { ca: ca.cert, cert: client.cert, key: client.key },
  );
  await answered(rig);
});

test('node: after a TLS alert behind the handshake a session waits for its socket, which stays open', async () => {
  const { ca, server } = await certificates();
  const tls = { ...server, ca: ca.cert, requestCert: true, rejectUnauthorized: true };
  await using raw = await RawServer.listen({ tls });
  const socket = connect({
    host: '127.0.0.1',
    port: raw.port,
    ca: ca.cert,
    servername: 'localhost',
    ALPNProtocols: ['h2'],
  });
  const alert = eventOf(socket, 'error');
  const session = http2.connect('https://localhost', { createConnection: () => socket });
  session.on('error', () => {});
  const closed = eventOf(session, 'close');
  await alert;
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(session.destroyed);
  assert.not(socket.destroyed);
  socket.destroy();
  await closed;
});

test('mutual TLS: without a certificate, and with one of a foreign CA', async () => {
  const { ca, server, foreign } = await certificates();
  const tls = { ...server, ca: ca.cert, requestCert: true, rejectUnauthorized: true };
  for (const own of [{}, { cert: foreign.client.cert, key: foreign.client.key }]) {
    assert.match(await refusal({ tls }, { ca: ca.cert, ...own }), /^(?:cannot connect to|lost the connection to) 127/);
  }
});

test('TLS material that makes no sense fails later, not inside start', async () => {
  assert.match(await refusal({}, { cert: 'no certificate', key: 'no key' }), /^cannot connect to 127\.0\.0\.1:\d+: ./);
});

test('a server without ALPN', async () => {
  const { ca, server } = await certificates();
  const text = await refusal({ tls: { ...server, ALPNProtocols: [] } }, { ca: ca.cert });
  assert.match(text, /the server did not agree to HTTP\/2 \(ALPN h2\)$/);
});

test('a server that only speaks HTTP/1.1', async () => {
  const { ca, server } = await certificates();
  const text = await refusal({ tls: { ...server, ALPNProtocols: ['http/1.1'] } }, { ca: ca.cert });
  assert.match(text, /no.application.protocol/i);
});

test('a port without TLS', async () => {
  assert.match(await refusal({}, {}), /wrong version number|packet length|record/i);
});

test('cleartext to a port with TLS', async () => {
  const { server } = await certificates();
  await using raw = await RawServer.listen({ tls: server });
  const address = { host: '127.0.0.1', port: raw.port };
  const credentials = ChannelCredentials.insecure();
  const transport = new Http2ClientTransport({ address, authority: 'a', credentials, connectTimeoutMs: 300 });
  const listener = new RecordingTransportListener();
  transport.start(listener);
  await listener.log.end();
  assert.equal(listener.names, ['shutdown', 'terminated']);
  transport.shutdownNow(Status.CANCELLED);
});

test('a connection that is lost over TLS ends its calls', async () => {
  const { ca, server } = await certificates();
  await using rig = await secure(server, { ca: ca.cert });
  const call = await rig.unary();
  rig.peer.destroy();
  assert.is(await call.outcome(), 'UNAVAILABLE processed');
  await rig.listener.log.end();
});

test.run();
