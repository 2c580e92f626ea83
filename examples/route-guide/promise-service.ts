/**
 * The RouteGuide service in the promise style: four functions, one of each kind. Above: tests. Below: the public API,
 * features.ts and distance.ts. Holds: what server.ts holds; here the generators' pace is the call's.
 */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ServiceDefinition } from '../../src/index.ts';
import { implement } from '../../src/stub/codec/protobuf-es.ts';
import { distanceMetres, type Location } from './distance.ts';
import type { FeatureDatabase } from './features.ts';
import { type Point, RouteGuide, type RouteNote, type RouteSummarySchema } from './gen/route_guide_pb.ts';

const ORIGIN: Location = { latitude: 0, longitude: 0 };
const LARGEST_INT32 = 2 ** 31 - 1;

/** The service over a set of features. Notes live as long as the service. */
export function promisedRouteGuide(features: FeatureDatabase): ServiceDefinition {
  const board = new Map<string, RouteNote[]>();
  return implement(RouteGuide, {
    getFeature: (point) => ({ name: features.at(point)?.name ?? '', location: point }),

    // A generator of features is an iterable of responses as it stands.
    listFeatures: ({ lo, hi }) => features.within(lo ?? ORIGIN, hi ?? ORIGIN),

    recordRoute: (points) => summarize(points, features),

    async *routeChat(notes) {
      for await (const note of notes) {
        const { latitude, longitude } = note.location ?? ORIGIN;
        const earlier = board.get(`${latitude},${longitude}`) ?? [];
        board.set(`${latitude},${longitude}`, [...earlier, note]);
        yield* earlier;
      }
    },
  });
}

/** Adds up a route as it comes, whatever its length. */
async function summarize(
  points: AsyncIterable<Point>,
  features: FeatureDatabase,
): Promise<MessageInitShape<typeof RouteSummarySchema>> {
  const startedAtMs = performance.now();
  let pointCount = 0;
  let featureCount = 0;
  let metres = 0;
  let last: Point | null = null;
  for await (const point of points) {
    pointCount += 1;
    if ((features.at(point)?.name ?? '') !== '') featureCount += 1;
    if (last !== null) metres += distanceMetres(last, point);
    last = point;
  }
  return {
    pointCount,
    featureCount,
    distance: Math.min(Math.trunc(metres), LARGEST_INT32),
    elapsedTime: Math.trunc((performance.now() - startedAtMs) / 1000),
  };
}
