/**
 * ServiceDefinition: a service as a server serves it: its methods, each with its handler. Above: users and the faces make
 * one, Server takes it. Below: ServerCallHandler, interceptors. Holds: the interceptors of a service are composed once,
 * not per call. Source: io.grpc.ServerServiceDefinition, io.grpc.HandlerRegistry.
 */
import { IllegalStateError } from '../values/illegal-state-error.ts';
import type { MethodDescriptor } from '../values/method.ts';
import type { ServerCallHandler } from './server-call.ts';
import { interceptHandler, type ServerInterceptor } from './server-interceptor.ts';

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
export function interceptRegistered(
  registered: RegisteredMethod,
  interceptors: readonly ServerInterceptor[],
): RegisteredMethod {
  if (interceptors.length === 0) return registered;
  return { method: registered.method, handler: interceptHandler(registered.handler, ...interceptors) };
}
