/**
 * A run of the matrix as data: what is written as JSON, and what the page is made of. Above: matrix-main.ts, markdown.ts. Holds:
 * nothing in it tells the machine of the run.
 */
import type { MissingPeer, Peer } from '../peers/peer.ts';
import type { Result } from './result.ts';

/** An implementation that took part, or why it did not. */
export type Participant = { readonly name: string; readonly version: string } | MissingPeer;

export interface Report {
  /** Year, month and day. */
  readonly date: string;
  readonly peers: readonly Participant[];
  readonly results: readonly Result[];
}

/** Takes this machine's folders and the ports of the moment out of a text. `folders`: from the longest to the shortest. */
function neutral(text: string, folders: readonly string[]): string {
  return folders
    .reduce((rest, folder) => rest.replaceAll(folder, '…'), text)
    .replaceAll(/(127\.0\.0\.1|localhost|\[::1\]):\d+/g, '$1');
}

/** Every implementation once, though halfclose is there with each of its faces. */
function participants(peers: readonly (Peer | MissingPeer)[]): Participant[] {
  const all = peers.map((peer) => ('missing' in peer ? peer : { name: peer.implementation, version: peer.version }));
  return all.filter(({ name }, at) => all.findIndex((one) => one.name === name) === at);
}

/** The report of a run that ends now. `folders` of this machine are left out of every reason. */
export function makeReport(
  peers: readonly (Peer | MissingPeer)[],
  results: readonly Result[],
  now: Date,
  folders: readonly string[],
): Report {
  const sorted = [...new Set(folders)].filter((folder) => folder.length > 1).sort((a, b) => b.length - a.length);
  return {
    date: now.toISOString().slice(0, 10),
    peers: participants(peers).map((peer) =>
      'missing' in peer ? { ...peer, missing: neutral(peer.missing, sorted) } : peer,
    ),
    results: results.map((result) =>
      result.outcome === 'passed' ? result : { ...result, reason: neutral(result.reason, sorted) },
    ),
  };
}
