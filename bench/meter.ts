/**
 * Meter: what a process spends between two moments. Above: worker.ts. Below: node:perf_hooks, process. Holds: it measures the
 * whole process, garbage collection and kernel time included; what it costs itself is the same for every stack.
 */
import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';

/** One process, over one round. */
export interface Measures {
  /** CPU time, user and system, of all threads. */
  readonly cpuUs: number;
  readonly gcMs: number;
  readonly elapsedMs: number;
  /** The largest resident set that was seen, in bytes. */
  readonly peakRssBytes: number;
  /** How late the event loop ran a timer, 99th percentile, in milliseconds. */
  readonly loopDelayP99Ms: number;
}

const SAMPLE_MS = 20;
const NS_PER_MS = 1e6;

/** Starts at its making. */
export class Meter {
  readonly #cpu: NodeJS.CpuUsage = process.cpuUsage();
  readonly #startedMs: number = performance.now();
  readonly #loop = monitorEventLoopDelay({ resolution: SAMPLE_MS });
  readonly #collections: PerformanceObserver;
  readonly #sampler: NodeJS.Timeout;
  #gcMs = 0;
  #peakRssBytes = process.memoryUsage.rss();

  constructor() {
    this.#collections = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) this.#gcMs += entry.duration;
    });
    this.#collections.observe({ entryTypes: ['gc'] });
    this.#sampler = setInterval(() => this.#sample(), SAMPLE_MS);
    this.#loop.enable();
  }

  #sample(): void {
    this.#peakRssBytes = Math.max(this.#peakRssBytes, process.memoryUsage.rss());
  }

  /** Ends it. */
  stop(): Measures {
    const { user, system } = process.cpuUsage(this.#cpu);
    const elapsedMs = performance.now() - this.#startedMs;
    this.#sample();
    clearInterval(this.#sampler);
    this.#loop.disable();
    for (const entry of this.#collections.takeRecords()) this.#gcMs += entry.duration;
    this.#collections.disconnect();
    return {
      cpuUs: user + system,
      gcMs: this.#gcMs,
      elapsedMs,
      peakRssBytes: this.#peakRssBytes,
      loopDelayP99Ms: this.#loop.percentile(99) / NS_PER_MS,
    };
  }
}

/** What the program holds on to, after a garbage collection, in bytes. Needs --expose-gc. */
export function heldBytes(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
