/**
 * Runs pairs: a server's process for each server, mode and certificate, and against it one client after the other. Above:
 * matrix-main.ts. Below: program.ts, the peers' command lines. Holds: every planned case gets one result, whatever the
 * programs do; no program outlives the run.
 */
import { once } from 'node:events';
import net from 'node:net';
import type { TlsFiles } from '../certificates.ts';
import type { Peer } from '../peers/peer.ts';
import type { Pairing } from './plan.ts';
import { Program } from './program.ts';
import { failed, type Result, type Verdict } from './result.ts';
import { type Ending, endOf, verdictOfProcess, verdictsOfLines } from './result-lines.ts';

/** Servers at work at a time. A client that runs case by case sleeps most of its life, so these may be more than cores. */
const SERVERS_AT_ONCE = 3;
/** Processes of clients that run case by case, at a time. */
const SINGLES_AT_ONCE = 2;
const STARTUP_MS = 30_000;
/** For a process with one case. */
const SINGLE_MS = 60_000;
/** For a process with many. */
const MANY_MS = 180_000;

/** The certificates of a run: those made for it, and those that a peer brought. */
export interface TlsSets {
  readonly made: TlsFiles;
  /** By the name of the peer. */
  readonly bundled: ReadonlyMap<string, TlsFiles>;
}

/** Takes results as they come. */
export type OnPair = (pair: Pairing, results: readonly Result[]) => void;

/** One server's process and all that is run against it. */
interface Group {
  readonly server: Peer;
  readonly tls: TlsFiles | null;
  readonly pairs: Pairing[];
}

/** Lets a limited number in; the others wait in line. */
class Turnstile {
  #free: number;
  readonly #line: (() => void)[] = [];

  constructor(free: number) {
    this.#free = free;
  }

  async pass<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#line.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#line.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}

const singles = new Turnstile(SINGLES_AT_ONCE);

function tlsOf(pair: Pairing, sets: TlsSets): TlsFiles | null {
  if (pair.mode !== 'tls') return null;
  return sets.bundled.get(pair.client.name) ?? sets.bundled.get(pair.server.name) ?? sets.made;
}

function groupPairs(pairs: readonly Pairing[], sets: TlsSets): Group[] {
  const groups = new Map<string, Group>();
  for (const pair of pairs) {
    const tls = tlsOf(pair, sets);
    const key = [pair.server.name, pair.mode, tls?.cert].join(' ');
    const group = groups.get(key) ?? { server: pair.server, tls, pairs: [] };
    groups.set(key, group);
    group.pairs.push(pair);
  }
  return [...groups.values()];
}

/** A port of 127.0.0.1 that was free a moment ago, for servers that do not choose their own. */
async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  await once(server.close(), 'close');
  return port;
}

async function runClient(pair: Pairing, cases: readonly string[], port: number, tls: TlsFiles | null): Promise<Ending> {
  const program = new Program(pair.client.client.commandLine({ mode: pair.mode, tls, port, cases }));
  return await program.ended(cases.length === 1 ? SINGLE_MS : MANY_MS);
}

async function runPair(pair: Pairing, port: number, tls: TlsFiles | null): Promise<Map<string, Verdict>> {
  if (pair.client.client.takesMany) return verdictsOfLines(pair.cases, await runClient(pair, pair.cases, port, tls));
  const verdicts = new Map<string, Verdict>();
  for (const name of pair.cases) {
    verdicts.set(name, verdictOfProcess(await singles.pass(() => runClient(pair, [name], port, tls))));
  }
  return verdicts;
}

function resultsOf(pair: Pairing, verdictOf: (name: string) => Verdict): Result[] {
  const place = { client: pair.client.name, server: pair.server.name, mode: pair.mode };
  return [...pair.cases.map((name) => ({ ...place, case: name, ...verdictOf(name) })), ...pair.skipped];
}

/** A verdict with what became of the server, if that may be why. */
function blamed(verdict: Verdict, server: Program): Verdict {
  const ending = server.endedEarly;
  if (ending === null || verdict.outcome !== 'failed') return verdict;
  return failed(`the server had ended, ${endOf(ending)}; the client: ${verdict.reason}`);
}

async function runGroup({ server, tls, pairs }: Group, onPair: OnPair): Promise<void> {
  const mode = pairs[0]?.mode ?? 'cleartext';
  const givenPort = await freePort();
  const program = new Program(server.server.commandLine({ mode, tls, port: givenPort }));
  try {
    const listening = await program.printed(server.server.listening, STARTUP_MS);
    const port = Number(listening?.[1] ?? givenPort);
    for (const pair of pairs) {
      const verdicts = listening === null ? new Map<string, Verdict>() : await runPair(pair, port, tls);
      const verdictOf = (name: string): Verdict => verdicts.get(name) ?? failed('the server did not start');
      onPair(
        pair,
        resultsOf(pair, (name) => blamed(verdictOf(name), program)),
      );
    }
  } finally {
    await program.stop();
  }
}

/** Runs all pairs and returns all results, those that were skipped too, in the order of the pairs. */
export async function runMatrix(pairs: readonly Pairing[], sets: TlsSets, onPair: OnPair): Promise<Result[]> {
  const results = new Map<Pairing, readonly Result[]>();
  const collect: OnPair = (pair, found) => {
    results.set(pair, found);
    onPair(pair, found);
  };
  const idle = pairs.filter((pair) => pair.cases.length === 0);
  for (const pair of idle)
    collect(
      pair,
      resultsOf(pair, () => failed('was not run')),
    );
  const queue = groupPairs(
    pairs.filter((pair) => !idle.includes(pair)),
    sets,
  );
  const worker = async (): Promise<void> => {
    for (let group = queue.shift(); group !== undefined; group = queue.shift()) await runGroup(group, collect);
  };
  await Promise.all(Array.from({ length: SERVERS_AT_ONCE }, worker));
  return pairs.flatMap((pair) => results.get(pair) ?? []);
}
