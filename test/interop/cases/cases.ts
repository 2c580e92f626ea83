/**
 * All cases of the interop tests by name, and how one is run. Above: client.ts, tests, the matrix. Below: the files beside. Holds: each
 * case comes to an end in its time, whatever its calls do. Source: grpc doc/interop-test-descriptions.md.
 */
import { within } from '../../support/within.ts';
import type { FaceClient } from '../face.ts';
import { AUTH_CASES, CLOUD_CASES } from './auth.ts';
import { CANCEL_CASES, OWN_CANCEL_CASES } from './cancel.ts';
import type { Case, CaseSettings, Cases } from './case.ts';
import { COMPRESSION_CASES } from './compression.ts';
import { FLOW_CONTROL_CASES } from './flow-control.ts';
import { METADATA_CASES, OWN_METADATA_CASES } from './metadata.ts';
import { SOAK_CASES } from './soak.ts';
import { OWN_STATUS_CASES, STATUS_CASES } from './status.ts';
import { OWN_STREAMING_CASES, STREAMING_CASES } from './streaming.ts';
import { MANY_UNARY_CASES, UNARY_CASES } from './unary.ts';

const CASE_MS = 15_000;

/** Those of the official descriptions. */
export const OFFICIAL_CASES: Cases = {
  ...UNARY_CASES,
  ...COMPRESSION_CASES,
  ...STREAMING_CASES,
  ...METADATA_CASES,
  ...STATUS_CASES,
  ...CANCEL_CASES,
  ...SOAK_CASES,
  ...MANY_UNARY_CASES,
};

/** Those of our own, most of which the descriptions name as worth writing. */
export const OWN_CASES: Cases = {
  ...OWN_STREAMING_CASES,
  ...OWN_METADATA_CASES,
  ...OWN_STATUS_CASES,
  ...OWN_CANCEL_CASES,
  ...FLOW_CONTROL_CASES,
  ...AUTH_CASES,
};

export const CASES: Cases = { ...OFFICIAL_CASES, ...OWN_CASES };

/** The cases that are not run unless someone asks for just them, or not at all, and why. */
export const SKIPPED_CASES: Readonly<Record<string, string>> = {
  cacheable_unary: 'needs a cache before the server, and a client that calls it with GET',
  ...CLOUD_CASES,
};

/** The names of the cases that can be run against a server that follows the descriptions, and does what some of ours need. */
export const RUNNABLE_CASES: readonly string[] = Object.keys(CASES).filter((name) => !(name in SKIPPED_CASES));

/** Resolves if the case passed, rejects with what was wrong. */
export function runCase(name: string, client: FaceClient, settings: CaseSettings): Promise<void> {
  const { run, limitMs }: Case = CASES[name] ?? unknownCase(name);
  return within(limitMs?.(settings) ?? CASE_MS, run(client, settings), `the case ${name}`);
}

function unknownCase(name: string): never {
  throw new TypeError(`there is no case ${name}`);
}
