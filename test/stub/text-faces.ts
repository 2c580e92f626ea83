/**
 * The service `test.Text` served in every style, and called in every style, with the same outcome: what stands between
 * the two ends must not change it. Above: tests of async interceptors. Below: ServerCall, implement, callbackService;
 * ClientCall, createClient, newStub.
 */
import { CallOptions } from '../../src/call/call-options.ts';
import type { Channel } from '../../src/call/channel.ts';
import type { ClientInterceptor } from '../../src/call/client-interceptor.ts';
import { type ServerCall, ServerCallListener } from '../../src/call/server-call.ts';
import type { ServerInterceptor } from '../../src/call/server-interceptor.ts';
import { ServiceDefinition } from '../../src/call/service-definition.ts';
import { createChannel } from '../../src/channel/create-channel.ts';
import { createInProcessChannel } from '../../src/channel/create-in-process-channel.ts';
import type { DirectChannel } from '../../src/channel/direct-channel.ts';
import { ChannelCredentials } from '../../src/credentials/channel-credentials.ts';
import { ServerCredentials } from '../../src/credentials/server-credentials.ts';
import { callbackService } from '../../src/reactor/callback-service.ts';
import { ClientContext } from '../../src/reactor/client-context.ts';
import {
  ClientBidiReactor,
  ClientReadReactor,
  ClientUnaryReactor,
  ClientWriteReactor,
} from '../../src/reactor/client-reactors.ts';
import { ServerBidiReactor, ServerReadReactor, ServerWriteReactor } from '../../src/reactor/server-reactors.ts';
import { newStub } from '../../src/reactor/stub.ts';
import { Server } from '../../src/server/server.ts';
import { createClient } from '../../src/stub/client.ts';
import { implement } from '../../src/stub/implement.ts';
import { InProcessServer } from '../../src/transport/in-process/server.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { type Code, Status } from '../../src/values/status.ts';
import { StatusError } from '../../src/values/status-error.ts';
import { TEXT_METHODS } from '../reactor/reactor-pair.ts';
import { RecordingClientListener } from '../support/recorder.ts';
import { within } from '../support/within.ts';

const PATIENCE_MS = 5_000;

export type MethodName = keyof typeof TEXT_METHODS;
export const METHOD_NAMES = Object.keys(TEXT_METHODS) as MethodName[];

/** How a call ended, in every style. */
export interface Outcome {
  readonly code: Code;
  readonly texts: string[];
  readonly trailer: string | undefined;
}

/** A request of this text is answered NOT_FOUND. */
const MISSING = 'missing';
const NOT_THERE = Status.NOT_FOUND.withDescription('not there');

function answersTo(name: MethodName, requests: readonly string[]): string[] {
  if (name === 'read') return requests.flatMap((text) => [`<${text}>`, `<${text}>`, `<${text}>`]);
  return name === 'write' ? [requests.join()] : requests.map((text) => `<${text}>`);
}

/** What a client sends. */
export function requestsOf(name: MethodName, fails: boolean): string[] {
  const texts = TEXT_METHODS[name].clientSendsOneMessage ? ['one'] : ['one', 'two', 'three'];
  return fails ? [...texts.slice(1), MISSING] : texts;
}

/** What comes of it. */
export function expected(name: MethodName, fails: boolean): Outcome {
  if (!fails) return { code: 0, texts: answersTo(name, requestsOf(name, false)), trailer: 't' };
  const texts = name === 'bidi' ? answersTo(name, requestsOf(name, true).slice(0, -1)) : [];
  return { code: NOT_THERE.code, texts, trailer: 'failed' };
}

// ---- the servers ----

/** Answers in the style of listeners: each request as it comes, but those of `write` together. */
class Answering extends ServerCallListener<string> {
  readonly #call: ServerCall<string, string>;
  readonly #name: MethodName;
  readonly #requests: string[] = [];

  constructor(call: ServerCall<string, string>, name: MethodName) {
    super();
    this.#call = call;
    this.#name = name;
    call.request(1);
    call.sendHeaders(new Metadata());
  }

