/**
 * Tally: what a client of a worker has done since the last reset. Above: the lanes report to it, benchmark-client.ts reads it.
 * Below: GrpcHistogram, Usage. Holds: only what went well has a latency; every call that ended has a result.
 */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Code, Status } from '../../src/index.ts';
import type { ClientStatsSchema } from '../../test/interop/gen/grpc/testing/stats_pb.ts';
import { GrpcHistogram, type Layout } from './histogram.ts';
import { Usage } from './usage.ts';

const NS_PER_MS = 1e6;

/** Counts from its making on. */
export class Tally {
  readonly #latencies: GrpcHistogram;
  readonly #results = new Map<Code, number>();
  readonly #usage = new Usage();

  /** Throws StatusError INVALID_ARGUMENT for a layout that makes no sense. */
  constructor(layout: Layout) {
    this.#latencies = new GrpcHistogram(layout);
  }

  /** A call or a message went well, and took so long. */
  onOperation(durationMs: number): void {
    this.#latencies.add(durationMs * NS_PER_MS);
  }

  onCallEnd({ code }: Status): void {
    this.#results.set(code, (this.#results.get(code) ?? 0) + 1);
  }

  /** What there is so far; begins anew if told to. */
  stats(reset: boolean): MessageInitShape<typeof ClientStatsSchema> {
    const stats = {
      ...this.#usage.read(reset),
      latencies: this.#latencies.data(),
      requestResults: [...this.#results].map(([statusCode, count]) => ({ statusCode, count: BigInt(count) })),
    };
    if (reset) {
      this.#latencies.reset();
      this.#results.clear();
    }
    return stats;
  }
}
