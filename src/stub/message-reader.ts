/**
 * MessageReader: the messages of one direction of a call as an async iterator. Above: response streams of a client, request
 * streams of a handler. Below: the call, which it asks for messages. Holds: so many messages as `prefetch` says are
 * asked for ahead of the reader, never more, so a reader that is slow is felt by the sender; a reader that leaves, in
 * whatever way, ends the reading at once, and hears of nothing any more.
 *
 *   open ─onEnd→ ended ─return, throw→ left       (what came before the end may still be read)
 *    └───────────return, throw──────────↑
 */

/** Where messages come from. */
export interface MessageSource {
  /** Asks for one message. */
  requestOne(): void;
  /** The reader has left before the end; `cause` is what it was thrown, if it was. */
  onAbandoned(cause: unknown): void;
  /** What the reader is thrown at the end, made anew each time; null when the messages ended well. */
  failure(): Error | null;
}

/** What a reader that waits is given: a message, or that there is none. */
type Handed<T> = { readonly message: T } | null;

const DONE: IteratorReturnResult<undefined> = Object.freeze({ done: true, value: undefined });

/** An async iterator over messages; it can be read once. */
export class MessageReader<T> implements AsyncIterableIterator<T, undefined, undefined> {
  readonly #source: MessageSource;
  readonly #prefetch: number;
  #state: 'open' | 'ended' | 'left' = 'open';
  #unread: T[] = [];
  readonly #waiting: ((handed: Handed<T>) => void)[] = [];

  /** Throws RangeError unless `prefetch` is a whole number from 0 up. */
  constructor(source: MessageSource, prefetch: number) {
    if (!Number.isInteger(prefetch) || prefetch < 0) throw new RangeError(`not a number of messages: ${prefetch}`);
    this.#source = source;
    this.#prefetch = prefetch;
  }

  /** The call has begun: asks for the first messages. Before anything is read. */
  start(): void {
    for (let i = 0; i < this.#prefetch; i += 1) this.#source.requestOne();
  }

  /** A message came. */
  onMessage(message: T): void {
    if (this.#state !== 'open') return;
    const reader = this.#waiting.shift();
    if (reader === undefined) {
      this.#unread.push(message);
      return;
    }
    reader({ message });
    if (this.#prefetch > 0) this.#source.requestOne();
  }

  /** No message will come. */
  onEnd(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ended';
    for (const reader of this.#waiting.splice(0)) reader(null);
  }

  /** What has come and was not read is not wanted any more. */
  drop(): void {
    this.#unread = [];
  }

  /** The next message. Several may be asked for at once; they are given in order. */
  async next(): Promise<IteratorResult<T, undefined>> {
    const handed = this.#take() ?? (this.#state === 'open' ? await this.#wait() : null);
    if (handed !== null) return { done: false, value: handed.message };
    // Made here, so that its stack leads to whoever awaits.
    const failure = this.#state === 'left' ? null : this.#source.failure();
    if (failure !== null) throw failure;
    return DONE;
  }

  #take(): Handed<T> {
    if (this.#unread.length === 0) return null;
    const message = this.#unread.shift() as T;
    if (this.#state === 'open') this.#source.requestOne();
    return { message };
  }

  #wait(): Promise<Handed<T>> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.#prefetch === 0) this.#source.requestOne();
    });
  }

  /** Leaves: what was not read is dropped, and the call ends. For `break` and `return` in a loop. */
  return(): Promise<IteratorResult<T, undefined>> {
    this.#leave(undefined);
    return Promise.resolve(DONE);
  }

  /** As return, with a reason, which is thrown back. */
  throw(cause?: unknown): Promise<IteratorResult<T, undefined>> {
    this.#leave(cause);
    return Promise.reject(cause);
  }

  #leave(cause: unknown): void {
    const wasOpen = this.#state === 'open';
    this.#state = 'left';
    this.#unread = [];
    for (const reader of this.#waiting.splice(0)) reader(null);
    if (wasOpen) this.#source.onAbandoned(cause);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** As return. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#leave(undefined);
  }
}
