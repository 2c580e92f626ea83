/**
 * Our server against clients that speak HTTP/2 in frames, after grpc's tools/http2_interop: what RFC 9113 has a server
 * ignore is ignored, and what it has a server answer is answered. Breaches are in server-breaches.test.ts; what a request may
 * say in its headers is in test/transport/http2.
 */
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { Server, ServerCredentials } from '../../../src/index.ts';
import { certificates } from '../../support/certificates.ts';
import { encodeFrame, encodeSettings, Flag, PREFACE } from '../../support/http2-frame.ts';
import { grpcFrame, requestHeaders } from '../../support/raw-http2.ts';
import { assert, suite, within } from '../../support/suite.ts';
import { callsTestService } from '../faces/calls-service.ts';
import { startInteropServer } from '../server.ts';
import { Windows } from './exchange.ts';
import { call, expectAnswer, FULL_DUPLEX_CALL, message, REQUEST, UNARY_CALL, withClient } from './raw-calls.ts';

const PATIENCE_MS = 5_000;
const IDLE_STREAM = 99;

const test = suite('server and raw HTTP/2');

/** A socket to the server that has sent nothing yet, and its end. */
async function rawSocket(port: number): Promise<{ socket: net.Socket; closed: Promise<unknown> }> {
  const socket = net.connect(port, '127.0.0.1').resume();
  socket.on('error', () => {});
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await within(PATIENCE_MS, once(socket, 'connect'), 'a socket to connect');
  return { socket, closed };
}

// ---- the preface ----

