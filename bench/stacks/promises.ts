/** The bench service in the promise style. Above: stacks.ts. */
import { type Client, createClient, type DirectChannel, type HandlerContext, implement } from '../../src/index.ts';
import { answerTo, decodeOrder, encodeOrder, messageOf } from '../service.ts';
import type { Done, OpenCall, Stack, StackClient, StackOptions } from '../stack.ts';
import { BENCHMARK_METHODS, channelTo, closeChannel, headersFor, STREAM_METHODS, serve } from './halfclose.ts';

type Bytes = Uint8Array;

/** Says what a response begins with. */
type Begin = (context: HandlerContext) => void;

function beginWith(options: StackOptions): Begin {
  const headers = headersFor(options);
  const { compression, metadataEntries } = options;
  if (compression === null && metadataEntries === 0) return () => {};
  return (context) => {
    if (compression !== null) context.setCompression(compression);
    context.sendHeaders(headers());
  };
}

function benchmarkService(begin: Begin): ReturnType<typeof implement> {
  return implement(BENCHMARK_METHODS, {
    unaryCall(request, context) {
      begin(context);
      return answerTo(request);
    },
    async *streamingCall(requests, context) {
      begin(context);
      for await (const request of requests) yield answerTo(request);
    },
  });
}

function* repeat(message: Bytes, messages: number): Generator<Bytes> {
  for (let i = 0; i < messages; i += 1) yield message;
}

function streamService(begin: Begin): ReturnType<typeof implement> {
  return implement(STREAM_METHODS, {
    download(request, context) {
      begin(context);
      const { messages, bytes } = decodeOrder(request);
      return repeat(messageOf(bytes), messages);
    },
    async upload(requests, context) {
      let messages = 0;
      for await (const _ of requests) messages += 1;
      begin(context);
      return encodeOrder({ messages, bytes: 0 });
    },
  });
}

function tell(call: Promise<unknown>, done: Done): void {
  call.then(
    () => done(null),
    (error: Error) => done(error),
  );
}

class PromiseClient implements StackClient {
  readonly #channel: DirectChannel;
  readonly #benchmark: Client<typeof BENCHMARK_METHODS>;
  readonly #streams: Client<typeof STREAM_METHODS>;

  constructor(channel: DirectChannel, options: StackOptions) {
    this.#channel = channel;
    const defaults = {
      ...(options.compression === null ? {} : { compression: options.compression }),
      ...(options.metadataEntries === 0 ? {} : { metadata: headersFor(options)() }),
    };
    this.#benchmark = createClient(BENCHMARK_METHODS, channel, defaults);
    this.#streams = createClient(STREAM_METHODS, channel, defaults);
  }

  unary(request: Bytes, done: Done): void {
    tell(this.#benchmark.unaryCall(request), done);
  }

  pingPong(request: Bytes, messages: number, done: Done): void {
    tell(this.#ping(request, messages), done);
  }

  async #ping(request: Bytes, messages: number): Promise<void> {
    const call = this.#benchmark.streamingCall();
    for (let i = 0; i < messages; i += 1) {
      void call.send(request);
      await call.next();
    }
    call.closeSend();
    await call.next();
  }

  download(order: Bytes, onMessage: (message: Bytes) => undefined | Promise<void>, done: Done): void {
    tell(this.#read(order, onMessage), done);
  }

  async #read(order: Bytes, onMessage: (message: Bytes) => undefined | Promise<void>): Promise<void> {
    for await (const message of this.#streams.download(order)) {
      const pause = onMessage(message);
      if (pause !== undefined) await pause;
    }
  }

  upload(message: Bytes, messages: number, done: Done): void {
    tell(this.#streams.upload(repeat(message, messages)), done);
  }

  open(request: Bytes, opened: (error: Error | null, call: OpenCall) => void): void {
    const call = this.#benchmark.streamingCall();
    void call.send(request);
    call.next().then(
      () => opened(null, call),
      (error: Error) => opened(error, call),
    );
  }

  close(): Promise<void> {
    return closeChannel(this.#channel);
  }
}

export const PROMISES: Stack = {
  name: 'promises',
  serve(options) {
    const begin = beginWith(options);
    return serve([benchmarkService(begin), streamService(begin)], options);
  },
  connect: (target, options) => new PromiseClient(channelTo(target, options), options),
};
