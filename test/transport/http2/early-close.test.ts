/**
 * The server's last word: trailers are never lost, whatever is in their way, and nothing stays open behind them, whatever
 * the client still sends. Pins the quirks of node:http2 that this rests on.
 */
import { once } from 'node:events';
import http2 from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { Metadata } from '../../../src/values/metadata.ts';
import { Code, Status } from '../../../src/values/status.ts';
import { grpcFrame, RawClient, type RawConnection, type RawOptions, requestHeaders } from '../../support/raw-http2.ts';
import { assert, suite, within } from '../../support/suite.ts';
import { type Arrival, StreamServer } from './stream-server.ts';

const test = suite('Http2ServerStream: the end');

const PATH = '/test.Echo/Bidi';

const close = ({ stream }: Arrival): void => stream.close(Status.OK, new Metadata());

/** Answers in full at once: headers, a message of `bytes`, trailers. */
function answering(bytes: number): (arrival: Arrival) => void {
  return ({ stream }) => {
    stream.sendHeaders(new Metadata());
    stream.writeMessage(Buffer.alloc(bytes), 0);
    stream.close(Status.NOT_FOUND.withDescription('the last word'), new Metadata());
  };
}

/** Ends a connection gently: it closes only if no stream is left. */
async function expectNoStreamLeft(server: StreamServer, client: RawConnection): Promise<void> {
  server.shutdown();
  assert.is(await client.closed, 'fin', client.text());
  await server.gone();
}

/** Runs `serve` for one request on node's own server; gives what the client saw, in letters. */
async function plain(serve: (stream: http2.ServerHttp2Stream) => void, endStream: boolean): Promise<string> {
  const server = http2.createServer().listen(0, '127.0.0.1');
  await within(5_000, once(server, 'listening'));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const sessions: http2.ServerHttp2Session[] = [];
  server.on('session', (session) => sessions.push(session));
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    serve(stream);
  });
  const client = await RawClient.connect(port);
  try {
    const stream = client.open(requestHeaders(PATH));
    if (endStream) client.sendData(stream, Buffer.alloc(8), { endStream });
    await sleep(60);
    return client
      .story(stream)
      .filter((frame) => !frame.startsWith('WINDOW'))
      .join(' ');
  } finally {
    for (const session of sessions) session.destroy();
    await client[Symbol.asyncDispose]();
    server.close();
  }
}

function answerThen(after: (stream: http2.ServerHttp2Stream) => void): (stream: http2.ServerHttp2Stream) => void {
  return (stream) => {
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    stream.on('wantTrailers', () => {
      stream.sendTrailers({ 'grpc-status': '0' });
      after(stream);
    });
    stream.end('12345678');
  };
}

test('node:http2 loses trailers when the stream is closed any earlier than by setImmediate', async () => {
  const whole = 'HEADERS(1) DATA(1, 8 bytes) HEADERS(1, ES) RST_STREAM(1, NO_ERROR)';
  const lost = 'HEADERS(1) DATA(1, 8 bytes) RST_STREAM(1, NO_ERROR)';
  assert.is(
    await plain(
      answerThen((stream) => stream.close(0)),
      false,
    ),
    lost,
  );
  assert.is(
    await plain(
      answerThen((stream) => process.nextTick(() => stream.close(0))),
      false,
    ),
    lost,
  );
  assert.is(
    await plain(
      answerThen((stream) => setImmediate(() => stream.close(0))),
      false,
    ),
    whole,
  );
});

test('node:http2 leaves a stream open after its trailers while the client has not ended, or is not read', async () => {
  const ended = 'HEADERS(1) DATA(1, 8 bytes) HEADERS(1, ES)';
  const streams: http2.ServerHttp2Stream[] = [];
  const reading = answerThen((stream) => stream.resume());
  const unread = answerThen((stream) => stream.on('data', () => {}).pause());
  for (const [serve, endStream] of [
    [reading, false],
    [unread, true],
  ] as const) {
    const watched = (stream: http2.ServerHttp2Stream): void => {
      streams.push(stream);
      serve(stream);
      setTimeout(() => assert.not(stream.destroyed), 40);
    };
    assert.is(await plain(watched, endStream), ended);
  }
  assert.is(streams.length, 2);
});

