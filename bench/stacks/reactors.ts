/** The bench service on reactors. Above: stacks.ts. */
import { type DirectChannel, Status } from '../../src/index.ts';
import {
  type AsyncMethods,
  type CallbackServerContext,
  type CallbackService,
  ClientBidiReactor,
  ClientContext,
  ClientReadReactor,
  ClientWriteReactor,
  callbackService,
  newStub,
  ServerBidiReactor,
  ServerReadReactor,
  type ServerUnaryReactor,
  ServerWriteReactor,
  WriteOptions,
} from '../../src/reactor/index.ts';
import { answerTo, decodeOrder, encodeOrder, messageOf } from '../service.ts';
import { type Done, metadataOf, type OpenCall, type Stack, type StackClient, type StackOptions } from '../stack.ts';
import { BENCHMARK_METHODS, channelTo, closeChannel, STREAM_METHODS, serve } from './halfclose.ts';

type Bytes = Uint8Array;
/** More messages follow at once: the advice that a stream of small messages is made for. */
const MORE = new WriteOptions().setBufferHint();
const LAST = new WriteOptions();

type Begin = (context: CallbackServerContext) => void;

function beginWith(options: StackOptions): Begin {
  const entries = metadataOf(options);
  const { compression } = options;
  return (context) => {
    if (compression !== null) context.setCompressionAlgorithm(compression);
    for (const [key, value] of entries) context.addInitialMetadata(key, value);
  };
}

class Echo extends ServerBidiReactor<Bytes, Bytes> {
  constructor() {
    super();
    this.startSendInitialMetadata();
    this.startRead();
  }

  override onReadDone(_ok: boolean, message: Bytes | undefined): void {
    if (message === undefined) this.finish(Status.OK);
    else this.startWrite(answerTo(message));
  }

  override onWriteDone(): void {
    this.startRead();
  }
}

class Lister extends ServerWriteReactor<Bytes> {
  readonly #message: Bytes;
  #left: number;

  constructor(request: Bytes) {
    super();
    const { messages, bytes } = decodeOrder(request);
    this.#message = messageOf(bytes);
    this.#left = messages;
    this.#next();
  }

  #next(): void {
    this.#left -= 1;
    if (this.#left < 0) this.finish(Status.OK);
    else this.startWrite(this.#message, this.#left > 0 ? MORE : LAST);
  }

  override onWriteDone(ok: boolean): void {
    if (ok) this.#next();
    else this.finish(Status.UNKNOWN);
  }
}

class Sink extends ServerReadReactor<Bytes, Bytes> {
  #messages = 0;

  constructor() {
    super();
    this.startRead();
  }

