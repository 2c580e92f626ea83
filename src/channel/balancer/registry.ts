/**
 * BalancerRegistry: which balancers there are. Above: createChannel. Below: the providers. Holds: a user's provider goes before
 * one of the library with the same name.
 */
import type { BalancerProvider, BalancerProviders } from './balancer.ts';
import { LEAST_REQUEST, LEAST_REQUEST_EXPERIMENTAL } from './least-request.ts';
import { OUTLIER_DETECTION, OUTLIER_DETECTION_EXPERIMENTAL } from './outlier-detection.ts';
import { PICK_FIRST } from './pick-first.ts';
import { ROUND_ROBIN } from './round-robin.ts';
import { WEIGHTED_ENDPOINTS } from './weighted-endpoints.ts';

/** What every channel knows. */
const DEFAULTS: readonly BalancerProvider[] = Object.freeze([
  PICK_FIRST,
  ROUND_ROBIN,
  WEIGHTED_ENDPOINTS,
  LEAST_REQUEST,
  LEAST_REQUEST_EXPERIMENTAL,
  OUTLIER_DETECTION,
  OUTLIER_DETECTION_EXPERIMENTAL,
]);

/** The providers by their names: the library's, and those of one channel. */
export class BalancerRegistry implements BalancerProviders {
  readonly #providers: ReadonlyMap<string, BalancerProvider>;

  constructor(own: readonly BalancerProvider[] = []) {
    this.#providers = new Map([...DEFAULTS, ...own].map((provider) => [provider.name, provider]));
  }

  get(name: string): BalancerProvider | null {
    return this.#providers.get(name) ?? null;
  }
}
