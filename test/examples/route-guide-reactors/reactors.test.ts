/**
 * The reactors of the RouteGuide example by themselves: what they say, what they do with time, and what they do when an
 * RPC fails. Within the process.
 */
import type { NoteInit, PointInit } from '../../../examples/route-guide/client.ts';
import {
  type Feature,
  RouteGuide,
  type RouteNote,
  type RouteSummary,
} from '../../../examples/route-guide/gen/route_guide_pb.ts';
import { type Journey, RouteGuideClient } from '../../../examples/route-guide-reactors/client.ts';
import { FeatureList, type Features } from '../../../examples/route-guide-reactors/feature-list.ts';
import {
  CustomRouteGuideImpl,
  RouteGuideImpl,
  routeGuideService,
} from '../../../examples/route-guide-reactors/service.ts';
import { Code } from '../../../src/index.ts';
import {
  ClientBidiReactor,
  ClientContext,
  ClientReadReactor,
  ClientWriteReactor,
  newStub,
} from '../../../src/reactor/index.ts';
import { clientMethods } from '../../../src/stub/codec/protobuf-es.ts';
import { type InProcessRig, startInProcess } from '../../../src/testing/in-process.ts';
import { assert, suite, within } from '../../support/suite.ts';
import { WoundClock } from '../../support/wound-clock.ts';
import { PLACES, place } from './new-jersey.ts';

const FEATURES = new FeatureList(PLACES);
const METHODS = clientMethods(RouteGuide);
/** More than any buffer holds. */
const ROW = Array.from({ length: 20_000 }, (_, longitude) => ({
  name: `feature number ${longitude}`,
  location: { latitude: 500_000_000, longitude },
}));

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Moves time on from alarm to alarm until `done` is settled. */
async function travel<T>(clock: WoundClock, done: Promise<T>): Promise<T> {
  let isDone = false;
  void done.then(() => {
    isDone = true;
  });
  while (!isDone) {
    if (clock.armed > 0) clock.advance(clock.nextDueMs - clock.now());
    await turn();
  }
  return done;
}

/** Waits for what others do in ticks of this process. */
async function until(holds: () => boolean): Promise<void> {
  const waiting = async (): Promise<void> => {
    while (!holds()) await turn();
  };
  await within(5000, waiting());
}

const test = suite('Reactors of RouteGuide');

/** What the reactors of the server threw, and what they said. */
let errors: unknown[];
let said: string[];

test.before.each(() => {
  errors = [];
  said = [];
});

function serve(features: Features = FEATURES): Promise<InProcessRig> {
  const implementation = new RouteGuideImpl(features, (line) => said.push(line));
  const onHandlerError = (error: unknown): void => void errors.push(error);
  const services = [routeGuideService(implementation)];
  return startInProcess({ services, server: { onHandlerError } });
}

test('the client says what it does and what comes of it', async () => {
  await using rig = await serve();
  const lines: string[] = [];
  const client = new RouteGuideClient(rig.channel, (line) => lines.push(line));
  await within(5000, client.getOneFeature(place(48).location));
  await within(5000, client.getOneFeature({ latitude: 0, longitude: 0 }));
  await within(5000, client.listFeatures({ lo: place(0).location, hi: place(0).location }));
  await within(5000, client.recordRoute([place(99).location, place(0).location], { restMs: () => 0 }));
  await within(5000, client.routeChat([{ message: 'alone', location: { latitude: 0, longitude: 1 } }]));
  await within(5000, client.routeChat([{ message: 'not alone', location: { latitude: 0, longitude: 1 } }]));
  assert.equal(lines, [
    'Found feature called Berkshire Valley Management Area Trail, Jefferson, NJ, USA at 40.9146, -74.6189',
    'Found no feature at 0.0000, 0.0000',
    'Looking for features between 40.7838, -74.6144 and 40.7838, -74.6144',
    'Found feature called Patriots Path, Mendham, NJ 07945, USA at 40.7838, -74.6144',
    'ListFeatures rpc succeeded.',
    'Visiting point 41.0248, -74.7128',
    'Visiting point 40.7838, -74.6144',
    'Finished trip with 2 points',
    'Passed 2 features',
    'Travelled 28043 meters',
    'It took 0 seconds',
    'Sending message alone at 0, 1',
    'Sending message not alone at 0, 1',
    'Got message alone at 0, 1',
  ]);
  // GetFeature has the default reactor, which says nothing.
  assert.equal(said, Array(4).fill('RPC Completed'));
});

test('the client says so when an RPC fails', async () => {
  await using rig = await startInProcess();
  const lines: string[] = [];
  const client = new RouteGuideClient(rig.channel, (line) => lines.push(line));
  const outcomes = [
    await within(5000, client.getOneFeature({})),
    await within(5000, client.listFeatures({})),
    await within(5000, client.recordRoute([])),
    await within(5000, client.routeChat([])),
  ];
  assert.equal(
    outcomes.map(({ status }) => status.code),
    Array(4).fill(Code.UNIMPLEMENTED),
  );
  assert.equal(
    lines.filter((line) => line.endsWith(' rpc failed.')),
    ['GetFeature', 'ListFeatures', 'RecordRoute', 'RouteChat'].map((name) => `${name} rpc failed.`),
  );
});

