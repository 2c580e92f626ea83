/**
 * What each face costs over the same transport: `npm run bench`. Both ends run in this process, over a loopback socket, on
 * bytes; measured is the CPU time of both together, per call or per message, in rounds that take turns, as ratios to
 * ClientCall and ServerCall. Takes about half a minute. Below: faces/*.ts, one per face.
 */
import { ChannelCredentials, createChannel, Server, ServerCredentials } from '../src/index.ts';
import { callFace } from './faces/calls.ts';
import type { Face, Scenario } from './faces/face.ts';
import { promiseFace } from './faces/promises.ts';
import { reactorFace } from './faces/reactors.ts';

const ROUNDS = 7;

interface Measured {
  readonly face: Face;
  readonly scenario: Scenario;
}

const FACES: readonly Face[] = [callFace, reactorFace, promiseFace];

/** So many operations a round; an operation is a call or a message. */
const SCENARIOS: readonly { readonly name: Scenario; readonly operations: number; readonly title: string }[] = [
  { name: 'unary', operations: 6_000, title: 'unary, 32 B, 100 in flight' },
  {
    name: 'serverStream',
    operations: 100_000,
    title: 'server stream, 32 B messages (calls and reactors await each write, promises readiness)',
  },
  { name: 'clientStream', operations: 40_000, title: 'client stream, 32 B messages (likewise)' },
  { name: 'pingPong', operations: 20_000, title: 'bidi ping-pong, 32 B, one at a time' },
];

/** CPU time of one round, in microseconds per operation. */
async function round({ face, scenario }: Measured, operations: number): Promise<number> {
  const server = new Server().addService(face.service());
  server.addListener({ host: '127.0.0.1', port: 0 }, ServerCredentials.insecure());
  await server.start();
  const channel = createChannel(`127.0.0.1:${server.port}`, ChannelCredentials.insecure(), {});
  const client = face.client(channel);
  // A tenth of it first, for the connection and the compiler.
  await client[scenario](Math.ceil(operations / 10));
  const before = process.cpuUsage();
  await client[scenario](operations);
  const { user, system } = process.cpuUsage(before);
  channel.shutdownNow();
  await channel.awaitTermination();
  server.shutdownNow();
  await server.awaitTermination();
  return (user + system) / operations;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function spread(values: readonly number[]): string {
  return `${Math.min(...values).toFixed(2)}–${Math.max(...values).toFixed(2)}`;
}

console.log(
  `Node ${process.versions.node}; CPU µs per operation, both ends; median of ${ROUNDS} rounds (least–most)\n`,
);
for (const { name, operations, title } of SCENARIOS) {
  const costs = new Map<Face, number[]>(FACES.map((face) => [face, []]));
  for (let i = 0; i < ROUNDS; i += 1) {
    // Each goes first in half of the rounds.
    for (const face of i % 2 === 0 ? FACES : [...FACES].reverse()) {
      costs.get(face)?.push(await round({ face, scenario: name }, operations));
    }
  }
  const base = costs.get(callFace) ?? [];
  console.log(title);
  for (const [face, values] of costs) {
    const ratio = median(values.map((value, i) => value / (base[i] ?? Number.NaN)));
    console.log(
      `  ${face.name.padEnd(10)}${median(values).toFixed(2).padStart(8)}  ${spread(values).padEnd(16)}× ${ratio.toFixed(2)}`,
    );
  }
}
