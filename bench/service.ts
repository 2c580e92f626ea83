/**
 * The service that every stack serves and calls: paths, and requests and responses as bytes, so that no stack pays for a
 * codec. Above: stacks, drive.ts. Below: nothing. Holds: unary and ping-pong are grpc.testing.BenchmarkService, as
 * every gRPC implementation has it; download and upload are ours, because there the official service has no end.
 * Source: grpc/testing/benchmark_service.proto.
 */

/** The methods by what they are here. */
export const PATHS = {
  unary: '/grpc.testing.BenchmarkService/UnaryCall',
  pingPong: '/grpc.testing.BenchmarkService/StreamingCall',
  download: '/halfclose.bench.Streams/Download',
  upload: '/halfclose.bench.Streams/Upload',
} as const;

/** Messages of a stream, and the bytes of each. */
export interface StreamOrder {
  readonly messages: number;
  readonly bytes: number;
}

const ORDER_BYTES = 8;

/** The request of a download. */
export function encodeOrder({ messages, bytes }: StreamOrder): Uint8Array {
  const request = Buffer.alloc(ORDER_BYTES);
  request.writeUInt32BE(messages, 0);
  request.writeUInt32BE(bytes, 4);
  return request;
}

/** What a download asks for. */
export function decodeOrder(request: Uint8Array): StreamOrder {
  const view = new DataView(request.buffer, request.byteOffset, request.byteLength);
  return { messages: view.getUint32(0), bytes: view.getUint32(4) };
}

const messagesBySize = new Map<number, Uint8Array>();

/** A message of so many bytes, none of them zero; the same one every time. */
export function messageOf(bytes: number): Uint8Array {
  let message = messagesBySize.get(bytes);
  if (message === undefined) {
    message = Buffer.alloc(bytes, 0x61);
    messagesBySize.set(bytes, message);
  }
  return message;
}

/** Field numbers and wire types of SimpleRequest, SimpleResponse and Payload, as they stand before each value. */
const TAG = { requestResponseSize: 0x10, requestPayload: 0x1a, responsePayload: 0x0a, payloadBody: 0x12 } as const;

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.push(rest);
  return bytes;
}

/** Payload { body } in the field `tag`; nothing at all for an empty body. */
function payloadField(tag: number, bytes: number): Uint8Array {
  if (bytes === 0) return new Uint8Array(0);
  const body = Buffer.concat([Uint8Array.from([TAG.payloadBody, ...varint(bytes)]), messageOf(bytes)]);
  return Buffer.concat([Uint8Array.from([tag, ...varint(body.length)]), body]);
}

/** SimpleRequest { response_size, payload }. */
export function simpleRequest(requestBytes: number, responseBytes: number): Uint8Array {
  const size = responseBytes === 0 ? [] : [TAG.requestResponseSize, ...varint(responseBytes)];
  return Buffer.concat([Uint8Array.from(size), payloadField(TAG.requestPayload, requestBytes)]);
}

/** The response_size of a SimpleRequest that simpleRequest made; 0 for none. */
export function responseSizeOf(request: Uint8Array): number {
  if (request[0] !== TAG.requestResponseSize) return 0;
  let size = 0;
  for (let i = 1; i < request.length; i += 1) {
    const byte = request[i] ?? 0;
    size |= (byte & 0x7f) << (7 * (i - 1));
    if (byte < 0x80) return size;
  }
  return size;
}

const responsesBySize = new Map<number, Uint8Array>();

/** SimpleResponse { payload } with so many bytes; the same one every time. */
export function simpleResponse(bytes: number): Uint8Array {
  let response = responsesBySize.get(bytes);
  if (response === undefined) {
    response = payloadField(TAG.responsePayload, bytes);
    responsesBySize.set(bytes, response);
  }
  return response;
}

/** What the server answers to a request. */
export function answerTo(request: Uint8Array): Uint8Array {
  return simpleResponse(responseSizeOf(request));
}
