/**
 * The official interop client on halfclose, as a program: `node client-main.js --server_port=50051 --test_case=all`. Exit code 0: no
 * case failed; 1: one did; 2: the command line is wrong. Below: client-program.ts.
 */
import { CLIENT_FLAGS, runClient } from './client-program.ts';
import { parseFlags, UsageError } from './flags.ts';

try {
  const ok = await runClient(parseFlags(process.argv.slice(2), CLIENT_FLAGS), console.log, console.error);
  process.exitCode = ok ? 0 : 1;
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
