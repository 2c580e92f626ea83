/**
 * FixedSettings: what a service config in code says of methods, for a channel that resolves nothing. Above: DirectChannel.
 * Below: service-config. Holds: it never changes, so that no call ever waits for it.
 */
import type { MethodSettings, MethodSettingsSource } from '../call/method-settings.ts';
import { RetryThrottle } from '../call/retry-throttle.ts';
import type { MethodDescriptor } from '../values/method.ts';
import { Status } from '../values/status.ts';
import {
  type ParsedServiceConfig,
  readServiceConfig,
  type ServiceConfig,
  type ServiceConfigLimits,
} from './service-config.ts';

/** The parts of a service config that have a meaning where there is one connection, and no name. */
export type DirectServiceConfig = Pick<ServiceConfig, 'methodConfig' | 'retryThrottling'>;

const NO_BALANCERS = Object.freeze({ get: (): null => null });

/** Settings that were given in code. */
export class FixedSettings implements MethodSettingsSource {
  readonly throttle: RetryThrottle | null;
  readonly #config: ParsedServiceConfig;

  /** Throws TypeError, with the place of the fault. */
  constructor(config: DirectServiceConfig, limits?: ServiceConfigLimits) {
    const read = readServiceConfig(config, NO_BALANCERS, limits);
    if (read instanceof Status) throw new TypeError(`serviceConfig: ${read.description}`);
    this.#config = read;
    this.throttle = read.throttling === null ? null : new RetryThrottle(read.throttling);
  }

  settingsOf(method: MethodDescriptor<unknown, unknown>): MethodSettings {
    return this.#config.settingsOf(method.service, method.name);
  }

  /** Never called: settingsOf always has an answer. */
  whenKnown(): void {}

  forget(): void {}
}
