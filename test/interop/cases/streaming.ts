/** The cases of streams that go well. Above: cases.ts. Below: expect.ts, requests.ts. */
import { Code } from '../../../src/index.ts';
import type { FaceClient } from '../face.ts';
import type { StreamingOutputCallResponse } from '../gen/grpc/testing/messages_pb.ts';
import { TEST_SERVICE } from '../test-service.ts';
import type { Cases } from './case.ts';
import { expectEqual, expectPayloads, expectStatus, expectThat, readAll, single } from './expect.ts';
import { EMPTY, input, outputOf, REQUEST_SIZES, RESPONSE_SIZES } from './requests.ts';

const AGGREGATED_SIZE = 74_922;

async function clientStreaming(client: FaceClient): Promise<void> {
  const call = client.clientStreaming(TEST_SERVICE.streamingInputCall);
  for (const size of REQUEST_SIZES) await call.send(input(size));
  call.halfClose();
  expectEqual('the aggregated size', single(await call.outcome()).aggregatedPayloadSize, AGGREGATED_SIZE);
}

async function serverStreaming(client: FaceClient): Promise<void> {
  const call = client.serverStreaming(TEST_SERVICE.streamingOutputCall, outputOf(RESPONSE_SIZES));
  const responses = await readAll(call);
  expectStatus(await call.outcome(), Code.OK);
  expectPayloads(responses, RESPONSE_SIZES);
}

/** Each request leaves once the one before is answered. */
async function pingPong(client: FaceClient): Promise<void> {
  const call = client.bidi(TEST_SERVICE.fullDuplexCall);
  const responses: StreamingOutputCallResponse[] = [];
  for (const [round, size] of RESPONSE_SIZES.entries()) {
    await call.send(outputOf([size], REQUEST_SIZES[round]));
    const response = await call.receive();
    if (response === null) break;
    responses.push(response);
  }
  call.halfClose();
  responses.push(...(await readAll(call)));
  expectStatus(await call.outcome(), Code.OK);
  expectPayloads(responses, RESPONSE_SIZES);
}

async function emptyStream(client: FaceClient): Promise<void> {
  const call = client.bidi(TEST_SERVICE.fullDuplexCall);
  call.halfClose();
  expectEqual('the number of responses', (await readAll(call)).length, 0);
  expectStatus(await call.outcome(), Code.OK);
}

/** The server answers nothing before the half-close: a call on the same connection that comes later is answered first. */
async function halfDuplex(client: FaceClient): Promise<void> {
  const call = client.bidi(TEST_SERVICE.halfDuplexCall);
  for (const [round, size] of RESPONSE_SIZES.entries()) await call.send(outputOf([size], REQUEST_SIZES[round]));
  let isAnswered = false;
  const first = call.receive().then((response) => {
    isAnswered = true;
    return response;
  });
  single(await client.unary(TEST_SERVICE.emptyCall, EMPTY));
  expectThat(!isAnswered, 'no response before the half-close', 'one');
  call.halfClose();
  const response = await first;
  const responses = response === null ? [] : [response, ...(await readAll(call))];
  expectStatus(await call.outcome(), Code.OK);
  expectPayloads(responses, RESPONSE_SIZES);
}

/** A stream of no requests is answered like any other. */
async function clientSendsNothing(client: FaceClient): Promise<void> {
  const call = client.clientStreaming(TEST_SERVICE.streamingInputCall);
  call.halfClose();
  expectEqual('the aggregated size', single(await call.outcome()).aggregatedPayloadSize, 0);
}

export const STREAMING_CASES: Cases = {
  client_streaming: { run: clientStreaming },
  server_streaming: { run: serverStreaming },
  ping_pong: { run: pingPong },
  empty_stream: { run: emptyStream },
};

export const OWN_STREAMING_CASES: Cases = {
  half_duplex: { run: halfDuplex },
  client_sends_nothing: { run: clientSendsNothing },
};
