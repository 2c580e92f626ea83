/**
 * HedgedStream: a ClientStream that is several copies of one call at once; the first that is answered is the call. Above:
 * StreamClientCall, for methods with a hedging policy alone. Below: a stream of the source for each copy; HedgingPlan says when
 * the next one begins, Replay keeps what it has to be told.
 * Holds: the listener hears headers, messages and the end of one copy only; the others are cancelled before it does. A copy that
 * no application saw begins anew, uncounted. Until one is answered, what is written is kept and goes to all; once too much is
 * kept the copy that is furthest ahead, of equals the oldest, is the call, and the others are cancelled.
 * Meanwhile the writer goes by the copy that is furthest ahead: the call is ready while any copy is, and a message counts as
 * written once any copy has written it. So one server that stands still does not hold the writer up; what it has not taken is
 * bounded as what is kept is.
 *
 *   idle ─start→ racing ─answer, full buffer→ settled ─its end→ closed
 *                  ├──a fatal failure, no copy left────────────↗
 *                  └──cancel→ ending ─(next tick)──────────────↗
 *
 * Source: gRFC A6 "Hedging Policy", io.grpc.internal.RetriableStream.
 */
import type { AsyncResource } from 'node:async_hooks';
import type { ClientStream, ClientStreamListener, StreamProgress, WriteFlags } from '../transport/stream.ts';
import type { StreamOptions, StreamSource } from '../transport/transport.ts';
import { Attributes } from '../values/attributes.ts';
import type { Clock, Timer } from '../values/clock.ts';
import { Metadata } from '../values/metadata.ts';
import type { MethodDescriptor } from '../values/method.ts';
import { Status } from '../values/status.ts';
import { publishCallRetry } from './call-diagnostics.ts';
import type { HedgingPolicy, MethodSettingsSource } from './method-settings.ts';
import type { Replay } from './replay.ts';
import { HedgingPlan } from './retry-hedging.ts';
import { notePreviousAttempts } from './retry-metadata.ts';
import type { SuspendedCall, SuspendedCalls } from './suspended-calls.ts';

/** What a hedged stream is made of. */
export interface HedgedStreamInit {
  /** Whose copies they are, for those who watch calls. */
  readonly call: unknown;
  readonly method: MethodDescriptor<unknown, unknown>;
  /** Of the first copy; the others count theirs. */
  readonly options: StreamOptions;
  /** Of the first copy. */
  readonly source: StreamSource;
  /** Of the others. */
  readonly ongoing: StreamSource;
  readonly policy: HedgingPolicy;
  /** What the call has said so far; the stream's from now on. */
  readonly replay: Replay;
  readonly isHalfClosed: boolean;
  /** Where the throttle is. */
  readonly settings: MethodSettingsSource;
  readonly suspended: SuspendedCalls;
  readonly clock: Clock;
  /** Where the call was started: copies are made there. */
  readonly context: AsyncResource;
}

const LOST_THE_RACE: Status = Status.CANCELLED.withDescription('another copy of the call was answered first');

/** How the call ends. */
interface End {
  readonly status: Status;
  readonly trailers: Metadata;
  readonly progress: StreamProgress;
}

/** Several copies of one call. */
export class HedgedStream implements ClientStream, SuspendedCall {
  readonly #init: HedgedStreamInit;
  readonly #plan: HedgingPlan;
  readonly #replay: Replay;
  #state: 'idle' | 'racing' | 'settled' | 'ending' | 'closed' = 'idle';
  #listener: ClientStreamListener | null = null;
  #halfClosed: boolean;
  /** The open ones, oldest first. */
  #copies: HedgedCopy[] = [];
  /** The copy that is the call; null while that is open. */
  #winner: HedgedCopy | null = null;
  /** Until the next copy. */
  #timer: Timer | null = null;
  /** Copies that begin in the next turn of the event loop. */
  #dueNextTurn = 0;
  /** How the latest copy failed, unless the call goes on; or why it was cancelled. */
  #end: End | null = null;
  /** How many messages the listener knows as written. */
  #toldWritten = 0;

  constructor(init: HedgedStreamInit) {
    this.#init = init;
    this.#plan = new HedgingPlan(init.policy);
    this.#replay = init.replay;
    this.#halfClosed = init.isHalfClosed;
  }

