/** The server's end of one call over raw frames: flow control both ways, readiness, compression, and what trailers hold. */
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { WriteFlag } from '../../../src/transport/stream.ts';
import { Metadata } from '../../../src/values/metadata.ts';
import { Code, Status } from '../../../src/values/status.ts';
import type { Frame, HeaderPair, Settings } from '../../support/http2-frame.ts';
import { grpcFrame, RawClient, requestHeaders } from '../../support/raw-http2.ts';
import { assert, suite } from '../../support/suite.ts';
import { type Arrival, StreamServer } from './stream-server.ts';

const test = suite('Http2ServerStream');

const PATH = '/test.Echo/Bidi';
const WINDOWS = { streamWindowBytes: 65_535, connectionWindowBytes: 200_000 };

test('ready is told first, before headers, and again at every release', async () => {
  await using server = await StreamServer.listen();
  await using client = await RawClient.connect(server.port, { returnWindow: false });
  const stream = client.open(requestHeaders(PATH));
  const arrival = await server.arrival();
  assert.ok(arrival.stream.isReady());
  await arrival.log.next('ready');
  arrival.stream.sendHeaders(new Metadata());
  for (let i = 0; i < 10; i += 1) arrival.stream.writeMessage(Buffer.alloc(20_000), 0);
  assert.not(arrival.stream.isReady());
  await client.roundTrip();
  await client.roundTrip();
  const written = arrival.log.all('written').length;
  // The window takes three; node writes what is queued in one piece, so that fewer are known to be through.
  assert.ok(written >= 1 && written <= 3, `${written} of 10 are through a window of 65535`);
  assert.is(arrival.log.all('ready').length, 1);
  client.sendWindowUpdate(0, 1_000_000);
  client.sendWindowUpdate(stream, 1_000_000);
  await arrival.log.next('ready');
  assert.ok(arrival.stream.isReady());
  await client.roundTrip();
  assert.is(arrival.log.all('written').length, 10);
});

test('a slow client stops a server that heeds isReady at the threshold', async () => {
  for (const threshold of [null, 1, 200_000]) {
    let sent = 0;
    const pump = ({ stream }: Arrival): void => {
      for (; stream.isReady() && sent < 1_000; sent += 1) stream.writeMessage(Buffer.alloc(9_995), 0);
    };
    await using server = await StreamServer.listen({
      onArrival: ({ stream }) => {
        if (threshold !== null) stream.setOnReadyThreshold(threshold);
        stream.sendHeaders(new Metadata());
      },
      onReady: pump,
    });
    await using client = await RawClient.connect(server.port, { returnWindow: false });
    const stream = client.open(requestHeaders(PATH));
    await server.arrival();
    for (let i = 0; i < 4; i += 1) await client.roundTrip();
    const limit = 65_535 + (threshold ?? 32 * 1024) + 30_000;
    assert.ok(sent * 10_000 <= limit, `${sent} messages with a threshold of ${threshold}`);
    assert.ok(sent * 10_000 >= 65_535 - 10_000, `${sent} messages`);
    client.sendWindowUpdate(0, 300_000);
    client.sendWindowUpdate(stream, 300_000);
    const before = sent;
    for (let i = 0; i < 8; i += 1) await client.roundTrip();
    assert.ok(
      sent > before && sent * 10_000 <= limit + 300_000,
      `${sent - before} more with a threshold of ${threshold}`,
    );
  }
});

test('what the application has not asked for stays in the window of its stream', async () => {
  const windows = { streamWindowBytes: 400_000, connectionWindowBytes: 1_000_000 };
  await using server = await StreamServer.listen({}, windows);
  await using client = await RawClient.connect(server.port);
  await client.roundTrip();
  const stream = client.open(requestHeaders(PATH));
  const arrival = await server.arrival();
  for (let i = 0; i < 39; i += 1) client.sendData(stream, grpcFrame(Buffer.alloc(9_995, i)));
  await client.roundTrip();
  await sleep(20);
  // Node reads 64 KiB ahead, and one chunk comes before it is clear that nobody wants it.
  assert.ok(client.credit(stream) < 110_000, `${client.credit(stream)} bytes of credit`);
  assert.equal(arrival.story, []);
  arrival.stream.request(1);
  await arrival.log.next('message');
  await client.roundTrip();
  assert.equal(arrival.story, ['message']);
  assert.ok(client.credit(stream) < 130_000, `${client.credit(stream)} bytes of credit`);
  arrival.stream.request(38);
  for (let i = 1; i < 39; i += 1) await arrival.log.next('message');
  await client.roundTrip();
  assert.ok(client.credit(stream) >= 200_000, `${client.credit(stream)} bytes of credit`);
  assert.equal(
    arrival.log.all('message').map(({ payload }) => payload[0]),
    Array.from({ length: 39 }, (_, i) => i),
  );
});

