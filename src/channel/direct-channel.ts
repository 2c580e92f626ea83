/**
 * DirectChannel: a Channel over one connection at a time, made by a factory; no name, no balancer. Above: stubs, reactors,
 * users. Below: ManagedChannel over DirectConnections.
 * Holds: a lost connection means IDLE: the next call connects again. After a failure nothing connects before the wait is over
 * and then only for a call that waits for ready, for connect() and getState(true), or for the next call, which waits for the
 * outcome. Source: io.grpc.ManagedChannel.
 */
import type { ClientTransport } from '../transport/transport.ts';
import { SYSTEM_CLOCK } from '../values/clock.ts';
import { Backoff } from './backoff.ts';
import { DirectConnections } from './direct-connections.ts';
import { type ChannelOptions, ManagedChannel } from './managed-channel.ts';

/** A channel over one connection at a time. Starts IDLE: the start of the first call connects. */
export class DirectChannel extends ManagedChannel {
  /** `factory` makes a transport that has not been started; `authority` is the `:authority` of calls that have none. */
  constructor(factory: () => ClientTransport, authority: string, options: ChannelOptions = {}) {
    super(
      (listener) =>
        new DirectConnections(
          factory,
          authority,
          options.clock ?? SYSTEM_CLOCK,
          new Backoff(options.backoff),
          listener,
        ),
      authority,
      { ...options, idleTimeoutMs: options.idleTimeoutMs ?? Number.POSITIVE_INFINITY },
    );
  }
}
