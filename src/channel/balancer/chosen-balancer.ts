/**
 * readChosenBalancer(): which balancer a `loadBalancingConfig` asks for. Above: service-config.ts, balancers with children.
 * Below: BalancerProvider. Source: gRFC A24.
 */
import type { BalancerProviders, ChosenBalancer } from './balancer.ts';

/**
 * The first of a list `[{ "<name>": { … } }, …]` that there is a provider for; null for none. Throws TypeError where the list is
 * not of that form, or where the provider cannot read its config.
 */
export function readChosenBalancer(list: readonly unknown[], providers: BalancerProviders): ChosenBalancer | null {
  for (const entry of list) {
    const [name, json, ...others] = isObject(entry) ? Object.entries(entry).flat() : [];
    if (typeof name !== 'string' || others.length > 0)
      throw new TypeError('an entry must have one name, and its config');
    const provider = providers.get(name);
    if (provider === null) continue;
    if (!isObject(json)) throw new TypeError(`the config of '${name}' must be an object`);
    return { provider, config: provider.readConfig(json, providers) };
  }
  return null;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
