/**
 * Unary RPCs with a function, under watch: how they end is written down, and the rules of their function are checked: called
 * once, never within the stub's method. Above: tests of reactors. Below: stubs. Holds: a breach fails the running test.
 */
import { ClientContext } from '../../src/reactor/client-context.ts';
import type { UnaryCompletion } from '../../src/reactor/unary-callback.ts';
import type { Code, Status } from '../../src/values/status.ts';
import { Arrivals } from '../transport/ends.ts';

/** How a unary RPC ended. */
export interface UnaryEnd<Res> {
  readonly status: Status;
  readonly code: Code;
  readonly response: Res | undefined;
}

/** One RPC, started. */
export interface UnaryCall<Res> {
  readonly context: ClientContext;
  /** How it ended, once it has. */
  ended(): Promise<UnaryEnd<Res>>;
}

/**
 * Starts an RPC: `start` calls the stub's method with the function that it is given. `then` runs within that function, as
 * what the user does there.
 */
export function startUnary<Res>(
  start: (context: ClientContext, completion: UnaryCompletion<Res>) => void,
  context: ClientContext = new ClientContext(),
  then: UnaryCompletion<Res> = () => {},
): UnaryCall<Res> {
  const ends = new Arrivals<UnaryEnd<Res>>('a unary RPC to end');
  let isInside = true;
  start(context, (status, response) => {
    if (isInside) breach('the function was called within the method of the stub');
    if (ends.all.length > 0) breach(`the function was called again, with ${status}`);
    ends.push({ status, code: status.code, response });
    return then(status, response);
  });
  isInside = false;
  return { context, ended: () => ends.next() };
}

function breach(what: string): void {
  queueMicrotask(() => {
    throw new Error(what);
  });
}

interface Caller {
  readonly stub: {
    unary(context: ClientContext, request: string, completion: UnaryCompletion<string>): void;
  };
}

/** Starts an RPC of the method of texts. */
export function callUnary(
  { stub }: Caller,
  request: string,
  context?: ClientContext,
  then?: UnaryCompletion<string>,
): UnaryCall<string> {
  return startUnary<string>((bound, completion) => stub.unary(bound, request, completion), context, then);
}
