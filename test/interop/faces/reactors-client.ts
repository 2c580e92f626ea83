/**
 * The client of the interop tests with reactors. Above: faces.ts. Below: halfclose/reactor. Holds: an RPC whose operations come
 * from outside of reactions has a hold from its start until someone asks for its outcome; a read or a write is done before
 * the next of its kind is started.
 */
import { type Channel, Metadata, type MethodDescriptor, type MethodKind, type Status } from '../../../src/index.ts';
import {
  type AsyncMethod,
  type BidiStreamingMethod,
  ClientBidiReactor,
  ClientContext,
  ClientReadReactor,
  type ClientStreamingMethod,
  type ClientStreamReactor,
  ClientWriteReactor,
  deadlineAfter,
  newStub,
  type ServerStreamingMethod,
  type UnaryMethod,
} from '../../../src/reactor/index.ts';
import type { CallInit, DuplexCall, FaceClient, Outcome, ReadableCall, WritableCall } from '../face.ts';

/** A client of any method. */
export function reactorsClient(channel: Channel): FaceClient {
  return new ReactorsClient(channel);
}

class ReactorsClient implements FaceClient {
  readonly #channel: Channel;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  #method<Req, Res, K extends MethodKind>(
    method: MethodDescriptor<Req, Res, K>,
  ): AsyncMethod<MethodDescriptor<Req, Res, K>> {
    return newStub({ method }, this.#channel).async().method;
  }

  unary<Req, Res>(
    method: MethodDescriptor<Req, Res, 'unary'>,
    request: Req,
    init: CallInit = {},
  ): Promise<Outcome<Res>> {
    const context = contextOf(init);
    // The compiler cannot tell how a method is called whose messages are type parameters.
    const call = this.#method(method) as UnaryMethod<Req, Res>;
    return new Promise((resolve) => {
      call(context, request, (status, response) => {
        resolve(outcomeOf(context, status, response === undefined ? [] : [response]));
      });
    });
  }

  serverStreaming<Req, Res>(
    method: MethodDescriptor<Req, Res, 'server_streaming'>,
    request: Req,
    init: CallInit = {},
  ): ReadableCall<Res> {
    const reactor = new Reading<Res>(contextOf(init));
    const call = this.#method(method) as ServerStreamingMethod<Req, Res>;
    call(reactor.rpc.context, request, reactor);
    reactor.rpc.begin();
    return reactor;
  }

  clientStreaming<Req, Res>(
    method: MethodDescriptor<Req, Res, 'client_streaming'>,
    init: CallInit = {},
  ): WritableCall<Req, Res> {
    const reactor = new Writing<Req, Res>(contextOf(init));
    const call = this.#method(method) as ClientStreamingMethod<Req, Res>;
    call(reactor.rpc.context, reactor);
    reactor.rpc.begin();
    return reactor;
  }

  bidi<Req, Res>(method: MethodDescriptor<Req, Res, 'bidi_streaming'>, init: CallInit = {}): DuplexCall<Req, Res> {
    const reactor = new Duplex<Req, Res>(contextOf(init));
    const call = this.#method(method) as BidiStreamingMethod<Req, Res>;
    call(reactor.rpc.context, reactor);
    reactor.rpc.begin();
    return reactor;
  }
}

function contextOf({ metadata, timeoutMs, compression, credentials, signal }: CallInit): ClientContext {
  const context = new ClientContext();
  for (const [key, value] of new Metadata(metadata)) context.addMetadata(key, value);
  if (timeoutMs !== undefined) context.setDeadline(deadlineAfter(timeoutMs));
  if (compression !== undefined) context.setCompressionAlgorithm(compression);
  if (credentials !== undefined) context.setCredentials(credentials);
  if (signal?.aborted === true) context.tryCancel();
  else signal?.addEventListener('abort', () => context.tryCancel(), { once: true });
  return context;
}

function outcomeOf<Res>(context: ClientContext, status: Status, messages: readonly Res[]): Outcome<Res> {
  const headers = context.getServerInitialMetadata();
  return { status, headers, trailers: context.getServerTrailingMetadata(), messages };
}

/** An operation that was started, and who waits for its end. */
class Pending<T> {
  #settle: (value: T) => void = () => {};

  wait(): Promise<T> {
    return new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  settle(value: T): void {
    this.#settle(value);
  }
}

/**
 * One RPC of a reactor: from its start to its outcome.
 *
 *   held ─outcome→ let go ─onDone→ done
 */
class StreamRpc<Req, Res> {
  readonly context: ClientContext;
  readonly #reactor: ClientStreamReactor<Req, Res>;
  readonly #headers = new Pending<Metadata>();
  readonly headers: Promise<Metadata> = this.#headers.wait();
  #state: 'held' | 'let go' | 'done' = 'held';

