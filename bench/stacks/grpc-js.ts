/** The bench service on @grpc/grpc-js, with messages as bytes. Above: stacks.ts. Below: grpc-js, as its users have it. */
import {
  Client,
  credentials,
  Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceError,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { answerTo, decodeOrder, encodeOrder, messageOf, PATHS } from '../service.ts';
import { type Done, metadataOf, type OpenCall, type Stack, type StackClient, type StackOptions } from '../stack.ts';

type Bytes = Uint8Array;

const GZIP = 2;
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

const toBuffer = (bytes: Bytes): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const toBytes = (bytes: Buffer): Bytes => bytes;

function definition(path: string, requestStream: boolean, responseStream: boolean): MethodDefinition<Bytes, Bytes> {
  return {
    path,
    requestStream,
    responseStream,
    requestSerialize: toBuffer,
    requestDeserialize: toBytes,
    responseSerialize: toBuffer,
    responseDeserialize: toBytes,
  };
}

const SERVICE = {
  unary: definition(PATHS.unary, false, false),
  pingPong: definition(PATHS.pingPong, true, true),
  download: definition(PATHS.download, false, true),
  upload: definition(PATHS.upload, true, false),
};

function metadataFor(options: StackOptions): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of metadataOf(options)) metadata.add(key, value);
  return metadata;
}

/** What a compressed response needs, grpc-js cannot send: its server knows no compression. */
function refuseCompression({ compression }: StackOptions): void {
  if (compression !== null) throw new Error('a server of grpc-js does not compress');
}

function handlers(options: StackOptions): Parameters<Server['addService']>[1] {
  const metadata = metadataFor(options);
  const begins = options.metadataEntries > 0;
  return {
    unary(call: ServerUnaryCall<Bytes, Bytes>, callback: sendUnaryData<Bytes>) {
      if (begins) call.sendMetadata(metadata);
      callback(null, answerTo(call.request));
    },
    pingPong(call: ServerDuplexStream<Bytes, Bytes>) {
      call.on('data', (request: Bytes) => call.write(answerTo(request)));
      call.on('end', () => call.end());
      call.on('error', () => {});
    },
    download(call: ServerWritableStream<Bytes, Bytes>) {
      const { messages, bytes } = decodeOrder(call.request);
      const message = messageOf(bytes);
      let left = messages;
      const go = (): void => {
        while (left > 0) {
          left -= 1;
          if (!call.write(message) && left > 0) {
            call.once('drain', go);
            return;
          }
        }
        call.end();
      };
      call.on('error', () => {});
      go();
    },
    upload(call: ServerReadableStream<Bytes, Bytes>, callback: sendUnaryData<Bytes>) {
      let messages = 0;
      call.on('data', () => {
        messages += 1;
      });
      call.on('end', () => callback(null, encodeOrder({ messages, bytes: 0 })));
      call.on('error', () => {});
    },
  };
}

function ending(done: Done): (error: ServiceError | null) => void {
  return (error) => done(error);
}

class GrpcJsClient implements StackClient {
  readonly #client: Client;
  readonly #metadata: Metadata;

  constructor(target: string, options: StackOptions) {
    const { tls, compression } = options;
    const credential = tls === null ? credentials.createInsecure() : credentials.createSsl(Buffer.from(tls.ca));
    this.#client = new Client(target, credential, {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.ssl_target_name_override': 'localhost',
      'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
      'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
      ...(compression === null ? {} : { 'grpc.default_compression_algorithm': GZIP }),
    });
    this.#metadata = metadataFor(options);
  }

  ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#client.waitForReady(Date.now() + 10_000, (error) => (error === undefined ? resolve() : reject(error)));
    });
  }

  unary(request: Bytes, done: Done): void {
    this.#client.makeUnaryRequest(PATHS.unary, toBuffer, toBytes, request, this.#metadata, {}, ending(done));
  }

  pingPong(request: Bytes, messages: number, done: Done): void {
    const call = this.#client.makeBidiStreamRequest(PATHS.pingPong, toBuffer, toBytes, this.#metadata);
    let left = messages;
    const next = (): void => {
      left -= 1;
      if (left < 0) call.end();
      else call.write(request);
    };
    call.on('data', next);
    call.on('error', () => {});
    call.on('status', ({ code, details }) => done(code === 0 ? null : new Error(details)));
    next();
  }

  download(order: Bytes, onMessage: (message: Bytes) => undefined | Promise<void>, done: Done): void {
    const call = this.#client.makeServerStreamRequest(PATHS.download, toBuffer, toBytes, order, this.#metadata);
    call.on('data', (message: Bytes) => {
      const pause = onMessage(message);
      if (pause === undefined) return;
      call.pause();
      void pause.then(() => call.resume());
    });
    call.on('error', () => {});
    call.on('status', ({ code, details }) => done(code === 0 ? null : new Error(details)));
  }

  upload(message: Bytes, messages: number, done: Done): void {
    const call = this.#client.makeClientStreamRequest(
      PATHS.upload,
      toBuffer,
      toBytes,
      this.#metadata,
      {},
      ending(done),
    );
    let left = messages;
    const go = (): void => {
      while (left > 0) {
        left -= 1;
        if (!call.write(message) && left > 0) {
          call.once('drain', go);
          return;
        }
      }
      call.end();
    };
    go();
  }

  open(request: Bytes, opened: (error: Error | null, call: OpenCall) => void): void {
    const call = this.#client.makeBidiStreamRequest(PATHS.pingPong, toBuffer, toBytes, this.#metadata);
    call.on('error', () => {});
    call.once('data', () => opened(null, call));
    call.write(request);
  }

  async close(): Promise<void> {
    this.#client.close();
    await Promise.resolve();
  }
}

export const GRPC_JS: Stack = {
  name: 'grpc-js',
  async serve(options) {
    refuseCompression(options);
    const server = new Server({
      'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
      'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
    });
    server.addService(SERVICE, handlers(options));
    const { tls } = options;
    const credential =
      tls === null
        ? ServerCredentials.createInsecure()
        : ServerCredentials.createSsl(null, [{ private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.cert) }]);
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', credential, (error, bound) => (error === null ? resolve(bound) : reject(error)));
    });
    return {
      target: `127.0.0.1:${port}`,
      async close() {
        server.forceShutdown();
        await Promise.resolve();
      },
    };
  },
  connect: (target, options) => new GrpcJsClient(target, options),
};
