/**
 * grpc.testing.TestService in the promise style: async functions and generators. Above: faces.ts. Below: implement,
 * service-rules.ts. Holds: a generator is pulled at the call's pace; one that waits for an interval stops when the call fails.
 */
import { create } from '@bufbuild/protobuf';
import {
  type Clock,
  type HandlerContext,
  implement,
  type ServiceDefinition,
  type Status,
  StatusError,
  SYSTEM_CLOCK,
} from '../../../src/index.ts';
import type { TestServiceInit } from '../face.ts';
import { EmptySchema } from '../gen/grpc/testing/empty_pb.ts';
import {
  type StreamingInputCallRequest,
  type StreamingInputCallResponse,
  StreamingInputCallResponseSchema,
  type StreamingOutputCallRequest,
  type StreamingOutputCallResponse,
} from '../gen/grpc/testing/messages_pb.ts';
import { TEST_SERVICE } from '../test-service.ts';
import {
  CACHE_CONTROL,
  cacheableResponse,
  checkInput,
  checkUnary,
  echoOf,
  isToBeCompressed,
  planOf,
  sizeOf,
  unaryResponse,
} from './service-rules.ts';

/** The service, for `server.addService`. */
export function promisesTestService(init: TestServiceInit = {}): ServiceDefinition {
  const compressed = init.compressed === true;
  return implement(TEST_SERVICE, {
    emptyCall(_request, context) {
      open(context, compressed);
      return create(EmptySchema);
    },

    unaryCall(request, context) {
      open(context, isToBeCompressed(request.responseCompressed, init));
      check(checkUnary(request));
      return unaryResponse(request, context.metadata);
    },

    cacheableUnaryCall(_request, context) {
      open(context, compressed, [CACHE_CONTROL]);
      return cacheableResponse();
    },

    streamingInputCall(requests, context) {
      open(context, compressed);
      return addUp(requests);
    },

    streamingOutputCall(request, context) {
      open(context, true);
      return play([request], context, init);
    },

    async *fullDuplexCall(requests, context) {
      open(context, true);
      for await (const request of requests) yield* play([request], context, init);
    },

    async *halfDuplexCall(requests, context) {
      open(context, true);
      const kept: StreamingOutputCallRequest[] = [];
      for await (const request of requests) kept.push(request);
      yield* play(kept, context, init);
    },
  });
}

/** Says what goes beside the response: the compressor, the echo, more headers. */
function open(context: HandlerContext, compressed: boolean, more: readonly (readonly [string, string])[] = []): void {
  const { headers, trailers } = echoOf(context.metadata);
  for (const [key, value] of more) headers.append(key, value);
  if (compressed) context.setCompression('gzip');
  context.trailers.merge(trailers);
  if (headers.size > 0) context.sendHeaders(headers);
}

function check(status: Status): void {
  if (!status.isOk) throw new StatusError(status);
}

async function addUp(requests: AsyncIterable<StreamingInputCallRequest>): Promise<StreamingInputCallResponse> {
  let aggregatedPayloadSize = 0;
  for await (const request of requests) {
    check(checkInput(request));
    aggregatedPayloadSize += sizeOf(request);
  }
  return create(StreamingInputCallResponseSchema, { aggregatedPayloadSize });
}

/** The responses to `requests`, each in its time. */
async function* play(
  requests: Iterable<StreamingOutputCallRequest>,
  context: HandlerContext,
  init: TestServiceInit,
): AsyncGenerator<StreamingOutputCallResponse, void> {
  const plan = planOf(requests, { ...init, peer: context.peer });
  let next = plan.next();
  for (; next.done !== true; next = plan.next()) {
    const { delayMs, compressed, message } = next.value;
    if (delayMs > 0) await wait(delayMs, context.signal, init.clock);
    context.setMessageCompression(compressed);
    yield message;
  }
  check(next.value);
}

/** Resolves when the time has come; rejects, and has no timer left, once `signal` aborts. */
function wait(delayMs: number, signal: AbortSignal, clock: Clock = SYSTEM_CLOCK): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const onTimer = (): void => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    };
    const timer = clock.schedule(delayMs, { onTimer });
    const onAbort = (): void => {
      clock.cancel(timer);
      reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
