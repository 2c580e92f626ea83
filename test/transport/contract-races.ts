/**
 * The contract of a stream under races: two things at once, in both orders and at random distances. See contract.ts.
 * Holds: whoever cancels before its own onClose gets its own status; both ends close, once.
 */
import * as fc from 'fast-check';
import { WriteFlag, type WriteFlags } from '../../src/transport/stream.ts';
import { Metadata } from '../../src/values/metadata.ts';
import { Status } from '../../src/values/status.ts';
import { assert } from '../support/suite.ts';
import type { ClientEnd, ServerEnd } from './ends.ts';
import { Pair, type Promised, type TransportKit } from './pair.ts';

/** One step of waiting: within the tick, behind it, a turn of the event loop, a timer. */
type Pause = 'tick' | 'microtask' | 'turn' | 'timer';

const pauses: fc.Arbitrary<Pause[]> = fc.array(fc.constantFrom<Pause>('tick', 'microtask', 'turn', 'timer'), {
  maxLength: 4,
});

async function pause(kind: Pause): Promise<void> {
  if (kind === 'microtask') await null;
  else if (kind === 'tick') await new Promise<void>((resolve) => process.nextTick(resolve));
  else if (kind === 'turn') await new Promise<void>((resolve) => setImmediate(resolve));
  else await new Promise<void>((resolve) => setTimeout(resolve, 1));
}

/** Does `act` after some pauses; without any at once. */
async function after(kinds: readonly Pause[], act: () => void): Promise<void> {
  for (const kind of kinds) await pause(kind);
  act();
}

/** A race of the client's cancel against something. */
type Rival = (pair: Pair, client: ClientEnd, server: ServerEnd) => void;

const RIVALS: Readonly<Record<string, Rival>> = Object.freeze({
  headers: (_pair, _client, server) => server.sendHeaders(),
  'a message': (_pair, _client, server) => {
    server.sendHeaders();
    server.write('message');
  },
  'many messages': (_pair, _client, server) => {
    server.sendHeaders();
    for (let i = 0; i < 20; i += 1) server.write(Buffer.alloc(20_000));
  },
  'the client’s half-close': (_pair, client) => client.halfClose(),
  trailers: (_pair, _client, server) => {
    server.sendHeaders();
    server.close(Status.OK);
  },
  'a bare status': (_pair, _client, server) => server.close(Status.NOT_FOUND),
  'the server’s cancel': (_pair, _client, server) => server.cancel(Status.ABORTED),
  'a message of its own': (_pair, client) => client.write('message'),
  'a held message of its own': (_pair, client) => client.write('message', WriteFlag.BUFFER_HINT),
  'an end behind more messages than it asked for': (_pair, _client, server) => {
    server.sendHeaders();
    for (let i = 0; i < 8; i += 1) server.write('message');
    server.close(Status.OK);
  },
});

export function raceContract(test: Promised, kit: TransportKit): void {
  for (const [name, rival] of Object.entries(RIVALS)) {
    test(`the client’s cancel against ${name}, in both orders`, async () => {
      await using pair = await Pair.connect(kit);
      await race(pair, [], [], rival);
      await fc.assert(
        fc.asyncProperty(pauses, pauses, (one, other) => race(pair, one, other, rival)),
        { numRuns: 40 },
      );
    });
  }

  test('a cancel against shutdownNow of either connection', async () => {
    await fc.assert(
      fc.asyncProperty(
        pauses,
        pauses,
        fc.constantFrom('client' as const, 'server' as const),
        async (one, other, which) => {
          await using pair = await Pair.connect(kit);
          const shutdown = (): void => pair[which].transport.shutdownNow(SHUTDOWN);
          // Of two local ends the first counts.
          await race(pair, one, other, shutdown, which === 'client' ? [SHUTDOWN] : []);
        },
      ),
      { numRuns: 25 },
    );
  });

  test('whatever both ends do, the contract holds', async () => {
    await using pair = await Pair.connect(kit);
    await fc.assert(
      fc.asyncProperty(program, program, (clientSteps, serverSteps) => walk(pair, clientSteps, serverSteps)),
      { numRuns: 60 },
    );
  });
}

