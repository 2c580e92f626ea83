/**
 * grpc.testing.TestService with reactors. Above: faces.ts. Below: halfclose/reactor, service-rules.ts. Holds: at any
 * time a reactor has one operation outstanding, be it a read, a write or an alarm, so that one alone can fail and each RPC is
 * finished once.
 */
import { create } from '@bufbuild/protobuf';
import { type ServiceDefinition, Status } from '../../../src/index.ts';
import {
  Alarm,
  type CallbackServerContext,
  type CallbackService,
  callbackService,
  deadlineAfter,
  ServerBidiReactor,
  ServerReadReactor,
  type ServerUnaryReactor,
  ServerWriteReactor,
  type WriteOptionsInit,
} from '../../../src/reactor/index.ts';
import type { TestServiceInit } from '../face.ts';
import { type Empty, EmptySchema } from '../gen/grpc/testing/empty_pb.ts';
import {
  type SimpleRequest,
  type SimpleResponse,
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
  NOTHING_PLANNED,
  type Plan,
  type PlannedResponse,
  planOf,
  sizeOf,
  unaryResponse,
} from './service-rules.ts';

/** The service, for `server.addService`. */
export function reactorsTestService(init: TestServiceInit = {}): ServiceDefinition {
  return callbackService(TEST_SERVICE, new TestServiceImpl(init));
}

/** The handlers: each makes the reactor of one RPC and returns it. */
class TestServiceImpl implements CallbackService<typeof TEST_SERVICE> {
  readonly #init: TestServiceInit;
  /** Whether the one response of a method is compressed, if its request says nothing. */
  readonly #compressed: boolean;

  constructor(init: TestServiceInit) {
    this.#init = init;
    this.#compressed = init.compressed === true;
  }

