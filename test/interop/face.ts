/**
 * What the interop programs ask of a face of halfclose: calls of all four kinds with everything that can be seen of them, and
 * the test service. Above: the cases, client.ts, server.ts. Below: faces/ implements it three times, each in that face's
 * own style. Holds: nothing here throws or rejects for what a peer does; every call ends with an Outcome.
 */
import type {
  CallCredentials,
  Channel,
  Clock,
  Metadata,
  MetadataInit,
  MethodDescriptor,
  ServiceDefinition,
  Status,
} from '../../src/index.ts';

/** What may be said of one call. */
export interface CallInit {
  readonly metadata?: MetadataInit;
  readonly timeoutMs?: number;
  /** The compressor for what is sent. Default: the channel's, which as a rule has none. */
  readonly compression?: 'gzip' | 'identity';
  readonly credentials?: CallCredentials;
  /** Aborting it cancels the call; aborted before, it keeps the call from being sent. */
  readonly signal?: AbortSignal;
}

/** How a call ended, and what came of it. */
export interface Outcome<Res> {
  readonly status: Status;
  /** Empty when the response was nothing but a status, or the call ended before its headers. */
  readonly headers: Metadata;
  readonly trailers: Metadata;
  /** In order; those of a call that is read by hand are not here. */
  readonly messages: readonly Res[];
}

/** A call whose responses are read one by one. */
export interface ReadableCall<Res> {
  /** The next response; null once there is none. */
  receive(): Promise<Res | null>;
  /** Once they have come; empty when the call ends without. */
  headers(): Promise<Metadata>;
  /** Ends the call CANCELLED. */
  cancel(): void;
  /** Once the call has ended; the end waits behind responses that nobody read. */
  outcome(): Promise<Outcome<Res>>;
}

/** A call whose requests are sent one by one. */
export interface WritableCall<Req, Res> {
  /** False once the call takes no more. `compressed`: whether this message is, if the call has a compressor; default true. */
  send(message: Req, compressed?: boolean): Promise<boolean>;
  halfClose(): void;
  cancel(): void;
  /** Once the call has ended. Its messages are those of the response, if the method has one. */
  outcome(): Promise<Outcome<Res>>;
}

/** A call that is written and read. */
export interface DuplexCall<Req, Res> extends ReadableCall<Res>, WritableCall<Req, Res> {}

/** One face's client. Calls open at once. */
export interface FaceClient {
  unary<Req, Res>(method: MethodDescriptor<Req, Res, 'unary'>, request: Req, init?: CallInit): Promise<Outcome<Res>>;
  serverStreaming<Req, Res>(
    method: MethodDescriptor<Req, Res, 'server_streaming'>,
    request: Req,
    init?: CallInit,
  ): ReadableCall<Res>;
  clientStreaming<Req, Res>(
    method: MethodDescriptor<Req, Res, 'client_streaming'>,
    init?: CallInit,
  ): WritableCall<Req, Res>;
  bidi<Req, Res>(method: MethodDescriptor<Req, Res, 'bidi_streaming'>, init?: CallInit): DuplexCall<Req, Res>;
}

export type FaceName = 'calls' | 'reactors' | 'promises';

/** What a test service may be told. */
export interface TestServiceInit {
  /** Whether responses are compressed of which the request says nothing. Default: false. */
  readonly compressed?: boolean;
  /** For the intervals between responses. Default: the system's. */
  readonly clock?: Clock;
}

/** One face, at both ends. */
export interface Face {
  readonly name: FaceName;
  client(channel: Channel): FaceClient;
  /** grpc.testing.TestService with all the features of the official test server that its description names. */
  testService(init?: TestServiceInit): ServiceDefinition;
}
