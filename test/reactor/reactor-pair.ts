/**
 * A server with a reactor service of texts, with a method of each kind, and a stub for it; the test writes the handlers.
 * Above: tests of reactors. Below: newStub, callbackService, a channel, a server.
 */
import type { ClientInterceptor } from '../../src/call/client-interceptor.ts';
import type { FailureHook } from '../../src/call/failure-hooks.ts';
import type { ServerInterceptor } from '../../src/call/server-interceptor.ts';
import type { HandlerRegistry } from '../../src/call/service-definition.ts';
import { createChannel, type Http2ChannelOptions } from '../../src/channel/create-channel.ts';
import { createInProcessChannel } from '../../src/channel/create-in-process-channel.ts';
import type { DirectChannel } from '../../src/channel/direct-channel.ts';
import { ChannelCredentials } from '../../src/credentials/channel-credentials.ts';
import { ServerCredentials } from '../../src/credentials/server-credentials.ts';
import { type CallbackService, callbackService } from '../../src/reactor/callback-service.ts';
import { type AsyncMethods, newStub } from '../../src/reactor/stub.ts';
import { Server, type ServerOptions } from '../../src/server/server.ts';
import { InProcessServer } from '../../src/transport/in-process/server.ts';
import { type Marshaller, MethodDescriptor, type MethodKind } from '../../src/values/method.ts';
import { within } from '../support/within.ts';

const PATIENCE_MS = 5_000;

/** A text that no marshaller here can write, and one that none can read. */
export const UNWRITABLE = '\u0000unwritable';
export const UNREADABLE = '\u0000unreadable';

const TEXT: Marshaller<string> = Object.freeze({
  serialize(text: string): Uint8Array {
    if (text === UNWRITABLE) throw new Error('not to be serialized');
    return Buffer.from(text);
  },
  deserialize(payload: Uint8Array): string {
    const text = Buffer.from(payload).toString();
    if (text === UNREADABLE) throw new Error('not to be deserialized');
    return text;
  },
});

/** A method of texts, of service `test.Text` unless told. */
export function textMethod<K extends MethodKind>(
  kind: K,
  name: string = kind,
  service = 'test.Text',
): MethodDescriptor<string, string, K> {
  return new MethodDescriptor({ service, name, kind, requestMarshaller: TEXT, responseMarshaller: TEXT });
}

/** A method of each kind. */
export const TEXT_METHODS = Object.freeze({
  unary: textMethod('unary'),
  read: textMethod('server_streaming'),
  write: textMethod('client_streaming'),
  bidi: textMethod('bidi_streaming'),
});
export type TextMethods = typeof TEXT_METHODS;
export type TextService = CallbackService<TextMethods>;

export interface ReactorPairOptions {
  /** Default: in-process. */
  readonly transport?: 'in-process' | 'http2';
  readonly clientInterceptors?: readonly ClientInterceptor[];
  readonly serverInterceptors?: readonly ServerInterceptor[];
  readonly fallbackRegistry?: HandlerRegistry;
  readonly server?: ServerOptions;
  readonly channel?: Http2ChannelOptions;
}

/** Server, channel and stub; errors that reactions throw are collected. */
export class ReactorPair implements AsyncDisposable {
  readonly server: Server;
  readonly channel: DirectChannel;
  readonly stub: AsyncMethods<TextMethods>;
  /** What reactions and callbacks threw, at either end. */
  readonly errors: unknown[];

  private constructor(server: Server, channel: DirectChannel, errors: unknown[]) {
    this.server = server;
    this.channel = channel;
    this.errors = errors;
    this.stub = newStub(TEXT_METHODS, channel).async();
  }

  static async open(service: TextService, options: ReactorPairOptions = {}): Promise<ReactorPair> {
    const errors: unknown[] = [];
    const server = new Server({
      onHandlerError: (error) => errors.push(error),
      interceptors: options.serverInterceptors ?? [],
      ...(options.fallbackRegistry === undefined ? {} : { fallbackRegistry: options.fallbackRegistry }),
      ...options.server,
    });
    server.addService(callbackService(TEXT_METHODS, service));
    const connect = await listen(server, options, (error) => errors.push(error));
    return new ReactorPair(server, connect(), errors);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.channel.shutdownNow();
    this.server.shutdownNow();
    await within(PATIENCE_MS, Promise.all([this.channel.awaitTermination(), this.server.awaitTermination()]));
  }
}

/** Starts the server; gives what connects to it. */
async function listen(
  server: Server,
  options: ReactorPairOptions,
  onListenerError: FailureHook,
): Promise<() => DirectChannel> {
  const channelOptions = { onListenerError, interceptors: options.clientInterceptors ?? [], ...options.channel };
  if (options.transport === 'http2') {
    server.addListener({ host: '127.0.0.1', port: 0 }, ServerCredentials.insecure());
    await server.start();
    return () => createChannel(`127.0.0.1:${server.port}`, ChannelCredentials.insecure(), channelOptions);
  }
  const listener = InProcessServer.anonymous(options.server);
  server.addServerListener(listener);
  await server.start();
  return () => createInProcessChannel(listener, channelOptions);
}
