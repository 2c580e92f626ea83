/**
 * A RouteGuide server over every city of the world: `npm run demo:server -- --host 0.0.0.0 --port 50051`. SIGINT and
 * SIGTERM let open calls end, for five seconds. Below: server.ts. demo.ts starts it in a process of its own.
 */
import { parseArgs } from 'node:util';
import { Server, ServerCredentials } from '../../src/index.ts';
import { loadCities } from './cities.ts';
import { WriteMeter } from './meter.ts';
import { formatCount, print } from './screen.ts';
import { routeGuideService } from './server.ts';
import { answerQuestions } from './server-process.ts';

const { values } = parseArgs({
  options: { host: { type: 'string', default: '127.0.0.1' }, port: { type: 'string', default: '50051' } },
});

const features = loadCities();
const meter = new WriteMeter();
const server = new Server()
  .addService(routeGuideService(features, meter))
  .addListener({ host: values.host, port: Number(values.port) }, ServerCredentials.insecure());

async function stop(): Promise<void> {
  server.shutdown();
  if (!(await server.awaitTermination(5000))) server.shutdownNow();
  // The channel to the process that started us would keep this one alive.
  if (process.connected) process.disconnect();
}

await server.start();
process.once('SIGINT', stop);
process.once('SIGTERM', stop);
// The process that started us is gone.
process.once('disconnect', stop);
print(`RouteGuide with ${formatCount(features.size)} features listens at ${values.host}:${server.port}`);
answerQuestions(server.port, features.size, meter);
