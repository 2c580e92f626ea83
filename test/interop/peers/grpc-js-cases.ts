/**
 * gRPC's interoperability cases on grpc-js's client, each once, with all its assertions. Above: grpc-js-client.ts. Below:
 * grpc-js-calls.ts, grpc-js-soak.ts. Holds: a case resolves if it passed and rejects with what was wrong. Source: the
 * interoperability test case descriptions of grpc/grpc.
 */
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { Metadata, type MethodDefinition, status } from '@grpc/grpc-js';
import { type Empty, EmptySchema } from '../gen/grpc/testing/empty_pb.ts';
import {
  type Payload,
  SimpleRequestSchema,
  type SimpleResponse,
  StreamingInputCallRequestSchema,
  StreamingOutputCallRequestSchema,
} from '../gen/grpc/testing/messages_pb.ts';
import type { CallInit, GrpcJsChannel, Outcome } from './grpc-js-calls.ts';
import { ECHO_INITIAL, ECHO_TRAILING, TEST_SERVICE, UNIMPLEMENTED, wasCompressed, zeros } from './grpc-js-service.ts';
import { type SoakOptions, soak } from './grpc-js-soak.ts';

/** What a case may use. */
export interface CaseContext {
  /** For what need not be compressed. */
  readonly channel: GrpcJsChannel;
  /** Compresses what it sends with gzip, unless the message says otherwise. */
  readonly compressing: GrpcJsChannel;
  /** A channel of its own, with a connection of its own; to be closed by who asked for it. */
  fresh(): GrpcJsChannel;
  readonly soak: SoakOptions;
  /** Takes what is worth knowing of a case that passed. */
  log(line: string): void;
}

type Case = (context: CaseContext) => Promise<void>;

const LARGE_REQUEST = 271_828;
const LARGE_RESPONSE = 314_159;
const REQUEST_SIZES = [27_182, 8, 1_828, 45_904];
const PICKED_CALLS = 100;
const RESPONSE_SIZES = [31_415, 9, 2_653, 58_979];

const NEEDS_CLOUD = 'needs credentials of a cloud and its test server';

/** The cases that this client cannot run, and why. */
export const SKIPPED_BY_CLIENT: Readonly<Record<string, string>> = {
  cacheable_unary: 'needs a caching proxy before the server, and a client that sends cacheable requests as GET',
  compute_engine_creds: NEEDS_CLOUD,
  compute_engine_channel_credentials: NEEDS_CLOUD,
  google_default_credentials: NEEDS_CLOUD,
  jwt_token_creds: NEEDS_CLOUD,
  oauth2_auth_token: NEEDS_CLOUD,
  per_rpc_creds: NEEDS_CLOUD,
  service_account_creds: NEEDS_CLOUD,
};

function expect(what: string, actual: unknown, expected: unknown): void {
  const [is, due] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (is !== due) throw new Error(`${what}: ${is} in place of ${due}`);
}

function expectStatus(outcome: Outcome<unknown>, code: status, details?: string): void {
  if (outcome.code !== code) {
    throw new Error(`${status[outcome.code]} in place of ${status[code]}: ${JSON.stringify(outcome.details)}`);
  }
  if (details !== undefined) expect('the status message', outcome.details, details);
}

/** The one response of a call that ended well. */
function single<Res>(outcome: Outcome<Res>): Res {
  expectStatus(outcome, status.OK);
  expect('the number of responses', outcome.messages.length, 1);
  return outcome.messages[0] as Res;
}

interface WithPayload {
  readonly payload?: Payload | undefined;
}

function expectSizes(outcome: Outcome<WithPayload>, sizes: readonly number[]): void {
  expectStatus(outcome, status.OK);
  const actual = outcome.messages.map((message) => message.payload?.body.length ?? 0);
  expect('the sizes of the responses', actual, sizes);
}

type Simple = MessageInitShape<typeof SimpleRequestSchema>;

async function largeUnary(
  channel: GrpcJsChannel,
  more: Simple = {},
  init: CallInit = {},
): Promise<Outcome<SimpleResponse>> {
  const request = create(SimpleRequestSchema, {
    responseSize: LARGE_RESPONSE,
    payload: zeros(LARGE_REQUEST),
    ...more,
  });
  return await channel.call(TEST_SERVICE.unaryCall, request, init).outcome();
}

function streamed(
  sizes: readonly number[],
  payload?: number,
): MessageInitShape<typeof StreamingOutputCallRequestSchema> {
  const responseParameters = sizes.map((size) => ({ size }));
  return payload === undefined ? { responseParameters } : { responseParameters, payload: zeros(payload) };
}

