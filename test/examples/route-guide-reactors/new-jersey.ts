/**
 * The places of the well-known New Jersey database that tests know by their index in it. Above: tests of the RouteGuide
 * example with reactors. Below: the database file of the example, which has these thirteen of the hundred.
 */
import path from 'node:path';
import type { Location } from '../../../examples/route-guide/distance.ts';
import type { NamedPoint } from '../../../examples/route-guide/features.ts';
import { loadFeatures } from '../../../examples/route-guide-reactors/feature-list.ts';

export const DATABASE: string = path.join(process.cwd(), 'examples/route-guide-reactors/route_guide_db.json');
/** In the order of the file. */
export const PLACES: readonly NamedPoint[] = loadFeatures(DATABASE);
const INDICES = [0, 1, 2, 3, 4, 5, 6, 12, 14, 48, 60, 98, 99];

/** The place that has this index in the whole database. */
export function place(index: number): NamedPoint {
  const found = PLACES[INDICES.indexOf(index)];
  if (found === undefined) throw new Error(`no place ${index}`);
  return found;
}

/** The index in the whole database of the place at this point; -1 if there is none. */
export function indexOf(location: Location | undefined): number {
  const at = PLACES.findIndex(
    (known) => known.location.latitude === location?.latitude && known.location.longitude === location?.longitude,
  );
  return INDICES[at] ?? -1;
}

export function point(latitude: number, longitude: number): Location {
  return { latitude, longitude };
}
