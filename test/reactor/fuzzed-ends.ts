/**
 * The two ends of an RPC that do what chance says: which operation comes next is drawn from those that are legal just then.
 * Above: fuzzed-rpc.ts. Below: reactors of every kind, under watch. Holds: each end keeps what it did and what it was told;
 * once it winds down it does all that is owed, so that the RPC comes to its end.
 */
import type { ClientContext } from '../../src/reactor/client-context.ts';
import {
  ClientBidiReactor,
  ClientReadReactor,
  ClientUnaryReactor,
  ClientWriteReactor,
} from '../../src/reactor/client-reactors.ts';
import type { CallbackServerContext } from '../../src/reactor/server-context.ts';
import {
  ServerBidiReactor,
  ServerReadReactor,
  ServerUnaryReactor,
  ServerWriteReactor,
} from '../../src/reactor/server-reactors.ts';
import type { WriteOptionsInit } from '../../src/reactor/write-options.ts';
import { Status } from '../../src/values/status.ts';
import { type TextMethods, UNWRITABLE } from './reactor-pair.ts';
import { type ReactorLog, watch } from './watched.ts';

export type Kind = keyof TextMethods;

/** What goes beyond the windows of a stream. */
const BIG_BYTES = 300_000;

/** What an end may do: how likely, and what. Chance that shrinks comes to the first. */
type Choice = readonly [weight: number, act: () => void];

const IDLE: Choice = [6, () => {}];

function choose(choices: readonly Choice[], pick: number): void {
  const total = choices.reduce((sum, [weight]) => sum + weight, 0);
  let at = pick % total;
  for (const [weight, act] of choices) {
    if (at < weight) {
      act();
      return;
    }
    at -= weight;
  }
}

/** An error that a reaction throws by chance. */
export class ThrownByChance extends Error {}

/** What both ends share. */
abstract class FuzzedEnd {
  readonly kind: Kind;
  /** Every message whose write was started, in order, before finish; and what each write was told. */
  readonly sent: string[] = [];
  readonly writeResults: boolean[] = [];
  readonly received: string[] = [];
  hasCancelled = false;
  /** How many of its reactions threw. */
  thrown = 0;
  hasSentUnwritable = false;
  protected readOut = false;
  protected writeOut = false;
  protected hasWritten = false;
  protected sawLastRead = false;
  protected isWindingDown = false;
  /** What to do inside the next reactions. */
  readonly #inReactions: readonly (readonly number[])[];
  #reactions = 0;
  protected isReacting = false;

  constructor(kind: Kind, inReactions: readonly (readonly number[])[]) {
    this.kind = kind;
    this.#inReactions = inReactions;
  }

  protected abstract choices(): readonly Choice[];
  /** Does what is owed, as far as it can be done now. */
  protected abstract settle(): void;

  /** One act, from outside of any reaction. */
  act(pick: number): void {
    choose(this.choices(), pick);
  }

  windDown(): void {
    this.isWindingDown = true;
    this.settle();
  }

  /** Every reaction but onDone. */
  protected react(): void {
    const picks = this.#inReactions[this.#reactions] ?? [];
    this.#reactions += 1;
    this.isReacting = true;
    try {
      for (const pick of picks) this.act(pick);
    } finally {
      this.isReacting = false;
      if (this.isWindingDown) this.settle();
    }
  }

  /** Whether a message that is written now is none of the RPC's any more. */
  protected abstract get isFinished(): boolean;

  protected nextMessage(padding: number): string {
    const message = `${this.sent.length}${'.'.repeat(padding)}`;
    if (!this.isFinished) this.sent.push(message);
    return message;
  }

  /** Not sent. */
  protected unwritable(): string {
    this.hasSentUnwritable = true;
    return UNWRITABLE;
  }

  protected onRead(ok: boolean, message: string | undefined): void {
    this.readOut = false;
    if (ok) this.received.push(message ?? '');
    else this.sawLastRead = true;
    this.react();
  }

  protected onWritten(ok: boolean): void {
    this.writeOut = false;
    this.writeResults.push(ok);
    this.react();
  }

  protected throwing(): Choice[] {
    if (!this.isReacting) return [];
    const fail = (): void => {
      this.thrown += 1;
      throw new ThrownByChance();
    };
    return [[1, fail]];
  }

  /** Ways to write a message, each with its weight. */
  protected writes(write: (message: string, options?: WriteOptionsInit) => void): Choice[] {
    const start = (message: string, options?: WriteOptionsInit): void => {
      this.writeOut = true;
      this.hasWritten = true;
      write(message, options);
    };
    return [
      [16, () => start(this.nextMessage(0))],
      [8, () => start(this.nextMessage(0), { bufferHint: true })],
      [2, () => start(this.nextMessage(0), { writeThrough: true, bufferHint: true })],
      [2, () => start(this.nextMessage(BIG_BYTES))],
      [1, () => start(this.nextMessage(BIG_BYTES), { bufferHint: true })],
      [1, () => start(this.unwritable())],
    ];
  }
}

