/** The requests that the cases have in common, and their sizes in bytes. Above: the cases. Below: the generated messages. */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { CallInit, FaceClient, Outcome } from '../face.ts';
import { type Empty, EmptySchema } from '../gen/grpc/testing/empty_pb.ts';
import {
  type Payload,
  PayloadSchema,
  type ResponseParametersSchema,
  type SimpleRequest,
  SimpleRequestSchema,
  type SimpleResponse,
  type StreamingInputCallRequest,
  StreamingInputCallRequestSchema,
  type StreamingOutputCallRequest,
  StreamingOutputCallRequestSchema,
} from '../gen/grpc/testing/messages_pb.ts';
import { TEST_SERVICE } from '../test-service.ts';

export const LARGE_REQUEST = 271_828;
export const LARGE_RESPONSE = 314_159;
export const REQUEST_SIZES: readonly number[] = [27_182, 8, 1828, 45_904];
export const RESPONSE_SIZES: readonly number[] = [31_415, 9, 2653, 58_979];

export const EMPTY: Empty = create(EmptySchema);

/** So many zero bytes. */
export function zeros(size: number): Payload {
  return create(PayloadSchema, { body: new Uint8Array(size) });
}

/** Of every large request: where a thousand calls are made at a time, they share it. */
const LARGE_PAYLOAD = zeros(LARGE_REQUEST);

/** The large request of UnaryCall. */
function largeRequest(more: MessageInitShape<typeof SimpleRequestSchema>): SimpleRequest {
  return create(SimpleRequestSchema, { responseSize: LARGE_RESPONSE, payload: LARGE_PAYLOAD, ...more });
}

/** UnaryCall with the large request, or with what `more` makes of it. */
export function largeUnary(
  client: FaceClient,
  more: MessageInitShape<typeof SimpleRequestSchema> = {},
  init: CallInit = {},
): Promise<Outcome<SimpleResponse>> {
  return client.unary(TEST_SERVICE.unaryCall, largeRequest(more), init);
}

/** A request of StreamingInputCall. */
export function input(
  size: number,
  more: MessageInitShape<typeof StreamingInputCallRequestSchema> = {},
): StreamingInputCallRequest {
  return create(StreamingInputCallRequestSchema, { payload: zeros(size), ...more });
}

type Parameters = MessageInitShape<typeof ResponseParametersSchema>;

/** A request of StreamingOutputCall and of the duplex methods: for these responses, with a payload of `size`. */
export function output(responseParameters: readonly Parameters[], size?: number): StreamingOutputCallRequest {
  const payload = size === undefined ? {} : { payload: zeros(size) };
  return create(StreamingOutputCallRequestSchema, { responseParameters: [...responseParameters], ...payload });
}

/** The same for responses of these sizes. */
export function outputOf(sizes: readonly number[], size?: number): StreamingOutputCallRequest {
  return output(
    sizes.map((each) => ({ size: each })),
    size,
  );
}
