/**
 * halfclose: gRPC for Node.js on node:http2. The public surface of the core; what is not here is internal. The codecs have
 * entry points of their own: halfclose/protobuf-es and halfclose/protobufjs.
 */

export type { CallEndMessage, CallRetryMessage, CallStartMessage } from './call/call-diagnostics.ts';
export { CallOptionKey, CallOptions } from './call/call-options.ts';
export type { Channel } from './call/channel.ts';
export { ClientCall, ClientCallListener } from './call/client-call.ts';
export {
  CheckedForwardingClientCall,
  type ClientInterceptor,
  FailedClientCall,
  ForwardingClientCall,
  ForwardingClientCallListener,
  interceptChannel,
  interceptChannelForward,
} from './call/client-interceptor.ts';
export type { FailureHook } from './call/failure-hooks.ts';
export type { MethodSettings, RetryPolicy } from './call/method-settings.ts';
export type { ReplayLimits } from './call/replay.ts';
export { ServerCall, type ServerCallHandler, ServerCallListener } from './call/server-call.ts';
export {
  ForwardingServerCall,
  ForwardingServerCallListener,
  interceptHandler,
  interceptHandlerForward,
  type ServerInterceptor,
} from './call/server-interceptor.ts';
export { type HandlerRegistry, type RegisteredMethod, ServiceDefinition } from './call/service-definition.ts';
export type { BackoffOptions } from './channel/backoff.ts';
export {
  type BalancedSubchannel,
  type Balancer,
  type BalancerHelper,
  type BalancerProvider,
  type BalancerProviders,
  type CallTracker,
  type ChosenBalancer,
  Dropped,
  Picked,
  type Picker,
  type PickRequest,
  type PickResult,
  type SubchannelStateListener,
} from './channel/balancer/balancer.ts';
export { readChosenBalancer } from './channel/balancer/chosen-balancer.ts';
export type {
  ChannelSnapshot,
  ResolutionSnapshot,
  SubchannelSnapshot,
  WaitingCallSnapshot,
} from './channel/channel-snapshot.ts';
export type { ConnectivityState } from './channel/connectivity.ts';
export { createChannel, type Http2ChannelOptions } from './channel/create-channel.ts';
export { createInProcessChannel, type InProcessChannelOptions } from './channel/create-in-process-channel.ts';
export type { ChannelStateMessage, ResolutionMessage, SubchannelStateMessage } from './channel/diagnostics.ts';
export { DirectChannel, type DirectChannelOptions } from './channel/direct-channel.ts';
export type { DirectServiceConfig } from './channel/fixed-settings.ts';
export { type ChannelOptions, ManagedChannel } from './channel/managed-channel.ts';
export { type DnsResolverOptions, dnsResolver } from './channel/resolver/dns.ts';
export type { HostLookup } from './channel/resolver/dns-lookup.ts';
export type {
  Endpoint,
  Resolution,
  Resolver,
  ResolverContext,
  ResolverListener,
  ResolverProvider,
  Target,
} from './channel/resolver/resolver.ts';
export { StaticResolver } from './channel/resolver/static.ts';
export type {
  ServiceConfig,
  ServiceConfigDuration,
  ServiceConfigLimits,
  ServiceConfigMethods,
} from './channel/service-config.ts';
export {
  CallCredentials,
  type CallCredentialsCallback,
  type CallCredentialsRequest,
  type RequestHeadersClient,
  type RequestHeadersClientSource,
} from './credentials/call-credentials.ts';
export { ChannelCredentials, type TlsClientOptions } from './credentials/channel-credentials.ts';
export { ServerCredentials, type TlsServerOptions } from './credentials/server-credentials.ts';
export {
  type TlsBesideFiles,
  type TlsFilePaths,
  TlsFiles,
  type TlsFilesOptions,
  type TlsMaterial,
  tlsFiles,
} from './credentials/tls-files.ts';
export type { TlsSource } from './credentials/tls-source.ts';
export {
  BROTLI,
  type CompressionCallback,
  type Compressor,
  CompressorRegistry,
  DEFLATE,
  GZIP,
  IDENTITY,
  InflationLimitError,
  ZSTD,
} from './framing/compressor.ts';
export { Server, type ServerOptions } from './server/server.ts';
export {
  type AsyncClientInterceptor,
  asyncClientInterceptor,
  type NextCall,
  type NextOptions,
  type OutgoingCall,
} from './stub/async-client-interceptor.ts';
export {
  type AsyncServerInterceptor,
  asyncServerInterceptor,
  type HandlerEnd,
  type IncomingCall,
  type NextHandler,
} from './stub/async-server-interceptor.ts';
export type { CallEnd } from './stub/call-below.ts';
export type { CallHandle, DuplexCall, MessageSender, ResponseStream, UploadCall } from './stub/call-objects.ts';
export type { CallSettings } from './stub/call-settings.ts';
export {
  type BidiStreamingFunction,
  type Client,
  type ClientFunction,
  type ClientStreamingFunction,
  createClient,
  type ServerStreamingFunction,
  type UnaryFunction,
  type UntypedFunction,
} from './stub/client.ts';
export { HandlerContext } from './stub/handler-context.ts';
export { type Handler, type Handlers, implement, type UntypedHandler, unimplemented } from './stub/implement.ts';
export type { Messages } from './stub/message-writer.ts';
export type { PartialMessage } from './stub/method-types.ts';
export { type Rpc, rpcOf } from './stub/rpc-of.ts';
export {
  type ClientMethodsOf,
  clientMethods,
  type ServerMethodsOf,
  serverMethods,
} from './stub/service-methods.ts';
export type { ServiceShape, UntypedService } from './stub/service-shape.ts';
export type { Http2Address } from './transport/http2/client-socket.ts';
export type { ConnectionPolicyOptions, ServerKeepaliveOptions } from './transport/http2/connection-policy.ts';
export type { KeepaliveOptions } from './transport/http2/keepalive.ts';
export { type Environment, type ProxyChoice, proxyFor } from './transport/http2/proxy-environment.ts';
export type { Http2ListenAddress } from './transport/http2/server-listener.ts';
export { InProcessServer, type InProcessServerOptions } from './transport/in-process/server.ts';
export { WriteFlag, type WriteFlags } from './transport/stream.ts';
export type { TransportSnapshot } from './transport/transport.ts';
export {
  AttributeKey,
  Attributes,
  formatAddress,
  LOCAL_ADDRESS,
  REMOTE_ADDRESS,
  SECURITY_LEVEL,
  type SecurityLevel,
  type SocketAddress,
  TLS_FACTS,
  type TlsFacts,
} from './values/attributes.ts';
export { type Clock, SYSTEM_CLOCK, type Timer, type TimerTask } from './values/clock.ts';
export { Deadline } from './values/deadline.ts';
export { IllegalStateError } from './values/illegal-state-error.ts';
export { Metadata, type MetadataInit, type MetadataValue } from './values/metadata.ts';
export {
  BYTES_MARSHALLER,
  type Idempotency,
  type Marshaller,
  MethodDescriptor,
  type MethodInit,
  type MethodKind,
  type ServiceDescriptor,
} from './values/method.ts';
export { byReference } from './values/reference-payload.ts';
export { Code, type CodeName, Status } from './values/status.ts';
export { type CallFacts, type CallPhase, StatusError, type StatusErrorInit } from './values/status-error.ts';