/** All operations of a client; which of them there are depends on the kind. */
type ClientOperations = ClientBidiReactor<string, string>;

const CLIENT_REACTORS = {
  unary: ClientUnaryReactor,
  read: ClientReadReactor,
  write: ClientWriteReactor,
  bidi: ClientBidiReactor,
} as const;

/** The client's end. */
export class FuzzedClient extends FuzzedEnd {
  readonly context: ClientContext;
  readonly reactor: ClientOperations;
  readonly log: ReactorLog;
  status: Status | null = null;
  response: string | undefined = undefined;
  readonly #reads: boolean;
  readonly #writes: boolean;
  #started = false;
  #writesClosed = false;
  #holds = 0;

  constructor(kind: Kind, inReactions: readonly (readonly number[])[], context: ClientContext) {
    super(kind, inReactions);
    this.#reads = kind === 'read' || kind === 'bidi';
    this.#writes = kind === 'write' || kind === 'bidi';
    this.context = context;
    const reactor = new (CLIENT_REACTORS[kind] as unknown as new () => ClientOperations)();
    this.reactor = reactor;
    Object.assign(reactor, {
      onReadInitialMetadataDone: () => this.react(),
      onReadDone: (ok: boolean, message: string | undefined) => this.onRead(ok, message),
      onWriteDone: (ok: boolean) => this.onWritten(ok),
      onWritesDoneDone: () => this.react(),
      onDone: (status: Status, response: string | undefined) => {
        this.status = status;
        this.response = response;
      },
    });
    this.log = watch(reactor);
  }

  protected get isFinished(): boolean {
    return false;
  }

