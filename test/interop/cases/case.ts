/**
 * What a case of the interop tests is, and what it may use beside a client. Above: the cases, which are in this folder, and those who
 * run them. Below: face.ts. Holds: a case resolves if it passed, and rejects with what was wrong.
 */
import type { CallCredentials } from '../../../src/index.ts';
import type { FaceClient } from '../face.ts';

/** Counts, bytes and times of the soak cases, as the official flags `--soak_…` give them. */
export interface SoakSettings {
  readonly iterations: number;
  readonly maxFailures: number;
  readonly maxLatencyMs: number;
  readonly overallTimeoutMs: number;
  readonly minIntervalMs: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** How many calls run at a time. */
  readonly threads: number;
}

/** A client with a channel of its own, which ends with it. */
export interface OwnClient extends AsyncDisposable {
  readonly client: FaceClient;
}

/** What a case may use, and what it must know of its surroundings. */
export interface CaseSettings {
  /** Whether the connection is protected by TLS. */
  readonly isPrivate: boolean;
  readonly soak: SoakSettings;
  /** How many calls the cases with many calls make at a time. */
  readonly concurrentCalls: number;
  /** Another channel to the same server; with credentials for all its calls, if they are given. */
  newClient(credentials?: CallCredentials): OwnClient;
  /** Takes what is worth knowing of a case, whether or not it passes. */
  log(line: string): void;
}

/** One case. */
export interface Case {
  readonly run: (client: FaceClient, settings: CaseSettings) => Promise<void>;
  /** What a server must do for it that the official descriptions do not ask of servers. Default: nothing. */
  readonly needs?: string;
  /** How long it may take, in milliseconds. Default: 15 s. */
  readonly limitMs?: (settings: CaseSettings) => number;
}

/** For those with `concurrentCalls`, which a slow server may take long to answer. */
export const MANY_CALLS_LIMIT_MS = 60_000;

/** Cases by name. */
export type Cases = Readonly<Record<string, Case>>;
