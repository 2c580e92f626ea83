/** What user code gave: a value, or the promise of one. Above: whoever calls user code. Below: nothing. */

/** Whether `value` is a promise, of whatever library. */
export function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
