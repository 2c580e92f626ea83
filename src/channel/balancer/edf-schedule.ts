/**
 * EdfSchedule: whose turn it is, where some are to have more turns than others. Above: weighted-endpoints.ts. Below: nothing;
 * pure. Holds: turns are spread evenly over time, never in bursts; a turn makes nothing and costs the logarithm of how many
 * there are. Each one's next turn is due one period after its last, which is the inverse of its weight; the earliest is next.
 * Source: earliest deadline first, as in Envoy's EdfScheduler.
 */

/** Deadlines beyond this would lose precision: they are all set back. */
const SET_BACK_AT = 2 ** 30;

/** Turns by weight, among the numbers from 0 up to how many weights there are. */
export class EdfSchedule {
  /** A heap: the one at `i` is due no later than those at `2i + 1` and `2i + 2`. */
  readonly #heap: Uint32Array;
  /** When each is due. */
  readonly #due: Float64Array;
  readonly #periods: Float64Array;

  /** `weights` are numbers over 0, one at least. `random` gives numbers from 0 up to 1: where in its period each begins. */
  constructor(weights: readonly number[], random: () => number) {
    const greatest = weights.reduce((most, weight) => Math.max(most, weight), 0);
    this.#periods = Float64Array.from(weights, (weight) => greatest / weight);
    this.#due = this.#periods.map((period) => period * random());
    this.#heap = Uint32Array.from(weights, (_, index) => index).sort(
      (one, other) => this.#dueOf(one) - this.#dueOf(other),
    );
  }

  /** Whose turn it is. */
  next(): number {
    const first = this.#heap[0] as number;
    this.#due[first] = this.#dueOf(first) + (this.#periods[first] as number);
    if (this.#dueOf(first) > SET_BACK_AT) this.#setBack();
    this.#sink(first);
    return first;
  }

  #dueOf(index: number): number {
    return this.#due[index] as number;
  }

  /** The order stays as it is. */
  #setBack(): void {
    const earliest = this.#due.reduce((least, due) => Math.min(least, due), Number.POSITIVE_INFINITY);
    for (let i = 0; i < this.#due.length; i += 1) this.#due[i] = this.#dueOf(i) - earliest;
  }

  /** The first of the heap goes where it belongs now. */
  #sink(first: number): void {
    const heap = this.#heap;
    const due = this.#dueOf(first);
    let at = 0;
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      const right = child + 1;
      if (right < heap.length && this.#dueOf(heap[right] as number) < this.#dueOf(heap[child] as number)) child = right;
      if (this.#dueOf(heap[child] as number) >= due) break;
      heap[at] = heap[child] as number;
      at = child;
    }
    heap[at] = first;
  }
}
