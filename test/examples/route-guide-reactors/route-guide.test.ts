/**
 * The RouteGuide example with reactors, over HTTP/2, against the golden values that every RouteGuide shares: reactors at
 * both ends, and each face against the other.
 */
import { type NoteInit, type PointInit, RouteGuideClient } from '../../../examples/route-guide/client.ts';
import { FeatureDatabase } from '../../../examples/route-guide/features.ts';
import type { Feature, RouteSummary } from '../../../examples/route-guide/gen/route_guide_pb.ts';
import { WriteMeter } from '../../../examples/route-guide/meter.ts';
import { routeGuideService as callService } from '../../../examples/route-guide/server.ts';
import { NOTES, RouteGuideClient as ReactorClient } from '../../../examples/route-guide-reactors/client.ts';
import { FeatureList } from '../../../examples/route-guide-reactors/feature-list.ts';
import { RouteGuideImpl, routeGuideService } from '../../../examples/route-guide-reactors/service.ts';
import {
  type Channel,
  ChannelCredentials,
  createChannel,
  type DirectChannel,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type Status,
} from '../../../src/index.ts';
import { assert, suite, within } from '../../support/suite.ts';
import { indexOf, PLACES, place, point } from './new-jersey.ts';

/** The four calls, whichever face makes them. */
interface Guide {
  getFeature(point: PointInit): Promise<{ status: Status; message: Feature | null }>;
  /** The indices of what is in a rectangle, as they come. */
  list(lo: PointInit, hi: PointInit): Promise<{ status: Status; indices: number[] }>;
  record(points: readonly PointInit[]): Promise<{ status: Status; message: RouteSummary | null }>;
  /** The texts of the answers. */
  chat(notes: readonly NoteInit[]): Promise<{ status: Status; texts: string[] }>;
}

function byReactors(channel: Channel): Guide {
  const client = new ReactorClient(channel, () => {});
  return {
    getFeature: (at) => client.getOneFeature(at),
    async list(lo, hi) {
      const { status, features } = await client.listFeatures({ lo, hi });
      return { status, indices: features.map(({ location }) => indexOf(location)) };
    },
    record: (points) => client.recordRoute(points, { restMs: () => 0 }),
    async chat(notes) {
      const { status, notes: answers } = await client.routeChat(notes);
      return { status, texts: answers.map(({ message }) => message) };
    },
  };
}

function byCalls(channel: Channel): Guide {
  const client = new RouteGuideClient(channel);
  return {
    getFeature: (at) => client.getFeature(at),
    async list(lo, hi) {
      const indices: number[] = [];
      const listing = client.listFeatures({ lo, hi }, { batch: 1, restMs: 0 }, ({ location }) => {
        indices.push(indexOf(location));
      });
      return { status: await listing.done, indices };
    },
    record: (points) => client.recordRoute(points),
    async chat(notes) {
      const texts: string[] = [];
      const { status } = await client.routeChat(notes, ({ message }) => texts.push(message));
      return { status, texts };
    },
  };
}

const toReactors = (): ServiceDefinition => routeGuideService(new RouteGuideImpl(new FeatureList(PLACES), () => {}));
const toCalls = (): ServiceDefinition => callService(new FeatureDatabase(PLACES), new WriteMeter());

/** Who calls whom. */
interface Pairing {
  readonly name: string;
  readonly client: (channel: Channel) => Guide;
  readonly service: () => ServiceDefinition;
  /** Whether the server lists features in the order of the file; else band by band. */
  readonly isInOrder: boolean;
}

const PAIRINGS: readonly Pairing[] = [
  { name: 'reactors to reactors', client: byReactors, service: toReactors, isInOrder: true },
  { name: 'ClientCall to reactors', client: byCalls, service: toReactors, isInOrder: true },
  { name: 'reactors to ServerCall', client: byReactors, service: toCalls, isInOrder: false },
];

const ALL = [point(400000000, -750000000), point(420000000, -730000000)] as const;
const NORTH = [point(410000000, -746000000), point(412000000, -740000000)] as const;
const SOUTH = [point(400000000, -750000000), point(405000000, -740000000)] as const;
const ORIGIN = point(0, 0);

