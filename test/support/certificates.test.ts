/** The certificates against node:tls: who is trusted by whom. */
import { once } from 'node:events';
import tls from 'node:tls';
import { certificates, type KeyPair } from './certificates.ts';
import { assert, suite, within } from './suite.ts';

const test = suite('certificates');

/** One handshake; gives `authorized` as the server saw it, or the client's error code. */
async function handshake(server: tls.TlsOptions, client: tls.ConnectionOptions): Promise<string> {
  const listener = tls.createServer(server).listen(0, '127.0.0.1');
  listener.on('tlsClientError', () => {});
  await once(listener, 'listening');
  const address = listener.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const accepted = new Promise<string>((resolve) => {
    listener.once('secureConnection', (socket) => {
      socket.on('error', () => {});
      resolve(socket.authorized ? `authorized ${socket.getPeerCertificate().subject.CN}` : 'not authorized');
      socket.destroy();
    });
  });
  const socket = tls.connect({ port, host: '127.0.0.1', ...client });
  const refused = new Promise<string>((resolve) => {
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
  try {
    return await within(5_000, Promise.race([accepted, refused]));
  } finally {
    socket.destroy();
    listener.close();
  }
}

const asServer = (pair: KeyPair): tls.TlsOptions => ({ key: pair.key, cert: pair.cert });

test('lets the server be known by name and by address', async () => {
  const { ca, server } = await certificates();
  for (const servername of ['localhost', '']) {
    assert.is(await handshake(asServer(server), { ca: ca.cert, servername }), 'not authorized');
  }
});

test('lets the client be known', async () => {
  const { ca, server, client } = await certificates();
  const demanding = { ...asServer(server), requestCert: true, ca: ca.cert };
  assert.is(await handshake(demanding, { ca: ca.cert, ...client }), 'authorized test client');
});

test('has certificates that must be refused', async () => {
  const { ca, server, expired, elsewhere, foreign } = await certificates();
  assert.is(await handshake(asServer(expired), { ca: ca.cert }), 'CERT_HAS_EXPIRED');
  assert.is(await handshake(asServer(elsewhere), { ca: ca.cert }), 'ERR_TLS_CERT_ALTNAME_INVALID');
  assert.is(await handshake(asServer(foreign.server), { ca: ca.cert }), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  const demanding = { ...asServer(server), requestCert: true, rejectUnauthorized: false, ca: ca.cert };
  assert.is(await handshake(demanding, { ca: ca.cert, ...foreign.client }), 'not authorized');
});

test('makes them once', async () => {
  assert.is(await certificates(), await certificates());
});

test.run();