const SHUTDOWN = Status.UNAVAILABLE.withDescription('shut down');

/** `others` may stand in the cancel's stead. */
async function race(
  pair: Pair,
  before: readonly Pause[],
  beforeRival: readonly Pause[],
  rival: Rival,
  others: readonly Status[] = [],
): Promise<void> {
  const [client, server] = await pair.stream();
  client.request(5);
  server.request(5);
  const reason = Status.CANCELLED.withDescription('raced');
  let wasClosed = false;
  await Promise.all([
    after(before, () => {
      wasClosed = client.isClosed;
      client.cancel(reason);
    }),
    after(beforeRival, () => rival(pair, client, server)),
  ]);
  const { status } = await client.closed;
  if (!others.includes(status)) assert.is(status === reason, !wasClosed, `was closed: ${wasClosed}, with ${status}`);
  await server.closed;
}

type Step = Pause | 'request' | 'write' | 'held' | 'large' | 'headers' | 'end' | 'cancel' | 'trailing';

const program: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom<Step>('request', 'write', 'held', 'large', 'headers') },
    { weight: 4, arbitrary: fc.constantFrom<Step>('tick', 'microtask', 'turn', 'timer') },
    { weight: 1, arbitrary: fc.constantFrom<Step>('end', 'cancel', 'trailing') },
  ),
  { maxLength: 12 },
);

/** Runs both programs on one stream, then sees to it that it ends. */
async function walk(pair: Pair, clientSteps: Step[], serverSteps: Step[]): Promise<void> {
  const [client, server] = await pair.stream();
  const sent = { client: [] as Uint8Array[], server: [] as Uint8Array[] };
  const acts = (end: ClientEnd | ServerEnd, mine: Uint8Array[]): Readonly<Record<string, () => void>> => ({
    request: () => end.request(1),
    write: () => void writeTo(end, mine, 10),
    held: () => void writeTo(end, mine, 10, WriteFlag.BUFFER_HINT),
    large: () => void writeTo(end, mine, 40_000),
    cancel: () => end.cancel(Status.ABORTED),
  });
  const runAll = async (steps: Step[], all: Readonly<Record<string, () => void>>): Promise<void> => {
    for (const step of steps) {
      const act = all[step];
      if (act === undefined) await pause(step as Pause);
      else act();
    }
  };
  let headersSent = false;
  let halfClosed = false;
  const sendHeaders = (): void => {
    if (!headersSent) server.sendHeaders();
    headersSent = true;
  };
  const halfClose = (): void => {
    if (!halfClosed) client.halfClose();
    halfClosed = true;
  };
  const serverActs = acts(server, sent.server);
  await Promise.all([
    runAll(clientSteps, { ...acts(client, sent.client), headers: () => {}, end: halfClose, trailing: halfClose }),
    runAll(serverSteps, {
      ...serverActs,
      write: () => headersSent && serverActs['write']?.(),
      held: () => headersSent && serverActs['held']?.(),
      large: () => headersSent && serverActs['large']?.(),
      headers: sendHeaders,
      end: () => server.close(Status.OK),
      trailing: () => server.close(Status.NOT_FOUND, new Metadata({ 'x-why': 'gone' })),
    }),
  ]);
  server.close(Status.OK);
  client.request(Number.POSITIVE_INFINITY);
  await client.closed;
  await server.closed;
  isPrefix(client.payloads, sent.server);
  isPrefix(server.payloads, sent.client);
}

function writeTo(end: ClientEnd | ServerEnd, sent: Uint8Array[], size: number, flags: WriteFlags = 0): void {
  const payload = Buffer.alloc(size, sent.length + 1);
  sent.push(payload);
  end.write(Buffer.from(payload), flags);
}

function isPrefix(received: readonly Uint8Array[], sent: readonly Uint8Array[]): void {
  assert.ok(received.length <= sent.length, 'more messages came than were sent');
  for (const [index, payload] of received.entries())
    assert.ok(Buffer.compare(payload, sent[index] ?? Buffer.of()) === 0);
}
