/** The raw HTTP/2 peer against node:http2 on both ends, and against itself where node would not say what is needed. */
import http2 from 'node:http2';
import net from 'node:net';
import fc from 'fast-check';
import { encodeFrame, encodeHeaders, FrameReader, type HeaderPair } from './http2-frame.ts';
import { grpcFrame, RawClient, RawServer, requestHeaders, responseHeaders, trailers } from './raw-http2.ts';
import { assert, suite, within } from './suite.ts';

const test = suite('RawConnection');

const quiet = (): void => {};

/** A node:http2 client of a raw server, with its errors silenced. */
function connect(port: number): http2.ClientHttp2Session & AsyncDisposable {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  session.on('error', quiet);
  return Object.assign(session, {
    async [Symbol.asyncDispose](): Promise<void> {
      const closed = new Promise((resolve) => session.once('close', resolve));
      if (session.destroyed) return;
      session.destroy();
      await within(2_000, closed);
    },
  });
}

/** The stream errors are silenced: these tests look at frames. */
function request(session: http2.ClientHttp2Session, headers: http2.OutgoingHttpHeaders): http2.ClientHttp2Stream {
  const stream = session.request({ ':method': 'POST', ...headers });
  stream.on('error', quiet);
  return stream;
}

test('shows what a client does, frame by frame', async () => {
  await using server = await RawServer.listen();
  await using session = connect(server.port);
  const stream = request(session, { ':path': '/a.B/C', 'x-twice': ['1', '2'] });
  stream.end('twelve bytes');
  const connection = await server.connection();
  await connection.frame('DATA', { stream: 1, endStream: true });
  stream.close(http2.constants.NGHTTP2_CANCEL);
  await connection.frame('RST_STREAM', { stream: 1 });
  assert.equal(connection.story(1).slice(0, 2), ['HEADERS(1)', 'DATA(1, 12 bytes, ES)']);
  assert.is(connection.story(1).at(-1), 'RST_STREAM(1, CANCEL)');
  const headers = await connection.frame('HEADERS');
  assert.is(headers.header(':path'), '/a.B/C');
  assert.equal(headers.values('x-twice'), ['1', '2']);
  assert.ok(connection.log.includes('> SETTINGS(ACK)'), connection.text());
});

test('answers as it is told', async () => {
  await using server = await RawServer.listen();
  await using session = connect(server.port);
  const stream = request(session, { ':path': '/a.B/C' });
  const connection = await server.connection();
  await connection.frame('HEADERS', { stream: 1 });
  connection.sendHeaders(1, responseHeaders([['x-split', 'y'.repeat(100)]]), { fragmentBytes: 40 });
  connection.sendData(1, grpcFrame(Buffer.from('hello')));
  connection.sendHeaders(1, trailers(5, [['grpc-message', 'gone']]), { endStream: true });
  const [response, data, end] = await within(
    2_000,
    Promise.all([
      new Promise<http2.IncomingHttpHeaders>((resolve) => stream.once('response', resolve)),
      new Promise<Buffer>((resolve) => stream.once('data', resolve)),
      new Promise<http2.IncomingHttpHeaders>((resolve) => stream.once('trailers', resolve)),
    ]),
  );
  assert.is(response['x-split'], 'y'.repeat(100));
  assert.is(data.toString('latin1'), '\0\0\0\0\x05hello');
  assert.is(end['grpc-status'], '5');
  assert.is(end['grpc-message'], 'gone');
});

test('reads the header blocks of nghttp2: Huffman codes, a dynamic table that overflows', {
  timeoutMs: 30_000,
}, async () => {
  await using server = await RawServer.listen();
  await using session = connect(server.port);
  const name = fc.stringMatching(/^[a-z][a-z0-9_-]{0,20}$/).map((text) => `x-${text}`);
  const value = fc.stringMatching(/^([!-~]([ -~]{0,300}[!-~])?)?$/);
  let stream = -1;
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.tuple(name, value), { selector: (pair) => pair[0], maxLength: 20 }),
      async (pairs) => {
        stream += 2;
        request(session, { ':path': '/', ...Object.fromEntries(pairs) }).end();
        const connection = await server.connection();
        const frame = await connection.frame('HEADERS', { stream });
        assert.equal(
          frame.headers.filter(([key]) => key.startsWith('x-')),
          pairs,
        );
        connection.sendRst(stream, 'NO_ERROR');
      },
    ),
    { numRuns: 60 },
  );
});

test('writes header blocks that nghttp2 reads, of any length', async () => {
  await using server = await RawServer.listen();
  await using session = connect(server.port);
  const stream = request(session, { ':path': '/' });
  const connection = await server.connection();
  await connection.frame('HEADERS');
  const extra: HeaderPair[] = [1, 126, 127, 128, 254, 255, 16_000].map((length) => [`x-${length}`, 'z'.repeat(length)]);
  const response = new Promise<http2.IncomingHttpHeaders>((resolve) => stream.once('response', resolve));
  connection.sendHeaders(1, responseHeaders(extra));
  const headers = await within(2_000, response);
  for (const [name, value] of extra) assert.is(headers[name], value);
});

