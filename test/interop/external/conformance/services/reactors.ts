/**
 * The conformance service in reactors. Above: server.ts. Below: answers.ts. Holds: every reactor finishes once, also when its
 * RPC has failed; no alarm outlives its RPC.
 */
import { type Any, anyPack } from '@bufbuild/protobuf/wkt';
import { type Metadata, type ServiceDefinition, Status, type StatusError } from '../../../../../src/index.ts';
import {
  Alarm,
  type CallbackServerContext,
  type CallbackService,
  callbackService,
  deadlineAfter,
  ServerBidiReactor,
  ServerReadReactor,
  ServerUnaryReactor,
  ServerWriteReactor,
} from '../../../../../src/reactor/index.ts';
import { serverMethods } from '../../../../../src/stub/codec/protobuf-es.ts';
import {
  type BidiStreamRequest,
  BidiStreamRequestSchema,
  type ClientStreamRequest,
  ClientStreamRequestSchema,
  type ConformancePayload,
  ConformanceService,
  type IdempotentUnaryRequest,
  IdempotentUnaryRequestSchema,
  type ServerStreamRequest,
  ServerStreamRequestSchema,
  type UnaryRequest,
  UnaryRequestSchema,
} from '../gen/connectrpc/conformance/v1/service_pb.ts';
import { type Preamble, StreamAnswer, type UnaryAnswer, unaryAnswer } from './answers.ts';

/** What every method sends. */
interface Response {
  readonly payload: ConformancePayload;
}

const METHODS = serverMethods(ConformanceService);

class Service implements CallbackService<typeof METHODS> {
  unary(context: CallbackServerContext, request: UnaryRequest): ServerUnaryReactor<Response> {
    return answerUnary(context, request, anyPack(UnaryRequestSchema, request));
  }

  idempotentUnary(context: CallbackServerContext, request: IdempotentUnaryRequest): ServerUnaryReactor<Response> {
    return answerUnary(context, request, anyPack(IdempotentUnaryRequestSchema, request));
  }

  clientStream(context: CallbackServerContext): ServerReadReactor<ClientStreamRequest, Response> {
    return new Collector(context);
  }

  serverStream(context: CallbackServerContext, request: ServerStreamRequest): ServerWriteReactor<Response> {
    return new Lister(context, request);
  }

  bidiStream(context: CallbackServerContext): ServerBidiReactor<BidiStreamRequest, Response> {
    return new Talker(context);
  }
}

export const REACTORS_SERVICE: ServiceDefinition = callbackService(METHODS, new Service());

function preambleOf(context: CallbackServerContext): Preamble {
  return { metadata: context.clientMetadata(), deadline: context.deadlineInstant() };
}

function addHeaders(context: CallbackServerContext, headers: Metadata): void {
  for (const [name, value] of headers) context.addInitialMetadata(name, value);
}

function addTrailers(context: CallbackServerContext, trailers: Metadata): void {
  for (const [name, value] of trailers) context.addTrailingMetadata(name, value);
}

/** The status of an error, whose trailers are added. */
function failWith(context: CallbackServerContext, failure: StatusError): Status {
  addTrailers(context, failure.trailers);
  return failure.status;
}

type OnceReactor = ServerUnaryReactor<Response> | ServerReadReactor<ClientStreamRequest, Response>;

/** Gives one answer when its time has come, or at once when the alarm is cancelled. */
function answerOnce(reactor: OnceReactor, context: CallbackServerContext, alarm: Alarm, answer: UnaryAnswer): void {
  const { headers, trailers, delayMs, result } = answer;
  if (headers !== null) {
    addHeaders(context, headers);
    reactor.startSendInitialMetadata();
  }
  addTrailers(context, trailers);
  alarm.set(deadlineAfter(delayMs), (ok) => {
    if (!ok) reactor.finish(Status.CANCELLED);
    else if ('failure' in result) reactor.finish(failWith(context, result.failure));
    else reactor.finish(Status.OK, result);
  });
}

function answerUnary(
  context: CallbackServerContext,
  { responseDefinition }: UnaryRequest | IdempotentUnaryRequest,
  packed: Any,
): ServerUnaryReactor<Response> {
  const alarm = new Alarm();
  const reactor = ServerUnaryReactor.from<Response>({ onCancel: () => alarm.cancel() });
  answerOnce(reactor, context, alarm, unaryAnswer(responseDefinition, preambleOf(context), [packed]));
  return reactor;
}

