/**
 * The two soak cases on grpc-js's client: the same large call again and again, each within a time limit. Above:
 * grpc-js-cases.ts. Below: grpc-js-calls.ts. Holds: rejects once more calls failed or were too slow than may, or if not all
 * of them were made in time.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import { SimpleRequestSchema } from '../gen/grpc/testing/messages_pb.ts';
import type { GrpcJsChannel } from './grpc-js-calls.ts';
import { TEST_SERVICE, zeros } from './grpc-js-service.ts';

/** Counts, bytes and times as the official flags `--soak_…` give them. */
export interface SoakOptions {
  readonly iterations: number;
  readonly maxFailures: number;
  readonly perIterationMaxAcceptableLatencyMs: number;
  readonly overallTimeoutMs: number;
  readonly minTimeMsBetweenRpcs: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** How many calls run at a time. */
  readonly threads: number;
}

/** What came of the calls that were made. */
interface Tally {
  readonly latenciesMs: number[];
  readonly failures: string[];
}

async function callOnce(channel: GrpcJsChannel, options: SoakOptions, leftMs: number, tally: Tally): Promise<void> {
  const { requestBytes, responseBytes, perIterationMaxAcceptableLatencyMs: limitMs } = options;
  const request = create(SimpleRequestSchema, { responseSize: responseBytes, payload: zeros(requestBytes) });
  const startMs = performance.now();
  const { code, details, messages } = await channel
    .call(TEST_SERVICE.unaryCall, request, { timeoutMs: leftMs })
    .outcome();
  const latencyMs = performance.now() - startMs;
  tally.latenciesMs.push(latencyMs);
  const bytes = messages[0]?.payload?.body.length;
  if (code !== status.OK) tally.failures.push(`${status[code]}: ${details}`);
  else if (bytes !== responseBytes) tally.failures.push(`${bytes} bytes came in place of ${responseBytes}`);
  else if (latencyMs > limitMs) tally.failures.push(`${latencyMs.toFixed()} ms took longer than ${limitMs} ms`);
}

/** Latencies at some percentiles, on one line. */
function histogram(latenciesMs: readonly number[]): string {
  const sorted = [...latenciesMs].sort((a, b) => a - b);
  const at = (share: number): string => (sorted[Math.ceil(share * sorted.length) - 1] ?? 0).toFixed(1);
  return `p50 ${at(0.5)} ms, p90 ${at(0.9)} ms, p100 ${at(1)} ms`;
}

/** Makes all calls on channels that `open` gives and `close` takes back; `log` gets the latencies. */
export async function soak(
  open: () => GrpcJsChannel,
  options: SoakOptions,
  log: (line: string) => void,
  close: (channel: GrpcJsChannel) => void = () => {},
): Promise<void> {
  const endMs = performance.now() + options.overallTimeoutMs;
  const tally: Tally = { latenciesMs: [], failures: [] };
  let started = 0;
  const thread = async (): Promise<void> => {
    while (started < options.iterations && performance.now() < endMs) {
      started += 1;
      const dueMs = performance.now() + options.minTimeMsBetweenRpcs;
      const channel = open();
      await callOnce(channel, options, endMs - performance.now(), tally);
      close(channel);
      if (started < options.iterations) await sleep(Math.max(0, dueMs - performance.now()));
    }
  };
  await Promise.all(Array.from({ length: options.threads }, thread));
  const { failures, latenciesMs } = tally;
  log(`${latenciesMs.length} calls, ${failures.length} failed, ${histogram(latenciesMs)}`);
  if (latenciesMs.length < options.iterations) {
    throw new Error(`${latenciesMs.length} of ${options.iterations} calls were made in ${options.overallTimeoutMs} ms`);
  }
  if (failures.length > options.maxFailures) {
    throw new Error(`${failures.length} calls failed, the first with ${failures[0]}`);
  }
}
