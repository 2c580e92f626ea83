/**
 * The client's end of a call within the process. Above: StreamClientCall or PendingStream. Below: InProcessServerStream is
 * the other end, InProcessClientTransport lets the two meet. Holds: what Http2ClientStream holds; a method whose client sends one
 * message meets the server only at halfClose, so a call cancelled before never reaches it.
 *
 *   idle ─start→ waiting ─meet→ open ─finish→ closed
 *                   └─────abort────┴─→ ending ─(next tick)→ closed
 */
import { Attributes, formatAddress, REMOTE_ADDRESS } from '../../values/attributes.ts';
import type { LinkedMember } from '../../values/linked-set.ts';
import { Metadata } from '../../values/metadata.ts';
import type { MethodDescriptor } from '../../values/method.ts';
import { Status } from '../../values/status.ts';
import type { ClientStream, ClientStreamListener, StreamProgress, WriteFlags } from '../stream.ts';
import type { StreamOptions } from '../transport.ts';
import { listBytes } from '../wire-metadata.ts';
import { InProcessEnd } from './in-process-end.ts';
import type { InProcessServerStream } from './server-stream.ts';

/** What a stream needs of its connection. */
export interface InProcessClientHost {
  readonly attributes: Attributes;
  readonly maxInboundMetadataBytes: number;
  /** A stream has started; it may hear onRefused at once. */
  onStreamStarted(stream: InProcessClientStream): void;
  /** Calls stream.meet on a later tick, once there is a server, or stream.onRefused. */
  meetServer(stream: InProcessClientStream): void;
  /** A stream is over. */
  onStreamEnded(stream: InProcessClientStream): void;
  /** What a stream that has not met its server is waiting for, in words. */
  describeWait(): string;
}

/** What a call says when it reaches the server. */
export interface InProcessRequest {
  readonly path: string;
  readonly headers: Metadata;
  /** The call's own; null for the connection's. */
  readonly authority: string | null;
  readonly timeoutMs: number | null;
}

type State = 'idle' | 'waiting' | 'open' | 'ending' | 'closed';

interface Finale {
  readonly status: Status;
  readonly trailers: Metadata;
  readonly progress: StreamProgress;
}

const NOBODY: ClientStreamListener = {
  onHeaders() {},
  onMessage() {},
  onReady() {},
  onWritten() {},
  onClosing() {},
  onClose() {},
};

/** The client's end. */
export class InProcessClientStream extends InProcessEnd implements ClientStream, LinkedMember<InProcessClientStream> {
  isInSet = false;
  before: InProcessClientStream | null = null;
  after: InProcessClientStream | null = null;
  readonly isBackground: boolean;
  readonly #host: InProcessClientHost;
  readonly #path: string;
  readonly #options: StreamOptions;
  readonly #sendsOneMessage: boolean;
  declare protected listener: ClientStreamListener;
  declare protected peer: InProcessServerStream | null;
  #state: State = 'idle';
  #headers: Metadata = new Metadata();
  #halfClosed = false;
  /** Whether a server was asked for. */
  #asked = false;
  #headersSeen = false;
  /** How the stream ends, once that is known. */
  #finale: Finale | null = null;
  #closingTold = false;

  constructor(host: InProcessClientHost, method: MethodDescriptor<unknown, unknown>, options: StreamOptions) {
    super(NOBODY, options.maxInboundMessageBytes, options.onReadyThresholdBytes);
    this.#host = host;
    this.#path = method.path;
    this.#options = options;
    this.isBackground = options.isBackground;
    this.#sendsOneMessage = method.clientSendsOneMessage;
  }

  protected get isOver(): boolean {
    return this.#state === 'ending' || this.#state === 'closed';
  }

  protected get isWritable(): boolean {
    return !this.isOver && !this.#halfClosed && this.#finale === null;
  }

