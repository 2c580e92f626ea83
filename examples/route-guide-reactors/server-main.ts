/**
 * A RouteGuide server with reactors, over every city of the world: `npm run demo:reactor-server -- --port 50051`. With
 * `--db_path=FILE` over the features of a database file, with `--custom_reactor` with a reactor of its own for GetFeature.
 * SIGINT and SIGTERM let open calls end, for five seconds. Below: service.ts. The demo starts it in a process of its own.
 */
import { parseArgs } from 'node:util';
import { Server, ServerCredentials } from '../../src/index.ts';
import { loadCities } from '../route-guide/cities.ts';
import { formatCount, print } from '../route-guide/screen.ts';
import { runServer } from '../route-guide/server-process.ts';
import { FeatureList, type Features, loadFeatures } from './feature-list.ts';
import { CustomRouteGuideImpl, RouteGuideImpl, routeGuideService } from './service.ts';

const { values } = parseArgs({
  options: {
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '50051' },
    db_path: { type: 'string' },
    custom_reactor: { type: 'boolean', default: false },
  },
});

const features: Features = values.db_path === undefined ? loadCities() : new FeatureList(loadFeatures(values.db_path));
const Implementation = values.custom_reactor ? CustomRouteGuideImpl : RouteGuideImpl;
const server = new Server()
  .addService(routeGuideService(new Implementation(features, print)))
  .addListener({ host: values.host, port: Number(values.port) }, ServerCredentials.insecure());

await runServer(server, features.size);
print(`RouteGuide with ${formatCount(features.size)} features listens at ${values.host}:${server.port}`);
