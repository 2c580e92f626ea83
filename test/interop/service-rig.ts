/**
 * A server of the test service and a client of it, for tests. Above: services.test.ts. Below: server.ts, the promise style's client.
 */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  CallOptions,
  ChannelCredentials,
  type Client,
  ClientCallListener,
  Code,
  createChannel,
  createClient,
  type DirectChannel,
  formatAddress,
  LOCAL_ADDRESS,
  Metadata,
  type ResponseStream,
  type Server,
  type Status,
  StatusError,
} from '../../src/index.ts';
import { assert, within } from '../support/suite.ts';
import { WoundClock } from '../support/wound-clock.ts';
import { type Empty, EmptySchema } from './gen/grpc/testing/empty_pb.ts';
import {
  type ResponseParametersSchema,
  type StreamingOutputCallRequest,
  StreamingOutputCallRequestSchema,
  type StreamingOutputCallResponse,
} from './gen/grpc/testing/messages_pb.ts';
import { type InteropServerInit, startInteropServer } from './server.ts';
import { PROBED_COMPRESSORS, TEST_SERVICE, wasCompressed } from './test-service.ts';

export const EMPTY: Empty = create(EmptySchema);

/** A server of one face whose intervals a test winds, and a client of it. */
export class Rig implements AsyncDisposable {
  readonly clock: WoundClock;
  readonly server: Server;
  readonly channel: DirectChannel;
  readonly client: Client<typeof TEST_SERVICE>;

  private constructor(clock: WoundClock, server: Server) {
    this.clock = clock;
    this.server = server;
    this.channel = createChannel(`127.0.0.1:${server.port}`, ChannelCredentials.insecure(), {
      compressors: PROBED_COMPRESSORS,
    });
    this.client = createClient(TEST_SERVICE, this.channel, { timeoutMs: 5000 });
  }

  static async start(init: InteropServerInit): Promise<Rig> {
    const clock = new WoundClock();
    return new Rig(clock, await startInteropServer({ ...init, clock }));
  }

  /** The client's end of the connection, as `host:port`. */
  async localAddress(): Promise<string> {
    const call = this.channel.newCall(TEST_SERVICE.emptyCall, CallOptions.DEFAULT);
    const ended = new Promise<Status>((resolve) => {
      call.start(new EndListener(resolve), new Metadata());
    });
    call.request(1);
    call.sendMessage(EMPTY);
    call.halfClose();
    assert.is((await within(3000, ended)).code, Code.OK);
    return formatAddress(call.getAttributes().get(LOCAL_ADDRESS));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.channel.shutdownNow();
    await within(3000, this.channel[Symbol.asyncDispose](), 'the channel to end');
    await within(3000, this.server[Symbol.asyncDispose](), 'the server to end');
  }
}

class EndListener extends ClientCallListener<object> {
  readonly #onEnd: (status: Status) => void;

  constructor(onEnd: (status: Status) => void) {
    super();
    this.#onEnd = onEnd;
  }

  override onClose(status: Status): void {
    this.#onEnd(status);
  }
}

type Parameters = MessageInitShape<typeof ResponseParametersSchema>;

/** A request for responses. */
export function asking(...responseParameters: Parameters[]): StreamingOutputCallRequest {
  return create(StreamingOutputCallRequestSchema, { responseParameters });
}

/** A request for a failure. */
export function failing(message: string, ...responseParameters: Parameters[]): StreamingOutputCallRequest {
  const responseStatus = { code: Code.DATA_LOSS, message };
  return create(StreamingOutputCallRequestSchema, { responseStatus, responseParameters });
}

export interface Ended {
  /** The sizes of the responses, in order. */
  readonly sizes: number[];
  /** Which of them came compressed. */
  readonly compressed: boolean[];
  readonly status: Status;
  readonly trailers: Metadata;
}

export const sizeOf = ({ payload }: StreamingOutputCallResponse): number => payload?.body.length ?? -1;

/** Reads a call to its end. */
export async function readAll(call: ResponseStream<StreamingOutputCallResponse>): Promise<Ended> {
  const messages: StreamingOutputCallResponse[] = [];
  try {
    for await (const message of call) messages.push(message);
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
  }
  const [status, trailers] = await Promise.all([call.status, call.trailers]);
  return { sizes: messages.map(sizeOf), compressed: messages.map(wasCompressed), status, trailers };
}

export async function failureOf(response: Promise<unknown>): Promise<StatusError> {
  const error = await response.then(
    () => null,
    (error: unknown) => error,
  );
  if (error instanceof StatusError) return error;
  throw new Error('the call succeeded', { cause: error });
}
