/**
 * round_robin: calls take turns over all endpoints that are READY. Above: NamedConnections. Below: SpreadingBalancer. Holds: a
 * pick makes nothing; the first turn is a random one, so that many clients do not begin with the same server.
 * Source: io.grpc.util.RoundRobinLoadBalancer.
 */
import type { Balancer, BalancerHelper, BalancerProvider, Picker, PickRequest, PickResult } from './balancer.ts';
import type { EndpointChild } from './child-balancers.ts';
import { SpreadingBalancer } from './spreading-balancer.ts';

/** A random number up to this begins; where the count ends it begins anew. */
const TURNS = 2 ** 30;

/** Whose turn it is; outlives pickers, so that a name that is looked up again leaves the order as it is. */
class Turn {
  #count: number;

  constructor(random: () => number) {
    this.#count = Math.floor(random() * TURNS);
  }

  /** The next one of so many. */
  next(of: number): number {
    this.#count = (this.#count + 1) % TURNS;
    return this.#count % of;
  }
}

class TurnsPicker implements Picker {
  readonly #pickers: readonly Picker[];
  readonly #turn: Turn;

  constructor(ready: readonly EndpointChild[], turn: Turn) {
    this.#pickers = ready.map(({ picker }) => picker);
    this.#turn = turn;
  }

  pick(request: PickRequest): PickResult {
    return this.#pickers[this.#turn.next(this.#pickers.length)]?.pick(request) ?? null;
  }
}

class RoundRobin extends SpreadingBalancer {
  readonly #turn = new Turn(this.helper.random);

  protected override pickerOver(ready: readonly EndpointChild[]): Picker {
    return new TurnsPicker(ready, this.#turn);
  }
}

/** As `round_robin`; there is nothing to configure. */
export const ROUND_ROBIN: BalancerProvider = Object.freeze({
  name: 'round_robin',
  heedsHealth: true,
  readConfig: () => null,
  newBalancer: (helper: BalancerHelper): Balancer => new RoundRobin(helper),
});