/** Routes by the indices of their places, and their lengths in whole metres. */
const ROUTES: readonly (readonly [route: readonly number[], metres: number])[] = [
  [[], 0],
  [[0], 0],
  [[0, 1], 18327],
  [[0, 1, 2], 92589],
  [[0, 1, 2, 3, 4], 266396],
  [[0, 60, 99], 129184],
  [[99, 0], 28043],
];

const test = suite('RouteGuide with reactors');

let server: Server;
let channel: DirectChannel;

async function open({ client, service }: Pairing): Promise<Guide> {
  server = new Server().addService(service()).addListener({ host: '127.0.0.1', port: 0 }, ServerCredentials.insecure());
  await within(5000, server.start());
  channel = createChannel(`127.0.0.1:${server.port}`, ChannelCredentials.insecure());
  return client(channel);
}

function assertOk(status: Status): void {
  assert.ok(status.isOk, status.toString());
}

test.after.each(async () => {
  // Gracefully: every call has ended, at both ends.
  channel.shutdown();
  assert.ok(await within(5000, channel.awaitTermination(4000)));
  server.shutdown();
  assert.ok(await within(5000, server.awaitTermination(4000)));
});

for (const pairing of PAIRINGS) {
  test(`GetFeature, ${pairing.name}: the name at a point, and no name where nothing is`, async () => {
    const guide = await open(pairing);
    for (const [at, name] of [
      [place(48).location, 'Berkshire Valley Management Area Trail, Jefferson, NJ, USA'],
      [place(60).location, ''],
      [point(409146138, -746188907), ''],
      [ORIGIN, ''],
    ] as const) {
      const { status, message } = await within(5000, guide.getFeature(at));
      assertOk(status);
      assert.is(message?.name, name);
      assert.equal([message?.location?.latitude, message?.location?.longitude], [at.latitude, at.longitude]);
    }
  });

  test(`ListFeatures, ${pairing.name}: what is in a rectangle, unnamed too, whichever corners are given`, async () => {
    const guide = await open(pairing);
    const [top, bottom] = [place(0).location, place(0).location];
    for (const [corners, expected] of [
      [ALL, [0, 1, 2, 3, 4, 5, 6, 12, 14, 48, 60, 98, 99]],
      [NORTH, [12, 98]],
      [SOUTH, [14]],
      [[top, bottom], [0]],
      [[ORIGIN, ORIGIN], []],
    ] as const) {
      for (const [lo, hi] of [corners, [corners[1], corners[0]]] as const) {
        const { status, indices } = await within(5000, guide.list(lo, hi));
        assertOk(status);
        assert.equal(pairing.isInOrder ? indices : indices.sort((a, b) => a - b), expected);
      }
    }
  });

  test(`RecordRoute, ${pairing.name}: points, named features and metres`, async () => {
    const guide = await open(pairing);
    for (const [route, metres] of ROUTES) {
      const { status, message } = await within(5000, guide.record(route.map((index) => place(index).location)));
      assertOk(status);
      const named = route.filter((index) => place(index).name !== '').length;
      assert.equal([message?.pointCount, message?.featureCount, message?.distance], [route.length, named, metres]);
      assert.is(message?.elapsedTime, 0);
    }
    const { message } = await within(5000, guide.record([ORIGIN, point(10_000_000, 0)]));
    assert.equal([message?.pointCount, message?.featureCount, message?.distance], [2, 0, 111194]);
  });

  test(`RouteChat, ${pairing.name}: the earlier notes at the same point, each once`, async () => {
    const guide = await open(pairing);
    const first = await within(5000, guide.chat(NOTES));
    assertOk(first.status);
    assert.equal(first.texts, ['First message']);
    const second = await within(5000, guide.chat(NOTES));
    assertOk(second.status);
    assert.equal(second.texts, [
      'First message',
      'Fourth message',
      'Second message',
      'Third message',
      'First message',
      'Fourth message',
      'First message',
    ]);
    const nothing = await within(5000, guide.chat([]));
    assertOk(nothing.status);
    assert.equal(nothing.texts, []);
  });
}

test.run();
