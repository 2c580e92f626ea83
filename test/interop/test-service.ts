/**
 * The methods of gRPC's interoperability tests, and which of their messages came compressed. Above: the cases and the
 * services. Below: the generated code, halfclose/protobuf-es. Holds: a message is known as compressed from its parsing on, at
 * either end, if its channel or server was made with PROBED_COMPRESSORS; nothing in the library knows of this.
 */
import {
  type Compressor,
  CompressorRegistry,
  GZIP,
  type Marshaller,
  type MethodDescriptor,
  type MethodKind,
} from '../../src/index.ts';
import { methodOf } from '../../src/stub/codec/protobuf-es.ts';
import type { Empty } from './gen/grpc/testing/empty_pb.ts';
import { TestService, UnimplementedService } from './gen/grpc/testing/test_pb.ts';

/** Payloads that were inflated. */
const inflated = new WeakSet<Uint8Array>();
/** The messages that were parsed from them. */
const compressed = new WeakSet<object>();

function mark(payload: Uint8Array): Uint8Array {
  inflated.add(payload);
  return payload;
}

/** gzip that remembers what it inflated. */
const PROBED_GZIP: Compressor = {
  name: GZIP.name,
  compress: (payload) => GZIP.compress(payload),
  compressLater: (payload, done) => GZIP.compressLater(payload, done),
  decompress: (payload, maxBytes) => mark(GZIP.decompress(payload, maxBytes)),
  decompressLater: (payload, maxBytes, done) =>
    GZIP.decompressLater(payload, maxBytes, (error, bytes) => done(error, bytes === null ? null : mark(bytes))),
};

/** identity and gzip, for channels and servers whose messages wasCompressed is asked about. */
export const PROBED_COMPRESSORS: CompressorRegistry = CompressorRegistry.DEFAULT.with(PROBED_GZIP);

/** Whether a message came with the compressed flag set. */
export function wasCompressed(message: object): boolean {
  return compressed.has(message);
}

function probed<T extends object>(marshaller: Marshaller<T>): Marshaller<T> {
  return {
    serialize: (message) => marshaller.serialize(message),
    deserialize(payload) {
      const message = marshaller.deserialize(payload);
      if (inflated.has(payload)) compressed.add(message);
      return message;
    },
  };
}

function probedMethod<Req extends object, Res extends object, K extends MethodKind>(
  method: MethodDescriptor<Req, Res, K>,
): MethodDescriptor<Req, Res, K> {
  return method.withMarshallers(probed(method.requestMarshaller), probed(method.responseMarshaller));
}

/** The methods of grpc.testing.TestService; both ends exchange whole messages, as create makes them. */
export const TEST_SERVICE = {
  emptyCall: probedMethod(methodOf(TestService.method.emptyCall)),
  unaryCall: probedMethod(methodOf(TestService.method.unaryCall)),
  cacheableUnaryCall: probedMethod(methodOf(TestService.method.cacheableUnaryCall)),
  streamingOutputCall: probedMethod(methodOf(TestService.method.streamingOutputCall)),
  streamingInputCall: probedMethod(methodOf(TestService.method.streamingInputCall)),
  fullDuplexCall: probedMethod(methodOf(TestService.method.fullDuplexCall)),
  halfDuplexCall: probedMethod(methodOf(TestService.method.halfDuplexCall)),
};

/** A method of the test service that no server implements. */
export const UNIMPLEMENTED_METHOD: MethodDescriptor<Empty, Empty, 'unary'> = methodOf(
  TestService.method.unimplementedCall,
);

/** A method of a service that no server has. */
export const UNIMPLEMENTED_SERVICE: MethodDescriptor<Empty, Empty, 'unary'> = methodOf(
  UnimplementedService.method.unimplementedCall,
);
