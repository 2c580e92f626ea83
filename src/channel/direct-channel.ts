/**
 * DirectChannel: a Channel over one connection at a time, made by a factory; no name, no balancer. Above: stubs, reactors,
 * users. Below: ManagedChannel over DirectConnections.
 * Holds: a lost connection means IDLE: the next call connects again. After a failure nothing connects before the wait is over
 * and then only for a call that waits for ready, for connect() and getState(true), or for the next call, which waits for the
 * outcome. Source: io.grpc.ManagedChannel.
 */
import { NO_SETTINGS_SOURCE } from '../call/method-settings.ts';
import type { ClientTransport } from '../transport/transport.ts';
import { SYSTEM_CLOCK } from '../values/clock.ts';
import { Backoff } from './backoff.ts';
import { DirectConnections } from './direct-connections.ts';
import { type DirectServiceConfig, FixedSettings } from './fixed-settings.ts';
import { type ChannelOptions, ManagedChannel } from './managed-channel.ts';
import type { ServiceConfigLimits } from './service-config.ts';

/** What a DirectChannel may be told. */
export interface DirectChannelOptions extends ChannelOptions {
  /** What holds for calls by method: timeouts, limits, retries, hedges. Default: nothing. */
  readonly serviceConfig?: DirectServiceConfig;
  /** What the service config may not go beyond. Default: 5 attempts of a call. */
  readonly serviceConfigLimits?: Pick<ServiceConfigLimits, 'maxAttempts'>;
}

/** A channel over one connection at a time. Starts IDLE: the start of the first call connects. */
export class DirectChannel extends ManagedChannel {
  /**
   * `factory` makes a transport that has not been started; `authority` is the `:authority` of calls that have none. Throws
   * TypeError for a service config with a fault.
   */
  constructor(factory: () => ClientTransport, authority: string, options: DirectChannelOptions = {}) {
    const { serviceConfig, serviceConfigLimits } = options;
    const settings =
      serviceConfig === undefined ? NO_SETTINGS_SOURCE : new FixedSettings(serviceConfig, serviceConfigLimits);
    super(
      (listener) =>
        new DirectConnections(
          factory,
          authority,
          options.clock ?? SYSTEM_CLOCK,
          new Backoff(options.backoff),
          settings,
          listener,
        ),
      authority,
      { ...options, idleTimeoutMs: options.idleTimeoutMs ?? Number.POSITIVE_INFINITY },
    );
  }
}