  emptyCall(context: CallbackServerContext): ServerUnaryReactor<Empty> {
    open(context, this.#compressed);
    const reactor = context.defaultReactor<Empty>();
    reactor.finish(Status.OK, create(EmptySchema));
    return reactor;
  }

  unaryCall(context: CallbackServerContext, request: SimpleRequest): ServerUnaryReactor<SimpleResponse> {
    open(context, isToBeCompressed(request.responseCompressed, this.#init));
    const reactor = context.defaultReactor<SimpleResponse>();
    const status = checkUnary(request);
    if (status.isOk) reactor.finish(status, unaryResponse(request, context.clientMetadata()));
    else reactor.finish(status);
    return reactor;
  }

  cacheableUnaryCall(context: CallbackServerContext): ServerUnaryReactor<SimpleResponse> {
    open(context, this.#compressed);
    context.addInitialMetadata(...CACHE_CONTROL);
    const reactor = context.defaultReactor<SimpleResponse>();
    reactor.finish(Status.OK, cacheableResponse());
    return reactor;
  }

  streamingInputCall(context: CallbackServerContext): InputReactor {
    open(context, this.#compressed);
    return new InputReactor(context);
  }

  streamingOutputCall(context: CallbackServerContext, request: StreamingOutputCallRequest): OutputReactor {
    open(context, true);
    return new OutputReactor(context, request, this.#init);
  }

  fullDuplexCall(context: CallbackServerContext): FullDuplexReactor {
    const isEchoing = open(context, true);
    return new FullDuplexReactor(context, isEchoing, this.#init);
  }

  halfDuplexCall(context: CallbackServerContext): HalfDuplexReactor {
    const isEchoing = open(context, true);
    return new HalfDuplexReactor(context, isEchoing, this.#init);
  }
}

/** Says what goes beside the response: the compressor and the echo. Gives whether there are headers to echo. */
function open(context: CallbackServerContext, compressed: boolean): boolean {
  const { headers, trailers } = echoOf(context.clientMetadata());
  for (const [key, value] of headers) context.addInitialMetadata(key, value);
  for (const [key, value] of trailers) context.addTrailingMetadata(key, value);
  if (compressed) context.setCompressionAlgorithm('gzip');
  return headers.size > 0;
}

/** StreamingInputCall: adds up the sizes as they come. */
class InputReactor extends ServerReadReactor<StreamingInputCallRequest, StreamingInputCallResponse> {
  readonly #context: CallbackServerContext;
  #size = 0;

  constructor(context: CallbackServerContext) {
    super();
    this.#context = context;
    this.startRead();
  }

  override onReadDone(_ok: boolean, request: StreamingInputCallRequest | undefined): void {
    if (request === undefined) {
      this.#onReadsEnded();
      return;
    }
    const status = checkInput(request);
    this.#size += sizeOf(request);
    if (status.isOk) this.startRead();
    else this.finish(status);
  }

  #onReadsEnded(): void {
    if (this.#context.isCancelled()) this.finish(Status.CANCELLED);
    else this.finish(Status.OK, create(StreamingInputCallResponseSchema, { aggregatedPayloadSize: this.#size }));
  }
}

/** What plays a plan back. */
interface Writer {
  startWrite(message: StreamingOutputCallResponse, options: WriteOptionsInit): void;
  /** All responses were sent, with OK; or this status is to end the RPC. */
  onPlayed(status: Status): void;
}

/** Plays planned responses back through a reactor: each write that is done leads to the next, by way of its interval. */
class Player {
  readonly #writer: Writer;
  readonly #context: CallbackServerContext;
  readonly #init: TestServiceInit;
  readonly #alarm: Alarm;
  #plan: Plan = NOTHING_PLANNED;

  constructor(writer: Writer, context: CallbackServerContext, init: TestServiceInit) {
    this.#writer = writer;
    this.#context = context;
    this.#init = init;
    this.#alarm = new Alarm(init.clock);
  }

  play(requests: Iterable<StreamingOutputCallRequest>): void {
    this.#plan = planOf(requests, { ...this.#init, peer: socketAddressOf(this.#context.peer()) });
    this.#takeUp();
  }

  onWriteDone(ok: boolean): void {
    if (ok) this.#takeUp();
    else this.#writer.onPlayed(Status.CANCELLED);
  }

  /** The alarm answers, if it is set. */
  onCancel(): void {
    this.#alarm.cancel();
  }

  #takeUp(): void {
    const next = this.#plan.next();
    if (next.done === true) {
      this.#writer.onPlayed(next.value);
    } else if (next.value.delayMs > 0) {
      const planned = next.value;
      this.#alarm.set(deadlineAfter(planned.delayMs), (ok) => this.#onAlarm(ok, planned));
    } else {
      this.#write(next.value);
    }
  }

  #onAlarm(ok: boolean, planned: PlannedResponse): void {
    if (ok) this.#write(planned);
    else this.#writer.onPlayed(Status.CANCELLED);
  }

  #write({ message, compressed }: PlannedResponse): void {
    this.#writer.startWrite(message, { noCompression: !compressed });
  }
}

/** `ipv4:127.0.0.1:50051` and `ipv6:%5B::1%5D:50051` without the scheme. */
function socketAddressOf(peer: string): string {
  return decodeURIComponent(peer.replace(/^ipv[46]:/, ''));
}

/** StreamingOutputCall: answers the one request. */
class OutputReactor extends ServerWriteReactor<StreamingOutputCallResponse> implements Writer {
  readonly #player: Player;

  constructor(context: CallbackServerContext, request: StreamingOutputCallRequest, init: TestServiceInit) {
    super();
    this.#player = new Player(this, context, init);
    this.#player.play([request]);
  }

  onPlayed(status: Status): void {
    this.finish(status);
  }

  override onWriteDone(ok: boolean): void {
    this.#player.onWriteDone(ok);
  }

  override onCancel(): void {
    this.#player.onCancel();
  }
}

/** What the two bidi methods share: they read one request at a time. */
abstract class DuplexReactor
  extends ServerBidiReactor<StreamingOutputCallRequest, StreamingOutputCallResponse>
  implements Writer
{
  protected readonly context: CallbackServerContext;
  protected readonly player: Player;

  constructor(context: CallbackServerContext, isEchoing: boolean, init: TestServiceInit) {
    super();
    this.context = context;
    this.player = new Player(this, context, init);
    if (isEchoing) this.startSendInitialMetadata();
    this.startRead();
  }

  abstract onPlayed(status: Status): void;

  override onWriteDone(ok: boolean): void {
    this.player.onWriteDone(ok);
  }

  override onCancel(): void {
    this.player.onCancel();
  }
}

/** FullDuplexCall: answers each request before it reads the next. */
class FullDuplexReactor extends DuplexReactor {
  override onReadDone(_ok: boolean, request: StreamingOutputCallRequest | undefined): void {
    if (request !== undefined) this.player.play([request]);
    else this.finish(this.context.isCancelled() ? Status.CANCELLED : Status.OK);
  }

  override onPlayed(status: Status): void {
    if (status.isOk) this.startRead();
    else this.finish(status);
  }
}

/** HalfDuplexCall: keeps the requests until the client has half-closed, and answers them then. */
class HalfDuplexReactor extends DuplexReactor {
  readonly #requests: StreamingOutputCallRequest[] = [];

  override onReadDone(_ok: boolean, request: StreamingOutputCallRequest | undefined): void {
    if (request !== undefined) {
      this.#requests.push(request);
      this.startRead();
    } else if (this.context.isCancelled()) {
      this.finish(Status.CANCELLED);
    } else {
      this.player.play(this.#requests);
    }
  }

  override onPlayed(status: Status): void {
    this.finish(status);
  }
}
