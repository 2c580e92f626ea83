/**
 * A RouteGuide client with reactors: the client half of gRPC's tutorial on the C++ callback API, class by class. Above:
 * client-main.ts, the demo. Below: halfclose/reactor. Holds: each reactor starts its RPC in its constructor, and is done when
 * `done()` says so, which is what the tutorial's `Await` with its mutex and its condition variable comes to.
 */
import { type Channel, type Clock, type Status, SYSTEM_CLOCK } from '../../src/index.ts';
import {
  Alarm,
  ClientBidiReactor,
  ClientContext,
  ClientReadReactor,
  ClientWriteReactor,
  deadlineAfter,
  newStub,
  type Stub,
} from '../../src/reactor/index.ts';
import { clientMethods } from '../../src/stub/codec/protobuf-es.ts';
import type { NoteInit, Outcome, PointInit, RectangleInit } from '../route-guide/client.ts';
import { type Feature, RouteGuide, type RouteNote, type RouteSummary } from '../route-guide/gen/route_guide_pb.ts';
import { formatPoint } from '../route-guide/screen.ts';
import type { Log } from './service.ts';

const METHODS = clientMethods(RouteGuide);
const TIMEOUT_MS = 60_000;

/** RouteGuide's methods, over a channel. */
export type RouteGuideStub = Stub<typeof METHODS>;

/** What the tutorial's client has to say. */
export const NOTES: readonly NoteInit[] = [
  { message: 'First message', location: { latitude: 0, longitude: 0 } },
  { message: 'Second message', location: { latitude: 0, longitude: 1 } },
  { message: 'Third message', location: { latitude: 1, longitude: 0 } },
  { message: 'Fourth message', location: { latitude: 0, longitude: 0 } },
];

/** How one travels in RecordRoute. */
export interface Journey {
  /** How long to rest at each point, in milliseconds; asked at each. Default: from 500 to 1500, by chance. */
  readonly restMs?: () => number;
  /** Times the rests. Default: the system's. */
  readonly clock?: Clock;
}

/** Makes the four calls, and says through `log` what comes of them. A call that has not ended after a minute is ended. */
export class RouteGuideClient {
  readonly #stub: RouteGuideStub;
  readonly #log: Log;

  constructor(channel: Channel, log: Log) {
    this.#stub = newStub(METHODS, channel);
    this.#log = log;
  }

