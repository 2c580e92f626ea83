/** Leaving a call early leaves no HTTP/2 stream open, at either side, as a peer sees that reads every frame. */
import { CallOptions } from '../../src/call/call-options.ts';
import { createChannel } from '../../src/channel/create-channel.ts';
import { ChannelCredentials } from '../../src/credentials/channel-credentials.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Status } from '../../src/values/status.ts';
import {
  grpcFrame,
  RawClient,
  type RawConnection,
  RawServer,
  requestHeaders,
  responseHeaders,
  trailers,
  trailersOnly,
} from '../support/raw-http2.ts';
import { RecordingClientListener } from '../support/recorder.ts';
import { assert, suite } from '../support/suite.ts';
import { CallPair, type MadeCall, METHODS } from './call-pair.ts';

const test = suite('leaving a call early');

/** Whether a peer's stream is over: it was reset, or it has sent END_STREAM. */
function isOver(peer: RawConnection, stream: number): boolean {
  return peer.has('RST_STREAM', { stream }) || peer.frames.some((frame) => frame.stream === stream && frame.endStream);
}

type Leave = (made: MadeCall, peer: RawConnection, stream: number) => unknown;

/** How a client may leave, and what the server must see. */
const CLIENT_LEAVES: Readonly<Record<string, Leave>> = {
  'cancel at once': ({ call }) => call.cancel('enough'),
  'cancel after half-close': ({ call }) => {
    call.halfClose();
    call.cancel('enough');
  },
  'cancel with messages queued': ({ call }) => {
    for (let i = 0; i < 50; i += 1) call.sendMessage('x'.repeat(10_000));
    call.cancel('enough');
  },
  'cancel amid the answer': async ({ call, listener }, peer, stream) => {
    call.request(1);
    peer.sendHeaders(stream, responseHeaders());
    peer.sendData(stream, grpcFrame(Buffer.from('one')));
    await listener.message();
    call.cancel('enough');
  },
  'early trailers of the server': ({ call }, peer, stream) => {
    call.sendMessage('still sending');
    peer.sendHeaders(stream, responseHeaders());
    peer.sendHeaders(stream, trailers(0), { endStream: true });
  },
  'a bare status of the server': (_made, peer, stream) =>
    peer.sendHeaders(stream, trailersOnly(5), { endStream: true }),
  'a broken message': ({ call }, peer, stream) => {
    call.request(1);
    peer.sendHeaders(stream, responseHeaders());
    peer.sendData(stream, Buffer.from([9, 0, 0, 0, 0]));
  },
  'too large a message': ({ call }, peer, stream) => {
    call.request(1);
    peer.sendHeaders(stream, responseHeaders());
    peer.sendData(stream, Buffer.from([0, 127, 0, 0, 0]));
  },
  'an encoding that is not known': (_made, peer, stream) =>
    peer.sendHeaders(stream, responseHeaders([['grpc-encoding', 'snappy']])),
  'an answer that is not gRPC': (_made, peer, stream) => {
    peer.sendHeaders(stream, [
      [':status', '200'],
      ['content-type', 'text/html'],
    ]);
    peer.sendData(stream, Buffer.from('<html>'), { endStream: true });
  },
};

for (const [how, leave] of Object.entries(CLIENT_LEAVES)) {
  test(`the client’s side: ${how}`, async () => {
    await using server = await RawServer.listen();
    await using channel = createChannel(`127.0.0.1:${server.port}`, ChannelCredentials.insecure());
    const call = channel.newCall(METHODS.bidi_streaming, CallOptions.DEFAULT);
    const listener = new RecordingClientListener<string>();
    call.start(listener, new Metadata());
    const peer = await server.connection();
    const { stream } = await peer.frame('HEADERS');
    await leave({ call, listener }, peer, stream);
    await listener.closed;
    await peer.roundTrip();
    await peer.roundTrip();
    assert.ok(isOver(peer, stream), peer.text());
    if (how.startsWith('cancel')) {
      const resets = peer.frames.filter((frame) => frame.stream === stream && frame.type === 'RST_STREAM');
      assert.equal(
        resets.map(({ code }) => code),
        ['CANCEL'],
      );
      if (how !== 'cancel after half-close')
        assert.not(peer.frames.some((frame) => frame.stream === stream && frame.endStream));
    }
    // With its stream gone an idle connection that is told to go is gone at once.
    channel.shutdown();
    assert.ok(await channel.awaitTermination(2_000), 'a stream was left open');
  });
}

test('a unary call that is cancelled before it is complete leaves no trace', async () => {
  await using server = await RawServer.listen();
  await using channel = createChannel(`127.0.0.1:${server.port}`, ChannelCredentials.insecure());
  const call = channel.newCall(METHODS.unary, CallOptions.DEFAULT);
  const listener = new RecordingClientListener<string>();
  call.start(listener, new Metadata());
  call.sendMessage('never sent');
  const peer = await server.connection();
  call.cancel('enough');
  await listener.closed;
  await peer.roundTrip();
  assert.not(peer.has('HEADERS'));
});

for (const [how, end] of [
  ['an OK', Status.OK],
  ['an error', Status.NOT_FOUND],
] as const) {
  for (const withHeaders of [true, false]) {
    test(`the server’s side: ${how} ${withHeaders ? 'after' : 'without'} headers, while the client still sends`, async () => {
      await using pair = await CallPair.open({ transport: 'http2' });
      await using peer = await RawClient.connect(pair.server.port);
      const stream = peer.open(requestHeaders('/test.Text/bidi_streaming'));
      peer.sendData(stream, grpcFrame(Buffer.from('unread')));
      const { call, listener } = await pair.served.next();
      if (withHeaders) call.sendHeaders(new Metadata());
      call.close(end, new Metadata());
      await listener.closed;
      await peer.frame('HEADERS', { stream, endStream: true });
      await peer.frame('RST_STREAM', { stream, code: 'NO_ERROR' });
      const first = peer.frames.findIndex((frame) => frame.stream === stream && frame.endStream);
      const reset = peer.frames.findIndex((frame) => frame.stream === stream && frame.type === 'RST_STREAM');
      assert.ok(first < reset, 'the reset came before the trailers');
      pair.server.shutdown();
      assert.ok(await pair.server.awaitTermination(2_000), 'a stream was left open');
    });
  }
}

test('the server’s side: a reset of the client ends the call, and nothing is left', async () => {
  await using pair = await CallPair.open({ transport: 'http2' });
  await using peer = await RawClient.connect(pair.server.port);
  const stream = peer.open(requestHeaders('/test.Text/bidi_streaming'));
  const { call, listener } = await pair.served.next();
  call.sendHeaders(new Metadata());
  for (let i = 0; i < 20; i += 1) call.sendMessage('x'.repeat(20_000));
  peer.sendRst(stream, 'CANCEL');
  assert.is(await listener.closed, 'cancel');
  call.sendMessage('dropped');
  call.close(Status.OK, new Metadata());
  pair.server.shutdown();
  assert.ok(await pair.server.awaitTermination(2_000), 'a stream was left open');
});

test.run();
