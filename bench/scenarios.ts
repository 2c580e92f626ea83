/**
 * What is measured: scenarios as data. Above: runner.ts, reports. Below: nothing. An operation is a call for unary and churn,
 * a message for everything that streams.
 */
import type { StackName } from './stacks.ts';

/** What a client does in one round. */
export type Work =
  | {
      readonly kind: 'unary';
      readonly requestBytes: number;
      readonly responseBytes: number;
      readonly inFlight: number;
    }
  | { readonly kind: 'ping-pong'; readonly bytes: number; readonly streams: number }
  /** Calls of so many messages each, one call at a time, until the round is over. */
  | { readonly kind: 'download' | 'upload'; readonly bytes: number; readonly messages: number }
  /** One download, whose reader waits for 1 ms after every 64 KiB. */
  | { readonly kind: 'slow-reader'; readonly bytes: number; readonly messages: number }
  /** So many streams that are open and silent. */
  | { readonly kind: 'idle'; readonly streams: number }
  /** A connection, one call over it, and its end. */
  | { readonly kind: 'churn'; readonly inFlight: number };

export interface Scenario {
  /** For --scenario, and the key in reports. */
  readonly name: string;
  readonly title: string;
  readonly work: Work;
  readonly tls?: boolean;
  readonly compression?: 'gzip';
  readonly metadataEntries?: number;
  readonly inProcess?: boolean;
  /** Part of the quick run. */
  readonly quick?: boolean;
  /** Default: every stack, and in the quick run only some. */
  readonly stacks?: readonly StackName[];
}

const KIB = 1024;
const MIB = 1024 * KIB;

const SIZES: readonly (readonly [number, string])[] = [
  [0, '0 B'],
  [32, '32 B'],
  [KIB, '1 KiB'],
  [64 * KIB, '64 KiB'],
  [MIB, '1 MiB'],
];

const IN_FLIGHT = [1, 16, 100, 1000] as const;

/** A megabyte is not asked for a thousand times at once: that would measure the machine's memory. */
const MAX_BYTES_IN_FLIGHT = 128 * MIB;

function unaryScenarios(): Scenario[] {
  return SIZES.flatMap(([bytes, size]) =>
    IN_FLIGHT.filter((inFlight) => bytes * inFlight <= MAX_BYTES_IN_FLIGHT).map(
      (inFlight): Scenario => ({
        name: `unary-${bytes}-${inFlight}`,
        title: `unary, ${size} each way, ${inFlight} in flight`,
        work: { kind: 'unary', requestBytes: bytes, responseBytes: bytes, inFlight },
        quick: bytes === 32 && (inFlight === 1 || inFlight === 100),
      }),
    ),
  );
}

function streamScenarios(): Scenario[] {
  const sizes = SIZES.filter(([bytes]) => bytes === 32 || bytes === KIB || bytes === 64 * KIB);
  return (['download', 'upload'] as const).flatMap((kind) =>
    sizes.map(
      ([bytes, size]): Scenario => ({
        name: `${kind}-${bytes}`,
        title: `${kind === 'download' ? 'server' : 'client'} stream, messages of ${size}`,
        work: { kind, bytes, messages: bytes === 64 * KIB ? 500 : 5000 },
        quick: bytes === 32,
      }),
    ),
  );
}

const UNARY_32: Work = { kind: 'unary', requestBytes: 32, responseBytes: 32, inFlight: 100 };
const HALFCLOSE: readonly StackName[] = ['calls', 'reactors', 'promises'];

/** All of them, in the order of reports. */
export const SCENARIOS: readonly Scenario[] = [
  ...unaryScenarios(),
  ...streamScenarios(),
  {
    name: 'ping-pong-1',
    title: 'bidi ping-pong, 32 B, one stream',
    work: { kind: 'ping-pong', bytes: 32, streams: 1 },
    quick: true,
  },
  {
    name: 'ping-pong-100',
    title: 'bidi ping-pong, 32 B, 100 streams',
    work: { kind: 'ping-pong', bytes: 32, streams: 100 },
  },
  {
    name: 'large-download',
    title: 'download in messages of 1 MiB',
    work: { kind: 'download', bytes: MIB, messages: 1024 },
  },
  { name: 'large-upload', title: 'upload in messages of 1 MiB', work: { kind: 'upload', bytes: MIB, messages: 1024 } },
  { name: 'idle', title: '10,000 idle streams', work: { kind: 'idle', streams: 10_000 } },
  {
    name: 'slow-reader-32',
    title: 'slow reader, 32 MiB',
    work: { kind: 'slow-reader', bytes: 16 * KIB, messages: 2048 },
  },
  {
    name: 'slow-reader-128',
    title: 'slow reader, 128 MiB',
    work: { kind: 'slow-reader', bytes: 16 * KIB, messages: 8192 },
  },
  { name: 'churn', title: 'a connection for every call', work: { kind: 'churn', inFlight: 10 } },
  { name: 'tls', title: 'unary, 32 B, 100 in flight, TLS', work: UNARY_32, tls: true },
  {
    name: 'gzip',
    title: 'unary, 1 KiB, 100 in flight, gzip',
    work: { kind: 'unary', requestBytes: KIB, responseBytes: KIB, inFlight: 100 },
    compression: 'gzip',
  },
  {
    name: 'metadata',
    title: 'unary, 32 B, 100 in flight, 20 metadata entries each way',
    work: UNARY_32,
    metadataEntries: 20,
  },
  {
    name: 'in-process',
    title: 'unary, 32 B, 100 in flight, within one process',
    work: UNARY_32,
    inProcess: true,
    stacks: HALFCLOSE,
  },
];
