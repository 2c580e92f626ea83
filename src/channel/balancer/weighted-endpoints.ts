/**
 * weighted_endpoints: calls are spread over all endpoints that are READY, by the weights that the resolver gave them. Above:
 * NamedConnections. Below: SpreadingBalancer, EdfSchedule. Holds: but for the first of a picker a pick makes nothing; turns
 * are even.
 * It is not called weighted_round_robin: that is gRFC A58's, whose weights are what servers report of their load; a config
 * that asks for it must not get something else.
 */
import type { Balancer, BalancerHelper, BalancerProvider, Picker, PickRequest, PickResult } from './balancer.ts';
import type { EndpointChild } from './child-balancers.ts';
import { EdfSchedule } from './edf-schedule.ts';
import { weightOf } from './endpoint-facts.ts';
import { SpreadingBalancer } from './spreading-balancer.ts';

class WeightedPicker implements Picker {
  readonly #ready: readonly EndpointChild[];
  readonly #pickers: readonly Picker[];
  readonly #random: () => number;
  /** Made with the first pick: while endpoints come and go pickers follow each other faster than calls. */
  #schedule: EdfSchedule | null = null;

  constructor(ready: readonly EndpointChild[], random: () => number) {
    this.#ready = ready;
    this.#pickers = ready.map(({ picker }) => picker);
    this.#random = random;
  }

  pick(request: PickRequest): PickResult {
    this.#schedule ??= new EdfSchedule(this.#ready.map(weightOfChild), this.#random);
    return this.#pickers[this.#schedule.next()]?.pick(request) ?? null;
  }
}

function weightOfChild({ endpoint }: EndpointChild): number {
  return weightOf(endpoint);
}

class WeightedEndpoints extends SpreadingBalancer {
  protected override pickerOver(ready: readonly EndpointChild[]): Picker {
    return new WeightedPicker(ready, this.helper.random);
  }
}

/** As `weighted_endpoints`; there is nothing to configure, the weights are `Endpoint.weight`. */
export const WEIGHTED_ENDPOINTS: BalancerProvider = Object.freeze({
  name: 'weighted_endpoints',
  heedsHealth: true,
  readConfig: () => null,
  newBalancer: (helper: BalancerHelper): Balancer => new WeightedEndpoints(helper),
});
