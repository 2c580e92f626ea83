// What a program that only calls takes along; measured by size-limit.
export {
  CallOptions,
  ChannelCredentials,
  ClientCallListener,
  createChannel,
  Metadata,
  MethodDescriptor,
} from '../../dist/index.js';
