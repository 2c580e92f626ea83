/**
 * What the compiler knows of etcd's messages, which protobufjs reads from proto/ at run time. Above: etcd.ts, the tests. Holds:
 * a request may leave out every field; a response has them all, and null for a message that did not come.
 */
import type { MethodDescriptor } from '../../../../src/index.ts';

/** A 64-bit number as protobufjs gives it: a Long of the package `long`. */
export interface Int64 {
  toNumber(): number;
  toString(): string;
}

/** A 64-bit number as protobufjs takes it. */
export type Int64Init = Int64 | number | string;

export interface ResponseHeader {
  readonly clusterId: Int64;
  readonly memberId: Int64;
  readonly revision: Int64;
}

export interface KeyValue {
  readonly key: Buffer;
  readonly createRevision: Int64;
  readonly modRevision: Int64;
  readonly version: Int64;
  readonly value: Buffer;
  readonly lease: Int64;
}

/** Keys from `key` up to `rangeEnd`; the key alone without. */
export interface KeyRange {
  readonly key?: Uint8Array;
  readonly rangeEnd?: Uint8Array;
}

export interface RangeRequest extends KeyRange {
  readonly limit?: number;
  readonly revision?: Int64Init;
  readonly sortOrder?: 'ASCEND' | 'DESCEND';
  readonly sortTarget?: 'KEY' | 'VERSION' | 'CREATE' | 'MOD' | 'VALUE';
  readonly keysOnly?: boolean;
  readonly countOnly?: boolean;
}

export interface RangeResponse {
  readonly header: ResponseHeader;
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
  readonly count: Int64;
}

export interface PutRequest {
  readonly key?: Uint8Array;
  readonly value?: Uint8Array;
  readonly lease?: Int64Init;
  readonly prevKv?: boolean;
}

export interface PutResponse {
  readonly header: ResponseHeader;
  readonly prevKv: KeyValue | null;
}

export interface DeleteRangeRequest extends KeyRange {
  readonly prevKv?: boolean;
}

export interface DeleteRangeResponse {
  readonly header: ResponseHeader;
  readonly deleted: Int64;
  readonly prevKvs: readonly KeyValue[];
}

/** One of the three. */
export interface RequestOp {
  readonly requestRange?: RangeRequest;
  readonly requestPut?: PutRequest;
  readonly requestDeleteRange?: DeleteRangeRequest;
}

/** One of the three is not null. */
export interface ResponseOp {
  readonly responseRange: RangeResponse | null;
  readonly responsePut: PutResponse | null;
  readonly responseDeleteRange: DeleteRangeResponse | null;
}

/** The target, and the field that has its value. */
export interface Compare {
  readonly result?: 'EQUAL' | 'GREATER' | 'LESS' | 'NOT_EQUAL';
  readonly target?: 'VERSION' | 'CREATE' | 'MOD' | 'VALUE';
  readonly key?: Uint8Array;
  readonly version?: Int64Init;
  readonly createRevision?: Int64Init;
  readonly modRevision?: Int64Init;
  readonly value?: Uint8Array;
}

export interface TxnRequest {
  readonly compare?: readonly Compare[];
  readonly success?: readonly RequestOp[];
  readonly failure?: readonly RequestOp[];
}

export interface TxnResponse {
  readonly header: ResponseHeader;
  readonly succeeded: boolean;
  readonly responses: readonly ResponseOp[];
}

export interface CompactionRequest {
  readonly revision?: Int64Init;
  readonly physical?: boolean;
}

export interface CompactionResponse {
  readonly header: ResponseHeader;
}

export interface WatchCreateRequest extends KeyRange {
  readonly startRevision?: Int64Init;
  readonly filters?: readonly ('NOPUT' | 'NODELETE')[];
  readonly prevKv?: boolean;
  readonly fragment?: boolean;
}

/** One of the three. */
export interface WatchRequest {
  readonly createRequest?: WatchCreateRequest;
  readonly cancelRequest?: { readonly watchId: Int64Init };
  readonly progressRequest?: object;
}

/** The numbers of Event.EventType. */
export const PUT = 0;
export const DELETE = 1;

export interface Event {
  readonly type: typeof PUT | typeof DELETE;
  readonly kv: KeyValue;
  readonly prevKv: KeyValue | null;
}

export interface WatchResponse {
  readonly header: ResponseHeader;
  readonly watchId: Int64;
  readonly created: boolean;
  readonly canceled: boolean;
  readonly compactRevision: Int64;
  readonly cancelReason: string;
  readonly fragment: boolean;
  readonly events: readonly Event[];
}

/** A lease by its number. */
export interface LeaseId {
  readonly ID?: Int64Init;
}

export interface LeaseGrantRequest extends LeaseId {
  readonly TTL?: number;
}

export interface LeaseResponse {
  readonly header: ResponseHeader;
  readonly ID: Int64;
  readonly TTL: Int64;
}

export interface LeaseTimeToLiveRequest extends LeaseId {
  readonly keys?: boolean;
}

export interface LeaseTimeToLiveResponse extends LeaseResponse {
  readonly grantedTTL: Int64;
  readonly keys: readonly Buffer[];
}

export interface StatusResponse {
  readonly header: ResponseHeader;
  readonly leader: Int64;
}

export interface KvMethods {
  readonly range: MethodDescriptor<RangeRequest, RangeResponse, 'unary'>;
  readonly put: MethodDescriptor<PutRequest, PutResponse, 'unary'>;
  readonly deleteRange: MethodDescriptor<DeleteRangeRequest, DeleteRangeResponse, 'unary'>;
  readonly txn: MethodDescriptor<TxnRequest, TxnResponse, 'unary'>;
  readonly compact: MethodDescriptor<CompactionRequest, CompactionResponse, 'unary'>;
}

export interface WatchMethods {
  readonly watch: MethodDescriptor<WatchRequest, WatchResponse, 'bidi_streaming'>;
}

export interface LeaseMethods {
  readonly leaseGrant: MethodDescriptor<LeaseGrantRequest, LeaseResponse, 'unary'>;
  readonly leaseRevoke: MethodDescriptor<LeaseId, { readonly header: ResponseHeader }, 'unary'>;
  readonly leaseKeepAlive: MethodDescriptor<LeaseId, LeaseResponse, 'bidi_streaming'>;
  readonly leaseTimeToLive: MethodDescriptor<LeaseTimeToLiveRequest, LeaseTimeToLiveResponse, 'unary'>;
  readonly leaseLeases: MethodDescriptor<object, { readonly leases: readonly { readonly ID: Int64 }[] }, 'unary'>;
}

export interface MaintenanceMethods {
  readonly status: MethodDescriptor<object, StatusResponse, 'unary'>;
}
