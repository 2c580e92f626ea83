/**
 * The same call in two worlds at once: within the process and over HTTP/2, each with a server and a channel of ours. Above:
 * call-model.test.ts. Below: Server, DirectChannel, both transports. Holds: an operation runs at both in the same tick; a
 * world has settled when what was expected has come, or could have come, and nothing came after it.
 */

import { CallOptions } from '../../src/call/call-options.ts';
import type { ClientCall } from '../../src/call/client-call.ts';
import { type ServerCall, ServerCallListener } from '../../src/call/server-call.ts';
import { ServiceDefinition } from '../../src/call/service-definition.ts';
import { DirectChannel } from '../../src/channel/direct-channel.ts';
import { ChannelCredentials } from '../../src/credentials/channel-credentials.ts';
import { ServerCredentials } from '../../src/credentials/server-credentials.ts';
import { Server } from '../../src/server/server.ts';
import { Http2ClientTransport } from '../../src/transport/http2/client-transport.ts';
import { Http2ServerListener } from '../../src/transport/http2/server-listener.ts';
import { InProcessClientTransport } from '../../src/transport/in-process/client-transport.ts';
import { InProcessServer } from '../../src/transport/in-process/server.ts';
import { WriteFlag } from '../../src/transport/stream.ts';
import type { ClientTransport, ServerListener } from '../../src/transport/transport.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { type Marshaller, MethodDescriptor } from '../../src/values/method.ts';
import { Status } from '../../src/values/status.ts';
import { RecordingClientListener, RecordingServerListener } from '../support/recorder.ts';
import { within } from '../support/within.ts';
import { BROKEN, type Kind, type Op, type Plan, POISON, type Reaction, type Side } from './call-model.ts';

const PATIENCE_MS = 5_000;
/** How long a world may take to bring what is expected; it then fails. */
const SETTLE_MS = 1_000;

const TEXT: Marshaller<string> = Object.freeze({
  serialize(text: string): Uint8Array {
    if (text === POISON) throw new Error('not to be serialized');
    return Buffer.from(text);
  },
  deserialize(payload: Uint8Array): string {
    const text = Buffer.from(payload).toString();
    if (text === BROKEN) throw new Error('not to be deserialized');
    return text;
  },
});

const KINDS: readonly Kind[] = ['unary', 'client_streaming', 'server_streaming', 'bidi_streaming'];

function methodOf(kind: Kind): MethodDescriptor<string, string> {
  return new MethodDescriptor({
    service: 'test.Model',
    name: kind,
    kind,
    requestMarshaller: TEXT,
    responseMarshaller: TEXT,
  });
}

const METHODS = new Map(KINDS.map((kind) => [kind, methodOf(kind)]));

/** One call in one world. */
export class Played {
  /** Tells it from the calls of earlier runs, which may come late. */
  readonly run: string;
  readonly plan: Plan;
  readonly client: RecordingClientListener<string>;
  readonly failures: Record<Side, number> = { client: 0, server: 0 };
  readonly breaches: string[] = [];
  /** Null until the server knows of the call. */
  server: RecordingServerListener<string> | null = null;
  serverCall: ServerCall<string, string> | null = null;
  readonly #clientCall: ClientCall<string, string>;
  #serverClosed = false;

  constructor(run: string, plan: Plan, makeCall: () => ClientCall<string, string>) {
    this.run = run;
    this.plan = plan;
    this.#clientCall = makeCall();
    const react = (event: string): void => this.#reactClient(event);
    this.client = new RecordingClientListener<string>(
      {
        onHeaders: () => react('headers'),
        onMessage: () => react('message'),
        onReady: () => react('ready'),
        onWritten: () => react('written'),
        onClosing: () => react('closing'),
        onClose: () => react('close'),
      },
      (breach) => this.breaches.push(`client: ${breach.message}`),
    );
  }

  #reactClient(event: string): void {
    const reaction = this.plan.client;
    if (reaction?.event !== event) return;
    if (reaction.act === 'throw') throw new Error(`thrown in ${event}`);
    if (reaction.act === 'request') this.#clientCall.request(1);
    else this.client.forbid(() => this.#clientCall.cancel('inside a listener'));
  }