  override onMessage(text: string): void {
    this.#requests.push(text);
    if (this.#name === 'bidi' && text !== MISSING) this.#call.sendMessage(`<${text}>`);
    this.#call.request(1);
  }

  override onHalfClose(): void {
    if (this.#requests.includes(MISSING)) {
      this.#call.close(NOT_THERE, new Metadata({ 'x-trail': 'failed' }));
      return;
    }
    if (this.#name !== 'bidi') {
      for (const text of answersTo(this.#name, this.#requests)) this.#call.sendMessage(text);
    }
    this.#call.close(Status.OK, new Metadata({ 'x-trail': 't' }));
  }
}

function listenerService(): ServiceDefinition {
  const service = new ServiceDefinition('test.Text');
  for (const name of METHOD_NAMES) service.addMethod(TEXT_METHODS[name], (call) => new Answering(call, name));
  return service;
}

function check(text: string): void {
  if (text === MISSING) throw new StatusError(NOT_THERE, new Metadata({ 'x-trail': 'failed' }));
}

function promiseService(): ServiceDefinition {
  return implement(TEXT_METHODS, {
    async unary(request, { trailers }) {
      check(request);
      trailers.set('x-trail', 't');
      return `<${request}>`;
    },
    async *read(request, { trailers }) {
      check(request);
      trailers.set('x-trail', 't');
      yield* answersTo('read', [request]);
    },
    async write(requests, { trailers }) {
      const texts: string[] = [];
      for await (const text of requests) texts.push(text);
      texts.forEach(check);
      trailers.set('x-trail', 't');
      return texts.join();
    },
    async *bidi(requests, { trailers }) {
      for await (const text of requests) {
        check(text);
        yield `<${text}>`;
      }
      trailers.set('x-trail', 't');
    },
  });
}

function reactorService(): ServiceDefinition {
  return callbackService(TEXT_METHODS, {
    unary(context, request) {
      const reactor = context.defaultReactor<string>();
      context.addTrailingMetadata('x-trail', request === MISSING ? 'failed' : 't');
      if (request === MISSING) reactor.finish(NOT_THERE);
      else reactor.finish(Status.OK, `<${request}>`);
      return reactor;
    },
    read(context, request) {
      const left = request === MISSING ? [] : answersTo('read', [request]);
      const step = (reactor: ServerWriteReactor<string>): void => {
        const text = left.shift();
        if (text === undefined) reactor.finish(request === MISSING ? NOT_THERE : Status.OK);
        else reactor.startWrite(text);
      };
      const reactor = ServerWriteReactor.from<string>({
        onWriteDone() {
          step(this);
        },
      });
      context.addTrailingMetadata('x-trail', request === MISSING ? 'failed' : 't');
      step(reactor);
      return reactor;
    },
    write(context) {
      const texts: string[] = [];
      const reactor = ServerReadReactor.from<string, string>({
        onReadDone(ok, text) {
          if (ok && text !== undefined) {
            texts.push(text);
            this.startRead();
            return;
          }
          const fails = texts.includes(MISSING);
          context.addTrailingMetadata('x-trail', fails ? 'failed' : 't');
          if (fails) this.finish(NOT_THERE);
          else this.finish(Status.OK, texts.join());
        },
      });
      reactor.startRead();
      return reactor;
    },
    bidi(context) {
      const end = (reactor: ServerBidiReactor<string, string>, fails: boolean): void => {
        context.addTrailingMetadata('x-trail', fails ? 'failed' : 't');
        reactor.finish(fails ? NOT_THERE : Status.OK);
      };
      const reactor = ServerBidiReactor.from<string, string>({
        onReadDone(ok, text) {
          if (!ok || text === MISSING) end(this, ok);
          else this.startWrite(`<${text}>`);
        },
        onWriteDone() {
          this.startRead();
        },
      });
      reactor.startRead();
      return reactor;
    },
  });
}

/** The ways to serve. */
export const SERVICES: Readonly<Record<'listeners' | 'promises' | 'reactors', () => ServiceDefinition>> = {
  listeners: listenerService,
  promises: promiseService,
  reactors: reactorService,
};

// ---- the clients ----

type Call = (channel: Channel, name: MethodName, requests: readonly string[]) => Promise<Outcome>;

async function callByListener(channel: Channel, name: MethodName, requests: readonly string[]): Promise<Outcome> {
  const call = channel.newCall<string, string>(TEXT_METHODS[name], CallOptions.DEFAULT);
  const left = [...requests];
  const pump = (): void => {
    if (left.length === 0) return;
    while (left.length > 0 && (TEXT_METHODS[name].clientSendsOneMessage || call.isReady())) {
      call.sendMessage(left.shift() ?? '');
    }
    if (left.length === 0) call.halfClose();
  };
  const listener = new RecordingClientListener<string>({ onMessage: () => call.request(1), onReady: pump });
  listener.forbid(() => call.start(listener, new Metadata()));
  call.request(1);
  listener.forbid(pump);
  const { status, trailers } = await listener.closed;
  return { code: status.code, texts: listener.messages, trailer: trailers.get('x-trail') };
}

async function callByPromise(channel: Channel, name: MethodName, requests: readonly string[]): Promise<Outcome> {
  const client = createClient(TEXT_METHODS, channel);
  const texts: string[] = [];
  let trailer: string | undefined;
  const settings = {
    onTrailers: (trailers: Metadata): void => {
      trailer = trailers.get('x-trail');
    },
  };
  const [first = ''] = requests;
  try {
    if (name === 'unary') texts.push(await client.unary(first, settings));
    else if (name === 'write') texts.push(await client.write(requests, settings));
    else {
      const stream = name === 'read' ? client.read(first, settings) : client.bidi(requests, settings);
      for await (const text of stream) texts.push(text);
    }
    return { code: 0, texts, trailer };
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return { code: error.code, texts, trailer };
  }
}

async function callByReactor(channel: Channel, name: MethodName, requests: readonly string[]): Promise<Outcome> {
  const stub = newStub(TEXT_METHODS, channel).async();
  const context = new ClientContext();
  const texts: string[] = [];
  const left = [...requests];
  const [first = ''] = requests;
  const code = await new Promise<Code>((resolve) => {
    const onDone = (status: Status, response?: string): void => {
      if (response !== undefined) texts.push(response);
      resolve(status.code);
    };
    const write = (reactor: ClientWriteReactor<string, string> | ClientBidiReactor<string, string>): void => {
      const text = left.shift() ?? '';
      if (left.length === 0) reactor.startWriteLast(text);
      else reactor.startWrite(text);
    };
    const onReadDone = function (
      this: ClientReadReactor<string> | ClientBidiReactor<string, string>,
      ok: boolean,
      text?: string,
    ): void {
      if (!ok || text === undefined) return;
      texts.push(text);
      this.startRead();
    };
    if (name === 'unary') {
      const reactor = ClientUnaryReactor.from<string>({ onDone });
      stub.unary(context, first, reactor);
      reactor.startCall();
    } else if (name === 'read') {
      const reactor = ClientReadReactor.from<string>({ onDone, onReadDone });
      stub.read(context, first, reactor);
      reactor.startRead();
      reactor.startCall();
    } else if (name === 'write') {
      const reactor = ClientWriteReactor.from<string, string>({
        onDone,
        onWriteDone(ok) {
          if (ok && left.length > 0) write(this);
        },
      });
      stub.write(context, reactor);
      write(reactor);
      reactor.startCall();
    } else {
      const reactor = ClientBidiReactor.from<string, string>({
        onDone,
        onReadDone,
        onWriteDone(ok) {
          if (ok && left.length > 0) write(this);
        },
      });
      stub.bidi(context, reactor);
      reactor.startRead();
      write(reactor);
      reactor.startCall();
    }
  });
  return { code, texts, trailer: context.getServerTrailingMetadata().get('x-trail') };
}

/** The ways to call. */
export const CALLS: Readonly<Record<'listeners' | 'promises' | 'reactors', Call>> = {
  listeners: callByListener,
  promises: callByPromise,
  reactors: callByReactor,
};

// ---- both ----

export interface TextPairInit {
  readonly service: ServiceDefinition;
  readonly transport: 'in-process' | 'http2';
  readonly client?: readonly ClientInterceptor[];
  readonly server?: readonly ServerInterceptor[];
}

/** A server of texts and a channel to it. */
export class TextPair implements AsyncDisposable {
  readonly server: Server;
  readonly channel: DirectChannel;
  /** What user code threw, at either end. */
  readonly failures: unknown[];

  private constructor(server: Server, channel: DirectChannel, failures: unknown[]) {
    this.server = server;
    this.channel = channel;
    this.failures = failures;
  }

  static async open({ service, transport, client = [], server: interceptors = [] }: TextPairInit): Promise<TextPair> {
    const failures: unknown[] = [];
    const note = (error: unknown): void => void failures.push(error);
    const server = new Server({ interceptors, onHandlerError: note }).addService(service);
    const options = { interceptors: client, onListenerError: note };
    if (transport === 'http2') {
      await server.addListener({ host: '127.0.0.1', port: 0 }, ServerCredentials.insecure()).start();
      const channel = createChannel(`127.0.0.1:${server.port}`, ChannelCredentials.insecure(), options);
      return new TextPair(server, channel, failures);
    }
    const listener = InProcessServer.anonymous();
    await server.addServerListener(listener).start();
    return new TextPair(server, createInProcessChannel(listener, options), failures);
  }

  /** Waits for the calls to end of themselves: one that is left over fails the test. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.channel.shutdown();
    await within(PATIENCE_MS, this.channel.awaitTermination(), 'the channel to have no call left');
    this.server.shutdown();
    await within(PATIENCE_MS, this.server.awaitTermination(), 'the server to have no call left');
  }
}
