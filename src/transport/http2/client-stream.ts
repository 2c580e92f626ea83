/**
 * One RPC over one http2 stream, client side. Above: StreamClientCall or PendingStream. Below: Http2ClientTransport gives it
 * its http2 stream; node:http2.
 * Holds: onClose fires once and last; nothing reaches the listener before start() has returned; the status is settled by
 * the first of local end, trailers, and the http2 stream's own close, and told once every message before it was; behind the
 * server's end no message leaves.
 *
 *   idle ─start→ waiting ─onSlot→ open ─finish→ closed
 *                   └──────abort──────┴─→ ending ─(next tick)→ closed
 *
 * A method whose client sends one message opens its http2 stream only at halfClose: headers, message and END_STREAM leave
 * together, and a call cancelled before leaves nothing. Wire rules: PROTOCOL-HTTP2; resets: RFC 9113 §5.4.2.
 * Past 500 lines because every way in which one stream can end meets here; how it ends is worked out in finale.ts.
 */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
} from 'node:http2';
import type { Frame } from '../../framing/message-framer.ts';
import { Attributes, formatAddress, REMOTE_ADDRESS } from '../../values/attributes.ts';
import { invariant } from '../../values/invariant.ts';
import type { LinkedMember } from '../../values/linked-set.ts';
import { Metadata } from '../../values/metadata.ts';
import type { MethodDescriptor } from '../../values/method.ts';
import { Status } from '../../values/status.ts';
import { MessageFailure } from '../message-failure.ts';
import type { ClientStream, ClientStreamListener, StreamProgress } from '../stream.ts';
import type { StreamOptions } from '../transport.ts';
import { type Finale, finaleWithoutStatus, lossFinale, plainFinale, resetFinale, trailersFinale } from './finale.ts';
import { ForeignResponse } from './foreign-response.ts';
import { encodeTimeout } from './grpc-timeout.ts';
import { type HeaderList, nodeHeaders } from './header-form.ts';
import { inboundFault, outboundFault } from './header-limits.ts';
import { type InboundHead, isGrpcContentType, parseHead, type RequestHead, requestHeaders } from './headers.ts';
import { resetAndBury } from './lingering.ts';
import { disown, endWithFrame, Http2MessageStream, own, ownerOf } from './message-stream.ts';
import type { Goaway } from './status-mapping.ts';
import type { SlotWait } from './stream-slots.ts';

/** What a stream needs of its connection. */
export interface ClientStreamHost {
  readonly scheme: 'http' | 'https';
  readonly authority: string;
  readonly userAgent: string;
  readonly attributes: Attributes;
  readonly maxInboundMetadataBytes: number;
  /** The largest header list that the server takes, in bytes. */
  readonly peerMaxHeaderListBytes: number;
  /** The last GOAWAY that came; null for none. */
  readonly goaway: Goaway | null;
  /** Why the connection is gone; null while it is there. */
  connectionLoss(): Status | null;
  /** A stream has started; it may hear onNoSlot at once. */
  onStreamStarted(stream: Http2ClientStream): void;
  /** Calls stream.onSlot once there is a connection with room, or stream.onNoSlot; at once if it can. */
  openWhenThereIsRoom(stream: Http2ClientStream): void;
  /** A stream needs no slot any more. */
  leaveQueue(stream: Http2ClientStream): void;
  /** A stream has taken the last id that the connection had. */
  onIdsUsedUp(): void;
  /** The slot of a stream is free again: its http2 stream is gone, or was never made. */
  onSlotFree(): void;
  /** The same after a reset of ours, of which the peer may not know yet. */
  onSlotReset(): void;
  /** A stream is over, whether it ever had a slot or not. */
  onStreamEnded(stream: Http2ClientStream): void;
  /** What a stream without a slot is waiting for, in words. */
  describeWait(): string;
}

/** Ids are never used twice. RFC 9113 §5.1.1. */
const LAST_STREAM_ID = 2 ** 31 - 1;

type State = 'idle' | 'waiting' | 'open' | 'ending' | 'closed';

/** A listener for the time before start(). */
const NOBODY: ClientStreamListener = {
  onHeaders() {},
  onMessage() {},
  onReady() {},
  onWritten() {},
  onClosing() {},
  onClose() {},
};

// node:http2: with waitForTrailers a close(CANCEL) leaves as a bare RST_STREAM; without, an open send side first sends an
// empty DATA frame with END_STREAM, and the server sees a clean half-close (test/transport/http2/cancel.test.ts).
const STREAMING_REQUEST = Object.freeze({ endStream: false, waitForTrailers: true });
const SINGLE_REQUEST = Object.freeze({ endStream: false });

