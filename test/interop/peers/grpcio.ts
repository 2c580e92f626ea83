/**
 * gRPC's C core through Python's grpcio, as a peer. Above: peers.ts. Below: grpcio/peer.py, which is client and server;
 * tools.ts, which installs grpcio. What the client cannot do it says itself, in the same words as here; the server does not
 * learn whether a request came compressed, and its window grows with use.
 */
import path from 'node:path';
import { pythonTool, run } from '../tools.ts';
import { compressionFlag, NODE_LISTENING } from './node-programs.ts';
import { caFlag, clientFlags, knowsNoTokens, NO_CACHE, reasons, serverFlags } from './official-flags.ts';
import type { MissingPeer, Peer, Reasons } from './peer.ts';
import { SOURCE_ROOT } from './source-root.ts';

const NAME = 'grpcio';
const VERSION = '1.85.1';
const PROGRAM = path.join(SOURCE_ROOT, 'test/interop/peers/grpcio/peer.py');

const CLIENT_CANNOT: Reasons = {
  ...NO_CACHE,
  ...reasons(
    "grpcio has no compression flag for a single message of a client's stream",
    'client_compressed_streaming',
    'client_compressed_streaming_noprobe',
  ),
};

const SERVER_CANNOT: Reasons = {
  ...NO_CACHE,
  ...reasons(
    'grpcio does not tell a server whether a request came compressed, so the probe passes',
    'client_compressed_unary',
    'client_compressed_streaming',
  ),
  // With grpc.http2.bdp_probe=0 it takes one or two of the twelve; but then nobody would meet its pings.
  ...reasons("gRPC's C core widens its window as it measures bandwidth, up to all that the case sends", 'push_back'),
};

/** Installs grpcio if it is not there yet. */
export function grpcioPeer(): Peer | MissingPeer {
  const python = pythonTool(NAME, [`grpcio==${VERSION}`, `grpcio-tools==${VERSION}`]);
  if ('missing' in python) return { name: NAME, missing: python.missing };
  const runtime = run(python.path, ['--version']).output;
  return {
    name: NAME,
    implementation: NAME,
    version: `${VERSION} on ${runtime}`,
    client: {
      commandLine: (run) => [
        python.path,
        PROGRAM,
        'client',
        ...clientFlags(run),
        ...caFlag(run),
        ...compressionFlag(run),
      ],
      takesMany: true,
      cannot: CLIENT_CANNOT,
    },
    server: {
      commandLine: (run) => [
        python.path,
        PROGRAM,
        'server',
        ...serverFlags({ ...run, port: 0 }),
        ...compressionFlag(run),
      ],
      listening: NODE_LISTENING,
      cannot: SERVER_CANNOT,
      cannotIn: knowsNoTokens(NAME),
    },
  };
}
