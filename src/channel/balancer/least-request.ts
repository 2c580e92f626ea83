/**
 * least_request: of some endpoints that are READY, chosen by chance, each call goes to the one with the fewest calls of this
 * channel. Above: NamedConnections. Below: SpreadingBalancer. Holds: a pick makes nothing; calls are counted by endpoint, also
 * across its connections. Source: gRFC A48.
 */
import { JsonPlace } from '../json-place.ts';
import {
  type Balancer,
  type BalancerHelper,
  type BalancerProvider,
  type CallTracker,
  Picked,
  type Picker,
  type PickRequest,
  type PickResult,
} from './balancer.ts';
import type { EndpointChild } from './child-balancers.ts';
import { SpreadingBalancer } from './spreading-balancer.ts';

const DEFAULT_CHOICES = 2;
const MOST_CHOICES = 10;

/** What least_request may be told. */
export interface LeastRequestConfig {
  /** Among how many endpoints each call chooses, 2 to 10. */
  readonly choiceCount: number;
}

/** One endpoint, and how many calls it has. */
class Load implements Picker, CallTracker {
  active = 0;
  readonly #child: EndpointChild;
  #picked: Picked | null = null;

  constructor(child: EndpointChild) {
    this.#child = child;
  }

  onCallStarted(): void {
    this.active += 1;
  }

  onCallEnded(): void {
    this.active -= 1;
  }

  pick(request: PickRequest): PickResult {
    const pick = this.#child.picker.pick(request);
    if (!(pick instanceof Picked)) return pick;
    if (this.#picked?.subchannel !== pick.subchannel) this.#picked = new Picked(pick.subchannel, this);
    return this.#picked;
  }
}

class LeastRequestPicker implements Picker {
  readonly #loads: readonly Load[];
  readonly #choices: number;
  readonly #random: () => number;

  constructor(loads: readonly Load[], choices: number, random: () => number) {
    this.#loads = loads;
    this.#choices = choices;
    this.#random = random;
  }

  pick(request: PickRequest): PickResult {
    const loads = this.#loads;
    const first = this.#any();
    let least = loads[first];
    for (let i = 1; i < Math.min(this.#choices, loads.length); i += 1) {
      // Where it may choose among all, it looks at all; else at others by chance, and maybe at one twice.
      const other = loads[loads.length <= this.#choices ? (first + i) % loads.length : this.#any()];
      if (least !== undefined && other !== undefined && other.active < least.active) least = other;
    }
    return least?.pick(request) ?? null;
  }

  #any(): number {
    return Math.floor(this.#random() * this.#loads.length);
  }
}

class LeastRequest extends SpreadingBalancer {
  /** As long as the endpoint is there. */
  readonly #loads = new WeakMap<EndpointChild, Load>();
  #choices = DEFAULT_CHOICES;

  protected override configure(config: unknown): void {
    this.#choices = (config as LeastRequestConfig | null)?.choiceCount ?? DEFAULT_CHOICES;
  }

  protected override pickerOver(ready: readonly EndpointChild[]): Picker {
    const loads = ready.map((child) => this.#loadOf(child));
    return new LeastRequestPicker(loads, this.#choices, this.helper.random);
  }

  #loadOf(child: EndpointChild): Load {
    let load = this.#loads.get(child);
    if (load === undefined) {
      load = new Load(child);
      this.#loads.set(child, load);
    }
    return load;
  }
}

function providerNamed(name: string): BalancerProvider {
  return Object.freeze({
    name,
    heedsHealth: true,
    readConfig(json: Readonly<Record<string, unknown>>): LeastRequestConfig {
      const choices = new JsonPlace(json).field('choiceCount').whole(2) ?? DEFAULT_CHOICES;
      return Object.freeze({ choiceCount: Math.min(choices, MOST_CHOICES) });
    },
    newBalancer: (helper: BalancerHelper): Balancer => new LeastRequest(helper),
  });
}

/** As `least_request`, with `{ choiceCount }`: 2 unless told, 10 at most. */
export const LEAST_REQUEST: BalancerProvider = providerNamed('least_request');
/** The same, by the name that it has in configs written for other libraries. */
export const LEAST_REQUEST_EXPERIMENTAL: BalancerProvider = providerNamed('least_request_experimental');
