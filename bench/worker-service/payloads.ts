/**
 * What the calls of a worker carry: SimpleRequests and SimpleResponses through their codec, or bytes without one. Above:
 * benchmark-server.ts, benchmark-client.ts. Below: generated code, halfclose/protobuf-es. Holds: a request and the response of
 * each size are made once; they are written anew for every call. Source: grpc/testing/payloads.proto.
 */
import { create } from '@bufbuild/protobuf';
import { BYTES_MARSHALLER, Code, type MethodDescriptor, type MethodKind, StatusError } from '../../src/index.ts';
import { serverMethods } from '../../src/stub/codec/protobuf-es.ts';
import { BenchmarkService } from '../../test/interop/gen/grpc/testing/benchmark_service_pb.ts';
import {
  type SimpleRequest,
  SimpleRequestSchema,
  type SimpleResponse,
  SimpleResponseSchema,
} from '../../test/interop/gen/grpc/testing/messages_pb.ts';
import type { PayloadConfig } from '../../test/interop/gen/grpc/testing/payloads_pb.ts';
import { messageOf } from '../service.ts';

/** The methods of grpc.testing.BenchmarkService. */
export interface BenchmarkMethods<Req, Res> {
  readonly unaryCall: MethodDescriptor<Req, Res, 'unary'>;
  readonly streamingCall: MethodDescriptor<Req, Res, 'bidi_streaming'>;
  readonly streamingFromClient: MethodDescriptor<Req, Res, 'client_streaming'>;
  readonly streamingFromServer: MethodDescriptor<Req, Res, 'server_streaming'>;
  readonly streamingBothWays: MethodDescriptor<Req, Res, 'bidi_streaming'>;
}

/** One kind of messages, at both ends. */
export interface Payloads<Req, Res> {
  readonly methods: BenchmarkMethods<Req, Res>;
  /** What clients send. */
  readonly request: Req;
  /** What servers answer to a request; to null for a stream that had none. */
  answerTo(request: Req | null): Res;
}

const METHODS: BenchmarkMethods<SimpleRequest, SimpleResponse> = serverMethods(BenchmarkService) as BenchmarkMethods<
  SimpleRequest,
  SimpleResponse
>;

function ofBytes<K extends MethodKind>(method: MethodDescriptor<SimpleRequest, SimpleResponse, K>) {
  return method.withMarshallers<Uint8Array, Uint8Array>(BYTES_MARSHALLER, BYTES_MARSHALLER);
}

const BYTES_METHODS: BenchmarkMethods<Uint8Array, Uint8Array> = {
  unaryCall: ofBytes(METHODS.unaryCall),
  streamingCall: ofBytes(METHODS.streamingCall),
  streamingFromClient: ofBytes(METHODS.streamingFromClient),
  streamingFromServer: ofBytes(METHODS.streamingFromServer),
  streamingBothWays: ofBytes(METHODS.streamingBothWays),
};

/** SimpleRequests that ask for so many bytes, answered by SimpleResponses with as many as they ask for. */
function messagePayloads(requestBytes: number, responseBytes: number): Payloads<SimpleRequest, SimpleResponse> {
  const answers = new Map<number, SimpleResponse>();
  return {
    methods: METHODS,
    request: create(SimpleRequestSchema, {
      responseSize: responseBytes,
      payload: { body: messageOf(requestBytes) },
    }),
    answerTo(request) {
      const bytes = request?.responseSize ?? 0;
      let answer = answers.get(bytes);
      if (answer === undefined) {
        answer = create(SimpleResponseSchema, { payload: { body: messageOf(bytes) } });
        answers.set(bytes, answer);
      }
      return answer;
    },
  };
}

/** So many bytes each way, whatever they are. */
export function bytePayloads(requestBytes: number, responseBytes: number): Payloads<Uint8Array, Uint8Array> {
  const answer = messageOf(responseBytes);
  return { methods: BYTES_METHODS, request: messageOf(requestBytes), answerTo: () => answer };
}

/** What a configuration asks for; empty messages where it says nothing. Throws StatusError UNIMPLEMENTED for complex_params. */
export function payloadsOf(config: PayloadConfig | undefined): Payloads<unknown, unknown> {
  const payload = config?.payload;
  switch (payload?.case) {
    case 'bytebufParams':
      return bytePayloads(payload.value.reqSize, payload.value.respSize);
    case 'simpleParams':
      return messagePayloads(payload.value.reqSize, payload.value.respSize);
    case 'complexParams':
      throw new StatusError(Code.UNIMPLEMENTED, 'nobody has said what complex_params are');
    default:
      return messagePayloads(0, 0);
  }
}
