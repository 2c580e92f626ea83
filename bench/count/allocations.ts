/**
 * Allocations: the bytes that a process allocates on its JavaScript heap between two moments. The heap only grows by
 * allocation and only shrinks in a collection, and V8 tells its size before and after each: what it grew by in between is
 * the sum. Above: worker.ts. Below: node:v8. Holds: every allocation counts, also of what is collected at once; what lies
 * outside the heap, as the bytes of buffers do, does not count.
 * Source: v8.GCProfiler, since Node 18.15.
 */
import v8 from 'node:v8';

/** Starts at its making. */
export class Allocations {
  readonly #profiler = new v8.GCProfiler();
  readonly #startBytes: number;

  constructor() {
    this.#profiler.start();
    this.#startBytes = v8.getHeapStatistics().used_heap_size;
  }

  /** Ends it; the bytes. */
  stop(): number {
    const endBytes = v8.getHeapStatistics().used_heap_size;
    let bytes = 0;
    let lastBytes = this.#startBytes;
    for (const { beforeGC, afterGC } of this.#profiler.stop().statistics) {
      bytes += beforeGC.heapStatistics.usedHeapSize - lastBytes;
      lastBytes = afterGC.heapStatistics.usedHeapSize;
    }
    return bytes + endBytes - lastBytes;
  }
}
