/**
 * The official interop client on grpc-js. Above: grpc-js-client-main.ts, tests. Below: grpc-js-cases.ts. Holds: one line is
 * printed for each case; every channel is closed in the end.
 */
import { type ChannelOptions, compressionAlgorithms, credentials, Metadata } from '@grpc/grpc-js';
import { within } from '../../support/within.ts';
import { type Flags, readFlagged, UsageError } from '../flags.ts';
import { GrpcJsChannel } from './grpc-js-calls.ts';
import { CASES, type CaseContext, SKIPPED_BY_CLIENT } from './grpc-js-cases.ts';

/** The official flags of a client, and one of our own, with their defaults. */
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
  /** `k:v;k2:v2`, sent with every call. */
  additional_metadata: '',
  soak_iterations: 10,
  soak_max_failures: 0,
  soak_per_iteration_max_acceptable_latency_ms: 1000,
  soak_overall_timeout_seconds: 10,
  soak_min_time_ms_between_rpcs: 0,
  soak_request_size: 271_828,
  soak_response_size: 314_159,
  soak_num_threads: 1,
  /** With `gzip` every request is compressed of which its case does not say otherwise. */
  compression: '',
};

export type ClientFlags = Flags<typeof CLIENT_FLAGS>;

/** What the longest case may take on a slow machine; soaks have their own time besides. */
const CASE_MS = 20_000;

function metadataOf(text: string): Metadata {
  const metadata = new Metadata();
  for (const pair of text.split(';').filter((pair) => pair !== '')) {
    const [, key = '', value = ''] = /^([^:]+):(.*)$/s.exec(pair) ?? [];
    if (key === '') throw new UsageError(`--additional_metadata has no name in ${pair}`);
    metadata.add(key, key.endsWith('-bin') ? Buffer.from(value, 'base64') : value);
  }
  return metadata;
}

function channelTo(flags: ClientFlags, more: ChannelOptions = {}): GrpcJsChannel {
  const { server_host_override: name, service_config_json: config } = flags;
  const ca = flags.use_test_ca ? readFlagged('ca_file', flags.ca_file) : null;
  const options: ChannelOptions = {
    // A channel's connections are its own.
    'grpc.use_local_subchannel_pool': 1,
    ...(name === '' ? {} : { 'grpc.ssl_target_name_override': name, 'grpc.default_authority': name }),
    ...(config === '' ? {} : { 'grpc.service_config': config, 'grpc.service_config_disable_resolution': 1 }),
    ...more,
  };
  const credential = flags.use_tls ? credentials.createSsl(ca) : credentials.createInsecure();
  return new GrpcJsChannel(
    `${flags.server_host}:${flags.server_port}`,
    credential,
    options,
    metadataOf(flags.additional_metadata),
  );
}

function contextOf(flags: ClientFlags, log: (line: string) => void): CaseContext {
  const { compression } = flags;
  if (compression !== '' && compression !== 'gzip') throw new UsageError(`--compression is gzip, not ${compression}`);
  const gzip = { 'grpc.default_compression_algorithm': compressionAlgorithms.gzip };
  const fresh = (): GrpcJsChannel => channelTo(flags, compression === '' ? {} : gzip);
  return {
    channel: fresh(),
    compressing: channelTo(flags, gzip),
    fresh,
    log,
    soak: {
      iterations: flags.soak_iterations,
      maxFailures: flags.soak_max_failures,
      perIterationMaxAcceptableLatencyMs: flags.soak_per_iteration_max_acceptable_latency_ms,
      overallTimeoutMs: flags.soak_overall_timeout_seconds * 1000,
      minTimeMsBetweenRpcs: flags.soak_min_time_ms_between_rpcs,
      requestBytes: flags.soak_request_size,
      responseBytes: flags.soak_response_size,
      threads: flags.soak_num_threads,
    },
  };
}

/** The cases that `--test_case` names. Throws a UsageError for one that nobody knows. */
function casesNamed(names: string): string[] {
  const known = [...Object.keys(CASES), ...Object.keys(SKIPPED_BY_CLIENT)];
  if (names === 'all') return known;
  const chosen = names.split(',');
  const unknown = chosen.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new UsageError(`there is no case ${unknown}; there are ${known.join(', ')}`);
  return chosen;
}

/**
 * Runs the cases one after another. `print` gets `PASS name`, `FAIL name: why` or `SKIP name: why`, `log` the latencies of
 * soaks. Whether none failed. Throws a UsageError.
 */
export async function runClient(
  flags: ClientFlags,
  print: (line: string) => void,
  log: (line: string) => void = () => {},
): Promise<boolean> {
  const names = casesNamed(flags.test_case);
  const context = contextOf(flags, log);
  const caseMs = CASE_MS + context.soak.overallTimeoutMs;
  let ok = true;
  for (const name of names) {
    const run = CASES[name];
    if (run === undefined) {
      print(`SKIP ${name}: ${SKIPPED_BY_CLIENT[name]}`);
      continue;
    }
    try {
      await within(caseMs, run(context), `the case ${name}`);
      print(`PASS ${name}`);
    } catch (error) {
      ok = false;
      print(`FAIL ${name}: ${String(error instanceof Error ? error.message : error).replaceAll(/\s+/g, ' ')}`);
    }
  }
  context.channel.close();
  context.compressing.close();
  return ok;
}
