/**
 * SuspendedCalls: the calls of a channel that have started and have no stream: they wait for settings, or for their next attempt.
 * Above: the channel, which is not done before they are. Below: the calls, which come and go. Holds: a call stays until its
 * listener has heard of the end, or its next stream has started; after endAll whoever comes is ended.
 */
import type { Status } from '../values/status.ts';

/** A call without a stream. */
export interface SuspendedCall {
  /** Ends the call, on a later tick. */
  endSuspended(status: Status): void;
}

/** The calls of one channel. */
export class SuspendedCalls {
  readonly #calls = new Set<SuspendedCall>();
  readonly #onChanged: () => void;
  #end: Status | null = null;

  /** `onChanged` hears that there are some, or none any more. */
  constructor(onChanged: () => void) {
    this.#onChanged = onChanged;
  }

  get size(): number {
    return this.#calls.size;
  }

  /** Whether whoever comes is ended. */
  get isEnded(): boolean {
    return this.#end !== null;
  }

  add(call: SuspendedCall): void {
    const wereNone = this.#calls.size === 0;
    this.#calls.add(call);
    if (wereNone) this.#onChanged();
    if (this.#end !== null) call.endSuspended(this.#end);
  }

  /** A call that is not there is no error. */
  delete(call: SuspendedCall): void {
    if (this.#calls.delete(call) && this.#calls.size === 0) this.#onChanged();
  }

  /** Ends all, and all that will come. A second call does nothing. */
  endAll(reason: Status): void {
    if (this.#end !== null) return;
    this.#end = reason;
    for (const call of [...this.#calls]) call.endSuspended(reason);
  }
}
