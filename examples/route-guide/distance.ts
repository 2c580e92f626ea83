/**
 * The length of the shortest way between two points of the globe. Above: server.ts.
 */

/** A point in degrees times ten million (E7). */
export interface Location {
  readonly latitude: number;
  readonly longitude: number;
}

const EARTH_RADIUS_METRES = 6_371_000;
const RADIANS_PER_E7 = Math.PI / 180 / 1e7;

/** Metres along the great circle, by the haversine formula on a round earth. */
export function distanceMetres(from: Location, to: Location): number {
  const fromLatitude = from.latitude * RADIANS_PER_E7;
  const toLatitude = to.latitude * RADIANS_PER_E7;
  const halfHeight = Math.sin((toLatitude - fromLatitude) / 2);
  const halfWidth = Math.sin(((to.longitude - from.longitude) * RADIANS_PER_E7) / 2);
  const a = halfHeight ** 2 + Math.cos(fromLatitude) * Math.cos(toLatitude) * halfWidth ** 2;
  // Rounding may lift a over 1 for points on opposite sides of the globe.
  return EARTH_RADIUS_METRES * 2 * Math.atan2(Math.sqrt(a), Math.sqrt(Math.max(0, 1 - a)));
}
