/**
 * The reactors of a client: one object for an RPC, given to a method of a stub. Above: users extend these classes, or make
 * reactors from object literals. Below: ClientRpc. Holds: operations never block and never react within themselves; every
 * operation started gets its reaction, once; onDone comes last, once no hold is left.
 *
 * | method is        | reactor           | operations                                     |
 * |------------------|-------------------|------------------------------------------------|
 * | unary            | ClientUnaryReactor | startCall                                      |
 * | server streaming | ClientReadReactor  | startCall, startRead                           |
 * | client streaming | ClientWriteReactor | startCall, startWrite, startWriteLast, startWritesDone |
 * | bidi streaming   | ClientBidiReactor  | all of them                                    |
 *
 * A reactor is usable once a stub's method has it: before, operations throw IllegalStateError. They may then be started in
 * any order; nothing leaves before startCall. One of a kind may be outstanding at a time, and misuse throws
 * IllegalStateError. An operation started when the RPC has failed gets its reaction with `false`. From within onDone the
 * same reactor may be given to a stub again, with a new context. Source: grpc::ClientUnaryReactor and its siblings in
 * client_callback.h.
 */
import { IllegalStateError } from '../values/illegal-state-error.ts';
import type { Status } from '../values/status.ts';
import { ClientRpc, type ClientRpcInit } from './client-rpc.ts';
import type { ReactionsOf } from './reactions.ts';
import type { WriteOptionsInit } from './write-options.ts';

let rpcOf: <Req, Res>(reactor: ClientReactor<Req, Res>) => ClientRpc<Req, Res>;
let bind: <Req, Res>(reactor: ClientReactor<Req, Res>, init: ClientRpcInit<Req, Res>) => void;

/** What every reactor of a client has. */
export abstract class ClientReactor<Req, Res> {
  #rpc: ClientRpc<Req, Res> | null = null;

  static {
    rpcOf = (reactor) => reactor.#bound();
    bind = (reactor, init) => reactor.#bind(init);
  }

  #bound(): ClientRpc<Req, Res> {
    if (this.#rpc === null) throw new IllegalStateError('the reactor was not given to a stub');
    return this.#rpc;
  }

  #bind(init: ClientRpcInit<Req, Res>): void {
    if (this.#rpc?.isDone === false) throw new IllegalStateError('the reactor has an RPC that is not done');
    // Each kind has the reactions that its operations can bring about, and the others never come.
    this.#rpc = new ClientRpc(this as unknown as ConstructorParameters<typeof ClientRpc<Req, Res>>[0], init);
  }

  /**
   * Starts the RPC: the headers leave, unless they are corked, then what was started before. Once, and always: without
   * it an RPC is never done, even a cancelled one.
   */
  startCall(): void {
    this.#bound().startCall();
  }

  /**
   * Resolves to the status after onDone has returned; never rejects. Ours: it stands in for the mutex and the condition
   * variable of the C++ samples.
   */
  done(): Promise<Status> {
    return this.#bound().whenDone();
  }

  /**
   * The response's headers have come; `false` for a response that is nothing but a status, and when the RPC failed before.
   * Once for every RPC, before the first message.
   */
  onReadInitialMetadataDone(_ok: boolean): void {}
}

/** What the reactors of streams have. */
export abstract class ClientStreamReactor<Req, Res> extends ClientReactor<Req, Res> {
  /**
   * Keeps onDone away until removeHold. Needed wherever operations are started from outside of reactions: from timers,
   * promises, other RPCs. Add it before startCall, or in a reaction.
   */
  addHold(): void {
    rpcOf(this).addHold(1);
  }

  /** As `count` times addHold. Throws RangeError unless it is a whole number from 1 up. */
  addMultipleHolds(count: number): void {
    rpcOf(this).addHold(count);
  }

  /** Takes a hold back. Never calls onDone itself. Throws IllegalStateError when there is none. */
  removeHold(): void {
    rpcOf(this).removeHold();
  }
}

/** Of a unary method. Worth it only where the headers are wanted early: a plain callback is simpler. */
export class ClientUnaryReactor<Res> extends ClientReactor<never, Res> {
  /**
   * Only a type. Tells the kinds apart where they would be alike by structure: a bidi reactor has all that a read reactor has.
   * What is received is a parameter: a reactor that takes but some of the messages must not pass for one that takes all.
   */
  declare protected readonly '~messages': (response: Res) => void;

