/**
 * What a client has to show against the negative HTTP/2 server, each official case once. Above: negative.test.ts. Below: any
 * FaceClient. Holds: a case resolves if it passed and rejects with what was wrong; what only the server can see, such as the
 * answers to its PINGs, is in the server's faults. Source: grpc doc/negative-http2-interop-test-descriptions.md.
 */
import { create } from '@bufbuild/protobuf';
import type { FaceClient, Outcome } from '../face.ts';
import { SimpleRequestSchema, type SimpleResponse } from '../gen/grpc/testing/messages_pb.ts';
import { TEST_SERVICE } from '../test-service.ts';
import type { NegativeCase } from './negative-server.ts';

const LARGE_REQUEST = 271_828;
const LARGE_RESPONSE = 314_159;
const PARALLEL_CALLS = 15;
const TIMEOUT_MS = 15_000;

/** All that the cases need of a client. */
export type UnaryClient = Pick<FaceClient, 'unary'>;

/**
 * Resolves when the client has had the time to read everything that the server sent: a second in the official programs, and
 * exactly as long as it takes where the server can be asked.
 */
export type Pause = () => Promise<unknown>;

/** A case. */
type Case = (client: UnaryClient, pause: Pause) => Promise<void>;

async function callUnary(client: UnaryClient): Promise<Outcome<SimpleResponse>> {
  const request = create(SimpleRequestSchema, {
    responseSize: LARGE_RESPONSE,
    payload: { body: new Uint8Array(LARGE_REQUEST) },
  });
  return await client.unary(TEST_SERVICE.unaryCall, request, { timeoutMs: TIMEOUT_MS });
}

function expect(what: string, actual: unknown, expected: unknown): void {
  if (actual !== expected) throw new Error(`${what}: ${actual} in place of ${expected}`);
}

/** The official large_unary. */
export async function largeUnary(client: UnaryClient): Promise<void> {
  const { status, messages } = await callUnary(client);
  expect('the status', status.toString(), 'OK');
  expect('the number of responses', messages.length, 1);
  expect('the size of the response', messages[0]?.payload?.body.length, LARGE_RESPONSE);
}

/** Two calls, one after the other: the GOAWAY behind the first must not be seen. */
async function goaway(client: UnaryClient, pause: Pause): Promise<void> {
  await largeUnary(client);
  await pause();
  await largeUnary(client);
}

/**
 * A call whose stream is reset with NO_ERROR before there is a status: INTERNAL, as gRPC's table of HTTP/2 codes has it,
 * however much of the response has come. (grpc-go's client of these cases waits for UNKNOWN amid a message; grpc-go itself
 * says INTERNAL there too.)
 */
async function reset(client: UnaryClient): Promise<Outcome<SimpleResponse>> {
  const outcome = await callUnary(client);
  expect('the status of a call that was reset', outcome.status.name, 'INTERNAL');
  return outcome;
}

/** A reset before a whole message has come: no response is told. */
async function resetWithoutMessage(client: UnaryClient): Promise<void> {
  const { messages } = await reset(client);
  expect('the number of responses', messages.length, 0);
}

/** A reset behind the message: whether the response is told as well is a matter of the face. */
async function resetBehindMessage(client: UnaryClient): Promise<void> {
  await reset(client);
}

/** One call, by whose end the server's limit is known, and then many at once. */
async function maxStreams(client: UnaryClient): Promise<void> {
  await largeUnary(client);
  await Promise.all(Array.from({ length: PARALLEL_CALLS }, () => largeUnary(client)));
}

/** The cases by name. */
export const NEGATIVE_CLIENT_CASES: { readonly [name in NegativeCase]: Case } = {
  goaway,
  rst_after_header: resetWithoutMessage,
  rst_during_data: resetWithoutMessage,
  rst_after_data: resetBehindMessage,
  ping: largeUnary,
  max_streams: maxStreams,
  data_frame_padding: largeUnary,
  no_df_padding_sanity_test: largeUnary,
};
