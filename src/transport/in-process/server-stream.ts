/**
 * The server's end of a call within the process. Above: StreamServerCall. Below: the client's end, which it knows by what
 * it tells it. Holds: what Http2ServerStream holds; onClose is OK if and only if the client's end has taken the trailers.
 *
 *   open ─close→ closing ─(all taken in)→ closed
 *     └─cancel, reset──┴─→ ending ─(next tick)→ closed
 */
import type { Attributes } from '../../values/attributes.ts';
import type { LinkedMember } from '../../values/linked-set.ts';
import type { Metadata } from '../../values/metadata.ts';
import { Metadata as NewMetadata } from '../../values/metadata.ts';
import { Status } from '../../values/status.ts';
import { DEFAULT_ON_READY_THRESHOLD_BYTES, type ServerStream, type ServerStreamListener } from '../stream.ts';
import { travelling } from '../wire-metadata.ts';
import { InProcessEnd } from './in-process-end.ts';

/** What a stream needs of its connection. */
export interface InProcessServerHost {
  readonly attributes: Attributes;
  readonly maxInboundMessageBytes: number;
  /** Whether the cause of a status goes along to the client. */
  readonly propagatesCause: boolean;
  /** A stream has closed. */
  onStreamClosed(stream: InProcessServerStream): void;
}

/** What the client's end is told. */
export interface ClientSide extends InProcessEnd {
  onServerHeaders(headers: Metadata): void;
  onServerTrailers(status: Status, trailers: Metadata): void;
}

type State = 'open' | 'closing' | 'ending' | 'closed';

const NOBODY: ServerStreamListener = {
  clientStreams: false,
  onMessage() {},
  onHalfClose() {},
  onReady() {},
  onWritten() {},
  onClose() {},
};

/** The server's end. */
export class InProcessServerStream extends InProcessEnd implements ServerStream, LinkedMember<InProcessServerStream> {
  isInSet = false;
  before: InProcessServerStream | null = null;
  after: InProcessServerStream | null = null;
  readonly authority: string | null;
  readonly timeoutMs: number | null;
  readonly #host: InProcessServerHost;
  declare protected listener: ServerStreamListener;
  declare protected peer: ClientSide;
  #state: State = 'open';
  /** Response headers that have yet to cross. */
  #headers: Metadata | null = null;
  #headersSent = false;
  /** What ends the call once everything before it has crossed. */
  #trailers: { readonly status: Status; readonly trailers: Metadata } | null = null;
  /** What onClose will say. */
  #outcome: Status = Status.OK;

  constructor(host: InProcessServerHost, client: ClientSide, authority: string | null, timeoutMs: number | null) {
    super(NOBODY, host.maxInboundMessageBytes, DEFAULT_ON_READY_THRESHOLD_BYTES);
    this.#host = host;
    this.peer = client;
    this.authority = authority;
    this.timeoutMs = timeoutMs;
  }

  /** The application has given its listener. */
  start(listener: ServerStreamListener): void {
    this.listener = listener;
    process.nextTick(announceReady, this);
  }

  protected get isOver(): boolean {
    return this.#state === 'ending' || this.#state === 'closed';
  }

  protected get isWritable(): boolean {
    return this.#state === 'open';
  }

  getAttributes(): Attributes {
    return this.#host.attributes;
  }

  /** Nothing is compressed within a process. */
  setCompression(_name: string): void {}

  setOnReadyThreshold(bytes: number): void {
    this.onReadyThresholdBytes = bytes;
    this.checkCongestion();
  }

  sendHeaders(headers: Metadata): void {
    if (this.#headersSent || !this.isWritable) return;
    this.#headersSent = true;
    this.#headers = travelling(headers);
    this.flushSoon();
  }

  protected flushHeaders(): void {
    const headers = this.#headers;
    if (headers === null) return;
    this.#headers = null;
    this.peer.onServerHeaders(headers);
  }

  close(status: Status, trailers: Metadata): void {
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    this.#trailers = { status: this.#travelling(status), trailers: travelling(trailers) };
    this.dropInput();
    this.endOutput();
  }

  #travelling(status: Status): Status {
    const description = status.description === '' ? null : status.description;
    return status.withDescription(description).withCause(this.#host.propagatesCause ? status.cause : undefined);
  }

  protected onOutputDrained(): void {
    if (this.#trailers === null) return;
    const { status, trailers } = this.#trailers;
    this.#end(Status.OK);
    this.peer.onServerTrailers(status, trailers);
  }

  cancel(reason: Status): void {
    // A call that was closed without headers is as good as told.
    if (this.isOver || (this.#state === 'closing' && !this.#headersSent)) return;
    const nothingQueued = this.queuedMessages === 0 && this.#state === 'open';
    const told = nothingQueued ? this.#travelling(reason) : RESET;
    const headers = this.#headers;
    this.#headers = null;
    this.#end(reason);
    process.nextTick(tellClient, this.peer, headers, told);
  }

  /** The connection ends all its streams here and now. */
  onShutdownNow(reason: Status): void {
    if (!this.isOver) this.#end(reason);
  }

  /** The client's end is over, in whatever way. */
  onClientReset(): void {
    if (!this.isOver) this.#end(CLIENT_RESET);
  }

  /** The client will send no more. */
  onClientHalfClosed(): void {
    if (this.#state === 'open') this.endInput();
  }

  protected onInputDrained(): void {
    if (this.#state === 'open') this.notify(onHalfClose, 0);
  }

  protected onInputHeld(): void {}

  protected onOversized(status: Status): void {
    this.cancel(status);
  }

  #end(outcome: Status): void {
    this.#outcome = outcome;
    this.#state = 'ending';
    this.dropQueue();
    this.dropInput();
    process.nextTick(tellClosed, this);
  }

  /** The next tick after the end. */
  onEnded(): void {
    this.#state = 'closed';
    this.#host.onStreamClosed(this);
    this.listener.onClose(this.#outcome);
  }
}

/** What a client hears of a reset. */
const RESET: Status = Status.CANCELLED.withDescription('stream reset by the peer with HTTP/2 code CANCEL');

/** What a server hears of one. */
const CLIENT_RESET: Status = Status.CANCELLED.withDescription('the client reset the stream with HTTP/2 code CANCEL');

function onHalfClose(listener: unknown): void {
  (listener as ServerStreamListener).onHalfClose();
}

function announceReady(stream: InProcessServerStream): void {
  stream.notifyReady();
}

function tellClosed(stream: InProcessServerStream): void {
  stream.onEnded();
}

function tellClient(client: ClientSide, headers: Metadata | null, status: Status): void {
  if (headers !== null) client.onServerHeaders(headers);
  client.onServerTrailers(status, new NewMetadata());
}
