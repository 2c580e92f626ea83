/**
 * SpreadingBalancer: a connection to each endpoint, and a picker over those that are READY. Above: NamedConnections. Below:
 * ChildBalancers. Its subclasses say how calls are spread. Holds: the channel hears of a new picker only where the state or the
 * endpoints that are READY have changed. Source: io.grpc.util.MultiChildLoadBalancer.
 */
import type { Status } from '../../values/status.ts';
import type { ConnectivityState } from '../connectivity.ts';
import type { Endpoint } from '../resolver/resolver.ts';
import type { Balancer, BalancerHelper, Picker } from './balancer.ts';
import { ChildBalancers, type ChildBalancersOwner, type EndpointChild } from './child-balancers.ts';
import { FixedPicker } from './fixed-picker.ts';

/** A connection to each endpoint. */
export abstract class SpreadingBalancer implements Balancer, ChildBalancersOwner {
  protected readonly helper: BalancerHelper;
  readonly #children: ChildBalancers;
  #told: ConnectivityState | null = null;
  /** The pickers of those that were READY when the channel was last told. */
  #toldPickers: readonly Picker[] = [];

  constructor(helper: BalancerHelper) {
    this.helper = helper;
    this.#children = new ChildBalancers(helper, this);
  }

  /** Spreads calls over these, of which there is one at least. */
  protected abstract pickerOver(ready: readonly EndpointChild[]): Picker;

  /** Takes what its provider has read. */
  protected configure(_config: unknown): void {}

  accept(endpoints: readonly Endpoint[], config: unknown): Status | null {
    this.configure(config);
    // Weights or the config may have changed though the connections have not.
    if (this.#told === 'READY') this.#told = null;
    const refusal = this.#children.accept(endpoints);
    if (refusal !== null && this.#children.size === 0) this.#fail(refusal);
    return refusal;
  }

  onResolutionFailure(reason: Status): void {
    if (this.#children.size === 0) this.#fail(reason);
  }

  #fail(reason: Status): void {
    this.#told = 'TRANSIENT_FAILURE';
    this.helper.update('TRANSIENT_FAILURE', new FixedPicker(reason));
  }

  onChildrenChanged(): void {
    const { state } = this.#children;
    const ready = this.#children.ready();
    const pickers = ready.map(({ picker }) => picker);
    const same =
      pickers.length === this.#toldPickers.length && pickers.every((each, i) => each === this.#toldPickers[i]);
    // While calls fail each failure is news; else an equal picker is none.
    if (state === this.#told && state !== 'TRANSIENT_FAILURE' && same) return;
    this.#told = state;
    this.#toldPickers = pickers;
    this.helper.update(state, ready.length > 0 ? this.pickerOver(ready) : this.#children.fallback());
  }

  requestConnection(): void {
    this.#children.requestConnection();
  }

  resetBackoff(): void {
    this.#children.resetBackoff();
  }

  shutdown(): void {
    this.#children.shutdown();
  }
}