  start(headers: Metadata, listener: ClientStreamListener): void {
    if (this.#state !== 'idle') return;
    this.#state = 'waiting';
    this.#headers = headers;
    this.listener = listener;
    this.#host.onStreamStarted(this);
    if (!this.#sendsOneMessage) this.#ask();
  }

  #ask(): void {
    if (this.#asked || this.isOver) return;
    this.#asked = true;
    this.#host.meetServer(this);
  }

  override writeMessage(payload: Uint8Array, flags: WriteFlags): void {
    super.writeMessage(payload, flags);
    // A second message on a method that should send one: nothing to hold back for any more.
    if (this.queuedMessages > 1) this.#ask();
  }

  halfClose(): void {
    if (this.#halfClosed || this.isOver) return;
    this.#halfClosed = true;
    this.endOutput();
    this.#ask();
  }

  cancel(reason: Status): void {
    this.#abort(reason, this.#state === 'open' ? 'processed' : 'not-sent');
  }

  getAttributes(): Attributes {
    return this.peer === null ? Attributes.EMPTY : this.#host.attributes;
  }

  describeProgress(): string {
    if (this.peer === null) return this.#host.describeWait();
    const answered = this.#headersSeen ? ', after its response headers' : '';
    return `at ${formatAddress(this.#host.attributes.get(REMOTE_ADDRESS))}${answered}`;
  }

  /** There is a server: called by the host, on a tick of its own. `accept` makes the other end. */
  meet(accept: (stream: InProcessClientStream, request: InProcessRequest) => InProcessServerStream | Status): void {
    if (this.#state !== 'waiting') return;
    const { deadline, authority } = this.#options;
    const remainingMs = deadline === null ? Number.POSITIVE_INFINITY : deadline.remainingMs();
    if (remainingMs <= 0) {
      const status = Status.DEADLINE_EXCEEDED.withDescription('the deadline passed before the request was sent');
      this.#abort(status, 'not-sent');
      return;
    }
    const timeoutMs = remainingMs === Number.POSITIVE_INFINITY ? null : remainingMs;
    this.#state = 'open';
    const met = accept(this, { path: this.#path, headers: this.#headers, authority, timeoutMs });
    if (met instanceof Status) {
      this.#finish({ status: met, trailers: new Metadata(), progress: 'processed' });
      return;
    }
    if (!this.#sendsOneMessage) this.notifyReady();
    this.flushSoon();
  }

  /** The other end was made; its listener is about to hear of it. */
  setPeer(peer: InProcessServerStream): void {
    this.peer = peer;
  }

  /** There will be no server, or the connection ends all its streams. */
  onRefused(reason: Status): void {
    if (this.#state === 'waiting') this.#abort(reason, 'not-sent');
  }

  /** The client's connection ends all its streams. */
  onShutdownNow(reason: Status): void {
    this.#abort(reason, this.#state === 'open' ? 'processed' : 'not-sent');
  }

  /** The server's connection has ended all its streams; what waits to be read is lost with it. */
  onConnectionLost(reason: Status): void {
    if (this.#state === 'open' && this.#finale === null) {
      this.#finish({ status: reason, trailers: new Metadata(), progress: 'processed' });
    }
  }

  protected flushHeaders(): void {}

  protected onOutputDrained(): void {
    this.peer?.onClientHalfClosed();
  }

  /** The response headers have come. */
  onServerHeaders(headers: Metadata): void {
    if (this.isOver) return;
    const fault = this.#faultOf(headers, 'response headers');
    if (fault !== null) {
      this.#fail(fault);
      return;
    }
    this.#headersSeen = true;
    this.notify(onHeaders, headers);
  }

  /** The server has ended the call; messages that came before are still to be read. */
  onServerTrailers(status: Status, trailers: Metadata): void {
    if (this.isOver || this.#finale !== null) return;
    const fault = this.#faultOf(trailers, 'trailers');
    if (fault !== null) {
      this.#fail(fault);
      return;
    }
    this.#finale = { status, trailers, progress: 'processed' };
    this.dropQueue();
    this.endInput();
  }

  #faultOf(metadata: Metadata, what: string): Status | null {
    const bytes = listBytes(metadata);
    const limit = this.#host.maxInboundMetadataBytes;
    if (bytes <= limit) return null;
    return Status.RESOURCE_EXHAUSTED.withDescription(`${what} of ${bytes} bytes exceed the limit of ${limit}`);
  }

  protected onInputDrained(): void {
    if (this.#finale !== null) this.#finish(this.#finale);
  }

  protected onInputHeld(): void {
    if (this.#closingTold || this.#finale === null) return;
    this.#closingTold = true;
    this.notify(onClosing, this.#finale.status);
  }

  protected onOversized(status: Status): void {
    this.#fail(status);
  }

  #fail(status: Status): void {
    this.#finish({ status, trailers: new Metadata(), progress: 'processed' });
  }

  /** Ends the stream from within a method of the caller's: the listener hears of it on the next tick. */
  #abort(status: Status, progress: StreamProgress): void {
    if (this.isOver) return;
    this.#finale = { status, trailers: new Metadata(), progress };
    this.#state = 'ending';
    this.#release();
    process.nextTick(tellAborted, this);
  }

  /** The next tick after an abort. */
  onAborted(): void {
    if (this.#state === 'ending') this.#close();
  }

  #finish(finale: Finale): void {
    if (this.isOver) return;
    this.#finale = finale;
    this.#state = 'ending';
    this.#release();
    this.#close();
  }

  #close(): void {
    this.#state = 'closed';
    this.#host.onStreamEnded(this);
    const { status, trailers, progress } = this.#finale ?? {
      status: Status.UNKNOWN,
      trailers: new Metadata(),
      progress: 'processed' as const,
    };
    this.listener.onClose(status, trailers, progress);
  }

  #release(): void {
    this.dropQueue();
    this.dropInput();
    this.peer?.onClientReset();
  }
}

function onHeaders(listener: unknown, headers: Metadata): void {
  (listener as ClientStreamListener).onHeaders(headers);
}

function onClosing(listener: unknown, status: Status): void {
  (listener as ClientStreamListener).onClosing(status);
}

function tellAborted(stream: InProcessClientStream): void {
  stream.onAborted();
}
