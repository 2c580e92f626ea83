/** The database file of the RouteGuide example with reactors, and the list that is made of it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FeatureList, loadFeatures } from '../../../examples/route-guide-reactors/feature-list.ts';
import { assert, suite } from '../../support/suite.ts';
import { PLACES, place, point } from './new-jersey.ts';

const test = suite('FeatureList');

let folder: string;

test.before(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'features-'));
});

test.after(() => {
  rmSync(folder, { recursive: true });
});

function load(text: string): ReturnType<typeof loadFeatures> {
  const file = path.join(folder, 'db.json');
  writeFileSync(file, text);
  return loadFeatures(file);
}

test('reads the file of the example, in its order, with the spaces of names', () => {
  assert.is(PLACES.length, 13);
  assert.equal(PLACES[0], { name: 'Patriots Path, Mendham, NJ 07945, USA', location: point(407838351, -746143763) });
  assert.equal(PLACES[12], { name: '3 Hasta Way, Newton, NJ 07860, USA', location: point(410248224, -747127767) });
  assert.is(PLACES.filter(({ name }) => name === '').length, 2);
});

test('reads the form of Java, and fields that were left out', () => {
  const features = load(
    '{ "feature": [{ "location": { "latitude": 5 } }, { "location": {}, "name": "Null Island" }] }',
  );
  assert.equal(features, [
    { name: '', location: point(5, 0) },
    { name: 'Null Island', location: point(0, 0) },
  ]);
});

test('says which entry is no feature', () => {
  assert.throws(() => load('[{ "location": {} }, { "name": "lost" }]'), /entry 1 is not a feature: \{"name":"lost"\}/);
  assert.throws(() => load('[{ "location": { "latitude": "5" } }]'), /entry 0 is not a feature/);
  assert.throws(() => load('[{ "location": {}, "name": 5 }]'), /entry 0 is not a feature/);
  assert.throws(() => load('{ "features": [] }'), /has no list of features/);
  assert.throws(() => load('[{'), SyntaxError);
});

test('finds what is at exactly a point', () => {
  const list = new FeatureList(PLACES);
  assert.is(list.size, 13);
  assert.is(list.at(place(99).location)?.name, '3 Hasta Way, Newton, NJ 07860, USA');
  assert.is(list.at(point(410248224, -747127768)), null);
});

test('lists what is between two corners, whichever they are, edges included, in its own order', () => {
  const list = new FeatureList(PLACES);
  const [mendham, milford] = [place(0).location, place(12).location];
  for (const [corner, opposite] of [
    [mendham, milford],
    [milford, mendham],
    [point(mendham.latitude, milford.longitude), point(milford.latitude, mendham.longitude)],
  ] as const) {
    assert.equal([...list.within(corner, opposite)], [place(0), place(12)]);
  }
});

test.run();
