/**
 * grpc.testing.WorkerService in the promise style: makes a benchmark's server or client of this process, and reports what it
 * measures. Above: main.ts. Below: BenchmarkServer, BenchmarkClient. Holds: what a stream has started ends with the stream, however
 * that ends; several streams may run at once. Source: grpc/testing/worker_service.proto.
 */
import { availableParallelism } from 'node:os';
import { Code, type ServiceDefinition, StatusError } from '../../src/index.ts';
import { implement } from '../../src/stub/codec/protobuf-es.ts';
import type {
  ClientArgs,
  ClientConfig,
  Mark,
  ServerArgs,
  ServerConfig,
} from '../../test/interop/gen/grpc/testing/control_pb.ts';
import { WorkerService } from '../../test/interop/gen/grpc/testing/worker_service_pb.ts';
import { BenchmarkClient } from './benchmark-client.ts';
import { BenchmarkServer } from './benchmark-server.ts';
import type { WorkerSettings } from './worker-settings.ts';

/** A server or a client. */
interface Running<Status> {
  status(reset: boolean): Status;
  close(): Promise<void>;
}

/** What the arguments of either kind come down to. */
type Argument<Setup> =
  | { readonly case: 'setup'; readonly value: Setup }
  | { readonly case: 'mark'; readonly value: Mark }
  | { readonly case: undefined; readonly value?: undefined };

/** One stream of setups and marks. A second setup ends what the first one started. */
async function* runStream<Setup, Status>(
  start: (setup: Setup) => Promise<Running<Status>>,
  requests: AsyncIterable<{ readonly argtype: Argument<NoInfer<Setup>> }>,
): AsyncGenerator<Status> {
  let running: Running<Status> | null = null;
  try {
    for await (const { argtype } of requests) {
      if (argtype.case === 'setup') {
        await running?.close();
        running = null;
        running = await start(argtype.value);
        yield running.status(false);
      } else if (argtype.case === 'mark' && running !== null) {
        yield running.status(argtype.value.reset);
      } else {
        throw new StatusError(Code.INVALID_ARGUMENT, 'the first message is a setup, those that follow are marks');
      }
    }
  } finally {
    await running?.close();
  }
}

/** The service. `onQuit` runs when the worker is told to end, before that is answered. */
export function workerService(settings: WorkerSettings, onQuit: () => void): ServiceDefinition {
  return implement(WorkerService, {
    runServer: (requests: AsyncIterable<ServerArgs>) =>
      runStream((config: ServerConfig) => BenchmarkServer.start(config, settings), requests),
    runClient: (requests: AsyncIterable<ClientArgs>) =>
      runStream(async (config: ClientConfig) => new BenchmarkClient(config, settings), requests),
    coreCount: () => ({ cores: availableParallelism() }),
    quitWorker() {
      onQuit();
      return {};
    },
  });
}
