/**
 * What becomes of an error that user code threw into us. Above: both calls, channels, servers. The call that it broke ends
 * with a status; the error itself goes to a hook, so that it is never lost, and never thrown into node:http2's stack.
 */

/** Takes what a listener or a handler threw; `method` is `/service/method`. What it throws itself is ignored. */
export type FailureHook = (error: unknown, method: string) => void;

/** The hook of those who gave none: a process warning. */
export function warnOfFailure(error: unknown, method: string): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.emitWarning(`a callback of the call ${method} threw: ${text}`, 'HalfcloseWarning');
}

/** Tells the hook. */
export function reportFailure(hook: FailureHook, error: unknown, method: string): void {
  try {
    hook(error, method);
  } catch (hookError) {
    warnOfFailure(hookError, method);
  }
}
