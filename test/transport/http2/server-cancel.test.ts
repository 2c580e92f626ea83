/**
 * How a call fails on the server before its end: reset by the client at every stage and with every code, connection loss,
 * input that makes no sense, and cancel() on this side.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Metadata } from '../../../src/values/metadata.ts';
import { Code, Status } from '../../../src/values/status.ts';
import type { ErrorCode } from '../../support/http2-frame.ts';
import { grpcFrame, RawClient, type RawConnection, type RawOptions, requestHeaders } from '../../support/raw-http2.ts';
import { assert, suite } from '../../support/suite.ts';
import { type Arrival, type StreamManner, StreamServer } from './stream-server.ts';

const test = suite('Http2ServerStream: failures');

const PATH = '/test.Echo/Bidi';
const CODES: readonly ErrorCode[] = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'ENHANCE_YOUR_CALM',
  'HTTP_1_1_REQUIRED',
  77,
];

/** A call brought to some stage, on the raw client's stream 1. */
interface Stage {
  readonly name: string;
  readonly options?: RawOptions;
  readonly bring: (arrival: Arrival, client: RawConnection) => void;
  /** What the application has heard by then. */
  readonly heard: readonly string[];
}

const STAGES: readonly Stage[] = [
  { name: 'before anything', bring: () => {}, heard: [] },
  { name: 'after headers', bring: ({ stream }) => stream.sendHeaders(new Metadata()), heard: [] },
  {
    name: 'with a message that nobody asked for',
    bring: (_arrival, client) => client.sendData(1, grpcFrame(Buffer.from('unread'))),
    heard: [],
  },
  {
    name: 'with a message that was read',
    bring: ({ stream }, client): void => {
      stream.request(1);
      client.sendData(1, grpcFrame(Buffer.from('read')));
    },
    heard: ['message'],
  },
  {
    name: 'in mid-message',
    bring: ({ stream }, client): void => {
      stream.request(1);
      client.sendData(1, grpcFrame(Buffer.alloc(100)).subarray(0, 50));
    },
    heard: [],
  },
  {
    name: 'after the half-close, not told yet',
    bring: (_arrival, client) => client.sendData(1, grpcFrame(Buffer.from('unread')), { endStream: true }),
    heard: [],
  },
  {
    name: 'after the half-close',
    bring: ({ stream }, client): void => {
      stream.request(1);
      client.sendData(1, Buffer.alloc(0), { endStream: true });
    },
    heard: ['half-close'],
  },
  {
    name: 'with a response held up by flow control',
    options: { returnWindow: false },
    bring: ({ stream }): void => {
      stream.sendHeaders(new Metadata());
      stream.writeMessage(Buffer.alloc(200_000), 0);
    },
    heard: [],
  },
  {
    name: 'with trailers held up by flow control',
    options: { returnWindow: false },
    bring: ({ stream }): void => {
      stream.sendHeaders(new Metadata());
      stream.writeMessage(Buffer.alloc(200_000), 0);
      stream.close(Status.OK, new Metadata());
    },
    heard: [],
  },
];

async function at(
  { bring, heard, options = {} }: Stage,
  then: (arrival: Arrival, client: RawConnection, server: StreamServer) => Promise<void>,
): Promise<void> {
  await using server = await StreamServer.listen();
  await using client = await RawClient.connect(server.port, options);
  client.open(requestHeaders(PATH));
  const arrival = await server.arrival();
  bring(arrival, client);
  await client.roundTrip();
  await client.roundTrip();
  assert.equal(arrival.story, heard);
  await then(arrival, client, server);
}

