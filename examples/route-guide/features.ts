/**
 * The features of the RouteGuide service: a fixed set of named points with a spatial index. Above: server.ts.
 * Below: cities.ts gives the set. Holds: what `within` yields comes in one fixed order, and is never collected first.
 *
 * The index: the map is cut into bands of one degree of latitude; the features stand in one array, sorted by band, then
 * from west to east. A rectangle is then one stretch of the array in each band that it touches, found by bisection.
 */
import type { Location } from './distance.ts';

/** A point with a name. Empty names are allowed and mean that nothing is known there. */
export interface NamedPoint {
  readonly name: string;
  readonly location: Location;
}

const BAND_E7 = 10_000_000;
const BANDS = 181;

/** A set of features that answers what is at a point and what is in a rectangle. Never changes. */
export class FeatureDatabase {
  readonly #features: readonly NamedPoint[];
  /** Where in `#features` each band starts; one more entry for the end. */
  readonly #bandStarts: Uint32Array;

  /** Names may repeat, and so may points: of those at one point, the first given is the one that `at` finds. */
  constructor(features: Iterable<NamedPoint>) {
    // The sort is stable: features at one point stay in the order in which they came.
    this.#features = [...features].sort(byBandFromWestToEast);
    this.#bandStarts = new Uint32Array(BANDS + 1);
    for (const { location } of this.#features) addTo(this.#bandStarts, bandOf(location.latitude) + 1, 1);
    for (let band = 0; band < BANDS; band++) addTo(this.#bandStarts, band + 1, this.#bandStarts[band] ?? 0);
  }

  get size(): number {
    return this.#features.length;
  }

  /** The feature at exactly this point, or null. */
  at(point: Location): NamedPoint | null {
    return this.within(point, point).next().value ?? null;
  }

  /** The features between two opposite corners, whichever they are, edges included: band by band northwards. */
  *within(corner: Location, opposite: Location): Generator<NamedPoint, void> {
    const south = Math.min(corner.latitude, opposite.latitude);
    const north = Math.max(corner.latitude, opposite.latitude);
    const west = Math.min(corner.longitude, opposite.longitude);
    const east = Math.max(corner.longitude, opposite.longitude);
    for (let band = bandOf(south); band <= bandOf(north); band++) {
      for (let i = this.#firstFrom(west, band); i < this.#endOf(band); i++) {
        const feature = this.#features[i];
        if (feature === undefined || feature.location.longitude > east) break;
        if (feature.location.latitude >= south && feature.location.latitude <= north) yield feature;
      }
    }
  }

  /** The index of a band's first feature that is not west of `longitude`. */
  #firstFrom(longitude: number, band: number): number {
    let low = this.#bandStarts[band] ?? 0;
    let high = this.#endOf(band);
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#features[middle]?.location.longitude ?? 0) < longitude) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #endOf(band: number): number {
    return this.#bandStarts[band + 1] ?? 0;
  }
}

function byBandFromWestToEast(a: NamedPoint, b: NamedPoint): number {
  return bandOf(a.location.latitude) - bandOf(b.location.latitude) || a.location.longitude - b.location.longitude;
}

/** What is beyond the poles falls into the last bands. */
function bandOf(latitude: number): number {
  return Math.min(Math.max(Math.floor(latitude / BAND_E7) + 90, 0), BANDS - 1);
}

function addTo(counts: Uint32Array, index: number, more: number): void {
  counts[index] = (counts[index] ?? 0) + more;
}
