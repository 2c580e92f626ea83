/**
 * The bench service on connect-node's gRPC transport. Above: stacks.ts. It knows no messages but protobuf-es's, so it alone
 * pays for a codec; its ratios are to be read with that.
 */
import { once } from 'node:events';
import http2 from 'node:http2';
import { create, fromBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { BytesValueSchema } from '@bufbuild/protobuf/wkt';
import {
  type CallOptions,
  type Client,
  type ConnectRouter,
  createClient,
  type HandlerContext,
} from '@connectrpc/connect';
import {
  compressionGzip,
  connectNodeAdapter,
  createGrpcTransport,
  Http2SessionManager,
} from '@connectrpc/connect-node';
import { BenchmarkService } from '../../test/interop/gen/grpc/testing/benchmark_service_pb.ts';
import {
  type SimpleRequest,
  SimpleRequestSchema,
  type SimpleResponseSchema,
} from '../../test/interop/gen/grpc/testing/messages_pb.ts';
import { Streams } from '../gen/halfclose/bench/streams_pb.ts';
import { decodeOrder, encodeOrder, messageOf } from '../service.ts';
import { type Done, metadataOf, type OpenCall, type Stack, type StackClient, type StackOptions } from '../stack.ts';

const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

function answerTo(request: SimpleRequest): MessageInitShape<typeof SimpleResponseSchema> {
  return { payload: { body: messageOf(request.responseSize) } };
}

function* repeat(bytes: number, messages: number): Generator<{ value: Uint8Array }> {
  const message = { value: messageOf(bytes) };
  for (let i = 0; i < messages; i += 1) yield message;
}

function routesFor(options: StackOptions): (router: ConnectRouter) => void {
  const entries = metadataOf(options);
  const begin = (context: HandlerContext): void => {
    for (const [key, value] of entries) context.responseHeader.set(key, value);
  };
  return (router) => {
    router.service(BenchmarkService, {
      unaryCall(request, context) {
        begin(context);
        return answerTo(request);
      },
      async *streamingCall(requests) {
        for await (const request of requests) yield answerTo(request);
      },
    });
    router.service(Streams, {
      async *download(request) {
        const { messages, bytes } = decodeOrder(request.value);
        yield* repeat(bytes, messages);
      },
      async upload(requests) {
        let messages = 0;
        for await (const _ of requests) messages += 1;
        return { value: encodeOrder({ messages, bytes: 0 }) };
      },
    });
  };
}

function tell(call: Promise<unknown>, done: Done): void {
  call.then(
    () => done(null),
    (error: Error) => done(error),
  );
}

class ConnectClient implements StackClient {
  readonly #sessions: Http2SessionManager;
  readonly #benchmark: Client<typeof BenchmarkService>;
  readonly #streams: Client<typeof Streams>;
  readonly #options: CallOptions;
  /** Requests are made from bytes once, not in every call. */
  readonly #requests = new Map<Uint8Array, SimpleRequest>();

  constructor(target: string, options: StackOptions) {
    const { tls, compression } = options;
    const baseUrl = tls === null ? `http://${target}` : `https://${target}`;
    this.#sessions = new Http2SessionManager(baseUrl, {}, tls === null ? {} : { ca: tls.ca });
    const transport = createGrpcTransport({
      baseUrl,
      sessionManager: this.#sessions,
      readMaxBytes: MAX_MESSAGE_BYTES,
      writeMaxBytes: MAX_MESSAGE_BYTES,
      ...(compression === null
        ? { acceptCompression: [] }
        : { sendCompression: compressionGzip, acceptCompression: [compressionGzip], compressMinBytes: 0 }),
    });
    this.#benchmark = createClient(BenchmarkService, transport);
    this.#streams = createClient(Streams, transport);
    this.#options = { headers: metadataOf(options) };
  }

  async ready(): Promise<void> {
    await this.#sessions.connect();
  }

  #parsed(request: Uint8Array): SimpleRequest {
    let parsed = this.#requests.get(request);
    if (parsed === undefined) {
      parsed = fromBinary(SimpleRequestSchema, request);
      this.#requests.set(request, parsed);
    }
    return parsed;
  }

  unary(request: Uint8Array, done: Done): void {
    tell(this.#benchmark.unaryCall(this.#parsed(request), this.#options), done);
  }

  pingPong(request: Uint8Array, messages: number, done: Done): void {
    tell(this.#ping(this.#parsed(request), messages), done);
  }

  async #ping(request: SimpleRequest, messages: number): Promise<void> {
    // The next request leaves when the answer to the one before has come.
    let answered: () => void = () => {};
    async function* requests(): AsyncGenerator<SimpleRequest> {
      for (let i = 0; i < messages; i += 1) {
        yield request;
        await new Promise<void>((resolve) => {
          answered = resolve;
        });
      }
    }
    for await (const _ of this.#benchmark.streamingCall(requests(), this.#options)) answered();
  }

  download(order: Uint8Array, onMessage: (message: Uint8Array) => undefined | Promise<void>, done: Done): void {
    tell(this.#read(order, onMessage), done);
  }

  async #read(order: Uint8Array, onMessage: (message: Uint8Array) => undefined | Promise<void>): Promise<void> {
    for await (const message of this.#streams.download({ value: order }, this.#options)) {
      const pause = onMessage(message.value);
      if (pause !== undefined) await pause;
    }
  }

  upload(message: Uint8Array, messages: number, done: Done): void {
    const value = create(BytesValueSchema, { value: message });
    async function* requests(): AsyncGenerator<typeof value> {
      for (let i = 0; i < messages; i += 1) yield value;
    }
    tell(this.#streams.upload(requests(), this.#options), done);
  }

  open(request: Uint8Array, opened: (error: Error | null, call: OpenCall) => void): void {
    const controller = new AbortController();
    const call = { cancel: (): void => controller.abort() };
    const message = this.#parsed(request);
    async function* requests(): AsyncGenerator<SimpleRequest> {
      yield message;
      await new Promise((resolve) => controller.signal.addEventListener('abort', resolve));
    }
    const responses = this.#benchmark.streamingCall(requests(), { ...this.#options, signal: controller.signal });
    responses[Symbol.asyncIterator]()
      .next()
      .then(
        () => opened(null, call),
        (error: Error) => opened(error, call),
      );
  }

  async close(): Promise<void> {
    this.#sessions.abort();
    await Promise.resolve();
  }
}

export const CONNECT: Stack = {
  name: 'connect',
  async serve(options) {
    const { tls, compression } = options;
    const handler = connectNodeAdapter({
      routes: routesFor(options),
      readMaxBytes: MAX_MESSAGE_BYTES,
      writeMaxBytes: MAX_MESSAGE_BYTES,
      ...(compression === null
        ? { acceptCompression: [] }
        : { acceptCompression: [compressionGzip], compressMinBytes: 0 }),
    });
    const server =
      tls === null ? http2.createServer(handler) : http2.createSecureServer({ key: tls.key, cert: tls.cert }, handler);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return {
      target: `127.0.0.1:${(server.address() as { port: number }).port}`,
      async close() {
        server.close();
        await Promise.resolve();
      },
    };
  },
  connect: (target, options) => new ConnectClient(target, options),
};
