/**
 * MessageDeframer: chunks in, payloads out as permits allow. Above: http2 streams. Below: ChunkQueue, Compressor.
 * Holds: the sink is called from deliver() alone and never from within itself; at most one payload a permit, in order;
 * at zero permits nothing is looked at; no message outgrows the limit, on the wire or inflated; onDeframed and
 * onDeframingFailure come once and last. Source: PROTOCOL-HTTP2 "Length-Prefixed-Message", io.grpc's MessageDeframer.
 *
 *   open --end()--> ended --every whole message is out: onDeframed--> closed
 *   open, ended --discard(); a broken message: onDeframingFailure--> closed
 */
import { addPermits } from '../values/permits.ts';
import { Status } from '../values/status.ts';
import { ChunkQueue } from './chunk-queue.ts';
import {
  type CompressionCallback,
  type Compressor,
  IDENTITY,
  InflationLimitError,
  OFF_LOOP_THRESHOLD_BYTES,
} from './compressor.ts';

/** Where payloads go. May call any method of the deframer from within: the delivery that runs goes on with it. */
export interface DeframerSink {
  /** A message: a view where it lay in one chunk. */
  onPayload(payload: Uint8Array): void;
  /** A pass of deliver() came to its end without failure or end of input; isStalled may have changed. */
  onDelivered(): void;
  /** The input ended and every whole message was delivered; `midMessage` if a broken-off one is left. Once, last. */
  onDeframed(midMessage: boolean): void;
  /** The input makes no sense or is too large. Once, last. */
  onDeframingFailure(status: Status): void;
}

/** Flag byte and length. */
const PREFIX_BYTES = 5;
/** All bits of the flag byte but the one that means compressed. */
const RESERVED_BITS = 0xfe;

const MALFORMED: Status = Status.INTERNAL.withDescription('gRPC frame header malformed: reserved bits not zero');
const NOT_CONFIGURED: Status = Status.INTERNAL.withDescription(
  "Can't decode compressed gRPC message as compression not configured",
);

/** Takes the frames of one direction of one stream apart. */
export class MessageDeframer {
  readonly #sink: DeframerSink;
  readonly #maxMessageBytes: number;
  readonly #chunks: ChunkQueue;
  /** One per stream, made with the first message that is inflated off the event loop. */
  #onInflated: CompressionCallback | null;
  /** Null for identity and for none. */
  #decompressor: Compressor | null;
  #permits: number;
  #state: 'open' | 'ended' | 'closed';
  #isDelivering: boolean;
  /** Of the compressed message that is next in order, if its bytes were taken. */
  #inflation: 'none' | 'running' | 'done';
  /** The outcome of an inflation that is done; null if it failed. */
  #inflated: Uint8Array | null;
  #inflationError: unknown;

  /** `maxMessageBytes` bounds each message, both as it comes and inflated. */
  constructor(sink: DeframerSink, maxMessageBytes: number) {
    this.#sink = sink;
    this.#maxMessageBytes = maxMessageBytes;
    this.#chunks = new ChunkQueue();
    this.#onInflated = null;
    this.#decompressor = null;
    this.#permits = 0;
    this.#state = 'open';
    this.#isDelivering = false;
    this.#inflation = 'none';
    this.#inflated = null;
    this.#inflationError = null;
  }

  /** Whether bytes wait for a permit or for an inflation: more of them would only wait too, so reading should pause. */
  get isStalled(): boolean {
    return this.#chunks.length > 0 && (this.#permits === 0 || this.#inflation !== 'none');
  }

  /** Whether nothing is held: no byte waits and no message is being inflated. */
  get isEmpty(): boolean {
    return this.#chunks.length === 0 && this.#inflation === 'none';
  }

  /** Chooses how compressed messages are inflated, from the next one on; with null or identity they are an error. */
  setDecompressor(compressor: Compressor | null): void {
    this.#decompressor = compressor?.name === IDENTITY.name ? null : compressor;
  }

  /** Adds permits, and no more than that: call deliver() for what already waits. */
  request(count: number): void {
    this.#permits = addPermits(this.#permits, count);
  }

