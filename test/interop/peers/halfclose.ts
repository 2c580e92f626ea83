/**
 * halfclose as a peer of interop tests, once for each face. Above: peers.ts. Below: client-main.ts and server-main.ts, as
 * they were built. Holds: a face is a peer of its own, so that each of its ends meets every other implementation.
 */
import path from 'node:path';
import type { FaceName } from '../face.ts';
import { compressionFlag, NODE_LISTENING, nodeProgram, versionIn } from './node-programs.ts';
import { caFlag, clientFlags, NO_CACHE, serverFlags } from './official-flags.ts';
import type { Peer } from './peer.ts';

export const FACES: readonly FaceName[] = ['calls', 'reactors', 'promises'];

const PROGRAMS = path.join(import.meta.dirname, '..');

/** Both programs, with one face. */
export function halfclosePeer(face: FaceName): Peer {
  const client = nodeProgram(PROGRAMS, 'client-main.js');
  const server = nodeProgram(PROGRAMS, 'server-main.js');
  return {
    name: `halfclose/${face}`,
    implementation: 'halfclose',
    version: `${versionIn('package.json')} on Node ${process.versions.node}`,
    client: {
      commandLine: (run) => [...client, `--face=${face}`, ...clientFlags(run), ...caFlag(run), ...compressionFlag(run)],
      takesMany: true,
      cannot: NO_CACHE,
    },
    server: {
      commandLine: (run) => [...server, `--face=${face}`, ...serverFlags({ ...run, port: 0 }), ...compressionFlag(run)],
      listening: NODE_LISTENING,
      cannot: {},
    },
  };
}
