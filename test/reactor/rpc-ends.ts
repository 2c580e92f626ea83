/**
 * The two ends of an RPC, each a reactor under watch that does nothing by itself: the test gives it reactions, or starts its
 * operations one by one. Above: tests of reactors. Below: ReactorPair, watch.
 */
import { ClientContext } from '../../src/reactor/client-context.ts';
import {
  ClientBidiReactor,
  ClientReadReactor,
  ClientUnaryReactor,
  ClientWriteReactor,
} from '../../src/reactor/client-reactors.ts';
import type { CallbackServerContext } from '../../src/reactor/server-context.ts';
import type { ServerReactor } from '../../src/reactor/server-reactors.ts';
import type { AsyncMethods } from '../../src/reactor/stub.ts';
import { Arrivals } from '../transport/ends.ts';
import type { TextMethods } from './reactor-pair.ts';
import { type ReactorLog, watch } from './watched.ts';

/** An RPC as its client has it. */
export interface ClientEnd<R> {
  readonly context: ClientContext;
  readonly reactor: R;
  readonly log: ReactorLog;
}

/** An RPC as its handler has it. */
export interface ServerEnd<R> {
  readonly context: CallbackServerContext;
  readonly reactor: R;
  readonly log: ReactorLog;
  /** Of a method with one request. */
  readonly request: string;
}

interface Caller {
  readonly stub: AsyncMethods<TextMethods>;
}

/** A unary RPC, bound and not started. */
export function bindUnary(
  { stub }: Caller,
  request: string,
  reactor: ClientUnaryReactor<string> = new ClientUnaryReactor(),
  context: ClientContext = new ClientContext(),
): ClientEnd<ClientUnaryReactor<string>> {
  const log = watch(reactor);
  stub.unary(context, request, reactor);
  return { context, reactor, log };
}

/** A server-streaming RPC, bound and not started. */
export function bindRead(
  { stub }: Caller,
  request: string,
  reactor: ClientReadReactor<string> = new ClientReadReactor(),
  context: ClientContext = new ClientContext(),
): ClientEnd<ClientReadReactor<string>> {
  const log = watch(reactor);
  stub.read(context, request, reactor);
  return { context, reactor, log };
}

/** A client-streaming RPC, bound and not started. */
export function bindWrite(
  { stub }: Caller,
  reactor: ClientWriteReactor<string, string> = new ClientWriteReactor(),
  context: ClientContext = new ClientContext(),
): ClientEnd<ClientWriteReactor<string, string>> {
  const log = watch(reactor);
  stub.write(context, reactor);
  return { context, reactor, log };
}

/** A bidi RPC, bound and not started. */
export function bindBidi(
  { stub }: Caller,
  reactor: ClientBidiReactor<string, string> = new ClientBidiReactor(),
  context: ClientContext = new ClientContext(),
): ClientEnd<ClientBidiReactor<string, string>> {
  const log = watch(reactor);
  stub.bidi(context, reactor);
  return { context, reactor, log };
}

/** A handler that returns reactors of the test's making and hands out what it served. */
export interface Holding<R> {
  readonly handler: (context: CallbackServerContext, request?: string) => R;
  readonly served: Arrivals<ServerEnd<R>>;
}

/** `make` makes the reactor of each RPC, `inHandler` runs before the handler returns it. */
export function hold<R extends ServerReactor<never, string> | ServerReactor<string, string>>(
  make: () => R,
  inHandler: (end: ServerEnd<R>) => void = () => {},
): Holding<R> {
  const served = new Arrivals<ServerEnd<R>>('an RPC to come to its handler');
  const handler = (context: CallbackServerContext, request = ''): R => {
    const reactor = make();
    const end: ServerEnd<R> = { context, reactor, log: watch(reactor), request };
    inHandler(end);
    served.push(end);
    return reactor;
  };
  return { handler, served };
}

/** A few turns of the event loop: within the process everything that was under way has come. */
export async function turns(count = 5): Promise<void> {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => setImmediate(resolve));
}
