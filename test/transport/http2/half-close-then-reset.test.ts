/**
 * Clients on node:http2 cancel with END_STREAM and then RST_STREAM: a server that believes the first takes a cancelled
 * upload for a whole one. Pins the quirk and our answer: on methods where the client streams a half-close waits one turn.
 */
import http2 from 'node:http2';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Metadata } from '../../../src/values/metadata.ts';
import { Code, Status } from '../../../src/values/status.ts';
import { grpcFrame, RawClient, RawServer, requestHeaders } from '../../support/raw-http2.ts';
import { assert, suite, within } from '../../support/suite.ts';
import { StreamServer } from './stream-server.ts';

const test = suite('Http2ServerStream: half-close, then reset');

const PATH = '/test.Echo/Upload';
const HEADERS: http2.OutgoingHttpHeaders = {
  ':method': 'POST',
  ':path': PATH,
  'content-type': 'application/grpc',
  te: 'trailers',
};

/** Runs `use` with node's own client. */
async function withNodeClient(port: number, use: (session: http2.ClientHttp2Session) => Promise<void>): Promise<void> {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  const closed = new Promise((resolve) => session.once('close', resolve));
  try {
    await use(session);
  } finally {
    session.destroy();
    await within(5_000, closed);
  }
}

test('node:http2 cancels a request with END_STREAM ahead of RST_STREAM', async () => {
  await using server = await RawServer.listen();
  await withNodeClient(server.port, async (session) => {
    const stream = session.request(HEADERS);
    stream.on('error', () => {});
    const connection = await server.connection();
    await connection.frame('HEADERS');
    stream.close(http2.constants.NGHTTP2_CANCEL);
    await connection.frame('RST_STREAM', { stream: 1, code: 'CANCEL' });
    assert.equal(connection.story(1), ['HEADERS(1)', 'DATA(1, 0 bytes, ES)', 'RST_STREAM(1, CANCEL)']);
  });
});

test('100 uploads cancelled by such a client: not one half-close is told', async () => {
  await using server = await StreamServer.listen({ onArrival: ({ stream }) => stream.request(10) });
  await withNodeClient(server.port, async (session) => {
    for (let i = 0; i < 100; i += 1) {
      const stream = session.request(HEADERS);
      stream.on('error', () => {});
      if (i % 2 === 1) stream.write(grpcFrame(Buffer.from('part of it')));
      const arrival = await server.arrival(i);
      if (i % 2 === 1) await arrival.log.next('message');
      stream.close(http2.constants.NGHTTP2_CANCEL);
      assert.is((await arrival.closed).code, Code.CANCELLED);
      assert.not(arrival.story.includes('half-close'), `in run ${i}: ${arrival.story}`);
    }
  });
});

test('100 of them cancelled at once, with responses already under way', async () => {
  await using server = await StreamServer.listen({
    onArrival: ({ stream }) => {
      stream.request(10);
      stream.sendHeaders(new Metadata());
      stream.writeMessage(Buffer.alloc(100), 0);
    },
  });
  await withNodeClient(server.port, async (session) => {
    const streams = Array.from({ length: 100 }, () =>
      session
        .request(HEADERS)
        .on('error', () => {})
        .resume(),
    );
    await server.arrival(99);
    for (const stream of streams) stream.close(http2.constants.NGHTTP2_CANCEL);
    for (const arrival of server.arrivals) {
      assert.is((await arrival.closed).code, Code.CANCELLED);
      assert.equal(arrival.story, ['close']);
    }
  });
});

test('both frames in one segment', async () => {
  for (let i = 0; i < 20; i += 1) {
    await using server = await StreamServer.listen({ onArrival: ({ stream }) => stream.request(10) });
    await using client = await RawClient.connect(server.port);
    const stream = client.open(requestHeaders(PATH));
    const arrival = await server.arrival();
    client.socket.cork();
    client.sendData(stream, grpcFrame(Buffer.from('part of it')), { endStream: true });
    client.sendRst(stream, i % 2 === 0 ? 'CANCEL' : 'NO_ERROR');
    client.socket.uncork();
    assert.is((await arrival.closed).code, Code.CANCELLED);
    assert.not(arrival.story.includes('half-close'), `in run ${i}: ${arrival.story}`);
  }
});

test('a half-close that is meant is told, one turn late where the client streams', async () => {
  for (const clientStreams of [true, false]) {
    await using server = await StreamServer.listen({ clientStreams, onArrival: ({ stream }) => stream.request(10) });
    await using client = await RawClient.connect(server.port);
    const stream = client.open(requestHeaders(PATH));
    const arrival = await server.arrival();
    client.sendData(stream, grpcFrame(Buffer.from('all of it')), { endStream: true });
    await arrival.log.next('message');
    if (clientStreams) assert.equal(arrival.story, ['message']);
    await nextTurn();
    await arrival.log.next('half-close');
    arrival.stream.close(Status.OK, new Metadata());
    await arrival.closed;
    assert.equal(arrival.story, ['message', 'half-close', 'close']);
  }
});

test('a reset that comes later finds the half-close told', async () => {
  await using server = await StreamServer.listen({ onArrival: ({ stream }) => stream.request(10) });
  await using client = await RawClient.connect(server.port);
  const stream = client.open(requestHeaders(PATH), { endStream: true });
  const arrival = await server.arrival();
  await arrival.log.next('half-close');
  client.sendRst(stream, 'CANCEL');
  assert.is((await arrival.closed).code, Code.CANCELLED);
  assert.equal(arrival.story, ['half-close', 'close']);
});

test.run();
