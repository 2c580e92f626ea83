/**
 * Our server against clients that break HTTP/2's rules, after grpc's tools/http2_interop: a breach costs its own connection
 * and no other. Bytes at random are in test/transport/http2/fuzz.test.ts.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import {
  type ErrorCode,
  encodeData,
  encodeFrame,
  encodeHeaders,
  encodeReset,
  encodeSettings,
  encodeWindowUpdate,
  Flag,
  type Frame,
} from '../../support/http2-frame.ts';
import { grpcFrame, RawClient, type RawConnection, requestHeaders } from '../../support/raw-http2.ts';
import { assert, suite } from '../../support/suite.ts';
import { StreamingOutputCallRequestSchema } from '../gen/grpc/testing/messages_pb.ts';
import { call, FULL_DUPLEX_CALL, message, REQUEST, UNARY_CALL, withClient } from './raw-calls.ts';

const IDLE_STREAM = 99;

const test = suite('server and breaches of HTTP/2');

/** node:http2 leaves the code of a breach to nghttp2 in part, and says INTERNAL_ERROR for the others. */
function expectBreach(frame: Frame, code: ErrorCode, client: RawConnection): void {
  assert.ok(frame.code === code || frame.code === 'INTERNAL_ERROR', client.text());
}

test('something else than SETTINGS behind the preface ends the connection', async () => {
  await withClient(
    async (client) => {
      client.sendPing();
      expectBreach(await client.frame('GOAWAY'), 'PROTOCOL_ERROR', client);
    },
    { settings: null },
  );
});

/** Bytes behind a healthy call on stream 1, and the code of GOAWAY that RFC 9113 names for them. */
const BREACHES: readonly (readonly [what: string, bytes: () => Uint8Array, code: ErrorCode])[] = [
  ['HEADERS on stream 0', () => encodeFrame('HEADERS', Flag.END_HEADERS, 0, REQUEST), 'PROTOCOL_ERROR'],
  ['DATA on stream 0', () => encodeData(0, message(1, 1), true), 'PROTOCOL_ERROR'],
  ['DATA on an idle stream', () => encodeData(IDLE_STREAM, message(1, 1), true), 'PROTOCOL_ERROR'],
  ['a stream with an even number', () => encodeHeaders(2, requestHeaders(UNARY_CALL), true), 'PROTOCOL_ERROR'],
  ['RST_STREAM on an idle stream', () => encodeReset(IDLE_STREAM, 'CANCEL'), 'PROTOCOL_ERROR'],
  ['RST_STREAM on stream 0', () => encodeReset(0, 'CANCEL'), 'PROTOCOL_ERROR'],
  ['RST_STREAM of 3 bytes', () => encodeFrame('RST_STREAM', 0, 1, Buffer.alloc(3)), 'FRAME_SIZE_ERROR'],
  ['WINDOW_UPDATE on an idle stream', () => encodeWindowUpdate(IDLE_STREAM, 1), 'PROTOCOL_ERROR'],
  ['WINDOW_UPDATE of 0 on the connection', () => encodeWindowUpdate(0, 0), 'PROTOCOL_ERROR'],
  ['WINDOW_UPDATE of 5 bytes', () => encodeFrame('WINDOW_UPDATE', 0, 0, Buffer.alloc(5, 1)), 'FRAME_SIZE_ERROR'],
  ['a window of the connection beyond 2³¹−1', () => encodeWindowUpdate(0, 2 ** 31 - 1), 'FLOW_CONTROL_ERROR'],
  ['CONTINUATION without HEADERS', () => encodeFrame('CONTINUATION', 4, 1, REQUEST), 'PROTOCOL_ERROR'],
  [
    'a PING between HEADERS and CONTINUATION',
    () => Buffer.concat([encodeFrame('HEADERS', 0, 3, REQUEST), encodeFrame('PING', 0, 0, Buffer.alloc(8))]),
    'PROTOCOL_ERROR',
  ],
  [
    'an unknown frame between HEADERS and CONTINUATION',
    () => Buffer.concat([encodeFrame('HEADERS', 0, 3, REQUEST), encodeFrame(0xfb, 0, 3, Buffer.alloc(8))]),
    'PROTOCOL_ERROR',
  ],
  [
    'CONTINUATION of another stream',
    () => Buffer.concat([encodeFrame('HEADERS', 0, 3, REQUEST), encodeFrame('CONTINUATION', 4, 5, REQUEST)]),
    'PROTOCOL_ERROR',
  ],
  [
    'a header block that is none',
    () => encodeFrame('HEADERS', 5, 3, Buffer.from('ff'.repeat(12), 'hex')),
    'COMPRESSION_ERROR',
  ],
  [
    'padding longer than its DATA',
    () => Buffer.concat([encodeFrame('HEADERS', 4, 3, REQUEST), encodeFrame('DATA', Flag.PADDED, 3, Buffer.of(9, 0))]),
    'PROTOCOL_ERROR',
  ],
  [
    'WINDOW_UPDATE of 0 on a stream',
    () => Buffer.concat([encodeFrame('HEADERS', 4, 3, REQUEST), encodeWindowUpdate(3, 0)]),
    'PROTOCOL_ERROR',
  ],
  ['padding longer than its HEADERS', () => encodeFrame('HEADERS', 0xc, 3, Buffer.of(9, 0)), 'PROTOCOL_ERROR'],
  ['PUSH_PROMISE', () => encodeFrame('PUSH_PROMISE', 4, 1, Buffer.alloc(20)), 'PROTOCOL_ERROR'],
  ['PING on a stream', () => encodeFrame('PING', 0, 1, Buffer.alloc(8)), 'PROTOCOL_ERROR'],
  ['PING of 6 bytes', () => encodeFrame('PING', 0, 0, Buffer.alloc(6)), 'FRAME_SIZE_ERROR'],
  ['GOAWAY on a stream', () => encodeFrame('GOAWAY', 0, 1, Buffer.alloc(8)), 'PROTOCOL_ERROR'],
  ['SETTINGS on a stream', () => encodeFrame('SETTINGS', 0, 1, Buffer.alloc(0)), 'PROTOCOL_ERROR'],
  ['SETTINGS of 5 bytes', () => encodeFrame('SETTINGS', 0, 0, Buffer.alloc(5)), 'FRAME_SIZE_ERROR'],
  [
    'SETTINGS that are acknowledged with a payload',
    () => encodeFrame('SETTINGS', 1, 0, Buffer.alloc(6)),
    'FRAME_SIZE_ERROR',
  ],
  ['a push setting of 2', () => encodeSettings({ ENABLE_PUSH: 2 }), 'PROTOCOL_ERROR'],
  ['a window setting of 2³¹', () => encodeSettings({ INITIAL_WINDOW_SIZE: 2 ** 31 }), 'FLOW_CONTROL_ERROR'],
  ['a frame setting of 16383', () => encodeSettings({ MAX_FRAME_SIZE: 16_383 }), 'PROTOCOL_ERROR'],
  ['a frame setting of 2²⁴', () => encodeSettings({ MAX_FRAME_SIZE: 2 ** 24 }), 'PROTOCOL_ERROR'],
  ['a frame longer than was allowed', () => encodeFrame('DATA', 0, 1, Buffer.alloc(16_385)), 'FRAME_SIZE_ERROR'],
];

