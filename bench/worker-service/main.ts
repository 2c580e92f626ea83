/**
 * A worker of gRPC's benchmarks on halfclose, as a program: `node build/bench/worker-service/main.js --driver_port=10000`. Any
 * driver can use it, gRPC's qps_json_driver or driver-main.ts. Prints `worker listening on PORT`. Ends when told to
 * by QuitWorker, SIGTERM or SIGINT. Exit code 2: the command line is wrong. Below: worker-service.ts. The benchmark's own calls
 * go through ClientCall and ServerCall; the driver's through promises.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Server, ServerCredentials } from '../../src/index.ts';
import { UsageError } from '../usage-error.ts';
import { workerService } from './worker-service.ts';
import type { WorkerSettings } from './worker-settings.ts';

const USAGE = `node build/bench/worker-service/main.js --driver_port n [options]

  --driver_port n       where the driver finds the worker; 0 finds a free port
  --server_port n       the port of benchmark servers whose configuration names none. Default: any
  --host address        where both listen. Default: 127.0.0.1; 0.0.0.0 for drivers on other machines
  --tls_cert_file file, --tls_key_file file
                        what servers show when a configuration has security_params
  --ca_file file        what clients trust when it says use_test_ca`;

/** How long the driver's calls may take to end. */
const GRACE_MS = 1000;

const FLAGS = {
  driver_port: { type: 'string' },
  server_port: { type: 'string' },
  host: { type: 'string' },
  tls_cert_file: { type: 'string' },
  tls_key_file: { type: 'string' },
  ca_file: { type: 'string' },
  help: { type: 'boolean' },
} as const;

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS, strict: true }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function portOf(flag: string, text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new UsageError(`--${flag} is a port, not '${text}'`);
}

function read(flag: string, file: string | undefined): Buffer | null {
  if (file === undefined) return null;
  try {
    return readFileSync(file);
  } catch (error) {
    throw new UsageError(`--${flag}: ${(error as Error).message}`);
  }
}

async function serve(driverPort: number, settings: WorkerSettings): Promise<void> {
  const stop = async (): Promise<void> => {
    server.shutdown();
    if (!(await server.awaitTermination(GRACE_MS))) server.shutdownNow();
  };
  const server = new Server()
    .addService(workerService(settings, () => void stop()))
    .addListener({ host: settings.host, port: driverPort }, ServerCredentials.insecure());
  await server.start();
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => void stop());
  console.log(`worker listening on ${server.port}`);
}

async function run(args: readonly string[]): Promise<void> {
  const values = parse(args);
  if (values.help === true) return console.log(USAGE);
  if (values.driver_port === undefined) throw new UsageError(`--driver_port is missing\n\n${USAGE}`);
  await serve(portOf('driver_port', values.driver_port), {
    host: values.host ?? '127.0.0.1',
    serverPort: portOf('server_port', values.server_port ?? '0'),
    cert: read('tls_cert_file', values.tls_cert_file),
    key: read('tls_key_file', values.tls_key_file),
    ca: read('ca_file', values.ca_file),
  });
}

try {
  await run(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