  /** The headers are those of the replay. */
  start(_headers: Metadata, listener: ClientStreamListener): void {
    if (this.#state !== 'idle') return;
    this.#state = 'racing';
    this.#listener = listener;
    this.#beginNext();
  }

  // ---- copies ----

  /** The next copy is due. */
  #beginNext(): void {
    const previousAttempts = this.#plan.begin(this.#init.settings.throttle);
    if (previousAttempts === null) {
      this.#closeIfNoneIsLeft();
      return;
    }
    if (previousAttempts > 0) publishCallRetry(this.#init.call, this.#init.method, null, 0);
    this.#begin(new HedgedCopy(this, previousAttempts));
    if (this.#state !== 'racing' || !this.#plan.hasMore || this.#timer !== null) return;
    if (this.#plan.delayMs > 0) this.#schedule(this.#plan.delayMs);
    else this.#beginNext();
  }

  #schedule(delayMs: number): void {
    this.#timer = this.#init.clock.schedule(delayMs, this);
  }

  /** Time for the next copy. For the clock. */
  onTimer(): void {
    this.#timer = null;
    if (this.#state === 'racing') this.#beginNext();
  }

  #unschedule(): void {
    this.#init.clock.cancel(this.#timer);
    this.#timer = null;
  }

  #begin(copy: HedgedCopy): void {
    this.#init.context.runInAsyncScope(this.#open, this, copy);
  }

  #open(copy: HedgedCopy): void {
    const { method, options, suspended } = this.#init;
    const isFirst = copy.previousAttempts === 0 && copy.stream === null;
    const source = isFirst ? this.#init.source : this.#init.ongoing;
    const stream = source.newStream(method, { ...options, previousAttempts: copy.previousAttempts });
    // Credentials are asked within: what they have the call say is kept, and not yet said to this copy.
    this.#replay.start(stream, copy, copy.previousAttempts);
    if (this.#state !== 'racing') {
      copy.isOver = true;
      stream.cancel(this.#end?.status ?? LOST_THE_RACE);
      return;
    }
    copy.stream = stream;
    const younger = this.#copies.findIndex(({ previousAttempts }) => previousAttempts > copy.previousAttempts);
    this.#copies.splice(younger < 0 ? this.#copies.length : younger, 0, copy);
    suspended.delete(this);
    const permits = this.#replay.sayTo(stream, this.#halfClosed);
    if (this.#replay.isFull) this.#settleOnFurthest();
    // Last, because it alone may call the listener at once, and what the listener sends then belongs behind the rest.
    if (permits > 0) stream.request(permits);
  }

  /** A turn after a copy failed or came to nothing; null for a copy that is new. */
  onTurn(copy: HedgedCopy | null): void {
    this.#dueNextTurn -= 1;
    if (this.#state !== 'racing') return;
    if (copy === null) this.#beginNext();
    else this.#begin(copy);
  }

  /** Not at once: the connection that has just failed a copy may not have said yet that it takes no more. */
  #beginNextTurn(copy: HedgedCopy | null): void {
    this.#dueNextTurn += 1;
    // node:http2: a stream that a GOAWAY refuses closes before its session tells of the GOAWAY
    // (test/call/transparent-retry-http2.test.ts).
    setImmediate(nextTurn, this, copy);
  }

  /** This copy is the call. */
  #settle(winner: HedgedCopy): void {
    this.#state = 'settled';
    this.#winner = winner;
    this.#letGo(LOST_THE_RACE);
  }

  #settleOnFurthest(): void {
    const [oldest] = this.#copies;
    if (oldest === undefined) return;
    this.#settle(this.#copies.reduce((best, copy) => (copy.written > best.written ? copy : best), oldest));
  }

  /** Ends all but the winner. */
  #letGo(reason: Status): void {
    this.#unschedule();
    this.#replay.letGo();
    for (const copy of this.#copies.splice(0)) {
      if (copy === this.#winner) continue;
      copy.isOver = true;
      copy.stream?.cancel(reason);
    }
  }