for (const stage of STAGES) {
  test(`the client resets ${stage.name}: CANCELLED, whatever the code`, async () => {
    for (const code of CODES) {
      await at(stage, async (arrival, client, server) => {
        client.sendRst(1, code);
        const status = await arrival.closed;
        assert.is(status.code, Code.CANCELLED);
        assert.match(status.description ?? '', `HTTP/2 code ${code}`);
        assert.equal(arrival.story, [...stage.heard, 'close']);
        server.shutdown();
        assert.is(await client.closed, 'fin', client.text());
      });
    }
  });

  test(`the connection is lost ${stage.name}: UNAVAILABLE`, async () => {
    for (const how of ['reset', 'destroy', 'end'] as const) {
      await at(stage, async (arrival, client, server) => {
        client[how]();
        const status = await arrival.closed;
        assert.is(status.code, Code.UNAVAILABLE, how);
        assert.equal(arrival.story, [...stage.heard, 'close']);
        server.close();
        await server.gone();
      });
    }
  });

  test(`cancel ${stage.name}: the reason is told here at once, and to the client where it can be`, async () => {
    await at(stage, async (arrival, client, server) => {
      const reason = Status.DEADLINE_EXCEEDED.withDescription('too late');
      arrival.stream.cancel(reason);
      arrival.stream.cancel(Status.INTERNAL);
      arrival.stream.close(Status.OK, new Metadata());
      assert.is(await arrival.closed, reason);
      assert.equal(arrival.story, [...stage.heard, 'close']);
      await client.roundTrip();
      const last = client.frames.filter((frame) => frame.stream === 1 && frame.type !== 'WINDOW_UPDATE');
      if (stage.options === undefined) {
        const trailers = last.find((frame) => frame.endStream);
        assert.is(trailers?.header('grpc-status'), '4', client.text());
        assert.is(trailers?.header('grpc-message'), 'too late');
      } else {
        assert.is(String(last.at(-1)), 'RST_STREAM(1, CANCEL)');
        assert.not(last.some((frame) => frame.endStream));
      }
      server.shutdown();
      assert.is(await client.closed, 'fin', client.text());
    });
  });
}

test('a reset while data waits unread: what the application does then fails too', async () => {
  await using server = await StreamServer.listen();
  await using client = await RawClient.connect(server.port);
  client.open(requestHeaders(PATH));
  const arrival = await server.arrival();
  client.sendData(1, grpcFrame(Buffer.from('unread')));
  await client.roundTrip();
  let closing = false;
  const answer = (): void => {
    // As soon as the reset is there, and before its close was told.
    if (!closing) setImmediate(answer);
    closing = true;
    arrival.stream.close(Status.OK, new Metadata());
  };
  client.sendRst(1, 'NO_ERROR');
  await client.roundTrip();
  answer();
  assert.is((await arrival.closed).code, Code.CANCELLED);
});

test('a client that reads nothing does not keep a deadline from the application', async () => {
  await using server = await StreamServer.listen();
  await using client = await RawClient.connect(server.port);
  client.open(requestHeaders(PATH));
  client.open(requestHeaders(PATH));
  client.open(requestHeaders(PATH));
  const [flood, bare, opened] = [await server.arrival(0), await server.arrival(1), await server.arrival(2)];
  opened.stream.sendHeaders(new Metadata());
  await client.roundTrip();
  client.sendWindowUpdate(0, 100_000_000);
  client.sendWindowUpdate(1, 100_000_000);
  await client.roundTrip();
  client.socket.pause();
  flood.stream.sendHeaders(new Metadata());
  for (let i = 0; i < 300; i += 1) flood.stream.writeMessage(Buffer.alloc(64 * 1024), 0);
  await sleep(100);
  for (const arrival of [flood, bare, opened]) {
    arrival.stream.cancel(Status.DEADLINE_EXCEEDED);
    assert.is((await arrival.closed).code, Code.DEADLINE_EXCEEDED);
  }
});