  /** A reactor with the reactions of `reactions`, which run with the reactor as `this`. */
  static from<Res>(reactions: ReactionsOf<ClientUnaryReactor<Res>>): ClientUnaryReactor<Res> {
    return Object.assign(new ClientUnaryReactor<Res>(), reactions);
  }

  /** The end. The response is there if and only if the status is OK. */
  onDone(_status: Status, _response: Res | undefined): void {}
}

/** Of a server-streaming method. */
export class ClientReadReactor<Res> extends ClientStreamReactor<never, Res> {
  declare protected readonly '~messages': (message: Res) => void;

  /** As ClientUnaryReactor.from. */
  static from<Res>(reactions: ReactionsOf<ClientReadReactor<Res>>): ClientReadReactor<Res> {
    return Object.assign(new ClientReadReactor<Res>(), reactions);
  }

  /** Asks for one message. Messages that nobody reads hold back an OK, but no other status. */
  startRead(): void {
    rpcOf(this).startRead();
  }

  /** A message, or `false`: there is none; onDone will say why. */
  onReadDone(_ok: boolean, _message: Res | undefined): void {}

  /** The end. */
  onDone(_status: Status): void {}
}

/** Of a client-streaming method. */
export class ClientWriteReactor<Req, Res> extends ClientStreamReactor<Req, Res> {
  declare protected readonly '~messages': (response: Res) => Req;

  /** As ClientUnaryReactor.from. */
  static from<Req, Res>(reactions: ReactionsOf<ClientWriteReactor<Req, Res>>): ClientWriteReactor<Req, Res> {
    return Object.assign(new ClientWriteReactor<Req, Res>(), reactions);
  }

  /**
   * Sends one message, which is serialized at once, or by startCall when that has yet to come. One that cannot be
   * serialized ends the RPC INTERNAL.
   */
  startWrite(message: Req, options?: WriteOptionsInit): void {
    rpcOf(this).startWrite(message, options);
  }

  /** startWrite and startWritesDone in one; there is no onWritesDoneDone. */
  startWriteLast(message: Req, options?: WriteOptionsInit): void {
    rpcOf(this).startWrite(message, { ...options, lastMessage: true });
  }

  /** No message will follow. Legal while a write is outstanding. Once, and not after startWriteLast. */
  startWritesDone(): void {
    rpcOf(this).startWritesDone();
  }

  /** The message has passed flow control; `false` if it never will: the RPC has ended, and onDone will say how. */
  onWriteDone(_ok: boolean): void {}

  /** The half-close was handed over. Only after startWritesDone. */
  onWritesDoneDone(_ok: boolean): void {}

  /** The end. The response is there if and only if the status is OK. */
  onDone(_status: Status, _response: Res | undefined): void {}
}

/** Of a bidi-streaming method, and of any method through a GenericStub. */
export class ClientBidiReactor<Req, Res> extends ClientStreamReactor<Req, Res> {
  declare protected readonly '~messages': (message: Res) => Req;

  /** As ClientUnaryReactor.from. */
  static from<Req, Res>(reactions: ReactionsOf<ClientBidiReactor<Req, Res>>): ClientBidiReactor<Req, Res> {
    return Object.assign(new ClientBidiReactor<Req, Res>(), reactions);
  }

  /** As ClientReadReactor.startRead. */
  startRead(): void {
    rpcOf(this).startRead();
  }

  /** As ClientReadReactor.onReadDone. */
  onReadDone(_ok: boolean, _message: Res | undefined): void {}

  /** As ClientWriteReactor.startWrite. */
  startWrite(message: Req, options?: WriteOptionsInit): void {
    rpcOf(this).startWrite(message, options);
  }

  /** As ClientWriteReactor.startWriteLast. */
  startWriteLast(message: Req, options?: WriteOptionsInit): void {
    rpcOf(this).startWrite(message, { ...options, lastMessage: true });
  }

  /** As ClientWriteReactor.startWritesDone. */
  startWritesDone(): void {
    rpcOf(this).startWritesDone();
  }

  /** As ClientWriteReactor.onWriteDone. */
  onWriteDone(_ok: boolean): void {}

  /** As ClientWriteReactor.onWritesDoneDone. */
  onWritesDoneDone(_ok: boolean): void {}

  /** The end. */
  onDone(_status: Status): void {}
}

/** Gives a reactor its RPC. Throws IllegalStateError while it has one, and for a context that has had one. */
export function bindClientReactor<Req, Res>(reactor: ClientReactor<Req, Res>, init: ClientRpcInit<Req, Res>): void {
  bind(reactor, init);
}
