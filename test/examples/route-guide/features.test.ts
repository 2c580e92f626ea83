/**
 * The feature database of the RouteGuide example: against a plain search through the same features, and with every
 * city.
 */
import fc from 'fast-check';
import { loadCities } from '../../../examples/route-guide/cities.ts';
import type { Location } from '../../../examples/route-guide/distance.ts';
import { FeatureDatabase, type NamedPoint } from '../../../examples/route-guide/features.ts';
import { assert, suite } from '../../support/suite.ts';

const point = (latitude: number, longitude: number): Location => ({ latitude, longitude });
const feature = (name: string, latitude: number, longitude: number): NamedPoint => ({
  name,
  location: point(latitude, longitude),
});
const names = (features: Iterable<NamedPoint>): string[] => [...features].map(({ name }) => name);
const isWithin = ({ location }: NamedPoint, a: Location, b: Location): boolean =>
  location.latitude >= Math.min(a.latitude, b.latitude) &&
  location.latitude <= Math.max(a.latitude, b.latitude) &&
  location.longitude >= Math.min(a.longitude, b.longitude) &&
  location.longitude <= Math.max(a.longitude, b.longitude);

const NEW_JERSEY = new FeatureDatabase([
  feature('Mendham', 407838351, -746143763),
  feature('Whippany', 408122808, -743999179),
  feature('Shohola', 413628156, -749015468),
  feature('Kingston', 419999544, -740371136),
  feature('West Milford', 410873075, -744459023),
  feature('', 414219548, -743327440),
  feature('Newton', 410248224, -747127767),
]);

const test = suite('FeatureDatabase');

test('finds a feature at exactly its point', () => {
  assert.is(NEW_JERSEY.at(point(413628156, -749015468))?.name, 'Shohola');
  assert.is(NEW_JERSEY.at(point(413628157, -749015468)), null);
  assert.is(NEW_JERSEY.at(point(0, 0)), null);
  assert.is(NEW_JERSEY.at(point(414219548, -743327440))?.name, '');
});

test('lists what is between two corners, whichever they are, band by band from west to east', () => {
  const listed = ['Mendham', 'Whippany', 'Newton', 'West Milford', ''];
  assert.equal(names(NEW_JERSEY.within(point(400000000, -748000000), point(419000000, -740000000))), listed);
  assert.equal(names(NEW_JERSEY.within(point(419000000, -740000000), point(400000000, -748000000))), listed);
  assert.equal(names(NEW_JERSEY.within(point(400000000, -740000000), point(419000000, -748000000))), listed);
});

test('counts the edges in', () => {
  const mendham = point(407838351, -746143763);
  assert.equal(names(NEW_JERSEY.within(mendham, mendham)), ['Mendham']);
  assert.equal(names(NEW_JERSEY.within(mendham, point(410873075, -744459023))), ['Mendham', 'West Milford']);
});

test('keeps features that share a point, and finds the first of them', () => {
  const database = new FeatureDatabase([
    feature('elsewhere', 470000000, 90000000),
    feature('large', 471330600, 98500000),
    feature('small', 471330600, 98500000),
  ]);
  assert.is(database.size, 3);
  assert.is(database.at(point(471330600, 98500000))?.name, 'large');
  assert.equal(names(database.within(point(471000000, 98000000), point(472000000, 99000000))), ['large', 'small']);
});

test('has room for the poles, the seam and what lies beyond', () => {
  const corners = [feature('N', 900_000_000, 1_800_000_000), feature('S', -900_000_000, -1_800_000_000)];
  const database = new FeatureDatabase(corners);
  const all = database.within(point(-(2 ** 31), -(2 ** 31)), point(2 ** 31 - 1, 2 ** 31 - 1));
  assert.equal(names(all), ['S', 'N']);
  assert.is(database.at(point(900_000_000, 1_800_000_000))?.name, 'N');
  assert.equal(names(new FeatureDatabase([]).within(point(-1, -1), point(1, 1))), []);
});

test('agrees with a plain search for any features and any rectangle', () => {
  // Few distinct values, so that edges, bands and points coincide often.
  const coordinate = fc.integer({ min: -40, max: 40 }).map((value) => value * 2_500_000);
  const location = fc.record({ latitude: coordinate, longitude: coordinate });
  const features = fc.array(fc.record({ name: fc.string({ maxLength: 3 }), location }), { maxLength: 60 });
  fc.assert(
    fc.property(features, location, location, (all, a, b) => {
      const database = new FeatureDatabase(all);
      const listed = [...database.within(a, b)];
      assert.equal(new Set(listed), new Set(all.filter((one) => isWithin(one, a, b))));
      assert.equal(names(database.within(b, a)), names(listed));
      assert.is(database.at(a), all.find((one) => isWithin(one, a, a)) ?? null);
    }),
    { numRuns: 300 },
  );
});

test('holds every city of the world', () => {
  const cities = loadCities();
  assert.is(cities.size, 135_233);
  const world = cities.within(point(-900_000_000, -1_800_000_000), point(900_000_000, 1_800_000_000));
  const largest = cities.at(point(471330600, 98500000));
  assert.is(largest?.name, 'Lorüns, AT');
  let count = 0;
  let inEurope = 0;
  for (const city of world) {
    count++;
    if (isWithin(city, point(350_000_000, -110_000_000), point(720_000_000, 320_000_000))) inEurope++;
  }
  assert.is(count, 135_233);
  assert.is([...cities.within(point(350_000_000, -110_000_000), point(720_000_000, 320_000_000))].length, inEurope);
  assert.is(inEurope, 62_665);
});

test.run();
