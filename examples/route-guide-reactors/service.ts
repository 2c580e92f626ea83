/**
 * The RouteGuide service with reactors: the server half of gRPC's tutorial on the C++ callback API, class by class.
 * Above: server-main.ts. Below: halfclose/reactor, feature-list.ts. Holds: each reactor has at most one read and one write
 * outstanding, so neither a slow reader nor a fast writer costs memory here.
 *
 * What C++ needs and this does not: `delete this` in OnDone, and a mutex around the notes. Three mistakes of the tutorial are
 * mended; each is named where it was.
 */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Clock, type ServiceDefinition, Status, SYSTEM_CLOCK } from '../../src/index.ts';
import {
  type CallbackServerContext,
  type CallbackService,
  callbackService,
  ServerBidiReactor,
  ServerReadReactor,
  ServerUnaryReactor,
  ServerWriteReactor,
} from '../../src/reactor/index.ts';
import { serverMethods } from '../../src/stub/codec/protobuf-es.ts';
import { distanceMetres, type Location } from '../route-guide/distance.ts';
import type { NamedPoint } from '../route-guide/features.ts';
import {
  type FeatureSchema,
  type Point,
  type Rectangle,
  RouteGuide,
  type RouteNote,
  type RouteNoteSchema,
  type RouteSummarySchema,
} from '../route-guide/gen/route_guide_pb.ts';
import type { Features } from './feature-list.ts';

type FeatureInit = MessageInitShape<typeof FeatureSchema>;
type SummaryInit = MessageInitShape<typeof RouteSummarySchema>;
type NoteInit = MessageInitShape<typeof RouteNoteSchema>;

const METHODS = serverMethods(RouteGuide);
const ORIGIN: Location = { latitude: 0, longitude: 0 };
const LARGEST_INT32 = 2 ** 31 - 1;

/** Takes a line that is written down. */
export type Log = (line: string) => void;

/** The service, for `server.addService`. */
export function routeGuideService(implementation: RouteGuideImpl): ServiceDefinition {
  return callbackService(METHODS, implementation);
}

/** The handlers: each makes the reactor of one RPC and returns it. Notes live as long as the service. */
export class RouteGuideImpl implements CallbackService<typeof METHODS> {
  readonly #features: Features;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #receivedNotes: RouteNote[] = [];

  /** `log` is told how RPCs end; `clock` times the routes. Default: the system's. */
  constructor(features: Features, log: Log, clock: Clock = SYSTEM_CLOCK) {
    this.#features = features;
    this.#log = log;
    this.#clock = clock;
  }

