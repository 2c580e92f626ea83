/**
 * MethodRegistry: path → method and handler. Above: Server, which answers UNIMPLEMENTED for what is not here. Below:
 * ServiceDefinition. Holds: of two services with one name only the one that came last is there, whole.
 * Source: io.grpc.HandlerRegistry.
 */
import type { ServerInterceptor } from '../call/server-interceptor.ts';
import {
  type HandlerRegistry,
  interceptRegistered,
  type RegisteredMethod,
  type ServiceDefinition,
} from '../call/service-definition.ts';
import type { ServiceDescriptor } from '../values/method.ts';

/** What a server serves: its services first, then what its fallback knows. */
export class MethodRegistry implements HandlerRegistry {
  readonly #interceptors: readonly ServerInterceptor[];
  readonly #fallback: HandlerRegistry | null;
  readonly #byPath = new Map<string, RegisteredMethod>();
  readonly #services = new Map<string, ServiceDescriptor>();

  /** `interceptors` are passed by every call, before those of its service; the last one runs first. */
  constructor(interceptors: readonly ServerInterceptor[] = [], fallback: HandlerRegistry | null = null) {
    this.#interceptors = interceptors;
    this.#fallback = fallback;
  }

  /** Takes `service` as it is now; replaces one of the same name. */
  add(service: ServiceDefinition): void {
    for (const { path } of this.#services.get(service.name)?.methods ?? []) this.#byPath.delete(path);
    this.#services.set(service.name, { name: service.name, methods: service.methods().map(({ method }) => method) });
    for (const registered of service.interceptedMethods()) {
      this.#byPath.set(registered.method.path, interceptRegistered(registered, this.#interceptors));
    }
  }

  lookup(path: string, authority: string | null): RegisteredMethod | null {
    const own = this.#byPath.get(path);
    if (own !== undefined) return own;
    const found = this.#fallback?.lookup(path, authority) ?? null;
    return found === null ? null : interceptRegistered(found, this.#interceptors);
  }

  /** The services that were added, for reflection; what the fallback knows is not among them. */
  services(): ServiceDescriptor[] {
    return [...this.#services.values()];
  }
}
