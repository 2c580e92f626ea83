/**
 * createInProcessChannel(): a channel to a server in this process. Above: users. Below: DirectChannel,
 * InProcessClientTransport. Source: io.grpc.inprocess.InProcessChannelBuilder.
 */
import { type InProcessClientOptions, InProcessClientTransport } from '../transport/in-process/client-transport.ts';
import type { InProcessServer } from '../transport/in-process/server.ts';
import { DirectChannel, type DirectChannelOptions } from './direct-channel.ts';

/** What createInProcessChannel may be told: what a channel may, and what concerns its connections. */
export interface InProcessChannelOptions extends DirectChannelOptions, Omit<InProcessClientOptions, 'server'> {}

/**
 * A channel to `server`: the name under which one listens when the channel connects, or the server itself. Connects at
 * the first call; while nobody listens calls end UNAVAILABLE. Throws TypeError for an empty name and
 * for a service config with a fault.
 */
export function createInProcessChannel(
  server: string | InProcessServer,
  options: InProcessChannelOptions = {},
): DirectChannel {
  if (server === '') throw new TypeError('an in-process server needs a name');
  const authority = options.authority ?? (typeof server === 'string' ? server : server.name);
  const transportOptions: InProcessClientOptions = { ...options, server, authority };
  return new DirectChannel(() => new InProcessClientTransport(transportOptions), authority, options);
}
