/**
 * MessageFailure: what became of a message that could not be read or written, as the cause of a stream's or a call's end.
 * Above: StreamClientCall makes it where a marshaller fails, a client's stream where the framer does; call/message-failure.ts
 * shows it. Below: StatusError. Holds: its status has a code that the other implementations give such a failure.
 */
import { StatusError } from '../values/status-error.ts';

/** A message that could not be read or written. `status` says how it failed; `cause` is the error behind it, if there is one. */
export class MessageFailure extends StatusError {
  override readonly name: string = 'MessageFailure';
}
