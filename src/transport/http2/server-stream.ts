/**
 * One RPC over one http2 stream, server side. Above: StreamServerCall. Below: node:http2.
 * Holds: onClose fires once and last, when the http2 stream is gone, or right after cancel; it is OK if and only if trailers
 * were handed over that the application chose; nothing is left open after them, whatever the client still sends.
 *
 *   open ─(trailers), cancel→ closing ─(http2 close), next tick of cancel→ closed
 *     └────────────────────(reset, connection lost)──────────────────────────┘
 *
 * Wire rules: PROTOCOL-HTTP2 "Responses"; early close: RFC 9113 §8.1 (RST_STREAM with NO_ERROR after the trailers).
 */
import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { type Compressor, type CompressorRegistry, IDENTITY } from '../../framing/compressor.ts';
import type { Attributes } from '../../values/attributes.ts';
import { invariant } from '../../values/invariant.ts';
import type { LinkedMember } from '../../values/linked-set.ts';
import { Metadata } from '../../values/metadata.ts';
import { Status } from '../../values/status.ts';
import { DEFAULT_ON_READY_THRESHOLD_BYTES, type ServerStream, type ServerStreamListener } from '../stream.ts';
import { type HeaderList, nodeHeaders } from './header-form.ts';
import { outboundFault } from './header-limits.ts';
import { type InboundHead, responseHeaders, trailerHeaders, trailersOnlyHeaders } from './headers.ts';
import { resetAndBury } from './lingering.ts';
import { disown, endSafely, Http2MessageStream, own, ownerOf } from './message-stream.ts';
import { http2CodeName } from './status-mapping.ts';

/** What a stream needs of its connection. */
export interface ServerStreamHost {
  readonly attributes: Attributes;
  readonly compressors: CompressorRegistry;
  readonly maxInboundMessageBytes: number;
  /** The largest header list that the client takes, in bytes. */
  readonly peerMaxHeaderListBytes: number;
  /** Why the connection is gone; null while it is there. */
  connectionLoss(): Status | null;
  /** Headers, messages or trailers leave. */
  onSent(): void;
  /** A stream has closed. */
  onStreamClosed(stream: Http2ServerStream): void;
}

type State = 'open' | 'closing' | 'closed';

/** A listener for the moment before the application has given its own. */
const NOBODY: ServerStreamListener = {
  clientStreams: false,
  onMessage() {},
  onHalfClose() {},
  onReady() {},
  onWritten() {},
  onClose() {},
};

/** `sendDate: false` keeps node from adding a `date` to the metadata; typings leave it out. */
const RESPONSE = Object.freeze({ waitForTrailers: true, sendDate: false });
const TRAILERS_ONLY = Object.freeze({ endStream: true, sendDate: false });

/** A call's stream on one connection. */
export class Http2ServerStream extends Http2MessageStream implements ServerStream, LinkedMember<Http2ServerStream> {
  isInSet = false;
  before: Http2ServerStream | null = null;
  after: Http2ServerStream | null = null;
  readonly authority: string | null;
  readonly timeoutMs: number | null;
  declare protected http2: ServerHttp2Stream;
  declare protected listener: ServerStreamListener;
  readonly #acceptEncoding: string | null;
  readonly #host: ServerStreamHost;
  #state: State = 'open';
  #compressor: Compressor = IDENTITY;
  #headersSent = false;
  #closeCalled = false;
  /** Whether it was we who reset the http2 stream. */
  #resetHere = false;
  /** Whether the http2 stream is to be ended once all that is queued was written. */
  #endIsDue = false;
  /** What wantTrailers will send; null until close or cancel. */
  #trailers: OutgoingHttpHeaders | null = null;
  #trailersSent = false;
  #halfCloseTold = false;
  /** What onClose will say; null for OK. */
  #failure: Status | null = null;