  /** What is at a point: a unary RPC whose only reaction is a function. */
  getOneFeature(point: PointInit): Promise<Outcome<Feature>> {
    return new Promise((resolve) => {
      this.#stub.async().getFeature(newContext(), point, (status, feature) => {
        if (!status.isOk || feature === undefined) {
          this.#log('GetFeature rpc failed.');
        } else if (feature.location === undefined) {
          this.#log('Server returns incomplete feature.');
        } else if (feature.name === '') {
          this.#log(`Found no feature at ${formatPoint(feature.location)}`);
        } else {
          this.#log(`Found feature called ${feature.name} at ${formatPoint(feature.location)}`);
        }
        resolve({ status, message: feature ?? null });
      });
    });
  }

  /** What is in a rectangle. */
  async listFeatures(rectangle: RectangleInit): Promise<{ status: Status; features: readonly Feature[] }> {
    this.#log(`Looking for features between ${formatPoint(rectangle.lo)} and ${formatPoint(rectangle.hi)}`);
    const reader = new Reader(this.#stub, rectangle, this.#log);
    const status = await reader.done();
    this.#log(status.isOk ? 'ListFeatures rpc succeeded.' : 'ListFeatures rpc failed.');
    return { status, features: reader.features };
  }

  /** Visits these points one after the other, and has the way summed up. */
  async recordRoute(points: Iterable<PointInit>, journey: Journey = {}): Promise<Outcome<RouteSummary>> {
    const recorder = new Recorder(this.#stub, points, this.#log, journey);
    const status = await recorder.done();
    const { stats } = recorder;
    if (stats === null) {
      this.#log('RecordRoute rpc failed.');
    } else {
      this.#log(`Finished trip with ${stats.pointCount} points`);
      this.#log(`Passed ${stats.featureCount} features`);
      this.#log(`Travelled ${stats.distance} meters`);
      this.#log(`It took ${stats.elapsedTime} seconds`);
    }
    return { status, message: stats };
  }

  /** Leaves notes, and reads the earlier ones at the same points. */
  async routeChat(notes: Iterable<NoteInit> = NOTES): Promise<{ status: Status; notes: readonly RouteNote[] }> {
    const chatter = new Chatter(this.#stub, notes, this.#log);
    const status = await chatter.done();
    if (!status.isOk) this.#log('RouteChat rpc failed.');
    return { status, notes: chatter.received };
  }
}

/** Settings of one RPC; each needs its own. */
function newContext(): ClientContext {
  const context = new ClientContext();
  context.setDeadline(deadlineAfter(TIMEOUT_MS));
  return context;
}

/** ListFeatures: reads until there is no more. */
export class Reader extends ClientReadReactor<Feature> {
  readonly features: Feature[] = [];
  readonly #log: Log;

  constructor(stub: RouteGuideStub, rectangle: RectangleInit, log: Log) {
    super();
    this.#log = log;
    stub.async().listFeatures(newContext(), rectangle, this);
    this.startRead();
    this.startCall();
  }

  override onReadDone(_ok: boolean, feature: Feature | undefined): void {
    // Undefined if and only if not ok: no more will come, and why, done() will tell.
    if (feature === undefined) return;
    this.features.push(feature);
    this.#log(`Found feature called ${feature.name} at ${formatPoint(feature.location)}`);
    this.startRead();
  }
}

/** RecordRoute: rests after each point, then writes the next. */
export class Recorder extends ClientWriteReactor<PointInit, RouteSummary> {
  /** Null before the end, and after one that is not OK. */
  stats: RouteSummary | null = null;
  readonly #points: Iterator<PointInit>;
  readonly #log: Log;
  readonly #restMs: () => number;
  readonly #alarm: Alarm;

  constructor(stub: RouteGuideStub, points: Iterable<PointInit>, log: Log, journey: Journey) {
    super();
    const { restMs = () => 500 + Math.random() * 1000, clock = SYSTEM_CLOCK } = journey;
    this.#points = points[Symbol.iterator]();
    this.#log = log;
    this.#restMs = restMs;
    this.#alarm = new Alarm(clock);
    stub.async().recordRoute(newContext(), this);
    // The alarm starts writes, and no reaction is running then: without a hold the RPC could be done in between.
    this.addHold();
    this.#nextWrite();
    this.startCall();
  }

  override onWriteDone(ok: boolean): void {
    // The tutorial does not ask, and travels on to the end with nobody to tell.
    if (ok) this.#alarm.set(deadlineAfter(this.#restMs()), () => this.#nextWrite());
    else this.removeHold();
  }

  override onDone(_status: Status, stats: RouteSummary | undefined): void {
    this.stats = stats ?? null;
  }

  #nextWrite(): void {
    const next = this.#points.next();
    if (!next.done) {
      this.#log(`Visiting point ${formatPoint(next.value)}`);
      this.startWrite(next.value);
      return;
    }
    // The tutorial's text has startWriteLast for the last point, its code this. With startWriteLast the half-close travels
    // with the point; this way the last point, too, is followed by a rest.
    this.startWritesDone();
    this.removeHold();
  }
}

/** RouteChat: writes and reads at the same time. */
export class Chatter extends ClientBidiReactor<NoteInit, RouteNote> {
  readonly received: RouteNote[] = [];
  readonly #notes: Iterator<NoteInit>;
  readonly #log: Log;

  constructor(stub: RouteGuideStub, notes: Iterable<NoteInit>, log: Log) {
    super();
    this.#notes = notes[Symbol.iterator]();
    this.#log = log;
    stub.async().routeChat(newContext(), this);
    this.#nextWrite();
    this.startRead();
    this.startCall();
  }

  override onWriteDone(ok: boolean): void {
    if (ok) this.#nextWrite();
  }

  override onReadDone(_ok: boolean, note: RouteNote | undefined): void {
    if (note === undefined) return;
    this.received.push(note);
    this.#log(`Got message ${formatNote(note)}`);
    this.startRead();
  }

  #nextWrite(): void {
    const next = this.#notes.next();
    if (next.done) {
      this.startWritesDone();
      return;
    }
    this.#log(`Sending message ${formatNote(next.value)}`);
    this.startWrite(next.value);
  }
}

/** With raw coordinates: the notes lie a ten-millionth of a degree apart. */
function formatNote({ message, location }: NoteInit): string {
  return `${message ?? ''} at ${location?.latitude ?? 0}, ${location?.longitude ?? 0}`;
}
