/**
 * The reactors of a server: one object per RPC, made and returned by the handler of its method. Above: users extend these
 * classes, or make reactors from object literals. Below: ServerRpc. Holds: operations never block and never react within
 * themselves; every operation started gets its reaction, once; onDone comes last. Operations may be started from the
 * constructor on; they wait until the handler has returned the reactor.
 *
 * | method is        | reactor           | operations                                          |
 * |------------------|-------------------|-----------------------------------------------------|
 * | unary            | ServerUnaryReactor | finish                                              |
 * | client streaming | ServerReadReactor  | startRead, finish                                   |
 * | server streaming | ServerWriteReactor | startWrite, startWriteLast, startWriteAndFinish, finish |
 * | bidi streaming   | ServerBidiReactor  | all of them                                         |
 *
 * Every one has startSendInitialMetadata as well. Operations throw IllegalStateError when they are misused: one of a kind may
 * be outstanding at a time. An operation started after finish, or after the RPC was cancelled, gets its reaction with
 * `false`. Source: grpc::ServerUnaryReactor and its siblings in server_callback.h.
 */
import type { Status } from '../values/status.ts';
import type { ReactionsOf } from './reactions.ts';
import { type Binding, type Finish, ServerRpc } from './server-rpc.ts';
import type { WriteOptionsInit } from './write-options.ts';

let rpcOf: <Req, Res>(reactor: ServerReactor<Req, Res>) => ServerRpc<Req, Res>;

/** What every reactor of a server has. */
export abstract class ServerReactor<Req, Res> {
  readonly #rpc: ServerRpc<Req, Res>;

  static {
    rpcOf = (reactor) => reactor.#rpc;
  }

  constructor() {
    // Each kind has the reactions that its operations can bring about, and the others never come.
    this.#rpc = new ServerRpc(this as unknown as ConstructorParameters<typeof ServerRpc<Req, Res>>[0]);
  }

  /**
   * Sends the response's headers now, with what the context has for them, rather than with the first message or the
   * status. At most once, and before the first write.
   */
  startSendInitialMetadata(): void {
    this.#rpc.startSendInitialMetadata();
  }

  /** The headers were handed over, or never will be. Only after startSendInitialMetadata. */
  onSendInitialMetadataDone(_ok: boolean): void {}

  /**
   * The RPC has failed before its status was out: the client cancelled or went away, the deadline passed. At most once,
   * before onDone, perhaps after finish. finish is owed all the same.
   */
  onCancel(): void {}

  /** All is over: the RPC, finish, every reaction. Once, last. */
  onDone(): void {}
}

/** Of a unary method. */
export class ServerUnaryReactor<Res> extends ServerReactor<never, Res> {
  /** Only a type: see ClientUnaryReactor. */
  declare protected readonly '~messages': Res;

  /** A reactor with the reactions of `reactions`, which run with the reactor as `this`. */
  static from<Res>(reactions: ReactionsOf<ServerUnaryReactor<Res>>): ServerUnaryReactor<Res> {
    return Object.assign(new ServerUnaryReactor<Res>(), reactions);
  }

  /**
   * Ends the RPC. With OK the response is due, or TypeError is thrown; with another status it is not sent. Once for
   * every RPC, cancelled or not; a second call throws IllegalStateError.
   */
  finish(status: Status, response?: Res): void {
    finishWithResponse(this, status, response);
  }
}

/** Reacts to nothing; context.defaultReactor() makes it. */
export class DefaultReactor<Res> extends ServerUnaryReactor<Res> {}

/** Of a client-streaming method. */
export class ServerReadReactor<Req, Res> extends ServerReactor<Req, Res> {
  declare protected readonly '~messages': (message: Req) => Res;

  /** As ServerUnaryReactor.from. */
  static from<Req, Res>(reactions: ReactionsOf<ServerReadReactor<Req, Res>>): ServerReadReactor<Req, Res> {
    return Object.assign(new ServerReadReactor<Req, Res>(), reactions);
  }

  /** Asks for one message. */
  startRead(): void {
    rpcOf(this).startRead();
  }

  /**
   * A message, or `false`: the client has half-closed, the RPC has failed, or it was finished. Whether it has failed,
   * `context.isCancelled()` says at this moment. Source: gRFC L84.
   */
  onReadDone(_ok: boolean, _message: Req | undefined): void {}

