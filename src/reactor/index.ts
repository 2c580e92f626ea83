/**
 * halfclose/reactor: gRPC C++'s callback API. A client's RPC is an object that starts operations and reacts to their end, and
 * so is a server's. The rest (channels, servers, Status, Metadata) is in halfclose itself.
 */

export { Alarm } from './alarm.ts';
export {
  type CallbackHandler,
  type CallbackService,
  callbackService,
} from './callback-service.ts';
export { ClientContext, type PropagationOptions } from './client-context.ts';
export {
  ClientBidiReactor,
  ClientReactor,
  ClientReadReactor,
  ClientStreamReactor,
  ClientUnaryReactor,
  ClientWriteReactor,
} from './client-reactors.ts';
export { deadlineAfter } from './deadlines.ts';
export { CallbackGenericService } from './generic-service.ts';
export { type GenericCallOptions, GenericStub, STATS_SUFFIX } from './generic-stub.ts';
export { AuthContext } from './peer.ts';
export type { ReactionsOf } from './reactions.ts';
export { CallbackServerContext, type CompressionLevel, GenericCallbackServerContext } from './server-context.ts';
export {
  ServerBidiReactor,
  ServerReactor,
  ServerReadReactor,
  ServerUnaryReactor,
  ServerWriteReactor,
} from './server-reactors.ts';
export {
  type AsyncMethod,
  type AsyncMethods,
  type BidiStreamingMethod,
  type ClientStreamingMethod,
  newStub,
  type ServerStreamingMethod,
  Stub,
  type UnaryMethod,
} from './stub.ts';
export type { UnaryCompletion } from './unary-callback.ts';
export { WriteOptions, type WriteOptionsInit } from './write-options.ts';
