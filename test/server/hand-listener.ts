/**
 * A server listener and its transports, worked by a test: it binds, fails to, closes and takes connections when told.
 * True ones: they keep the contracts of src/transport/transport.ts. Above: tests of servers.
 */
import type { ServerStreamListener } from '../../src/transport/stream.ts';
import type {
  ServerAcceptor,
  ServerListener,
  ServerTransport,
  ServerTransportListener,
} from '../../src/transport/transport.ts';
import type { SocketAddress } from '../../src/values/attributes.ts';
import { Metadata } from '../../src/values/metadata.ts';
import type { Status } from '../../src/values/status.ts';
import { HandServerStream } from '../call/hand-server-stream.ts';

/** One address. */
export class HandListener implements ServerListener {
  readonly address: SocketAddress;
  readonly transports: HandServerTransport[] = [];
  /** Whether listening succeeds at once, inside listen(), and closing inside close(). */
  readonly #isQuick: boolean;
  listening = false;
  closing = false;
  #acceptor: ServerAcceptor | null = null;

  constructor(address: SocketAddress = { name: 'by hand' }, isQuick = true) {
    this.address = address;
    this.#isQuick = isQuick;
  }

  listen(acceptor: ServerAcceptor): void {
    this.#acceptor = acceptor;
    if (this.#isQuick) this.succeed();
  }

  /** The address is bound. */
  succeed(): void {
    this.listening = true;
    this.#acceptor?.onListening(this.address);
  }

  /** The address cannot be bound. */
  fail(error: Error): void {
    this.#acceptor?.onListenFailed(error);
  }

  close(): void {
    if (this.closing) return;
    this.closing = true;
    if (this.#isQuick) this.finishClosing();
  }

  finishClosing(): void {
    this.listening = false;
    this.#acceptor?.onClosed();
  }

  /** A client connects. */
  connect(): HandServerTransport {
    if (this.#acceptor === null) throw new Error('not listening');
    const transport = new HandServerTransport();
    this.transports.push(transport);
    return transport.listen(this.#acceptor.onTransport(transport));
  }
}

/** One connection. */
export class HandServerTransport implements ServerTransport {
  /** What the server said: `shutdown`, `shutdownNow UNAVAILABLE: why`. */
  readonly said: string[] = [];
  readonly #streams: HandServerStream[] = [];
  #listener: ServerTransportListener | null = null;
  #open = true;

  listen(listener: ServerTransportListener): this {
    this.#listener = listener;
    return this;
  }

  /** The client starts a call. */
  call(path: string, authority: string | null = 'some.host'): HandServerStream {
    const stream = new HandServerStream(authority);
    this.#streams.push(stream);
    const listener: ServerStreamListener | undefined = this.#listener?.onStream(stream, path, new Metadata());
    if (listener === undefined) throw new Error('the transport has no listener');
    return stream.listen(listener);
  }

  shutdown(): void {
    this.said.push('shutdown');
  }

  shutdownNow(reason: Status): void {
    this.said.push(`shutdownNow ${reason}`);
    for (const stream of this.#streams) stream.lose(reason);
    process.nextTick(() => this.end());
  }

  /** The connection is gone. */
  end(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#listener?.onTerminated();
  }
}