  /** Queues a chunk and takes it over; call deliver() then. Dropped after end(), discard() and a failure. */
  push(chunk: Uint8Array): void {
    if (this.#state === 'open') this.#chunks.push(chunk);
  }

  /** No chunk will follow; call deliver() then. */
  end(): void {
    if (this.#state === 'open') this.#state = 'ended';
  }

  /** Drops everything; nothing follows. */
  discard(): void {
    this.#state = 'closed';
    this.#chunks.clear();
    this.#inflation = 'none';
    this.#inflated = null;
    this.#inflationError = null;
  }

  /** Tells the sink all there is to tell. From within the sink it does nothing: the delivery that runs goes on. */
  deliver(): void {
    if (this.#isDelivering) return;
    this.#isDelivering = true;
    do {
      while (this.#step());
      if (this.#state !== 'closed') this.#sink.onDelivered();
      // The sink may have brought more to do.
    } while (this.#step());
    this.#isDelivering = false;
  }

  /** Does one thing, if there is one to do: takes a message, delivers an inflated one, or ends. None once closed. */
  #step(): boolean {
    if (this.#inflation === 'running') return false;
    if (this.#inflation === 'done') return this.#deliverInflated();
    if (this.#permits > 0 && this.#takeMessage()) return true;
    if (this.#state !== 'ended' || this.#hasWholeMessage()) return false;
    const midMessage = this.#chunks.length > 0;
    this.discard();
    this.#sink.onDeframed(midMessage);
    return false;
  }

  #hasWholeMessage(): boolean {
    const { length } = this.#chunks;
    return length >= PREFIX_BYTES && length >= PREFIX_BYTES + this.#chunks.readUInt32(1);
  }

  /** Takes out the next message, if it is there as a whole. */
  #takeMessage(): boolean {
    if (this.#chunks.length < PREFIX_BYTES) return false;
    const flags = this.#chunks.readUInt8(0);
    const length = this.#chunks.readUInt32(1);
    if ((flags & RESERVED_BITS) !== 0) return this.#fail(MALFORMED);
    if (length > this.#maxMessageBytes) {
      const description = `gRPC message exceeds maximum size ${this.#maxMessageBytes}: ${length}`;
      return this.#fail(Status.RESOURCE_EXHAUSTED.withDescription(description));
    }
    if (this.#chunks.length < PREFIX_BYTES + length) return false;
    this.#permits -= 1;
    this.#chunks.skip(PREFIX_BYTES);
    const payload = this.#chunks.take(length);
    if (flags === 0) this.#sink.onPayload(payload);
    else if (this.#decompressor === null) return this.#fail(NOT_CONFIGURED);
    else this.#inflate(payload, this.#decompressor);
    return true;
  }

  /** Starts on a compressed message; the outcome, whenever it comes, is the business of #deliverInflated. */
  #inflate(payload: Uint8Array, decompressor: Compressor): void {
    this.#inflation = 'running';
    try {
      if (payload.length > OFF_LOOP_THRESHOLD_BYTES) {
        this.#onInflated ??= (error, bytes): void => this.#onInflation(error, bytes);
        decompressor.decompressLater(payload, this.#maxMessageBytes, this.#onInflated);
      } else {
        this.#finishInflation(null, decompressor.decompress(payload, this.#maxMessageBytes));
      }
    } catch (error) {
      this.#finishInflation(error, null);
    }
  }

  #onInflation(error: Error | null, bytes: Uint8Array | null): void {
    // Not so after a discard: the outcome comes too late.
    if (this.#inflation !== 'running') return;
    this.#finishInflation(error, bytes);
    this.deliver();
  }

  #finishInflation(error: unknown, bytes: Uint8Array | null): void {
    this.#inflation = 'done';
    this.#inflationError = error;
    this.#inflated = bytes;
  }

  #deliverInflated(): boolean {
    const payload = this.#inflated;
    const error = this.#inflationError;
    this.#inflation = 'none';
    this.#inflated = null;
    this.#inflationError = null;
    // A compressor that is not ours may not keep to the limit.
    if (error instanceof InflationLimitError || (payload !== null && payload.length > this.#maxMessageBytes)) {
      const description = `Decompressed gRPC message exceeds maximum size ${this.#maxMessageBytes}`;
      return this.#fail(Status.RESOURCE_EXHAUSTED.withDescription(description).withCause(error ?? undefined));
    }
    if (payload === null) {
      return this.#fail(Status.INTERNAL.withDescription('Failed to decompress gRPC message').withCause(error));
    }
    this.#sink.onPayload(payload);
    return true;
  }

  /** Ends in failure; false, because there is nothing left to do. */
  #fail(status: Status): false {
    this.discard();
    this.#sink.onDeframingFailure(status);
    return false;
  }
}
