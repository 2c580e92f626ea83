/**
 * A server in a process of its own that streams 1 GiB to whoever calls, as fast as the call is ready for it. Run by
 * slow-reader.test.ts with `serve`; says its port, then, asked, by how much the process grew.
 */
import { type ServerCall, ServerCallListener } from '../../src/call/server-call.ts';
import { ServiceDefinition } from '../../src/call/service-definition.ts';
import { ServerCredentials } from '../../src/credentials/server-credentials.ts';
import { Server } from '../../src/server/server.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { BYTES_MARSHALLER, MethodDescriptor } from '../../src/values/method.ts';
import { Status } from '../../src/values/status.ts';
import { MemorySampler } from '../support/memory.ts';

/** What it sends. */
export const MESSAGE_BYTES: number = 256 * 1024;
export const MESSAGES = 4096;
/** Always the same, so that what the process grows by is what the call holds. */
const MESSAGE = Buffer.alloc(MESSAGE_BYTES, 7);

export const DOWNLOAD: MethodDescriptor<Uint8Array, Uint8Array> = new MethodDescriptor({
  service: 'test.Slow',
  name: 'Download',
  kind: 'server_streaming',
  requestMarshaller: BYTES_MARSHALLER,
  responseMarshaller: BYTES_MARSHALLER,
});

/** Sends 1 GiB, as fast as the call is ready for it. */
class Writer extends ServerCallListener<Uint8Array> {
  readonly #call: ServerCall<Uint8Array, Uint8Array>;
  #left = MESSAGES;

  constructor(call: ServerCall<Uint8Array, Uint8Array>) {
    super();
    this.#call = call;
    call.sendHeaders(new Metadata());
    call.request(2);
  }

  override onHalfClose(): void {
    this.onReady();
  }

  override onReady(): void {
    while (this.#left > 0 && this.#call.isReady()) {
      this.#left -= 1;
      this.#call.sendMessage(MESSAGE);
      if (this.#left === 0) this.#call.close(Status.OK, new Metadata());
    }
  }
}

async function serve(): Promise<void> {
  const service = new ServiceDefinition('test.Slow').addMethod(DOWNLOAD, (call) => new Writer(call));
  const server = new Server().addService(service);
  await server.addListener({ host: '127.0.0.1', port: 0 }, ServerCredentials.insecure()).start();
  let memory: MemorySampler | null = null;
  process.on('message', (what) => {
    // Often: V8 lets 32 MiB of buffers wait for a collection.
    if (what === 'begin') memory = new MemorySampler(25);
    process.send?.(what === 'begin' ? 0 : (memory?.growthBytes ?? -1));
  });
  process.on('disconnect', () => process.exit(0));
  process.send?.(server.port);
}

if (process.argv[2] === 'serve') await serve();