for (const [what, bytes, code] of BREACHES) {
  test(`${what} ends the connection with GOAWAY, and another connection is served`, async () => {
    await withClient(async (client, server) => {
      await call(client);
      await using other = await RawClient.connect(server.port);
      client.sendRaw(bytes());
      expectBreach(await client.frame('GOAWAY'), code, client);
      await call(other);
    });
  });
}

test('a window of a stream beyond 2³¹−1 ends at least the stream', async () => {
  await withClient(async (client) => {
    const stream = client.open(requestHeaders(FULL_DUPLEX_CALL));
    client.sendWindowUpdate(stream, 2 ** 31 - 1);
    const refusal = await Promise.race([client.frame('GOAWAY'), client.frame('RST_STREAM', { stream })]);
    expectBreach(refusal, 'FLOW_CONTROL_ERROR', client);
  });
});

test('a request with a lower number than one before is not served', async () => {
  await withClient(async (client) => {
    client.sendHeaders(5, requestHeaders(FULL_DUPLEX_CALL));
    client.sendHeaders(3, requestHeaders(UNARY_CALL));
    client.sendData(3, message(10, 500), { endStream: true });
    // RFC 9113 §5.1.1 asks for a connection error; nghttp2 takes it for a late frame of a stream that is gone.
    await Promise.race([client.roundTrip().catch(() => {}), client.frame('GOAWAY')]);
    assert.equal(client.story(3), []);
  });
});

test('DATA beyond the window is a FLOW_CONTROL_ERROR', async () => {
  await withClient(
    async (client) => {
      const stream = client.open(requestHeaders(FULL_DUPLEX_CALL));
      // The server is kept from sending the response, and so from asking for the message behind the request.
      const request = create(StreamingOutputCallRequestSchema, { responseParameters: [{ size: 90_000 }, { size: 9 }] });
      client.sendData(stream, grpcFrame(toBinary(StreamingOutputCallRequestSchema, request)));
      await client.frame('HEADERS', { stream });
      client.sendData(stream, Buffer.alloc(client.credit(stream)));
      await client.roundTrip();
      assert.is(client.credit(stream), 0, 'what was not asked for is not given back');
      client.sendData(stream, Buffer.alloc(1));
      const refusal = await Promise.race([client.frame('GOAWAY'), client.frame('RST_STREAM', { stream })]);
      expectBreach(refusal, 'FLOW_CONTROL_ERROR', client);
    },
    { settings: { INITIAL_WINDOW_SIZE: 0 } },
  );
});

test.run();