test('GetFeature with a reactor of its own answers alike, and hears of the end', async () => {
  const implementation = new CustomRouteGuideImpl(FEATURES, (line) => said.push(line));
  await using rig = await startInProcess(routeGuideService(implementation));
  const client = new RouteGuideClient(rig.channel, () => {});
  const { message } = await within(5000, client.getOneFeature(place(12).location));
  assert.is(message?.name, 'Clinton Road, West Milford, NJ 07480, USA');
  await until(() => said.length > 0);
  assert.equal(said, ['RPC Completed']);
});

test('ten points of a route are ten rests, the last behind the last point, and the server counts the seconds', async () => {
  const clock = new WoundClock();
  const implementation = new RouteGuideImpl(FEATURES, () => {}, clock);
  await using rig = await startInProcess(routeGuideService(implementation));
  const lines: string[] = [];
  const client = new RouteGuideClient(rig.channel, (line) => lines.push(line));
  let rests = 0;
  const journey: Journey = {
    clock,
    // Not a whole number of seconds in all: the alarm may be a millisecond early.
    restMs: () => {
      rests += 1;
      return 1050;
    },
  };
  const recording = client.recordRoute(Array(10).fill(place(0).location), journey);
  await until(() => clock.armed === 1);
  assert.equal(lines, ['Visiting point 40.7838, -74.6144']);
  clock.advance(500);
  await turn();
  assert.is(lines.length, 1);
  const { message } = await within(5000, travel(clock, recording));
  assert.is(rests, 10);
  assert.is(lines.filter((line) => line.startsWith('Visiting point')).length, 10);
  assert.equal([message?.pointCount, message?.elapsedTime], [10, 10]);
  assert.is(clock.armed, 0);
});

test('a traveller rests from half a second up to one and a half unless told', async () => {
  await using rig = await serve();
  const clock = new WoundClock();
  const client = new RouteGuideClient(rig.channel, () => {});
  const recording = client.recordRoute([place(0).location], { clock });
  await until(() => clock.armed === 1);
  assert.ok(clock.nextDueMs > 400 && clock.nextDueMs <= 1500, `${clock.nextDueMs} ms`);
  const { message } = await within(5000, travel(clock, recording));
  assert.is(message?.pointCount, 1);
});

test('an RPC that fails while the traveller rests ends with the next point', async () => {
  await using rig = await serve();
  const clock = new WoundClock();
  const lines: string[] = [];
  const client = new RouteGuideClient(rig.channel, (line) => lines.push(line));
  let isDone = false;
  const recording = client.recordRoute(Array(5).fill(place(0).location), { clock });
  void recording.then(() => {
    isDone = true;
  });
  await until(() => clock.armed === 1);
  rig.faults.dropConnection();
  await until(() => said.length === 2);
  // The client knows as well by now; the hold keeps the end away.
  await turn();
  assert.not(isDone);
  const { status, message } = await within(5000, travel(clock, recording));
  assert.is(status.code, Code.UNAVAILABLE);
  assert.is(message, null);
  assert.equal(lines.slice(1), ['Visiting point 40.7838, -74.6144', 'RecordRoute rpc failed.']);
  assert.equal(said, ['RPC Cancelled', 'RPC Completed']);
});

test('a lister whose write fails finishes once', async () => {
  await using rig = await serve(new FeatureList(ROW));
  const context = new ClientContext();
  const reader = ClientReadReactor.from<Feature>({
    onReadDone(ok) {
      // A write is outstanding by now: the reader of one feature holds back the rest.
      if (ok) setImmediate(() => context.tryCancel());
    },
  });
  const rectangle = { lo: { latitude: 500_000_000 }, hi: { latitude: 500_000_000, longitude: ROW.length } };
  newStub(METHODS, rig.channel).async().listFeatures(context, rectangle, reader);
  reader.startRead();
  reader.startCall();
  assert.is((await within(5000, reader.done())).code, Code.CANCELLED);
  await until(() => said.length === 2);
  assert.equal(said, ['RPC Cancelled', 'RPC Completed']);
  assert.equal(errors, []);
});

test('a recorder whose client goes away finishes once', async () => {
  await using rig = await serve();
  const context = new ClientContext();
  const writer = ClientWriteReactor.from<PointInit, RouteSummary>({
    onWriteDone() {
      context.tryCancel();
    },
  });
  newStub(METHODS, rig.channel).async().recordRoute(context, writer);
  writer.startWrite({});
  writer.startCall();
  assert.is((await within(5000, writer.done())).code, Code.CANCELLED);
  await until(() => said.length === 2);
  assert.equal(said, ['RPC Cancelled', 'RPC Completed']);
  assert.equal(errors, []);
});

test('a chatter whose client goes away amid the answers finishes once', async () => {
  await using rig = await serve();
  const client = new RouteGuideClient(rig.channel, () => {});
  const note = { message: 'x'.repeat(100_000), location: { latitude: 7, longitude: 7 } };
  await within(5000, client.routeChat(Array(20).fill(note)));
  await until(() => said.length === 1);
  const context = new ClientContext();
  const chatter = ClientBidiReactor.from<NoteInit, RouteNote>({
    onReadDone(ok) {
      if (ok) setImmediate(() => context.tryCancel());
    },
  });
  newStub(METHODS, rig.channel).async().routeChat(context, chatter);
  chatter.startWrite(note);
  chatter.startRead();
  chatter.startCall();
  assert.is((await within(5000, chatter.done())).code, Code.CANCELLED);
  await until(() => said.length === 3);
  assert.equal(said.slice(1), ['RPC Cancelled', 'RPC Completed']);
  assert.equal(errors, []);
});

test.run();
