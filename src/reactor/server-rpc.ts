/**
 * ServerRpc: one RPC under a server's reactor. Above: the reactor, which owns it from birth, starts operations here and
 * gets its reactions from here. Below: the ServerCall that it is bound to once the handler has returned the reactor.
 * Holds: what is started before that waits here, one of each kind, and leaves in the order headers, read, write, finish;
 * no reaction runs before the handler has returned; onCancel comes at most once and before onDone; onDone waits for
 * finish even after a cancel.
 *
 *   unbound ─bind→ open ─finish→ finished      (what the handler did)
 *      └──────finish───────────────┘
 *
 * Beside that `#isOver` says that the call has ended on the wire. Source: grpc::internal::ServerReactor and
 * ServerCallbackCall in server_callback.h; gRFCs L66, L67 and L84.
 */
import type { ServerCall, ServerCallListener } from '../call/server-call.ts';
import { WriteFlag } from '../transport/stream.ts';
import { IllegalStateError } from '../values/illegal-state-error.ts';
import { Metadata } from '../values/metadata.ts';
import { Status } from '../values/status.ts';
import { isDoneOnceBuffered, type Operation, type UnsentWrite } from './operation.ts';
import { Reaction, Reactions } from './reactions.ts';
import { toWriteFlags, type WriteOptionsInit } from './write-options.ts';

/** What a reactor of any kind may react to; a kind that lacks a method never has that reaction. */
export interface ServerReactions<Req> {
  onSendInitialMetadataDone(ok: boolean): void;
  onReadDone(ok: boolean, message: Req | undefined): void;
  onWriteDone(ok: boolean): void;
  onCancel(): void;
  onDone(): void;
}

/** What an RPC and its context share: the metadata that is to be sent, and the calls made on the RPC's behalf. */
export class Outgoing {
  /** Null once sent. */
  headers: Metadata | null = new Metadata();
  /** Null once sent. */
  trailers: Metadata | null = new Metadata();
  /** Whether the RPC has completed. */
  isComplete = false;
  readonly children: Set<{ tryCancel(): void }> = new Set();

  /** The headers, to be sent now. */
  takeHeaders(): Metadata {
    const { headers } = this;
    this.headers = null;
    return headers ?? new Metadata();
  }

  /** The trailers, to be sent now. */
  takeTrailers(): Metadata {
    const { trailers } = this;
    this.trailers = null;
    return trailers ?? new Metadata();
  }

  /** The RPC is over: the calls made on its behalf are cancelled. */
  complete(): void {
    this.isComplete = true;
    for (const child of this.children) child.tryCancel();
    this.children.clear();
  }
}

/** What a reactor is bound to. */
export interface Binding<Req, Res> {
  readonly call: ServerCall<Req, Res>;
  readonly outgoing: Outgoing;
}

/** How an RPC is to end. */
export interface Finish<Res> {
  readonly status: Status;
  /** The last message: a response, or that of startWriteAndFinish. Undefined for none. */
  readonly message: Res | undefined;
  readonly options: WriteOptionsInit | undefined;
}

/** What every RPC waits for beside operations: the handler's return, finish, the end of the call. */
const EVENTS_OF_EVERY_RPC = 3;

/** One RPC. */
export class ServerRpc<Req, Res> extends Reactions implements ServerCallListener<Req> {
  readonly #reactor: ServerReactions<Req>;
  #state: 'unbound' | 'open' | 'finished' = 'unbound';
  #binding: Binding<Req, Res> | null = null;
  #isOver = false;
  #headersSent = false;
  /** startSendInitialMetadata. */
  #headers: Operation = 'none';
  #headersOk = false;
  #read: Operation = 'none';
  #readsEnded = false;
  #message: Req | undefined = undefined;
  #write: Operation = 'none';
  #writeOk = false;
  /** The outstanding write, until the call takes it. */
  #unsent: UnsentWrite<Res> | null = null;
  /** Whether the outstanding write may count as done once it is buffered. */
  #isHinted = false;
  #sent = 0;
  #written = 0;
  #compressing = true;
  #finish: Finish<Res> | null = null;
  /** Whether it was we who finished, because a reaction threw. */
  #finishedForUser = false;

  constructor(reactor: ServerReactions<Req>) {
    super(EVENTS_OF_EVERY_RPC);
    this.#reactor = reactor;
  }

  /** How the handler has finished an RPC that was never bound; for tests of handlers alone. */
  get finishBeforeBinding(): Finish<Res> | null {
    return this.#binding === null ? this.#finish : null;
  }

