/**
 * The official interop server on halfclose, as a program: `node server-main.js --port=50051 --face=promises`. Prints
 * `listening on PORT`. SIGTERM and SIGINT let open calls end, for five seconds. Exit code 2: the command line is wrong. Below:
 * server.ts.
 */
import { readFileSync } from 'node:fs';
import type { Server } from '../../src/index.ts';
import { FACE_NAMES } from './faces.ts';
import { parseFlags, UsageError } from './flags.ts';
import { type InteropServerInit, startInteropServer } from './server.ts';

const GRACE_MS = 5000;
const FLAGS = {
  host: '127.0.0.1',
  port: 0,
  use_tls: false,
  tls_cert_file: '',
  tls_key_file: '',
  face: 'calls',
  compression: '',
};

/** The value of a flag, which must be one of a few. */
function choose<T extends string>(flag: string, given: string, choices: readonly T[]): T {
  const chosen = choices.find((choice) => choice === given);
  if (chosen === undefined) throw new UsageError(`--${flag} is ${choices.join(' or ')}, not ${given}`);
  return chosen;
}

function readPem(flag: string, file: string): Buffer {
  if (file === '') throw new UsageError(`--use_tls needs --${flag}`);
  try {
    return readFileSync(file);
  } catch (error) {
    throw new UsageError(`--${flag} cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}

function readCommandLine(args: readonly string[]): InteropServerInit {
  const flags = parseFlags(args, FLAGS);
  const { host, port, use_tls, tls_cert_file, tls_key_file, compression } = flags;
  const face = choose('face', flags.face, FACE_NAMES);
  const tls = use_tls
    ? { tls: { cert: readPem('tls_cert_file', tls_cert_file), key: readPem('tls_key_file', tls_key_file) } }
    : {};
  const compressed = compression === '' ? {} : { compression: choose('compression', compression, ['gzip']) };
  return { face, host, port, ...tls, ...compressed };
}

async function stop(server: Server): Promise<void> {
  server.shutdown();
  if (!(await server.awaitTermination(GRACE_MS))) server.shutdownNow();
}

try {
  const server = await startInteropServer(readCommandLine(process.argv.slice(2)));
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => stop(server));
  console.log(`listening on ${server.port}`);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
