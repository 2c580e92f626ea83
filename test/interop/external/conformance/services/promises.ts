/** The conformance service in promises and async iterables. Above: server.ts. Below: answers.ts. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Any, anyPack } from '@bufbuild/protobuf/wkt';
import { type HandlerContext, type ServiceDefinition, unimplemented } from '../../../../../src/index.ts';
import { implement } from '../../../../../src/stub/codec/protobuf-es.ts';
import {
  BidiStreamRequestSchema,
  ClientStreamRequestSchema,
  type ConformancePayload,
  ConformanceService,
  IdempotentUnaryRequestSchema,
  ServerStreamRequestSchema,
  UnaryRequestSchema,
  type UnaryResponseDefinition,
} from '../gen/connectrpc/conformance/v1/service_pb.ts';
import { StreamAnswer, unaryAnswer } from './answers.ts';

interface Response {
  readonly payload: ConformancePayload;
}

export const PROMISES_SERVICE: ServiceDefinition = implement(ConformanceService, {
  unary: (request, context) => answerOnce(context, request.responseDefinition, [anyPack(UnaryRequestSchema, request)]),

  idempotentUnary: (request, context) =>
    answerOnce(context, request.responseDefinition, [anyPack(IdempotentUnaryRequestSchema, request)]),

  unimplemented,

  async clientStream(requests, context) {
    let definition: UnaryResponseDefinition | undefined;
    const packed: Any[] = [];
    for await (const request of requests) {
      if (packed.length === 0) definition = request.responseDefinition;
      packed.push(anyPack(ClientStreamRequestSchema, request));
    }
    return await answerOnce(context, definition, packed);
  },

  async *serverStream(request, context) {
    const answer = new StreamAnswer(request.responseDefinition, context);
    answer.onRequest(anyPack(ServerStreamRequestSchema, request));
    begin(answer, context);
    yield* finish(answer, context);
  },

  async *bidiStream(requests, context) {
    let answer: StreamAnswer | null = null;
    let isFullDuplex = false;
    for await (const request of requests) {
      if (answer === null) {
        answer = new StreamAnswer(request.responseDefinition, context);
        isFullDuplex = request.fullDuplex;
        begin(answer, context);
      }
      answer.onRequest(anyPack(BidiStreamRequestSchema, request));
      if (!isFullDuplex) continue;
      if (!answer.hasNext) break;
      yield await next(answer, context);
    }
    if (answer !== null) yield* finish(answer, context);
  },
});

async function answerOnce(
  context: HandlerContext,
  definition: UnaryResponseDefinition | undefined,
  requests: Any[],
): Promise<Response> {
  const { headers, trailers, delayMs, result } = unaryAnswer(definition, context, requests);
  if (headers !== null) context.sendHeaders(headers);
  context.trailers.merge(trailers);
  await pause(delayMs, context);
  if ('failure' in result) throw result.failure;
  return result;
}

function begin({ surroundings }: StreamAnswer, context: HandlerContext): void {
  if (surroundings.headers !== null) context.sendHeaders(surroundings.headers);
  context.trailers.merge(surroundings.trailers);
}

async function next(answer: StreamAnswer, context: HandlerContext): Promise<Response> {
  await pause(answer.surroundings.delayMs, context);
  return { payload: answer.next() };
}

/** What is left once there are no more requests. */
async function* finish(answer: StreamAnswer, context: HandlerContext): AsyncGenerator<Response, void, void> {
  while (answer.hasNext) yield await next(answer, context);
  const failure = answer.failure();
  if (failure !== null) throw failure;
}

/** Rejects when the call ends meanwhile. */
async function pause(ms: number, { signal }: HandlerContext): Promise<void> {
  if (ms > 0) await delay(ms, undefined, { signal });
}
