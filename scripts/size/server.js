// What a program that only serves takes along; measured by size-limit.
export {
  Metadata,
  MethodDescriptor,
  Server,
  ServerCallListener,
  ServerCredentials,
  ServiceDefinition,
  Status,
} from '../../dist/index.js';
