/**
 * grpc-go's own interop programs as a peer. Above: peers.ts. Below: tools.ts, which builds them. What they cannot do was
 * tried against grpc-go v1.76.0: the client ends with `Unsupported test case`, the server ignores what requests say of
 * compression and leaves server_id empty.
 */
import { goTool } from '../tools.ts';
import { caFlag, clientFlags, knowsNoTokens, NO_CACHE, reasons, serverFlags } from './official-flags.ts';
import type { MissingPeer, Peer, Reasons } from './peer.ts';

const NAME = 'grpc-go';
const VERSION = 'v1.76.0';

const CLIENT_CANNOT: Reasons = {
  ...NO_CACHE,
  ...reasons(
    "grpc-go's client does not have the case",
    'client_compressed_unary',
    'client_compressed_unary_noprobe',
    'server_compressed_unary',
    'client_compressed_streaming',
    'client_compressed_streaming_noprobe',
    'server_compressed_streaming',
  ),
};

const WITHOUT_GZIP = "grpc-go's server is built without gzip";

const SERVER_CANNOT: Reasons = {
  ...NO_CACHE,
  ...reasons(
    `${WITHOUT_GZIP}: a compressed request is UNIMPLEMENTED`,
    'client_compressed_unary',
    'client_compressed_unary_noprobe',
    'client_compressed_streaming',
    'client_compressed_streaming_noprobe',
  ),
  ...reasons(
    `${WITHOUT_GZIP}: it never compresses a response`,
    'server_compressed_unary',
    'server_compressed_streaming',
  ),
  ...reasons("grpc-go's server leaves server_id empty", 'pick_first_unary'),
};

/** Builds the programs if they are not there yet, which takes a while. */
export function grpcGoPeer(): Peer | MissingPeer {
  const client = goTool('google.golang.org/grpc/interop/client', VERSION);
  const server = goTool('google.golang.org/grpc/interop/server', VERSION);
  if ('missing' in client) return { name: NAME, missing: client.missing };
  if ('missing' in server) return { name: NAME, missing: server.missing };
  return {
    name: NAME,
    implementation: NAME,
    version: VERSION.slice(1),
    client: {
      commandLine: (run) => [client.path, ...clientFlags(run), ...caFlag(run)],
      takesMany: false,
      cannot: CLIENT_CANNOT,
    },
    server: {
      // What it logs of its port is not logged by default, so `env` asks for it.
      commandLine: (run) => [
        'env',
        'GRPC_GO_LOG_SEVERITY_LEVEL=info',
        server.path,
        ...serverFlags({ ...run, port: 0 }),
      ],
      listening: /interop server listening on .*:(\d+)$/m,
      cannot: SERVER_CANNOT,
      cannotIn: { ...knowsNoTokens(NAME), gzip: `${WITHOUT_GZIP}: a compressed request is UNIMPLEMENTED` },
    },
  };
}
