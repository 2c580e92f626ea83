/**
 * The server of a worker: the benchmark service at a port, as a ServerConfig asks for it. Above: worker-service.ts. Below:
 * benchmark-service.ts, Usage. Holds: server types are all the same here, and what a configuration says of threads and cores is
 * not heeded, since Node has one thread for JavaScript.
 */
import { availableParallelism } from 'node:os';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { Code, Server, ServerCredentials, StatusError } from '../../src/index.ts';
import type { ServerConfig, ServerStatusSchema } from '../../test/interop/gen/grpc/testing/control_pb.ts';
import { benchmarkService } from './benchmark-service.ts';
import { payloadsOf } from './payloads.ts';
import { Usage } from './usage.ts';
import type { WorkerSettings } from './worker-settings.ts';

/** No message of a benchmark is too large. */
export const MAX_MESSAGE_BYTES: number = 64 * 1024 * 1024;

function credentialsFor(config: ServerConfig, { cert, key }: WorkerSettings): ServerCredentials {
  if (config.securityParams === undefined) return ServerCredentials.insecure();
  if (cert !== null && key !== null) return ServerCredentials.tls({ cert, key });
  throw new StatusError(Code.FAILED_PRECONDITION, 'the worker was started without --tls_cert_file and --tls_key_file');
}

/** Listens from start to close. */
export class BenchmarkServer {
  readonly #server: Server;
  readonly #usage = new Usage();

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Rejects with a StatusError: what the configuration asks for cannot be done, or the port cannot be had. */
  static async start(config: ServerConfig, settings: WorkerSettings): Promise<BenchmarkServer> {
    const server = new Server({ maxInboundMessageBytes: MAX_MESSAGE_BYTES })
      .addService(benchmarkService(payloadsOf(config.payloadConfig)))
      .addListener({ host: settings.host, port: config.port || settings.serverPort }, credentialsFor(config, settings));
    try {
      await server.start();
    } catch (error) {
      throw new StatusError(Code.UNAVAILABLE, error instanceof Error ? error.message : String(error));
    }
    return new BenchmarkServer(server);
  }

  /** What it has spent so far; begins anew if told to. */
  status(reset: boolean): MessageInitShape<typeof ServerStatusSchema> {
    return { stats: this.#usage.read(reset), port: this.#server.port, cores: availableParallelism() };
  }

  /** Ends at once, with all calls. */
  async close(): Promise<void> {
    this.#server.shutdownNow();
    await this.#server.awaitTermination();
  }
}
