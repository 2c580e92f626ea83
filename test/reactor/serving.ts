/**
 * A server of any services, within the process, and a channel to it: for tests that need more than the methods of texts.
 * Above: tests of reactors. Below: Server, a channel.
 */
import type { ServiceDefinition } from '../../src/call/service-definition.ts';
import { createInProcessChannel } from '../../src/channel/create-in-process-channel.ts';
import type { DirectChannel } from '../../src/channel/direct-channel.ts';
import { Server } from '../../src/server/server.ts';
import { InProcessServer } from '../../src/transport/in-process/server.ts';

/** A server that has started. */
export interface Served extends AsyncDisposable {
  readonly channel: DirectChannel;
}

export async function serve(...services: readonly ServiceDefinition[]): Promise<Served> {
  const listener = InProcessServer.anonymous();
  const server = new Server().addServerListener(listener);
  for (const service of services) server.addService(service);
  await server.start();
  const channel = createInProcessChannel(listener);
  return {
    channel,
    async [Symbol.asyncDispose](): Promise<void> {
      await channel[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}
