/** The cases of calls that the server ends with an error. Above: cases.ts. Below: expect.ts, requests.ts. */
import { create } from '@bufbuild/protobuf';
import { Code, type MethodDescriptor } from '../../../src/index.ts';
import type { CallInit, FaceClient, Outcome } from '../face.ts';
import type { Empty } from '../gen/grpc/testing/empty_pb.ts';
import {
  type EchoStatus,
  EchoStatusSchema,
  SimpleRequestSchema,
  StreamingOutputCallRequestSchema,
} from '../gen/grpc/testing/messages_pb.ts';
import { TEST_SERVICE, UNIMPLEMENTED_METHOD, UNIMPLEMENTED_SERVICE } from '../test-service.ts';
import type { Cases } from './case.ts';
import { expectEqual, expectPayloads, expectStatus, readAll } from './expect.ts';
import { ECHO_TRAILING } from './metadata.ts';
import { EMPTY, outputOf } from './requests.ts';

const SPECIAL_MESSAGE = '\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n';
const STATUS = create(EchoStatusSchema, { code: Code.UNKNOWN, message: 'test status message' });

async function failUnary(
  client: FaceClient,
  responseStatus: EchoStatus,
  init: CallInit = {},
): Promise<Outcome<unknown>> {
  const request = create(SimpleRequestSchema, { responseStatus });
  const outcome = await client.unary(TEST_SERVICE.unaryCall, request, init);
  expectStatus(outcome, Code.UNKNOWN, responseStatus.message);
  expectEqual('the number of responses', outcome.messages.length, 0);
  return outcome;
}

async function failDuplex(
  client: FaceClient,
  responseStatus: EchoStatus,
  init: CallInit = {},
): Promise<Outcome<unknown>> {
  const call = client.bidi(TEST_SERVICE.fullDuplexCall, init);
  await call.send(create(StreamingOutputCallRequestSchema, { responseStatus }));
  call.halfClose();
  expectEqual('the number of responses', (await readAll(call)).length, 0);
  const outcome = await call.outcome();
  expectStatus(outcome, Code.UNKNOWN, responseStatus.message);
  return outcome;
}

async function statusCodeAndMessage(client: FaceClient): Promise<void> {
  await failUnary(client, STATUS);
  await failDuplex(client, STATUS);
}

async function specialStatusMessage(client: FaceClient): Promise<void> {
  await failUnary(client, create(EchoStatusSchema, { code: Code.UNKNOWN, message: SPECIAL_MESSAGE }));
}

async function unimplemented(client: FaceClient, method: MethodDescriptor<Empty, Empty, 'unary'>): Promise<void> {
  const outcome = await client.unary(method, EMPTY);
  expectStatus(outcome, Code.UNIMPLEMENTED);
  expectEqual('the number of responses', outcome.messages.length, 0);
}

/** An error's trailers arrive with it. */
async function statusWithTrailers(client: FaceClient): Promise<void> {
  const bytes = Buffer.from('00ff0a', 'hex');
  const init = { metadata: { [ECHO_TRAILING]: bytes } };
  for (const { trailers } of [await failUnary(client, STATUS, init), await failDuplex(client, STATUS, init)]) {
    expectEqual('the echo in the trailers', trailers.getAll(ECHO_TRAILING), [bytes]);
  }
}

/** What came before the error is read before it. */
async function statusAfterResponse(client: FaceClient): Promise<void> {
  const call = client.bidi(TEST_SERVICE.fullDuplexCall);
  await call.send(outputOf([31_415, 9]));
  expectPayloads(
    [await call.receive()].flatMap((message) => message ?? []),
    [31_415],
  );
  await call.send(create(StreamingOutputCallRequestSchema, { responseStatus: STATUS }));
  expectPayloads(await readAll(call), [9]);
  expectStatus(await call.outcome(), Code.UNKNOWN, STATUS.message);
}

export const STATUS_CASES: Cases = {
  status_code_and_message: { run: statusCodeAndMessage },
  special_status_message: { run: specialStatusMessage },
  unimplemented_method: { run: (client) => unimplemented(client, UNIMPLEMENTED_METHOD) },
  unimplemented_service: { run: (client) => unimplemented(client, UNIMPLEMENTED_SERVICE) },
};

export const OWN_STATUS_CASES: Cases = {
  status_with_trailers: { run: statusWithTrailers },
  status_after_response: { run: statusAfterResponse },
};
