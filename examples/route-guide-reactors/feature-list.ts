/**
 * The features of a database file as gRPC's own RouteGuide examples have one: a JSON array of a hundred places in New
 * Jersey. Above: service.ts and the programs. Below: node:fs. Holds: features come in the order of the file.
 */
import { readFileSync } from 'node:fs';
import type { Location } from '../route-guide/distance.ts';
import type { NamedPoint } from '../route-guide/features.ts';

/** A set of features, as service.ts needs it. The FeatureDatabase of all cities is one too. */
export interface Features {
  readonly size: number;
  /** The feature at exactly this point, or null. */
  at(point: Location): NamedPoint | null;
  /** The features between two opposite corners, whichever they are, edges included. */
  within(corner: Location, opposite: Location): Iterable<NamedPoint>;
}

/** Features in one list, searched from the top. Good for hundreds. */
export class FeatureList implements Features {
  readonly #features: readonly NamedPoint[];

  constructor(features: Iterable<NamedPoint>) {
    this.#features = [...features];
  }

  get size(): number {
    return this.#features.length;
  }

  at({ latitude, longitude }: Location): NamedPoint | null {
    const found = this.#features.find(
      ({ location }) => location.latitude === latitude && location.longitude === longitude,
    );
    return found ?? null;
  }

  *within(corner: Location, opposite: Location): Generator<NamedPoint, void> {
    const left = Math.min(corner.longitude, opposite.longitude);
    const right = Math.max(corner.longitude, opposite.longitude);
    const top = Math.max(corner.latitude, opposite.latitude);
    const bottom = Math.min(corner.latitude, opposite.latitude);
    for (const feature of this.#features) {
      const { latitude, longitude } = feature.location;
      if (longitude >= left && longitude <= right && latitude >= bottom && latitude <= top) yield feature;
    }
  }
}

/**
 * Reads a database file: an array of features, or, as Java's example has it, an object with one as `feature`. Names stay
 * as they are; the parser of the C++ example takes out every space. Throws for a file that cannot be read, is not JSON,
 * or does not hold features.
 */
export function loadFeatures(path: string): NamedPoint[] {
  const parsed: unknown = JSON.parse(readFileSync(path, 'utf8'));
  const list: unknown = isRecord(parsed) ? parsed['feature'] : parsed;
  if (!Array.isArray(list)) throw new TypeError(`${path} has no list of features`);
  return list.map((entry: unknown, index) => {
    const feature = toFeature(entry);
    if (feature === null) throw new TypeError(`${path}: entry ${index} is not a feature: ${JSON.stringify(entry)}`);
    return feature;
  });
}

function toFeature(entry: unknown): NamedPoint | null {
  if (!isRecord(entry) || !isRecord(entry['location'])) return null;
  // What has its default may be left out, as in all JSON of protobuf.
  const { name = '' } = entry;
  const { latitude = 0, longitude = 0 } = entry['location'];
  if (typeof name !== 'string' || typeof latitude !== 'number' || typeof longitude !== 'number') return null;
  return { name, location: { latitude, longitude } };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
