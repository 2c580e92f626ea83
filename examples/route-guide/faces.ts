/**
 * The faces against each other: one call of each kind from ClientCall to reactors, one of each from reactors to
 * ServerCall, and one of each from promises to reactors, side by side. Above: demo.ts. Below: the client of each face.
 */
import { type Channel, Status } from '../../src/index.ts';
import { RouteGuideClient as ReactorClient } from '../route-guide-reactors/client.ts';
import { type NoteInit, type Outcome, type PointInit, RouteGuideClient } from './client.ts';
import type { Feature, RouteSummary } from './gen/route_guide_pb.ts';
import { makeJourney } from './promise-client.ts';
import { formatCount, formatStatus, printHeading, printTable } from './screen.ts';
import { AROUND_LISBON, LISBON } from './tour.ts';

/** Where nobody else leaves any: each client asks for the first time about notes at its place. */
function notesAt(location: PointInit): NoteInit[] {
  const messages = ['a note', 'another note', 'a third note', 'a fourth note'];
  return messages.map((message) => ({ message, location }));
}

const NOTES = notesAt(LISBON);
const NOTES_NEARBY = notesAt({ ...LISBON, longitude: 0 });

/** What came of one call of each kind. */
interface Glance {
  readonly found: Outcome<Feature>;
  readonly listed: { readonly status: Status; readonly count: number };
  readonly recorded: Outcome<RouteSummary>;
  readonly chatted: { readonly status: Status; readonly count: number };
}

/** Makes four calls three ways; true if all of them ended OK. `toCalls` leads to ServerCall, `toReactors` to reactors. */
export async function showFaces(toCalls: Channel, toReactors: Channel): Promise<boolean> {
  const glances = [
    await glanceByCalls(toReactors),
    await glanceByReactors(toCalls),
    await glanceByPromises(toReactors),
  ];
  printHeading('Faces', "grpc-java's calls, gRPC C++'s reactors and promises, with each other");
  const row = (label: string, cell: (glance: Glance) => string): string[] => [label, ...glances.map(cell)];
  printTable([
    ['', 'ClientCall to reactors', 'reactors to ServerCall', 'promises to reactors'],
    row('GetFeature', ({ found }) => found.message?.name ?? 'no answer'),
    row('ListFeatures', ({ listed }) => `${formatCount(listed.count)} features`),
    row('RecordRoute', ({ recorded }) => formatSummary(recorded.message)),
    row('RouteChat', ({ chatted }) => `${NOTES.length} notes left, ${chatted.count} found`),
    row('status', (glance) => formatStatus(statusOf(glance))),
  ]);
  return glances.every((glance) => statusOf(glance).isOk);
}

async function glanceByCalls(channel: Channel): Promise<Glance> {
  const client = new RouteGuideClient(channel);
  const found = await client.getFeature(LISBON);
  const points: PointInit[] = [];
  const listing = client.listFeatures(AROUND_LISBON, { batch: 16, restMs: 0 }, ({ location }) => {
    if (location !== undefined) points.push(location);
  });
  const listed = { status: await listing.done, count: listing.consumed };
  const recorded = await client.recordRoute(points);
  let count = 0;
  const { status } = await client.routeChat(NOTES, () => {
    count += 1;
  });
  return { found, listed, recorded, chatted: { status, count } };
}

async function glanceByReactors(channel: Channel): Promise<Glance> {
  const client = new ReactorClient(channel, () => {});
  const found = await client.getOneFeature(LISBON);
  const { status, features } = await client.listFeatures(AROUND_LISBON);
  const points = features.flatMap(({ location }) => location ?? []);
  const recorded = await client.recordRoute(points, { restMs: () => 1 });
  const chatted = await client.routeChat(NOTES);
  return {
    found,
    listed: { status, count: features.length },
    recorded,
    chatted: { status: chatted.status, count: chatted.notes.length },
  };
}

async function glanceByPromises(channel: Channel): Promise<Glance> {
  const { found, listed, recorded, chatted } = await makeJourney(channel, LISBON, AROUND_LISBON, NOTES_NEARBY);
  const status = Status.OK;
  return {
    found: { status, message: found },
    listed: { status, count: listed.length },
    recorded: { status, message: recorded },
    chatted: { status, count: chatted.length },
  };
}

/** That of the first call that did not end OK. */
function statusOf({ found, listed, recorded, chatted }: Glance): Status {
  const statuses = [found.status, listed.status, recorded.status];
  return statuses.find(({ isOk }) => !isOk) ?? chatted.status;
}

function formatSummary(summary: RouteSummary | null): string {
  if (summary === null) return 'no answer';
  return `${formatCount(summary.pointCount)} points, ${(summary.distance / 1000).toFixed(1)} km`;
}
