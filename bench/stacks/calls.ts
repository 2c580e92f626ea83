/** The bench service straight on ClientCall and ServerCall. Above: stacks.ts. */
import {
  CallOptions,
  type Channel,
  type ClientCall,
  ClientCallListener,
  type DirectChannel,
  Metadata,
  type MethodDescriptor,
  type ServerCall,
  ServerCallListener,
  ServiceDefinition,
  Status,
} from '../../src/index.ts';
import { answerTo, decodeOrder, encodeOrder, messageOf } from '../service.ts';
import type { Done, OpenCall, Stack, StackClient, StackOptions } from '../stack.ts';
import { BENCHMARK_METHODS, channelTo, closeChannel, headersFor, STREAM_METHODS, serve } from './halfclose.ts';

type Bytes = Uint8Array;
type BytesMethod = MethodDescriptor<Bytes, Bytes>;

/** How a handler begins its response. */
type Begin = (call: ServerCall<Bytes, Bytes>) => void;

abstract class Handling extends ServerCallListener<Bytes> {
  protected readonly call: ServerCall<Bytes, Bytes>;
  protected readonly begin: Begin;

  constructor(call: ServerCall<Bytes, Bytes>, begin: Begin) {
    super();
    this.call = call;
    this.begin = begin;
  }

  protected end(): void {
    this.call.close(Status.OK, new Metadata());
  }
}

class UnaryHandling extends Handling {
  constructor(call: ServerCall<Bytes, Bytes>, begin: Begin) {
    super(call, begin);
    call.request(2);
  }

  override onMessage(request: Bytes): void {
    this.begin(this.call);
    this.call.sendMessage(answerTo(request));
    this.end();
  }
}

class EchoHandling extends Handling {
  constructor(call: ServerCall<Bytes, Bytes>, begin: Begin) {
    super(call, begin);
    begin(call);
    call.request(1);
  }

  override onMessage(request: Bytes): void {
    this.call.sendMessage(answerTo(request));
    this.call.request(1);
  }

  override onHalfClose(): void {
    this.end();
  }
}

/** Sends while the call is ready. */
class DownloadHandling extends Handling {
  #message: Bytes = messageOf(0);
  #left = -1;

  constructor(call: ServerCall<Bytes, Bytes>, begin: Begin) {
    super(call, begin);
    call.request(2);
  }

  override onMessage(request: Bytes): void {
    const { messages, bytes } = decodeOrder(request);
    this.#message = messageOf(bytes);
    this.#left = messages;
    this.begin(this.call);
    this.onReady();
  }

