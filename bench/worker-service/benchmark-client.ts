/**
 * The client of a worker: load on the benchmark service, as a ClientConfig asks for it, from start to close. Above:
 * worker-service.ts. Below: lanes.ts, pace.ts, Tally. Holds: client types are all the same here, and what a configuration says of
 * threads and cores is not heeded, since Node has one thread for JavaScript.
 */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { ChannelCredentials, Code, createChannel, type DirectChannel, StatusError } from '../../src/index.ts';
import { type ClientConfig, type ClientStatusSchema, RpcType } from '../../test/interop/gen/grpc/testing/control_pb.ts';
import { MAX_MESSAGE_BYTES } from './benchmark-server.ts';
import { USUAL_LAYOUT } from './histogram.ts';
import { FlowingLane, type FlowingStream, type LaneInit, PingPongLane, UnaryLane } from './lanes.ts';
import { ClosedLoop, type Pace, PoissonPace } from './pace.ts';
import { payloadsOf } from './payloads.ts';
import { Tally } from './tally.ts';
import type { WorkerSettings } from './worker-settings.ts';

type AnyLane = UnaryLane<unknown, unknown> | PingPongLane<unknown, unknown> | FlowingLane<unknown, unknown>;

const FLOWING: Readonly<Partial<Record<RpcType, FlowingStream>>> = {
  [RpcType.STREAMING_FROM_CLIENT]: { method: 'streamingFromClient', sends: 'many', counts: 'written' },
  [RpcType.STREAMING_FROM_SERVER]: { method: 'streamingFromServer', sends: 'one', counts: 'received' },
  [RpcType.STREAMING_BOTH_WAYS]: { method: 'streamingBothWays', sends: 'many', counts: 'received' },
};

function invalid(text: string): StatusError {
  return new StatusError(Code.INVALID_ARGUMENT, text);
}

function credentialsFor({ securityParams }: ClientConfig, { ca }: WorkerSettings): ChannelCredentials {
  if (securityParams === undefined) return ChannelCredentials.insecure();
  if (!securityParams.useTestCa) return ChannelCredentials.tls();
  if (ca !== null) return ChannelCredentials.tls({ ca });
  throw new StatusError(Code.FAILED_PRECONDITION, 'the worker was started without --ca_file');
}

function channelTo(target: string, config: ClientConfig, settings: WorkerSettings): DirectChannel {
  const authority = config.securityParams?.serverHostOverride ?? '';
  const options = { maxInboundMessageBytes: MAX_MESSAGE_BYTES, ...(authority === '' ? {} : { authority }) };
  try {
    return createChannel(target, credentialsFor(config, settings), options);
  } catch (error) {
    if (error instanceof TypeError) throw invalid(error.message);
    throw error;
  }
}

/** One of the load's shapes. */
function paceOf({ loadParams, rpcType }: ClientConfig): Pace {
  const load = loadParams?.load;
  if (load?.case === 'closedLoop') return new ClosedLoop();
  if (load?.case !== 'poisson') throw invalid('load_params says neither closed_loop nor poisson');
  if (!(load.value.offeredLoad > 0)) throw invalid(`offered_load is more than 0, not ${load.value.offeredLoad}`);
  if (rpcType in FLOWING) throw invalid('poisson is for UNARY and STREAMING: what flows has no moments to begin at');
  return new PoissonPace(load.value.offeredLoad);
}

function laneOf(rpcType: RpcType, init: LaneInit<unknown, unknown>): AnyLane {
  const flowing = FLOWING[rpcType];
  if (flowing !== undefined) return new FlowingLane(init, flowing);
  return rpcType === RpcType.UNARY ? new UnaryLane(init) : new PingPongLane(init);
}

function check(config: ClientConfig): void {
  if (config.serverTargets.length === 0) throw invalid('server_targets is empty');
  if (config.clientChannels < 1) throw invalid(`client_channels is at least 1, not ${config.clientChannels}`);
  const { outstandingRpcsPerChannel: outstanding, rpcType } = config;
  if (outstanding < 1) throw invalid(`outstanding_rpcs_per_channel is at least 1, not ${outstanding}`);
  if (RpcType[rpcType] === undefined) throw invalid(`there is no rpc_type ${rpcType}`);
}

/** Makes calls from its making to close. */
export class BenchmarkClient {
  readonly #tally: Tally;
  readonly #pace: Pace;
  readonly #channels: DirectChannel[] = [];
  readonly #lanes: AnyLane[] = [];

  /** Throws StatusError: what the configuration asks for makes no sense, or cannot be done. */
  constructor(config: ClientConfig, settings: WorkerSettings) {
    check(config);
    const payloads = payloadsOf(config.payloadConfig);
    this.#tally = new Tally(config.histogramParams ?? USUAL_LAYOUT);
    for (let i = 0; i < config.clientChannels; i += 1) {
      const target = config.serverTargets[i % config.serverTargets.length] ?? '';
      this.#channels.push(channelTo(target, config, settings));
    }
    this.#pace = paceOf(config);
    const { messagesPerStream, outstandingRpcsPerChannel } = config;
    for (const channel of this.#channels) {
      const init: LaneInit<unknown, unknown> = {
        channel,
        payloads,
        tally: this.#tally,
        pace: this.#pace,
        messagesPerStream,
      };
      for (let i = 0; i < outstandingRpcsPerChannel; i += 1) this.#lanes.push(laneOf(config.rpcType, init));
    }
    for (const lane of this.#lanes) lane.start();
  }

  /** What there is so far; begins anew if told to. */
  status(reset: boolean): MessageInitShape<typeof ClientStatusSchema> {
    return { stats: this.#tally.stats(reset) };
  }

  /** Ends at once, with all calls. */
  async close(): Promise<void> {
    this.#pace.stop();
    for (const lane of this.#lanes) lane.stop();
    for (const channel of this.#channels) channel.shutdownNow();
    await Promise.all(this.#channels.map((channel) => channel.awaitTermination()));
  }
}
