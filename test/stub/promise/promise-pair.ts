/**
 * A service of texts in the promise style, with a method of each kind, and a client of it; the test writes the handlers. Above:
 * tests of the promise style. Below: createClient, implement, a channel, a server. Holds: a call that is left open fails the
 * test, and so does an error that nobody expected.
 */
import { createChannel, type Http2ChannelOptions } from '../../../src/channel/create-channel.ts';
import { createInProcessChannel } from '../../../src/channel/create-in-process-channel.ts';
import type { DirectChannel } from '../../../src/channel/direct-channel.ts';
import { ChannelCredentials } from '../../../src/credentials/channel-credentials.ts';
import { ServerCredentials } from '../../../src/credentials/server-credentials.ts';
import { Server, type ServerOptions } from '../../../src/server/server.ts';
import type { CallSettings } from '../../../src/stub/call-settings.ts';
import { type Client, createClient } from '../../../src/stub/client.ts';
import { type Handlers, implement } from '../../../src/stub/implement.ts';
import { InProcessServer } from '../../../src/transport/in-process/server.ts';
import { StatusError } from '../../../src/values/status-error.ts';
import { TEXT_METHODS, type TextMethods } from '../../reactor/reactor-pair.ts';
import { within } from '../../support/within.ts';

const PATIENCE_MS = 5_000;

export type Transport = 'in-process' | 'http2';
export const TRANSPORTS: readonly Transport[] = ['in-process', 'http2'];

export type TextClient = Client<TextMethods>;
export type TextHandlers = Handlers<TextMethods>;

export interface PromisePairInit {
  /** Default: in-process. */
  readonly transport?: Transport;
  readonly server?: ServerOptions;
  readonly channel?: Http2ChannelOptions;
  /** Settings of the client. Default: none. */
  readonly defaults?: CallSettings;
}

/** Server, channel and client. */
export class PromisePair implements AsyncDisposable {
  readonly server: Server;
  readonly channel: DirectChannel;
  readonly client: TextClient;
  /** What user code threw at either end, as the hooks heard of it. */
  readonly failures: unknown[];

  private constructor(server: Server, channel: DirectChannel, failures: unknown[], defaults?: CallSettings) {
    this.server = server;
    this.channel = channel;
    this.failures = failures;
    this.client = createClient(TEXT_METHODS, channel, defaults);
  }

  /** Methods without a handler are UNIMPLEMENTED. */
  static async open(handlers: Partial<TextHandlers>, init: PromisePairInit = {}): Promise<PromisePair> {
    const failures: unknown[] = [];
    const note = (error: unknown): void => void failures.push(error);
    const server = new Server({ onHandlerError: note, ...init.server });
    server.addService(implement(TEXT_METHODS, handlers as TextHandlers));
    const options = { onListenerError: note, ...init.channel };
    if (init.transport === 'http2') {
      server.addListener({ host: '127.0.0.1', port: 0 }, ServerCredentials.insecure());
      await within(PATIENCE_MS, server.start(), 'the server to listen');
      const channel = createChannel(`127.0.0.1:${server.port}`, ChannelCredentials.insecure(), options);
      return new PromisePair(server, channel, failures, init.defaults);
    }
    const listener = InProcessServer.anonymous(init.server);
    await server.addServerListener(listener).start();
    return new PromisePair(server, createInProcessChannel(listener, options), failures, init.defaults);
  }

  /** Connects, so that the next call meets a channel that is READY. */
  async connect(): Promise<this> {
    this.channel.connect();
    const changed = (): Promise<void> =>
      new Promise((resolve) => this.channel.notifyWhenStateChanged(this.channel.getState(), resolve));
    while (this.channel.getState() !== 'READY') await within(PATIENCE_MS, changed(), 'the channel to connect');
    return this;
  }

  /** Waits for the calls to end of themselves. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.channel.shutdown();
    this.server.shutdown();
    const ended = await Promise.all([
      this.channel.awaitTermination(PATIENCE_MS),
      this.server.awaitTermination(PATIENCE_MS),
    ]);
    if (ended.every(Boolean)) return;
    this.channel.shutdownNow();
    this.server.shutdownNow();
    throw new Error('a call was left open');
  }
}

/** Handlers that answer each text with itself in brackets; `write` with all of them. */
export const ECHO: TextHandlers = Object.freeze({
  unary: (text: string) => `<${text}>`,
  async *read(text: string) {
    for (let i = 0; i < 3; i += 1) yield `<${text}${i}>`;
  },
  async write(texts: AsyncIterable<string>) {
    return (await listOf(texts)).join();
  },
  async *bidi(texts: AsyncIterable<string>) {
    for await (const text of texts) yield `<${text}>`;
  },
});

/** Everything that is to be read. */
export async function listOf<T>(messages: AsyncIterable<T> | Iterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const message of messages) list.push(message);
  return list;
}

/** What a promise settles to, in time. */
export function soon<T>(promise: PromiseLike<T>, what?: string): Promise<T> {
  return within(PATIENCE_MS, promise, what);
}

/** The StatusError that a promise rejects with, in time. */
export async function errorOf(promise: PromiseLike<unknown>): Promise<StatusError> {
  try {
    await soon(promise, 'a promise to reject');
  } catch (error) {
    if (error instanceof StatusError) return error;
    throw error;
  }
  throw new Error('it did not reject');
}

/** A promise that the test settles. */
export class Gate<T = void> {
  readonly passed: Promise<T>;
  open: (value: T) => void = () => {};

  constructor() {
    this.passed = new Promise<T>((resolve) => {
      this.open = resolve;
    });
  }

  /** The promise, in time. */
  pass(what = 'a gate to open'): Promise<T> {
    return soon(this.passed, what);
  }
}

/** Turns of the event loop: within the process everything that was under way has come. */
export async function turns(count = 5): Promise<void> {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => setImmediate(resolve));
}
