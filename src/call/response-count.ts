/**
 * How a call ends whose one response never came, or came twice. Above: the faces, which each keep the response in their own
 * way. Below: Status. Source: grpc doc/statuscodes.md, "Request cardinality violation".
 */
import { Status } from '../values/status.ts';

/** OK came without a response. */
export const NO_RESPONSE: Status = Status.UNIMPLEMENTED.withDescription('the server sent no response');

/** A second response came; the call is cancelled for it. */
export const SECOND_RESPONSE: Status = Status.UNIMPLEMENTED.withDescription('the server sent more than one response');
