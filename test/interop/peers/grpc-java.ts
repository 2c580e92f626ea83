/**
 * grpc-java's own interop programs as a peer. Above: peers.ts. Below: tools.ts, which fetches them; jar.ts. They trust and
 * serve only the certificates in their own jar, so whoever meets them over TLS has to take those. What they cannot do was
 * tried against grpc-java 1.76.0: its server does not look whether a request came compressed, compresses no responses of a
 * stream, has no CacheableUnaryCall, leaves server_id empty, reads as fast as a client sends and sends headers with the
 * first response.
 */
import path from 'node:path';
import type { TlsTexts } from '../certificates.ts';
import { mavenTool, run } from '../tools.ts';
import { readJarEntry } from './jar.ts';
import { clientFlags, knowsNoTokens, NO_CACHE, reasons, serverFlags } from './official-flags.ts';
import type { CommandLine, MissingPeer, Peer, Reasons } from './peer.ts';

const NAME = 'grpc-java';
const VERSION = '1.76.0';
const PROGRAMS = 'io.grpc.testing.integration';

/** Starts in half the time; nothing here runs long enough for more. */
const QUICK = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xshare:auto'];

const SERVER_CANNOT: Reasons = {
  ...NO_CACHE,
  ...reasons(
    "grpc-java's server does not look whether a request came compressed, so the probe passes",
    'client_compressed_unary',
    'client_compressed_streaming',
  ),
  ...reasons("grpc-java's server does not compress the responses of a stream", 'server_compressed_streaming'),
  ...reasons("grpc-java's server reads on while nobody reads its responses", 'push_back'),
  ...reasons("grpc-java's server sends no headers before its first response", 'cancel_after_headers'),
  ...reasons("grpc-java's server leaves server_id empty", 'pick_first_unary'),
};

function bundledCertificates(jars: string): TlsTexts {
  const read = (name: string): Buffer => readJarEntry(path.join(jars, `grpc-testing-${VERSION}.jar`), `certs/${name}`);
  return { ca: read('ca.pem'), cert: read('server1.pem'), key: read('server1.key') };
}

/** Fetches the programs if they are not there yet. */
export function grpcJavaPeer(): Peer | MissingPeer {
  const jars = mavenTool('io.grpc', 'grpc-interop-testing', VERSION);
  if ('missing' in jars) return { name: NAME, missing: jars.missing };
  const program = (main: string): CommandLine => ['java', ...QUICK, '-cp', `${jars.path}/*`, `${PROGRAMS}.${main}`];
  const java = /version "([^"]+)"/.exec(run('java', ['-version']).output)?.[1] ?? 'unknown';
  return {
    name: NAME,
    implementation: NAME,
    version: `${VERSION} on Java ${java}`,
    bundled: bundledCertificates(jars.path),
    client: {
      commandLine: (run) => [...program('TestServiceClient'), ...clientFlags(run)],
      takesMany: false,
      cannot: NO_CACHE,
    },
    server: {
      commandLine: (run) => [
        ...program('TestServiceServer'),
        ...serverFlags({ ...run, tls: null }),
        `--use_tls=${run.tls !== null}`,
      ],
      listening: /^Server started on port \d+$/m,
      cannot: SERVER_CANNOT,
      cannotIn: knowsNoTokens(NAME),
    },
  };
}
