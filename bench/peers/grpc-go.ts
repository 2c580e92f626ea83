/**
 * grpc-go in the benchmark: its own benchmark worker, built from the module proxy, and what it cannot do. Above: runner.ts. Below:
 * test/interop/tools.ts. Source: google.golang.org/grpc/benchmark/worker, tried at v1.76.0.
 */
import { goTool, type Tool } from '../../test/interop/tools.ts';
import type { Scenario } from '../scenarios.ts';

/** The module's version. */
const GRPC_GO_VERSION = 'v1.76.0';

/** Where the worker is; builds it if it is not there yet, which takes a while. */
export function grpcGoWorker(): Tool {
  return goTool('google.golang.org/grpc/benchmark/worker', GRPC_GO_VERSION);
}

/** Why grpc-go cannot take part in a scenario, in one line; null if it can. Builds the worker, as grpcGoWorker does. */
export function whyNotGrpcGo(scenario: Scenario): string | null {
  const { kind } = scenario.work;
  if (kind !== 'unary' && kind !== 'ping-pong')
    return `grpc-go's benchmark worker has unary and ping-pong calls, no ${kind}`;
  if (scenario.inProcess === true) return 'grpc-go is not in this process';
  if (scenario.tls === true) return 'grpc-go is measured in cleartext only';
  if (scenario.compression !== undefined) return "grpc-go's benchmark worker does not compress";
  if (scenario.metadataEntries !== undefined) return "grpc-go's benchmark worker sends no metadata";
  const tool = grpcGoWorker();
  return 'missing' in tool ? tool.missing : null;
}
