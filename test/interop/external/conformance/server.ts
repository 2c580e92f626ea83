/**
 * The server under test of the connectrpc conformance suite: `node server.js FACE`. Reads from stdin what to be, says on
 * stdout where it is, and serves until SIGTERM. Above: connectconformance, which starts one for each kind of connection.
 * Below: services/, the conformance service in each face.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Server, ServerCredentials, type ServerInterceptor, type ServiceDefinition } from '../../../../src/index.ts';
import type { FaceName } from '../../face.ts';
import { delimited, readDelimited } from './delimited.ts';
import { COMPRESSORS } from './forms.ts';
import {
  type ServerCompatRequest,
  ServerCompatRequestSchema,
  ServerCompatResponseSchema,
} from './gen/connectrpc/conformance/v1/server_compat_pb.ts';
import { CALLS_SERVICE } from './services/calls.ts';
import { PROMISES_SERVICE } from './services/promises.ts';
import { REACTORS_SERVICE } from './services/reactors.ts';

const SERVICES: Readonly<Record<FaceName, ServiceDefinition>> = {
  calls: CALLS_SERVICE,
  promises: PROMISES_SERVICE,
  reactors: REACTORS_SERVICE,
};

const ORPHAN_CHECK_MS = 1_000;
const HOST = '127.0.0.1';
const CASE_COMPRESSION = /\/Compression:COMPRESSION_([A-Z]+)\//;

/** Answers with the compressor that the case is about, which its name says. */
const compressLikeTheCase: ServerInterceptor = (call, headers, next) => {
  const name = CASE_COMPRESSION.exec(headers.get('x-test-case-name') ?? '')?.[1]?.toLowerCase();
  if (name !== undefined) call.setCompression(name);
  return next(call, headers);
};

function credentialsFor({ useTls, serverCreds, clientTlsCert }: ServerCompatRequest): ServerCredentials {
  if (!useTls) return ServerCredentials.insecure();
  if (serverCreds === undefined) throw new Error('the server is to have TLS, but was given no certificate');
  const own = { cert: Buffer.from(serverCreds.cert), key: Buffer.from(serverCreds.key) };
  if (clientTlsCert.length === 0) return ServerCredentials.tls(own);
  return ServerCredentials.tls({ ...own, ca: Buffer.from(clientTlsCert), clientCertificate: 'require' });
}

async function start(face: FaceName, request: ServerCompatRequest): Promise<Server> {
  const { messageReceiveLimit } = request;
  const server = new Server({
    compressors: COMPRESSORS,
    interceptors: [compressLikeTheCase],
    ...(messageReceiveLimit === 0 ? {} : { maxInboundMessageBytes: messageReceiveLimit }),
  });
  server.addService(SERVICES[face]);
  server.addListener({ host: HOST, port: 0 }, credentialsFor(request));
  await server.start();
  return server;
}

/** The runner closes our input at once, so that it was killed is seen by nothing but its absence. */
function endWithParent(): void {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) process.exit(1);
  }, ORPHAN_CHECK_MS).unref();
}

const face = process.argv[2];
if (face !== 'calls' && face !== 'promises' && face !== 'reactors') throw new Error(`not a face: ${face}`);
endWithParent();
for await (const bytes of readDelimited(process.stdin)) {
  const request = fromBinary(ServerCompatRequestSchema, bytes);
  const server = await start(face, request);
  const response = create(ServerCompatResponseSchema, {
    host: HOST,
    port: server.port,
    ...(request.useTls && request.serverCreds !== undefined ? { pemCert: request.serverCreds.cert } : {}),
  });
  process.once('SIGTERM', () => server.shutdownNow());
  process.stdout.write(delimited(toBinary(ServerCompatResponseSchema, response)));
}
