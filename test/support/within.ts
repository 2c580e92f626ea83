/**
 * within(): the only way a test waits for something. The wait fails by itself, with the name of what did not come.
 * The timer is deliberately not unref'd: it must fire even when it is the last thing in the event loop.
 */

/** The line that called our caller, as the stack prints it; for messages that would otherwise name nothing. */
function callSite(stack: string | undefined): string {
  return stack?.split('\n')[2]?.trim() ?? 'at an unknown place';
}

/**
 * Settles as `promise` does, or rejects once `ms` milliseconds have passed. `what` names the thing awaited;
 * without it the message shows the place of the call.
 */
export function within<T>(ms: number, promise: PromiseLike<T>, what?: string): Promise<T> {
  // Made here and not in the timer, so that the stack shows who waited.
  const late = new Error();
  late.message = `timed out after ${ms} ms waiting for ${what ?? `the promise ${callSite(late.stack)}`}`;
  late.stack = late.stack?.replace(/^Error\b.*/, `Error: ${late.message}`) ?? late.message;
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => reject(late), ms);
    promise.then(resolve, reject).then(() => clearTimeout(timer));
  });
}
