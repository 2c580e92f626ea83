/**
 * The RouteGuide service: four handlers, one of each kind, straight on ServerCall. Above: server-main.ts. Below: the
 * public API, features.ts and distance.ts. Holds: what streams is sent only while the call is ready, and no handler
 * asks for a message before it is done with the last, so neither a slow reader nor a fast writer costs memory here.
 */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { Metadata, type ServerCall, ServerCallListener, ServiceDefinition, Status } from '../../src/index.ts';
import { serverMethods } from '../../src/stub/codec/protobuf-es.ts';
import { distanceMetres, type Location } from './distance.ts';
import type { FeatureDatabase, NamedPoint } from './features.ts';
import {
  type FeatureSchema,
  type Point,
  type Rectangle,
  RouteGuide,
  type RouteNote,
  type RouteNoteSchema,
  type RouteSummarySchema,
} from './gen/route_guide_pb.ts';
import type { WriteMeter } from './meter.ts';

type FeatureCall<Req> = ServerCall<Req, MessageInitShape<typeof FeatureSchema>>;
type SummaryCall = ServerCall<Point, MessageInitShape<typeof RouteSummarySchema>>;
type ChatCall = ServerCall<RouteNote, MessageInitShape<typeof RouteNoteSchema>>;

const ORIGIN: Location = { latitude: 0, longitude: 0 };
const LARGEST_INT32 = 2 ** 31 - 1;
const NO_REQUEST = Status.UNIMPLEMENTED.withDescription('the request has no message');

/**
 * The service over a set of features. `meter` counts what ListFeatures holds queued. Notes live as long as the service.
 */
export function routeGuideService(features: FeatureDatabase, meter: WriteMeter): ServiceDefinition {
  const { getFeature, listFeatures, recordRoute, routeChat } = serverMethods(RouteGuide);
  const board = new NoteBoard();
  return new ServiceDefinition(RouteGuide.typeName)
    .addMethod(getFeature, (call) => new GetFeatureListener(call, features))
    .addMethod(listFeatures, (call) => new ListFeaturesListener(call, features, meter))
    .addMethod(recordRoute, (call) => new RecordRouteListener(call, features))
    .addMethod(routeChat, (call) => new RouteChatListener(call, board));
}

/** GetFeature: the name at exactly the point asked for, or an empty one. */
class GetFeatureListener extends ServerCallListener<Point> {
  readonly #call: FeatureCall<Point>;
  readonly #features: FeatureDatabase;
  #answered = false;

  constructor(call: FeatureCall<Point>, features: FeatureDatabase) {
    super();
    this.#call = call;
    this.#features = features;
    call.request(1);
  }

  override onMessage(point: Point): void {
    this.#answered = true;
    this.#call.sendHeaders(new Metadata());
    this.#call.sendMessage({ name: this.#features.at(point)?.name ?? '', location: point });
    this.#call.close(Status.OK, new Metadata());
  }

  override onHalfClose(): void {
    if (!this.#answered) this.#call.close(NO_REQUEST, new Metadata());
  }
}

/** ListFeatures: a cursor over the rectangle that moves only while the call is ready. */
class ListFeaturesListener extends ServerCallListener<Rectangle> {
  readonly #call: FeatureCall<Rectangle>;
  readonly #features: FeatureDatabase;
  readonly #meter: WriteMeter;
  /** What is still to be sent; null before the rectangle has come and after the end. */
  #cursor: Iterator<NamedPoint, void> | null = null;
  #asked = false;
  #queued = 0;

  constructor(call: FeatureCall<Rectangle>, features: FeatureDatabase, meter: WriteMeter) {
    super();
    this.#call = call;
    this.#features = features;
    this.#meter = meter;
    call.request(1);
  }

  override onMessage({ lo, hi }: Rectangle): void {
    this.#asked = true;
    this.#cursor = this.#features.within(lo ?? ORIGIN, hi ?? ORIGIN);
    this.#call.sendHeaders(new Metadata());
    this.#sendWhileReady();
  }

