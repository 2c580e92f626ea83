/**
 * MessageWriter: sends messages over a call no faster than it takes them. Above: RequestWriter for clients, HandledCall for
 * handlers. Below: the call. Holds: a send settles once the call is ready for more, and never rejects; an iterable is pulled
 * only while the call is ready, and told to stop, once, when the call ends before it.
 */

/** Where messages go. */
export interface MessageSink<T> {
  isReady(): boolean;
  sendMessage(message: T): void;
}

/** Anything that gives messages. */
export type Messages<T> = AsyncIterable<T> | Iterable<T>;

type MessageIterator<T> = AsyncIterator<T> | Iterator<T>;

/** What most sends give: they need not wait, and the promise is the same for all of them. */
const AT_ONCE: Promise<boolean> = Promise.resolve(true);

/** Sends messages over one call. */
export class MessageWriter<T> {
  readonly #sink: MessageSink<T>;
  #isEnded = false;
  /** What sendAll pulls from, while that may have more. */
  #pulled: MessageIterator<T> | null = null;
  readonly #waiting: ((open: boolean) => void)[] = [];

  constructor(sink: MessageSink<T>) {
    this.#sink = sink;
  }

  /** Whether the call takes no message any more. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Sends a message; true once the call is ready for the next, false once it has ended, and takes none. */
  send(message: T): Promise<boolean> {
    if (this.#isEnded) return Promise.resolve(false);
    this.#sink.sendMessage(message);
    return this.#isReady() ? AT_ONCE : this.#ready();
  }

  #isReady(): boolean {
    return !this.#isEnded && this.#sink.isReady();
  }

  /** True once the call has become ready for a message, false once it has ended. */
  #ready(): Promise<boolean> {
    if (this.#isEnded) return Promise.resolve(false);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Sends what an iterable gives, until its end or the call's. Rejects with what the iterable throws. */
  async sendAll(messages: Messages<T>): Promise<void> {
    const iterator = Symbol.asyncIterator in messages ? messages[Symbol.asyncIterator]() : messages[Symbol.iterator]();
    this.#pulled = iterator;
    while (this.#isReady() || (await this.#ready())) {
      let isLast = true;
      try {
        const given = iterator.next();
        // A promise only where the iterable makes one.
        const next = 'then' in given ? await given : given;
        isLast = next.done === true;
        if (next.done === true || this.#isEnded) return;
        this.#sink.sendMessage(next.value);
      } finally {
        // What has ended or thrown is not told to stop.
        if (isLast) this.#pulled = null;
      }
    }
    this.#stopPulling();
  }

  #stopPulling(): void {
    const pulled = this.#pulled;
    this.#pulled = null;
    if (pulled !== null) stop(pulled).catch(ignore);
  }

  /** The call may be ready. */
  onReady(): void {
    if (this.#waiting.length > 0 && this.#sink.isReady()) this.#wake(true);
  }

  /** The call takes no message any more. */
  onEnd(): void {
    this.#isEnded = true;
    this.#wake(false);
    // At once, because the iterable may be waiting for something that will not come.
    this.#stopPulling();
  }

  #wake(open: boolean): void {
    for (const resolve of this.#waiting.splice(0)) resolve(open);
  }
}

async function stop(iterator: MessageIterator<unknown>): Promise<void> {
  await iterator.return?.();
}

/** What an iterable throws while it is stopped, after the call has ended, concerns nobody. */
function ignore(): void {}