/** A call's stream on one connection. */
export class Http2ClientStream extends Http2MessageStream implements ClientStream, LinkedMember<Http2ClientStream> {
  slotWait: SlotWait | null = null;
  isInSet = false;
  before: Http2ClientStream | null = null;
  after: Http2ClientStream | null = null;
  readonly isBackground: boolean;
  readonly #host: ClientStreamHost;
  readonly #path: string;
  readonly #options: StreamOptions;
  readonly #sendsOneMessage: boolean;
  declare protected http2: ClientHttp2Stream | null;
  declare protected listener: ClientStreamListener;
  #state: State = 'idle';
  #headers: Metadata | null = null;
  /** Whether halfClose was called. */
  #halfClosed = false;
  /** Whether a slot was asked for. */
  #queued = false;
  #headersSeen = false;
  #foreign: ForeignResponse | null = null;
  /** How the stream ends, once that is known. */
  #finale: Finale | null = null;
  #closingTold = false;
  #error: Error | null = null;

  constructor(host: ClientStreamHost, method: MethodDescriptor<unknown, unknown>, options: StreamOptions) {
    super(NOBODY, options.compressor, options.maxInboundMessageBytes, options.onReadyThresholdBytes);
    this.#host = host;
    this.#path = method.path;
    this.#options = options;
    this.isBackground = options.isBackground;
    this.#sendsOneMessage = method.clientSendsOneMessage;
  }

  protected get isOver(): boolean {
    return this.#state === 'closed' || this.#state === 'ending';
  }

  protected get isWritable(): boolean {
    return !this.isOver && !this.#halfClosed && this.#finale === null;
  }

  protected get isOpen(): boolean {
    return this.#state === 'open';
  }

