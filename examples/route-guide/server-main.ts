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
import { answerQuestions, runServer } from './server-process.ts';

const { values } = parseArgs({
  options: { host: { type: 'string', default: '127.0.0.1' }, port: { type: 'string', default: '50051' } },
});

const features = loadCities();
const meter = new WriteMeter();
const server = new Server()
  .addService(routeGuideService(features, meter))
  .addListener({ host: values.host, port: Number(values.port) }, ServerCredentials.insecure());

await runServer(server, features.size);
print(`RouteGuide with ${formatCount(features.size)} features listens at ${values.host}:${server.port}`);
answerQuestions(meter);
