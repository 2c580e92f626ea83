/**
 * The four calls in the promise style, each as one writes it. Above: faces.ts. Below: the public API. Holds: every call has
 * a deadline; what fails throws a StatusError.
 */
import type { Channel } from '../../src/index.ts';
import { createClient } from '../../src/stub/codec/protobuf-es.ts';
import type { NoteInit, PointInit, RectangleInit } from './client.ts';
import { type Feature, RouteGuide, type RouteNote, type RouteSummary } from './gen/route_guide_pb.ts';

/** What came of one call of each kind. */
export interface Journey {
  readonly found: Feature;
  readonly listed: readonly Feature[];
  readonly recorded: RouteSummary;
  readonly chatted: readonly RouteNote[];
}

/** Asks for a point, lists a rectangle, travels along what was found there, and leaves notes. Throws a StatusError. */
export async function makeJourney(
  channel: Channel,
  point: PointInit,
  rectangle: RectangleInit,
  notes: readonly NoteInit[],
): Promise<Journey> {
  const client = createClient(RouteGuide, channel, { timeoutMs: 60_000 });

  const found = await client.getFeature(point);

  const listed: Feature[] = [];
  for await (const feature of client.listFeatures(rectangle)) listed.push(feature);

  // Any iterable will do; it is pulled as fast as the server takes its points.
  const recorded = await client.recordRoute(listed.flatMap(({ location }) => location ?? []));

  // By hand, because one may listen and talk at the same time.
  await using chat = client.routeChat();
  const talking = (async (): Promise<void> => {
    for (const note of notes) if (!(await chat.send(note))) return;
    chat.closeSend();
  })();
  const chatted: RouteNote[] = [];
  for await (const note of chat) chatted.push(note);
  await talking;

  return { found, listed, recorded, chatted };
}
