/**
 * Connectivity: the state of a channel, and who wants to hear of it. Above: ManagedChannel. Below: nothing.
 * Holds: SHUTDOWN is for ever; between the others a balancer may make any move. A move tells its watchers in the next tick,
 * never inside it.
 *
 * Source: grpc doc/connectivity-semantics-and-api.md, io.grpc.internal.ConnectivityStateManager.
 */
import { invariant } from '../values/invariant.ts';

/** Whether there is a connection, one is being made, or none is wanted. Source: io.grpc.ConnectivityState. */
export type ConnectivityState = 'IDLE' | 'CONNECTING' | 'READY' | 'TRANSIENT_FAILURE' | 'SHUTDOWN';

/** A state and its watchers. Starts IDLE. */
export class Connectivity {
  #state: ConnectivityState = 'IDLE';
  #watchers: (() => void)[] = [];

  get state(): ConnectivityState {
    return this.#state;
  }

  /** Moves on; nothing happens when `next` is the state already. */
  moveTo(next: ConnectivityState): void {
    if (next === this.#state) return;
    invariant(this.#state !== 'SHUTDOWN', `connectivity went from SHUTDOWN to ${next}`);
    this.#state = next;
    const watchers = this.#watchers;
    this.#watchers = [];
    for (const watcher of watchers) process.nextTick(watcher);
  }

  /** Calls `watcher` once, in a tick of its own: as soon as the state is no longer `source`, which may be now. */
  whenChangedFrom(source: ConnectivityState, watcher: () => void): void {
    if (this.#state === source) this.#watchers.push(watcher);
    else process.nextTick(watcher);
  }
}
