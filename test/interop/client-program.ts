/**
 * The official interop client as a program: its flags, which cases it runs, what it prints. Above: client-main.ts, tests. Below:
 * client.ts. Holds: one line is printed for each case; what is wrong with the flags is a UsageError, thrown before any case runs.
 */
import { readFileSync } from 'node:fs';
import { Metadata } from '../../src/index.ts';
import type { SoakSettings } from './cases/case.ts';
import { CASES, SKIPPED_CASES } from './cases/cases.ts';
import { DEFAULT_SOAK, InteropClient, type InteropClientInit } from './client.ts';
import { FACE_NAMES } from './faces.ts';
import { type Flags, UsageError } from './flags.ts';

/** The official flags of a client, and two of our own, with their defaults. */
export const CLIENT_FLAGS = {
  server_host: 'localhost',
  server_port: 0,
  /** The name that the server's certificate is for, and the :authority of every call. */
  server_host_override: '',
  /** A name, several separated by commas, or `all`. */
  test_case: 'large_unary',
  use_tls: false,
  /** Whether `ca_file` is trusted, in place of what the platform trusts. */
  use_test_ca: false,
  ca_file: '',
  default_service_account: '',
  oauth_scope: '',
  service_account_key_file: '',
  service_config_json: '',
  /** `k:v;k2:v2`, sent with every call; what is under a key that ends in `-bin` is in base64. */
  additional_metadata: '',
  soak_iterations: DEFAULT_SOAK.iterations,
  soak_max_failures: DEFAULT_SOAK.maxFailures,
  soak_per_iteration_max_acceptable_latency_ms: DEFAULT_SOAK.maxLatencyMs,
  soak_overall_timeout_seconds: DEFAULT_SOAK.overallTimeoutMs / 1000,
  soak_min_time_ms_between_rpcs: DEFAULT_SOAK.minIntervalMs,
  soak_request_size: DEFAULT_SOAK.requestBytes,
  soak_response_size: DEFAULT_SOAK.responseBytes,
  soak_num_threads: DEFAULT_SOAK.threads,
  /** `calls`, `reactors` or `promises`. */
  face: 'calls',
  /** With `gzip` every request is compressed of which its case does not say otherwise. */
  compression: '',
};

export type ClientFlags = Flags<typeof CLIENT_FLAGS>;

function soakOf(flags: ClientFlags): SoakSettings {
  return {
    iterations: flags.soak_iterations,
    maxFailures: flags.soak_max_failures,
    maxLatencyMs: flags.soak_per_iteration_max_acceptable_latency_ms,
    overallTimeoutMs: flags.soak_overall_timeout_seconds * 1000,
    minIntervalMs: flags.soak_min_time_ms_between_rpcs,
    requestBytes: flags.soak_request_size,
    responseBytes: flags.soak_response_size,
    threads: flags.soak_num_threads,
  };
}

/** The metadata that `--additional_metadata` gives. */
function metadataOf(text: string): Metadata {
  const metadata = new Metadata();
  for (const pair of text.split(';').filter((each) => each !== '')) {
    const [, key = '', value = ''] = /^([^:]+):(.*)$/s.exec(pair) ?? [];
    try {
      metadata.append(key, key.endsWith('-bin') ? Buffer.from(value, 'base64') : value);
    } catch (error) {
      throw new UsageError(
        `--additional_metadata cannot be ${pair}: ${error instanceof Error ? error.message : error}`,
      );
    }
  }
  return metadata;
}

function tlsOf({ use_tls, use_test_ca, ca_file }: ClientFlags): Pick<InteropClientInit, 'tls'> {
  if (!use_tls) return {};
  if (!use_test_ca) return { tls: {} };
  try {
    return { tls: { ca: readFileSync(ca_file) } };
  } catch (error) {
    throw new UsageError(`--ca_file cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}

function initOf(flags: ClientFlags, log: (line: string) => void): InteropClientInit {
  const { server_host, server_port, server_host_override: authority, compression } = flags;
  if (server_port < 1 || server_port > 65_535) throw new UsageError(`--server_port cannot be ${server_port}`);
  const face = FACE_NAMES.find((name) => name === flags.face);
  if (face === undefined) throw new UsageError(`--face is ${FACE_NAMES.join(' or ')}, not ${flags.face}`);
  if (compression !== '' && compression !== 'gzip') throw new UsageError(`--compression is gzip, not ${compression}`);
  const host = server_host.includes(':') ? `[${server_host}]` : server_host;
  return {
    target: `${host}:${server_port}`,
    face,
    ...tlsOf(flags),
    ...(authority === '' ? {} : { authority }),
    ...(compression === '' ? {} : { compression }),
    metadata: metadataOf(flags.additional_metadata),
    soak: soakOf(flags),
    log,
  };
}

/** The cases that `--test_case` names. Throws a UsageError for one that nobody knows. */
export function casesNamed(names: string): readonly string[] {
  const known = [...new Set([...Object.keys(CASES), ...Object.keys(SKIPPED_CASES)])];
  if (names === 'all') return known;
  const chosen = names.split(',');
  const unknown = chosen.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new UsageError(`there is no case ${unknown}; there are ${known.join(', ')}`);
  return chosen;
}

/**
 * Runs the cases one after another. `print` gets `PASS name`, `FAIL name: why` or `SKIP name: why`, `log` the latencies of
 * soaks. Whether none failed. Rejects with a UsageError.
 */
export async function runClient(
  flags: ClientFlags,
  print: (line: string) => void,
  log: (line: string) => void = () => {},
): Promise<boolean> {
  const names = casesNamed(flags.test_case);
  await using client = new InteropClient(initOf(flags, log));
  if (flags.service_config_json !== '') log('service configs are not supported: the flag has no effect');
  let ok = true;
  for (const name of names) {
    const line = await report(client, name);
    if (line.startsWith('FAIL')) ok = false;
    print(line);
  }
  return ok;
}

/** Runs one case; the line that tells what came of it. */
async function report(client: InteropClient, name: string): Promise<string> {
  const skipped = SKIPPED_CASES[name];
  if (skipped !== undefined) return `SKIP ${name}: ${skipped}`;
  try {
    await client.run(name);
    return `PASS ${name}`;
  } catch (error) {
    return `FAIL ${name}: ${String(error instanceof Error ? error.message : error).replaceAll(/\s+/g, ' ')}`;
  }
}
