/**
 * A worker as its driver sees it: one of gRPC's benchmark workers, in whatever language, at the other end of a connection. Above:
 * driver.ts, bench/peers. Below: WorkerService through promises. Holds: what was started stops when told to, or with
 * the connection. Source: grpc/testing/worker_service.proto.
 */
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  ChannelCredentials,
  type Client,
  createChannel,
  type DirectChannel,
  type DuplexCall,
  StatusError,
} from '../../src/index.ts';
import { type ClientMethods, createClient } from '../../src/stub/codec/protobuf-es.ts';
import type {
  ClientArgsSchema,
  ClientConfigSchema,
  ClientStatus,
  ServerArgsSchema,
  ServerConfigSchema,
  ServerStatus,
} from '../../test/interop/gen/grpc/testing/control_pb.ts';
import { WorkerService } from '../../test/interop/gen/grpc/testing/worker_service_pb.ts';

export type ServerSetup = MessageInitShape<typeof ServerConfigSchema>;
export type ClientSetup = MessageInitShape<typeof ClientConfigSchema>;

/** A server or a client that runs in a worker. */
export interface Started<Status> {
  /** The answer to the setup. */
  readonly first: Status;
  /** What was measured so far; begins anew if told to. Rejects when the worker has ended it. */
  mark(reset: boolean): Promise<Status>;
  /** Ends it, and waits for that. Rejects when the worker ended it otherwise than with OK. */
  stop(): Promise<void>;
}

async function ask<Args, Status>(call: DuplexCall<Args, Status>, args: Args): Promise<Status> {
  void call.send(args);
  const { value, done } = await call.next();
  if (done === true) throw new Error('the worker ended a stream without being asked to');
  return value;
}

async function finish<Args, Status>(call: DuplexCall<Args, Status>): Promise<void> {
  call.closeSend();
  const status = await call.status;
  if (!status.isOk) throw new StatusError(status.code, status.description ?? undefined);
}

/** What either kind of stream has. */
async function begin<Args, Status>(
  call: DuplexCall<Args, Status>,
  setup: Args,
  markOf: (reset: boolean) => Args,
): Promise<Started<Status>> {
  return { first: await ask(call, setup), mark: (reset) => ask(call, markOf(reset)), stop: () => finish(call) };
}

const markOf = (reset: boolean) => ({ argtype: { case: 'mark' as const, value: { reset } } });

/** One worker. */
export class WorkerConnection {
  readonly #channel: DirectChannel;
  readonly #client: Client<ClientMethods<typeof WorkerService>>;

  /** `target` is `host:port`. Connects with the first call, and waits for the worker to listen. */
  constructor(target: string) {
    this.#channel = createChannel(target, ChannelCredentials.insecure());
    this.#client = createClient(WorkerService, this.#channel, { waitForReady: true });
  }

  /** Starts a benchmark server. Rejects with the worker's StatusError when it cannot. */
  startServer(setup: ServerSetup): Promise<Started<ServerStatus>> {
    const args: MessageInitShape<typeof ServerArgsSchema> = { argtype: { case: 'setup', value: setup } };
    return begin(this.#client.runServer(), args, markOf);
  }

  /** Starts a benchmark client. Rejects with the worker's StatusError when it cannot. */
  startClient(setup: ClientSetup): Promise<Started<ClientStatus>> {
    const args: MessageInitShape<typeof ClientArgsSchema> = { argtype: { case: 'setup', value: setup } };
    return begin(this.#client.runClient(), args, markOf);
  }

  /** How many cores the worker has. Rejects with DEADLINE_EXCEEDED when it is not there in time. */
  async coreCount(timeoutMs: number): Promise<number> {
    return (await this.#client.coreCount({}, { timeoutMs })).cores;
  }

  /** Tells the worker to end. */
  async quit(): Promise<void> {
    await this.#client.quitWorker({});
  }

  /** Ends the connection, with all that was started through it. */
  async close(): Promise<void> {
    this.#channel.shutdownNow();
    await this.#channel.awaitTermination();
  }
}
