/**
 * A server of ours and a channel to it, with methods of text of every kind; the test writes both ends of each call. Above:
 * tests of calls. Below: createChannel, Server. Holds: every listener is a recorder, so a breach of the order of events
 * fails the test.
 */

import { CallOptions } from '../../src/call/call-options.ts';
import type { ClientCall } from '../../src/call/client-call.ts';
import type { ServerCall } from '../../src/call/server-call.ts';
import { ServiceDefinition } from '../../src/call/service-definition.ts';
import { createChannel, type Http2ChannelOptions } from '../../src/channel/create-channel.ts';
import { createInProcessChannel } from '../../src/channel/create-in-process-channel.ts';
import type { DirectChannel } from '../../src/channel/direct-channel.ts';
import { ChannelCredentials } from '../../src/credentials/channel-credentials.ts';
import { ServerCredentials } from '../../src/credentials/server-credentials.ts';
import { Server, type ServerOptions } from '../../src/server/server.ts';
import { InProcessServer } from '../../src/transport/in-process/server.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { type Marshaller, MethodDescriptor } from '../../src/values/method.ts';
import {
  type ClientReactions,
  RecordingClientListener,
  RecordingServerListener,
  type ServerReactions,
} from '../support/recorder.ts';
import { within } from '../support/within.ts';
import { Arrivals } from '../transport/ends.ts';

const PATIENCE_MS = 5_000;

const TEXT: Marshaller<string> = Object.freeze({
  serialize: (text: string): Uint8Array => Buffer.from(text),
  deserialize: (payload: Uint8Array): string => Buffer.from(payload).toString(),
});

export type Kind = 'unary' | 'client_streaming' | 'server_streaming' | 'bidi_streaming';
export const KINDS: readonly Kind[] = ['unary', 'client_streaming', 'server_streaming', 'bidi_streaming'];

export type TextMethod = MethodDescriptor<string, string>;

export function textMethod(
  kind: Kind,
  marshallers: { request?: Marshaller<string>; response?: Marshaller<string> } = {},
): TextMethod {
  return new MethodDescriptor({
    service: 'test.Text',
    name: kind,
    kind,
    requestMarshaller: marshallers.request ?? TEXT,
    responseMarshaller: marshallers.response ?? TEXT,
  });
}

export const METHODS: Readonly<Record<Kind, TextMethod>> = Object.freeze({
  unary: textMethod('unary'),
  client_streaming: textMethod('client_streaming'),
  server_streaming: textMethod('server_streaming'),
  bidi_streaming: textMethod('bidi_streaming'),
});

/** A call as the server has it. */
export interface ServedCall {
  readonly call: ServerCall<string, string>;
  readonly listener: RecordingServerListener<string>;
  readonly headers: Metadata;
}

/** A call as the client has it. */
export interface MadeCall {
  readonly call: ClientCall<string, string>;
  readonly listener: RecordingClientListener<string>;
}

/** An error that user code threw, as a hook heard of it. */
export interface Failure {
  readonly side: 'client' | 'server';
  readonly error: unknown;
  readonly method: string;
}

export type Handle = (call: ServerCall<string, string>, headers: Metadata) => ServerReactions<string>;

export interface CallPairInit {
  /** Over HTTP/2 for what is about HTTP/2; default: within the process, without sockets. */
  readonly transport?: 'in-process' | 'http2';
  readonly server?: ServerOptions;
  readonly channel?: Http2ChannelOptions;
  /** Runs as the handler of every call; what it returns the listener does. Default: nothing. */
  readonly handle?: Handle;
  /** The methods that the server knows. Default: METHODS. */
  readonly methods?: readonly TextMethod[];
}

export class CallPair {
  readonly server: Server;
  readonly channel: DirectChannel;
  readonly target: string;
  /** The calls that have come to the server. */
  readonly served: Arrivals<ServedCall>;
  readonly failures: Failure[];

  private constructor(
    server: Server,
    target: string,
    init: CallPairInit,
    failures: Failure[],
    served: Arrivals<ServedCall>,
    listener: InProcessServer | null,
  ) {
    this.server = server;
    this.target = target;
    this.failures = failures;
    this.served = served;
    const onListenerError = (error: unknown, method: string): void => {
      failures.push({ side: 'client', error, method });
    };
    const options = { onListenerError, ...init.channel };
    this.channel =
      listener === null
        ? createChannel(target, ChannelCredentials.insecure(), options)
        : createInProcessChannel(listener, options);
  }

  static async open(init: CallPairInit = {}): Promise<CallPair> {
    const failures: Failure[] = [];
    const served = new Arrivals<ServedCall>('a call to come');
    const service = new ServiceDefinition('test.Text');
    for (const method of init.methods ?? Object.values(METHODS)) {
      service.addMethod(method, (call, headers) => {
        const reactions = init.handle?.(call, headers) ?? {};
        const listener = new RecordingServerListener<string>(reactions);
        served.push({ call, listener, headers });
        return listener;
      });
    }
    const server = new Server({
      onHandlerError: (error, method) => failures.push({ side: 'server', error, method }),
      ...init.server,
    });
    const listener = init.transport === 'http2' ? null : InProcessServer.anonymous(init.server);
    server.addService(service);
    if (listener === null) server.addListener({ host: '127.0.0.1', port: 0 }, ServerCredentials.insecure());
    else server.addServerListener(listener);
    await within(PATIENCE_MS, server.start(), 'the server to listen');
    const target = listener === null ? `127.0.0.1:${server.port}` : listener.name;
    return new CallPair(server, target, init, failures, served, listener);
  }

  /** Connects, so that the next call meets a channel that is READY. */
  async connect(): Promise<this> {
    this.channel.connect();
    const changed = (): Promise<void> =>
      new Promise((resolve) => this.channel.notifyWhenStateChanged(this.channel.getState(), resolve));
    while (this.channel.getState() !== 'READY') await within(PATIENCE_MS, changed(), 'the channel to connect');
    return this;
  }

  /** A call that has not been started, and who will listen to it. */
  make(
    kind: Kind | TextMethod,
    reactions: ClientReactions<string> = {},
    options: CallOptions = CallOptions.DEFAULT,
  ): MadeCall {
    const method = typeof kind === 'string' ? METHODS[kind] : kind;
    return { call: this.channel.newCall(method, options), listener: new RecordingClientListener(reactions) };
  }

  /** A call that has been started. */
  start(
    kind: Kind | TextMethod,
    reactions: ClientReactions<string> = {},
    options: CallOptions = CallOptions.DEFAULT,
    headers: Metadata = new Metadata(),
  ): MadeCall {
    const made = this.make(kind, reactions, options);
    made.listener.forbid(() => made.call.start(made.listener, headers));
    return made;
  }

  /** A bidi call that has reached its handler. */
  async bidi(
    reactions: ClientReactions<string> = {},
    options: CallOptions = CallOptions.DEFAULT,
  ): Promise<MadeCall & { readonly served: ServedCall }> {
    const made = this.start('bidi_streaming', reactions, options);
    return { ...made, served: await this.served.next() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await within(PATIENCE_MS, this.channel[Symbol.asyncDispose](), 'the channel to end');
    await within(PATIENCE_MS, this.server[Symbol.asyncDispose](), 'the server to stop');
  }
}

/** What `act` throws, as `name: message`; null if it does not. */
export function thrownBy(act: () => unknown): string | null {
  try {
    act();
    return null;
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
}

/** Turns of the event loop, for what must not come to come. */
export function aWhile(ms = 30): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
