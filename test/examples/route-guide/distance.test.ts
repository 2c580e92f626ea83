/**
 * Distances of the RouteGuide example, against known ones between the features of the well-known New Jersey database.
 */
import { distanceMetres, type Location } from '../../../examples/route-guide/distance.ts';
import { assert, suite } from '../../support/suite.ts';

const PLACES: Readonly<Record<number, Location>> = {
  0: { latitude: 407838351, longitude: -746143763 },
  1: { latitude: 408122808, longitude: -743999179 },
  2: { latitude: 413628156, longitude: -749015468 },
  3: { latitude: 419999544, longitude: -740371136 },
  4: { latitude: 414008389, longitude: -743951297 },
  60: { latitude: 414219548, longitude: -743327440 },
  99: { latitude: 410248224, longitude: -747127767 },
};

function along(...indices: readonly number[]): number {
  let metres = 0;
  let last: Location | null = null;
  for (const index of indices) {
    const place = PLACES[index];
    if (place === undefined) throw new Error(`no place ${index}`);
    if (last !== null) metres += distanceMetres(last, place);
    last = place;
  }
  return metres;
}

const test = suite('distanceMetres');

test('gives the known lengths of routes, to the millimetre', () => {
  assert.is(along(0).toFixed(3), '0.000');
  assert.is(along(0, 1).toFixed(3), '18327.354');
  assert.is(along(0, 1, 2).toFixed(3), '92589.390');
  assert.is(along(0, 1, 2, 3, 4).toFixed(3), '266396.878');
  assert.is(along(0, 60, 99).toFixed(3), '129184.587');
  assert.is(along(99, 0).toFixed(3), '28043.607');
});

test('is the same both ways, and zero from a point to itself', () => {
  assert.is(along(0, 99), along(99, 0));
  assert.is(along(3, 3), 0);
});

test('gives one degree at the equator, north or east', () => {
  const origin = { latitude: 0, longitude: 0 };
  assert.is(distanceMetres(origin, { latitude: 10_000_000, longitude: 0 }).toFixed(3), '111194.927');
  assert.is(distanceMetres(origin, { latitude: 0, longitude: 10_000_000 }).toFixed(3), '111194.927');
});

test('goes the short way across the seam of the map, and half round the globe at most', () => {
  const west = { latitude: 0, longitude: -1_795_000_000 };
  const east = { latitude: 0, longitude: 1_795_000_000 };
  assert.is(Math.round(distanceMetres(west, east)), 111195);
  const pole = { latitude: 900_000_000, longitude: 0 };
  assert.is(
    Math.round(distanceMetres(pole, { latitude: -900_000_000, longitude: 0 })),
    Math.round(Math.PI * 6_371_000),
  );
});

test.run();