  /** The handler has returned the reactor. Throws IllegalStateError if it was returned before. */
  bind(binding: Binding<Req, Res>): void {
    if (this.#binding !== null) throw new IllegalStateError('a server reactor is for one RPC');
    this.#binding = binding;
    if (this.#state === 'unbound') this.#state = 'open';
    this.enter();
    if (this.#headers === 'out') this.#issueHeaders(binding);
    if (this.#read === 'out') this.#issueRead(binding);
    if (this.#unsent !== null) this.#issueWrite(binding, this.#unsent.message, this.#unsent.options);
    if (this.#finish !== null) this.#issueFinish(binding, this.#finish);
    this.end();
    this.leave();
  }

  // ---- operations ----

  startSendInitialMetadata(): void {
    this.#checkLive('startSendInitialMetadata');
    const hasFailed = this.#isFinishedOrOver();
    if (this.#headers !== 'none' || (!hasFailed && (this.#headersSent || this.#unsent !== null))) {
      throw new IllegalStateError('startSendInitialMetadata was called after the headers were sent');
    }
    this.#headers = 'out';
    this.begin();
    this.enter();
    if (hasFailed) this.#answerHeaders(false);
    else if (this.#binding !== null) this.#issueHeaders(this.#binding);
    this.leave();
  }

  startRead(): void {
    this.#checkLive('startRead');
    if (this.#read !== 'none') throw new IllegalStateError('startRead was called while a read is outstanding');
    this.#read = 'out';
    this.begin();
    this.enter();
    if (this.#isFinishedOrOver()) this.#answerRead(undefined);
    else if (this.#binding !== null) this.#issueRead(this.#binding);
    this.leave();
  }

  startWrite(message: Res, options: WriteOptionsInit | undefined): void {
    this.#checkLive('startWrite');
    if (this.#write !== 'none') throw new IllegalStateError('startWrite was called while a write is outstanding');
    this.#write = 'out';
    this.begin();
    this.enter();
    if (this.#isFinishedOrOver()) this.#answerWrite(false);
    else if (this.#binding !== null) this.#issueWrite(this.#binding, message, options);
    else this.#unsent = { message, options };
    this.leave();
  }

  startWriteAndFinish(message: Res, options: WriteOptionsInit | undefined, status: Status): void {
    this.#checkLive('startWriteAndFinish');
    if (this.#write !== 'none') {
      throw new IllegalStateError('startWriteAndFinish was called while a write is outstanding');
    }
    this.#finishWith('startWriteAndFinish', { status, message, options });
  }

  /** `message` is the response of a method that has one; it is not sent along with a status other than OK. */
  finish(status: Status, message: Res | undefined): void {
    this.#checkLive('finish');
    this.#finishWith('finish', { status, message: status.isOk ? message : undefined, options: undefined });
  }

  #finishWith(operation: string, finish: Finish<Res>): void {
    if (this.#finishedForUser) return;
    if (this.#state === 'finished') throw new IllegalStateError(`${operation} was called after finish`);
    this.#state = 'finished';
    this.enter();
    if (this.#binding === null) this.#finish = finish;
    else this.#issueFinish(this.#binding, finish);
    this.leave();
  }

  #checkLive(operation: string): void {
    if (this.isDone) throw new IllegalStateError(`${operation} was called after onDone`);
  }

  /** An operation that starts now has already failed. */
  #isFinishedOrOver(): boolean {
    return this.#state === 'finished' || this.#isOver || this.#binding?.call.isCancelled() === true;
  }

  // ---- to the call ----

  #issueHeaders({ call, outgoing }: Binding<Req, Res>): void {
    this.#sendHeaders(call, outgoing);
    this.#answerHeaders(!call.isCancelled());
  }

  #sendHeaders(call: ServerCall<Req, Res>, outgoing: Outgoing): void {
    if (this.#headersSent) return;
    this.#headersSent = true;
    try {
      call.sendHeaders(outgoing.takeHeaders());
    } catch (error) {
      this.#onCallThrew(call, error);
    }
  }

  #issueRead({ call }: Binding<Req, Res>): void {
    if (this.#readsEnded) this.#answerRead(undefined);
    else call.request(1);
  }

  #issueWrite({ call, outgoing }: Binding<Req, Res>, message: Res, options: WriteOptionsInit | undefined): void {
    this.#unsent = null;
    this.#sendHeaders(call, outgoing);
    const flags = toWriteFlags(options);
    this.#sendMessage(call, message, flags);
    // A last message waits for finish, and must not keep the handler from calling it.
    this.#isHinted = isDoneOnceBuffered(flags);
    if (call.isCancelled()) this.#answerWrite(false);
    else if (this.#isHinted && call.isReady()) this.#answerWrite(true);
  }

  #sendMessage(call: ServerCall<Req, Res>, message: Res, flags: number): void {
    const compressing = (flags & WriteFlag.NO_COMPRESS) === 0;
    if (compressing !== this.#compressing) {
      this.#compressing = compressing;
      call.setMessageCompression(compressing);
    }
    this.#sent += 1;
    try {
      call.sendMessage(message, flags);
    } catch (error) {
      this.#onCallThrew(call, error);
    }
  }

  #issueFinish(binding: Binding<Req, Res>, { status, message, options }: Finish<Res>): void {
    const { call, outgoing } = binding;
    if (this.#read === 'out') this.#answerRead(undefined);
    this.end();
    if (this.#isOver) return;
    // Without a message a status may go alone, unless there is something to say before it.
    const hasHeaders = outgoing.headers !== null && outgoing.headers.size > 0;
    if (message !== undefined || status.isOk || hasHeaders) this.#sendHeaders(call, outgoing);
    if (message !== undefined) this.#sendMessage(call, message, toWriteFlags(options) | WriteFlag.BUFFER_HINT);
    outgoing.headers = null;
    try {
      call.close(status, outgoing.takeTrailers());
    } catch (error) {
      this.#onCallThrew(call, error);
    }
  }

  /** An interceptor threw, or has closed the call, which then refuses the rest: that ends the RPC, and throws no further. */
  #onCallThrew(call: ServerCall<Req, Res>, error: unknown): void {
    // The order is kept here: a call that finds it broken was closed by an interceptor, and is about to end.
    if (error instanceof IllegalStateError) return;
    call.reportFailure(error);
    call.cancel(APPLICATION_ERROR.withCause(error));
  }

  #answerHeaders(ok: boolean): void {
    this.#headers = 'answered';
    this.#headersOk = ok;
    this.due(Reaction.INITIAL_METADATA);
  }

  #answerRead(message: Req | undefined): void {
    this.#read = 'answered';
    this.#message = message;
    this.due(Reaction.READ);
  }

  #answerWrite(ok: boolean): void {
    this.#write = 'answered';
    this.#writeOk = ok;
    this.due(Reaction.WRITE);
  }

  // ---- what the call tells ----

  onMessage(message: Req): void {
    if (this.#read === 'out') this.#answerRead(message);
    this.wake();
  }

  onHalfClose(): void {
    this.#readsEnded = true;
    if (this.#read === 'out') this.#answerRead(undefined);
    this.wake();
  }

  onReady(): void {
    if (this.#write === 'out' && this.#isHinted && this.#binding?.call.isReady() === true) this.#answerWrite(true);
    this.wake();
  }

  onWritten(count: number): void {
    this.#written += count;
    if (this.#write === 'out' && this.#written >= this.#sent) this.#answerWrite(true);
    this.wake();
  }

  onComplete(): void {
    this.#end(true);
  }

  onCancel(): void {
    this.begin();
    this.due(Reaction.CANCEL);
    this.#end(false);
  }

  /** The call is over; `handedOver` if the whole response was. */
  #end(handedOver: boolean): void {
    this.#isOver = true;
    this.#readsEnded = true;
    // Not only with onDone: a finish may wait for the calls made on this one's behalf.
    this.#binding?.outgoing.complete();
    if (this.#read === 'out') this.#answerRead(undefined);
    if (this.#write === 'out') this.#answerWrite(handedOver);
    this.end();
    this.wake();
  }

  // ---- reactions ----

  protected react(reaction: number): unknown {
    switch (reaction) {
      case Reaction.INITIAL_METADATA:
        return this.#reactor.onSendInitialMetadataDone(this.#headersOk);
      case Reaction.READ:
        return this.#reactRead();
      case Reaction.WRITE:
        this.#write = 'none';
        return this.#reactor.onWriteDone(this.#writeOk);
      default:
        return this.#reactor.onCancel();
    }
  }

  #reactRead(): unknown {
    const message = this.#message;
    this.#message = undefined;
    this.#read = 'none';
    return this.#reactor.onReadDone(message !== undefined, message);
  }

  protected onThrown(_reaction: number, error: unknown): void {
    const binding = this.#binding;
    if (binding === null) return;
    binding.call.reportFailure(error);
    if (this.#state === 'finished') return;
    // Who has failed here will hardly call finish, and without it the RPC would never be done.
    this.#state = 'finished';
    this.#finishedForUser = true;
    this.enter();
    this.end();
    binding.call.cancel(APPLICATION_ERROR.withCause(error));
    this.leave();
  }

  protected onQuiet(): void {}

  protected reactDone(): unknown {
    return this.#reactor.onDone();
  }

  protected onReleased(): void {}
}

const APPLICATION_ERROR: Status = Status.UNKNOWN.withDescription('Application error processing RPC');
