// What a program that only calls takes along; measured by size-limit.
export { ManagedChannel } from '../../dist/channel/managed-channel.js';
export * from '../../dist/stub/client.js';
