/**
 * The rows of the matrix. Above: plan.ts, the reports. Below: the cases of halfclose's client. Holds: the official cases come first,
 * in the order of their description; the further ones are run by halfclose's clients alone.
 */
import { RUNNABLE_CASES } from '../cases/cases.ts';

/** Those of gRPC's interoperability tests that need no cloud, no control plane and no special load balancer. */
export const OFFICIAL_CASES: readonly string[] = [
  'empty_unary',
  'cacheable_unary',
  'large_unary',
  'client_compressed_unary',
  'client_compressed_unary_noprobe',
  'server_compressed_unary',
  'client_streaming',
  'client_compressed_streaming',
  'client_compressed_streaming_noprobe',
  'server_streaming',
  'server_compressed_streaming',
  'ping_pong',
  'empty_stream',
  'custom_metadata',
  'status_code_and_message',
  'special_status_message',
  'unimplemented_method',
  'unimplemented_service',
  'cancel_after_begin',
  'cancel_after_first_response',
  'timeout_on_sleeping_server',
  'pick_first_unary',
  'rpc_soak',
  'channel_soak',
];

/** Those that gRPC's descriptions only name as worth writing, and those of halfclose. */
export const FURTHER_CASES: readonly string[] = RUNNABLE_CASES.filter((name) => !OFFICIAL_CASES.includes(name));