  override onReadDone(ok: boolean): void {
    if (ok) {
      this.#messages += 1;
      this.startRead();
    } else this.finish(Status.OK, encodeOrder({ messages: this.#messages, bytes: 0 }));
  }
}

class Benchmark implements CallbackService<typeof BENCHMARK_METHODS> {
  readonly #begin: Begin;

  constructor(begin: Begin) {
    this.#begin = begin;
  }

  unaryCall(context: CallbackServerContext, request: Bytes): ServerUnaryReactor<Bytes> {
    this.#begin(context);
    const reactor = context.defaultReactor<Bytes>();
    reactor.finish(Status.OK, answerTo(request));
    return reactor;
  }

  streamingCall(context: CallbackServerContext): ServerBidiReactor<Bytes, Bytes> {
    this.#begin(context);
    return new Echo();
  }
}

class Streams implements CallbackService<typeof STREAM_METHODS> {
  readonly #begin: Begin;

  constructor(begin: Begin) {
    this.#begin = begin;
  }

  download(context: CallbackServerContext, request: Bytes): ServerWriteReactor<Bytes> {
    this.#begin(context);
    return new Lister(request);
  }

  upload(context: CallbackServerContext): ServerReadReactor<Bytes, Bytes> {
    this.#begin(context);
    return new Sink();
  }
}

function tell(status: Status, done: Done): void {
  done(status.isOk ? null : new Error(`${status}`));
}

class Pinger extends ClientBidiReactor<Bytes, Bytes> {
  readonly #request: Bytes;
  readonly #done: Done;
  #left: number;

  constructor(request: Bytes, messages: number, done: Done) {
    super();
    this.#request = request;
    this.#left = messages;
    this.#done = done;
  }

  next(): void {
    this.#left -= 1;
    if (this.#left < 0) this.startWritesDone();
    else this.startWrite(this.#request);
  }

  override onReadDone(ok: boolean): void {
    if (!ok) return;
    this.startRead();
    this.next();
  }

  override onDone(status: Status): void {
    tell(status, this.#done);
  }
}

class Reader extends ClientReadReactor<Bytes> {
  readonly #take: (message: Bytes) => undefined | Promise<void>;
  readonly #done: Done;

  constructor(take: (message: Bytes) => undefined | Promise<void>, done: Done) {
    super();
    this.#take = take;
    this.#done = done;
  }

  override onReadDone(ok: boolean, message: Bytes | undefined): void {
    if (!ok || message === undefined) return;
    const pause = this.#take(message);
    if (pause === undefined) {
      this.startRead();
      return;
    }
    this.addHold();
    void pause.then(() => {
      this.startRead();
      this.removeHold();
    });
  }

  override onDone(status: Status): void {
    tell(status, this.#done);
  }
}

class Writer extends ClientWriteReactor<Bytes, Bytes> {
  readonly #message: Bytes;
  readonly #done: Done;
  #left: number;

  constructor(message: Bytes, messages: number, done: Done) {
    super();
    this.#message = message;
    this.#left = messages;
    this.#done = done;
  }

  next(): void {
    this.#left -= 1;
    if (this.#left < 0) this.startWritesDone();
    else this.startWrite(this.#message, this.#left > 0 ? MORE : LAST);
  }

  override onWriteDone(ok: boolean): void {
    if (ok) this.next();
  }

  override onDone(status: Status): void {
    tell(status, this.#done);
  }
}

class Opener extends ClientBidiReactor<Bytes, Bytes> {
  readonly #opened: (ok: boolean) => void;

  constructor(opened: (ok: boolean) => void) {
    super();
    this.#opened = opened;
  }

  override onReadDone(ok: boolean): void {
    this.#opened(ok);
  }
}

class ReactorClient implements StackClient {
  readonly #channel: DirectChannel;
  readonly #benchmark: AsyncMethods<typeof BENCHMARK_METHODS>;
  readonly #streams: AsyncMethods<typeof STREAM_METHODS>;
  readonly #options: StackOptions;
  readonly #metadata: readonly [string, string][];

  constructor(channel: DirectChannel, options: StackOptions) {
    this.#channel = channel;
    this.#options = options;
    this.#metadata = metadataOf(options);
    this.#benchmark = newStub(BENCHMARK_METHODS, channel).async();
    this.#streams = newStub(STREAM_METHODS, channel).async();
  }

  #context(): ClientContext {
    const context = new ClientContext();
    if (this.#options.compression !== null) context.setCompressionAlgorithm(this.#options.compression);
    for (const [key, value] of this.#metadata) context.addMetadata(key, value);
    return context;
  }

  unary(request: Bytes, done: Done): void {
    this.#benchmark.unaryCall(this.#context(), request, (status) => tell(status, done));
  }

  pingPong(request: Bytes, messages: number, done: Done): void {
    const pinger = new Pinger(request, messages, done);
    this.#benchmark.streamingCall(this.#context(), pinger);
    pinger.next();
    pinger.startRead();
    pinger.startCall();
  }

  download(order: Bytes, onMessage: (message: Bytes) => undefined | Promise<void>, done: Done): void {
    const reader = new Reader(onMessage, done);
    this.#streams.download(this.#context(), order, reader);
    reader.startRead();
    reader.startCall();
  }

  upload(message: Bytes, messages: number, done: Done): void {
    const writer = new Writer(message, messages, done);
    this.#streams.upload(this.#context(), writer);
    writer.next();
    writer.startCall();
  }

  open(request: Bytes, opened: (error: Error | null, call: OpenCall) => void): void {
    const context = this.#context();
    const call = { cancel: (): void => context.tryCancel() };
    const opener = new Opener((ok) => opened(ok ? null : new Error('the call ended'), call));
    this.#benchmark.streamingCall(context, opener);
    opener.addHold();
    opener.startWrite(request);
    opener.startRead();
    opener.startCall();
  }

  close(): Promise<void> {
    return closeChannel(this.#channel);
  }
}

export const REACTORS: Stack = {
  name: 'reactors',
  serve(options) {
    const begin = beginWith(options);
    const benchmark = callbackService(BENCHMARK_METHODS, new Benchmark(begin));
    return serve([benchmark, callbackService(STREAM_METHODS, new Streams(begin))], options);
  },
  connect: (target, options) => new ReactorClient(channelTo(target, options), options),
};
