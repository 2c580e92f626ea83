/**
 * What becomes of an error that a handler, or what stands around it, has thrown. Above: handled-call.ts,
 * async-server-interceptor.ts. Below: StatusError. Holds: a client is told what was meant for it, and no more.
 */
import { statusBearer } from '../values/status.ts';
import { StatusError } from '../values/status-error.ts';

/** Whether an error is a status that was made for the client, not that of another call. */
export function isForPeer(error: unknown): boolean {
  const bearer = statusBearer(error);
  return bearer !== null && !(bearer instanceof StatusError && bearer.call !== null);
}
