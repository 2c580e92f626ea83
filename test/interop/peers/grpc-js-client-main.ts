/**
 * The official interop client on grpc-js, as a program: `node grpc-js-client-main.js --server_port=50051 --test_case=all`.
 * Exit code 0: no case failed; 1: one did; 2: the command line is wrong. Below: grpc-js-client.ts.
 */

import { parseFlags, UsageError } from '../flags.ts';
import { CLIENT_FLAGS, runClient } from './grpc-js-client.ts';

try {
  const ok = await runClient(parseFlags(process.argv.slice(2), CLIENT_FLAGS), console.log, console.error);
  // grpc-js never resets a call that was cancelled at once; its connection would keep the process alive.
  process.exit(ok ? 0 : 1);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
