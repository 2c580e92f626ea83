/**
 * halfclose/health: grpc.health.v1, for servers that say how they are and for clients that ask. Below: the core, and no codec
 * package. Nothing in the core imports it.
 */
import {
  HEALTH_CHECK,
  HEALTH_LIST,
  HEALTH_WATCH,
  type HealthCheckRequest,
  type HealthCheckResponse,
  type HealthListRequest,
  type HealthListResponse,
} from '../call/health-protocol.ts';
import type { MethodDescriptor } from '../values/method.ts';

export type {
  HealthCheckRequest,
  HealthCheckResponse,
  HealthListRequest,
  HealthListResponse,
  ServingStatus,
} from '../call/health-protocol.ts';
export { checkHealth } from './check-health.ts';
export { HealthService, type SettableStatus } from './health-service.ts';

/** The methods of grpc.health.v1.Health, for `createClient(Health, channel)`, for reactors and calls. */
export const Health: {
  readonly check: MethodDescriptor<HealthCheckRequest, HealthCheckResponse, 'unary'>;
  readonly list: MethodDescriptor<HealthListRequest, HealthListResponse, 'unary'>;
  readonly watch: MethodDescriptor<HealthCheckRequest, HealthCheckResponse, 'server_streaming'>;
} = Object.freeze({ check: HEALTH_CHECK, list: HEALTH_LIST, watch: HEALTH_WATCH });