  /** As ServerUnaryReactor.finish; an outstanding read gets `false`. */
  finish(status: Status, response?: Res): void {
    finishWithResponse(this, status, response);
  }
}

/** Of a server-streaming method. */
export class ServerWriteReactor<Res> extends ServerReactor<never, Res> {
  declare protected readonly '~messages': Res;

  /** As ServerUnaryReactor.from. */
  static from<Res>(reactions: ReactionsOf<ServerWriteReactor<Res>>): ServerWriteReactor<Res> {
    return Object.assign(new ServerWriteReactor<Res>(), reactions);
  }

  /**
   * Sends one message, which is serialized at once, or when the handler has returned. One that cannot be serialized
   * ends the RPC INTERNAL.
   */
  startWrite(message: Res, options?: WriteOptionsInit): void {
    rpcOf(this).startWrite(message, options);
  }

  /** As startWrite; the message may wait for finish, which should follow at once, and then travels with the trailers. */
  startWriteLast(message: Res, options?: WriteOptionsInit): void {
    rpcOf(this).startWrite(message, { ...options, lastMessage: true });
  }

  /** startWrite and finish in one; there is no onWriteDone. The message is sent whatever the status. */
  startWriteAndFinish(message: Res, options: WriteOptionsInit | undefined, status: Status): void {
    rpcOf(this).startWriteAndFinish(message, options, status);
  }

  /** The message has passed flow control; `false` if it never will. */
  onWriteDone(_ok: boolean): void {}

  /**
   * Ends the RPC behind an outstanding write. Once for every RPC, cancelled or not; a second call throws
   * IllegalStateError.
   */
  finish(status: Status): void {
    rpcOf(this).finish(status, undefined);
  }
}

/** Of a bidi-streaming method, and of every method of a generic service. */
export class ServerBidiReactor<Req, Res> extends ServerReactor<Req, Res> {
  declare protected readonly '~messages': (message: Req) => Res;

  /** As ServerUnaryReactor.from. */
  static from<Req, Res>(reactions: ReactionsOf<ServerBidiReactor<Req, Res>>): ServerBidiReactor<Req, Res> {
    return Object.assign(new ServerBidiReactor<Req, Res>(), reactions);
  }

  /** As ServerReadReactor.startRead. */
  startRead(): void {
    rpcOf(this).startRead();
  }

  /** As ServerReadReactor.onReadDone. */
  onReadDone(_ok: boolean, _message: Req | undefined): void {}

  /** As ServerWriteReactor.startWrite. */
  startWrite(message: Res, options?: WriteOptionsInit): void {
    rpcOf(this).startWrite(message, options);
  }

  /** As ServerWriteReactor.startWriteLast. */
  startWriteLast(message: Res, options?: WriteOptionsInit): void {
    rpcOf(this).startWrite(message, { ...options, lastMessage: true });
  }

  /** As ServerWriteReactor.startWriteAndFinish. */
  startWriteAndFinish(message: Res, options: WriteOptionsInit | undefined, status: Status): void {
    rpcOf(this).startWriteAndFinish(message, options, status);
  }

  /** As ServerWriteReactor.onWriteDone. */
  onWriteDone(_ok: boolean): void {}

  /** As ServerWriteReactor.finish; an outstanding read gets `false`. */
  finish(status: Status): void {
    rpcOf(this).finish(status, undefined);
  }
}

function finishWithResponse<Req, Res>(reactor: ServerReactor<Req, Res>, status: Status, response?: Res): void {
  if (status.isOk && response === undefined) throw new TypeError('finish with OK needs the response');
  rpcOf(reactor).finish(status, response);
}

/** Binds a reactor to its call; gives what listens to the call. Throws IllegalStateError if it was bound before. */
export function bindServerReactor<Req, Res>(
  reactor: ServerReactor<Req, Res>,
  binding: Binding<Req, Res>,
): ServerRpc<Req, Res> {
  const rpc = rpcOf(reactor);
  rpc.bind(binding);
  return rpc;
}

/** How a reactor was finished that was never bound; null if it was not. For tests of handlers alone. */
export function finishOf<Req, Res>(reactor: ServerReactor<Req, Res>): Finish<Res> | null {
  return rpcOf(reactor).finishBeforeBinding;
}
