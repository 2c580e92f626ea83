/**
 * GracefulSwitch: from one kind of balancer to another without a pause. Above: NamedConnections, balancers with a child. Below:
 * the balancer in use, and for a while the one that is to follow it. Holds: the new one takes over once it has connected or
 * failed to, or once the old one is READY no more; what an ended one says is not heard, and its calls run to their end.
 * Source: io.grpc.util.GracefulSwitchLoadBalancer, grpc-go's gracefulswitch (a new one that fails takes over too).
 */
import type { Status } from '../../values/status.ts';
import type { ConnectivityState } from '../connectivity.ts';
import type { Endpoint } from '../resolver/resolver.ts';
import type { Balancer, BalancerHelper, BalancerProvider, ChosenBalancer, Picker } from './balancer.ts';
import { FixedPicker, WAITING } from './fixed-picker.ts';

/** A balancer and what it said last. */
class Side {
  readonly provider: BalancerProvider;
  /** Null while it is being made. */
  balancer: Balancer | null = null;
  state: ConnectivityState = 'CONNECTING';
  /** Null until it says something. */
  picker: Picker | null = null;

  constructor(provider: BalancerProvider) {
    this.provider = provider;
  }
}

/** A balancer whose kind may change; its config is a ChosenBalancer. */
export class GracefulSwitch implements Balancer {
  readonly #helper: BalancerHelper;
  #current: Side | null = null;
  /** What is to follow; null for nothing. */
  #next: Side | null = null;

  constructor(helper: BalancerHelper) {
    this.#helper = helper;
  }

  /** The kind that was asked for last; null for none yet. */
  get provider(): BalancerProvider | null {
    return this.#latest?.provider ?? null;
  }

  get #latest(): Side | null {
    return this.#next ?? this.#current;
  }

  accept(endpoints: readonly Endpoint[], config: unknown): Status | null {
    const { provider, config: own } = config as ChosenBalancer;
    const side = this.#latest?.provider === provider ? this.#latest : this.#switchTo(provider);
    return side.balancer?.accept(endpoints, own) ?? null;
  }

  #switchTo(provider: BalancerProvider): Side {
    const side = new Side(provider);
    const old = this.#next;
    if (this.#current?.state === 'READY') {
      this.#next = side;
    } else {
      this.#end(this.#current);
      this.#current = side;
      this.#next = null;
    }
    this.#end(old);
    side.balancer = provider.newBalancer(this.#helperOf(side));
    return side;
  }

  #helperOf(side: Side): BalancerHelper {
    const helper = this.#helper;
    return {
      clock: helper.clock,
      random: helper.random,
      newSubchannel: (endpoint, address, listener) => helper.newSubchannel(endpoint, address, listener),
      update: (state, picker) => {
        side.state = state;
        side.picker = picker;
        this.#onUpdate(side, picker);
      },
      resolveAgain: () => {
        if (side === this.#latest) helper.resolveAgain();
      },
    };
  }

  #onUpdate(side: Side, picker: Picker): void {
    const next = this.#next;
    if (side === next) {
      if (side.state !== 'CONNECTING') this.#takeOver(next);
    } else if (side === this.#current) {
      if (side.state !== 'READY' && next !== null) this.#takeOver(next);
      else this.#helper.update(side.state, picker);
    }
  }

  #takeOver(next: Side): void {
    const old = this.#current;
    this.#current = next;
    this.#next = null;
    this.#helper.update(next.state, next.picker ?? WAITING);
    this.#end(old);
  }

  /** Not now: it may be what is talking to us. */
  #end(side: Side | null): void {
    if (side !== null) process.nextTick(shutDown, side);
  }

  onResolutionFailure(reason: Status): void {
    const side = this.#latest;
    if (side?.balancer) side.balancer.onResolutionFailure(reason);
    else this.#helper.update('TRANSIENT_FAILURE', new FixedPicker(reason));
  }

  requestConnection(): void {
    this.#latest?.balancer?.requestConnection();
  }

  resetBackoff(): void {
    this.#latest?.balancer?.resetBackoff();
  }

  shutdown(): void {
    const sides = [this.#current, this.#next];
    this.#current = null;
    this.#next = null;
    for (const side of sides) side?.balancer?.shutdown();
  }
}

function shutDown({ balancer }: Side): void {
  balancer?.shutdown();
}
