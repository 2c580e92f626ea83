/**
 * PendingStream: a ClientStream that keeps what the call says until there is a transport, says it there in the same
 * order, and from then on only passes on. Above: StreamClientCall. Below: the stream of the transport, whose listener
 * is the call's own. Exists because a call may start before its channel has a connection; a call on a READY channel has
 * none. Holds: nothing is sent and isReady() is false while it waits; ending it then costs no I/O and is 'dropped';
 * the stream below is opened in the async context in which the call was started.
 *
 *   idle ─start→ waiting ─attach→ open
 *                   └─cancel, fail→ closed
 */
import { AsyncResource } from 'node:async_hooks';
import type { ClientStream, ClientStreamListener, StreamProgress, WriteFlags } from '../transport/stream.ts';
import type { StreamOptions, StreamSource } from '../transport/transport.ts';
import { Attributes } from '../values/attributes.ts';
import { Metadata } from '../values/metadata.ts';
import type { MethodDescriptor } from '../values/method.ts';
import { addPermits } from '../values/permits.ts';
import type { Status } from '../values/status.ts';

/** Whoever keeps pending streams in line. */
export interface PendingStreamOwner {
  /** The call gave the stream up; it needs no transport any more. */
  onAbandoned(stream: PendingStream): void;
  /** A stream has failed, and its call is about to hear of it; then it has heard. */
  onFailing(stream: PendingStream): void;
  onFailed(stream: PendingStream): void;
  /** What its streams wait for, in words. */
  describeWait(): string;
}

interface QueuedMessage {
  readonly payload: Uint8Array;
  readonly flags: WriteFlags;
}

/** What start() was told, and where. */
interface Start {
  readonly headers: Metadata;
  readonly listener: ClientStreamListener;
  readonly context: AsyncResource;
}

/** A stream without a transport yet. */
export class PendingStream implements ClientStream {
  readonly method: MethodDescriptor<unknown, unknown>;
  readonly options: StreamOptions;
  readonly #owner: PendingStreamOwner;
  #state: 'idle' | 'waiting' | 'open' | 'closed' = 'idle';
  /** Where to open, or how to end, if that is known before start. */
  #source: StreamSource | null = null;
  #failure: Status | null = null;
  /** How the end of a stream is put off that fails before start. */
  #later: (close: () => void) => unknown = process.nextTick;
  #progress: StreamProgress = 'dropped';
  /** Not null while waiting. */
  #start: Start | null = null;
  #messages: QueuedMessage[] = [];
  #halfClosed = false;
  #permits = 0;
  /** Not null once open. */
  #stream: ClientStream | null = null;

  constructor(owner: PendingStreamOwner, method: MethodDescriptor<unknown, unknown>, options: StreamOptions) {
    this.#owner = owner;
    this.method = method;
    this.options = options;
  }

  start(headers: Metadata, listener: ClientStreamListener): void {
    if (this.#state !== 'idle') return;
    this.#state = 'waiting';
    const context = new AsyncResource('HalfclosePendingStream', { requireManualDestroy: true });
    this.#start = { headers, listener, context };
    if (this.#failure !== null) this.#end(this.#failure, this.#later, this.#progress);
    else if (this.#source !== null) this.attach(this.#source);
  }

  /** There is a transport: opens the stream there. A stream that has ended stays so. */
  attach(source: StreamSource): void {
    if (this.#state === 'idle') this.#source ??= source;
    const start = this.#takeStart('open');
    start?.context.runInAsyncScope(this.#open, this, start, source);
    start?.context.emitDestroy();
  }

  /** There will be no transport: ends the stream, in the next tick, for good. A stream that has ended stays so. */
  fail(reason: Status): void {
    this.#end(reason, process.nextTick, 'dropped');
  }

  /**
   * There is no transport just now: as fail, but a turn of the event loop later, so that a caller who tries again and again
   * leaves time for the connection that he needs; a retry policy may have the call try again.
   */
  failForNow(reason: Status): void {
    this.#later = setImmediate;
    this.#progress = 'processed';
    this.#end(reason, setImmediate, 'processed');
  }

  /** Ends the stream: nothing of the listener runs inside. */
  #end(reason: Status, later: (close: () => void) => unknown, progress: StreamProgress): void {
    if (this.#state === 'idle') this.#failure ??= reason;
    const start = this.#takeStart('closed');
    if (start === null) return;
    this.#messages = [];
    this.#owner.onFailing(this);
    const close = (): void => {
      start.listener.onClose(reason, new Metadata(), progress);
      this.#owner.onFailed(this);
    };
    // What comes later inherits the context it is asked for in.
    start.context.runInAsyncScope(() => later(close));
    start.context.emitDestroy();
  }

  /** Ends the waiting; null if the stream does not wait. */
  #takeStart(next: 'open' | 'closed'): Start | null {
    const start = this.#start;
    if (start === null) return null;
    this.#start = null;
    this.#state = next;
    return start;
  }

  #open(start: Start, source: StreamSource): void {
    const stream = source.newStream(this.method, this.options);
    this.#stream = stream;
    stream.start(start.headers, start.listener);
    for (const { payload, flags } of this.#messages) stream.writeMessage(payload, flags);
    this.#messages = [];
    if (this.#halfClosed) stream.halfClose();
    // Last, because it alone may call the listener at once, and what the listener writes then belongs behind the rest.
    if (this.#permits > 0) stream.request(this.#permits);
  }

  request(count: number): void {
    if (this.#stream !== null) this.#stream.request(count);
    else this.#permits = addPermits(this.#permits, count);
  }

  writeMessage(payload: Uint8Array, flags: WriteFlags): void {
    if (this.#stream !== null) this.#stream.writeMessage(payload, flags);
    else if (this.#state === 'waiting') this.#messages.push({ payload, flags });
  }

  halfClose(): void {
    if (this.#stream !== null) this.#stream.halfClose();
    else this.#halfClosed = true;
  }

  cancel(reason: Status): void {
    if (this.#stream !== null) {
      this.#stream.cancel(reason);
      return;
    }
    if (this.#state === 'closed') return;
    this.#end(reason, process.nextTick, 'dropped');
    this.#owner.onAbandoned(this);
  }

  isReady(): boolean {
    return this.#stream?.isReady() ?? false;
  }

  getAttributes(): Attributes {
    return this.#stream?.getAttributes() ?? Attributes.EMPTY;
  }

  describeProgress(): string {
    return this.#stream?.describeProgress() ?? this.#owner.describeWait();
  }
}
