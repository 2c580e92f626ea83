/** The bench service on nice-grpc, which stands on grpc-js, with messages as bytes. Above: stacks.ts. */
import { ServerCredentials } from '@grpc/grpc-js';
import {
  type Channel,
  ChannelCredentials,
  type Client,
  createChannel,
  createClient,
  createServer,
  Metadata,
} from 'nice-grpc';
import { answerTo, decodeOrder, encodeOrder, messageOf, PATHS } from '../service.ts';
import { type Done, metadataOf, type OpenCall, type Stack, type StackClient, type StackOptions } from '../stack.ts';

type Bytes = Uint8Array;

const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
const GZIP = 2;
const CHANNEL_OPTIONS = {
  'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
  'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
};

function method<Q extends boolean, S extends boolean>(path: string, requestStream: Q, responseStream: S) {
  return {
    path,
    requestStream,
    responseStream,
    requestSerialize: (bytes: Bytes) => bytes,
    requestDeserialize: (bytes: Bytes) => bytes,
    responseSerialize: (bytes: Bytes) => bytes,
    responseDeserialize: (bytes: Bytes) => bytes,
    options: {},
  } as const;
}

const SERVICE = {
  unary: method(PATHS.unary, false, false),
  pingPong: method(PATHS.pingPong, true, true),
  download: method(PATHS.download, false, true),
  upload: method(PATHS.upload, true, false),
};

async function* repeat(message: Bytes, messages: number): AsyncGenerator<Bytes> {
  for (let i = 0; i < messages; i += 1) yield message;
}

function metadataFor(options: StackOptions): Metadata {
  const metadata = Metadata();
  for (const [key, value] of metadataOf(options)) metadata.append(key, value);
  return metadata;
}

function tell(call: Promise<unknown>, done: Done): void {
  call.then(
    () => done(null),
    (error: Error) => done(error),
  );
}

class NiceClient implements StackClient {
  readonly #channel: Channel;
  readonly #client: Client<typeof SERVICE>;
  readonly #options: { metadata: Metadata };

  constructor(target: string, options: StackOptions) {
    const { tls, compression } = options;
    const credential =
      tls === null ? ChannelCredentials.createInsecure() : ChannelCredentials.createSsl(Buffer.from(tls.ca));
    this.#channel = createChannel(tls === null ? target : `https://${target}`, credential, {
      ...CHANNEL_OPTIONS,
      'grpc.ssl_target_name_override': 'localhost',
      ...(compression === null ? {} : { 'grpc.default_compression_algorithm': GZIP }),
    });
    this.#client = createClient(SERVICE, this.#channel);
    this.#options = { metadata: metadataFor(options) };
  }

  unary(request: Bytes, done: Done): void {
    tell(this.#client.unary(request, this.#options), done);
  }

  pingPong(request: Bytes, messages: number, done: Done): void {
    tell(this.#ping(request, messages), done);
  }

  async #ping(request: Bytes, messages: number): Promise<void> {
    // The next request leaves when the answer to the one before has come.
    let answered: () => void = () => {};
    async function* requests(): AsyncGenerator<Bytes> {
      for (let i = 0; i < messages; i += 1) {
        yield request;
        await new Promise<void>((resolve) => {
          answered = resolve;
        });
      }
    }
    for await (const _ of this.#client.pingPong(requests(), this.#options)) answered();
  }

  download(order: Bytes, onMessage: (message: Bytes) => undefined | Promise<void>, done: Done): void {
    tell(this.#read(order, onMessage), done);
  }

  async #read(order: Bytes, onMessage: (message: Bytes) => undefined | Promise<void>): Promise<void> {
    for await (const message of this.#client.download(order, this.#options)) {
      const pause = onMessage(message);
      if (pause !== undefined) await pause;
    }
  }

  upload(message: Bytes, messages: number, done: Done): void {
    tell(this.#client.upload(repeat(message, messages), this.#options), done);
  }

  open(request: Bytes, opened: (error: Error | null, call: OpenCall) => void): void {
    const controller = new AbortController();
    const call = { cancel: (): void => controller.abort() };
    async function* requests(): AsyncGenerator<Bytes> {
      yield request;
      await new Promise((resolve) => controller.signal.addEventListener('abort', resolve));
    }
    const responses = this.#client.pingPong(requests(), { ...this.#options, signal: controller.signal });
    const iterator = responses[Symbol.asyncIterator]();
    iterator.next().then(
      () => opened(null, call),
      (error: Error) => opened(error, call),
    );
  }

  async close(): Promise<void> {
    this.#channel.close();
    await Promise.resolve();
  }
}

export const NICE_GRPC: Stack = {
  name: 'nice-grpc',
  async serve(options) {
    if (options.compression !== null) throw new Error('a server of grpc-js does not compress');
    const server = createServer(CHANNEL_OPTIONS);
    const metadata = metadataFor(options);
    const begins = options.metadataEntries > 0;
    server.add(SERVICE, {
      async unary(request: Bytes, context) {
        if (begins) {
          for (const [key, values] of metadata) context.header.set(key, values);
          context.sendHeader();
        }
        return answerTo(request);
      },
      async *pingPong(requests: AsyncIterable<Bytes>) {
        for await (const request of requests) yield answerTo(request);
      },
      async *download(request: Bytes) {
        const { messages, bytes } = decodeOrder(request);
        yield* repeat(messageOf(bytes), messages);
      },
      async upload(requests: AsyncIterable<Bytes>) {
        let messages = 0;
        for await (const _ of requests) messages += 1;
        return encodeOrder({ messages, bytes: 0 });
      },
    });
    const { tls } = options;
    const credential =
      tls === null
        ? ServerCredentials.createInsecure()
        : ServerCredentials.createSsl(null, [{ private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.cert) }]);
    const port = await server.listen('127.0.0.1:0', credential);
    return {
      target: `127.0.0.1:${port}`,
      async close() {
        server.forceShutdown();
        await Promise.resolve();
      },
    };
  },
  connect: (target, options) => new NiceClient(target, options),
};
