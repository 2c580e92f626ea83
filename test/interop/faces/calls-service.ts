/**
 * grpc.testing.TestService straight on ServerCall. Above: faces.ts. Below: calls-playback.ts, calls-answer.ts, service-rules.ts.
 * Holds: no message is asked for before all is answered that came before it.
 */
import { create } from '@bufbuild/protobuf';
import { ServerCallListener, ServiceDefinition } from '../../../src/index.ts';
import type { TestServiceInit } from '../face.ts';
import { EmptySchema } from '../gen/grpc/testing/empty_pb.ts';
import {
  type SimpleRequest,
  type SimpleResponse,
  type StreamingInputCallRequest,
  type StreamingInputCallResponse,
  StreamingInputCallResponseSchema,
} from '../gen/grpc/testing/messages_pb.ts';
import { TEST_SERVICE } from '../test-service.ts';
import { Answer, NO_REQUEST, TWO_REQUESTS } from './calls-answer.ts';
import { FullDuplexListener, HalfDuplexListener, OutputListener } from './calls-playback.ts';
import {
  CACHE_CONTROL,
  cacheableResponse,
  checkInput,
  checkUnary,
  isToBeCompressed,
  sizeOf,
  unaryResponse,
} from './service-rules.ts';

/** The service, for `server.addService`. */
export function callsTestService(init: TestServiceInit = {}): ServiceDefinition {
  const { compressed = false } = init;
  const { emptyCall, unaryCall, cacheableUnaryCall } = TEST_SERVICE;
  const { streamingInputCall, streamingOutputCall, fullDuplexCall, halfDuplexCall } = TEST_SERVICE;
  return new ServiceDefinition(emptyCall.service)
    .addMethod(emptyCall, (call, metadata) => {
      return new UnaryListener(new Answer(call, metadata), (_request, answer) => {
        answer.give(create(EmptySchema), compressed);
      });
    })
    .addMethod(unaryCall, (call, metadata) => {
      const answer = new Answer(call, metadata);
      return new UnaryListener(answer, (request) => answerUnary(request, answer, init));
    })
    .addMethod(cacheableUnaryCall, (call, metadata) => {
      return new UnaryListener(new Answer(call, metadata), (_request, answer) => {
        answer.headers.append(...CACHE_CONTROL);
        answer.give(cacheableResponse(), compressed);
      });
    })
    .addMethod(streamingInputCall, (call, metadata) => new InputListener(new Answer(call, metadata), compressed))
    .addMethod(streamingOutputCall, (call, metadata) => new OutputListener(new Answer(call, metadata), init))
    .addMethod(fullDuplexCall, (call, metadata) => new FullDuplexListener(new Answer(call, metadata), init))
    .addMethod(halfDuplexCall, (call, metadata) => new HalfDuplexListener(new Answer(call, metadata), init));
}

function answerUnary(
  request: SimpleRequest,
  answer: Answer<SimpleRequest, SimpleResponse>,
  init: TestServiceInit,
): void {
  const status = checkUnary(request);
  if (!status.isOk) answer.close(status);
  else answer.give(unaryResponse(request, answer.metadata), isToBeCompressed(request.responseCompressed, init));
}

/** Answers one request, once the client has half-closed. */
class UnaryListener<Req, Res> extends ServerCallListener<Req> {
  readonly #answer: Answer<Req, Res>;
  readonly #respond: (request: Req, answer: Answer<Req, Res>) => void;
  #state: 'waiting' | 'asked' | 'refused' = 'waiting';
  #request: Req | null = null;

  constructor(answer: Answer<Req, Res>, respond: (request: Req, answer: Answer<Req, Res>) => void) {
    super();
    this.#answer = answer;
    this.#respond = respond;
    // A second request is the client's mistake, and would not come without a permit.
    answer.call.request(2);
  }

  override onMessage(request: Req): void {
    if (this.#state === 'waiting') {
      this.#state = 'asked';
      this.#request = request;
    } else if (this.#state === 'asked') {
      this.#state = 'refused';
      this.#answer.close(TWO_REQUESTS);
    }
  }

  override onHalfClose(): void {
    if (this.#state === 'refused') return;
    if (this.#request === null) this.#answer.close(NO_REQUEST);
    else this.#respond(this.#request, this.#answer);
  }
}

/** StreamingInputCall: adds up the sizes as they come. */
class InputListener extends ServerCallListener<StreamingInputCallRequest> {
  readonly #answer: Answer<StreamingInputCallRequest, StreamingInputCallResponse>;
  readonly #compressed: boolean;
  #state: 'reading' | 'refused' = 'reading';
  #size = 0;

  constructor(answer: Answer<StreamingInputCallRequest, StreamingInputCallResponse>, compressed: boolean) {
    super();
    this.#answer = answer;
    this.#compressed = compressed;
    answer.call.request(1);
  }

  override onMessage(request: StreamingInputCallRequest): void {
    const status = checkInput(request);
    if (status.isOk) {
      this.#size += sizeOf(request);
      this.#answer.call.request(1);
    } else {
      this.#state = 'refused';
      this.#answer.close(status);
    }
  }

  override onHalfClose(): void {
    if (this.#state === 'refused') return;
    const response = create(StreamingInputCallResponseSchema, { aggregatedPayloadSize: this.#size });
    this.#answer.give(response, this.#compressed);
  }
}