test('says when what was waited for cannot come', async () => {
  await using server = await RawServer.listen();
  const client = await RawClient.connect(server.port);
  const connection = await server.connection();
  const early = connection.frame('RST_STREAM', { stream: 3 }, 50);
  assert.match(
    await messageOf(early),
    /timed out after 50 ms waiting for RST_STREAM {"stream":3}[\s\S]*< SETTINGS\(\)/,
  );
  const waiting = messageOf(connection.frame('RST_STREAM'));
  await client[Symbol.asyncDispose]();
  assert.match(await waiting, 'the connection ended: FIN');
  assert.match(await messageOf(connection.frame('PING')), /no PING {} before the connection ended/);
  assert.is(await connection.closed, 'fin');
});

test('finds frames after another one', async () => {
  await using server = await RawServer.listen();
  await using client = await RawClient.connect(server.port);
  const connection = await server.connection();
  client.sendRst(1, 'CANCEL');
  client.sendRst(1, 99);
  const first = await connection.frame('RST_STREAM', { stream: 1 });
  const second = await connection.frame('RST_STREAM', { stream: 1, after: first });
  assert.equal([first.code, second.code], ['CANCEL', 99]);
  assert.ok(connection.has('RST_STREAM', { code: 99 }));
  assert.not(connection.has('RST_STREAM', { code: 'NO_ERROR' }));
});

test('does of itself only what it was told to do', async () => {
  await using mute = await RawServer.listen({ manner: 'mute' });
  await using session = connect(mute.port);
  session.once('connect', () => session.ping(quiet));
  const silent = await mute.connection();
  await silent.frame('PING');
  assert.equal(
    silent.log.filter((line) => line.startsWith('>')),
    [],
  );
  await using deaf = await RawServer.listen({ manner: 'deaf' });
  await using other = connect(deaf.port);
  await within(2_000, new Promise<void>((resolve) => other.once('connect', () => resolve())));
  assert.equal((await deaf.connection()).log, []);

  await using strict = await RawServer.listen({ settings: { INITIAL_WINDOW_SIZE: 10 }, returnWindow: false });
  await using client = await RawClient.connect(strict.port);
  const connection = await strict.connection();
  await client.frame('SETTINGS');
  client.sendData(1, Buffer.alloc(4));
  await connection.frame('DATA');
  await client.roundTrip();
  assert.not(client.has('WINDOW_UPDATE'));
  assert.is(client.credit(1), 6);
  connection.sendWindowUpdate(1, 5);
  await client.frame('WINDOW_UPDATE', { stream: 1 });
  assert.is(client.credit(1), 11);
});

test('gives the window back for what came', async () => {
  await using server = await RawServer.listen();
  await using client = await RawClient.connect(server.port);
  const stream = client.open(requestHeaders('/a.B/C'));
  client.sendData(stream, grpcFrame(Buffer.alloc(20_000)));
  client.sendData(stream, grpcFrame(Buffer.from('x'), 1), { endStream: true });
  const connection = await server.connection();
  await connection.frame('DATA', { endStream: true });
  await client.roundTrip();
  assert.is(client.credit(3), 65_535);
  const messages = connection.messages(stream);
  assert.equal(
    messages.map(({ flag, payload }) => [flag, payload.length]),
    [
      [0, 20_000],
      [1, 1],
    ],
  );
});

test('tells a reset from an orderly end', async () => {
  await using server = await RawServer.listen();
  const client = await RawClient.connect(server.port);
  const connection = await server.connection();
  await client.frame('SETTINGS', { ack: true });
  connection.reset();
  assert.is(await within(2_000, client.closed), 'reset');
  assert.is(await within(2_000, connection.closed), 'local');
});

test('shows GOAWAY, unknown frames and padding', () => {
  const reader = new FrameReader();
  const bytes = Buffer.concat([
    encodeFrame('GOAWAY', 0, 0, Buffer.from('\0\0\0\x05\0\0\0\x0bcalm', 'latin1')),
    encodeFrame(0xfa, 0, 7, Buffer.from('abc')),
    encodeFrame('DATA', 0x9, 1, Buffer.from('\x03data\0\0\0', 'latin1')),
    encodeHeaders(1, [['a', 'b']], true, 1),
  ]);
  const frames = [...bytes].flatMap((byte) => reader.push(Buffer.of(byte)));
  assert.equal(frames.map(String), [
    "GOAWAY(last 5, ENHANCE_YOUR_CALM, 'calm')",
    'UNKNOWN(7)',
    'DATA(1, 4 bytes, ES)',
    'HEADERS(1, ES)',
  ]);
  assert.is(frames[2]?.wireBytes, 8);
  assert.is(frames[3]?.fragments, 5);
  assert.equal(frames[3]?.headers, [['a', 'b']]);
});

test('refuses a client that does not speak HTTP/2', async () => {
  await using server = await RawServer.listen();
  const socket = net.connect(server.port, '127.0.0.1');
  socket.on('error', quiet);
  socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
  const connection = await server.connection();
  await within(2_000, connection.closed);
  assert.ok(connection.log.includes('! no HTTP/2 preface came'), connection.text());
  socket.destroy();
});

async function messageOf(promise: Promise<unknown>): Promise<string> {
  return await promise.then(
    () => 'nothing was thrown',
    (error: unknown) => (error instanceof Error ? error.message : 'no Error'),
  );
}

test.run();