/** Reads all requests, then answers once. */
class Collector extends ServerReadReactor<ClientStreamRequest, Response> {
  readonly #context: CallbackServerContext;
  readonly #alarm = new Alarm();
  #first: ClientStreamRequest | undefined;
  readonly #requests: Any[] = [];

  constructor(context: CallbackServerContext) {
    super();
    this.#context = context;
    this.startRead();
  }

  override onReadDone(_ok: boolean, request: ClientStreamRequest | undefined): void {
    if (request !== undefined) {
      this.#first ??= request;
      this.#requests.push(anyPack(ClientStreamRequestSchema, request));
      this.startRead();
    } else if (this.#context.isCancelled()) {
      this.finish(Status.CANCELLED);
    } else {
      const answer = unaryAnswer(this.#first?.responseDefinition, preambleOf(this.#context), this.#requests);
      answerOnce(this, this.#context, this.#alarm, answer);
    }
  }

  override onCancel(): void {
    this.#alarm.cancel();
  }
}

/** What sends the responses of a stream. */
interface StreamReactor {
  startSendInitialMetadata(): void;
  startWrite(response: Response): void;
  finish(status: Status): void;
}

/** The responses of a stream, one at a time. */
class Responses {
  readonly #reactor: StreamReactor;
  readonly #context: CallbackServerContext;
  readonly #answer: StreamAnswer;
  readonly #alarm = new Alarm();

  constructor(reactor: StreamReactor, context: CallbackServerContext, first: ServerStreamRequest | BidiStreamRequest) {
    this.#reactor = reactor;
    this.#context = context;
    this.#answer = new StreamAnswer(first.responseDefinition, preambleOf(context));
    const { headers, trailers } = this.#answer.surroundings;
    addTrailers(context, trailers);
    if (headers === null) return;
    addHeaders(context, headers);
    reactor.startSendInitialMetadata();
  }

  onRequest(packed: Any): void {
    this.#answer.onRequest(packed);
  }

  /** Starts one write when its time has come, or finishes when there is none. */
  next(): void {
    if (!this.#answer.hasNext) {
      this.#finish();
      return;
    }
    this.#alarm.set(deadlineAfter(this.#answer.surroundings.delayMs), (ok) => {
      if (ok) this.#reactor.startWrite({ payload: this.#answer.next() });
      else this.#reactor.finish(Status.CANCELLED);
    });
  }

  #finish(): void {
    const failure = this.#answer.failure();
    this.#reactor.finish(failure === null ? Status.OK : failWith(this.#context, failure));
  }

  onCancel(): void {
    this.#alarm.cancel();
  }
}

/** Answers one request with one response after the other. */
class Lister extends ServerWriteReactor<Response> {
  readonly #responses: Responses;

  constructor(context: CallbackServerContext, request: ServerStreamRequest) {
    super();
    this.#responses = new Responses(this, context, request);
    this.#responses.onRequest(anyPack(ServerStreamRequestSchema, request));
    this.#responses.next();
  }

  override onWriteDone(ok: boolean): void {
    if (ok) this.#responses.next();
    else this.finish(Status.CANCELLED);
  }

  override onCancel(): void {
    this.#responses.onCancel();
  }
}

/** Answers each request, or all of them. */
class Talker extends ServerBidiReactor<BidiStreamRequest, Response> {
  readonly #context: CallbackServerContext;
  #responses: Responses | null = null;
  #isFullDuplex = false;
  #isHalfClosed = false;

  constructor(context: CallbackServerContext) {
    super();
    this.#context = context;
    this.startRead();
  }

  override onReadDone(_ok: boolean, request: BidiStreamRequest | undefined): void {
    if (request === undefined) {
      this.#onNoRequest();
      return;
    }
    const responses = this.#responses ?? this.#begin(request);
    responses.onRequest(anyPack(BidiStreamRequestSchema, request));
    if (this.#isFullDuplex) responses.next();
    else this.startRead();
  }

  #begin(first: BidiStreamRequest): Responses {
    this.#responses = new Responses(this, this.#context, first);
    this.#isFullDuplex = first.fullDuplex;
    return this.#responses;
  }

  #onNoRequest(): void {
    this.#isHalfClosed = true;
    if (this.#context.isCancelled()) this.finish(Status.CANCELLED);
    else if (this.#responses === null) this.finish(Status.OK);
    else this.#responses.next();
  }

  override onWriteDone(ok: boolean): void {
    if (!ok) this.finish(Status.CANCELLED);
    else if (this.#isHalfClosed) this.#responses?.next();
    else this.startRead();
  }

  override onCancel(): void {
    this.#responses?.onCancel();
  }
}