for (const endStream of [false, true]) {
  const when = endStream ? 'after' : 'before';

  test(`closing ${when} the client's half-close: trailers, and RST(NO_ERROR) where it is needed`, async () => {
    await using server = await StreamServer.listen({ onArrival: answering(8) });
    await using client = await RawClient.connect(server.port);
    const stream = client.open(requestHeaders(PATH), { endStream });
    await client.frame('HEADERS', { stream, endStream: true });
    await client.roundTrip();
    const reset = endStream ? [] : ['RST_STREAM(1, NO_ERROR)'];
    assert.equal(client.story(stream), ['HEADERS(1)', 'DATA(1, 13 bytes)', 'HEADERS(1, ES)', ...reset]);
    assert.is((await (await server.arrival()).closed).code, Code.OK);
    await expectNoStreamLeft(server, client);
  });

  test(`Trailers-Only ${when} the client's half-close is one block`, async () => {
    await using server = await StreamServer.listen({
      onArrival: ({ stream }) => stream.close(Status.OK.withDescription('fine'), new Metadata([['k', 'v']])),
    });
    await using client = await RawClient.connect(server.port);
    const stream = client.open(requestHeaders(PATH), { endStream });
    const block = await client.frame('HEADERS', { stream, endStream: true });
    await client.roundTrip();
    assert.equal(client.story(stream), ['HEADERS(1, ES)', ...(endStream ? [] : ['RST_STREAM(1, NO_ERROR)'])]);
    assert.equal(block.headers, [
      [':status', '200'],
      ['content-type', 'application/grpc'],
      ['grpc-status', '0'],
      ['grpc-message', 'fine'],
      ['k', 'v'],
    ]);
    assert.is((await (await server.arrival()).closed).code, Code.OK);
    await expectNoStreamLeft(server, client);
  });
}

/** What stands between the trailers and the client until `release`. */
const OBSTACLES: readonly {
  readonly name: string;
  readonly options: RawOptions;
  readonly release: (client: RawConnection, stream: number) => void;
}[] = [
  {
    name: 'flow control of the stream',
    options: { returnWindow: false },
    release: (client, stream): void => {
      client.sendWindowUpdate(0, 10_000_000);
      client.sendWindowUpdate(stream, 10_000_000);
    },
  },
  {
    name: 'a stream window of zero',
    options: { settings: { INITIAL_WINDOW_SIZE: 0 } },
    release: (client): void => client.sendSettings({ INITIAL_WINDOW_SIZE: 1_000_000 }),
  },
  { name: 'a socket that is not read', options: {}, release: (client): void => void client.socket.resume() },
];

for (const { name, options, release } of OBSTACLES) {
  for (const endStream of [false, true]) {
    test(`${name} holds trailers up and loses nothing (client ${endStream ? 'has' : 'has not'} half-closed)`, async () => {
      await using server = await StreamServer.listen({ onArrival: answering(500_000) });
      await using client = await RawClient.connect(server.port, options);
      await client.roundTrip();
      if (name.startsWith('a socket')) client.socket.pause();
      const stream = client.open(requestHeaders(PATH), { endStream });
      const arrival = await server.arrival();
      await sleep(30);
      assert.not(client.has('HEADERS', { stream, endStream: true }));
      if (!name.startsWith('a socket')) assert.equal(arrival.story, []);
      release(client, stream);
      const trailers = await client.frame('HEADERS', { stream, endStream: true });
      assert.is(trailers.header('grpc-status'), '5');
      assert.is(trailers.header('grpc-message'), 'the last word');
      assert.is(client.messages(stream)[0]?.payload.length, 500_000);
      assert.is((await arrival.closed).code, Code.OK);
      await expectNoStreamLeft(server, client);
    });
  }
}

test('request data that nobody read is thrown away, and the window given back', async () => {
  await using server = await StreamServer.listen({}, { streamWindowBytes: 65_535, connectionWindowBytes: 65_535 });
  await using client = await RawClient.connect(server.port);
  const stream = client.open(requestHeaders(PATH));
  for (let i = 0; i < 4; i += 1) client.sendData(stream, grpcFrame(Buffer.alloc(15_000)));
  const arrival = await server.arrival();
  await client.roundTrip();
  close(arrival);
  await client.frame('RST_STREAM', { stream, code: 'NO_ERROR' });
  assert.equal(arrival.story, ['close']);
  await client.roundTrip();
  const other = client.open(requestHeaders(PATH));
  assert.ok(client.credit(other) > 32_000, `${client.credit(other)} bytes of credit`);
  close(await server.arrival(1));
  await client.frame('RST_STREAM', { stream: other });
  await expectNoStreamLeft(server, client);
});