test('a stream that is not read does not hold up another', async () => {
  await using server = await StreamServer.listen({}, WINDOWS);
  await using client = await RawClient.connect(server.port);
  const unread = client.open(requestHeaders(PATH));
  const other = client.open(requestHeaders(PATH));
  const arrival = await server.arrival(1);
  arrival.stream.request(20);
  for (let i = 0; i < 6; i += 1) client.sendData(unread, grpcFrame(Buffer.alloc(9_995)));
  for (let i = 0; i < 20; i += 1) {
    if (client.credit(other) < 10_000) await client.frame('WINDOW_UPDATE', { stream: other });
    client.sendData(other, grpcFrame(Buffer.alloc(9_995)), { endStream: i === 19 });
    await arrival.log.next('message');
  }
  await arrival.log.next('half-close');
});

test('a half-close waits behind messages that nobody asked for', async () => {
  await using server = await StreamServer.listen();
  await using client = await RawClient.connect(server.port);
  const stream = client.open(requestHeaders(PATH));
  client.sendData(stream, Buffer.concat([grpcFrame(Buffer.from('a')), grpcFrame(Buffer.from('b'))]), {
    endStream: true,
  });
  const arrival = await server.arrival();
  arrival.stream.request(1);
  await client.roundTrip();
  await sleep(10);
  assert.equal(arrival.story, ['message']);
  arrival.stream.request(1);
  await arrival.log.next('half-close');
  assert.equal(arrival.story, ['message', 'message', 'half-close']);
});

test('trailers of the client are passed over', async () => {
  await using server = await StreamServer.listen({ onArrival: ({ stream }) => stream.request(2) });
  await using client = await RawClient.connect(server.port);
  const stream = client.open(requestHeaders(PATH));
  client.sendData(stream, grpcFrame(Buffer.from('a')));
  client.sendHeaders(stream, [['k', 'v']], { endStream: true });
  const arrival = await server.arrival();
  await arrival.log.next('half-close');
  assert.equal(arrival.story, ['message', 'half-close']);
});

/** Sends two messages, the second uncompressed by request; gives the headers and the flags. */
async function compressed(
  accept: string | null,
  name: string,
): Promise<{ encoding: string | undefined; flags: number[] }> {
  await using server = await StreamServer.listen({
    onArrival: ({ stream }) => {
      stream.setCompression(name);
      stream.sendHeaders(new Metadata());
      stream.writeMessage(Buffer.alloc(1_000), 0);
      stream.writeMessage(Buffer.alloc(1_000), WriteFlag.NO_COMPRESS);
      stream.close(Status.OK, new Metadata());
    },
  });
  await using client = await RawClient.connect(server.port);
  const extra: HeaderPair[] = accept === null ? [] : [['grpc-accept-encoding', accept]];
  const stream = client.open(requestHeaders(PATH, extra), { endStream: true });
  const headers = await client.frame('HEADERS', { stream });
  await client.frame('HEADERS', { stream, endStream: true });
  const messages = client.messages(stream);
  for (const { flag, payload } of messages) {
    const plain = flag === 1 && name === 'gzip' ? gunzipSync(payload).length : 1_000;
    assert.is(plain, 1_000);
  }
  assert.is(headers.header('grpc-accept-encoding'), 'identity,gzip,deflate');
  return { encoding: headers.header('grpc-encoding'), flags: messages.map(({ flag }) => flag) };
}

test('compression is used where the client takes it, and silently left where it does not', async () => {
  assert.equal(await compressed('identity, gzip', 'gzip'), { encoding: 'gzip', flags: [1, 0] });
  assert.equal(await compressed('deflate,gzip', 'deflate'), { encoding: 'deflate', flags: [1, 0] });
  for (const accept of [null, '', 'identity', 'gzipped', 'deflate']) {
    assert.equal(await compressed(accept, 'gzip'), { encoding: undefined, flags: [0, 0] });
  }
});

