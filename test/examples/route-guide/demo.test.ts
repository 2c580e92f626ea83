/**
 * The RouteGuide example end to end: its handlers and its client over a real connection, against the golden values that
 * every RouteGuide shares, and its programs in processes of their own.
 */
import { execFile } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { RouteGuideClient } from '../../../examples/route-guide/client.ts';
import { FeatureDatabase, type NamedPoint } from '../../../examples/route-guide/features.ts';
import { RouteGuide } from '../../../examples/route-guide/gen/route_guide_pb.ts';
import { WriteMeter } from '../../../examples/route-guide/meter.ts';
import { routeGuideService } from '../../../examples/route-guide/server.ts';
import { ServerProcess } from '../../../examples/route-guide/server-process.ts';
import {
  CallOptions,
  ChannelCredentials,
  ClientCallListener,
  Code,
  createChannel,
  type DirectChannel,
  Metadata,
  type MethodDescriptor,
  Server,
  ServerCredentials,
  type Status,
} from '../../../src/index.ts';
import { clientMethods } from '../../../src/stub/codec/protobuf-es.ts';
import { assert, suite, within } from '../../support/suite.ts';

const feature = (name: string, latitude: number, longitude: number): NamedPoint => ({
  name,
  location: { latitude, longitude },
});

const MENDHAM = { latitude: 407838351, longitude: -746143763 };
const UNNAMED = { latitude: 414219548, longitude: -743327440 };
const NEWTON = { latitude: 410248224, longitude: -747127767 };
const NEW_JERSEY = [
  feature('Patriots Path, Mendham, NJ 07945, USA', MENDHAM.latitude, MENDHAM.longitude),
  feature('', UNNAMED.latitude, UNNAMED.longitude),
  feature('3 Hasta Way, Newton, NJ 07860, USA', NEWTON.latitude, NEWTON.longitude),
];

/** Far more than any window and any buffer hold. */
const ROW = Array.from({ length: 20_000 }, (_, index) => feature(`feature number ${index}`, 500_000_000, index));
const WHOLE_ROW = { lo: { latitude: 500_000_000 }, hi: { latitude: 500_000_000, longitude: ROW.length } };

const NOTES = [
  { message: 'First message', location: { latitude: 0, longitude: 0 } },
  { message: 'Second message', location: { latitude: 0, longitude: 1 } },
  { message: 'Third message', location: { latitude: 1, longitude: 0 } },
  { message: 'Fourth message', location: { latitude: 0, longitude: 0 } },
];

const WINDOW_BYTES = 65_535;

let server: Server;
let channel: DirectChannel;
let client: RouteGuideClient;
let meter: WriteMeter;

async function chat(notes: Iterable<(typeof NOTES)[number]>): Promise<string[]> {
  const answers: string[] = [];
  const { status } = await within(
    5000,
    client.routeChat(notes, ({ message }) => answers.push(message)),
  );
  assert.ok(status.isOk, status.toString());
  return answers;
}

const test = suite('RouteGuide');

test.before.each(async () => {
  meter = new WriteMeter();
  server = new Server({ streamWindowBytes: WINDOW_BYTES })
    .addService(routeGuideService(new FeatureDatabase([...NEW_JERSEY, ...ROW]), meter))
    .addListener({ host: '127.0.0.1', port: 0 }, ServerCredentials.insecure());
  await within(5000, server.start());
  const options = { streamWindowBytes: WINDOW_BYTES };
  channel = createChannel(`127.0.0.1:${server.port}`, ChannelCredentials.insecure(), options);
  client = new RouteGuideClient(channel);
});

test.after.each(async () => {
  channel.shutdownNow();
  assert.ok(await within(5000, channel.awaitTermination(4000)));
  server.shutdownNow();
  assert.ok(await within(5000, server.awaitTermination(4000)));
});

test('GetFeature tells what is at a point', async () => {
  const { status, message } = await within(5000, client.getFeature(MENDHAM));
  assert.ok(status.isOk, status.toString());
  assert.is(message?.name, 'Patriots Path, Mendham, NJ 07945, USA');
  assert.is(message?.location?.longitude, MENDHAM.longitude);
});

test('GetFeature answers with the point and no name where nothing is', async () => {
  const { status, message } = await within(5000, client.getFeature({ latitude: 5, longitude: -6 }));
  assert.ok(status.isOk, status.toString());
  assert.is(message?.name, '');
  assert.equal([message?.location?.latitude, message?.location?.longitude], [5, -6]);
});

test('ListFeatures lists a rectangle, unnamed features too, whichever corners are given', async () => {
  const corners = [
    { latitude: 400000000, longitude: -750000000 },
    { latitude: 420000000, longitude: -730000000 },
  ] as const;
  for (const [lo, hi] of [corners, [corners[1], corners[0]]] as const) {
    const names: string[] = [];
    const listing = client.listFeatures({ lo, hi }, { batch: 1, restMs: 0 }, ({ name }) => names.push(name));
    assert.ok((await within(5000, listing.done)).isOk);
    assert.equal(names, ['Patriots Path, Mendham, NJ 07945, USA', '3 Hasta Way, Newton, NJ 07860, USA', '']);
  }
});

test('ListFeatures of an empty rectangle is an empty stream', async () => {
  const listing = client.listFeatures({}, { batch: 1, restMs: 0 });
  assert.ok((await within(5000, listing.done)).isOk);
  assert.is(listing.consumed, 0);
});

