// What a program takes along that calls and serves in the promise style; measured by size-limit.
export {
  ChannelCredentials,
  createChannel,
  createClient,
  implement,
  MethodDescriptor,
  Server,
  ServerCredentials,
  StatusError,
} from '../../dist/index.js';
