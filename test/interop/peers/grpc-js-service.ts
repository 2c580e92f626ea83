/**
 * The methods of gRPC's interoperability tests as grpc-js wants them, and what its client and its server have in common.
 * Above: grpc-js-calls.ts, grpc-js-cases.ts, grpc-js-server.ts. Below: the generated code, @grpc/grpc-js. Holds: nothing
 * here is halfclose.
 */
import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf';
import type { MethodDefinition } from '@grpc/grpc-js';
import { type Payload, PayloadSchema } from '../gen/grpc/testing/messages_pb.ts';
import { TestService, UnimplementedService } from '../gen/grpc/testing/test_pb.ts';

/** The metadata that UnaryCall and FullDuplexCall send back: the first with the headers, the second with the trailers. */
export const ECHO_INITIAL = 'x-grpc-test-echo-initial';
export const ECHO_TRAILING = 'x-grpc-test-echo-trailing-bin';

const PREFIX_BYTES = 5;
/** The messages that came compressed. */
const compressed = new WeakSet<object>();

/** Whether a message came with the compressed flag set. */
export function wasCompressed(message: object): boolean {
  return compressed.has(message);
}

/**
 * Whether a payload was inflated. grpc-js tells nobody. But a payload that it did not inflate is a view into the received
 * frame, behind the prefix that announces it; an inflated one stands alone. The compression cases need both answers, so
 * they fail should this ever change.
 */
function wasInflated(payload: Buffer): boolean {
  if (payload.byteOffset < PREFIX_BYTES) return true;
  const prefix = Buffer.from(payload.buffer, payload.byteOffset - PREFIX_BYTES, PREFIX_BYTES);
  return prefix.readUInt8(0) !== 0 || prefix.readUInt32BE(1) !== payload.length;
}

function serializer<T extends DescMessage>(schema: T): (message: MessageShape<T>) => Buffer {
  return (message) => {
    const bytes = toBinary(schema, message);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
}

function deserializer<T extends DescMessage>(schema: T): (payload: Buffer) => MessageShape<T> {
  return (payload) => {
    const message = fromBinary(schema, payload);
    if (wasInflated(payload)) compressed.add(message);
    return message;
  };
}

interface Described<I extends DescMessage, O extends DescMessage> {
  readonly name: string;
  readonly parent: { readonly typeName: string };
  readonly methodKind: 'unary' | 'client_streaming' | 'server_streaming' | 'bidi_streaming';
  readonly input: I;
  readonly output: O;
}

function definitionOf<I extends DescMessage, O extends DescMessage>(
  method: Described<I, O>,
): MethodDefinition<MessageShape<I>, MessageShape<O>> {
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming',
    responseStream: method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming',
    requestSerialize: serializer(method.input),
    requestDeserialize: deserializer(method.input),
    responseSerialize: serializer(method.output),
    responseDeserialize: deserializer(method.output),
  };
}

/** The methods of grpc.testing.TestService that servers have. */
export const TEST_SERVICE = {
  emptyCall: definitionOf(TestService.method.emptyCall),
  unaryCall: definitionOf(TestService.method.unaryCall),
  cacheableUnaryCall: definitionOf(TestService.method.cacheableUnaryCall),
  streamingOutputCall: definitionOf(TestService.method.streamingOutputCall),
  streamingInputCall: definitionOf(TestService.method.streamingInputCall),
  fullDuplexCall: definitionOf(TestService.method.fullDuplexCall),
  halfDuplexCall: definitionOf(TestService.method.halfDuplexCall),
};

/** A method that no server has, and one whose service no server has. */
export const UNIMPLEMENTED = {
  method: definitionOf(TestService.method.unimplementedCall),
  service: definitionOf(UnimplementedService.method.unimplementedCall),
};

/** So many zero bytes. */
export function zeros(bytes: number): Payload {
  return create(PayloadSchema, { body: new Uint8Array(bytes) });
}
