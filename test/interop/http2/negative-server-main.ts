/**
 * The negative HTTP/2 test server as a program: `node negative-server-main.js --port=8080 --test_case=ping`. Prints
 * `listening on PORT`; `--port=0` finds a free one. Ends at SIGTERM and SIGINT: with exit code 0, or with 1 and the reasons on
 * stderr if a client has not done what its case asks of it. Exit code 2: the command line is wrong. Below: negative-server.ts.
 */
import { parseFlags, UsageError } from '../flags.ts';
import { isNegativeCase, NEGATIVE_CASES, NegativeServer } from './negative-server.ts';

async function start(args: readonly string[]): Promise<NegativeServer> {
  const { port, test_case } = parseFlags(args, { port: 8080, test_case: 'goaway' });
  if (!isNegativeCase(test_case)) throw new UsageError(`--test_case is ${NEGATIVE_CASES.join(', ')}; not ${test_case}`);
  return await NegativeServer.listen(test_case, port);
}

async function stop(server: NegativeServer): Promise<void> {
  const faults = [...server.faults];
  await server[Symbol.asyncDispose]();
  for (const fault of faults) console.error(fault);
  process.exitCode = faults.length > 0 ? 1 : 0;
}

try {
  const server = await start(process.argv.slice(2));
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => stop(server));
  console.log(`listening on ${server.port}`);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
