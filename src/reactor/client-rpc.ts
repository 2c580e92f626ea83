/**
 * ClientRpc: one RPC under a client's reactor. Above: the reactor starts operations here and gets its reactions from here;
 * its ClientContext asks it for metadata. Below: a ClientCall of any Channel, made at startCall.
 * Holds: each operation that was started gets its one reaction, whatever becomes of the call; what is started before
 * startCall, or on corked metadata, waits here and leaves in the order headers, read, write, half-close. Past 500 lines because
 * every order in which operations and the end of a call may meet is decided here.
 *
 *   bound ─startCall→ started ─(write, unless corked at once)→ open ─onClose→ closed
 *                        └─────────────tryCancel, deadline───────────────────────↑
 *
 * Source: grpc::ClientCallbackReaderWriter and its siblings in client_callback.h; gRFC L67.
 */

import { AsyncResource } from 'node:async_hooks';
import { CallOptions } from '../call/call-options.ts';
import type { Channel } from '../call/channel.ts';
import type { ClientCall, ClientCallListener } from '../call/client-call.ts';
import { warnOfFailure } from '../call/failure-hooks.ts';
import { outcomeOf } from '../call/message-failure.ts';
import { NO_RESPONSE, SECOND_RESPONSE } from '../call/response-count.ts';
import { WriteFlag } from '../transport/stream.ts';
import { Attributes } from '../values/attributes.ts';
import type { Timer } from '../values/clock.ts';
import { IllegalStateError } from '../values/illegal-state-error.ts';
import { Metadata } from '../values/metadata.ts';
import type { MethodDescriptor } from '../values/method.ts';
import { Status } from '../values/status.ts';
import { trailersFrom } from '../values/status-error.ts';
import { bindContext, type ClientContext, type ContextRpc, endContext, type Launch, launch } from './client-context.ts';
import { isDoneOnceBuffered, type Operation, type UnsentWrite } from './operation.ts';
import { Reaction, Reactions } from './reactions.ts';
import { toWriteFlags, type WriteOptionsInit } from './write-options.ts';

/** What a reactor of any kind may react to; a kind that lacks a method never has that reaction. */
export interface ClientReactions<Res> {
  onReadInitialMetadataDone(ok: boolean): void;
  onReadDone(ok: boolean, message: Res | undefined): void;
  onWriteDone(ok: boolean): void;
  onWritesDoneDone(ok: boolean): void;
  onDone(status: Status, response: Res | undefined): void;
}

/** Where an RPC is to go, and what with. */
export interface ClientRpcInit<Req, Res> {
  readonly channel: Channel;
  readonly method: MethodDescriptor<Req, Res>;
  readonly context: ClientContext;
  /** The only message of the client, which leaves with startCall; null where the reactor writes. */
  readonly request: { readonly message: Req } | null;
  /** Whether the server's only message goes to onDone rather than to reads. */
  readonly hasResponse: boolean;
}

/** What every RPC waits for beside operations: initial metadata, status, startCall. */
const EVENTS_OF_EVERY_RPC = 3;

/** One RPC. */
export class ClientRpc<Req, Res> extends Reactions implements ClientCallListener<Res>, ContextRpc {
  readonly #reactor: ClientReactions<Res>;
  readonly #init: ClientRpcInit<Req, Res>;
  #state: 'bound' | 'started' | 'open' | 'closed' = 'bound';
  /** Where startCall was called: reactions run in the same async context. */
  #async: AsyncResource | null = null;
  #launch: Launch | null = null;
  #call: ClientCall<Req, Res> | null = null;
  /** Ends the waiting of corked metadata. */
  #deadlineTimer: Timer | null = null;
  #holds = 0;

  #read: Operation = 'none';
  #message: Res | undefined = undefined;
  #write: Operation = 'none';
  #writeOk = false;
  /** The outstanding write, until the call takes it. */
  #unsent: UnsentWrite<Req> | null = null;
  /** Whether the outstanding write may count as done once it is buffered. */
  #isHinted = false;
  #sent = 0;
  #written = 0;
  #compressing = true;
  #writesDone: Operation = 'none';
  #writesDoneOk = false;
  /** Whether no write may be started any more. */
  #writesClosed = false;

  #headers: Metadata | null = null;
  #headersOk = false;
  #response: Res | undefined = undefined;
  /** How the call will end, while messages wait in front of that or it was cancelled in this tick. */
  #closing: Status | null = null;
  #isDiscarding = false;
  /** What outranks the call's own status. */
  #failure: Status | null = null;
  #status: Status | null = null;
  #trailers: Metadata | null = null;
  #settleDone: ((status: Status) => void) | null = null;
  #done: Promise<Status> | null = null;