  override onReady(): void {
    this.#sendWhileReady();
  }

  override onHalfClose(): void {
    if (!this.#asked) this.#call.close(NO_REQUEST, new Metadata());
  }

  override onWritten(count: number): void {
    this.#queued -= count;
    this.#meter.onGone(count);
  }

  override onComplete(): void {
    this.#onEnd();
  }

  override onCancel(): void {
    this.#onEnd();
  }

  #onEnd(): void {
    this.#cursor = null;
    this.#meter.onGone(this.#queued);
  }

  #sendWhileReady(): void {
    while (this.#cursor !== null && this.#call.isReady()) {
      const next = this.#cursor.next();
      if (next.done) {
        this.#cursor = null;
        this.#call.close(Status.OK, new Metadata());
      } else {
        this.#queued++;
        this.#meter.onSent();
        this.#call.sendMessage(next.value);
      }
    }
  }
}

/** RecordRoute: adds up a route as it comes, whatever its length. */
class RecordRouteListener extends ServerCallListener<Point> {
  readonly #call: SummaryCall;
  readonly #features: FeatureDatabase;
  readonly #startedAtMs = performance.now();
  #points = 0;
  #featuresPassed = 0;
  #metres = 0;
  #last: Point | null = null;

  constructor(call: SummaryCall, features: FeatureDatabase) {
    super();
    this.#call = call;
    this.#features = features;
    call.request(1);
  }

  override onMessage(point: Point): void {
    this.#points++;
    if ((this.#features.at(point)?.name ?? '') !== '') this.#featuresPassed++;
    if (this.#last !== null) this.#metres += distanceMetres(this.#last, point);
    this.#last = point;
    this.#call.request(1);
  }

  override onHalfClose(): void {
    this.#call.sendHeaders(new Metadata());
    this.#call.sendMessage({
      pointCount: this.#points,
      featureCount: this.#featuresPassed,
      distance: Math.min(Math.trunc(this.#metres), LARGEST_INT32),
      elapsedTime: Math.trunc((performance.now() - this.#startedAtMs) / 1000),
    });
    this.#call.close(Status.OK, new Metadata());
  }
}

/** The notes that all clients left, by point, in the order of their arrival. */
class NoteBoard {
  readonly #notes = new Map<string, RouteNote[]>();

  at({ latitude, longitude }: Location): RouteNote[] {
    const key = `${latitude},${longitude}`;
    const there = this.#notes.get(key) ?? [];
    this.#notes.set(key, there);
    return there;
  }
}

/** RouteChat: answers each note with the earlier ones at its point, and reads the next one after that. */
class RouteChatListener extends ServerCallListener<RouteNote> {
  readonly #call: ChatCall;
  readonly #board: NoteBoard;
  /** The answers to the last note: those from `#next` up to `#end` are still to be sent. */
  #answers: readonly RouteNote[] = [];
  #next = 0;
  #end = 0;
  #halfClosed = false;

  constructor(call: ChatCall, board: NoteBoard) {
    super();
    this.#call = call;
    this.#board = board;
    call.sendHeaders(new Metadata());
    call.request(1);
  }

  override onMessage(note: RouteNote): void {
    const there = this.#board.at(note.location ?? ORIGIN);
    this.#answers = there;
    this.#next = 0;
    // Notes that come from now on, this one first, are no answer to it.
    this.#end = there.length;
    there.push(note);
    this.#answer();
  }

  override onReady(): void {
    if (this.#next < this.#end) this.#answer();
  }

  override onHalfClose(): void {
    this.#halfClosed = true;
    if (this.#next === this.#end) this.#call.close(Status.OK, new Metadata());
  }

  #answer(): void {
    while (this.#next < this.#end) {
      if (!this.#call.isReady()) return;
      const answer = this.#answers[this.#next++];
      if (answer !== undefined) this.#call.sendMessage(answer);
    }
    if (this.#halfClosed) this.#call.close(Status.OK, new Metadata());
    else this.#call.request(1);
  }
}
