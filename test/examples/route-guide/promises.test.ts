/** RouteGuide in the promise style: its client and its service, with each other and with those on ClientCall and ServerCall. */
import { RouteGuideClient } from '../../../examples/route-guide/client.ts';
import { FeatureDatabase, type NamedPoint } from '../../../examples/route-guide/features.ts';
import { WriteMeter } from '../../../examples/route-guide/meter.ts';
import { type Journey, makeJourney } from '../../../examples/route-guide/promise-client.ts';
import { promisedRouteGuide } from '../../../examples/route-guide/promise-service.ts';
import { routeGuideService } from '../../../examples/route-guide/server.ts';
import { Code, StatusError } from '../../../src/index.ts';
import { startInProcess } from '../../../src/testing/in-process.ts';
import { assert, suite } from '../../support/suite.ts';
import { within } from '../../support/within.ts';

const PATIENCE_MS = 5_000;
const PLACES: readonly NamedPoint[] = [
  { name: 'Patriots Path, Mendham, NJ 07945, USA', location: { latitude: 407_838_351, longitude: -746_143_763 } },
  { name: '101 New Jersey 10, Whippany, NJ 07981, USA', location: { latitude: 408_122_808, longitude: -743_999_179 } },
  { name: '', location: { latitude: 414_219_548, longitude: -743_327_440 } },
];
const FEATURES = new FeatureDatabase(PLACES);
const EVERYWHERE = {
  lo: { latitude: 400_000_000, longitude: -750_000_000 },
  hi: { latitude: 420_000_000, longitude: -730_000_000 },
};
const NOTES = ['First', 'Second', 'Third', 'Fourth'].map((message, i) => ({
  message,
  location: { latitude: i === 2 ? 1 : 0, longitude: i === 1 ? 1 : 0 },
}));

const test = suite('RouteGuide with promises');

function assertJourney({ found, listed, recorded, chatted }: Journey): void {
  assert.is(found.name, '101 New Jersey 10, Whippany, NJ 07981, USA');
  assert.equal(
    listed.map(({ name }) => name),
    PLACES.map(({ name }) => name),
  );
  assert.is(recorded.pointCount, 3);
  assert.is(recorded.featureCount, 2);
  // The first leg alone is 18,327 m.
  assert.ok(recorded.distance > 18_327);
  assert.equal(
    chatted.map(({ message }) => message),
    ['First'],
  );
}

for (const [name, service] of [
  ['its own service', () => promisedRouteGuide(FEATURES)],
  ['the service on ServerCall', () => routeGuideService(FEATURES, new WriteMeter())],
] as const) {
  test(`the client makes its journey with ${name}`, async () => {
    await using rig = await startInProcess(service());
    const place = PLACES[1]?.location ?? {};
    assertJourney(await within(PATIENCE_MS, makeJourney(rig.channel, place, EVERYWHERE, NOTES)));
  });
}

test('the service serves the client on ClientCall', async () => {
  await using rig = await startInProcess(promisedRouteGuide(FEATURES));
  const client = new RouteGuideClient(rig.channel);
  const nothing = await within(PATIENCE_MS, client.getFeature({ latitude: 0, longitude: 0 }));
  assert.is(nothing.message?.name, '');
  const listing = client.listFeatures(EVERYWHERE, { batch: 2, restMs: 0 });
  assert.ok((await within(PATIENCE_MS, listing.done)).isOk);
  assert.is(listing.consumed, 3);
  const points = [0, 1].map((i) => PLACES[i]?.location ?? {});
  const { message: summary } = await within(PATIENCE_MS, client.recordRoute(points));
  assert.is(summary?.distance, 18_327);
  const heard: string[] = [];
  for (let run = 0; run < 2; run += 1) {
    const { status } = await within(
      PATIENCE_MS,
      client.routeChat(NOTES, ({ message }) => heard.push(message)),
    );
    assert.ok(status.isOk);
  }
  assert.equal(heard, ['First', 'First', 'Fourth', 'Second', 'Third', 'First', 'Fourth', 'First']);
});

test('without a server the journey ends with a StatusError', async () => {
  await using rig = await startInProcess();
  const error = await makeJourney(rig.channel, {}, {}, []).catch((thrown: unknown) => thrown);
  assert.ok(error instanceof StatusError);
  assert.is(error.code, Code.UNIMPLEMENTED);
});

test.run();