/** What a broken request comes to: before headers, after them, and behind a response that is held up. */
async function fails(
  input: Buffer,
  endStream: boolean,
  code: Code,
  message: RegExp,
  extra: [string, string][] = [],
): Promise<void> {
  for (const stage of ['no headers', 'headers', 'held up'] as const) {
    const manner: StreamManner = {
      onArrival: ({ stream }) => {
        stream.request(5);
        if (stage !== 'no headers') stream.sendHeaders(new Metadata());
        if (stage === 'held up') stream.writeMessage(Buffer.alloc(200_000), 0);
      },
    };
    await using server = await StreamServer.listen(manner, { maxInboundMessageBytes: 1000 });
    await using client = await RawClient.connect(server.port, { returnWindow: false });
    const stream = client.open(requestHeaders(PATH, extra));
    const arrival = await server.arrival();
    await client.roundTrip();
    client.sendData(stream, input, { endStream });
    const status = await arrival.closed;
    assert.is(status.code, code);
    assert.match(status.description ?? '', message);
    assert.equal(arrival.story, ['close']);
    if (stage === 'held up') {
      await client.frame('RST_STREAM', { stream, code: 'CANCEL' });
    } else {
      const block = await client.frame('HEADERS', { stream, endStream: true });
      assert.is(block.header('grpc-status'), String(code));
      assert.match(decodeURIComponent(block.header('grpc-message') ?? ''), message);
      assert.is(block.header(':status'), stage === 'no headers' ? '200' : undefined);
    }
    server.shutdown();
    assert.is(await client.closed, 'fin', client.text());
  }
}

test('a message over the limit: RESOURCE_EXHAUSTED, before its bytes are there', async () => {
  await fails(
    grpcFrame(Buffer.alloc(1001)).subarray(0, 5),
    false,
    Code.RESOURCE_EXHAUSTED,
    /exceeds maximum size 1000: 1001/,
  );
});

test('a message that claims 4 GiB: RESOURCE_EXHAUSTED', async () => {
  await fails(
    Buffer.from('00ffffffff', 'hex'),
    false,
    Code.RESOURCE_EXHAUSTED,
    /exceeds maximum size 1000: 4294967295/,
  );
});

test('reserved flag bits: INTERNAL', async () => {
  await fails(grpcFrame(Buffer.alloc(3), 2), false, Code.INTERNAL, /reserved bits not zero/);
});

test('a compressed message without an encoding: INTERNAL', async () => {
  await fails(grpcFrame(Buffer.alloc(3), 1), false, Code.INTERNAL, /compression not configured/);
  await fails(grpcFrame(Buffer.alloc(3), 1), false, Code.INTERNAL, /compression not configured/, [
    ['grpc-encoding', 'identity'],
  ]);
});

test('what cannot be inflated: INTERNAL', async () => {
  await fails(grpcFrame(Buffer.alloc(30), 1), false, Code.INTERNAL, /Failed to decompress/, [
    ['grpc-encoding', 'gzip'],
  ]);
});

test('the end in mid-message: INTERNAL, also right behind the prefix and within it', async () => {
  for (const cut of [50, 5, 3]) {
    await fails(
      grpcFrame(Buffer.alloc(100)).subarray(0, cut),
      true,
      Code.INTERNAL,
      /^Encountered end-of-stream mid-frame$/,
    );
  }
});

test('a message that was whole before the broken one is delivered', async () => {
  await using server = await StreamServer.listen({ onArrival: ({ stream }) => stream.request(5) });
  await using client = await RawClient.connect(server.port);
  const stream = client.open(requestHeaders(PATH));
  const arrival = await server.arrival();
  client.sendData(stream, Buffer.concat([grpcFrame(Buffer.from('good')), Buffer.from('ff00000000', 'hex')]));
  assert.is((await arrival.closed).code, Code.INTERNAL);
  assert.equal(arrival.story, ['message', 'close']);
});

test('a broken end does not wait to be asked for', async () => {
  await using server = await StreamServer.listen();
  await using client = await RawClient.connect(server.port);
  const stream = client.open(requestHeaders(PATH));
  client.sendData(stream, grpcFrame(Buffer.alloc(100)).subarray(0, 50), { endStream: true });
  const arrival = await server.arrival();
  arrival.stream.request(1);
  assert.is((await arrival.closed).code, Code.INTERNAL);
});

test.run();
