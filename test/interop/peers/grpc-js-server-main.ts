/**
 * The official interop server on grpc-js, as a program: `node grpc-js-server-main.js --port=50051`. Prints
 * `listening on PORT`; ends on SIGTERM. Exit code 2: the command line is wrong. Below: grpc-js-server.ts.
 */
import { parseFlags, readFlagged, UsageError } from '../flags.ts';
import { serveOnGrpcJs } from './grpc-js-server.ts';

const FLAGS = { host: '127.0.0.1', port: 0, use_tls: false, tls_cert_file: '', tls_key_file: '' };

try {
  const { host, port, use_tls, tls_cert_file, tls_key_file } = parseFlags(process.argv.slice(2), FLAGS);
  const tls = use_tls
    ? { tls: { cert: readFlagged('tls_cert_file', tls_cert_file), key: readFlagged('tls_key_file', tls_key_file) } }
    : {};
  const server = await serveOnGrpcJs({ host, port, ...tls });
  process.once('SIGTERM', () => server[Symbol.dispose]());
  console.log(`listening on ${server.port}`);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
