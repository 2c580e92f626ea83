/** The bytes of the bench service, against a codec that reads the same .proto file. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  answerTo,
  decodeOrder,
  encodeOrder,
  responseSizeOf,
  simpleRequest,
  simpleResponse,
} from '../../bench/service.ts';
import { SimpleRequestSchema, SimpleResponseSchema } from '../interop/gen/grpc/testing/messages_pb.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('bench service');

const SIZES = [0, 1, 32, 127, 128, 300, 16_384, 1_048_576];

test('requests are SimpleRequests', () => {
  for (const requestBytes of SIZES) {
    for (const responseBytes of SIZES) {
      const request = fromBinary(SimpleRequestSchema, simpleRequest(requestBytes, responseBytes));
      assert.is(request.payload?.body.length ?? 0, requestBytes);
      assert.is(request.responseSize, responseBytes);
    }
  }
});

test('the response size is read from requests, ours and a codec’s', () => {
  for (const size of SIZES) {
    assert.is(responseSizeOf(simpleRequest(5, size)), size);
    const request = create(SimpleRequestSchema, { responseSize: size, payload: { body: new Uint8Array(3) } });
    assert.is(responseSizeOf(toBinary(SimpleRequestSchema, request)), size);
  }
});

test('responses are SimpleResponses of the size that was asked for', () => {
  for (const size of SIZES) {
    const response = fromBinary(SimpleResponseSchema, answerTo(simpleRequest(0, size)));
    assert.is(response.payload?.body.length ?? 0, size);
    assert.is(simpleResponse(size), simpleResponse(size));
  }
});

test('orders come back as they were', () => {
  for (const order of [
    { messages: 0, bytes: 0 },
    { messages: 5_000, bytes: 1_048_576 },
    { messages: 0xffff_ffff, bytes: 1 },
  ]) {
    assert.equal(decodeOrder(encodeOrder(order)), order);
  }
});

test.run();
