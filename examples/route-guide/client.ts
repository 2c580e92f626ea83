/**
 * A RouteGuide client straight on ClientCall: one method for each of the four, each with its flow control in its own
 * hands. Above: tour.ts, demo.ts. Below: the public API. Holds: a reader asks for no more messages than it wants to
 * hold, a writer sends only while its call is ready.
 */
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  CallOptions,
  type Channel,
  type ClientCall,
  ClientCallListener,
  type Marshaller,
  Metadata,
  type MethodDescriptor,
  type Status,
} from '../../src/index.ts';
import { clientMethods } from '../../src/stub/codec/protobuf-es.ts';
import {
  type Feature,
  type PointSchema,
  type RectangleSchema,
  RouteGuide,
  type RouteNote,
  type RouteNoteSchema,
  type RouteSummary,
} from './gen/route_guide_pb.ts';

/** Requests as one writes them: plain objects. */
export type PointInit = MessageInitShape<typeof PointSchema>;
export type RectangleInit = MessageInitShape<typeof RectangleSchema>;
export type NoteInit = MessageInitShape<typeof RouteNoteSchema>;

const METHODS = clientMethods(RouteGuide);
const TIMEOUT_MS = 60_000;

/** How a call ended, and its last message if there was one. */
export interface Outcome<T> {
  readonly status: Status;
  readonly message: T | null;
}

/** How fast a reader takes what it reads. */
export interface Pace {
  /** So many messages are asked for at a time. */
  readonly batch: number;
  /** After each batch the reader rests so long before it asks for the next. */
  readonly restMs: number;
}

/** Makes the four calls. A call that has not ended after a minute ends with DEADLINE_EXCEEDED. */
export class RouteGuideClient {
  readonly #channel: Channel;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** What is at exactly this point. */
  getFeature(point: PointInit): Promise<Outcome<Feature>> {
    const call = this.#newCall(METHODS.getFeature);
    return new Promise((resolve) => {
      call.start(new LastMessage(resolve), new Metadata());
      // A second message would be the server's mistake; without a permit for it the call would wait for ever.
      call.request(2);
      call.sendMessage(point);
      call.halfClose();
    });
  }

  /** What is in a rectangle; `visit` sees each feature once the reader comes to it. */
  listFeatures(rectangle: RectangleInit, pace: Pace, visit: (feature: Feature) => void = () => {}): Listing {
    const { requestMarshaller, responseMarshaller } = METHODS.listFeatures;
    const scale = new Scale(responseMarshaller);
    const call = this.#newCall(METHODS.listFeatures.withMarshallers(requestMarshaller, scale));
    return new Listing(call, rectangle, pace, scale, visit);
  }

  /** Sends a route of any length, and resolves to what it came to. */
  recordRoute(points: Iterable<PointInit>): Promise<Outcome<RouteSummary>> {
    const call = this.#newCall(METHODS.recordRoute);
    return new Promise((resolve) => {
      const writer = new Writer(call, points[Symbol.iterator]());
      call.start(new RouteListener(writer, resolve), new Metadata());
      call.request(2);
      writer.onReady();
    });
  }

  /** Leaves notes, and reads the earlier ones at the same points; `visit` sees each. */
  routeChat(notes: Iterable<NoteInit>, visit: (note: RouteNote) => void): Promise<Outcome<RouteNote>> {
    const call = this.#newCall(METHODS.routeChat);
    return new Promise((resolve) => {
      const writer = new Writer(call, notes[Symbol.iterator]());
      call.start(new ChatListener(call, writer, visit, resolve), new Metadata());
      call.request(1);
      writer.onReady();
    });
  }

  #newCall<Req, Res>(method: MethodDescriptor<Req, Res>): ClientCall<Req, Res> {
    return this.#channel.newCall(method, CallOptions.DEFAULT.withTimeout(TIMEOUT_MS));
  }
}

/** Waits for the end, and keeps the last message. */
class LastMessage<Res> extends ClientCallListener<Res> {
  readonly #resolve: (outcome: Outcome<Res>) => void;
  #message: Res | null = null;

  constructor(resolve: (outcome: Outcome<Res>) => void) {
    super();
    this.#resolve = resolve;
  }

  override onMessage(message: Res): void {
    this.#message = message;
  }

  override onClose(status: Status): void {
    this.#resolve({ status, message: this.#message });
  }
}

/**
 * Sends messages while the call is ready, then half-closes. To be told at the start and whenever the call becomes
 * ready.
 */