  /** The name at exactly this point, or an empty one. */
  getFeature(context: CallbackServerContext, point: Point): ServerUnaryReactor<FeatureInit> {
    const reactor = context.defaultReactor<FeatureInit>();
    reactor.finish(Status.OK, featureAt(point, this.#features));
    return reactor;
  }

  listFeatures(_context: CallbackServerContext, rectangle: Rectangle): ServerWriteReactor<FeatureInit> {
    return new Lister(rectangle, this.#features, this.#log);
  }

  recordRoute(context: CallbackServerContext): ServerReadReactor<Point, SummaryInit> {
    return new Recorder(context, this.#features, this.#log, this.#clock);
  }

  routeChat(_context: CallbackServerContext): ServerBidiReactor<RouteNote, NoteInit> {
    return new Chatter(this.#receivedNotes, this.#log);
  }
}

/** RouteGuideImpl with a reactor of our own for GetFeature, which hears of cancellation and of the end. */
export class CustomRouteGuideImpl extends RouteGuideImpl {
  readonly #features: Features;
  readonly #log: Log;

  /** As RouteGuideImpl. */
  constructor(features: Features, log: Log, clock: Clock = SYSTEM_CLOCK) {
    super(features, log, clock);
    this.#features = features;
    this.#log = log;
  }

  override getFeature(_context: CallbackServerContext, point: Point): ServerUnaryReactor<FeatureInit> {
    return new FeatureReactor(point, this.#features, this.#log);
  }
}

class FeatureReactor extends ServerUnaryReactor<FeatureInit> {
  readonly #log: Log;

  constructor(point: Point, features: Features, log: Log) {
    super();
    this.#log = log;
    this.finish(Status.OK, featureAt(point, features));
  }

  override onCancel(): void {
    this.#log('RPC Cancelled');
  }

  override onDone(): void {
    this.#log('RPC Completed');
  }
}

/**
 * ListFeatures: a cursor over the rectangle, moved by each write that is done. The tutorial's text gives reactors of a
 * server that stream one way two type parameters, its code one. Here a ServerWriteReactor has one as well, what it writes;
 * a ServerReadReactor has two, what it reads and its response.
 */
class Lister extends ServerWriteReactor<FeatureInit> {
  readonly #log: Log;
  readonly #cursor: Iterator<NamedPoint, void>;

  constructor({ lo, hi }: Rectangle, features: Features, log: Log) {
    super();
    this.#log = log;
    this.#cursor = features.within(lo ?? ORIGIN, hi ?? ORIGIN)[Symbol.iterator]();
    this.#nextWrite();
  }

  override onWriteDone(ok: boolean): void {
    if (!ok) {
      this.finish(Status.UNKNOWN.withDescription('Unexpected Failure'));
      // The tutorial lacks this return: it goes on to the next write, which fails as well, and so to a second finish.
      return;
    }
    this.#nextWrite();
  }

  override onCancel(): void {
    this.#log('RPC Cancelled');
  }

  override onDone(): void {
    this.#log('RPC Completed');
  }

  #nextWrite(): void {
    const next = this.#cursor.next();
    if (next.done) this.finish(Status.OK);
    else this.startWrite(next.value);
  }
}

/** RecordRoute: adds up a route as it comes, whatever its length. */
class Recorder extends ServerReadReactor<Point, SummaryInit> {
  readonly #context: CallbackServerContext;
  readonly #features: Features;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #startedAtMs: number;
  #pointCount = 0;
  #featureCount = 0;
  #distance = 0;
  #previous: Point | null = null;

  constructor(context: CallbackServerContext, features: Features, log: Log, clock: Clock) {
    super();
    this.#context = context;
    this.#features = features;
    this.#log = log;
    this.#clock = clock;
    this.#startedAtMs = clock.now();
    this.startRead();
  }

  override onReadDone(_ok: boolean, point: Point | undefined): void {
    if (point === undefined) {
      this.#sumUp();
      return;
    }
    this.#pointCount += 1;
    if ((this.#features.at(point)?.name ?? '') !== '') this.#featureCount += 1;
    if (this.#previous !== null) this.#distance += distanceMetres(this.#previous, point);
    this.#previous = point;
    this.startRead();
  }

  override onCancel(): void {
    this.#log('RPC Cancelled');
  }

  override onDone(): void {
    this.#log('RPC Completed');
  }

  #sumUp(): void {
    // The reads end for a client that went away, too. The tutorial takes that for the end of the route.
    if (this.#context.isCancelled()) {
      this.finish(Status.CANCELLED);
      return;
    }
    this.finish(Status.OK, {
      pointCount: this.#pointCount,
      featureCount: this.#featureCount,
      distance: Math.min(Math.trunc(this.#distance), LARGEST_INT32),
      elapsedTime: Math.trunc((this.#clock.now() - this.#startedAtMs) / 1000),
    });
  }
}

/** RouteChat: answers each note with the earlier ones at its point, then keeps it and reads the next one. */
class Chatter extends ServerBidiReactor<RouteNote, NoteInit> {
  readonly #receivedNotes: RouteNote[];
  readonly #log: Log;
  #note: RouteNote | null = null;
  #toSendNotes: Iterator<RouteNote> = [].values();

  constructor(receivedNotes: RouteNote[], log: Log) {
    super();
    this.#receivedNotes = receivedNotes;
    this.#log = log;
    this.startRead();
  }

  override onReadDone(_ok: boolean, note: RouteNote | undefined): void {
    if (note === undefined) {
      this.finish(Status.OK);
      return;
    }
    this.#note = note;
    // A new list for each note. The tutorial adds to one list and never clears it: whatever one note was answered with,
    // all later ones are answered with again.
    this.#toSendNotes = this.#receivedNotes.filter((earlier) => isAtSamePoint(earlier, note)).values();
    this.#nextWrite();
  }

  override onWriteDone(ok: boolean): void {
    // The tutorial does not ask, and goes on through all that is left to send; the next read then tells it to finish.
    if (ok) this.#nextWrite();
    else this.finish(Status.UNKNOWN.withDescription('Unexpected Failure'));
  }

  override onCancel(): void {
    this.#log('RPC Cancelled');
  }

  override onDone(): void {
    this.#log('RPC Completed');
  }

  #nextWrite(): void {
    const next = this.#toSendNotes.next();
    if (!next.done) {
      this.startWrite(next.value);
      return;
    }
    if (this.#note !== null) this.#receivedNotes.push(this.#note);
    this.startRead();
  }
}

/** What GetFeature answers. */
function featureAt(point: Point, features: Features): FeatureInit {
  return { name: features.at(point)?.name ?? '', location: point };
}

function isAtSamePoint(one: RouteNote, other: RouteNote): boolean {
  const [a, b] = [one.location ?? ORIGIN, other.location ?? ORIGIN];
  return a.latitude === b.latitude && a.longitude === b.longitude;
}
