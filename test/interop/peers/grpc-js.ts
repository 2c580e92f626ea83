/**
 * grpc-js from npm as a peer of interop tests. Above: peers.ts. Below: grpc-js-client-main.ts and grpc-js-server-main.ts, as they
 * were built; what they cannot do is said where they are written.
 */
import { SKIPPED_BY_CLIENT } from './grpc-js-cases.ts';
import { SKIPPED_BY_SERVER } from './grpc-js-server.ts';
import { compressionFlag, NODE_LISTENING, nodeProgram, versionIn } from './node-programs.ts';
import { caFlag, clientFlags, serverFlags } from './official-flags.ts';
import type { Peer } from './peer.ts';

export function grpcJsPeer(): Peer {
  const client = nodeProgram(import.meta.dirname, 'grpc-js-client-main.js');
  const server = nodeProgram(import.meta.dirname, 'grpc-js-server-main.js');
  return {
    name: 'grpc-js',
    implementation: 'grpc-js',
    version: versionIn('node_modules/@grpc/grpc-js/package.json'),
    client: {
      commandLine: (run) => [...client, ...clientFlags(run), ...caFlag(run), ...compressionFlag(run)],
      takesMany: true,
      cannot: SKIPPED_BY_CLIENT,
    },
    server: {
      // It has no flag for compression: grpc-js's server cannot.
      commandLine: (run) => [...server, ...serverFlags({ ...run, port: 0 })],
      listening: NODE_LISTENING,
      cannot: SKIPPED_BY_SERVER,
    },
  };
}
