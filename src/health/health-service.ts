/**
 * HealthService: grpc.health.v1 as a server serves it. Above: users, who tell it how their services are. Below: HealthWatch,
 * call/health-protocol.ts. Holds: the empty name, the server as a whole, is SERVING from the start; every change reaches
 * every watch; after enterTerminalState nothing changes any more.
 *
 *   open ─enterTerminalState→ terminal
 *
 * Source: https://github.com/grpc/grpc/blob/master/doc/health-checking.md, io.grpc.protobuf.services.HealthStatusManager.
 */
import {
  HEALTH_CHECK,
  HEALTH_LIST,
  HEALTH_SERVICE,
  HEALTH_WATCH,
  type HealthCheckRequest,
  type HealthCheckResponse,
  type HealthListResponse,
  type ServingStatus,
} from '../call/health-protocol.ts';
import { ServiceDefinition } from '../call/service-definition.ts';
import { MethodDescriptor, type MethodKind } from '../values/method.ts';
import { Status } from '../values/status.ts';
import { HEALTH_FILE } from './health-file.ts';
import { type HealthSource, HealthWatch } from './health-watch.ts';
import { UnaryAnswer } from './single-request.ts';

/** The most services that List tells of. Source: gRFC A90. */
const MAX_LISTED = 100;

const UNKNOWN_SERVICE: Status = Status.NOT_FOUND.withDescription('unknown service');
const TOO_MANY: Status = Status.RESOURCE_EXHAUSTED.withDescription(
  `server health list exceeds maximum capacity: ${MAX_LISTED}`,
);

/** A status that may be set; the fourth is what a service has that is not there. */
export type SettableStatus = Exclude<ServingStatus, 'SERVICE_UNKNOWN'>;

const SETTABLE: readonly string[] = ['UNKNOWN', 'SERVING', 'NOT_SERVING'] satisfies SettableStatus[];

/**
 * The health service of a server: `grpc.health.v1.Health` with Check, List and Watch.
 * ```ts
 * const health = new HealthService();
 * server.addService(health);
 * health.setStatus('routeguide.RouteGuide', 'SERVING');
 * ```
 * The empty name, which stands for the server as a whole, is SERVING unless told otherwise; all else is unknown until it is
 * set, whether the server has such a service or not.
 */
export class HealthService extends ServiceDefinition {
  readonly #statuses = new Map<string, SettableStatus>([['', 'SERVING']]);
  /** By the name of the service that they watch. */
  readonly #watches = new Map<string, Set<HealthWatch>>();
  #state: 'open' | 'terminal' = 'open';

  constructor() {
    super(HEALTH_SERVICE);
    const source: HealthSource = {
      watchedStatus: (service) => this.getStatus(service) ?? 'SERVICE_UNKNOWN',
      addWatch: (service, watch) => this.#addWatch(service, watch),
      removeWatch: (service, watch) => this.#removeWatch(service, watch),
    };
    this.addMethod(described(HEALTH_CHECK), (call) => new UnaryAnswer(call, (request) => this.#check(request)));
    this.addMethod(described(HEALTH_LIST), (call) => new UnaryAnswer(call, () => this.#list()));
    this.addMethod(described(HEALTH_WATCH), (call) => new HealthWatch(call, source));
  }

  /** How `service` is; null if nobody has said. The empty name is the server as a whole. */
  getStatus(service: string): SettableStatus | null {
    return this.#statuses.get(service) ?? null;
  }

  /**
   * From now on `service` is said to be in `status`: a full name such as `routeguide.RouteGuide`, or the empty one for the
   * server as a whole. Whoever watches it hears of it if it is news. Does nothing after enterTerminalState. Throws
   * TypeError for what is no such status.
   */
  setStatus(service: string, status: SettableStatus): void {
    if (!SETTABLE.includes(status)) throw new TypeError(`not a status that a service can have: ${status}`);
    if (this.#state === 'terminal') return;
    this.#statuses.set(service, status);
    this.#tell(service);
  }

  /**
   * Forgets `service`: Check answers NOT_FOUND, those who watch hear SERVICE_UNKNOWN. Does nothing after
   * enterTerminalState.
   */
  clearStatus(service: string): void {
    if (this.#state === 'terminal') return;
    this.#statuses.delete(service);
    this.#tell(service);
  }

  /**
   * All that is known, the server as a whole included, is NOT_SERVING, and stays so whatever is set. Call it before
   * `server.shutdown()`, so that balancers go elsewhere in time. Watches stay open: `server.shutdownNow()` ends them.
   */
  enterTerminalState(): void {
    if (this.#state === 'terminal') return;
    this.#state = 'terminal';
    const services = [...this.#statuses.keys()];
    for (const service of services) this.#statuses.set(service, 'NOT_SERVING');
    for (const service of services) this.#tell(service);
  }

  #check({ service }: HealthCheckRequest): HealthCheckResponse | Status {
    const status = this.getStatus(service);
    return status === null ? UNKNOWN_SERVICE : { status };
  }

  #list(): HealthListResponse | Status {
    if (this.#statuses.size > MAX_LISTED) return TOO_MANY;
    return { statuses: new Map([...this.#statuses].map(([service, status]) => [service, { status }])) };
  }

  #tell(service: string): void {
    for (const watch of [...(this.#watches.get(service) ?? [])]) watch.onChange();
  }

  #addWatch(service: string, watch: HealthWatch): void {
    const watches = this.#watches.get(service) ?? new Set();
    this.#watches.set(service, watches.add(watch));
  }

  #removeWatch(service: string, watch: HealthWatch): void {
    const watches = this.#watches.get(service);
    watches?.delete(watch);
    // Anybody may watch any name: none is kept that nobody watches.
    if (watches?.size === 0) this.#watches.delete(service);
  }
}

/** A method that brings its descriptor along, where halfclose/reflection looks for it. */
function described<Req, Res, Kind extends MethodKind>(
  method: MethodDescriptor<Req, Res, Kind>,
): MethodDescriptor<Req, Res, Kind> {
  return new MethodDescriptor({ ...method, schema: FILE });
}

const FILE: { readonly fileDescriptorProtos: readonly Uint8Array[] } = Object.freeze({
  fileDescriptorProtos: [Buffer.from(HEALTH_FILE, 'base64')],
});
