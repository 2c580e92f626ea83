/** What the three faces of halfclose share in the benchmark: channel, server, methods on bytes. Above: calls, reactors, promises. */
import {
  BYTES_MARSHALLER,
  ChannelCredentials,
  createChannel,
  createInProcessChannel,
  type DirectChannel,
  InProcessServer,
  Metadata,
  MethodDescriptor,
  type MethodKind,
  Server,
  ServerCredentials,
  type ServiceDefinition,
} from '../../src/index.ts';
import { PATHS } from '../service.ts';
import { metadataOf, type StackOptions, type StackServer } from '../stack.ts';

/** No message of a benchmark is too large. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

function bytesMethod<K extends MethodKind>(path: string, kind: K): MethodDescriptor<Uint8Array, Uint8Array, K> {
  const [, service = '', name = ''] = path.split('/');
  return new MethodDescriptor({
    service,
    name,
    kind,
    requestMarshaller: BYTES_MARSHALLER,
    responseMarshaller: BYTES_MARSHALLER,
  });
}

/** grpc.testing.BenchmarkService. */
export const BENCHMARK_METHODS = {
  unaryCall: bytesMethod(PATHS.unary, 'unary'),
  streamingCall: bytesMethod(PATHS.pingPong, 'bidi_streaming'),
};

/** halfclose.bench.Streams. */
export const STREAM_METHODS = {
  download: bytesMethod(PATHS.download, 'server_streaming'),
  upload: bytesMethod(PATHS.upload, 'client_streaming'),
};

const IN_PROCESS = 'bench';

/** Starts a server of these services, on a port of its own or under a name. */
export async function serve(services: readonly ServiceDefinition[], options: StackOptions): Promise<StackServer> {
  const { tls, inProcess } = options;
  const server = new Server({ maxInboundMessageBytes: MAX_MESSAGE_BYTES });
  for (const service of services) server.addService(service);
  const credentials =
    tls === null ? ServerCredentials.insecure() : ServerCredentials.tls({ cert: tls.cert, key: tls.key });
  if (inProcess) server.addServerListener(InProcessServer.named(IN_PROCESS));
  else server.addListener({ host: '127.0.0.1', port: 0 }, credentials);
  await server.start();
  return {
    target: inProcess ? IN_PROCESS : `127.0.0.1:${server.port}`,
    async close() {
      server.shutdownNow();
      await server.awaitTermination();
    },
  };
}

export function channelTo(target: string, { tls, inProcess }: StackOptions): DirectChannel {
  if (inProcess) return createInProcessChannel(target);
  const credentials = tls === null ? ChannelCredentials.insecure() : ChannelCredentials.tls({ ca: tls.ca });
  return createChannel(target, credentials, { maxInboundMessageBytes: MAX_MESSAGE_BYTES });
}

export async function closeChannel(channel: DirectChannel): Promise<void> {
  channel.shutdownNow();
  await channel.awaitTermination();
}

/** The headers of a request or a response, made anew each time: whoever sends them gives them away. */
export function headersFor(options: StackOptions): () => Metadata {
  const pairs = metadataOf(options);
  if (pairs.length === 0) return () => new Metadata();
  const init = Object.fromEntries(pairs);
  return () => new Metadata(init);
}
