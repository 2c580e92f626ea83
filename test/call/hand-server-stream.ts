/**
 * A server stream whose client is the test: it asks, reads and goes away when told. A true one: it keeps the contract
 * of src/transport/stream.ts, so nothing is delivered without a permit, nor inside close or cancel. Above: tests of
 * what stands on streams of a server.
 */
import type { ServerStream, ServerStreamListener, WriteFlags } from '../../src/transport/stream.ts';
import { Attributes } from '../../src/values/attributes.ts';
import type { Metadata } from '../../src/values/metadata.ts';
import { addPermits } from '../../src/values/permits.ts';
import { Status } from '../../src/values/status.ts';

/** One RPC, the server's end. */
export class HandServerStream implements ServerStream {
  readonly authority: string | null;
  readonly timeoutMs: number | null = null;
  /** What the server said, in order: `sendHeaders`, `write hello`, `request 2`, `close OK`, `cancel INTERNAL: why`. */
  readonly said: string[] = [];
  attributes: Attributes = Attributes.EMPTY;
  ready = true;
  readonly #waiting: (Uint8Array | null)[] = [];
  #listener: ServerStreamListener | null = null;
  #permits = 0;
  #closed = false;

  constructor(authority: string | null = 'some.host') {
    this.authority = authority;
  }

  /** What the server made of the stream; events come from now on. */
  listen(listener: ServerStreamListener): this {
    this.#listener = listener;
    this.#deliver();
    return this;
  }

  request(count: number): void {
    this.said.push(`request ${count}`);
    this.#permits = addPermits(this.#permits, count);
    this.#deliver();
  }

  writeMessage(payload: Uint8Array, flags: WriteFlags): void {
    this.said.push(`write ${Buffer.from(payload)}${flags === 0 ? '' : ` flagged ${flags}`}`);
  }

  isReady(): boolean {
    return this.ready && !this.#closed;
  }

  getAttributes(): Attributes {
    return this.attributes;
  }

  sendHeaders(headers: Metadata): void {
    this.said.push(headers.size === 0 ? 'sendHeaders' : `sendHeaders ${headers}`);
  }

  close(status: Status, trailers: Metadata): void {
    this.said.push(trailers.size === 0 ? `close ${status}` : `close ${status} ${trailers}`);
    this.#endLater((listener) => listener.onClose(Status.OK));
  }

  cancel(reason: Status): void {
    this.said.push(`cancel ${reason}`);
    this.#endLater((listener) => listener.onClose(reason));
  }

  setCompression(name: string): void {
    this.said.push(`setCompression ${name}`);
  }

  setOnReadyThreshold(bytes: number): void {
    this.said.push(`setOnReadyThreshold ${bytes}`);
  }

  /** The client has sent a message. */
  receive(text: string): void {
    this.#waiting.push(Buffer.from(text));
    this.#deliver();
  }

  /** The client will send no more. */
  halfClose(): void {
    this.#waiting.push(null);
    this.#deliver();
  }

  /** The client reads. */
  becomeReady(): void {
    this.#listener?.onReady();
  }

  /** So many messages have passed flow control. */
  tellWritten(count: number): void {
    this.#listener?.onWritten(count);
  }

  /** The client is gone. */
  lose(reason: Status): void {
    this.#endLater((listener) => listener.onClose(reason));
  }

  #deliver(): void {
    while (this.#listener !== null && !this.#closed) {
      const [next] = this.#waiting;
      if (next === undefined || (next !== null && this.#permits === 0)) return;
      this.#waiting.shift();
      if (next === null) {
        this.#listener.onHalfClose();
      } else {
        this.#permits -= 1;
        this.#listener.onMessage(next);
      }
    }
  }

  #endLater(tell: (listener: ServerStreamListener) => void): void {
    if (this.#closed) return;
    this.#closed = true;
    process.nextTick(() => {
      if (this.#listener !== null) tell(this.#listener);
    });
  }
}