const outputRequest = (init: MessageInitShape<typeof StreamingOutputCallRequestSchema>) =>
  create(StreamingOutputCallRequestSchema, init);

async function empty_unary({ channel }: CaseContext): Promise<void> {
  const response = single(await channel.call(TEST_SERVICE.emptyCall, create(EmptySchema)).outcome());
  expect('the bytes of the response', toBinary(EmptySchema, response).length, 0);
}

async function large_unary({ channel }: CaseContext): Promise<void> {
  expectSizes(await largeUnary(channel), [LARGE_RESPONSE]);
}

/** A server that looks for the compressed flag refuses a request that lacks it. */
async function probeUnary({ compressing }: CaseContext): Promise<void> {
  const probe = await largeUnary(compressing, { expectCompressed: { value: true } }, { compressed: false });
  expectStatus(probe, status.INVALID_ARGUMENT);
}

async function client_compressed_unary_noprobe({ compressing }: CaseContext): Promise<void> {
  expectSizes(await largeUnary(compressing, { expectCompressed: { value: true } }), [LARGE_RESPONSE]);
  const plain = await largeUnary(compressing, { expectCompressed: { value: false } }, { compressed: false });
  expectSizes(plain, [LARGE_RESPONSE]);
}

async function server_compressed_unary({ channel }: CaseContext): Promise<void> {
  for (const value of [true, false]) {
    const outcome = await largeUnary(channel, { responseCompressed: { value } });
    expectSizes(outcome, [LARGE_RESPONSE]);
    expect('whether the response came compressed', wasCompressed(single(outcome)), value);
  }
}

async function client_streaming({ channel }: CaseContext): Promise<void> {
  const call = channel.open(TEST_SERVICE.streamingInputCall);
  for (const size of REQUEST_SIZES) call.send(create(StreamingInputCallRequestSchema, { payload: zeros(size) }));
  call.halfClose();
  expect('the aggregated size', single(await call.outcome()).aggregatedPayloadSize, 74_922);
}

function expecting(value: boolean, size: number) {
  return create(StreamingInputCallRequestSchema, { expectCompressed: { value }, payload: zeros(size) });
}

async function probeStreaming({ compressing }: CaseContext): Promise<void> {
  const probe = compressing.open(TEST_SERVICE.streamingInputCall);
  probe.send(expecting(true, 27_182), false);
  probe.halfClose();
  expectStatus(await probe.outcome(), status.INVALID_ARGUMENT);
}

async function client_compressed_streaming_noprobe({ compressing }: CaseContext): Promise<void> {
  const call = compressing.open(TEST_SERVICE.streamingInputCall);
  call.send(expecting(true, 27_182));
  call.send(expecting(false, 45_904), false);
  call.halfClose();
  expect('the aggregated size', single(await call.outcome()).aggregatedPayloadSize, 73_086);
}

async function server_streaming({ channel }: CaseContext): Promise<void> {
  const call = channel.call(TEST_SERVICE.streamingOutputCall, outputRequest(streamed(RESPONSE_SIZES)));
  expectSizes(await call.outcome(), RESPONSE_SIZES);
}

async function server_compressed_streaming({ channel }: CaseContext): Promise<void> {
  const request = outputRequest({
    responseParameters: [
      { compressed: { value: true }, size: 31_415 },
      { compressed: { value: false }, size: 92_653 },
    ],
  });
  const outcome = await channel.call(TEST_SERVICE.streamingOutputCall, request).outcome();
  expectSizes(outcome, [31_415, 92_653]);
  expect('which responses came compressed', outcome.messages.map(wasCompressed), [true, false]);
}

async function ping_pong({ channel }: CaseContext): Promise<void> {
  const call = channel.open(TEST_SERVICE.fullDuplexCall);
  for (const [round, size] of RESPONSE_SIZES.entries()) {
    call.send(outputRequest(streamed([size], REQUEST_SIZES[round])));
    const response = await call.receive();
    if (response === null) break;
    expect(`the size of response ${round}`, response.payload?.body.length, size);
  }
  call.halfClose();
  expectSizes(await call.outcome(), RESPONSE_SIZES);
}

async function empty_stream({ channel }: CaseContext): Promise<void> {
  const call = channel.open(TEST_SERVICE.fullDuplexCall);
  call.halfClose();
  expectSizes(await call.outcome(), []);
}

