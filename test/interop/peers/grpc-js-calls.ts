/**
 * Calls of grpc-js's client with everything that can be seen of them, one class for all four kinds. Above: grpc-js-cases.ts.
 * Below: @grpc/grpc-js. Holds: nothing rejects for what the server does; every call ends with an Outcome.
 */
import type { EventEmitter } from 'node:events';
import {
  type ChannelCredentials,
  type ChannelOptions,
  Client,
  InterceptingCall,
  type Interceptor,
  type Metadata,
  type MethodDefinition,
  type StatusObject,
  type status,
} from '@grpc/grpc-js';

/** What may be said of one call. */
export interface CallInit {
  readonly metadata?: Metadata;
  readonly timeoutMs?: number;
  /** Of a call that sends one message: whether it goes compressed, if the channel compresses. Default: true. */
  readonly compressed?: boolean;
}

/** How a call ended, and what came of it. */
export interface Outcome<Res> {
  readonly code: status;
  readonly details: string;
  /** Null when none came before the status. */
  readonly headers: Metadata | null;
  readonly trailers: Metadata;
  /** In order; also those that were received one by one. */
  readonly messages: readonly Res[];
}

/** grpc-js's WriteFlags.NoCompress, which it does not export. */
const NO_COMPRESS = 2;

/** The messages that go as they are on a channel that compresses. */
const uncompressed = new WeakSet<object>();

/** Sets the flags of each message: Writable.write, which had a place for them, refuses numbers on today's Node. */
class FlaggingCall extends InterceptingCall {
  override sendMessageWithContext(
    context: Parameters<InterceptingCall['sendMessageWithContext']>[0],
    message: object,
  ): void {
    const flags = uncompressed.has(message) ? NO_COMPRESS : 0;
    super.sendMessageWithContext({ ...context, flags }, message);
  }
}

const flagging: Interceptor = (options, nextCall) => new FlaggingCall(nextCall(options));

/** What all four kinds of call of grpc-js have in common, and what only some have. */
interface Surface extends Pick<EventEmitter, 'on'> {
  cancel(): void;
  write?(message: unknown): boolean;
  end?(): void;
}

/** One call; it opened when it was made. */
export class GrpcJsCall<Req extends object, Res> {
  readonly #surface: Surface;
  readonly #messages: Res[] = [];
  readonly #outcome: Promise<Outcome<Res>>;
  #headers: Metadata | null = null;
  #taken = 0;
  #ended = false;
  #wake: (() => void) | null = null;

  /** `open` starts the call; its argument is to be called with each response that no `data` event brings. */
  constructor(open: (onMessage: (message: Res) => void) => Surface, isReadable: boolean) {
    this.#surface = open((message) => this.#onMessage(message));
    this.#surface.on('error', () => {});
    this.#surface.on('metadata', (metadata: Metadata) => {
      this.#headers = metadata;
    });
    this.#surface.on('data', (message: Res) => this.#onMessage(message));
    const status = new Promise<StatusObject>((resolve) => this.#surface.on('status', resolve));
    // Messages may still be on their way when the status is known.
    const read = isReadable ? new Promise((resolve) => this.#surface.on('end', resolve)) : null;
    this.#outcome = Promise.all([status, read]).then(([status]) => this.#onEnd(status));
  }

  /** Queues a message; `compressed` counts on channels that compress. */
  send(message: Req, compressed = true): void {
    if (!compressed) uncompressed.add(message);
    this.#surface.write?.(message);
  }

  halfClose(): void {
    this.#surface.end?.();
  }

  cancel(): void {
    this.#surface.cancel();
  }

  /** The next response; null once there is none. One at a time. */
  async receive(): Promise<Res | null> {
    while (this.#taken === this.#messages.length && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const message = this.#messages[this.#taken];
    if (message === undefined) return null;
    this.#taken += 1;
    return message;
  }

  /** Once the call has ended. */
  outcome(): Promise<Outcome<Res>> {
    return this.#outcome;
  }

  #onMessage(message: Res): void {
    this.#messages.push(message);
    this.#wake?.();
  }

  #onEnd({ code, details, metadata }: StatusObject): Outcome<Res> {
    this.#ended = true;
    this.#wake?.();
    return { code, details, headers: this.#headers, trailers: metadata, messages: this.#messages };
  }
}

/** A channel of grpc-js, and calls on it. */
export class GrpcJsChannel {
  readonly #client: Client;
  readonly #metadata: Metadata;

  /** `metadata` goes with every call. */
  constructor(address: string, credentials: ChannelCredentials, options: ChannelOptions, metadata: Metadata) {
    this.#client = new Client(address, credentials, { ...options, interceptors: [flagging] });
    this.#metadata = metadata;
  }

  /** A call that sends one message. */
  call<Req extends object, Res>(
    method: MethodDefinition<Req, Res>,
    request: Req,
    init: CallInit = {},
  ): GrpcJsCall<Req, Res> {
    const { path, requestSerialize, responseDeserialize, responseStream } = method;
    const { metadata, options } = this.#say(init);
    if (init.compressed === false) uncompressed.add(request);
    return new GrpcJsCall<Req, Res>((onMessage) => {
      if (responseStream) {
        return this.#client.makeServerStreamRequest(
          path,
          requestSerialize,
          responseDeserialize,
          request,
          metadata,
          options,
        );
      }
      return this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        metadata,
        options,
        (_error, message) => message !== undefined && onMessage(message),
      );
    }, responseStream);
  }

  /** A call that sends any number of messages. */
  open<Req extends object, Res>(method: MethodDefinition<Req, Res>, init: CallInit = {}): GrpcJsCall<Req, Res> {
    const { path, requestSerialize, responseDeserialize, responseStream } = method;
    const { metadata, options } = this.#say(init);
    return new GrpcJsCall<Req, Res>((onMessage) => {
      if (responseStream) {
        return this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata, options);
      }
      return this.#client.makeClientStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        metadata,
        options,
        (_error, message) => message !== undefined && onMessage(message),
      );
    }, responseStream);
  }

  close(): void {
    this.#client.close();
  }

  #say({ metadata, timeoutMs }: CallInit): { metadata: Metadata; options: { deadline?: number } } {
    const all = this.#metadata.clone();
    if (metadata !== undefined) all.merge(metadata);
    return { metadata: all, options: timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs } };
  }
}
