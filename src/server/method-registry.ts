/**
 * MethodRegistry: path → method and handler. Above: Server, which answers UNIMPLEMENTED for what is not here. Below:
 * ServerCallHandler, interceptors. Holds: of two services with one name only the one that came last is there, whole;
 * the interceptors of a service are composed once, not per call. Source: io.grpc.ServerServiceDefinition,
 * io.grpc.HandlerRegistry.
 */
import type { ServerCallHandler } from '../call/server-call.ts';
import { interceptHandler, type ServerInterceptor } from '../call/server-interceptor.ts';
import { IllegalStateError } from '../values/illegal-state-error.ts';
import type { MethodDescriptor, ServiceDescriptor } from '../values/method.ts';

/** A method and the code that serves it. */
export interface RegisteredMethod {
  readonly method: MethodDescriptor<unknown, unknown>;
  readonly handler: ServerCallHandler<unknown, unknown>;
}

/**
 * Finds the handler of a call. Implement it for a server that does not know its methods beforehand, such as a proxy.
 */
export interface HandlerRegistry {
  /**
   * `path` is `/package.Service/Method`, `authority` that of the request, if it had one. Null: this registry does not
   * know. A throw ends the call as one of a handler does.
   */
  lookup(path: string, authority: string | null): RegisteredMethod | null;
}

/** One service: its methods, each with its handler, and the interceptors that only its calls pass. */
export class ServiceDefinition {
  /** The full name, such as `routeguide.RouteGuide`. */
  readonly name: string;
  readonly #methods = new Map<string, RegisteredMethod>();
  readonly #interceptors: ServerInterceptor[] = [];

  /** Throws TypeError for an empty name. */
  constructor(name: string) {
    if (name === '') throw new TypeError('a service needs a name');
    this.name = name;
  }

  /**
   * Adds a method. Throws TypeError for a method of another service, IllegalStateError when the service has a method of
   * that name already.
   */
  addMethod<Req, Res>(method: MethodDescriptor<Req, Res>, handler: ServerCallHandler<Req, Res>): this {
    if (method.service !== this.name) {
      throw new TypeError(`the method ${method.fullName} does not belong to the service ${this.name}`);
    }
    if (this.#methods.has(method.path)) {
      throw new IllegalStateError(`Method by same name already registered: ${method.fullName}`);
    }
    // The one place where the types of the messages are forgotten: method and handler agree, and only they meet them.
    this.#methods.set(method.path, { method, handler: handler as ServerCallHandler<unknown, unknown> });
    return this;
  }

  /**
   * Lets every call of this service pass `interceptors`, whenever the method was added. As everywhere the last one
   * given runs first, and those of a later call before those of an earlier one.
   */
  intercept(...interceptors: ServerInterceptor[]): this {
    this.#interceptors.push(...interceptors);
    return this;
  }

  /** The methods, in the order they were added, as they are without interceptors. */
  methods(): RegisteredMethod[] {
    return [...this.#methods.values()];
  }

  /** The methods, with handlers that pass the interceptors first. */
  interceptedMethods(): RegisteredMethod[] {
    return this.methods().map((registered) => interceptRegistered(registered, this.#interceptors));
  }
}

/** `registered` with its handler seen through `interceptors`; itself if there are none. */
function interceptRegistered(
  registered: RegisteredMethod,
  interceptors: readonly ServerInterceptor[],
): RegisteredMethod {
  if (interceptors.length === 0) return registered;
  return { method: registered.method, handler: interceptHandler(registered.handler, ...interceptors) };
}

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