async function custom_metadata({ channel }: CaseContext): Promise<void> {
  const [text, bytes] = ['test_initial_metadata_value', Buffer.from([0xab, 0xab, 0xab])];
  const metadata = new Metadata();
  metadata.set(ECHO_INITIAL, text);
  metadata.set(ECHO_TRAILING, bytes);
  const call = channel.open(TEST_SERVICE.fullDuplexCall, { metadata });
  call.send(outputRequest(streamed([LARGE_RESPONSE], LARGE_REQUEST)));
  call.halfClose();
  for (const outcome of [await largeUnary(channel, {}, { metadata }), await call.outcome()]) {
    expectSizes(outcome, [LARGE_RESPONSE]);
    expect('the echo in the headers', outcome.headers?.get(ECHO_INITIAL), [text]);
    expect('the echo in the trailers', outcome.trailers.get(ECHO_TRAILING), [bytes]);
  }
}

async function status_code_and_message({ channel }: CaseContext): Promise<void> {
  const responseStatus = { code: status.UNKNOWN, message: 'test status message' };
  const call = channel.open(TEST_SERVICE.fullDuplexCall);
  call.send(outputRequest({ responseStatus }));
  call.halfClose();
  const unary = channel.call(TEST_SERVICE.unaryCall, create(SimpleRequestSchema, { responseStatus }));
  expectStatus(await unary.outcome(), responseStatus.code, responseStatus.message);
  expectStatus(await call.outcome(), responseStatus.code, responseStatus.message);
}

async function special_status_message({ channel }: CaseContext): Promise<void> {
  const message = '\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n';
  const request = create(SimpleRequestSchema, { responseStatus: { code: status.UNKNOWN, message } });
  expectStatus(await channel.call(TEST_SERVICE.unaryCall, request).outcome(), status.UNKNOWN, message);
}

async function unimplemented(channel: GrpcJsChannel, method: MethodDefinition<Empty, Empty>): Promise<void> {
  expectStatus(await channel.call(method, create(EmptySchema)).outcome(), status.UNIMPLEMENTED);
}

async function cancel_after_begin({ channel }: CaseContext): Promise<void> {
  const call = channel.open(TEST_SERVICE.streamingInputCall);
  call.cancel();
  expectStatus(await call.outcome(), status.CANCELLED);
}

async function cancel_after_first_response({ channel }: CaseContext): Promise<void> {
  const call = channel.open(TEST_SERVICE.fullDuplexCall);
  call.send(outputRequest(streamed([31_415], 27_182)));
  expect('the size of the first response', (await call.receive())?.payload?.body.length, 31_415);
  call.cancel();
  expectStatus(await call.outcome(), status.CANCELLED);
}

async function timeout_on_sleeping_server({ channel }: CaseContext): Promise<void> {
  const call = channel.open(TEST_SERVICE.fullDuplexCall, { timeoutMs: 1 });
  call.send(outputRequest(streamed([], 27_182)));
  expectStatus(await call.outcome(), status.DEADLINE_EXCEEDED);
}

async function pick_first_unary({ channel }: CaseContext): Promise<void> {
  const request = create(SimpleRequestSchema, { fillServerId: true });
  const ids: string[] = [];
  for (let i = 0; i < PICKED_CALLS; i += 1) {
    ids.push(single(await channel.call(TEST_SERVICE.unaryCall, request).outcome()).serverId);
  }
  if (ids[0] === '') throw new Error('the server did not say who it is');
  expect('the servers that answered', [...new Set(ids)], [ids[0]]);
}

/** By official name, in the order of the descriptions. */
export const CASES: Readonly<Record<string, Case>> = {
  empty_unary,
  large_unary,
  client_compressed_unary: (context) => probeUnary(context).then(() => client_compressed_unary_noprobe(context)),
  client_compressed_unary_noprobe,
  server_compressed_unary,
  client_streaming,
  client_compressed_streaming: (context) =>
    probeStreaming(context).then(() => client_compressed_streaming_noprobe(context)),
  client_compressed_streaming_noprobe,
  server_streaming,
  server_compressed_streaming,
  ping_pong,
  empty_stream,
  custom_metadata,
  status_code_and_message,
  special_status_message,
  unimplemented_method: ({ channel }) => unimplemented(channel, UNIMPLEMENTED.method),
  unimplemented_service: ({ channel }) => unimplemented(channel, UNIMPLEMENTED.service),
  cancel_after_begin,
  cancel_after_first_response,
  timeout_on_sleeping_server,
  pick_first_unary,
  rpc_soak: (context) => soak(() => context.channel, context.soak, context.log),
  channel_soak: (context) =>
    soak(
      () => context.fresh(),
      context.soak,
      context.log,
      (channel) => channel.close(),
    ),
};
