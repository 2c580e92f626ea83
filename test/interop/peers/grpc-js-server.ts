/**
 * The official interop server on grpc-js. Above: grpc-js-server-main.ts, tests. Below: grpc-js-service.ts, @grpc/grpc-js.
 * What it cannot do: compress responses (grpc-js's server has no compressor), so what requests say of that is ignored;
 * know users (fill_username, fill_oauth_scope), which no official server does outside of Google.
 */
import { EventEmitter, once } from 'node:events';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { type Empty, EmptySchema } from '../gen/grpc/testing/empty_pb.ts';
import {
  PayloadType,
  type ResponseParameters,
  type SimpleRequest,
  type SimpleResponse,
  SimpleResponseSchema,
  type StreamingInputCallRequest,
  type StreamingInputCallResponse,
  StreamingInputCallResponseSchema,
  type StreamingOutputCallRequest,
  type StreamingOutputCallResponse,
  StreamingOutputCallResponseSchema,
} from '../gen/grpc/testing/messages_pb.ts';
import { ECHO_INITIAL, ECHO_TRAILING, TEST_SERVICE, wasCompressed, zeros } from './grpc-js-service.ts';

const NEEDS_COMPRESSOR = 'grpc-js compresses no responses';
const NEEDS_ACCOUNTS = 'the server on grpc-js knows no tokens of test accounts';

/** The cases that no client can pass against this server, and why. */
export const SKIPPED_BY_SERVER: Readonly<Record<string, string>> = {
  server_compressed_unary: NEEDS_COMPRESSOR,
  server_compressed_streaming: NEEDS_COMPRESSOR,
  cacheable_unary: 'needs a caching proxy before the server',
  per_rpc_creds_offline: NEEDS_ACCOUNTS,
  channel_creds_offline: NEEDS_ACCOUNTS,
  push_back: 'grpc-js reads sixteen requests ahead of its handler, which is all that the case sends',
};

/** Tells this server from others, as long as it runs. */
const SERVER_ID = `grpc-js-${process.pid}`;

type Duplex = ServerDuplexStream<StreamingOutputCallRequest, StreamingOutputCallResponse>;
type Writing = ServerWritableStream<StreamingOutputCallRequest, StreamingOutputCallResponse> | Duplex;

/** How a call ends if not well. */
interface Refusal {
  readonly code: status;
  readonly details: string;
}

/** Sends back what is to be echoed with the headers, if anything is; returns the trailers. */
function echo(call: Pick<Writing, 'metadata' | 'sendMetadata'>): Metadata {
  const headers = new Metadata();
  for (const value of call.metadata.get(ECHO_INITIAL)) headers.add(ECHO_INITIAL, value);
  if (call.metadata.get(ECHO_INITIAL).length > 0) call.sendMetadata(headers);
  const trailers = new Metadata();
  for (const value of call.metadata.get(ECHO_TRAILING)) trailers.add(ECHO_TRAILING, value);
  return trailers;
}

/** What is wrong with a request, or the status that it asks for. */
function refusalOf(
  { responseStatus, responseType }: SimpleRequest | StreamingOutputCallRequest,
  sizes: readonly number[],
): Refusal | null {
  if (responseStatus !== undefined && responseStatus.code !== status.OK) {
    return { code: responseStatus.code, details: responseStatus.message };
  }
  if (responseType !== PayloadType.COMPRESSABLE) {
    return { code: status.INVALID_ARGUMENT, details: `there is no payload type ${responseType}` };
  }
  const negative = sizes.find((size) => size < 0);
  return negative === undefined ? null : { code: status.INVALID_ARGUMENT, details: `a size of ${negative} bytes` };
}

function outputRefusalOf(request: StreamingOutputCallRequest): Refusal | null {
  return refusalOf(
    request,
    request.responseParameters.map(({ size }) => size),
  );
}

function compressionRefusalOf(request: SimpleRequest | StreamingInputCallRequest): Refusal | null {
  if (request.expectCompressed?.value !== true || wasCompressed(request)) return null;
  return { code: status.INVALID_ARGUMENT, details: 'the request is not compressed' };
}

function emptyCall(_call: ServerUnaryCall<Empty, Empty>, callback: sendUnaryData<Empty>): void {
  callback(null, create(EmptySchema));
}

function unaryCall(
  call: ServerUnaryCall<SimpleRequest, SimpleResponse>,
  callback: sendUnaryData<SimpleResponse>,
): void {
  const { request } = call;
  const trailers = echo(call);
  const refusal = compressionRefusalOf(request) ?? refusalOf(request, [request.responseSize]);
  if (refusal !== null) {
    callback({ ...refusal, metadata: trailers });
    return;
  }
  const response = create(SimpleResponseSchema, {
    payload: zeros(request.responseSize),
    serverId: request.fillServerId ? SERVER_ID : '',
    hostname: hostname(),
  });
  callback(null, response, trailers);
}

function cacheableUnaryCall(
  call: ServerUnaryCall<SimpleRequest, SimpleResponse>,
  callback: sendUnaryData<SimpleResponse>,
): void {
  const headers = new Metadata();
  headers.set('cache-control', 'max-age=60, public');
  call.sendMetadata(headers);
  const body = Buffer.from(String(process.hrtime.bigint()));
  callback(null, create(SimpleResponseSchema, { payload: { body } }));
}

