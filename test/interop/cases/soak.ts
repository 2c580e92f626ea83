/**
 * The two soak cases: the same large call again and again, each within a time limit. Above: cases.ts. Below: requests.ts. Holds: a
 * case fails once more calls failed, or were too slow, than may, and if not all of them were made in time.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import type { FaceClient } from '../face.ts';
import { SimpleRequestSchema } from '../gen/grpc/testing/messages_pb.ts';
import { TEST_SERVICE } from '../test-service.ts';
import type { Case, CaseSettings, Cases, OwnClient, SoakSettings } from './case.ts';
import { bytesOf, CaseFailure } from './expect.ts';
import { zeros } from './requests.ts';

/** Beyond the soak's own time: a call may still be under way when that is over. */
const GRACE_MS = 5000;
const PERCENTILES: readonly number[] = [0, 50, 90, 99, 100];

/** One soak: its calls so far, and what became of them. */
class Soak {
  readonly #settings: SoakSettings;
  readonly #endMs: number;
  readonly #latenciesMs: number[] = [];
  readonly #failures: string[] = [];
  #started = 0;

  constructor(settings: SoakSettings) {
    this.#settings = settings;
    this.#endMs = performance.now() + settings.overallTimeoutMs;
  }

  /** Makes calls, one after the other, until enough have been started or the time is over. */
  async run(open: () => OwnClient): Promise<void> {
    const { iterations, minIntervalMs } = this.#settings;
    while (this.#started < iterations && performance.now() < this.#endMs) {
      this.#started += 1;
      const dueMs = performance.now() + minIntervalMs;
      await using own = open();
      await this.#call(own.client);
      if (this.#started < iterations) await sleep(Math.max(0, dueMs - performance.now()));
    }
  }

  async #call(client: FaceClient): Promise<void> {
    const { requestBytes, responseBytes, maxLatencyMs } = this.#settings;
    const request = create(SimpleRequestSchema, { responseSize: responseBytes, payload: zeros(requestBytes) });
    const startMs = performance.now();
    const timeoutMs = this.#endMs - startMs;
    const { status, messages } = await client.unary(TEST_SERVICE.unaryCall, request, { timeoutMs });
    const latencyMs = performance.now() - startMs;
    this.#latenciesMs.push(latencyMs);
    const bytes = bytesOf(messages[0] ?? null);
    if (!status.isOk) this.#failures.push(`${status}`);
    else if (bytes !== responseBytes) this.#failures.push(`expected ${responseBytes} bytes, got ${bytes}`);
    else if (latencyMs > maxLatencyMs) this.#failures.push(`took ${latencyMs.toFixed()} ms of ${maxLatencyMs} ms`);
  }

  /** The calls by their latency, on one line: percentiles, and how many took no longer than a power of two. */
  histogram(): string {
    const sorted = [...this.#latenciesMs].sort((a, b) => a - b);
    const percentile = (share: number): string => {
      const latencyMs = sorted[Math.max(0, Math.ceil((share / 100) * sorted.length) - 1)] ?? 0;
      return `p${share} ${latencyMs.toFixed(1)} ms`;
    };
    const buckets = new Map<number, number>();
    for (const latencyMs of sorted) {
      const limitMs = 2 ** Math.max(0, Math.ceil(Math.log2(latencyMs)));
      buckets.set(limitMs, (buckets.get(limitMs) ?? 0) + 1);
    }
    const bars = [...buckets].map(([limitMs, calls]) => `≤${limitMs} ms: ${calls}`);
    const what = `${sorted.length} calls, ${this.#failures.length} failed`;
    return `${what}; ${PERCENTILES.map(percentile).join(', ')}; ${bars.join(', ')}`;
  }

  /** Throws CaseFailure unless enough calls went well. */
  check(): void {
    const { iterations, maxFailures, overallTimeoutMs } = this.#settings;
    const made = this.#latenciesMs.length;
    if (made < iterations) {
      throw new CaseFailure(`the calls made in ${overallTimeoutMs} ms: expected ${iterations}, got ${made}`);
    }
    const failed = this.#failures.length;
    if (failed > maxFailures) {
      throw new CaseFailure(`failures: expected at most ${maxFailures}, got ${failed}, first: ${this.#failures[0]}`);
    }
  }
}

async function soak(name: string, open: () => OwnClient, settings: CaseSettings): Promise<void> {
  const soaked = new Soak(settings.soak);
  await Promise.all(Array.from({ length: settings.soak.threads }, () => soaked.run(open)));
  settings.log(`${name}: ${soaked.histogram()}`);
  soaked.check();
}

const limitMs: Case['limitMs'] = ({ soak }) => soak.overallTimeoutMs + GRACE_MS;

export const SOAK_CASES: Cases = {
  rpc_soak: {
    run: (client, settings) =>
      soak('rpc_soak', () => ({ client, [Symbol.asyncDispose]: () => Promise.resolve() }), settings),
    limitMs,
  },
  channel_soak: {
    run: (_client, settings) => soak('channel_soak', () => settings.newClient(), settings),
    limitMs,
  },
};
