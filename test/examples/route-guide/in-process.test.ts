/** The RouteGuide example within one process: the same handlers and the same client, without a socket. */
import { RouteGuideClient } from '../../../examples/route-guide/client.ts';
import { FeatureDatabase, type NamedPoint } from '../../../examples/route-guide/features.ts';
import { WriteMeter } from '../../../examples/route-guide/meter.ts';
import { routeGuideService } from '../../../examples/route-guide/server.ts';
import { createInProcessChannel, type DirectChannel, InProcessServer, Server } from '../../../src/index.ts';
import { assert, suite, within } from '../../support/suite.ts';

const feature = (name: string, latitude: number, longitude: number): NamedPoint => ({
  name,
  location: { latitude, longitude },
});

const MENDHAM = { latitude: 407838351, longitude: -746143763 };
const ROW = Array.from({ length: 5_000 }, (_, index) => feature(`feature number ${index}`, 500_000_000, index));
const WHOLE_ROW = { lo: { latitude: 500_000_000 }, hi: { latitude: 500_000_000, longitude: ROW.length } };
const NOTES = [
  { message: 'First message', location: { latitude: 0, longitude: 0 } },
  { message: 'Second message', location: { latitude: 0, longitude: 1 } },
  { message: 'Third message', location: { latitude: 1, longitude: 0 } },
  { message: 'Fourth message', location: { latitude: 0, longitude: 0 } },
];

const test = suite('RouteGuide within the process');

let server: Server;
let channel: DirectChannel;
let client: RouteGuideClient;
let meter: WriteMeter;

test.before.each(async () => {
  meter = new WriteMeter();
  const listener = InProcessServer.anonymous();
  const features = new FeatureDatabase([feature('Patriots Path', MENDHAM.latitude, MENDHAM.longitude), ...ROW]);
  server = new Server().addService(routeGuideService(features, meter)).addServerListener(listener);
  await within(5000, server.start());
  channel = createInProcessChannel(listener);
  client = new RouteGuideClient(channel);
});

test.after.each(async () => {
  await within(5000, channel[Symbol.asyncDispose]());
  await within(5000, server[Symbol.asyncDispose]());
});

test('GetFeature tells what is at a point', async () => {
  const { status, message } = await within(5000, client.getFeature(MENDHAM));
  assert.ok(status.isOk, status.toString());
  assert.is(message?.name, 'Patriots Path');
});

test('ListFeatures reaches a slow reader whole and in order, and never holds much', async () => {
  const longitudes: number[] = [];
  const listing = client.listFeatures(WHOLE_ROW, { batch: 500, restMs: 1 }, ({ location }) => {
    longitudes.push(location?.longitude ?? -1);
  });
  assert.ok((await within(8000, listing.done)).isOk);
  assert.is(longitudes.length, ROW.length);
  assert.ok(longitudes.every((longitude, index) => longitude === index));
  assert.ok(meter.worstQueued < 3000, `${meter.worstQueued} queued`);
});

test('RecordRoute takes routes longer than any buffer', async () => {
  const { status, message } = await within(8000, client.recordRoute(ROW.map(({ location }) => location)));
  assert.ok(status.isOk, status.toString());
  assert.equal([message?.pointCount, message?.featureCount], [ROW.length, ROW.length]);
});

test('RouteChat answers a note with the earlier ones at its point', async () => {
  const answers: string[] = [];
  const chat = client.routeChat(NOTES, ({ message }) => answers.push(message));
  const { status } = await within(5000, chat);
  assert.ok(status.isOk, status.toString());
  assert.equal(answers, ['First message']);
});

test.run();