const NO_PREFACES: readonly (readonly [what: string, bytes: Uint8Array])[] = [
  ['a request of HTTP/1.1', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
  ['a request of HTTP/1.1 that would be upgraded', Buffer.from('POST / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n')],
  ['a preface that ends otherwise', Buffer.concat([PREFACE.subarray(0, -4), Buffer.from('xx\r\n')])],
  ['a preface that is short', Buffer.concat([PREFACE.subarray(0, 16), encodeSettings({})])],
  ['frames without a preface', Buffer.concat([encodeSettings({}), encodeFrame('HEADERS', 5, 1, REQUEST)])],
];

for (const [what, bytes] of NO_PREFACES) {
  test(`${what}: the server hangs up by itself`, async () => {
    await using server = await startInteropServer();
    const { socket, closed } = await rawSocket(server.port);
    try {
      socket.write(bytes);
      await within(PATIENCE_MS, closed, 'the server to hang up');
    } finally {
      socket.destroy();
    }
  });
}

test('half a preface, and then nothing: the server hangs up after the handshake timeout', async () => {
  await using server = new Server({ handshakeTimeoutMs: 50 })
    .addService(callsTestService())
    .addListener({ host: '127.0.0.1', port: 0 }, ServerCredentials.insecure());
  await server.start();
  const { socket, closed } = await rawSocket(server.port);
  try {
    socket.write(PREFACE.subarray(0, 12));
    await within(PATIENCE_MS, closed, 'the server to hang up');
  } finally {
    socket.destroy();
  }
});

// ---- what is ignored ----

test('frames of unknown types are ignored, on the connection and on streams of every state', async () => {
  await withClient(async (client) => {
    const unknown = (stream: number): void => client.sendFrame(0xfb, 0xff, stream, Buffer.from('what is this'));
    for (const stream of [0, 1, 2, IDLE_STREAM]) unknown(stream);
    const open = client.open(requestHeaders(UNARY_CALL));
    unknown(open);
    const [first, second] = [message(10, 500).subarray(0, 7), message(10, 500).subarray(7)];
    client.sendData(open, first);
    unknown(open);
    client.sendData(open, second, { endStream: true });
    unknown(open);
    await expectAnswer(client, open, 500);
    unknown(open);
    await call(client);
  });
});

test('flags that a frame does not have are ignored', async () => {
  await withClient(async (client) => {
    const unknownFlags = 0xff & ~(Flag.END_STREAM | Flag.END_HEADERS | Flag.PADDED | Flag.PRIORITY);
    client.sendFrame('PING', unknownFlags, 0, Buffer.from('a payload'.slice(0, 8)));
    client.sendFrame('HEADERS', unknownFlags | Flag.END_HEADERS, 1, REQUEST);
    client.sendFrame('DATA', unknownFlags | Flag.END_STREAM, 1, message(10, 500));
    await client.frame('PING', { ack: true });
    await expectAnswer(client, 1, 500);
  });
});

test('the reserved bit of a stream’s number is ignored', async () => {
  await withClient(async (client) => {
    client.sendFrame('HEADERS', Flag.END_HEADERS, 0x8000_0001, REQUEST);
    client.sendFrame('DATA', Flag.END_STREAM, 0x8000_0001, message(10, 500));
    await expectAnswer(client, 1, 500);
  });
});

test('unknown settings are ignored, and acknowledged like others', async () => {
  await withClient(
    async (client) => {
      client.sendSettings({ 65278: 0xffff_ffff, 19018: 0 });
      client.sendSettings({});
      await client.roundTrip();
      const acks = client.frames.filter((frame) => frame.type === 'SETTINGS' && frame.ack);
      assert.is(acks.length, 3, 'one for each, the first included');
      await call(client);
    },
    { settings: { 7: 1, 2570: 12_345, 65535: 0 } },
  );
});

test('PRIORITY is ignored: on idle streams, on open ones, in HEADERS, and behind the end', async () => {
  await withClient(async (client) => {
    const priority = Buffer.from('8000000bff', 'hex');
    for (const stream of [1, IDLE_STREAM]) client.sendFrame('PRIORITY', 0, stream, priority);
    client.sendFrame('HEADERS', Flag.END_HEADERS | Flag.PRIORITY, 1, Buffer.concat([priority, REQUEST]));
    client.sendFrame('PRIORITY', 0, 1, priority);
    client.sendFrame('DATA', Flag.END_STREAM, 1, message(10, 500));
    await expectAnswer(client, 1, 500);
    client.sendFrame('PRIORITY', 0, 1, priority);
    await client.roundTrip();
    assert.not(client.has('GOAWAY'));
  });
});

// ---- what is answered ----

test('each PING comes back with its payload, in order, amid a call too', async () => {
  await withClient(async (client) => {
    const payloads = ['00000000 00000000', 'ffffffff ffffffff', '01060108 00030309'].map((hex) =>
      Buffer.from(hex.replace(' ', ''), 'hex'),
    );
    const stream = client.open(requestHeaders(UNARY_CALL));
    for (const payload of payloads) client.sendPing(payload);
    client.sendData(stream, message(10, 500), { endStream: true });
    await expectAnswer(client, stream, 500);
    const echoed = client.frames.filter((frame) => frame.type === 'PING' && frame.ack).map((frame) => frame.payload);
    assert.equal(echoed, payloads);
  });
});

// ---- settings that change what is sent ----

test('a window of nothing: headers come, and the message once there is room', async () => {
  await withClient(
    async (client) => {
      const stream = client.open(requestHeaders(UNARY_CALL));
      client.sendData(stream, message(10, 500), { endStream: true });
      await client.frame('HEADERS', { stream });
      await client.roundTrip();
      assert.not(client.has('DATA'), client.text());
      client.sendSettings({ INITIAL_WINDOW_SIZE: 100 });
      await client.frame('DATA', { stream });
      await client.roundTrip();
      const bytes = client.frames.reduce((sum, frame) => sum + (frame.type === 'DATA' ? frame.wireBytes : 0), 0);
      assert.is(bytes, 100, 'a byte more or less than the setting allows');
      client.sendWindowUpdate(stream, 1_000);
      await expectAnswer(client, stream, 500);
    },
    { settings: { INITIAL_WINDOW_SIZE: 0 }, returnWindow: false },
  );
});

test('a window that is made smaller amid a message, below nothing', async () => {
  await withClient(
    async (client) => {
      const stream = client.open(requestHeaders(UNARY_CALL));
      client.sendData(stream, message(10, 5_000), { endStream: true });
      await client.frame('DATA', { stream });
      await client.roundTrip();
      client.sendSettings({ INITIAL_WINDOW_SIZE: 10 });
      client.sendWindowUpdate(stream, 990);
      await client.roundTrip();
      const bytes = client.frames.reduce((sum, frame) => sum + (frame.type === 'DATA' ? frame.wireBytes : 0), 0);
      assert.is(bytes, 1_000);
      client.sendWindowUpdate(stream, 10_000);
      await expectAnswer(client, stream, 5_000);
    },
    { settings: { INITIAL_WINDOW_SIZE: 1_000 }, returnWindow: false },
  );
});

test('the largest windows and frames that there are', async () => {
  const largest = { INITIAL_WINDOW_SIZE: 2 ** 31 - 1, MAX_FRAME_SIZE: 2 ** 24 - 1, MAX_HEADER_LIST_SIZE: 2 ** 32 - 1 };
  await withClient(
    async (client) => {
      client.sendWindowUpdate(0, 2 ** 31 - 1 - 65_535);
      await call(client, 3_000_000);
    },
    { settings: largest, returnWindow: false },
  );
});

test('settings of nothing that concern header tables, pushes and streams of the server', async () => {
  await withClient(async (client) => await call(client), {
    settings: { HEADER_TABLE_SIZE: 0, ENABLE_PUSH: 0, MAX_CONCURRENT_STREAMS: 0 },
  });
});

test('a header table that grows and shrinks between calls', async () => {
  await withClient(async (client) => {
    for (const size of [0, 4_096, 100, 4_096]) {
      client.sendSettings({ HEADER_TABLE_SIZE: size });
      await call(client);
    }
  });
});

// ---- requests in unusual frames ----

test('headers in as many CONTINUATION frames as nghttp2 takes, an empty one among them', async () => {
  await withClient(async (client) => {
    client.sendFrame('HEADERS', 0, 1);
    client.sendFrame('CONTINUATION', 0, 1);
    const size = Math.ceil(REQUEST.length / 7);
    for (let at = 0; at < REQUEST.length; at += size) {
      const last = at + size >= REQUEST.length;
      client.sendFrame('CONTINUATION', last ? Flag.END_HEADERS : 0, 1, REQUEST.subarray(at, at + size));
    }
    client.sendData(1, message(10, 500), { endStream: true });
    await expectAnswer(client, 1, 500);
  });
});

test('headers with padding, with a priority and in CONTINUATION, all at once', async () => {
  await withClient(async (client) => {
    const start = Buffer.concat([Buffer.of(200), Buffer.from('00000000ff', 'hex'), REQUEST.subarray(0, 30)]);
    client.sendFrame('HEADERS', Flag.PADDED | Flag.PRIORITY, 1, Buffer.concat([start, Buffer.alloc(200)]));
    client.sendFrame('CONTINUATION', Flag.END_HEADERS, 1, REQUEST.subarray(30));
    client.sendData(1, message(10, 500), { endStream: true });
    await expectAnswer(client, 1, 500);
  });
});

test('padded DATA: the window comes back with what the padding took, of frames that are nothing else too', async () => {
  let windows: Windows | null = null;
  await withClient(
    async (client) => {
      windows = new Windows(client);
      for (const frame of client.frames) windows.onFrame(frame);
      const stream = client.open(requestHeaders(UNARY_CALL));
      const request = message(20_000, 500);
      for (let at = 0; at < request.length; at += 5) {
        for (const piece of [request.subarray(at, at + 5), Buffer.alloc(0)]) {
          const payload = Buffer.concat([Buffer.of(255), piece, Buffer.alloc(255)]);
          while (!windows.take(stream, payload.length)) await windows.grown();
          client.sendFrame('DATA', Flag.PADDED, stream, payload);
        }
      }
      client.sendFrame('DATA', Flag.PADDED | Flag.END_STREAM, stream, Buffer.of(0));
      await expectAnswer(client, stream, 500);
    },
    { onFrame: (frame) => windows?.onFrame(frame) },
  );
});

test('DATA of nothing at all, between the pieces of a message and as its end', async () => {
  await withClient(async (client) => {
    const stream = client.open(requestHeaders(UNARY_CALL));
    const request = message(10, 500);
    for (let at = 0; at < request.length; at += 1) {
      client.sendData(stream, Buffer.alloc(0));
      client.sendData(stream, request.subarray(at, at + 1));
    }
    client.sendData(stream, Buffer.alloc(0), { endStream: true });
    await expectAnswer(client, stream, 500);
  });
});

// ---- half-open connections ----

test('a client that sends FIN amid a call: the server ends the connection', async () => {
  await withClient(async (client) => {
    const stream = client.open(requestHeaders(FULL_DUPLEX_CALL));
    client.sendData(stream, grpcFrame(Buffer.alloc(0)));
    await client.roundTrip();
    client.end();
    assert.is(await within(PATIENCE_MS, client.closed, 'the server to hang up'), 'fin', client.text());
  });
});

test('a client that sends FIN without a call: the server ends the connection', async () => {
  await withClient(async (client) => {
    await call(client);
    client.end();
    assert.is(await within(PATIENCE_MS, client.closed, 'the server to hang up'), 'fin', client.text());
  });
});

// ---- TLS ----

type Versions = Pick<tls.ConnectionOptions, 'minVersion' | 'maxVersion' | 'ciphers'>;

/** A handshake with the server: the version that was agreed, or null if the server refused. */
async function handshake(port: number, options: Versions & { ALPNProtocols?: string[] }): Promise<string | null> {
  const { ca } = await certificates();
  const socket = tls.connect({ host: '127.0.0.1', port, ca: ca.cert, ALPNProtocols: ['h2'], ...options });
  const closed = new Promise((resolve) => socket.once('close', resolve));
  try {
    await within(PATIENCE_MS, once(socket, 'secureConnect'), 'the handshake');
    return `${socket.getProtocol()} ${socket.alpnProtocol}`;
  } catch (error) {
    assert.not.match(String(error), /timed out/);
    return null;
  } finally {
    socket.destroy();
    await within(PATIENCE_MS, closed, 'the socket to close');
  }
}

test('TLS 1.2 and 1.3 are taken, older versions refused', async () => {
  const { server: tlsPair } = await certificates();
  await using server = await startInteropServer({ tls: tlsPair });
  const old = { minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  assert.is(await handshake(server.port, { maxVersion: 'TLSv1.3' }), 'TLSv1.3 h2');
  assert.is(await handshake(server.port, { maxVersion: 'TLSv1.2' }), 'TLSv1.2 h2');
  assert.is(await handshake(server.port, { ...old, maxVersion: 'TLSv1.1' }), null);
  assert.is(await handshake(server.port, { ...old, maxVersion: 'TLSv1' }), null);
});

test('h2 is agreed on wherever it stands in the client’s list', async () => {
  const { server: tlsPair } = await certificates();
  await using server = await startInteropServer({ tls: tlsPair });
  assert.is(await handshake(server.port, { ALPNProtocols: ['http/1.1', 'grpc-exp', 'h2'] }), 'TLSv1.3 h2');
});

test('the bounds for versions that a server was given hold', async () => {
  const { server: tlsPair } = await certificates();
  await using server = new Server()
    .addService(callsTestService())
    .addListener({ host: '127.0.0.1', port: 0 }, ServerCredentials.tls({ ...tlsPair, minVersion: 'TLSv1.3' }));
  await server.start();
  assert.is(await handshake(server.port, {}), 'TLSv1.3 h2');
  assert.is(await handshake(server.port, { maxVersion: 'TLSv1.2' }), null);
});

test.run();