  constructor(context: ClientContext, reactor: ClientStreamReactor<Req, Res>) {
    this.context = context;
    this.#reactor = reactor;
  }

  get isDone(): boolean {
    return this.#state === 'done';
  }

  begin(): void {
    this.#reactor.addHold();
    this.#reactor.startCall();
  }

  onHeaders(): void {
    this.#headers.settle(this.context.getServerInitialMetadata());
  }

  onDone(): void {
    this.#state = 'done';
  }

  /** `messages` are asked for at the end. */
  async outcome(messages: () => readonly Res[]): Promise<Outcome<Res>> {
    if (this.#state === 'held') {
      this.#state = 'let go';
      this.#reactor.removeHold();
    }
    const status = await this.#reactor.done();
    return outcomeOf(this.context, status, messages());
  }
}

const NO_MESSAGES = (): readonly never[] => [];

/** A server-streaming RPC. */
class Reading<Res> extends ClientReadReactor<Res> implements ReadableCall<Res> {
  readonly rpc: StreamRpc<never, Res>;
  readonly #read = new Pending<Res | null>();

  constructor(context: ClientContext) {
    super();
    this.rpc = new StreamRpc<never, Res>(context, this);
  }

  receive(): Promise<Res | null> {
    if (this.rpc.isDone) return Promise.resolve(null);
    this.startRead();
    return this.#read.wait();
  }

  headers(): Promise<Metadata> {
    return this.rpc.headers;
  }

  cancel(): void {
    this.rpc.context.tryCancel();
  }

  outcome(): Promise<Outcome<Res>> {
    return this.rpc.outcome(NO_MESSAGES);
  }

  override onReadInitialMetadataDone(): void {
    this.rpc.onHeaders();
  }

  override onReadDone(_ok: boolean, message: Res | undefined): void {
    this.#read.settle(message ?? null);
  }

  override onDone(): void {
    this.rpc.onDone();
  }
}

/** A client-streaming RPC. */
class Writing<Req, Res> extends ClientWriteReactor<Req, Res> implements WritableCall<Req, Res> {
  readonly rpc: StreamRpc<Req, Res>;
  readonly #write = new Pending<boolean>();
  readonly #responses: Res[] = [];

  constructor(context: ClientContext) {
    super();
    this.rpc = new StreamRpc<Req, Res>(context, this);
  }

  send(message: Req, compressed = true): Promise<boolean> {
    if (this.rpc.isDone) return Promise.resolve(false);
    this.startWrite(message, { noCompression: !compressed });
    return this.#write.wait();
  }

  halfClose(): void {
    if (!this.rpc.isDone) this.startWritesDone();
  }

  cancel(): void {
    this.rpc.context.tryCancel();
  }

  outcome(): Promise<Outcome<Res>> {
    return this.rpc.outcome(() => this.#responses);
  }

  override onWriteDone(ok: boolean): void {
    this.#write.settle(ok);
  }

  override onDone(_status: Status, response: Res | undefined): void {
    if (response !== undefined) this.#responses.push(response);
    this.rpc.onDone();
  }
}

/** A bidi RPC. */
class Duplex<Req, Res> extends ClientBidiReactor<Req, Res> implements DuplexCall<Req, Res> {
  readonly rpc: StreamRpc<Req, Res>;
  readonly #read = new Pending<Res | null>();
  readonly #write = new Pending<boolean>();

  constructor(context: ClientContext) {
    super();
    this.rpc = new StreamRpc<Req, Res>(context, this);
  }

  receive(): Promise<Res | null> {
    if (this.rpc.isDone) return Promise.resolve(null);
    this.startRead();
    return this.#read.wait();
  }

  send(message: Req, compressed = true): Promise<boolean> {
    if (this.rpc.isDone) return Promise.resolve(false);
    this.startWrite(message, { noCompression: !compressed });
    return this.#write.wait();
  }

  halfClose(): void {
    if (!this.rpc.isDone) this.startWritesDone();
  }

  headers(): Promise<Metadata> {
    return this.rpc.headers;
  }

  cancel(): void {
    this.rpc.context.tryCancel();
  }

  outcome(): Promise<Outcome<Res>> {
    return this.rpc.outcome(NO_MESSAGES);
  }

  override onReadInitialMetadataDone(): void {
    this.rpc.onHeaders();
  }

  override onReadDone(_ok: boolean, message: Res | undefined): void {
    this.#read.settle(message ?? null);
  }

  override onWriteDone(ok: boolean): void {
    this.#write.settle(ok);
  }

  override onDone(): void {
    this.rpc.onDone();
  }
}
