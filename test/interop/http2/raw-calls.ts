/**
 * Calls of the test service in raw frames, and our server to make them to. Above: server.test.ts, server-breaches.test.ts.
 * Below: raw-http2.ts, server.ts.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Server } from '../../../src/index.ts';
import { encodeBlock } from '../../support/http2-frame.ts';
import {
  grpcFrame,
  RawClient,
  type RawClientOptions,
  type RawConnection,
  requestHeaders,
} from '../../support/raw-http2.ts';
import { assert } from '../../support/suite.ts';
import { SimpleRequestSchema, SimpleResponseSchema } from '../gen/grpc/testing/messages_pb.ts';
import { startInteropServer } from '../server.ts';

export const UNARY_CALL = '/grpc.testing.TestService/UnaryCall';
export const FULL_DUPLEX_CALL = '/grpc.testing.TestService/FullDuplexCall';
/** The header block of a UnaryCall. */
export const REQUEST: Buffer = encodeBlock(requestHeaders(UNARY_CALL));

/** A request of UnaryCall as it stands in DATA. */
export function message(payloadBytes: number, responseSize: number): Buffer {
  const request = create(SimpleRequestSchema, { responseSize, payload: { body: new Uint8Array(payloadBytes) } });
  return grpcFrame(toBinary(SimpleRequestSchema, request));
}

/** Waits for an OK answer with so many bytes. */
export async function expectAnswer(client: RawConnection, stream: number, responseSize: number): Promise<void> {
  const trailers = await client.frame('HEADERS', { stream, endStream: true });
  assert.is(trailers.header('grpc-status'), '0', client.text());
  const [response] = client.messages(stream);
  assert.ok(response);
  assert.is(fromBinary(SimpleResponseSchema, response.payload).payload?.body.length, responseSize);
}

/** A whole call. */
export async function call(client: RawConnection, responseSize = 1_000): Promise<void> {
  const stream = client.open(requestHeaders(UNARY_CALL));
  client.sendData(stream, message(10, responseSize), { endStream: true });
  await expectAnswer(client, stream, responseSize);
}

/** Runs something on a connection of its own. */
export async function withClient(
  act: (client: RawConnection, server: Server) => Promise<void>,
  options: RawClientOptions = {},
): Promise<void> {
  await using server = await startInteropServer();
  await using client = await RawClient.connect(server.port, options);
  await act(client, server);
  server.shutdownNow();
}
