/**
 * The official interop server on halfclose, with the service of any face. Above: server-main.ts, the interop tests. Below: faces.ts,
 * test-service.ts. Holds: it knows of each request message whether it came compressed.
 */
import { Server, ServerCredentials } from '../../src/index.ts';
import type { FaceName, TestServiceInit } from './face.ts';
import { FACES } from './faces.ts';
import { PROBED_COMPRESSORS } from './test-service.ts';

/** Where a server listens, as whom, and in which style its service is written. */
export interface InteropServerInit extends Pick<TestServiceInit, 'clock'> {
  /** Default: `calls`. */
  readonly face?: FaceName;
  /** Default: 127.0.0.1. */
  readonly host?: string;
  /** Default: 0, any. */
  readonly port?: number;
  /** Both as PEM. Default: cleartext. */
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer };
  /** With it responses are compressed unless the request says otherwise, without it only if the request says so. */
  readonly compression?: 'gzip';
}

/** A server of grpc.testing.TestService that listens. Rejects if the port cannot be bound. */
export async function startInteropServer(init: InteropServerInit = {}): Promise<Server> {
  const { face = 'calls', host = '127.0.0.1', port = 0, tls, compression, ...serviceInit } = init;
  const credentials = tls === undefined ? ServerCredentials.insecure() : ServerCredentials.tls(tls);
  const server = new Server({ compressors: PROBED_COMPRESSORS })
    .addService(FACES[face].testService({ ...serviceInit, compressed: compression === 'gzip' }))
    .addListener({ host, port }, credentials);
  await server.start();
  return server;
}