  override onReady(): void {
    while (this.#left > 0 && this.call.isReady()) {
      this.#left -= 1;
      this.call.sendMessage(this.#message);
    }
    if (this.#left !== 0) return;
    this.#left = -1;
    this.end();
  }
}

class UploadHandling extends Handling {
  #messages = 0;

  constructor(call: ServerCall<Bytes, Bytes>, begin: Begin) {
    super(call, begin);
    call.request(2);
  }

  override onMessage(): void {
    this.#messages += 1;
    this.call.request(1);
  }

  override onHalfClose(): void {
    this.begin(this.call);
    this.call.sendMessage(encodeOrder({ messages: this.#messages, bytes: 0 }));
    this.end();
  }
}

/** A call that tells how it ended. */
class Calling extends ClientCallListener<Bytes> {
  readonly #done: Done;

  constructor(done: Done) {
    super();
    this.#done = done;
  }

  override onClose(status: Status): void {
    this.#done(status.isOk ? null : new Error(`${status}`));
  }
}

class Pinging extends Calling {
  readonly #call: ClientCall<Bytes, Bytes>;
  readonly #request: Bytes;
  #left: number;

  constructor(call: ClientCall<Bytes, Bytes>, request: Bytes, messages: number, done: Done) {
    super(done);
    this.#call = call;
    this.#request = request;
    this.#left = messages;
  }

  next(): void {
    this.#left -= 1;
    if (this.#left < 0) this.#call.halfClose();
    else this.#call.sendMessage(this.#request);
  }

  override onMessage(): void {
    this.#call.request(1);
    this.next();
  }
}

class Downloading extends Calling {
  readonly #call: ClientCall<Bytes, Bytes>;
  readonly #take: (message: Bytes) => undefined | Promise<void>;

  constructor(call: ClientCall<Bytes, Bytes>, take: (message: Bytes) => undefined | Promise<void>, done: Done) {
    super(done);
    this.#call = call;
    this.#take = take;
  }

  override onMessage(message: Bytes): void {
    const pause = this.#take(message);
    if (pause === undefined) this.#call.request(1);
    else void pause.then(() => this.#call.request(1));
  }
}

class Uploading extends Calling {
  readonly #call: ClientCall<Bytes, Bytes>;
  readonly #message: Bytes;
  #left: number;

  constructor(call: ClientCall<Bytes, Bytes>, message: Bytes, messages: number, done: Done) {
    super(done);
    this.#call = call;
    this.#message = message;
    this.#left = messages;
  }

  override onReady(): void {
    while (this.#left > 0 && this.#call.isReady()) {
      this.#left -= 1;
      this.#call.sendMessage(this.#message);
    }
    if (this.#left !== 0) return;
    this.#left = -1;
    this.#call.halfClose();
  }
}

class Opening extends ClientCallListener<Bytes> {
  readonly #call: ClientCall<Bytes, Bytes>;
  readonly #opened: (error: Error | null, call: OpenCall) => void;

  constructor(call: ClientCall<Bytes, Bytes>, opened: (error: Error | null, call: OpenCall) => void) {
    super();
    this.#call = call;
    this.#opened = opened;
  }

  override onMessage(): void {
    this.#opened(null, { cancel: () => this.#call.cancel('enough') });
  }
}

class CallsClient implements StackClient {
  readonly #channel: DirectChannel;
  readonly #options: CallOptions;
  readonly #headers: () => Metadata;

  constructor(channel: DirectChannel, options: StackOptions) {
    this.#channel = channel;
    this.#options = CallOptions.DEFAULT.withCompression(options.compression);
    this.#headers = headersFor(options);
  }

  #newCall(method: BytesMethod): ClientCall<Bytes, Bytes> {
    const channel: Channel = this.#channel;
    return channel.newCall(method, this.#options);
  }

  unary(request: Bytes, done: Done): void {
    const call = this.#newCall(BENCHMARK_METHODS.unaryCall);
    call.start(new Calling(done), this.#headers());
    call.request(2);
    call.sendMessage(request);
    call.halfClose();
  }

  pingPong(request: Bytes, messages: number, done: Done): void {
    const call = this.#newCall(BENCHMARK_METHODS.streamingCall);
    const pinging = new Pinging(call, request, messages, done);
    call.start(pinging, this.#headers());
    call.request(1);
    pinging.next();
  }

  download(order: Bytes, onMessage: (message: Bytes) => undefined | Promise<void>, done: Done): void {
    const call = this.#newCall(STREAM_METHODS.download);
    call.start(new Downloading(call, onMessage, done), this.#headers());
    call.request(1);
    call.sendMessage(order);
    call.halfClose();
  }

  upload(message: Bytes, messages: number, done: Done): void {
    const call = this.#newCall(STREAM_METHODS.upload);
    const uploading = new Uploading(call, message, messages, done);
    call.start(uploading, this.#headers());
    call.request(2);
    uploading.onReady();
  }

  open(request: Bytes, opened: (error: Error | null, call: OpenCall) => void): void {
    const call = this.#newCall(BENCHMARK_METHODS.streamingCall);
    call.start(new Opening(call, opened), this.#headers());
    call.request(1);
    call.sendMessage(request);
  }

  close(): Promise<void> {
    return closeChannel(this.#channel);
  }
}

function beginWith(options: StackOptions): Begin {
  const headers = headersFor(options);
  const { compression } = options;
  return (call) => {
    if (compression !== null) call.setCompression(compression);
    call.sendHeaders(headers());
  };
}

export const CALLS: Stack = {
  name: 'calls',
  serve(options) {
    const begin = beginWith(options);
    const benchmark = new ServiceDefinition(BENCHMARK_METHODS.unaryCall.service)
      .addMethod(BENCHMARK_METHODS.unaryCall, (call) => new UnaryHandling(call, begin))
      .addMethod(BENCHMARK_METHODS.streamingCall, (call) => new EchoHandling(call, begin));
    const streams = new ServiceDefinition(STREAM_METHODS.download.service)
      .addMethod(STREAM_METHODS.download, (call) => new DownloadHandling(call, begin))
      .addMethod(STREAM_METHODS.upload, (call) => new UploadHandling(call, begin));
    return serve([benchmark, streams], options);
  },
  connect: (target, options) => new CallsClient(channelTo(target, options), options),
};
