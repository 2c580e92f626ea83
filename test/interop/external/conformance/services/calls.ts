/**
 * The conformance service in calls and listeners. Above: server.ts. Below: answers.ts. Holds: each message is asked for when
 * it is wanted; no timer outlives its call.
 */
import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { type Any, anyPack } from '@bufbuild/protobuf/wkt';
import {
  Metadata,
  type ServerCall,
  ServerCallListener,
  ServiceDefinition,
  Status,
  type StatusError,
} from '../../../../../src/index.ts';
import { serverMethods } from '../../../../../src/stub/codec/protobuf-es.ts';
import {
  BidiStreamRequestSchema,
  ClientStreamRequestSchema,
  type ConformancePayloadSchema,
  ConformanceService,
  IdempotentUnaryRequestSchema,
  ServerStreamRequestSchema,
  UnaryRequestSchema,
  type UnaryResponseDefinition,
} from '../gen/connectrpc/conformance/v1/service_pb.ts';
import { type Preamble, StreamAnswer, unaryAnswer } from './answers.ts';

/** What every method sends. */
interface Response {
  readonly payload?: MessageInitShape<typeof ConformancePayloadSchema> | undefined;
}

type Call<Req> = ServerCall<Req, Response>;

const METHODS = serverMethods(ConformanceService);

export const CALLS_SERVICE: ServiceDefinition = new ServiceDefinition(ConformanceService.typeName)
  .addMethod(METHODS.unary, (call, headers) => new Once(call, headers, UnaryRequestSchema))
  .addMethod(METHODS.idempotentUnary, (call, headers) => new Once(call, headers, IdempotentUnaryRequestSchema))
  .addMethod(METHODS.clientStream, (call, headers) => new Once(call, headers, ClientStreamRequestSchema))
  .addMethod(METHODS.serverStream, (call, headers) => new Stream(call, headers, ServerStreamRequestSchema))
  .addMethod(METHODS.bidiStream, (call, headers) => new Stream(call, headers, BidiStreamRequestSchema));

/** What every answered call has. */
abstract class Answered<D extends DescMessage> extends ServerCallListener<MessageShape<D>> {
  protected readonly call: Call<MessageShape<D>>;
  protected readonly preamble: Preamble;
  protected timer: NodeJS.Timeout | null = null;
  readonly #schema: D;
  #requestCount = 0;

  constructor(call: Call<MessageShape<D>>, metadata: Metadata, schema: D) {
    super();
    this.call = call;
    this.preamble = { metadata, deadline: call.deadline };
    this.#schema = schema;
    call.request(1);
  }

  override onMessage(request: MessageShape<D>): void {
    this.#requestCount += 1;
    // Of a method with one request no more than two are read: the second is a mistake that onHalfClose answers.
    this.onRequest(request, anyPack(this.#schema, request));
  }

  protected abstract onRequest(request: MessageShape<D>, packed: Any): void;

  /** All requests are there. */
  protected abstract onRequests(): void;

  override onHalfClose(): void {
    if (!this.call.method.clientSendsOneMessage || this.#requestCount === 1) this.onRequests();
    else
      this.call.close(
        Status.UNIMPLEMENTED.withDescription(`${this.#requestCount} requests came, not 1`),
        new Metadata(),
      );
  }

  protected close(failure: StatusError | null, trailers: Metadata): void {
    if (failure === null) this.call.close(Status.OK, trailers);
    else this.call.close(failure.status, trailers.merge(failure.trailers));
  }

  override onCancel(): void {
    if (this.timer !== null) clearTimeout(this.timer);
  }
}

type UnaryDesc = typeof UnaryRequestSchema | typeof IdempotentUnaryRequestSchema | typeof ClientStreamRequestSchema;

/** A call with one response. */
class Once<D extends UnaryDesc> extends Answered<D> {
  #definition: UnaryResponseDefinition | undefined;
  readonly #requests: Any[] = [];

  protected override onRequest({ responseDefinition }: MessageShape<UnaryDesc>, packed: Any): void {
    if (this.#requests.length === 0) this.#definition = responseDefinition;
    this.#requests.push(packed);
    this.call.request(1);
  }

  protected override onRequests(): void {
    const { headers, trailers, delayMs, result } = unaryAnswer(this.#definition, this.preamble, this.#requests);
    if (headers !== null) this.call.sendHeaders(headers);
    this.timer = setTimeout(() => {
      if ('failure' in result) {
        this.close(result.failure, trailers);
        return;
      }
      if (headers === null) this.call.sendHeaders(new Metadata());
      this.call.sendMessage(result);
      this.close(null, trailers);
    }, delayMs);
  }
}

type StreamDesc = typeof ServerStreamRequestSchema | typeof BidiStreamRequestSchema;

/** A call with many responses. */
class Stream<D extends StreamDesc> extends Answered<D> {
  #answer: StreamAnswer | null = null;
  #isFullDuplex = false;
  #isHalfClosed = false;

  protected override onRequest(request: MessageShape<StreamDesc>, packed: Any): void {
    const answer = this.#answer ?? this.#begin(request);
    answer.onRequest(packed);
    if (this.#isFullDuplex) this.#respond(answer);
    else this.call.request(1);
  }

  #begin(request: MessageShape<StreamDesc>): StreamAnswer {
    const answer = new StreamAnswer(request.responseDefinition, this.preamble);
    this.#answer = answer;
    this.#isFullDuplex = 'fullDuplex' in request && request.fullDuplex;
    this.call.sendHeaders(answer.surroundings.headers ?? new Metadata());
    return answer;
  }

  protected override onRequests(): void {
    this.#isHalfClosed = true;
    if (this.#answer === null) this.close(null, new Metadata());
    else if (this.timer === null) this.#respond(this.#answer);
  }

  /** Sends a response, or the status once there is none. */
  #respond(answer: StreamAnswer): void {
    const { trailers, delayMs } = answer.surroundings;
    if (!answer.hasNext) {
      this.close(answer.failure(), trailers);
      return;
    }
    this.timer = setTimeout(() => {
      this.timer = null;
      this.call.sendMessage({ payload: answer.next() });
      if (this.#isHalfClosed) this.#respond(answer);
      else this.call.request(1);
    }, delayMs);
  }
}
