/**
 * What the client under test asks of a face of halfclose: one RPC of any kind, driven by hand, message by message. Above:
 * run-case.ts. Below: promises.ts, calls.ts, reactors.ts, each in its own style. Holds: nothing here throws or rejects for
 * what the peer does.
 */
import type { Message } from '@bufbuild/protobuf';
import type { Channel, Metadata, MethodDescriptor, Status } from '../../../../../src/index.ts';
import { methodOf } from '../../../../../src/stub/codec/protobuf-es.ts';
import { type ConformancePayload, ConformanceService } from '../gen/connectrpc/conformance/v1/service_pb.ts';

/** A response of any method; that of Unimplemented has no payload. */
export type Response = Message & { readonly payload?: ConformancePayload };

export type CaseMethod = MethodDescriptor<Message, Response>;

/** The methods of the conformance service by their names. */
export const METHODS: ReadonlyMap<string, CaseMethod> = new Map(
  ConformanceService.methods.map((method) => [method.name, methodOf(method)]),
);

/** What is said of an RPC. */
export interface CaseInit {
  readonly metadata: Metadata;
  readonly compression: string;
  /** Null for no deadline. */
  readonly timeoutMs: number | null;
  /** Null for the channel's limit. */
  readonly maxInboundMessageBytes: number | null;
}

/** How an RPC ended. */
export interface Outcome {
  readonly status: Status;
  /** Null if none came. */
  readonly headers: Metadata | null;
  readonly trailers: Metadata;
}

/** One RPC. It opens when it is made, or with its only request. */
export interface CaseCall {
  /** False once the RPC takes no more. */
  send(request: Message): Promise<boolean>;
  /** Also after a cancel, without effect. */
  halfClose(): void;
  /** The next response; null once there is none. */
  receive(): Promise<Response | null>;
  cancel(): void;
  /** Once receive has given null. */
  outcome(): Promise<Outcome>;
}

/** One face's way to open an RPC. */
export type OpenCase = (channel: Channel, method: CaseMethod, init: CaseInit) => CaseCall;
