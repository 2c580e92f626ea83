/**
 * One call of each of the four kinds, with what came of it on the screen. Above: client-main.ts, demo.ts, faces.ts. Below:
 * client.ts.
 */
import type { NoteInit, PointInit, RectangleInit, RouteGuideClient } from './client.ts';
import { formatCount, formatPoint, print, printHeading, printResult, styled } from './screen.ts';

export const LISBON = { latitude: 387_166_700, longitude: -91_333_300 };
const NOWHERE = { latitude: 0, longitude: 0 };
export const AROUND_LISBON: RectangleInit = {
  lo: { latitude: 385_000_000, longitude: -96_000_000 },
  hi: { latitude: 390_000_000, longitude: -89_000_000 },
};

const NOTES = [
  { message: 'First message', location: { latitude: 0, longitude: 0 } },
  { message: 'Second message', location: { latitude: 0, longitude: 1 } },
  { message: 'Third message', location: { latitude: 1, longitude: 0 } },
  { message: 'Fourth message', location: { latitude: 0, longitude: 0 } },
];

/** Makes the four calls one after the other; true if all of them ended OK. */
export async function takeTour(client: RouteGuideClient): Promise<boolean> {
  const found = await showFeatures(client);
  const route: PointInit[] = [];
  const listed = await showListing(client, route);
  const recorded = await showRoute(client, route);
  const chatted = await showChat(client);
  return found && listed && recorded && chatted;
}

async function showFeatures(client: RouteGuideClient): Promise<boolean> {
  printHeading('GetFeature', 'one point, one feature');
  let ok = true;
  for (const point of [LISBON, NOWHERE]) {
    const { status, message } = await client.getFeature(point);
    const found = message?.name || 'nothing is known here';
    printResult(formatPoint(point), message === null ? 'no answer' : found, status);
    ok &&= status.isOk;
  }
  return ok;
}

async function showListing(client: RouteGuideClient, route: PointInit[]): Promise<boolean> {
  printHeading('ListFeatures', 'one rectangle, a stream of features');
  const listing = client.listFeatures(AROUND_LISBON, { batch: 16, restMs: 0 }, ({ name, location }) => {
    if (location !== undefined) route.push(location);
    if (route.length <= 3) print(`  ${formatPoint(location).padEnd(22)}${name}`);
  });
  const status = await listing.done;
  printResult('…', `${formatCount(listing.consumed)} features`, status);
  return status.isOk;
}

async function showRoute(client: RouteGuideClient, route: readonly PointInit[]): Promise<boolean> {
  printHeading('RecordRoute', 'a stream of points, one summary');
  const { status, message } = await client.recordRoute(route);
  const points = `${formatCount(message?.pointCount ?? 0)} points`;
  const features = `${formatCount(message?.featureCount ?? 0)} features`;
  const way = `${((message?.distance ?? 0) / 1000).toFixed(1)} km`;
  printResult(points, `${features}, ${way}, ${message?.elapsedTime ?? 0} s`, status);
  return status.isOk;
}

async function showChat(client: RouteGuideClient): Promise<boolean> {
  printHeading('RouteChat', 'notes both ways');
  for (const note of NOTES) print(formatNote('→', note));
  let answers = 0;
  const { status } = await client.routeChat(NOTES, (note) => {
    answers++;
    print(formatNote('←', note));
  });
  printResult('…', `${NOTES.length} notes left, ${answers} found`, status);
  return status.isOk;
}

/** With raw coordinates: the notes lie a ten-millionth of a degree apart. */
function formatNote(arrow: string, { message, location }: NoteInit): string {
  const point = `${location?.latitude ?? 0}, ${location?.longitude ?? 0}`;
  return `  ${styled('cyan', arrow)} ${point.padEnd(20)}${message ?? ''}`;
}