  onCopyHeaders(copy: HedgedCopy, headers: Metadata): void {
    if (this.#state === 'racing') this.#settle(copy);
    this.#listener?.onHeaders(notePreviousAttempts(headers, copy.previousAttempts));
  }

  onCopyMessage(payload: Uint8Array): void {
    this.#listener?.onMessage(payload);
  }

  onCopyReady(): void {
    this.#listener?.onReady();
  }

  onCopyWritten(copy: HedgedCopy): void {
    const count = copy.written - this.#toldWritten;
    if (count <= 0) return;
    this.#toldWritten = copy.written;
    this.#listener?.onWritten(count);
  }

  onCopyClosing(status: Status): void {
    this.#listener?.onClosing(status);
  }

  onCopyClose(copy: HedgedCopy, status: Status, trailers: Metadata, progress: StreamProgress): void {
    this.#end = { status, trailers, progress };
    if (this.#state === 'settled') {
      this.#close();
      return;
    }
    this.#copies = this.#copies.filter((other) => other !== copy);
    if (this.#replay.mayFollow(status, progress)) {
      copy.written = 0;
      publishCallRetry(this.#init.call, this.#init.method, status, 0);
      this.#beginNextTurn(copy);
      this.#suspendIfNoneIsOpen();
    } else if (status.isOk) {
      this.#closeWith(copy);
    } else {
      copy.isOver = true;
      this.#onCopyFailed(copy, status, trailers, progress);
    }
  }

  #onCopyFailed(copy: HedgedCopy, status: Status, trailers: Metadata, progress: StreamProgress): void {
    if (progress === 'dropped') {
      // Nor would the others get through; those that have go on.
      this.#plan.freeze();
    } else {
      const next = this.#plan.onFailure(status, trailers, this.#init.settings.throttle);
      if (next === 'fatal') {
        this.#closeWith(copy);
        return;
      }
      if (next !== null) this.#advance(next);
    }
    if (!this.#plan.hasMore) this.#unschedule();
    this.#closeIfNoneIsLeft(copy);
  }

  /** The next copy begins `delayMs` from now, and not when it would have. */
  #advance(delayMs: number): void {
    this.#unschedule();
    if (delayMs > 0) this.#schedule(delayMs);
    else this.#beginNextTurn(null);
  }

  #closeIfNoneIsLeft(last: HedgedCopy | null = null): void {
    if (this.#copies.length > 0) return;
    if (this.#timer === null && this.#dueNextTurn === 0) this.#closeWith(last);
    else this.#suspendIfNoneIsOpen();
  }

  #suspendIfNoneIsOpen(): void {
    if (this.#copies.length === 0) this.#init.suspended.add(this);
  }

  /** The call has ended as this copy has, or as the one before it that failed last. */
  #closeWith(copy: HedgedCopy | null): void {
    this.#winner = copy;
    this.#letGo(LOST_THE_RACE);
    this.#close();
  }

  /** The one gate to the listener's onClose. */
  #close(): void {
    if (this.#state === 'closed' || this.#end === null) return;
    this.#state = 'closed';
    const { status, trailers, progress } = this.#end;
    this.#listener?.onClose(status, trailers, progress);
    this.#init.suspended.delete(this);
  }

  // ---- the call ----

  request(count: number): void {
    if (this.#winner !== null) {
      this.#winner.stream?.request(count);
      return;
    }
    if (this.#state !== 'racing') return;
    this.#replay.keepPermits(count);
    for (const copy of [...this.#copies]) if (!copy.isOver) copy.stream?.request(count);
  }

  writeMessage(payload: Uint8Array, flags: WriteFlags): void {
    if (this.#winner !== null) {
      this.#winner.stream?.writeMessage(payload, flags);
      return;
    }
    if (this.#state !== 'racing') return;
    this.#replay.keepMessage(payload, flags);
    for (const copy of this.#copies) copy.stream?.writeMessage(payload, flags);
    // While no copy is open everything is kept: it is nowhere else.
    if (this.#replay.isFull) this.#settleOnFurthest();
  }

  halfClose(): void {
    this.#halfClosed = true;
    if (this.#winner !== null) this.#winner.stream?.halfClose();
    else for (const copy of this.#copies) copy.stream?.halfClose();
  }

  cancel(reason: Status): void {
    if (this.#state === 'settled') this.#winner?.stream?.cancel(reason);
    if (this.#state !== 'racing') return;
    this.#state = 'ending';
    this.#end = { status: reason, trailers: new Metadata(), progress: 'processed' };
    this.#letGo(reason);
    process.nextTick(closeNow, this);
  }

  /** The channel ends its calls that have no stream. */
  endSuspended(status: Status): void {
    this.cancel(status);
  }

  /** The tick after a cancel. */
  onEnding(): void {
    this.#close();
  }

  isReady(): boolean {
    if (this.#winner !== null) return this.#winner.stream?.isReady() === true;
    return this.#copies.some(({ stream }) => stream?.isReady() === true);
  }

  getAttributes(): Attributes {
    return (this.#winner ?? this.#copies[0])?.stream?.getAttributes() ?? Attributes.EMPTY;
  }

  describeProgress(): string {
    const copies = this.#winner === null ? this.#copies : [this.#winner];
    const [first] = copies;
    if (first === undefined) return `waiting to send another copy after ${this.#end?.status}`;
    if (copies.length === 1) return first.stream?.describeProgress() ?? '';
    return `${copies.length} copies: ${copies.map(({ stream }) => stream?.describeProgress()).join('; ')}`;
  }
}

/** One copy: says of each event whose it is, while it has a say. */
class HedgedCopy implements ClientStreamListener {
  readonly previousAttempts: number;
  readonly #owner: HedgedStream;
  /** Null until it is open. */
  stream: ClientStream | null = null;
  /** How many messages have passed flow control. */
  written = 0;
  /** Whether it has failed, or lost: it is heard no more. */
  isOver = false;

  constructor(owner: HedgedStream, previousAttempts: number) {
    this.#owner = owner;
    this.previousAttempts = previousAttempts;
  }

  onHeaders(headers: Metadata): void {
    if (!this.isOver) this.#owner.onCopyHeaders(this, headers);
  }

  onMessage(payload: Uint8Array): void {
    if (!this.isOver) this.#owner.onCopyMessage(payload);
  }

  onReady(): void {
    if (!this.isOver) this.#owner.onCopyReady();
  }

  onWritten(count: number): void {
    this.written += count;
    if (!this.isOver) this.#owner.onCopyWritten(this);
  }

  onClosing(status: Status): void {
    if (!this.isOver) this.#owner.onCopyClosing(status);
  }

  onClose(status: Status, trailers: Metadata, progress: StreamProgress): void {
    if (!this.isOver) this.#owner.onCopyClose(this, status, trailers, progress);
  }
}

function nextTurn(stream: HedgedStream, copy: HedgedCopy | null): void {
  stream.onTurn(copy);
}

function closeNow(stream: HedgedStream): void {
  stream.onEnding();
}
