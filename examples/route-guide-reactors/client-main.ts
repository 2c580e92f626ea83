/**
 * A RouteGuide client with reactors that makes the calls of the tutorial: `npm run demo:reactor-client -- --port 50051`.
 * With `--db_path=FILE` around New Jersey, along features of that file, as the tutorial has it; without it around Lisbon,
 * along what ListFeatures found. `--rest_ms=MS` says how long to rest at each point of the route; by default, as in the
 * tutorial, half a second up to one and a half. Exits with 0 if every call ended OK. Below: client.ts.
 */
import { parseArgs } from 'node:util';
import { ChannelCredentials, createChannel } from '../../src/index.ts';
import type { PointInit, RectangleInit } from '../route-guide/client.ts';
import { print, printHeading } from '../route-guide/screen.ts';
import { type Journey, RouteGuideClient } from './client.ts';
import { loadFeatures } from './feature-list.ts';

/** A point where something is, and a rectangle around it. */
interface Region {
  readonly point: PointInit;
  readonly rectangle: RectangleInit;
}

const LISBON: Region = {
  point: { latitude: 387_166_700, longitude: -91_333_300 },
  rectangle: {
    lo: { latitude: 385_000_000, longitude: -96_000_000 },
    hi: { latitude: 390_000_000, longitude: -89_000_000 },
  },
};
const NEW_JERSEY: Region = {
  point: { latitude: 409_146_138, longitude: -746_188_906 },
  rectangle: {
    lo: { latitude: 400_000_000, longitude: -750_000_000 },
    hi: { latitude: 420_000_000, longitude: -730_000_000 },
  },
};
const NOWHERE: PointInit = { latitude: 0, longitude: 0 };
const POINTS = 10;

const { values } = parseArgs({
  options: {
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '50051' },
    db_path: { type: 'string' },
    rest_ms: { type: 'string' },
  },
});

/** So many of these points, by chance, the same one perhaps more than once. */
function drawPoints(points: readonly PointInit[], count: number): PointInit[] {
  return Array.from({ length: count }, () => points[Math.floor(Math.random() * points.length)] ?? NOWHERE);
}

async function run(client: RouteGuideClient): Promise<boolean> {
  const { point, rectangle } = values.db_path === undefined ? LISBON : NEW_JERSEY;
  printHeading('GetFeature');
  const found = await client.getOneFeature(point);
  const nothing = await client.getOneFeature(NOWHERE);
  printHeading('ListFeatures');
  const listed = await client.listFeatures(rectangle);
  printHeading('RecordRoute');
  const features = values.db_path === undefined ? listed.features : loadFeatures(values.db_path);
  const points = features.map(({ location }) => location ?? NOWHERE);
  const restMs = Number(values.rest_ms);
  const journey: Journey = values.rest_ms === undefined ? {} : { restMs: () => restMs };
  const recorded = await client.recordRoute(drawPoints(points, POINTS), journey);
  printHeading('RouteChat');
  const chatted = await client.routeChat();
  return [found, nothing, listed, recorded, chatted].every(({ status }) => status.isOk);
}

const channel = createChannel(`${values.host}:${values.port}`, ChannelCredentials.insecure());
const ok = await run(new RouteGuideClient(channel, print));
channel.shutdown();
await channel.awaitTermination(5000);
process.exitCode = ok ? 0 : 1;
