/**
 * Messages that a client's call could not read or write, and how they show. Above: StreamClientCall, and the faces that tell
 * a user how a call ended. Below: MessageFailure. Holds: the call itself ends CANCELLED in io.grpc's words; to those who do
 * not think in calls outcomeOf tells what became of the message, in the codes of C++, Go and C#.
 */
import { MessageFailure } from '../transport/message-failure.ts';
import { Status } from '../values/status.ts';

const UNPARSED: Status = Status.INTERNAL.withDescription('Failed to parse the response');
const UNSERIALIZED: Status = Status.INTERNAL.withDescription('Failed to serialize the request');

/** A response that the marshaller refused with `error`. */
export function unparsedResponse(error: unknown): MessageFailure {
  return new MessageFailure(UNPARSED.withCause(error));
}

/** A request that the marshaller refused with `error`. */
export function unserializedRequest(error: unknown): MessageFailure {
  return new MessageFailure(UNSERIALIZED.withCause(error));
}

/** A request over the call's limit; both in bytes. */
export function oversizedRequest(bytes: number, limit: number): MessageFailure {
  return new MessageFailure(Status.RESOURCE_EXHAUSTED.withDescription(`message too large ${bytes} > ${limit}`));
}

/**
 * The status that a face shows for a call that ended with `status`: the failed message's own where a MessageFailure is
 * the cause, else `status` itself.
 */
export function outcomeOf(status: Status): Status {
  const { cause } = status;
  return cause instanceof MessageFailure ? cause.status : status;
}
