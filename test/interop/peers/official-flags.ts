/**
 * The official command lines of interop programs, as far as all implementations share them. Above: the peers. Holds: every
 * flag is one word, `--flag=value`.
 */
import { SERVER_NAME } from '../certificates.ts';
import type { ClientRun, Reasons, ServerRun } from './peer.ts';

/** Generous where the official defaults measure the machine: soaks prove here that connections hold, not how fast they are. */
const SOAK = [
  '--soak_iterations=10',
  '--soak_per_iteration_max_acceptable_latency_ms=10000',
  '--soak_overall_timeout_seconds=30',
];

/** All but the CA file, which official clients do not take. */
export function clientFlags({ port, cases, tls }: ClientRun): string[] {
  const trust = tls === null ? [] : ['--use_test_ca=true', `--server_host_override=${SERVER_NAME}`];
  return [
    '--server_host=127.0.0.1',
    `--server_port=${port}`,
    `--test_case=${cases.join(',')}`,
    `--use_tls=${tls !== null}`,
    ...trust,
    ...(cases.some((name) => name.endsWith('_soak')) ? SOAK : []),
  ];
}

/** The flag that names the CA, where a client has it. */
export function caFlag({ tls }: ClientRun): string[] {
  return tls === null ? [] : [`--ca_file=${tls.ca}`];
}

/** Port and certificate. */
export function serverFlags({ port, tls }: ServerRun): string[] {
  const identity = tls === null ? [] : [`--tls_cert_file=${tls.cert}`, `--tls_key_file=${tls.key}`];
  return [`--port=${port}`, `--use_tls=${tls !== null}`, ...identity];
}

/** The same reason for several cases. */
export function reasons(why: string, ...cases: readonly string[]): Reasons {
  return Object.fromEntries(cases.map((name) => [name, why]));
}

/** Who calls is asked of servers only where calls are private. */
export function knowsNoTokens(implementation: string): { readonly tls: Reasons } {
  const why = `${implementation}'s server knows no tokens of test accounts`;
  return { tls: reasons(why, 'per_rpc_creds_offline', 'channel_creds_offline') };
}

/** No server stands behind a caching proxy here. */
export const NO_CACHE: Reasons = reasons(
  'needs a caching proxy before the server, and a client that sends cacheable requests as GET',
  'cacheable_unary',
);
