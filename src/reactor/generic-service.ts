/**
 * CallbackGenericService: one handler for every method that nothing else on the server serves, on bytes. Above: proxies;
 * given to a server as its `fallbackRegistry`. Below: ServerRpc. Holds: every method looks bidi.
 * Source: grpc::CallbackGenericService.
 */
import type { ServerCallHandler } from '../call/server-call.ts';
import type { HandlerRegistry, RegisteredMethod } from '../call/service-definition.ts';
import type { MethodDescriptor } from '../values/method.ts';
import { Status } from '../values/status.ts';
import { reactorHandler } from './callback-service.ts';
import { bytesMethod } from './generic-stub.ts';
import { GenericCallbackServerContext } from './server-context.ts';
import { ServerBidiReactor } from './server-reactors.ts';

/** Extend it and override createReactor. */
export class CallbackGenericService implements HandlerRegistry {
  readonly #handler: ServerCallHandler<unknown, unknown>;

  constructor() {
    this.#handler = reactorHandler(
      'unknown',
      (context) => this.createReactor(context as GenericCallbackServerContext),
      (call, headers, outgoing) => new GenericCallbackServerContext(call, headers, outgoing),
    );
  }

  /**
   * The reactor for a call of the method `context.method()`; null is UNIMPLEMENTED. Runs when the headers have come.
   * Default: a reactor that finishes UNIMPLEMENTED.
   */
  createReactor(_context: GenericCallbackServerContext): ServerBidiReactor<Uint8Array, Uint8Array> | null {
    const reactor = new ServerBidiReactor<Uint8Array, Uint8Array>();
    reactor.finish(Status.UNIMPLEMENTED);
    return reactor;
  }

  /** For the server. */
  lookup(path: string): RegisteredMethod | null {
    const method = bytesMethod(path, 'unknown') as MethodDescriptor<unknown, unknown> | null;
    return method === null ? null : { method, handler: this.#handler };
  }
}
