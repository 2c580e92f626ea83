/**
 * Which pairs are run, and which of their cases cannot be. Above: run-matrix.ts. Below: peers as data. Holds: every pair has
 * halfclose on one side at least; what is not run has a reason from the peer that cannot. Starts nothing.
 */
import type { Peer } from '../peers/peer.ts';
import { OFFICIAL_CASES } from './cases.ts';
import type { Mode } from './modes.ts';
import { type Result, skipped } from './result.ts';

/** One client against one server in one mode. */
export interface Pairing {
  readonly client: Peer;
  readonly server: Peer;
  readonly mode: Mode;
  /** To be run. */
  readonly cases: readonly string[];
  /** Not to be run. */
  readonly skipped: readonly Result[];
}

/** What of the whole matrix is wanted. */
export interface Selection {
  /** Implementations that stand on one side or the other; `halfclose` for itself. */
  readonly implementations: readonly string[];
  readonly modes: readonly Mode[];
  /** Null: all. */
  readonly cases: readonly string[] | null;
}

const OURS = 'halfclose';

/** Why a case cannot be run, or null if it can. */
export function reasonNotToRun(client: Peer, server: Peer, mode: Mode, name: string): string | null {
  const inMode = server.server.cannotIn?.[mode];
  const reason = client.client.cannot[name] ?? server.server.cannot[name];
  return reason ?? (typeof inMode === 'object' ? inMode[name] : inMode) ?? null;
}

/** The cases that a client has, of those that are wanted. `further`: those of halfclose beside the official ones. */
function casesOf(client: Peer, further: readonly string[], wanted: readonly string[] | null): string[] {
  const all = client.implementation === OURS ? [...OFFICIAL_CASES, ...further] : OFFICIAL_CASES;
  return all.filter((name) => wanted === null || wanted.includes(name));
}

/** The implementation that a pair is run for: the one that is not halfclose, if there is one. */
function other({ implementation: client }: Peer, { implementation: server }: Peer): string | null {
  if (client !== OURS && server !== OURS) return null;
  return client === OURS ? server : client;
}

function pairing(client: Peer, server: Peer, mode: Mode, cases: readonly string[]): Pairing {
  const reasons = new Map(cases.map((name) => [name, reasonNotToRun(client, server, mode, name)]));
  return {
    client,
    server,
    mode,
    cases: cases.filter((name) => reasons.get(name) === null),
    skipped: [...reasons].flatMap(([name, reason]) =>
      reason === null ? [] : [{ client: client.name, server: server.name, mode, case: name, ...skipped(reason) }],
    ),
  };
}

/** All pairs that are wanted, those of one server and mode together. */
export function planMatrix(peers: readonly Peer[], further: readonly string[], selection: Selection): Pairing[] {
  return selection.modes.flatMap((mode) =>
    peers.flatMap((server) =>
      peers
        .filter((client) => selection.implementations.includes(other(client, server) ?? ''))
        .map((client) => pairing(client, server, mode, casesOf(client, further, selection.cases)))
        .filter((pair) => pair.cases.length + pair.skipped.length > 0),
    ),
  );
}
