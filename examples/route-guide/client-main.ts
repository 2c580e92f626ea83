/**
 * A RouteGuide client that makes one call of each kind: `npm run demo:client -- --host 127.0.0.1 --port 50051`. Exits
 * with 0 if all of them ended OK. Below: tour.ts.
 */
import { parseArgs } from 'node:util';
import { ChannelCredentials, createChannel } from '../../src/index.ts';
import { RouteGuideClient } from './client.ts';
import { takeTour } from './tour.ts';

const { values } = parseArgs({
  options: { host: { type: 'string', default: '127.0.0.1' }, port: { type: 'string', default: '50051' } },
});

const channel = createChannel(`${values.host}:${values.port}`, ChannelCredentials.insecure(), {});
const ok = await takeTour(new RouteGuideClient(channel));
channel.shutdown();
await channel.awaitTermination(5000);
process.exitCode = ok ? 0 : 1;
