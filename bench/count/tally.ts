/**
 * Tally: the async resources that a process makes between two moments, by type as node names them: PROMISE, TickObject,
 * Timeout, Immediate, HTTP2STREAM and so on. Above: worker.ts. Below: node:async_hooks. Holds: what the runtime makes only
 * because somebody counts is counted too: an `await` of a promise is one promise more.
 */
import { createHook } from 'node:async_hooks';

/** How many of each type; types of which there are none are left out. */
export type Counts = Readonly<Record<string, number>>;

/** Starts at its making. */
export class Tally {
  readonly #counts = new Map<string, number>();
  readonly #hook = createHook({ init: (_id, type) => this.#onInit(type) });

  constructor() {
    this.#hook.enable();
  }

  #onInit(type: string): void {
    this.#counts.set(type, (this.#counts.get(type) ?? 0) + 1);
  }

  /** Ends it. */
  stop(): Counts {
    this.#hook.disable();
    return Object.fromEntries(this.#counts);
  }
}