  /** The handler. */
  serve(call: ServerCall<string, string>): ServerCallListener<string> {
    if (this.serverCall !== null) this.breaches.push('the handler ran twice');
    this.serverCall = call;
    this.#reactServer('handler');
    const react = (event: string): void => this.#reactServer(event);
    this.server = new RecordingServerListener<string>(
      {
        onMessage: () => react('message'),
        onHalfClose: () => react('half-close'),
        onReady: () => react('ready'),
        onWritten: () => react('written'),
        onComplete: () => react('end'),
        onCancel: () => react('end'),
      },
      (breach) => this.breaches.push(`server: ${breach.message}`),
    );
    return this.server;
  }

  #reactServer(event: string): void {
    const reaction: Reaction | null = this.plan.server;
    if (reaction?.event !== event) return;
    if (reaction.act === 'throw') throw new Error(`thrown in ${event}`);
    if (reaction.act === 'request') this.serverCall?.request(1);
    else if (!this.#serverClosed) this.#closeServer(Status.NOT_FOUND.withDescription('inside a listener'));
  }

  #closeServer(status: Status): void {
    this.serverCall?.close(status, new Metadata());
    this.#serverClosed = true;
  }

  /** Does it; says what the caller sees. Null where the server does not know of the call. */
  apply(side: Side, op: Op): string | null {
    if (side === 'server' && this.serverCall === null) return null;
    const log = side === 'client' ? this.client.log : (this.server?.log ?? null);
    const act = (): unknown => (side === 'client' ? this.#actClient(op) : this.#actServer(op));
    try {
      const result = op.name === 'request' || log === null ? act() : log.forbid(act);
      return result === undefined ? 'ok' : String(result);
    } catch (error) {
      if (!(error instanceof Error)) return String(error);
      return error.name === 'RangeError' ? 'RangeError' : `${error.name}: ${error.message}`;
    }
  }

  #actClient({ name, arg }: Op): unknown {
    const call = this.#clientCall;
    if (name === 'start') return call.start(this.client, new Metadata({ 'x-run': this.run }));
    if (name === 'cancel') return call.cancel(String(arg));
    if (name === 'request') return call.request(Number(arg));
    if (name === 'isReady') return call.isReady();
    if (name === 'setMessageCompression') return call.setMessageCompression(arg === true);
    if (name === 'halfClose') return call.halfClose();
    return call.sendMessage(String(arg), name === 'sendHinted' ? WriteFlag.BUFFER_HINT : 0);
  }

  #actServer({ name, arg }: Op): unknown {
    const call = this.serverCall;
    if (name === 'request') return call?.request(Number(arg));
    if (name === 'isReady') return call?.isReady();
    if (name === 'isCancelled') return call?.isCancelled();
    if (name === 'setMessageCompression') return call?.setMessageCompression(arg === true);
    if (name === 'setCompression') return call?.setCompression(String(arg));
    if (name === 'sendHeaders') return call?.sendHeaders(new Metadata());
    if (name === 'close') return this.#closeServer(arg === 'OK' ? Status.OK : Status.ABORTED);
    if (name === 'cancel') return call?.cancel(Status.DATA_LOSS.withDescription(String(arg)));
    return call?.sendMessage(String(arg), name === 'sendHinted' ? WriteFlag.BUFFER_HINT : 0);
  }

  /** What a listener has heard, but for onReady and onWritten. */
  heard(side: Side): string[] {
    const events = side === 'client' ? this.client.log.events : (this.server?.log.events ?? []);
    const heard: string[] = [];
    for (const event of events) {
      if (event.type === 'message') heard.push(`message ${event.message}`);
      else if (event.type === 'close' || event.type === 'closing') heard.push(`${event.type} ${event.status}`);
      else if (event.type !== 'ready' && event.type !== 'written') heard.push(event.type);
    }
    return heard;
  }

  written(side: Side): number {
    return side === 'client' ? this.client.written : (this.server?.written ?? 0);
  }
}