class Writer<Req> {
  readonly #call: ClientCall<Req, unknown>;
  readonly #messages: Iterator<Req>;
  #done = false;

  constructor(call: ClientCall<Req, unknown>, messages: Iterator<Req>) {
    this.#call = call;
    this.#messages = messages;
  }

  onReady(): void {
    while (!this.#done && this.#call.isReady()) {
      const next = this.#messages.next();
      this.#done = next.done === true;
      if (this.#done) this.#call.halfClose();
      else this.#call.sendMessage(next.value);
    }
  }
}

class RouteListener extends LastMessage<RouteSummary> {
  readonly #writer: Writer<PointInit>;

  constructor(writer: Writer<PointInit>, resolve: (outcome: Outcome<RouteSummary>) => void) {
    super(resolve);
    this.#writer = writer;
  }

  override onReady(): void {
    this.#writer.onReady();
  }
}

class ChatListener extends LastMessage<RouteNote> {
  readonly #call: ClientCall<NoteInit, RouteNote>;
  readonly #writer: Writer<NoteInit>;
  readonly #visit: (note: RouteNote) => void;

  constructor(
    call: ClientCall<NoteInit, RouteNote>,
    writer: Writer<NoteInit>,
    visit: (note: RouteNote) => void,
    resolve: (outcome: Outcome<RouteNote>) => void,
  ) {
    super(resolve);
    this.#call = call;
    this.#writer = writer;
    this.#visit = visit;
  }

  override onReady(): void {
    this.#writer.onReady();
  }

  override onMessage(note: RouteNote): void {
    super.onMessage(note);
    this.#visit(note);
    this.#call.request(1);
  }
}

/** A Marshaller that weighs what it reads. */
class Scale implements Marshaller<Feature> {
  readonly #marshaller: Marshaller<Feature>;
  bytes = 0;

  constructor(marshaller: Marshaller<Feature>) {
    this.#marshaller = marshaller;
  }

  serialize(message: Feature): Uint8Array {
    return this.#marshaller.serialize(message);
  }

  deserialize(payload: Uint8Array): Feature {
    this.bytes += payload.length;
    return this.#marshaller.deserialize(payload);
  }
}

/** A ListFeatures call under way. Its reader takes a batch, rests, and only then asks for the next. */
export class Listing extends ClientCallListener<Feature> {
  /** How the call ended; never rejects. */
  readonly done: Promise<Status>;
  readonly #call: ClientCall<RectangleInit, Feature>;
  readonly #pace: Pace;
  readonly #scale: Scale;
  readonly #visit: (feature: Feature) => void;
  /** Received, but the reader has not come to them. */
  readonly #unread: Feature[] = [];
  #consumed = 0;
  #worstUnread = 0;
  #ended: Status | null = null;
  #settle: (status: Status) => void = () => {};

  constructor(
    call: ClientCall<RectangleInit, Feature>,
    rectangle: RectangleInit,
    pace: Pace,
    scale: Scale,
    visit: (feature: Feature) => void,
  ) {
    super();
    this.#call = call;
    this.#pace = pace;
    this.#scale = scale;
    this.#visit = visit;
    this.done = new Promise((resolve) => {
      this.#settle = resolve;
    });
    call.start(this, new Metadata());
    call.request(pace.batch);
    call.sendMessage(rectangle);
    call.halfClose();
  }

  /** Features that the reader is done with. */
  get consumed(): number {
    return this.#consumed;
  }

  /** The most features that were received and not yet read. */
  get worstUnread(): number {
    return this.#worstUnread;
  }

  /** Payload bytes received. */
  get bytes(): number {
    return this.#scale.bytes;
  }

  override onMessage(feature: Feature): void {
    this.#unread.push(feature);
    this.#worstUnread = Math.max(this.#worstUnread, this.#unread.length);
    if (this.#unread.length === this.#pace.batch) setTimeout(() => this.#readBatch(), this.#pace.restMs);
  }

  override onClose(status: Status): void {
    this.#ended = status;
    // A full batch still rests; its timer comes.
    if (this.#unread.length < this.#pace.batch) this.#readBatch();
  }

  #readBatch(): void {
    for (const feature of this.#unread.splice(0)) {
      this.#consumed++;
      this.#visit(feature);
    }
    if (this.#ended === null) this.#call.request(this.#pace.batch);
    else this.#settle(this.#ended);
  }
}
