/** What counting gives: plain data, as it is written to JSON. Above: runner.ts makes it, table.ts reads it. */
import type { Failure } from '../result.ts';
import type { Counts } from './tally.ts';

/** What one operation takes at one end, as a mean; fractions where it does not divide. */
export interface EndCounts {
  /** Async resources by type, as node names the types. */
  readonly resources: Counts;
  readonly heapBytes: number;
}

/** One contender in one scenario. */
export interface ContenderCounts {
  readonly contender: string;
  /** So many were counted. */
  readonly operations: number;
  readonly client: EndCounts;
  /** Null where both ends are one process: then the client's counts are of both. */
  readonly server: EndCounts | null;
}

export interface ScenarioCounts {
  readonly scenario: string;
  readonly title: string;
  readonly results: readonly ContenderCounts[];
  readonly failures: readonly Failure[];
}

/** One run. */
export interface CountResult {
  readonly at: string;
  readonly node: string;
  readonly scenarios: readonly ScenarioCounts[];
}