test('ListFeatures stops for a reader that stops, and goes on in order when it goes on', async () => {
  const longitudes: number[] = [];
  const listing = client.listFeatures(WHOLE_ROW, { batch: 100, restMs: 500 }, ({ location }) => {
    longitudes.push(location?.longitude ?? -1);
  });
  // The first batch rests: by then the server has long stopped.
  await delay(300);
  const sentBeforeRest = meter.sent;
  await delay(100);
  assert.is(meter.sent, sentBeforeRest);
  assert.ok(sentBeforeRest > 100 && sentBeforeRest < 6000, `${sentBeforeRest} sent to a reader of 100`);
  assert.ok(meter.worstQueued < 3000, `${meter.worstQueued} queued`);
  assert.is(listing.worstUnread, 100);
  channel.shutdownNow();
  assert.is((await within(5000, listing.done)).code, Code.UNAVAILABLE);
});

test('ListFeatures reaches a slow reader whole and in order', async () => {
  const longitudes: number[] = [];
  const listing = client.listFeatures(WHOLE_ROW, { batch: 500, restMs: 1 }, ({ location }) => {
    longitudes.push(location?.longitude ?? -1);
  });
  assert.ok((await within(8000, listing.done)).isOk);
  assert.is(listing.consumed, ROW.length);
  assert.ok(longitudes.every((longitude, index) => longitude === index));
  assert.is(meter.sent, ROW.length);
  assert.ok(meter.worstQueued < 3000, `${meter.worstQueued} queued`);
});

test('RecordRoute sums up a route', async () => {
  const { status, message } = await within(5000, client.recordRoute([MENDHAM, UNNAMED, NEWTON]));
  assert.ok(status.isOk, status.toString());
  assert.equal([message?.pointCount, message?.featureCount, message?.distance], [3, 2, 129184]);
});

test('RecordRoute sums up no points at all as zeros', async () => {
  const { status, message } = await within(5000, client.recordRoute([]));
  assert.ok(status.isOk, status.toString());
  assert.equal([message?.pointCount, message?.featureCount, message?.distance, message?.elapsedTime], [0, 0, 0, 0]);
});

test('RecordRoute takes routes longer than any buffer', async () => {
  const route = ROW.map(({ location }) => location);
  const { status, message } = await within(8000, client.recordRoute(route));
  assert.ok(status.isOk, status.toString());
  assert.equal([message?.pointCount, message?.featureCount], [ROW.length, ROW.length]);
});

test('RouteChat answers a note with the earlier ones at its point, each once', async () => {
  assert.equal(await chat(NOTES), ['First message']);
  assert.equal(await chat(NOTES), [
    'First message',
    'Fourth message',
    'Second message',
    'Third message',
    'First message',
    'Fourth message',
    'First message',
  ]);
});

test('RouteChat ends only when every answer is out', async () => {
  const note = { message: 'x'.repeat(5000), location: { latitude: 7, longitude: 7 } };
  await chat(Array.from({ length: 40 }, () => note));
  // The answers are three times what the window holds; the half-close comes right behind the note.
  assert.is((await chat([note])).length, 40);
});

test('RouteChat reads no notes while its answers wait for a reader', async () => {
  const note = { message: 'x'.repeat(1000), location: { latitude: 8, longitude: 8 } };
  const call = channel.newCall(clientMethods(RouteGuide).routeChat, CallOptions.DEFAULT);
  let written = 0;
  class Deaf extends ClientCallListener<unknown> {
    override onWritten(count: number): void {
      written += count;
    }
  }
  call.start(new Deaf(), new Metadata());
  for (let sent = 0; sent < 300; sent++) call.sendMessage(note);
  await delay(300);
  // Some are answered, some more fill the window; the rest stays here.
  assert.ok(written < 300, `${written} notes taken from a client that reads no answers`);
  call.cancel('seen enough');
});

test('a request without a message is refused', async () => {
  const { getFeature, listFeatures } = clientMethods(RouteGuide);
  const closing = <Req, Res>(method: MethodDescriptor<Req, Res>): Promise<Status> =>
    new Promise((resolve) => {
      class Ending extends ClientCallListener<Res> {
        override onClose(status: Status): void {
          resolve(status);
        }
      }
      const call = channel.newCall(method, CallOptions.DEFAULT.withTimeout(5000));
      call.start(new Ending(), new Metadata());
      call.request(1);
      call.halfClose();
    });
  assert.is((await within(6000, closing(getFeature))).code, Code.UNIMPLEMENTED);
  assert.is((await within(6000, closing(listFeatures))).code, Code.UNIMPLEMENTED);
});

test('the programs work in processes of their own', { timeoutMs: 30_000 }, async () => {
  const program = await within(20_000, ServerProcess.start());
  try {
    assert.is(program.atStart.features, 135_233);
    const main = fileURLToPath(new URL('../../../examples/route-guide/client-main.js', import.meta.url));
    const run = promisify(execFile)(process.execPath, [main, '--port', String(program.atStart.port)]);
    const { stdout } = await within(10_000, run);
    assert.match(stdout, /Lisbon, PT {2,}OK/);
    assert.match(stdout, /nothing is known here {2,}OK/);
    assert.match(stdout, /103 points {2,}103 features, 1344\.3 km, \d+ s {2,}OK/);
    assert.match(stdout, /4 notes left, 1 found {2,}OK/);
    assert.is((await within(5000, program.ask('look'))).sent, 103);
  } finally {
    assert.is(await within(6000, program.stop()), 0);
  }
});

test.run();
