/** What an aborted signal makes of a call. Above: StreamClientCall, interceptors of the promise style. Below: Status. */
import { Status } from '../values/status.ts';

/** The status of a call whose signal is aborted; a TimeoutError, as of AbortSignal.timeout, is a deadline. */
export function abortStatus(signal: AbortSignal): Status {
  const timedOut = signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError';
  const status = timedOut ? Status.DEADLINE_EXCEEDED : Status.CANCELLED;
  return status.withDescription(timedOut ? 'the signal timed out' : 'the signal was aborted').withCause(signal.reason);
}
