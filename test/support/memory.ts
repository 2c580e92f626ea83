/**
 * How much memory this process holds: the heap after a collection, and the resident set while something runs. For leak
 * tests; handles and timers are the business of resources.ts.
 */
import { setImmediate } from 'node:timers/promises';
import v8 from 'node:v8';
import vm from 'node:vm';

let gc: (() => void) | null = null;

/** One collection; the flag is set at run time, so the process needs none. */
function collectOnce(): void {
  if (gc === null) {
    v8.setFlagsFromString('--expose-gc');
    gc = vm.runInNewContext('gc') as () => void;
  }
  gc();
}

/** Collects everything that is unreachable. */
export async function collectGarbage(): Promise<void> {
  // Finalizers and weak callbacks of one collection free what only the next can take.
  for (let round = 0; round < 3; round += 1) {
    collectOnce();
    await setImmediate();
  }
}

/** Bytes in use on the heap and in buffers outside of it, after a collection. */
export async function usedBytes(): Promise<number> {
  await collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/**
 * By how many bytes each call of `act` makes the process grow for good. Runs it `warmUp` times first, then `count` times.
 */
export async function growthPerCall(act: () => unknown, count: number, warmUp: number = count): Promise<number> {
  for (let i = 0; i < warmUp; i += 1) await act();
  const before = await usedBytes();
  for (let i = 0; i < count; i += 1) await act();
  return ((await usedBytes()) - before) / count;
}

/** Whether an object was collected that nobody holds any more was collected. */
export async function isCollected(reference: WeakRef<object>): Promise<boolean> {
  await collectGarbage();
  return reference.deref() === undefined;
}

/**
 * The largest resident set seen while a test runs. Collects before it looks: what a machine under load has not got round to
 * collecting is held by nobody.
 */
export class MemorySampler {
  readonly #timer: NodeJS.Timeout;
  readonly #startBytes: number;
  #peakBytes: number;

  constructor(everyMs = 100) {
    collectOnce();
    this.#startBytes = this.#peakBytes = process.memoryUsage.rss();
    this.#timer = setInterval(() => this.sample(), everyMs);
    this.#timer.unref();
  }

  /** Looks now, too. */
  sample(): void {
    collectOnce();
    this.#peakBytes = Math.max(this.#peakBytes, process.memoryUsage.rss());
  }

  /** By how much the resident set was at most larger than at the start. */
  get growthBytes(): number {
    this.sample();
    return this.#peakBytes - this.#startBytes;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
