/**
 * TrackedStream: a transport's stream whose start and end somebody follows. Above: StreamClientCall or the streams that wait
 * on its behalf. Below: the transport's stream. Exists because some balancers count calls; others have none. Holds: the
 * tracker hears of the start once, inside start, and of the end once, before the call does.
 */
import type { ClientStream, ClientStreamListener, StreamProgress, WriteFlags } from '../transport/stream.ts';
import type { StreamOptions, StreamSource } from '../transport/transport.ts';
import type { Attributes } from '../values/attributes.ts';
import type { Metadata } from '../values/metadata.ts';
import type { MethodDescriptor } from '../values/method.ts';
import type { Status } from '../values/status.ts';
import type { CallTracker } from './balancer/balancer.ts';

/** Makes tracked streams of a source. */
export class TrackedSource implements StreamSource {
  readonly #source: StreamSource;
  readonly #tracker: CallTracker;

  constructor(source: StreamSource, tracker: CallTracker) {
    this.#source = source;
    this.#tracker = tracker;
  }

  newStream(method: MethodDescriptor<unknown, unknown>, options: StreamOptions): ClientStream {
    return new TrackedStream(this.#source.newStream(method, options), this.#tracker);
  }
}

class TrackedStream implements ClientStream {
  readonly #stream: ClientStream;
  readonly #tracker: CallTracker;

  constructor(stream: ClientStream, tracker: CallTracker) {
    this.#stream = stream;
    this.#tracker = tracker;
  }

  start(headers: Metadata, listener: ClientStreamListener): void {
    this.#tracker.onCallStarted();
    this.#stream.start(headers, new TrackingListener(listener, this.#tracker));
  }

  request(count: number): void {
    this.#stream.request(count);
  }

  writeMessage(payload: Uint8Array, flags: WriteFlags): void {
    this.#stream.writeMessage(payload, flags);
  }

  halfClose(): void {
    this.#stream.halfClose();
  }

  cancel(reason: Status): void {
    this.#stream.cancel(reason);
  }

  isReady(): boolean {
    return this.#stream.isReady();
  }

  getAttributes(): Attributes {
    return this.#stream.getAttributes();
  }

  describeProgress(): string {
    return this.#stream.describeProgress();
  }
}

class TrackingListener implements ClientStreamListener {
  readonly #listener: ClientStreamListener;
  readonly #tracker: CallTracker;

  constructor(listener: ClientStreamListener, tracker: CallTracker) {
    this.#listener = listener;
    this.#tracker = tracker;
  }

  onHeaders(headers: Metadata): void {
    this.#listener.onHeaders(headers);
  }

  onMessage(payload: Uint8Array): void {
    this.#listener.onMessage(payload);
  }

  onReady(): void {
    this.#listener.onReady();
  }

  onWritten(count: number): void {
    this.#listener.onWritten(count);
  }

  onClosing(status: Status): void {
    this.#listener.onClosing(status);
  }

  onClose(status: Status, trailers: Metadata, progress: StreamProgress): void {
    this.#tracker.onCallEnded(status);
    this.#listener.onClose(status, trailers, progress);
  }
}