/** The requests of a call. Leaving the loop early leaves the call alone; it throws once the call is over. */
function requestsOf<Req>(call: ServerReadableStream<Req, unknown> | ServerDuplexStream<Req, unknown>) {
  return call.iterator({ destroyOnReturn: false }) as AsyncIterable<Req>;
}

async function aggregate(
  call: ServerReadableStream<StreamingInputCallRequest, StreamingInputCallResponse>,
): Promise<number | Refusal> {
  let bytes = 0;
  for await (const request of requestsOf(call)) {
    const refusal = compressionRefusalOf(request);
    if (refusal !== null) return refusal;
    bytes += request.payload?.body.length ?? 0;
  }
  return bytes;
}

async function streamingInputCall(
  call: ServerReadableStream<StreamingInputCallRequest, StreamingInputCallResponse>,
  callback: sendUnaryData<StreamingInputCallResponse>,
): Promise<void> {
  const result = await aggregate(call).catch(whenCancelled(call));
  if (result === null) return;
  if (typeof result !== 'number') callback(result);
  else callback(null, create(StreamingInputCallResponseSchema, { aggregatedPayloadSize: result }));
}

/** What a cancelled call throws means nothing; anything else is a bug here. */
function whenCancelled(call: { readonly cancelled: boolean }): (error: unknown) => null {
  return (error) => {
    if (!call.cancelled) throw error;
    return null;
  };
}

/** Sends a response, and waits until it has passed flow control: grpc-js itself would queue sixteen of any size. */
async function send(call: Writing, response: StreamingOutputCallResponse, signal: AbortSignal): Promise<void> {
  const events = new EventEmitter();
  const written = once(events, 'written', { signal });
  call.write(response, () => events.emit('written'));
  await written;
}

/** Sends the responses that a request asks for, each when it is due. Throws once the call is over. */
async function answer(call: Writing, parameters: readonly ResponseParameters[]): Promise<void> {
  const over = new AbortController();
  const abort = (): void => over.abort();
  call.on('cancelled', abort);
  for (const { size, intervalUs, fillPeerSocketAddress } of parameters) {
    if (intervalUs > 0) await sleep(intervalUs / 1000, undefined, { signal: over.signal });
    const response = create(StreamingOutputCallResponseSchema, {
      payload: zeros(size),
      peerSocketAddress: fillPeerSocketAddress?.value === true ? call.getPeer() : '',
    });
    await send(call, response, over.signal);
  }
  call.off('cancelled', abort);
}

/** Reads the requests and answers each at once, or all in the end. Returns why it stopped early. */
async function converse(call: Duplex, turn: 'each' | 'all'): Promise<Refusal | null> {
  const waiting: ResponseParameters[] = [];
  for await (const request of requestsOf(call)) {
    const refusal = outputRefusalOf(request);
    if (refusal !== null) return refusal;
    if (turn === 'each') await answer(call, request.responseParameters);
    else waiting.push(...request.responseParameters);
  }
  await answer(call, waiting);
  return null;
}

/** Ends a streaming call once `work` is done. */
async function endAfter(call: Writing, work: Promise<Refusal | null>, trailers: Metadata): Promise<void> {
  const refusal = await work.catch(whenCancelled(call));
  if (call.cancelled) return;
  if (refusal === null) call.end(trailers);
  else call.emit('error', { ...refusal, metadata: trailers });
}

async function output(
  call: ServerWritableStream<StreamingOutputCallRequest, StreamingOutputCallResponse>,
): Promise<Refusal | null> {
  const refusal = outputRefusalOf(call.request);
  if (refusal === null) await answer(call, call.request.responseParameters);
  return refusal;
}

const IMPLEMENTATION = {
  emptyCall,
  unaryCall,
  cacheableUnaryCall,
  streamingInputCall,
  streamingOutputCall: (call: ServerWritableStream<StreamingOutputCallRequest, StreamingOutputCallResponse>) =>
    endAfter(call, output(call), new Metadata()),
  fullDuplexCall: (call: Duplex) => endAfter(call, converse(call, 'each'), echo(call)),
  halfDuplexCall: (call: Duplex) => endAfter(call, converse(call, 'all'), new Metadata()),
};

/** Where a server listens, and as whom. */
export interface GrpcJsServerOptions {
  /** Default: 127.0.0.1. */
  readonly host?: string;
  /** Default: 0, any. */
  readonly port?: number;
  /** Default: cleartext. */
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer };
}

/** A server that listens. Disposing it cuts off what still runs. */
export interface GrpcJsServer extends Disposable {
  readonly port: number;
}

/** Serves grpc.testing.TestService. */
export async function serveOnGrpcJs(options: GrpcJsServerOptions = {}): Promise<GrpcJsServer> {
  const { host = '127.0.0.1', port: wanted = 0, tls } = options;
  const server = new Server();
  server.addService(TEST_SERVICE, IMPLEMENTATION);
  const credential =
    tls === undefined
      ? ServerCredentials.createInsecure()
      : ServerCredentials.createSsl(null, [{ cert_chain: tls.cert, private_key: tls.key }]);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${host}:${wanted}`, credential, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  return { port, [Symbol.dispose]: () => server.forceShutdown() };
}