test('a response held up by flow control does not keep the request from being read and thrown away', async () => {
  await using server = await StreamServer.listen(
    { onArrival: answering(200_000) },
    { streamWindowBytes: 65_535, connectionWindowBytes: 65_535 },
  );
  await using client = await RawClient.connect(server.port, { returnWindow: false });
  const stream = client.open(requestHeaders(PATH));
  await server.arrival();
  let sent = 0;
  while (sent < 500_000) {
    const credit = client.credit(stream);
    if (credit < 16_384) {
      await client.frame('WINDOW_UPDATE', { stream });
      await client.roundTrip();
    } else {
      client.sendData(stream, Buffer.alloc(16_384));
      sent += 16_384;
    }
  }
  client.sendWindowUpdate(0, 1_000_000);
  client.sendWindowUpdate(stream, 1_000_000);
  assert.is((await client.frame('HEADERS', { stream, endStream: true })).header('grpc-status'), '5');
  await expectNoStreamLeft(server, client);
});

test('what was stalled before the close is thrown away while the response is still held up', async () => {
  const windows = { streamWindowBytes: 400_000, connectionWindowBytes: 1_000_000 };
  await using server = await StreamServer.listen({}, windows);
  await using client = await RawClient.connect(server.port, { returnWindow: false });
  await client.roundTrip();
  const stream = client.open(requestHeaders(PATH));
  for (let i = 0; i < 26; i += 1) client.sendData(stream, grpcFrame(Buffer.alloc(14_995)));
  const arrival = await server.arrival();
  await client.roundTrip();
  // Node reads 64 KiB ahead.
  assert.ok(client.credit(stream) < 120_000, `${client.credit(stream)} bytes of credit`);
  answering(200_000)(arrival);
  await client.roundTrip();
  await client.roundTrip();
  assert.ok(client.credit(stream) >= 200_000, client.text());
  assert.not(client.has('HEADERS', { stream, endStream: true }));
});

test('an upload of 32 MiB that is rejected at once ends with the status, and the connection serves on', async () => {
  await using server = await StreamServer.listen({
    onArrival: ({ stream, path }) => {
      if (path === '/test.Echo/Upload') stream.close(Status.PERMISSION_DENIED, new Metadata());
      else answering(8)({ stream } as Arrival);
    },
  });
  await using client = await RawClient.connect(server.port);
  const stream = client.open(requestHeaders('/test.Echo/Upload'));
  const piece = Buffer.alloc(1024 * 1024);
  // A client that does not look at what comes back: window or not, reset or not.
  for (let i = 0; i < 32; i += 1) {
    client.sendData(stream, piece);
    if (i % 8 === 7) await sleep(1);
  }
  const block = await client.frame('HEADERS', { stream });
  assert.is(block.header('grpc-status'), '7');
  assert.is((await (await server.arrival()).closed).code, Code.OK);
  await client.roundTrip();
  const next = client.open(requestHeaders(PATH), { endStream: true });
  assert.is((await client.frame('HEADERS', { stream: next, endStream: true })).header('grpc-status'), '5');
  await expectNoStreamLeft(server, client);
});

test('a request and its reset in one segment end once and leave nothing', async () => {
  for (const code of ['CANCEL', 'NO_ERROR', 'INTERNAL_ERROR'] as const) {
    for (const endStream of [false, true]) {
      // Trailers-Only is handed over by the time that the reset is read; of a longer answer only the beginning is.
      for (const [answer, end] of [
        [close, Code.OK],
        [answering(8), Code.CANCELLED],
      ] as const) {
        await using server = await StreamServer.listen({ onArrival: answer });
        await using client = await RawClient.connect(server.port);
        await client.roundTrip();
        client.socket.cork();
        const stream = client.open(requestHeaders(PATH), { endStream });
        client.sendRst(stream, code);
        client.socket.uncork();
        assert.is((await (await server.arrival()).closed).code, end, code);
        await client.roundTrip();
        assert.equal(client.story(stream), []);
        await expectNoStreamLeft(server, client);
      }
    }
  }
});

test('after the close everything is a silent no-op', async () => {
  await using server = await StreamServer.listen({ onArrival: answering(8) });
  await using client = await RawClient.connect(server.port);
  const id = client.open(requestHeaders(PATH), { endStream: true });
  const arrival = await server.arrival();
  const { stream } = arrival;
  const poke = (): void => {
    stream.sendHeaders(new Metadata());
    stream.writeMessage(Buffer.alloc(8), 0);
    stream.request(5);
    stream.close(Status.INTERNAL, new Metadata());
  };
  poke();
  assert.not(stream.isReady());
  await arrival.closed;
  poke();
  stream.cancel(Status.INTERNAL);
  await client.roundTrip();
  assert.equal(client.story(id), ['HEADERS(1)', 'DATA(1, 13 bytes)', 'HEADERS(1, ES)']);
  assert.equal(arrival.story, ['close']);
});

test.run();