  constructor(host: ServerStreamHost, http2: ServerHttp2Stream, head: InboundHead, timeoutMs: number | null) {
    super(NOBODY, IDENTITY, host.maxInboundMessageBytes, DEFAULT_ON_READY_THRESHOLD_BYTES);
    this.#host = host;
    this.http2 = http2;
    this.authority = head.authority;
    this.timeoutMs = timeoutMs;
    this.#acceptEncoding = head.acceptEncoding;
    if (head.encoding !== null) this.deframer.setDecompressor(host.compressors.get(head.encoding));
    own(http2, this);
    http2.on('error', ignoreError);
    http2.on('aborted', onHttp2Aborted);
    http2.on('close', onHttp2Close);
  }

  /** Begins to read: the application has given its listener. */
  start(listener: ServerStreamListener): void {
    this.listener = listener;
    // The application may have ended the call already, from within its handler.
    if (this.#state !== 'open') return;
    this.http2.on('data', onHttp2Data);
    this.http2.on('end', onHttp2End);
    process.nextTick(announceReady, this);
  }

  protected get isOver(): boolean {
    return this.#state !== 'open';
  }

  protected get isWritable(): boolean {
    return this.#state === 'open' && !this.#closeCalled;
  }

  protected get isOpen(): boolean {
    return this.#headersSent;
  }

  override isReady(): boolean {
    // Before the headers nothing is queued: the first message may come.
    return this.isWritable && this.queuedBytes < this.onReadyThresholdBytes;
  }

  getAttributes(): Attributes {
    return this.#host.attributes;
  }

  setCompression(name: string): void {
    invariant(!this.#headersSent, 'setCompression comes before sendHeaders');
    const compressor = this.#host.compressors.get(name);
    const accepted = this.#acceptEncoding?.split(',').some((one) => one.trim() === name) ?? false;
    this.#compressor = compressor !== null && accepted ? compressor : IDENTITY;
  }

  setOnReadyThreshold(bytes: number): void {
    this.onReadyThresholdBytes = bytes;
    this.checkCongestion();
  }

  sendHeaders(headers: Metadata): void {
    if (this.#headersSent || !this.isWritable) return;
    const { acceptEncoding } = this.#host.compressors;
    const { name } = this.#compressor;
    const block = responseHeaders(name === 'identity' ? null : name, acceptEncoding, headers);
    const limit = this.#host.peerMaxHeaderListBytes;
    const fault = headers.size === 0 ? null : outboundFault(block, 'response headers', limit);
    if (fault !== null) {
      this.cancel(fault);
      return;
    }
    this.#headersSent = true;
    this.framer.setCompressor(this.#compressor);
    this.#respond(block, RESPONSE);
    this.flushUnsent();
  }

  /** False if the client is gone already. */
  #respond(headers: HeaderList, options: typeof RESPONSE | typeof TRAILERS_ONLY): boolean {
    const { http2 } = this;
    // node:http2: respond() throws on a stream that the client has reset; its close event is on the way.
    if (http2.destroyed || http2.closed) return false;
    if ('waitForTrailers' in options) http2.on('wantTrailers', onHttp2WantTrailers);
    http2.respond(nodeHeaders(headers), options);
    this.#host.onSent();
    return true;
  }

  close(status: Status, trailers: Metadata): void {
    if (!this.isWritable) return;
    this.#closeCalled = true;
    this.#throwAwayInput();
    this.#endWith(status, trailers);
  }

  /** From here on what the client sends is read and thrown away, so that it holds no window. */
  #throwAwayInput(): void {
    this.deframer.discard();
    // node:http2: the stream of a request that was not read to its end never closes (test/transport/http2/early-close.test.ts).
    this.http2.resume();
  }

  /** Ends the response with trailers, behind everything queued. */
  #endWith(status: Status, trailers: Metadata): void {
    const limit = Math.min(this.#host.peerMaxHeaderListBytes, 64 * 1024);
    if (this.#headersSent) {
      this.#trailers = trailerHeaders(status, trailers, limit);
      this.framer.end();
    } else {
      this.#trailersSent = this.#respond(trailersOnlyHeaders(status, trailers, limit), TRAILERS_ONLY);
      this.#leave();
    }
  }

  onFramesEnd(): void {
    this.releaseHeld();
    // node:http2: after end() a reset with NO_ERROR is not told while writes are held up
    // (test/transport/http2/server-cancel.test.ts); so where much is queued the end waits for the last write.
    this.#endIsDue = this.queuedBytes >= this.onReadyThresholdBytes;
    if (!this.#endIsDue) endSafely(this.http2);
  }

  protected override notifyWritten(): void {
    super.notifyWritten();
    this.#host.onSent();
    if (!this.#endIsDue || this.queuedBytes > 0) return;
    this.#endIsDue = false;
    endSafely(this.http2);
  }

  /** The data is out: the trailers' turn. */
  onWantTrailers(): void {
    const { http2 } = this;
    if (this.#trailers === null || this.#trailersSent || http2.destroyed || http2.closed) return;
    this.#trailersSent = true;
    http2.sendTrailers(this.#trailers);
    this.#host.onSent();
    this.#leave();
  }

  /** Everything was handed over: the stream does not stay open for what the client may still send. */
  #leave(): void {
    const { http2 } = this;
    if (this.#state === 'open') this.#state = 'closing';
    // node:http2: a close() any earlier than this overtakes the trailers, and they are lost (same test).
    if (!http2.readableEnded) setImmediate(leave, this);
  }

  cancel(reason: Status): void {
    if (this.#state !== 'open') return;
    this.#failure = reason;
    const nothingQueued = this.queuedBytes === 0 && !this.#closeCalled;
    this.dropUnsent();
    this.#throwAwayInput();
    this.#state = 'closing';
    // Not with the http2 stream: what ends it may have to wait for a client that reads nothing.
    process.nextTick(tellFailure, this);
    const { http2 } = this;
    if (http2.destroyed || http2.closed) return;
    if (nothingQueued) this.#endWithNow(reason);
    else this.#cancelSoon();
  }

  #cancelSoon(): void {
    this.#trailers = null;
    // node:http2: close() within an event of the session can corrupt the memory of the process
    // (test/call/cancelled-calls.test.ts).
    setImmediate(reset, this);
  }

  /** A turn after the call was cancelled. */
  onCancelDue(): void {
    this.#reset(constants.NGHTTP2_CANCEL);
  }

  #reset(code: number): void {
    const { http2 } = this;
    if (http2.destroyed || http2.closed) return;
    this.#resetHere = true;
    resetAndBury(http2, code);
  }

  /** The client has reset the stream, or all of it is over. */
  #destroyIfReset(): void {
    const { http2 } = this;
    // node:http2: destroying a stream that we have reset ourselves, while its RST_STREAM waits for the socket, can abort the
    // process (test/transport/http2/graceful-shutdown.test.ts on 26).
    if (http2.closed && !this.#resetHere) http2.destroy();
  }

  /** A turn after the trailers. */
  onLeft(): void {
    this.#destroyIfReset();
    this.#reset(constants.NGHTTP2_NO_ERROR);
  }

  #endWithNow(reason: Status): void {
    if (!this.#headersSent) {
      this.#endWith(reason, new Metadata());
      return;
    }
    const limit = Math.min(this.#host.peerMaxHeaderListBytes, 64 * 1024);
    this.#trailers = trailerHeaders(reason, new Metadata(), limit);
    this.onFramesEnd();
  }

  /** The connection ends all its streams; it is destroyed a few turns from now. */
  onShutdownNow(reason: Status): void {
    // What is queued would hold trailers back, and a reset would say CANCEL: there the end of the connection speaks for itself.
    if (this.#state === 'open' && !this.#closeCalled && this.queuedBytes === 0) {
      this.cancel(reason);
      return;
    }
    if (this.#state === 'closed') return;
    this.#failure ??= this.#trailersSent ? null : reason;
    this.#state = 'closing';
    process.nextTick(tellFailure, this);
  }

  onChunk(chunk: Uint8Array): void {
    this.receive(chunk);
  }

  onEnd(): void {
    // The end of a stream that was reset with NO_ERROR: as in onHttp2Aborted, which comes only before the response has ended.
    if (!this.#trailersSent) this.#destroyIfReset();
    if (this.isOver) return;
    if (!this.listener.clientStreams) this.onInputEnded();
    // node:http2: a cancel by node's own client arrives as END_STREAM and then RST_STREAM; one turn of the event loop
    // tells it from a half-close (test/transport/http2/half-close-then-reset.test.ts).
    else setImmediate(endInput, this);
  }

  onInputEnded(): void {
    if (!this.isOver && !this.http2.closed) this.endOfInput();
  }

  onDeframed(midMessage: boolean): void {
    if (midMessage) {
      this.cancel(Status.INTERNAL.withDescription('Encountered end-of-stream mid-frame'));
    } else if (!this.#halfCloseTold) {
      this.#halfCloseTold = true;
      this.notify(onHalfClose, 0);
    }
  }

  onDeframingFailure(status: Status): void {
    this.cancel(status);
  }

  onFramingFailure(status: Status): void {
    this.cancel(status);
  }

  /** The http2 stream has room for a response. */
  onOpened(): void {
    this.notifyReady();
  }

  onHttp2Aborted(): void {
    // node:http2: after RST_STREAM(NO_ERROR) the close waits until what was received is read and what was written has gone,
    // which it never will (test/transport/http2/server-cancel.test.ts).
    process.nextTick(destroyIfReset, this);
  }

  /** A tick after a reset. */
  onReset(): void {
    this.#destroyIfReset();
  }

  /** A tick after cancel. */
  onCancelled(): void {
    if (this.#state !== 'closed' && this.#failure !== null) this.#tellClose(this.#failure);
  }

  onHttp2Closed(http2: ServerHttp2Stream): void {
    this.#host.onStreamClosed(this);
    if (this.#state === 'closed') return;
    this.dropUnsent();
    this.deframer.discard();
    this.#tellClose(this.#failure ?? (this.#trailersSent ? Status.OK : this.#interruption(http2)));
  }

  #tellClose(status: Status): void {
    this.#state = 'closed';
    this.listener.onClose(status);
  }

  /** Why the stream ended before its trailers. */
  #interruption(http2: ServerHttp2Stream): Status {
    const loss = this.#host.connectionLoss();
    if (loss !== null) return loss;
    return Status.CANCELLED.withDescription(
      `the client reset the stream with HTTP/2 code ${http2CodeName(http2.rstCode)}`,
    );
  }
}

function onHalfClose(listener: unknown): void {
  (listener as ServerStreamListener).onHalfClose();
}

function reset(stream: Http2ServerStream): void {
  stream.onCancelDue();
}

function leave(stream: Http2ServerStream): void {
  stream.onLeft();
}

function destroyIfReset(stream: Http2ServerStream): void {
  stream.onReset();
}

function tellFailure(stream: Http2ServerStream): void {
  stream.onCancelled();
}

function endInput(stream: Http2ServerStream): void {
  stream.onInputEnded();
}

function announceReady(stream: Http2ServerStream): void {
  stream.onOpened();
}

// The listeners on the http2 stream, shared by all streams: node calls them with the http2 stream as `this`.

/** What an error means is settled by the close that follows it. */
function ignoreError(): void {}

function onHttp2Data(this: unknown, chunk: Uint8Array): void {
  ownerOf<Http2ServerStream>(this)?.onChunk(chunk);
}

function onHttp2End(this: unknown): void {
  ownerOf<Http2ServerStream>(this)?.onEnd();
}

function onHttp2Aborted(this: unknown): void {
  ownerOf<Http2ServerStream>(this)?.onHttp2Aborted();
}

function onHttp2Close(this: ServerHttp2Stream): void {
  ownerOf<Http2ServerStream>(this)?.onHttp2Closed(this);
  disown(this);
}

function onHttp2WantTrailers(this: unknown): void {
  ownerOf<Http2ServerStream>(this)?.onWantTrailers();
}
