/** The certificates of interop servers: what they are for, and that a client of Node's tls takes them. */
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import tls from 'node:tls';
import { assert, suite, within } from '../support/suite.ts';
import { makeCertificates, SERVER_NAME, type TlsTexts } from './certificates.ts';

const test = suite('interop certificates');
let made: TlsTexts;
test.before(async () => {
  made = await makeCertificates();
});

/** Connects under a name and says why the server's certificate was refused, or that it was not. */
async function verdictOn(servername: string): Promise<string> {
  const server = tls.createServer({ cert: made.cert, key: made.key }).listen(0, '127.0.0.1');
  server.on('secureConnection', (socket) => socket.on('error', () => {}).end());
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const socket = tls.connect({ host: '127.0.0.1', port, servername, ca: made.ca });
  try {
    const outcome = new Promise<string>((resolve) => {
      socket.once('secureConnect', () => resolve('trusted'));
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });
    return await within(5000, outcome, 'the handshake');
  } finally {
    socket.destroy();
    await once(server.close(), 'close');
  }
}

for (const name of [SERVER_NAME, 'waterzooi.test.google.be', 'any.test.youtube.com']) {
  test(`the server is trusted as ${name}`, async () => {
    assert.is(await verdictOn(name), 'trusted');
  });
}

test('the server is refused under another name', async () => {
  assert.is(await verdictOn('foo.test.google.com'), 'ERR_TLS_CERT_ALTNAME_INVALID');
});

test('the CA may sign, and the server may not', () => {
  assert.equal([new X509Certificate(made.ca).ca, new X509Certificate(made.cert).ca], [true, false]);
});

test.run();
