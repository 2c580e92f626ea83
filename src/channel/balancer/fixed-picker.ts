/**
 * Pickers that always answer the same. Above: balancers. Below: nothing. Holds: a pick makes nothing.
 */
import { Status } from '../../values/status.ts';
import type { Picker, PickResult } from './balancer.ts';

/** Answers the same to every call. */
export class FixedPicker implements Picker {
  readonly #answer: PickResult;

  constructor(answer: PickResult) {
    this.#answer = answer;
  }

  pick(): PickResult {
    return this.#answer;
  }
}

/** Calls wait for the next picker. */
export const WAITING: Picker = new FixedPicker(null);

/** Why a resolution is refused that leads nowhere. */
export const NO_ADDRESSES: Status = Status.UNAVAILABLE.withDescription('the name leads to no address');
