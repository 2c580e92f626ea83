/**
 * What the official test server does, whatever its face: what is refused, what is answered, what is echoed. Above: the three
 * services beside. Below: the generated messages, test-service.ts. Holds: a response's bytes are made when its turn has come; a
 * request is refused before any of its responses is sent.
 * Source: grpc doc/interop-test-descriptions.md, "Server".
 */
import { create } from '@bufbuild/protobuf';
import { Metadata, Status } from '../../../src/index.ts';
import type { TestServiceInit } from '../face.ts';
import {
  type BoolValue,
  type EchoStatus,
  type Payload,
  PayloadSchema,
  PayloadType,
  type SimpleRequest,
  type SimpleResponse,
  SimpleResponseSchema,
  type StreamingInputCallRequest,
  type StreamingOutputCallRequest,
  type StreamingOutputCallResponse,
  StreamingOutputCallResponseSchema,
} from '../gen/grpc/testing/messages_pb.ts';
import { wasCompressed } from '../test-service.ts';

const ECHOED_INITIAL = 'x-grpc-test-echo-initial';
const ECHOED_TRAILING = 'x-grpc-test-echo-trailing-bin';

/** Names this process, to clients that ask by which server they were answered. */
const SERVER_ID = `halfclose-${process.pid}-${Date.now().toString(36)}`;

/** Who a client is by its token. */
interface Account {
  readonly username: string;
  readonly oauthScope: string;
}

const ANONYMOUS: Account = { username: '', oauthScope: '' };

/** The clients that the server knows, by what their `authorization` says. It stands in for the cloud of the auth cases. */
export const ACCOUNTS: ReadonlyMap<string, Account> = new Map([
  ['Bearer token-of-alice', { username: 'alice@interop.test', oauthScope: 'interop.test/read' }],
  ['Bearer token-of-bob', { username: 'bob@interop.test', oauthScope: 'interop.test/write' }],
]);

/** What goes back as it came: with the headers, and with the trailers. */
export interface Echo {
  readonly headers: Metadata;
  readonly trailers: Metadata;
}

/** Echo Metadata. */
export function echoOf(metadata: Metadata): Echo {
  return {
    headers: new Metadata().merge(metadata, [ECHOED_INITIAL]),
    trailers: new Metadata().merge(metadata, [ECHOED_TRAILING]),
  };
}

/** Why UnaryCall refuses a request, or the status that the request asks for; OK if it is to be answered. */
export function checkUnary(request: SimpleRequest): Status {
  const { expectCompressed, responseStatus, responseType, responseSize } = request;
  return firstFailure(
    checkCompression(request, expectCompressed),
    echoedStatus(responseStatus),
    checkPayload(responseType, responseSize),
  );
}

/** As checkUnary, for one message of StreamingInputCall. */
export function checkInput(request: StreamingInputCallRequest): Status {
  return checkCompression(request, request.expectCompressed);
}

function checkOutput({ responseStatus, responseType, responseParameters }: StreamingOutputCallRequest): Status {
  const sizes = responseParameters.map(({ size }) => checkPayload(responseType, size));
  return firstFailure(echoedStatus(responseStatus), checkPayload(responseType, 0), ...sizes);
}

function firstFailure(...statuses: Status[]): Status {
  return statuses.find((status) => !status.isOk) ?? Status.OK;
}

/** CompressedRequest: only what was to be compressed and is not, is wrong. */
function checkCompression(message: object, expected: BoolValue | undefined): Status {
  if (expected?.value !== true || wasCompressed(message)) return Status.OK;
  return Status.INVALID_ARGUMENT.withDescription('the request was to be compressed and is not');
}

/** Echo Status; code 0 asks for nothing. */
function echoedStatus(asked: EchoStatus | undefined): Status {
  return asked === undefined ? Status.OK : Status.fromCode(asked.code).withDescription(asked.message);
}

function checkPayload(type: PayloadType, size: number): Status {
  if (type !== PayloadType.COMPRESSABLE) {
    return Status.INVALID_ARGUMENT.withDescription(`unsupported payload type ${type}`);
  }
  return size < 0 ? Status.INVALID_ARGUMENT.withDescription(`negative payload size ${size}`) : Status.OK;
}

function zeros(size: number): Payload {
  return create(PayloadSchema, { type: PayloadType.COMPRESSABLE, body: new Uint8Array(size) });
}

/** What UnaryCall answers a request that is in order. */
export function unaryResponse(request: SimpleRequest, metadata: Metadata): SimpleResponse {
  const { username, oauthScope } = ACCOUNTS.get(metadata.get('authorization') ?? '') ?? ANONYMOUS;
  return create(SimpleResponseSchema, {
    payload: zeros(request.responseSize),
    username: request.fillUsername ? username : '',
    oauthScope: request.fillOauthScope ? oauthScope : '',
    serverId: request.fillServerId ? SERVER_ID : '',
  });
}

/** What CacheableUnaryCall answers: the time, in nanoseconds since 1970. */
export function cacheableResponse(): SimpleResponse {
  const nanoseconds = BigInt(Math.trunc((performance.timeOrigin + performance.now()) * 1e6));
  return create(SimpleResponseSchema, { payload: { body: Buffer.from(String(nanoseconds)) } });
}

/** What CacheableUnaryCall says of it. */
export const CACHE_CONTROL: readonly [key: string, value: string] = ['cache-control', 'max-age=60'];

/** CompressedResponse: whether a response is compressed. */
export function isToBeCompressed(asked: BoolValue | undefined, { compressed = false }: TestServiceInit): boolean {
  return asked?.value ?? compressed;
}

/** How many bytes a message of StreamingInputCall holds. */
export function sizeOf({ payload }: StreamingInputCallRequest): number {
  return payload?.body.length ?? 0;
}

/** One response of a stream. */
export interface PlannedResponse {
  /** How long to wait first, in milliseconds. */
  readonly delayMs: number;
  readonly compressed: boolean;
  readonly message: StreamingOutputCallResponse;
}

/** The responses that are still to come, and then the status: OK if the requests were in order. */
export type Plan = Iterator<PlannedResponse, Status>;

/** How a call of StreamingOutputCall and its siblings is answered. */
export interface PlanInit extends TestServiceInit {
  /** The client's address, as `host:port`. */
  readonly peer: string;
}

/**
 * The responses to `requests`, in order. A status that a request asks for, or a mistake in it, ends all: nothing of it and of
 * what follows is answered.
 */
export function* planOf(
  requests: Iterable<StreamingOutputCallRequest>,
  init: PlanInit,
): Generator<PlannedResponse, Status> {
  for (const request of requests) {
    const status = checkOutput(request);
    if (!status.isOk) return status;
    for (const { size, intervalUs, compressed, fillPeerSocketAddress } of request.responseParameters) {
      const peerSocketAddress = fillPeerSocketAddress?.value === true ? init.peer : '';
      yield {
        delayMs: intervalUs / 1000,
        compressed: isToBeCompressed(compressed, init),
        message: create(StreamingOutputCallResponseSchema, { payload: zeros(size), peerSocketAddress }),
      };
    }
  }
  return Status.OK;
}

/** A plan with nothing left. */
export const NOTHING_PLANNED: Plan = Object.freeze<Plan>({ next: () => ({ done: true, value: Status.OK }) });
