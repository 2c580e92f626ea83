/**
 * `npm run demo`: RouteGuide servers in processes of their own, one of ServerCall and one of reactors. One call of each
 * kind, the same with reactors at one end, then a reader that is slower than the server, over a small and a large
 * rectangle, to show that neither end holds more for the larger one. Takes about ten seconds; exits with 0 if every call
 * ended OK. Below: tour.ts, faces.ts, client.ts, server-process.ts.
 */
import { setTimeout } from 'node:timers/promises';
import { ChannelCredentials, createChannel, type DirectChannel, type Status } from '../../src/index.ts';
import { type Listing, type Pace, type RectangleInit, RouteGuideClient } from './client.ts';
import { showFaces } from './faces.ts';
import { MemoryWatch } from './meter.ts';
import { formatBytes, formatCount, formatStatus, print, printHeading, printTable, styled } from './screen.ts';
import { type ServerFigures, ServerProcess } from './server-process.ts';
import { takeTour } from './tour.ts';

const ALPS: RectangleInit = {
  lo: { latitude: 440_000_000, longitude: 50_000_000 },
  hi: { latitude: 480_000_000, longitude: 160_000_000 },
};
const WORLD: RectangleInit = {
  lo: { latitude: -900_000_000, longitude: -1_800_000_000 },
  hi: { latitude: 900_000_000, longitude: 1_800_000_000 },
};
const SLOW: Pace = { batch: 48, restMs: 2 };
/** The least that HTTP/2 starts with; a larger one would be faster and hide the effect that is to be seen. */
const WINDOW_BYTES = 65_535;
const LOOK_EVERY_MS = 50;

/** What was seen of one listing. */
interface Observation {
  readonly status: Status;
  readonly listing: Listing;
  readonly seconds: number;
  readonly server: ServerFigures;
  /** The most features that were sent and that the reader had not come to, wherever they were. */
  readonly worstBetween: number;
  readonly clientGrownBytes: number;
}

async function observe(
  client: RouteGuideClient,
  server: ServerProcess,
  rectangle: RectangleInit,
): Promise<Observation> {
  await server.ask('begin');
  const watch = new MemoryWatch();
  const startedAtMs = performance.now();
  const listing = client.listFeatures(rectangle, SLOW);
  let status: Status | null = null;
  void listing.done.then((ended) => {
    status = ended;
  });
  let worstBetween = 0;
  while (status === null) {
    const { sent } = await server.ask('look');
    worstBetween = Math.max(worstBetween, sent - listing.consumed);
    await Promise.race([setTimeout(LOOK_EVERY_MS), listing.done]);
  }
  const seconds = (performance.now() - startedAtMs) / 1000;
  return { status, listing, seconds, server: await server.ask('end'), worstBetween, clientGrownBytes: watch.stop() };
}

/** A number of features of a listing, with their bytes at its average. */
function formatHeld(features: number, { listing }: Observation): string {
  const bytes = listing.consumed === 0 ? 0 : (features * listing.bytes) / listing.consumed;
  return `${formatCount(features)} (${formatBytes(bytes)})`;
}

function printObservations(observations: readonly Observation[]): void {
  const row = (label: string, cell: (one: Observation) => string): string[] => [label, ...observations.map(cell)];
  printTable([
    ['', 'the Alps', 'the world'],
    row('features', ({ listing }) => formatCount(listing.consumed)),
    row('payload', ({ listing }) => formatBytes(listing.bytes)),
    row('time', ({ seconds }) => `${seconds.toFixed(1)} s`),
    row('rate', ({ listing, seconds }) => `${formatCount(Math.round(listing.consumed / seconds))} a second`),
    row('queued in the server, at worst', (one) => formatHeld(one.server.worstQueued, one)),
    row('sent and not yet read, at worst', (one) => formatHeld(one.worstBetween, one)),
    row('unread in the client, at worst', (one) => formatHeld(one.listing.worstUnread, one)),
    row('memory of the server, growth', ({ server }) => formatBytes(server.grownBytes)),
    row('memory of the client, growth', ({ clientGrownBytes }) => formatBytes(clientGrownBytes)),
    row('status', ({ status }) => formatStatus(status)),
  ]);
}

function connect({ atStart: { port } }: ServerProcess): DirectChannel {
  return createChannel(`127.0.0.1:${port}`, ChannelCredentials.insecure(), { streamWindowBytes: WINDOW_BYTES });
}

async function run(server: ServerProcess, reactorServer: ServerProcess): Promise<boolean> {
  const [channel, reactorChannel] = [connect(server), connect(reactorServer)];
  const client = new RouteGuideClient(channel);
  print(styled('bold', 'RouteGuide over every city of the world'));
  print(`  ${formatCount(server.atStart.features)} features in process ${server.pid}, at ${channel.authority()}`);
  const toured = await takeTour(client);
  const faced = await showFaces(channel, reactorChannel);

  printHeading('A slow reader', `takes ${SLOW.batch} features, rests ${SLOW.restMs} ms, and only then asks for more`);
  const observations = [await observe(client, server, ALPS), await observe(client, server, WORLD)];
  printObservations(observations);

  for (const each of [channel, reactorChannel]) each.shutdown();
  const drained = (await channel.awaitTermination(5000)) && (await reactorChannel.awaitTermination(5000));
  return toured && faced && drained && observations.every(({ status }) => status.isOk);
}

const startedAtMs = performance.now();
const [server, reactorServer] = await Promise.all([
  ServerProcess.start(),
  ServerProcess.start('../route-guide-reactors/server-main'),
]);
let ok = false;
try {
  ok = await run(server, reactorServer);
} finally {
  const codes = await Promise.all([server.stop(), reactorServer.stop()]);
  ok &&= codes.every((code) => code === 0);
}
const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
print();
print(
  ok ? styled('green', `every call ended OK, ${seconds} s in all`) : styled('red', `something failed, ${seconds} s`),
);
process.exitCode = ok ? 0 : 1;