/** One kind of transport, with a server and a channel. */
export class World {
  readonly name: string;
  readonly #server: Server;
  readonly #channel: DirectChannel;
  /** Resolves when whatever was sent before has been heard at the other end. */
  readonly #roundTrip: () => Promise<void>;
  #played: Played | null = null;
  #runs = 0;

  private constructor(
    name: string,
    listener: ServerListener,
    connect: () => ClientTransport,
    trip: () => Promise<void>,
  ) {
    this.name = name;
    this.#roundTrip = trip;
    const service = new ServiceDefinition('test.Model');
    for (const method of METHODS.values()) {
      service.addMethod(method, (call, headers) => {
        const isOurs = this.#played !== null && headers.get('x-run') === this.#played.run;
        return isOurs && this.#played !== null ? this.#played.serve(call) : new ServerCallListener<string>();
      });
    }
    const count = (side: Side) => (): void => {
      if (this.#played !== null) this.#played.failures[side] += 1;
    };
    this.#server = new Server({ onHandlerError: count('server') }).addService(service).addServerListener(listener);
    this.#channel = new DirectChannel(connect, 'localhost', { onListenerError: count('client') });
  }

  static async inProcess(): Promise<World> {
    const server = InProcessServer.anonymous();
    const connect = (): ClientTransport => new InProcessClientTransport({ server });
    return await new World('in-process', server, connect, turn).#open();
  }

  static async http2(): Promise<World> {
    // The pings are how a world knows that it has settled.
    const listener = new Http2ServerListener({ host: '127.0.0.1', port: 0 }, ServerCredentials.insecure(), {
      permitKeepaliveTimeMs: 0,
      permitKeepaliveWithoutCalls: true,
    });
    let transport: Http2ClientTransport | null = null;
    const ping = (): Promise<void> =>
      new Promise((resolve, reject) => transport?.ping((error) => (error === null ? resolve() : reject(error))));
    const connect = (): ClientTransport => {
      const address = { host: '127.0.0.1', port: world.#server.port };
      transport = new Http2ClientTransport({
        address,
        authority: 'localhost',
        credentials: ChannelCredentials.insecure(),
      });
      return transport;
    };
    const world = new World('HTTP/2', listener, connect, async () => {
      await within(PATIENCE_MS, ping(), 'a ping');
      await turn();
    });
    return await world.#open();
  }

  async #open(): Promise<this> {
    await within(PATIENCE_MS, this.#server.start(), 'the server to listen');
    this.#channel.connect();
    const changed = (): Promise<void> =>
      new Promise((resolve) => this.#channel.notifyWhenStateChanged(this.#channel.getState(), resolve));
    while (this.#channel.getState() !== 'READY') await within(PATIENCE_MS, changed(), 'the channel to connect');
    return this;
  }

  /** A new call in the place of the last one. */
  play(plan: Plan): Played {
    const method = METHODS.get(plan.kind);
    if (method === undefined) throw new TypeError(`no method of kind ${plan.kind}`);
    const options = CallOptions.DEFAULT.withCompression(plan.compression);
    this.#runs += 1;
    this.#played = new Played(String(this.#runs), plan, () => this.#channel.newCall(method, options));
    return this.#played;
  }

  /** Waits until `isThere`, or for long enough, and then until nothing more comes. */
  async settle(played: Played, isThere: () => boolean): Promise<void> {
    const giveUpAt = performance.now() + SETTLE_MS;
    const count = (): number => played.client.log.events.length + (played.server?.log.events.length ?? 0);
    await this.#roundTrip();
    for (let before = -1; before !== count() || (!isThere() && performance.now() < giveUpAt); ) {
      before = count();
      await this.#roundTrip();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await within(PATIENCE_MS, this.#channel[Symbol.asyncDispose](), 'the channel to end');
    await within(PATIENCE_MS, this.#server[Symbol.asyncDispose](), 'the server to stop');
  }
}

async function turn(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
  await new Promise<void>((resolve) => setImmediate(resolve));
}