  start(headers: Metadata, listener: ClientStreamListener): void {
    if (this.#state !== 'idle') return;
    this.#state = 'waiting';
    this.#headers = headers;
    this.listener = listener;
    this.#host.onStreamStarted(this);
    if (!this.#sendsOneMessage) this.#queue();
  }

  override onFrame(frame: Frame): void {
    super.onFrame(frame);
    // A second message on a method that should send one: nothing to hold back for any more.
    if (this.unsent.length > 1) this.#queue();
  }

  halfClose(): void {
    if (this.#halfClosed || this.isOver) return;
    this.#halfClosed = true;
    // Behind the server's end nothing goes out but the end itself, for which the server may wait to let go of the stream.
    if (this.#finale === null) this.framer.end();
    else process.nextTick(endHttp2, this);
  }

  onFramesEnd(): void {
    this.releaseHeld();
    if (this.#state === 'waiting') this.#queue();
    // node:http2: end() from inside a write callback can wedge the session (nodejs/node#49147).
    else process.nextTick(endHttp2, this);
  }

  /** The tick after the last frame. */
  onEndDue(): void {
    const { http2 } = this;
    if (http2 !== null && !this.isOver && !http2.closed && !http2.writableEnded) http2.end();
  }

  /** The data is out. An empty block of trailers is sent as an empty DATA frame with END_STREAM. */
  onWantTrailers(http2: ClientHttp2Stream): void {
    if (!this.isOver && !http2.closed && !http2.destroyed) http2.sendTrailers({});
  }

  cancel(reason: Status): void {
    invariant(!reason.isOk, 'a stream is never cancelled with OK');
    this.#abort(reason, this.#state === 'open' ? 'processed' : 'not-sent');
  }

  getAttributes(): Attributes {
    return this.http2 === null ? Attributes.EMPTY : this.#host.attributes;
  }

  describeProgress(): string {
    if (this.http2 === null) return this.#queued ? this.#host.describeWait() : 'waiting for the request to be complete';
    const answered = this.#headersSeen ? ', after its response headers' : '';
    return `at ${formatAddress(this.#host.attributes.get(REMOTE_ADDRESS))}${answered}`;
  }

  #queue(): void {
    if (this.#queued || this.isOver) return;
    this.#queued = true;
    this.#host.openWhenThereIsRoom(this);
  }

  /** There is room: called by the host, from within start or halfClose or later. */
  onSlot(session: ClientHttp2Session): void {
    const { deadline } = this.#options;
    const remainingMs = deadline === null ? null : deadline.remainingMs();
    if (remainingMs !== null && remainingMs <= 0) {
      this.#giveSlotBack(Status.DEADLINE_EXCEEDED.withDescription('the deadline passed before the request was sent'));
      return;
    }
    const metadata = this.#headers ?? new Metadata();
    const timeout =
      remainingMs === null || remainingMs === Number.POSITIVE_INFINITY ? null : encodeTimeout(remainingMs);
    const headers = requestHeaders(this.#requestHead(timeout), metadata);
    const limit = this.#host.peerMaxHeaderListBytes;
    const fault = metadata.size === 0 ? null : outboundFault(headers, 'request headers', limit);
    if (fault === null) this.#open(session, headers);
    else this.#giveSlotBack(fault);
  }

  #giveSlotBack(status: Status): void {
    this.#abort(status, 'not-sent');
    this.#host.onSlotFree();
  }

  /** There will be no room: the connection takes no more streams. */
  onNoSlot(reason: Status): void {
    if (this.#state === 'waiting') this.#abort(reason, 'not-sent');
  }

  /** The connection ends all its streams here and now. */
  onShutdownNow(reason: Status): void {
    this.#abort(reason, this.#state === 'open' ? 'processed' : 'not-sent');
  }

  #requestHead(timeout: string | null): RequestHead {
    const { compressor, decompressors, authority } = this.#options;
    return {
      scheme: this.#host.scheme,
      authority: authority ?? this.#host.authority,
      path: this.#path,
      userAgent: this.#host.userAgent,
      timeout,
      encoding: compressor.name === 'identity' ? null : compressor.name,
      acceptEncoding: decompressors.acceptEncoding,
    };
  }

  #open(session: ClientHttp2Session, headers: HeaderList): void {
    const whole =
      this.#sendsOneMessage && this.#halfClosed && this.framer.pendingBytes === 0 && this.unsent.length <= 1;
    let http2: ClientHttp2Stream;
    try {
      http2 = session.request(nodeHeaders(headers), whole ? SINGLE_REQUEST : STREAMING_REQUEST);
    } catch (error) {
      this.#giveSlotBack(Status.UNAVAILABLE.withDescription('the connection takes no more streams').withCause(error));
      return;
    }
    this.#state = 'open';
    this.http2 = http2;
    if (http2.id === LAST_STREAM_ID) this.#host.onIdsUsedUp();
    own(http2, this);
    http2.on('error', onHttp2Error);
    http2.on('response', onHttp2Response);
    http2.on('trailers', onHttp2Trailers);
    http2.on('data', onHttp2Data);
    http2.on('end', onHttp2End);
    http2.on('close', onHttp2Close);
    if (whole) {
      this.#sendWhole(http2);
      return;
    }
    http2.on('wantTrailers', onHttp2WantTrailers);
    this.flushUnsent();
    if (this.#halfClosed && this.framer.pendingBytes === 0) http2.end();
    else process.nextTick(announceReady, this);
  }

  /** Sends the only message, if any, and END_STREAM in one frame. */
  #sendWhole(http2: ClientHttp2Stream): void {
    const frame = this.takeOnlyUnsent();
    if (frame === null) {
      http2.end();
    } else {
      http2.on('finish', onHttp2Finish);
      endWithFrame(http2, frame);
    }
  }

  /** The stream has its http2 stream: a writer may begin. */
  onOpened(): void {
    if (!this.#sendsOneMessage && this.isWritable) this.notifyReady();
  }

  /** The only message and END_STREAM have passed flow control. */
  onWholeWritten(http2: ClientHttp2Stream): void {
    if (!this.isOver && !http2.closed && !http2.destroyed) this.notifyWritten();
  }

  onResponse(raw: readonly string[], endOfStream: boolean): void {
    if (this.isOver) return;
    const head = parseHead(raw);
    if (!isGrpcContentType(head.contentType)) this.#foreignHead(head, endOfStream);
    else if (endOfStream) this.#trailersHead(head, true);
    else this.#responseHead(head);
  }

  #responseHead(head: InboundHead): void {
    const fault =
      inboundFault(head, 'response headers', this.#host.maxInboundMetadataBytes) ?? this.#encodingFault(head.encoding);
    if (fault !== null) {
      this.#fail(fault);
      return;
    }
    this.#headersSeen = true;
    this.notify(onHeaders, head.metadata);
  }

  #encodingFault(encoding: string | null): Status | null {
    if (encoding === null) return null;
    const decompressor = this.#options.decompressors.get(encoding);
    if (decompressor === null) return Status.INTERNAL.withDescription(`Can't find decompressor for ${encoding}`);
    this.deframer.setDecompressor(decompressor);
    return null;
  }

  /** A response that is not gRPC's: its HTTP status decides, its text goes into the description. */
  #foreignHead(head: InboundHead, endOfStream: boolean): void {
    this.#foreign = new ForeignResponse(head);
    if (endOfStream) this.#finishForeign();
  }

  #finishForeign(): void {
    if (this.#foreign === null || this.isOver) return;
    const finale = { status: this.#foreign.status(), trailers: this.#foreign.metadata, progress: 'processed' } as const;
    this.#finish(finale);
  }

  onTrailers(raw: readonly string[]): void {
    if (this.isOver) return;
    if (this.#foreign === null) this.#trailersHead(parseHead(raw), false);
    else this.#finishForeign();
  }

  #trailersHead(head: InboundHead, trailersOnly: boolean): void {
    const fault = inboundFault(head, 'trailers', this.#host.maxInboundMetadataBytes);
    if (fault !== null) {
      this.#fail(fault);
      return;
    }
    this.#settle(trailersFinale(head, trailersOnly));
    // node:http2: `trailers` may come before the `data` in front of it (test/transport/http2/trailers-first.test.ts);
    // what node still holds decides whether this is the end of the messages.
    if (this.http2 === null || this.http2.readableLength === 0) this.endOfInput();
    else this.deliver();
  }

  /** The server has ended the stream: how is known, and nothing that waits to be sent is of use to anybody. */
  #settle(finale: Finale): void {
    this.#finale = finale;
    this.dropUnsent();
  }

  override onDelivered(): void {
    this.#tellClosing();
    super.onDelivered();
  }

  /** Tells of the end if it is known and messages wait in front of it, in the deframer and perhaps in node behind that. */
  #tellClosing(): void {
    if (this.#closingTold || this.#finale === null || !this.deframer.isStalled) return;
    this.#closingTold = true;
    this.notify(onClosing, this.#finale.status);
  }

  onChunk(chunk: Uint8Array): void {
    if (this.#foreign === null) this.receive(chunk);
    else if (this.#foreign.isFullAfter(chunk)) this.#finishForeign();
  }

  onEnd(): void {
    if (this.isOver) return;
    if (this.#foreign !== null) {
      this.#finishForeign();
      return;
    }
    if (this.#finale === null) {
      // A reset or a lost connection ends the data too; what it means is settled by onHttp2Closed. After a reset with
      // NO_ERROR there is nothing to settle, and with writes held back that close comes only once we let go of the stream.
      const rstCode = this.http2?.rstCode ?? constants.NGHTTP2_NO_ERROR;
      if (rstCode !== constants.NGHTTP2_NO_ERROR || this.#host.connectionLoss() !== null) return;
      this.#settle(finaleWithoutStatus());
    }
    this.endOfInput();
  }

  onError(error: Error): void {
    this.#error = error;
  }

  onHttp2Closed(http2: ClientHttp2Stream): void {
    if (this.isOver && http2.rstCode !== constants.NGHTTP2_NO_ERROR) {
      this.#host.onSlotReset();
      return;
    }
    this.#host.onSlotFree();
    if (this.isOver) return;
    const loss = this.#finale === null ? this.#host.connectionLoss() : null;
    if (loss !== null) {
      this.#finish(lossFinale(http2, this.#host.goaway, loss));
      return;
    }
    if (this.#foreign !== null) {
      this.#finishForeign();
      return;
    }
    if (this.#finale === null) this.#settle(resetFinale(http2, this.#host.goaway, this.#error));
    this.drainDestroyed(http2);
    this.endOfInput();
  }

  onDeframed(midMessage: boolean): void {
    const finale = this.#finale ?? finaleWithoutStatus();
    if (midMessage && finale.status.isOk) {
      this.#fail(Status.INTERNAL.withDescription('Encountered end-of-stream mid-frame'));
    } else {
      this.#finish(finale);
    }
  }

  onDeframingFailure(status: Status): void {
    this.#fail(status);
  }

  onFramingFailure(status: Status): void {
    const cause = new MessageFailure(status);
    this.#abort(Status.CANCELLED.withDescription('Failed to stream message').withCause(cause), 'processed');
  }

  /** What the peer sent is no good: ends the stream with a status of ours. */
  #fail(status: Status): void {
    this.#finish(plainFinale(status, 'processed'));
  }

  /** Ends the stream from within a method of the caller's: the listener hears of it on the next tick. */
  #abort(status: Status, progress: StreamProgress): void {
    if (this.isOver) return;
    this.#state = 'ending';
    this.#host.leaveQueue(this);
    this.#finale = plainFinale(status, progress);
    this.#release(constants.NGHTTP2_CANCEL);
    process.nextTick(tellAborted, this);
  }

  /** The next tick after an abort. */
  onAborted(): void {
    if (this.#state === 'ending') this.#close();
  }

  /** The end is known and everything before it was delivered: tells it. */
  #finish(finale: Finale): void {
    if (this.isOver) return;
    const complete = this.#finale === finale;
    this.#finale = finale;
    this.#release(complete ? constants.NGHTTP2_NO_ERROR : constants.NGHTTP2_CANCEL);
    this.#close();
  }

  #close(): void {
    this.#state = 'closed';
    this.#host.onStreamEnded(this);
    const { status, trailers, progress } = this.#finale ?? finaleWithoutStatus();
    this.listener.onClose(status, trailers, progress);
  }

  /** Lets go of everything; `code` is for the RST_STREAM of a stream that is not complete by itself. */
  #release(code: number): void {
    this.dropUnsent();
    this.deframer.discard();
    const { http2 } = this;
    if (http2 === null || http2.destroyed) return;
    http2.resume();
    if (code === constants.NGHTTP2_NO_ERROR && http2.writableFinished && !http2.closed) return;
    // node:http2: close() within an event of the session can corrupt the memory of the process
    // (test/call/cancelled-calls.test.ts).
    setImmediate(letGo, http2, code);
  }
}

/** Closes an http2 stream that nobody listens to any more, unless it has closed by itself meanwhile. */
function letGo(http2: ClientHttp2Stream, code: number): void {
  if (http2.destroyed) return;
  if (http2.closed) {
    // node:http2: reset with NO_ERROR, a stream with writes that were held back never closes by itself
    // (test/transport/http2/written.test.ts).
    if (!http2.writableFinished) http2.destroy();
  } else if (code === constants.NGHTTP2_CANCEL || !http2.writableEnded) {
    resetAndBury(http2, code);
  } else if (!http2.writableFinished) {
    // node:http2: close(NO_ERROR) waits for queued writes, which the peer may never read (test/transport/http2/cancel.test.ts).
    resetAndBury(http2, constants.NGHTTP2_CANCEL);
  }
}

function onHeaders(listener: unknown, headers: Metadata): void {
  (listener as ClientStreamListener).onHeaders(headers);
}

function onClosing(listener: unknown, status: Status): void {
  (listener as ClientStreamListener).onClosing(status);
}

function endHttp2(stream: Http2ClientStream): void {
  stream.onEndDue();
}

function announceReady(stream: Http2ClientStream): void {
  stream.onOpened();
}

function tellAborted(stream: Http2ClientStream): void {
  stream.onAborted();
}

// The listeners on the http2 stream, shared by all streams: node calls them with the http2 stream as `this`.

function onHttp2Error(this: unknown, error: Error): void {
  ownerOf<Http2ClientStream>(this)?.onError(error);
}

// node:http2: the raw block is the third argument, which the typings leave out; a 1xx block is no `response`.
function onHttp2Response(
  this: unknown,
  _headers: IncomingHttpHeaders & IncomingHttpStatusHeader,
  flags: number,
  raw?: string[],
): void {
  ownerOf<Http2ClientStream>(this)?.onResponse(raw ?? [], (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0);
}

function onHttp2Trailers(this: unknown, _headers: IncomingHttpHeaders, _flags: number, raw?: string[]): void {
  ownerOf<Http2ClientStream>(this)?.onTrailers(raw ?? []);
}

function onHttp2Data(this: unknown, chunk: Uint8Array): void {
  ownerOf<Http2ClientStream>(this)?.onChunk(chunk);
}

function onHttp2End(this: unknown): void {
  ownerOf<Http2ClientStream>(this)?.onEnd();
}

function onHttp2Close(this: ClientHttp2Stream): void {
  ownerOf<Http2ClientStream>(this)?.onHttp2Closed(this);
  disown(this);
}

function onHttp2Finish(this: ClientHttp2Stream): void {
  ownerOf<Http2ClientStream>(this)?.onWholeWritten(this);
}

function onHttp2WantTrailers(this: ClientHttp2Stream): void {
  ownerOf<Http2ClientStream>(this)?.onWantTrailers(this);
}
