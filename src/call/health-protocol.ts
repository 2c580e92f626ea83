/**
 * grpc.health.v1: what a server says of its health, its messages and methods. Above: the health service, and the channel,
 * which watches the health of its connections. Below: values/protobuf-wire.ts; no codec package, because the core must do
 * without one. Holds: unknown fields are skipped, an unknown status reads as UNKNOWN, broken bytes throw.
 * Source: grpc/health/v1/health.proto, gRFC A90 (List).
 */
import { type Marshaller, MethodDescriptor } from '../values/method.ts';
import { bytesTag, varintTag, WireReader, WireWriter } from '../values/protobuf-wire.ts';

/** The full name of the service. */
export const HEALTH_SERVICE = 'grpc.health.v1.Health';

/**
 * How a service is, by the names of the protocol. `UNKNOWN`: nobody has said so yet. `SERVICE_UNKNOWN`: the server does not
 * know the service; said by Watch alone, where Check fails NOT_FOUND.
 */
export type ServingStatus = 'UNKNOWN' | 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN';

/** By their numbers. */
const STATUSES: readonly ServingStatus[] = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];

/** Asks for a service by its full name; the empty one is the server as a whole. */
export interface HealthCheckRequest {
  readonly service: string;
}

/** How one service is. */
export interface HealthCheckResponse {
  readonly status: ServingStatus;
}

/** Asks for everything. */
export type HealthListRequest = Readonly<Record<never, never>>;

/** The services of which the server knows, by their full names. */
export interface HealthListResponse {
  readonly statuses: ReadonlyMap<string, HealthCheckResponse>;
}

const SERVICE = 1;
const STATUS = 1;
const STATUSES_ENTRY = 1;
const KEY = 1;
const VALUE = 2;

const checkRequest: Marshaller<HealthCheckRequest> = Object.freeze({
  serialize: ({ service }: HealthCheckRequest): Uint8Array => {
    const writer = new WireWriter();
    if (service !== '') writer.string(SERVICE, service);
    return writer.finish();
  },
  deserialize: (payload: Uint8Array): HealthCheckRequest => {
    let service = '';
    const reader = new WireReader(payload);
    while (reader.next()) {
      if (reader.tag === bytesTag(SERVICE)) service = reader.string();
      else reader.skip();
    }
    return { service };
  },
});

const checkResponse: Marshaller<HealthCheckResponse> = Object.freeze({
  serialize: ({ status }: HealthCheckResponse): Uint8Array => {
    const number = STATUSES.indexOf(status);
    if (number === -1) throw new TypeError(`not a serving status: ${status}`);
    return number === 0 ? new Uint8Array() : new WireWriter().int32(STATUS, number).finish();
  },
  deserialize: (payload: Uint8Array): HealthCheckResponse => {
    let number = 0;
    const reader = new WireReader(payload);
    while (reader.next()) {
      if (reader.tag === varintTag(STATUS)) number = reader.int32();
      else reader.skip();
    }
    return { status: STATUSES[number] ?? 'UNKNOWN' };
  },
});

const listRequest: Marshaller<HealthListRequest> = Object.freeze({
  serialize: (): Uint8Array => new Uint8Array(),
  deserialize: (payload: Uint8Array): HealthListRequest => {
    const reader = new WireReader(payload);
    while (reader.next()) reader.skip();
    return {};
  },
});

const listResponse: Marshaller<HealthListResponse> = Object.freeze({
  serialize: ({ statuses }: HealthListResponse): Uint8Array => {
    const writer = new WireWriter();
    for (const [service, response] of statuses) {
      const entry = new WireWriter().string(KEY, service).bytes(VALUE, checkResponse.serialize(response));
      writer.bytes(STATUSES_ENTRY, entry.finish());
    }
    return writer.finish();
  },
  deserialize: (payload: Uint8Array): HealthListResponse => {
    const statuses = new Map<string, HealthCheckResponse>();
    const reader = new WireReader(payload);
    while (reader.next()) {
      if (reader.tag === bytesTag(STATUSES_ENTRY)) statuses.set(...readEntry(reader.bytes()));
      else reader.skip();
    }
    return { statuses };
  },
});

function readEntry(bytes: Uint8Array): [string, HealthCheckResponse] {
  let service = '';
  let response: HealthCheckResponse = { status: 'UNKNOWN' };
  const reader = new WireReader(bytes);
  while (reader.next()) {
    if (reader.tag === bytesTag(KEY)) service = reader.string();
    else if (reader.tag === bytesTag(VALUE)) response = checkResponse.deserialize(reader.bytes());
    else reader.skip();
  }
  return [service, response];
}

/** How a service is now. NOT_FOUND for one that the server does not know. */
export const HEALTH_CHECK: MethodDescriptor<HealthCheckRequest, HealthCheckResponse, 'unary'> = new MethodDescriptor({
  service: HEALTH_SERVICE,
  name: 'Check',
  kind: 'unary',
  requestMarshaller: checkRequest,
  responseMarshaller: checkResponse,
});

/** How all services are now. RESOURCE_EXHAUSTED when there are too many to tell. */
export const HEALTH_LIST: MethodDescriptor<HealthListRequest, HealthListResponse, 'unary'> = new MethodDescriptor({
  service: HEALTH_SERVICE,
  name: 'List',
  kind: 'unary',
  requestMarshaller: listRequest,
  responseMarshaller: listResponse,
});

/** How a service is now, and each time that changes. Ends only with either end. */
export const HEALTH_WATCH: MethodDescriptor<HealthCheckRequest, HealthCheckResponse, 'server_streaming'> =
  new MethodDescriptor({
    service: HEALTH_SERVICE,
    name: 'Watch',
    kind: 'server_streaming',
    requestMarshaller: checkRequest,
    responseMarshaller: checkResponse,
  });