  /** Throws IllegalStateError when the context has had an RPC. */
  constructor(reactor: ClientReactions<Res>, init: ClientRpcInit<Req, Res>) {
    super(EVENTS_OF_EVERY_RPC);
    this.#reactor = reactor;
    this.#init = init;
    bindContext(init.context, this);
  }

  get headers(): Metadata | null {
    return this.#headers;
  }

  get trailers(): Metadata | null {
    return this.#trailers;
  }

  get status(): Status | null {
    return this.#status;
  }

  getAttributes(): Attributes {
    return this.#call?.getAttributes() ?? Attributes.EMPTY;
  }

  /** Resolves after onDone has returned. */
  whenDone(): Promise<Status> {
    this.#done ??= new Promise((resolve) => {
      if (this.isDone && this.#status !== null) resolve(this.#status);
      else this.#settleDone = resolve;
    });
    return this.#done;
  }

  // ---- operations ----

  startCall(): void {
    if (this.#state !== 'bound') throw new IllegalStateError('startCall was called already');
    this.#state = 'started';
    this.#async = new AsyncResource('HalfcloseReactor', { requireManualDestroy: true });
    this.#launch = launch(this.#init.context);
    this.enter();
    if (this.#launch.isCancelled) this.#close(CANCELLED_HERE, new Metadata());
    else if (this.#isCorked(this.#launch)) this.#waitCorked(this.#launch);
    else this.#open(this.#launch);
    this.end();
    this.leave();
  }

  #isCorked({ corked }: Launch): boolean {
    return corked && this.#init.request === null && this.#unsent === null && !this.#writesClosed;
  }

  /** Nothing is sent before the first write; a deadline that passes before is told by the call, which sends nothing then. */
  #waitCorked({ options: { deadline } }: Launch): void {
    if (deadline !== null) this.#deadlineTimer = deadline.clock.schedule(deadline.remainingMs(), this);
  }

  /** The deadline has passed while corked metadata waited. For the clock. */
  onTimer(): void {
    this.enter();
    if (this.#state === 'started' && this.#launch !== null) this.#openLate(this.#launch);
    this.leave();
  }

  /** Ends the waiting of corked metadata; the call is made where startCall was called, whoever brings it about. */
  #openLate(launched: Launch): void {
    this.#async?.runInAsyncScope(this.#open, this, launched);
  }

  #open(launched: Launch): void {
    this.#state = 'open';
    this.#stopWaiting();
    try {
      this.#makeCall(launched);
    } catch (error) {
      this.#onCallThrew(error);
    }
  }

  #makeCall({ options, metadata }: Launch): void {
    const { channel, method, request, hasResponse } = this.#init;
    const call = channel.newCall(method, options);
    call.start(this, metadata);
    this.#call = call;
    // A second response is the server's mistake; without a permit for it the call would wait for ever.
    if (hasResponse) call.request(2);
    if (request !== null) {
      call.sendMessage(request.message);
      call.halfClose();
    }
    if (this.#read === 'out') call.request(1);
    this.#issueWrites(call);
  }

  /** An interceptor threw, or has cancelled the call, which then refuses the rest: that ends the RPC, and throws no further. */
  #onCallThrew(error: unknown): void {
    if (this.#call === null) this.#close(Status.ofFailure(error), trailersFrom(error));
    else this.#cancel(this.#call, 'an interceptor threw', error);
  }

  #stopWaiting(): void {
    this.#launch?.options.deadline?.clock.cancel(this.#deadlineTimer);
    this.#deadlineTimer = null;
  }

  startRead(): void {
    this.#checkLive('startRead');
    if (this.#read !== 'none') throw new IllegalStateError('startRead was called while a read is outstanding');
    this.#read = 'out';
    this.begin();
    this.enter();
    if (this.#state === 'closed' || this.#isDiscarding) this.#answerRead(undefined);
    else this.#call?.request(1);
    this.leave();
  }

  startWrite(message: Req, options: WriteOptionsInit | undefined): void {
    this.#checkLive('startWrite');
    if (this.#write !== 'none') throw new IllegalStateError('startWrite was called while a write is outstanding');
    if (this.#writesClosed) throw new IllegalStateError('startWrite was called after the last write');
    this.#write = 'out';
    if (options?.lastMessage === true) this.#writesClosed = true;
    this.begin();
    this.enter();
    if (this.#call !== null && this.#state === 'open' && this.#closing === null) {
      this.#tryWrite(this.#call, message, options);
    } else {
      this.#unsent = { message, options };
      this.#writeWhenOpen();
    }
    this.leave();
  }

  startWritesDone(): void {
    this.#checkLive('startWritesDone');
    if (this.#writesClosed) throw new IllegalStateError('startWritesDone was called after the last write');
    this.#writesClosed = true;
    this.#writesDone = 'out';
    this.begin();
    this.enter();
    this.#writeWhenOpen();
    this.leave();
  }

  #writeWhenOpen(): void {
    const launched = this.#launch;
    if (this.#state === 'bound' || launched === null) return;
    if (this.#state === 'closed' || this.#closing !== null) this.#failWrites(this.#status ?? this.#closing);
    else if (this.#call === null) this.#openLate(launched);
    else this.#tryWrites(this.#call);
  }

  #tryWrites(call: ClientCall<Req, Res>): void {
    try {
      this.#issueWrites(call);
    } catch (error) {
      this.#onCallThrew(error);
    }
  }

  #tryWrite(call: ClientCall<Req, Res>, message: Req, options: WriteOptionsInit | undefined): void {
    try {
      this.#issueWrite(call, message, options);
    } catch (error) {
      this.#onCallThrew(error);
    }
  }

  #issueWrites(call: ClientCall<Req, Res>): void {
    // Asked for first: a write that is done once it is buffered answers both.
    const isLast = this.#writesDone === 'out';
    if (this.#unsent !== null) this.#issueWrite(call, this.#unsent.message, this.#unsent.options);
    if (isLast) this.#issueWritesDone(call);
  }

  addHold(count: number): void {
    this.#checkLive('addHold');
    if (!Number.isInteger(count) || count < 1) throw new RangeError(`not a number of holds: ${count}`);
    this.#holds += count;
    for (let i = 0; i < count; i += 1) this.begin();
  }

  removeHold(): void {
    this.#checkLive('removeHold');
    if (this.#holds === 0) throw new IllegalStateError('removeHold was called more often than addHold');
    this.#holds -= 1;
    this.end();
    this.wakeSoon();
  }

  /** For the context; what is outstanding gets its reactions on a later tick. */
  tryCancel(): void {
    if (this.#state === 'closed' || this.#state === 'bound') return;
    this.enter();
    if (this.#call === null) this.#close(CANCELLED_HERE, new Metadata());
    else this.#cancel(this.#call, CANCELLED_HERE.description);
    this.leave();
  }

  /** A cancelled call throws at what is sent from here on; a reactor's operations fail with a reaction. */
  #cancel(call: ClientCall<Req, Res>, description: string | null, cause?: unknown): void {
    this.#closing ??= CANCELLED_HERE;
    call.cancel(description, cause);
  }

  #checkLive(operation: string): void {
    if (this.isDone) throw new IllegalStateError(`${operation} was called after onDone`);
  }

  // ---- writes ----

  #issueWrite(call: ClientCall<Req, Res>, message: Req, options: WriteOptionsInit | undefined): void {
    this.#unsent = null;
    const isLast = options?.lastMessage === true;
    const flags = toWriteFlags(options);
    this.#setCompression(call, (flags & WriteFlag.NO_COMPRESS) === 0);
    this.#sent += 1;
    call.sendMessage(message, flags);
    if (isLast) call.halfClose();
    this.#isHinted = !isLast && isDoneOnceBuffered(flags);
    if (this.#isHinted && call.isReady()) this.#answerWrite(true);
  }

  #setCompression(call: ClientCall<Req, Res>, compressing: boolean): void {
    if (compressing === this.#compressing) return;
    this.#compressing = compressing;
    call.setMessageCompression(compressing);
  }

  #issueWritesDone(call: ClientCall<Req, Res>): void {
    call.halfClose();
    if (this.#write !== 'out' && this.#writesDone === 'out') this.#answerWritesDone(true);
  }

  /** The call takes no message any more. */
  #failWrites(status: Status | null): void {
    this.#unsent = null;
    if (this.#write === 'out') this.#answerWrite(false);
    if (this.#writesDone === 'out') this.#answerWritesDone(status?.isOk === true);
  }

  #answerRead(message: Res | undefined): void {
    this.#read = 'answered';
    this.#message = message;
    this.due(Reaction.READ);
  }

  #answerWrite(ok: boolean): void {
    this.#write = 'answered';
    this.#writeOk = ok;
    this.due(Reaction.WRITE);
    if (ok && this.#writesDone === 'out' && this.#call !== null) this.#answerWritesDone(true);
  }

  #answerWritesDone(ok: boolean): void {
    this.#writesDone = 'answered';
    this.#writesDoneOk = ok;
    this.due(Reaction.WRITES_DONE);
  }

  // ---- what the call tells ----

  onHeaders(headers: Metadata): void {
    this.#headers = headers;
    this.#headersOk = true;
    this.due(Reaction.INITIAL_METADATA);
    this.wake();
  }

  onMessage(message: Res): void {
    if (this.#isDiscarding) return;
    if (!this.#init.hasResponse) {
      this.#answerRead(message);
    } else if (this.#response === undefined) {
      this.#response = message;
    } else {
      this.#failure ??= SECOND_RESPONSE;
      if (this.#call !== null) this.#cancel(this.#call, 'more than one response');
    }
    this.wake();
  }

  onReady(): void {
    if (this.#write === 'out' && this.#isHinted && this.#call?.isReady() === true) this.#answerWrite(true);
    this.wake();
  }

  onWritten(count: number): void {
    this.#written += count;
    if (this.#write === 'out' && this.#written >= this.#sent) this.#answerWrite(true);
    this.wake();
  }

  onClosing(status: Status): void {
    this.#closing = status;
    this.#failWrites(status);
    this.wake();
  }

  onClose(status: Status, trailers: Metadata): void {
    this.#close(outcomeOf(status), trailers);
    this.wake();
  }

  /** The end of the call, however it comes. */
  #close(status: Status, trailers: Metadata): void {
    this.#state = 'closed';
    this.#stopWaiting();
    this.#status = this.#settle(status);
    this.#trailers = trailers;
    if (this.#headers === null) {
      this.#headers = new Metadata();
      this.due(Reaction.INITIAL_METADATA);
    }
    if (this.#read === 'out') this.#answerRead(undefined);
    this.#failWrites(this.#status);
    this.end();
  }

  #settle(status: Status): Status {
    if (this.#failure !== null) return this.#failure;
    const lacksResponse = status.isOk && this.#init.hasResponse && this.#response === undefined;
    return lacksResponse ? NO_RESPONSE : status;
  }

  // ---- reactions ----

  override onTurn(): void {
    if (this.#async === null) super.onTurn();
    else this.#async.runInAsyncScope(super.onTurn, this);
  }

  protected react(reaction: number): unknown {
    switch (reaction) {
      case Reaction.INITIAL_METADATA:
        return this.#reactor.onReadInitialMetadataDone(this.#headersOk);
      case Reaction.READ:
        return this.#reactRead();
      case Reaction.WRITE:
        this.#write = 'none';
        return this.#reactor.onWriteDone(this.#writeOk);
      default:
        return this.#reactor.onWritesDoneDone(this.#writesDoneOk);
    }
  }

  #reactRead(): unknown {
    const message = this.#message;
    this.#message = undefined;
    this.#read = 'none';
    return this.#reactor.onReadDone(message !== undefined, message);
  }

  protected onThrown(reaction: number, error: unknown): void {
    reportThrown(this.#init, this.#call, error);
    if (this.isDone || this.#state === 'closed') return;
    this.#failure ??= Status.CANCELLED.withDescription(`${REACTION_NAMES[reaction]} threw`).withCause(error);
    this.tryCancel();
  }

  protected onQuiet(): void {
    // Of an answer that ends with an error nobody is owed the messages that he does not ask for; with OK he is.
    const status = this.#closing;
    if (status === null || status.isOk || this.#isDiscarding || this.#state === 'closed') return;
    if (this.#read !== 'none' || this.#holds > 0) return;
    this.#isDiscarding = true;
    this.#call?.request(Number.POSITIVE_INFINITY);
  }

  protected reactDone(): unknown {
    endContext(this.#init.context);
    const status = this.#status ?? Status.UNKNOWN;
    return this.#reactor.onDone(status, status.isOk ? this.#response : undefined);
  }

  protected onReleased(): void {
    this.#async?.emitDestroy();
    if (this.#status !== null) this.#settleDone?.(this.#status);
  }
}

/** Tells the channel's hook of an error that user code threw at an RPC; `call` is null for one that has none. */
export function reportThrown<Req, Res>(
  { channel, method }: ClientRpcInit<Req, Res>,
  call: ClientCall<Req, Res> | null,
  error: unknown,
): void {
  try {
    // An RPC that was cancelled before it began has no call, and one that is never started costs nothing.
    (call ?? channel.newCall(method, CallOptions.DEFAULT)).reportFailure(error);
  } catch {
    // An interceptor has refused this call as well.
    warnOfFailure(error, method.path);
  }
}

const REACTION_NAMES: Readonly<Record<number, string>> = Object.freeze({
  [Reaction.INITIAL_METADATA]: 'onReadInitialMetadataDone',
  [Reaction.READ]: 'onReadDone',
  [Reaction.WRITE]: 'onWriteDone',
  [Reaction.WRITES_DONE]: 'onWritesDoneDone',
});

const CANCELLED_HERE: Status = Status.CANCELLED.withDescription('the client cancelled the call');