  /** Whether nothing may be started any more. */
  get #isDone(): boolean {
    return this.status !== null;
  }

  /** Whether the last message was sent, or the half-close without one. */
  get hasClosedWrites(): boolean {
    return this.#writesClosed || !this.#writes;
  }

  protected choices(): Choice[] {
    if (this.#isDone) return [IDLE];
    const { reactor } = this;
    const choices: Choice[] = [IDLE, ...this.throwing(), [1, () => this.cancel()]];
    if (!this.#started) choices.push([16, () => this.#start()]);
    if (this.#reads && !this.readOut) choices.push([20, () => this.#startRead()]);
    if (this.#writes && !this.#writesClosed) {
      choices.push([2, () => this.#startWritesDone()]);
      if (!this.writeOut) {
        choices.push(...this.writes((message, options) => reactor.startWrite(message, options)));
        choices.push([2, () => this.#startWriteLast()]);
      }
    }
    if (this.kind !== 'unary') choices.push([1, () => this.#addHold()]);
    if (this.#holds > 0) choices.push([4, () => this.#removeHold()]);
    return choices;
  }

  cancel(): void {
    this.hasCancelled = true;
    this.context.tryCancel();
  }

  #start(): void {
    this.#started = true;
    this.reactor.startCall();
  }

  #startRead(): void {
    this.readOut = true;
    this.reactor.startRead();
  }

  #startWriteLast(): void {
    this.writeOut = true;
    this.#writesClosed = true;
    this.reactor.startWriteLast(this.nextMessage(0));
  }

  #startWritesDone(): void {
    this.#writesClosed = true;
    this.reactor.startWritesDone();
  }

  #addHold(): void {
    this.#holds += 1;
    this.reactor.addHold();
  }

  #removeHold(): void {
    this.#holds -= 1;
    this.reactor.removeHold();
  }

  protected settle(): void {
    if (this.#isDone) return;
    if (!this.#started) this.#start();
    if (this.#writes && !this.#writesClosed) this.#startWritesDone();
    if (this.#reads && !this.readOut && !this.sawLastRead) this.#startRead();
    while (this.#holds > 0) this.#removeHold();
  }
}

/** All operations of a server. */
type ServerOperations = Omit<ServerBidiReactor<string, string>, 'finish'> & {
  finish(status: Status, response?: string): void;
};

const SERVER_REACTORS = {
  unary: ServerUnaryReactor,
  read: ServerWriteReactor,
  write: ServerReadReactor,
  bidi: ServerBidiReactor,
} as const;

const FAILURE: Status = Status.ABORTED.withDescription('by chance');

/** The server's end. */
export class FuzzedServer extends FuzzedEnd {
  readonly context: CallbackServerContext;
  readonly reactor: ServerOperations;
  readonly log: ReactorLog;
  /** Null: the handler returned none. */
  isBound = true;
  /** What finish was called with; null before. */
  finished: Status | null = null;
  response: string | undefined = undefined;
  /** Whether a read said that there is no more, though the RPC was neither cancelled nor finished: a half-close. */
  sawHalfClose = false;
  /** What went against the rules, in words. */
  readonly breaches: string[] = [];
  readonly #reads: boolean;
  readonly #writes: boolean;
  /** Whether the handler has returned. */
  hasReturned = false;
  #headersStarted = false;

  constructor(kind: Kind, inReactions: readonly (readonly number[])[], context: CallbackServerContext) {
    super(kind, inReactions);
    this.#reads = kind === 'write' || kind === 'bidi';
    this.#writes = kind === 'read' || kind === 'bidi';
    this.context = context;
    const reactor = new (SERVER_REACTORS[kind] as unknown as new () => ServerOperations)();
    this.reactor = reactor;
    Object.assign(reactor, {
      onSendInitialMetadataDone: () => this.react(),
      onReadDone: (ok: boolean, message: string | undefined) => this.#onReadDone(ok, message),
      onWriteDone: (ok: boolean) => this.#onWriteDone(ok),
      onCancel: () => this.#onCancel(),
      onDone: () => this.#onDone(),
    });
    this.log = watch(reactor as unknown as ServerBidiReactor<string, string>);
  }

  protected get isFinished(): boolean {
    return this.finished !== null;
  }

  #onReadDone(ok: boolean, message: string | undefined): void {
    if (!ok && !this.context.isCancelled() && this.finished === null && this.thrown === 0) this.sawHalfClose = true;
    this.onRead(ok, message);
  }

  #onWriteDone(ok: boolean): void {
    const mayFail = this.finished !== null || this.context.isCancelled() || this.thrown > 0;
    if (!ok && !mayFail) this.breaches.push('a write failed though the RPC went on');
    this.onWritten(ok);
  }

  #onCancel(): void {
    if (!this.context.isCancelled()) this.breaches.push('isCancelled() was false in onCancel');
    this.react();
  }

  #onDone(): void {
    const heard = this.log.count('onCancel');
    if (heard > 1) this.breaches.push(`${heard} × onCancel`);
    if (this.context.isCancelled() !== (heard === 1)) {
      this.breaches.push(`isCancelled() is ${this.context.isCancelled()} after ${heard} × onCancel`);
    }
    if (this.finished === null && this.thrown === 0) this.breaches.push('onDone came before finish');
  }

  protected choices(): Choice[] {
    if (this.log.isDone) return [IDLE];
    const { reactor } = this;
    const choices: Choice[] = [IDLE, ...this.throwing(), [1, () => this.cancel()]];
    if (!this.#headersStarted && (!this.hasWritten || this.#hasFailed)) choices.push([4, () => this.#startHeaders()]);
    if (this.#reads && !this.readOut) choices.push([16, () => this.#startRead()]);
    if (this.#writes && !this.writeOut) {
      choices.push(...this.writes((message, options) => reactor.startWrite(message, options)));
      choices.push([2, () => this.#startWriteLast()]);
      if (this.finished === null) {
        choices.push([1, () => this.#startWriteAndFinish(Status.OK)], [1, () => this.#startWriteAndFinish(FAILURE)]);
      }
    }
    if (this.finished === null) choices.push([2, () => this.finish(Status.OK)], [1, () => this.finish(FAILURE)]);
    return choices;
  }

  /** Whether what is started now fails for certain. */
  get #hasFailed(): boolean {
    return this.finished !== null || (this.hasReturned && this.context.isCancelled());
  }

  cancel(): void {
    this.hasCancelled = true;
    this.context.tryCancel();
  }

  #startHeaders(): void {
    this.#headersStarted = true;
    this.reactor.startSendInitialMetadata();
  }

  #startRead(): void {
    this.readOut = true;
    this.reactor.startRead();
  }

  #startWriteLast(): void {
    this.writeOut = true;
    this.hasWritten = true;
    this.reactor.startWriteLast(this.nextMessage(0));
  }

  #startWriteAndFinish(status: Status): void {
    const message = this.nextMessage(0);
    this.finished = status;
    this.hasWritten = true;
    this.reactor.startWriteAndFinish(message, {}, status);
  }

  finish(status: Status): void {
    this.finished = status;
    if (this.#writes) {
      this.reactor.finish(status);
      return;
    }
    this.response = `the response to ${this.received.length}`;
    this.reactor.finish(status, this.response);
  }

  protected settle(): void {
    if (this.log.isDone || this.finished !== null) return;
    if (this.#reads && !this.sawLastRead && !this.context.isCancelled()) {
      if (!this.readOut) this.#startRead();
    } else {
      this.finish(Status.OK);
    }
  }
}