test('reserved names in metadata of the application are replaced or left out', async () => {
  const own: [string, string][] = [
    ['content-type', 'text/html'],
    ['user-agent', 'x'],
    ['k', 'v'],
  ];
  await using server = await StreamServer.listen({
    onArrival: ({ stream }) => {
      stream.sendHeaders(new Metadata(own));
      stream.close(Status.NOT_FOUND.withDescription('why'), new Metadata(own));
    },
  });
  await using client = await RawClient.connect(server.port);
  const stream = client.open(requestHeaders(PATH), { endStream: true });
  const headers = await client.frame('HEADERS', { stream });
  assert.equal(headers.values('content-type'), ['application/grpc']);
  assert.equal(headers.values('user-agent'), []);
  assert.equal(headers.values('date'), []);
  const trailers = await client.frame('HEADERS', { stream, endStream: true });
  assert.equal(trailers.headers, [
    ['grpc-status', '5'],
    ['grpc-message', 'why'],
    ['k', 'v'],
  ]);
});

/** What a client that takes so large header lists gets of a status and its trailers, in both forms. */
async function lastBlocks(settings: Settings, status: Status, pairs: readonly [string, string][]): Promise<Frame[]> {
  const blocks: Frame[] = [];
  for (const headersFirst of [true, false]) {
    await using server = await StreamServer.listen({
      onArrival: ({ stream }) => {
        if (headersFirst) stream.sendHeaders(new Metadata());
        stream.close(status, new Metadata(pairs));
      },
    });
    await using client = await RawClient.connect(server.port, { settings });
    await client.roundTrip();
    const stream = client.open(requestHeaders(PATH), { endStream: true });
    const block = await client.frame('HEADERS', { stream, endStream: true });
    assert.is(block.header('grpc-status'), String(status.code));
    const bytes = block.headers.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
    const limit = Math.max(settings.MAX_HEADER_LIST_SIZE ?? 65_535, 200);
    assert.ok(bytes <= limit, `${bytes} bytes for a client that takes ${limit}`);
    blocks.push(block);
  }
  return blocks;
}

test('a description of 60 KB goes out whole, and is cut where the client takes less', async () => {
  const status = Status.ABORTED.withDescription('x'.repeat(60_000));
  for (const block of await lastBlocks({}, status, [])) assert.is(block.header('grpc-message')?.length, 60_000);
  for (const size of [8_192, 1_000, 300]) {
    for (const block of await lastBlocks({ MAX_HEADER_LIST_SIZE: size }, status, [])) {
      const message = block.header('grpc-message') ?? '';
      assert.ok(message.length > size - 400, `${message.length} of ${size}`);
      assert.match(message, /^x+/);
    }
  }
});

test('a description of 200 KB is cut and does not end the connection', async () => {
  for (const block of await lastBlocks({}, Status.ABORTED.withDescription('é'.repeat(100_000)), [])) {
    const message = block.header('grpc-message') ?? '';
    assert.ok(message.length > 60_000 && message.length < 65_000);
    assert.match(decodeURIComponent(message), /^é+/);
  }
});

test('trailers that do not fit are left out, and the status says so', async () => {
  const pairs: [string, string][] = [['big', 'y'.repeat(5_000)]];
  const status = Status.ABORTED.withDescription('why');
  for (const block of await lastBlocks({ MAX_HEADER_LIST_SIZE: 2_000 }, status, pairs)) {
    assert.is(block.header('big'), undefined);
    assert.match(block.header('grpc-message') ?? '', /^why \(.*left out: trailers of /);
  }
  for (const block of await lastBlocks({ MAX_HEADER_LIST_SIZE: 8_192 }, status, pairs)) {
    assert.is(block.header('big'), 'y'.repeat(5_000));
    assert.is(block.header('grpc-message'), 'why');
  }
});

test('a client that takes no header list at all still gets the bare status', async () => {
  for (const size of [0, 50, 150]) {
    const status = Status.ABORTED.withDescription('x'.repeat(500));
    const blocks = await lastBlocks({ MAX_HEADER_LIST_SIZE: size }, status, [['k', 'v']]);
    for (const block of blocks) assert.is(block.header('k'), undefined);
  }
});

test('response headers beyond what a client can take end the call, not the connection', async () => {
  await using server = await StreamServer.listen({
    onArrival: ({ stream, path }) => {
      stream.sendHeaders(new Metadata(path === PATH ? [['big', 'y'.repeat(70_000)]] : []));
      stream.close(Status.OK, new Metadata());
    },
  });
  await using client = await RawClient.connect(server.port);
  await client.roundTrip();
  const stream = client.open(requestHeaders(PATH), { endStream: true });
  const block = await client.frame('HEADERS', { stream, endStream: true });
  assert.is(block.header('grpc-status'), String(Code.RESOURCE_EXHAUSTED));
  assert.match(block.header('grpc-message') ?? '', /response headers/);
  assert.is((await (await server.arrival()).closed).code, Code.RESOURCE_EXHAUSTED);
});

test.run();
